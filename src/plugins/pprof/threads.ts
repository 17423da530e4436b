/** What a Node process has in place of goroutines: threads, and what keeps the main thread's loop alive. */
import { setTimeout as sleep } from "node:timers/promises";
import { getHeapStatistics } from "node:v8";
import type { Worker } from "node:worker_threads";

/** A thread that does not tell of itself in this time is busy. */
const PATIENCE_MS = 1_000;
const MIB = 1_048_576;

export function nameOf(worker: Worker): string {
  return `worker-${worker.threadId}`;
}

export async function threadsText(workers: readonly Worker[]): Promise<string> {
  const rows = await Promise.all(workers.map(describe));
  const heap = getHeapStatistics();
  const main = `main: cpu ${seconds(process.cpuUsage())} (whole process), heap ${mib(heap.used_heap_size)} MiB`;
  const resources = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) resources.set(kind, (resources.get(kind) ?? 0) + 1);
  const waits = [...resources].sort().map(([kind, count]) => `${count} ${kind}`);
  return `threads: total ${rows.length + 1}\n${[main, ...rows].join("\n")}\n\nthe main thread waits for\n${waits.join("\n")}\n`;
}

async function describe(worker: Worker): Promise<string> {
  const asked = Promise.all([worker.cpuUsage(), worker.getHeapStatistics()]).catch(() => undefined);
  const facts = await Promise.race([asked, sleep(PATIENCE_MS, undefined, { ref: false })]);
  if (facts === undefined) return `${nameOf(worker)}: does not answer`;
  const [cpu, heap] = facts;
  return `${nameOf(worker)}: cpu ${seconds(cpu)}, heap ${mib(heap.used_heap_size)} MiB`;
}

function seconds({ user, system }: NodeJS.CpuUsage): string {
  return `${((user + system) / 1e6).toFixed(3)} s`;
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
