/** A listener that sends back what comes, and clients for it. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "../../src/transport/connection.ts";
import { type StreamLimits, StreamServer } from "../../src/transport/stream.ts";
import { StreamMemory } from "../../src/transport/stream-memory.ts";

/** How often the server looks at its limits. */
const SWEEP_MS = 250;
const LIMITS: StreamLimits = { readTimeoutMs: 300, writeTimeoutMs: 500, idleTimeoutMs: 600, maxQueries: -1 };
/** What clients of a server may not have taken, or not ended. */
export const MAX_HELD = 8 * 2 ** 20;

/** Connections that were closed because of answers that they did not take, and of messages that they did not end. */
export const closed: { untaken: number; unfinished: number } = { untaken: 0, unfinished: 0 };
export const servers: StreamServer[] = [];
after(() => Promise.all(servers.map((server) => server.close(0))));

export const memoryOf = (held: number, inKernel: number = Number.POSITIVE_INFINITY): StreamMemory =>
  new StreamMemory(
    { held, inKernel },
    () => closed.untaken++,
    () => closed.unfinished++,
  );

/** Sends every message back. `begun` settles when the first bytes have come. */
export async function echo(
  limits: Partial<StreamLimits> = {},
  answer?: (server: StreamServer, connection: Connection, bytes: Uint8Array) => void,
  memory: StreamMemory = memoryOf(MAX_HELD),
) {
  const begun = Promise.withResolvers<void>();
  const server: StreamServer = new StreamServer({ ...LIMITS, ...limits }, memory, {
    preface: () => {
      begun.resolve();
      return 0;
    },
    message: (connection, bytes) => {
      if (answer) answer(server, connection, bytes);
      else {
        connection.send(bytes, 0, bytes.length);
        queueMicrotask(() => server.answered(connection));
      }
    },
    refused: () => {},
    error: (error) => assert.fail(error),
  });
  servers.push(server);
  return { server, port: await server.listen("127.0.0.1", 0), begun: begun.promise };
}

export function framed(id: number, size = 12): Buffer {
  const message = Buffer.alloc(size + 2);
  message.writeUInt16BE(size, 0);
  message.writeUInt16BE(id, 2);
  return message;
}

/** Collects whole messages until `count` are there, the connection ends, or the time is over. */
export function collect(socket: Socket, count: number, timeoutMs = 5_000): Promise<Buffer[]> {
  return new Promise((resolve) => {
    let pending = Buffer.alloc(0);
    const messages: Buffer[] = [];
    const timer = setTimeout(() => resolve(messages), timeoutMs);
    const done = () => {
      clearTimeout(timer);
      resolve(messages);
    };
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        messages.push(pending.subarray(2, 2 + pending.readUInt16BE(0)));
        pending = pending.subarray(2 + pending.readUInt16BE(0));
      }
      if (messages.length >= count) done();
    });
    socket.on("close", done);
    socket.on("error", done);
  });
}

/** A clock that stands still until the test moves it, for servers made from now on: they look at their time limits then. */
export function clock(t: TestContext): (ms: number) => void {
  let now = 1_000;
  t.mock.method(performance, "now", () => now);
  t.mock.timers.enable({ apis: ["setInterval"] });
  return (ms) => {
    now += ms;
    t.mock.timers.tick(SWEEP_MS);
  };
}

export async function until(holds: () => boolean, what: () => string): Promise<void> {
  for (let turn = 0; turn < 2_000 && !holds(); turn++) await sleep(5);
  assert.ok(holds(), what());
}

export const settled = (server: StreamServer, count: number) =>
  until(
    () => server.connectionCount === count,
    () => `${server.connectionCount} connections, not ${count}`,
  );
