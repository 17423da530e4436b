/** A resource record as an object of its own: for whatever is off the hot path, from templates to transfers and tests. */
import { RECORD_FIXED_SIZE } from "./header.ts";
import { type NameError, nameToWire, ROOT } from "./name-text.ts";
import { expandRdata, parseRdata } from "./rdata.ts";
import { parseTtl, read16, read32 } from "./rdata-field.ts";
import { splitLine, type TextToken } from "./split-line.ts";
import { Class, classNumber, typeNumber } from "./types.ts";
import { endOfName, expandName } from "./wire-name.ts";

export interface ResourceRecord {
  /** Owner in wire form, letter case kept. */
  readonly name: Uint8Array;
  readonly type: number;
  readonly class: number;
  /** As it stands on the wire, all 32 bits: an OPT keeps its flags here. */
  readonly ttl: number;
  /** Uncompressed rdata, see rdata.ts. */
  readonly data: Uint8Array;
}

const NO_DATA = new Uint8Array(0);

/**
 * The record at `offset` of a message, and the offset behind it; undefined when it is malformed or does not end before
 * `end`. Pointers count from the start of `message`. Empty rdata is fine for any type: UPDATE uses it (RFC 2136 section 2.4).
 */
export function readRecord(
  message: Uint8Array,
  offset: number,
  end: number,
): { record: ResourceRecord; next: number } | undefined {
  const fixed = endOfName(message, offset, end);
  if (fixed < 0 || fixed + RECORD_FIXED_SIZE > end) return undefined;
  const name = expandName(message, offset, end);
  const type = read16(message, fixed);
  const length = read16(message, fixed + 8);
  const next = fixed + RECORD_FIXED_SIZE + length;
  if (name === undefined || next > end) return undefined;
  const data = length === 0 ? NO_DATA : expandRdata(type, message, fixed + RECORD_FIXED_SIZE, length);
  if (data === undefined) return undefined;
  const record = { name, type, class: read16(message, fixed + 2), ttl: read32(message, fixed + 4), data };
  return { record, next };
}

export interface RecordTextOptions {
  /** What names without trailing dot are relative to; the root unless given. */
  readonly origin?: Uint8Array;
  readonly ttl?: number;
  readonly class?: number;
}

/** What is wrong with a record's text: where (counted from 1), what stands there, what should. */
export interface RecordTextError {
  readonly column: number;
  readonly found: string;
  readonly expected: string;
}

/** RFC 2308 has no default for a record that stands alone; CoreDNS's is an hour. */
const DEFAULT_TTL = 3600;

/** One record in zone-file form: owner [ttl] [class] type rdata, TTL and class in either order (RFC 1035 section 5.1). */
export function parseRecordText(line: string, options: RecordTextOptions = {}): ResourceRecord | RecordTextError {
  const tokens = splitLine(line);
  if (!Array.isArray(tokens)) return tokens;
  const at = (index: number, expected: string): RecordTextError => errorAt(line, tokens[index], expected);
  const origin = options.origin ?? ROOT;
  if (tokens.length === 0 || tokens[0]!.column !== 1) return errorAt(line, tokens[0], "an owner name at the start");
  const name: Uint8Array | NameError = nameToWire(tokens[0]!.text, origin);
  if (typeof name === "string") return at(0, `a domain name, not ${name}`);

  let ttl = -1;
  let rrClass = -1;
  let index = 1;
  for (; index < tokens.length; index++) {
    const text = tokens[index]!.text;
    const number = ttl < 0 ? parseTtl(text) : -1;
    const classCode = number < 0 && rrClass < 0 ? classNumber(text) : -1;
    if (number >= 0) ttl = number;
    else if (classCode >= 0) rrClass = classCode;
    else break;
  }
  const type = typeNumber(tokens[index]?.text ?? "");
  if (type < 0) return at(index, "a record type");
  const data = parseRdata(type, tokens.slice(index + 1), origin);
  if (!(data instanceof Uint8Array)) return at(index + 1 + data.token, data.expected);
  return {
    name,
    type,
    class: rrClass < 0 ? (options.class ?? Class.IN) : rrClass,
    ttl: ttl < 0 ? (options.ttl ?? DEFAULT_TTL) : ttl,
    data,
  };
}

function errorAt(line: string, token: TextToken | undefined, expected: string): RecordTextError {
  if (token === undefined) return { column: line.length + 1, found: "the end of the line", expected };
  return { column: token.column, found: JSON.stringify(token.text), expected };
}
