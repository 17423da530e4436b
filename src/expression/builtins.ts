/** What the builtins do. They take values whose kinds may be wrong, and throw a Failure then. */
import { formatValue } from "../template/go-format.ts";
import { Failure, fromBytes, isList, isMap, toBytes, typeName, type Value } from "../template/value.ts";
import type { FunctionBuiltin } from "./builtin-types.ts";
import { fromJson, toJson } from "./json.ts";
import { compare, equal } from "./operators.ts";

/** Counts what is made, and throws when it is too much. */
export type Spend = (size: number) => void;

export function callBuiltin(name: FunctionBuiltin, args: readonly Value[], spend: Spend): Value {
  const result = BUILTINS[name](args, spend);
  if (typeof result === "string" || isList(result)) spend(result.length);
  return result;
}

type Builtin = (args: readonly Value[], spend: Spend) => Value;

const BUILTINS: Readonly<Record<FunctionBuiltin, Builtin>> = {
  len: ([value]) => {
    if (typeof value === "string") return BigInt([...value].length);
    if (isList(value)) return BigInt(value.length);
    return isMap(value) ? BigInt(value.size) : wrong("len", value);
  },
  type: ([value]) => kindName(value),
  abs: ([value]) => (typeof value === "bigint" ? (value < 0n ? -value : value) : Math.abs(number("abs", value))),
  ceil: ([value]) => Math.ceil(number("ceil", value)),
  floor: ([value]) => Math.floor(number("floor", value)),
  // Half away from zero, as Go has it; JavaScript rounds -2.5 up.
  round: ([value]) => Math.sign(number("round", value)) * Math.round(Math.abs(number("round", value))),
  int: ([value]) => toInt(value),
  float: ([value]) => toFloat(value),
  string: ([value]) => toText(value),
  trim: ([value, set]) => trimSet(text("trim", value), set),
  trimPrefix: ([value, prefix]) => {
    const [whole, start] = [text("trimPrefix", value), prefix === undefined ? " " : text("trimPrefix", prefix)];
    return whole.startsWith(start) ? whole.slice(start.length) : whole;
  },
  trimSuffix: ([value, suffix]) => {
    const [whole, end] = [text("trimSuffix", value), suffix === undefined ? " " : text("trimSuffix", suffix)];
    return whole.endsWith(end) ? whole.slice(0, whole.length - end.length) : whole;
  },
  upper: ([value]) => text("upper", value).toUpperCase(),
  lower: ([value]) => text("lower", value).toLowerCase(),
  split: ([value, separator, count], spend) =>
    split(text("split", value), text("split", separator), count, false, spend),
  splitAfter: ([value, separator, count], spend) =>
    split(text("splitAfter", value), text("splitAfter", separator), count, true, spend),
  replace: ([value, from, to, count], spend) =>
    replace(text("replace", value), text("replace", from), text("replace", to), count, spend),
  repeat: ([value, count], spend) => {
    const [once, times] = [text("repeat", value), integer("repeat", count)];
    if (times < 0n) throw new Failure("invalid argument for repeat (expected positive integer)");
    spend(once.length * Number(times));
    return once.repeat(Number(times));
  },
  join: ([list, separator], spend) => {
    const words = items("join", list).map((item) => text("join", item));
    const glue = separator === undefined ? "" : text("join", separator);
    spend(words.reduce((sum, word) => sum + word.length + glue.length, 0));
    return words.join(glue);
  },
  indexOf: ([value, part]) => byteIndex(text("indexOf", value), text("indexOf", value).indexOf(text("indexOf", part))),
  lastIndexOf: ([value, part]) =>
    byteIndex(text("lastIndexOf", value), text("lastIndexOf", value).lastIndexOf(text("lastIndexOf", part))),
  hasPrefix: ([value, prefix]) => text("hasPrefix", value).startsWith(text("hasPrefix", prefix)),
  hasSuffix: ([value, suffix]) => text("hasSuffix", value).endsWith(text("hasSuffix", suffix)),
  max: (args) => extreme("max", args, 1),
  min: (args) => extreme("min", args, -1),
  mean: (args) => {
    const list = numbers("mean", args).map(Number);
    return list.length === 0 ? 0n : list.reduce((a, b) => a + b, 0) / list.length;
  },
  median: (args) => {
    const list = numbers("median", args)
      .map(Number)
      .sort((a, b) => a - b);
    if (list.length === 0) return 0n;
    const middle = list.length >> 1;
    return list.length % 2 === 1 ? list[middle] : (list[middle - 1]! + list[middle]!) / 2;
  },
  toJSON: ([value]) => toJson(value),
  fromJSON: ([value]) => fromJson(text("fromJSON", value)),
  toBase64: ([value]) => Buffer.from(text("toBase64", value), "utf8").toString("base64"),
  fromBase64: ([value]) => {
    const digits = text("fromBase64", value);
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(digits) || digits.length % 4 !== 0) throw new Failure("illegal base64 data");
    return Buffer.from(digits, "base64").toString("utf8");
  },
  first: ([list]) => items("first", list)[0],
  last: ([list]) => items("last", list).at(-1),
  get: ([of, key]) => {
    if (isMap(of)) return typeof key === "string" ? of.get(key) : undefined;
    return isList(of) && typeof key === "bigint" ? of.at(Number(key)) : undefined;
  },
  take: ([list, count]) => {
    const size = integer("take", count);
    if (size < 0n) throw new Failure(`cannot take ${size} elements`);
    return items("take", list).slice(0, Number(size));
  },
  keys: ([map]) => [...pairs("keys", map).keys()],
  values: ([map]) => [...pairs("values", map).values()],
  toPairs: ([map]) => [...pairs("toPairs", map)].map(([key, value]) => [key, value]),
  fromPairs: ([list]) =>
    new Map(
      items("fromPairs", list).map((pair) => {
        if (!isList(pair) || pair.length !== 2) throw new Failure(`invalid pair ${toText(pair)}`);
        return [toText(pair[0]), pair[1]] as const;
      }),
    ),
  reverse: ([list]) => items("reverse", list).toReversed(),
  uniq: ([list], spend) => {
    const unique: Value[] = [];
    for (const item of items("uniq", list)) {
      spend(unique.length);
      if (!unique.some((one) => equal(one, item))) unique.push(item);
    }
    return unique;
  },
  concat: (lists) => lists.flatMap((list) => items("concat", list)),
  flatten: ([list], spend) => flatten(items("flatten", list), spend),
  sort: ([list, order]) => {
    const sign = order === undefined ? 1 : direction(order);
    return items("sort", list).toSorted((a, b) => sign * compare("<", a, b));
  },
  bitand: ([a, b]) => integer("bitand", a) & integer("bitand", b),
  bitor: ([a, b]) => integer("bitor", a) | integer("bitor", b),
  bitxor: ([a, b]) => integer("bitxor", a) ^ integer("bitxor", b),
  bitnand: ([a, b]) => integer("bitnand", a) & ~integer("bitnand", b),
  bitshl: ([a, b]) => BigInt.asIntN(64, integer("bitshl", a) << shift(b)),
  bitshr: ([a, b]) => integer("bitshr", a) >> shift(b),
  bitushr: ([a, b]) => BigInt.asIntN(64, BigInt.asUintN(64, integer("bitushr", a)) >> shift(b)),
  bitnot: ([a]) => ~integer("bitnot", a),
};

