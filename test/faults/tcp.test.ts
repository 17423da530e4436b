/**
 * Rows C1 to C6 against the whole server: clients that connect, and then do everything but what they should. An honest
 * client watches over UDP, and another one wants in over TCP.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { residentMiB } from "../../bench/load/usage.ts";
import { askAll } from "../support/crowd.ts";
import { answerTo, Fakeup, framed, silent } from "../support/fakeup.ts";
import { get } from "../support/http.ts";
import { ourCommand, TestServer } from "../support/server.ts";
import { encodeQuestion } from "../support/wire.ts";
import { figure, isLarge, sized } from "./figures.ts";
import { Probe } from "./probe.ts";

const whoami = ".:{PORT} {\n  multisocket 2\n  whoami\n}\n";
const query = framed(encodeQuestion({ ask: "www.example.org. A" }, 1));
const ESTABLISHED = "01";
const CLOSE_WAIT = "08";
const CLOCK_TICKS = 100;

/** Of one CPU, for a while from now on, in per cent. */
async function cpuShare(pid: number): Promise<number> {
  const watchMs = sized(1_500, 4_000);
  const from = cpuMs(pid);
  await sleep(watchMs);
  return (100 * (cpuMs(pid) - from)) / watchMs;
}

const opened = new Set<Socket>();
after(() => {
  for (const socket of opened) socket.destroy();
});

interface OpenOptions {
  readonly from?: string;
  readonly allowHalfOpen?: boolean;
}

function open(port: number, { from = "127.0.0.1", allowHalfOpen = false }: OpenOptions = {}): Socket {
  const socket = connect({ port, host: "127.0.0.1", localAddress: from, allowHalfOpen });
  socket.on("error", () => {});
  socket.on("close", () => opened.delete(socket));
  opened.add(socket);
  return socket;
}

/** Until each is connected or refused. */
function settled(sockets: readonly Socket[]): Promise<unknown> {
  return Promise.all(
    sockets.map(
      (socket) => socket.connecting && new Promise((done) => socket.once("connect", done).once("close", done)),
    ),
  );
}

/** The server's connections in a state of the kernel's list. */
function connectionsIn(state: string, port: number): number {
  const at = port.toString(16).toUpperCase().padStart(4, "0");
  const lines = ["tcp", "tcp6"].flatMap((file) => readFileSync(`/proc/net/${file}`, "utf8").split("\n"));
  return lines.filter((line) => new RegExp(`^ *\\d+: [0-9A-F]+:${at} [0-9A-F:]+ ${state} `).test(line)).length;
}

/** How long an honest client waits for an answer on a new connection. */
async function honestMs(server: TestServer): Promise<number> {
  const from = performance.now();
  const reply = await server.ask({ ask: "www.example.org. A", over: "tcp", from: "127.8.8.8" }, 5_000);
  assert.equal(reply?.rcode, "NOERROR", "an honest client over TCP");
  return performance.now() - from;
}

/** Of the whole process, since it began. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / CLOCK_TICKS;
}

/** Probe and server beside what `run` does: the probe's losses are figures of `row`. */
async function benign(row: string, server: TestServer, run: () => Promise<void>): Promise<void> {
  const probe = await Probe.start({ port: server.port });
  try {
    await run();
  } finally {
    const { asked, lost, wrong, p99Ms } = await probe.stop();
    figure({ row, what: "probe: queries lost over UDP", value: (100 * lost) / asked, unit: "%", atMost: 1 });
    figure({
      row,
      what: "probe: p99",
      value: Number(p99Ms.toFixed(1)),
      unit: "ms",
      ...(isLarge ? { atMost: 50 } : {}),
    });
    assert.equal(wrong, 0);
  }
}

/** What a dripping client sends: a length, and the message one byte at a time. */
function drip(socket: Socket): void {
  let at = 0;
  const timer = setInterval(
    () => (socket.destroyed ? clearInterval(timer) : socket.write(query.subarray(at, ++at))),
    1_000,
  );
  socket.once("close", () => clearInterval(timer));
}

