/** A whole server with a large hosts file: what it takes, and that reading the file again does not add to it. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hosts } from "../../src/plugins/hosts/index.ts";
import { TestServer } from "../support/server.ts";

const NAMES = 250_000;
const RELOADS = 4;
const READ_MS = 15_000;
/** On a busy machine threads collect their garbage late. */
const COLLECT_MS = 8_000;

/** In MiB: VmRSS now, VmHWM at most so far. */
function memoryOf(pid: number, which: "VmRSS" | "VmHWM"): number {
  const line = new RegExp(`^${which}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return Number(line?.[1]) / 1024;
}

function fileWith(first: string): string {
  const lines = Array.from({ length: NAMES }, (_, i) => `0.0.0.0 ads${i}.tracker${i % 9_973}.example.org\n`);
  return `${first}\n${lines.join("")}`;
}

const skip = !existsSync("/proc/self/status") && "memory is read from /proc";

test(`${hosts.name}: ${NAMES} names, read ${RELOADS} times more`, { skip }, async () => {
  const server = await TestServer.start({
    corefile: ".:{PORT} {\n  hosts {DIR}/hosts {\n    reload 100ms\n  }\n}\n",
    files: { hosts: "192.0.2.0 generation.test\n" },
  });
  const generation = async (expected: number) => {
    const deadline = performance.now() + READ_MS;
    let answer: readonly string[] | undefined;
    do {
      await sleep(50);
      answer = (await server.ask({ ask: "generation.test. A" }))?.answer;
    } while (!answer?.[0]?.endsWith(`192.0.2.${expected}`) && performance.now() < deadline);
    assert.deepEqual(answer, [`generation.test. 3600 IN A 192.0.2.${expected}`]);
  };
  try {
    await generation(0);
    const empty = memoryOf(server.pid, "VmRSS");
    for (let i = 1; i <= RELOADS; i++) {
      server.write("hosts", fileWith(`192.0.2.${i} generation.test`));
      utimesSync(join(server.directory, "hosts"), i, i);
      await generation(i);
      // Threads that collect their garbage do so within half a second.
      await sleep(800);
    }
    const { answer } = (await server.ask({ ask: "ads249999.tracker674.example.org. A" }))!;
    assert.deepEqual(answer, ["ads249999.tracker674.example.org. 3600 IN A 0.0.0.0"]);
    // A table has 16 MiB. Each that stayed would add as much; two are there while one is read, beside the thread that reads.
    const most = memoryOf(server.pid, "VmHWM") - empty;
    let now = memoryOf(server.pid, "VmRSS") - empty;
    for (const from = performance.now(); now >= 36 && performance.now() - from < COLLECT_MS; await sleep(200)) {
      now = memoryOf(server.pid, "VmRSS") - empty;
    }
    assert.ok(most < 75, `${most} MiB at most, ${now} MiB now`);
    assert.ok(now < 36, `${most} MiB at most, ${now} MiB now`);
  } finally {
    assert.equal(await server.stop(), 0);
  }
});
