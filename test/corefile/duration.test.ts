import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, parseDuration } from "../../src/corefile/duration.ts";

for (const { text, ms } of [
  { text: "0", ms: 0 },
  { text: "5s", ms: 5000 },
  { text: "300ms", ms: 300 },
  { text: "1h30m", ms: 5_400_000 },
  { text: "1.5h", ms: 5_400_000 },
  { text: ".5s", ms: 500 },
  { text: "1.s", ms: 1000 },
  { text: "250us", ms: 0.25 },
  { text: "250µs", ms: 0.25 },
  { text: "250μs", ms: 0.25 },
  { text: "500000ns", ms: 0.5 },
  { text: "1m1m", ms: 120_000 },
  { text: "-5s", ms: -5000 },
  { text: "+5s", ms: 5000 },
  { text: "0s", ms: 0 },
  { text: "2562047h", ms: 2_562_047 * 3_600_000 },
  { text: "2562048h", ms: undefined },
  { text: "", ms: undefined },
  { text: "5", ms: undefined },
  { text: "00", ms: undefined },
  { text: "s", ms: undefined },
  { text: ".s", ms: undefined },
  { text: "5 s", ms: undefined },
  { text: "5S", ms: undefined },
  { text: "1d", ms: undefined },
  { text: "5s5", ms: undefined },
  { text: "--5s", ms: undefined },
  { text: "1e3s", ms: undefined },
]) {
  test(`duration: '${text}'`, () => assert.equal(parseDuration(text), ms));
}

for (const { ms, text } of [
  { ms: 0, text: "0s" },
  { ms: 300, text: "300ms" },
  { ms: 2000, text: "2s" },
  { ms: 1500, text: "1.5s" },
  { ms: 5_400_000, text: "1h30m" },
  { ms: 86_400_000, text: "24h" },
  { ms: -1000, text: "-1s" },
]) {
  test(`duration: ${ms} ms is written ${text}`, () => {
    assert.equal(formatDuration(ms), text);
    assert.equal(parseDuration(text), ms);
  });
}
