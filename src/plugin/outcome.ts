/**
 * What a handler says when it is done. An outcome is a number, so that the synchronous way through the chain makes no
 * objects: ANSWERED (the reply is written, whatever its rcode), DROPPED (the client gets nothing), or one of the four
 * rcodes that the server writes itself: FORMERR, SERVFAIL, NOTIMP, REFUSED (behaviour 2.7).
 */
import { Rcode } from "../dns/types.ts";
import { Later, type Rescue, type Step } from "./later.ts";
import type { Query } from "./query.ts";

export type Outcome = number;
/** An outcome, or the promise of one. */
export type Eventual = Outcome | Promise<Outcome>;

export const ANSWERED: Outcome = 0;
export const DROPPED: Outcome = -1;
export const FORMERR: Outcome = Rcode.FORMERR;
export const SERVFAIL: Outcome = Rcode.SERVFAIL;
/** @public */
export const NOTIMP: Outcome = Rcode.NOTIMP;
export const REFUSED: Outcome = Rcode.REFUSED;

export type Handler = (query: Query) => Eventual;

/**
 * Runs `finish` when the rest of the chain is done: at once when it was synchronous, later when it waits. `finish` is
 * made once, when the chain is linked, and gives the outcome that goes on outward. `rescue` does the same when something
 * behind has thrown while it waited.
 *
 *     return (query) => after(next(query), query, finish);
 */
export function after(outcome: Eventual, query: Query, finish: Step, rescue?: Rescue): Eventual {
  return typeof outcome === "number" ? finish(outcome, query) : afterWait(outcome, query, finish, rescue);
}

export function afterWait(outcome: Promise<Outcome>, query: Query, finish: Step, rescue?: Rescue): Promise<Outcome> {
  if (!(outcome instanceof Later) || !outcome.isFor(query)) return afterPromise(outcome, query, finish, rescue);
  outcome.add(finish, rescue);
  return outcome;
}

/**
 * A function of its own: one that makes a closure allocates room for what the closure will see whenever it is called, and
 * not only when it makes it.
 */
function afterPromise(outcome: Promise<Outcome>, query: Query, finish: Step, rescue?: Rescue): Promise<Outcome> {
  return outcome.then((later) => finish(later, query), rescue && ((error: unknown) => rescue(error, query)));
}
