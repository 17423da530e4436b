/** Parity cases and docs/differences.md say the same: whatever a case excuses has its row, with a reason. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ParityServer } from "../parity/case.ts";
import { projectRoot } from "./sources.ts";

const cases = join(projectRoot, "test/parity/cases");
const servers: ParityServer[] = [];
for (const file of readdirSync(cases)) servers.push(...(await import(join(cases, file))).servers);

/** First column to the rest of the row. */
const rows = new Map(
  readFileSync(join(projectRoot, "docs/differences.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| ---"))
    .map((line) => line.slice(2).split(" | "))
    .map(([name, ...rest]) => [name!.trim(), rest] as const),
);

test("every difference that a case excuses is documented with its reason", () => {
  const excused = servers
    .flatMap((server) => server.cases.map((one) => one.differs))
    .filter((name) => name !== undefined);
  const missing = [...new Set(excused)].filter((name) => !((rows.get(name)?.length ?? 0) >= 3));
  assert.deepEqual(missing, []);
});

test("a case that differs says what we do instead, and only such a case", () => {
  const wrong = servers.flatMap((server) =>
    server.cases
      .filter((one) => (one.differs === undefined) !== (one.ours === undefined))
      .map((one) => `${server.name}: ${one.name ?? one.ask}`),
  );
  assert.deepEqual(wrong, []);
});

test("names of servers are unique", () => {
  const names = servers.map(({ name }) => name);
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});
