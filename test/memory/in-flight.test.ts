/** Marks of questions that are being asked: who owns them, who waits, and what becomes of the marks of the dead. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { InFlight } from "../../src/memory/in-flight.ts";

const HASH = 0x1234_5678;
/** Another question of the same place: places are chosen by the low bits. */
const NEIGHBOUR = HASH ^ 0x4000_0000;
const SECOND = 1_000;
const NOW = 50_000_000;

const pair = () => {
  const buffer = new SharedArrayBuffer(InFlight.SIZE);
  return { buffer, one: new InFlight(buffer, 1), two: new InFlight(buffer, 2) };
};

test("a question has one owner until it ends", () => {
  const { one, two } = pair();
  assert.equal(two.has(HASH, NOW), false);
  assert.equal(one.begin(HASH, NOW), true);
  assert.equal(two.has(HASH, NOW), true);
  assert.equal(two.begin(HASH, NOW), false);
  one.end(HASH);
  assert.equal(two.has(HASH, NOW), false);
  assert.equal(two.begin(HASH, NOW), true);
});

test("another question of the same place is neither owner nor waited for", () => {
  const { one, two } = pair();
  assert.equal(one.begin(HASH, NOW), true);
  assert.equal(two.has(NEIGHBOUR, NOW), false);
  assert.equal(two.begin(NEIGHBOUR, NOW), false);
  two.end(NEIGHBOUR);
  assert.equal(two.has(HASH, NOW), true);
});

for (const { name, ageMs, stale } of [
  { name: "of now", ageMs: 0, stale: false },
  { name: "of ten seconds ago", ageMs: 10 * SECOND, stale: false },
  { name: "of twenty seconds ago", ageMs: 20 * SECOND, stale: true },
  { name: "of an hour ago", ageMs: 3_600 * SECOND, stale: true },
  { name: "that another thread's clock has set a moment ahead", ageMs: -1, stale: false },
]) {
  test(`a mark ${name} is ${stale ? "taken over" : "respected"}`, () => {
    const { one, two } = pair();
    assert.equal(one.begin(HASH, NOW), true);
    assert.equal(two.has(HASH, NOW + ageMs), !stale);
    assert.equal(two.begin(HASH, NOW + ageMs), stale);
  });
}

test("a waiter wakes when the question ends, not before", async () => {
  const { one, two } = pair();
  one.begin(HASH, NOW);
  let woke = false;
  const wait = two.wait(HASH, 5_000).then(() => {
    woke = true;
  });
  await sleep(30);
  assert.equal(woke, false);
  one.end(HASH);
  await wait;
});

test("who comes when the question has ended does not wait", async () => {
  const { one, two } = pair();
  one.begin(HASH, NOW);
  one.end(HASH);
  const began = performance.now();
  await two.wait(HASH, 5_000);
  assert.ok(performance.now() - began < 1_000);
});

test("a wait has a limit", async () => {
  const { one, two } = pair();
  one.begin(HASH, NOW);
  const began = performance.now();
  await two.wait(HASH, 200);
  const ms = performance.now() - began;
  // The loop's clock may be a little behind.
  assert.ok(ms >= 100 && ms < 3_000, `${ms} ms`);
});

test("the end of one question wakes its 1,000 waiters, and no others", async () => {
  const { one, two } = pair();
  const other = 0x1234_5679;
  one.begin(HASH, NOW);
  one.begin(other, NOW);
  let woke = 0;
  const waits = Array.from({ length: 1_000 }, () => two.wait(HASH, 5_000).then(() => woke++));
  let otherWoke = false;
  const otherWait = two.wait(other, 5_000).then(() => {
    otherWoke = true;
  });
  one.end(HASH);
  await Promise.all(waits);
  assert.equal(woke, 1_000);
  assert.equal(otherWoke, false);
  one.end(other);
  await otherWait;
});

test("queries of one worker share a wait, and none leaves a limit of its own with the platform", async (t) => {
  const { one, two } = pair();
  const real = Atomics.waitAsync;
  const calls: unknown[][] = [];
  t.after(() => {
    Atomics.waitAsync = real;
  });
  Atomics.waitAsync = ((...args: Parameters<typeof real>) => {
    calls.push(args.slice(2));
    return real(...args);
  }) as typeof real;
  for (let question = 1; question <= 3; question++) {
    one.begin(question, NOW);
    const waits = Array.from({ length: 100 }, () => two.wait(question, 5_000));
    one.end(question);
    await Promise.all(waits);
  }
  assert.deepEqual(calls, [[1], [2], [3]]);
});

test("those who come later than others to one question wait as long as these", async () => {
  const { one, two } = pair();
  one.begin(HASH, NOW);
  const ends: string[] = [];
  const first = two.wait(HASH, 300).then(() => ends.push("first"));
  await sleep(200);
  const second = two.wait(HASH, 60_000).then(() => ends.push("second"));
  await first;
  await sleep(300);
  assert.deepEqual(ends, ["first"]);
  one.end(HASH);
  await second;
});

