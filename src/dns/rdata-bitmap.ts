/** Sets of types as bitmaps: NSEC, NSEC3 and CSYNC's windows, the older one of NXT, and the ports of WKS. */
import { type Field, MALFORMED, parseNumber, type RdataSource } from "./rdata-field.ts";
import { typeName, typeNumber } from "./types.ts";

/** A window covers 256 types; its bitmap has 1 to 32 bytes, the last of them not zero (RFC 4034 section 4.1.2). */
const MAX_WINDOW_BYTES = 32;

/** The types named by the remaining tokens, sorted, each once; undefined when one is no type. */
function takeTypes(source: RdataSource, max: number): number[] | undefined {
  const types = new Set<number>();
  for (; source.index < source.tokens.length; source.index++) {
    const type = typeNumber(source.text()!);
    if (type < 0 || type > max) return undefined;
    types.add(type);
  }
  return [...types].sort((a, b) => a - b);
}

/** Writes a bitmap whose highest bit is the last of `numbers`, bit 0 being the first byte's highest. */
function putBitmap(source: RdataSource, numbers: readonly number[]): boolean {
  if (numbers.length === 0) return true;
  const size = (numbers.at(-1)! >>> 3) + 1;
  if (!source.room(size)) return false;
  source.bytes.fill(0, source.offset, source.offset + size);
  for (const number of numbers) source.bytes[source.offset + (number >>> 3)]! |= 0x80 >>> (number & 7);
  source.offset += size;
  return true;
}

function eachBit(bytes: Uint8Array, from: number, to: number, visit: (number: number) => void): void {
  for (let at = from; at < to; at++) {
    for (let bit = 0; bit < 8; bit++) if (bytes[at]! & (0x80 >>> bit)) visit((at - from) * 8 + bit);
  }
}

export const typeBitmap: Field = {
  what: "record types",
  parse(source) {
    const types = takeTypes(source, 0xffff);
    if (types === undefined) return false;
    const windows = Map.groupBy(types, (type) => type >>> 8);
    for (const [window, members] of windows) {
      if (!source.room(2 + MAX_WINDOW_BYTES)) return false;
      source.put8(window);
      const length = source.offset++;
      putBitmap(
        source,
        members.map((type) => type & 0xff),
      );
      source.bytes[length] = source.offset - length - 1;
    }
    return true;
  },
  measure(bytes, at, end) {
    let last = -1;
    let next = at;
    while (next < end) {
      if (next + 2 > end) return MALFORMED;
      const window = bytes[next]!;
      const size = bytes[next + 1]!;
      if (window <= last || size === 0 || size > MAX_WINDOW_BYTES) return MALFORMED;
      last = window;
      next += 2 + size;
      if (next > end || bytes[next - 1] === 0) return MALFORMED;
    }
    return next;
  },
  format(bytes, at, end, words) {
    for (let next = at; next < end; next += 2 + bytes[next + 1]!) {
      const window = bytes[next]! << 8;
      eachBit(bytes, next + 2, next + 2 + bytes[next + 1]!, (number) => words.push(typeName(window | number)));
    }
    return end;
  },
};

/** NXT's bitmap of the first 128 types (RFC 2535 section 5.2), which NSEC's windows replaced. */
export const oldTypeBitmap: Field = {
  what: "record types below 128",
  parse(source) {
    const types = takeTypes(source, 127);
    return types !== undefined && putBitmap(source, types);
  },
  // Bit 0 marked another format that was never defined.
  measure: (bytes, at, end) =>
    end - at <= 16 && (end === at || ((bytes[at]! & 0x80) === 0 && bytes[end - 1] !== 0)) ? end : MALFORMED,
  format(bytes, at, end, words) {
    eachBit(bytes, at, end, (number) => words.push(typeName(number)));
    return end;
  },
};

/** The services that WKS records have named; any other is written as its port. */
const SERVICES: Readonly<Record<string, number>> = {
  "ftp-data": 20,
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  time: 37,
  nameserver: 42,
  domain: 53,
  tftp: 69,
  gopher: 70,
  finger: 79,
  http: 80,
  pop3: 110,
  sunrpc: 111,
  nntp: 119,
  ntp: 123,
  imap: 143,
  snmp: 161,
  https: 443,
};

/** WKS's ports (RFC 1035 section 3.4.2). Bytes of zero at the end say nothing and are kept by no text. */
export const portBitmap: Field = {
  what: "ports or names of services",
  parse(source) {
    const ports = new Set<number>();
    for (; source.index < source.tokens.length; source.index++) {
      const text = source.text()!;
      let port = parseNumber(text, 0xffff);
      if (port < 0) port = Object.hasOwn(SERVICES, text.toLowerCase()) ? SERVICES[text.toLowerCase()]! : -1;
      if (port < 0) return false;
      ports.add(port);
    }
    return putBitmap(
      source,
      [...ports].sort((a, b) => a - b),
    );
  },
  measure: (_bytes, at, end) => (end - at <= 8192 ? end : MALFORMED),
  format(bytes, at, end, words) {
    eachBit(bytes, at, end, (number) => words.push(String(number)));
    return end;
  },
};
