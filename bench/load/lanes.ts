/** A lane is one server in one scenario, from its start to its result. */

import { ClusterApi } from "./cluster.ts";
import { lastServices } from "./cluster-objects.ts";
import type { HttpFigures } from "./http-load.ts";
import { LogReader } from "./log-reader.ts";
import { type During, measure, type Run, type Target, type Window } from "./measure.ts";
import { type FirstAnswers, firstAnswers, freePort, Program, scratchDirectory } from "./processes.ts";
import type { Scenario } from "./scenarios.ts";
import type { Server, Setup } from "./servers.ts";
import { type Summary, summarize } from "./statistics.ts";
import { tool } from "./tools.ts";
import { ownsPort } from "./usage.ts";
import { zoneFile } from "./zones.ts";

export type RunOptions = {
  repeats: number;
  seconds: number;
  /** Queries behind which a startup scenario or a memory scenario looks at the memory again. */
  queries: number;
  /** How long one figure may wait for the machine to be quiet: before its window, and for another try behind a disturbed one. */
  quietSeconds: number;
  dnsperf: boolean;
};

/** A server as it was asked for: perhaps another build of the same program under a label of its own. */
export type Contestant = { label: string; server: Server; program: string | undefined };

export type Result = {
  label: string;
  version?: string;
  /** Why there is no figure. */
  failure?: string;
  notes: string[];
  /** Something else ran beside it, so no goal is judged by it. */
  wasBusy?: boolean;
  /** Its rounds differ too much: no figure that depends on time is shown, and no goal is judged by it. */
  tooNoisy?: boolean;
  cpuMicros?: Summary;
  ratio?: Summary;
  /** CPU per query over that of the cheapest other server. */
  overPeers?: number | undefined;
  /** CoreDNS's queries per second over its own. */
  corednsShare?: number | undefined;
  /** CPU per query over that with one worker. */
  cpuOverOneWorker?: number | undefined;
  /** The same of the multiples of the floor: the echo too pays for sharing two cores between its threads and the load. */
  scaling?: number | undefined;
  /** The busiest worker's CPU less the idlest one's, as a share of the mean. */
  shareGap?: Summary;
  p99Ratio?: Summary;
  queriesPerSecond?: Summary;
  rssMiB?: Summary;
  rssAfterMiB?: Summary;
  firstReplyMs?: Summary;
  firstAnswerMs?: Summary;
  p50Micros?: Summary;
  p99Micros?: Summary;
  p999Micros?: Summary;
  dnsperfMicros?: number;
  /** Of a memory scenario: before any load, and what came on top behind the first step. */
  rssIdleMiB?: Summary;
  rssGrowthMiB?: Summary;
  /** Of a scenario with a log: answers whose line neither came nor was said to be lost. */
  linesUncounted?: number;
  disturbed?: Disturbed;
  /** Of a synchronisation: until it was ready, the most that it held, and the longest that its main thread held others up. */
  syncMs?: Summary;
  peakMiB?: Summary;
  holdMs?: Summary;
  churn?: Churned;
  /** Of an overload: what was sent and what was answered well, over the capacity; worst of a round's floods. */
  offered?: Summary;
  goodput?: Summary;
  /** What the quiet senders lost of their queries. */
  quietLost?: Summary;
  /** What the load saw lost less what the server counts as dropped, as a share. */
  dropsApart?: Summary;
  /** What autocannon saw meanwhile. */
  http?: HttpFigures[];
  runs: Run[];
};

/** What a disturbance did to the clients, over all rounds. */
type Disturbed = {
  /** How often it happened, and what it took each time. */
  events: number;
  eventMs: Summary | undefined;
  quiet: ClientView;
  disturbed: ClientView;
  /** Lost or answered wrongly in the worst window. */
  lostAtOnce: number;
  p99Change: Summary;
};