test("C1: slow and silent clients are closed in time", { timeout: 60_000 }, async () => {
  const count = sized(120, 500);
  const limits = sized("  timeouts {\n    read 1s\n    idle 1s\n  }\n", "");
  const server = await TestServer.start({ corefile: whoami.replace("  whoami", `${limits}  whoami`) });
  const acts: readonly ((socket: Socket) => void)[] = [
    drip,
    (socket) => socket.write(query.subarray(0, 2)),
    (socket) => socket.write(query.subarray(0, 20)),
    (socket) => socket.write(Buffer.of(0, 0)),
    (socket) => socket.write(Buffer.of(0, 11, ...Buffer.alloc(11))),
    () => {},
  ];
  try {
    await benign("C1", server, async () => {
      const sockets = Array.from({ length: count }, (_, i) => open(server.port, { from: `127.0.2.${1 + (i % 50)}` }));
      await settled(sockets);
      for (const [i, socket] of sockets.entries()) if (!socket.destroyed) acts[i % acts.length]!(socket);
      assert.ok(connectionsIn(ESTABLISHED, server.port) > count / 4, "they are connected");
      const left = () => connectionsIn(ESTABLISHED, server.port) + connectionsIn(CLOSE_WAIT, server.port);
      // Beside other tests a turn of the server, or of this one, may come half a second late.
      const until = performance.now() + sized(8_000, 15_000);
      while (performance.now() < until && (isLarge || left() > 0)) await sleep(100);
      figure({ row: "C1", what: `connections left of ${count}`, value: left(), atMost: 0 });
    });
  } finally {
    assert.equal(await server.stop(), 0);
  }
});

for (const { name, addresses } of [
  { name: "one address", addresses: 1 },
  { name: "many addresses", addresses: sized(100, 1_000) },
]) {
  test(`C2: connections of ${name} that say nothing`, { timeout: 120_000 }, async () => {
    // More than both workers have places for.
    const count = sized(3_000, 8_000);
    const server = await TestServer.start({ corefile: whoami });
    try {
      await benign("C2", server, async () => {
        let slowest = 0;
        for (let done = 0; done < count; done += 250) {
          const from = (i: number) => `127.1.${Math.floor((i % addresses) / 250)}.${1 + ((i % addresses) % 250)}`;
          await settled(Array.from({ length: 250 }, (_, i) => open(server.port, { from: from(done + i) })));
          slowest = Math.max(slowest, await honestMs(server));
        }
        figure({
          row: "C2",
          what: `${name}: an honest client gets in after`,
          value: Math.round(slowest),
          unit: "ms",
          atMost: sized(1_000, 100),
        });
        // The last that made room for another one may still be on its way out.
        let held = connectionsIn(ESTABLISHED, server.port);
        for (let i = 0; i < 20 && held > 2_000; i++) {
          await sleep(50);
          held = connectionsIn(ESTABLISHED, server.port);
        }
        figure({ row: "C2", what: `${name}: connections held of ${count}`, value: held, atMost: 2_000 });
      });
    } finally {
      for (const socket of opened) socket.destroy();
      assert.equal(await server.stop(), 0);
    }
  });
}

/** An honest client: asks `count` times, and reads all answers. */
async function readAll(socket: Socket, message: Buffer, count: number): Promise<void> {
  let answers = 0;
  let received = Buffer.alloc(0);
  socket.write(Buffer.concat(Array.from({ length: count }, () => message)));
  for await (const data of socket) {
    received = Buffer.concat([received, data as Buffer]);
    for (; received.length >= 2 && received.length >= 2 + received.readUInt16BE(); answers++) {
      received = received.subarray(2 + received.readUInt16BE());
    }
    if (answers === count) break;
  }
  assert.equal(answers, count);
  socket.destroy();
}

test("C3: clients that ask for much and never read", { timeout: 60_000 }, async () => {
  const count = sized(40, 200);
  const texts = Array.from({ length: 240 }, (_, i) => `big IN TXT "${String(i).padStart(250, "x")}"`).join("\n");
  const server = await TestServer.start({
    corefile: `example.org:{PORT} {\n  multisocket 2\n${sized("  timeouts {\n    write 1s\n  }\n", "")}  file zone.db\n}\n`,
    files: { "zone.db": `@ 60 IN SOA ns host 1 60 60 60 60\n@ 60 IN NS ns\nwww 60 IN A 192.0.2.1\n${texts}\n` },
  });
  const big = framed(encodeQuestion({ ask: "big.example.org. TXT" }, 1));
  try {
    // What workers need that have large answers for the first time is none of this row.
    for (let i = 0; i < 6; i++) await readAll(open(server.port), big, 100);
    const before = residentMiB(server.pid);
    let most = 0;
    await benign("C3", server, async () => {
      const sockets = Array.from({ length: count }, (_, i) => open(server.port, { from: `127.0.3.${1 + (i % 50)}` }));
      await settled(sockets);
      for (const socket of sockets) {
        socket.pause();
        socket.write(Buffer.concat(Array.from({ length: 200 }, () => big)));
      }
      const until = performance.now() + sized(3_500, 12_000);
      while (performance.now() < until) {
        most = Math.max(most, residentMiB(server.pid) - before);
        await sleep(50);
      }
      const left = connectionsIn(ESTABLISHED, server.port);
      figure({ row: "C3", what: `connections left of ${count}`, value: left, atMost: 0 });
    });
    // What waits for one client ends with the answer that crosses 256 KiB, and each has some room besides. Beside that
    // stand the buffers of both workers that are used again, and what collections leave for later.
    const cap = (count * (256 + 64 + 64)) / 1024 + 2 * 4 + 96;
    figure({
      row: "C3",
      what: `memory for ${count} of them`,
      value: Math.round(most),
      unit: "MiB",
      atMost: Math.round(cap),
    });
  } finally {
    assert.equal(await server.stop(), 0);
  }
});

