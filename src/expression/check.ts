/**
 * Finds the mistakes of an expression that its text shows: unknown names, operators between types that do not go together,
 * wrong arguments. Gives the type of its value. Throws a Mistake in expr-lang's words.
 */
import { BUILTIN_NAMES, PREDICATE_BUILTINS } from "./builtin-names.ts";
import { BUILTIN_TYPES, type BuiltinType, type FunctionBuiltin } from "./builtin-types.ts";
import { Mistake } from "./lexer.ts";
import type { BinaryNode, BuiltinNode, MemberNode, Node } from "./nodes.ts";
import type { Scope } from "./scope.ts";
import {
  ANY,
  areComparable,
  BOOL,
  common,
  FLOAT,
  functionOf,
  INT,
  isAny,
  isNumber,
  LIST,
  listOf,
  MAP,
  maybe,
  NIL,
  STRING,
  type Type,
  typeText,
} from "./types.ts";

/** How deep nodes may stand in each other, which chains like `1 + 1 + 1` do without nesting: half of the main thread's stack. */
const MAX_DEPTH = 500;

export function check(node: Node, scope: Scope): Type {
  return new Checker(scope).type(node);
}

/** What `#` and its kin are within a predicate. */
interface Predicate {
  readonly element: Type;
  readonly hasAccumulator: boolean;
}

class Checker {
  readonly #scope: Scope;
  readonly #locals: { readonly name: string; readonly type: Type }[] = [];
  readonly #predicates: Predicate[] = [];
  #depth = 0;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  type(node: Node): Type {
    if (++this.#depth > MAX_DEPTH) throw new Mistake(`nested more than ${MAX_DEPTH} deep`, node.at);
    const type = this.#type(node);
    this.#depth--;
    return type;
  }

  #type(node: Node): Type {
    switch (node.kind) {
      case "constant":
        return constantType(node.value);
      case "name":
        return this.#name(node.name, node.at);
      case "pointer": {
        const predicate = this.#predicates.at(-1)!;
        if (node.name === "index") return INT;
        if (node.name === "acc") {
          if (!predicate.hasAccumulator) throw new Mistake("unknown pointer #acc", node.at);
          return ANY;
        }
        return predicate.element;
      }
      case "environment":
        return ANY;
      case "unary":
        return this.#unary(node.operator, node.of, node.at);
      case "binary":
        return this.#binary(node);
      case "if": {
        const condition = this.type(node.condition);
        if (!maybe(condition, "bool"))
          throw new Mistake(`non-bool expression (type ${typeText(condition)}) used as condition`, node.condition.at);
        return common(this.type(node.yes), this.type(node.no));
      }
      case "member":
        return this.#member(node);
      case "chain":
        return this.type(node.of);
      case "slice":
        return this.#slice(node);
      case "call":
        return this.#call(node.of, node.args, node.at);
      case "builtin":
        return this.#builtin(node);
      case "list": {
        const types = node.items.map((item) => this.type(item));
        return listOf(types.length === 0 ? ANY : types.reduce(common));
      }
      case "map": {
        for (const [key, value] of node.pairs) {
          const keyType = this.type(key);
          if (!maybe(keyType, "string"))
            throw new Mistake(`cannot use ${typeText(keyType)} as type string in map key`, key.at);
          this.type(value);
        }
        return MAP;
      }
      case "let": {
        if (this.#isKnown(node.name)) throw new Mistake(`cannot redeclare ${node.name}`, node.at);
        const type = this.type(node.value);
        this.#locals.push({ name: node.name, type });
        const result = this.type(node.body);
        this.#locals.pop();
        return result;
      }
      case "sequence":
        this.type(node.first);
        return this.type(node.second);
    }
  }

