/** The catalogue, the tests that it names, and the document that shows it belong together. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../house/sources.ts";
import { rows } from "./catalogue.ts";
import { documentPath, rowsOf } from "./report.ts";

test("a row has tests, or says why not", () => {
  const without = rows.filter(({ tests, open }) => tests === undefined && open === undefined);
  assert.deepEqual(without, []);
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length, "each row stands there once");
});

test("the files that rows name are there, and each test of this folder has a row", () => {
  const named = new Set(rows.flatMap(({ tests }) => (tests ?? []).map(([file]) => file)));
  assert.deepEqual(
    [...named].filter((file) => !existsSync(join(projectRoot, file))),
    [],
  );
  const own = readdirSync(import.meta.dirname).filter(
    (file) => file.endsWith(".test.ts") && file !== "catalogue.test.ts",
  );
  assert.deepEqual(
    own.filter((file) => !named.has(`test/faults/${file}`)),
    [],
  );
});

test("the document shows the rows of the catalogue", () => {
  assert.deepEqual(
    rowsOf(readFileSync(documentPath, "utf8")),
    rows.map(({ id }) => id),
  );
});
