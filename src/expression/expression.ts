/**
 * The expressions of expr-lang that `template` takes: compiled once against what their host offers, evaluated for many
 * queries.
 *
 *     const scope = { functions: new Map([["name", functionOf([], STRING)]]), values: new Map(), regex };
 *     const expression = Expression.compile("name() endsWith '.test.'", scope);
 *     expression.evaluate(environment)    its value; or why there is none, as a Failure
 *
 * Types are checked when it is compiled, as far as they are known. Not here: functions of dates and durations, and functions
 * as values. An evaluation takes a bounded number of steps and makes a bounded amount of data.
 */
import { Failure, type Value } from "../template/value.ts";
import { check } from "./check.ts";
import { evaluate } from "./evaluate.ts";
import { Mistake } from "./lexer.ts";
import type { Node } from "./nodes.ts";
import { parse } from "./parser.ts";
import type { Environment, Scope } from "./scope.ts";
import type { Type } from "./types.ts";

export class Expression {
  /** What its value is, as far as that is known beforehand. */
  readonly type: Type;
  readonly #node: Node;
  readonly #scope: Scope;

  private constructor(node: Node, type: Type, scope: Scope) {
    this.#node = node;
    this.type = type;
    this.#scope = scope;
  }

  /** A Failure in expr-lang's words, with the place and the text, when it is none. */
  static compile(text: string, scope: Scope): Expression | Failure {
    const isOwn = (name: string) => scope.functions.has(name) || scope.values.has(name);
    try {
      const node = parse(text, isOwn);
      return new Expression(node, check(node, scope), scope);
    } catch (error) {
      if (error instanceof Mistake) return new Failure(placed(error, text));
      throw error;
    }
  }

  evaluate(environment: Environment): Value | Failure {
    try {
      return evaluate(this.#node, this.#scope, environment);
    } catch (error) {
      if (error instanceof Failure) return error;
      throw error;
    }
  }
}

/** The message, the line and column, the line itself, and an arrow below. */
function placed({ message, at }: Mistake, text: string): string {
  if (text === "") return message;
  const before = text.slice(0, at).split("\n");
  const column = before.at(-1)!.length;
  const line = text.split("\n")[before.length - 1]!;
  return `${message} (${before.length}:${column + 1})\n | ${line}\n | ${".".repeat(column)}^`;
}
