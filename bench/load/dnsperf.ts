/** `--with-dnsperf`: the same questions asked by dnsperf, to see that the load here does not flatter anybody. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Lane, RunOptions } from "./lanes.ts";
import { scratchDirectory } from "./processes.ts";
import { listFile } from "./questions.ts";
import type { Scenario } from "./scenarios.ts";
import { tool } from "./tools.ts";
import { cpuBetween, cpuUsage } from "./usage.ts";

const linesInFile = 10_000;

export async function crossCheck(
  { contestant, result, target }: Lane,
  scenario: Scenario,
  options: RunOptions,
  progress: (line: string) => void,
): Promise<void> {
  if (target === undefined || result.failure !== undefined) return;
  const file = join(scratchDirectory(), "queries");
  writeFileSync(file, queriesOf(scenario).join("\n"));
  const parameters = ["-s", "127.0.0.1", "-p", `${target.port}`, "-d", file, "-l", `${options.seconds}`];
  const load = ["-c", `${scenario.sockets}`, "-q", `${scenario.outstanding}`, "-m", scenario.transport ?? "udp"];
  if (scenario.edns !== undefined) load.push("-e");
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

function queriesOf({ questions: { list, pattern, count, type = "A" } }: Scenario): string[] {
  if (list !== undefined) {
    const lines = readFileSync(listFile(list), "utf8").split("\n");
    // dnsperf knows neither expectations nor numbers that are new each time, and asks in the order of the file.
    const known = lines.filter((line) => line !== "" && !line.includes("%d"));
    return Array.from({ length: linesInFile }, () => any(known).split(" ").slice(0, 2).join(" "));
  }
  return Array.from({ length: linesInFile }, () => `${pattern.replace("%d", `${below(count)}`)} ${type}`);
}

function any(lines: string[]): string {
  return lines[below(lines.length)]!;
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}
