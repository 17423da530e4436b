/** Profiles of all threads at once. V8 takes the samples; nobody has to answer a message for it. */
import { setTimeout as sleep } from "node:timers/promises";
import { startCpuProfile, startHeapProfile } from "node:v8";
import type { Worker } from "node:worker_threads";
import { type ProfileFacts, ProfileWriter } from "./profile-writer.ts";
import { cpuStacks, heapStacks, type Stack } from "./stacks.ts";
import { nameOf } from "./threads.ts";

export type Kind = "profile" | "heap" | "allocs";

/** Go's rate: a hundred samples a second. */
const CPU_INTERVAL_MS = 10;
/** Small, since a server at rest allocates little: one allocation in so many bytes. */
const HEAP_INTERVAL_BYTES = 16 * 1024;
const STACK_DEPTH = 64;
/** A thread that does not answer is left out. */
const PATIENCE_MS = 3_000;
/** For the thread before to be seen at work again, so that queries are sent to it while the next one stands still. */
const APART_MS = 100;

const cpuOptions = { sampleInterval: CPU_INTERVAL_MS };

interface Handle {
  stop(): string | Promise<string>;
}

/** Measures for so many seconds, or until `signal` says that nobody waits any more. */
export async function takeProfile(
  kind: Kind,
  seconds: number,
  workers: readonly Worker[],
  signal: AbortSignal,
): Promise<Buffer> {
  const isCpu = kind === "profile";
  const heapOptions = {
    sampleInterval: HEAP_INTERVAL_BYTES,
    stackDepth: STACK_DEPTH,
    includeObjectsCollectedByMajorGC: kind === "allocs",
    includeObjectsCollectedByMinorGC: kind === "allocs",
  };
  const startedAt = Date.now();
  const running: { name: string; handle: Handle }[] = [];
  let isOver = false;
  const start = async (name: string, begin: () => Handle | Promise<Handle>) => {
    const handle = await begin();
    // Whoever begins so late is in no profile, and would measure for ever.
    if (isOver) await handle.stop();
    else running.push({ name, handle });
  };
  const onWorker = (worker: Worker) =>
    isCpu ? worker.startCpuProfile(cpuOptions) : worker.startHeapProfile(heapOptions);
  const onMain = () => (isCpu ? startCpuProfile(cpuOptions) : startHeapProfile(heapOptions));
  await inTurn([
    () => start("main", onMain),
    ...workers.map((worker) => () => start(nameOf(worker), () => onWorker(worker))),
  ]);
  await sleep(seconds * 1_000, undefined, { signal }).catch(() => {});
  isOver = true;
  const durationMs = Date.now() - startedAt;
  const taken = await inTurn(
    running.map(({ name, handle }) => async () => ({ name, json: await handle.stop() })),
  );

  const writer = new ProfileWriter();
  for (const { name, json } of taken) writer.add(name, stacksOf(isCpu, json));
  return writer.encode({ ...(isCpu ? cpuFacts : heapFacts(kind)), startedAt, durationMs });
}

function stacksOf(isCpu: boolean, json: string): Stack[] {
  return isCpu ? cpuStacks(json) : heapStacks(json);
}

const cpuTime = { type: "cpu", unit: "nanoseconds" };
const cpuFacts = {
  measures: [{ type: "samples", unit: "count" }, cpuTime],
  per: cpuTime,
  period: CPU_INTERVAL_MS * 1_000_000,
} satisfies Partial<ProfileFacts>;

function heapFacts(kind: Kind): Pick<ProfileFacts, "measures" | "per" | "period"> {
  const type = kind === "allocs" ? "alloc_space" : "inuse_space";
  return {
    measures: [{ type, unit: "bytes" }],
    per: { type: "space", unit: "bytes" },
    period: HEAP_INTERVAL_BYTES,
  };
}

/**
 * One thread after the other, as each stands still while its profile begins and ends: queries go to the others then. Gives what
 * is there in time: threads may end, or hang, meanwhile.
 */
async function inTurn<Value>(acts: readonly (() => Promise<Value>)[]): Promise<NonNullable<Value>[]> {
  const values: NonNullable<Value>[] = [];
  for (const act of acts) {
    const nothing = sleep(PATIENCE_MS, undefined, { ref: false });
    const value = await Promise.race([act(), nothing]).catch(() => undefined);
    if (value != null) values.push(value);
    await sleep(APART_MS);
  }
  return values;
}
