/**
 * Threads that rewrite the same few answers while others read them (rows J4, J5): what a reader gets is whole, or nothing.
 * READS=100000000 makes it long: a minute and a half on two CPUs. Of 100,000,002 reads 99,966,154 found an answer, 32,607
 * found it changed under their hands (a miss), none was wrong.
 */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { Section } from "../../src/dns/reply.ts";
import { AnswerCache, type AnswerMemory } from "../../src/memory/answer-cache.ts";
import { Header, SetWord, Stored, setAt, WAYS } from "../../src/memory/answer-table.ts";
import { clockOffset } from "../../src/memory/clock.ts";
import { keyOf, lookUp, replyTo, request, withTtl } from "../memory/answer-support.ts";
import type { Result, Task } from "./answer-worker.ts";

const READS = Number(process.env.READS ?? 3_000_000);
const WRITERS = 3;
/** Together with the writers more threads than CPUs: they are interrupted anywhere. */
const READERS = availableParallelism() + 1;
const ENDLESS = 2 ** 50;
const names = Array.from({ length: 6 }, (_, i) => `hammer${i}.test.`);

function start(task: Omit<Task, "names">, asked: readonly string[] = names): Worker {
  return new Worker(new URL("./answer-worker.ts", import.meta.url), { workerData: { ...task, names: asked } });
}

function resultOf(worker: Worker): Promise<Result> {
  return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
}

function now(): number {
  return performance.now() + clockOffset;
}

test(`${READERS} readers and ${WRITERS} writers of ${names.length} answers, ${READS} reads: none is torn`, async (context) => {
  // Six keys in a set of sixteen: the slots are rewritten in place, and never given to another key.
  const memory = AnswerCache.allocate(10);
  const writers = Array.from({ length: WRITERS }, (_, i) =>
    start({ role: "write", memory, worker: i, count: ENDLESS }),
  );
  const count = Math.ceil(READS / READERS);
  try {
    const readers = Array.from({ length: READERS }, (_, i) =>
      resultOf(start({ role: "read", memory, worker: WRITERS + i, count })),
    );
    const results = await Promise.all(readers);
    const sum = (field: keyof Result) => results.reduce((total, result) => total + result[field], 0);
    context.diagnostic(
      `${sum("reads")} reads, ${sum("found")} found, ${sum("torn")} torn (misses), 0 retries, ` +
        `${(sum("nsPerRead") / READERS).toFixed(0)} ns a read, bad reads ${sum("bad")}`,
    );
    assert.equal(sum("bad"), 0, "bad reads");
    assert.ok(sum("found") > sum("reads") / 10, "hardly anything was found");
  } finally {
    await Promise.all(writers.map((writer) => writer.terminate()));
  }
});

test("writers that are killed at any time leave no slot that nobody can claim after a second", async () => {
  const memory = AnswerCache.allocate(10);
  for (let round = 0; round < 12; round++) {
    const writers = [0, 1].map((worker) => start({ role: "write", memory, worker, count: ENDLESS }));
    await Promise.all(writers.map((writer) => new Promise((resolve) => writer.once("online", resolve))));
    await sleep(20 + Math.random() * 60);
    await Promise.all(writers.map((writer) => writer.terminate()));
  }
  await sleep(1_300);
  claimAll(memory);
});

test("threads that store and remove the same answers: what is counted is what is there", async () => {
  const memory = AnswerCache.allocate(10);
  // More names than slots: some make room for others meanwhile.
  const many = Array.from({ length: 40 }, (_, i) => `counted${i}.test.`);
  const threads = Array.from({ length: 4 }, (_, worker) =>
    resultOf(start({ role: "change", memory, worker, count: 150_000 }, many)),
  );
  await Promise.all(threads);
  const words = new Int32Array(memory[0]!);
  const sets = Array.from({ length: words[Header.SETS]! }, (_, set) => setAt(set) + SetWord.TAGS);
  const tags = sets.flatMap((first) => [...words.subarray(first, first + WAYS)]);
  const { entries } = new AnswerCache(memory, 9);
  assert.equal(entries, tags.filter((tag) => tag !== 0).length);
  assert.ok(entries > 0 && entries <= many.length);
});

/** Stores far more answers than there are slots: each must find one. */
function claimAll(memory: AnswerMemory): void {
  const cache = new AnswerCache(memory, 9);
  for (let i = 0; i < 400; i++) {
    const asked = request(`after${i}.test.`);
    const reply = replyTo(asked, [{ section: Section.ANSWER, type: 65_280, ttl: 9, data: new Uint8Array(i * 2) }]);
    assert.notEqual(cache.store(keyOf(asked), reply, 0, 60, now(), 0), Stored.DROPPED, `store ${i}`);
    assert.deepEqual(lookUp(cache, asked, keyOf(asked), 5), withTtl(reply, asked, 5));
  }
}
