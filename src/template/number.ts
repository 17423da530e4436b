/** Numbers and characters as Go writes them in a program: 12, 0x1F, 0b11, 0o17, 017, 1_000, 1.5e3, 0x1p-2, 'a', '\n'. */

import { characterSize, quoteBytes, unquote } from "./go-quote.ts";
import { fromBytes, toBytes } from "./value.ts";

export interface ParsedNumber {
  /** Absent when the number is none, or does not fit into 64 bits. */
  readonly integer: bigint | undefined;
  readonly float: number;
  /** It is written with a point or an exponent. */
  readonly isFloat: boolean;
}

const INTEGER = /^(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)$/;
const FLOAT = /^(?:[0-9](?:_?[0-9])*\.?(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9](?:_?[0-9])*)?$/;
const HEX_FLOAT = /^0[xX]((?:_?[0-9a-fA-F])*)\.?((?:[0-9a-fA-F]_?)*)[pP]([+-]?[0-9]+)$/;
/** Go's numbers that fit no signed integer may still be unsigned ones. */
const LARGEST = (1n << 64n) - 1n;

/** A text says what is wrong. */
export function parseNumber(text: string, isCharacter: boolean): ParsedNumber | string {
  if (isCharacter) return parseCharacter(text);
  const negative = text.startsWith("-");
  const digits = text.replace(/^[+-]/, "");
  const illegal = `illegal number syntax: ${quoteBytes(toBytes(text))}`;
  if (INTEGER.test(digits)) {
    const size = BigInt(integerDigits(digits));
    if (size > LARGEST) return `integer overflow: ${quoteBytes(toBytes(text))}`;
    const integer = negative ? -size : size;
    return { integer, float: Number(integer), isFloat: false };
  }
  const float = readFloat(digits);
  if (float === undefined || !Number.isFinite(float)) return illegal;
  const value = negative ? -float : float;
  const whole = Number.isInteger(value) && Math.abs(value) < 2 ** 63;
  return { integer: whole ? BigInt(value) : undefined, float: value, isFloat: true };
}

function integerDigits(text: string): string {
  const digits = text.replaceAll("_", "");
  return /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
}

function readFloat(text: string): number | undefined {
  if (FLOAT.test(text)) return Number(text.replaceAll("_", ""));
  const hex = HEX_FLOAT.exec(text);
  if (hex === null || hex[1]! + hex[2]! === "") return undefined;
  const whole = hex[1]!.replaceAll("_", "");
  const fraction = hex[2]!.replaceAll("_", "");
  return Number(`0x${whole}${fraction}`) * 2 ** (Number(hex[3]) - 4 * fraction.length);
}

function parseCharacter(text: string): ParsedNumber | string {
  const body = toBytes(text.slice(1, -1));
  const bytes = unquote(body, "'");
  const malformed = `malformed character constant: ${text}`;
  if (bytes === undefined || bytes === "") return malformed;
  // '\xff' is the character of that number, not a byte.
  const single = bytes.length === 1 ? bytes.charCodeAt(0) : -1;
  if (single < 0 && characterSize(bytes, 0) !== bytes.length) return malformed;
  const code = single >= 0 ? single : fromBytes(bytes).codePointAt(0)!;
  return { integer: BigInt(code), float: code, isFloat: false };
}
