/**
 * What the answer cache costs: an answer that it has, and one that it has not and stores. The table has room for a tenth of
 * the names of the second, so that nearly each insert makes another entry go.
 */
import { Section } from "../../src/dns/reply.ts";
import { Class, Type } from "../../src/dns/types.ts";
import { AnswerCache } from "../../src/memory/answer-cache.ts";
import { CounterRow } from "../../src/memory/counters.ts";
import { InFlight } from "../../src/memory/in-flight.ts";
import { ANSWERED, type Handler } from "../../src/plugin/outcome.ts";
import type { CacheConfig } from "../../src/plugins/cache/index.ts";
import { serve } from "../../src/plugins/cache/serve.ts";
import { type Case, Desk, messages } from "./harness.ts";

const capacity = 10_000;
const names = 10 * capacity;
const address = new Uint8Array([192, 0, 2, 1]);

export function cases(): Case[] {
  const all = messages(names);
  const known = all.slice(0, capacity);
  const order = Uint32Array.from({ length: 65_536 }, () => Math.floor(Math.random() * capacity));
  const cached = cacheBefore(answer);
  const filled = cacheBefore(answer);
  const desk = new Desk();
  for (const [i, message] of known.entries()) ask(desk, filled, message, i);
  return [
    { name: "nothing: an empty reply", run: asking(nothing, (i) => known[order[i & 65_535]!]!) },
    { name: "no cache: the answer is written anew", run: asking(answer, (i) => known[order[i & 65_535]!]!) },
    { name: "get: an answer from the cache", run: asking(filled, (i) => known[order[i & 65_535]!]!) },
    { name: "put: an answer that is stored", run: asking(cached, (i) => all[i % names]!) },
  ];
}

const answer: Handler = (query) => {
  query.reply.begin(query);
  query.reply.add(Section.ANSWER, query.name.toWire(), Type.A, Class.IN, 300, address);
  return ANSWERED;
};

const nothing: Handler = (query) => {
  query.reply.begin(query);
  return ANSWERED;
};

function ask(desk: Desk, handler: Handler, message: Uint8Array, i: number): void {
  desk.read(message, i);
  desk.query.receivedAt = 1;
  handler(desk.query);
  desk.query.reply.finish(desk.query, 512);
}

function asking(handler: Handler, messageOf: (i: number) => Uint8Array): (count: number) => void {
  const desk = new Desk();
  // Goes on where the last round ended, so that a name comes again only when all others have come.
  let i = 0;
  return (count) => {
    for (const end = i + count; i < end; i++) ask(desk, handler, messageOf(i), i);
  };
}

/** The plugin's serve half over tables of its own. */
function cacheBefore(next: Handler): Handler {
  const row = new CounterRow();
  const kind = { capacity, maxTtl: 3_600, minTtl: 5, disabled: [] };
  const config: CacheConfig = {
    zones: ["."],
    success: kind,
    denial: { ...kind },
    prefetch: { amount: 0, windowMs: 60_000, percent: 10 },
    stale: undefined,
    preferPositive: false,
    servfailMs: 5_000,
    keepTtl: false,
  };
  const published = {
    success: AnswerCache.allocate(capacity),
    denial: AnswerCache.allocate(capacity),
    inFlight: new SharedArrayBuffer(InFlight.SIZE),
  };
  let slots = 0;
  return serve(config, {
    next,
    nextName: "",
    server: "dns://:53",
    zones: [],
    worker: 0,
    workerCount: 1,
    slot: () => slots++,
    counter: (name: string, help: string, labels = {}) => row.counter(name, help, labels),
    lookAhead: () => {},
    onPublished: (receive: (value: never) => void) => receive(published as never),
  } as never);
}
