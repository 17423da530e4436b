/** Which changes of endpoints are counted, and as how long. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ControlContext } from "../../../src/plugin/context.ts";
import { ClusterMetrics } from "../../../src/plugins/kubernetes/cluster-metrics.ts";

const HOUR_MS = 3_600_000;
const at = (ms: number) => new Date(Date.now() + ms).toISOString();
/** As clocks elsewhere show it. */
const inIndia = (ms: number) => at(ms + 5.5 * HOUR_MS).replace("Z", "+05:30");

for (const { name, time, seconds } of [
  { name: "an hour ago", time: at(-HOUR_MS), seconds: 3_600 },
  { name: "an hour ago, elsewhere", time: inIndia(-HOUR_MS), seconds: 3_600 },
  { name: "without fractions", time: at(-HOUR_MS).replace(/\.\d+/, ""), seconds: 3_600 },
  { name: "with nanoseconds", time: at(-HOUR_MS).replace("Z", "456789Z"), seconds: 3_600 },
  { name: "an hour ahead, by another clock", time: at(HOUR_MS), seconds: 0 },
  { name: "a date", time: at(-HOUR_MS).slice(0, 10), seconds: undefined },
  { name: "a time as in HTTP", time: new Date(Date.now() - HOUR_MS).toUTCString(), seconds: undefined },
  { name: "a month that is none", time: "2026-13-01T00:00:00Z", seconds: undefined },
  { name: "a word", time: "yesterday", seconds: undefined },
]) {
  test(`kubernetes: a change ${name}`, () => {
    const seen: number[] = [];
    const histogram = () => ({ observe: (value: number) => seen.push(value) });
    new ClusterMetrics({ histogram } as unknown as ControlContext).programmed({ time, kind: "cluster_ip" });
    assert.equal(seen.length, seconds === undefined ? 0 : 1);
    if (seconds !== undefined) assert.ok(Math.abs(seen[0]! - seconds) <= 60, `${seen[0]} s`);
    if (seconds === 0) assert.equal(seen[0], 0);
  });
}
