/**
 * Names between presentation form ("www.example.org.") and wire form: uncompressed, ended by the root label, letter case kept.
 *
 * A wire name is a plain Uint8Array. Text holds one byte per character: who reads UTF-8 decodes it as latin1, so that bytes
 * above 127 reach the wire as they stand in the file.
 */
import { LOWER, MAX_LABELS, MAX_NAME_LENGTH } from "./name.ts";

const MAX_LABEL_LENGTH = 63;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
const AT = 0x40;

/** Why a text is no name; what `encodeName` gives for it is the negative index into this list. */
const NAME_ERRORS = [
  "",
  "an empty name",
  "an empty label",
  "a label longer than 63 bytes",
  "a name longer than 255 bytes",
  "a bad escape",
  "a character above 255",
] as const;
const EMPTY_NAME = -1;
const EMPTY_LABEL = -2;
const LONG_LABEL = -3;
const LONG_NAME = -4;
const BAD_ESCAPE = -5;
const BAD_CHARACTER = -6;

/** What is wrong with a text that is no name, in words for a message to the operator. */
export type NameError = (typeof NAME_ERRORS)[number];

export const ROOT = new Uint8Array(1);

/** A text without trailing dot is relative to `origin`, "@" is the origin itself; without an origin that is the root. */
export function nameToWire(text: string, origin: Uint8Array = ROOT): Uint8Array | NameError {
  const end = encodeName(text, origin, scratch, 0);
  return end < 0 ? nameError(end) : scratch.slice(0, end);
}

/** The same for a text from a Corefile: UTF-8 reaches the wire as it stands in the file. */
export function utf8NameToWire(text: string): Uint8Array | NameError {
  return nameToWire(Buffer.from(text).toString("latin1"));
}

/**
 * A zone's name, which the Corefile's reader has checked, in wire form. Throws for what is no name, where the root in its
 * place would mean every name.
 */
export function zoneToWire(text: string): Uint8Array {
  const wire = utf8NameToWire(text);
  if (typeof wire === "string") throw new Error(`"${text}" is no domain name: ${wire}`);
  return wire;
}

/** Labels in wire form, without the root behind them: what a name may begin with. */
export function wireLabels(...texts: readonly string[]): Uint8Array {
  return Uint8Array.from(texts.flatMap((text) => [text.length, ...Buffer.from(text)]));
}

const scratch = new Uint8Array(MAX_NAME_LENGTH);

/**
 * The same into `out` at `start`, where 255 bytes must be free: the way of a master file's million names, without an
 * object per name. Gives the offset behind the name, or a negative number for `nameError`.
 */
export function encodeName(text: string, origin: Uint8Array, out: Uint8Array, start: number): number {
  const size = text.length;
  if (size === 0) return EMPTY_NAME;
  if (size === 1) {
    const only = text.charCodeAt(0);
    if (only === AT) return appendOrigin(origin, out, start, start);
    if (only === DOT) {
      out[start] = 0;
      return start + 1;
    }
  }
  const limit = start + MAX_NAME_LENGTH - 1;
  // The length byte of the label being written stands at `label`; its bytes go to `at`.
  let label = start;
  let at = start + 1;
  for (let i = 0; i < size; i++) {
    let code = text.charCodeAt(i);
    if (code === DOT) {
      const length = at - label - 1;
      if (length === 0) return EMPTY_LABEL;
      if (length > MAX_LABEL_LENGTH) return LONG_LABEL;
      out[label] = length;
      label = at++;
      continue;
    }
    if (code === BACKSLASH) {
      code = escapedByte(text, i);
      if (code < 0) return BAD_ESCAPE;
      i += isDigit(text.charCodeAt(i + 1)) ? 3 : 1;
    }
    if (code > 255) return BAD_CHARACTER;
    if (at >= limit) return longOr(label, at);
    out[at++] = code;
  }
  if (at === label + 1) {
    out[label] = 0;
    return at;
  }
  const length = at - label - 1;
  if (length > MAX_LABEL_LENGTH) return LONG_LABEL;
  out[label] = length;
  return appendOrigin(origin, out, start, at);
}

export function nameError(code: number): NameError {
  return NAME_ERRORS[-code]!;
}

