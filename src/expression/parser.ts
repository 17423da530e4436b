/** Reads the text of an expression: precedence climbing over the tokens. Throws a Mistake in expr-lang's words. */
import { BUILTIN_NAMES, PREDICATE_BUILTINS } from "./builtin-names.ts";
import { lex, Mistake, type Token } from "./lexer.ts";
import type { Node } from "./nodes.ts";

/** How deep an expression may nest, and of how many nodes it may consist. */
const MAX_NESTING = 200;
const MAX_NODES = 10_000;

interface Operator {
  readonly precedence: number;
  readonly rightFirst?: boolean;
}

const BINARY: ReadonlyMap<string, Operator> = new Map(
  Object.entries({
    "|": { precedence: 0 },
    or: { precedence: 10 },
    "||": { precedence: 10 },
    and: { precedence: 15 },
    "&&": { precedence: 15 },
    "==": { precedence: 20 },
    "!=": { precedence: 20 },
    "<": { precedence: 20 },
    ">": { precedence: 20 },
    ">=": { precedence: 20 },
    "<=": { precedence: 20 },
    in: { precedence: 20 },
    matches: { precedence: 20 },
    contains: { precedence: 20 },
    startsWith: { precedence: 20 },
    endsWith: { precedence: 20 },
    "..": { precedence: 25 },
    "+": { precedence: 30 },
    "-": { precedence: 30 },
    "*": { precedence: 60 },
    "/": { precedence: 60 },
    "%": { precedence: 60 },
    "**": { precedence: 100, rightFirst: true },
    "^": { precedence: 100, rightFirst: true },
    "??": { precedence: 500 },
  }),
);
const UNARY: ReadonlyMap<string, number> = new Map([
  ["not", 50],
  ["!", 50],
  ["-", 90],
  ["+", 90],
]);
const LITERALS: Readonly<Record<string, string>> = { "0x": "hex", "0b": "binary", "0o": "octal" };
/** Those that may stand behind `not`. */
const NEGATABLE: ReadonlySet<string> = new Set(["in", "matches", "contains", "startsWith", "endsWith"]);
const COMPARISONS: ReadonlySet<string> = new Set(["<", ">", "<=", ">="]);

export function parse(text: string, isOwn: (name: string) => boolean): Node {
  const parser = new Parser(lex(text), isOwn);
  return parser.run();
}

class Parser {
  readonly #tokens: readonly Token[];
  /** The host's names hide builtins. */
  readonly #isOwn: (name: string) => boolean;
  #index = 0;
  #nodes = 0;
  #nesting = 0;
  /** How many predicates we are in: only there is `#` something. */
  #predicates = 0;

  constructor(tokens: readonly Token[], isOwn: (name: string) => boolean) {
    this.#tokens = tokens;
    this.#isOwn = isOwn;
  }

  run(): Node {
    const node = this.#sequence();
    if (this.#current.kind !== "end") this.#unexpected();
    return node;
  }

  get #current(): Token {
    return this.#tokens[this.#index]!;
  }

  #next(): Token {
    const token = this.#current;
    if (this.#index < this.#tokens.length - 1) this.#index++;
    return token;
  }

