/** The names of the functions that every expression has; the host may not use them for its own values. */
import { BUILTIN_TYPES } from "./builtin-types.ts";

/** Those that take a list and, as a predicate, what to ask of each of its items; with how many arguments. */
export const PREDICATE_BUILTINS: ReadonlyMap<string, { readonly least: number; readonly most: number }> = new Map(
  Object.entries({
    all: { least: 2, most: 2 },
    any: { least: 2, most: 2 },
    none: { least: 2, most: 2 },
    one: { least: 2, most: 2 },
    filter: { least: 2, most: 2 },
    find: { least: 2, most: 2 },
    findIndex: { least: 2, most: 2 },
    findLast: { least: 2, most: 2 },
    findLastIndex: { least: 2, most: 2 },
    groupBy: { least: 2, most: 2 },
    map: { least: 2, most: 2 },
    count: { least: 1, most: 2 },
    sum: { least: 1, most: 2 },
    sortBy: { least: 2, most: 3 },
    reduce: { least: 2, most: 3 },
  }),
);

export const BUILTIN_NAMES: ReadonlySet<string> = new Set([
  ...PREDICATE_BUILTINS.keys(),
  ...Object.keys(BUILTIN_TYPES),
]);

/** Words of the language, and functions of expr-lang that are not here: no value may have these names either. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  ...BUILTIN_NAMES,
  ...["let", "if", "else", "in", "not", "and", "or", "matches", "contains", "startsWith", "endsWith"],
  ...["true", "false", "nil", "now", "duration", "date", "timezone"],
]);
