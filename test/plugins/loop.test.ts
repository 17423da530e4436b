import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { after, test } from "node:test";
import { nameToWire } from "../../src/dns/name-text.ts";
import type { ControlContext, Gauge } from "../../src/plugin/context.ts";
import { Logger } from "../../src/plugin/logger.ts";
import { ANSWERED, type Handler } from "../../src/plugin/outcome.ts";
import { definePlugin } from "../../src/plugin/plugin.ts";
import { Query } from "../../src/plugin/query.ts";
import { LoopWatch } from "../../src/plugins/loop/control.ts";
import { loop } from "../../src/plugins/loop/index.ts";
import { type Returned, serve } from "../../src/plugins/loop/serve.ts";
import { Sightings } from "../../src/plugins/loop/sightings.ts";
import { ADDRESS_SIZE, writeAddress } from "../../src/transport/packets.ts";
import { linkChain, parseBlock, type TestChain } from "../support/chain.ts";
import { TestServer } from "../support/server.ts";

const count = "Wrong argument count or unexpected line ending after";
for (const [text, mistake] of [
  ["loop x", `2:6: plugin/loop: ${count} 'x', expected no arguments`],
  ["loop\nloop", "3:1: plugin/loop: this plugin can only be used once per Server Block"],
  ["loop {\n}", "2:6: plugin/loop: Unexpected token '{', expecting argument"],
] as const) {
  test(`loop: ${text.replaceAll("\n", " ")}: a mistake`, () => {
    assert.deepEqual(parseBlock([loop], `. {\n${text}\n}`).mistakes, [`Corefile:${mistake}`]);
  });
}

/** The serve half alone, with what its control half would hold. */
async function guarded(sightings: Sightings, told: Returned[], last: Handler): Promise<TestChain> {
  const plugin = definePlugin<undefined>({
    name: "loop",
    parse: () => undefined,
    control: async (_config, context) => {
      context.publish(sightings.buffer);
      context.onTold((value) => told.push(value as Returned));
      return { stop: () => {} };
    },
    serve,
  });
  return linkChain({ plugins: [plugin], corefile: ". {\n loop\n}", last });
}

const answer: Handler = (query) => {
  query.reply.begin(query);
  return ANSWERED;
};

function wire(name: string): Uint8Array {
  return nameToWire(name) as Uint8Array;
}

test("loop: the third sight of the probe is a loop, whatever its letters", async () => {
  const sightings = new Sightings();
  const told: Returned[] = [];
  const chain = await guarded(sightings, told, answer);
  try {
    sightings.expect(wire("12.34.example.org."));
    for (const [ask, rcode, seen] of [
      ["12.34.example.org. HINFO", "NOERROR", 1],
      ["12.34.example.org. A", "NOERROR", 1],
      ["12.35.example.org. HINFO", "NOERROR", 1],
      ["12.34.Example.ORG. HINFO", "NOERROR", 2],
      ["12.34.example.org. HINFO", "SERVFAIL", 3],
    ] as const) {
      const { reply } = await chain.ask({ ask }, { address: "10.0.0.9", port: 4711 });
      assert.deepEqual([reply?.rcode, sightings.seen], [rcode, seen], ask);
    }
    assert.deepEqual(told, [{ remote: "10.0.0.9:4711" }]);
    sightings.expectNone();
    assert.equal((await chain.ask({ ask: "12.34.example.org. HINFO" })).reply?.rcode, "NOERROR");
  } finally {
    await chain.stop();
  }
});

test("loop: while there is one, what comes back is ended and nothing else", async () => {
  const sightings = new Sightings();
  const open: (() => void)[] = [];
  const chain = await guarded(sightings, [], (query) => {
    return new Promise((resolve) => void open.push(() => resolve(answer(query))));
  });
  const neighbour = { address: "10.0.0.9" };
  const ask = (text: string, client = neighbour) => chain.ask({ ask: text }, client);
  try {
    // The probe has come back from the neighbour.
    sightings.expect(wire("1.2."));
    void ask("1.2. HINFO", { address: "127.0.0.1" });
    void ask("1.2. HINFO");
    sightings.looping = true;
    sightings.expectNone();

    const first = ask("www.example.org. A", { address: "10.1.1.1" });
    for (const { text, client, ended } of [
      { text: "www.example.org. A", client: neighbour, ended: true },
      { text: "WWW.example.org. A", client: neighbour, ended: true },
      { text: "www.example.org. AAAA", client: neighbour, ended: false },
      { text: "ww.example.org. A", client: neighbour, ended: false },
      { text: "www.example.org. A", client: { address: "10.1.1.2" }, ended: false },
      { text: "www.example.org. A", client: { address: "2001:db8::9" }, ended: false },
    ]) {
      const before = open.length;
      const asked = ask(text, client);
      assert.equal(open.length, before + (ended ? 0 : 1), `${text} from ${client.address}`);
      if (ended) assert.equal((await asked).reply?.rcode, "SERVFAIL");
    }
    for (const resolve of open) resolve();
    assert.equal((await first).reply?.rcode, "NOERROR");
    await new Promise((resolve) => setTimeout(resolve, 0));
    // Nothing of it waits any more, so the neighbour may ask it as anybody else.
    const again = ask("www.example.org. A");
    open.at(-1)!();
    assert.equal((await again).reply?.rcode, "NOERROR");
    // And with the loop gone all that is over.
    sightings.looping = false;
    void ask("www.example.org. A", { address: "10.1.1.1" });
    const passed = ask("www.example.org. A");
    for (const resolve of open) resolve();
    assert.equal((await passed).reply?.rcode, "NOERROR");
  } finally {
    await chain.stop();
  }
});

