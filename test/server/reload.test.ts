/** SIGUSR1 and SIGTERM under load lose nothing; a bad Corefile changes nothing. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isLarge } from "../faults/figures.ts";
import { TestServer } from "../support/server.ts";

const plugin = `${import.meta.dirname}/../support/fault-plugin.ts`;
const corefile = `.:{PORT} {\n  multisocket 2\n  ${plugin}\n}\n`;
/** The same names by a listener on one address; what is on all addresses has others. */
const bound = `.:{PORT} {\n  bind 127.0.0.1\n  multisocket 2\n  ${plugin}\n}\nother.test:{PORT} {\n  ${plugin}\n}\n`;
const larger = `${corefile}.:{PORT2} {\n  ${plugin}\n}\n`;

/** Asks without a pause until told to stop; gives how many queries there were and how many had no answer. */
function keepAsking(
  server: TestServer,
  everyEighth: "tcp" | "udp" = "tcp",
): () => Promise<{ asked: number; lost: number }> {
  let going = true;
  let asked = 0;
  let lost = 0;
  const run = async (): Promise<void> => {
    while (going) {
      asked++;
      const reply = await server.ask({ ask: "www.test. A", over: asked % 8 === 0 ? everyEighth : "udp" }, 1_000);
      if (reply?.rcode !== "NOERROR") lost++;
    }
  };
  const runs = Promise.all([run(), run(), run(), run()]);
  return async () => {
    going = false;
    await runs;
    return { asked, lost };
  };
}

for (const { name, text, isLarger, everyEighth } of [
  { name: "listeners come and go", text: larger, isLarger: true, everyEighth: "tcp" },
  // A TCP listener that ends resets what it has not accepted yet.
  { name: "an address goes to a listener of its own, and back", text: bound, isLarger: false, everyEighth: "udp" },
] as const) {
  test(`reload: ${name}, no query is lost`, { timeout: 60_000 }, async () => {
    const server = await TestServer.start({ corefile });
    const stop = keepAsking(server, everyEighth);
    try {
      for (let round = 0; round < 6; round++) {
        const from = server.lines.length;
        server.write("Corefile", round % 2 === 0 ? text : corefile);
        server.signal("SIGUSR1");
        assert.ok(
          await server.line(/^\[INFO\] Reloading complete$/, from, 10_000),
          server.lines.slice(from).join("\n"),
        );
        const reply = await server.ask({ ask: "www.test. A", port: 2 }, 300);
        assert.equal(reply?.rcode, isLarger && round % 2 === 0 ? "NOERROR" : undefined);
      }
      const { asked, lost } = await stop();
      assert.ok(asked > 30, `only ${asked} queries`);
      assert.equal(lost, 0, `${lost} of ${asked}`);
    } finally {
      await stop();
      assert.equal(await server.stop(), 0);
    }
  });
}

for (const { name, text, says } of [
  { name: "an unknown directive", text: ".:{PORT} {\n  nonsense\n}\n", says: /Unknown directive 'nonsense'/ },
  {
    name: "a listener that cannot be opened",
    text: `${corefile}.:{PORT2} {\n  bind 192.0.2.1\n  ${plugin}\n}\n`,
    says: /192\.0\.2\.1/,
  },
]) {
  test(`reload with ${name}: all goes on as before`, async () => {
    const server = await TestServer.start({ corefile });
    try {
      server.write("Corefile", text);
      server.signal("SIGUSR1");
      const line = await server.line(/^\[ERROR\] Restart failed: /, 0, 10_000);
      assert.match(line ?? "", says);
      assert.equal((await server.ask({ ask: "www.test. A" }))?.rcode, "NOERROR");
      // And the next good one is taken.
      server.write("Corefile", larger);
      server.signal("SIGUSR1");
      assert.ok(await server.line(/^\[INFO\] Reloading complete$/, 0, 10_000));
      assert.equal((await server.ask({ ask: "www.test. A", port: 2 }))?.rcode, "NOERROR");
    } finally {
      assert.equal(await server.stop(), 0);
    }
  });
}

const talker = `export default {
  parse() {},
  serve: (_config, { log }) => () => {
    log.debug("asked");
    log.info("asked");
    return 5;
  },
};
`;

