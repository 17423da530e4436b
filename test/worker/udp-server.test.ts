/** A worker's datagrams: many at once, and behind a pause of its thread. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { nameToWire } from "../../src/dns/name-text.ts";
import { type LookAhead, MAX_AHEAD } from "../../src/plugin/context.ts";
import { Later } from "../../src/plugin/later.ts";
import { ANSWERED, type Handler } from "../../src/plugin/outcome.ts";
import type { ListenerPlan } from "../../src/plugin/plan.ts";
import { PACKET_COUNTERS, PacketCounter } from "../../src/transport/packets.ts";
import { boundPort, closeFd, openUdp } from "../../src/transport/udp.ts";
import { Engine, Served, type Target, UNCOUNTED } from "../../src/worker/engine.ts";
import { UdpServer } from "../../src/worker/udp-server.ts";
import { ZoneRouter } from "../../src/worker/zone-router.ts";
import { collectGarbage } from "../support/garbage.ts";
import { encodeQuestion } from "../support/wire.ts";
import { pause, skipNative } from "../transport/udp-support.ts";

/** Longer than a query waits for its answer. */
const PAUSE_MS = 5_000;

for (const first of ["the timer", "the batch", "nothing"]) {
  test(`behind a pause what was queued is dropped, and nothing else: ${first} comes first`, {
    skip: skipNative,
  }, async () => {
    const isQueued = first !== "nothing";
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
      if (isQueued) client.send(question, port, "127.0.0.1");
      if (first !== "the batch") server.beat(performance.now());
      for (let turn = 0; isQueued && turn < 100 && statistics[PacketCounter.STALE] === 0; turn++) await pause(1);
      assert.equal(statistics[PacketCounter.STALE], isQueued ? 1 : 0);
      server.beat(performance.now());
      const answered = once(client, "message", { signal: AbortSignal.timeout(2_000) });
      client.send(question, port, "127.0.0.1");
      const [reply] = await answered;
      assert.equal(reply.readUInt16BE(0), question.readUInt16BE(0));
      assert.equal(statistics[PacketCounter.STALE], isQueued ? 1 : 0);
    } finally {
      client.close();
      server.close();
      closeFd(fd);
    }
  });
}

test("queries that came together are looked at before they are handled, and each has its own answer", {
  skip: skipNative,
}, async () => {
  const fd = openUdp({ address: "127.0.0.1", port: 0 });
  const port = boundPort(fd);
  const server = new UdpServer(new Engine(UNCOUNTED), new Float64Array(PACKET_COUNTERS));
  const seen = new Map<string, number>();
  const runs: number[] = [];
  const handled: string[] = [];
  const look: LookAhead = (queries, first, end) => {
    runs.push(end - first);
    for (const { name } of queries.slice(first, end)) seen.set(`${name.toWire()}`, handled.length);
  };
  const handler: Handler = (query) => {
    handled.push(`${query.name.toWire()}`);
    query.reply.begin(query);
    // Every fifth waits, and the objects of the others are used again meanwhile.
    return query.id % 5 === 0 ? pause(1).then(() => ANSWERED) : ANSWERED;
  };
  const targets = ["example.org.", "other.test."].map((name) => {
    const zone = nameToWire(name) as Uint8Array;
    const ahead = name === "example.org." ? [look] : [];
    return { zone, target: { zone, handler, ahead, server: "", debug: false, stacktrace: false, dropped: undefined } };
  });
  const plan = { id: "udp 127.0.0.1", address: "127.0.0.1", port, anyClass: false, server: "" } as ListenerPlan;
  const client = createSocket("udp4");
  client.bind(0, "127.0.0.1");
  await once(client, "listening");
  try {
    const questions = Array.from({ length: 60 }, (_, id) => {
      const zone = id % 20 < 15 ? "example.org" : "other.test";
      return encodeQuestion({ ask: `host${id}.${zone}. A` }, id);
    });
    const damaged = questions.map((question, id) => (id % 7 === 3 ? question.subarray(0, 20) : question));
    for (const message of damaged) client.send(message, port, "127.0.0.1");
    const replies = new Map<number, Buffer>();
    const all = new Promise<void>((resolve) =>
      client.on("message", (reply) => {
        replies.set(reply.readUInt16BE(0), reply);
        if (replies.size === questions.length) resolve();
      }),
    );
    // They are queued: the server meets them in one batch.
    await pause(50);
    server.listen({ address: "127.0.0.1", port, fd }, new Served(plan, new ZoneRouter(targets)));
    await Promise.race([all, pause(2_000)]);
    assert.equal(replies.size, questions.length);
    for (const [id, question] of questions.entries()) {
      const reply = replies.get(id)!;
      assert.equal(reply[3]! & 15, id % 7 === 3 ? 1 : 0, `rcode of query ${id}`);
      if (id % 7 !== 3) assert.deepEqual(reply.subarray(12, question.length), question.subarray(12));
    }
    assert.ok(runs.length > 0 && runs.every((size) => size > 1 && size <= MAX_AHEAD), `runs of ${runs}`);
    assert.ok(seen.size > questions.length / 2);
    for (const [name, before] of seen) assert.ok(handled.indexOf(name) >= before, "looked at before it was handled");
  } finally {
    client.close();
    server.close();
    closeFd(fd);
  }
});

