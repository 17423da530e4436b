/** docs/operations.md names every flag, every command, and every place where a query may be lost. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { usage } from "../../src/cli/flags.ts";
import { filesBelow, projectRoot } from "../house/sources.ts";

const page = readFileSync(join(projectRoot, "docs/operations.md"), "utf8");

test("flags and commands", () => {
  const words = [...usage().matchAll(/^ {2}(-?[\w.-]+)/gm)].map((match) => match[1]!);
  assert.ok(words.includes("-conf") && words.includes("check"), "words of the usage are found");
  // What is done without a command needs no name.
  const needed = words.filter((word) => word !== "serve");
  assert.deepEqual(
    needed.filter((word) => !new RegExp(`\`${word}\\b`).test(page)),
    [],
  );
});

test("drops by stage and reason, both ways", () => {
  const counted = filesBelow("src", ".ts").flatMap(({ text }) =>
    [...text.matchAll(/stage: "(\w+)", reason: "(\w+)"/g)].map(([, stage, reason]) => `${stage} ${reason}`),
  );
  const [, section = ""] = /^## Where a query may be lost$([\s\S]*?)^## /m.exec(page) ?? [];
  const written = [...section.matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)].flatMap(([, stage, reasons]) =>
    [...reasons!.matchAll(/`(\w+)`/g)].map(([, reason]) => `${stage} ${reason}`),
  );
  assert.ok(counted.length > 5, "drops are found in the sources");
  assert.deepEqual([...new Set(counted)].sort(), written.sort());
});
