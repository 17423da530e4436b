/** A record as a page of HTML with charts, complete in one file: no script, no font, no picture from elsewhere. */
import { nameOf } from "./compare.ts";
import type { Result } from "./lanes.ts";
import type { BenchmarkRecord } from "./record.ts";
import { goalLines, tableOf } from "./report.ts";
import type { Scenario } from "./scenarios.ts";
import type { Summary } from "./statistics.ts";

type Chart = { title: string; digits: number; values: (result: Result) => Value[] };
/** A bar; its range is that of the rounds. */
type Value = { name: string; value: number | undefined; low?: number; high?: number };

const charts: Record<Scenario["measures"], Chart[]> = {
  load: [
    { title: "CPU per query of the whole server, multiples of the floor", digits: 2, values: (r) => bar(r.ratio) },
    { title: "Queries per second", digits: 0, values: (r) => bar(r.queriesPerSecond) },
    {
      title: "Latency, µs (in a closed loop: the length of the queue)",
      digits: 0,
      values: (r) => [...bar(r.p50Micros, "p50"), ...bar(r.p99Micros, "p99"), ...bar(r.p999Micros, "p99.9")],
    },
  ],
  startup: [
    { title: "Milliseconds to the first right answer", digits: 0, values: (r) => bar(r.firstAnswerMs) },
    {
      title: "Resident memory, MiB",
      digits: 1,
      values: (r) => [...bar(r.rssMiB, "at first"), ...bar(r.rssAfterMiB, "later")],
    },
  ],
  memory: [
    {
      title: "Resident memory, MiB",
      digits: 1,
      values: (r) => [...bar(r.rssIdleMiB, "idle"), ...bar(r.rssMiB, "after 1/10"), ...bar(r.rssAfterMiB, "after all")],
    },
  ],
  overload: [
    {
      title: "Multiples of the capacity",
      digits: 2,
      values: (r) => [...bar(r.offered, "sent"), ...bar(r.goodput, "answered")],
    },
    { title: "Share lost by the quiet senders", digits: 3, values: (r) => bar(r.quietLost) },
    { title: "p99 of what was answered, µs", digits: 0, values: (r) => bar(r.p99Micros) },
  ],
  sync: [
    { title: "Milliseconds from the first byte of a list to ready", digits: 0, values: (r) => bar(r.syncMs) },
    {
      title: "Memory, MiB",
      digits: 1,
      values: (r) => [...bar(r.peakMiB, "peak"), ...bar(r.rssMiB, "synced"), ...bar(r.rssAfterMiB, "again")],
    },
  ],
  churn: [
    {
      title: "From an event to its answer, ms",
      digits: 1,
      values: ({ churn }) => [
        { name: "p50", value: churn?.delayP50Ms },
        { name: "p99", value: churn?.delayP99Ms },
      ],
    },
    { title: "Resident memory, MiB", digits: 1, values: (r) => bar(r.rssMiB) },
  ],
  disturbance: [
    {
      title: "Queries without a right answer",
      digits: 0,
      values: ({ disturbed }) => [
        { name: "without", value: disturbed && disturbed.quiet.lost + disturbed.quiet.wrong },
        { name: "with it", value: disturbed && disturbed.disturbed.lost + disturbed.disturbed.wrong },
      ],
    },
    {
      title: "p99, µs",
      digits: 0,
      values: ({ disturbed }) => [
        ...bar(disturbed?.quiet.p99Micros, "without"),
        ...bar(disturbed?.disturbed.p99Micros, "with it"),
      ],
    },
  ],
};

/** Measures of a chart in CSS pixels. */
const labelWidth = 150;
const barWidth = 430;
const figureWidth = 110;
const barHeight = 14;
const rowGap = 8;

