/** Reads a Go template. What is wrong with one is said in Go's words: `template: answer:1: unclosed action`. */
import { quoteBytes, unquote } from "./go-quote.ts";
import { type Item, type ItemKind, lex } from "./lexer.ts";
import type { Argument, BranchNode, Command, Node, NumberArgument, Pipe } from "./nodes.ts";
import { argumentText } from "./nodes.ts";
import { parseNumber } from "./number.ts";
import { Failure, toBytes } from "./value.ts";

/** How deep parentheses and blocks may nest: more would only come from those who try the stack. */
const MAX_NESTING = 100;

/** A list of nodes under each name: the template itself, and what `define` and `block` add. */
export type Definitions = ReadonlyMap<string, readonly Node[]>;

/** Throws a Failure. */
export function parseTemplate(name: string, text: string, functions: ReadonlySet<string>): Definitions {
  const definitions = new Map<string, readonly Node[]>();
  new Parser(name, lex(text, name), functions, definitions).run();
  return definitions;
}

/** What ends a list. */
type Ending = "{{end}}" | "{{else}}";

const OPERANDS: ReadonlySet<ItemKind> = new Set<ItemKind>([
  ...(["bool", "char", "dot", "field", "identifier", "number", "nil", "raw", "string", "variable", "("] as const),
]);

class Parser {
  readonly #name: string;
  readonly #items: readonly Item[];
  readonly #functions: ReadonlySet<string>;
  readonly #definitions: Map<string, readonly Node[]>;
  #next = 0;
  #variables: string[] = ["$"];
  #rangeDepth = 0;
  #nesting = 0;

  constructor(
    name: string,
    items: readonly Item[],
    functions: ReadonlySet<string>,
    definitions: Map<string, readonly Node[]>,
  ) {
    this.#name = name;
    this.#items = items;
    this.#functions = functions;
    this.#definitions = definitions;
  }

  run(): void {
    const list: Node[] = [];
    while (this.#peek().kind !== "end") {
      if (this.#peek().kind === "open") {
        const back = this.#next;
        this.#take();
        if (this.#isKeyword("define")) {
          this.#takeWord();
          this.#definition();
          continue;
        }
        this.#next = back;
      }
      const node = this.#textOrAction();
      if (typeof node === "string") this.#fail(`unexpected ${node}`);
      list.push(node);
    }
    this.#define(this.#name, list);
  }