test("loop: addresses of both families, and more of them than there is room for", () => {
  const sightings = new Sightings();
  const from = (bytes: Uint8Array) => {
    const query = new Query();
    query.peers = new Uint8Array(ADDRESS_SIZE);
    writeAddress(query.peers, 0, bytes, 53);
    return query;
  };
  const mapped = new Uint8Array([...new Uint8Array(10), 0xff, 0xff, 10, 0, 0, 1]);
  sightings.expect(wire("1."));
  sightings.count(from(Uint8Array.of(127, 0, 0, 1)));
  assert.equal(sightings.hasSource(from(Uint8Array.of(127, 0, 0, 1))), false, "the first comes from ourselves");
  sightings.count(from(mapped));
  assert.equal(sightings.hasSource(from(Uint8Array.of(10, 0, 0, 1))), true);
  for (let i = 0; i < 20; i++) sightings.count(from(Uint8Array.of(10, 0, 1, i)));
  assert.equal(sightings.hasSource(from(mapped)), true);
  assert.equal(sightings.hasSource(from(Uint8Array.of(10, 0, 1, 0))), true);
  assert.equal(sightings.hasSource(from(Uint8Array.of(10, 0, 1, 19))), false);
  sightings.looping = false;
  assert.equal(sightings.hasSource(from(mapped)), false);
});

