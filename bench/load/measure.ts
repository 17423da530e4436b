/** One run: the load against one server for one window, and what it cost. */
import { Program } from "./processes.ts";
import { listFile } from "./questions.ts";
import type { Scenario } from "./scenarios.ts";
import { countOf, type Histogram, percentileMicros } from "./statistics.ts";
import { tool } from "./tools.ts";
import { cpuBetween, cpuUsage, familyOf, machineBusyNs, residentMiB, threadShares } from "./usage.ts";

/** What `load` prints. */
type LoadResult = {
  seconds: number;
  cpuSeconds: number;
  sent: number;
  received: number;
  lost: number;
  foreign: number;
  skipped: number;
  sendErrors: number;
  answered: number;
  wrongRecords: number;
  /** Of a list of questions: answers with another rcode or number of records than the list says. */
  unexpected: number;
  truncated: number;
  /** Connections that the server has closed. */
  closed: number;
  /** By the warm-up and the window together. */
  receivedInAll: number;
  namesDrawn: number;
  freshEnd: number;
  rcodes: number[];
  latency: Histogram;
  /** Of the answers that came while nothing took the cores away, if a witness could tell. */
  calm?: Histogram;
};

export type Run = Omit<LoadResult, "latency" | "calm"> & {
  cpuMicros: number;
  queriesPerSecond: number;
  /** The server's CPU over the window's length, 1 for a whole core. Under 0.9 the server was waiting for the load. */
  busy: number;
  /** CPU that neither the server nor the load nor its upstream used, in cores: what else ran on this machine. */
  foreignCores: number;
  /** What each of the busiest threads used of the server's CPU, as many as there are workers. */
  shares: number[];
  rssMiB: number;
  p50Micros: number;
  p99Micros: number;
  p999Micros: number;
  slowestMs: number;
  /** With a witness: its share of the answers, which the percentiles are of; and p99.9 of all. */
  calmShare?: number;
  wholeP999Micros?: number;
  /** Answers with another rcode, or without the address. */
  wrong: number;
  /** What the upstream answered meanwhile. */
  upstreamQueries?: number;
  /** Of a server with a log: lines that came, that the server counts as lost, and answers that have neither. */
  linesWritten?: number;
  linesSaidLost?: number;
  linesUncounted?: number;
};

/** `helpers` are the processes besides it that the load keeps busy. */
export type Target = {
  pid: number;
  port: number;
  helpers: number[];
  isFloor: boolean;
  /** How many queries the upstream has answered. */
  upstreamCount?: () => Promise<number>;
};

/** Happens beside the window, until it ends at `untilMs` of performance.now. */
export type During = (untilMs: number) => Promise<void>;

export type Window = { seconds: number; warmupSeconds: number; limit?: number };

/** Before the first window just-in-time compilers and caches come to rest too. */
export function windowOf(round: number, seconds: number): Window {
  return { seconds, warmupSeconds: round === 1 ? 1 : 0.3 };
}

/** When less of a window was calm, there is no use in telling it from the rest. */
const leastCalm = 0.5;

/** Names of a sequence go on where the last run ended, so that none is ever asked twice. */
let sequencePosition = Math.floor(Math.random() * (1 << 23));

export async function measure(
  scenario: Scenario,
  target: Target,
  window: Window,
  during?: During,
): Promise<Run | { failure: string }> {
  const load = new Program(scenario.loadCores, tool("load"), loadParameters(scenario, target, window));
  let output = "";
  const ready = new Promise<void>((resolve) => {
    load.onOutput = (text) => {
      output += text;
      if (output.includes("\n")) resolve();
    };
  });
  const closed = load.closed();
  await Promise.race([ready, closed]);
  const askedBefore = await target.upstreamCount?.();
  const before = {
    server: cpuUsage(target.pid),
    helpers: target.helpers.map(cpuUsage),
    ours: ourCpuNs(),
    machine: machineBusyNs(),
  };
  load.write("\n");
  const happened = during?.(performance.now() + 1e3 * window.seconds).then(
    () => "",
    (error: Error) => error.message,
  );
  const code = await closed;
  const problem = (await happened) ?? "";
  const askedAfter = await target.upstreamCount?.();
  const after = {
    server: cpuUsage(target.pid),
    helpers: target.helpers.map(cpuUsage),
    ours: ourCpuNs(),
    machine: machineBusyNs(),
  };
  if (problem !== "") return { failure: `failed: ${problem}` };
  const line = output.split("\n")[1];
  if (code !== 0 || !line) return { failure: `the load failed: ${load.output.trim() || `exit code ${code}`}` };

  // A process that is gone has taken its CPU time along.
  const isWhole = after.server.threadNs.size > 0 && after.server.processes >= before.server.processes;
  if (!isWhole) return { failure: "a process of the server ended during the run" };
  const { latency: whole, calm, ...counts } = JSON.parse(line) as LoadResult;
  if (scenario.questions.list !== undefined) sequencePosition = counts.freshEnd;
  else if (scenario.questions.order === "sequence") sequencePosition += counts.namesDrawn;
  const wrong = whatIsWrong(scenario, target, counts);
  if (wrong !== undefined) return { failure: wrong };
  const calmShare = calm === undefined ? 0 : countOf(calm) / countOf(whole);
  const latency = calm === undefined || calmShare < leastCalm ? whole : calm;
  const cpuNs = cpuBetween(before.server, after.server);
  const known =
    cpuNs +
    before.helpers.reduce((sum, helper, i) => sum + cpuBetween(helper, after.helpers[i]!), 0) +
    counts.cpuSeconds * 1e9 +
    after.ours -
    before.ours;
  return {
    ...counts,
    cpuMicros: cpuNs / 1e3 / counts.received,
    queriesPerSecond: counts.received / counts.seconds,
    busy: cpuNs / 1e9 / counts.seconds,
    foreignCores: Math.max(0, (after.machine - before.machine - known) / 1e9 / counts.seconds),
    shares: threadShares(before.server, after.server)
      .slice(0, scenario.workers)
      .map((ns) => ns / cpuNs),
    rssMiB: residentMiB(target.pid),
    p50Micros: percentileMicros(latency, 0.5),
    p99Micros: percentileMicros(latency, 0.99),
    p999Micros: percentileMicros(latency, 0.999),
    slowestMs: percentileMicros(latency, 1) / 1e3,
    ...(latency === whole ? {} : { calmShare, wholeP999Micros: percentileMicros(whole, 0.999) }),
    ...(askedBefore === undefined || askedAfter === undefined ? {} : { upstreamQueries: askedAfter - askedBefore }),
    wrong: target.isFloor ? 0 : counts.received - rightAnswers(scenario, counts),
  };
}