test("C4: 10,000 queries in one write, known and unknown ones mixed", { timeout: 60_000 }, async () => {
  const upstream = await Fakeup.start((asked) =>
    setTimeout(() => asked.send(answerTo(asked, { answer: [". 60 IN A 192.0.2.1"], pointers: true })), 2),
  );
  const server = await TestServer.start({
    corefile: `.:{PORT} {\n  multisocket 1\n  cache 60\n  forward . ${upstream.to}\n}\n`,
  });
  try {
    const ask = (id: number) => (id % 2 === 0 ? "known.example.org. A" : `unknown${id}.example.org. A`);
    const before = residentMiB(server.pid);
    const socket = open(server.port);
    const seen = new Map<number, number>();
    let wrong = 0;
    const done = Promise.withResolvers<void>();
    let received = Buffer.alloc(0);
    socket.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
        const reply = received.subarray(2, 2 + received.readUInt16BE());
        const id = reply.readUInt16BE(0);
        seen.set(id, (seen.get(id) ?? 0) + 1);
        const asked = encodeQuestion({ ask: ask(id) }, id).subarray(12);
        if (!reply.subarray(12, 12 + asked.length).equals(asked) || (reply[3]! & 15) !== 0) wrong++;
        received = received.subarray(2 + reply.length);
      }
      if (seen.size === 10_000) done.resolve();
    });
    await once(socket, "connect");
    socket.write(
      Buffer.concat(Array.from({ length: 10_000 }, (_, id) => framed(encodeQuestion({ ask: ask(id) }, id)))),
    );
    await Promise.race([done.promise, sleep(30_000, undefined, { ref: false })]);
    const twice = [...seen.values()].filter((count) => count > 1).length;
    figure({
      row: "C4",
      what: "replies missing, twice or wrong",
      value: 10_000 - seen.size + twice + wrong,
      atMost: 0,
    });
    const grown = Math.round(residentMiB(server.pid) - before);
    figure({ row: "C4", what: "memory", value: grown, unit: "MiB", atMost: 60 });
  } finally {
    assert.equal(await server.stop(), 0);
    await upstream.stop();
  }
});

test("C5: ends of connections of every kind, a thousand a second", { timeout: 120_000 }, async () => {
  const seconds = sized(2, 20);
  const server = await TestServer.start({ corefile: whoami });
  const fds = () => readdirSync(`/proc/${server.pid}/fd`).length;
  let halfClosed = 0;
  let answered = 0;
  const acts: readonly ((socket: Socket) => void)[] = [
    (socket) => socket.end(query),
    (socket) => socket.write(query, () => socket.resetAndDestroy()),
    (socket) => socket.end(),
    (socket) => socket.resetAndDestroy(),
    (socket) => {
      halfClosed++;
      socket.once("data", () => {
        answered++;
        socket.destroy();
      });
      socket.end(query);
    },
  ];
  try {
    await honestMs(server);
    const before = fds();
    await benign("C5", server, async () => {
      for (let tick = 0; tick < seconds * 20; tick++) {
        const sockets = Array.from({ length: 50 }, () => open(server.port, { allowHalfOpen: true }));
        await settled(sockets);
        for (const [i, socket] of sockets.entries()) if (!socket.destroyed) acts[i % acts.length]!(socket);
        await sleep(20);
      }
      await sleep(500);
      for (const socket of opened) socket.destroy();
      await sleep(sized(1_500, 10_000));
    });
    figure({ row: "C5", what: "answers missing behind a half-close", value: halfClosed - answered, atMost: 0 });
    figure({ row: "C5", what: "CLOSE_WAIT left", value: connectionsIn(CLOSE_WAIT, server.port), atMost: 0 });
    figure({ row: "C5", what: "descriptors left", value: Math.max(0, fds() - before), atMost: 2 });
  } finally {
    assert.equal(await server.stop(), 0);
  }
});

const skipLimited = spawnSync("prlimit", ["--version"]).status !== 0 && "needs prlimit";

/** A command that starts the server with so many descriptors. */
function limited(t: TestContext, nofile: number): string {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-limit-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const command = join(directory, "limited");
  writeFileSync(command, `#!/bin/sh\nexec prlimit --nofile=${nofile} ${ourCommand} "$@"\n`);
  chmodSync(command, 0o755);
  return command;
}

