/** What connections keep until a message is whole, and gather before they send it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect as connectTo, createServer, type Socket } from "node:net";
import { Writable } from "node:stream";
import { test } from "node:test";
import { Connection } from "../../src/transport/connection.ts";
import { collectGarbage } from "../support/garbage.ts";

function connect(): [Connection, string[]] {
  const written: string[] = [];
  const socket = { remoteAddress: "192.0.2.1", writableLength: 0, write: (bytes: Buffer) => written.push(`${bytes}`) };
  return [new Connection(socket as unknown as Socket, false, 0, () => {}), written];
}

function used(): number {
  // What the first one finds is counted as gone by the second one.
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test("what one connection gathers while it is read goes to nobody else", () => {
  const [[first, toFirst], [second, toSecond]] = [connect(), connect()];
  const send = (connection: Connection, text: string) => connection.send(Buffer.from(text), 0, text.length);
  first.reading = true;
  send(first, "one");
  assert.deepEqual([first.unsent, second.unsent], [5, 0]);
  send(second, "other");
  send(first, "two");
  send(first, "three");
  second.flush();
  first.reading = false;
  first.flush();
  assert.deepEqual(toFirst, ["\0\x03one", "\0\x03two\0\x05three"]);
  assert.deepEqual(toSecond, ["\0\x05other"]);
});

/** A client that takes one write when `take` is called, and what it has taken. */
function slowClient(): { connection: Connection; take: () => boolean; taken: () => Buffer; resumed: () => number } {
  const chunks: Buffer[] = [];
  const waiting: (() => void)[] = [];
  let resumed = 0;
  const socket = new Writable({
    write(chunk, _encoding, done) {
      waiting.push(() => {
        chunks.push(Buffer.from(chunk));
        done();
      });
    },
  });
  return {
    connection: new Connection(
      Object.assign(socket, { remoteAddress: "" }) as unknown as Socket,
      false,
      0,
      () => resumed++,
    ),
    take: () => {
      const next = waiting.shift();
      next?.();
      return next !== undefined;
    },
    taken: () => Buffer.concat(chunks),
    resumed: () => resumed,
  };
}

test("answers that are not taken cost little beside their bytes, however small each is, and are counted", () => {
  const { connection, take } = slowClient();
  const count = 300_000;
  const before = used();
  for (let i = 0; i < count; i++) connection.send(Buffer.of(1, 2, 3), 0, 3);
  const [grown, { held, unsent }] = [used() - before, connection];
  assert.equal(unsent, count * 5);
  assert.ok(held < 3 * unsent, `${held} counted`);
  assert.ok(grown < 1.5 * held, `${grown} bytes, ${held} counted`);
  while (take());
  assert.deepEqual([connection.held, connection.unsent, connection.unsentSince], [0, 0, 0]);
});

test("answers of all lengths that are taken late come whole and in order, also those before the end", async () => {
  const { connection, take, taken, resumed } = slowClient();
  const sent: Buffer[] = [];
  for (let i = 0; i < 400; i++) {
    const message = Buffer.alloc((i * 7_919) % (i % 10 === 0 ? 65_535 : 300), i);
    connection.send(message, 0, message.length);
    sent.push(Buffer.of(message.length >> 8, message.length), message);
    if (i % 50 === 49) take();
  }
  const before = resumed();
  assert.ok(connection.unsentSince > 0);
  connection.end();
  while (take()) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(taken().equals(Buffer.concat(sent)));
  assert.ok(before > 0 && resumed() > before);
  assert.deepEqual([connection.held, connection.socket.destroyed], [0, true]);
});

test("a message that comes a byte at a time is whole in the end, and a byte of it costs a byte", () => {
  const [connection] = connect();
  const message = Buffer.from(Array.from({ length: 2 ** 16 - 1 }, (_, i) => i * 7));
  const sent = Buffer.concat([Buffer.of(255, 255), message, Buffer.of(0, 1, 9, 0)]);
  const before = used();
  for (let i = 0; i < message.length; i++) {
    connection.push(Buffer.allocUnsafeSlow(1).fill(sent[i]!));
    assert.equal(connection.shift(), undefined);
    assert.ok(connection.pending <= 2 * (i + 1), `${connection.pending} bytes for ${i + 1}`);
  }
  const grown = used() - before;
  assert.ok(grown < 2 ** 20, `${grown} bytes`);
  connection.push(sent.subarray(message.length));
  assert.deepEqual(connection.shift(), message);
  assert.deepEqual(connection.shift(), Buffer.of(9));
  assert.equal(connection.shift(), undefined);
  assert.ok(connection.partial);
});

test("the beginning of a message does not keep all that came with it", () => {
  const before = used();
  const connections = Array.from({ length: 200 }, () => {
    const [connection] = connect();
    connection.push(Buffer.concat([Buffer.of(255, 0), Buffer.alloc(255 * 256), Buffer.of(0, 4, 1)]));
    assert.equal(connection.shift()!.length, 255 * 256);
    assert.equal(connection.shift(), undefined);
    assert.equal(connection.pending, 3);
    return connection;
  });
  const grown = used() - before;
  assert.ok(grown < 2 ** 20, `${grown} bytes`);
  for (const connection of connections) {
    connection.push(Buffer.of(2, 3, 4));
    assert.deepEqual(connection.shift(), Buffer.of(1, 2, 3, 4));
    assert.deepEqual([connection.partial, connection.pending], [false, 0]);
  }
});

test("a connection that is closed amid its answers leaves their buffers to others", async (t) => {
  const closed = Promise.withResolvers<Connection>();
  const server = createServer((socket) => {
    const connection = new Connection(socket, false, 0, () => {});
    socket.on("close", () => closed.resolve(connection));
    for (let i = 0; i < 300; i++) connection.send(Buffer.alloc(60_000), 0, 60_000);
    assert.ok(connection.held > connection.unsent && connection.unsent > 1_000_000);
    socket.destroy();
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const client = connectTo((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => {});
  const { held } = await closed.promise;
  assert.equal(held, 0);
  client.destroy();
});
