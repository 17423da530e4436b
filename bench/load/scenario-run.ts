/**
 * One scenario from start to end. The servers of a load scenario are all started first, each on its own port; then rounds go
 * over all of them in turn, so that whatever disturbs the machine for a while disturbs each a little and none alone. A
 * server's ratio is taken to the floor of the same round. A startup scenario starts and ends the server in every round.
 */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { measure, type Run, type Target, type Window } from "./measure.ts";
import { type FirstAnswers, firstAnswers, freePort, Program, scratchDirectory } from "./processes.ts";
import type { Scenario } from "./scenarios.ts";
import { type Server, versionOf } from "./servers.ts";
import { type Summary, summarize } from "./statistics.ts";
import { tool } from "./tools.ts";
import { cpuBetween, cpuUsage, machineBusyNs, residentMiB } from "./usage.ts";
import { zoneFile } from "./zones.ts";

export type RunOptions = {
  repeats: number;
  seconds: number;
  /** Queries behind which a startup scenario looks at the memory again. */
  startupQueries: number;
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
  disturbed?: boolean;
  cpuMicros?: Summary;
  ratio?: Summary;
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
  runs: Run[];
};

/** How long a server may take to load its zone; a million names take the slowest known one 10 s. */
const startLimitMs = 60_000;
/** The first window also lets just-in-time compilers and caches come to rest. */
const firstWarmupSeconds = 1;
const warmupSeconds = 0.3;
/** Upper bound on the seconds that a startup scenario's queries may take. */
const startupSeconds = 120;
/** Of CPU used by others: more than the housekeeping of a machine that does nothing else. */
const disturbedCores = 0.1;
const quietSampleMs = 200;
/** From here on the figures of one server say less about it than about the day. */
const wideSpread = 0.15;

type Lane = { contestant: Contestant; result: Result; program?: Program; target?: Target };

export async function runScenario(
  scenario: Scenario,
  contestants: Contestant[],
  options: RunOptions,
  progress: (line: string) => void,
): Promise<Result[]> {
  const lanes: Lane[] = contestants
    .filter(
      ({ server }) => server.kinds.includes(scenario.work.kind) && !(scenario.measures === "startup" && server.isFloor),
    )
    .map((contestant) => ({ contestant, result: { label: contestant.label, notes: [], runs: [] } }));
  for (const { contestant, result } of lanes) {
    if (contestant.program === undefined) result.failure = "skipped: not found on this machine";
    else {
      result.version = versionOf(contestant.server, contestant.program);
      const warning = contestant.server.warning?.(contestant.program);
      if (warning !== undefined) result.notes.push(warning);
    }
  }
  const upstreamPort = await freePort();
  const upstream = new Program(scenario.loadCores, tool("upstream"), ["--port", `${upstreamPort}`]);
  if (scenario.measures === "startup") await runStartups(scenario, lanes, upstream, upstreamPort, options, progress);
  else await runLoads(scenario, lanes, upstream, upstreamPort, options, progress);
  await Promise.all([upstream, ...lanes.map(({ program }) => program)].map((program) => program?.stop()));
  return lanes.map(({ result }) => result);
}

