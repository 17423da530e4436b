/** Row K3: a server that is told to end answers everything it has taken, and what still comes while clients go elsewhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { figure } from "../faults/figures.ts";
import { awakeNow, sleepAwake } from "../support/awake.ts";
import { SteadyLoad } from "../support/load.ts";
import { TestServer } from "../support/server.ts";

const corefile = `.:{PORT} {
  multisocket 2
  whoami
}
slow.test:{PORT} {
  erratic {
    drop 0
    delay 1 700ms
  }
}
`;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

for (const { name, signals, pauseMs } of [
  { name: "SIGTERM", signals: ["SIGTERM"], pauseMs: 0 },
  { name: "SIGINT", signals: ["SIGINT"], pauseMs: 0 },
  { name: "SIGTERM twice", signals: ["SIGTERM", "SIGTERM"], pauseMs: 50 },
  { name: "SIGTERM right behind a reload's begin", signals: ["SIGUSR1", "SIGTERM"], pauseMs: 0 },
  { name: "SIGTERM amid a reload", signals: ["SIGUSR1", "SIGTERM"], pauseMs: 15 },
  { name: "SIGTERM at a reload's end", signals: ["SIGUSR1", "SIGTERM"], pauseMs: 60 },
] as const) {
  test(`${name}: clients that go elsewhere after 300 ms have all their answers`, { timeout: 30_000 }, async () => {
    const server = await TestServer.start({ corefile });
    const load = new SteadyLoad(server.port);
    try {
      await sleepAwake(200);
      const slow = [1, 2, 3, 4].map((i) =>
        server.ask({ ask: `${i}.slow.test. A`, over: i % 2 === 0 ? "tcp" : "udp" }, 4_000),
      );
      await sleep(50);
      if (name.includes("reload")) server.write("Corefile", `${corefile}.:{PORT2} {\n whoami\n}\n`);
      for (const signal of signals) {
        server.signal(signal);
        await sleep(pauseMs);
      }
      await sleepAwake(300);
      const { asked, lost, wrong } = await load.stop();
      assert.ok(asked > 150, `only ${asked} queries`);
      figure({ row: "K3", what: "queries taken and not answered", value: lost + wrong, atMost: 0 });
      for (const reply of await Promise.all(slow)) assert.equal(reply?.answer.length, 1, "a query that waited");
    } finally {
      await load.stop();
      assert.equal(await server.stop(), 0, server.lines.slice(-5).join("\n"));
    }
  });
}

test("SIGTERM: so have clients who ask over TCP only", { timeout: 30_000 }, async () => {
  const server = await TestServer.start({ corefile });
  let [asked, answered] = [0, 0];
  const ask = async (): Promise<void> => {
    asked++;
    if ((await server.ask({ ask: "www.example.org. A", over: "tcp" }))?.rcode === "NOERROR") answered++;
  };
  try {
    server.signal("SIGTERM");
    const until = awakeNow() + 400;
    while (awakeNow() < until) await Promise.all([ask(), sleep(10)]);
    assert.ok(asked > 10, `only ${asked} queries`);
    figure({ row: "K3", what: "queries taken and not answered", value: asked - answered, atMost: 0 });
  } finally {
    assert.equal(await server.stop(), 0, server.lines.slice(-5).join("\n"));
  }
});

test("SIGTERM: clients that never go elsewhere do not keep the server", { timeout: 30_000 }, async () => {
  const server = await TestServer.start({ corefile });
  const load = new SteadyLoad(server.port, { perSecond: 200 });
  try {
    await sleep(100);
    const from = performance.now();
    const awakeFrom = awakeNow();
    assert.equal(await server.stop(), 0);
    const took = performance.now() - from;
    const paused = took - (awakeNow() - awakeFrom);
    // Clients that were stopped for so long have gone elsewhere.
    assert.ok(took > 4_000 || paused > 200, `it took ${took} ms`);
    const what = "until the end when clients never go elsewhere";
    figure({ row: "K3", what, value: Math.round(took), unit: "ms", atMost: 7_000 });
  } finally {
    await load.stop();
    await server.stop();
  }
});
