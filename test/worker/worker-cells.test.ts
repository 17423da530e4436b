/** A worker and its plans: what it says to the supervisor of the cells that it counts in. */
import assert from "node:assert/strict";
import { on } from "node:events";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { CounterRow } from "../../src/memory/counters.ts";
import { loadConfiguration } from "../../src/supervisor/configuration.ts";
import { PACKET_COUNTERS } from "../../src/transport/packets.ts";
import type { FromWorker, ToWorker } from "../../src/worker/messages.ts";
import { Worker } from "../../src/worker/worker.ts";
import { freePorts } from "../support/server.ts";

test("cells of a listener that is gone are left, and used again once they were read", { timeout: 20_000 }, async () => {
  const { port1, port2 } = new MessageChannel();
  const counters = new SharedArrayBuffer(CounterRow.SIZE);
  const statistics = new SharedArrayBuffer(PACKET_COUNTERS * Float64Array.BYTES_PER_ELEMENT);
  const worker = new Worker({
    index: 0,
    count: 1,
    port: port2,
    counters,
    statistics,
    heartbeat: new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT),
  });
  const described = new Map<string, number>();
  const say = (message: ToWorker) => port1.postMessage(message);
  const said = on(port1, "message", { signal: AbortSignal.timeout(5_000) });
  const hear = async <Kind extends FromWorker["kind"]>(kind: Kind) => {
    for (;;) {
      const [message] = (await said.next()).value as [FromWorker];
      if (message.kind === "described")
        described.set(message.description.labels.server ?? "", message.description.first);
      if (message.kind === kind) return message as Extract<FromWorker, { kind: Kind }>;
    }
  };
  const ended = worker.run();
  const ports = await freePorts(3);
  const serve = async (generation: number) => {
    const text = `.:${ports[generation]} {\n  bind 127.0.0.1\n  acl {\n    allow\n  }\n  whoami\n}\n`;
    const loaded = await loadConfiguration(
      { file: "Corefile", text, dnsPort: 53, logFormat: "text", environment: {} },
      generation,
    );
    if (Array.isArray(loaded)) assert.fail(JSON.stringify(loaded));
    say({ kind: "prepare", plan: loaded.plan, sockets: new Map(), published: new Map() });
    await hear("prepared");
    say({ kind: "commit", generation });
    await hear("committed");
    return `dns://127.0.0.1:${ports[generation]}`;
  };
  try {
    const first = await serve(0);
    const second = await serve(1);
    const { descriptions } = await hear("cellsLeft");
    assert.deepEqual(
      descriptions.map(({ labels }) => labels.server),
      [first],
    );
    assert.notEqual(described.get(second), described.get(first));
    say({ kind: "reuse", descriptions });
    const third = await serve(2);
    assert.equal(described.get(third), described.get(first));
  } finally {
    say({ kind: "stop", graceMs: 0 });
    await ended;
  }
});
