/**
 * Synchronisation: a server meets a large cluster, and then has to list it once more. From the first byte of a list until
 * /ready says yes; what the process held at the most; and how long its main thread held up everything else.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Lane, noteOthers, noteSpread, type RunOptions, startLane, stopLane, type Upstream } from "./lanes.ts";
import { ask } from "./metrics.ts";
import { scratchDirectory } from "./processes.ts";
import type { Scenario } from "./scenarios.ts";
import { nowMs, summarize } from "./statistics.ts";
import { benchDirectory } from "./tools.ts";
import { type CpuUsage, cpuBetween, cpuUsage, forgetPeak, machineBusyNs, peakMiB, residentMiB } from "./usage.ts";

const noCpu: CpuUsage = { tickedNs: 0, processes: 1, threadNs: new Map() };
const readyEveryMs = 5;
const readyLimitMs = 60_000;
/** Behind a 410 a client waits about a second before it lists again. */
const relistLimitMs = 30_000;
/** The server has digested a list when it uses less than this, for so many looks. */
const calmCores = 0.05;
const calmLooks = 3;
const calmLookMs = 200;

type Seen = {
  foreignCores: number;
  syncMs: number;
  peakMiB: number;
  syncedMiB: number;
  /** Undefined for what does not run on Node. */
  holdMs: number | undefined;
  relistPeakMiB: number;
  relistedMiB: number;
  relistHoldMs: number | undefined;
};

export async function runSyncs(
  scenario: Scenario,
  lanes: Lane[],
  upstream: Upstream,
  options: RunOptions,
  progress: (line: string) => void,
): Promise<void> {
  for (const lane of lanes) {
    const { result } = lane;
    const rounds: Seen[] = [];
    for (let round = 1; round <= options.repeats && result.failure === undefined; round++) {
      const seen = await runOnce(scenario, lane, upstream);
      await stopLane(lane);
      if (seen === undefined) continue;
      rounds.push(seen);
      const { syncMs, peakMiB, relistPeakMiB } = seen;
      const told = `${Math.round(syncMs)} ms, at most ${peakMiB.toFixed(1)} MiB, listed again ${relistPeakMiB.toFixed(1)}`;
      progress(`  ${scenario.name}  round ${round}/${options.repeats}  ${result.label}: ${told}`);
    }
    if (rounds.length === 0) continue;
    const holds = rounds.flatMap(({ holdMs, relistHoldMs }) => (holdMs === undefined ? [] : [holdMs, relistHoldMs!]));
    result.syncMs = summarize(rounds.map(({ syncMs }) => syncMs));
    result.peakMiB = summarize(rounds.map(({ peakMiB, relistPeakMiB }) => Math.max(peakMiB, relistPeakMiB)));
    result.rssMiB = summarize(rounds.map(({ syncedMiB }) => syncedMiB));
    result.rssAfterMiB = summarize(rounds.map(({ relistedMiB }) => relistedMiB));
    if (holds.length > 0) result.holdMs = summarize(holds);
    noteOthers(
      result,
      rounds.map(({ foreignCores }) => foreignCores),
    );
    noteSpread(result, result.syncMs);
  }
}

async function runOnce(scenario: Scenario, lane: Lane, upstream: Upstream): Promise<Seen | undefined> {
  const api = upstream.api!;
  const isOurs = lane.contestant.server.name === "weftdns";
  const holdFile = join(scratchDirectory(), "hold");
  const hook = join(benchDirectory, "load/loop-hold.cjs");
  const environment = isOurs ? { NODE_OPTIONS: `--require=${hook}`, LOOP_HOLD_FILE: holdFile } : {};
  const hold = () => (isOurs ? Number(readFileSync(holdFile, "utf8")) : undefined);
  const forgetHold = () => {
    if (isOurs) lane.program?.signal("SIGUSR2");
  };
  writeFileSync(holdFile, "0");
  const before = { machine: machineBusyNs(), api: cpuUsage(api.program.pid), ours: process.cpuUsage(), atMs: nowMs() };
  api.forget(forgetHold);
  const [answers, readyMs] = await Promise.all([startLane(lane, scenario, upstream, environment), readyAt(lane)]);
  if (answers === undefined || lane.target === undefined) return undefined;
  if (readyMs === undefined || api.firstBytesMs.length === 0) {
    lane.result.failure = readyMs === undefined ? "failed: never ready" : "failed: it has listed nothing";
    return undefined;
  }
  const { pid } = lane.target;
  const lists = api.firstBytesMs.length;
  const syncMs = readyMs - Math.min(...api.firstBytesMs);
  const syncedMiB = residentMiB(pid);
  // The kernel brings the peak up to date now and then only.
  const first = { peakMiB: Math.max(peakMiB(pid), syncedMiB), syncedMiB, holdMs: hold() };
  const { user, system } = process.cpuUsage(before.ours);
  const known =
    cpuBetween(noCpu, cpuUsage(pid)) + cpuBetween(before.api, cpuUsage(api.program.pid)) + (user + system) * 1e3;
  const foreignCores = Math.max(0, (machineBusyNs() - before.machine - known) / 1e6 / (nowMs() - before.atMs));
  await calm(pid);
  forgetPeak(pid);
  forgetHold();
  api.forget();
  api.relist();
  const limit = nowMs() + relistLimitMs;
  while (api.firstBytesMs.length < lists && nowMs() < limit) await sleep(readyEveryMs);
  if (api.firstBytesMs.length < lists) {
    lane.result.failure = `failed: ${api.firstBytesMs.length} of ${lists} resources were listed again`;
    return undefined;
  }
  await calm(pid);
  const relistedMiB = residentMiB(pid);
  const again = { relistPeakMiB: Math.max(peakMiB(pid), relistedMiB), relistedMiB, relistHoldMs: hold() };
  return { foreignCores, syncMs, ...first, ...again };
}

async function readyAt(lane: Lane): Promise<number | undefined> {
  const limit = nowMs() + readyLimitMs;
  while (nowMs() < limit && lane.result.failure === undefined && lane.contestant.program !== undefined) {
    if (lane.setup !== undefined && lane.program?.ended === false) {
      const { text } = await ask(lane.setup.readyPort, "/ready");
      if (text !== undefined) return nowMs();
    }
    await sleep(readyEveryMs);
  }
  return undefined;
}

/** Until the server has nothing more to do. */
async function calm(pid: number): Promise<void> {
  const limit = nowMs() + relistLimitMs;
  for (let looks = 0; looks < calmLooks && nowMs() < limit; ) {
    const [before, beganMs] = [cpuUsage(pid), nowMs()];
    await sleep(calmLookMs);
    const cores = cpuBetween(before, cpuUsage(pid)) / 1e6 / (nowMs() - beganMs);
    looks = cores < calmCores ? looks + 1 : 0;
  }
}
