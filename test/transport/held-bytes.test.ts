/** What all connections of a worker may hold together: rows C1 and C3 of the reliability catalogue. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { nativeError } from "../../src/native/index.ts";
import type { Connection } from "../../src/transport/connection.ts";
import { kernelBytes } from "../../src/transport/kernel-memory.ts";
import type { StreamMemory } from "../../src/transport/stream-memory.ts";
import { clock, closed, collect, echo, framed, MAX_HELD, memoryOf, settled, until } from "./stream-support.ts";

test("answers that come late have room once, and those who take them lose none (C3)", { timeout: 20_000 }, async () => {
  const big = new Uint8Array(60_000);
  const asked = new Map<Connection, number>();
  const { port, server } = await echo({ writeTimeoutMs: 20_000, idleTimeoutMs: 20_000 }, (_, connection) => {
    asked.set(connection, (asked.get(connection) ?? 0) + 1);
  });
  const answer = (connection: Connection) => {
    connection.send(big, 0, big.length);
    server.answered(connection);
  };
  const open = async () => {
    const known = asked.size;
    const socket = connect({ port, host: "127.0.0.1" }).on("error", () => {});
    socket.pause();
    socket.write(Buffer.concat(Array.from({ length: 100 }, (_, id) => framed(id))));
    while (asked.size === known || [...asked.values()].at(-1)! < 100) await sleep(5);
    return socket;
  };
  closed.untaken = 0;
  const sockets: Socket[] = [];
  for (let i = 0; i < 8; i++) sockets.push(await open());
  const silent = [...asked.keys()];
  for (const connection of silent) for (let i = 0; i < 100; i++) answer(connection);
  const held = silent.reduce((sum, { socket, unsent }) => sum + (socket.destroyed ? 0 : unsent), 0);
  assert.ok(held <= (8 + 8 / 4) * 2 ** 20, `${held} bytes wait`);
  assert.ok(
    closed.untaken >= 1 && closed.untaken === silent.filter(({ socket }) => socket.destroyed).length,
    `${closed.untaken} closed`,
  );

  // Beside them somebody takes his answers, slowly.
  const before = closed.untaken;
  const reader = await open();
  const replies = collect(reader, 100, 10_000);
  reader.resume();
  for (let i = 0; i < 100; i++) {
    answer([...asked.keys()].at(-1)!);
    await sleep(1);
  }
  assert.equal((await replies).length, 100);
  assert.equal(closed.untaken, before);
  for (const socket of [...sockets, reader]) socket.destroy();
});

test("answers that many clients do not take are bounded together, at all listeners, however few each has (C3)", async (t) => {
  const atMost = 2 ** 19;
  const memory = memoryOf(atMost);
  const big = new Uint8Array(60_000);
  const asked: Connection[] = [];
  closed.untaken = 0;
  for (let i = 0; i < 2; i++) {
    const { port, server } = await echo({}, (_, connection) => void asked.push(connection), memory);
    const sockets: Socket[] = [];
    for (let j = 0; j < 3; j++) {
      const known = asked.length;
      const socket = connect({ port, host: "127.0.0.1" }).on("error", () => {});
      sockets.push(socket.pause());
      socket.write(Buffer.concat(Array.from({ length: 100 }, (_, id) => framed(id))));
      while (asked.length < known + 100) await sleep(5);
      const connection = asked.at(-1)!;
      for (let k = 0; k < 100 && connection.unsent < 200_000 && !connection.socket.destroyed; k++) {
        connection.send(big, 0, big.length);
        server.answered(connection);
      }
    }
    t.after(() => {
      for (const socket of sockets) socket.destroy();
    });
  }
  const left = [...new Set(asked)].filter(({ socket }) => !socket.destroyed);
  const held = left.reduce((sum, { unsent }) => sum + unsent, 0);
  assert.ok(held > 0 && held <= atMost, `${held} bytes wait`);
  assert.equal(closed.untaken, 6 - left.length);
});

test("messages that many clients do not end are bounded together, and who sends little has time (C1)", async (t) => {
  // Nobody is late meanwhile.
  clock(t);
  closed.unfinished = 0;
  const { port, server } = await echo();
  const honest = connect(port, "127.0.0.1");
  const replies = collect(honest, 1);
  const [start, rest] = [framed(1).subarray(0, 5), framed(1).subarray(5)];
  honest.write(start);
  const count = 200;
  const half = framed(2, 65_535).subarray(0, 60_000);
  const sockets = Array.from({ length: count }, () => connect(port, "127.0.0.1").on("error", () => {}));
  for (const socket of sockets) socket.write(half);
  const mostLeft = Math.floor(MAX_HELD / half.length) + 1;
  await until(
    () => closed.unfinished >= count + 1 - mostLeft && server.connectionCount === count + 1 - closed.unfinished,
    () => `${closed.unfinished} closed, ${server.connectionCount} left`,
  );
  honest.write(rest);
  assert.equal((await replies).length, 1);
  for (const socket of [honest, ...sockets]) socket.destroy();
});

test("a connection that is not read any more keeps one piece of what comes, which is counted (C1)", async (t) => {
  const limits = { writeTimeoutMs: 20_000, idleTimeoutMs: 20_000, readTimeoutMs: 20_000 };
  const asked: Connection[] = [];
  const { port } = await echo(limits, (_, connection) => void asked.push(connection), memoryOf(100_000));
  const client = connect({ port, host: "127.0.0.1", noDelay: true }).on("error", () => {});
  t.after(() => client.destroy());
  for (let id = 0; id < 100; id++) client.write(framed(id));
  await until(
    () => asked.length === 100,
    () => `${asked.length} asked`,
  );
  const { socket } = asked[0]!;
  for (let id = 0; id < 500; id++) {
    client.write(framed(id));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const kept = socket.readableLength;
  assert.ok(kept > 0 && kept < 250 * 14, `${kept} bytes`);

  closed.unfinished = 0;
  const others = Array.from({ length: 4 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  t.after(() => {
    for (const other of others) other.destroy();
  });
  for (const other of others) other.write(Buffer.concat(Array.from({ length: 20_000 }, (_, id) => framed(id))));
  await until(
    () => closed.unfinished >= 3,
    () => `${closed.unfinished} closed`,
  );
});

describe("what the kernel holds", { skip: nativeError ?? false }, () => {
  const big = new Uint8Array(60_000);
  /** Answers each message with 60 kB. */
  const echoBig = (limits: object, memory?: StreamMemory) =>
    echo(
      limits,
      (server, connection) => {
        held.add(connection);
        connection.send(big, 0, big.length);
        queueMicrotask(() => server.answered(connection));
      },
      memory,
    );
  const held = new Set<Connection>();
  const inKernel = () => [...held].reduce((sum, { socket }) => sum + kernelBytes(socket), 0);
  const ask = (port: number, count: number, end: boolean) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true }).on("error", () => {});
    socket.pause();
    const queries = Buffer.concat(Array.from({ length: count }, (_, id) => framed(id)));
    end ? socket.end(queries) : socket.write(queries);
    return socket;
  };

  test("for all clients that do not read is bounded, and those who read lose nothing (C3)", async (t) => {
    const slow = { writeTimeoutMs: 20_000, idleTimeoutMs: 20_000 };
    const atMost = 2 * 2 ** 20;
    held.clear();
    closed.untaken = 0;
    const { port } = await echoBig(slow, memoryOf(MAX_HELD, atMost));
    const silent = Array.from({ length: 40 }, () => ask(port, 8, false));
    t.after(() => {
      for (const socket of silent) socket.destroy();
    });
    await until(
      () => held.size === 40 && closed.untaken > 0,
      () => `${held.size} asked, ${closed.untaken} closed`,
    );
    const reader = ask(port, 100, false);
    const replies = await collect(reader.resume(), 100);
    reader.destroy();
    assert.equal(replies.length, 100);
    assert.ok(inKernel() > 0 && inKernel() <= atMost, `${inKernel()} bytes`);
    assert.ok([...held].filter(({ socket }) => !socket.destroyed).length > 3);
  });

  test("for a client that has said all is not left to it before that is taken, or late (C3)", async () => {
    held.clear();
    const { server, port } = await echoBig({ writeTimeoutMs: 1_000, idleTimeoutMs: 1_000 });
    const reader = ask(port, 20, true);
    const silent = ask(port, 5, true);
    await until(
      () =>
        held.size === 2 && [...held].every(({ ended, inFlight, unsent }) => ended && inFlight === 0 && unsent === 0),
      () => `${[...held].map(({ ended, inFlight, unsent }) => `${ended} ${inFlight} ${unsent}`)}`,
    );
    assert.ok(inKernel() > 0);
    assert.equal(server.connectionCount, 2);
    assert.equal((await collect(reader.resume(), 20)).length, 20);
    await settled(server, 0);
    silent.destroy();
  });
});
