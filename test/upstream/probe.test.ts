import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Board } from "../../src/upstream/board.ts";
import { Prober } from "../../src/upstream/probe.ts";
import { Fakeup } from "../support/fakeup.ts";

test("probe: a server is asked again 50 ms after the probe before at the earliest", async (t) => {
  const up = await Fakeup.start();
  t.after(() => up.stop());
  let now = 1_000;
  t.mock.method(performance, "now", () => now);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let probes = 0;
  const target = {
    get address() {
      probes++;
      return up.address;
    },
    port: up.port,
    failed: () => assert.fail("a probe failed"),
  };
  const board = new Board(1);
  const options = { intervalMs: 0, domain: new Uint8Array(1), recursionDesired: true, overTcp: false };
  const prober = new Prober(board, [target], options);
  t.after(() => prober.stop());
  const want = () => {
    board.wantProbe(0);
    prober.want(0);
  };
  want();
  assert.equal(probes, 1);
  while (board.isProbeWanted(0)) await turn();
  now += 20;
  want();
  t.mock.timers.tick(29);
  assert.equal(probes, 1);
  t.mock.timers.tick(1);
  assert.equal(probes, 2);
});
