/**
 * An outcome that comes with somebody else's answer. For whoever awaits it, it is a promise. The chain goes without: what
 * plugins do behind the rest of the chain (`after`) are steps of one object, and all of them run, from the inside out, in the
 * call that brings the outcome. Promises would cost three objects and a turn of the microtask queue for each plugin.
 */
import type { Eventual, Outcome } from "./outcome.ts";
import type { Query } from "./query.ts";

/** Gives the outcome that goes on outward. What it throws goes on outward as an error. */
export type Step = (outcome: Outcome, query: Query) => Eventual;
/** The same for an error: gives the outcome that takes its place, or throws. */
export type Rescue = (error: unknown, query: Query) => Eventual;

/** Lists keep their memory for the next outcome that comes later, and nothing of what stood in them. */
class Steps {
  readonly finish: (Step | undefined)[] = [];
  readonly rescue: (Rescue | undefined)[] = [];
  count = 0;

  clear(): void {
    for (let at = 0; at < this.count; at++) {
      this.finish[at] = undefined;
      this.rescue[at] = undefined;
    }
    this.count = 0;
  }
}

/** As many as a worker keeps queries for. */
const SPARE_STEPS = 1_024;
const spare: Steps[] = [];

export class Later implements Promise<Outcome> {
  readonly #query: Query;
  #steps: Steps | undefined = spare.pop() ?? new Steps();
  /** The first step that has not run. */
  #next = 0;
  /** How it came out, when it is over. */
  #outcome: Outcome = 0;
  #error: unknown = undefined;
  #hasFailed = false;
  /** The step that brought the error, and the last one that tells somebody of errors that come to it. */
  #failedAt = -1;
  #toldAt = -1;

  constructor(query: Query) {
    this.#query = query;
  }

  /** The outcome is there, or the next that is waited for. To be called once, as `fail` is. */
  settle(outcome: Eventual): void {
    if (typeof outcome === "number") this.#run(outcome);
    else this.#follow(outcome);
  }

  /** There will be no outcome. Throws `error` when nobody takes it. */
  fail(error: unknown): void {
    this.#hasFailed = true;
    this.#error = error;
    this.#run(0);
  }

  /** What is done with the outcome when all that was added before is done. Only while it is waited for. */
  add(finish: Step, rescue?: Rescue): void {
    const steps = this.#steps!;
    steps.finish[steps.count] = finish;
    steps.rescue[steps.count++] = rescue;
  }

  /** Whether this is the outcome of `query`, and is waited for. */
  isFor(query: Query): boolean {
    return this.#query === query && this.#steps !== undefined;
  }

  // biome-ignore lint/suspicious/noThenProperty: so that it can be awaited
  then<A = Outcome, B = never>(
    onOutcome?: ((outcome: Outcome) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#promise().then(onOutcome, onError);
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<Outcome | B> {
    return this.#promise().catch(onError);
  }

  finally(onEnd?: (() => void) | null): Promise<Outcome> {
    return this.#promise().finally(onEnd);
  }

  get [Symbol.toStringTag](): string {
    return "Later";
  }

  /** Hears what the steps so far make of the outcome, not what later ones will. */
  #promise(): Promise<Outcome> {
    if (this.#steps === undefined)
      return this.#hasFailed ? Promise.reject(this.#error) : Promise.resolve(this.#outcome);
    this.#toldAt = this.#steps.count;
    return new Promise((resolve, reject) => {
      this.add(
        (outcome) => {
          resolve(outcome);
          return outcome;
        },
        (error) => {
          reject(error);
          throw error;
        },
      );
    });
  }

  #run(first: Outcome): void {
    const steps = this.#steps!;
    let outcome = first;
    while (this.#next < steps.count) {
      const at = this.#next++;
      try {
        const result = this.#hasFailed ? this.#rescued(steps.rescue[at]) : steps.finish[at]!(outcome, this.#query);
        if (typeof result !== "number") {
          this.#follow(result);
          return;
        }
        outcome = result;
      } catch (error) {
        if (error !== this.#error) this.#failedAt = at;
        this.#hasFailed = true;
        this.#error = error;
      }
    }
    this.#steps = undefined;
    steps.clear();
    if (spare.length < SPARE_STEPS) spare.push(steps);
    this.#outcome = outcome;
    if (this.#hasFailed && this.#failedAt >= this.#toldAt) throw this.#error;
  }

  #rescued(rescue: Rescue | undefined): Eventual {
    if (rescue === undefined) return 0;
    const result = rescue(this.#error, this.#query);
    this.#hasFailed = false;
    return result;
  }

  #follow(outcome: Promise<Outcome>): void {
    outcome.then(
      (later) => this.#run(later),
      (error: unknown) => this.fail(error),
    );
  }
}
