/**
 * Churn: a cluster that changes a thousand times a second while other names are asked for at a fixed pace. From an event to
 * the first answer with it; wrong answers; and whether memory grows. One server after the other, as all would see the events.
 */
import type { ChurnCounts } from "./churn.ts";
import { clusterSizes } from "./cluster-objects.ts";
import { type Lane, measureLane, noteOthers, type RunOptions, startLane, stopLane, type Upstream } from "./lanes.ts";
import { windowOf } from "./measure.ts";
import type { Scenario } from "./scenarios.ts";
import { summarize } from "./statistics.ts";

export async function runChurns(
  scenario: Scenario,
  lanes: Lane[],
  upstream: Upstream,
  options: RunOptions,
  progress: (line: string) => void,
): Promise<void> {
  for (const lane of lanes) {
    const rounds = await runLane(scenario, lane, upstream, options, progress);
    await stopLane(lane);
    digest(lane, rounds);
  }
}

async function runLane(
  scenario: Scenario,
  lane: Lane,
  upstream: Upstream,
  options: RunOptions,
  progress: (line: string) => void,
): Promise<ChurnCounts[]> {
  const { result } = lane;
  const rounds: ChurnCounts[] = [];
  await startLane(lane, scenario, upstream);
  if (lane.target === undefined) return rounds;
  for (let round = 1; round <= options.repeats && result.failure === undefined; round++) {
    let counts: ChurnCounts | undefined;
    const during = async (untilMs: number) => {
      counts = await upstream.api!.churn({
        dnsPort: lane.target!.port,
        perSecond: scenario.churnPerSecond!,
        seconds: (untilMs - performance.now()) / 1e3,
        objects: clusterSizes.changing.changing,
      });
    };
    const window = windowOf(round, options.seconds);
    // Nothing can change at the floor: it shows what the load itself loses.
    const outcome = await measureLane(lane, scenario, window, lane.target.isFloor ? undefined : during);
    if ("failure" in outcome) {
      result.failure = outcome.failure;
      break;
    }
    result.runs.push(outcome);
    if (counts === undefined) continue;
    rounds.push(counts);
    const { changes, delaysMs, wrong, unseen } = counts;
    const told = `${changes} changes, ${delaysMs.length} looked at, ${unseen} not seen, ${wrong} wrong`;
    progress(`  ${scenario.name}  round ${round}/${options.repeats}  ${result.label}: ${told}`);
  }
  return rounds;
}

function digest({ result }: Lane, rounds: ChurnCounts[]): void {
  const { runs } = result;
  if (result.failure !== undefined || runs.length === 0) return;
  result.queriesPerSecond = summarize(runs.map(({ queriesPerSecond }) => queriesPerSecond));
  result.p99Micros = summarize(runs.map(({ p99Micros }) => p99Micros));
  result.rssMiB = summarize(runs.map(({ rssMiB }) => rssMiB));
  if (runs.length > 1) result.rssGrowthMiB = summarize([runs.at(-1)!.rssMiB - runs[0]!.rssMiB]);
  noteOthers(result);
  if (rounds.length === 0) return;
  const sum = (figure: (counts: ChurnCounts) => number) => rounds.reduce((total, counts) => total + figure(counts), 0);
  // All rounds together: a hundredth of one round's samples is a handful.
  const delaysMs = rounds.flatMap((counts) => counts.delaysMs);
  result.churn = {
    changes: sum(({ changes }) => changes),
    asked: sum(({ asked }) => asked),
    wrong: sum(({ wrong }) => wrong) + runs.reduce((total, run) => total + run.wrong, 0),
    unseen: sum(({ unseen }) => unseen),
    delayP50Ms: shareOf(delaysMs, 0.5),
    delayP99Ms: shareOf(delaysMs, 0.99),
    slowestMs: shareOf(delaysMs, 1),
  };
}

/** The least of the values that `share` of them do not exceed. */
function shareOf(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
