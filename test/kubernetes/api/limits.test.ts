import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../../src/kubernetes/api/backoff.ts";
import { Limiter } from "../../../src/kubernetes/api/limiter.ts";
import { TIMING } from "../../../src/kubernetes/api/timing.ts";
import { Pace } from "../../../src/memory/pace.ts";

for (const { random, delays } of [
  { random: 0, delays: [400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000] },
  { random: 1, delays: [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000] },
]) {
  test(`back-off doubles up to its end, jitter ${random}`, () => {
    const backoff = new Backoff(TIMING.backoffFirstMs, TIMING.backoffMostMs, () => random);
    assert.deepEqual(
      delays.map(() => backoff.next()),
      delays,
    );
    backoff.reset();
    assert.equal(backoff.next(), delays[0]);
  });
}

const ENDLESS = new AbortController().signal;

/** The milliseconds on a mocked clock at which each of `count` requests may go. */
async function turns(t: import("node:test").TestContext, limiter: Limiter, count: number, now: () => number) {
  const at: number[] = [];
  for (let i = 0; i < count; i++) void limiter.acquire(ENDLESS).then(() => at.push(now()));
  for (let i = 0; i < 100 && at.length < count; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    t.mock.timers.tick(50);
  }
  return at;
}

for (const { limits, at } of [
  { limits: {}, at: [0, 0, 0, 0, 0, 0] },
  { limits: { qps: 10, burst: 2 }, at: [0, 0, 100, 200, 300, 400] },
  { limits: { qps: 2 }, at: [0, 0, 0, 0, 500, 1_000] },
]) {
  test(`requests a second: ${JSON.stringify(limits)}`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
    const limiter = new Limiter(limits, () => Date.now());
    assert.deepEqual(await turns(t, limiter, at.length, () => Date.now()), at);
  });
}

test("requests at a time: those over it wait in order", async () => {
  const limiter = new Limiter({ maxInFlight: 2 });
  const order: number[] = [];
  for (let i = 0; i < 5; i++) void limiter.acquire(ENDLESS).then(() => order.push(i));
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  await settle();
  assert.deepEqual(order, [0, 1]);
  limiter.release();
  await settle();
  assert.deepEqual(order, [0, 1, 2]);
  for (let i = 0; i < 3; i++) limiter.release();
  await settle();
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
});

test("who gives up waiting takes no turn", async () => {
  const stop = new AbortController();
  const slow = new Limiter({ qps: 0.001, burst: 1 });
  await slow.acquire(ENDLESS);
  const narrow = new Limiter({ maxInFlight: 1 });
  await narrow.acquire(ENDLESS);
  const waiting = [slow.acquire(stop.signal), narrow.acquire(stop.signal)];
  let turn = false;
  void narrow.acquire(ENDLESS).then(() => {
    turn = true;
  });
  stop.abort();
  for (const one of waiting) await assert.rejects(one, { name: "AbortError" });
  await assert.rejects(slow.acquire(stop.signal), { name: "AbortError" });
  narrow.release();
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(turn);
});

test("a spent time slice lets other events come first, and then is a new one", async () => {
  const pace = new Pace(5);
  assert.equal(pace.turn(), undefined);
  const end = performance.now() + 8;
  while (performance.now() < end);
  const turn = pace.turn();
  assert.ok(turn);
  assert.equal(pace.turn(), turn, "all that read wait for the same turn");
  let others = false;
  setImmediate(() => {
    others = true;
  });
  await turn;
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(others);
  assert.equal(pace.turn(), undefined);
});
