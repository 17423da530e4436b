/** Row J8: the wall clock jumps under a server that serves. What lives by monotonic time does not notice. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { answerTo, Fakeup } from "../support/fakeup.ts";
import { ourCommand, TestServer } from "../support/server.ts";
import { figure } from "./figures.ts";
import { Probe } from "./probe.ts";

const HOUR = 3_600n;
const YEAR = 365n * 24n * HOUR;
const TTL = 3_600;

test("J8: the wall clock jumps by an hour and a year, to and fro", {
  timeout: 60_000,
  skip: spawnSync(process.env.CC ?? "cc", ["--version"]).status !== 0 && "needs a C compiler",
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-clock-"));
  const library = join(directory, "clock.so");
  const source = join(import.meta.dirname, "clock.c");
  const warnings = ["-Wall", "-Wextra", "-Werror"];
  execFileSync(process.env.CC ?? "cc", ["-O2", ...warnings, "-shared", "-fPIC", "-o", library, source]);
  const shift = join(directory, "shift");
  writeFileSync(shift, Buffer.alloc(8));
  const clock = openSync(shift, "r+");
  const jump = (seconds: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(seconds);
    writeSync(clock, bytes, 0, 8, 0);
  };
  // The wrong clock is the one that a process sees.
  jump(YEAR);
  const environment = { ...process.env, LD_PRELOAD: library, CLOCK_SHIFT: shift };
  const seen = Number(execFileSync(process.execPath, ["-p", "Date.now()"], { env: environment, encoding: "utf8" }));
  assert.ok(seen - Date.now() > Number(YEAR) * 999, "the clock has not jumped");
  jump(0n);
  const command = join(directory, "with-clock");
  writeFileSync(command, `#!/bin/sh\nexec env LD_PRELOAD=${library} CLOCK_SHIFT=${shift} ${ourCommand} "$@"\n`);
  chmodSync(command, 0o755);

  const upstream = await Fakeup.start((asked) =>
    asked.send(answerTo(asked, { answer: [`. ${TTL} IN A 192.0.2.1`], pointers: true })),
  );
  const server = await TestServer.start({
    corefile: `.:{PORT} {\n  multisocket 2\n  log\n  cache ${TTL}\n  forward . ${upstream.to}\n}\n`,
    command,
  });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    await upstream.stop();
    closeSync(clock);
    rmSync(directory, { recursive: true });
  });
  const from = performance.now();
  const ttl = async (name: string): Promise<number> => {
    const reply = await server.ask({ ask: `${name}.example.org. A` });
    return Number(reply?.answer[0]?.split(" ")[1] ?? -1);
  };
  assert.equal(await ttl("www"), TTL);
  const probe = await Probe.start({ port: server.port });
  let wrong = 0;
  for (const [i, seconds] of [HOUR, -HOUR, YEAR, -YEAR, 0n].entries()) {
    jump(seconds);
    await sleep(300);
    const passed = (performance.now() - from) / 1_000;
    const known = await ttl("www");
    // What was kept before the jump, and what is kept behind it.
    if (known > TTL || known < TTL - passed - 1) wrong++;
    if ((await ttl(`new${i}`)) !== TTL) wrong++;
    const kept = await ttl(`new${i}`);
    if (kept > TTL || kept < TTL - 2) wrong++;
  }
  const { lost, wrong: failed } = await probe.stop();
  figure({ row: "J8", what: "clock jumps: TTLs that grew or fell with it", value: wrong, atMost: 0 });
  figure({ row: "J8", what: "clock jumps: queries lost or failed", value: lost + failed, atMost: 0 });
  const asked = upstream.asked.filter(({ ask }) => /^www\./i.test(ask)).length;
  figure({ row: "J8", what: "clock jumps: times that a kept name is asked for again", value: asked - 1, atMost: 0 });
  assert.deepEqual(
    server.lines.filter((line) => /died|panic/.test(line)),
    [],
  );
});
