/** Values to JSON and back, as Go's encoding/json has it. */
import { formatFloat } from "../template/go-number.ts";
import { Failure, isList, isMap, type Value } from "../template/value.ts";

/** How deep lists may lie in each other. */
const MAX_DEPTH = 100;

export function toJson(value: Value): string {
  return write(value, "", 0);
}

function write(value: Value, indent: string, depth: number): string {
  if (depth > MAX_DEPTH) throw new Failure("json: nested too deep");
  if (value === undefined) return "null";
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return writeNumber(value);
  const inner = `${indent}  `;
  if (isList(value)) {
    if (value.length === 0) return "[]";
    return `[\n${value.map((one) => inner + write(one, inner, depth + 1)).join(",\n")}\n${indent}]`;
  }
  if (isMap(value)) {
    if (value.size === 0) return "{}";
    const sorted = [...value].sort(([a], [b]) => (a < b ? -1 : 1));
    const pairs = sorted.map(([key, one]) => `${inner}${quote(key)}: ${write(one, inner, depth + 1)}`);
    return `{\n${pairs.join(",\n")}\n${indent}}`;
  }
  return String(value);
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new Failure(`json: unsupported value: ${formatFloat(value, "g", -1)}`);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-6 || size >= 1e21)) return formatFloat(value, "e", -1).replace(/e([+-])0/, "e$1");
  return formatFloat(value, "f", -1);
}

/** Go escapes what HTML could misread. */
function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export function fromJson(text: string): Value {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Failure((error as Error).message);
  }
  return read(parsed, 0);
}

function read(value: unknown, depth: number): Value {
  if (depth > MAX_DEPTH) throw new Failure("json: nested too deep");
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map((one) => read(one, depth + 1));
  if (typeof value !== "object") return value as Value;
  return new Map(Object.entries(value).map(([key, one]) => [key, read(one, depth + 1)]));
}
