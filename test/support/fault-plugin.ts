/**
 * A plugin that does what no plugin should, when it is asked to: the first label of a query's name says what. Loaded by
 * a Corefile that names this file's path.
 */
import type { ServeContext } from "../../src/plugin/context.ts";
import type { Handler } from "../../src/plugin/outcome.ts";
import type { Plugin } from "../../src/plugin/plugin.ts";

const STALL_MS = 1_500;
/** Longer than a worker may stall, so that whoever mistakes one for the other is seen. */
const MAIN_STALL_MS = 3_000;

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
    block(STALL_MS);
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

/** The supervisor's thread is held up by the control half, which a worker tells to. */
const stallMain = ({ tell }: ServeContext): Handler => {
  return (query) => {
    tell(MAIN_STALL_MS);
    return answer(query);
  };
};

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

const plugin: Plugin = {
  name: "fault",
  parse: (directive) => directive.alone(),
  control: async (_config, context) => {
    context.onTold((ms) => block(ms as number));
    return { stop: () => {} };
  },
  serve: (_config, context) => {
    const all: Readonly<Record<string, Handler>> = { ...faults, main: stallMain(context) };
    return (query) => {
      const label = Buffer.from(query.name.bytes.subarray(1, 1 + query.name.bytes[0]!)).toString("latin1");
      return (all[label] ?? answer)(query);
    };
  },
};
export default plugin;
