/**
 * A line of a directive: its first word, and readers that take its arguments one after the other. A reader checks what
 * it takes, with range and default at the call, and throws a `ConfigMistake` otherwise.
 */

import { isIP } from "node:net";
import { isAbsolute, join } from "node:path";
import { formatDuration, parseDuration } from "./duration.ts";
import { type HostPort, splitAddress } from "./host-port.ts";
import { ConfigMistake, type Mistake, type MistakeForm, tokenMistake } from "./mistake.ts";
import { nearest } from "./nearest.ts";
import type { ServerKey, Token } from "./server-block.ts";
import { isDomainName, MAX_ZONES, normalizeZone, zonesOf } from "./zones.ts";

/** What a directive knows of the server block around it. */
interface BlockFacts {
  readonly keys: readonly ServerKey[];
  readonly root: string;
}

/** What the lines of one directive share. */
export interface LineContext {
  /** The name of the plugin. */
  readonly directive: string;
  readonly block: BlockFacts;
  readonly warnings: Mistake[];
}

interface Expectation<Value> {
  /** What the argument is, in the words of a message; the line's first word when absent. */
  readonly what?: string;
  /** Taken when the line has no further argument. Without it a missing argument is a mistake. */
  readonly default?: Value;
}

interface Range<Value> extends Expectation<Value> {
  readonly min?: number;
  readonly max?: number;
}

export class Line {
  /** The first word: the directive's or the option's name. */
  readonly head: Token;
  readonly args: readonly Token[];
  readonly #context: LineContext;
  #taken = 0;

  constructor(context: LineContext, head: Token, args: readonly Token[]) {
    this.#context = context;
    this.head = head;
    this.args = args;
  }

  get name(): string {
    return this.head.text;
  }

  /** How many arguments no reader has taken yet. */
  get left(): number {
    return this.args.length - this.#taken;
  }

