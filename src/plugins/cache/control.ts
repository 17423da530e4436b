/** The control half of cache: gives the memory, which is kept over reloads, and the gauges that show how full it is. */
import { AnswerCache, type AnswerMemory } from "../../memory/answer-cache.ts";
import { InFlight } from "../../memory/in-flight.ts";
import { type HashKey, randomKey } from "../../memory/keyed-hash.ts";
import type { Control, ControlContext } from "../../plugin/context.ts";
import type { CacheConfig } from "./index.ts";

/** What the workers share. */
export interface Published {
  readonly success: AnswerMemory;
  readonly denial: AnswerMemory;
  readonly inFlight: SharedArrayBuffer;
  /** By which all of them are found. */
  readonly hashKey: HashKey;
}

export async function control(config: CacheConfig, context: ControlContext): Promise<Control> {
  const memory = (context.inherited as Published | undefined) ?? {
    success: AnswerCache.allocate(config.success.capacity),
    denial: AnswerCache.allocate(config.denial.capacity),
    inFlight: new SharedArrayBuffer(InFlight.SIZE),
    hashKey: randomKey(),
  };
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
  return { inherit: () => memory, stop: () => {} };
}

export function zonesLabel({ zones }: CacheConfig): string {
  return zones.join(",");
}
