/** Go's quoted forms of texts and characters: strconv.Quote, and the escapes inside quotes that templates read. */
import { fromBytes, toBytes } from "./value.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
};

/** The bytes in quotes, as Go's %q writes them; bytes that are no UTF-8 as \xDD. `ascii` escapes all beyond ASCII (%+q). */
export function quoteBytes(bytes: string, ascii = false): string {
  let quoted = '"';
  for (let at = 0; at < bytes.length; ) {
    const size = characterSize(bytes, at);
    const character = size === 0 ? "" : fromBytes(bytes.slice(at, at + size));
    quoted += size === 0 ? hexEscape(bytes.charCodeAt(at)) : escapeCharacter(character, '"', ascii);
    at += size || 1;
  }
  return `${quoted}"`;
}

/** A character in single quotes (%q of a number). */
export function quoteCharacter(codePoint: number, ascii = false): string {
  return `'${escapeCharacter(String.fromCodePoint(codePoint), "'", ascii)}'`;
}

function escapeCharacter(character: string, quote: string, ascii: boolean): string {
  const code = character.codePointAt(0)!;
  if (character === quote) return `\\${quote}`;
  const short = ESCAPES[character];
  if (short !== undefined) return short;
  if (code < 0x80 && code >= 0x20 && code !== 0x7f) return character;
  if (code < 0x80) return hexEscape(code);
  if (!ascii && isPrintable(character)) return toBytes(character);
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** Go's IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII blank. */
export function isPrintable(character: string): boolean {
  return character === " " || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character);
}

function hexEscape(code: number): string {
  return `\\x${code.toString(16).padStart(2, "0")}`;
}

/** How many bytes at `at` are one character of UTF-8; 0 when they are none. */
export function characterSize(bytes: string, at: number): number {
  const lead = bytes.charCodeAt(at);
  if (lead < 0x80) return 1;
  const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (size === 0 || lead > 0xf4) return 0;
  const character = Buffer.from(bytes.slice(at, at + size), "latin1").toString("utf8");
  return character.length === (size === 4 ? 2 : 1) && character !== "\ufffd"
    ? size
    : bytes.startsWith("\xef\xbf\xbd", at)
      ? 3
      : 0;
}

/** The bytes that a Go literal in `quote` stands for (its quotes taken off); undefined when it is none. */
export function unquote(body: string, quote: '"' | "'"): string | undefined {
  let bytes = "";
  for (let at = 0; at < body.length; ) {
    const character = body[at]!;
    if (character === quote || character === "\n") return undefined;
    if (character !== "\\") {
      bytes += character;
      at++;
      continue;
    }
    const escaped = readEscape(body, at + 1, quote);
    if (escaped === undefined) return undefined;
    bytes += escaped.bytes;
    at = escaped.next;
  }
  return bytes;
}

const SIMPLE: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

function readEscape(body: string, at: number, quote: string): { bytes: string; next: number } | undefined {
  const letter = body[at] ?? "";
  if (letter === quote) return { bytes: letter, next: at + 1 };
  if (Object.hasOwn(SIMPLE, letter)) return { bytes: SIMPLE[letter]!, next: at + 1 };
  if (Object.hasOwn(HEX_DIGITS, letter)) {
    const digits = body.slice(at + 1, at + 1 + HEX_DIGITS[letter]!);
    if (digits.length !== HEX_DIGITS[letter] || !/^[0-9a-fA-F]+$/.test(digits)) return undefined;
    const code = Number.parseInt(digits, 16);
    const next = at + 1 + digits.length;
    if (letter === "x") return { bytes: String.fromCharCode(code), next };
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return undefined;
    return { bytes: toBytes(String.fromCodePoint(code)), next };
  }
  const octal = /^[0-7]{3}/.exec(body.slice(at, at + 3));
  if (octal === null || Number.parseInt(octal[0], 8) > 0xff) return undefined;
  return { bytes: String.fromCharCode(Number.parseInt(octal[0], 8)), next: at + 3 };
}