/** 1 for `asc`, -1 for `desc`. */
export function direction(order: Value): 1 | -1 {
  if (order !== "asc" && order !== "desc") throw new Failure(`unknown order, use asc or desc (got ${toText(order)})`);
  return order === "asc" ? 1 : -1;
}

/** The list of a builtin, which takes nothing else. */
export function items(name: string, value: Value): readonly Value[] {
  return isList(value) ? value : wrong(name, value);
}

/** As Go's fmt shows it. */
export function toText(value: Value): string {
  return typeof value === "string" ? value : fromBytes(formatValue(encode(value)));
}

/** The value with its texts as the bytes that a template works on. */
export function encode(value: Value): Value {
  if (typeof value === "string") return toBytes(value);
  if (isList(value)) return value.map(encode);
  return isMap(value) ? new Map([...value].map(([key, one]) => [toBytes(key), encode(one)])) : value;
}

function wrong(name: string, value: Value): never {
  throw new Failure(`invalid argument for ${name} (type ${typeName(value)})`);
}

function text(name: string, value: Value): string {
  return typeof value === "string" ? value : wrong(name, value);
}

function integer(name: string, value: Value): bigint {
  return typeof value === "bigint" ? value : wrong(name, value);
}

function number(name: string, value: Value): number {
  return typeof value === "bigint" || typeof value === "number" ? Number(value) : wrong(name, value);
}

