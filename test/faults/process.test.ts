/**
 * Rows J1, J2, J3, J8, N3: a thread or the whole process comes to harm under a probe's eyes. test/server/faults.test.ts
 * says what clients and log get; here is counted for how long, and for how many, the server was not there.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { awakeNow } from "../support/awake.ts";
import { answerTo, Fakeup } from "../support/fakeup.ts";
import { TestServer } from "../support/server.ts";
import { skipNative } from "../transport/udp-support.ts";
import { figure, isLarge, sized } from "./figures.ts";
import { Probe, type ProbeResult } from "./probe.ts";

const plugin = `${import.meta.dirname}/../support/fault-plugin.ts`;
const corefile = `.:{PORT} {\n  multisocket 2\n  ${plugin}\n}\n`;
const PER_SECOND = 400;
/** What a worker may hold: a batch. */
const BATCH = 64;

const faults = [
  { row: "J1", fault: "throw", watchMs: 300, mostLost: 0 },
  { row: "J1", fault: "reject", watchMs: 300, mostLost: 0 },
  { row: "J1", fault: "crash", watchMs: 1_000, mostLost: BATCH },
  // The loop of one worker is late; its queries wait, and are answered.
  { row: "J2", fault: "stall", watchMs: 1_800, mostLost: 0 },
  { row: "J2", fault: "main", watchMs: 3_200, mostLost: 0 },
  { row: "J2", fault: "spin", watchMs: 3_500, mostLost: BATCH },
  { row: "J2", fault: "heap", watchMs: 6_000, mostLost: BATCH },
];
/** The last two take long, and test/server/faults.test.ts has them too. */
for (const { row, fault, watchMs, mostLost } of isLarge ? faults : faults.slice(0, -2)) {
  test(`${row}: ${fault}: for how long, and for how many, nobody was there`, { timeout: 60_000 }, async () => {
    const server = await TestServer.start({ corefile });
    const probe = await Probe.start({ port: server.port, perSecond: PER_SECOND });
    let result: ProbeResult | undefined;
    try {
      await sleep(300);
      void server.ask({ ask: `${fault}.test. A` }, 100);
      await sleep(watchMs);
      result = await probe.stop();
      assert.ok(result.asked > (watchMs * PER_SECOND) / 2_000, `only ${result.asked} queries`);
      assert.equal(result.wrong, 0);
      figure({ row, what: `${fault}: queries lost`, value: result.lost, atMost: mostLost });
      const blackHole = { what: `${fault}: black hole`, value: Math.round(result.blackHoleMs), unit: "ms" };
      // A loop is late after 100 ms, and is looked at every 25. Collecting garbage for a heap that is full takes both CPUs.
      if (fault !== "heap") figure({ row, ...blackHole, atMost: sized(400, row === "J1" ? 100 : 125) });
      const replaced = server.lines.filter((line) => /died/.test(line)).length;
      const expected = ["crash", "spin", "heap"].includes(fault) ? 1 : 0;
      figure({ row, what: `${fault}: workers replaced`, value: replaced, atMost: expected, atLeast: expected });
    } finally {
      if (result === undefined) await probe.stop();
      assert.equal(await server.stop(), 0);
    }
  });
}

for (const signal of ["SIGKILL", "SIGSEGV"] as const) {
  test(`J3: ${signal} below a parent: what comes meanwhile is answered late`, {
    timeout: 60_000,
    skip: skipNative,
  }, async () => {
    const server = await TestServer.start({ corefile: ".:{PORT} {\n  multisocket 2\n  whoami\n}\n", hasParent: true });
    const probe = await Probe.start({ port: server.port, perSecond: PER_SECOND });
    let result: ProbeResult | undefined;
    try {
      await sleep(500);
      process.kill(server.childPid, signal);
      const from = awakeNow();
      assert.ok(await anyAnswer(server));
      const tookMs = Math.round(awakeNow() - from);
      await sleep(1_000);
      result = await probe.stop();
      assert.ok(result.asked > PER_SECOND, `only ${result.asked} queries`);
      // A batch of each worker was with the process.
      figure({ row: "J3", what: `${signal}: queries lost`, value: result.lost, atMost: 2 * BATCH });
      figure({
        row: "J3",
        what: `${signal}: to the first answer`,
        value: tookMs,
        unit: "ms",
        atMost: sized(5_000, 500),
      });
      assert.ok(await server.line(/the server died of signal \d+ \(.*\) and is started again/));
    } finally {
      if (result === undefined) await probe.stop();
      assert.equal(await server.stop(), 0);
    }
  });
}

/** Asks again and again until one query has its answer: the first may be among those that died with the process. */
async function anyAnswer(server: TestServer): Promise<boolean> {
  let answered = false;
  for (let i = 0; i < 300 && !answered; i++) {
    void server.ask({ ask: "www.test. A" }, 3_000).then((reply) => {
      answered ||= reply !== undefined;
    });
    await sleep(20);
  }
  return answered;
}

