/** A scenario's results as a table, and which goals were reached. */
import { nameOf } from "./compare.ts";
import type { Result } from "./lanes.ts";
import { headline } from "./scenario-run.ts";
import type { Goal, Scenario } from "./scenarios.ts";
import type { Summary } from "./statistics.ts";

export type Finished = { scenario: Scenario; results: Result[] };

/** A `timed` figure is not shown where the rounds differ too much. */
type Column = { head: string; timed?: true; cell: (result: Result) => string };

const figure = (value: number | undefined, digits: number) => value?.toFixed(digits) ?? "";
const median = (summary: Summary | undefined, digits = 0) => figure(summary?.median, digits);
const spread = (summary: Summary | undefined) => (summary === undefined ? "" : `${Math.round(100 * summary.spread)} %`);

const loadColumns: Column[] = [
  { head: "CPU µs/query", timed: true, cell: ({ cpuMicros }) => median(cpuMicros, 2) },
  { head: "× floor", timed: true, cell: ({ ratio }) => median(ratio, 2) },
  { head: "queries/s", timed: true, cell: ({ queriesPerSecond }) => median(queriesPerSecond) },
  { head: "p50 µs", timed: true, cell: ({ p50Micros }) => median(p50Micros) },
  { head: "p99 µs", timed: true, cell: ({ p99Micros }) => median(p99Micros) },
  { head: "p99.9 µs", timed: true, cell: ({ p999Micros }) => median(p999Micros) },
  { head: "lost", cell: ({ runs }) => `${runs.reduce((sum, run) => sum + run.lost + run.skipped, 0)}` },
  { head: "RSS MiB", cell: ({ rssMiB }) => median(rssMiB, 1) },
];
const startupColumns: Column[] = [
  { head: "first reply ms", timed: true, cell: ({ firstReplyMs }) => median(firstReplyMs) },
  { head: "right answer ms", timed: true, cell: ({ firstAnswerMs }) => median(firstAnswerMs) },
  { head: "RSS MiB", cell: ({ rssMiB }) => median(rssMiB, 1) },
  { head: "RSS after queries", cell: ({ rssAfterMiB }) => median(rssAfterMiB, 1) },
];
const memoryColumns: Column[] = [
  { head: "RSS MiB idle", timed: true, cell: ({ rssIdleMiB }) => median(rssIdleMiB, 1) },
  { head: "after a tenth", timed: true, cell: ({ rssMiB }) => median(rssMiB, 1) },
  { head: "after all", timed: true, cell: ({ rssAfterMiB }) => median(rssAfterMiB, 1) },
  { head: "growth", timed: true, cell: ({ rssGrowthMiB }) => median(rssGrowthMiB, 1) },
  { head: "CPU µs/query", timed: true, cell: ({ cpuMicros }) => median(cpuMicros, 2) },
];
/** Counts stand whatever the machine did; latencies do not. */
const disturbanceColumns: Column[] = [
  { head: "times", cell: ({ disturbed }) => figure(disturbed?.events, 0) },
  { head: "queries", cell: ({ disturbed }) => figure(disturbed?.disturbed.sent, 0) },
  { head: "lost", cell: ({ disturbed }) => figure(disturbed?.disturbed.lost, 0) },
  { head: "wrong", cell: ({ disturbed }) => figure(disturbed?.disturbed.wrong, 0) },
  {
    head: "both without",
    cell: ({ disturbed }) => figure(disturbed && disturbed.quiet.lost + disturbed.quiet.wrong, 0),
  },
  { head: "p99 µs", timed: true, cell: ({ disturbed }) => median(disturbed?.disturbed.p99Micros) },
  { head: "p99 without", timed: true, cell: ({ disturbed }) => median(disturbed?.quiet.p99Micros) },
  { head: "p99 ×", timed: true, cell: ({ disturbed }) => median(disturbed?.p99Change, 2) },
  { head: "slowest ms", timed: true, cell: ({ disturbed }) => figure(disturbed?.disturbed.slowestMs, 1) },
  { head: "RSS MiB", cell: ({ rssMiB }) => median(rssMiB, 1) },
];
const overloadColumns: Column[] = [
  { head: "capacity", timed: true, cell: ({ queriesPerSecond }) => median(queriesPerSecond) },
  { head: "sent ×", timed: true, cell: ({ offered }) => median(offered, 2) },
  { head: "answered ×", timed: true, cell: ({ goodput }) => median(goodput, 2) },
  { head: "quiet lost", timed: true, cell: ({ quietLost }) => median(quietLost, 3) },
  { head: "p99 µs", timed: true, cell: ({ p99Micros }) => median(p99Micros) },
  { head: "uncounted", cell: ({ dropsApart }) => median(dropsApart, 4) },
  { head: "RSS MiB", cell: ({ rssMiB }) => median(rssMiB, 1) },
  { head: "growth", cell: ({ rssGrowthMiB }) => median(rssGrowthMiB, 1) },
];
const syncColumns: Column[] = [
  { head: "synced ms", timed: true, cell: ({ syncMs }) => median(syncMs) },
  { head: "peak MiB", cell: ({ peakMiB }) => median(peakMiB, 1) },
  { head: "RSS MiB synced", cell: ({ rssMiB }) => median(rssMiB, 1) },
  { head: "listed again", cell: ({ rssAfterMiB }) => median(rssAfterMiB, 1) },
  { head: "longest hold ms", timed: true, cell: ({ holdMs }) => figure(holdMs && Math.max(...holdMs.values), 1) },
];
const churnColumns: Column[] = [
  { head: "changes", cell: ({ churn }) => figure(churn?.changes, 0) },
  { head: "looked at", cell: ({ churn }) => figure(churn?.asked, 0) },
  { head: "wrong", cell: ({ churn }) => figure(churn?.wrong, 0) },
  { head: "not seen", cell: ({ churn }) => figure(churn?.unseen, 0) },
  { head: "p50 ms", timed: true, cell: ({ churn }) => figure(churn?.delayP50Ms, 1) },
  { head: "p99 ms", timed: true, cell: ({ churn }) => figure(churn?.delayP99Ms, 1) },
  { head: "slowest ms", timed: true, cell: ({ churn }) => figure(churn?.slowestMs, 1) },
  { head: "queries/s", timed: true, cell: ({ queriesPerSecond }) => median(queriesPerSecond) },
  { head: "lost", cell: ({ runs }) => `${runs.reduce((sum, run) => sum + run.lost + run.skipped, 0)}` },
  { head: "RSS MiB", cell: ({ rssMiB }) => median(rssMiB, 1) },
  { head: "growth", cell: ({ rssGrowthMiB }) => median(rssGrowthMiB, 1) },
];
const columnsOf = {
  load: loadColumns,
  startup: startupColumns,
  memory: memoryColumns,
  disturbance: disturbanceColumns,
  overload: overloadColumns,
  sync: syncColumns,
  churn: churnColumns,
};
/** These stand only where some server has a figure for them. */
const furtherColumns: Column[] = [
  { head: "p99 × floor", timed: true, cell: ({ p99Ratio }) => median(p99Ratio, 2) },
  { head: "CPU × one worker", timed: true, cell: ({ cpuOverOneWorker }) => figure(cpuOverOneWorker, 2) },
  { head: "× floor × one worker", timed: true, cell: ({ scaling }) => figure(scaling, 2) },
  { head: "dnsperf µs/query", timed: true, cell: ({ dnsperfMicros }) => figure(dnsperfMicros, 2) },
];

