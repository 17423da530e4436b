/** Fields of bytes that zone files show as base64, base32hex or hexadecimal digits: keys, digests, signatures, salts. */
import { hexDigit } from "./address.ts";
import { type Field, MALFORMED, parseNumber, type RdataSource, read16 } from "./rdata-field.ts";

/**
 * The rest of the tokens are one number in pieces, as long keys and digests are written. `least` is the fewest bytes that
 * make sense; with none at all, nothing is printed.
 */
function remaining(what: string, least: number, decode: Decode, encode: Encode): Field {
  return {
    what,
    parse(source) {
      const start = source.offset;
      const first = source.index;
      const text = source.tokens.length - first === 1 ? source.text()! : joinTokens(source);
      if (!decode(source, text)) {
        source.index = first;
        return false;
      }
      if (source.offset - start < least) return false;
      source.index = source.tokens.length;
      return true;
    },
    measure: (_bytes, at, end) => (end - at >= least ? end : MALFORMED),
    format(bytes, at, end, words) {
      if (end > at) words.push(encode(bytes, at, end));
      return end;
    },
  };
}
type Decode = (source: RdataSource, text: string) => boolean;
type Encode = (bytes: Uint8Array, from: number, to: number) => string;

function joinTokens(source: RdataSource): string {
  let text = "";
  for (let i = source.index; i < source.tokens.length; i++) text += source.tokens[i]!.text;
  return text;
}

const HEX_DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, "0"));

export function toHex(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += HEX_DIGITS[bytes[i]!];
  return text;
}

export function putHex(source: RdataSource, text: string): boolean {
  if (text.length % 2 !== 0 || !source.room(text.length / 2)) return false;
  for (let i = 0; i < text.length; i += 2) {
    const high = hexDigit(text.charCodeAt(i));
    const low = hexDigit(text.charCodeAt(i + 1));
    if (high < 0 || low < 0) return false;
    source.put8((high << 4) | low);
  }
  return true;
}

function toBase64(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("base64");
}

/**
 * Strict where Buffer is lenient: foreign characters, a wrong length, bits behind the end and missing padding are errors,
 * since a key that lost a character must not load as another key.
 */
export function putBase64(source: RdataSource, text: string): boolean {
  if (text.length % 4 !== 0) return false;
  const decoded = Buffer.from(text, "base64");
  if (decoded.toString("base64") !== text || !source.room(decoded.length)) return false;
  source.bytes.set(decoded, source.offset);
  source.offset += decoded.length;
  return true;
}

export function remainingHex(least: number): Field {
  return remaining("pairs of hexadecimal digits", least, putHex, toHex);
}

export function remainingBase64(least: number): Field {
  return remaining("base64", least, putBase64, toBase64);
}

/** DOA's data: base64, and "-" for none, so that the record keeps its last word. */
export const dashBase64: Field = {
  ...remainingBase64(0),
  what: 'base64, or "-" for no data',
  parse(source) {
    if (source.text() !== "-") return source.index < source.tokens.length && remainingBase64(0).parse(source);
    source.index++;
    return true;
  },
  format(bytes, at, end, words) {
    words.push(end > at ? toBase64(bytes, at, end) : "-");
    return end;
  },
};

/** NSEC3's salt: a length byte and that many bytes, "-" for none (RFC 5155 section 3.3). */
export const salt: Field = {
  what: 'a salt as hexadecimal digits, or "-"',
  parse(source) {
    const text = source.text();
    if (text === undefined || text.length === 0 || text.length > 510) return false;
    const length = source.offset++;
    if (text !== "-" && !putHex(source, text)) return false;
    source.bytes[length] = source.offset - length - 1;
    source.index++;
    return true;
  },
  measure(bytes, at, end) {
    return at < end && at + 1 + bytes[at]! <= end ? at + 1 + bytes[at]! : MALFORMED;
  },
  format(bytes, at, _end, words) {
    const next = at + 1 + bytes[at]!;
    words.push(next > at + 1 ? toHex(bytes, at + 1, next) : "-");
    return next;
  },
};

