/** The text of an expression into tokens. */
type TokenKind = "number" | "string" | "identifier" | "operator" | "bracket" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** As written; of a string, its characters without quotes and escapes. */
  readonly text: string;
  readonly at: number;
}

/** What is wrong, and where in the text. Thrown while an expression is compiled. */
export class Mistake {
  readonly message: string;
  readonly at: number;

  constructor(message: string, at: number) {
    this.message = message;
    this.at = at;
  }
}

const WORD_OPERATORS: ReadonlySet<string> = new Set([
  ...["in", "or", "and", "not", "matches", "contains", "startsWith", "endsWith", "let", "if", "else"],
]);
const OPERATORS = ["..", "?.", "??", "::", "**", "==", "!=", "<=", ">=", "&&", "||"];
const SINGLE_OPERATORS = "?:;,.#!<>|+-*/%^=&";
const BRACKETS = "()[]{}";

/** Throws a Mistake. The last token is `end`. */
export function lex(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const add = (kind: TokenKind, end: number, value = text.slice(at, end)) => {
    tokens.push({ kind, text: value, at });
    at = end;
  };
  while (at < text.length) {
    const character = text[at]!;
    const rest = text.slice(at, at + MAX_TOKEN_LOOK);
    if (/\s/.test(character)) {
      at++;
    } else if (rest.startsWith("//")) {
      const end = text.indexOf("\n", at);
      at = end < 0 ? text.length : end;
    } else if (rest.startsWith("/*")) {
      const end = text.indexOf("*/", at + 2);
      if (end < 0) throw new Mistake("unclosed comment", text.length);
      at = end + 2;
    } else if ("\"'".includes(character)) {
      const { value, end } = readString(text, at);
      add("string", end, value);
    } else if (character === "`") {
      const end = text.indexOf("`", at + 1);
      if (end < 0) throw new Mistake("literal not terminated", text.length);
      add("string", end + 1, text.slice(at + 1, end));
    } else if (/^\.?[0-9]/.test(rest)) {
      add("number", at + numberLength(text, at));
    } else if (BRACKETS.includes(character)) {
      add("bracket", at + 1);
    } else if (/^[\p{L}_$]/u.test(rest)) {
      const [word] = /^[\p{L}\p{Nd}_$]+/u.exec(text.slice(at))!;
      add(WORD_OPERATORS.has(word) ? "operator" : "identifier", at + word.length);
    } else {
      const operator = OPERATORS.find((one) => rest.startsWith(one)) ?? character;
      if (operator.length === 1 && !SINGLE_OPERATORS.includes(operator)) throw new Mistake(unrecognized(text, at), at);
      add("operator", at + operator.length);
    }
  }
  // The end of a text is shown at its last character.
  tokens.push({ kind: "end", text: "", at: Math.max(text.length - 1, 0) });
  return tokens;
}

/** Enough of what follows to tell what it is. */
const MAX_TOKEN_LOOK = 4;

function numberLength(text: string, at: number): number {
  const rest = text.slice(at, at + MAX_NUMBER_LENGTH);
  const special = /^0[xX][0-9a-fA-F_]+|^0[bB][01_]+|^0[oO][0-7_]+/.exec(rest);
  // `1..3` is a range, not a number with a point.
  const [number] = special ?? /^[0-9_]*(?:\.(?!\.)[0-9_]*)?(?:[eE][+-]?[0-9_]+)?/.exec(rest)!;
  const end = at + number.length;
  if (/^[\p{L}_]/u.test(text.slice(end, end + 1))) {
    throw new Mistake(`bad number syntax: ${JSON.stringify(text.slice(at, end + 1))}`, end);
  }
  return number.length;
}

/** More digits than any number needs. */
const MAX_NUMBER_LENGTH = 400;

function unrecognized(text: string, at: number): string {
  const code = text.codePointAt(at)!;
  return `unrecognized character: U+${code.toString(16).toUpperCase().padStart(4, "0")} '${String.fromCodePoint(code)}'`;
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

function readString(text: string, start: number): { value: string; end: number } {
  const quote = text[start]!;
  let value = "";
  let at = start + 1;
  for (;;) {
    const character = text[at];
    if (character === undefined || character === "\n") throw new Mistake("literal not terminated", at);
    if (character === quote) return { value, end: at + 1 };
    if (character !== "\\") {
      value += character;
      at++;
      continue;
    }
    const letter = text[at + 1] ?? "";
    if (Object.hasOwn(SIMPLE_ESCAPES, letter)) {
      value += SIMPLE_ESCAPES[letter]!;
      at += 2;
      continue;
    }
    const code = /^(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3})/.exec(text.slice(at + 1, at + 10));
    const number = code === null ? -1 : Number.parseInt(code[0].replace(/^[xuU]/, ""), /^[0-7]/.test(code[0]) ? 8 : 16);
    if (code === null || number > 0x10ffff) throw new Mistake("invalid char escape", at + 1);
    value += String.fromCodePoint(number);
    at += 1 + code[0].length;
  }
}