function loadParameters(scenario: Scenario, target: Target, window: Window): string[] {
  const { questions } = scenario;
  const { texts, addresses, endpoints } = scenario.expect;
  const parameters = {
    port: target.port,
    ...(questions.list === undefined
      ? { names: questions.pattern, count: questions.count, type: questions.type ?? "A" }
      : { file: listFile(questions.list) }),
    first: questions.order === "sequence" || questions.list !== undefined ? sequencePosition : 0,
    order: questions.order,
    edns: scenario.edns ?? 0,
    sockets: scenario.sockets,
    outstanding: scenario.outstanding,
    rate: scenario.rate ?? 0,
    seconds: window.seconds,
    warmup: window.warmupSeconds,
    limit: window.limit ?? 0,
    timeout: scenario.timeoutSeconds ?? 1,
    seed: Math.floor(Math.random() * 1e9),
  };
  const flags = ["--wait"];
  if (scenario.isPrimed) flags.push("--prime");
  if (scenario.transport === "tcp") flags.push("--tcp");
  if (addresses && !target.isFloor) flags.push("--addresses");
  if (endpoints !== undefined && !target.isFloor) flags.push("--endpoints", `${endpoints}`);
  if (scenario.measures === "load" && scenario.rate !== undefined) {
    const cores = [...new Set([scenario.loadCores, scenario.serverCores].join(",").split(","))];
    flags.push("--witness", cores.join(","), "--measured", familyOf(target.pid).join(","));
  }
  if (texts !== undefined && !target.isFloor) flags.push("--texts", `${texts.count},${texts.size}`);
  return [...Object.entries(parameters).flatMap(([name, value]) => [`--${name}`, `${value}`]), ...flags];
}

/** A figure stands only for answers that came and were right. */
function whatIsWrong(scenario: Scenario, target: Target, counts: Omit<LoadResult, "latency">): string | undefined {
  const { expect } = scenario;
  const share = (count: number) => `${((100 * count) / (counts.received || 1)).toFixed(2)} %`;
  if (counts.received === 0) return `no answer to ${counts.sent} queries`;
  if (counts.wrongRecords > 0) return `${counts.wrongRecords} answers held wrong records`;
  // What a disturbance costs is the figure, and no failure.
  if (scenario.measures === "disturbance" || scenario.measures === "churn") return undefined;
  // Answers under way when a load ends are waited for, so what is lost was dropped.
  if (counts.lost > 0.01 * counts.sent) return `${counts.lost} of ${counts.sent} queries lost`;
  if (counts.foreign > 0.001 * counts.sent) return `${counts.foreign} answers that belong to no query`;
  if (target.isFloor) return undefined;
  if (expect.listed) {
    if (counts.unexpected <= 0.001 * counts.received) return undefined;
    return `${share(counts.unexpected)} of the answers had another rcode or number of records than they should`;
  }
  const otherRcodes = counts.received - (counts.rcodes[expect.rcode] ?? 0);
  if (otherRcodes > 0.001 * counts.received)
    return `${share(otherRcodes)} of the answers had another rcode than ${expect.rcode}`;
  const wanted = expect.addresses || expect.texts !== undefined ? counts.received : 0;
  if (Math.abs(counts.answered - wanted) > 0.001 * counts.received)
    return `${share(counts.answered)} of the answers had records`;
  return undefined;
}

function rightAnswers({ expect }: Scenario, { rcodes, answered }: Pick<LoadResult, "rcodes" | "answered">): number {
  const right = rcodes[expect.rcode] ?? 0;
  return expect.addresses ? Math.min(right, answered) : right;
}

function ourCpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1e3;
}
