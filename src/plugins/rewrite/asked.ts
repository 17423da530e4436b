/** A query on its way through the rules, and what they leave to be done when its reply comes. */

import { nameToText } from "../../dns/name-text.ts";
import { optionsOf } from "../../dns/options.ts";
import type { Query } from "../../plugin/query.ts";
import type { Step } from "./steps.ts";

export const Result = {
  MISSED: 0,
  MATCHED: 1,
  /** What the name would become is no name: `asked.invalidName`. */
  INVALID: 2,
} as const;
export type Result = (typeof Result)[keyof typeof Result];

/** What is to be done to a reply. Each query has one for as long as it lives. */
export class Undo {
  /** In the order of their rules; they are taken from the last to the first. */
  readonly steps: Step[] = [];
  /** The chain was asked for another name. */
  renamed = false;
  /** `replaceMessage` was called. */
  replaced = false;
  /** Rules have looked at the OPT record, which every query then has. */
  hasOptions = false;
  /** Errors without a reply become replies, so that rules for replies see them. */
  answersErrors = false;
}

/** One per chain: rules do not wait. */
export class Asked {
  query!: Query;
  questionChanged = false;
  invalidName = "";
  #options: Uint8Array | undefined;
  #text: string | undefined;
  #undo: Undo | undefined;
  readonly #undos = new WeakMap<Query, Undo>();

  begin(query: Query): void {
    this.query = query;
    this.questionChanged = false;
    this.#options = undefined;
    this.#text = undefined;
    this.#undo = undefined;
  }

  /** The name as text, in lower case. */
  get text(): string {
    this.#text ??= nameToText(this.query.name.bytes);
    return this.#text;
  }

  /** Whether a rule has said something, or has changed the query. */
  get touched(): boolean {
    return this.#undo !== undefined;
  }

  get undo(): Undo {
    this.#undo ??= this.#newUndo();
    return this.#undo;
  }

  /** What the rules have left for the reply to a query that was touched. */
  undoOf(query: Query): Undo {
    return this.#undos.get(query)!;
  }

  rename(name: Uint8Array, steps: readonly Step[]): Result {
    this.query.name.set(name);
    this.#text = undefined;
    this.questionChanged = true;
    const { undo } = this;
    undo.renamed = true;
    for (let i = 0; i < steps.length; i++) undo.steps.push(steps[i]!);
    return Result.MATCHED;
  }

  refuse(name: string): Result {
    this.invalidName = name;
    return Result.INVALID;
  }

  /** The options that the query goes on with, in wire form; undefined as long as no rule has looked at them. */
  get options(): Uint8Array | undefined {
    return this.#options;
  }

  /** The same for a rule: from now on they are the query's own. */
  takeOptions(): Uint8Array {
    if (this.#options === undefined) {
      this.#options = optionsOf(this.query);
      this.undo.hasOptions = true;
    }
    return this.#options;
  }

  setOptions(options: Uint8Array): void {
    this.#options = options;
  }

  #newUndo(): Undo {
    let undo = this.#undos.get(this.query);
    if (undo === undefined) {
      undo = new Undo();
      this.#undos.set(this.query, undo);
    }
    undo.steps.length = 0;
    undo.renamed = false;
    undo.replaced = false;
    undo.hasOptions = false;
    undo.answersErrors = false;
    return undo;
  }
}
