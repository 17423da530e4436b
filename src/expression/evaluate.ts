/** The value of an expression in an environment. Throws a Failure when there is none; the work is bounded. */
import { Failure, isList, isMap, typeName, type Value } from "../template/value.ts";
import { PREDICATE_BUILTINS } from "./builtin-names.ts";
import type { FunctionBuiltin } from "./builtin-types.ts";
import { callBuiltin, direction, items, toText } from "./builtins.ts";
import { MAX_SIZE, measured } from "./measure.ts";
import type { BinaryNode, BuiltinNode, MemberNode, Node } from "./nodes.ts";
import { arithmetic, compare, equal, negate } from "./operators.ts";
import type { Environment, Scope } from "./scope.ts";

/** Nodes that one evaluation may come by. */
const MAX_STEPS = 100_000;

export function evaluate(node: Node, scope: Scope, environment: Environment): Value {
  return new Evaluation(scope, environment).value(node);
}

/** What `#`, `#index` and `#acc` are now. */
interface Item {
  element: Value;
  index: number;
  accumulator: Value;
}

/** The part of a chain behind a `?.` that found nothing; never leaves its chain. */
class Nothing extends Failure {}
const NOTHING = new Nothing("nothing");

class Evaluation {
  readonly #scope: Scope;
  readonly #environment: Environment;
  readonly #locals: { readonly name: string; readonly value: Value }[] = [];
  readonly #items: Item[] = [];
  #steps = 0;
  #size = 0;

  constructor(scope: Scope, environment: Environment) {
    this.#scope = scope;
    this.#environment = environment;
  }

  value(node: Node): Value {
    if (++this.#steps > MAX_STEPS) throw new Failure(`more than ${MAX_STEPS} steps`);
    switch (node.kind) {
      case "constant":
        return node.value;
      case "name":
        return this.#name(node.name);
      case "pointer": {
        const item = this.#items.at(-1)!;
        if (node.name === "index") return BigInt(item.index);
        return node.name === "acc" ? item.accumulator : item.element;
      }
      case "environment":
        return undefined;
      case "unary":
        return this.#unary(node.operator, node.of);
      case "binary":
        return this.#binary(node);
      case "if":
        return this.value(this.#truth(node.condition) ? node.yes : node.no);
      case "member":
        return this.#member(node);
      case "chain":
        return this.#chain(node.of);
      case "slice":
        return this.#slice(node);
      case "call":
        return this.#call(node);
      case "builtin":
        return measured(this.#builtin(node));
      case "list":
        return measured(node.items.map((item) => this.value(item)));
      case "map":
        return measured(new Map(node.pairs.map(([key, value]) => [toText(this.value(key)), this.value(value)])));
      case "let": {
        this.#locals.push({ name: node.name, value: this.value(node.value) });
        const result = this.value(node.body);
        this.#locals.pop();
        return result;
      }
      case "sequence":
        this.value(node.first);
        return this.value(node.second);
    }
  }

  /** A function that is not called is worth nothing here. */
  #name(name: string): Value {
    const local = this.#locals.findLast((one) => one.name === name);
    if (local !== undefined) return local.value;
    return this.#scope.values.has(name) ? this.#environment.value(name) : undefined;
  }

  #truth(node: Node): boolean {
    const value = this.value(node);
    if (typeof value !== "boolean") throw new Failure(`${typeName(value)} is no bool`);
    return value;
  }

  #unary(operator: string, of: Node): Value {
    if (operator === "not" || operator === "!") return !this.#truth(of);
    const value = this.value(of);
    return operator === "-" ? negate(value) : value;
  }

