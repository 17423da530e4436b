/** A worker's datagrams behind a pause of its thread. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import type { ListenerPlan } from "../../src/plugin/plan.ts";
import { PACKET_COUNTERS, PacketCounter } from "../../src/transport/packets.ts";
import { boundPort, closeFd, openUdp } from "../../src/transport/udp.ts";
import { Engine, Served, UNCOUNTED } from "../../src/worker/engine.ts";
import { UdpServer } from "../../src/worker/udp-server.ts";
import { ZoneRouter } from "../../src/worker/zone-router.ts";
import { encodeQuestion } from "../support/wire.ts";
import { pause, skipNative } from "../transport/udp-support.ts";

/** Longer than a query waits for its answer. */
const PAUSE_MS = 5_000;

for (const first of ["timer", "batch"]) {
  test(`behind a pause what was queued is dropped, and nothing else: the ${first} comes first`, {
    skip: skipNative,
  }, async () => {
    const fd = openUdp({ address: "127.0.0.1", port: 0 });
    const port = boundPort(fd);
    const statistics = new Float64Array(PACKET_COUNTERS);
    const server = new UdpServer(new Engine(UNCOUNTED), statistics);
    const plan = { id: "udp 127.0.0.1", address: "127.0.0.1", port, anyClass: false, server: "" } as ListenerPlan;
    server.listen({ address: "127.0.0.1", port, fd }, new Served(plan, new ZoneRouter([])));
    const client = createSocket("udp4");
    const question = encodeQuestion({ ask: "www.example.org. A" });
    try {
      server.beat(performance.now() - PAUSE_MS);
      client.send(question, port, "127.0.0.1");
      if (first === "timer") server.beat(performance.now());
      for (let turn = 0; turn < 100 && statistics[PacketCounter.STALE] === 0; turn++) await pause(1);
      assert.equal(statistics[PacketCounter.STALE], 1);
      server.beat(performance.now());
      const answered = once(client, "message", { signal: AbortSignal.timeout(2_000) });
      client.send(question, port, "127.0.0.1");
      const [reply] = await answered;
      assert.equal(reply.readUInt16BE(0), question.readUInt16BE(0));
      assert.equal(statistics[PacketCounter.STALE], 1);
    } finally {
      client.close();
      server.close();
      closeFd(fd);
    }
  });
}
