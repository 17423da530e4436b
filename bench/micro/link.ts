/** Chains as workers link them, without workers. */
import { nameToWire } from "../../src/dns/name-text.ts";
import { CounterRow } from "../../src/memory/counters.ts";
import { linkChain } from "../../src/plugin/chain.ts";
import type { Handler } from "../../src/plugin/outcome.ts";
import { definePlugin, type Plugin } from "../../src/plugin/plugin.ts";
import { plugins } from "../../src/plugins/index.ts";
import { parseBlock } from "../../test/support/chain.ts";

export const zone = nameToWire("example.org.") as Uint8Array;

/** These plugins, as they are without options, before one that answers. Each that waits for its control half is given `published`. */
export async function link(names: string[], answer: Handler, published?: unknown): Promise<Handler> {
  const known: Plugin[] = await Promise.all(names.map((name) => plugins.get(name)!()));
  const last = definePlugin({ name: "answer", parse: () => undefined, serve: () => answer });
  const { elements } = parseBlock(known, `example.org {\n${names.join("\n")}\n}\n`);
  const row = new CounterRow();
  const { handler } = await linkChain(
    {
      zones: ["example.org."],
      elements: [...elements, { id: "answer", plugin: "answer", config: undefined }],
      debug: false,
      stacktrace: false,
    },
    new Map([...known, last].map((plugin) => [plugin.name, plugin])),
    [zone],
    {
      server: "dns://:53",
      worker: 0,
      workerCount: 1,
      counter: (name, help, labels) => row.counter(name, help, labels),
      counters: (name, help, labels, dimensions) => row.table(name, help, labels, dimensions),
      histogram: (name, help, labels, bounds) => row.histogram(name, help, labels, bounds),
      subscribe: (_id, receive) => {
        if (published !== undefined) receive(published as never);
      },
      tell: () => {},
    },
  );
  return handler;
}
