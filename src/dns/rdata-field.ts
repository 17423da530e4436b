/**
 * What the rdata of a type is made of: fields, each with its three ways of being read. A type's table (rdata-types.ts) is a
 * list of them, and rdata.ts runs through the list.
 */
import { encodeName, nameError, nameToText, wireLength } from "./name-text.ts";
import { typeName, typeNumber } from "./types.ts";

/** A word of a zone file. Escapes are still in its text, which holds one byte per character; the quotes are not. */
export interface RdataToken {
  readonly text: string;
  readonly quoted: boolean;
}

/** What `measure` gives when the bytes are not such a field. */
export const MALFORMED = -1;

export interface Field {
  /** How the field stands in an error message: "expected an IPv4 address". */
  readonly what: string;
  /**
   * Takes the field's tokens and writes its bytes. False: the token at `source.index` is at fault, for `source.expected`
   * if that was set, else for not being `what`.
   */
  parse(source: RdataSource): boolean;
  /** The offset behind the field that starts at `at`, or MALFORMED. Sees the bytes of the rdata only up to `end`. */
  measure(bytes: Uint8Array, at: number, end: number): number;
  /** Adds the field's words. Runs only on bytes that `measure` has accepted. Gives the offset behind the field. */
  format(bytes: Uint8Array, at: number, end: number, words: string[]): number;
  /** A domain name: expanded when it comes in a message; "compressed" may also leave in compressed form. */
  readonly name?: "compressed" | "plain";
}

/** Tokens on their way to wire form: the input and its cursor, the output and its cursor. One object serves all calls. */
export class RdataSource {
  tokens: readonly RdataToken[] = [];
  index = 0;
  origin: Uint8Array = new Uint8Array(1);
  /** Where the rdata goes; with room for a field of the greatest size behind the greatest rdata. */
  readonly bytes: Uint8Array = new Uint8Array(MAX_RDATA_LENGTH + 1024);
  offset = 0;
  expected = "";

  /** The next token's text, or undefined behind the last. The caller moves `index` when it has understood it. */
  text(): string | undefined {
    return this.tokens[this.index]?.text;
  }

  /** For the reason that is not "expected `what`". */
  fail(expected: string): false {
    this.expected = expected;
    return false;
  }

  put8(value: number): void {
    this.bytes[this.offset++] = value;
  }

  put16(value: number): void {
    this.put8(value >>> 8);
    this.put8(value);
  }

  put32(value: number): void {
    this.put16(value >>> 16);
    this.put16(value);
  }

  /** Whether `size` more bytes may be written. Fields of bounded size need not ask, lists do. */
  room(size: number): boolean {
    return this.offset + size <= MAX_RDATA_LENGTH || this.fail("at most 65535 bytes of data");
  }
}
/** RDLENGTH has 16 bits. */
export const MAX_RDATA_LENGTH = 0xffff;

export function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function read32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** A plain decimal number up to `max`, -1 for anything else. Runs once or more for every record of a zone: no regex. */
export function parseNumber(text: string | undefined, max: number): number {
  if (text === undefined || text.length === 0 || text.length > 15) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= max ? value : -1;
}

/** Seconds, bare or in BIND's units ("1h30m", "2W"); -1 for anything else, also for what 32 bits cannot hold. */
export function parseTtl(text: string | undefined): number {
  if (text === undefined || text.length === 0 || text.length > 64) return -1;
  let total = 0;
  let value = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const digit = code - 0x30;
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digits++;
      continue;
    }
    const seconds = unitSeconds(code | 0x20);
    if (digits === 0 || seconds === 0) return -1;
    total += value * seconds;
    value = 0;
    digits = 0;
  }
  total += value;
  return total <= 0xffffffff ? total : -1;
}

function unitSeconds(letter: number): number {
  switch (letter) {
    case 0x73:
      return 1;
    case 0x6d:
      return 60;
    case 0x68:
      return 3600;
    case 0x64:
      return 86_400;
    case 0x77:
      return 604_800;
    default:
      return 0;
  }
}

/** An unsigned number of 1, 2 or 4 bytes. */
function unsigned(size: 1 | 2 | 4, what: string, names?: ReadonlyMap<string, number>): Field {
  const max = 2 ** (size * 8) - 1;
  return {
    what,
    parse(source) {
      const text = source.text();
      let value = parseNumber(text, max);
      if (value < 0 && names && text !== undefined) value = names.get(text.toUpperCase()) ?? -1;
      if (value < 0) return false;
      if (size === 1) source.put8(value);
      else if (size === 2) source.put16(value);
      else source.put32(value);
      source.index++;
      return true;
    },
    measure: (_bytes, at, end) => (at + size <= end ? at + size : MALFORMED),
    format(bytes, at, _end, words) {
      words.push(String(size === 1 ? bytes[at] : size === 2 ? read16(bytes, at) : read32(bytes, at)));
      return at + size;
    },
  };
}

export const u8 = unsigned(1, "a number up to 255");
export const u16 = unsigned(2, "a number up to 65535");
export const u32 = unsigned(4, "a number up to 4294967295");

