/** A line of a zone file into words (RFC 1035 section 5.1): quotes, escapes, comments, parentheses over line ends. */
import type { RdataToken } from "./rdata.ts";

/** A word and where it starts, counted from 1. */
export interface TextToken extends RdataToken {
  readonly column: number;
}

interface LineError {
  readonly column: number;
  readonly found: string;
  readonly expected: string;
}

/**
 * The words of a single record. A quote inside a word, as in alpn="h2,h3", belongs to the word with its partner and what is
 * between them; the quotes of a word that starts with one are taken off.
 */
export function splitLine(line: string): TextToken[] | LineError {
  const tokens: TextToken[] = [];
  let open = 0;
  let at = 0;
  while (at < line.length) {
    const character = line[at]!;
    if (character === "(" || character === ")") {
      open += character === "(" ? 1 : -1;
      if (open < 0) return { column: at + 1, found: '")"', expected: '"(" before it' };
      at++;
    } else if (character === ";") {
      while (at < line.length && line[at] !== "\n") at++;
    } else if (character === "\n" && open === 0) {
      if (line.slice(at).trim() !== "") return { column: at + 1, found: "another line", expected: "one record" };
      break;
    } else if (" \t\r\n".includes(character)) {
      at++;
    } else {
      const end = wordEnd(line, at);
      if (end < 0) return { column: at + 1, found: "a quote without end", expected: "a closing quote" };
      const quoted = character === '"';
      tokens.push({ text: quoted ? line.slice(at + 1, end - 1) : line.slice(at, end), quoted, column: at + 1 });
      at = end;
    }
  }
  if (open > 0) return { column: line.length + 1, found: "the end of the line", expected: '")"' };
  return tokens;
}

/** The offset behind the word at `start`; -1 when a quote in it is not closed on its line. */
function wordEnd(line: string, start: number): number {
  let inQuotes = false;
  for (let at = start; at < line.length; at++) {
    const character = line[at]!;
    if (character === "\\") at++;
    else if (character === '"') {
      inQuotes = !inQuotes;
      if (!inQuotes && line[start] === '"') return at + 1;
    } else if (inQuotes) {
      if (character === "\n") return -1;
    } else if (" \t\r\n;()".includes(character)) return at;
  }
  return inQuotes ? -1 : line.length;
}
