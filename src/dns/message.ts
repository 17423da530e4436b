/** Checks on whole messages that came from elsewhere. Total: any bytes give an answer, none throws. */
import { HEADER_SIZE, RECORD_FIXED_SIZE } from "./header.ts";
import { MAX_NAME_LENGTH } from "./name.ts";
import { expandRdata } from "./rdata.ts";
import { Type } from "./types.ts";
import { MAX_POINTERS } from "./wire-name.ts";

/**
 * The offset behind the name at `at`, or -1 when it is malformed: a label type that RFC 1035 does not know, more than 255
 * bytes, or a pointer that does not lead strictly backward to behind the header of the message that starts at `start`
 * (RFC 9267 section 2 on what happens otherwise). It takes what `expandName` takes, without writing it anywhere.
 */
export function skipName(bytes: Uint8Array, at: number, end: number, start: number): number {
  let behind = -1;
  let length = 1;
  let pointers = 0;
  /** A pointer must lead before the run of labels that it ends, so every step goes backward and the walk ends. */
  let before = at;
  for (;;) {
    if (at >= end) return -1;
    const size = bytes[at]!;
    if (size === 0) return behind < 0 ? at + 1 : behind;
    if (size < 64) {
      length += size + 1;
      if (length > MAX_NAME_LENGTH) return -1;
      at += size + 1;
      continue;
    }
    if (size < 0xc0 || at + 1 >= end || ++pointers > MAX_POINTERS) return -1;
    if (behind < 0) behind = at + 2;
    const target = start + (((size & 0x3f) << 8) | bytes[at + 1]!);
    if (target >= before || target < start + HEADER_SIZE) return -1;
    at = target;
    before = target;
  }
}

/**
 * Checks one record at `at` of the message that starts at `start`: names, length, and that its data has the form of its
 * type. Gives the offset behind it, or -1.
 */
export function checkRecord(bytes: Uint8Array, start: number, at: number, end: number): number {
  const fixed = skipName(bytes, at, end, start);
  if (fixed < 0 || fixed + RECORD_FIXED_SIZE > end) return -1;
  const type = (bytes[fixed]! << 8) | bytes[fixed + 1]!;
  const size = (bytes[fixed + 8]! << 8) | bytes[fixed + 9]!;
  const stop = fixed + RECORD_FIXED_SIZE + size;
  if (stop > end) return -1;
  // An empty RDATA is what UPDATE and NOTIFY send for any type (RFC 2136 section 2.4).
  if (size !== 0 && type !== Type.OPT) {
    const message = bytes.subarray(start, end);
    if (expandRdata(type, message, fixed + RECORD_FIXED_SIZE - start, size) === undefined) return -1;
  }
  return stop;
}

/** What `checkMessage` found. */
export interface MessageShape {
  /** Offset behind the last record, counted from the start of the message. */
  end: number;
  /** Where the OPT record stands; 0 without one. */
  opt: number;
}

/** One object, as it is made of every answer. */
const shape: MessageShape = { end: 0, opt: 0 };

/**
 * Walks a whole message, whose question ends at `questionEnd`, without looking into the records' data. Undefined when
 * its counts or lengths do not fit its bytes. What it gives is valid until the next call.
 */
export function checkMessage(
  bytes: Uint8Array,
  start: number,
  length: number,
  questionEnd: number,
): MessageShape | undefined {
  // `questionEnd` is behind the header, so this covers a message that is shorter than its counts, too.
  if (length < questionEnd) return undefined;
  const end = start + length;
  let at = start + questionEnd;
  let opt = 0;
  for (let section = 0; section < 3; section++) {
    const countAt = start + 6 + 2 * section;
    for (let left = (bytes[countAt]! << 8) | bytes[countAt + 1]!; left > 0; left--) {
      const fixed = skipName(bytes, at, end, start);
      if (fixed < 0 || fixed + RECORD_FIXED_SIZE > end) return undefined;
      const stop = fixed + RECORD_FIXED_SIZE + ((bytes[fixed + 8]! << 8) | bytes[fixed + 9]!);
      if (stop > end) return undefined;
      const isOpt = section === 2 && fixed === at + 1 && bytes[fixed] === 0 && bytes[fixed + 1] === Type.OPT;
      if (isOpt && opt === 0) opt = at - start;
      at = stop;
    }
  }
  shape.end = at - start;
  shape.opt = opt;
  return shape;
}
