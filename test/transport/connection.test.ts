/** What connections keep until a message is whole, and gather before they send it. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Writable } from "node:stream";
import { test } from "node:test";
import { Connection } from "../../src/transport/connection.ts";
import { collectGarbage } from "../support/garbage.ts";

function connect(): [Connection, string[]] {
  const written: string[] = [];
  const socket = { remoteAddress: "192.0.2.1", writableLength: 0, write: (bytes: Buffer) => written.push(`${bytes}`) };
  return [new Connection(socket as unknown as Socket, false, 0), written];
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

test("what answers take that are not taken is counted, and not their bytes alone", () => {
  const taken: (() => void)[] = [];
  const socket = new Writable({ write: (_chunk, _encoding, done) => void taken.push(done) });
  const connection = new Connection(Object.assign(socket, { remoteAddress: "" }) as unknown as Socket, false, 0);
  const count = 10_000;
  const before = used();
  for (let i = 0; i < count; i++) connection.send(Buffer.of(1, 2, 3), 0, 3);
  const [grown, { held, unsent }] = [used() - before, connection];
  assert.equal(unsent, count * 5);
  assert.ok(grown < 1.5 * held, `${grown} bytes, ${held} counted`);
  while (taken.length > 0) taken.pop()!();
  assert.equal(connection.held, 0);
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
