/** What a benchmark leaves behind: a table on the terminal, and a record in JSON. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { dirname } from "node:path";
import type { Result, RunOptions } from "./lanes.ts";
import { headline } from "./scenario-run.ts";
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
const memoryColumns: Column[] = [
  { head: "RSS MiB idle", cell: ({ rssIdleMiB }) => median(rssIdleMiB, 1) },
  { head: "after a tenth", cell: ({ rssMiB }) => median(rssMiB, 1) },
  { head: "after all", cell: ({ rssAfterMiB }) => median(rssAfterMiB, 1) },
  { head: "growth", cell: ({ rssGrowthMiB }) => median(rssGrowthMiB, 1) },
  { head: "CPU µs/query", cell: ({ cpuMicros }) => median(cpuMicros, 2) },
];
const disturbanceColumns: Column[] = [
  { head: "times", cell: ({ disturbed }) => figure(disturbed?.events, 0) },
  { head: "queries", cell: ({ disturbed }) => figure(disturbed?.disturbed.sent, 0) },
  { head: "lost", cell: ({ disturbed }) => figure(disturbed?.disturbed.lost, 0) },
  { head: "wrong", cell: ({ disturbed }) => figure(disturbed?.disturbed.wrong, 0) },
  {
    head: "both without",
    cell: ({ disturbed }) => figure(disturbed && disturbed.quiet.lost + disturbed.quiet.wrong, 0),
  },
  { head: "p99 µs", cell: ({ disturbed }) => median(disturbed?.disturbed.p99Micros) },
  { head: "p99 without", cell: ({ disturbed }) => median(disturbed?.quiet.p99Micros) },
  { head: "p99 ×", cell: ({ disturbed }) => median(disturbed?.p99Change, 2) },
  { head: "slowest ms", cell: ({ disturbed }) => figure(disturbed?.disturbed.slowestMs, 1) },
  { head: "RSS MiB", cell: ({ rssMiB }) => median(rssMiB, 1) },
];
const columnsOf = {
  load: loadColumns,
  startup: startupColumns,
  memory: memoryColumns,
  disturbance: disturbanceColumns,
};
/** These stand only where some server has a figure for them. */
const furtherColumns: Column[] = [
  { head: "p99 × floor", cell: ({ p99Ratio }) => median(p99Ratio, 2) },
  { head: "CPU × one worker", cell: ({ cpuOverOneWorker }) => figure(cpuOverOneWorker, 2) },
  { head: "× floor × one worker", cell: ({ scaling }) => figure(scaling, 2) },
  { head: "dnsperf µs/query", cell: ({ dnsperfMicros }) => figure(dnsperfMicros, 2) },
];

export function formatTable({ scenario, results }: Finished): string {
  const columns = [
    ...columnsOf[scenario.measures],
    ...furtherColumns.filter(({ cell }) => results.some((result) => cell(result) !== "")),
    { head: "spread", cell: (result: Result) => spread(headline(scenario, result)) },
  ];
  const rows = [["", ...columns.map(({ head }) => head)]];
  const notes = [""];
  for (const result of results) {
    rows.push([result.label, ...columns.map(({ cell }) => (result.failure === undefined ? cell(result) : ""))]);
    notes.push([result.failure ?? [], result.notes].flat().join("; "));
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
  rssGrowthMiB: "MiB more behind the first tenth of the queries",
  lost: "queries without a right answer",
  lostAtOnce: "queries without a right answer in one window",
  p99Change: "p99 over that without",
  linesUncounted: "answers with neither a line nor a count of it",
};

function goalLines(goals: Goal, results: Result[]): string[] {
  const ours = results.filter(({ label, failure }) => label.startsWith("weftdns") && failure === undefined);
  return ours.flatMap((result) =>
    goals.map(({ figure, atMost }) => {
      const value = figureOf(result, figure);
      const outcome =
        value === undefined ? "not measured" : `${verdict(result, figure, value <= atMost)} with ${value.toFixed(2)}`;
      return `goal of ${result.label}: ${goalNames[figure]} at most ${atMost}: ${outcome}`;
    }),
  );
}

function figureOf(result: Result, figure: Goal[number]["figure"]): number | undefined {
  switch (figure) {
    case "scaling":
    case "linesUncounted":
      return result[figure];
    case "lost":
      return result.disturbed && result.disturbed.disturbed.lost + result.disturbed.disturbed.wrong;
    case "lostAtOnce":
      return result.disturbed?.lostAtOnce;
    case "p99Change":
      return result.disturbed?.p99Change.median;
    default:
      return result[figure]?.median;
  }
}

/** These a busy machine can only make worse. */
const counted: readonly string[] = ["lost", "lostAtOnce", "linesUncounted", "rssAfterMiB", "rssGrowthMiB"];

function verdict({ wasBusy }: Result, figure: string, isMet: boolean): string {
  if (wasBusy && !(isMet && counted.includes(figure))) return "not judged, the machine was busy,";
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
