/** What the host of an expression gives it: functions, values, and regular expressions. */
import type { Value } from "../template/value.ts";
import type { FunctionType, Type } from "./types.ts";

/** Known when the expression is compiled. */
export interface Scope {
  readonly functions: ReadonlyMap<string, FunctionType>;
  readonly values: ReadonlyMap<string, Type>;
  /** Throws an Error with a message on a pattern that is none. */
  regex(pattern: string): Regex;
}

/** Known when it is evaluated. */
export interface Environment {
  /** Throws a Failure when there is no result. */
  call(name: string, args: readonly Value[]): Value;
  value(name: string): Value;
}

export interface Regex {
  /** Whether the text has a match anywhere. */
  test(text: string): boolean;
}
