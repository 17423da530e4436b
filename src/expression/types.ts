/** What is known of an expression's value before it is evaluated, so that mistakes are found when a Corefile is read. */
export type Type =
  | { readonly kind: "int" | "float64" | "string" | "bool" | "nil" | "any" }
  | { readonly kind: "list"; readonly of: Type; readonly text?: string }
  | { readonly kind: "map" }
  | { readonly kind: "function"; readonly parameters: readonly Type[]; readonly result: Type };

export type FunctionType = Extract<Type, { kind: "function" }>;

export const INT: Type = { kind: "int" };
export const FLOAT: Type = { kind: "float64" };
export const STRING: Type = { kind: "string" };
export const BOOL: Type = { kind: "bool" };
export const NIL: Type = { kind: "nil" };
export const ANY: Type = { kind: "any" };
export const LIST: Type = { kind: "list", of: ANY };
export const STRINGS: Type = { kind: "list", of: STRING, text: "[]string" };
export const MAP: Type = { kind: "map" };

export function listOf(of: Type): Type {
  return { kind: "list", of };
}

export function functionOf(parameters: readonly Type[], result: Type): FunctionType {
  return { kind: "function", parameters, result };
}

/** The name that Go has for it, as messages show it. */
export function typeText(type: Type): string {
  switch (type.kind) {
    case "nil":
      return "unknown";
    case "any":
      return "interface {}";
    case "list":
      return type.text ?? "[]interface {}";
    case "map":
      return "map[string]interface {}";
    case "function": {
      const result = typeText(type.result);
      return `func(${type.parameters.map(typeText).join(", ")}) ${result}`;
    }
    default:
      return type.kind;
  }
}

export function isAny(type: Type): boolean {
  return type.kind === "any";
}

export function isNumber({ kind }: Type): boolean {
  return kind === "int" || kind === "float64";
}

/** Whether a value of the type may be one of `kind`: what is only known when evaluated may be anything. */
export function maybe(type: Type, ...kinds: readonly Type["kind"][]): boolean {
  return type.kind === "any" || kinds.includes(type.kind);
}

export function areComparable(a: Type, b: Type): boolean {
  if (a.kind === "nil" || b.kind === "nil" || isAny(a) || isAny(b)) return true;
  return a.kind === b.kind || (isNumber(a) && isNumber(b));
}

/** What both are; any when they differ. */
export function common(a: Type, b: Type): Type {
  if (a.kind === "nil" && b.kind === "nil") return NIL;
  if (a.kind === b.kind && a.kind !== "list" && a.kind !== "map" && a.kind !== "function") return a;
  if (a.kind === "list" && b.kind === "list") return listOf(common(a.of, b.of));
  return a.kind === "map" && b.kind === "map" ? MAP : ANY;
}
