/**
 * A plugin that does what no plugin should, when it is asked to: the first label of a query's name says what. Loaded by
 * a Corefile that names this file's path.
 */
import type { Handler } from "../../src/plugin/outcome.ts";
import type { Plugin } from "../../src/plugin/plugin.ts";

const faults: Readonly<Record<string, Handler>> = {
  throw: () => {
    throw new Error("thrown on purpose");
  },
  reject: () => Promise.reject(new Error("rejected on purpose")),
  // Outside of any query, as a bug in a timer's callback would be.
  crash: (query) => {
    setTimeout(() => {
      throw new Error("crashed on purpose");
    }, 0);
    return answer(query);
  },
  spin: () => {
    for (;;);
  },
  stall: (query) => {
    const until = performance.now() + 1_500;
    while (performance.now() < until);
    return answer(query);
  },
  heap: () => {
    const kept: number[][] = [];
    for (;;) kept.push(new Array(1_000_000).fill(kept.length));
  },
  silent: () => new Promise(() => {}),
};

const answer: Handler = (query) => {
  query.reply.begin(query);
  return 0;
};

const plugin: Plugin = {
  name: "fault",
  parse: (directive) => directive.alone(),
  serve: () => (query) => {
    const label = Buffer.from(query.name.bytes.subarray(1, 1 + query.name.bytes[0]!)).toString("latin1");
    return (faults[label] ?? answer)(query);
  },
};
export default plugin;
