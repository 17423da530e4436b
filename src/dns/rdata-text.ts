/** Character strings (RFC 1035 section 3.3) and the other fields that carry text as it is: CAA's tag, URI's target. */
import { decimalEscape, escapedByte, isDigit } from "./name-text.ts";
import { type Field, MALFORMED, type RdataSource } from "./rdata-field.ts";

const BACKSLASH = 0x5c;
/** One byte tells the length of a character string. */
const MAX_STRING_LENGTH = 255;

/** Writes the bytes that `text` stands for, escapes resolved. False when an escape is bad or `max` is passed. */
function putText(source: RdataSource, text: string, max: number): boolean {
  if (!source.room(Math.min(text.length, max))) return false;
  const bytes = source.bytes;
  const start = source.offset;
  let at = start;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code === BACKSLASH) {
      code = escapedByte(text, i);
      if (code < 0) return source.fail("an escape to be \\DDD, up to 255, or a backslash and a character");
      i += isDigit(text.charCodeAt(i + 1)) ? 3 : 1;
    }
    if (code > 255) return source.fail("one byte per character");
    if (at - start >= max) return source.fail(`at most ${max} bytes of text`);
    bytes[at++] = code;
  }
  source.offset = at;
  return true;
}

function putString(source: RdataSource, text: string): boolean {
  if (!source.room(1)) return false;
  const length = source.offset++;
  if (!putText(source, text, MAX_STRING_LENGTH)) return false;
  source.bytes[length] = source.offset - length - 1;
  return true;
}

/** A text of any length as the strings of 255 bytes that it takes, for DKIM keys and their like; CoreDNS does so too. */
function putStrings(source: RdataSource, text: string): boolean {
  if (!source.room(1)) return false;
  const { bytes } = source;
  let length = source.offset++;
  if (!putText(source, text, bytes.length)) return false;
  while (source.offset - length - 1 > MAX_STRING_LENGTH) {
    if (!source.room(1)) return false;
    bytes[length] = MAX_STRING_LENGTH;
    length += 1 + MAX_STRING_LENGTH;
    bytes.copyWithin(length + 1, length, source.offset);
    source.offset++;
  }
  bytes[length] = source.offset - length - 1;
  return true;
}

function measureString(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return MALFORMED;
  const next = at + 1 + bytes[at]!;
  return next <= end ? next : MALFORMED;
}

/** Bytes as text between quotes, with escapes for what could not be read back. */
export function quote(bytes: Uint8Array, from: number, to: number): string {
  let text = '"';
  for (let i = from; i < to; i++) text += STRING_TEXT[bytes[i]!];
  return `${text}"`;
}
const STRING_TEXT = Array.from({ length: 256 }, (_, byte) => {
  if (byte < 0x20 || byte > 0x7e) return decimalEscape(byte);
  const character = String.fromCharCode(byte);
  return character === '"' || character === "\\" ? `\\${character}` : character;
});

export const characterString: Field = {
  what: "a text of up to 255 bytes",
  parse(source) {
    const text = source.text();
    if (text === undefined || !putString(source, text)) return false;
    source.index++;
    return true;
  },
  measure: measureString,
  format(bytes, at, _end, words) {
    const next = at + 1 + bytes[at]!;
    words.push(quote(bytes, at + 1, next));
    return next;
  },
};

/** All that is left is character strings, at least one: TXT and its kin. */
export const characterStrings = stringList("a text", Number.POSITIVE_INFINITY, putStrings);

/** ISDN's address and its optional subaddress. */
export const oneOrTwoStrings = stringList(characterString.what, 2, putString);

function stringList(what: string, most: number, put: (source: RdataSource, text: string) => boolean): Field {
  return {
    what,
    parse(source) {
      let count = 0;
      for (; source.index < source.tokens.length && count < most; source.index++, count++) {
        if (!put(source, source.text()!)) return false;
      }
      return count > 0;
    },
    measure(bytes, at, end) {
      let count = 0;
      let next = at;
      for (; next < end && count < most; count++) {
        next = measureString(bytes, next, end);
        if (next === MALFORMED) return MALFORMED;
      }
      return count > 0 ? next : MALFORMED;
    },
    format(bytes, at, end, words) {
      let next = at;
      while (next < end) next = characterString.format(bytes, next, end, words);
      return next;
    },
  };
}

/** CAA's property tag: a length and 1 or more letters and digits, printed bare (RFC 8659 section 4.1). */
export const caaTag: Field = {
  what: "a property tag of letters and digits",
  parse(source) {
    const text = source.text();
    if (text === undefined || text.length > MAX_STRING_LENGTH) return false;
    source.put8(text.length);
    for (let i = 0; i < text.length; i++) {
      if (!isAlphanumeric(text.charCodeAt(i))) return false;
      source.put8(text.charCodeAt(i));
    }
    if (text.length === 0) return false;
    source.index++;
    return true;
  },
  measure(bytes, at, end) {
    const next = measureString(bytes, at, end);
    if (next <= at + 1) return MALFORMED;
    for (let i = at + 1; i < next; i++) if (!isAlphanumeric(bytes[i]!)) return MALFORMED;
    return next;
  },
  format(bytes, at, _end, words) {
    const next = at + 1 + bytes[at]!;
    words.push(Buffer.from(bytes.subarray(at + 1, next)).toString("latin1"));
    return next;
  },
};

function isAlphanumeric(code: number): boolean {
  return isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a);
}

/** Text that fills the rest of the rdata without a length of its own: CAA's value, URI's target. */
export const remainingText: Field = {
  what: "a text",
  parse(source) {
    const text = source.text();
    if (text === undefined || !putText(source, text, source.bytes.length)) return false;
    source.index++;
    return true;
  },
  measure: (_bytes, _at, end) => end,
  format(bytes, at, end, words) {
    words.push(quote(bytes, at, end));
    return end;
  },
};
