/** Everything that was measured, and where: what a benchmark leaves behind as JSON, and what a page is made of. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { dirname } from "node:path";
import type { Result, RunOptions } from "./lanes.ts";
import type { Finished } from "./report.ts";
import type { Scenario } from "./scenarios.ts";
import { benchDirectory } from "./tools.ts";

type Machine = ReturnType<typeof describeMachine>;

export type BenchmarkRecord = Machine & {
  options: RunOptions;
  scenarios: (Scenario & { results: Result[] })[];
};

/** Commit, Node, processor and command: without them a figure cannot be repeated. */
export function describeMachine() {
  return {
    date: new Date().toISOString(),
    commit: git("rev-parse", "HEAD"),
    changedFiles: git("status", "--porcelain").split("\n").filter(Boolean).length,
    node: process.version,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    kernel: release(),
    loadAverage: loadavg(),
    command: ["node", ...process.argv.slice(1).map((word) => word.replace(/^.*\/bench\//, "bench/"))].join(" "),
  };
}

export function recordOf(finished: Finished[], options: RunOptions): BenchmarkRecord {
  return {
    ...describeMachine(),
    options,
    scenarios: finished.map(({ scenario, results }) => ({ ...scenario, results })),
  };
}

export function readRecord(path: string): BenchmarkRecord {
  return JSON.parse(readFileSync(path, "utf8"));
}

export function writeText(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function git(...parameters: string[]): string {
  try {
    return execFileSync("git", parameters, {
      cwd: benchDirectory,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "";
  }
}
