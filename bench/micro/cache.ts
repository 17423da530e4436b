/**
 * What the answer cache costs: an answer that it has, and one that it has not and stores. The table has room for a tenth of
 * the names of the second, so that nearly each insert makes another entry go.
 */
import { Section } from "../../src/dns/reply.ts";
import { Class, Type } from "../../src/dns/types.ts";
import { AnswerCache } from "../../src/memory/answer-cache.ts";
import { InFlight } from "../../src/memory/in-flight.ts";
import { randomKey } from "../../src/memory/keyed-hash.ts";
import { ANSWERED, type Handler } from "../../src/plugin/outcome.ts";
import type { Published } from "../../src/plugins/cache/control.ts";
import { type Case, Desk, type Message, messages } from "./harness.ts";
import { link } from "./link.ts";

const capacity = 10_000;
const names = 10 * capacity;
const address = new Uint8Array([192, 0, 2, 1]);

export async function cases(): Promise<Case[]> {
  const all = messages(names);
  const known = all.slice(0, capacity);
  const order = Uint32Array.from({ length: 65_536 }, () => Math.floor(Math.random() * capacity));
  const cached = await cacheBefore(answer);
  const filled = await cacheBefore(answer);
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

function ask(desk: Desk, handler: Handler, message: Message, i: number): void {
  desk.read(message, i);
  desk.query.receivedAt = 1;
  handler(desk.query);
  desk.query.reply.finish(desk.query, 512);
}

function asking(handler: Handler, messageOf: (i: number) => Message): (count: number) => void {
  const desk = new Desk();
  // Goes on where the last round ended, so that a name comes again only when all others have come.
  let i = 0;
  return (count) => {
    for (const end = i + count; i < end; i++) ask(desk, handler, messageOf(i), i);
  };
}

/** The plugin over tables of its own. */
function cacheBefore(next: Handler): Promise<Handler> {
  const published: Published = {
    success: AnswerCache.allocate(capacity),
    denial: AnswerCache.allocate(capacity),
    inFlight: new SharedArrayBuffer(InFlight.SIZE),
    hashKey: randomKey(),
  };
  return link(["cache"], next, published);
}