/** A control half whose server is the test: `times` says how often each probe is seen before it is answered. */
async function watchedServer(inherited?: unknown) {
  const server = createSocket("udp4");
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  const state = { times: 1, probes: [] as string[], lines: [] as string[], gauge: undefined as number | undefined };
  let sightings!: Sightings;
  let tell: (value: unknown) => void = () => {};
  class Lines extends Logger {
    override write(level: string, text: string): void {
      state.lines.push(`${level} ${text}`);
    }
  }
  const { port } = server.address();
  const { block } = parseBlock([loop], `example.org:${port} {\n loop\n}`);
  const context = {
    log: new Lines("loop"),
    keys: block.keys,
    servers: ["dns://127.0.0.1:1", `dns://127.0.0.1:${port}`],
    inherited,
    publish: (buffer: SharedArrayBuffer) => {
      sightings = new Sightings(buffer);
    },
    onTold: (receive: (value: unknown) => void) => {
      tell = receive;
    },
    gauge: (): Gauge => ({
      set: (value) => {
        state.gauge = value;
      },
    }),
  } as unknown as ControlContext;
  server.on("message", (bytes, peer) => {
    const query = new Query();
    query.read(bytes, 0, bytes.length);
    query.peers = new Uint8Array(ADDRESS_SIZE);
    writeAddress(query.peers, 0, Uint8Array.of(127, 0, 0, 1), peer.port);
    // On a busy machine a probe may come when it has been given up.
    if (!sightings.isProbe(query)) return;
    state.probes.push(bytes.subarray(13, 13 + bytes[12]!).toString());
    for (let i = 1; i <= state.times; i++) {
      const seen = sightings.count(query);
      if (seen > 2 || (seen > 1 && sightings.looping)) tell({ remote: `127.0.0.1:${peer.port}` });
    }
    bytes[2]! |= 0x80;
    server.send(bytes, peer.port, peer.address);
  });
  const watch = new LoopWatch(context, 50);
  watch.start();
  const until = async (what: string, holds: () => boolean) => {
    const deadline = performance.now() + 8_000;
    while (!holds()) {
      assert.ok(performance.now() < deadline, `${what}: ${state.lines.join("\n")}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const stop = () => {
    watch.stop();
    server.close();
  };
  after(() => {
    try {
      stop();
    } catch {
      // Closed by the test.
    }
  });
  return { state, watch, port, until, stop, looping: () => sightings.looping };
}

test("loop: found, looked for again, gone, and back", { timeout: 30_000 }, async () => {
  const { state, port, until, stop, looping, watch } = await watchedServer();
  state.times = 3;
  await until("found", looping);
  assert.match(
    state.lines[0]!,
    new RegExp(
      `^ERROR Loop \\(127\\.0\\.0\\.1:\\d+ -> 127\\.0\\.0\\.1:${port}\\) detected for zone "example\\.org\\.", see \\S+ Query: "HINFO \\d+\\.\\d+\\.example\\.org\\."\\. `,
    ),
  );
  assert.equal(state.gauge, 1);
  state.times = 2;
  const { length } = state.probes;
  await until("looked for again", () => state.probes.length >= length + 2);
  assert.equal(looping(), true);
  state.times = 1;
  await until("gone", () => !looping());
  assert.equal(state.lines.at(-1), 'INFO The loop for zone "example.org." is gone');
  await until("gauge", () => state.gauge === 0);
  state.times = 3;
  await until("back", looping);
  assert.deepEqual(
    state.lines.map((line) => line.split(" ")[0]),
    ["ERROR", "INFO", "ERROR"],
  );
  assert.equal(new Set(state.probes).size, state.probes.length, "a name is never used twice");

  // Over a reload the loop stays cut, and is looked for as before.
  const next = await watchedServer(watch.inherit());
  stop();
  assert.equal(state.gauge, undefined);
  assert.equal(next.looping(), true);
  assert.equal(next.state.gauge, 1);
  await next.until("gone after a reload", () => !next.looping());
  next.stop();
});

test("loop: without one there is one probe", async () => {
  const { state, until, stop } = await watchedServer();
  await until("the probe", () => state.probes.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.equal(state.probes.length, 1);
  assert.deepEqual([state.lines, state.gauge], [[], undefined]);
  stop();
});

/** How often the servers had one client's query, by their logs. */
async function passes(
  server: TestServer,
  others: readonly TestServer[],
  name: string,
  port: 1 | 2 = 1,
): Promise<number> {
  const from = performance.now();
  const reply = await server.ask({ ask: `${name} A`, port });
  const took = performance.now() - from;
  assert.equal(reply?.rcode, "SERVFAIL");
  assert.ok(took < 1_000, `${took} ms`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  return [server, ...others].flatMap(({ lines }) => lines).filter((line) => line.includes(` ${name} `)).length;
}

/** Row E11: at most 40 packets a query. A loop that is known costs a few. */
const MAX_PASSES = 10;
const found = /^\[ERROR\] plugin\/loop: Loop \(\S+ -> \S+\) detected for zone "\."/;

test("loop: a server that forwards to itself", { timeout: 60_000 }, async () => {
  const server = await TestServer.start({
    corefile: ".:{PORT} {\n multisocket 2\n log\n loop\n forward . 127.0.0.1:{PORT}\n}\n",
  });
  try {
    assert.ok(await server.line(found, 0, 5_000), server.lines.slice(-5).join("\n"));
    for (let i = 0; i < 6; i++) {
      const count = await passes(server, [], `www${i}.example.org.`);
      assert.ok(count <= MAX_PASSES, `${count} packets`);
    }
    assert.equal(server.lines.filter((line) => found.test(line)).length, 1, "it is said once");
  } finally {
    assert.equal(await server.stop(), 0, "a loop never ends the process");
  }
});

for (const both of [true, false]) {
  test(`loop: two servers that forward to each other, ${both ? "both look" : "one looks"}`, {
    timeout: 60_000,
  }, async () => {
    const corefile = (port: string, to: string, looks: boolean) =>
      `.:${port} {\n bind 127.0.0.1\n log\n ${looks ? "loop" : ""}\n forward . 127.0.0.1:${to}\n}\n`;
    const first = await TestServer.start({ corefile: corefile("{PORT}", "{PORT2}", both) });
    const second = await TestServer.start({ corefile: corefile(`${first.port2}`, `${first.port}`, true) });
    try {
      assert.ok(await second.line(found, 0, 5_000), second.lines.slice(-5).join("\n"));
      for (const port of [1, 2] as const) {
        const count = await passes(first, [second], `www${port}.example.org.`, port);
        assert.ok(count <= MAX_PASSES, `${count} packets`);
      }
    } finally {
      assert.deepEqual([await first.stop(), await second.stop()], [0, 0]);
    }
  });
}
