/**
 * Row I6 against the whole server, with a CPU of its own: how much longer somebody who asks for little waits beside a client
 * who asks for what is dear. That client may have of the other CPU only what nobody else wants, so what is measured is the server.
 */
import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type Histogram, percentileMicros, summarize } from "../../bench/load/statistics.ts";
import { buildTools, tool } from "../../bench/load/tools.ts";
import { whyWithout } from "../support/programs.ts";
import { TestServer } from "../support/server.ts";
import { figure, isLarge, sized } from "./figures.ts";

const ADDRESSES = 3_800;
const SECONDS = sized(1, 4);
const PAIRS = sized(1, 7);

const skip = whyWithout(["taskset", "nice"]) || (availableParallelism() < 2 && "needs two CPUs");

before(buildTools, { timeout: 120_000 });

/** Of one who asks 500 times a second, in milliseconds. */
async function askLittle(port: number): Promise<{ lost: number; p50: number; p99: number }> {
  const names = ["--names", "h%d.example.org", "--count", "1", "--sockets", "4", "--outstanding", "64"];
  const parameters = [tool("load"), "--port", `${port}`, ...names, "--rate", "500", "--seconds", `${SECONDS}`];
  const { stdout } = await promisify(execFile)("taskset", ["-c", "0", ...parameters]);
  const { latency, lost } = JSON.parse(stdout) as { latency: Histogram; lost: number };
  return { lost, p50: percentileMicros(latency, 0.5) / 1e3, p99: percentileMicros(latency, 0.99) / 1e3 };
}

/** What `run` gives while the client asks. */
async function besideExpensive<Value>(port: number, run: () => Promise<Value>): Promise<Value> {
  const script = join(import.meta.dirname, "expensive-client.ts");
  const command = [process.execPath, script, `${port}`, "big.example.org. A"];
  const client = spawn("nice", ["-n", "19", "taskset", "-c", "0", ...command], {
    stdio: "inherit",
  });
  try {
    await sleep(1_000);
    return await run();
  } finally {
    const ended = once(client, "close");
    client.kill("SIGTERM");
    await ended;
  }
}

test("I6: who asks for little beside who asks for 60 KiB all the time", { skip, timeout: 180_000 }, async (t) => {
  const big = Array.from({ length: ADDRESSES }, (_, i) => `big 60 IN A 10.0.${i >> 8}.${i & 255}`);
  const zone = ["@ 60 IN SOA ns m 1 60 60 60 60", "@ 60 IN NS ns", "ns 60 IN A 192.0.2.1", "h0 60 IN A 192.0.2.1"];
  const server = await TestServer.start({
    corefile: "example.org:{PORT} {\n  multisocket 1\n  file {DIR}/zone\n}\n",
    files: { zone: `${[...zone, ...big].join("\n")}\n` },
  });
  t.after(async () => assert.equal(await server.stop(), 0));
  execFileSync("taskset", ["-a", "-p", "-c", "1", `${server.pid}`], { stdio: "ignore" });
  const ratios: { p50: number; p99: number }[] = [];
  let lost = 0;
  for (let i = 0; i < PAIRS; i++) {
    const alone = await askLittle(server.port);
    const beside = await besideExpensive(server.port, () => askLittle(server.port));
    lost += beside.lost;
    ratios.push({ p50: beside.p50 / alone.p50, p99: beside.p99 / alone.p99 });
  }
  figure({ row: "I6", what: "a CPU for the server: queries lost", value: lost, atMost: isLarge ? 0 : 10 });
  for (const share of ["p50", "p99"] as const) {
    const value = Number(summarize(ratios.map((ratio) => ratio[share])).median.toFixed(2));
    // Other tests run beside a small run, and the slowest percent is mostly the machine's.
    const bound = isLarge && share === "p50" ? { atMost: 1.5 } : {};
    figure({ row: "I6", what: `a CPU for the server: ${share} by that with nobody else`, value, unit: "×", ...bound });
  }
});
