/**
 * A Corefile's text into server blocks. The grammar, as CoreDNS has it:
 *
 *   file       every block in turn; a key list of exactly one `(name)` makes the block a snippet
 *   block      KEY... { directives }     keys end with their line, unless a comma ends the line;
 *              KEY... directives         without braces the rest of the file is the block
 *   directive  NAME ARGUMENT... [{ option lines }]      the brace stands on the directive's line
 *   import     in place of a block, a directive or an option line
 *
 * Parsing goes on behind a mistake, so that all of them can be shown at once.
 */

import { Directive, Option, Stanza } from "./directive.ts";
import type { Environment } from "./environment.ts";
import { type CorefileFiles, diskFiles } from "./files.ts";
import { WordStream } from "./import.ts";
import { DEFAULT_DNS_PORT, readKey } from "./keys.ts";
import type { LineContext } from "./line.ts";
import { ConfigMistake, type Mistake, tokenMistake } from "./mistake.ts";
import { nearest } from "./nearest.ts";
import type { ServerBlock, ServerKey, Token } from "./server-block.ts";
import { MAX_ZONES } from "./zones.ts";

export interface ParseOptions {
  /** The name under which mistakes speak of the text, and relative to which it imports. */
  readonly file: string;
  /** The names of all directives; others are mistakes. Absent: any word is one. */
  readonly directives?: Iterable<string>;
  /** Variables for `{$NAME}`; none by default. */
  readonly environment?: Environment;
  /** Where imported files come from: the disk by default. */
  readonly files?: CorefileFiles;
  /** The port of keys without one. */
  readonly dnsPort?: number;
}

export interface Parsed {
  /** Empty for a file without server blocks: then `DEFAULT_COREFILE` is what CoreDNS serves. */
  readonly blocks: readonly ServerBlock[];
  /** In the order that CoreDNS finds them, syntax before keys, so that the first is the one it would stop at. */
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly Mistake[];
}

/** Served when there is no Corefile, or an empty one. */
export const DEFAULT_COREFILE = ".\nwhoami\nlog\n";

export function parseCorefile(text: string, options: ParseOptions): Parsed {
  const parser = new Parser(options);
  return parser.parse(text, options.file, options.environment ?? {}, options.files ?? diskFiles);
}

class Parser {
  readonly #known: ReadonlySet<string> | undefined;
  readonly #dnsPort: number;
  readonly #blocks: ServerBlock[] = [];
  readonly #keyMistakes: Mistake[] = [];
  #words!: WordStream;
  #zones = 0;

  constructor(options: ParseOptions) {
    this.#known = options.directives && new Set(options.directives);
    this.#dnsPort = options.dnsPort ?? DEFAULT_DNS_PORT;
  }

