/** What a template is made of once it is read. `at` is the offset in its text, for messages. */
import { quoteBytes } from "./go-quote.ts";
import { fromBytes } from "./value.ts";

export type Node = TextNode | ActionNode | BranchNode | CallNode | JumpNode;

interface TextNode {
  readonly kind: "text";
  readonly text: string;
}

export interface ActionNode {
  readonly kind: "action";
  readonly at: number;
  readonly pipe: Pipe;
}

export interface BranchNode {
  readonly kind: "if" | "with" | "range";
  readonly at: number;
  readonly pipe: Pipe;
  readonly list: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** `{{template "name" pipe}}` */
export interface CallNode {
  readonly kind: "template";
  readonly at: number;
  readonly name: string;
  readonly pipe: Pipe | undefined;
}

interface JumpNode {
  readonly kind: "break" | "continue";
}

export interface Pipe {
  readonly kind: "pipe";
  readonly at: number;
  readonly declared: readonly string[];
  /** `=` rather than `:=`. */
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

/** It has no kind: so it is told from an argument. */
export interface Command {
  readonly at: number;
  readonly args: readonly [Argument, ...Argument[]];
}

export type Argument =
  | { readonly kind: "field"; readonly at: number; readonly names: readonly string[] }
  | { readonly kind: "variable"; readonly at: number; readonly names: readonly string[] }
  | { readonly kind: "chain"; readonly at: number; readonly of: Argument; readonly names: readonly string[] }
  | { readonly kind: "identifier"; readonly at: number; readonly name: string }
  | { readonly kind: "dot" | "nil"; readonly at: number }
  | { readonly kind: "bool"; readonly at: number; readonly value: boolean }
  | NumberArgument
  | { readonly kind: "string"; readonly at: number; readonly value: string; readonly quoted: string }
  | Pipe;

export interface NumberArgument {
  readonly kind: "number";
  readonly at: number;
  readonly text: string;
  /** Absent when the number is no integer. */
  readonly integer: bigint | undefined;
  readonly float: number;
  /** It is written as a float: with a point or an exponent. */
  readonly isFloat: boolean;
}

/** The argument as it may stand in a template, as Go's messages show it. */
export function argumentText(argument: Argument): string {
  switch (argument.kind) {
    case "field":
      return argument.names.map((name) => `.${name}`).join("");
    case "variable":
      return argument.names.join(".");
    case "chain": {
      const of = argument.of.kind === "pipe" ? `(${pipeText(argument.of)})` : argumentText(argument.of);
      return of + argument.names.map((name) => `.${name}`).join("");
    }
    case "identifier":
      return argument.name;
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "bool":
      return String(argument.value);
    case "number":
      return argument.text;
    case "string":
      return argument.quoted;
    case "pipe":
      return pipeText(argument);
  }
}

export function commandText({ args }: Command): string {
  return args.map((one) => (one.kind === "pipe" ? `(${pipeText(one)})` : argumentText(one))).join(" ");
}

function pipeText({ declared, assigns, commands }: Pipe): string {
  const head = declared.length === 0 ? "" : `${declared.join(", ")} ${assigns ? "=" : ":="} `;
  return head + commands.map(commandText).join(" | ");
}

export function nodeText(node: Node): string {
  switch (node.kind) {
    case "text":
      return fromBytes(node.text);
    case "action":
      return `{{${pipeText(node.pipe)}}}`;
    case "template":
      return `{{template ${quoteBytes(node.name)}${node.pipe === undefined ? "" : ` ${pipeText(node.pipe)}`}}}`;
    case "break":
    case "continue":
      return `{{${node.kind}}}`;
    default: {
      const otherwise = node.otherwise.length === 0 ? "" : `{{else}}${listText(node.otherwise)}`;
      return `{{${node.kind} ${pipeText(node.pipe)}}}${listText(node.list)}${otherwise}{{end}}`;
    }
  }
}

export function listText(list: readonly Node[]): string {
  return list.map(nodeText).join("");
}
