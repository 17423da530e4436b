/**
 * The words of a Corefile as one stream, with `import NAME` replaced by the words of a snippet, a file or all files
 * that match a pattern. The grammar above never knows where a word came from, so an imported file may even close one
 * server block and open the next.
 *
 * Imports nest as a stack of word lists. Imported words begin a new line, and so does what follows them. (CoreDNS
 * compares line numbers only, so that a snippet imported twice in a row may melt into one line.)
 */

import { dirname, resolve } from "node:path";
import type { Environment } from "./environment.ts";
import { type CorefileFiles, tooLongText } from "./files.ts";
import { lex, MAX_FILE_LENGTH } from "./lexer.ts";
import {
  ConfigMistake,
  MAX_MISTAKES,
  type Mistake,
  type MistakeForm,
  tokenMistake,
  type WordPlace,
} from "./mistake.ts";
import { nearest } from "./nearest.ts";
import type { Token } from "./server-block.ts";
import { systemMessage } from "./system-message.ts";

/** CoreDNS's guards against imports in a circle. */
const MAX_SNIPPET_IMPORTS = 10_000;
const MAX_FILE_IMPORTS = 100_000;
/** Words in all, imported ones counted as often as they are imported: about 100 MB when every one becomes an option. */
const MAX_WORDS = 500_000;

/** Linux's PATH_MAX. Without it a folder that leads to itself would be followed with an ever longer path. */
const MAX_PATH_LENGTH = 4096;

interface Frame {
  readonly tokens: readonly Token[];
  at: number;
}

export class WordStream {
  readonly mistakes: Mistake[] = [];
  readonly warnings: Mistake[] = [];
  readonly #snippets = new Map<string, readonly Token[]>();
  readonly #files = new Map<string, readonly Token[]>();
  readonly #environment: Environment;
  readonly #disk: CorefileFiles;
  readonly #frames: Frame[] = [];
  #last: Token | undefined;
  #unclosed: Token | undefined;
  /** The next word begins a line whatever its line number says: it is the first before or behind an import. */
  #atSeam = true;
  #words = 0;
  #snippetImports = 0;
  #fileImports = 0;

  constructor(environment: Environment, disk: CorefileFiles) {
    this.#environment = environment;
    this.#disk = disk;
  }

  open(text: string, file: string): void {
    this.#push(this.#lex(text, file), { file, line: 1, column: 1, width: 1 });
  }

  /** The first quoted word that reaches to the end of its file. */
  get unclosed(): Token | undefined {
    return this.#unclosed;
  }

  /** The word that was taken last. */
  get last(): Token | undefined {
    return this.#last;
  }