/** A number of `size` bytes beyond 32 bits: TSIG's 48-bit seconds, IPN's 64-bit node. */
function wide(size: 6 | 8, what: string): Field {
  const max = 2n ** BigInt(size * 8) - 1n;
  return {
    what,
    parse(source) {
      const text = source.text();
      if (text === undefined || !/^\d{1,20}$/.test(text) || BigInt(text) > max) return false;
      const value = BigInt(text);
      for (let shift = size * 8 - 8; shift >= 0; shift -= 8) source.put8(Number((value >> BigInt(shift)) & 0xffn));
      source.index++;
      return true;
    },
    measure: (_bytes, at, end) => (at + size <= end ? at + size : MALFORMED),
    format(bytes, at, _end, words) {
      let value = 0n;
      for (let i = 0; i < size; i++) value = (value << 8n) | BigInt(bytes[at + i]!);
      words.push(String(value));
      return at + size;
    },
  };
}

export const u48 = wide(6, "a number of 48 bits");
export const u64 = wide(8, "a number of 64 bits");

/** A number that may be written as one of its mnemonics, and is always printed as the number. */
export function u8Named(what: string, names: Readonly<Record<string, number>>): Field {
  return unsigned(1, what, new Map(Object.entries(names)));
}

/** A number that is printed as its mnemonic where it has one: the type and algorithm of CERT. */
export function mnemonic(size: 1 | 2, what: string, names: Readonly<Record<string, number>>): Field {
  const number = unsigned(size, what, new Map(Object.entries(names)));
  const texts = new Map(Object.entries(names).map(([name, value]) => [value, name]));
  return {
    ...number,
    format(bytes, at, _end, words) {
      const value = size === 1 ? bytes[at]! : read16(bytes, at);
      words.push(texts.get(value) ?? String(value));
      return at + size;
    },
  };
}

/** An RR type inside rdata: RRSIG's covered type, DSYNC's. */
export const rrType: Field = {
  what: "a record type",
  parse(source) {
    const type = typeNumber(source.text() ?? "");
    if (type < 0) return false;
    source.put16(type);
    source.index++;
    return true;
  },
  measure: u16.measure,
  format(bytes, at, _end, words) {
    words.push(typeName(read16(bytes, at)));
    return at + 2;
  },
};

/** SOA's intervals. */
export const interval: Field = {
  ...u32,
  what: "a number of seconds, or an interval such as 1h30m",
  parse(source) {
    const seconds = parseTtl(source.text());
    if (seconds < 0) return false;
    source.put32(seconds);
    source.index++;
    return true;
  },
};

/** RRSIG's times: YYYYMMDDHHmmSS in UTC, or seconds since 1970 (RFC 4034 section 3.2). */
export const signatureTime: Field = {
  ...u32,
  what: "a time as YYYYMMDDHHmmSS",
  parse(source) {
    const text = source.text();
    let seconds = -1;
    if (text?.length === 14) seconds = parseDate(text);
    else seconds = parseNumber(text, 0xffffffff);
    if (seconds < 0) return false;
    source.put32(seconds);
    source.index++;
    return true;
  },
  format(bytes, at, _end, words) {
    const iso = new Date(read32(bytes, at) * 1000).toISOString();
    words.push(
      iso.slice(0, 4) + iso.slice(5, 7) + iso.slice(8, 10) + iso.slice(11, 13) + iso.slice(14, 16) + iso.slice(17, 19),
    );
    return at + 4;
  },
};

/** The clock of signatures has 32 bits and wraps (RFC 4034 section 3.1.5), so years behind 2106 start again. */
function parseDate(text: string): number {
  const number = parseNumber(text, 99991231235959);
  if (number < 0) return -1;
  const part = (divisor: number, size: number): number => Math.floor(number / divisor) % size;
  const [year, month, day] = [part(1e10, 1e4), part(1e8, 100), part(1e6, 100)];
  const [hour, minute, second] = [part(1e4, 100), part(100, 100), part(1, 100)];
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // A month 13 or a 30th of February would have rolled over into another date.
  if (year < 1970 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return -1;
  if (hour > 23 || minute > 59 || second > 59) return -1;
  return (date.getTime() / 1000) % 2 ** 32;
}

function domainName(name: "compressed" | "plain"): Field {
  return {
    what: "a domain name",
    name,
    parse(source) {
      const end = encodeName(source.text() ?? "", source.origin, source.bytes, source.offset);
      if (end < 0)
        return source.index < source.tokens.length ? source.fail(`a domain name, not ${nameError(end)}`) : false;
      source.offset = end;
      source.index++;
      return true;
    },
    measure(bytes, at, end) {
      const length = wireLength(bytes, at, end);
      return length < 0 ? MALFORMED : at + length;
    },
    format(bytes, at, _end, words) {
      words.push(nameToText(bytes, at));
      return at + wireLength(bytes, at);
    },
  };
}

/** Types of RFC 1035 only: later types' names must leave uncompressed (RFC 3597 section 4). */
export const compressedName = domainName("compressed");
/** Any later type. When it comes compressed from someone who did not know, it is expanded all the same. */
export const plainName = domainName("plain");
