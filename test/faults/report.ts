/** The table of docs/reliability.md: each row of the catalogue, what was done, what came of it. */
import { join } from "node:path";
import { projectRoot } from "../house/sources.ts";
import type { FaultRow } from "./catalogue.ts";
import type { Figure } from "./figures.ts";

export const documentPath: string = join(projectRoot, "docs/reliability.md");

export interface Outcome {
  readonly file: string;
  readonly name: string;
  readonly result: "passed" | "failed" | "skipped";
  readonly reason: string;
}

const BEGIN = "<!-- table: npm run test:faults -->";
const END = "<!-- end of table -->";
const HEAD = "| Row | Fault | Tests | Figures (bound) | Result |\n| --- | --- | --- | --- | --- |";

/** A line of the table for each of `rows`. */
export function linesOf(rows: readonly FaultRow[], outcomes: readonly Outcome[], figures: readonly Figure[]): string[] {
  return rows.map((row) =>
    lineOf(
      row,
      outcomes,
      figures.filter((one) => one.row === row.id),
    ),
  );
}

/** `document` with these `lines` of its table exchanged; the table has those of `rows` afterwards, in their order. */
export function withLines(document: string, rows: readonly FaultRow[], lines: readonly string[]): string {
  const [before, after] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (before < 0 || after < before) throw new Error("docs/reliability.md has lost the marks of its table");
  const known = new Map([...document.slice(before, after).split("\n"), ...lines].map((line) => [rowOf(line), line]));
  const table = rows.map(({ id }) => known.get(id)).filter((line) => line !== undefined);
  return `${document.slice(0, before + BEGIN.length)}\n\n${[HEAD, ...table].join("\n")}\n\n${document.slice(after)}`;
}

/** The first cells of the table's lines. */
export function rowsOf(document: string): string[] {
  const table = document.slice(document.indexOf(BEGIN), document.indexOf(END));
  return table
    .split("\n")
    .map(rowOf)
    .filter((id) => id !== undefined);
}

function rowOf(line: string): string | undefined {
  return /^\| ([A-Z]\d+) \|/.exec(line)?.[1];
}

function lineOf(
  { id, fault, tests = [], open }: FaultRow,
  all: readonly Outcome[],
  figures: readonly Figure[],
): string {
  const outcomes = tests.flatMap(([file, name]) =>
    all.filter((one) => one.file === file && (name === undefined || name.test(one.name))),
  );
  const links = tests.map(([file]) => `[${file.replace(/^test\/|\.test\.ts$/g, "")}](../${file})`);
  const cells = [
    id,
    fault,
    [...new Set(links)].join(", ") || "none",
    mergeFigures(figures).map(figureText).join("; ") || casesText(outcomes),
    resultText(outcomes, tests.length > 0, open),
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** Of the same figure of several cases the one that is nearest to its bound. */
function mergeFigures(figures: readonly Figure[]): Figure[] {
  const merged = new Map<string, Figure>();
  for (const figure of figures) {
    const known = merged.get(figure.what);
    const worse = known && (figure.atLeast === undefined ? figure.value > known.value : figure.value < known.value);
    if (known === undefined || worse) merged.set(figure.what, figure);
  }
  return [...merged.values()];
}

function figureText({ what, value, unit, atMost, atLeast }: Figure): string {
  const number = Number.isInteger(value) ? value.toLocaleString("en-US") : `${Number(value.toPrecision(3))}`;
  const bounds = [
    ...(atMost === undefined ? [] : [atMost === atLeast ? `${atMost}` : `≤ ${atMost.toLocaleString("en-US")}`]),
    ...(atLeast === undefined || atLeast === atMost ? [] : [`≥ ${atLeast.toLocaleString("en-US")}`]),
  ];
  return `${what}: ${number}${unit ? ` ${unit}` : ""}${bounds.length > 0 ? ` (${bounds.join(", ")})` : ""}`;
}

function casesText(outcomes: readonly Outcome[]): string {
  const passed = outcomes.filter(({ result }) => result === "passed").length;
  return outcomes.length === 0 ? "" : `${passed} of ${outcomes.length} cases`;
}

function resultText(outcomes: readonly Outcome[], hasTests: boolean, open: string | undefined): string {
  const failed = outcomes.filter(({ result }) => result === "failed");
  const skipped = outcomes.filter(({ result }) => result === "skipped");
  const words: string[] = [];
  if (failed.length > 0) words.push(`**fails**: ${failed.map(({ name }) => name).join(", ")}`);
  else if (hasTests && outcomes.length > skipped.length) words.push("holds");
  else if (hasTests) words.push("not run");
  if (skipped.length > 0) words.push(`skipped: ${[...new Set(skipped.map(({ reason }) => reason))].join(", ")}`);
  if (open !== undefined) words.push(`open: ${open}`);
  return words.join("; ");
}
