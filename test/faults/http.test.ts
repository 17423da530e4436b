/**
 * Rows N1 and N2: names that would break out of logs and metrics, and clients of the HTTP side that are slow, many or
 * absurd. What they do must not reach those who ask for names.
 */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { residentMiB } from "../../bench/load/usage.ts";
import { get } from "../support/http.ts";
import { freePorts, TestServer } from "../support/server.ts";
import { encodeQuestion } from "../support/wire.ts";
import { figure, isLarge, sized } from "./figures.ts";
import { Probe } from "./probe.ts";

const HOSTILE = [
  '"',
  "\\",
  "\n",
  "\r\n[ERROR] forged",
  "\x1b[31mred\x1b[0m",
  "<script>alert(1)</script>",
  "{a=1}",
  "\0",
  "\x7f\xff\xfe",
  "%n%s",
  "' OR 1=1",
].map((text) => Buffer.from(text, "latin1"));

/** A query for labels of any bytes below example.org. */
function queryFor(id: number, labels: readonly Buffer[], type = 1): Buffer {
  const message = encodeQuestion({ ask: "example.org. A" }, id);
  const wire = labels.flatMap((label) => [Buffer.of(label.length), label]);
  const query = Buffer.concat([message.subarray(0, 12), ...wire, message.subarray(12)]);
  query.writeUInt16BE(type, query.length - 4);
  return query;
}

