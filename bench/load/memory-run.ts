/** Memory scenarios: what a server holds before any load, and step by step under it. */
import { type Lane, measureLane, noteSpread, type RunOptions, startLane, stopLane, type Upstream } from "./lanes.ts";
import type { Scenario } from "./scenarios.ts";
import { summarize } from "./statistics.ts";
import { residentMiB } from "./usage.ts";

/** The first step fills caches and compiles what is hot; growth is what comes on top in the others. */
const steps = 10;
/** A million queries do that, however many there are in all. */
const mostInFirst = 1_000_000;
/** Upper bound on the seconds of a step. */
const stepSeconds = 600;

type Seen = { idle: number; afterSteps: number[] };

export async function runMemory(
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
      const seen = await runOnce(scenario, lane, upstream, options);
      if (seen === undefined) continue;
      rounds.push(seen);
      const all = [seen.idle, ...seen.afterSteps].map((mib) => mib.toFixed(1)).join(" ");
      progress(`  ${scenario.name}  round ${round}/${options.repeats}  ${result.label}: ${all} MiB`);
    }
    if (result.failure !== undefined || rounds.length === 0) continue;
    result.rssIdleMiB = summarize(rounds.map(({ idle }) => idle));
    result.rssMiB = summarize(rounds.map(({ afterSteps }) => afterSteps[0]!));
    result.rssAfterMiB = summarize(rounds.map(({ afterSteps }) => afterSteps.at(-1)!));
    result.rssGrowthMiB = summarize(rounds.map(({ afterSteps }) => afterSteps.at(-1)! - afterSteps[0]!));
    result.cpuMicros = summarize(result.runs.map(({ cpuMicros }) => cpuMicros));
    noteSpread(result, result.rssAfterMiB);
  }
}

async function runOnce(
  scenario: Scenario,
  lane: Lane,
  upstream: Upstream,
  options: RunOptions,
): Promise<Seen | undefined> {
  const { result } = lane;
  if ((await startLane(lane, scenario, upstream)) === undefined || lane.target === undefined) return undefined;
  const seen: Seen = { idle: residentMiB(lane.target.pid), afterSteps: [] };
  const first = Math.min(Math.ceil(options.queries / steps), mostInFirst);
  const further = Math.ceil((options.queries - first) / (steps - 1));
  for (let step = 0; step < steps && result.failure === undefined; step++) {
    const limit = step === 0 ? first : further;
    const outcome = await measureLane(lane, scenario, { seconds: stepSeconds, warmupSeconds: 0, limit });
    if ("failure" in outcome) result.failure = outcome.failure;
    else {
      result.runs.push(outcome);
      seen.afterSteps.push(outcome.rssMiB);
    }
  }
  await stopLane(lane);
  return result.failure === undefined ? seen : undefined;
}