  #binary(node: BinaryNode): Value {
    const { operator } = node;
    switch (operator) {
      case "and":
      case "&&":
        return this.#truth(node.left) && this.#truth(node.right);
      case "or":
      case "||":
        return this.#truth(node.left) || this.#truth(node.right);
      case "??":
        return this.value(node.left) ?? this.value(node.right);
    }
    const left = this.value(node.left);
    const right = node.regex === undefined ? this.value(node.right) : undefined;
    switch (operator) {
      case "==":
        return equal(left, right);
      case "!=":
        return !equal(left, right);
      case "<":
        return compare(operator, left, right) < 0;
      case ">":
        return compare(operator, left, right) > 0;
      case "<=":
        return compare(operator, left, right) <= 0;
      case ">=":
        return compare(operator, left, right) >= 0;
      case "in":
        return this.#isIn(left, right);
      case "..":
        return this.#range(left, right);
      case "matches":
      case "contains":
      case "startsWith":
      case "endsWith":
        return this.#textOperator(node, left, right);
    }
    const result = arithmetic(operator, left, right);
    if (typeof result === "string") this.#spend(result.length);
    return result;
  }

  #isIn(value: Value, group: Value): boolean {
    if (group === undefined) return false;
    if (isMap(group)) return typeof value === "string" && group.has(value);
    if (!isList(group)) throw new Failure(`operator "in" not defined on ${typeName(group)}`);
    this.#spend(group.length);
    return group.some((one) => equal(one, value));
  }

  #range(from: Value, to: Value): Value {
    if (typeof from !== "bigint" || typeof to !== "bigint") throw new Failure("a range is between integers");
    if (to < from) return [];
    if (to - from > BigInt(MAX_SIZE)) throw new Failure("memory budget exceeded");
    const size = Number(to - from) + 1;
    this.#spend(size);
    return Array.from({ length: size }, (_, i) => from + BigInt(i));
  }

  #textOperator(node: BinaryNode, left: Value, right: Value): boolean {
    if (typeof left !== "string" || (typeof right !== "string" && node.regex === undefined))
      throw new Failure(`invalid operation: ${typeName(left)} ${node.operator} ${typeName(right)}`);
    if (node.regex !== undefined) return node.regex.test(left);
    const part = right as string;
    if (node.operator === "contains") return left.includes(part);
    if (node.operator === "startsWith") return left.startsWith(part);
    if (node.operator === "endsWith") return left.endsWith(part);
    try {
      return this.#scope.regex(part).test(left);
    } catch (error) {
      throw new Failure((error as Error).message);
    }
  }

  #chain(of: Node): Value {
    try {
      return this.value(of);
    } catch (error) {
      if (error === NOTHING) return undefined;
      throw error;
    }
  }

  #member(node: MemberNode): Value {
    if (node.of.kind === "environment") return this.#name(toText(this.value(node.key)));
    const of = this.value(node.of);
    if (of === undefined && node.optional) throw NOTHING;
    const key = this.value(node.key);
    if (isMap(of)) return typeof key === "string" ? of.get(key) : undefined;
    if (isList(of) && typeof key === "bigint") {
      const index = key < 0n ? Number(key) + of.length : Number(key);
      if (index < 0 || index >= of.length)
        throw new Failure(`index out of range: ${key} (array length is ${of.length})`);
      return of[index];
    }
    throw new Failure(`cannot fetch ${toText(key)} from ${toText(of)}`);
  }

  /** Bounds beyond an end are that end, negative ones count from it. */
  #slice({ of, from, to }: Extract<Node, { kind: "slice" }>): Value {
    const value = this.value(of);
    if (typeof value !== "string" && !isList(value)) throw new Failure(`cannot slice ${toText(value)}`);
    const bound = (node: Node | undefined, otherwise: number): number => {
      const index = node === undefined ? otherwise : this.value(node);
      if (typeof index !== "bigint" && typeof index !== "number") throw new Failure("invalid slice index");
      const place = Number(index) < 0 ? Number(index) + value.length : Number(index);
      return Math.min(Math.max(place, 0), value.length);
    };
    const start = bound(from, 0);
    const end = bound(to, value.length);
    return value.slice(start, Math.max(end, start));
  }

  #call({ of, args }: Extract<Node, { kind: "call" }>): Value {
    const name =
      of.kind === "name"
        ? of.name
        : of.kind === "member" && of.of.kind === "environment"
          ? toText(this.value(of.key))
          : "";
    if (!this.#scope.functions.has(name)) {
      const value = this.value(of);
      throw new Failure(`invalid operation: cannot call non-function of type ${typeName(value)}`);
    }
    return this.#environment.call(
      name,
      args.map((argument) => this.value(argument)),
    );
  }

  #builtin(node: BuiltinNode): Value {
    if (PREDICATE_BUILTINS.has(node.name)) return this.#predicate(node);
    return callBuiltin(
      node.name as FunctionBuiltin,
      node.args.map((argument) => this.value(argument)),
      this.#spend,
    );
  }

  #predicate({ name, args }: BuiltinNode): Value {
    const list = items(name, this.value(args[0]!));
    const ask = args[1];
    const item: Item = { element: undefined, index: 0, accumulator: undefined };
    /** What the predicate says of item number i. */
    const of = (i: number): Value => {
      if (ask === undefined) return list[i];
      item.element = list[i];
      item.index = i;
      this.#items.push(item);
      const result = this.value(ask);
      this.#items.pop();
      return result;
    };
    const holds = (i: number): boolean => {
      const result = of(i);
      if (typeof result !== "boolean") throw new Failure(`predicate should return boolean (got ${typeName(result)})`);
      return result;
    };
    const indices = [...list.keys()];
    switch (name) {
      case "all":
        return indices.every(holds);
      case "any":
        return indices.some(holds);
      case "none":
        return !indices.some(holds);
      case "one":
        return indices.filter(holds).length === 1;
      case "count":
        return BigInt(indices.filter(holds).length);
      case "filter":
        return indices.filter(holds).map((i) => list[i]);
      case "find":
        return list[indices.find(holds) ?? -1];
      case "findIndex":
        return indexValue(indices.find(holds));
      case "findLast":
        return list[indices.findLast(holds) ?? -1];
      case "findLastIndex":
        return indexValue(indices.findLast(holds));
      case "map":
        return indices.map(of);
      case "sum":
        return indices.reduce<Value>((sum, i) => arithmetic("+", sum, of(i)), 0n);
      case "groupBy": {
        const groups = new Map<string, Value[]>();
        for (const i of indices) {
          const key = toText(of(i));
          const group = groups.get(key) ?? [];
          groups.set(key, group);
          group.push(list[i]);
          this.#spend(1);
        }
        return groups;
      }
      case "sortBy": {
        const sign = args[2] === undefined ? 1 : direction(this.value(args[2]));
        const keys = indices.map(of);
        return indices.toSorted((a, b) => sign * compare("<", keys[a], keys[b])).map((i) => list[i]);
      }
      default:
        return this.#reduce(list, of, item, args[2]);
    }
  }

  #reduce(list: readonly Value[], of: (i: number) => Value, item: Item, initial: Node | undefined): Value {
    if (initial === undefined && list.length === 0) throw new Failure("reduce of empty array with no initial value");
    let result = initial === undefined ? list[0] : this.value(initial);
    for (let i = initial === undefined ? 1 : 0; i < list.length; i++) {
      item.accumulator = result;
      result = of(i);
    }
    return result;
  }

  readonly #spend = (size: number): void => {
    this.#size += size;
    if (!(this.#size <= MAX_SIZE)) throw new Failure("memory budget exceeded");
  };
}

/** Nothing found is nil. */
function indexValue(index: number | undefined): Value {
  return index === undefined ? undefined : BigInt(index);
}
