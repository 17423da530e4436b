/**
 * Cuts a Corefile into words. White space separates them, `#` begins a comment even in the middle of a word, and a
 * double quote is special only as the first character of one. Inside quotes `\"` is the only escape, so that regular
 * expressions and paths survive, and lines may end. The closing quote ends the word.
 */

import { type Environment, substituteEnvironment } from "./environment.ts";
import type { Token } from "./server-block.ts";

/**
 * A Corefile of 4 MiB describes some 50,000 zones; a larger one is a wrong file. The words of one file of this size
 * fit in the memory that a small container has.
 */
export const MAX_FILE_LENGTH = 4 << 20;

export interface Words {
  readonly tokens: readonly Token[];
  /** The word whose closing quote is missing. It reaches to the end of the file. */
  readonly unclosed?: Token;
}

export function lex(text: string, file: string, environment: Environment, maxWords: number): Words {
  const tokens: Token[] = [];
  let unclosed: Token | undefined;
  const end = text.length;
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  let line = 1;
  // Where the line would begin if every character were one unit long; surrogate pairs move it.
  let lineStart = at;

  // One word more than allowed, so that the caller can tell.
  while (at < end && tokens.length <= maxWords) {
    const code = text.charCodeAt(at);
    if (code === LINE_FEED) {
      line++;
      lineStart = ++at;
    } else if (isSpace(code)) {
      at++;
    } else if (code === HASH) {
      while (at < end && text.charCodeAt(at) !== LINE_FEED) at++;
    } else if (code === QUOTE) {
      const start = at;
      const startLine = line;
      const column = at - lineStart + 1;
      let closed = false;
      let firstLineEnd = -1;
      for (at++; at < end; at++) {
        const inner = text.charCodeAt(at);
        if (inner === QUOTE) {
          closed = true;
          at++;
          break;
        }
        if (inner === BACKSLASH && text.charCodeAt(at + 1) === QUOTE) at++;
        else if (inner === LINE_FEED) {
          if (firstLineEnd < 0) firstLineEnd = at;
          line++;
          lineStart = at + 1;
        } else if (isLowSurrogate(inner)) lineStart++;
      }
      const inside = text.slice(start + 1, closed ? at - 1 : at).replaceAll('\\"', '"');
      const token = {
        text: substituteEnvironment(withoutCarriageReturns(inside), environment),
        file,
        line: startLine,
        column,
        width: (firstLineEnd < 0 ? at : firstLineEnd) - start,
        endLine: line,
        quoted: true,
      };
      if (!closed) unclosed = token;
      tokens.push(token);
    } else {
      const start = at;
      const column = at - lineStart + 1;
      let pairs = 0;
      for (; at < end; at++) {
        const inner = text.charCodeAt(at);
        // A carriage return does not even separate words.
        if (inner === HASH || (isSpace(inner) && inner !== CARRIAGE_RETURN)) break;
        if (isLowSurrogate(inner)) pairs++;
      }
      lineStart += pairs;
      const word = withoutCarriageReturns(text.slice(start, at));
      const value = word.includes("{") ? substituteEnvironment(word, environment) : word;
      tokens.push({
        text: value,
        file,
        line,
        column,
        width: word.length - pairs,
        endLine: line,
        quoted: value !== word,
      });
    }
  }
  return unclosed === undefined ? { tokens } : { tokens, unclosed };
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;
const HASH = 0x23;
const BACKSLASH = 0x5c;

/** Unicode's White_Space property, as Go's `unicode.IsSpace` has it. JavaScript's `\s` differs in U+0085 and U+FEFF. */
function isSpace(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return (
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

function isLowSurrogate(code: number): boolean {
  return (code & 0xfc00) === 0xdc00;
}

function withoutCarriageReturns(text: string): string {
  return text.includes("\r") ? text.replaceAll("\r", "") : text;
}