  parse(text: string, file: string, environment: Environment, files: CorefileFiles): Parsed {
    const words = new WordStream(environment, files);
    this.#words = words;
    const fatal: Mistake[] = [];
    try {
      words.open(text, file);
      while (words.peek() !== undefined) this.#block();
    } catch (error) {
      if (!(error instanceof ConfigMistake)) throw error;
      fatal.push(error.mistake);
    }
    const mistakes = [...words.mistakes, ...fatal, ...this.#keyMistakes];
    if (words.unclosed === undefined) return { blocks: this.#blocks, mistakes, warnings: words.warnings };
    // A missing quote swallows the rest of the file, and whatever that breaks is said behind it. When it breaks nothing,
    // CoreDNS starts with the rest of the file as one word.
    const quote = tokenMistake(words.unclosed, "parsing", "this quote is never closed");
    const isHarmless = mistakes.length === 0;
    return {
      blocks: this.#blocks,
      mistakes: isHarmless ? [] : [quote, ...mistakes],
      warnings: isHarmless ? [...words.warnings, quote] : words.warnings,
    };
  }

  #block(): void {
    const words = this.#words;
    const place = words.peek()!;
    const keys = this.#keys();
    if (keys === "import") return;
    const [first] = keys;
    if (keys.length === 1 && /^\(.*\)$/s.test(first!.text)) {
      this.#snippet(first!.token, first!.text.slice(1, -1));
      return;
    }
    const hasBraces = words.isOpen(words.peek());
    if (hasBraces) words.take();
    // An unset variable in place of the keys makes such a block.
    if (keys.length === 0) words.warn(place, "this server block has no zone, so it is never served");
    if (words.isClose(first?.token)) words.warn(first!.token, "this '}' closes nothing, so it is a zone of this name");
    for (const { token, text } of keys) {
      if (!words.isClose(token)) this.#stuckBrace(token, text);
      // A brace too many ends the block before, and what follows in it looks like a block without braces.
      if (!hasBraces && this.#known?.has(text))
        words.warn(token, `'${text}' is a zone of this name, outside of a block`);
    }
    const body = new BlockBody(keys.map((key) => this.#readKey(key.token, key.text)));
    this.#directives(body, hasBraces);
    this.#keyMistakes.push(...body.keyMistakes);
    if (keys.length > 0) this.#blocks.push(body.finish(place));
  }

  /** A brace without a space around it is a part of the word, and here of a zone's name. */
  #stuckBrace(key: Token, text: string): void {
    if (key.quoted || !STUCK_BRACE.test(key.text)) return;
    this.#words.warn(key, `'${text}' is a zone of this name, as a brace must be a word of its own`, {
      suggestion: spaceBraces(text),
    });
  }

  /** The keys in front of a block. A comma behind a key is taken off and lets the list go on in the next line. */
  #keys(): { readonly token: Token; readonly text: string }[] | "import" {
    const words = this.#words;
    const keys: { token: Token; text: string }[] = [];
    let expectsAnother = false;
    for (let token = words.peek(); token !== undefined; token = words.peek()) {
      if (words.isImport(token) && words.startsLine()) {
        words.expandImport();
        // Imported blocks follow one another: their keys are not this block's.
        if (keys.length === 0) return "import";
        continue;
      }
      if (words.isOpen(token)) {
        if (expectsAnother) {
          words.mistake(token, "parsing", "Expected another address but had '{' - check for extra comma");
        }
        return keys;
      }
      words.take();
      expectsAnother = token.text.endsWith(",");
      if (token.text !== "") keys.push({ token, text: expectsAnother ? token.text.slice(0, -1) : token.text });
      if (!expectsAnother && words.peekInLine() === undefined) return keys;
    }
    if (expectsAnother) words.mistake(words.last!, "parsing", "Unexpected EOF");
    return keys;
  }

  #readKey(token: Token, text: string): ServerKey | Mistake {
    const key = readKey(token, text, this.#dnsPort);
    if ("zones" in key) this.#zones += key.zones.length;
    if (this.#zones > MAX_ZONES)
      throw new ConfigMistake(tokenMistake(token, "parsing", `more than ${MAX_ZONES} zones`));
    return key;
  }

  /** Keeps the words of a snippet unread: what they mean shows where they are imported. */
  #snippet(name: Token, snippet: string): void {
    const words = this.#words;
    const open = words.peek();
    if (open === undefined) {
      words.mistake(name, "parsing", "Unexpected EOF");
      return;
    }
    if (!words.isOpen(open)) {
      words.mistake(open, "syntax", `Unexpected token '${open.text}', expecting '{'`);
      return;
    }
    words.take();
    const body: Token[] = [];
    for (let depth = 1; ; ) {
      const token = words.peek();
      if (token === undefined) {
        this.#expectedClose();
        return;
      }
      words.take();
      if (words.isOpen(token)) depth++;
      if (words.isClose(token) && --depth === 0) break;
      body.push(token);
    }
    words.define(name, snippet, body);
  }

  #directives(body: BlockBody, hasBraces: boolean): void {
    const words = this.#words;
    for (let token = words.peek(); token !== undefined; token = words.peek()) {
      if (words.isClose(token)) {
        words.take();
        // Behind a block without braces a brace ends nothing that was begun, but CoreDNS takes it for the end.
        return;
      }
      if (words.isImport(token)) words.expandImport();
      else if (!this.#directive(body)) return;
    }
    if (hasBraces) this.#unclosedBlock();
  }

