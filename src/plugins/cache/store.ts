/** The two kinds of answers that a cache keeps, each with its settings and counters. */
import { sureNameToWire } from "../../dns/name-text.ts";
import { type Reply, Section } from "../../dns/reply.ts";
import { Rcode } from "../../dns/types.ts";
import type { AnswerAhead } from "../../memory/answer-ahead.ts";
import type { AnswerCache } from "../../memory/answer-cache.ts";
import type { Counter } from "../../memory/counters.ts";
import type { ServeContext } from "../../plugin/context.ts";
import type { KindConfig } from "./index.ts";

/** The answers of one kind, with what is counted of them. */
export interface Store {
  readonly config: KindConfig;
  readonly disabled: readonly Uint8Array[];
  readonly hits: Counter;
  readonly evictions: Counter;
  answers: AnswerCache;
  ahead: AnswerAhead;
}

/**
 * What is renewed: an answer that is alive, or one that is over. With `prefer_positive` one that is over and has no data is
 * told apart, as other answers without data may take its place.
 */
export const Renewed = { ALIVE: 0, OVER: 1, EMPTY: 2, DENIED: 3 } as const;
export type Renewed = (typeof Renewed)[keyof typeof Renewed];

/** A failure gives way to any answer. */
export function kindOfStale({ counts, rcode }: Reply, isDenial: boolean): Renewed {
  if (isDenial && rcode !== Rcode.SERVFAIL) return Renewed.DENIED;
  return counts[Section.ANSWER]! > 0 ? Renewed.OVER : Renewed.EMPTY;
}

export function storeOf(
  type: "success" | "denial",
  config: KindConfig,
  context: ServeContext,
  { server, zones, view }: { server: string; zones: string; view: string },
): Store {
  const labels = { server, type, zones, view };
  return {
    config,
    disabled: config.disabled.map(sureNameToWire),
    hits: context.counter("cache_hits_total", "The count of cache hits.", labels),
    evictions: context.counter("cache_evictions_total", "The count of cache evictions.", labels),
    answers: undefined as never,
    ahead: undefined as never,
  };
}

/** Whole seconds that the answer is still good for; 0 and less when it is over. A query may have come before the answer. */
export function secondsLeft(answers: AnswerCache, now: number): number {
  return answers.ttl - Math.floor(Math.max(now - answers.storedAt, 0) / 1_000);
}
