import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { test } from "node:test";
import { health } from "../../src/plugins/health.ts";
import { linkChain, parseBlock } from "../support/chain.ts";
import { get } from "../support/http.ts";
import { freePorts, TestServer } from "../support/server.ts";

for (const { text, address = ":8080", lameduckMs = 0 } of [
  { text: "health" },
  { text: "health localhost:8091 {\n}", address: "localhost:8091" },
  { text: "health [::1]:8091", address: "[::1]:8091" },
  { text: "health {\n lameduck 5s\n}", lameduckMs: 5_000 },
  { text: "health {\n lameduck -5s\n}" },
  { text: "health :1 {\n lameduck 1s\n}\nhealth :2", address: ":2", lameduckMs: 1_000 },
]) {
  test(`health: ${text.replaceAll("\n", " ")}`, () => {
    const { controls, elements, mistakes } = parseBlock([health], `. {\n${text}\n}`);
    assert.deepEqual(mistakes, []);
    assert.deepEqual(elements, [], "no place in the chain");
    assert.deepEqual(controls[0]?.element.config, { address, lameduckMs });
  });
}

const count = "Wrong argument count or unexpected line ending after";
const lameduck = "unable to parse lameduck duration value:";
for (const [text, mistake] of [
  ["health :1 :2", `2:11: plugin/health: ${count} ':2', expected no more than 1 argument`],
  ["health foo", "2:8: plugin/health: address foo: missing port in address"],
  ['health ""', "2:8: plugin/health: missing port in address"],
  ["health ::1", "2:8: plugin/health: address ::1: too many colons in address"],
  ["health [::1", "2:8: plugin/health: address [::1: missing ']' in address"],
  ["health {\nlameduck\n}", `3:1: plugin/health: ${count} 'lameduck', expected a duration`],
  ["health {\nlameduck 1s 2s\n}", `3:13: plugin/health: ${count} '2s', expected no more than 1 argument`],
  ["health {\nlameduck 5\n}", `3:10: plugin/health: ${lameduck} '5' : time: missing unit in duration "5"`],
  ["health {\nlameduck x\n}", `3:10: plugin/health: ${lameduck} 'x' : time: invalid duration "x"`],
  ["health {\nfoo 1s\n}", "3:1: plugin/health: unknown property 'foo'"],
] as const) {
  test(`health: ${text.replaceAll("\n", " ")}: a mistake`, () => {
    assert.deepEqual(parseBlock([health], `. {\n${text}\n}`).mistakes, [`Corefile:${mistake}`]);
  });
}

test("health: OK as long as the server lives, through lameduck too; then the port is closed", async () => {
  const corefile = ".:{PORT} {\n whoami\n health 127.0.0.1:{PORT2} {\n  lameduck 1s\n }\n}\n";
  const server = await TestServer.start({ corefile });
  try {
    for (const [path, method, status, text] of [
      ["/health", "GET", 200, "OK"],
      ["/health", "HEAD", 200, ""],
      ["/health", "POST", 200, "OK"],
      ["/other", "GET", 404, "404 page not found\n"],
    ] as const) {
      const reply = await get(server.port2, path, 2_000, method);
      assert.deepEqual([reply?.status, reply?.text, reply?.type], [status, text, "text/plain; charset=utf-8"], path);
    }
    const from = performance.now();
    server.signal("SIGTERM");
    assert.ok(await server.line(/^\[INFO\] plugin\/health: Going into lameduck mode for 1s$/));
    while (performance.now() - from < 800) {
      const status = (await get(server.port2, "/health"))?.status;
      const rcode = (await server.ask({ ask: "www.example.org. A" }))?.rcode;
      // The machine may have stood still until its end.
      if (performance.now() - from < 1_000) assert.deepEqual([status, rcode], [200, "NOERROR"]);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(await server.stop(), 0);
    const took = performance.now() - from;
    assert.ok(took >= 1_000 && took < 3_000, `it took ${took} ms`);
    assert.equal(await get(server.port2, "/health"), undefined);
  } finally {
    await server.stop();
  }
});

test("health: lameduck is over when its control half ends", { timeout: 10_000 }, async () => {
  const corefile = ". {\n health 127.0.0.1:1 {\n  lameduck 1h\n }\n}";
  const chain = await linkChain({ plugins: [health], corefile, last: () => 0 });
  const drained = chain.drain();
  await chain.stop();
  await drained;
});

test("health: a port that is taken stops the start", async () => {
  const [port] = await freePorts(1);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
  try {
    const { code, lines } = await TestServer.run({
      corefile: `.:{PORT} {\n whoami\n health 127.0.0.1:${port}\n}\n`,
    });
    assert.equal(code, 1);
    assert.ok(lines.includes(`listen tcp 127.0.0.1:${port}: bind: address already in use`), lines.join("\n"));
  } finally {
    other.close();
  }
});

/** Accepts connections, and says nothing or `answer` after a while. */
async function otherServer(answer?: { text: string; afterMs: number }): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (answer) setTimeout(() => socket.end(answer.text), answer.afterMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** The control half asks the address of its config; in a chain of a test nobody serves it, or the server given. */
for (const { name, answer, line, failures, waitMs } of [
  { name: "refused", line: /failed: Get "http:\S+": connect ECONNREFUSED/, failures: 1, waitMs: 1_500 },
  {
    name: "slow",
    answer: { text: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", afterMs: 1_200 },
    line: /took more than 1s: 1\.[2-9]\d*s$/,
    failures: 0,
    waitMs: 2_900,
  },
]) {
  test(`health: its own request is ${name}`, async () => {
    const other = await otherServer(answer);
    const { port } = other.address() as { port: number };
    if (!answer) other.close();
    const chain = await linkChain({
      plugins: [health],
      corefile: `. {\n health 127.0.0.1:${port}\n}`,
      last: () => 0,
    });
    try {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      const texts = chain.lines.map(({ level, text }) => `${level} ${text}`);
      assert.equal(texts.length, 1, texts.join("\n"));
      assert.match(texts[0]!, new RegExp(`^WARNING Local health request to "http://127\\.0\\.0\\.1:${port}/health" `));
      assert.match(texts[0]!, line);
      const values = new Map(chain.row.descriptions.map((one) => [one.name, [...chain.row.read(one)]]));
      assert.deepEqual(values.get("health_request_failures_total"), [failures]);
      const durations = values.get("health_request_duration_seconds")!;
      assert.equal(
        durations.slice(0, -1).reduce((sum, one) => sum + one),
        1,
      );
    } finally {
      await chain.stop();
      other.close();
    }
  });
}
