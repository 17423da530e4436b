/**
 * Buffers for answers on streams. One is in use until the kernel has taken its bytes, most often at once, then the next answer
 * has it: they would else leave garbage faster than it is collected, tens of megabytes of it.
 */

const SMALLEST = 512;
const SMALLEST_BITS = Math.log2(SMALLEST);
/** Bytes that are kept in all: what a dozen connections have under way whose clients do not read. */
const MAX_KEPT = 4 * 1024 * 1024;
/** The largest answer with its two bytes of length, and some room. */
export const LARGEST = 2 ** 16 + 16;

/** The sizes 512 bytes, 1, 2, 4 ... 64 KiB, and `LARGEST`. */
const sizes: readonly number[] = [...Array.from({ length: 8 }, (_, i) => SMALLEST << i), LARGEST];
const kept: Buffer[][] = sizes.map(() => []);
let keptBytes = 0;

/** At least `length` bytes, `LARGEST` at most, with anything in them; to be given back. */
export function takeBuffer(length: number): Buffer {
  const index = indexFor(length);
  const buffer = kept[index]!.pop();
  if (buffer === undefined) return Buffer.allocUnsafeSlow(sizes[index]!);
  keptBytes -= buffer.length;
  return buffer;
}

/** Nobody reads or writes `buffer` any more. */
export function giveBack(buffer: Buffer): void {
  if (keptBytes + buffer.length > MAX_KEPT) return;
  keptBytes += buffer.length;
  kept[indexFor(buffer.length)]!.push(buffer);
}

function indexFor(length: number): number {
  return 32 - Math.clz32((length - 1) >> SMALLEST_BITS);
}