const BASE32HEX = "0123456789ABCDEFGHIJKLMNOPQRSTUV";

/** NSEC3's next hashed owner: a length byte and the hash, in base32hex without padding (RFC 5155 section 3.3). */
export const hashedOwner: Field = {
  what: "a hash in base32hex",
  parse(source) {
    const text = source.text()?.toUpperCase();
    // 255 bytes are 408 characters; a last group of 1, 3 or 6 characters ends within a byte.
    if (text === undefined || text.length === 0 || text.length > 408 || [1, 3, 6].includes(text.length % 8))
      return false;
    const length = source.offset++;
    let bits = 0;
    let held = 0;
    for (const character of text) {
      const value = BASE32HEX.indexOf(character);
      if (value < 0) return false;
      held = ((held << 5) | value) & 0xfff;
      bits += 5;
      if (bits >= 8) {
        bits -= 8;
        source.put8(held >>> bits);
      }
    }
    if ((held & ((1 << bits) - 1)) !== 0) return false;
    source.bytes[length] = source.offset - length - 1;
    source.index++;
    return true;
  },
  measure(bytes, at, end) {
    return at < end && bytes[at]! > 0 && at + 1 + bytes[at]! <= end ? at + 1 + bytes[at]! : MALFORMED;
  },
  format(bytes, at, _end, words) {
    const next = at + 1 + bytes[at]!;
    let text = "";
    let bits = 0;
    let held = 0;
    for (let i = at + 1; i < next; i++) {
      held = ((held << 8) | bytes[i]!) & 0xfff;
      bits += 8;
      while (bits >= 5) {
        bits -= 5;
        text += BASE32HEX[(held >>> bits) & 31];
      }
    }
    if (bits > 0) text += BASE32HEX[(held << (5 - bits)) & 31];
    words.push(text);
    return next;
  },
};

/** A 16-bit length and that many bytes, in text the length as a number and then base64: TSIG's MAC, TKEY's key. */
export const sizedBase64: Field = {
  what: "a size and as many bytes in base64",
  parse(source) {
    const size = parseNumber(source.text(), 0xffff);
    if (size < 0 || !source.room(2 + size)) return false;
    source.put16(size);
    source.index++;
    if (size === 0) return true;
    const start = source.offset;
    if (!putBase64(source, source.text() ?? "") || source.offset - start !== size) {
      return source.fail(`${size} bytes in base64`);
    }
    source.index++;
    return true;
  },
  measure(bytes, at, end) {
    const next = at + 2 + read16(bytes, at);
    return at + 2 <= end && next <= end ? next : MALFORMED;
  },
  format(bytes, at, _end, words) {
    const next = at + 2 + read16(bytes, at);
    words.push(String(next - at - 2));
    if (next > at + 2) words.push(toBase64(bytes, at + 2, next));
    return next;
  },
};

/**
 * `groups` groups of `size` bytes in hexadecimal, joined by a sign: EUI-48 (RFC 7043) in pairs of digits; NID and L64
 * (RFC 6742) like an IPv6 address, where zeros before a group's last digit may be missing and are not printed.
 */
export function groupedHex(what: string, groups: number, size: 1 | 2, joint: string): Field {
  const total = groups * size;
  const fewest = size === 1 ? 2 : 1;
  return {
    what,
    parse(source) {
      const parts = source.text()?.split(joint) ?? [];
      if (parts.length !== groups) return false;
      for (const part of parts) {
        if (part.length < fewest || part.length > size * 2 || !putHex(source, part.padStart(size * 2, "0")))
          return false;
      }
      source.index++;
      return true;
    },
    measure: (_bytes, at, end) => (at + total <= end ? at + total : MALFORMED),
    format(bytes, at, _end, words) {
      const parts = [];
      for (let i = at; i < at + total; i += size) {
        const group = size === 1 ? bytes[i]! : read16(bytes, i);
        parts.push(group.toString(16).padStart(fewest, "0"));
      }
      words.push(parts.join(joint));
      return at + total;
    },
  };
}
