/** How much may wait with so much memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cacheBytesAtMost,
  garbageAtMost,
  streamBytesAtMost,
  waitingAtMost,
  workersAtMost,
} from "../../src/memory/shares.ts";

const MIB = 1_048_576;

test("without a limit of memory as many as are wanted", () => {
  assert.equal(waitingAtMost(4_096, 2, Number.POSITIVE_INFINITY), 4_096);
  assert.equal(waitingAtMost(4_096, 2, 2 ** 64), 4_096);
});

test("with one an eighth of it for all workers together", () => {
  assert.equal(waitingAtMost(4_096, 2, 170 * MIB), 1_360);
  assert.equal(waitingAtMost(4_096, 1, 170 * MIB), 2_720);
  assert.equal(waitingAtMost(20_000, 4, 1_024 * MIB), 4_096);
});

test("however little there is, one may", () => {
  assert.equal(waitingAtMost(4_096, 64, MIB), 1);
});

test("bytes: a sixteenth of it for all workers together", () => {
  assert.equal(streamBytesAtMost(32 * MIB, 2, Number.POSITIVE_INFINITY), 32 * MIB);
  assert.equal(streamBytesAtMost(32 * MIB, 2, 160 * MIB), 5 * MIB);
  assert.equal(streamBytesAtMost(32 * MIB, 4, 2_048 * MIB), 32 * MIB);
});

test("caches share a third of it, garbage of all workers takes an eighth", () => {
  assert.equal(cacheBytesAtMost(4, 120 * MIB), 10 * MIB);
  assert.equal(garbageAtMost(2, 160 * MIB), 10 * MIB);
  assert.equal(cacheBytesAtMost(4, Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY);
});

test("workers: one for each 64 MiB, and always one", () => {
  assert.equal(workersAtMost(170 * MIB), 2);
  assert.equal(workersAtMost(MIB), 1);
  assert.equal(workersAtMost(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY);
});
