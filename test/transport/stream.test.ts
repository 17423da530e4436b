/** Rows C1 to C5 of the reliability catalogue, as far as one listener of one worker goes, with short times. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Connection } from "../../src/transport/connection.ts";
import { awakeNow } from "../support/awake.ts";
import { clock, collect, echo, framed, servers, settled, until } from "./stream-support.ts";

/** The longest limit and the sweep that finds it. */
const IN_TIME_MS = 1_200;
/** Who is not closed by then never will be. */
const OVER_MS = 10_000;

/** Opens a connection, lets `act` do what it will, and says after how many milliseconds, without pauses of the machine, the server closed it. */
function closedAfter(port: number, act: (socket: Socket) => void): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => act(socket));
    const start = awakeNow();
    const timer = setTimeout(() => {
      socket.destroy();
      resolve(undefined);
    }, OVER_MS);
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(awakeNow() - start);
    });
    socket.resume();
  });
}

for (const { name, act } of [
  { name: "says nothing", act: () => {} },
  { name: "sends half a length", act: (socket: Socket) => void socket.write(Buffer.from([0])) },
  { name: "sends a length and nothing behind it", act: (socket: Socket) => void socket.write(Buffer.from([0, 40])) },
  {
    name: "sends a byte at a time",
    act: (socket: Socket) => {
      socket.write(Buffer.from([0xff, 0xff]));
      const timer = setInterval(() => socket.write(Buffer.from([1])), 20);
      socket.on("close", () => clearInterval(timer));
    },
  },
  { name: "sends a length of 0", act: (socket: Socket) => void socket.write(Buffer.from([0, 0])) },
  { name: "sends a message shorter than a header", act: (socket: Socket) => void socket.write(framed(1, 11)) },
]) {
  test(`a client that ${name} is closed in time (C1)`, async () => {
    const { port, server } = await echo();
    const ms = await closedAfter(port, act);
    assert.notEqual(ms, undefined, "still open");
    assert.ok(ms! <= IN_TIME_MS, `closed after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(server.connectionCount, 0);
  });
}

for (const { name, limits, sent, limitMs } of [
  {
    name: "may say nothing behind the last query as long as `idle` says",
    limits: { readTimeoutMs: 100, idleTimeoutMs: 1_000 },
    sent: framed(1),
    limitMs: 1_000,
  },
  {
    name: "may say nothing before the first query as long as `read` says",
    limits: { readTimeoutMs: 1_000, idleTimeoutMs: 100 },
    sent: Buffer.alloc(0),
    limitMs: 1_000,
  },
  {
    name: "may take for a message as long as `read` says",
    limits: { readTimeoutMs: 1_000, idleTimeoutMs: 100 },
    sent: framed(1).subarray(0, 5),
    limitMs: 1_000,
  },
  {
    name: "may take for a message no more than ten seconds",
    limits: { readTimeoutMs: 60_000, idleTimeoutMs: 60_000 },
    sent: framed(1).subarray(0, 5),
    limitMs: 10_000,
  },
]) {
  test(`a client ${name}`, async (t) => {
    const pass = clock(t);
    const { port, server, begun } = await echo(limits);
    const socket = connect(port, "127.0.0.1");
    const replies = collect(socket, 1);
    socket.write(sent);
    await settled(server, 1);
    if (sent.length === framed(1).length) assert.equal((await replies).length, 1);
    else if (sent.length > 0) await begun;
    pass(limitMs);
    assert.equal(server.connectionCount, 1);
    pass(1);
    await settled(server, 0);
  });
}

test("a message may come a byte at a time, as long as it is whole in time", async () => {
  const { port } = await echo({ readTimeoutMs: 5_000 });
  const socket = connect(port, "127.0.0.1");
  const replies = collect(socket, 2);
  for (const byte of Buffer.concat([framed(7), framed(8)])) {
    socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(
    (await replies).map((reply) => reply.readUInt16BE(0)),
    [7, 8],
  );
  socket.destroy();
});

test("10,000 pipelined queries in one write: each answered once, at most 100 at work (C4)", async () => {
  let atWork = 0;
  let most = 0;
  const { port } = await echo({ readTimeoutMs: 60_000 }, (server, connection, bytes) => {
    most = Math.max(most, ++atWork);
    const finish = () => {
      atWork--;
      connection.send(bytes, 0, bytes.length);
      server.answered(connection);
    };
    // Some at once, some later, so that answers overtake each other.
    if (bytes[1]! % 3 === 0) queueMicrotask(finish);
    else setTimeout(finish, bytes[1]! % 3);
  });
  const socket = connect(port, "127.0.0.1");
  const replies = collect(socket, 10_000, 30_000);
  socket.write(Buffer.concat(Array.from({ length: 10_000 }, (_, id) => framed(id))));
  const ids = (await replies).map((reply) => reply.readUInt16BE(0));
  assert.ok(most <= 100, `${most} at work`);
  assert.notDeepEqual(
    ids,
    ids.toSorted((a, b) => a - b),
    "answers came in order",
  );
  assert.deepEqual(
    ids.toSorted((a, b) => a - b),
    Array.from({ length: 10_000 }, (_, id) => id),
  );
  socket.destroy();
});

test("a client that asks and never reads holds a bounded number of bytes and is closed (C3)", async () => {
  let answers = 0;
  const big = new Uint8Array(60_000);
  const { port } = await echo({}, (server, connection) => {
    answers++;
    connection.send(big, 0, big.length);
    queueMicrotask(() => server.answered(connection));
  });
  const socket = connect(port, "127.0.0.1");
  socket.pause();
  socket.on("error", () => {});
  socket.write(Buffer.concat(Array.from({ length: 2_000 }, (_, id) => framed(id))));
  // A paused socket does not notice its end by itself.
  const server = servers.at(-1)!;
  const until = performance.now() + 5_000;
  do await new Promise((resolve) => setTimeout(resolve, 50));
  while (server.connectionCount > 0 && performance.now() < until);
  assert.equal(server.connectionCount, 0, "still open");
  // The kernel's own buffers take some megabytes; 2,000 answers would be 120.
  assert.ok(answers < 400, `${answers} answers were made`);
  socket.destroy();
});

test("a handler that throws: its connection ends, and nobody else gets its answers", async (t) => {
  const thrown: unknown[] = [];
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => thrown.push(error));
  t.after(() => {
    process.removeAllListeners("uncaughtException");
    for (const other of others) process.on("uncaughtException", other);
  });
  const { port } = await echo({}, (server, connection, bytes) => {
    if (bytes[1] === 9) throw new Error("of a handler");
    const answer = () => {
      connection.send(bytes, 0, bytes.length);
      server.answered(connection);
    };
    if (bytes[1] === 1) setTimeout(answer, 200);
    else answer();
  });
  const patient = connect(port, "127.0.0.1");
  const replies = collect(patient, 2, 500);
  patient.write(framed(1));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const closed = closedAfter(port, (socket) => socket.write(Buffer.concat([framed(2), framed(9)])));
  assert.deepEqual(
    (await replies).map((reply) => reply.readUInt16BE(0)),
    [1],
  );
  assert.ok((await closed)! < 200, "closed at once");
  assert.equal(thrown.length, 1);
  patient.destroy();
});

test("after a half-close what was asked is answered, then the connection ends (C5)", async () => {
  const { port } = await echo({}, (server, connection, bytes) => {
    setTimeout(() => {
      connection.send(bytes, 0, bytes.length);
      server.answered(connection);
    }, 50);
  });
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const replies = collect(socket, 3);
  socket.end(Buffer.concat([framed(1), framed(2)]));
  assert.equal((await replies).length, 2);
});

for (const isPatient of [true, false]) {
  test(`a server that ends ${isPatient ? "while others go on answers" : "for good does not wait for"} those who have come and not asked yet`, async () => {
    const { port, server } = await echo({ readTimeoutMs: 2_000 });
    // None of them has been accepted yet.
    const sockets = Array.from({ length: 20 }, () => connect(port, "127.0.0.1").on("error", () => {}));
    const replies = sockets.map((socket) => collect(socket, 1));
    if (!isPatient) await sleep(100);
    const closed = server.close(5_000, isPatient);
    await sleep(100);
    for (const socket of sockets) socket.write(framed(1));
    const answered = (await Promise.all(replies)).filter(({ length }) => length === 1).length;
    assert.equal(answered, isPatient ? 20 : 0);
    await closed;
    assert.equal(server.connectionCount, 0);
  });
}

test("a connection that has sent its maximum of queries is closed after the last answer", async () => {
  const { port } = await echo({ maxQueries: 2 });
  const socket = connect(port, "127.0.0.1");
  const replies = collect(socket, 4);
  socket.write(Buffer.concat([framed(1), framed(2), framed(3)]));
  assert.equal((await replies).length, 2);
});

for (const { name, limits, act } of [
  {
    name: "its maximum of queries and more",
    limits: { maxQueries: 2 },
    act: (socket: Socket) => socket.write(Buffer.concat([framed(1), framed(2), framed(3)])),
  },
  {
    name: "two queries, a half and its end",
    limits: {},
    act: (socket: Socket) => socket.end(Buffer.concat([framed(1), framed(2), framed(3).subarray(0, 5)])),
  },
]) {
  test(`a client that has sent ${name} gets answers that take long`, async () => {
    const { port } = await echo({ readTimeoutMs: 100, ...limits }, (server, connection, bytes) => {
      setTimeout(() => {
        connection.send(bytes, 0, bytes.length);
        server.answered(connection);
      }, 800);
    });
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const replies = collect(socket, 3, 1_500);
    act(socket);
    assert.equal((await replies).length, 2);
    socket.destroy();
  });
}

test("one address gets no more than its share once half of all connections are taken", async () => {
  const { port, server } = await echo({ idleTimeoutMs: 60_000, readTimeoutMs: 60_000 });
  const sockets: Socket[] = [];
  let closed = 0;
  for (const { from, count, refused, taken } of [
    // Up to the half nobody is counted.
    { from: "127.0.0.2", count: 560, refused: 60, taken: 500 },
    { from: "127.0.0.3", count: 120, refused: 80, taken: 600 },
    { from: "127.0.0.4", count: 20, refused: 80, taken: 620 },
  ]) {
    for (let i = 0; i < count; i++) {
      const socket = connect({ port, host: "127.0.0.1", localAddress: from }).on("error", () => {});
      sockets.push(socket.on("close", () => closed++).resume());
    }
    const found = () => [closed, server.connectionCount];
    await until(
      () => isDeepStrictEqual(found(), [refused, taken]),
      () => `${from}: ${found()} refused and taken`,
    );
  }
  for (const socket of sockets) socket.destroy();
});

test("who has taken what was sent late, but has taken it, may go on", async (t) => {
  const pass = clock(t);
  const big = new Uint8Array(60_000);
  const { port, server } = await echo({ writeTimeoutMs: 500, idleTimeoutMs: 60_000 }, (server, connection) => {
    connection.send(big, 0, big.length);
    queueMicrotask(() => server.answered(connection));
  });
  const socket = connect(port, "127.0.0.1");
  const replies = collect(socket, 200);
  socket.pause().write(Buffer.concat(Array.from({ length: 200 }, (_, id) => framed(id))));
  await settled(server, 1);
  await sleep(50);
  socket.resume();
  assert.equal((await replies).length, 200);
  pass(501);
  const another = collect(socket, 1);
  socket.write(framed(1));
  assert.equal((await another).length, 1, "an answer");
  socket.destroy();
});

test("an address whose own connections are evicted for its new ones has its whole share afterwards", async (t) => {
  // Those who say nothing are not closed meanwhile, however long this takes.
  clock(t);
  // Nothing is answered at once, so whoever has asked is at work.
  const atWork: Connection[] = [];
  const { port, server } = await echo({ idleTimeoutMs: 60_000, readTimeoutMs: 60_000 }, (_, connection) => {
    atWork.push(connection);
  });
  const sockets: Socket[] = [];
  const open = async (from: string, asks: boolean) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress: from }).on("error", () => {});
    sockets.push(socket);
    await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
    if (asks) socket.write(framed(1));
    return socket;
  };
  for (let i = 0; i < 950; i++) await open(`127.0.1.${1 + (i >> 5)}`, true);
  await settled(server, 950);
  const own: Socket[] = [];
  // As many again as it may have: each that finds no place takes that of its oldest.
  for (let i = 0; i < 150; i++) own.push(await open("127.0.0.2", false));
  await settled(server, 1_000);
  for (const connection of atWork.slice(0, 40)) server.answered(connection);
  for (const socket of [...own, ...sockets.slice(0, 40)]) socket.destroy();
  await settled(server, 910);
  const again = await Promise.all(Array.from({ length: 90 }, () => open("127.0.0.2", true)));
  await settled(server, 1_000);
  assert.ok(again.every(({ destroyed }) => !destroyed));
  for (const socket of sockets) socket.destroy();
});
