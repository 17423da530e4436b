/**
 * Runs the way of a query a few thousand times before the first real one, so that it is compiled when clients come: an
 * interpreted query costs twenty times a compiled one, and a restarted worker takes its full share at once.
 */
import { MAX_REPLY_SIZE } from "../dns/reply.ts";
import { Class, Type } from "../dns/types.ts";
import { Later } from "../plugin/later.ts";
import { ANSWERED } from "../plugin/outcome.ts";
import { Transport } from "../plugin/query.ts";
import { Engine, UNCOUNTED } from "./engine.ts";

/** Enough for the optimizing compiler, some milliseconds in all. */
const ROUNDS = 5_000;
/**
 * V8 forgets a shape of objects when a collection finds none of them, and throws away all code that was compiled for it. Objects
 * that come and go with queries have one here that stays: without it the first collection between two bursts of forwarded
 * queries cost half a second, in which they ran interpreted. The rest of their way takes objects that the worker keeps.
 */
const kept: object[] = [];

export function warmUp(): void {
  const engine = new Engine(UNCOUNTED);
  const query = engine.acquire();
  const { reply } = query;
  kept.push(new Later(query));
  const room = new Uint8Array(2 * MAX_REPLY_SIZE);
  for (let round = 0; round < ROUNDS; round++) {
    const message = MESSAGES[round % MESSAGES.length]!;
    reply.place(room, 0, MAX_REPLY_SIZE);
    query.read(message, 0, message.length);
    query.transport = Transport.UDP;
    reply.begin(query);
    reply.add(0, ZONE, Type.A, Class.IN, 60, ADDRESS);
    engine.finish(query, ANSWERED);
    query.reset();
  }
}

const ZONE = new Uint8Array([4, 0x74, 0x65, 0x73, 0x74, 0]);
const ADDRESS = new Uint8Array([192, 0, 2, 1]);
/** `www.test. A` with and without an OPT record. */
const QUESTION = [3, 0x77, 0x77, 0x77, 4, 0x74, 0x65, 0x73, 0x74, 0, 0, 1, 0, 1];
const MESSAGES = [
  new Uint8Array([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...QUESTION]),
  new Uint8Array([0, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, ...QUESTION, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]),
];
