/**
 * Row A9: changed messages that are led by what they take of our sources (coverage.ts), beside as many that are not. Each
 * exploration has a thread of its own, which is this file again. SEED=n begins elsewhere.
 */
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Coverage, countBlocks, explore, join, type Marks } from "./coverage.ts";
import { figure, sized } from "./figures.ts";

const MAX_MS = 10;
const TIMEOUT_MS = sized(60_000, 7_200_000);

interface Task {
  /** From a plain query and a plain answer, or from all that the test suite has. */
  readonly start: "two" | "suite";
  readonly isGuided: boolean;
  readonly executions: number;
}

interface Result {
  readonly ran: Marks;
  readonly borders: Marks;
  readonly executions: number;
  readonly slowestMs: number;
  readonly grownMiB: number;
}

async function work({ start, isGuided, executions }: Task): Promise<Result> {
  const coverage = new Coverage(/\/src\/(dns|memory)\//);
  const { seeds, suiteSeeds, Trial } = await import("./messages.ts");
  const from = start === "two" ? [seeds[0]!, seeds[4]!] : [...seeds, ...suiteSeeds];
  const trial = new Trial();
  let count = 0;
  let before = 0;
  const run = (bytes: Buffer): void => {
    if (++count === executions / 2) before = process.memoryUsage().rss;
    trial.run(bytes, `message ${count}`);
  };
  const randomSeed = Number(process.env.SEED ?? 1);
  const ran = explore({ coverage, seeds: from, executions, randomSeed, isGuided, run });
  return {
    ran,
    borders: coverage.borders,
    executions: count,
    slowestMs: trial.slowestMs,
    grownMiB: Math.max(0, process.memoryUsage().rss - before) / 2 ** 20,
  };
}

async function inThread(task: Task, signal: AbortSignal): Promise<Result> {
  const worker = new Worker(new URL(import.meta.url), { workerData: task });
  // A message that hangs would keep the thread for ever.
  signal.addEventListener("abort", () => worker.terminate());
  const [result] = await once(worker, "message");
  return result;
}

/** The same number of messages with and without a guide, and how many blocks each took. */
async function compare(start: Task["start"], executions: number, { signal }: TestContext) {
  const blind = await inThread({ start, isGuided: false, executions }, signal);
  const guided = await inThread({ start, isGuided: true, executions }, signal);
  const borders: Marks = new Map();
  join(borders, blind.borders);
  join(borders, guided.borders);
  return { guided, blocks: countBlocks(guided.ran, borders), blindBlocks: countBlocks(blind.ran, borders) };
}

if (!isMainThread) parentPort!.postMessage(await work(workerData));
else {
  const [few, many] = [sized(40_000, 3_000_000), sized(40_000, 50_000_000)];

  test(`A9: ${few} messages changed from two: what is found leads to more`, {
    timeout: TIMEOUT_MS,
  }, async (context) => {
    const { blocks, blindBlocks } = await compare("two", few, context);
    figure({ row: "A9", what: "blocks from two messages, blind", value: blindBlocks });
    // With fifty values of SEED 1.06 to 1.27 times as many, 1.15 in the mean; 1.3 times as many of a million messages.
    figure({ row: "A9", what: "blocks from two messages, guided", value: blocks, atLeast: blindBlocks + 1 });
  });

  test(`A9: ${many} messages changed from the suite's, guided: nothing is thrown, nothing hangs, memory stays`, {
    timeout: TIMEOUT_MS,
  }, async (context) => {
    const { guided, blocks, blindBlocks } = await compare("suite", many, context);
    figure({ row: "A9", what: "guided executions", value: guided.executions, atLeast: many });
    figure({ row: "A9", what: "blocks from the suite's messages, blind", value: blindBlocks });
    // These alone take nearly all that messages can, so there is little left to be led to: 0.99 to 1.01 times as many.
    const atLeast = Math.floor(0.98 * blindBlocks);
    figure({ row: "A9", what: "blocks from the suite's messages, guided", value: blocks, atLeast });
    figure({ row: "A9", what: "guided, thrown", value: 0, atMost: 0 });
    const slowest = Number(guided.slowestMs.toFixed(3));
    figure({ row: "A9", what: "guided, slowest", value: slowest, unit: "ms", atMost: MAX_MS });
    const grown = Math.round(guided.grownMiB);
    figure({ row: "A9", what: "guided, memory in the second half", value: grown, unit: "MiB", atMost: 48 });
  });
}