test("who comes when all others have given up waits for the same question", async () => {
  const { one, two } = pair();
  one.begin(HASH, NOW);
  await two.wait(HASH, 50);
  let woke = false;
  const wait = two.wait(HASH, 60_000).then(() => {
    woke = true;
  });
  await sleep(300);
  assert.equal(woke, false);
  one.end(HASH);
  await wait;
});

test("another question that takes over a stale mark wakes those who waited for it", async () => {
  const { one, two } = pair();
  one.begin(HASH, NOW);
  const wait = two.wait(HASH, 5_000);
  const began = performance.now();
  assert.equal(two.begin(NEIGHBOUR, NOW + 20 * SECOND), true);
  await wait;
  assert.ok(performance.now() - began < 2_000);
});

test("a mark that another worker set a moment ago may look stale: who takes it over ends the wait, not the taking", async () => {
  const { buffer, one, two } = pair();
  one.begin(HASH, NOW);
  // The owner that stood here before.
  const words = new Int32Array(buffer);
  const ownerAt = words.indexOf(HASH) + 1;
  words[ownerAt] = 0;
  let woke = false;
  const wait = two.wait(HASH, 5_000).then(() => {
    woke = true;
  });
  assert.equal(two.begin(HASH, NOW), true);
  await sleep(30);
  assert.equal(woke, false);
  two.end(HASH);
  await wait;
});

test("the thread that replaces a dead one frees its marks and wakes their waiters; other workers' marks stay", {
  timeout: 20_000,
}, async () => {
  const { buffer, one, two } = pair();
  one.sweep(10);
  one.begin(HASH, NOW);
  two.begin(7, NOW);
  const wait = two.wait(HASH, 60_000);
  new InFlight(buffer, 1).sweep(11);
  await wait;
  assert.equal(two.has(HASH, NOW), false);
  assert.equal(one.has(7, NOW), true);
});

test("a thread does not sweep what it has marked itself, however often the memory is published", () => {
  const { buffer, one, two } = pair();
  one.sweep(10);
  one.begin(HASH, NOW);
  new InFlight(buffer, 1).sweep(10);
  assert.equal(two.has(HASH, NOW), true);
});

/** Asks as a worker does: a thread that owns the mark, ends it, or dies with it. */
const CHILD = `
  const { parentPort, workerData } = require("node:worker_threads");
  import(workerData.module).then(async ({ InFlight }) => {
    const marks = new InFlight(workerData.buffer, workerData.worker);
    parentPort.on("message", async ({ say, hash, now, limit }) => {
      if (say === "begin") parentPort.postMessage(marks.begin(hash, now));
      if (say === "end") { marks.end(hash); parentPort.postMessage(true); }
      if (say === "wait") { await marks.wait(hash, limit); parentPort.postMessage("woke"); }
    });
    parentPort.postMessage("ready");
  });
`;

async function child(buffer: SharedArrayBuffer, worker: number): Promise<Worker> {
  const module = new URL("../../src/memory/in-flight.ts", import.meta.url).href;
  const thread = new Worker(CHILD, { eval: true, workerData: { module, buffer, worker } });
  await next(thread);
  return thread;
}

function next(thread: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => thread.once("message", resolve).once("error", reject));
}

function say(thread: Worker, message: object): Promise<unknown> {
  const reply = next(thread);
  thread.postMessage(message);
  return reply;
}

test("across threads: one owns, the others wait, and all wake", async () => {
  const buffer = new SharedArrayBuffer(InFlight.SIZE);
  const [owner, ...waiters] = await Promise.all([child(buffer, 0), child(buffer, 1), child(buffer, 2)]);
  try {
    assert.equal(await say(owner!, { say: "begin", hash: HASH, now: NOW }), true);
    const woke = waiters.map((waiter) => say(waiter, { say: "wait", hash: HASH, limit: 10_000 }));
    await sleep(50);
    assert.equal(await say(owner!, { say: "end", hash: HASH }), true);
    assert.deepEqual(await Promise.all(woke), ["woke", "woke"]);
  } finally {
    await Promise.all([owner!, ...waiters].map((thread) => thread.terminate()));
  }
});

test("across threads: the owner dies, and its successor wakes those who waited", { timeout: 20_000 }, async () => {
  const buffer = new SharedArrayBuffer(InFlight.SIZE);
  const [owner, waiter] = await Promise.all([child(buffer, 0), child(buffer, 1)]);
  try {
    assert.equal(await say(owner, { say: "begin", hash: HASH, now: NOW }), true);
    const woke = say(waiter, { say: "wait", hash: HASH, limit: 60_000 });
    await sleep(30);
    await owner.terminate();
    new InFlight(buffer, 0).sweep();
    assert.equal(await woke, "woke");
  } finally {
    await Promise.all([owner, waiter].map((thread) => thread.terminate()));
  }
});
