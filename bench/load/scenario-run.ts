/**
 * One scenario from start to end. The servers of a load scenario are all started first, each on its own port; then rounds go
 * over all of them in turn, so that whatever disturbs the machine for a while disturbs each a little and none alone. A
 * server's ratio is taken to the floor of the same round.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { runChurns } from "./churn-run.ts";
import { runDisturbances } from "./disturbance-run.ts";
import { crossCheck } from "./dnsperf.ts";
import {
  type Contestant,
  disturbedCores,
  type Lane,
  measureLane,
  noteHits,
  noteLines,
  noteOthers,
  noteSpread,
  percent,
  type Result,
  type RunOptions,
  startLane,
  startUpstream,
  stopLane,
  stopUpstream,
  type Upstream,
} from "./lanes.ts";
import { type Run, type Window, windowOf } from "./measure.ts";
import { runMemory } from "./memory-run.ts";
import { runOverloads } from "./overload-run.ts";
import type { Scenario } from "./scenarios.ts";
import { type Server, versionOf } from "./servers.ts";
import { runStartups } from "./startup-run.ts";
import { type Summary, summarize } from "./statistics.ts";
import { runSyncs } from "./sync-run.ts";
import { machineBusyNs } from "./usage.ts";

const quietSampleMs = 200;
/** To find out what a server can do; and a pace that the load keeps up with on one core, one query a call. */
const paceSeconds = 1;
const maxRate = 100_000;

const runs = {
  load: runLoads,
  startup: runStartups,
  memory: runMemory,
  disturbance: runDisturbances,
  overload: runOverloads,
  sync: runSyncs,
  churn: runChurns,
};

export async function runScenario(
  scenario: Scenario,
  contestants: Contestant[],
  options: RunOptions,
  progress: (line: string) => void,
): Promise<Result[]> {
  const lanes: Lane[] = contestants
    .filter(({ server }) => takesPart(server, scenario))
    .map((contestant) => ({ contestant, result: { label: contestant.label, notes: [], runs: [] } }));
  for (const { contestant, result } of lanes) {
    const reason = contestant.server.cannot?.(scenario);
    if (contestant.program === undefined) result.failure = "skipped: not found on this machine";
    else if (reason !== undefined) result.failure = `skipped: ${reason}`;
    else {
      result.version = versionOf(contestant.server, contestant.program);
      const warning = contestant.server.warning?.(contestant.program);
      if (warning !== undefined) result.notes.push(warning);
    }
  }
  const upstream = await startUpstream(scenario);
  await runs[scenario.measures](scenario, lanes, upstream, options, progress);
  await Promise.all([stopUpstream(upstream), ...lanes.map(stopLane)]);
  return lanes.map(({ result }) => result);
}

/** The floor has neither a start nor memory worth a look. */
function takesPart({ name, kinds, isFloor }: Server, { work, measures, among }: Scenario): boolean {
  if (isFloor && (measures === "startup" || measures === "memory" || measures === "sync")) return false;
  return kinds.includes(work.kind) && (among === undefined || among.includes(name));
}

async function runLoads(
  scenario: Scenario,
  lanes: Lane[],
  upstream: Upstream,
  options: RunOptions,
  progress: (line: string) => void,
): Promise<void> {
  for (const lane of lanes) {
    await startLane(lane, scenario, upstream);
    if (scenario.rateShare !== undefined) await findPace(lane, scenario, scenario.rateShare);
  }
  for (let round = 1; round <= options.repeats; round++) {
    for (const lane of lanes) {
      const { contestant, result, target } = lane;
      if (result.failure !== undefined || target === undefined) continue;
      const window = windowOf(round, options.seconds);
      const outcome = await measureInQuiet(lane, lane.paced ?? scenario, window, options.quietSeconds);
      const where = `  ${scenario.name}  round ${round}/${options.repeats}  ${contestant.label}`;
      if ("failure" in outcome) {
        result.failure = outcome.failure;
        progress(`${where}: ${outcome.failure}`);
        continue;
      }
      result.runs.push(outcome);
      const { cpuMicros, queriesPerSecond } = outcome;
      progress(`${where}: ${cpuMicros.toFixed(2)} µs a query, ${Math.round(queriesPerSecond)} queries/s`);
    }
  }
  if (options.dnsperf && isClosedLoop(scenario) && scenario.questions.order !== "sequence") {
    for (const lane of lanes) await crossCheck(lane, scenario, options, progress);
  }
  const floor = lanes.find(({ contestant }) => contestant.server.isFloor);
  for (const lane of lanes) digest(scenario, lane, floor?.result.failure === undefined ? floor : undefined);
}

function isClosedLoop({ rate, rateShare }: Scenario): boolean {
  return rate === undefined && rateShare === undefined;
}