  /** The next argument without taking it. */
  peek(): string | undefined {
    return this.args[this.#taken]?.text;
  }

  /** Takes the next argument with its place, for a reader that a plugin writes itself. */
  token(expected?: string): Token {
    const token = this.args[this.#taken];
    if (token === undefined) return this.wrongCount(expected);
    this.#taken++;
    return token;
  }

  word(options: Expectation<string> = {}): string {
    if (this.left === 0 && options.default !== undefined) return options.default;
    return this.token(options.what).text;
  }

  /** All arguments that are left. */
  rest(options: { readonly atLeast?: number; readonly what?: string } = {}): string[] {
    if (this.left < (options.atLeast ?? 0)) this.wrongCount(options.what);
    const words = this.args.slice(this.#taken).map((token) => token.text);
    this.#taken = this.args.length;
    return words;
  }

  oneOf<const Word extends string>(words: readonly Word[], options: Expectation<Word> = {}): Word {
    if (this.left === 0 && options.default !== undefined) return options.default;
    const expected = enumerate(words);
    const token = this.token(expected);
    const found = words.find((word) => word === token.text);
    if (found !== undefined) return found;
    const suggestion = nearest(token.text, words);
    return this.fail(`unknown ${options.what ?? this.name} '${token.text}', expected ${expected}`, token, {
      suggestion,
    });
  }

  integer(options: Range<number> = {}): number {
    if (this.left === 0 && options.default !== undefined) return options.default;
    const expected = `an integer${rangeText(options, String)}`;
    const token = this.token(expected);
    // Go's Atoi: a sign and decimal digits, nothing else. Beyond 2^53 a number would not be what was written.
    const value = /^[-+]?[0-9]+$/.test(token.text) ? Number(token.text) : Number.NaN;
    if (Number.isSafeInteger(value) && inRange(value, options)) return value;
    return this.#invalid(token, options.what, expected);
  }

  /** A number that may have a fraction. */
  decimal(options: Range<number> = {}): number {
    if (this.left === 0 && options.default !== undefined) return options.default;
    const expected = `a number${rangeText(options, String)}`;
    const token = this.token(expected);
    const value = /^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$/.test(token.text)
      ? Number(token.text)
      : Number.NaN;
    if (Number.isFinite(value) && inRange(value, options)) return value;
    return this.#invalid(token, options.what, expected);
  }

  /**
   * A duration in Go's syntax (`1h30m`, `300ms`), given and bounded in milliseconds; never negative unless `min` says
   * so. `bareSeconds` also takes `30` for `30s`.
   */
  duration(options: Range<number> & { readonly bareSeconds?: boolean } = {}): number {
    if (this.left === 0 && options.default !== undefined) return options.default;
    const range = { ...options, min: options.min ?? 0 };
    const limits = range.min === 0 && range.max === undefined ? "" : rangeText(range, formatDuration);
    const expected = `a duration${limits === "" ? " such as 300ms or 1m30s" : limits}`;
    const token = this.token(expected);
    const bare = /^[0-9]+$/.test(token.text);
    const ms = bare && options.bareSeconds ? Number(token.text) * 1000 : parseDuration(token.text);
    if (ms !== undefined && inRange(ms, range)) return ms;
    return this.#invalid(token, options.what, expected, bare ? `${token.text}s` : undefined);
  }

  /** One domain name, in lower case with the final dot. */
  domainName(options: Expectation<string> = {}): string {
    if (this.left === 0 && options.default !== undefined) return options.default;
    const token = this.token("a domain name");
    if (isDomainName(token.text)) return normalizeZone(token.text);
    return this.#invalid(token, options.what, "a domain name");
  }

  /** One zone. A CIDR that stands for several zones counts as the first of them, as in CoreDNS, with a warning. */
  zone(options: Expectation<string> = {}): string {
    if (this.left === 0 && options.default !== undefined) return options.default;
    const token = this.token("a zone");
    const zones = zonesOf(token.text);
    if (typeof zones === "string") return this.fail(zones, token);
    if (zones.length > 1)
      this.warn(`'${token.text}' stands for ${zones.length} zones, only ${zones[0]} is used`, token);
    return zones[0]!;
  }

  /**
   * The ZONES argument: all arguments that are left, a CIDR as its zones, else the zones of the server block. What is no
   * zone is left out with a warning, as CoreDNS starts with such words too.
   */
  zones(options: { readonly atLeast?: number } = {}): string[] {
    if (this.left < (options.atLeast ?? 0)) this.wrongCount("a zone");
    if (this.left === 0) return this.#context.block.keys.flatMap((key) => key.zones);
    return this.#zonesLeft();
  }

  /** The arguments of `fallthrough [ZONES]`: nothing means every name, that is the root. */
  fallthrough(): string[] {
    return this.left === 0 ? ["."] : this.#zonesLeft();
  }

  /** A file name, joined to the server block's root unless it is absolute. */
  path(options: Expectation<string> = {}): string {
    if (this.left === 0 && options.default !== undefined) return options.default;
    const path = this.token(options.what ?? "a file name").text;
    return this.#context.block.root === "" || isAbsolute(path) ? path : join(this.#context.block.root, path);
  }

  /** An IPv4 or IPv6 address without a port. */
  ip(options: Expectation<string> = {}): string {
    if (this.left === 0 && options.default !== undefined) return options.default;
    const token = this.token("an IP address");
    if (isIP(token.text) !== 0) return token.text;
    return this.#invalid(token, options.what, "an IP address");
  }

  /** `HOST:PORT`, `[IPV6]:PORT` or `:PORT`; with `defaultPort` the port may be missing. */
  address(options: Expectation<HostPort> & { readonly defaultPort?: number } = {}): HostPort {
    if (this.left === 0 && options.default !== undefined) return options.default;
    const expected = options.defaultPort === undefined ? "HOST:PORT" : "HOST or HOST:PORT";
    const token = this.token(expected);
    return splitAddress(token.text, options.defaultPort) ?? this.#invalid(token, options.what, expected);
  }

  noArguments(): void {
    this.exactly(0);
  }

  /** The line has `count` arguments in all, taken or not. */
  exactly(count: number): void {
    if (this.args.length < count) this.wrongCount(plural(count, "argument"));
    if (this.args.length > count) this.#tooMany(count);
  }

  /** Every argument has been taken. */
  end(): void {
    if (this.left > 0) this.#tooMany(this.#taken);
  }

  /** CoreDNS's words for a line that ends too early, or goes on too long. */
  wrongCount(expected?: string, after: Token = this.args.at(-1) ?? this.head): never {
    const words = `Wrong argument count or unexpected line ending after '${after.text}'`;
    return this.fail(expected === undefined ? words : `${words}, expected ${expected}`, after);
  }

  /** CoreDNS's words for an option that the plugin does not have; the nearest of the `known` ones is suggested. */
  unknownProperty(known: Iterable<string>): never {
    return this.fail(`unknown property '${this.name}'`, this.head, { suggestion: nearest(this.name, known) });
  }

  fail(message: string, at: Token = this.head, details: MistakeDetails = {}): never {
    throw new ConfigMistake(mistakeAt(at, this.#context.directive, message, details));
  }

  /** For what CoreDNS takes without a word, or what has a better word today: said at the start, and by `check`. */
  warn(message: string, at: Token = this.head, details: MistakeDetails = {}): void {
    this.#context.warnings.push(mistakeAt(at, this.#context.directive, message, details));
  }

  #zonesLeft(): string[] {
    const all: string[] = [];
    while (this.left > 0) {
      const token = this.token();
      const zones = zonesOf(token.text);
      if (typeof zones === "string") this.warn(`'${token.text}' is left out: ${zones}`, token);
      else all.push(...zones);
      if (all.length > MAX_ZONES) this.fail(`more than ${MAX_ZONES} zones`, token);
    }
    return all;
  }

  #tooMany(expected: number): never {
    return this.wrongCount(
      expected === 0 ? "no arguments" : `no more than ${plural(expected, "argument")}`,
      this.args[expected],
    );
  }

  #invalid(token: Token, what: string | undefined, expected: string, suggestion?: string): never {
    return this.fail(`invalid ${what ?? this.name} '${token.text}', expected ${expected}`, token, { suggestion });
  }
}

export interface MistakeDetails {
  readonly suggestion?: string | undefined;
  readonly form?: MistakeForm;
}

export function mistakeAt(at: Token, directive: string, message: string, details: MistakeDetails): Mistake {
  const mistake = { ...tokenMistake(at, details.form ?? "parsing", message), directive };
  return details.suggestion === undefined ? mistake : { ...mistake, suggestion: details.suggestion };
}

function inRange(value: number, range: Range<number>): boolean {
  return value >= (range.min ?? Number.NEGATIVE_INFINITY) && value <= (range.max ?? Number.POSITIVE_INFINITY);
}

function rangeText(range: Range<number>, format: (value: number) => string): string {
  if (range.min !== undefined && range.max !== undefined) return ` from ${format(range.min)} to ${format(range.max)}`;
  if (range.min !== undefined) return ` of at least ${format(range.min)}`;
  if (range.max !== undefined) return ` of at most ${format(range.max)}`;
  return "";
}

function enumerate(words: readonly string[]): string {
  if (words.length < 2) return words.join();
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function plural(count: number, word: string): string {
  return count === 1 ? `1 ${word}` : `${count} ${word}s`;
}
