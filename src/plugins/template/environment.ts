/** What the expressions and templates of a stanza know. */
import type { Scope } from "../../expression/scope.ts";
import { functionOf, STRING, type Type } from "../../expression/types.ts";
import { QUERY_SCOPE } from "../../plugin/query-functions.ts";
import { parseUnsigned } from "../../template/go-number.ts";
import { Method } from "../../template/value.ts";

/** Functions that templates have beside Go's own. */
export const TEMPLATE_FUNCTIONS: readonly Method[] = [new Method("parseInt", ["string", "int", "int"], parseUnsigned)];

/** `group(NAME)`: the text of a group of the expression that matched. */
export const GROUP = "group";

/** The names that an expression may use; `variables` are those that `var` has defined before it. */
export function scopeWith(variables: ReadonlyMap<string, Type>): Scope {
  const functions = new Map([...QUERY_SCOPE.functions, [GROUP, functionOf([STRING], STRING)]]);
  return { ...QUERY_SCOPE, functions, values: new Map(variables) };
}
