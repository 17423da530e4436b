/**
 * Row C7 with the whole server, in a network of its own: clients that are gone before the answer, a slow line, a
 * destination that is forbidden. Healthy clients lose nothing that there is room for.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { skipNative } from "../transport/udp-support.ts";
import { figure, sized } from "./figures.ts";
import type { NamespaceFigures } from "./namespace-child.ts";

function whyNot(): string | false {
  if (skipNative) return skipNative;
  if (process.getuid?.() !== 0) return "needs root";
  for (const program of ["unshare", "ip", "tc"])
    if (spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0) return `needs ${program}`;
  return spawnSync("unshare", ["-n", "true"]).status === 0 ? false : "network namespaces are not allowed here";
}

const COUNT = sized(500, 20_000);

describe("C7", { skip: whyNot() }, () => {
  function run(setup: string, scenario: string): NamespaceFigures {
    const child = [process.execPath, join(import.meta.dirname, "namespace-child.ts"), scenario, `${COUNT}`].join(" ");
    const output = execFileSync("unshare", ["-n", "sh", "-ec", `ip link set lo up; ${setup}; exec ${child}`], {
      env: { ...process.env, NODE_TEST_CONTEXT: "" },
      timeout: 120_000,
    });
    return JSON.parse(String(output));
  }

  for (const { scenario, what, setup } of [
    { scenario: "gone", what: "clients that are gone", setup: "true" },
    {
      scenario: "forbidden",
      what: "clients that may not be answered",
      setup: "ip address add 10.2.2.2/32 dev lo",
    },
    // The queries of a healthy client fit; the answers to the greedy ones do not.
    {
      scenario: "slow",
      what: "a slow line",
      setup: "tc qdisc add dev lo root tbf rate 20mbit burst 20000 limit 40000000",
    },
  ]) {
    test(`C7: ${what}`, { timeout: 150_000 }, () => {
      const { healthyAsked, healthyLost, greedyReplies, deaths, exitCode, residentMib } = run(setup, scenario);
      assert.equal(exitCode, 0);
      if (scenario === "forbidden") assert.equal(greedyReplies, 0, "the way to them was not forbidden");
      if (scenario === "slow") assert.ok(greedyReplies > 0, "they were answered as the line allows");
      figure({ row: "C7", what: `${what}: replies lost to healthy clients`, value: healthyLost, atMost: 0 });
      figure({ row: "C7", what: `${what}: healthy queries`, value: healthyAsked, atLeast: 100 });
      figure({ row: "C7", what: "workers replaced", value: deaths, atMost: 0 });
      figure({ row: "C7", what: "memory", value: Math.round(residentMib), unit: "MiB", atMost: 200 });
    });
  }
});
