/**
 * `npm run test:faults`: runs the tests that the catalogue names at full size, and writes what they found into the table of
 * docs/reliability.md. `npm run test:faults -- A9 C7` runs those rows; the lines of the others stay. `--small` runs them as
 * CI does, and leaves the document as it is. A line is written when its last file is through, so nothing is lost when the
 * run is broken off.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { run } from "node:test";
import { parseArgs } from "node:util";
import { projectRoot } from "../house/sources.ts";
import { type FaultRow, rows } from "./catalogue.ts";
import type { Figure } from "./figures.ts";
import { documentPath, linesOf, type Outcome, withLines } from "./report.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { small: { type: "boolean", default: false } },
});
const chosen = choose(positionals);
const files = [...new Set(chosen.flatMap(filesOf))];
const directory = mkdtempSync(join(tmpdir(), "weftdns-faults-"));
const figuresFile = join(directory, "figures");
writeFileSync(figuresFile, "");
process.env.FAULTS = values.small ? "" : "large";
process.env.FAULTS_FIGURES = figuresFile;
if (!values.small) Object.assign(process.env, { RELOADS: "1500", READS: "100000000" });

const outcomes: Outcome[] = [];
const done = new Set<string>();
const began = performance.now();
for (const file of files) {
  say(`${file} (${done.size + 1} of ${files.length})`);
  await runFile(file);
  done.add(file);
  write(chosen.filter((row) => filesOf(row).every((each) => done.has(each))));
}
write(chosen);
const figures = readFigures();
rmSync(directory, { recursive: true });
const failed = outcomes.filter(({ result }) => result === "failed");
say(`${outcomes.length} tests, ${failed.length} failed, ${figures.length} figures`);
if (values.small) console.log(linesOf(chosen, outcomes, figures).join("\n"));
process.exitCode = failed.length > 0 ? 1 : 0;

function choose(ids: string[]): readonly FaultRow[] {
  for (const id of ids) {
    if (!rows.some((row) => row.id === id))
      throw new Error(`no row ${id}, expected of ${rows.map((row) => row.id).join(", ")}`);
  }
  return ids.length === 0 ? rows : rows.filter(({ id }) => ids.includes(id));
}

function filesOf({ tests }: FaultRow): string[] {
  return (tests ?? []).map(([file]) => file);
}

/** One file at a time: what one row does to the machine is not to be another's figure. */
async function runFile(path: string): Promise<void> {
  for await (const { type, data } of run({ files: [join(projectRoot, path)], concurrency: 1 })) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const { name, file, skip, details } = data as {
      name: string;
      file?: string;
      skip?: string | boolean;
      details: { error?: { cause?: unknown } };
    };
    // A whole file is reported as a test, too.
    if (file === undefined || file === join(projectRoot, name) || file === name) continue;
    const result = type === "test:fail" ? "failed" : skip ? "skipped" : "passed";
    outcomes.push({ file: relative(projectRoot, file), name, result, reason: typeof skip === "string" ? skip : "" });
    if (result !== "passed") say(`${result}: ${name} ${skip ?? ""}`);
    if (result === "failed") console.log(String(details.error?.cause ?? details.error));
  }
}

function readFigures(): Figure[] {
  const lines = readFileSync(figuresFile, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}

function write(finished: readonly FaultRow[]): void {
  if (values.small) return;
  const lines = linesOf(finished, outcomes, readFigures());
  writeFileSync(documentPath, withLines(readFileSync(documentPath, "utf8"), rows, lines));
}

function say(text: string): void {
  console.log(`${Math.round((performance.now() - began) / 1_000)} s  ${text}`);
}
