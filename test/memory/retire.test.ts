import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { getHeapStatistics } from "node:v8";
import { roomLeft } from "../../src/memory/pressure.ts";
import { collectSoon, collectWhenGrown, retire } from "../../src/memory/retire.ts";

const SIZE = 48 * 1024 * 1024;
const WAIT_MS = 5_000;

let table: Uint8Array | undefined;

test("retire: shared memory that was let go of returns to the system", async () => {
  table = new Uint8Array(new SharedArrayBuffer(SIZE)).fill(1);
  growOld();
  assert.equal(table[SIZE - 1], 1);
  const before = process.memoryUsage.rss();
  table = undefined;
  retire(SIZE);
  await hasSunkBy(SIZE / 2, before);
});

test("collectSoon: pages of the heap that nothing is left in return to the system", async () => {
  let parsed: object[] | undefined = Array.from({ length: 400_000 }, (_, i) => ({ i, next: [i] }));
  assert.equal(parsed.length, 400_000);
  const before = process.memoryUsage.rss();
  parsed = undefined;
  collectSoon();
  await hasSunkBy(16 * 1024 * 1024, before);
});

async function hasSunkBy(bytes: number, before: number): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (process.memoryUsage.rss() > before - bytes && performance.now() < deadline) await sleep(100);
  const after = process.memoryUsage.rss();
  assert.ok(after <= before - bytes, `${before} before, ${after} after`);
}

/** What has lived through a few collections of young garbage is only found by those that hold the thread. */
function growOld(): void {
  const few: object[] = [];
  for (let i = 0; i < 2_000_000; i++) few[i % 1_000] = { i };
}

test("collectWhenGrown: old garbage does not grow beyond a few megabytes, what is in use may", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const used = () => getHeapStatistics().used_heap_size / 1024 / 1024;
  collectWhenGrown(2);
  t.mock.timers.tick(11_000);
  const kept = Array.from({ length: 100_000 }, (_, i) => ({ i, next: [i] }));
  t.mock.timers.tick(11_000);
  const before = used();
  let most = 0;
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 10; i++) growOld();
    t.mock.timers.tick(11_000);
    most = Math.max(most, used() - before);
  }
  assert.ok(most < 4, `${most} MiB more`);
  assert.equal(kept.length, 100_000);
});

test("collectWhenGrown: while memory is short old garbage goes within a moment", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const used = () => getHeapStatistics().used_heap_size / 1024 / 1024;
  t.mock.method(process, "constrainedMemory", () => process.memoryUsage.rss());
  collectWhenGrown(2);
  t.mock.timers.tick(200);
  assert.ok(roomLeft() < 1, `${roomLeft()}`);
  const before = used();
  let most = 0;
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 5; i++) growOld();
    t.mock.timers.tick(100);
    most = Math.max(most, used() - before);
  }
  assert.ok(most < 4, `${most} MiB more`);
});
