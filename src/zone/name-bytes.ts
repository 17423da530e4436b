/**
 * Names of a master file from its bytes to wire form, without a string between: the way of a million owners and targets.
 * `src/dns/name-text.ts` does the same from text, for everything else.
 */
import { LOWER, MAX_NAME_LENGTH } from "../dns/name.ts";
import { isDigit } from "../dns/name-text.ts";

const MAX_LABEL_LENGTH = 63;
const DOT = 0x2e;
const AT = 0x40;
const BACKSLASH = 0x5c;

/** Keeps letters as they are written: the other table for `encodeNameBytes`. */
export const AS_WRITTEN = new Uint8Array(256).map((_, byte) => byte);

/** `encodeNameBytes` found no name. */
export const BAD_NAME_BYTES = -1;

/**
 * Writes the name that `bytes[from..to)` spell to `out`, where 255 bytes must be free, every byte mapped by `letters`:
 * LOWER or AS_WRITTEN. Without a final dot it is relative to `origin`; "@" is the origin. Gives its length or BAD_NAME_BYTES.
 */
export function encodeNameBytes(
  bytes: Uint8Array,
  from: number,
  to: number,
  origin: Uint8Array,
  out: Uint8Array,
  letters: Uint8Array = LOWER,
): number {
  if (to === from + 1) {
    if (bytes[from] === AT) return appendOrigin(origin, out, 0, letters);
    if (bytes[from] === DOT) {
      out[0] = 0;
      return 1;
    }
  }
  if (to === from) return BAD_NAME_BYTES;
  let label = 0;
  let at = 1;
  for (let i = from; i < to; i++) {
    let byte = bytes[i]!;
    if (byte === DOT) {
      const size = at - label - 1;
      if (size === 0 || size > MAX_LABEL_LENGTH) return BAD_NAME_BYTES;
      out[label] = size;
      label = at++;
      continue;
    }
    if (byte === BACKSLASH) {
      byte = escapedByteAt(bytes, i + 1, to);
      if (byte < 0) return BAD_NAME_BYTES;
      i += isDigit(bytes[i + 1]!) ? 3 : 1;
    }
    // The root label needs a byte behind this one.
    if (at >= MAX_NAME_LENGTH - 1) return BAD_NAME_BYTES;
    out[at++] = letters[byte]!;
  }
  const size = at - label - 1;
  if (size === 0) {
    out[label] = 0;
    return at;
  }
  if (size > MAX_LABEL_LENGTH) return BAD_NAME_BYTES;
  out[label] = size;
  return appendOrigin(origin, out, at, letters);
}

function appendOrigin(origin: Uint8Array, out: Uint8Array, at: number, letters: Uint8Array): number {
  const length = at + origin.length;
  if (length > MAX_NAME_LENGTH) return BAD_NAME_BYTES;
  // Length bytes are below 64, where both tables change nothing.
  for (let i = 0; i < origin.length; i++) out[at + i] = letters[origin[i]!]!;
  return length;
}

/** The byte behind a backslash that stands before `at`: \DDD or \X (RFC 1035 section 5.1); -1 for neither. */
export function escapedByteAt(bytes: Uint8Array, at: number, to: number): number {
  if (at >= to) return -1;
  const first = bytes[at]!;
  if (!isDigit(first)) return first;
  if (at + 3 > to || !isDigit(bytes[at + 1]!) || !isDigit(bytes[at + 2]!)) return -1;
  const value = (first - 0x30) * 100 + (bytes[at + 1]! - 0x30) * 10 + bytes[at + 2]! - 0x30;
  return value <= 255 ? value : -1;
}

/** Lower-cases the name at `bytes[at]` where it stands. Gives the offset behind it. */
export function lowerName(bytes: Uint8Array, at: number): number {
  for (;;) {
    const size = bytes[at++]!;
    if (size === 0) return at;
    for (const stop = at + size; at < stop; at++) bytes[at] = LOWER[bytes[at]!]!;
  }
}
