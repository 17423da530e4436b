import assert from "node:assert/strict";
import { test } from "node:test";
import { clockOffset } from "../../src/memory/clock.ts";
import { Board } from "../../src/upstream/board.ts";
import { Upstream } from "../../src/upstream/upstream.ts";

const MINUTE = 60_000;

test("upstream: that a server changes letters is believed for ten minutes, and up to one more", (t) => {
  let now = 1_000 * MINUTE + 1;
  t.mock.method(performance, "now", () => now - clockOffset);
  const options = { index: 0, address: "192.0.2.1", port: 53, expireMs: 0, maxAgeMs: 0, maxIdle: 0 };
  const upstream = new Upstream(options, new Board(1), { reused: () => {}, opened: () => {}, ignored: () => {} });
  assert.equal(upstream.caseless, false);
  upstream.learnCaseless();
  for (const { after, caseless } of [
    { after: 0, caseless: true },
    { after: 10 * MINUTE, caseless: true },
    { after: 11 * MINUTE, caseless: false },
  ]) {
    now = 1_000 * MINUTE + 1 + after;
    assert.equal(upstream.caseless, caseless, `${after} ms`);
  }
});
