/**
 * How long a message would be without compression: what CoreDNS's logs and metrics call its size. Asked for every query
 * that is logged, so it walks the bytes and makes nothing. Total: of a malformed message it counts what it could read.
 */
import { HEADER_SIZE, OPT_RECORD_SIZE, QUESTION_FIXED_SIZE, RECORD_FIXED_SIZE } from "./header.ts";
import { MAX_LABELS, MAX_NAME_LENGTH } from "./name.ts";
import type { Request } from "./request.ts";
import { Type } from "./types.ts";
import { endOfName } from "./wire-name.ts";

/**
 * Where the names stand that somebody may have compressed (RFC 3597 section 4, and SRV, which many did): behind so many
 * bytes of the data, so many of them.
 */
const NAMES_BEHIND = new Map<number, number>([
  ...[Type.NS, Type.MD, Type.MF, Type.CNAME, Type.MB, Type.MG, Type.MR, Type.PTR, Type.DNAME].map(
    (type) => [type, 0] as const,
  ),
  ...[Type.SOA, Type.MINFO, Type.RP].map((type) => [type, 0] as const),
  ...[Type.MX, Type.AFSDB, Type.RT, Type.PX, Type.KX].map((type) => [type, 2] as const),
  [Type.SRV, 6],
]);
const WITH_TWO_NAMES = new Set<number>([Type.SOA, Type.MINFO, Type.RP, Type.PX]);

/**
 * The length of the message `bytes[start..end)`, whose first `recordCount` records stand behind `questionEnd`, counted
 * from `start`.
 */
export function uncompressedLength(
  bytes: Uint8Array,
  start: number,
  end: number,
  questionEnd: number,
  recordCount: number,
): number {
  let size = questionEnd;
  let at = start + questionEnd;
  // Most owners are pointers, and to the name that the one before them pointed to; at first, to the question's.
  let target = HEADER_SIZE;
  let targetLength = questionEnd - HEADER_SIZE - QUESTION_FIXED_SIZE;
  for (let left = recordCount; left > 0; left--) {
    let fixed: number;
    let ownerLength: number;
    if (bytes[at]! >= 0xc0) {
      fixed = at + 2;
      if (fixed + RECORD_FIXED_SIZE > end) break;
      const pointer = ((bytes[at]! & 0x3f) << 8) | bytes[at + 1]!;
      if (pointer !== target) {
        target = pointer;
        targetLength = nameLength(bytes, start, start + pointer, end);
      }
      ownerLength = targetLength;
    } else {
      fixed = endOfName(bytes, at, end);
      if (fixed < 0 || fixed + RECORD_FIXED_SIZE > end) break;
      ownerLength = nameLength(bytes, start, at, end);
    }
    const data = fixed + RECORD_FIXED_SIZE;
    const stop = data + ((bytes[fixed + 8]! << 8) | bytes[fixed + 9]!);
    if (stop > end) break;
    const type = (bytes[fixed]! << 8) | bytes[fixed + 1]!;
    const length = type === Type.A || type === Type.AAAA ? stop - data : dataLength(bytes, start, type, data, stop);
    size += ownerLength + RECORD_FIXED_SIZE + length;
    at = stop;
  }
  return size;
}

/** The same of a query, without what may stand behind the message. */
export function requestLength(request: Request): number {
  const { bytes, start, questionEnd } = request;
  const records =
    (bytes[start + 6]! << 8) +
    bytes[start + 7]! +
    (bytes[start + 8]! << 8) +
    bytes[start + 9]! +
    (bytes[start + 10]! << 8) +
    bytes[start + 11]!;
  if (records === 0) return questionEnd;
  // Nearly all: an OPT record behind the question.
  if (records === 1 && request.hasOpt) return questionEnd + OPT_RECORD_SIZE + request.optionsLength;
  return uncompressedLength(bytes, start, start + request.length, questionEnd, records);
}

function dataLength(bytes: Uint8Array, start: number, type: number, data: number, stop: number): number {
  const size = stop - data;
  if (size === 0) return 0;
  const behind = NAMES_BEHIND.get(type);
  if (behind === undefined) return size;
  const first = data + behind;
  const second = endOfName(bytes, first, stop);
  if (second < 0) return size;
  const grown = size + nameLength(bytes, start, first, stop) - (second - first);
  if (!WITH_TWO_NAMES.has(type)) return grown;
  const rest = endOfName(bytes, second, stop);
  return rest < 0 ? grown : grown + nameLength(bytes, start, second, stop) - (rest - second);
}

/** The length in full of the name at `at`, root label included. */
function nameLength(bytes: Uint8Array, start: number, at: number, end: number): number {
  let length = 1;
  let pointers = 0;
  for (let from = at; from < end && length <= MAX_NAME_LENGTH; ) {
    const size = bytes[from]!;
    if (size === 0) break;
    if (size < 0xc0) {
      length += size + 1;
      from += size + 1;
    } else {
      if (++pointers > MAX_LABELS) break;
      from = start + (((size & 0x3f) << 8) | bytes[from + 1]!);
    }
  }
  return length;
}