async function runLoads(
  scenario: Scenario,
  lanes: Lane[],
  upstream: Program,
  upstreamPort: number,
  options: RunOptions,
  progress: (line: string) => void,
): Promise<void> {
  for (const lane of lanes) await start(lane, scenario, upstream, upstreamPort);
  for (let round = 1; round <= options.repeats; round++) {
    for (const { contestant, result, target } of lanes) {
      if (result.failure !== undefined || target === undefined) continue;
      const window = { seconds: options.seconds, warmupSeconds: round === 1 ? firstWarmupSeconds : warmupSeconds };
      const outcome = await measureInQuiet(scenario, target, window, options.quietSeconds);
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
  if (options.dnsperf && scenario.rate === undefined && scenario.questions.order !== "sequence") {
    for (const lane of lanes) await crossCheck(lane, scenario, options, progress);
  }
  const floor = lanes.find(({ contestant }) => contestant.server.isFloor);
  for (const lane of lanes) digest(scenario, lane, floor?.result.failure === undefined ? floor : undefined);
}

/** Repeats the window while others disturb it and there is time left; the least disturbed one counts. */
async function measureInQuiet(
  scenario: Scenario,
  target: Target,
  window: Window,
  quietSeconds: number,
): Promise<Run | { failure: string }> {
  const deadline = performance.now() + quietSeconds * 1e3;
  let best: Run | undefined;
  do {
    while (performance.now() < deadline && (await busyCores(quietSampleMs)) > disturbedCores)
      await sleep(quietSampleMs);
    const outcome = await measure(scenario, target, window);
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

async function runStartups(
  scenario: Scenario,
  lanes: Lane[],
  upstream: Program,
  upstreamPort: number,
  options: RunOptions,
  progress: (line: string) => void,
): Promise<void> {
  const seen = new Map<Lane, { answers: FirstAnswers; rssMiB: number; run: Run }[]>(lanes.map((lane) => [lane, []]));
  for (let round = 1; round <= options.repeats; round++) {
    for (const lane of lanes) {
      const answers = await start(lane, scenario, upstream, upstreamPort);
      if (answers === undefined || lane.target === undefined) continue;
      const rssMiB = residentMiB(lane.target.pid);
      const window = { seconds: startupSeconds, warmupSeconds: 0, limit: options.startupQueries };
      const outcome = await measure(scenario, lane.target, window);
      await lane.program?.stop();
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

/** Starts the lane's server and waits until it answers as it should; otherwise the lane's result says why not. */
async function start(
  lane: Lane,
  scenario: Scenario,
  upstream: Program,
  upstreamPort: number,
): Promise<FirstAnswers | undefined> {
  const { contestant, result } = lane;
  if (contestant.program === undefined || result.failure !== undefined) return undefined;
  const { server } = contestant;
  const directory = scratchDirectory();
  const port = await freePort();
  const records = scenario.work.kind === "zone" ? zoneFile(scenario.work.names) : "";
  const setup = { directory, port, work: scenario.work, zoneFile: records, upstreamPort, workers: scenario.workers };
  const command = server.prepare(contestant.program, setup);
  const program = new Program(scenario.serverCores, command.program, command.parameters, directory);
  const isRight = (reply: Buffer) => server.isFloor || (reply.length > 12 && reply[7]! > 0);
  const lastName = scenario.work.kind === "zone" ? `host${scenario.work.names - 1}.example.org` : "probe.example.org";
  const answers = await firstAnswers(program, port, lastName, isRight, startLimitMs);
  lane.program = program;
  if (answers === undefined) {
    await program.stop();
    const said = program.output.replaceAll(`${directory}/`, "").trim().split("\n").slice(-3).join(" | ");
    result.failure = `failed: ${program.ended ? "ended" : "no right answer"} at start${said && `: ${said}`}`;
    return undefined;
  }
  lane.target = { pid: program.pid, port, upstreamPid: upstream.pid, isFloor: server.isFloor === true };
  return answers;
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
  const busy = over((run) => run.busy).median;
  if (scenario.rate === undefined && scenario.workers === 1 && busy < 0.9) notes.push(`only ${percent(busy)} busy`);
  const foreign = over((run) => run.foreignCores).median;
  if (foreign > disturbedCores) {
    result.disturbed = true;
    notes.push(`others used ${percent(foreign)} of a core`);
  }
  noteSpread(result, headline(scenario, result));
}

/** The figure that a scenario is about. */
export function headline(scenario: Scenario, result: Result): Summary | undefined {
  if (scenario.measures === "startup") return result.firstAnswerMs;
  if (scenario.rate !== undefined) return result.p99Micros;
  return result.ratio ?? result.cpuMicros;
}

/** The same questions asked by dnsperf, to see that the load here does not flatter anybody. */
async function crossCheck(
  { contestant, result, target }: Lane,
  scenario: Scenario,
  options: RunOptions,
  progress: (line: string) => void,
): Promise<void> {
  if (target === undefined || result.failure !== undefined) return;
  const file = join(scratchDirectory(), "queries");
  const number = () => Math.floor(Math.random() * scenario.questions.count);
  const lines = Array.from({ length: 10_000 }, () => `${scenario.questions.pattern.replace("%d", `${number()}`)} A\n`);
  writeFileSync(file, lines.join(""));
  const parameters = ["-s", "127.0.0.1", "-p", `${target.port}`, "-d", file, "-l", `${options.seconds}`];
  const load = ["-c", `${scenario.sockets}`, "-q", `${scenario.outstanding}`];
  const before = cpuUsage(target.pid);
  try {
    const run = promisify(execFile)(tool("launch"), [scenario.loadCores, "dnsperf", ...parameters, ...load]);
    const completed = Number(/Queries completed:\s+(\d+)/.exec((await run).stdout)?.[1] ?? 0);
    const cpuNs = cpuBetween(before, cpuUsage(target.pid));
    if (completed === 0) result.notes.push("dnsperf: no query completed");
    else result.dnsperfMicros = cpuNs / 1e3 / completed;
    progress(
      `  ${scenario.name}  dnsperf  ${contestant.label}: ${result.dnsperfMicros?.toFixed(2) ?? "none"} µs a query`,
    );
  } catch (error) {
    result.notes.push(`dnsperf failed: ${(error as Error).message.split("\n")[0]}`);
  }
}

function noteSpread(result: Result, figure: Summary | undefined): void {
  if (figure !== undefined && figure.spread > wideSpread)
    result.notes.push(`spread ${percent(figure.spread)}: repeat on a quiet machine`);
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