/** Of a cluster that changes, over all rounds: events, answers looked at, and from an event to its first answer. */
type Churned = {
  changes: number;
  asked: number;
  wrong: number;
  /** Changes that no answer showed in time. */
  unseen: number;
  delayP50Ms: number;
  delayP99Ms: number;
  slowestMs: number;
};

export type ClientView = {
  sent: number;
  /** Without an answer in time, or not even sent, since too many waited. */
  lost: number;
  /** With an answer that helps nobody, such as REFUSED. */
  wrong: number;
  p99Micros: Summary;
  slowestMs: number;
};

export type Lane = {
  contestant: Contestant;
  result: Result;
  setup?: Setup;
  program?: Program;
  reader?: LogReader;
  target?: Target;
  /** The scenario at the pace that this server can keep. */
  paced?: Scenario;
};

export type Upstream = {
  program: Program;
  port: number;
  count: () => Promise<number>;
  /** Of a cluster scenario. */
  api?: ClusterApi;
};

/** How long a server may take to load its zone; a million names take the slowest known one 10 s. */
const startLimitMs = 60_000;
/** Of CPU used by others: more than the housekeeping of a machine that does nothing else. */
export const disturbedCores = 0.1;
/** From here on the figures of one server say less about it than about the day. */
export const wideSpread = 0.15;

export async function startUpstream({ loadCores, work }: Scenario): Promise<Upstream> {
  const port = await freePort();
  const program = new Program(loadCores, tool("upstream"), ["--port", `${port}`]);
  const count = async () => {
    const line = new Promise<string>((resolve) => {
      program.onOutput = resolve;
    });
    program.signal("SIGUSR1");
    const answer = await Promise.race([line, program.closed()]);
    if (typeof answer !== "string") throw new Error(`the upstream ended: ${program.output}`);
    return Number(answer);
  };
  if (work.kind !== "cluster") return { port, program, count };
  return { port, program, count, api: await ClusterApi.start(work.cluster, loadCores) };
}

export async function stopUpstream({ program, api }: Upstream): Promise<void> {
  await Promise.all([program.stop(), api?.program.stop()]);
}

/** Starts the lane's server and waits until it answers as it should; otherwise the lane's result says why not. */
export async function startLane(
  lane: Lane,
  scenario: Scenario,
  upstream: Upstream,
  environment: Record<string, string> = {},
): Promise<FirstAnswers | undefined> {
  const { contestant, result } = lane;
  if (contestant.program === undefined || result.failure !== undefined) return undefined;
  const { server } = contestant;
  const directory = scratchDirectory();
  const port = await freePort();
  const { work } = scenario;
  const records = work.kind === "zone" ? zoneFile(work.names, work.texts) : "";
  const setup: Setup = {
    directory,
    port,
    work,
    zoneFile: records,
    upstreamPort: upstream.port,
    apiPort: upstream.api?.port ?? 0,
    metricsPort: await freePort(),
    healthPort: await freePort(),
    readyPort: await freePort(),
    secondPort: await freePort(),
    workers: scenario.workers,
    replySize: replySize(scenario),
  };
  lane.setup = setup;
  const command = server.prepare(contestant.program, setup);
  const hasLog = work.kind === "stock" && work.log === true && !server.isFloor;
  if (hasLog) lane.reader = await LogReader.start(directory, scenario.loadCores);
  const program = new Program(scenario.serverCores, command.program, command.parameters, {
    directory,
    output: lane.reader?.descriptor,
    environment,
  });
  lane.program = program;
  const isRight = (reply: Buffer) => server.isFloor || (reply.length > 12 && reply[7]! > 0);
  const answers = await firstAnswers(program, port, lastName(work), isRight, startLimitMs);
  if (answers === undefined) {
    await program.stop();
    const said = (program.output + (lane.reader?.program.output ?? ""))
      .replaceAll(`${directory}/`, "")
      .trim()
      .split("\n")
      .slice(-3)
      .join(" | ");
    result.failure = `failed: ${program.ended ? "ended" : "no right answer"} at start${said && `: ${said}`}`;
    return undefined;
  }
  if (!ownsPort(program.pid, port)) {
    await program.stop();
    result.failure = `failed: another process has port ${port} too`;
    return undefined;
  }
  const besides = [upstream.program, upstream.api?.program, lane.reader?.program];
  const helpers = besides.flatMap((one) => one?.pid ?? []);
  lane.target = { pid: program.pid, port, helpers, isFloor: server.isFloor === true };
  const asksUpstream = work.kind === "cluster" ? scenario.isPrimed === true : work.kind !== "zone";
  if (asksUpstream && !server.isFloor) lane.target.upstreamCount = upstream.count;
  return answers;
}

