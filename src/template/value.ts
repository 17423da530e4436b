/**
 * What a template works on. Go's kinds and their stand-ins here:
 *
 *   nil, no value    undefined           string    string, one character per byte (`toBytes`, `fromBytes`)
 *   bool             boolean             slice     array
 *   any integer      bigint              map       Map with texts as keys
 *   float64          number              struct    Struct
 *
 * A text holds bytes since Go's does: `len`, `index` and `slice` count them, and `\DDD` in a record is one of them.
 */
export type Value =
  | undefined
  | boolean
  | bigint
  | number
  | string
  | readonly Value[]
  | ReadonlyMap<string, Value>
  | Struct;

/** Something with fields and methods. */
export interface Struct {
  /** As Go's `%T` names it. */
  readonly typeName: string;
  /** A pointer to one that is not there: false, and an error when it is asked for a field. */
  readonly isNil?: true;
  /** The field or method of that name. A function is a method: it may take arguments. */
  member(name: string): Value | Method;
  has(name: string): boolean;
  /** As `print` shows it. */
  toText(): string;
}

/** What can be called from a template. */
export class Method {
  readonly name: string;
  readonly parameters: readonly Kind[];
  readonly run: (...args: never[]) => Value;

  constructor(name: string, parameters: readonly Kind[], run: (...args: never[]) => Value) {
    this.name = name;
    this.parameters = parameters;
    this.run = run;
  }
}

export type Kind = "string" | "int" | "bool" | "any";

/** Why a template gave no text; thrown by what runs inside of one, and caught where it ends. No Error: it needs no stack. */
export class Failure {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

export function isStruct(value: Value): value is Struct {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Map);
}

export function isMap(value: Value): value is ReadonlyMap<string, Value> {
  return value instanceof Map;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** The name of the value's type in Go. What a list or map holds is told from what is in it. */
export function typeName(value: Value): string {
  if (value === undefined) return "<nil>";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float64";
  if (typeof value === "string") return "string";
  if (isList(value)) return `[]${elementType(value)}`;
  if (isMap(value)) return `map[string]${elementType([...value.values()])}`;
  return (value as Struct).typeName;
}

function elementType(values: readonly Value[]): string {
  const [first, ...others] = values.map((value) => (value === undefined ? undefined : typeName(value)));
  return first !== undefined && others.every((name) => name === first) ? first : "interface {}";
}

/** Go's truth: what is neither zero nor empty. */
export function isTrue(value: Value): boolean {
  if (isList(value)) return value.length > 0;
  if (isMap(value)) return value.size > 0;
  if (isStruct(value)) return value.isNil !== true;
  return Boolean(value);
}

/** A text as a template sees it: its UTF-8 bytes. */
export function toBytes(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1");
}

/** The text that the bytes spell. */
export function fromBytes(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, "latin1").toString("utf8");
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
