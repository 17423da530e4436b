/** What the builtins take and give. */
import {
  ANY,
  BOOL,
  FLOAT,
  INT,
  isNumber,
  LIST,
  listOf,
  MAP,
  maybe,
  STRING,
  STRINGS,
  type Type,
  typeText,
} from "./types.ts";

/** Either a plain list of parameters, or a function that says what is wrong with the types of the arguments. */
export type BuiltinType =
  | { readonly parameters: readonly Type[]; readonly least: number; readonly result: Type }
  | { readonly check: (types: readonly Type[]) => Type | string };

function plain(result: Type, parameters: readonly Type[], least = parameters.length): BuiltinType {
  return { parameters, least, result };
}

/** One argument of certain kinds. */
function single(name: string, kinds: readonly Type["kind"][], result: Type | ((type: Type) => Type)): BuiltinType {
  return {
    check: ([type, ...others]) => {
      const count = type === undefined ? 0 : others.length + 1;
      if (type === undefined || others.length > 0) return `invalid number of arguments (expected 1, got ${count})`;
      if (!maybe(type, ...kinds)) return `invalid argument for ${name} (type ${typeText(type)})`;
      return typeof result === "function" ? result(type) : result;
    },
  };
}

/** Any number of numbers and lists of them. */
function numbers(name: string, result: (types: readonly Type[]) => Type): BuiltinType {
  return {
    check: (types) => {
      if (types.length === 0) return `not enough arguments to call ${name}`;
      const wrong = types.find((type) => !maybe(type, "int", "float64", "list"));
      return wrong === undefined ? result(types) : `invalid argument for ${name} (type ${typeText(wrong)})`;
    },
  };
}

function smallest(types: readonly Type[]): Type {
  const [first] = types;
  return types.every(({ kind }) => kind === first!.kind) && isNumber(first!) ? first! : ANY;
}

const element = (type: Type): Type => (type.kind === "list" ? type.of : ANY);
const bits = plain(INT, [INT, INT]);

export const BUILTIN_TYPES = {
  len: single("len", ["list", "map", "string"], INT),
  type: single("type", ["any", "nil", "int", "float64", "string", "bool", "list", "map", "function"], STRING),
  abs: single("abs", ["int", "float64"], (type) => type),
  ceil: single("ceil", ["int", "float64"], FLOAT),
  floor: single("floor", ["int", "float64"], FLOAT),
  round: single("round", ["int", "float64"], FLOAT),
  int: single("int", ["int", "float64", "string"], INT),
  float: single("float", ["int", "float64", "string"], FLOAT),
  string: single("string", ["any", "nil", "int", "float64", "string", "bool", "list", "map", "function"], STRING),
  trim: plain(STRING, [STRING, STRING], 1),
  trimPrefix: plain(STRING, [STRING, STRING], 1),
  trimSuffix: plain(STRING, [STRING, STRING], 1),
  upper: plain(STRING, [STRING]),
  lower: plain(STRING, [STRING]),
  split: plain(STRINGS, [STRING, STRING, INT], 2),
  splitAfter: plain(STRINGS, [STRING, STRING, INT], 2),
  replace: plain(STRING, [STRING, STRING, STRING, INT], 3),
  repeat: plain(STRING, [STRING, INT]),
  join: plain(STRING, [STRINGS, STRING], 1),
  indexOf: plain(INT, [STRING, STRING]),
  lastIndexOf: plain(INT, [STRING, STRING]),
  hasPrefix: plain(BOOL, [STRING, STRING]),
  hasSuffix: plain(BOOL, [STRING, STRING]),
  max: numbers("max", smallest),
  min: numbers("min", smallest),
  mean: numbers("mean", () => ANY),
  median: numbers("median", () => ANY),
  toJSON: plain(STRING, [ANY]),
  fromJSON: plain(ANY, [STRING]),
  toBase64: plain(STRING, [STRING]),
  fromBase64: plain(STRING, [STRING]),
  first: single("first", ["list"], element),
  last: single("last", ["list"], element),
  get: {
    check: ([of, key, ...others]) => {
      if (of === undefined || key === undefined || others.length > 0) return "invalid number of arguments (expected 2)";
      if (!maybe(of, "list", "map")) return `type ${typeText(of)} does not support indexing`;
      if (of.kind === "list" && !maybe(key, "int")) return `non-integer slice index ${typeText(key)}`;
      return element(of);
    },
  },
  take: {
    check: ([of, count, ...others]) => {
      if (of === undefined || count === undefined || others.length > 0)
        return "invalid number of arguments (expected 2)";
      if (!maybe(of, "list")) return `cannot take from ${typeText(of)}`;
      return maybe(count, "int") ? of : `cannot use ${typeText(count)} as a number of elements`;
    },
  },
  keys: single("keys", ["map"], LIST),
  values: single("values", ["map"], LIST),
  toPairs: single("toPairs", ["map"], listOf(LIST)),
  fromPairs: single("fromPairs", ["list"], MAP),
  reverse: single("reverse", ["list"], (type) => type),
  uniq: single("uniq", ["list"], (type) => type),
  concat: {
    check: (types) => {
      if (types.length === 0) return "invalid number of arguments (expected at least 1, got 0)";
      const wrong = types.find((type) => !maybe(type, "list"));
      return wrong === undefined ? LIST : `cannot concat ${typeText(wrong)}`;
    },
  },
  flatten: single("flatten", ["list"], LIST),
  sort: {
    check: ([of, order, ...others]) => {
      if (of === undefined || others.length > 0) return "invalid number of arguments (expected 1 or 2)";
      if (order !== undefined && !maybe(order, "string")) return `invalid argument for sort (type ${typeText(order)})`;
      return maybe(of, "list") ? of : `cannot sort ${typeText(of)}`;
    },
  },
  bitand: bits,
  bitor: bits,
  bitxor: bits,
  bitnand: bits,
  bitshl: bits,
  bitshr: bits,
  bitushr: bits,
  bitnot: plain(INT, [INT]),
} satisfies Readonly<Record<string, BuiltinType>>;

/** The functions among the builtins; those that take a predicate are apart (builtin-names.ts). */
export type FunctionBuiltin = keyof typeof BUILTIN_TYPES;