  /** The file ends within a block. */
  #unclosedBlock(): void {
    const words = this.#words;
    const last = words.last!;
    // CoreDNS looks at the last word only, so the brace of a directive's options passes for the block's.
    if (words.isClose(last)) words.warn(last, "the server block is not closed, expected one more '}'");
    else this.#expectedClose();
  }

  #expectedClose(): void {
    const last = this.#words.last!;
    this.#words.mistake(last, "syntax", `Unexpected token '${last.text}', expecting '}'`);
  }

  /** Reads one occurrence of a directive. False when the block has ended with it, by a brace too many or a file too short. */
  #directive(body: BlockBody): boolean {
    const words = this.#words;
    const name = words.take();
    const args: Token[] = [];
    const options: OptionWords[] = [];
    const isKnown = this.#known === undefined || this.#known.has(name.text) || isPluginPath(name.text);
    if (!isKnown) {
      const suggestion = STUCK_BRACE.test(name.text) ? spaceBraces(name.text) : nearest(name.text, this.#known ?? []);
      const expected = FOREIGN_COMMENT.test(name.text) ? ", comments begin with #" : "";
      words.mistake(name, "parsing", `Unknown directive '${name.text}'${expected}`, { suggestion });
    }
    let brace = words.isOpen(name) ? name : undefined;
    let blockGoesOn = brace === undefined || this.#options(options);
    for (let token = words.peek(); token !== undefined && blockGoesOn; token = words.peek()) {
      if (words.startsLine() && !words.isOpen(token)) break;
      if (words.startsLine()) {
        words.mistake(token, "parsing", `Unexpected token '{', expecting it on the line of '${name.text}'`);
      } else if (words.isClose(token)) {
        words.mistake(token, "parsing", "Unexpected '}' because no matching opening brace");
        blockGoesOn = false;
      } else if (brace !== undefined) {
        words.mistake(token, "parsing", `Unexpected token '${token.text}' behind '}', expecting the end of the line`);
      }
      words.take();
      if (words.isOpen(token)) {
        brace ??= token;
        blockGoesOn = this.#options(options);
      } else if (blockGoesOn) {
        args.push(token);
      }
    }
    if (isKnown) body.add(name, args, options, brace);
    return blockGoesOn;
  }

  /** The lines between a directive's braces, the closing one included. False when the file ends before it. */
  #options(options: OptionWords[]): boolean {
    const words = this.#words;
    /** Braces within the option lines: no plugin has a use for them, their words are left out. */
    let nested = 0;
    let opensLine = true;
    for (let token = words.peek(); token !== undefined; token = words.peek()) {
      const startsLine = words.startsLine();
      if (words.isImport(token) && startsLine) {
        words.expandImport();
        continue;
      }
      words.take();
      if (words.isClose(token)) {
        if (nested-- === 0) return true;
      } else if (words.isOpen(token)) {
        if (nested++ === 0) words.mistake(token, "parsing", "Unexpected token '{', expecting argument");
      } else if (nested === 0) {
        if (startsLine || opensLine) options.push({ name: token, args: [] });
        else options.at(-1)!.args.push(token);
        opensLine = false;
      }
    }
    words.mistake(words.last!, "parsing", "Unexpected EOF");
    return false;
  }
}

/** A directive may name a plugin's file instead of one of our own plugins: `./plugins/greeting.js`. */
export function isPluginPath(name: string): boolean {
  return /^\.{0,2}\//.test(name) && !FOREIGN_COMMENT.test(name);
}

/** Not a brace alone. */
const STUCK_BRACE = /.[{}]|[{}]./s;

function spaceBraces(text: string): string {
  return text.replace(/[{}]/g, " $& ").replace(/ +/g, " ").trim();
}

/** How comments begin elsewhere. */
const FOREIGN_COMMENT = /^\/[/*]/;

interface OptionWords {
  readonly name: Token;
  readonly args: Token[];
}

/** Gathers what a block says to each plugin, while the block is being read. */
class BlockBody {
  readonly keyMistakes: Mistake[] = [];
  readonly #keys: ServerKey[] = [];
  readonly #plugins = new Map<string, { readonly context: LineContext; readonly stanzas: Stanza[] }>();
  readonly #facts: { readonly keys: readonly ServerKey[]; root: string };

  constructor(keys: readonly (ServerKey | Mistake)[]) {
    for (const key of keys) {
      if ("message" in key) this.keyMistakes.push(key);
      else this.#keys.push(key);
    }
    this.#facts = { keys: this.#keys, root: "" };
  }

  add(name: Token, args: readonly Token[], options: readonly OptionWords[], brace: Token | undefined): void {
    const context = { directive: name.text, block: this.#facts, warnings: [] };
    const plugin = this.#plugins.get(name.text) ?? { context, stanzas: [] };
    this.#plugins.set(name.text, plugin);
    const lines = options.map((option) => new Option(plugin.context, option.name, option.args));
    plugin.stanzas.push(new Stanza(plugin.context, name, args, lines, brace));
    // Every plugin of the block may ask for the root, wherever `root` stands: the last one counts.
    if (name.text === "root" && args[0] !== undefined) this.#facts.root = args[0].text;
  }

  finish(place: Token): ServerBlock {
    const { file, line, column } = place;
    const directives = [...this.#plugins.values()].map(({ context, stanzas }) => new Directive(context, stanzas));
    return { place: { file, line, column }, keys: this.#keys, directives, root: this.#facts.root };
  }
}