/** The byte that the escape at `text[i]` stands for, \DDD or \X (RFC 1035 section 5.1); -1 for neither. */
export function escapedByte(text: string, i: number): number {
  // Past the end charCodeAt gives NaN, which no comparison below lets through.
  const first = text.charCodeAt(i + 1);
  if (!isDigit(first)) return first >= 0 ? first : -1;
  const second = text.charCodeAt(i + 2);
  const third = text.charCodeAt(i + 3);
  if (!isDigit(second) || !isDigit(third)) return -1;
  const byte = (first - 0x30) * 100 + (second - 0x30) * 10 + third - 0x30;
  return byte <= 255 ? byte : -1;
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** A name that fills its 255 bytes with one label has the label to blame. */
function longOr(label: number, at: number): number {
  return at - label - 1 > MAX_LABEL_LENGTH ? LONG_LABEL : LONG_NAME;
}

function appendOrigin(origin: Uint8Array, out: Uint8Array, start: number, at: number): number {
  const end = at + origin.length;
  if (end - start > MAX_NAME_LENGTH) return LONG_NAME;
  for (let i = 0; i < origin.length; i++) out[at + i] = origin[i]!;
  return end;
}

/** The name at `offset`, which must be one (see `wireLength`), with a trailing dot, escaped as CoreDNS escapes. */
export function nameToText(bytes: Uint8Array, offset = 0): string {
  let at = offset;
  let size = bytes[at++];
  if (!size) return ".";
  let text = "";
  while (size) {
    for (const stop = Math.min(at + size, bytes.length); at < stop; at++) text += LABEL_TEXT[bytes[at]!];
    text += ".";
    size = bytes[at++];
  }
  return text;
}

/** How each byte stands in a label: \DDD unless printable, and a backslash before what a zone file or a log gives a meaning. */
const LABEL_TEXT = Array.from({ length: 256 }, (_, byte) => {
  if (byte < 0x20 || byte > 0x7e) return decimalEscape(byte);
  const character = String.fromCharCode(byte);
  return ` "'().;@\\`.includes(character) ? `\\${character}` : character;
});

export function decimalEscape(byte: number): string {
  return `\\${String(byte).padStart(3, "0")}`;
}

/** Bytes that the uncompressed name at `offset` takes, root label included; -1 when there is no whole name. */
export function wireLength(bytes: Uint8Array, offset = 0, end = bytes.length): number {
  let at = offset;
  while (at < end && at - offset < MAX_NAME_LENGTH) {
    const size = bytes[at++]!;
    if (size === 0) return at - offset;
    if (size > MAX_LABEL_LENGTH) return -1;
    at += size;
  }
  return -1;
}

/** A copy in lower case: ASCII letters only (RFC 4343). Length bytes are below 64, so the table leaves them alone. */
export function lowerCaseWire(name: Uint8Array): Uint8Array {
  const lower = new Uint8Array(name.length);
  for (let i = 0; i < name.length; i++) lower[i] = LOWER[name[i]!]!;
  return lower;
}

/**
 * Canonical order (RFC 4034 section 6.1): by labels from the right, each as bytes in lower case, where a label that ends
 * first and a name that ends first come first. Negative, zero or positive, as a sort wants it.
 */
export function compareNames(a: Uint8Array, b: Uint8Array): number {
  let left = labelStarts(a, leftStarts);
  let right = labelStarts(b, rightStarts);
  while (left > 0 && right > 0) {
    const order = compareLabels(a, leftStarts[--left]!, b, rightStarts[--right]!);
    if (order !== 0) return order;
  }
  return left - right;
}
const leftStarts = new Uint8Array(MAX_LABELS);
const rightStarts = new Uint8Array(MAX_LABELS);

function labelStarts(name: Uint8Array, starts: Uint8Array): number {
  let count = 0;
  for (let at = 0; name[at]! > 0; at += name[at]! + 1) starts[count++] = at;
  return count;
}

function compareLabels(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number): number {
  const aSize = a[aStart]!;
  const bSize = b[bStart]!;
  const shared = Math.min(aSize, bSize);
  for (let i = 1; i <= shared; i++) {
    const order = LOWER[a[aStart + i]!]! - LOWER[b[bStart + i]!]!;
    if (order !== 0) return order;
  }
  return aSize - bSize;
}

/** Labels of a name in wire form, without the root. */
export function labelCount(wire: Uint8Array): number {
  let labels = 0;
  for (let at = 0; wire[at]! > 0; at += wire[at]! + 1) labels++;
  return labels;
}

/** Whether `child` is `parent` or stands below it, letter case aside. */
export function isSubdomain(child: Uint8Array, parent: Uint8Array): boolean {
  const start = child.length - parent.length;
  let at = 0;
  while (at < start) at += child[at]! + 1;
  if (at !== start) return false;
  for (let i = 0; i < parent.length; i++) if (LOWER[child[start + i]!] !== LOWER[parent[i]!]) return false;
  return true;
}
