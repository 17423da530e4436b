/** How the pool replaces its workers: real threads, and a clock that the test turns. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { BlockPlan, Plan } from "../../src/plugin/plan.ts";
import { WorkerPool } from "../../src/supervisor/worker-pool.ts";

/** A pool of one worker, the reasons for which it died so far, and a plan that it can be given. */
function setUp(t: TestContext, died: (reason: string) => void = () => {}) {
  const moment = () => sleep(5, undefined, { signal: t.signal });
  const reasons: string[] = [];
  const pool = new WorkerPool(1, {
    steer: () => {},
    died: (_index, reason) => {
      reasons.push(reason);
      died(reason);
    },
    left: () => {},
    retired: () => {},
    cellsLeft: async () => {},
    told: () => {},
    sockets: () => new Map(),
    published: () => new Map(),
  });
  t.after(() => pool.stop(0));
  const blocks: BlockPlan[] = [];
  const plan: Plan = { generation: 1, logFormat: "text", debug: false, listeners: [], blocks };
  const deploy = (generation = 1) => pool.deploy({ ...plan, generation }, new Map());
  /** The worker runs: it has described what it counts. */
  const running = async () => {
    while ((pool.rows()[0]?.descriptions.length ?? 0) === 0) await moment();
  };
  /** It has died so many times. */
  const dead = async (count: number) => {
    while (reasons.length < count) await moment();
  };
  const kill = async () => {
    const count = reasons.length + 1;
    await pool.threads[0]!.terminate();
    await dead(count);
  };
  return { pool, reasons, blocks, deploy, running, dead, kill };
}

const unloadable: BlockPlan = {
  zones: [],
  elements: [{ id: "0", plugin: "such", url: "file:///no/such.ts", config: {} }],
  debug: false,
  stacktrace: false,
};

const options = { timeout: 20_000 };

test("once it has started, a worker can take a plan without delay", options, async (t) => {
  const { pool } = setUp(t);
  await pool.started();
  assert.notEqual(pool.rows()[0]?.descriptions.length, 0);
});

test("a worker that dies young is replaced later each time, and one that has lived at once", options, async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  let isNext = false;
  const waits: unknown[] = [];
  const real = setTimeout;
  t.mock.method(globalThis, "setTimeout", (run: () => void, ms?: number) => {
    if (!isNext) return real(run, ms);
    isNext = false;
    waits.push(ms);
    return real(run, 0);
  });
  const { running, kill } = setUp(t, () => {
    isNext = true;
  });
  for (const livedMs of [0, 0, 9_999, 10_000, 0]) {
    await running();
    now += livedMs;
    await kill();
  }
  assert.deepEqual(waits, [50, 100, 200, 0, 50]);
});

test("a replacement that cannot prepare is replaced too, and says why", options, async (t) => {
  const { pool, reasons, blocks, deploy, dead, kill } = setUp(t);
  await deploy();
  blocks.push(unloadable);
  await kill();
  await dead(3);
  const reason = /^Cannot find module '\/no\/such\.ts'/;
  for (const said of reasons.slice(1)) assert.match(said, reason);
  assert.deepEqual(Object.fromEntries(pool.restarts), { error: 3, memory: 0, stall: 0 });
});

test("a server none of whose workers has come to serve says that it does not answer", options, async (t) => {
  const { pool, blocks, deploy, running, kill } = setUp(t);
  await running();
  await kill();
  blocks.push(unloadable);
  // No worker is there to say that it cannot take this plan.
  await deploy();
  assert.ok(pool.isAnswering);
  while (pool.isAnswering) await sleep(5, undefined, { signal: t.signal });
});

test("a pause of the whole process counts as one look at a worker's beats", options, async (t) => {
  let now = 0;
  let pauseMs = 3_000;
  let isSilent = false;
  t.mock.method(performance, "now", () => now);
  const real = Atomics.load;
  t.mock.method(Atomics, "load", (words: Int32Array, at: number) => {
    if (!isSilent || words.length !== 2) return real(words, at);
    now += pauseMs;
    pauseMs = 70;
    return -1;
  });
  const { pool, reasons, deploy, dead } = setUp(t);
  await deploy();
  isSilent = true;
  await dead(1);
  assert.equal(pool.restarts.get("stall"), 1);
  // 25 ms of the first look, and 29 that were in time.
  assert.deepEqual(reasons, ["its loop has not turned for 2055 ms"]);
});

test("an answer that comes when its plan has been given up is not taken for one about the next", options, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "pool-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const slow = join(directory, "slow.mjs");
  writeFileSync(slow, "await new Promise((go) => setTimeout(go, 300));\nexport default { parse() {} };\n");
  const { blocks, deploy } = setUp(t);
  await deploy();
  const real = setTimeout;
  const timers = t.mock.method(globalThis, "setTimeout", (run: () => void, ms?: number) => {
    if (ms === 30_000) queueMicrotask(run);
    return real(run, ms);
  });
  await assert.rejects(deploy(2), { message: "worker 0 could not prepare in time" });
  timers.mock.restore();
  const url = pathToFileURL(slow).href;
  blocks.push({
    zones: [],
    elements: [{ id: "0", plugin: "slow", url, config: {} }],
    debug: false,
    stacktrace: false,
  });
  const outcome = await Promise.race([deploy(3), sleep(5_000, "it hangs")]);
  assert.equal(outcome, undefined);
});