/** Of the text format: a comment, or a name with labels whose values are escaped, and a number. */
const METRIC_LINE =
  /^(#.*|[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="([^"\\\n]|\\["\\n])*",?)*\})? [-+]?(\d[\d.e+-]*|Inf|NaN))$/;

test("N1: any bytes in names: a line of the log each, metrics that can be read, no series for them", {
  timeout: 900_000,
}, async () => {
  const count = sized(3_000, 1_000_000);
  const [metricsPort] = (await freePorts(1)) as [number];
  const server = await TestServer.start({
    corefile: "example.org:{PORT} {\n  multisocket 2\n  errors\n  log\n  prometheus 127.0.0.1:{METRICS}\n  whoami\n}\n",
    placeholders: { METRICS: `${metricsPort}` },
  });
  const client = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
  let replies = 0;
  client.on("message", () => replies++);
  client.bind(0);
  await once(client, "listening");
  try {
    const series = async (): Promise<string[]> => {
      const text = (await get(metricsPort, "/metrics"))?.text ?? "";
      return text.split("\n").filter((line) => line !== "");
    };
    const send = (query: Buffer) =>
      new Promise<void>((resolve) => client.send(query, server.port, "127.0.0.1", () => resolve()));
    for (const [i, label] of HOSTILE.entries()) await send(queryFor(i, [label]));
    const longest = [...Array(3).fill(Buffer.alloc(63, 0xff)), Buffer.alloc(49, 0x0a)];
    await send(queryFor(100, longest));
    await sleep(300);
    const lines = server.lines.filter((line) => /^\[INFO\] \S+ - \d+ /.test(line));
    figure({
      row: "N1",
      what: "log lines that are not one for a query",
      value: Math.abs(lines.length - HOSTILE.length - 1),
      atMost: 0,
    });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    const raw = server.lines.filter((line) => /[\x00-\x08\x0b-\x1f\x7f]|^\[ERROR\] forged/.test(line));
    figure({ row: "N1", what: "log lines with control characters", value: raw.length, atMost: 0 });

    const before = await series();
    for (let i = 0; i < count; i++) {
      const label = Buffer.from(`n${i}`);
      void send(queryFor(i & 0xffff, [label, HOSTILE[i % HOSTILE.length]!], 256 + (i % 60_000)));
      // At the server's pace: what it does not get tests nothing.
      if (i % 100 === 99) for (let wait = 0; replies < i - 200 && wait < 100; wait++) await sleep(1);
      else if (i % 20 === 19) await new Promise(setImmediate);
    }
    await sleep(300);
    assert.ok(replies > count * 0.9, `only ${replies} of ${count} were answered`);
    const after = await series();
    figure({
      row: "N1",
      what: "lines of metrics that cannot be read",
      value: after.filter((line) => !METRIC_LINE.test(line)).length,
      atMost: 0,
    });
    figure({
      row: "N1",
      what: `series more after ${count} names and types`,
      value: after.length - before.length,
      atMost: 40,
    });
  } finally {
    client.close();
    assert.equal(await server.stop(), 0);
  }
});

test("N2: requests that are slow, huge, or a thousand", { timeout: 120_000 }, async () => {
  const count = sized(300, 1_000);
  const ports = (await freePorts(3)) as [number, number, number];
  const [metrics, health, ready] = ports;
  const server = await TestServer.start({
    corefile: `.:{PORT} {
  multisocket 2
  whoami
  prometheus 127.0.0.1:${metrics}
  health 127.0.0.1:${health}
  ready 127.0.0.1:${ready}
}
`,
  });
  const sockets: Socket[] = [];
  const head = "GET /metrics HTTP/1.1\r\nHost: a\r\n";
  const acts: readonly ((socket: Socket) => void)[] = [
    () => {},
    (socket) => socket.write("GET /met"),
    (socket) => socket.write(`${head}X: ${"a".repeat(100_000)}`),
    (socket) => socket.write(`${head}${"X: a\r\n".repeat(5_000)}`),
    (socket) => socket.write("\0\xff\r\n\r\n"),
    (socket) => socket.write("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nx"),
    (socket) => socket.write(`${head}\r\n`.repeat(200)),
    (socket) => socket.write(`GET /${"x".repeat(60_000)} HTTP/1.1\r\nHost: a\r\n\r\n`),
  ];
  try {
    for (let i = 0; i < 20; i++) await get(metrics, "/metrics");
    const before = residentMiB(server.pid);
    const probe = await Probe.start({ port: server.port });
    let most = 0;
    for (const port of ports) {
      for (let i = 0; i < count; i++) {
        const socket = connect(port, "127.0.0.1", () => acts[i % acts.length]!(socket));
        socket.on("error", () => {});
        // Pipelined answers are not read.
        socket.pause();
        sockets.push(socket);
        if (i % 50 === 49) await sleep(5);
      }
    }
    for (let i = 0; i < 20; i++) {
      most = Math.max(most, residentMiB(server.pid) - before);
      await sleep(50);
    }
    const { asked, lost, p99Ms } = await probe.stop();
    figure({ row: "N2", what: "probe: queries lost over UDP", value: (100 * lost) / asked, unit: "%", atMost: 1 });
    figure({
      row: "N2",
      what: "probe: p99",
      value: Number(p99Ms.toFixed(1)),
      unit: "ms",
      ...(isLarge ? { atMost: 50 } : {}),
    });
    figure({
      row: "N2",
      what: `memory for ${3 * count} connections`,
      value: Math.round(most),
      unit: "MiB",
      atMost: 96,
    });
    // Behind the time that each has for a request, there is room again.
    const from = performance.now();
    let healed: number | undefined;
    while (healed === undefined && performance.now() - from < 15_000) {
      if ((await get(health, "/health", 500))?.status === 200) healed = Math.round(performance.now() - from);
      else await sleep(50);
    }
    assert.ok(healed !== undefined, "/health never came back");
    figure({ row: "N2", what: "until an honest request is answered", value: healed, unit: "ms", atMost: 8_000 });

    // Those who ask and keep their connections leave room too.
    for (let i = 0; i < 130; i++) {
      const socket = connect(health, "127.0.0.1");
      socket.on("error", () => {}).resume();
      socket.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
      sockets.push(socket);
    }
    await sleep(200);
    let refused = 0;
    for (let i = 0; i < 10; i++) if ((await get(health, "/health", 1_000))?.status !== 200) refused++;
    figure({ row: "N2", what: "of ten probes refused beside 130 kept connections", value: refused, atMost: 0 });
  } finally {
    for (const socket of sockets) socket.destroy();
    assert.equal(await server.stop(), 0);
  }
});
