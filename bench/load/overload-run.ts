/**
 * Overload scenarios: what a server can do is measured first, in the closed loop; then `tools/flood.c` sends at a pace that
 * it cannot keep, from many addresses of 127/8. What was sent and not answered must be what the server says it has dropped.
 */
import { setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Lane,
  measureLane,
  noteOthers,
  noteSpread,
  percent,
  type RunOptions,
  startLane,
  type Upstream,
} from "./lanes.ts";
import { windowOf } from "./measure.ts";
import { dropsOf } from "./metrics.ts";
import { Program } from "./processes.ts";
import type { Scenario } from "./scenarios.ts";
import { type Histogram, percentileMicros, summarize } from "./statistics.ts";
import { tool } from "./tools.ts";
import { residentMiB } from "./usage.ts";

/** What an overload scenario sends, in multiples of the capacity. */
export type Overload = {
  /** All equal sources together. */
  equal: number;
  /** One source more, with so many times the share of each of them; one flood for each. */
  loudTimes: number[];
};

/** What `flood` prints. */
type Kind = { sent: number; unsent: number; answered: number; failed: number; latency: Histogram };
type FloodResult = { seconds: number; quiet: Kind; loud: Kind };

type Flood = {
  /** Sent, over the capacity. */
  offered: number;
  /** Answered well, over the capacity. */
  goodput: number;
  /** Answered, but with a failure, over what was sent. */
  failed: number;
  quietLost: number;
  loudLost: number;
  p99Micros: number;
  growthMiB: number;
  /** Lost by the generator's count less dropped by the server's, as a share of the former. */
  dropsApart: number | undefined;
};

const sources = 20;
const memoryLookMs = 50;
const floodNice = 10;
/** Until a server has forgotten an overload: WeftDNS opens what it has closed two seconds behind the last loss. */
const restMs = 2_500;
/** Fewer than this lost, and one of them more or less is no difference. */
const fewLost = 1_000;
/** A flood that sends less of its pace is no overload, and proves nothing. */
const leastOfWanted = 0.8;

/** Names of a sequence that nobody has asked for before. */
let sequencePosition = (1 << 23) + Math.floor(Math.random() * (1 << 22));

export async function runOverloads(
  scenario: Scenario,
  lanes: Lane[],
  upstream: Upstream,
  options: RunOptions,
  progress: (line: string) => void,
): Promise<void> {
  for (const lane of lanes) await startLane(lane, scenario, upstream);
  const seen = new Map<Lane, Flood[][]>(lanes.map((lane) => [lane, []]));
  for (let round = 1; round <= options.repeats; round++) {
    for (const lane of lanes) {
      const { result, target } = lane;
      if (result.failure !== undefined || target === undefined) continue;
      const window = windowOf(round, options.seconds);
      const outcome = await measureLane(lane, scenario, window);
      if ("failure" in outcome) {
        result.failure = outcome.failure;
        continue;
      }
      result.runs.push(outcome);
      const floods: Flood[] = [];
      for (const loudTimes of scenario.overload!.loudTimes)
        floods.push(await flood(lane, scenario, outcome.queriesPerSecond, loudTimes, options.seconds));
      seen.get(lane)!.push(floods);
      const told = floods.map(({ offered, goodput }) => `${percent(goodput)} of ${offered.toFixed(1)} ×`).join(", ");
      progress(
        `  ${scenario.name}  round ${round}/${options.repeats}  ${result.label}: ${Math.round(outcome.queriesPerSecond)} queries/s, then ${told}`,
      );
    }
  }
  for (const [{ result }, rounds] of seen) digest(result, rounds, scenario.overload!);
}