  #definition(): void {
    const name = this.#templateName(this.#takeWord(), "define clause");
    this.#expect("close", "define clause");
    this.#body(name, "define clause");
  }

  /** The list of a template of its own, which sees no variables but `$`. */
  #body(name: string, context: string): void {
    const outer = { variables: this.#variables, rangeDepth: this.#rangeDepth };
    this.#variables = ["$"];
    this.#rangeDepth = 0;
    const { list, ending } = this.#list();
    if (ending !== "{{end}}") this.#fail(`unexpected ${ending} in ${context}`);
    this.#variables = outer.variables;
    this.#rangeDepth = outer.rangeDepth;
    this.#define(name, list);
  }

  /** An empty template gives way to any other of its name. */
  #define(name: string, list: readonly Node[]): void {
    const known = this.#definitions.get(name);
    if (known !== undefined && !isEmpty(known)) {
      if (isEmpty(list)) return;
      this.#fail(`template: multiple definition of template ${quoteBytes(name)}`);
    }
    this.#definitions.set(name, list);
  }

  #templateName(item: Item, context: string): string {
    if (item.kind !== "string" && item.kind !== "raw") this.#unexpected(item, context);
    return this.#string(item);
  }

  #string(item: Item): string {
    const body = toBytes(item.text.slice(1, -1));
    // Go takes carriage returns out of raw strings.
    return item.kind === "raw" ? body.replaceAll("\r", "") : (unquote(body, '"') ?? this.#fail("invalid syntax"));
  }

  #list(): { list: Node[]; ending: Ending } {
    if (++this.#nesting > MAX_NESTING) this.#fail(`nested more than ${MAX_NESTING} deep`);
    const list: Node[] = [];
    while (this.#peekWord().kind !== "end") {
      const node = this.#textOrAction();
      if (typeof node === "string") {
        this.#nesting--;
        return { list, ending: node };
      }
      list.push(node);
    }
    return this.#fail("unexpected EOF");
  }

  #textOrAction(): Node | Ending {
    const item = this.#takeWord();
    if (item.kind === "text") return { kind: "text", text: toBytes(item.text) };
    if (item.kind === "open") return this.#action();
    return this.#unexpected(item, "input");
  }

  #action(): Node | Ending {
    const item = this.#takeWord();
    if (item.kind === "keyword") {
      switch (item.text) {
        case "if":
        case "with":
        case "range":
          return this.#branch(item.text, item.at);
        case "break":
        case "continue":
          return this.#jump(item.text);
        case "template":
          return this.#call();
        case "block":
          return this.#block();
        case "end":
          this.#expect("close", "end");
          return "{{end}}";
        case "else":
          if (!this.#isKeyword("if") && !this.#isKeyword("with")) this.#expect("close", "else");
          return "{{else}}";
      }
    }
    this.#next--;
    const { at } = this.#peek();
    return { kind: "action", at, pipe: this.#pipe("command", "close") };
  }

  #jump(kind: "break" | "continue"): Node {
    const item = this.#takeWord();
    if (item.kind !== "close") this.#unexpected(item, `{{${kind}}}`);
    if (this.#rangeDepth === 0) this.#fail(`{{${kind}}} outside {{range}}`);
    return { kind };
  }

  #branch(kind: "if" | "with" | "range", at: number): BranchNode {
    const mark = this.#variables.length;
    const pipe = this.#pipe(kind, "close");
    if (kind === "range") this.#rangeDepth++;
    const { list, ending } = this.#list();
    if (kind === "range") this.#rangeDepth--;
    const otherwise = ending === "{{else}}" ? this.#otherwise(kind) : [];
    this.#variables.length = mark;
    return { kind, at, pipe, list, otherwise };
  }

  #otherwise(kind: BranchNode["kind"]): readonly Node[] {
    const next = this.#peekWord();
    if (kind !== "range" && this.#isKeyword(kind)) {
      this.#takeWord();
      if (++this.#nesting > MAX_NESTING) this.#fail(`nested more than ${MAX_NESTING} deep`);
      const branch = this.#branch(kind, next.at);
      this.#nesting--;
      return [branch];
    }
    const { list, ending } = this.#list();
    if (ending !== "{{end}}") this.#fail(`expected end; found ${ending}`);
    return list;
  }

  #call(): Node {
    const { at } = this.#peekWord();
    const name = this.#templateName(this.#takeWord(), "template clause");
    if (this.#peekWord().kind === "close") {
      this.#takeWord();
      return { kind: "template", at, name, pipe: undefined };
    }
    return { kind: "template", at, name, pipe: this.#pipe("template clause", "close") };
  }

  #block(): Node {
    const { at } = this.#peekWord();
    const name = this.#templateName(this.#takeWord(), "block clause");
    const pipe = this.#pipe("block clause", "close");
    this.#body(name, "block clause");
    return { kind: "template", at, name, pipe };
  }

  #pipe(context: string, end: "close" | ")"): Pipe {
    const { at } = this.#peekWord();
    const { declared, assigns } = this.#declarations(context);
    const commands: Command[] = [];
    for (;;) {
      const item = this.#takeWord();
      if (item.kind === end) break;
      if (!OPERANDS.has(item.kind)) this.#unexpected(item, context);
      this.#next--;
      commands.push(this.#command());
    }
    if (commands.length === 0) this.#fail(`missing value for ${context}`);
    commands.slice(1).forEach(({ args }, i) => {
      if (CONSTANTS.has(args[0].kind)) this.#fail(`non executable command in pipeline stage ${i + 2}`);
    });
    return { kind: "pipe", at, declared, assigns, commands };
  }

  #declarations(context: string): { declared: string[]; assigns: boolean } {
    const declared: string[] = [];
    while (this.#peekWord().kind === "variable") {
      const back = this.#next;
      const variable = this.#takeWord();
      const next = this.#peekWord();
      if (next.kind === "assign" || next.kind === "declare") {
        this.#takeWord();
        declared.push(variable.text);
        this.#variables.push(variable.text);
        return { declared, assigns: next.kind === "assign" };
      }
      if (next.kind !== "other" || next.text !== ",") {
        this.#next = back;
        break;
      }
      this.#takeWord();
      declared.push(variable.text);
      this.#variables.push(variable.text);
      if (context !== "range" || declared.length >= 2) this.#fail(`too many declarations in ${context}`);
      const after = this.#peekWord().kind;
      if (after !== "variable" && after !== "close" && after !== ")") this.#fail("range can only initialize variables");
    }
    return { declared, assigns: false };
  }

  #command(): Command {
    const args: Argument[] = [];
    const { at } = this.#peekWord();
    for (;;) {
      this.#skipSpace();
      const operand = this.#operand();
      if (operand !== undefined) args.push(operand);
      const item = this.#take();
      if (item.kind === "space") continue;
      if (item.kind === "close" || item.kind === ")") this.#next--;
      else if (item.kind !== "pipe") this.#unexpected(item, "operand");
      break;
    }
    const [first, ...others] = args;
    if (first === undefined) return this.#fail("empty command");
    return { at, args: [first, ...others] };
  }

  #operand(): Argument | undefined {
    const term = this.#term();
    if (term === undefined || this.#peek().kind !== "field") return term;
    const { at } = this.#peek();
    const names: string[] = [];
    while (this.#peek().kind === "field") names.push(this.#take().text.slice(1));
    if (term.kind === "field" || term.kind === "variable") return { ...term, at, names: [...term.names, ...names] };
    if (CONSTANTS.has(term.kind)) return this.#fail(`unexpected . after term ${quoteBytes(argumentText(term))}`);
    return { kind: "chain", at, of: term, names };
  }

  #term(): Argument | undefined {
    const item = this.#takeWord();
    const { at, text } = item;
    switch (item.kind) {
      case "identifier":
        if (!this.#functions.has(text)) this.#fail(`function ${quoteBytes(toBytes(text))} not defined`);
        return { kind: "identifier", at, name: text };
      case "dot":
      case "nil":
        return { kind: item.kind, at };
      case "variable":
        if (!this.#variables.includes(text)) this.#fail(`undefined variable ${quoteBytes(toBytes(text))}`);
        return { kind: "variable", at, names: [text] };
      case "field":
        return { kind: "field", at, names: [text.slice(1)] };
      case "bool":
        return { kind: "bool", at, value: text === "true" };
      case "char":
      case "number":
        return this.#number(item);
      case "(": {
        if (++this.#nesting > MAX_NESTING) this.#fail(`nested more than ${MAX_NESTING} deep`);
        const pipe = this.#pipe("parenthesized pipeline", ")");
        this.#nesting--;
        return pipe;
      }
      case "string":
      case "raw":
        return { kind: "string", at, value: this.#string(item), quoted: text };
      default:
        this.#next--;
        return undefined;
    }
  }

  #number({ kind, text, at }: Item): NumberArgument {
    const number = parseNumber(text, kind === "char");
    if (typeof number === "string") return this.#fail(number);
    return { kind: "number", at, text, ...number };
  }

  #peek(): Item {
    return this.#items[this.#next]!;
  }

  #take(): Item {
    const item = this.#items[this.#next]!;
    // The last item, an end or an error, stays.
    if (this.#next < this.#items.length - 1) this.#next++;
    else this.#atEnd(item);
    return item;
  }

  #atEnd(item: Item): void {
    if (item.kind === "error") throw new Failure(item.text);
  }

  #skipSpace(): void {
    while (this.#peek().kind === "space") this.#next++;
  }

  #peekWord(): Item {
    this.#skipSpace();
    return this.#peek();
  }

  #takeWord(): Item {
    this.#skipSpace();
    return this.#take();
  }

  #isKeyword(word: string): boolean {
    const { kind, text } = this.#peekWord();
    return kind === "keyword" && text === word;
  }

  #expect(kind: ItemKind, context: string): void {
    const item = this.#takeWord();
    if (item.kind !== kind) this.#unexpected(item, context);
  }

  #unexpected(item: Item, context: string): never {
    return this.#fail(`unexpected ${itemText(item)} in ${context}`, item);
  }

  #fail(message: string, at: Item = this.#items[Math.max(this.#next - 1, 0)]!): never {
    throw new Failure(`template: ${this.#name}:${at.line}: ${message}`);
  }
}

const CONSTANTS: ReadonlySet<string> = new Set(["bool", "dot", "nil", "number", "string"]);

function isEmpty(list: readonly Node[]): boolean {
  return list.every((node) => node.kind === "text" && node.text.trim() === "");
}

/** As Go shows an item that it did not expect. */
function itemText({ kind, text }: Item): string {
  if (kind === "end") return "EOF";
  if (kind === "keyword") return `<${text}>`;
  const bytes = toBytes(text);
  return bytes.length > 10 ? `${quoteBytes(bytes.slice(0, 10))}...` : quoteBytes(bytes);
}
