/** The catalogue, the tests that it names, and the document that shows it belong together. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../house/sources.ts";
import { rows } from "./catalogue.ts";
import { documentPath, linesOf, rowsOf, withLines } from "./report.ts";

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

test("rows that ran have new lines in the document, the others keep theirs", () => {
  const three = [
    { id: "A1", fault: "one", open: "later" },
    { id: "A2", fault: "two", tests: [["test/a.test.ts", /^A2/]] },
    { id: "B1", fault: "three", tests: [["test/a.test.ts", /^B1/]] },
  ] as const;
  const marks = ["before\n<!-- table: npm run test:faults -->", "<!-- end of table -->\nbehind\n"];
  const passed = { file: "test/a.test.ts", name: "A2: all", result: "passed", reason: "" } as const;
  const failed = { ...passed, name: "B1: all", result: "failed" } as const;
  const first = withLines(marks.join("\n"), three, linesOf(three, [passed, failed], []));
  assert.deepEqual(rowsOf(first), ["A1", "A2", "B1"]);
  assert.match(first, /^before\n.*\| B1 \| three \|.*\*\*fails\*\*: B1: all \|\n\n<!-- end of table -->\nbehind\n$/s);
  const mended = linesOf([three[2]], [{ ...failed, result: "passed" }], []);
  assert.equal(
    withLines(first, three, mended),
    first.replace("**fails**: B1: all", "holds").replace("0 of 1", "1 of 1"),
  );
  assert.deepEqual(rowsOf(withLines(first, three.slice(1), mended)), ["A2", "B1"], "a row that is gone");
});
