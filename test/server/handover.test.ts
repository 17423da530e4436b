/** A server that takes another's place on the same port: the new one is started, then the old one is ended. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { awakeNow, sleepAwake } from "../support/awake.ts";
import { SteadyLoad } from "../support/load.ts";
import { freePorts, TestServer } from "../support/server.ts";
import { skipNative } from "../transport/udp-support.ts";

for (const { where, bind } of [
  { where: "one address", bind: "bind 127.0.0.1" },
  { where: "all addresses", bind: "" },
])
  for (const workers of [1, 2])
    test(`${where}, ${workers} workers: twice in a row, no query is lost or waits, and the old server ends at once`, {
      timeout: 60_000,
      skip: skipNative,
    }, async () => {
      const corefile = `.:{PORT} {\n  multisocket ${workers}\n  ${bind}\n  whoami\n}\n`;
      let server = await TestServer.start({ corefile });
      const { port } = server;
      const load = new SteadyLoad(port, { perSecond: 1_000 });
      try {
        for (let turn = 0; turn < 2; turn++) {
          const next = await TestServer.start({ corefile, placeholders: { PORT: String(port) } });
          await sleepAwake(300);
          const from = awakeNow();
          assert.equal(await server.stop(), 0);
          const took = awakeNow() - from;
          server = next;
          assert.ok(took < 3_000, `the old server ended after ${took} ms`);
          // Who has gone is noticed within a second.
          await sleepAwake(1_500);
        }
        const { asked, lost, wrong, slowestMs } = await load.stop();
        assert.ok(asked > 3_000, `only ${asked} queries`);
        assert.deepEqual({ lost, wrong }, { lost: 0, wrong: 0 });
        assert.ok(slowestMs < 1_000, `an answer took ${slowestMs} ms`);
      } finally {
        await load.stop();
        await server.stop();
      }
    });

/** Nobody answers there, so whoever loads this waits for some seconds. */
const slow =
  ".:{PORT} {\n  bind 127.0.0.1\n  kubernetes cluster.local {\n    endpoint http://127.0.0.1:1\n  }\n  whoami\n}\n";
for (const { name, corefile } of [
  { name: "a server that still loads", corefile: slow },
  { name: "a reload that still loads", corefile: ".:{PORT2} {\n  bind 127.0.0.1\n  whoami\n}\n" },
])
  test(`${name} takes no queries from the server before it`, { timeout: 60_000 }, async (t) => {
    const before = createSocket({ type: "udp4", reusePort: true });
    before.on("message", (query, { port, address }) => {
      query[2]! |= 0x80;
      before.send(query, port, address);
    });
    const [port] = (await freePorts(1)) as [number];
    before.bind(port, "127.0.0.1");
    await once(before, "listening");
    const load = new SteadyLoad(port);
    t.after(async () => {
      await load.stop();
      before.close();
    });
    const server = await TestServer.start({ corefile, placeholders: { PORT: String(port) } });
    t.after(async () => assert.equal(await server.stop(), 0));
    if (corefile !== slow) {
      server.write("Corefile", slow);
      server.signal("SIGUSR1");
      assert.ok(await server.line(/^\[INFO\] Reloading complete$/, 0, 20_000), server.lines.join("\n"));
    }
    const { lost, wrong, slowestMs } = await load.stop();
    assert.deepEqual({ lost, wrong }, { lost: 0, wrong: 0 });
    assert.ok(slowestMs < 1_000, `an answer took ${slowestMs} ms`);
  });