async function flood(
  { setup, target, contestant }: Lane,
  scenario: Scenario,
  capacity: number,
  loudTimes: number,
  seconds: number,
): Promise<Flood> {
  const { pid, port } = target!;
  const { questions, overload } = scenario;
  const rate = (overload!.equal * capacity) / sources;
  const isSequence = questions.order === "sequence";
  const parameters = {
    port,
    names: questions.pattern,
    count: questions.count,
    order: isSequence ? "sequence" : "uniform",
    first: isSequence ? sequencePosition : 0,
    sources,
    rate,
    loud: rate * loudTimes,
    seconds,
  };
  const counts = () => (contestant.server.name === "weftdns" ? dropsOf(setup!.metricsPort) : undefined);
  const before = { drops: await counts(), mib: residentMiB(pid) };
  let mostMiB = before.mib;
  const looks = setInterval(() => {
    mostMiB = Math.max(mostMiB, residentMiB(pid));
  }, memoryLookMs);
  const program = new Program(
    scenario.loadCores,
    tool("flood"),
    Object.entries(parameters).flatMap(([name, value]) => [`--${name}`, `${value}`]),
  );
  // The upstream is on the same core, and must not be what is too slow.
  setPriority(program.pid, floodNice);
  let output = "";
  program.onOutput = (text) => {
    output += text;
  };
  const code = await program.closed();
  clearInterval(looks);
  if (code !== 0) throw new Error(`flood ended with ${code}: ${program.output}`);
  const after = await counts();
  const { quiet, loud }: FloodResult = JSON.parse(output);
  const sent = quiet.sent + loud.sent;
  await sleep(restMs);
  if (isSequence) sequencePosition += sent + quiet.unsent + loud.unsent;
  const lost = sent - quiet.answered - loud.answered;
  return {
    offered: sent / seconds / capacity,
    goodput: (quiet.answered + loud.answered - quiet.failed - loud.failed) / seconds / capacity,
    failed: (quiet.failed + loud.failed) / sent,
    quietLost: shareLost(quiet),
    loudLost: shareLost(loud),
    p99Micros: percentileMicros(quiet.latency, 0.99),
    growthMiB: mostMiB - before.mib,
    dropsApart:
      before.drops === undefined ? undefined : Math.abs(after! - before.drops - lost) / Math.max(lost, fewLost),
  };
}

function shareLost({ sent, answered, failed }: Kind): number {
  return sent === 0 ? 0 : (sent - answered + failed) / sent;
}

function digest(result: Lane["result"], rounds: Flood[][], { equal, loudTimes }: Overload): void {
  if (result.failure !== undefined || rounds.length === 0) return;
  const worst = (figure: (flood: Flood) => number, of: (...values: number[]) => number = Math.max) =>
    summarize(rounds.map((floods) => of(...floods.map(figure))));
  result.queriesPerSecond = summarize(result.runs.map(({ queriesPerSecond }) => queriesPerSecond));
  result.rssMiB = summarize(result.runs.map(({ rssMiB }) => rssMiB));
  result.offered = worst(({ offered }) => offered);
  result.goodput = worst(({ goodput }) => goodput, Math.min);
  result.quietLost = worst(({ quietLost }) => quietLost);
  result.p99Micros = worst(({ p99Micros }) => p99Micros);
  result.rssGrowthMiB = worst(({ growthMiB }) => growthMiB);
  if (rounds[0]![0]!.dropsApart !== undefined) result.dropsApart = worst(({ dropsApart }) => dropsApart!);
  if (rounds[0]!.length > 1) {
    const steps = rounds[0]!.map((_, step) => {
      const of = (figure: (flood: Flood) => number) => summarize(rounds.map((floods) => figure(floods[step]!))).median;
      const lost = `quiet lost ${percent(of(({ quietLost }) => quietLost))}, loud ${percent(of(({ loudLost }) => loudLost))}`;
      return `at ${of(({ offered }) => offered).toFixed(1)} × ${lost}`;
    });
    result.notes.push(...steps);
  }
  const failed = worst((flood) => flood.failed).median;
  if (failed > 0) result.notes.push(`${percent(failed)} answered with a failure`);
  const wanted = equal * (1 + Math.max(...loudTimes) / sources);
  if (result.offered.median < leastOfWanted * wanted) {
    result.wasBusy = true;
    result.notes.push(`the load should have sent ${wanted.toFixed(1)} ×, and could not`);
  }
  noteOthers(result);
  noteSpread(result, result.goodput);
}
