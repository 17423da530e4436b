import assert from "node:assert/strict";
import { test } from "node:test";
import { timeouts } from "../../src/plugins/timeouts.ts";
import { parseBlock } from "../support/chain.ts";

for (const { options, read = 3_000, write = 5_000, idle = 10_000, queries = -1 } of [
  { options: "read 10s", read: 10_000 },
  { options: "read 24h\nwrite 1\nidle 86400", read: 86_400_000, write: 1_000, idle: 86_400_000 },
  { options: "read 1.5s\nread 40", read: 40_000 },
  { options: "maxtcpqueries 5", queries: 5 },
  { options: "maxtcpqueries -1\nidle 1m", idle: 60_000 },
]) {
  test(`timeouts: ${options.replaceAll("\n", ", ")}`, () => {
    const { settings, elements, mistakes } = parseBlock([timeouts], `. {\n timeouts {\n${options}\n }\n}`);
    assert.deepEqual(mistakes, []);
    assert.deepEqual(elements, []);
    assert.deepEqual(
      [settings.readTimeoutMs, settings.writeTimeoutMs, settings.idleTimeoutMs, settings.maxTcpQueries],
      [read, write, idle, queries],
    );
  });
}

test("timeouts: several add up", () => {
  const { settings } = parseBlock([timeouts], ". {\n timeouts {\nread 1s\n}\n timeouts {\nwrite 2s\n}\n}");
  assert.deepEqual([settings.readTimeoutMs, settings.writeTimeoutMs], [1_000, 2_000]);
});

const between = "needs to be between 1 second and 24 hours";
for (const [text, mistake] of [
  ["timeouts", "2:1: plugin/timeouts: timeouts block with no timeouts specified"],
  ["timeouts {\n}", "2:1: plugin/timeouts: timeouts block with no timeouts specified"],
  [
    "timeouts x {\nread 5s\n}",
    "2:10: plugin/timeouts: Wrong argument count or unexpected line ending after 'x', expected no arguments",
  ],
  ["timeouts {\nread\n}", "3:1: plugin/timeouts: Wrong argument count or unexpected line ending after 'read'"],
  [
    "timeouts {\nread 30 40\n}",
    "3:9: plugin/timeouts: Wrong argument count or unexpected line ending after '40', expected no more than 1 argument",
  ],
  ["timeouts {\nread 0\n}", `3:6: plugin/timeouts: timeout provided '0s' ${between}`],
  ["timeouts {\nread -5\n}", `3:6: plugin/timeouts: timeout provided '-5s' ${between}`],
  ["timeouts {\nread 500ms\n}", `3:6: plugin/timeouts: timeout provided '500ms' ${between}`],
  ["timeouts {\nread 25h\n}", `3:6: plugin/timeouts: timeout provided '25h0m0s' ${between}`],
  ["timeouts {\nidle 86401\n}", `3:6: plugin/timeouts: timeout provided '24h0m1s' ${between}`],
  ["timeouts {\nread x\n}", "3:6: plugin/timeouts: failed to parse duration 'x'"],
  ["timeouts {\nfoo 3\n}", "3:1: plugin/timeouts: unknown option: 'foo'"],
  [
    "timeouts {\nmaxtcpqueries 0\n}",
    "3:15: plugin/timeouts: maxtcpqueries provided '0' needs to be -1 (unlimited) or a positive integer",
  ],
  [
    "timeouts {\nmaxtcpqueries x\n}",
    `3:15: plugin/timeouts: invalid value for maxtcpqueries 'x': strconv.Atoi: parsing "x": invalid syntax`,
  ],
]) {
  test(`timeouts: ${text!.replaceAll("\n", " ")} is a mistake`, () => {
    assert.deepEqual(parseBlock([timeouts], `. {\n${text}\n}`).mistakes, [`Corefile:${mistake}`]);
  });
}
