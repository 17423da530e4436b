/**
 * Row C7 with the whole server, in a network of its own: clients that are gone before the answer, a slow line, a
 * destination that is forbidden. Healthy clients lose nothing, whatever the others ask for.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { whyNoNetwork } from "../support/programs.ts";
import { figure, sized } from "./figures.ts";
import type { NamespaceFigures } from "./namespace-child.ts";

const COUNT = sized(500, 20_000);
/** Three seconds' worth, or half a minute's. */
const SHARED_COUNT = sized(10_000, 100_000);

describe("C7", { skip: whyNoNetwork() }, () => {
  function run(setup: string, scenario: string, count: number): NamespaceFigures {
    const child = [process.execPath, join(import.meta.dirname, "namespace-child.ts"), scenario, `${count}`].join(" ");
    const output = execFileSync("unshare", ["-n", "sh", "-ec", `ip link set lo up; ${setup}; exec ${child}`], {
      env: { ...process.env, NODE_TEST_CONTEXT: "" },
      timeout: 120_000,
    });
    return JSON.parse(String(output));
  }

  /** What the line is made of may be missing in a kernel. */
  function whyNoLine(setup: string): string | false {
    if (spawnSync("unshare", ["-n", "sh", "-ec", setup]).status === 0) return false;
    return "this kernel has no such queueing disciplines or filters";
  }

  for (const { scenario, what, setup, count = COUNT } of [
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
    // Only what the server answers passes the line: behind its replies, fewer queries would come than are asked.
    {
      scenario: "shared",
      what: "a shared slow line",
      setup: [
        "tc qdisc add dev lo root handle 1: htb",
        "tc class add dev lo parent 1: classid 1:1 htb rate 10mbit",
        "tc qdisc add dev lo parent 1:1 pfifo limit 100000",
        "tc filter add dev lo parent 1: protocol ip u32 match ip src 127.0.0.1 match ip protocol 17 0xff flowid 1:1",
      ].join("; "),
      count: SHARED_COUNT,
    },
  ]) {
    const skip = scenario === "shared" && whyNoLine(setup);
    test(`C7: ${what}`, { timeout: 150_000, skip }, () => {
      const { healthyAsked, healthyLost, greedyReplies, pushedOut, deaths, exitCode, residentMib } = run(
        setup,
        scenario,
        count,
      );
      assert.equal(exitCode, 0);
      if (scenario === "forbidden") assert.equal(greedyReplies, 0, "the way to them was not forbidden");
      if (scenario === "slow" || scenario === "shared")
        assert.ok(greedyReplies > 0, "they were answered as the line allows");
      if (scenario === "shared")
        figure({ row: "C7", what: `${what}: replies lost to greedy clients`, value: pushedOut, atLeast: 1 });
      figure({ row: "C7", what: `${what}: replies lost to healthy clients`, value: healthyLost, atMost: 0 });
      figure({ row: "C7", what: `${what}: healthy queries`, value: healthyAsked, atLeast: 100 });
      figure({ row: "C7", what: "workers replaced", value: deaths, atMost: 0 });
      figure({ row: "C7", what: "memory", value: Math.round(residentMib), unit: "MiB", atMost: 200 });
    });
  }
});
