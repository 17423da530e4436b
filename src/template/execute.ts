/** Runs a template: walks its nodes with the data as the dot, and gathers the text. Throws a Failure in Go's words. */
import { callBuiltin, wrongCount } from "./functions.ts";
import { formatValue } from "./go-format.ts";
import { quoteBytes } from "./go-quote.ts";
import type { ActionNode, Argument, BranchNode, CallNode, Command, Node, NumberArgument, Pipe } from "./nodes.ts";
import { argumentText, commandText, nodeText } from "./nodes.ts";
import type { Definitions } from "./parser.ts";
import { Failure, isList, isMap, isStruct, isTrue, type Kind, Method, toBytes, typeName, type Value } from "./value.ts";

/** Nodes and commands that one run may come by: a loop over a thousand things that does a hundred with each. */
const MAX_STEPS = 100_000;
/** Bytes that one run may write or make: the text of the largest record, all bytes as \DDD. */
const MAX_BYTES = 262_144;
/** How deep templates may call each other, and lists stand in each other through all of them: the stack has room for more. */
const MAX_DEPTH = 100;
const MAX_LISTS = 1_000;

/** The text of `name`, which `source` defines. */
export function execute(
  name: string,
  source: string,
  definitions: Definitions,
  functions: ReadonlyMap<string, Method>,
  data: Value,
): string {
  const run = new Run(name, source, definitions, functions);
  run.walkTemplate(name, definitions.get(name)!, data);
  return run.text;
}

/** What a pipeline hands to its first command. */
const NOTHING = Symbol("nothing");
type Final = Value | typeof NOTHING;

interface Variable {
  readonly name: string;
  value: Value;
}

/** How a list was left: to its end, or out of the loop around it. */
const Left = { END: 0, BREAK: 1, CONTINUE: 2 } as const;
type Left = (typeof Left)[keyof typeof Left];

class Run {
  text = "";
  readonly #root: string;
  readonly #source: string;
  readonly #definitions: Definitions;
  readonly #functions: ReadonlyMap<string, Method>;
  /** The template that is being walked. */
  #name = "";
  #variables: Variable[] = [];
  #steps = 0;
  #bytes = 0;
  #depth = 0;
  #lists = 0;
  #place: Argument | Command | ActionNode | BranchNode | CallNode | undefined;

  constructor(root: string, source: string, definitions: Definitions, functions: ReadonlyMap<string, Method>) {
    this.#root = root;
    this.#source = source;
    this.#definitions = definitions;
    this.#functions = functions;
  }

