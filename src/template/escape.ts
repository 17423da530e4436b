/** Texts made harmless: for HTML, for JavaScript, for the query of a URL. */
import { characterSize, isPrintable } from "./go-quote.ts";
import { fromBytes } from "./value.ts";

const HTML: Readonly<Record<string, string>> = {
  "\0": "\xef\xbf\xbd",
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
};

export function escapeHtml(bytes: string): string {
  return bytes.replace(/[\0"'&<>]/g, (character) => HTML[character]!);
}

const JS: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
  "<": "\\u003C",
  ">": "\\u003E",
  "&": "\\u0026",
  "=": "\\u003D",
};

export function escapeJs(bytes: string): string {
  let escaped = "";
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at]!;
    const code = bytes.charCodeAt(at);
    if (code < 0x80) {
      escaped += JS[byte] ?? (code < 0x20 ? unicodeEscape(code) : byte);
      at++;
      continue;
    }
    const size = characterSize(bytes, at);
    const character = size === 0 ? "\ufffd" : fromBytes(bytes.slice(at, at + size));
    escaped += isPrintable(character) ? bytes.slice(at, at + (size || 1)) : unicodeEscape(character.codePointAt(0)!);
    at += size || 1;
  }
  return escaped;
}

function unicodeEscape(code: number): string {
  return `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

export function escapeQuery(bytes: string): string {
  return bytes.replace(/[^A-Za-z0-9_.~-]/g, (byte) =>
    byte === " " ? "+" : `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}
