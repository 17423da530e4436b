/**
 * Buffers for answers on streams. One is in use until the kernel has taken its bytes, then the next answer has it: large
 * answers would else leave garbage faster than it is collected, tens of megabytes of it.
 *
 * Small ones come from the pool that Node.js cuts slices from, whose garbage is small as well.
 */

/** From here on buffers are kept; classes double up to the longest message with its length. */
const SMALLEST_KEPT = 4_096;
const CLASSES = 5;
/** Bytes that are kept in all: what a dozen connections have under way whose clients do not read. */
const MAX_KEPT = 4 * 1024 * 1024;

/** The sizes 8, 16, 32 and 64 KiB, and 64 KiB with two bytes of length and some room. */
const sizes: readonly number[] = Array.from({ length: CLASSES }, (_, i) =>
  i === CLASSES - 1 ? 2 ** 16 + 16 : SMALLEST_KEPT << (i + 1),
);
const kept: Buffer[][] = sizes.map(() => []);
let keptBytes = 0;

/** At least `length` bytes, with anything in them. */
export function takeBuffer(length: number): Buffer {
  if (length < SMALLEST_KEPT) return Buffer.allocUnsafe(length);
  const index = sizes.findIndex((size) => size >= length);
  const buffer = kept[index]!.pop();
  if (buffer === undefined) return Buffer.allocUnsafeSlow(sizes[index]!);
  keptBytes -= buffer.length;
  return buffer;
}

/** Nobody reads or writes `buffer` any more. */
export function giveBack(buffer: Buffer): void {
  if (buffer.length < SMALLEST_KEPT) return;
  if (keptBytes + buffer.length > MAX_KEPT) return;
  keptBytes += buffer.length;
  kept[sizes.indexOf(buffer.length)]!.push(buffer);
}
