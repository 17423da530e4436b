/**
 * Buffers for large answers on streams. One is in use until the kernel has taken its bytes, then the next answer has it:
 * they would else leave garbage faster than it is collected, tens of megabytes of it.
 */

/** Below, Buffer.allocUnsafe cuts slices from a pool of its own, whose garbage is small. */
export const LARGE = 4_096;
const CLASSES = 5;
/** Bytes that are kept in all: what a dozen connections have under way whose clients do not read. */
const MAX_KEPT = 4 * 1024 * 1024;

/** The sizes 8, 16, 32 and 64 KiB, and 64 KiB with two bytes of length and some room. */
const sizes: readonly number[] = Array.from({ length: CLASSES }, (_, i) =>
  i === CLASSES - 1 ? 2 ** 16 + 16 : LARGE << (i + 1),
);
const kept: Buffer[][] = sizes.map(() => []);
let keptBytes = 0;

/** At least `length` bytes, with anything in them; to be given back. */
export function takeBuffer(length: number): Buffer {
  const index = sizes.findIndex((size) => size >= length);
  const buffer = kept[index]!.pop();
  if (buffer === undefined) return Buffer.allocUnsafeSlow(sizes[index]!);
  keptBytes -= buffer.length;
  return buffer;
}

/** Nobody reads or writes `buffer` any more. */
export function giveBack(buffer: Buffer): void {
  if (keptBytes + buffer.length > MAX_KEPT) return;
  keptBytes += buffer.length;
  kept[sizes.indexOf(buffer.length)]!.push(buffer);
}
