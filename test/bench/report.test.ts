/** What a benchmark says about its figures: when it has none, which goals they meet, and the page that is made of them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { compare } from "../../bench/load/compare.ts";
import { noteSpread, type Result } from "../../bench/load/lanes.ts";
import { renderPage } from "../../bench/load/page.ts";
import { recordOf } from "../../bench/load/record.ts";
import { formatTable, goalLines, tableOf } from "../../bench/load/report.ts";
import { type Scenario, scenarios } from "../../bench/load/scenarios.ts";
import { servers } from "../../bench/load/servers.ts";
import { percentileMicros, summarize } from "../../bench/load/statistics.ts";
import { ownsPort } from "../../bench/load/usage.ts";

const options = { repeats: 3, seconds: 1, queries: 1, quietSeconds: 0, dnsperf: false };
const zone: Scenario = { ...scenarios.find(({ name }) => name === "zone-1k")! };

function result(label: string, cpu: number[], queriesPerSecond: number, more: Partial<Result> = {}): Result {
  const cpuMicros = summarize(cpu);
  return { label, notes: [], runs: [], cpuMicros, queriesPerSecond: summarize([queriesPerSecond]), ...more };
}

for (const { values, median, spread } of [
  { values: [3, 1, 2], median: 2, spread: 1 },
  { values: [1, 2, 3, 4], median: 2.5, spread: 1.2 },
  { values: [7], median: 7, spread: 0 },
  { values: [0, 0], median: 0, spread: 0 },
  // What tables of the sign test say: of 8 rounds none is left out, of 9 the lowest and the highest, of 25 seven of each.
  { values: [1, 2, 3, 4, 5, 6, 7, 9], median: 4.5, spread: 8 / 4.5 },
  { values: [0, 2, 3, 4, 5, 6, 7, 8, 99], median: 5, spread: 6 / 5 },
  { values: Array.from({ length: 25 }, (_, i) => i), median: 12, spread: 10 / 12 },
])
  test(`summary of ${values}`, () => assert.deepEqual(summarize(values), { median, spread, values }));

for (const { share, micros } of [
  { share: 0.5, micros: 1 },
  { share: 0.99, micros: 2 },
  { share: 1, micros: 9 },
])
  test(`percentile ${share}`, () => {
    const histogram: [number, number][] = [
      [1_000, 90],
      [2_000, 9],
      [9_000, 1],
    ];
    assert.equal(percentileMicros(histogram, share), micros);
  });

for (const { values, tooNoisy } of [
  { values: [100, 100, 115], tooNoisy: undefined },
  { values: [100, 100, 116], tooNoisy: true },
])
  test(`rounds of ${values} µs ${tooNoisy ? "are too noisy" : "have a figure"}`, () => {
    const ours = result("weftdns", values, 5, { ratio: summarize(values) });
    noteSpread(ours, ours.ratio);
    assert.equal(ours.tooNoisy, tooNoisy);
    const [row] = tableOf({ scenario: zone, results: [ours] }).rows;
    assert.equal(row!.cells.includes("100.00"), !tooNoisy);
    assert.equal(row!.cells.includes("too noisy"), tooNoisy === true);
    const [goal] = goalLines({ scenario: zone, results: [ours] });
    assert.match(goal!, tooNoisy ? /not judged, too noisy$/ : /MISSED with 100.00$/);
  });

test("a server without figures says why", () => {
  const missing = result("nsd", [1], 1, { failure: "skipped: not found on this machine" });
  assert.match(formatTable({ scenario: zone, results: [missing] }), /^nsd +skipped: not found on this machine$/m);
});

for (const { values, verdict } of [
  { values: [200, 300, 40_000], verdict: /met, with 300 at the most: noise only adds$/ },
  { values: [200, 3_000, 40_000], verdict: /not judged, too noisy$/ },
])
  test(`goals: p99.9 of ${values} µs`, () => {
    const scenario = scenarios.find(({ name }) => name === "half-capacity")!;
    const ours = result("weftdns", [1, 1, 1], 1, { p999Micros: summarize(values), tooNoisy: true });
    assert.match(goalLines({ scenario, results: [ours] })[0]!, verdict);
  });

test("goals: the cheapest peer and CoreDNS, without those that are too noisy or the floor", () => {
  const results = [
    result("floor", [1], 400),
    result("weftdns@after", [2], 300),
    result("coredns", [9], 60),
    result("nsd", [1.5], 350, { tooNoisy: true }),
    result("knotd", [4], 200),
    result("named", [8], 100),
  ];
  compare({ scenario: zone, results }, []);
  const ours = results[1]!;
  assert.deepEqual([ours.overPeers, ours.corednsShare], [0.5, 0.2]);
  assert.deepEqual(goalLines({ scenario: zone, results }).slice(1), [
    "goal of weftdns@after: CPU over that of the cheapest other server at most 1: met with 0.50",
    "goal of weftdns@after: CoreDNS's queries per second over its own at most 0.2: met with 0.20",
  ]);
});

test("the page is complete in one file, and no text in it can become markup", () => {
  const results = [
    result("floor", [1], 400),
    result("weftdns", [2], 300, { ratio: summarize([2]), notes: ["<script>alert(1)</script>"] }),
    result("nsd", [3], 200, { failure: "failed: <b>" }),
  ];
  const page = renderPage(recordOf([{ scenario: zone, results }], options));
  assert.doesNotMatch(page, /<script|<link|<img|@import|url\(|src=/);
  for (const [, address] of page.matchAll(/href="([^"]*)"/g)) assert.match(address!, /^#/);
  assert.ok(page.includes("&#60;script&#62;alert(1)"));
  assert.ok(page.includes("failed: &#60;b&#62;"));
  assert.equal(page.match(/<rect /g)!.length, 3, "× floor of one server, queries per second of two");
});

test("a port that two processes have is not a server's own", async () => {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  const child = spawn("sleep", ["10"], { stdio: "ignore" });
  assert.equal(ownsPort(process.pid, port), true);
  assert.equal(ownsPort(child.pid!, port), false);
  child.kill();
  socket.close();
  await once(socket, "close");
  assert.equal(ownsPort(process.pid, port), false);
});

test("names of scenarios and servers are unique, and each of `among` is a server", () => {
  const names = servers.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.equal(new Set(scenarios.map(({ name }) => name)).size, scenarios.length);
  for (const { name, among = [], baseline } of scenarios) {
    assert.deepEqual(
      among.filter((server) => !names.includes(server)),
      [],
      name,
    );
    if (baseline !== undefined)
      assert.ok(
        scenarios.some((other) => other.name === baseline),
        baseline,
      );
  }
});