test("a reply to who asked a socket that is gone does not leave by the next one of its number", {
  skip: skipNative,
}, async () => {
  const server = new UdpServer(new Engine(UNCOUNTED), new Float64Array(PACKET_COUNTERS));
  const [came, open] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const handler: Handler = (query) => {
    query.reply.begin(query);
    if (query.id !== 1) return ANSWERED;
    came.resolve();
    return open.promise.then(() => ANSWERED);
  };
  const zone = new Uint8Array(1);
  const target = { zone, handler, ahead: [], server: "", debug: false, stacktrace: false, dropped: undefined };
  const fds = [0, 1].map(() => openUdp({ address: "127.0.0.1", port: 0 }));
  const listen = (fd: number): number => {
    const port = boundPort(fd);
    const plan = { id: "udp 127.0.0.1", address: "127.0.0.1", port, anyClass: false, server: "" } as ListenerPlan;
    return server.listen({ address: "127.0.0.1", port, fd }, new Served(plan, new ZoneRouter([{ zone, target }])));
  };
  const client = createSocket("udp4");
  const ask = (fd: number, id: number) =>
    client.send(encodeQuestion({ ask: "www.example.org. A" }, id), boundPort(fd), "127.0.0.1");
  try {
    const socket = listen(fds[0]!);
    ask(fds[0]!, 1);
    await came.promise;
    server.remove(socket);
    assert.equal(listen(fds[1]!), socket);
    const answered = once(client, "message", { signal: AbortSignal.timeout(5_000) });
    open.resolve();
    await pause(0);
    ask(fds[1]!, 2);
    const [reply] = await answered;
    assert.equal(reply.readUInt16BE(0), 2);
  } finally {
    client.close();
    server.close();
    for (const fd of fds) closeFd(fd);
  }
});

test("a look for overload needs nothing of a descriptor that the supervisor has closed", {
  skip: skipNative,
}, async () => {
  const server = new UdpServer(new Engine(UNCOUNTED), new Float64Array(PACKET_COUNTERS));
  const fd = openUdp({ address: "127.0.0.1", port: 0 });
  const port = boundPort(fd);
  const plan = { id: "udp 127.0.0.1", address: "127.0.0.1", port, anyClass: false, server: "" } as ListenerPlan;
  try {
    server.listen({ address: "127.0.0.1", port, fd }, new Served(plan, new ZoneRouter([])));
    closeFd(fd);
    server.lookForOverload(performance.now());
  } finally {
    server.close();
  }
});

test("an answer that comes while another query is handled is not written over that one's reply", {
  skip: skipNative,
}, async () => {
  const server = new UdpServer(new Engine(UNCOUNTED), new Float64Array(PACKET_COUNTERS));
  let later: Later | undefined;
  const handler: Handler = (query) => {
    query.reply.begin(query);
    if (query.id === 1) {
      later = new Later(query);
      return later;
    }
    later!.settle(ANSWERED);
    return ANSWERED;
  };
  const zone = new Uint8Array(1);
  const target = { zone, handler, ahead: [], server: "", debug: false, stacktrace: false, dropped: undefined };
  const fd = openUdp({ address: "127.0.0.1", port: 0 });
  const port = boundPort(fd);
  const plan = { id: "udp 127.0.0.1", address: "127.0.0.1", port, anyClass: false, server: "" } as ListenerPlan;
  server.listen({ address: "127.0.0.1", port, fd }, new Served(plan, new ZoneRouter([{ zone, target }])));
  const client = createSocket("udp4");
  const questions = ["first", "second"].map((host, i) => encodeQuestion({ ask: `${host}.example.org. A` }, i + 1));
  try {
    const replies: Buffer[] = [];
    const both = Promise.withResolvers<void>();
    client.on("message", (reply) => replies.push(reply) === 2 && both.resolve());
    for (const question of questions) client.send(question, port, "127.0.0.1");
    await Promise.race([both.promise, pause(2_000)]);
    replies.sort((a, b) => a.readUInt16BE(0) - b.readUInt16BE(0));
    assert.deepEqual(
      replies.map((reply) => [reply.readUInt16BE(0), reply.subarray(12)]),
      questions.map((question) => [question.readUInt16BE(0), question.subarray(12)]),
    );
  } finally {
    client.close();
    server.close();
    closeFd(fd);
  }
});

test("nothing holds the chains of a plan that another has followed", { skip: skipNative }, async () => {
  const server = new UdpServer(new Engine(UNCOUNTED), new Float64Array(PACKET_COUNTERS));
  const fd = openUdp({ address: "127.0.0.1", port: 0 });
  const port = boundPort(fd);
  const zone = new Uint8Array(1);
  const plan = { id: "udp 127.0.0.1", address: "127.0.0.1", port, anyClass: false, server: "" } as ListenerPlan;
  /** Half of the queries are answered late. */
  const serve = (): Served => {
    const handler: Handler = (query) => {
      query.reply.begin(query);
      return query.id % 2 === 1 ? pause(1).then(() => ANSWERED) : ANSWERED;
    };
    const target = { zone, handler, ahead: [], server: "", debug: false, stacktrace: false, dropped: undefined };
    return new Served(plan, new ZoneRouter([{ zone, target }]));
  };
  const client = createSocket("udp4");
  const ask = async (count: number) => {
    const came = Promise.withResolvers<void>();
    let missing = count;
    client.on("message", () => --missing === 0 && came.resolve());
    for (let id = 0; id < count; id++)
      client.send(encodeQuestion({ ask: "www.example.org. A" }, id), port, "127.0.0.1");
    await came.promise;
  };
  const listen = (): [number, WeakRef<Target>] => {
    const served = serve();
    const socket = server.listen({ address: "127.0.0.1", port, fd }, served);
    return [socket, new WeakRef(served.router.root[0]!)];
  };
  try {
    const [socket, before] = listen();
    await ask(200);
    server.switchTo(socket, serve());
    await pause(10);
    collectGarbage();
    assert.equal(before.deref(), undefined);
  } finally {
    client.close();
    server.close();
    closeFd(fd);
  }
});
