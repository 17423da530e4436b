/** Startup scenarios: the server is started and ended in every round. */
import { type Lane, measureLane, noteSpread, type RunOptions, startLane, stopLane, type Upstream } from "./lanes.ts";
import type { Run } from "./measure.ts";
import type { FirstAnswers } from "./processes.ts";
import type { Scenario } from "./scenarios.ts";
import { summarize } from "./statistics.ts";
import { residentMiB } from "./usage.ts";

/** Upper bound on the seconds that the queries may take. */
const loadSeconds = 120;

export async function runStartups(
  scenario: Scenario,
  lanes: Lane[],
  upstream: Upstream,
  options: RunOptions,
  progress: (line: string) => void,
): Promise<void> {
  const seen = new Map<Lane, { answers: FirstAnswers; rssMiB: number; run: Run }[]>(lanes.map((lane) => [lane, []]));
  for (let round = 1; round <= options.repeats; round++) {
    for (const lane of lanes) {
      const answers = await startLane(lane, scenario, upstream);
      if (answers === undefined || lane.target === undefined) continue;
      const rssMiB = residentMiB(lane.target.pid);
      const window = { seconds: loadSeconds, warmupSeconds: 0, limit: options.queries };
      const outcome = await measureLane(lane, scenario, window);
      await stopLane(lane);
      if ("failure" in outcome) {
        lane.result.failure = outcome.failure;
        continue;
      }
      seen.get(lane)!.push({ answers, rssMiB, run: outcome });
      lane.result.runs.push(outcome);
      progress(
        `  ${scenario.name}  round ${round}/${options.repeats}  ${lane.result.label}: ${Math.round(answers.rightMs)} ms, ${Math.round(rssMiB)} MiB`,
      );
    }
  }
  for (const [{ result }, rounds] of seen) {
    if (result.failure !== undefined) continue;
    result.firstReplyMs = summarize(rounds.map(({ answers }) => answers.anyMs));
    result.firstAnswerMs = summarize(rounds.map(({ answers }) => answers.rightMs));
    result.rssMiB = summarize(rounds.map(({ rssMiB }) => rssMiB));
    result.rssAfterMiB = summarize(rounds.map(({ run }) => run.rssMiB));
    noteSpread(result, result.firstAnswerMs);
  }
}