function pairs(name: string, value: Value): ReadonlyMap<string, Value> {
  return isMap(value) ? value : wrong(name, value);
}

function kindName(value: Value): string {
  if (value === undefined) return "nil";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  if (typeof value === "boolean") return "bool";
  return typeof value === "string" ? "string" : isList(value) ? "array" : "map";
}

function toInt(value: Value): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") {
    // What does not fit is the smallest integer, as on the processors that Go runs on most.
    return Number.isFinite(value) && Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : -(1n << 63n);
  }
  const digits = text("int", value);
  const parsed = /^[+-]?[0-9]{1,40}$/.test(digits) ? BigInt(digits.replace(/^\+/, "")) : undefined;
  if (parsed === undefined || BigInt.asIntN(64, parsed) !== parsed)
    throw new Failure(`invalid operation: int(${digits})`);
  return parsed;
}

function toFloat(value: Value): number {
  if (typeof value === "bigint" || typeof value === "number") return Number(value);
  const digits = text("float", value);
  if (/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(digits)) return Number(digits);
  throw new Failure(`invalid operation: float(${digits})`);
}

function trimSet(whole: string, set: Value): string {
  if (set === undefined) return whole.trim();
  const characters = new Set(text("trim", set));
  const letters = [...whole];
  let from = 0;
  let to = letters.length;
  while (from < to && characters.has(letters[from]!)) from++;
  while (to > from && characters.has(letters[to - 1]!)) to--;
  return letters.slice(from, to).join("");
}

/** `count` is the most parts; those behind stay together. */
function split(whole: string, separator: string, count: Value, keep: boolean, spend: Spend): string[] {
  const most = count === undefined ? -1 : Number(integer("split", count));
  if (most === 0) return [];
  const all = separator === "" ? [...whole] : whole.split(separator);
  spend(all.length);
  const parts = most > 0 && all.length > most ? [...all.slice(0, most - 1), all.slice(most - 1).join(separator)] : all;
  return keep ? parts.map((part, i) => (i < parts.length - 1 ? part + separator : part)) : parts;
}

function replace(whole: string, from: string, to: string, count: Value, spend: Spend): string {
  const most = count === undefined ? -1 : Number(integer("replace", count));
  const parts = from === "" ? ["", ...whole, ""] : whole.split(from);
  const times = most < 0 ? parts.length - 1 : Math.min(most, parts.length - 1);
  spend(whole.length + times * to.length);
  return parts.slice(0, times).join(to) + (times > 0 ? to : "") + parts.slice(times).join(from);
}

/** Go counts bytes. */
function byteIndex(whole: string, index: number): bigint {
  return BigInt(index < 0 ? -1 : toBytes(whole.slice(0, index)).length);
}

/** The numbers among the arguments, and within lists of them. */
function numbers(name: string, args: readonly Value[]): (bigint | number)[] {
  return args.flatMap((value) => {
    if (typeof value === "bigint" || typeof value === "number") return [value];
    return isList(value) ? numbers(name, value) : wrong(name, value);
  });
}

function extreme(name: string, args: readonly Value[], sign: 1 | -1): Value {
  return numbers(name, args).reduce<Value>(
    (best, one) => (best === undefined || sign * compare("<", one, best) > 0 ? one : best),
    undefined,
  );
}

function flatten(list: readonly Value[], spend: Spend): Value[] {
  spend(list.length);
  return list.flatMap((item) => (isList(item) ? flatten(item, spend) : [item]));
}

function shift(count: Value): bigint {
  const bits = integer("shift", count);
  if (bits < 0n) throw new Failure(`invalid operation: negative shift count ${bits} (type int)`);
  return bits > 64n ? 64n : bits;
}
