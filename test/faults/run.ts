/**
 * `npm run test:faults`: runs all tests that the catalogue names, large, and writes the table of docs/reliability.md from
 * what they found. `--small` runs them as CI does; `--keep` leaves the document as it is.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { run } from "node:test";
import { projectRoot } from "../house/sources.ts";
import { type FaultRow, rows } from "./catalogue.ts";
import type { Figure } from "./figures.ts";
import { documentPath, type Outcome, tableOf, withTable } from "./report.ts";

const small = process.argv.includes("--small");
const directory = mkdtempSync(join(tmpdir(), "weftdns-faults-"));
const figuresFile = join(directory, "figures");
writeFileSync(figuresFile, "");
process.env.FAULTS = small ? "" : "large";
process.env.FAULTS_FIGURES = figuresFile;
if (!small) Object.assign(process.env, { RELOADS: "1500", READS: "100000000" });

const files = [...new Set(rows.flatMap(({ tests }) => (tests ?? []).map(([file]) => file)))];
const outcomes: Outcome[] = [];
const began = performance.now();
// One after the other: what one row does to the machine is not to be another's figure.
const events = run({ files: files.map((file) => join(projectRoot, file)), concurrency: 1 });
for await (const { type, data } of events) {
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
  const seconds = Math.round((performance.now() - began) / 1_000);
  if (result !== "passed")
    console.log(`${seconds} s  ${result}  ${relative(projectRoot, file)}: ${name} ${skip ?? ""}`);
  if (result === "failed") console.log(String(details.error?.cause ?? details.error));
}
const figures: Figure[] = readFileSync(figuresFile, "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line));
rmSync(directory, { recursive: true });
const table = tableOf(rows as readonly FaultRow[], outcomes, figures);
if (process.argv.includes("--keep")) console.log(table);
else
  writeFileSync(
    documentPath,
    withTable(readFileSync(documentPath, "utf8"), table, small ? "a small one, as CI makes it" : "at full size"),
  );
const failed = outcomes.filter(({ result }) => result === "failed");
console.log(`${outcomes.length} tests, ${failed.length} failed, ${figures.length} figures`);
process.exitCode = failed.length > 0 ? 1 : 0;