/** Names of the figures, and for each server its figures as they are shown, and what is to be said about it. */
export function tableOf({ scenario, results }: Finished): {
  heads: string[];
  rows: { label: string; cells: string[]; failure: string | undefined; notes: string }[];
} {
  const columns: Column[] = [
    ...columnsOf[scenario.measures],
    ...furtherColumns.filter(({ cell }) => results.some((result) => cell(result) !== "")),
    { head: "spread", cell: (result: Result) => spread(headline(scenario, result)) },
  ];
  const rows = results.map((result) => ({
    label: result.label,
    cells: columns.map(({ timed, cell }) => {
      if (result.failure !== undefined) return "";
      return result.tooNoisy && timed && cell(result) !== "" ? "too noisy" : cell(result);
    }),
    failure: result.failure,
    notes: [result.failure ?? [], result.notes].flat().join("; "),
  }));
  return { heads: columns.map(({ head }) => head), rows };
}

export function formatTable({ scenario, results }: Finished): string {
  const table = tableOf({ scenario, results });
  const rows = [["", ...table.heads], ...table.rows.map(({ label, cells }) => [label, ...cells])];
  const notes = ["", ...table.rows.map((row) => row.notes)];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row, line) => {
    const cells = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)));
    // A failure takes the place of the figures, which are all empty.
    if (results[line - 1]?.failure !== undefined) return `${cells[0]}  ${notes[line]}`;
    return `${cells.join("  ")}  ${notes[line]}`.trimEnd();
  });
  return [`\n${scenario.name}: ${scenario.summary}`, ...lines, ...goalLines({ scenario, results })].join("\n");
}