  walkTemplate(name: string, list: readonly Node[], dot: Value): void {
    const outer = { name: this.#name, variables: this.#variables };
    this.#name = name;
    this.#variables = [{ name: "$", value: dot }];
    this.#walkList(list, dot);
    this.#name = outer.name;
    this.#variables = outer.variables;
  }

  #walkList(list: readonly Node[], dot: Value): Left {
    if (++this.#lists > MAX_LISTS) this.#fail(`nested more than ${MAX_LISTS} deep`);
    let left: Left = Left.END;
    for (let i = 0; i < list.length && left === Left.END; i++) left = this.#walk(list[i]!, dot);
    this.#lists--;
    return left;
  }

  #walk(node: Node, dot: Value): Left {
    this.#step();
    switch (node.kind) {
      case "text":
        this.#write(node.text);
        return Left.END;
      case "action": {
        this.#place = node;
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.declared.length === 0) {
          this.#place = node;
          this.#write(value === undefined ? "<no value>" : formatValue(value));
        }
        return Left.END;
      }
      case "break":
        return Left.BREAK;
      case "continue":
        return Left.CONTINUE;
      case "template":
        this.#call(node, dot);
        return Left.END;
      case "range":
        return this.#range(node, dot);
      default:
        return this.#branch(node, dot);
    }
  }

  #branch(node: BranchNode, dot: Value): Left {
    this.#place = node;
    const mark = this.#variables.length;
    const value = this.#pipe(node.pipe, dot);
    const list = isTrue(value) ? node.list : node.otherwise;
    const left = this.#walkList(list, node.kind === "with" && isTrue(value) ? value : dot);
    this.#variables.length = mark;
    return left;
  }

  #range(node: BranchNode, dot: Value): Left {
    this.#place = node;
    const mark = this.#variables.length;
    const value = this.#pipe(node.pipe, dot);
    const bodyMark = this.#variables.length;
    const once = (key: Value, element: Value): boolean => {
      this.#step();
      this.#setLoopVariables(node.pipe, bodyMark, key, element);
      const left = this.#walkList(node.list, element);
      this.#variables.length = bodyMark;
      return left !== Left.BREAK;
    };
    let any = false;
    if (typeof value === "bigint") {
      if (node.pipe.declared.length > 1) this.#fail(`can't use ${value} to iterate over more than one variable`);
      any = value > 0n;
      for (let i = 0n; i < value && once(i, i); i++);
    } else if (isList(value)) {
      any = value.length > 0;
      value.every((element, i) => once(BigInt(i), element));
    } else if (isMap(value)) {
      any = value.size > 0;
      [...value].sort(([a], [b]) => (a < b ? -1 : 1)).every(([key, element]) => once(key, element));
    } else if (value !== undefined) {
      this.#fail(`range can't iterate over ${formatValue(value)}`);
    }
    const left = any ? Left.END : this.#walkList(node.otherwise, dot);
    this.#variables.length = mark;
    return left;
  }

  /** A single variable holds the element; of two the first holds its index or key. */
  #setLoopVariables({ declared, assigns }: Pipe, mark: number, key: Value, element: Value): void {
    const values = declared.length > 1 ? [key, element] : [element];
    declared.forEach((name, i) => {
      if (assigns) this.#assign(name, values[i]);
      else this.#variables[mark - declared.length + i]!.value = values[i];
    });
  }

  #call(node: CallNode, dot: Value): void {
    this.#place = node;
    const list = this.#definitions.get(node.name) ?? this.#fail(`template ${quoteBytes(node.name)} not defined`);
    if (++this.#depth > MAX_DEPTH) this.#fail(`exceeded maximum template depth (${MAX_DEPTH})`);
    const value = node.pipe === undefined ? undefined : this.#pipe(node.pipe, dot);
    this.walkTemplate(node.name, list, value);
    this.#depth--;
  }

  #pipe(pipe: Pipe, dot: Value): Value {
    let value: Final = NOTHING;
    for (const command of pipe.commands) value = this.#command(dot, command, value);
    const result = value as Value;
    for (const name of pipe.declared) {
      if (pipe.assigns) this.#assign(name, result);
      else this.#variables.push({ name, value: result });
    }
    return result;
  }

  #assign(name: string, value: Value): void {
    for (let i = this.#variables.length - 1; i >= 0; i--) {
      if (this.#variables[i]!.name !== name) continue;
      this.#variables[i]!.value = value;
      return;
    }
    this.#fail(`undefined variable: ${name}`);
  }

  #variable(name: string): Value {
    for (let i = this.#variables.length - 1; i >= 0; i--) {
      if (this.#variables[i]!.name === name) return this.#variables[i]!.value;
    }
    return this.#fail(`undefined variable: ${name}`);
  }

  #command(dot: Value, command: Command, final: Final): Value {
    this.#step();
    const [first, ...others] = command.args;
    switch (first.kind) {
      case "field":
        this.#place = first;
        return this.#fields(dot, dot, first, first.names, others, final);
      case "variable":
        this.#place = first;
        return this.#fields(dot, this.#variable(first.names[0]!), first, first.names.slice(1), others, final);
      case "chain": {
        this.#place = first;
        const of = this.#argument(dot, first.of);
        return this.#fields(dot, of, first, first.names, others, final);
      }
      case "identifier":
        this.#place = first;
        return this.#function(dot, command, first.name, others, final);
    }
    this.#place = first;
    if (others.length > 0 || final !== NOTHING) this.#fail(`can't give argument to non-function ${shown(first)}`);
    if (first.kind === "nil") return this.#fail("nil is not a command");
    return this.#argument(dot, first);
  }

  /** The value of an argument that gets none itself. */
  #argument(dot: Value, argument: Argument): Value {
    this.#step();
    switch (argument.kind) {
      case "dot":
        return dot;
      case "nil":
        return undefined;
      case "bool":
      case "string":
        return argument.value;
      case "number":
        return this.#number(argument);
      case "pipe":
        return this.#pipe(argument, dot);
      default:
        return this.#command(dot, { at: argument.at, args: [argument] }, NOTHING);
    }
  }

  #number(argument: NumberArgument): Value {
    this.#place = argument;
    if (argument.isFloat) return argument.float;
    const integer = argument.integer!;
    if (BigInt.asIntN(64, integer) !== integer) this.#fail(`${argument.text} overflows int`);
    return integer;
  }

  /** Each name picks from what the one before gave; only the last may be a method with arguments. */
  #fields(
    dot: Value,
    receiver: Value,
    node: Argument,
    names: readonly string[],
    args: readonly Argument[],
    final: Final,
  ): Value {
    if (names.length === 0) {
      if (args.length > 0 || final !== NOTHING) this.#fail(`can't give argument to non-function ${shown(node)}`);
      return receiver;
    }
    let value = receiver;
    names.forEach((name, i) => {
      const isLast = i === names.length - 1;
      value = this.#field(dot, value, name, node, isLast ? args : [], isLast ? final : NOTHING);
    });
    return value;
  }

  #field(dot: Value, receiver: Value, name: string, node: Argument, args: readonly Argument[], final: Final): Value {
    const hasArguments = args.length > 0 || final !== NOTHING;
    if (receiver === undefined) return undefined;
    if (isStruct(receiver) && receiver.isNil) this.#fail(`nil pointer evaluating ${receiver.typeName}.${name}`);
    if (isStruct(receiver) && receiver.has(name)) {
      const member = receiver.member(name);
      if (member instanceof Method) return this.#invoke(dot, member, node, args, final);
      if (hasArguments) this.#fail(`${name} has arguments but cannot be invoked as function`);
      return member;
    }
    if (isMap(receiver)) {
      if (hasArguments) this.#fail(`${name} is not a method but has arguments`);
      return receiver.get(name);
    }
    return this.#fail(`can't evaluate field ${name} in type ${typeName(receiver)}`);
  }

  #function(dot: Value, command: Command, name: string, args: readonly Argument[], final: Final): Value {
    const added = this.#functions.get(name);
    if (added !== undefined) return this.#invoke(dot, added, command, args, final);
    if (name === "and" || name === "or") return this.#logic(dot, name, args, final);
    const problem = wrongCount(name, args.length + (final === NOTHING ? 0 : 1));
    if (problem !== undefined) this.#fail(problem);
    const values = args.map((one, i) =>
      name === "printf" && i === 0 ? this.#typedArgument(dot, one, "string") : this.#argument(dot, one),
    );
    if (final !== NOTHING)
      values.push(name === "printf" && values.length === 0 ? this.#checked(final, "string") : final);
    this.#place = command;
    return this.#guard(name, () => callBuiltin(name, values, this.#spend));
  }

  /** The first argument that decides, else the last one; those behind it are not looked at. */
  #logic(dot: Value, name: string, args: readonly Argument[], final: Final): Value {
    const count = args.length + (final === NOTHING ? 0 : 1);
    if (count === 0) this.#fail(`wrong number of args for ${name}: want at least 1 got 0`);
    let value: Value;
    for (const argument of args) {
      value = this.#argument(dot, argument);
      if (isTrue(value) === (name === "or")) return value;
    }
    return final === NOTHING ? value : final;
  }

  #invoke(dot: Value, method: Method, node: Argument | Command, args: readonly Argument[], final: Final): Value {
    const { name, parameters } = method;
    const count = args.length + (final === NOTHING ? 0 : 1);
    if (count !== parameters.length)
      this.#fail(`wrong number of args for ${name}: want ${parameters.length} got ${count}`);
    const values = args.map((one, i) => this.#typedArgument(dot, one, parameters[i]!));
    if (final !== NOTHING) values.push(this.#checked(final, parameters[args.length]!));
    this.#place = node;
    const result = this.#guard(name, () => method.run(...(values as never[])));
    if (typeof result === "string") this.#spend(result.length);
    return result;
  }

  #typedArgument(dot: Value, argument: Argument, kind: Kind): Value {
    this.#place = argument;
    const found = CONSTANT_KINDS[argument.kind];
    if (kind !== "any" && found !== undefined && found !== kind) {
      const isWholeFloat = argument.kind === "number" && kind === "int" && argument.integer !== undefined;
      if (!isWholeFloat) this.#fail(`expected ${NAMES[kind]}; found ${shown(argument)}`);
    }
    if (argument.kind === "number" && kind === "int") {
      return argument.integer ?? this.#fail(`expected integer; found ${shown(argument)}`);
    }
    if (argument.kind === "nil" && kind !== "any") this.#fail(`cannot assign nil to ${kind}`);
    const value = this.#argument(dot, argument);
    this.#place = argument;
    return this.#checked(value, kind);
  }

  #checked(value: Value, kind: Kind): Value {
    if (kind === "any") return value;
    if (value === undefined) return this.#fail(`invalid value; expected ${kind}`);
    if (typeName(value) !== kind) this.#fail(`wrong type for value; expected ${kind}; got ${typeName(value)}`);
    return value;
  }

  /** What a function finds fault with becomes the template's failure. */
  #guard(name: string, run: () => Value): Value {
    try {
      return run();
    } catch (error) {
      if (error instanceof Failure && !(error instanceof PlacedFailure))
        return this.#fail(`error calling ${name}: ${error.message}`);
      throw error;
    }
  }

  readonly #spend = (size: number): void => {
    this.#bytes += size;
    if (this.#bytes > MAX_BYTES) this.#fail(`more than ${MAX_BYTES} bytes`);
  };

  #write(text: string): void {
    this.#spend(text.length);
    this.text += text;
  }

  #step(): void {
    if (++this.#steps > MAX_STEPS) this.#fail(`more than ${MAX_STEPS} steps`);
  }

  #fail(message: string): never {
    const place = this.#place;
    if (place === undefined) throw new PlacedFailure(`template: ${this.#name}: ${message}`);
    const before = this.#source.slice(0, place.at);
    const line = before.split("\n").length;
    const column = place.at - (before.lastIndexOf("\n") + 1);
    const where = `${this.#root}:${line}:${column}: executing ${quoteBytes(this.#name)} at <${toBytes(placeText(place))}>`;
    throw new PlacedFailure(`template: ${where}: ${message}`);
  }
}

/** One that names its place in the template, and is not wrapped again. */
class PlacedFailure extends Failure {}

const CONSTANT_KINDS: Readonly<Record<string, Kind>> = { bool: "bool", number: "int", string: "string" };
const NAMES: Readonly<Record<Kind, string>> = { string: "string", int: "integer", bool: "bool", any: "value" };

/** Messages are bytes, as what they tell of is; the template's source is text. */
function shown(argument: Argument): string {
  return toBytes(argumentText(argument));
}

function placeText(place: Argument | Command | ActionNode | BranchNode | CallNode): string {
  if (!("kind" in place)) return commandText(place);
  return isNode(place) ? nodeText(place) : argumentText(place);
}

function isNode(place: Argument | ActionNode | BranchNode | CallNode): place is ActionNode | BranchNode | CallNode {
  return ["action", "if", "with", "range", "template"].includes(place.kind);
}
