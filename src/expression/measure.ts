/**
 * Is a value small enough to be gone through? What stands in it twice counts twice: twenty lists, each with the one before in
 * it twice, are a million items for whoever compares or shows them.
 */
import { Failure, isList, isMap, type Value } from "../template/value.ts";

/** Characters and items that one evaluation may make. */
export const MAX_SIZE = 262_144;
/** As deep as the text of an expression may go. */
const MAX_DEPTH = 200;

interface Measure {
  readonly depth: number;
  readonly size: number;
}

/** Of lists and maps. Those within a new one have been measured before, when they were made. */
const known = new WeakMap<object, Measure>();

/** Gives `value`; throws a Failure when it is too deep or too large. */
export function measured(value: Value): Value {
  measure(value);
  return value;
}

function measure(value: Value): Measure {
  if (typeof value === "string") return { depth: 0, size: Math.max(1, value.length) };
  if (!isList(value) && !isMap(value)) return ONE;
  const before = known.get(value);
  if (before !== undefined) return before;
  let depth = 0;
  let size = 1;
  if (isMap(value)) for (const key of value.keys()) size += key.length;
  for (const item of value.values()) {
    const inner = measure(item);
    depth = Math.max(depth, inner.depth);
    size += inner.size;
  }
  if (depth === MAX_DEPTH) throw new Failure(`nested more than ${MAX_DEPTH} deep`);
  if (size > MAX_SIZE) throw new Failure("memory budget exceeded");
  const result = { depth: depth + 1, size };
  known.set(value, result);
  return result;
}

const ONE: Measure = { depth: 0, size: 1 };