test("J8: stopped with nobody asking: what is asked afterwards is answered", { timeout: 60_000 }, async (t) => {
  const server = await TestServer.start({ corefile });
  t.after(async () => assert.equal(await server.stop(), 0));
  await server.ask({ ask: "www.example.org. A" });
  server.signal("SIGSTOP");
  await sleep(3_000);
  server.signal("SIGCONT");
  await sleep(1_000);
  for (let i = 0; i < 20; i++) assert.ok(await server.ask({ ask: `host${i}.example.org. A` }, 2_000), `query ${i}`);
});

test("J8: stopped for a while: TTLs went on, what was queued is bounded", {
  timeout: 120_000,
}, async (t) => {
  const pauseMs = sized(2_500, 30_000);
  const upstream = await Fakeup.start((asked) =>
    asked.send(answerTo(asked, { answer: [". 3600 IN A 192.0.2.1"], pointers: true })),
  );
  const server = await TestServer.start({
    corefile: `.:{PORT} {\n  multisocket 2\n  cache 3600\n  forward . ${upstream.to}\n}\n`,
  });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    await upstream.stop();
  });
  const ttl = async (): Promise<number> =>
    Number((await server.ask({ ask: "www.example.org. A" }))!.answer[0]!.split(" ")[1]);
  const before = await ttl();
  const probe = await Probe.start({ port: server.port, perSecond: PER_SECOND });
  await sleep(200);
  const from = performance.now();
  server.signal("SIGSTOP");
  await sleep(pauseMs);
  const queued = ((performance.now() - from) * PER_SECOND) / 1_000;
  server.signal("SIGCONT");
  await sleep(1_000);
  const { lost } = await probe.stop();
  const passed = before - (await ttl());
  figure({
    row: "J8",
    what: "seconds by which TTLs fell less than time passed",
    value: pauseMs / 1_000 - passed,
    atMost: 1,
  });
  const deaths = server.lines.filter((line) => /died/.test(line)).length;
  figure({ row: "J8", what: "workers replaced", value: deaths, atMost: 0 });
  // What was asked meanwhile is dropped, but for a batch of each worker at most; the probe may have been late itself.
  const slack = 2 * 64 + queued / 10;
  const burst = Math.max(0, Math.round(queued - lost));
  figure({ row: "J8", what: "answered behind their time, in a burst", value: burst, atMost: Math.round(slack) });
  const fresh = Math.max(0, Math.round(lost - queued));
  figure({ row: "J8", what: "lost behind the pause", value: fresh, atMost: Math.round(slack) });
});

test("J2: a worker hangs in a process that may use a tenth of a CPU: it is replaced all the same", {
  timeout: 60_000,
}, async () => {
  const server = await TestServer.start({ corefile: `.:{PORT} {\n  multisocket 2\n  ${plugin}\n}\n` });
  try {
    void server.ask({ ask: "spin.test. A" }, 50);
    await sleep(50);
    // What the kernel does to a process above its limit (cpu.max): it stands still until the next tenth of a second.
    const from = performance.now();
    let died: string | undefined;
    while (died === undefined && performance.now() - from < 40_000) {
      server.signal("SIGSTOP");
      await sleep(90);
      server.signal("SIGCONT");
      await sleep(10);
      died = server.lines.find((line) => /worker \d died and is replaced/.test(line));
    }
    const took = Math.round((performance.now() - from) / 1_000);
    assert.match(died ?? "nobody died", /its loop has not turned for 2\d\d\d ms/);
    figure({
      row: "J2",
      what: "until a worker that hangs is replaced, a tenth of a CPU",
      value: took,
      unit: "s",
      atMost: 20,
    });
  } finally {
    assert.equal(await server.stop(), 0);
  }
});

test("N3: all workers hang: /health says so, they are replaced, and answer", { timeout: 60_000 }, async () => {
  const withHealth = `.:{PORT} {\n  multisocket 2\n  health 127.0.0.1:{PORT2}\n  ${plugin}\n}\n`;
  const server = await TestServer.start({ corefile: withHealth });
  const statusOf = async () => (await fetch(`http://127.0.0.1:${server.port2}/health`)).status;
  try {
    assert.equal(await statusOf(), 200);
    const from = awakeNow();
    // Whom a query reaches is drawn, so a few are sent; those that find a worker that hangs wait in its socket.
    for (let i = 0; i < 12; i++) {
      void server.ask({ ask: "spin.test. A" }, 50);
      await sleep(10);
    }
    let status = await statusOf();
    for (; status === 200 && awakeNow() - from < 10_000; await sleep(20)) status = await statusOf();
    const noticed = awakeNow() - from;
    assert.equal(status, 503, "/health says that all is well");
    figure({ row: "N3", what: "until /health says so", value: Math.round(noticed), unit: "ms", atMost: 5_000 });
    let healed: number | undefined;
    while (healed === undefined && awakeNow() - from < 20_000) {
      if (await server.ask({ ask: "www.test. A" }, 200)) healed = awakeNow() - from;
    }
    assert.ok(healed !== undefined, "nobody answers any more");
    figure({
      row: "N3",
      what: "until somebody answers",
      value: Math.round(healed),
      unit: "ms",
      atMost: sized(15_000, 5_000),
    });
    await sleep(200);
    assert.equal(await statusOf(), 200);
  } finally {
    assert.equal(await server.stop(), 0);
  }
});
