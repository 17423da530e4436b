/**
 * Whether who wrote a message has shortened its names (RFC 1035 section 4.1.4). Some servers and many test programs do not, and
 * to write such a message anew saves bytes; with others it would cost a hundred times what reading the message costs.
 */
import { HEADER_SIZE, MAX_POINTER, RECORD_FIXED_SIZE } from "./header.ts";
import { compressibleNames } from "./rdata.ts";
import { Type } from "./types.ts";
import { endOfName } from "./wire-name.ts";

/** Names in full are rare in a message that is compressed: of so many, their last labels are told apart. */
const MAX_TOPS = 16;

/** Where last labels stand, counted from the message's start. One list, since nothing here waits. */
const tops = new Uint16Array(MAX_TOPS);
let topCount = 0;
/** Names in full that may still come. */
let left = 0;

/**
 * Of the message `bytes[start..end)`, whose `recordCount` records stand behind `questionEnd`, counted from `start`. A name in
 * full, whose last label (`org`) has stood before, could have ended in a pointer, so there is none in a compressed message; up to
 * `tolerated` are overlooked. False also for one that is malformed.
 */
export function isCompressed(
  bytes: Uint8Array,
  start: number,
  end: number,
  questionEnd: number,
  recordCount: number,
  tolerated: number,
): boolean {
  topCount = 0;
  left = tolerated;
  isShort(bytes, start, start + HEADER_SIZE);
  let at = start + questionEnd;
  for (let i = 0; i < recordCount; i++) {
    const fixed = endOfName(bytes, at, end);
    if (fixed < 0 || fixed + RECORD_FIXED_SIZE > end || !isShort(bytes, start, at)) return false;
    const data = fixed + RECORD_FIXED_SIZE;
    const stop = data + ((bytes[fixed + 8]! << 8) | bytes[fixed + 9]!);
    if (stop > end || !areShort(bytes, start, (bytes[fixed]! << 8) | bytes[fixed + 1]!, data, stop)) return false;
    at = stop;
  }
  return true;
}

/** The names in the data of those types in which they may be compressed. */
function areShort(bytes: Uint8Array, start: number, type: number, data: number, stop: number): boolean {
  const names = data === stop || type === Type.A || type === Type.AAAA ? undefined : compressibleNames(type);
  if (names === undefined) return true;
  let at = data + names.behind;
  for (let i = 0; i < names.count; i++) {
    const next = endOfName(bytes, at, stop);
    if (next < 0 || !isShort(bytes, start, at)) return false;
    at = next;
  }
  return true;
}

/** Whether the name at `at`, which has an end, ends in a pointer, has a last label that did not stand before, or is tolerated. */
function isShort(bytes: Uint8Array, start: number, at: number): boolean {
  let last = -1;
  for (let size = bytes[at]!; size !== 0; size = bytes[at]!) {
    if (size >= 0xc0) return true;
    last = at;
    at += size + 1;
  }
  if (last < 0) return true;
  for (let i = 0; i < topCount; i++) if (isSameLabel(bytes, start + tops[i]!, last)) return --left >= 0;
  if (topCount < MAX_TOPS && last - start <= MAX_POINTER) tops[topCount++] = last - start;
  return true;
}

/** With letter case, as names are compressed: a pointer gives the reader the other's letters. */
function isSameLabel(bytes: Uint8Array, one: number, other: number): boolean {
  for (let i = 0; i <= bytes[one]!; i++) if (bytes[one + i] !== bytes[other + i]) return false;
  return true;
}
