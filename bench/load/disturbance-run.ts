/** Disturbance scenarios: the same load with and without something that happens to the server, window by window in turn. */
import { disturbances, type Occurrence } from "./disturbances.ts";
import { mergeHttp } from "./http-load.ts";
import {
  type ClientView,
  type Lane,
  measureLane,
  noteLines,
  noteOthers,
  noteSpread,
  type RunOptions,
  startLane,
  type Upstream,
} from "./lanes.ts";
import { type Run, windowOf } from "./measure.ts";
import type { Scenario } from "./scenarios.ts";
import { summarize } from "./statistics.ts";

type Round = { quiet: Run; disturbed: Run; occurrences: Occurrence[] };

export async function runDisturbances(
  scenario: Scenario,
  lanes: Lane[],
  upstream: Upstream,
  options: RunOptions,
  progress: (line: string) => void,
): Promise<void> {
  const seen = new Map<Lane, Round[]>(lanes.map((lane) => [lane, []]));
  for (const lane of lanes) await startLane(lane, scenario, upstream);
  for (let round = 1; round <= options.repeats; round++) {
    for (const lane of lanes) {
      const { result, target } = lane;
      if (result.failure !== undefined || target === undefined) continue;
      const outcome = await runRound(lane, scenario, options.seconds, round);
      const where = `  ${scenario.name}  round ${round}/${options.repeats}  ${result.label}`;
      if ("failure" in outcome) {
        result.failure = outcome.failure;
        progress(`${where}: ${outcome.failure}`);
        continue;
      }
      seen.get(lane)!.push(outcome);
      result.runs.push(outcome.quiet, outcome.disturbed);
      const { disturbed, occurrences } = outcome;
      progress(
        `${where}: ${lost(disturbed)} of ${disturbed.sent} lost, ${disturbed.wrong} wrong, ${occurrences.length} times`,
      );
    }
  }
  for (const [lane, rounds] of seen) digest(lane, rounds);
}

async function runRound(
  lane: Lane,
  scenario: Scenario,
  seconds: number,
  round: number,
): Promise<Round | { failure: string }> {
  const quiet = await measureLane(lane, scenario, windowOf(round, seconds));
  if ("failure" in quiet) return quiet;
  const occurrences: Occurrence[] = [];
  // Nothing can happen to the floor: it shows what the load itself loses.
  const disturb = disturbances[scenario.disturbance!];
  const during = async (untilMs: number) => {
    if (!lane.contestant.server.isFloor) await disturb(lane, untilMs, occurrences);
  };
  const disturbed = await measureLane(lane, scenario, windowOf(round + 1, seconds), during);
  return "failure" in disturbed ? disturbed : { quiet, disturbed, occurrences };
}

function digest({ result }: Lane, rounds: Round[]): void {
  if (result.failure !== undefined || rounds.length === 0) return;
  const occurrences = rounds.flatMap((round) => round.occurrences);
  const times = occurrences.flatMap(({ ms }) => (ms === undefined ? [] : [ms]));
  const http = mergeHttp(occurrences.flatMap((occurrence) => occurrence.http ?? []));
  if (http.length > 0) result.http = http;
  result.disturbed = {
    events: http.length > 0 ? http.reduce((sum, { requests }) => sum + requests, 0) : occurrences.length,
    eventMs: times.length > 0 ? summarize(times) : undefined,
    quiet: viewOf(rounds.map(({ quiet }) => quiet)),
    disturbed: viewOf(rounds.map(({ disturbed }) => disturbed)),
    lostAtOnce: Math.max(...rounds.map(({ disturbed }) => lost(disturbed) + disturbed.wrong)),
    p99Change: summarize(rounds.map(({ quiet, disturbed }) => disturbed.p99Micros / quiet.p99Micros)),
  };
  result.rssMiB = summarize(rounds.map(({ disturbed }) => disturbed.rssMiB));
  const { eventMs } = result.disturbed;
  if (eventMs !== undefined) {
    const slowest = Math.max(...eventMs.values);
    result.notes.push(
      `${occurrences.length} times, ${eventMs.median.toFixed(1)} ms each, slowest ${slowest.toFixed(0)}`,
    );
  }
  for (const { path, requests, failed, p50Ms, p99Ms } of http)
    result.notes.push(`${requests} times ${path}: p50 ${p50Ms} ms, p99 ${p99Ms} ms, ${failed} failed`);
  noteLines(result);
  noteOthers(result);
  noteSpread(result, result.disturbed.p99Change);
}

function viewOf(runs: Run[]): ClientView {
  return {
    sent: runs.reduce((sum, run) => sum + run.sent, 0),
    lost: runs.reduce((sum, run) => sum + lost(run), 0),
    wrong: runs.reduce((sum, run) => sum + run.wrong, 0),
    p99Micros: summarize(runs.map(({ p99Micros }) => p99Micros)),
    slowestMs: Math.max(...runs.map(({ slowestMs }) => slowestMs)),
  };
}

function lost(run: Run): number {
  return run.lost + run.skipped;
}