  #isKnown(name: string): boolean {
    const { functions, values } = this.#scope;
    return functions.has(name) || values.has(name) || this.#locals.some((one) => one.name === name);
  }

  #name(name: string, at: number): Type {
    const local = this.#locals.findLast((one) => one.name === name);
    const type = local?.type ?? this.#scope.values.get(name) ?? this.#scope.functions.get(name);
    if (type !== undefined) return type;
    // A builtin that is not called is a value to Go; nobody can do anything with it.
    if (BUILTIN_NAMES.has(name)) return functionOf([ANY], ANY);
    throw new Mistake(`unknown name ${name}`, at);
  }

  #unary(operator: string, of: Node, at: number): Type {
    const type = this.type(of);
    const fits = operator === "-" || operator === "+" ? isNumber(type) || isAny(type) : maybe(type, "bool");
    if (!fits) throw new Mistake(`invalid operation: ${operator} (mismatched type ${typeText(type)})`, at);
    return operator === "-" || operator === "+" ? type : BOOL;
  }

  #binary(node: BinaryNode): Type {
    const left = this.type(node.left);
    const right = this.type(node.right);
    const type = this.#binaryType(node, left, right);
    if (type !== undefined) return type;
    const types = `${typeText(left)} and ${typeText(right)}`;
    throw new Mistake(`invalid operation: ${node.operator} (mismatched types ${types})`, node.at);
  }

  #binaryType(node: BinaryNode, left: Type, right: Type): Type | undefined {
    const numbers = maybe(left, "int", "float64") && maybe(right, "int", "float64");
    const texts = maybe(left, "string") && maybe(right, "string");
    switch (node.operator) {
      case "==":
      case "!=":
        return areComparable(left, right) ? BOOL : undefined;
      case "or":
      case "||":
      case "and":
      case "&&":
        return maybe(left, "bool") && maybe(right, "bool") ? BOOL : undefined;
      case "<":
      case ">":
      case "<=":
      case ">=":
        return numbers || texts ? BOOL : undefined;
      case "-":
      case "*":
        return numbers ? numberType(left, right) : undefined;
      case "/":
      case "**":
      case "^":
        return numbers ? FLOAT : undefined;
      case "%": {
        if (!maybe(left, "int") || !maybe(right, "int")) return undefined;
        if (node.right.kind === "constant" && node.right.value === 0n)
          throw new Mistake("integer divide by zero", node.at);
        return INT;
      }
      case "+":
        if (isAny(left) && isAny(right)) return ANY;
        if (numbers) return numberType(left, right);
        return texts ? STRING : undefined;
      case "..":
        return maybe(left, "int") && maybe(right, "int") ? listOf(INT) : undefined;
      case "in":
        return this.#inType(node, left, right);
      case "matches":
        if (!texts) return undefined;
        this.#constantRegex(node);
        return BOOL;
      case "contains":
      case "startsWith":
      case "endsWith":
        return texts ? BOOL : undefined;
      case "??":
        if (left.kind === "nil") return right;
        return right.kind === "nil" ? left : common(left, right);
      default:
        return undefined;
    }
  }

  #inType(node: BinaryNode, left: Type, right: Type): Type | undefined {
    if (right.kind === "map") {
      if (maybe(left, "string")) return BOOL;
      throw new Mistake(`cannot use ${typeText(left)} as type string in map key`, node.at);
    }
    if (right.kind === "list") {
      if (areComparable(left, right.of)) return BOOL;
      throw new Mistake(`cannot use ${typeText(left)} as type ${typeText(right.of)} in array`, node.at);
    }
    return isAny(right) || right.kind === "nil" ? BOOL : undefined;
  }

  /** Compiled once, and a bad one is found at the start. */
  #constantRegex(node: BinaryNode): void {
    if (node.right.kind !== "constant" || typeof node.right.value !== "string") return;
    try {
      node.regex = this.#scope.regex(node.right.value);
    } catch (error) {
      throw new Mistake((error as Error).message, node.at);
    }
  }

  #member(node: MemberNode): Type {
    const { key } = node;
    if (node.of.kind === "environment") return this.#ofEnvironment(node);
    const of = this.type(node.of);
    const keyType = this.type(key);
    const name = key.kind === "constant" && typeof key.value === "string" ? key.value : undefined;
    switch (of.kind) {
      case "any":
        return ANY;
      case "map":
        if (maybe(keyType, "string")) return ANY;
        throw new Mistake(`cannot use ${typeText(keyType)} to get an element from ${typeText(of)}`, key.at);
      case "list":
        if (maybe(keyType, "int")) return of.of;
        throw new Mistake(`array elements can only be selected using an integer (got ${typeText(keyType)})`, key.at);
      default: {
        const what = of.kind === "nil" ? "nil" : typeText(of);
        if (name !== undefined) throw new Mistake(`type ${what} has no field ${name}`, key.at);
        throw new Mistake(`type ${what}[${typeText(keyType)}] is undefined`, node.at);
      }
    }
  }

  #ofEnvironment({ key, optional }: MemberNode): Type {
    const keyType = this.type(key);
    if (key.kind !== "constant" || typeof key.value !== "string") {
      if (maybe(keyType, "string")) return ANY;
      throw new Mistake(`cannot use ${typeText(keyType)} to get an element from map[string]interface {}`, key.at);
    }
    const { functions, values } = this.#scope;
    const type = values.get(key.value) ?? functions.get(key.value);
    if (type === undefined && !optional) throw new Mistake(`unknown name ${key.value}`, key.at);
    return type ?? ANY;
  }

  #slice(node: Extract<Node, { kind: "slice" }>): Type {
    const of = this.type(node.of);
    if (!maybe(of, "string", "list")) throw new Mistake(`cannot slice ${typeText(of)}`, node.at);
    for (const bound of [node.from, node.to]) {
      if (bound === undefined) continue;
      const type = this.type(bound);
      if (!maybe(type, "int")) throw new Mistake(`non-integer slice index ${typeText(type)}`, bound.at);
    }
    return of;
  }

  #call(of: Node, args: readonly Node[], at: number): Type {
    const type = this.type(of);
    if (type.kind === "function") {
      const name =
        of.kind === "name" ? of.name : of.kind === "member" ? String((of.key as { value?: unknown }).value) : "";
      this.#arguments(name, type.parameters, type.parameters.length, args, at);
      return type.result;
    }
    for (const argument of args) this.type(argument);
    if (!isAny(type)) throw new Mistake(`${typeText(type)} is not callable`, at);
    return ANY;
  }

  #arguments(name: string, parameters: readonly Type[], least: number, args: readonly Node[], at: number): void {
    if (args.length < least) throw new Mistake(`not enough arguments to call ${name}`, at);
    if (args.length > parameters.length) throw new Mistake(`too many arguments to call ${name}`, at);
    args.forEach((argument, i) => {
      const type = this.type(argument);
      const wanted = parameters[i]!;
      const fits = isAny(wanted) || maybe(type, wanted.kind) || (wanted.kind === "float64" && isNumber(type));
      if (fits) return;
      throw new Mistake(
        `cannot use ${typeText(type)} as argument (type ${typeText(wanted)}) to call ${name} `,
        argument.at,
      );
    });
  }

  #builtin(node: BuiltinNode): Type {
    const predicate = PREDICATE_BUILTINS.get(node.name);
    if (predicate !== undefined) return this.#predicate(node, predicate.most);
    const signature: BuiltinType = BUILTIN_TYPES[node.name as FunctionBuiltin];
    if ("parameters" in signature) {
      this.#arguments(node.name, signature.parameters, signature.least, node.args, node.at);
      return signature.result;
    }
    const types = node.args.map((argument) => this.type(argument));
    const result = signature.check(types);
    if (typeof result === "string") throw new Mistake(result, node.at);
    return result;
  }

  #predicate({ name, args, at, predicateAt }: BuiltinNode, most: number): Type {
    if (args.length > most) throw new Mistake(`too many arguments to call ${name}`, at);
    const [list, predicate, extra] = args;
    const type = this.type(list!);
    if (!maybe(type, "list")) throw new Mistake(`builtin ${name} takes only array (got ${typeText(type)})`, list!.at);
    const element = type.kind === "list" ? type.of : ANY;
    let result: Type = ANY;
    if (predicate !== undefined) {
      this.#predicates.push({ element, hasAccumulator: name === "reduce" });
      result = this.type(predicate);
      this.#predicates.pop();
      if (ASKING.has(name) && !maybe(result, "bool"))
        throw new Mistake(`predicate should return boolean (got ${typeText(result)})`, predicateAt);
      if (name === "sum" && !maybe(result, "int", "float64"))
        throw new Mistake(`predicate should return number (got ${typeText(result)})`, predicateAt);
    }
    if (extra !== undefined) this.type(extra);
    return predicateResult(name, element, predicate === undefined ? element : result);
  }
}

const ASKING: ReadonlySet<string> = new Set([
  ...["all", "any", "none", "one", "filter", "count", "find", "findIndex", "findLast", "findLastIndex"],
]);

function predicateResult(name: string, element: Type, result: Type): Type {
  switch (name) {
    case "all":
    case "any":
    case "none":
    case "one":
      return BOOL;
    case "count":
    case "findIndex":
    case "findLastIndex":
      return INT;
    case "filter":
    case "sortBy":
      return listOf(element);
    case "find":
    case "findLast":
      return element;
    case "map":
      return listOf(result);
    case "groupBy":
      return MAP;
    case "sum":
      return result;
    default:
      return ANY;
  }
}

function constantType(value: unknown): Type {
  switch (typeof value) {
    case "bigint":
      return INT;
    case "number":
      return FLOAT;
    case "string":
      return STRING;
    case "boolean":
      return BOOL;
    default:
      return value === undefined ? NIL : LIST;
  }
}

function numberType(left: Type, right: Type): Type {
  if (left.kind === "float64" || right.kind === "float64") return FLOAT;
  return left.kind === "int" && right.kind === "int" ? INT : ANY;
}