test("C6: no descriptors left: UDP goes on, nothing spins, and it heals", {
  timeout: 60_000,
  skip: skipLimited,
}, async (t) => {
  const server = await TestServer.start({ corefile: whoami, command: limited(t, 96) });
  try {
    await honestMs(server);
    await benign("C6", server, async () => {
      await sleep(500);
      const quiet = await cpuShare(server.pid);
      const sockets = Array.from({ length: 200 }, () => open(server.port));
      await settled(sockets);
      await sleep(500);
      const share = (await cpuShare(server.pid)) - quiet;
      // What the probe's queries take is in both. One thread that spins takes the half of two CPUs at least.
      figure({
        row: "C6",
        what: "CPU while none is left, above that with the probe alone",
        value: Number(share.toFixed(1)),
        unit: "%",
        atMost: sized(25, 5),
      });
      for (const socket of sockets) socket.destroy();
      const began = performance.now();
      let healed = false;
      while (!healed && performance.now() - began < 10_000)
        healed = (await server.ask({ ask: "www.example.org. A", over: "tcp" }, 250)) !== undefined;
      const ms = Math.round(performance.now() - began);
      figure({ row: "C6", what: "until TCP is back", value: ms, unit: "ms", atMost: 2_000 });
    });
  } finally {
    assert.equal(await server.stop(), 0);
  }
});

test("C6: a silent upstream takes the descriptors of nobody else", {
  timeout: 60_000,
  skip: skipLimited,
}, async (t) => {
  const up = await Fakeup.start(silent, { tcp: false });
  const server = await TestServer.start({
    corefile: `.:{PORT} {
  multisocket 2
  health 127.0.0.1:{PORT2}
  forward . ${up.to} {
    max_fails 0
  }
}
example.net:{PORT} {
  whoami
}
`,
    command: limited(t, 192),
  });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    await up.stop();
  });
  assert.ok(server.lines.some((line) => line.startsWith("[WARNING] No more than 192 files and sockets may be open")));
  const asked = Array.from({ length: 1_500 }, (_, i) => ({
    bytes: encodeQuestion({ ask: `n${i}.example.org. A` }, i),
  }));
  const asking = askAll(asked, { port: server.port, rate: 1_500, waitMs: 0 });
  let failed = 0;
  for (let look = 0; look < 5; look++) {
    await sleep(300);
    if ((await server.ask({ ask: "www.example.net. A", over: "tcp" }, 1_000)) === undefined) failed++;
    if ((await get(server.port2, "/health", 1_000))?.status !== 200) failed++;
  }
  await asking;
  assert.ok(up.asks() > 1_000, `${up.asks()} of 1,500 have come to the upstream`);
  figure({ row: "C6", what: "silent upstream: TCP and HTTP without an answer", value: failed, atMost: 0 });
});

test("I6: clients that ask for 60 KiB again and again over TCP hold nobody else up", { timeout: 60_000 }, async () => {
  const big = Array.from({ length: 3_800 }, (_, i) => `big 60 IN A 10.0.${i >> 8}.${i & 255}`);
  const zone = [
    "@ 60 IN SOA ns m 1 60 60 60 60",
    "@ 60 IN NS ns",
    "ns 60 IN A 192.0.2.1",
    "www 60 IN A 192.0.2.1",
    ...big,
  ];
  const server = await TestServer.start({
    corefile: "example.org:{PORT} {\n  multisocket 2\n  file {DIR}/zone\n}\n",
    files: { zone: `${zone.join("\n")}\n` },
  });
  const asked = Buffer.concat(
    Array.from({ length: 50 }, () => framed(encodeQuestion({ ask: "big.example.org. A" }, 1))),
  );
  let bytes = 0;
  const spend = (socket: Socket): void => {
    while (!socket.destroyed && socket.write(asked));
  };
  try {
    const idle = await Probe.start({ port: server.port });
    await sleep(sized(1_000, 5_000));
    figure({
      row: "I6",
      what: "p99 with nobody else",
      value: Number((await idle.stop()).p99Ms.toFixed(1)),
      unit: "ms",
    });
    await benign("I6", server, async () => {
      for (let i = 0; i < 8; i++) {
        const socket = open(server.port, { from: "127.0.0.5" });
        socket.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
        });
        socket.on("drain", () => spend(socket));
        socket.once("connect", () => spend(socket));
      }
      await sleep(sized(2_000, 10_000));
      for (const socket of opened) socket.destroy();
    });
    const answers = Math.floor(bytes / 60_000);
    figure({ row: "I6", what: "answers of 60 KiB meanwhile", value: answers, atLeast: sized(50, 5_000) });
  } finally {
    assert.equal(await server.stop(), 0);
  }
});
