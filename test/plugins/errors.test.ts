import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { REFUSED, SERVFAIL } from "../../src/plugin/outcome.ts";
import type { Query } from "../../src/plugin/query.ts";
import { debug } from "../../src/plugins/debug.ts";
import { errors } from "../../src/plugins/errors.ts";
import { linkChain, parseBlock, type TestChain } from "../support/chain.ts";

/** Fails with the text that the first label spells, at once or later. */
function fails(query: Query): number | Promise<number> {
  const label = Buffer.from(query.name.bytes.subarray(1, query.name.bytes[0]! + 1)).toString();
  if (label === "fine") return SERVFAIL;
  if (label === "late") return sleep(5).then(() => query.fail(REFUSED, "late: i/o timeout"));
  return query.fail(SERVFAIL, `${label}: i/o timeout`);
}

const link = (options = "", more = "") =>
  linkChain({ plugins: [debug, errors], corefile: `. {\n ${more}\n errors {\n${options}\n}\n}`, last: fails });

async function ask(chain: TestChain, ...names: readonly string[]): Promise<string[]> {
  for (const name of names) await chain.ask({ ask: `${name}.example.org. A` });
  return chain.lines.splice(0).map(({ level, text }) => `${level} ${text}`);
}

for (const { names, options, first, summary, more } of [
  { names: ["a"], first: ["ERROR 2 a.example.org. A: a: i/o timeout"] },
  { names: ["A\\009"], first: ["ERROR 2 a\\009.example.org. A: a\t: i/o timeout"] },
  { names: ["late"], first: ["ERROR 5 late.example.org. A: late: i/o timeout"] },
  { names: ["fine"], first: [] },
  {
    names: ["a", "b"],
    options: 'consolidate 40ms "timeout$"',
    first: [],
    summary: ["ERROR 2 errors like 'timeout$' occurred in last 40ms"],
  },
  {
    names: ["a"],
    options: 'consolidate 40ms "timeout$" warning',
    first: [],
    summary: ["WARNING 1 errors like 'timeout$' occurred in last 40ms"],
  },
  {
    names: ["a", "b", "c"],
    options: 'consolidate 40ms "^b" info\nconsolidate 40ms "timeout"',
    first: [],
    summary: ["ERROR 2 errors like 'timeout' occurred in last 40ms", "INFO 1 errors like '^b' occurred in last 40ms"],
  },
  {
    names: ["a"],
    options: 'consolidate 40ms "timeout" info show_first',
    first: ["INFO 2 a.example.org. A: a: i/o timeout"],
    summary: [],
  },
  {
    names: ["a", "b"],
    options: 'consolidate 40ms "timeout" show_first',
    first: ["ERROR 2 a.example.org. A: a: i/o timeout"],
    summary: ["ERROR 2 errors like 'timeout' occurred in last 40ms"],
  },
  { names: ["a"], options: 'consolidate 40ms "^timeout"', first: ["ERROR 2 a.example.org. A: a: i/o timeout"] },
  { names: ["a"], options: 'consolidate 40ms "timeout" debug show_first', first: [], summary: [] },
  {
    names: ["a"],
    options: 'consolidate 40ms "timeout" debug',
    more: "debug",
    first: [],
    summary: ["DEBUG 1 errors like 'timeout' occurred in last 40ms"],
  },
]) {
  test(`errors: ${options ?? "no options"}: ${names.join(" ")}`, async () => {
    const chain = await link(options, more);
    assert.deepEqual(await ask(chain, ...names), first);
    if (options) await sleep(80);
    assert.deepEqual((await ask(chain)).sort(), summary ?? []);
    await chain.stop();
  });
}

for (const { period, shown } of [
  { period: "3m", shown: "3m0s" },
  { period: "1h", shown: "1h0m0s" },
  { period: "1h5m", shown: "1h5m0s" },
  { period: "90.5s", shown: "1m30.5s" },
]) {
  test(`errors: what is counted in ${period} is said at the end`, async () => {
    const chain = await link(`consolidate ${period} "timeout"`);
    assert.deepEqual(await ask(chain, "a"), []);
    await chain.stop();
    assert.deepEqual(
      chain.lines.map(({ text }) => text),
      [`1 errors like 'timeout' occurred in last ${shown}`],
    );
  });
}

test("errors: stacktrace is a setting of the block", () => {
  assert.equal(parseBlock([errors], ". {\n errors {\n stacktrace\n }\n}").settings.stacktrace, true);
  assert.equal(parseBlock([errors], ". {\n errors stdout\n}").settings.stacktrace, false);
});

for (const [directive, mistake] of [
  ["errors stderr", "2:8: plugin/errors: invalid log file: stderr"],
  ["errors\nerrors", "3:1: plugin/errors: this plugin can only be used once per Server Block"],
  ["errors {\nconsolidate 1x a\n}", '3:13: plugin/errors: time: invalid duration "1x"'],
  ["errors {\nconsolidate 1s (\n}", "3:16: plugin/errors: error parsing regexp: missing closing ): `(`"],
  ["errors {\nconsolidate 1s a constructor\n}", "3:18: plugin/errors: unknown option in consolidate: constructor"],
  ["errors {\nconsolidate 1s a loud\n}", "3:18: plugin/errors: unknown option in consolidate: loud"],
  ["errors {\nconsolidate 1s a info error\n}", "3:23: plugin/errors: multiple log levels specified in consolidate"],
  [
    "errors {\nconsolidate 1s a show_first info\n}",
    "3:29: plugin/errors: log level must come before show_first in consolidate",
  ],
  [`errors {\nconsolidate 1s ${"a".repeat(10_001)}\n}`, "3:16: plugin/errors: regex pattern too long: 10001 > 10000"],
  ["errors {\nstack\n}", "3:1: plugin/errors: unknown property 'stack'"],
]) {
  test(`errors: ${directive!.slice(0, 60).replaceAll("\n", " ")} is a mistake`, () => {
    assert.deepEqual(parseBlock([errors], `. {\n${directive}\n}`).mistakes, [`Corefile:${mistake}`]);
  });
}
