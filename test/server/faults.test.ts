/** A worker that throws, stalls or runs out of memory costs what it held, and nothing else (rows J1, J2 at their smallest). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { awakeNow, sleepAwake } from "../support/awake.ts";
import { SteadyLoad } from "../support/load.ts";
import { TestServer } from "../support/server.ts";

const plugin = `${import.meta.dirname}/../support/fault-plugin.ts`;
const corefile = `.:{PORT} {\n  multisocket 2\n  ${plugin}\n}\n`;

for (const fault of ["throw", "reject"]) {
  test(`${fault}: the client gets SERVFAIL, the log the reason, the worker goes on`, async () => {
    const server = await TestServer.start({ corefile });
    try {
      const reply = await server.ask({ ask: `${fault}.test. A` });
      assert.equal(reply?.rcode, "SERVFAIL");
      const line = await server.line(/Recovered from panic/);
      assert.match(
        line ?? "",
        new RegExp(`^\\[ERROR\\] Recovered from panic in server: "dns://:\\d+" ${fault}\\w+ on purpose$`),
      );
      assert.equal((await server.ask({ ask: "www.test. A" }))?.rcode, "NOERROR");
      assert.equal(
        server.lines.some((text) => /died/.test(text)),
        false,
      );
    } finally {
      assert.equal(await server.stop(), 0);
    }
  });
}

for (const { fault, reason, stack, withinMs } of [
  { fault: "crash", reason: /crashed on purpose/, stack: /at .*fault-plugin\.ts/, withinMs: 1_000 },
  { fault: "spin", reason: /its loop has not turned for 2\d\d\d ms/, stack: /^$/, withinMs: 5_000 },
  { fault: "heap", reason: /memory/i, stack: /^$/, withinMs: 20_000 },
]) {
  test(`${fault}: the worker is replaced, the other one answers meanwhile`, { timeout: 60_000 }, async () => {
    const server = await TestServer.start({ corefile });
    try {
      void server.ask({ ask: `${fault}.test. A` }, 100);
      const until = awakeNow() + withinMs;
      let died: string | undefined;
      let asked = 0;
      let lost = 0;
      while (died === undefined && awakeNow() < until) {
        asked++;
        // Half a second is the time in which a stalled worker gets no queries any more.
        if ((await server.ask({ ask: "www.test. A" }, 100)) === undefined) lost++;
        died = server.lines.find((line) => /worker \d died and is replaced/.test(line));
      }
      assert.match(died ?? "nobody died", reason);
      assert.ok(lost <= 8, `${lost} of ${asked} queries found no worker`);
      // Both answer again: with one of two silent, twenty queries would hardly all be answered.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      for (let i = 0; i < 20; i++) assert.ok(await server.ask({ ask: "www.test. A" }, 500), `query ${i}`);
      assert.match(server.lines.filter((line) => /^\[ERROR\] +at /.test(line)).join("\n"), stack);
    } finally {
      assert.equal(await server.stop(), 0);
    }
  });
}

/** At 400 queries a second, half of them for each worker: what comes to one of them within a tenth of a second. */
const MAX_HELD = 20;

for (const { fault, mostLost } of [
  { fault: "throw", mostLost: 0 },
  { fault: "reject", mostLost: 0 },
  // What is queued in a socket waits for the worker, or for the one that replaces it.
  { fault: "stall", mostLost: 0 },
  { fault: "crash", mostLost: MAX_HELD },
]) {
  test(`${fault}: under load the other worker's clients notice nothing`, { timeout: 30_000 }, async () => {
    const server = await TestServer.start({ corefile });
    const load = new SteadyLoad(server.port);
    try {
      await sleepAwake(300);
      void server.ask({ ask: `${fault}.test. A` }, 3_000);
      await sleepAwake(1_800);
      const { asked, lost, wrong, longestGapMs } = await load.stop();
      assert.ok(asked > 600, `only ${asked} queries`);
      assert.equal(wrong, 0);
      assert.ok(lost <= mostLost, `${lost} of ${asked} lost`);
      assert.ok(longestGapMs <= 150, `nobody was answered for ${longestGapMs} ms`);
    } finally {
      await load.stop();
      assert.equal(await server.stop(), 0);
    }
  });
}
