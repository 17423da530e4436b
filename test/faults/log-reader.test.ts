/** Row J9: whoever reads the log has stopped to. Lines are lost and counted, answers are not. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts, ourCommand } from "../support/server.ts";
import { encodeQuestion, exchange } from "../support/wire.ts";
import { skipNative } from "../transport/udp-support.ts";
import { figure, isLarge, sized } from "./figures.ts";
import { Probe } from "./probe.ts";

/** A pipe holds 64 KiB and a worker 256 more: beyond some five thousand lines they are lost. */
const QUERIES_PER_SECOND = sized(5_000, 10_000);
const SECONDS = sized(3, 20);

test("J9: nobody reads the log: answers go on, what is lost is counted", {
  timeout: 60_000,
  skip: skipNative,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-log-"));
  const [port] = (await freePorts(1)) as [number];
  const pipe = join(directory, "log");
  execFileSync("mkfifo", [pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const corefile = join(directory, "Corefile");
  writeFileSync(corefile, `.:${port} {\n  multisocket 2\n  log\n  whoami\n}\n`);
  const writer = openSync(pipe, constants.O_WRONLY);
  const server = spawn(ourCommand, ["-conf", corefile], { stdio: ["ignore", writer, "inherit"] });
  closeSync(writer);
  t.after(async () => {
    server.kill("SIGTERM");
    if (server.exitCode === null) await once(server, "exit");
    closeSync(reader);
    rmSync(directory, { recursive: true });
  });
  const question = encodeQuestion({ ask: "www.example.org. A" });
  let up = false;
  for (let i = 0; i < 200 && !up; i++) up = (await exchange(question, port, {}, 100)) !== undefined;
  assert.ok(up, "the server did not start");

  const probe = await Probe.start({ port, perSecond: QUERIES_PER_SECOND });
  await sleep(SECONDS * 1_000);
  const { asked, lost, p99Ms } = await probe.stop();
  figure({ row: "J9", what: "queries lost", value: (100 * lost) / asked, unit: "%", atMost: 1 });
  figure({ row: "J9", what: "p99", value: Number(p99Ms.toFixed(1)), unit: "ms", ...(isLarge ? { atMost: 50 } : {}) });

  // The reader is back. What was lost is told when there is room, with the lines of the next queries.
  let text = "";
  const chunk = Buffer.alloc(1 << 20);
  const readAll = async (): Promise<void> => {
    for (let quiet = 0; quiet < 10; await sleep(20)) {
      const size = readNow(reader, chunk);
      text += chunk.toString("latin1", 0, size);
      quiet = size > 0 ? 0 : quiet + 1;
    }
  };
  await readAll();
  for (let i = 0; i < 16; i++) await exchange(question, port, {}, 500);
  await readAll();
  const lines = text.split("\n").slice(0, -1);
  const missed = lines
    .map((line) => Number(/ (\d+) log lines were lost: /.exec(line)?.[1] ?? 0))
    .reduce((a, b) => a + b);
  const written = lines.filter((line) => /^\[INFO\] \S+ - \d+ "A IN www\.example\.org\. /.test(line)).length;
  assert.ok(missed > 0, "nothing was lost, so nothing was tested");
  const answered = asked - lost;
  figure({
    row: "J9",
    what: "lines neither written nor counted",
    value: Math.max(0, answered - written - missed),
    atMost: 0,
  });
});

/** What is there now; 0 for nothing. */
function readNow(fd: number, into: Buffer): number {
  try {
    return readSync(fd, into);
  } catch {
    return 0;
  }
}
