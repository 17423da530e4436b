/** A worker that prepares a plan goes on answering: its loop turns meanwhile. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { CounterRow } from "../../src/memory/counters.ts";
import { type Plan, socketId } from "../../src/plugin/plan.ts";
import { loadConfiguration } from "../../src/supervisor/configuration.ts";
import { PACKET_COUNTERS } from "../../src/transport/packets.ts";
import type { FromWorker, ToWorker } from "../../src/worker/messages.ts";
import { Worker } from "../../src/worker/worker.ts";
import { freePorts } from "../support/server.ts";
import { encodeQuestion, exchange } from "../support/wire.ts";
import { skipNative } from "../transport/udp-support.ts";

const BLOCKS = 4_000;
const [port, port2] = (await freePorts(2)) as [number, number];

/** Blocks of one listener. */
function manyBlocks(blocks: number): string {
  const texts = Array.from(
    { length: blocks },
    (_, i) => `z${i}.test:${port} {\n bind 127.0.0.1\n errors\n log\n any\n chaos\n whoami\n}\n`,
  );
  return texts.join("");
}

async function planOf(text: string, generation: number): Promise<Plan> {
  const source = { file: "Corefile", text, dnsPort: 53, logFormat: "text", environment: {} } as const;
  const configuration = await loadConfiguration(source, generation);
  assert.ok(!Array.isArray(configuration));
  return configuration.plan;
}

/** What the worker says of the plan that it is given. */
async function answerOf(worker: MessagePort, message: ToWorker): Promise<FromWorker> {
  worker.postMessage(message);
  for (;;) {
    const [said] = (await once(worker, "message")) as [FromWorker];
    if (!["described", "told", "left", "cellsLeft"].includes(said.kind)) return said;
  }
}

async function take(worker: MessagePort, text: string, generation: number): Promise<void> {
  assert.equal((await answerOf(worker, prepare(await planOf(text, generation)))).kind, "prepared");
  assert.deepEqual(await answerOf(worker, { kind: "commit", generation }), { kind: "committed", generation });
}

/** A worker in this thread, and the port to it. */
function start(t: TestContext): MessagePort {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker({
    index: 0,
    count: 1,
    port: port2,
    counters: new SharedArrayBuffer(CounterRow.SIZE),
    statistics: new SharedArrayBuffer(PACKET_COUNTERS * Float64Array.BYTES_PER_ELEMENT),
    heartbeat: new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT),
  });
  const ended = worker.run();
  t.after(async () => {
    port1.postMessage({ kind: "discard", generation: 1 } satisfies ToWorker);
    port1.postMessage({ kind: "stop", graceMs: 0 } satisfies ToWorker);
    await ended;
    port1.close();
  });
  return port1;
}

const prepare = (plan: Plan): ToWorker => ({ kind: "prepare", plan, sockets: new Map(), published: new Map() });

test(`a worker's loop turns while it links ${BLOCKS} blocks`, async (t) => {
  const worker = start(t);
  const plan = await planOf(manyBlocks(BLOCKS), 1);
  let isDone = false;
  let turns = 0;
  const answer = answerOf(worker, prepare(plan)).finally(() => {
    isDone = true;
  });
  for (; !isDone; turns++) await nextTurn();
  assert.equal((await answer).kind, "prepared");
  assert.ok(turns > 15, `${turns} turns`);
});

test("a plan that is discarded while it is linked is not taken, and nothing of it is said", {
  timeout: 20_000,
}, async (t) => {
  const worker = start(t);
  const plans = await Promise.all([planOf(manyBlocks(BLOCKS), 1), planOf(manyBlocks(1), 2)]);
  worker.postMessage(prepare(plans[0]));
  await nextTurn();
  worker.postMessage({ kind: "discard", generation: 1 } satisfies ToWorker);
  assert.deepEqual(await answerOf(worker, prepare(plans[1])), { kind: "prepared", generation: 2 });
  // Linking takes a part of as many turns, and would then have taken the other's place.
  for (let turn = 0; turn < BLOCKS; turn++) await nextTurn();
  assert.deepEqual(await answerOf(worker, { kind: "commit", generation: 2 }), { kind: "committed", generation: 2 });
});

const first = `.:${port} {\n bind 127.0.0.1\n whoami\n}\n`;
const slow = `.:${port2} {\n bind 127.0.0.1\n erratic {\n  drop 0\n  delay 1 700ms\n }\n}\n`;
const ask = () => exchange(encodeQuestion({ ask: "www.example.org. A" }), port2, {}, 3_000);

for (const comesBack of [false, true]) {
  test(`a plan is committed while a listener that it has not waits${comesBack ? ", which a later one has again" : ""}`, async (t) => {
    const worker = start(t);
    const left: number[] = [];
    worker.on("message", (said: FromWorker) => said.kind === "left" && left.push(said.generation));
    await take(worker, first + slow, 1);
    const reply = ask();
    await sleep(100);
    await take(worker, first, 2);
    if (comesBack) await take(worker, first + slow, 3);
    assert.deepEqual(left, [1], "somebody still waits there");
    assert.ok(await reply, "who asked there has his answer");
    for (let i = 0; left.length < (comesBack ? 3 : 2) && i < 100; i++) await sleep(20);
    assert.deepEqual(left, comesBack ? [1, 2, 3] : [1, 2]);
    worker.postMessage({ kind: "release" } satisfies ToWorker);
    await sleep(50);
    assert.equal((await ask()) !== undefined, comesBack);
  });
}

test("a socket that cannot be read fails the preparation, and the plan in use goes on", {
  skip: skipNative,
}, async (t) => {
  const worker = start(t);
  await take(worker, slow, 1);
  const sockets = new Map([[socketId("127.0.0.1", port), 1_000_000]]);
  const plan = await planOf(first + slow, 2);
  const reason = `cannot receive on 127.0.0.1:${port}: bad file descriptor (EBADF)`;
  const said = await answerOf(worker, { kind: "prepare", plan, sockets, published: new Map() });
  assert.deepEqual(said, { kind: "failed", generation: 2, reason });
  assert.ok(await ask());
});

test("a worker that opens its sockets itself has one on each address of the machine", {
  skip: process.platform !== "linux" && "no /proc",
}, async (t) => {
  await take(start(t), `.:${port} {\n whoami\n}\n`, 1);
  const place = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  assert.ok(readFileSync("/proc/net/udp", "utf8").includes(` ${place} `));
});
