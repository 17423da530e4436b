/**
 * Runs the way of a query a few thousand times before the first real one, so that it is compiled when clients come: an
 * interpreted query costs twenty times a compiled one, and a restarted worker takes its full share at once.
 */
import { MAX_REPLY_SIZE } from "../dns/reply.ts";
import { Class, Type } from "../dns/types.ts";
import { ANSWERED } from "../plugin/outcome.ts";
import type { ListenerPlan } from "../plugin/plan.ts";
import { Query, Transport } from "../plugin/query.ts";
import { Engine, Served, UNCOUNTED } from "./engine.ts";
import { ZoneRouter } from "./zone-router.ts";

/** Enough for the optimizing compiler, some milliseconds in all. */
const ROUNDS = 5_000;

export function warmUp(): void {
  const engine = new Engine(UNCOUNTED);
  const zone = new Uint8Array([4, 0x74, 0x65, 0x73, 0x74, 0]);
  const address = new Uint8Array([192, 0, 2, 1]);
  const target = {
    zone,
    server: "",
    debug: false,
    stacktrace: false,
    ahead: [],
    handler: (query: Query) => {
      query.reply.begin(query);
      query.reply.add(0, zone, Type.A, Class.IN, 60, address);
      return ANSWERED;
    },
  };
  const plan = { anyClass: false, server: "" } as ListenerPlan;
  const served = new Served(plan, new ZoneRouter([{ zone, target }]));
  const query = new Query();
  const room = new Uint8Array(2 * MAX_REPLY_SIZE);
  for (let round = 0; round < ROUNDS; round++) {
    const message = MESSAGES[round % MESSAGES.length]!;
    query.reply.place(room, 0, MAX_REPLY_SIZE);
    query.read(message, 0, message.length);
    query.transport = Transport.UDP;
    engine.finish(query, engine.serve(served, query) as number);
    query.reset();
  }
}

/** `www.test. A` with and without an OPT record. */
const QUESTION = [3, 0x77, 0x77, 0x77, 4, 0x74, 0x65, 0x73, 0x74, 0, 0, 1, 0, 1];
const MESSAGES = [
  new Uint8Array([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...QUESTION]),
  new Uint8Array([0, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, ...QUESTION, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]),
];