  peek(): Token | undefined {
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const token = frame.tokens[frame.at];
      if (token !== undefined) return token;
      this.#frames.pop();
      this.#atSeam = true;
    }
    return undefined;
  }

  take(): Token {
    const token = this.peek()!;
    this.#frames.at(-1)!.at++;
    this.#atSeam = false;
    this.#last = token;
    return token;
  }

  /** Whether the word that `peek` gives is the first of its line. */
  startsLine(): boolean {
    const token = this.peek();
    const last = this.#last;
    return this.#atSeam || last === undefined || token?.file !== last.file || token.line !== last.endLine;
  }

  /** A word further down the line that `last` is on, or undefined when the line ends behind `last`. */
  peekInLine(): Token | undefined {
    const token = this.peek();
    return token === undefined || this.startsLine() ? undefined : token;
  }

  isOpen(token: Token | undefined): boolean {
    return token?.text === "{" && !token.quoted;
  }

  isClose(token: Token | undefined): boolean {
    return token?.text === "}" && !token.quoted;
  }

  isImport(token: Token): boolean {
    return token.text === "import" && !token.quoted;
  }

  define(name: Token, snippet: string, body: readonly Token[]): void {
    if (this.#snippets.has(snippet)) {
      this.mistake(name, "parsing", `redeclaration of previously declared snippet ${snippet}`);
    } else {
      this.#snippets.set(snippet, body);
    }
  }

  /** Takes `import NAME` and puts the words that it stands for in its place. */
  expandImport(): void {
    const word = this.take();
    const name = this.peekInLine();
    if (name === undefined || this.isClose(name)) {
      this.mistake(word, "parsing", "Wrong argument count or unexpected line ending after 'import'");
      return;
    }
    this.take();
    if (this.peekInLine() !== undefined) {
      while (this.peekInLine() !== undefined && !this.isClose(this.peek())) this.take();
      this.mistake(this.last!, "parsing", "Import takes only one argument (glob pattern or file)");
      return;
    }
    const snippet = this.#snippets.get(name.text);
    if (snippet !== undefined) {
      if (++this.#snippetImports > MAX_SNIPPET_IMPORTS) {
        this.#stop(name, `maximum snippet import depth (${MAX_SNIPPET_IMPORTS}) exceeded`);
      }
      this.#push(snippet, name);
      return;
    }
    // The first file is pushed last, so that it is read first.
    for (const tokens of this.#importedFiles(name).reverse()) this.#push(tokens, name);
  }

  mistake(at: Token, form: MistakeForm, message: string, details: { suggestion?: string | undefined } = {}): void {
    const { suggestion } = details;
    const mistake = tokenMistake(at, form, message);
    this.mistakes.push(suggestion === undefined ? mistake : { ...mistake, suggestion });
    if (this.mistakes.length >= MAX_MISTAKES) this.#stop(at, `stopped after ${MAX_MISTAKES} mistakes`);
  }

  warn(at: Token, message: string, details: { suggestion?: string } = {}): void {
    if (this.warnings.length < MAX_MISTAKES)
      this.warnings.push({ ...tokenMistake(at, "parsing", message), ...details });
  }

  #importedFiles(name: Token): (readonly Token[])[] {
    const pattern = name.text;
    const path = resolve(dirname(name.file), pattern);
    if (path.length > MAX_PATH_LENGTH) {
      this.mistake(name, "parsing", `Could not import ${pattern}: the path is too long`);
      return [];
    }
    if (/\*.*\*|\?.*\?|[[\]]/s.test(pattern)) {
      const words = "Glob pattern may only contain one wildcard (*), but has others";
      this.mistake(name, "parsing", `${words}: ${path}`);
      return [];
    }
    const isGlob = /[*?]/.test(pattern);
    const paths = isGlob ? this.#disk.glob(path) : [path];
    if (paths.length === 0) this.warn(name, `No files matching import glob pattern: ${pattern}`);
    const imported: (readonly Token[])[] = [];
    for (const file of paths) {
      if (++this.#fileImports > MAX_FILE_IMPORTS) {
        this.#stop(name, `maximum file import depth (${MAX_FILE_IMPORTS}) exceeded`);
      }
      const known = this.#files.get(file);
      const tokens = known ?? this.#readFile(file, name);
      if (tokens === undefined) continue;
      this.#files.set(file, tokens);
      imported.push(tokens);
    }
    return imported;
  }

  #readFile(path: string, name: Token): readonly Token[] | undefined {
    try {
      return this.#lex(this.#disk.readFile(path), path);
    } catch (error) {
      if (error instanceof ConfigMistake) throw error;
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      const words = isMissing
        ? `File to import not found: ${name.text}`
        : `Could not import ${path}: ${systemMessage(error)}`;
      this.mistake(name, "parsing", words, { suggestion: nearest(name.text, this.#snippets.keys()) });
      return undefined;
    }
  }

  #lex(text: string, file: string): readonly Token[] {
    const start = { file, line: 1, column: 1, width: 1 };
    if (text.length > MAX_FILE_LENGTH) this.#stop(start, `${file} is ${tooLongText()}`);
    const { tokens, unclosed } = lex(text, file, this.#environment, MAX_WORDS);
    this.#unclosed ??= unclosed;
    return tokens;
  }

  #push(tokens: readonly Token[], at: WordPlace): void {
    this.#words += tokens.length;
    if (this.#words > MAX_WORDS) this.#stop(at, `more than ${MAX_WORDS} words, imported ones included`);
    // What has been read to its end goes first, or a file that imports itself would grow the stack.
    this.peek();
    this.#frames.push({ tokens, at: 0 });
    this.#atSeam = true;
  }

  /** For what makes further reading pointless. */
  #stop(at: WordPlace, message: string): never {
    throw new ConfigMistake(tokenMistake(at, "parsing", message));
  }
}
