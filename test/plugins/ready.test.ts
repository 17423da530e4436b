import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { ready } from "../../src/plugins/ready.ts";
import { parseBlock } from "../support/chain.ts";
import { get } from "../support/http.ts";
import { freePorts, TestServer } from "../support/server.ts";

for (const { text, address = ":8181", continuously = false } of [
  { text: "ready" },
  { text: "ready localhost:8091 {\n}", address: "localhost:8091" },
  { text: "ready {\n monitor continuously\n}", continuously: true },
  { text: "ready {\n monitor continuously\n monitor until-ready\n}" },
]) {
  test(`ready: ${text.replaceAll("\n", " ")}`, () => {
    const { controls, elements, mistakes } = parseBlock([ready], `. {\n${text}\n}`);
    assert.deepEqual(mistakes, []);
    assert.deepEqual(elements, [], "no place in the chain");
    assert.deepEqual(controls[0]?.element.config, { address, continuously });
  });
}

const count = "Wrong argument count or unexpected line ending after";
for (const [text, mistake] of [
  ["ready :1 x", `2:10: plugin/ready: ${count} 'x', expected no more than 1 argument`],
  ["ready foo", "2:7: plugin/ready: address foo: missing port in address"],
  ['ready ""', "2:7: plugin/ready: missing port in address"],
  ["ready\nready", "3:1: plugin/ready: this plugin can only be used once per Server Block"],
  ["ready {\nmonitor\n}", `3:1: plugin/ready: ${count} 'monitor', expected until-ready or continuously`],
  ["ready {\nmonitor foo\n}", "3:9: plugin/ready: monitor type 'foo' not supported"],
  [
    "ready {\nmonitor continuously until-ready\n}",
    `3:22: plugin/ready: ${count} 'until-ready', expected no more than 1 argument`,
  ],
  ["ready {\nbar\n}", "3:1: plugin/ready: unknown property 'bar'"],
] as const) {
  test(`ready: ${text.replaceAll("\n", " ")}: a mistake`, () => {
    assert.deepEqual(parseBlock([ready], `. {\n${text}\n}`).mistakes, [`Corefile:${mistake}`]);
  });
}

/** erratic is ready while it has counted three or four queries. */
for (const { monitor, afterFive } of [
  { monitor: "until-ready", afterFive: "200 OK" },
  { monitor: "continuously", afterFive: "503 erratic" },
]) {
  test(`ready: monitor ${monitor}`, async () => {
    const server = await TestServer.start({
      corefile: `a.test:{PORT} {
        erratic {
          drop 0
        }
        ready 127.0.0.1:{PORT2} {
          monitor ${monitor === "continuously" ? "until-ready" : "continuously"}
        }
      }
      b.test:{PORT} {
        whoami
        ready 127.0.0.1:{PORT2} {
          monitor ${monitor}
        }
      }`,
    });
    const state = async () => {
      const reply = await get(server.port2, "/ready");
      return `${reply?.status} ${reply?.text}`;
    };
    try {
      assert.equal(await state(), "503 erratic");
      assert.ok(await server.line(/^\[INFO\] plugin\/ready: Plugins not ready: "erratic"$/));
      assert.equal((await get(server.port2, "/health"))?.status, 404);
      for (let i = 0; i < 3; i++) await server.ask({ ask: "www.a.test. A" });
      assert.equal(await state(), "200 OK");
      for (let i = 0; i < 2; i++) await server.ask({ ask: "www.a.test. A" });
      assert.equal(await state(), afterFive);
    } finally {
      assert.equal(await server.stop(), 0);
    }
  });
}

test("ready: the port is closed as soon as the server is told to end", async () => {
  const [port] = await freePorts(1);
  const server = await TestServer.start({
    corefile: `.:{PORT} {
      whoami
      ready 127.0.0.1:{PORT2}
      health 127.0.0.1:${port} {
        lameduck 1s
      }
    }`,
  });
  try {
    assert.equal((await get(server.port2, "/ready"))?.status, 200);
    server.signal("SIGTERM");
    assert.ok(await server.line(/lameduck/));
    assert.equal(await get(server.port2, "/ready"), undefined);
    assert.equal((await get(port!, "/health"))?.status, 200);
    assert.equal((await server.ask({ ask: "www.example.org. A" }))?.rcode, "NOERROR");
  } finally {
    assert.equal(await server.stop(), 0);
  }
});

test("ready: a port that is taken costs a line, not the start", async () => {
  const [port] = await freePorts(1);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
  const server = await TestServer.start({ corefile: `.:{PORT} {\n whoami\n ready 127.0.0.1:${port}\n}\n` });
  try {
    const reason = `listen tcp 127.0.0.1:${port}: bind: address already in use`;
    assert.ok(server.lines.includes(`[ERROR] plugin/ready: Failed to start ready handler: ${reason}`));
    assert.equal((await server.ask({ ask: "www.example.org. A" }))?.rcode, "NOERROR");
  } finally {
    assert.equal(await server.stop(), 0);
    other.close();
  }
});
