/**
 * The parameters of SVCB and HTTPS (RFC 9460): a list of key, length and value on the wire, sorted by key; words like
 * `alpn=h2,h3` in text.
 */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "./address.ts";
import { decimalEscape, escapedByte, isDigit } from "./name-text.ts";
import { putBase64 } from "./rdata-binary.ts";
import { type Field, MALFORMED, parseNumber, type RdataSource, read16 } from "./rdata-field.ts";
import { quote } from "./rdata-text.ts";

const KEYS: Readonly<Record<string, number>> = {
  mandatory: 0,
  alpn: 1,
  "no-default-alpn": 2,
  port: 3,
  ipv4hint: 4,
  ech: 5,
  ipv6hint: 6,
  dohpath: 7,
  ohttp: 8,
  "tls-supported-groups": 9,
};
const KEY_NAMES = new Map(Object.entries(KEYS).map(([name, key]) => [key, name]));
/** RFC 9460 section 14.3.2: reserved, never a key. */
const INVALID_KEY = 65535;

/** How one key's value stands in text, and which bytes it may have. A key without "=" has the empty value. */
interface Value {
  readonly what: string;
  parse(source: RdataSource, value: string): boolean;
  valid(bytes: Uint8Array, from: number, to: number): boolean;
  format(bytes: Uint8Array, from: number, to: number): string;
}

const keyList: Value = {
  what: "names of keys, sorted or not, each once",
  parse(source, value) {
    const keys = value.split(",").map(keyNumber);
    // RFC 9460 section 8: sorted on the wire, no key twice, never "mandatory" itself.
    if (keys.some((key) => key <= 0) || new Set(keys).size < keys.length) return false;
    for (const key of keys.sort((a, b) => a - b)) source.put16(key);
    return true;
  },
  valid(bytes, from, to) {
    for (let at = from, last = 0; at < to; at += 2) {
      const key = read16(bytes, at);
      if (key <= last || key === INVALID_KEY) return false;
      last = key;
    }
    return to > from && (to - from) % 2 === 0;
  },
  format: (bytes, from, to) => pairs(bytes, from, to).map(keyName).join(","),
};

const protocolList: Value = {
  what: "protocol names separated by commas",
  parse(source, value) {
    const bytes = resolveEscapes(value);
    if (bytes === undefined) return false;
    // A second layer of escapes: a comma or a backslash inside a protocol's name (RFC 9460 appendix A.1).
    let length = source.offset++;
    const close = (): boolean => {
      const size = source.offset - length - 1;
      source.bytes[length] = size;
      return size > 0 && size <= 255;
    };
    for (let i = 0; i < bytes.length; i++) {
      if (!source.room(2)) return false;
      if (bytes[i] === COMMA) {
        if (!close()) return false;
        length = source.offset++;
        continue;
      }
      if (bytes[i] === BACKSLASH && ++i === bytes.length) return false;
      source.put8(bytes[i]!);
    }
    return close();
  },
  valid(bytes, from, to) {
    let at = from;
    while (at < to) {
      if (bytes[at] === 0) return false;
      at += 1 + bytes[at]!;
    }
    return at === to && to > from;
  },
  format(bytes, from, to) {
    let text = "";
    for (let at = from; at < to; at += 1 + bytes[at]!) {
      if (at > from) text += ",";
      for (let i = at + 1; i <= at + bytes[at]!; i++) text += PROTOCOL_TEXT[bytes[i]!];
    }
    return `"${text}"`;
  },
};
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const PROTOCOL_TEXT = Array.from({ length: 256 }, (_, byte) => {
  if (byte < 0x20 || byte > 0x7e) return decimalEscape(byte);
  if (byte === COMMA) return "\\\\,";
  if (byte === BACKSLASH) return "\\\\\\\\";
  return byte === 0x22 ? '\\"' : String.fromCharCode(byte);
});

const nothing: Value = {
  what: "no value",
  parse: (_source, value) => value === "",
  valid: (_bytes, from, to) => from === to,
  format: () => "",
};

const port: Value = {
  what: "a port",
  parse(source, value) {
    const number = parseNumber(value, 0xffff);
    source.put16(number);
    return number >= 0;
  },
  valid: (_bytes, from, to) => to - from === 2,
  format: (bytes, from) => String(read16(bytes, from)),
};

function addressList(
  what: string,
  size: number,
  parse: (text: string, out: Uint8Array, start: number) => boolean,
  format: (bytes: Uint8Array, start: number) => string,
): Value {
  return {
    what,
    parse(source, value) {
      for (const text of value.split(",")) {
        if (!source.room(size) || !parse(text, source.bytes, source.offset)) return false;
        source.offset += size;
      }
      return true;
    },
    valid: (_bytes, from, to) => to > from && (to - from) % size === 0,
    format(bytes, from, to) {
      const texts = [];
      for (let at = from; at < to; at += size) texts.push(format(bytes, at));
      return texts.join(",");
    },
  };
}

const base64: Value = {
  what: "base64",
  parse: (source, value) => value !== "" && putBase64(source, value),
  valid: (_bytes, from, to) => to > from,
  format: (bytes, from, to) => Buffer.from(bytes.subarray(from, to)).toString("base64"),
};

