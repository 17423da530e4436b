/** The text of a Go template into items: plain text, and the words within `{{` and `}}`. */
import { Failure } from "./value.ts";

export type ItemKind =
  | "text"
  | "open"
  | "close"
  | "space"
  | "bool"
  | "char"
  | "number"
  | "string"
  | "raw"
  | "field"
  | "variable"
  | "identifier"
  | "keyword"
  | "dot"
  | "nil"
  | "pipe"
  | "("
  | ")"
  | "assign"
  | "declare"
  | "other"
  | "error"
  | "end";

export interface Item {
  readonly kind: ItemKind;
  readonly text: string;
  /** Where it starts, in characters from the start of the template. */
  readonly at: number;
  readonly line: number;
}

const OPEN = "{{";
const CLOSE = "}}";
const COMMENT = "/*";
const COMMENT_END = "*/";
const BLANKS = " \t\r\n";

const KEYWORDS: ReadonlySet<string> = new Set([
  ...["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"],
]);

/**
 * All items of the template. The last is `end`, or an `error` whose text is the message: the parser may find something
 * wrong before it.
 */
export function lex(text: string, name: string): Item[] {
  return new Lexer(text, name).run();
}

class Lexer {
  readonly #text: string;
  readonly #name: string;
  readonly #items: Item[] = [];
  #at = 0;
  #line = 1;
  /** Open parentheses of the action. */
  #depth = 0;
  /** The line on which the action began. */
  #actionLine = 1;

  constructor(text: string, name: string) {
    this.#text = text;
    this.#name = name;
  }

  run(): Item[] {
    try {
      while (this.#at < this.#text.length) {
        this.#plain();
        if (this.#at < this.#text.length) this.#action();
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#items.push({ kind: "error", text: error.message, at: this.#at, line: this.#line });
      return this.#items;
    }
    this.#items.push({ kind: "end", text: "", at: this.#at, line: this.#line });
    return this.#items;
  }

  #plain(): void {
    const text = this.#text;
    const found = text.indexOf(OPEN, this.#at);
    const open = found < 0 ? text.length : found;
    let end = open;
    if (found >= 0 && this.#trimsAt(open + 2)) while (end > this.#at && BLANKS.includes(text[end - 1]!)) end--;
    if (end > this.#at) this.#emit("text", end);
    this.#skip(open);
  }

  /** `{{- `: the minus must be followed by a blank. */
  #trimsAt(at: number): boolean {
    return this.#text[at] === "-" && BLANKS.includes(this.#text[at + 1] || "x");
  }

  #action(): void {
    const text = this.#text;
    this.#actionLine = this.#line;
    const inner = this.#at + (this.#trimsAt(this.#at + 2) ? 4 : 2);
    if (text.startsWith(COMMENT, inner)) {
      this.#comment(inner);
      return;
    }
    this.#emit("open", this.#at + 2);
    this.#skip(inner);
    this.#depth = 0;
    for (;;) {
      const close = this.#closeSize(this.#at);
      if (close > 0) {
        if (this.#depth > 0) this.#fail("unclosed left paren");
        this.#skip(this.#at + close - 2);
        this.#emit("close", this.#at + 2);
        if (close > 2) this.#trimFollowing();
        return;
      }
      if (this.#at >= text.length) this.#fail("unclosed action");
      this.#word();
    }
  }

  /** 2 at `}}`, 4 at ` -}}`, else 0. */
  #closeSize(at: number): number {
    const text = this.#text;
    if (text.startsWith(CLOSE, at)) return 2;
    return BLANKS.includes(text[at] || "x") && text.startsWith(`-${CLOSE}`, at + 1) ? 4 : 0;
  }

  #trimFollowing(): void {
    let at = this.#at;
    while (at < this.#text.length && BLANKS.includes(this.#text[at]!)) at++;
    this.#skip(at);
  }

  #comment(at: number): void {
    const end = this.#text.indexOf(COMMENT_END, at + 2);
    if (end < 0) this.#fail("unclosed comment");
    const close = this.#closeSize(end + 2);
    if (close === 0) this.#fail("comment ends before closing delimiter");
    this.#skip(end + 2 + close);
    if (close > 2) this.#trimFollowing();
  }

  #word(): void {
    const text = this.#text;
    const at = this.#at;
    const character = text[at]!;
    if (BLANKS.includes(character)) this.#space();
    else if (character === "=") this.#emit("assign", at + 1);
    else if (text.startsWith(":=", at)) this.#emit("declare", at + 2);
    else if (character === ":") this.#fail("expected :=");
    else if (character === "|") this.#emit("pipe", at + 1);
    else if (character === '"') this.#quoted('"', "string", "unterminated quoted string");
    else if (character === "'") this.#quoted("'", "char", "unterminated character constant");
    else if (character === "`") this.#raw();
    else if (character === "$") this.#dotted("variable");
    else if (character === "." && !isDigit(text[at + 1])) this.#dotted("field");
    else if (".+-".includes(character) || isDigit(character)) this.#number();
    else if (isLetter(text, at)) this.#identifier();
    else if (character === "(" || character === ")") this.#parenthesis(character);
    else if (character > "\x20" && character < "\x7f") this.#emit("other", at + 1);
    else this.#fail(`unrecognized character in action: ${unicodeName(text, at)}`);
  }

  #parenthesis(character: "(" | ")"): void {
    this.#depth += character === "(" ? 1 : -1;
    if (this.#depth < 0) this.#fail("unexpected right paren");
    this.#emit(character, this.#at + 1);
  }

  /** A run of blanks; one that belongs to ` -}}` stays. */
  #space(): void {
    let end = this.#at;
    while (end < this.#text.length && BLANKS.includes(this.#text[end]!) && this.#closeSize(end) === 0) end++;
    if (end > this.#at) this.#emit("space", end);
  }

  #quoted(quote: string, kind: ItemKind, unterminated: string): void {
    const text = this.#text;
    let at = this.#at + 1;
    while (text[at] !== quote) {
      if (text[at] === "\\") at++;
      if (at >= text.length || text[at] === "\n") this.#fail(unterminated);
      at++;
    }
    this.#emit(kind, at + 1);
  }

  #raw(): void {
    const end = this.#text.indexOf("`", this.#at + 1);
    if (end < 0) this.#fail("unterminated raw quoted string");
    this.#emit("raw", end + 1);
  }

