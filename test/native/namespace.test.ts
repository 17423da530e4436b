/** C7 and C9 with the kernel itself: a slow link, a forbidden destination, impossible sources. Each in a network of its own. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { QUEUE_DATAGRAMS } from "../../src/transport/packets.ts";
import { whyNoNetwork } from "../support/programs.ts";
import type { NamespaceResult } from "./namespace-child.ts";

describe("in a network of its own", { skip: whyNoNetwork() }, () => {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-namespace-"));
  after(() => rmSync(directory, { recursive: true }));

  function run(setup: string, scenario: string, ...more: string[]): NamespaceResult {
    const child = `exec ${[process.execPath, join(import.meta.dirname, "namespace-child.ts"), scenario, ...more].join(" ")}`;
    const output = execFileSync("unshare", ["-n", "sh", "-ec", `ip link set lo up; ${setup}; ${child}`], {
      env: { ...process.env, NODE_TEST_CONTEXT: "" },
      timeout: 20_000,
    });
    return JSON.parse(String(output));
  }

  // The queue's room in tc is beyond what the socket may have under way, so that the socket gets full and not the link.
  const slow = (rate: string) => `tc qdisc add dev lo root tbf rate ${rate} burst 2000 limit 10000000`;

  test("C7: a slow link delays, and loses nothing while the queue has room", () => {
    const { arrived, counts } = run(slow("20mbit"), "flood", "600");
    assert.ok(counts.QUEUED! > 100, `${counts.QUEUED} queued`);
    assert.equal(counts.LOST_QUEUE_FULL, 0);
    assert.equal(arrived.length, 600);
    assert.equal(new Set(arrived).size, 600);
  });

  test("C7: beyond that the oldest are lost and counted, the newest arrive", () => {
    const { arrived, counts } = run(slow("20mbit"), "flood", "2000");
    assert.ok(counts.LOST_QUEUE_FULL! > 0);
    assert.equal(arrived.length, 2000 - counts.LOST_QUEUE_FULL!);
    assert.equal(arrived.length, counts.SENT);
    assert.ok(arrived.length >= QUEUE_DATAGRAMS);
    const late = new Set(arrived);
    for (let i = 2000 - QUEUE_DATAGRAMS; i < 2000; i++) assert.ok(late.has(String(i)), `${i} is lost`);
  });

  test("C7: those who wait take turns: an IPv6 network is one client, an IPv4 address that is mapped is its own", () => {
    const networks = ["fd00:1::1", "fd00:1::2", "fd00:2::1"];
    const setup = networks.map((address) => `ip address add ${address}/128 dev lo nodad`).join("; ");
    const clients = [...networks, "::ffff:127.0.0.2", "::ffff:127.0.0.3"];
    const { arrived, counts } = run(`${setup}; ${slow("20mbit")}`, "families", clients.join(","));
    assert.ok(counts.QUEUED! > 15, `${counts.QUEUED} queued`);
    assert.equal(counts.LOST_QUEUE_FULL, 0);
    const replies = arrived.filter((text) => !text.startsWith("x"));
    // Who is in no network with another has one of his in each turn; the other network's two take three turns each.
    const turns = [0, 4, 8].map((at) => replies.slice(at, at + 4).sort());
    const [first, second, ...alone] = clients;
    assert.deepEqual(
      turns,
      ["c", "b", "a"].map((text) => [second, ...alone].map((address) => address + text).sort()),
    );
    assert.deepEqual(
      replies.slice(12),
      ["c", "b", "a"].map((text) => first + text),
    );
  });

  test("C7: a destination that is forbidden or unreachable costs no other", () => {
    const setup =
      "ip address add 10.1.1.1/32 dev lo; ip route add prohibit 10.2.2.0/24; ip route add unreachable 10.3.3.0/24";
    const { arrived, counts } = run(setup, "destinations");
    assert.deepEqual(arrived, ["1", "3", "5"]);
    assert.equal(counts.LOST_FORBIDDEN, 1);
    assert.equal(counts.LOST_UNREACHABLE, 1);
    assert.equal(counts.SENT, 3);
  });

  test("C9: from port 0 nothing is taken; a broadcast source harms nobody", () => {
    const raw = join(directory, "raw");
    execFileSync(process.env.CC ?? "cc", [
      "-O2",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-o",
      raw,
      join(import.meta.dirname, "raw.c"),
    ]);
    const { arrived, counts } = run("true", "sources", raw);
    assert.equal(counts.UNANSWERABLE, 1);
    assert.ok(arrived.includes("good"));
    for (const text of arrived) assert.ok(text === "good" || text === "raw");
  });
});