/** What the server can do decides the rate at which its latency is looked at. */
async function findPace(lane: Lane, scenario: Scenario, share: number): Promise<void> {
  if (lane.result.failure !== undefined || lane.target === undefined) return;
  const outcome = await measureLane(lane, scenario, windowOf(1, paceSeconds));
  if ("failure" in outcome) {
    lane.result.failure = outcome.failure;
    return;
  }
  const rate = Math.min(maxRate, Math.round(share * outcome.queriesPerSecond));
  lane.paced = { ...scenario, rate };
  lane.result.notes.push(`${rate} queries/s${rate === maxRate ? ", the most that the load keeps up with" : ""}`);
}

/** Repeats the window while others disturb it and there is time left; the least disturbed one counts. */
async function measureInQuiet(
  lane: Lane,
  scenario: Scenario,
  window: Window,
  quietSeconds: number,
): Promise<Run | { failure: string }> {
  const deadline = performance.now() + quietSeconds * 1e3;
  let best: Run | undefined;
  do {
    while (performance.now() < deadline && (await busyCores(quietSampleMs)) > disturbedCores)
      await sleep(quietSampleMs);
    const outcome = await measureLane(lane, scenario, window);
    if ("failure" in outcome) return outcome;
    if (best === undefined || outcome.foreignCores < best.foreignCores) best = outcome;
  } while (best.foreignCores > disturbedCores && performance.now() < deadline);
  return best;
}

/** How many cores were busy for the next moment; nothing of ours is, as no query is under way. */
async function busyCores(sampleMs: number): Promise<number> {
  const before = { machine: machineBusyNs(), at: performance.now() };
  await sleep(sampleMs);
  return (machineBusyNs() - before.machine) / 1e6 / (performance.now() - before.at);
}

function digest(scenario: Scenario, { contestant, result }: Lane, floor: Lane | undefined): void {
  const { runs, notes } = result;
  if (result.failure !== undefined || runs.length === 0) return;
  const over = (figure: (run: Run) => number) => summarize(runs.map(figure));
  result.cpuMicros = over((run) => run.cpuMicros);
  result.queriesPerSecond = over((run) => run.queriesPerSecond);
  result.rssMiB = over((run) => run.rssMiB);
  result.p50Micros = over((run) => run.p50Micros);
  result.p99Micros = over((run) => run.p99Micros);
  result.p999Micros = over((run) => run.p999Micros);
  if (floor !== undefined && !contestant.server.isFloor) {
    const floors = floor.result.runs;
    result.ratio = summarize(runs.map(({ cpuMicros }, round) => cpuMicros / floors[round]!.cpuMicros));
    result.p99Ratio = summarize(runs.map(({ p99Micros }, round) => p99Micros / floors[round]!.p99Micros));
  }
  if (scenario.workers > 1) {
    const gap = over(
      ({ shares }) => ((shares[0]! - shares.at(-1)!) * shares.length) / shares.reduce((sum, share) => sum + share),
    );
    // The run that was as unequal as most, so that one disturbed run does not speak for the server.
    const usual = runs.find((_, round) => gap.values[round]! >= gap.median)!;
    result.shareGap = gap;
    notes.push(`CPU by thread ${usual.shares.map(percent).join(" / ")}`);
  }
  const lost = runs.reduce((sum, run) => sum + run.lost, 0);
  const sent = runs.reduce((sum, run) => sum + run.sent, 0);
  if (lost > 0) notes.push(`${lost} of ${sent} lost`);
  noteCalm(result);
  noteHits(result);
  noteLines(result);
  const busy = over((run) => run.busy).median;
  if (isClosedLoop(scenario) && scenario.workers === 1 && busy < 0.9) notes.push(`only ${percent(busy)} busy`);
  noteOthers(result);
  noteSpread(result, headline(scenario, result));
}

/** Of the latency at a fixed pace: how much of the time counts, and what it would be with the rest. */
function noteCalm({ runs, notes }: Result): void {
  const calm = runs.filter(({ calmShare }) => calmShare !== undefined);
  if (calm.length === 0) return;
  const share = summarize(calm.map(({ calmShare }) => calmShare!)).median;
  const whole = summarize(calm.map(({ wholeP999Micros }) => wholeP999Micros!)).median;
  notes.push(`others held the cores in ${percent(1 - share)} of the time, p99.9 with that ${Math.round(whole)} µs`);
}

/** The figure that a scenario is about. */
export function headline(scenario: Scenario, result: Result): Summary | undefined {
  if (scenario.measures === "startup") return result.firstAnswerMs;
  if (scenario.measures === "memory") return result.rssAfterMiB;
  if (scenario.measures === "sync") return result.syncMs;
  if (scenario.measures === "churn") return undefined;
  if (scenario.measures === "overload") return result.goodput;
  if (scenario.measures === "disturbance") return result.disturbed?.p99Change;
  if (!isClosedLoop(scenario)) return result.p99Ratio ?? result.p99Micros;
  return result.ratio ?? result.cpuMicros;
}
