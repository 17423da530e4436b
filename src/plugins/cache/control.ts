/** The control half of cache: gives the memory, which is kept over reloads, and the gauges that show how full it is. */
import { AnswerCache, type AnswerMemory } from "../../memory/answer-cache.ts";
import { InFlight } from "../../memory/in-flight.ts";
import { type HashKey, randomKey } from "../../memory/keyed-hash.ts";
import { cacheBytesAtMost } from "../../memory/shares.ts";
import { native } from "../../native/index.ts";
import type { Control, ControlContext } from "../../plugin/context.ts";
import type { CacheConfig } from "./index.ts";

/** One for all caches: each has a key of its own, so the same question is not the same mark. */
const inFlight = new SharedArrayBuffer(InFlight.SIZE);

/** How many control halves have each memory: around a reload, two. */
const users = new Map<Published, number>();

/** The share of memory that was too small, and has been told of: it is the same for all caches of a Corefile. */
let toldOf = Number.POSITIVE_INFINITY;

/** What the workers share. */
export interface Published {
  readonly success: AnswerMemory;
  readonly denial: AnswerMemory;
  readonly inFlight: SharedArrayBuffer;
  /** By which all of them are found. */
  readonly hashKey: HashKey;
}

export async function control(config: CacheConfig, context: ControlContext): Promise<Control> {
  // Each kind of answers has a table of its own.
  const bytes = cacheBytesAtMost(2 * context.occurrences);
  warnOfLess(config, context, bytes);
  const inherited = context.inherited as Published | undefined;
  const memory = inherited && isSized(inherited, config, bytes) ? inherited : allocate(config, bytes);
  const success = new AnswerCache(memory.success, 0);
  const denial = new AnswerCache(memory.denial, 0);
  const zones = zonesLabel(config);
  for (const server of context.servers) {
    for (const [type, answers] of [
      ["success", success],
      ["denial", denial],
    ] as const) {
      const labels = { server, type, zones, view: "" };
      context.gauge("cache_entries", "The number of elements in the cache.", labels, () => answers.entries);
    }
    const labels = { server, zones, view: "" };
    const help = "Memory of the answers kept.";
    context.gauge("weftdns_cache_bytes", help, labels, () => success.bytes + denial.bytes);
  }
  context.publish(memory);
  users.set(memory, (users.get(memory) ?? 0) + 1);
  return { inherit: () => memory, stop: () => leave(memory) };
}

/**
 * What nobody has inherited goes back to the system at once, as the next caches fill up from now on; it would stay until every
 * worker has collected its garbage. Queries that still wait below the plan that has gone find nothing there.
 */
function leave(memory: Published): void {
  const left = users.get(memory)! - 1;
  if (left > 0) users.set(memory, left);
  else {
    users.delete(memory);
    for (const table of [...memory.success, ...memory.denial]) native?.releasePages(new Uint8Array(table));
  }
}

function warnOfLess({ success, denial }: CacheConfig, { occurrences, log }: ControlContext, bytes: number): void {
  const wanted = Math.max(success.capacity, denial.capacity);
  const kept = AnswerCache.roomFor(wanted, bytes);
  if (kept >= wanted || bytes === toldOf) return;
  toldOf = bytes;
  const caches = occurrences === 1 ? "it may have" : `the ${occurrences} caches may have`;
  log.warning(`Room for ${kept} answers instead of ${wanted}, as ${caches} a third of the memory`);
}

function allocate({ success, denial }: CacheConfig, bytes: number): Published {
  return {
    success: AnswerCache.allocate(success.capacity, bytes),
    denial: AnswerCache.allocate(denial.capacity, bytes),
    inFlight,
    hashKey: randomKey(),
  };
}

/** A reload may have made more caches of one, or less. */
function isSized(memory: Published, { success, denial }: CacheConfig, bytes: number): boolean {
  return (
    AnswerCache.isSized(memory.success, success.capacity, bytes) &&
    AnswerCache.isSized(memory.denial, denial.capacity, bytes)
  );
}

export function zonesLabel({ zones }: CacheConfig): string {
  return zones.join(",");
}
