/** What an expression is made of once it is read. `at` is where its mistakes are shown. */

import type { Value } from "../template/value.ts";
import type { Regex } from "./scope.ts";

export type Node = { readonly at: number } & (
  | { readonly kind: "constant"; readonly value: Value }
  | { readonly kind: "name"; readonly name: string }
  /** `#`, `#acc` or `#index` of a predicate. */
  | { readonly kind: "pointer"; readonly name: "" | "acc" | "index" }
  | { readonly kind: "unary"; readonly operator: string; readonly of: Node }
  | BinaryNode
  | { readonly kind: "if"; readonly condition: Node; readonly yes: Node; readonly no: Node }
  | MemberNode
  /** The end of a chain of members: a `?.` that found nothing ends here. */
  | { readonly kind: "chain"; readonly of: Node }
  | { readonly kind: "slice"; readonly of: Node; readonly from: Node | undefined; readonly to: Node | undefined }
  | { readonly kind: "call"; readonly of: Node; readonly args: readonly Node[] }
  | BuiltinNode
  | { readonly kind: "list"; readonly items: readonly Node[] }
  | { readonly kind: "map"; readonly pairs: readonly (readonly [Node, Node])[] }
  | { readonly kind: "let"; readonly name: string; readonly value: Node; readonly body: Node }
  | { readonly kind: "sequence"; readonly first: Node; readonly second: Node }
  | { readonly kind: "environment" }
);

export interface BinaryNode {
  readonly at: number;
  readonly kind: "binary";
  readonly operator: string;
  readonly left: Node;
  readonly right: Node;
  /** Of `matches` with a constant on its right; set when the expression is checked. */
  regex?: Regex;
}

export interface MemberNode {
  readonly at: number;
  readonly kind: "member";
  readonly of: Node;
  readonly key: Node;
  readonly optional: boolean;
}

export interface BuiltinNode {
  readonly at: number;
  readonly kind: "builtin";
  readonly name: string;
  readonly args: readonly Node[];
  /** Where the predicate begins, of those that have one. */
  readonly predicateAt: number;
}
