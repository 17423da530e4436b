/** Messages are short, and a view for `set` costs more than to copy so many bytes one by one. */
const SHORT = 256;

export function copyBytes(from: Uint8Array, start: number, length: number, to: Uint8Array, at: number): void {
  if (length < SHORT) for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
  else to.set(from.subarray(start, start + length), at);
}
