/**
 * What the parse half of a plugin reads: one `Directive` for all that a server block says to the plugin.
 *
 *   forward . 192.0.2.1 192.0.2.2 {     a Stanza; its arguments are `.` and two addresses
 *     max_fails 3                       an Option of that stanza
 *   }
 *   forward example.org 192.0.2.3       another Stanza of the same Directive
 *
 * Stanzas and options are both lines: a first word and arguments, which the readers take one after the other. A reader
 * checks what it takes, with range and default at the call, and throws a `ConfigMistake` that says where, what was
 * found and what was expected:
 *
 *   const stanza = directive.once();
 *   config.zones = stanza.zones();
 *   stanza.eachOption({
 *     policy: (line) => { config.policy = line.oneOf(["random", "round_robin", "sequential"]); },
 *     max_fails: (line) => { config.maxFails = line.integer({ min: 0 }); },
 *     expire: (line) => { config.expireMs = line.duration({ min: 1000 }); },
 *   });
 *
 * `eachOption` refuses unknown options and arguments that no reader took; a plugin without options calls `noOptions`.
 */

import { Line, type LineContext, type MistakeDetails, mistakeAt } from "./line.ts";
import { ConfigMistake, MAX_MISTAKES, type Mistake } from "./mistake.ts";
import type { ServerKey, Token } from "./server-block.ts";

/** A line within the braces of a stanza. */
export class Option extends Line {}

/** One occurrence of a directive: its line, and the option lines in its braces. */
export class Stanza extends Line {
  readonly options: readonly Option[];
  /** The brace that opens the options, which may be none; undefined when there is no brace. */
  readonly brace: Token | undefined;

  constructor(
    context: LineContext,
    head: Token,
    args: readonly Token[],
    options: readonly Option[],
    brace: Token | undefined,
  ) {
    super(context, head, args);
    this.options = options;
    this.brace = brace;
  }

  /** Checks that the stanza's own arguments are all taken, then hands every option to the reader of its name. */
  eachOption(readers: Readonly<Record<string, (line: Option) => void>>): void {
    this.end();
    this.readOptions((option) => {
      if (!Object.hasOwn(readers, option.name)) option.unknownProperty(Object.keys(readers));
      readers[option.name]!(option);
      option.end();
    });
  }

  readOptions<Value>(read: (line: Option) => Value): Value[] {
    return readEach(this.options, read);
  }

  /** For a plugin that has no options. CoreDNS does not take an empty pair of braces there either. */
  noOptions(): void {
    this.end();
    if (this.brace !== undefined) this.fail("Unexpected token '{', expecting argument", this.brace);
  }
}

/** All that one server block says to one plugin. */
export class Directive {
  readonly stanzas: readonly Stanza[];
  readonly #context: LineContext;

  constructor(context: LineContext, stanzas: readonly Stanza[]) {
    this.#context = context;
    this.stanzas = stanzas;
  }

  get name(): string {
    return this.#context.directive;
  }

  /** The keys of the server block. */
  get keys(): readonly ServerKey[] {
    return this.#context.block.keys;
  }

  /** Filled while the plugin parses. */
  get warnings(): readonly Mistake[] {
    return this.#context.warnings;
  }

  readStanzas<Value>(read: (stanza: Stanza) => Value): Value[] {
    return readEach(this.stanzas, read);
  }

  /** One directive per stanza, for a plugin whose every occurrence is an element of the chain. */
  perStanza(): Directive[] {
    return this.stanzas.map((stanza) => new Directive(this.#context, [stanza]));
  }

  /** The only stanza, for the plugins that a server block may have once. */
  once(): Stanza {
    const [first, second] = this.stanzas;
    if (second !== undefined)
      second.fail("this plugin can only be used once per Server Block", second.head, { form: "plain" });
    return first!;
  }

  /** For a plugin that is nothing but its zones: the ZONES of all its stanzas. */
  zones(options: { readonly atLeast?: number } = {}): string[] {
    const zones: string[] = [];
    for (const stanza of this.stanzas) {
      zones.push(...stanza.zones(options));
      stanza.noOptions();
    }
    return zones;
  }

  /** For a plugin that is nothing but its name. CoreDNS lets such a plugin stand in a block more than once. */
  alone(): void {
    for (const stanza of this.stanzas) {
      stanza.noArguments();
      stanza.noOptions();
    }
  }

  fail(message: string, at: Token = this.stanzas[0]!.head, details: MistakeDetails = {}): never {
    throw new ConfigMistake(mistakeAt(at, this.name, message, details));
  }
}

/** A mistake in one line does not keep the others from being read, so that all can be shown at once. */
function readEach<One extends Line, Value>(lines: readonly One[], read: (line: One) => Value): Value[] {
  const values: Value[] = [];
  const mistakes: Mistake[] = [];
  for (const line of lines) {
    try {
      values.push(read(line));
    } catch (error) {
      if (!(error instanceof ConfigMistake)) throw error;
      mistakes.push(error.mistake, ...error.others);
      if (mistakes.length >= MAX_MISTAKES) break;
    }
  }
  const [first, ...others] = mistakes;
  if (first !== undefined) throw new ConfigMistake(first, others.slice(0, MAX_MISTAKES - 1));
  return values;
}
