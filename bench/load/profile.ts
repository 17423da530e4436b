/**
 * `--profile`: where a server's time goes under a scenario's load, as a flame graph. perf sees JavaScript (by the names that
 * V8 writes down for it), the addon, and the kernel where it may. Without perf there is V8's own profiler, which sees
 * JavaScript alone.
 */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hottest, renderFlameGraph, type Stack } from "./flame.ts";
import {
  type Contestant,
  type Lane,
  type RunOptions,
  startLane,
  startUpstream,
  stopLane,
  stopUpstream,
} from "./lanes.ts";
import { measure } from "./measure.ts";
import { Program, scratchDirectory } from "./processes.ts";
import { writeText } from "./record.ts";
import type { Scenario } from "./scenarios.ts";
import { cpuProfileStacks, perfStacks } from "./stacks.ts";
import { buildDirectory } from "./tools.ts";

/** Samples a second: a prime, so that nothing periodic is met again and again. */
const perfHertz = 1_999;
const warmupSeconds = 2;
const linesShown = 15;
/** Text of perf script: some kilobytes a sample. */
const scriptLimit = 1 << 30;

const perf = process.env.PERF ?? "perf";

export async function profileScenario(
  scenario: Scenario,
  contestant: Contestant,
  options: RunOptions,
  progress: (line: string) => void,
): Promise<void> {
  const lane: Lane = { contestant, result: { label: contestant.label, notes: [], runs: [] } };
  const directory = scratchDirectory();
  const isPerf = perfWorks(directory);
  const flags = isPerf ? "--perf-basic-prof" : `--cpu-prof --cpu-prof-dir=${directory}`;
  const upstream = await startUpstream(scenario);
  const where = `${scenario.name}  ${contestant.label}`;
  if (contestant.program === undefined) throw new Error(`${contestant.label}: not found on this machine`);
  if ((await startLane(lane, scenario, upstream, { NODE_OPTIONS: flags })) === undefined)
    throw new Error(`${where}: ${lane.result.failure}`);
  const { pid } = lane.target!;
  let window: [number, number] = [0, 0];
  const outcome = await measure(
    scenario,
    lane.target!,
    { seconds: options.seconds, warmupSeconds },
    async (untilMs) => {
      const from = monotonicMicros();
      if (isPerf) await record(pid, (untilMs - performance.now()) / 1e3, directory, scenario.loadCores);
      else await new Promise((resolve) => setTimeout(resolve, untilMs - performance.now()));
      window = [from, monotonicMicros()];
    },
  );
  // While the process is there, perf can still read its libraries; V8 writes its profiles when the threads end.
  const sampled = isPerf ? perfStacks(perfText(directory)) : [];
  await stopLane(lane);
  await stopUpstream(upstream);
  if ("failure" in outcome) throw new Error(`${where}: ${outcome.failure}`);
  const stacks = isPerf ? sampled : v8Stacks(directory, window);
  if (stacks.length === 0) throw new Error(`${where}: the profiler saw nothing`);
  show(where, stacks, isPerf ? "perf" : "V8's profiler: JavaScript only", progress);
}

function show(where: string, stacks: Stack[], profiler: string, progress: (line: string) => void): void {
  const path = join(buildDirectory, "profiles", `${where.replace(/[^\w@.-]+/g, "-")}.html`);
  writeText(path, renderFlameGraph(where, `By ${profiler}, ${new Date().toISOString()}`, stacks));
  progress(`${where}: ${path} (${profiler})`);
  for (const { name, kind, share } of hottest(stacks, linesShown))
    progress(`  ${(100 * share).toFixed(1).padStart(5)} %  ${kind.padEnd(10)}  ${name}`);
}

function perfWorks(directory: string): boolean {
  try {
    const parameters = ["record", "-e", "cpu-clock", "-g", "-o", join(directory, "trial"), "--", "true"];
    execFileSync(perf, parameters, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** cpu-clock, since virtual machines seldom have counters of cycles. */
async function record(pid: number, seconds: number, directory: string, cores: string): Promise<void> {
  const what = ["-e", "cpu-clock", "-F", `${perfHertz}`, "-g", "-p", `${pid}`, "-o", join(directory, "perf.data")];
  const program = new Program(cores, perf, ["record", ...what, "--", "sleep", seconds.toFixed(3)]);
  await program.closed();
  if (!existsSync(join(directory, "perf.data"))) throw new Error(`perf: ${program.output.trim()}`);
}

function perfText(directory: string): string {
  const parameters = ["script", "-i", join(directory, "perf.data"), "-F", "comm,tid,ip,sym,dso"];
  return execFileSync(perf, parameters, {
    encoding: "utf8",
    maxBuffer: scriptLimit,
    stdio: ["ignore", "pipe", "ignore"],
  });
}

/** One profile a thread; the one numbered 0 is of the main thread. */
function v8Stacks(directory: string, [from, to]: [number, number]): Stack[] {
  return globSync("*.cpuprofile", { cwd: directory }).flatMap((file) => {
    const thread = file.split(".").at(-3)!;
    const name = thread === "0" ? "main thread" : `thread ${thread}`;
    return cpuProfileStacks(JSON.parse(readFileSync(join(directory, file), "utf8")), name, from, to);
  });
}

function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