test("a plan that workers cannot prepare leaves their logging as it was", { timeout: 30_000 }, async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const corefile = ".:{PORT} {\n  multisocket 1\n  {DIR}/talker.mjs\n}\n";
  const server = await TestServer.start({ corefile, files: { "talker.mjs": talker } });
  try {
    server.write("Corefile", `${corefile}.:${port} {\n  debug\n  bind 127.0.0.1\n}\n`);
    server.signal("SIGUSR1");
    assert.match((await server.line(/Restart failed/, 0, 10_000)) ?? "", new RegExp(`${port}`));
    await server.ask({ ask: "www.test. A" });
    assert.ok(await server.line(/^\[INFO\].* asked$/));
    assert.deepEqual(
      server.lines.filter((line) => line.startsWith("[DEBUG]")),
      [],
    );
  } finally {
    assert.equal(await server.stop(), 0);
  }
});

/** Tells of each query, and ends slowly. */
const teller = `
let count = 0;
export default {
  parse: (directive) => directive.stanzas[0].word(),
  control: async (_config, { onTold, log }) => {
    onTold((value) => log.info("told " + value));
    return { stop: () => new Promise((resolve) => setTimeout(resolve, 1000)) };
  },
  serve: (config, { tell }) => (query) => {
    tell(config + " " + ++count);
    query.reply.begin(query);
    return 0;
  },
};
`;

test("what workers tell while the old control halves end is heard once", { timeout: 30_000 }, async () => {
  const corefileOf = (round: string) => `.:{PORT} {\n  multisocket 1\n  {DIR}/teller.mjs ${round}\n}\n`;
  const server = await TestServer.start({ corefile: corefileOf("old"), files: { "teller.mjs": teller } });
  try {
    server.write("Corefile", corefileOf("new"));
    server.signal("SIGUSR1");
    while (!(await server.line(/told new/, 0, 20))) await server.ask({ ask: "www.test. A" });
    assert.equal(await server.line(/Reloading complete/, 0, 0), undefined);
    assert.ok(await server.line(/Reloading complete/, 0, 5_000));
    const told = server.lines.filter((line) => line.includes("told"));
    assert.deepEqual(told, [...new Set(told)]);
  } finally {
    assert.equal(await server.stop(), 0);
  }
});

for (const { signal, code } of [
  { signal: "SIGTERM", code: 0 },
  { signal: "SIGINT", code: 0 },
  { signal: "SIGQUIT", code: 0 },
] as const) {
  test(`${signal} ends the server with ${code}`, async () => {
    const server = await TestServer.start({ corefile });
    server.signal(signal);
    assert.ok(await server.line(new RegExp(`^\\[INFO\\] ${signal}: `)));
    assert.equal(await server.stop(), code);
  });
}

test("SIGHUP is ignored", async () => {
  const server = await TestServer.start({ corefile });
  server.signal("SIGHUP");
  assert.equal((await server.ask({ ask: "www.test. A" }))?.rcode, "NOERROR");
  assert.equal(await server.stop(), 0);
});

for (const { name, text, says } of [
  {
    name: "several mistakes",
    text: ".:{PORT} {\n  whoamy\n}\nb.test:{PORT} {\n  foo\n}\n",
    says: [/Corefile:2 - Error during parsing: Unknown directive 'whoamy'/, /Corefile:5 - .*'foo'/],
  },
  {
    name: "an address that is not ours",
    text: `.:{PORT} {\n  bind 192.0.2.1\n  ${plugin}\n}\n`,
    says: [/192\.0\.2\.1/],
  },
]) {
  test(`a start with ${name} ends with 1 and says why`, async () => {
    const { code, lines } = await TestServer.run({ corefile: text });
    assert.equal(code, 1);
    for (const line of says) assert.match(lines.join("\n"), line);
  });
}

/** A pool that waits in vain for a worker's word gives it up after 30 s. */
const WATCH_MS = 32_000;
for (const delayMs of [0, 60, 120]) {
  test(`reload ${delayMs} ms behind a worker's death: it ends, and its successor stays`, {
    timeout: 60_000,
    skip: !isLarge && "large only",
  }, async () => {
    const server = await TestServer.start({ corefile });
    try {
      void server.ask({ ask: "crash.test. A" }, 100);
      assert.ok(await server.line(/died/, 0, 5_000));
      await sleep(delayMs);
      const from = server.lines.length;
      server.write("Corefile", larger);
      server.signal("SIGUSR1");
      assert.ok(await server.line(/^\[INFO\] Reloading complete$/, from, 10_000), server.lines.join("\n"));
      assert.equal(await server.line(/died/, from, WATCH_MS), undefined);
      assert.equal((await server.ask({ ask: "www.test. A", port: 2 }))?.rcode, "NOERROR");
    } finally {
      assert.equal(await server.stop(), 0);
    }
  });
}
