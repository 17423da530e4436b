/** BIND's $GENERATE: many records out of one line, by a counter that stands wherever the line has `$` or `${...}`. */
import type { RdataToken } from "../dns/rdata.ts";

/** How often a line may be repeated, as in CoreDNS. */
const MAX_STEPS = 65_536;
/** What one directive may write: 65,536 lines of 500 characters. So a long line does not make gigabytes. */
const MAX_TEXT = 32 << 20;
/** Lines are given in pieces of about this size. */
const PIECE_SIZE = 1 << 16;
/** The counter and its offset are at most this. */
const MAX_NUMBER = 0x7fffffff;
/** Digits that a width may ask for: more would not fit into a label or a string. */
const MAX_WIDTH = 255;

export interface GeneratedLines {
  readonly text: string;
  readonly problem?: string;
}

/** Gives the lines for `start-stop[/step]`; a problem ends it. */
export function* generateLines(range: string, words: readonly RdataToken[]): Generator<GeneratedLines> {
  const numbers = /^(\d{1,10})-(\d{1,10})(?:\/(\d{1,10}))?$/.exec(range);
  const start = Number(numbers?.[1]);
  const stop = Number(numbers?.[2]);
  const step = Number(numbers?.[3] ?? 1);
  if (!numbers || start > stop || stop > MAX_NUMBER) return yield problem("bad range in $GENERATE range");
  if (step === 0 || step > MAX_NUMBER) return yield problem("bad step in $GENERATE range");
  if ((stop - start) / step + 1 > MAX_STEPS) return yield problem("bad range in $GENERATE range");
  const line = words.map(({ text, quoted }) => (quoted ? `"${text}"` : text)).join(" ");
  const parts = splitTemplate(line);
  if (typeof parts === "string") return yield problem(parts);

  let text = "";
  let written = 0;
  for (let counter = start; counter <= stop; counter += step) {
    for (const part of parts) {
      if (typeof part === "string") {
        text += part;
        continue;
      }
      const value = counter + part.offset;
      if (value < 0 || value > MAX_NUMBER) return yield problem("bad offset in $GENERATE");
      text += formatCounter(value, part);
    }
    text += "\n";
    if (text.length < PIECE_SIZE) continue;
    written += text.length;
    if (written > MAX_TEXT) return yield problem("too much text from $GENERATE");
    yield { text };
    text = "";
  }
  yield { text };
}

function problem(text: string): GeneratedLines {
  return { text: "", problem: text };
}

interface Modifier {
  readonly offset: number;
  readonly width: number;
  readonly base: string;
}

const PLAIN: Modifier = { offset: 0, width: 0, base: "d" };

/** The line cut at its counters; or what is wrong with one of them. */
function splitTemplate(line: string): (string | Modifier)[] | string {
  const parts: (string | Modifier)[] = [];
  let text = "";
  for (let i = 0; i < line.length; i++) {
    const character = line[i]!;
    if (character === "\\") {
      // An escaped dollar is a dollar; other escapes are for the reader of the line.
      text += line[i + 1] === "$" ? "$" : character + (line[i + 1] ?? "");
      i++;
      continue;
    }
    if (character !== "$") {
      text += character;
      continue;
    }
    if (line[i + 1] === "$") {
      text += "$";
      i++;
      continue;
    }
    parts.push(text);
    text = "";
    if (line[i + 1] !== "{") {
      parts.push(PLAIN);
      continue;
    }
    const end = line.indexOf("}", i);
    const modifier = end < 0 ? "bad modifier in $GENERATE" : readModifier(line.slice(i + 2, end));
    if (typeof modifier === "string") return modifier;
    parts.push(modifier);
    i = end;
  }
  parts.push(text);
  return parts;
}

/** `offset[,width[,base]]` */
function readModifier(text: string): Modifier | string {
  const fields = /^([-+]?\d{1,10})(?:,(\d{1,3})(?:,([doxXnN]))?)?$/.exec(text);
  if (!fields) return `bad modifier in $GENERATE, expected \${offset,width,base} with base d, o, x, X, n or N`;
  const offset = Number(fields[1]);
  const width = Number(fields[2] ?? 0);
  if (Math.abs(offset) > MAX_NUMBER) return "bad offset in $GENERATE";
  if (width > MAX_WIDTH) return "bad width in $GENERATE";
  return { offset, width, base: fields[3] ?? "d" };
}

const RADIX: Record<string, number> = { d: 10, o: 8, x: 16, X: 16 };

function formatCounter(value: number, { width, base }: Modifier): string {
  if (base === "n" || base === "N") return formatNibbles(value, width, base);
  const digits = value.toString(RADIX[base]).padStart(width, "0");
  return base === "X" ? digits.toUpperCase() : digits;
}

/** Hexadecimal digits backwards with dots between, as in ip6.arpa; the width counts dots too. */
function formatNibbles(value: number, width: number, base: string): string {
  let digits = [...value.toString(16)].reverse().join(".");
  while (digits.length < width) digits += digits.length + 1 < width ? ".0" : ".";
  return base === "N" ? digits.toUpperCase() : digits;
}