  #is(kind: Token["kind"], text: string): boolean {
    const { kind: is, text: word } = this.#current;
    return is === kind && word === text;
  }

  #take(kind: Token["kind"], text: string): boolean {
    if (!this.#is(kind, text)) return false;
    this.#next();
    return true;
  }

  #expect(kind: Token["kind"], text: string): void {
    if (!this.#take(kind, text)) this.#unexpected();
  }

  #unexpected(): never {
    const { kind, text, at } = this.#current;
    const name = kind[0]!.toUpperCase() + kind.slice(1);
    throw new Mistake(`unexpected token ${kind === "end" ? "EOF" : `${name}(${JSON.stringify(text)})`}`, at);
  }

  #make(node: Node): Node {
    if (++this.#nodes > MAX_NODES)
      throw new Mistake("compilation failed: expression exceeds maximum allowed nodes", node.at);
    return node;
  }

  #sequence(): Node {
    let node = this.#expression(0);
    while (this.#is("operator", ";")) {
      const { at } = this.#next();
      // A semicolon may also end the text.
      if (this.#current.kind === "end" || this.#is("bracket", ")") || this.#is("bracket", "}")) break;
      node = this.#make({ kind: "sequence", at, first: node, second: this.#expression(0) });
    }
    return node;
  }

  #expression(precedence: number): Node {
    if (++this.#nesting > MAX_NESTING) throw new Mistake(`nested more than ${MAX_NESTING} deep`, this.#current.at);
    const node = this.#unbounded(precedence);
    this.#nesting--;
    return node;
  }

  #unbounded(precedence: number): Node {
    if (precedence === 0) {
      if (this.#is("operator", "let")) return this.#let();
      if (this.#is("operator", "if")) return this.#if();
    }
    let left = this.#primary();
    while (this.#current.kind === "operator") {
      const negated = this.#is("operator", "not") && NEGATABLE.has(this.#tokens[this.#index + 1]?.text ?? "");
      const word = negated ? this.#tokens[this.#index + 1]!.text : this.#current.text;
      const operator = BINARY.get(word);
      if (operator === undefined || operator.precedence < precedence) break;
      if (negated) this.#next();
      const { at } = this.#next();
      if (word === "|") {
        left = this.#pipe(left);
        continue;
      }
      const right = this.#expression(operator.rightFirst ? operator.precedence : operator.precedence + 1);
      left = this.#make({ kind: "binary", at, operator: word, left, right });
      if (COMPARISONS.has(word)) left = this.#chained(left, right);
      if (negated) left = this.#make({ kind: "unary", at, operator: "not", of: left });
    }
    return precedence === 0 ? this.#conditional(left) : left;
  }

  /** `1 < x < 5` means both. */
  #chained(first: Node, middle: Node): Node {
    let all = first;
    let left = middle;
    while (this.#current.kind === "operator" && COMPARISONS.has(this.#current.text)) {
      const { text: operator, at } = this.#next();
      const right = this.#expression(BINARY.get(operator)!.precedence + 1);
      const comparison = this.#make({ kind: "binary", at, operator, left, right });
      all = this.#make({ kind: "binary", at, operator: "&&", left: all, right: comparison });
      left = right;
    }
    return all;
  }

  #conditional(condition: Node): Node {
    let node = condition;
    while (this.#take("operator", "?")) {
      const elvis = this.#take("operator", ":");
      const yes = elvis ? node : this.#expression(0);
      if (!elvis) this.#expect("operator", ":");
      node = this.#make({ kind: "if", at: node.at, condition: node, yes, no: this.#expression(0) });
    }
    return node;
  }

  #let(): Node {
    this.#next();
    const { kind, text: name, at } = this.#current;
    if (kind !== "identifier") this.#unexpected();
    this.#next();
    this.#expect("operator", "=");
    const value = this.#expression(0);
    this.#expect("operator", ";");
    return this.#make({ kind: "let", at, name, value, body: this.#sequence() });
  }

  #if(): Node {
    this.#next();
    const condition = this.#expression(0);
    this.#expect("bracket", "{");
    const yes = this.#sequence();
    this.#expect("bracket", "}");
    if (!this.#take("operator", "else")) this.#unexpected();
    if (this.#is("operator", "if")) {
      return this.#make({ kind: "if", at: condition.at, condition, yes, no: this.#expression(0) });
    }
    this.#expect("bracket", "{");
    const no = this.#sequence();
    this.#expect("bracket", "}");
    return this.#make({ kind: "if", at: condition.at, condition, yes, no });
  }

  #primary(): Node {
    const { kind, text, at } = this.#current;
    if (kind === "operator") {
      const precedence = UNARY.get(text);
      if (precedence !== undefined) {
        this.#next();
        const of = this.#expression(precedence);
        return this.#postfix(this.#make({ kind: "unary", at, operator: text, of }));
      }
      if (text === "::") {
        this.#next();
        const name = this.#next();
        if (name.kind !== "identifier") this.#unexpected();
        return this.#postfix(this.#call(name, [], true));
      }
      if (this.#predicates > 0 && text === "#") return this.#postfix(this.#pointer());
      if (this.#predicates > 0 && text === ".") {
        return this.#postfix(this.#make({ kind: "pointer", at, name: "" }));
      }
    }
    if (this.#take("bracket", "(")) {
      const node = this.#sequence();
      this.#expect("bracket", ")");
      return this.#postfix(node);
    }
    return this.#postfix(this.#secondary());
  }

  #pointer(): Node {
    const { at } = this.#next();
    const { kind, text } = this.#current;
    if (kind !== "identifier") return this.#make({ kind: "pointer", at, name: "" });
    if (text !== "acc" && text !== "index") throw new Mistake(`unknown pointer #${text}`, at);
    this.#next();
    return this.#make({ kind: "pointer", at, name: text });
  }

  #secondary(): Node {
    const token = this.#current;
    const { kind, text, at } = token;
    switch (kind) {
      case "identifier":
        this.#next();
        if (text === "true" || text === "false") return this.#make({ kind: "constant", at, value: text === "true" });
        if (text === "nil") return this.#make({ kind: "constant", at, value: undefined });
        if (text === "$env") return this.#make({ kind: "environment", at });
        return this.#call(token, [], false);
      case "number":
        this.#next();
        return this.#make({ kind: "constant", at, value: this.#number(text) });
      case "string":
        this.#next();
        return this.#make({ kind: "constant", at, value: text });
      case "bracket":
        if (text === "[") return this.#list();
        if (text === "{") return this.#map();
    }
    return this.#unexpected();
  }

  #number(text: string): bigint | number {
    const digits = text.replaceAll("_", "");
    const { at } = this.#current;
    if (/^0[xXbBoO]|^[0-9]+$/.test(digits)) {
      const wrong = (why: string): never => {
        const kind = LITERALS[digits.slice(0, 2).toLowerCase()] ?? "integer";
        throw new Mistake(`invalid ${kind} literal: strconv.ParseInt: parsing "${digits}": ${why}`, at);
      };
      if (/^0[a-z]$/i.test(digits)) wrong("invalid syntax");
      const value = BigInt(digits.replace(/^0+(?=[0-9])/, ""));
      return value < 1n << 63n ? value : wrong("value out of range");
    }
    const value = Number(digits);
    if (!Number.isFinite(value)) {
      throw new Mistake(`invalid float literal: strconv.ParseFloat: parsing "${digits}": value out of range`, at);
    }
    return value;
  }

  /** A name, called or not. `piped` stands before the arguments that are written. */
  #call({ text: name, at }: Token, piped: readonly Node[], onlyBuiltin: boolean): Node {
    const isBuiltin = BUILTIN_NAMES.has(name) && (onlyBuiltin || !this.#isOwn(name));
    if (!this.#is("bracket", "(")) {
      if (piped.length > 0 || onlyBuiltin) this.#unexpected();
      return this.#make({ kind: "name", at, name });
    }
    if (!isBuiltin) {
      if (onlyBuiltin) throw new Mistake(`unknown builtin ${name}`, at);
      const of = this.#make({ kind: "name", at, name });
      return this.#make({ kind: "call", at, of, args: [...piped, ...this.#arguments()] });
    }
    if (PREDICATE_BUILTINS.has(name)) return this.#predicateCall(name, at, piped);
    return this.#make({ kind: "builtin", at, name, args: [...piped, ...this.#arguments()], predicateAt: at });
  }

  #arguments(): Node[] {
    this.#expect("bracket", "(");
    const args: Node[] = [];
    while (!this.#is("bracket", ")")) {
      if (args.length > 0) this.#expect("operator", ",");
      if (this.#is("bracket", ")")) break;
      args.push(this.#expression(0));
    }
    this.#next();
    return args;
  }

  /** A list, a predicate, and for some a value (`reduce`, `sortBy`). The predicate may be missing where that means each item. */
  #predicateCall(name: string, at: number, piped: readonly Node[]): Node {
    this.#expect("bracket", "(");
    const args = [...piped];
    let predicateAt = at;
    while (!this.#is("bracket", ")")) {
      if (args.length > piped.length) this.#expect("operator", ",");
      if (this.#is("bracket", ")")) break;
      if (args.length === 1) predicateAt = this.#current.at;
      args.push(args.length === 1 ? this.#predicate() : this.#expression(0));
    }
    const least = PREDICATE_BUILTINS.get(name)!.least;
    if (args.length < least) throw new Mistake(`expected at least ${least} arguments`, this.#current.at);
    this.#next();
    return this.#make({ kind: "builtin", at, name, args, predicateAt });
  }

  #predicate(): Node {
    this.#predicates++;
    const braces = this.#take("bracket", "{");
    const node = braces ? this.#sequence() : this.#expression(0);
    if (braces) this.#expect("bracket", "}");
    this.#predicates--;
    return node;
  }

  #pipe(left: Node): Node {
    const name = this.#next();
    if (name.kind !== "identifier") {
      this.#index--;
      this.#unexpected();
    }
    return this.#postfix(this.#call(name, [left], false));
  }

  #list(): Node {
    const { at } = this.#next();
    const items: Node[] = [];
    while (!this.#is("bracket", "]")) {
      if (items.length > 0) this.#expect("operator", ",");
      if (this.#is("bracket", "]")) break;
      items.push(this.#expression(0));
    }
    this.#next();
    return this.#make({ kind: "list", at, items });
  }

  #map(): Node {
    const { at } = this.#next();
    const pairs: [Node, Node][] = [];
    while (!this.#is("bracket", "}")) {
      if (pairs.length > 0) this.#expect("operator", ",");
      if (this.#is("bracket", "}")) break;
      const key = this.#key();
      this.#expect("operator", ":");
      pairs.push([key, this.#expression(0)]);
    }
    this.#next();
    return this.#make({ kind: "map", at, pairs });
  }

  #key(): Node {
    const { kind, text, at } = this.#current;
    if (this.#take("bracket", "(")) {
      const key = this.#expression(0);
      this.#expect("bracket", ")");
      return key;
    }
    if (!["number", "string", "identifier"].includes(kind)) {
      const name = kind === "end" ? "EOF" : `${kind[0]!.toUpperCase() + kind.slice(1)}(${JSON.stringify(text)})`;
      throw new Mistake(
        `a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses (unexpected token ${name})`,
        at,
      );
    }
    this.#next();
    return this.#make({ kind: "constant", at, value: text });
  }

  /** `.name`, `?.name`, `[index]`, `[from:to]` and calls behind a node. */
  #postfix(start: Node): Node {
    let node = start;
    let optionalSeen = false;
    for (;;) {
      const { at } = this.#current;
      // `.name` at the start of a predicate means the element's; it has been made a pointer without taking the point.
      if (this.#is("operator", ".") || this.#is("operator", "?.")) {
        const optional = this.#next().text === "?.";
        optionalSeen ||= optional;
        node = optional && this.#is("bracket", "[") ? this.#subscript(node, at, true) : this.#member(node, optional);
      } else if (this.#is("bracket", "[")) {
        node = this.#subscript(node, at, false);
      } else {
        break;
      }
    }
    return optionalSeen ? this.#make({ kind: "chain", at: node.at, of: node }) : node;
  }

  #member(of: Node, optional: boolean): Node {
    const { kind, text, at } = this.#current;
    const isName = kind === "identifier" || (kind === "operator" && /^\w+$/.test(text));
    if (!isName) this.#unexpected();
    this.#next();
    const key = this.#make({ kind: "constant", at, value: text });
    const member = this.#make({ kind: "member", at, of, key, optional });
    if (!this.#is("bracket", "(")) return member;
    return this.#make({ kind: "call", at, of: member, args: this.#arguments() });
  }

  #subscript(of: Node, at: number, optional: boolean): Node {
    this.#next();
    if (this.#take("operator", ":")) return this.#slice(of, at, undefined);
    const key = this.#expression(0);
    if (this.#take("operator", ":")) return this.#slice(of, at, key);
    this.#expect("bracket", "]");
    return this.#make({ kind: "member", at, of, key, optional });
  }

  #slice(of: Node, at: number, from: Node | undefined): Node {
    const to = this.#is("bracket", "]") ? undefined : this.#expression(0);
    this.#expect("bracket", "]");
    return this.#make({ kind: "slice", at, of, from, to });
  }
}
