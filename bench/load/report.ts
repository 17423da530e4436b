/** What a benchmark leaves behind: a table on the terminal, and a record in JSON. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { dirname } from "node:path";
import type { Result, RunOptions } from "./scenario-run.ts";
import type { Goal, Scenario } from "./scenarios.ts";
import type { Summary } from "./statistics.ts";
import { benchDirectory } from "./tools.ts";

export type Finished = { scenario: Scenario; results: Result[] };

type Column = { head: string; cell: (result: Result) => string };

const number = (value: number | undefined, digits: number) => (value === undefined ? "" : value.toFixed(digits));
const median = (summary: Summary | undefined, digits = 0) => number(summary?.median, digits);
const percent = (summary: Summary | undefined) =>
  summary === undefined ? "" : `${Math.round(100 * summary.spread)} %`;

const loadColumns: Column[] = [
  { head: "CPU µs/query", cell: ({ cpuMicros }) => median(cpuMicros, 2) },
  { head: "× floor", cell: ({ ratio }) => median(ratio, 2) },
  { head: "spread", cell: ({ ratio, cpuMicros }) => percent(ratio ?? cpuMicros) },
  { head: "queries/s", cell: ({ queriesPerSecond }) => median(queriesPerSecond) },
  { head: "p50 µs", cell: ({ latencyMicros }) => number(latencyMicros?.p50, 0) },
  { head: "p99 µs", cell: ({ latencyMicros }) => number(latencyMicros?.p99, 0) },
  { head: "p99.9 µs", cell: ({ latencyMicros }) => number(latencyMicros?.p999, 0) },
  { head: "RSS MiB", cell: ({ rssMiB }) => median(rssMiB, 1) },
];
const startupColumns: Column[] = [
  { head: "first reply ms", cell: ({ firstReplyMs }) => median(firstReplyMs) },
  { head: "right answer ms", cell: ({ firstAnswerMs }) => median(firstAnswerMs) },
  { head: "spread", cell: ({ firstAnswerMs }) => percent(firstAnswerMs) },
  { head: "RSS MiB", cell: ({ rssMiB }) => median(rssMiB, 1) },
  { head: "RSS after queries", cell: ({ rssAfterMiB }) => median(rssAfterMiB, 1) },
];
const p99Column: Column = { head: "p99 × floor", cell: ({ p99Ratio }) => number(p99Ratio, 2) };
const dnsperfColumn: Column = { head: "dnsperf µs/query", cell: ({ dnsperfMicros }) => number(dnsperfMicros, 2) };

export function formatTable({ scenario, results }: Finished): string {
  const columns = scenario.measures === "startup" ? [...startupColumns] : [...loadColumns];
  if (scenario.rate !== undefined) columns.push(p99Column);
  if (results.some(({ dnsperfMicros }) => dnsperfMicros !== undefined)) columns.push(dnsperfColumn);
  const rows = [["", ...columns.map(({ head }) => head)]];
  const notes = [""];
  for (const result of results) {
    rows.push([result.label, ...columns.map(({ cell }) => (result.failure === undefined ? cell(result) : ""))]);
    notes.push(result.failure ?? result.notes.join("; "));
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row, line) => {
    const cells = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)));
    // A failure takes the place of the figures, which are all empty.
    if (results[line - 1]?.failure !== undefined) return `${cells[0]}  ${notes[line]}`;
    return `${cells.join("  ")}  ${notes[line]}`.trimEnd();
  });
  return [`\n${scenario.name}: ${scenario.summary}`, ...lines, ...goalLines(scenario.goal ?? [], results)].join("\n");
}

function goalLines(goals: Goal, results: Result[]): string[] {
  const names = {
    ratio: "× floor",
    p99Ratio: "p99 × floor",
    firstAnswerMs: "ms to the first right answer",
    rssMiB: "MiB after queries",
  };
  const ours = results.filter(({ label, failure }) => label.startsWith("weftdns") && failure === undefined);
  return ours.flatMap((result) =>
    goals.map(({ figure, atMost }) => {
      const value = goalFigure(result, figure);
      if (value === undefined) return `goal of ${result.label}: ${names[figure]} at most ${atMost}: not measured`;
      return `goal of ${result.label}: ${names[figure]} at most ${atMost}: ${value <= atMost ? "met" : "MISSED"} with ${value.toFixed(2)}`;
    }),
  );
}

function goalFigure(result: Result, figure: Goal[number]["figure"]): number | undefined {
  if (figure === "p99Ratio") return result.p99Ratio;
  if (figure === "rssMiB") return result.rssAfterMiB?.median;
  return result[figure]?.median;
}

export function writeRecord(path: string, finished: Finished[], options: RunOptions): void {
  const record = {
    date: new Date().toISOString(),
    commit: git("rev-parse", "HEAD"),
    changedFiles: git("status", "--porcelain").split("\n").filter(Boolean).length,
    node: process.version,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    kernel: release(),
    loadAverage: loadavg(),
    command: ["node bench/run.ts", ...process.argv.slice(2)].join(" "),
    options,
    scenarios: finished.map(({ scenario, results }) => ({ ...scenario, results })),
  };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(record, null, 1)}\n`);
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
