/** A whole server with a large zone: reading it again does not add to what it takes. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { file } from "../../src/plugins/file/index.ts";
import { TestServer } from "../support/server.ts";

const NAMES = 120_000;
const RELOADS = 6;
const READ_MS = 20_000;
/** The thread that reads has ended by then, and freed memory has gone back. */
const IDLE_MS = 7_000;

/** VmRSS in MiB. */
function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) / 1024;
}

function zoneOf(serial: number): string {
  const lines = Array.from({ length: NAMES }, (_, i) => `host${i} 60 IN A 192.0.2.${i & 0xff}\n`);
  return `@ 60 IN SOA ns admin ${serial} 2 3 4 5\n@ 60 IN NS ns\nns 60 IN A 192.0.2.1\n${lines.join("")}`;
}

const skip = !existsSync("/proc/self/status") && "memory is read from /proc";

test(`${file.name}: ${NAMES} names, read ${RELOADS} times more`, { skip, timeout: 180_000 }, async () => {
  const server = await TestServer.start({
    corefile: "example.org:{PORT} {\n  file {DIR}/zone example.org {\n    reload 100ms\n  }\n}\n",
    files: { zone: zoneOf(1) },
  });
  const serve = async (serial: number) => {
    const deadline = performance.now() + READ_MS;
    let answer: string | undefined;
    do {
      await sleep(50);
      answer = (await server.ask({ ask: "example.org. SOA" }))?.answer[0];
    } while (!answer?.includes(` ${serial} 2 3 4 5`) && performance.now() < deadline);
    assert.ok(answer?.includes(` ${serial} 2 3 4 5`), `serial ${serial} is not served: ${answer}`);
    // Threads that collect their garbage do so within half a second.
    await sleep(1_000);
  };
  const reload = async (serial: number) => {
    server.write("zone", zoneOf(serial));
    utimesSync(join(server.directory, "zone"), serial, serial);
    await serve(serial);
  };
  try {
    // The first readings warm up what reads.
    await serve(1);
    await reload(2);
    await reload(3);
    await sleep(IDLE_MS);
    const before = memoryOf(server.pid);
    for (let serial = 4; serial < 4 + RELOADS; serial++) await reload(serial);
    await sleep(IDLE_MS);
    const more = memoryOf(server.pid) - before;
    // A snapshot has 8 MiB, and each that stayed would add as much.
    assert.ok(more < 25, `${more.toFixed(1)} MiB more`);
    const { answer } = (await server.ask({ ask: `host${NAMES - 1}.example.org. A` }))!;
    assert.equal(answer.length, 1);
  } finally {
    assert.equal(await server.stop(), 0);
  }
});
