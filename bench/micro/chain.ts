/** The way of a query through the engine: finding its block, the plugins that only pass it on, and finishing the reply. */
import { Section } from "../../src/dns/reply.ts";
import { Class, Type } from "../../src/dns/types.ts";
import { ANSWERED, type Handler } from "../../src/plugin/outcome.ts";
import type { ListenerPlan } from "../../src/plugin/plan.ts";
import { Transport } from "../../src/plugin/query.ts";
import { Engine, Served, UNCOUNTED } from "../../src/worker/engine.ts";
import { ZoneRouter } from "../../src/worker/zone-router.ts";
import { type Case, Desk, messages } from "./harness.ts";
import { link, zone } from "./link.ts";

const address = new Uint8Array([192, 0, 2, 1]);

const answer: Handler = (query) => {
  query.reply.begin(query);
  query.reply.add(Section.ANSWER, query.name.toWire(), Type.A, Class.IN, 300, address);
  return ANSWERED;
};

/** Those of the Corefile that clusters run which see every query, in its order, before the one that answers. */
const passingOn = ["prometheus", "errors", "loop", "loadbalance"];

export async function cases(): Promise<Case[]> {
  return [
    { name: "nothing: reading, answering, finishing", run: bare() },
    { name: "through the engine", run: through(answer) },
    { name: "and errors", run: through(await link(["errors"], answer)) },
    { name: `and ${passingOn.join(", ")}`, run: through(await link(passingOn, answer)) },
  ];
}

function bare(): (count: number) => void {
  const desk = new Desk();
  const list = messages(1_024);
  return (count) => {
    const { query } = desk;
    for (let i = 0; i < count; i++) {
      desk.read(list[i & 1_023]!, i);
      answer(query);
      query.reply.finish(query, 512);
    }
  };
}

function through(handler: Handler): (count: number) => void {
  const desk = new Desk();
  const list = messages(1_024);
  const engine = new Engine(UNCOUNTED);
  const target = { zone, server: "dns://:53", debug: false, stacktrace: false, handler, ahead: [] };
  const served = new Served(
    { anyClass: false, server: "dns://:53" } as ListenerPlan,
    new ZoneRouter([{ zone, target }]),
  );
  return (count) => {
    const { query } = desk;
    query.transport = Transport.UDP;
    for (let i = 0; i < count; i++) {
      desk.read(list[i & 1_023]!, i);
      query.receivedAt = i;
      engine.finish(query, engine.serve(served, query) as number);
      query.reset();
    }
  };
}
