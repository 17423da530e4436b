/**
 * Names inside a message, where the end of a name may be a pointer to an earlier one (RFC 1035 section 4.1.4).
 *
 * Bytes come from anyone, so both functions are total and their work is bounded (RFC 9267 lists what others missed): a
 * pointer must lead strictly backward, before the labels just read, and not into the header; a name has at most 255 bytes.
 */
import { HEADER_SIZE } from "./header.ts";
import { MAX_LABELS, MAX_NAME_LENGTH } from "./name.ts";

/** Follow one pointer per label and no more: a message whose pointers lead to pointers was made to cost time. */
export const MAX_POINTERS = MAX_LABELS;

/** The offset behind the name at `offset`, whatever its pointer leads to; -1 when it has no end before `end`. */
export function endOfName(message: Uint8Array, offset: number, end: number): number {
  for (let at = offset; at < end; ) {
    const size = message[at]!;
    if (size === 0) return at + 1;
    if (size >= 0xc0) return at + 2 <= end ? at + 2 : -1;
    if (size >= 0x40) return -1;
    at += size + 1;
    if (at - offset > MAX_NAME_LENGTH) return -1;
  }
  return -1;
}

/** The name at `offset` in full, letter case kept; undefined when it is malformed. */
export function expandName(message: Uint8Array, offset: number, end: number): Uint8Array | undefined {
  const size = expandNameInto(message, offset, end, scratch, 0);
  return size < 0 ? undefined : scratch.slice(0, size);
}
const scratch = new Uint8Array(MAX_NAME_LENGTH);

/** The same into `out` at `start`, where 255 bytes must be free. Gives the offset behind what it wrote, or -1. */
export function expandNameInto(
  message: Uint8Array,
  offset: number,
  end: number,
  out: Uint8Array,
  start: number,
): number {
  let from = offset;
  let lowest = offset;
  let at = start;
  let pointers = 0;
  while (from < end) {
    const size = message[from]!;
    if (size === 0) {
      out[at] = 0;
      return at + 1;
    }
    if (size >= 0xc0) {
      if (from + 1 >= end || ++pointers > MAX_POINTERS) return -1;
      const target = ((size & 0x3f) << 8) | message[from + 1]!;
      if (target >= lowest || target < HEADER_SIZE) return -1;
      from = target;
      lowest = target;
      continue;
    }
    // 0x40 and 0x80 are label types that never came to life (RFC 6891 section 5).
    if (size >= 0x40 || from + size >= end || at - start + size + 2 > MAX_NAME_LENGTH) return -1;
    for (const stop = from + size; from <= stop; from++) out[at++] = message[from]!;
  }
  return -1;
}
