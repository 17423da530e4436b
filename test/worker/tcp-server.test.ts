/** A worker's connections, over reloads. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import type { ListenerPlan } from "../../src/plugin/plan.ts";
import { MAX_HELD, StreamMemory } from "../../src/transport/stream-memory.ts";
import { Engine, Served, UNCOUNTED } from "../../src/worker/engine.ts";
import { TcpServer } from "../../src/worker/tcp-server.ts";
import { ZoneRouter } from "../../src/worker/zone-router.ts";

const before = { readTimeoutMs: 60_000, writeTimeoutMs: 60_000, idleTimeoutMs: 60_000, maxTcpQueries: -1 };

const uncounted = (): void => {};
const memory = new StreamMemory({ held: MAX_HELD, inKernel: MAX_HELD }, uncounted, uncounted);

/** The root's A, behind the length. */
const question = [0, 17, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];

for (const { name, sent } of [
  { name: "nothing", sent: [0, 0] },
  { name: "less than a header", sent: [0, 3, 1, 2, 3] },
  { name: "a reply", sent: question.with(4, 0x80) },
]) {
  test(`a message that is ${name} is skipped, and what follows is answered`, async () => {
    const plan = { address: "127.0.0.1", port: 0, anyClass: false, server: "", ...before };
    const served = new Served(plan as unknown as ListenerPlan, new ZoneRouter([]));
    const server = new TcpServer(new Engine(UNCOUNTED), served, memory, (error) => assert.fail(error));
    try {
      const client = connect(await server.listen(), "127.0.0.1");
      client.write(Uint8Array.from([...sent, ...question]));
      const [reply] = (await once(client, "data", { signal: AbortSignal.timeout(3_000) })) as [Buffer];
      assert.deepEqual([reply[3], reply.readUInt16BE() + 2], [question[3], reply.length]);
      client.destroy();
    } finally {
      await server.close(0);
    }
  });
}

for (const { name, changed, sent } of [
  { name: "idle", changed: { idleTimeoutMs: 100 }, sent: question },
  { name: "read", changed: { readTimeoutMs: 100 }, sent: [0] },
  { name: "read, with nothing sent", changed: { readTimeoutMs: 100 }, sent: [] },
]) {
  test(`a reload brings its own time limits: ${name}`, async () => {
    const served = (limits: object): Served => {
      const plan = { address: "127.0.0.1", port: 0, anyClass: false, server: "", ...before, ...limits };
      return new Served(plan as unknown as ListenerPlan, new ZoneRouter([]));
    };
    const server = new TcpServer(new Engine(UNCOUNTED), served({}), memory, (error) => assert.fail(error));
    try {
      const client = connect(await server.listen(), "127.0.0.1");
      client.resume();
      client.on("error", () => {});
      await once(client, "connect");
      client.write(Uint8Array.from(sent));
      server.switchTo(served(changed));
      await once(client, "close", { signal: AbortSignal.timeout(3_000) });
    } finally {
      await server.close(0);
    }
  });
}
