/**
 * Rdata of every type between its three forms: words of a zone file, uncompressed wire bytes (the form that everything
 * off the hot path works on), and bytes inside a message, where names may be compressed.
 *
 * A type is a list of fields (rdata-types.ts); whatever has no fields is opaque and keeps its bytes (RFC 3597).
 */

import { ROOT, wireLength } from "./name-text.ts";
import { putHex, toHex } from "./rdata-binary.ts";
import { type Field, MALFORMED, MAX_RDATA_LENGTH, parseNumber, RdataSource, type RdataToken } from "./rdata-field.ts";
import { fieldsOf } from "./rdata-types.ts";
import { Type, typeName } from "./types.ts";
import { endOfName, expandNameInto } from "./wire-name.ts";

export type { RdataToken } from "./rdata-field.ts";

/** Which token is wrong (as many as there are tokens: one is missing), and what should stand there. */
export interface RdataError {
  readonly token: number;
  readonly expected: string;
}

/** One for all calls: nothing in here waits, so no two calls are ever inside. */
const source = new RdataSource();

/**
 * The wire form of the rdata that `tokens` spell, names relative to `origin`; or what is wrong with them. Any type may also
 * be spelt in the generic form: \# length hex.
 */
export function parseRdata(
  type: number,
  tokens: readonly RdataToken[],
  origin: Uint8Array = ROOT,
): Uint8Array | RdataError {
  source.tokens = tokens;
  source.index = 0;
  source.origin = origin;
  source.offset = 0;
  source.expected = "";
  const fields = fieldsOf(type);
  const first = tokens[0];
  if (first !== undefined && first.text === "\\#" && !first.quoted) return parseGeneric(type);
  if (fields === undefined) return { token: 0, expected: `\\#, since ${typeName(type)} has no other form` };
  for (const field of fields) {
    if (field.parse(source)) continue;
    return { token: source.index, expected: source.expected || field.what };
  }
  if (source.index < tokens.length) return { token: source.index, expected: "the end of the record" };
  if (source.offset > MAX_RDATA_LENGTH) return { token: 0, expected: "at most 65535 bytes of data" };
  return source.bytes.slice(0, source.offset);
}

/** RFC 3597 section 5: the length, then hexadecimal digits in words of any size. A known type's bytes must be its own. */
function parseGeneric(type: number): Uint8Array | RdataError {
  const { tokens } = source;
  const length = parseNumber(tokens[1]?.text, MAX_RDATA_LENGTH);
  if (length < 0) return { token: 1, expected: "a length up to 65535" };
  let digits = "";
  for (let i = 2; i < tokens.length; i++) digits += tokens[i]!.text;
  if (!putHex(source, digits) || source.offset !== length) {
    return { token: 2, expected: `${length} bytes in hexadecimal digits` };
  }
  const rdata = source.bytes.slice(0, length);
  return validateRdata(type, rdata) ? rdata : { token: 2, expected: `the bytes of a ${typeName(type)} record` };
}

/** The rdata as one line of a zone file shows it; in the generic form when the bytes are not the type's. */
export function formatRdata(type: number, rdata: Uint8Array): string {
  const fields = fieldsOf(type);
  if (fields === undefined || !hasFields(fields, rdata)) return formatGeneric(rdata);
  const words: string[] = [];
  let at = 0;
  for (const field of fields) at = field.format(rdata, at, rdata.length, words);
  return words.join(" ");
}

function formatGeneric(rdata: Uint8Array): string {
  return rdata.length === 0 ? "\\# 0" : `\\# ${rdata.length} ${toHex(rdata, 0, rdata.length)}`;
}

/** Whether uncompressed rdata is what its type says. Opaque types take any bytes. */
export function validateRdata(type: number, rdata: Uint8Array): boolean {
  const fields = fieldsOf(type);
  return rdata.length <= MAX_RDATA_LENGTH && (fields === undefined || hasFields(fields, rdata));
}

function hasFields(fields: readonly Field[], rdata: Uint8Array): boolean {
  let at = 0;
  for (const field of fields) {
    at = field.measure(rdata, at, rdata.length);
    if (at === MALFORMED) return false;
  }
  return at === rdata.length;
}

/**
 * The uncompressed copy of the `length` bytes of rdata at `offset` of a message; undefined when they are not the type's.
 * Names of all known types are expanded, wherever their RFC forbids compression too: some servers do not know it.
 */
export function expandRdata(type: number, message: Uint8Array, offset: number, length: number): Uint8Array | undefined {
  const end = offset + length;
  if (offset < 0 || length < 0 || length > MAX_RDATA_LENGTH || end > message.length) return undefined;
  const fields = fieldsOf(type);
  if (fields === undefined) return message.slice(offset, end);
  const out = source.bytes;
  let from = offset;
  let at = 0;
  for (const field of fields) {
    const next = field.name === undefined ? field.measure(message, from, end) : endOfName(message, from, end);
    if (next === MALFORMED) return undefined;
    if (field.name === undefined) {
      // Names that grew may lead past what RDLENGTH can say; the buffer's slack holds two of them.
      if (at + next - from > MAX_RDATA_LENGTH) return undefined;
      out.set(message.subarray(from, next), at);
      at += next - from;
    } else {
      at = expandNameInto(message, from, end, out, at);
      if (at < 0) return undefined;
    }
    from = next;
  }
  return from === end ? out.slice(0, at) : undefined;
}

const NO_NAMES: readonly number[] = [];
const FIRST = { behind: 0, count: 1, places: [0] } as const;
const FIRST_TWO = { behind: 0, count: 2, places: [0] } as const;
const BEHIND_PREFERENCE = { behind: 2, count: 1, places: [2] } as const;

/**
 * How many names a writer may compress in the data of a type, and how many bytes stand before them: those of RFC 1035's types
 * (RFC 3597 section 4). These have at most a number before their names, and two names at most, which stand together.
 */
export function compressibleNames(
  type: number,
): typeof FIRST | typeof FIRST_TWO | typeof BEHIND_PREFERENCE | undefined {
  const fields = fieldsOf(type);
  if (fields?.[0]?.name === "compressed") return fields[1]?.name === "compressed" ? FIRST_TWO : FIRST;
  return fields?.[1]?.name === "compressed" ? BEHIND_PREFERENCE : undefined;
}

/** Where they stand in `rdata`, which must be valid. */
export function rdataNames(type: number, rdata: Uint8Array): readonly number[] {
  const names = compressibleNames(type);
  if (names === undefined || rdata.length === 0) return NO_NAMES;
  return names.count === 2 ? [0, wireLength(rdata)] : names.places;
}

/**
 * Where the data `bytes[at..stop)` of a type that leads to another name has that name, counted from `at`, and of an SOA the
 * first; -1 for other types. Of malformed data it may be behind the end.
 */
export function offsetOfName(type: number, bytes: Uint8Array, at: number, stop: number): number {
  switch (type) {
    case Type.NS:
    case Type.CNAME:
    case Type.SOA:
    case Type.PTR:
    case Type.DNAME:
      return 0;
    case Type.MX:
      return 2;
    case Type.SRV:
      return 6;
    case Type.NAPTR: {
      // Order, preference, three strings: flags, services and an expression (RFC 3403 section 4.1).
      let name = at + 4;
      for (let i = 0; i < 3 && name < stop; i++) name += bytes[name]! + 1;
      return name - at;
    }
    default:
      return -1;
  }
}