  /** `$x` and `.x`, and the bare `$` and `.`. */
  #dotted(kind: "field" | "variable"): void {
    const end = this.#nameEnd(this.#at + 1);
    if (end === this.#at + 1) {
      this.#emit(kind === "variable" ? "variable" : "dot", end);
      return;
    }
    this.#checkEnd(end);
    this.#emit(kind, end);
  }

  #identifier(): void {
    const end = this.#nameEnd(this.#at);
    const word = this.#text.slice(this.#at, end);
    this.#checkEnd(end);
    if (KEYWORDS.has(word)) this.#emit("keyword", end);
    else if (word === "true" || word === "false") this.#emit("bool", end);
    else this.#emit(word === "nil" ? "nil" : "identifier", end);
  }

  #nameEnd(from: number): number {
    let at = from;
    while (at < this.#text.length && isLetter(this.#text, at)) at += characterLength(this.#text, at);
    return at;
  }

  /** What may follow a name, so that one such as `$x+2` does not look like two. */
  #checkEnd(at: number): void {
    const next = this.#text[at];
    if (next === undefined || `${BLANKS}.,|:)(`.includes(next) || this.#text.startsWith(CLOSE, at)) return;
    this.#fail(`bad character ${unicodeName(this.#text, at)}`);
  }

  #number(): void {
    const [number] = NUMBER.exec(this.#text.slice(this.#at, this.#at + MAX_NUMBER_LENGTH))!;
    const end = this.#at + number.length;
    if (end < this.#text.length && isLetter(this.#text, end)) {
      const bad = this.#text.slice(this.#at, end + characterLength(this.#text, end));
      this.#fail(`bad number syntax: ${JSON.stringify(bad)}`);
    }
    // `1+2i` is a complex number to Go; nothing here has use for one.
    this.#emit("number", end);
  }

  #emit(kind: ItemKind, end: number): void {
    this.#items.push({ kind, text: this.#text.slice(this.#at, end), at: this.#at, line: this.#line });
    this.#skip(end);
  }

  #skip(end: number): void {
    for (let at = this.#at; at < end; at++) if (this.#text[at] === "\n") this.#line++;
    this.#at = end;
  }

  #fail(message: string): never {
    const start = this.#actionLine === this.#line ? "" : ` started at ${this.#name}:${this.#actionLine}`;
    const where = start === "" || message.endsWith(" action") ? start : ` in action${start}`;
    throw new Failure(`template: ${this.#name}:${this.#line}: ${message}${where}`);
  }
}

/** More digits than any number needs. */
const MAX_NUMBER_LENGTH = 400;
const NUMBER =
  /^[+-]?(?:0[xX](?:[0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?)(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*|0[bB][01_]*|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)/;

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= "0" && character <= "9";
}

function isLetter(text: string, at: number): boolean {
  const character = text[at]!;
  if (character < "\x80") return /^\w$/.test(character);
  return /^[\p{L}\p{Nd}]$/u.test(String.fromCodePoint(text.codePointAt(at)!));
}

function characterLength(text: string, at: number): number {
  return text.codePointAt(at)! > 0xffff ? 2 : 1;
}

/** Go's %#U: `U+0040 '@'`. */
function unicodeName(text: string, at: number): string {
  const code = text.codePointAt(at)!;
  const digits = code.toString(16).toUpperCase().padStart(4, "0");
  return code < 0x20 || code === 0x7f ? `U+${digits}` : `U+${digits} '${String.fromCodePoint(code)}'`;
}