export function renderPage(record: BenchmarkRecord): string {
  const { scenarios, date, commit, changedFiles, node, cpu, cores, kernel, command } = record;
  const facts = {
    Date: date,
    Commit: `${commit.slice(0, 12)}${changedFiles > 0 ? ` and ${changedFiles} changed files` : ""}`,
    Node: node,
    Processor: `${cpu}, ${cores} cores`,
    Kernel: kernel,
    Command: command,
  };
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>WeftDNS benchmark ${escaped(date.slice(0, 10))}</title>
<style>${style}</style>
<h1>WeftDNS benchmark</h1>
<dl>${Object.entries(facts)
    .map(([name, value]) => `<dt>${name}</dt><dd>${escaped(value)}</dd>`)
    .join("")}</dl>
<p>The floor is a program that only sends datagrams back, in the same run. How to read the figures: bench/README.md.</p>
<nav>${scenarios.map(({ name }) => `<a href="#${escaped(name)}">${escaped(name)}</a>`).join(" ")}</nav>
${scenarios.map(section).join("\n")}
</html>
`;
}

function section({ results, ...scenario }: BenchmarkRecord["scenarios"][number]): string {
  const finished = { scenario, results };
  const { heads, rows } = tableOf(finished);
  const goals = goalLines(finished).map((line) => `<li>${escaped(line)}</li>`);
  const head = ["", ...heads, "notes"].map((text) => `<th>${escaped(text)}</th>`).join("");
  const body = rows.map(({ label, cells, failure, notes }) => {
    const figures = cells.map((cell) => `<td>${escaped(cell)}</td>`).join("");
    const all = failure === undefined ? figures : `<td colspan="${cells.length}"></td>`;
    return `<tr><th>${escaped(label)}</th>${all}<td class="notes">${escaped(notes)}</td></tr>`;
  });
  return `<section id="${escaped(scenario.name)}">
<h2>${escaped(scenario.name)}</h2>
<p>${escaped(scenario.summary)}</p>
<div class="charts">${charts[scenario.measures].map((chart) => drawing(chart, results)).join("")}</div>
<div class="table"><table><thead><tr>${head}</tr></thead><tbody>${body.join("")}</tbody></table></div>
${goals.length > 0 ? `<ul>${goals.join("")}</ul>` : ""}
</section>`;
}

/** Horizontal bars, one or more for each server; a server without a figure says why instead. */
function drawing({ title, digits, values }: Chart, results: Result[]): string {
  const rows = results.map((result) => ({ result, values: values(result) }));
  const longest = Math.max(...rows.flatMap(({ values }) => values.map(({ value, high }) => high ?? value ?? 0)));
  if (!(longest > 0)) return "";
  const scale = barWidth / longest;
  let y = 0;
  const parts = rows.map(({ result, values }) => {
    const reason = result.failure ?? (result.tooNoisy ? "too noisy" : undefined);
    const top = y;
    const bars = (reason === undefined ? values : []).map((value, i) => {
      const at = top + i * barHeight;
      return oneBar(value, at, scale, digits);
    });
    if (bars.length === 0 && reason === undefined) return "";
    const height = Math.max(1, bars.length) * barHeight;
    y += height + rowGap;
    const side = nameOf(result) === "weftdns" ? "ours" : nameOf(result) === "floor" ? "floor" : "peer";
    const label = `<text x="${labelWidth - 8}" y="${top + 11}" class="label">${escaped(result.label)}</text>`;
    const excuse = reason === undefined ? "" : text(labelWidth + 2, top + 11, "excuse", reason.slice(0, 80));
    return `<g class="${side}">${label}${bars.join("")}${excuse}</g>`;
  });
  const width = labelWidth + barWidth + figureWidth;
  return `<figure><figcaption>${escaped(title)}</figcaption><svg viewBox="0 0 ${width} ${y}" role="img">${parts.join("")}</svg></figure>`;
}

function oneBar({ name, value, low, high }: Value, y: number, scale: number, digits: number): string {
  if (value === undefined) return "";
  const length = Math.max(1, value * scale);
  const box = `<rect x="${labelWidth}" y="${y + 1}" width="${length.toFixed(1)}" height="${barHeight - 3}" rx="2"/>`;
  const middle = y + barHeight / 2 - 0.5;
  const range =
    low === undefined || high === undefined || low === high
      ? ""
      : `<line x1="${(labelWidth + low * scale).toFixed(1)}" x2="${(labelWidth + high * scale).toFixed(1)}" y1="${middle}" y2="${middle}"/>`;
  const end = labelWidth + Math.max(length, (high ?? 0) * scale) + 6;
  return box + range + text(end, y + 11, "figure", `${value.toFixed(digits)}${name && ` ${name}`}`);
}

function text(x: number, y: number, kind: string, words: string): string {
  return `<text x="${x.toFixed(1)}" y="${y}" class="${kind}">${escaped(words)}</text>`;
}

function bar(summary: Summary | undefined, name = ""): Value[] {
  if (summary === undefined) return [];
  const { median, values } = summary;
  return [{ name, value: median, low: Math.min(...values), high: Math.max(...values) }];
}

function escaped(words: string): string {
  return words.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

const style = `
:root { color-scheme: light dark; --ink: #1d2328; --faint: #66707a; --line: #d8dde2; --ours: #0a7d5c; --peer: #8fa3b5; --floor: #c9b458; --ground: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8eb; --faint: #98a3ad; --line: #39424a; --ours: #3fbf95; --peer: #5d7386; --floor: #a8943c; --ground: #14181b } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 1180px; margin: 2rem auto; padding: 0 1rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; color: var(--faint) } dd { margin: 0; overflow-wrap: anywhere }
nav { display: flex; flex-wrap: wrap; gap: .3rem .9rem } a { color: var(--ours) }
section { border-top: 1px solid var(--line); margin-top: 2rem }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(480px, 1fr)); gap: 1rem }
figure { margin: 0 } figcaption { color: var(--faint); font-size: 13px } svg { width: 100%; font-size: 11px; fill: var(--ink) }
.label { text-anchor: end } .figure, .excuse { fill: var(--faint) }
.ours rect { fill: var(--ours) } .ours .label { font-weight: 600 } .peer rect { fill: var(--peer) } .floor rect { fill: var(--floor) }
line { stroke: var(--ink); stroke-width: 1.5 }
.table { overflow-x: auto } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; margin: 1rem 0 }
th, td { padding: .15rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line) }
tbody th, .notes { text-align: left } .notes { color: var(--faint); white-space: normal; min-width: 16rem }
ul { font-size: 13px; color: var(--faint) }
`;
