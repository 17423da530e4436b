/** A worker that leaves listeners, as the supervisor has it: what it says of their cells, and until when it reads their sockets. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { on, once } from "node:events";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { CounterRow } from "../../src/memory/counters.ts";
import { socketId } from "../../src/plugin/plan.ts";
import { loadConfiguration } from "../../src/supervisor/configuration.ts";
import { PACKET_COUNTERS } from "../../src/transport/packets.ts";
import { closeFd, openUdp } from "../../src/transport/udp.ts";
import type { FromWorker, ToWorker } from "../../src/worker/messages.ts";
import { Worker } from "../../src/worker/worker.ts";
import { freePorts } from "../support/server.ts";
import { encodeQuestion } from "../support/wire.ts";
import { skipNative } from "../transport/udp-support.ts";

/** A worker in this thread, that has three ports to serve one after the other. */
async function lead() {
  const { port1, port2 } = new MessageChannel();
  const counters = new SharedArrayBuffer(CounterRow.SIZE);
  const statistics = new SharedArrayBuffer(PACKET_COUNTERS * Float64Array.BYTES_PER_ELEMENT);
  const heartbeat = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  const ended = new Worker({ index: 0, count: 1, port: port2, counters, statistics, heartbeat }).run();
  const said = on(port1, "message", { signal: AbortSignal.timeout(5_000) });
  const ports = await freePorts(3);
  /** The first cell of each listener. */
  const described = new Map<string, number>();
  const say = (message: ToWorker) => port1.postMessage(message);
  const hear = async <Kind extends FromWorker["kind"]>(kind: Kind) => {
    for (;;) {
      const [message] = (await said.next()).value as [FromWorker];
      if (message.kind === "described")
        described.set(message.description.labels.server ?? "", message.description.first);
      if (message.kind === kind) return message as Extract<FromWorker, { kind: Kind }>;
    }
  };
  /** Gives the listener's label. */
  const serve = async (
    generation: number,
    { port = ports[generation]!, address = "127.0.0.1", sockets = new Map<string, number>() } = {},
  ) => {
    const text = `.:${port} {\n  bind ${address}\n  acl {\n    allow\n  }\n  whoami\n}\n`;
    const source = { file: "Corefile", text, dnsPort: 53, logFormat: "text", environment: {} } as const;
    const loaded = await loadConfiguration(source, generation);
    if (Array.isArray(loaded)) assert.fail(JSON.stringify(loaded));
    say({ kind: "prepare", plan: loaded.plan, sockets, published: new Map() });
    await hear("prepared");
    say({ kind: "commit", generation });
    await hear("committed");
    return `dns://${address}:${port}`;
  };
  /** Nobody waits at the sockets that plan number `generation` has left. */
  const heardLeft = async (generation: number) => {
    while ((await hear("left")).generation !== generation);
  };
  const stop = async () => {
    say({ kind: "stop", graceMs: 0 });
    await ended;
  };
  return { ports, described, say, hear, heardLeft, serve, stop };
}

test("cells of a listener that is gone are left, and used again once they were read", async () => {
  const { described, say, hear, heardLeft, serve, stop } = await lead();
  try {
    const first = await serve(0);
    const second = await serve(1);
    await heardLeft(1);
    say({ kind: "release" });
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
    await stop();
  }
});

test("a socket whose port the next plan has at another address is read until its owner has closed it", {
  skip: skipNative,
}, async () => {
  const { ports, say, hear, heardLeft, serve, stop } = await lead();
  const client = createSocket("udp4");
  const port = ports[0]!;
  const [first, second] = ["127.0.0.1", "127.0.0.2"].map((address) => ({ address, fd: openUdp({ address, port }) }));
  const sockets = new Map([first!, second!].map(({ address, fd }) => [socketId(address, port), fd]));
  try {
    await serve(0, { port, address: "127.0.0.1", sockets });
    await serve(1, { port, address: "127.0.0.2", sockets });
    await heardLeft(1);
    closeFd(first!.fd);
    const question = encodeQuestion({ ask: "www.example.org. A" });
    const answered = once(client, "message", { signal: AbortSignal.timeout(2_000) });
    client.send(question, port, "127.0.0.1");
    await answered;
    say({ kind: "release" });
    await hear("cellsLeft");
    client.send(question, port, "127.0.0.1");
    const silence = AbortSignal.timeout(200);
    await assert.rejects(once(client, "message", { signal: silence }), { name: "AbortError" });
  } finally {
    client.close();
    await stop();
    closeFd(second!.fd);
  }
});