/** Whoever answers this has everything that it needs. */
function lastName(work: Scenario["work"]): string {
  if (work.kind === "zone") return `host${work.names - 1}.example.org`;
  if (work.kind === "cluster") return lastServices[work.cluster];
  return "probe.example.org";
}

/** Of a large answer with compressed names: header and question, for each record what stands before its string, and OPT. */
function replySize({ questions, expect: { texts } }: Scenario): number {
  if (texts === undefined) return 0;
  const question = questions.pattern.length + 6;
  return 12 + question + texts.count * (13 + texts.size) + 11;
}

export async function stopLane({ program, reader }: Lane): Promise<void> {
  await program?.stop();
  await reader?.program.stop();
  reader?.close();
}

/** One window of load, and where the server has a log, what became of its lines. */
export async function measureLane(
  lane: Lane,
  scenario: Scenario,
  window: Window,
  during?: During,
): Promise<Run | { failure: string }> {
  const before = await lane.reader?.counts();
  const run = await measure(scenario, lane.target!, window, during);
  const after = await lane.reader?.counts();
  if ("failure" in run || before === undefined || after === undefined) return run;
  const written = after.lines - before.lines;
  const said = after.said - before.said;
  return { ...run, linesWritten: written, linesSaidLost: said, linesUncounted: run.receivedInAll - written - said };
}

/** Others' work beside it, as a share of a core. */
export function noteOthers(result: Result, foreignCores = result.runs.map((run) => run.foreignCores)): void {
  const foreign = summarize(foreignCores).median;
  if (foreign <= disturbedCores) return;
  result.wasBusy = true;
  result.notes.push(`others used ${percent(foreign)} of a core`);
}

/** A scenario of hits must not be one of misses, nor the other way round: what the upstream has seen of it. */
export function noteHits({ runs, notes }: Result): void {
  if (runs.every(({ upstreamQueries }) => upstreamQueries === undefined)) return;
  const asked = runs.reduce((sum, { upstreamQueries = 0 }) => sum + upstreamQueries, 0);
  const answered = runs.reduce((sum, { received }) => sum + received, 0);
  notes.push(`${percent(Math.max(0, 1 - asked / answered))} from the cache`);
}

/** What became of the lines of a log, over all runs. */
export function noteLines(result: Result): void {
  const sum = (figure: (run: Run) => number | undefined) =>
    result.runs.reduce((total, run) => total + (figure(run) ?? 0), 0);
  if (result.runs.every((run) => run.linesUncounted === undefined)) return;
  result.linesUncounted = sum((run) => run.linesUncounted);
  const said = sum((run) => run.linesSaidLost);
  result.notes.push(
    `${sum((run) => run.linesWritten)} lines came, ${said} counted as lost, ${result.linesUncounted} gone`,
  );
}

export function noteSpread(result: Result, figure: Summary | undefined): void {
  if (figure?.values.length === 1) result.notes.push("one round: the spread is unknown");
  if (figure === undefined || figure.spread <= wideSpread) return;
  result.tooNoisy = true;
  result.notes.push(`too noisy: spread ${percent(figure.spread)}, repeat on a quiet machine or with more rounds`);
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
