/** A line of text that is composed as bytes, in a buffer that is used again for the next one: its parts are no strings. */
import { nameToText } from "../../dns/name-text.ts";

const ZERO = 0x30;
const DOT = 0x2e;
const BACKSLASH = 0x5c;
const NANOSECONDS = 1_000_000_000;

export class LogLine {
  readonly bytes: Buffer;
  length = 0;

  /** Whoever writes has made sure that `size` is enough for the longest line. */
  constructor(size: number) {
    this.bytes = Buffer.alloc(size);
  }

  /** Appends bytes as they are. */
  raw(text: Uint8Array): void {
    const bytes = this.bytes;
    let at = this.length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text[i]!;
    this.length = at;
  }

  /** Appends ASCII text. */
  ascii(text: string): void {
    const bytes = this.bytes;
    let at = this.length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Appends text of any characters, at most `limit` bytes of it. */
  text(text: string, limit: number): void {
    this.length += this.bytes.write(text, this.length, limit, "utf8");
  }

  /** Appends a whole number from 0 to 2^31 - 1. */
  integer(value: number): void {
    let digits = 1;
    for (let power = 10; power <= value; power *= 10) digits++;
    this.#digits(value, digits);
  }

  /** Appends seconds as Go prints them: `0.000123456`, `12`, no more digits than needed. */
  seconds(nanoseconds: number): void {
    const whole = Math.floor(nanoseconds / NANOSECONDS);
    let fraction = (nanoseconds - whole * NANOSECONDS) | 0;
    this.integer(whole);
    if (fraction === 0) return;
    let digits = 9;
    while (fraction % 10 === 0) {
      fraction = (fraction / 10) | 0;
      digits--;
    }
    this.bytes[this.length++] = DOT;
    this.#digits(fraction, digits);
  }

  /** Appends a name in presentation form; `wire` is one without pointers. */
  name(wire: Uint8Array): void {
    const bytes = this.bytes;
    let at = this.length;
    let from = 0;
    if (wire[0] === 0) bytes[at++] = DOT;
    for (let size = wire[from++]!; size > 0; size = wire[from++]!) {
      for (const end = from + size; from < end; from++) {
        const byte = wire[from]!;
        const form = FORMS[byte]!;
        if (form === PLAIN) {
          bytes[at++] = byte;
          continue;
        }
        bytes[at++] = BACKSLASH;
        if (form === DECIMAL) {
          bytes[at++] = ZERO + Math.trunc(byte / 100);
          bytes[at++] = ZERO + (Math.trunc(byte / 10) % 10);
          bytes[at++] = ZERO + (byte % 10);
        } else {
          bytes[at++] = byte;
        }
      }
      bytes[at++] = DOT;
    }
    this.length = at;
  }

  /** In 32-bit arithmetic, which is several times as fast as that of floating point. */
  #digits(value: number, digits: number): void {
    const bytes = this.bytes;
    let rest = value | 0;
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      const next = (rest / 10) | 0;
      bytes[at] = ZERO + rest - next * 10;
      rest = next;
    }
    this.length += digits;
  }
}

const PLAIN = 0;
const ESCAPED = 1;
const DECIMAL = 2;

/** How each byte of a label is shown: `nameToText` in src/dns decides, this table only remembers. */
const FORMS = new Uint8Array(256).map((_, byte) => {
  const text = nameToText(Uint8Array.of(1, byte, 0));
  return text.length === 2 ? PLAIN : text.length === 3 ? ESCAPED : DECIMAL;
});
