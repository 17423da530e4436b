/**
 * Shared memory that is not needed any more, a replaced table for instance. It goes back to the system when every thread
 * that has seen it has collected its garbage. V8 does not count its bytes, and a thread that answers from shared tables
 * makes no garbage that would start a collection: without this, every replaced table would stay for good.
 *
 * V8's own garbage it would let grow too: by 9 MiB in each thread, however small the heap is. What is under way when young garbage
 * is collected grows old, some 300 KB a minute for 50,000 misses a second, so 10^8 queries took 15 MiB of two workers.
 *
 * A collection holds its thread for some milliseconds, so there is one for some megabytes, and not in all threads at once.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMainThread } from "node:worker_threads";
import { roomLeft, watchMemory } from "./pressure.ts";
import { garbageAtMost } from "./shares.ts";

const COLLECT_AT = 4 * 1024 * 1024;
/** Threads draw a moment within this time. */
const SPREAD_MS = 500;
/** How often the heap is looked at (it takes a microsecond), and by how much it may be larger than it has been. */
const LOOK_MS = 10_000;
const MAX_GROWTH = 2 * 1024 * 1024;

let retired = 0;
let timer: NodeJS.Timeout | undefined;
let collectGarbage: CollectGarbage | undefined;

/** This thread has let go of its last reference to shared memory of `size` bytes. */
export function retire(size: number): void {
  retired += size;
  if (retired >= COLLECT_AT) collectSoon();
}

/** The same when nobody knows how much it was: what a whole plan held. */
export function collectSoon(): void {
  if (timer) return;
  timer = setTimeout(collect, SPREAD_MS * Math.random()).unref();
}

/**
 * So much of buffers that nobody has any more V8 lets each thread gather. A container with 170 MiB does not have that: large
 * queries over TCP ended it.
 */
const V8_COLLECTS_AT = 64 * 1024 * 1024;
/** How often that is looked at, in time and in bytes that streams bring or take: it takes ten microseconds. */
const LOOK_AT_BUFFERS_MS = 25;
const LOOK_AT_BUFFERS_BYTES = 1024 * 1024;

let streamed = 0;
let lookAtBuffers: (() => void) | undefined;

/** So many bytes have come or gone on a stream of this thread, in buffers that are let go of soon. */
export function streamedBytes(bytes: number): void {
  streamed += bytes;
  if (streamed < LOOK_AT_BUFFERS_BYTES) return;
  streamed = 0;
  lookAtBuffers?.();
}

/** While memory is short: young garbage, up to a megabyte, comes and goes. */
const LOOK_WHEN_SHORT_MS = 100;
const MAX_GROWTH_WHEN_SHORT = 3 * 1024 * 1024;

/** From now on this thread's heap is looked at, and collected when it has grown. Called in each of `workers`. */
export function collectWhenGrown(workers: number): void {
  collectAt(
    () => getHeapStatistics().used_heap_size,
    () => MAX_GROWTH,
    LOOK_MS + SPREAD_MS * Math.random(),
  );
  if (!watchMemory()) return;
  collectAt(usedBytes, () => (roomLeft() < 1 ? MAX_GROWTH_WHEN_SHORT : Number.POSITIVE_INFINITY), LOOK_WHEN_SHORT_MS);
  const most = garbageAtMost(workers);
  if (most >= V8_COLLECTS_AT) return;
  lookAtBuffers = collectAt(
    () => process.memoryUsage().arrayBuffers,
    () => most * roomLeft(),
    LOOK_AT_BUFFERS_MS,
  );
}

/** Collects whenever `used` gives so much more than the least that it has given. Gives what looks at it, also in between. */
function collectAt(used: () => number, growth: () => number, everyMs: number): () => void {
  let least = used();
  const look = (): void => {
    const now = used();
    least = Math.min(least, now);
    if (now - least < growth()) return;
    collect();
    // What is left is in use.
    least = used();
  };
  setInterval(look, everyMs).unref();
  return look;
}

/** In the heap, and of buffers outside of it. */
function usedBytes(): number {
  const { used_heap_size: heap, external_memory: outside } = getHeapStatistics();
  return heap + outside;
}

function collect(): void {
  retired = 0;
  clearTimeout(timer);
  timer = undefined;
  collectGarbage ??= findCollector();
  const flavor = isMainThread || roomLeft() < 1 ? "last-resort" : "regular";
  collectGarbage({ type: "major", execution: "sync", flavor });
}

/**
 * V8's own function. A regular collection keeps the pages that it empties, 40 MiB after a large Corefile, until nothing has
 * happened for half a minute. The last resort gives them to the system, and holds the thread twice as long: 30 ms in a busy
 * worker.
 */
type CollectGarbage = (options: { type: "major"; execution: "sync"; flavor: "regular" | "last-resort" }) => void;

/** The only way to it, unless the process was started with this flag. A new context is made with the function in it. */
function findCollector(): CollectGarbage {
  if (globalThis.gc) return globalThis.gc as CollectGarbage;
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as CollectGarbage;
}
