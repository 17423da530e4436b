/** What a benchmark leaves behind: a table on the terminal, and a record in JSON. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { dirname } from "node:path";
import { headline, type Result, type RunOptions } from "./scenario-run.ts";
import type { Goal, Scenario } from "./scenarios.ts";
import type { Summary } from "./statistics.ts";
import { benchDirectory } from "./tools.ts";

export type Finished = { scenario: Scenario; results: Result[] };

type Column = { head: string; cell: (result: Result) => string };

const figure = (value: number | undefined, digits: number) => value?.toFixed(digits) ?? "";
const median = (summary: Summary | undefined, digits = 0) => figure(summary?.median, digits);
const spread = (summary: Summary | undefined) => (summary === undefined ? "" : `${Math.round(100 * summary.spread)} %`);

const loadColumns: Column[] = [
  { head: "CPU µs/query", cell: ({ cpuMicros }) => median(cpuMicros, 2) },
  { head: "× floor", cell: ({ ratio }) => median(ratio, 2) },
  { head: "queries/s", cell: ({ queriesPerSecond }) => median(queriesPerSecond) },
  { head: "p50 µs", cell: ({ p50Micros }) => median(p50Micros) },
  { head: "p99 µs", cell: ({ p99Micros }) => median(p99Micros) },
  { head: "p99.9 µs", cell: ({ p999Micros }) => median(p999Micros) },
  { head: "RSS MiB", cell: ({ rssMiB }) => median(rssMiB, 1) },
];
const startupColumns: Column[] = [
  { head: "first reply ms", cell: ({ firstReplyMs }) => median(firstReplyMs) },
  { head: "right answer ms", cell: ({ firstAnswerMs }) => median(firstAnswerMs) },
  { head: "RSS MiB", cell: ({ rssMiB }) => median(rssMiB, 1) },
  { head: "RSS after queries", cell: ({ rssAfterMiB }) => median(rssAfterMiB, 1) },
];
/** These stand only where some server has a figure for them. */
const furtherColumns: Column[] = [
  { head: "p99 × floor", cell: ({ p99Ratio }) => median(p99Ratio, 2) },
  { head: "CPU × one worker", cell: ({ cpuOverOneWorker }) => figure(cpuOverOneWorker, 2) },
  { head: "× floor × one worker", cell: ({ scaling }) => figure(scaling, 2) },
  { head: "dnsperf µs/query", cell: ({ dnsperfMicros }) => figure(dnsperfMicros, 2) },
];

export function formatTable({ scenario, results }: Finished): string {
  const columns = [
    ...(scenario.measures === "startup" ? startupColumns : loadColumns),
    ...furtherColumns.filter(({ cell }) => results.some((result) => cell(result) !== "")),
    { head: "spread", cell: (result: Result) => spread(headline(scenario, result)) },
  ];
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

const goalNames = {
  ratio: "× floor",
  scaling: "multiple of the floor over that of one worker",
  shareGap: "CPU of the busiest worker less the idlest, over the mean,",
  p99Ratio: "p99 × floor",
  firstAnswerMs: "ms to the first right answer",
  rssAfterMiB: "MiB after queries",
};

function goalLines(goals: Goal, results: Result[]): string[] {
  const ours = results.filter(({ label, failure }) => label.startsWith("weftdns") && failure === undefined);
  return ours.flatMap((result) =>
    goals.map(({ figure, atMost }) => {
      const value = figure === "scaling" ? result.scaling : result[figure]?.median;
      const outcome =
        value === undefined ? "not measured" : `${verdict(result, value <= atMost)} with ${value.toFixed(2)}`;
      return `goal of ${result.label}: ${goalNames[figure]} at most ${atMost}: ${outcome}`;
    }),
  );
}

function verdict({ disturbed }: Result, isMet: boolean): string {
  if (disturbed) return "not judged, the machine was busy,";
  return isMet ? "met" : "MISSED";
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
