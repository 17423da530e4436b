/** Fields of objects that somebody else wrote: what has not the type that it should have is not there. */

export type Fields = { readonly [field: string]: unknown };

const NO_FIELDS: Fields = {};
const NO_ITEMS: readonly unknown[] = [];

export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : NO_FIELDS;
}

export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : NO_ITEMS;
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