const goalNames = {
  ratio: "× floor",
  overPeers: "CPU over that of the cheapest other server",
  corednsShare: "CoreDNS's queries per second over its own",
  p999Micros: "p99.9 in µs",
  scaling: "multiple of the floor over that of one worker",
  shareGap: "CPU of the busiest worker less the idlest, over the mean,",
  p99Ratio: "p99 × floor",
  firstAnswerMs: "ms to the first right answer",
  rssAfterMiB: "MiB after queries",
  rssGrowthMiB: "MiB more behind all than at first",
  lost: "queries without a right answer",
  lostAtOnce: "queries without a right answer in one window",
  p99Change: "p99 over that without",
  syncMs: "ms from the first byte of a list to ready",
  peakMiB: "MiB at the most, listing again included",
  holdMs: "ms that the main thread held at the longest",
  delayP99Ms: "p99 from an event to its answer in ms",
  wrong: "wrong answers",
  unseen: "changes that no answer showed",
  lostCapacity: "share of the capacity that is lost under overload",
  quietLost: "share of the quiet senders' queries that is lost",
  dropsApart: "share of the loss that the server does not count",
  linesUncounted: "answers with neither a line nor a count of it",
};

export function goalLines({ scenario, results }: Finished): string[] {
  const goals = scenario.goal ?? [];
  const ours = results.filter((result) => nameOf(result) === "weftdns" && result.failure === undefined);
  return ours.flatMap((result) =>
    goals.map(({ figure, atMost }) => {
      const value = figureOf(result, figure);
      const worst = worstOf(result, figure);
      const outcome = value === undefined ? "not measured" : verdict(result, figure, value, worst, atMost);
      return `goal of ${result.label}: ${goalNames[figure]} at most ${atMost}: ${outcome}`;
    }),
  );
}

/** Nothing of another server is in these, so noise can only make them larger. */
const alone: readonly string[] = ["syncMs", "peakMiB", "holdMs", "quietLost"];

/** Of all rounds, where that says more than their median does. */
function worstOf(result: Result, figure: Goal[number]["figure"]): number | undefined {
  if (!alone.includes(figure)) return undefined;
  if (figure === "holdMs") return figureOf(result, figure);
  const summary = figure in result ? (result[figure as keyof Result] as Partial<Summary> | undefined) : undefined;
  return Array.isArray(summary?.values) ? Math.max(...summary.values) : undefined;
}

function figureOf(result: Result, figure: Goal[number]["figure"]): number | undefined {
  switch (figure) {
    case "scaling":
    case "linesUncounted":
    case "overPeers":
    case "corednsShare":
      return result[figure];
    case "holdMs":
      return result.holdMs && Math.max(...result.holdMs.values);
    case "wrong":
    case "unseen":
    case "delayP99Ms":
      return result.churn?.[figure];
    case "lostCapacity":
      return result.goodput && 1 - result.goodput.median;
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

/** These a busy machine can only make worse; the first six are the same however much the rounds differ. */
const counted: readonly string[] = [
  "lost",
  "lostAtOnce",
  "linesUncounted",
  "dropsApart",
  "wrong",
  "unseen",
  "peakMiB",
  "rssAfterMiB",
  "rssGrowthMiB",
];
const exact = counted.slice(0, 6);

function verdict(
  { wasBusy, tooNoisy }: Result,
  figure: string,
  value: number,
  worst: number | undefined,
  atMost: number,
): string {
  if (tooNoisy && !exact.includes(figure)) {
    if (figure === "p999Micros" && value <= atMost) return `met, with ${value.toFixed(0)} at the most: noise only adds`;
    // A goal that every round has reached is reached.
    const isReached = worst !== undefined && worst <= atMost;
    return isReached ? `met, by every round: ${worst.toFixed(2)} at the most` : "not judged, too noisy";
  }
  const isMet = value <= atMost;
  const isJudged = !wasBusy || (isMet && counted.includes(figure));
  return `${isJudged ? (isMet ? "met" : "MISSED") : "not judged, the machine was busy,"} with ${value.toFixed(2)}`;
}
