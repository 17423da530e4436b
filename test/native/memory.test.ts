import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { native } from "../../src/native/index.ts";
import { collectGarbage } from "../support/garbage.ts";

const PAGE = 4_096;

function residentMiB(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]) / 1_024;
}

test("releasePages: what is given back reads as zeros, what stands beside it stays", { skip: !native }, () => {
  const bytes = new Uint8Array(
    new SharedArrayBuffer(1 << 20, { maxByteLength: 128 << 20 }) as SharedArrayBuffer & { grow(size: number): void },
  );
  bytes.buffer.grow(128 << 20);
  const all = new Uint8Array(bytes.buffer, 0, 128 << 20).fill(7);
  const before = residentMiB();
  assert.equal(native!.releasePages(all.subarray(1, all.length - 1)), 0);
  assert.ok(before - residentMiB() > 100, "the process is smaller");
  assert.deepEqual([all[0], all[PAGE - 1], all[2 * PAGE], all[all.length - 1]], [7, 7, 0, 7]);
  all[2 * PAGE] = 9;
  assert.equal(all[2 * PAGE], 9);
  assert.equal(native!.releasePages(all.subarray(1, PAGE)), 0);
  assert.equal(all[1], 7);
});

test("shared memory that nobody writes to takes none, also when some was freed before", { skip: !native }, async () => {
  const before = residentMiB();
  let kept: SharedArrayBuffer[] = [];
  for (let round = 0; round < 10; round++) {
    kept = Array.from({ length: 4 }, () => new SharedArrayBuffer(24 << 20));
    collectGarbage();
    await sleep(20);
  }
  assert.equal(kept.length, 4);
  assert.ok(residentMiB() - before < 20, `${before} MiB before, now ${residentMiB()}`);
});