const numberList: Value = {
  what: "numbers separated by commas",
  parse(source, value) {
    for (const text of value.split(",")) {
      const number = parseNumber(text, 0xffff);
      if (number < 0 || !source.room(2)) return false;
      source.put16(number);
    }
    return true;
  },
  valid: (_bytes, from, to) => to > from && (to - from) % 2 === 0,
  format: (bytes, from, to) => pairs(bytes, from, to).join(","),
};

const anyText: Value = {
  what: "a text",
  parse(source, value) {
    const bytes = resolveEscapes(value);
    if (bytes === undefined || !source.room(bytes.length)) return false;
    source.bytes.set(bytes, source.offset);
    source.offset += bytes.length;
    return true;
  },
  valid: () => true,
  format: (bytes, from, to) => (to > from ? quote(bytes, from, to) : ""),
};

const VALUES: readonly Value[] = [
  keyList,
  protocolList,
  nothing,
  port,
  addressList("IPv4 addresses separated by commas", 4, parseIpv4, formatIpv4),
  base64,
  addressList("IPv6 addresses separated by commas", 16, parseIpv6, formatIpv6),
  anyText,
  nothing,
  numberList,
];

function valueForm(key: number): Value {
  return VALUES[key] ?? anyText;
}

/** All words behind the target: `key=value`, `key="value"` or a lone `key`, in any order. */
export const serviceParameters: Field = {
  what: "service parameters such as alpn=h2 port=8443",
  parse(source) {
    const start = source.offset;
    const params = new Map<number, Uint8Array>();
    while (source.index < source.tokens.length) {
      const text = source.text()!;
      const equals = text.indexOf("=");
      const key = keyNumber(equals < 0 ? text : text.slice(0, equals));
      if (key < 0) return source.fail("the name of a service parameter, or key and its number");
      if (params.has(key)) return source.fail("each service parameter once");
      let value = equals < 0 ? "" : text.slice(equals + 1);
      // A tokenizer that ends a word at a quote gives `alpn=` and then the quoted value.
      if (equals === text.length - 1 && source.tokens[source.index + 1]?.quoted)
        value = source.tokens[++source.index]!.text;
      source.offset = start;
      if (!valueForm(key).parse(source, unquote(value))) {
        return source.expected !== "" ? false : source.fail(`${keyName(key)} with ${valueForm(key).what}`);
      }
      params.set(key, source.bytes.slice(start, source.offset));
      source.index++;
    }
    source.offset = start;
    return putParameters(source, params);
  },
  measure(bytes, at, end) {
    let last = -1;
    let next = at;
    while (next < end) {
      if (next + 4 > end) return MALFORMED;
      const key = read16(bytes, next);
      const from = next + 4;
      next = from + read16(bytes, next + 2);
      // Strictly rising keys: sorted, and each once (RFC 9460 section 2.2).
      if (next > end || key <= last || key === INVALID_KEY || !valueForm(key).valid(bytes, from, next))
        return MALFORMED;
      last = key;
    }
    return next;
  },
  format(bytes, at, end, words) {
    for (let next = at; next < end; ) {
      const from = next + 4;
      const key = read16(bytes, next);
      next = from + read16(bytes, next + 2);
      const value = valueForm(key).format(bytes, from, next);
      words.push(value === "" ? keyName(key) : `${keyName(key)}=${value}`);
    }
    return end;
  },
};

function putParameters(source: RdataSource, params: ReadonlyMap<number, Uint8Array>): boolean {
  const keys = [...params.keys()].sort((a, b) => a - b);
  const mandatory = params.get(KEYS.mandatory!);
  if (mandatory && pairs(mandatory, 0, mandatory.length).some((key) => !params.has(key))) {
    return source.fail("every mandatory parameter to be there");
  }
  // RFC 9460 section 7.1.1: no-default-alpn says nothing without alpn.
  if (params.has(KEYS["no-default-alpn"]!) && !params.has(KEYS.alpn!))
    return source.fail("alpn beside no-default-alpn");
  for (const key of keys) {
    const value = params.get(key)!;
    if (!source.room(4 + value.length)) return false;
    source.put16(key);
    source.put16(value.length);
    source.bytes.set(value, source.offset);
    source.offset += value.length;
  }
  return true;
}

/** The number of `alpn` or `key1`; -1 for what is neither. */
function keyNumber(text: string): number {
  if (Object.hasOwn(KEYS, text)) return KEYS[text]!;
  if (!text.startsWith("key") || (text.length > 4 && text[3] === "0")) return -1;
  return parseNumber(text.slice(3), INVALID_KEY - 1);
}

function keyName(key: number): string {
  return KEY_NAMES.get(key) ?? `key${key}`;
}

function pairs(bytes: Uint8Array, from: number, to: number): number[] {
  return Array.from({ length: (to - from) >>> 1 }, (_, i) => read16(bytes, from + 2 * i));
}

/** A tokenizer that keeps `alpn="h2"` as one word leaves the quotes in it. */
function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** The bytes behind a text with escapes; undefined when an escape is bad. */
function resolveEscapes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code === BACKSLASH) {
      code = escapedByte(text, i);
      if (code < 0) return undefined;
      i += isDigit(text.charCodeAt(i + 1)) ? 3 : 1;
    }
    if (code > 255) return undefined;
    bytes[at++] = code;
  }
  return bytes.subarray(0, at);
}
