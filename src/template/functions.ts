/** The functions that every template has. `and` and `or`, which need not look at all of their arguments, are in execute.ts. */

import { escapeHtml, escapeJs, escapeQuery } from "./escape.ts";
import { formatValue, sprint, sprintf, sprintln } from "./go-format.ts";
import { Failure, isList, isMap, isTrue, typeName, type Value } from "./value.ts";

type Spend = (size: number) => void;
type Builtin = (values: readonly Value[], spend: Spend) => Value;

interface Signature {
  readonly run: Builtin;
  readonly least: number;
  /** Absent: any number. */
  readonly most?: number;
}

const SIGNATURES: Readonly<Record<string, Signature>> = {
  call: { run: call, least: 1 },
  html: { run: (values) => escapeHtml(textOf(values)), least: 0 },
  index: { run: index, least: 1 },
  js: { run: (values) => escapeJs(textOf(values)), least: 0 },
  len: { run: ([value]) => length(value), least: 1, most: 1 },
  not: { run: ([value]) => !isTrue(value), least: 1, most: 1 },
  print: { run: sprint, least: 0 },
  printf: { run: ([format, ...values], spend) => sprintf(format as string, values, spend), least: 1 },
  println: { run: sprintln, least: 0 },
  slice: { run: slice, least: 1 },
  urlquery: { run: (values) => escapeQuery(textOf(values)), least: 0 },
  eq: { run: ([first, ...others]) => equals(first, others), least: 1 },
  ne: { run: ([a, b]) => !equals(a, [b]), least: 2, most: 2 },
  lt: { run: ([a, b]) => isLess(a, b), least: 2, most: 2 },
  le: { run: ([a, b]) => isLess(a, b) || equals(a, [b]), least: 2, most: 2 },
  gt: { run: ([a, b]) => !isLess(a, b) && !equals(a, [b]), least: 2, most: 2 },
  ge: { run: ([a, b]) => !isLess(a, b), least: 2, most: 2 },
};

export const BUILTINS: readonly string[] = ["and", "or", ...Object.keys(SIGNATURES)];

/** How many arguments there must be, when `count` are too many or too few: Go's words. */
export function wrongCount(name: string, count: number): string | undefined {
  const { least, most } = SIGNATURES[name]!;
  if (count < least && most !== least) return `wrong number of args for ${name}: want at least ${least} got ${count}`;
  if (count < least || (most !== undefined && count > most))
    return `wrong number of args for ${name}: want ${least} got ${count}`;
  return undefined;
}

export function callBuiltin(name: string, values: readonly Value[], spend: Spend): Value {
  const result = SIGNATURES[name]!.run(values, spend);
  if (typeof result === "string") spend(result.length);
  return result;
}

/** What html, js and urlquery work on: as `print` shows it, but for what is missing. */
function textOf(values: readonly Value[]): string {
  return sprint(values.map((value) => value ?? "<no value>"));
}

/** No value of ours is a function. */
function call([value]: readonly Value[]): Value {
  throw new Failure(value === undefined ? "call of nil" : `non-function of type ${typeName(value)}`);
}

function length(value: Value): bigint {
  if (typeof value === "string" || isList(value)) return BigInt(value.length);
  if (isMap(value)) return BigInt(value.size);
  throw new Failure(value === undefined ? "len of nil pointer" : `len of type ${typeName(value)}`);
}

function index([value, ...keys]: readonly Value[]): Value {
  if (value === undefined) throw new Failure("index of untyped nil");
  let item: Value = value;
  for (const key of keys) {
    if (typeof item === "string" || isList(item)) {
      const at = indexNumber(key, item.length);
      if (at === item.length) throw new Failure(`reflect: ${isList(item) ? "slice" : "string"} index out of range`);
      item = typeof item === "string" ? BigInt(item.charCodeAt(at)) : item[at];
    } else if (isMap(item)) {
      if (typeof key !== "string")
        throw new Failure(
          key === undefined
            ? "value is nil; should be of type string"
            : `value has type ${typeName(key)}; should be string`,
        );
      // A text that is not there is an empty one.
      item = item.has(key) ? item.get(key) : typeName(item) === "map[string]string" ? "" : undefined;
    } else if (item === undefined) {
      throw new Failure("index of nil pointer");
    } else {
      throw new Failure(`can't index item of type ${typeName(item)}`);
    }
  }
  return item;
}

function indexNumber(key: Value, size: number): number {
  if (typeof key !== "bigint")
    throw new Failure(
      key === undefined ? "cannot index slice/array with nil" : `cannot index slice/array with type ${typeName(key)}`,
    );
  if (key < 0n || key > BigInt(size)) throw new Failure(`index out of range: ${key}`);
  return Number(key);
}

function slice([value, ...bounds]: readonly Value[]): Value {
  if (value === undefined) throw new Failure("slice of untyped nil");
  if (bounds.length > 3) throw new Failure(`too many slice indexes: ${bounds.length}`);
  if (typeof value !== "string" && !isList(value)) throw new Failure(`can't slice item of type ${typeName(value)}`);
  if (typeof value === "string" && bounds.length === 3) throw new Failure("cannot 3-index slice a string");
  const [from = 0, to = value.length, limit] = bounds.map((bound) => indexNumber(bound, value.length));
  if (from > to) throw new Failure(`invalid slice index: ${from} > ${to}`);
  if (limit !== undefined && to > limit) throw new Failure(`invalid slice index: ${to} > ${limit}`);
  return value.slice(from, to);
}

/** The kinds that can be compared with each other. */
function basicKind(value: Value): "bool" | "int" | "float" | "string" | "" {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  return typeof value === "string" ? "string" : "";
}

function equals(first: Value, others: readonly Value[]): boolean {
  if (others.length === 0) throw new Failure("missing argument for comparison");
  const kind = basicKind(first);
  for (const other of others) {
    if (first !== undefined && other !== undefined) {
      if (kind !== basicKind(other)) throw incompatible(first, other);
      if (isList(other) || isMap(other))
        throw new Failure(`non-comparable type ${formatValue(other)}: ${typeName(other)}`);
    }
    if (first === other) return true;
  }
  return false;
}

function incompatible(a: Value, b: Value): Failure {
  return new Failure(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);
}

function isLess(a: Value, b: Value): boolean {
  const kind = basicKind(a);
  if (kind === "" || basicKind(b) === "") throw new Failure("invalid type for comparison");
  if (kind !== basicKind(b)) throw incompatible(a, b);
  if (kind === "bool") throw new Failure("invalid type for comparison");
  return (a as string) < (b as string);
}
