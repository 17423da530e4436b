import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { reload } from "../../src/plugins/reload.ts";
import { linkChain, parseBlock } from "../support/chain.ts";
import { TestServer } from "../support/server.ts";

for (const { text, intervalMs = 30_000, jitterMs = 15_000 } of [
  { text: "reload" },
  { text: "reload 2s", intervalMs: 2_000, jitterMs: 1_000 },
  { text: "reload 10s", intervalMs: 10_000, jitterMs: 5_000 },
  { text: "reload 10s 0", intervalMs: 10_000, jitterMs: 0 },
  { text: "reload 1m 9s", intervalMs: 60_000, jitterMs: 9_000 },
  { text: "reload 10s 9s", intervalMs: 10_000, jitterMs: 5_000 },
  { text: "reload 10s 1s\nreload 20s 2s", intervalMs: 20_000, jitterMs: 2_000 },
  { text: "reload {\n}" },
]) {
  test(`reload: ${text.replaceAll("\n", " ")}`, () => {
    const { controls, elements, mistakes } = parseBlock([reload], `. {\n${text}\n}`);
    assert.deepEqual(mistakes, []);
    assert.deepEqual(elements, [], "no place in the chain");
    assert.deepEqual(controls[0]?.element.config, { intervalMs, jitterMs });
  });
}

for (const [text, mistake] of [
  ["reload 1s", "2:8: plugin/reload: interval value must be greater or equal to 2s"],
  ["reload 0", "2:8: plugin/reload: interval value must be greater or equal to 2s"],
  ["reload -10s", "2:8: plugin/reload: interval value must be greater or equal to 2s"],
  ["reload 10", '2:8: plugin/reload: time: missing unit in duration "10"'],
  ["reload off", '2:8: plugin/reload: time: invalid duration "off"'],
  ["reload 5x", '2:8: plugin/reload: time: unknown unit "x" in duration "5x"'],
  ["reload 10s 500ms", "2:12: plugin/reload: jitter value must be 0 or greater or equal to 1s"],
  ["reload 10s -3s", "2:12: plugin/reload: jitter value must be 0 or greater or equal to 1s"],
  [
    "reload 10s 5s 3s",
    "2:15: plugin/reload: Wrong argument count or unexpected line ending after '3s', expected no more than 2 arguments",
  ],
] as const) {
  test(`reload: ${text}: a mistake`, () => {
    assert.deepEqual(parseBlock([reload], `. {\n${text}\n}`).mistakes, [`Corefile:${mistake}`]);
  });
}

test("reload: options are left out with a warning", () => {
  const { warnings, mistakes } = parseBlock([reload], ". {\n reload {\n  a\n }\n}");
  assert.deepEqual(mistakes, []);
  assert.equal(warnings.length, 1);
});

interface Script {
  hash: string | Error;
  reason: string | undefined;
  isMistake: boolean;
  /** Settles when a reload may end. */
  gate: Promise<void>;
  asked: number;
  reloads: number;
}

/** A control half with a server that does what `script` says, and a clock that the test turns. */
async function watched(corefile: string, script: Script, plugins = [reload]) {
  mock.timers.enable({ apis: ["setTimeout"] });
  const chain = await linkChain({
    plugins,
    corefile,
    last: () => 0,
    instance: {
      configurationHash: "first",
      readConfigurationHash: async () => {
        script.asked++;
        if (script.hash instanceof Error) throw script.hash;
        return script.hash;
      },
      reload: async () => {
        script.reloads++;
        await script.gate;
        return script.reason === undefined ? undefined : { reason: script.reason, isMistake: script.isMistake };
      },
    },
  });
  return {
    chain,
    async pass(ms: number) {
      mock.timers.tick(ms);
      for (let i = 0; i < 20; i++) await Promise.resolve();
    },
    lines: () => chain.lines.map(({ level, text }) => `${level} ${text}`),
    /** The configurations that are said to run. */
    shown: () => [...chain.gauges.keys()],
    failed: () => chain.row.read(chain.row.descriptions[0]!)[0],
    async stop() {
      await chain.stop();
      mock.timers.reset();
    },
  };
}

function newScript(): Script {
  return { hash: "first", reason: undefined, isMistake: true, gate: Promise.resolve(), asked: 0, reloads: 0 };
}

test("reload: looks in its interval, and acts on a change only", async () => {
  const script = newScript();
  const watch = await watched(". {\n reload 10s 0\n}", script);
  try {
    await watch.pass(9_999);
    assert.equal(script.asked, 0);
    await watch.pass(1);
    assert.deepEqual([script.asked, script.reloads], [1, 0]);
    script.hash = "second";
    await watch.pass(10_000);
    assert.deepEqual([script.asked, script.reloads], [2, 1]);
    await watch.pass(10_000);
    assert.deepEqual([script.asked, script.reloads], [3, 1]);
    assert.deepEqual(watch.lines(), []);
    assert.equal(watch.failed(), 0);
  } finally {
    await watch.stop();
  }
});

test("reload: a mistake is logged, counted, and not tried again until there is another change", async () => {
  const script = { ...newScript(), hash: "second", reason: "listen: no" };
  const watch = await watched(". {\n reload 2s 0\n}", script);
  const line = "ERROR Corefile changed but reload failed: starting with listener file descriptors: listen: no";
  try {
    for (let i = 0; i < 3; i++) await watch.pass(2_000);
    assert.deepEqual([script.reloads, watch.failed()], [1, 1]);
    assert.deepEqual(watch.shown(), ["reload_version_info sha512 second"]);
    assert.deepEqual(watch.lines(), [line]);
    script.hash = "first";
    await watch.pass(2_000);
    assert.deepEqual([script.reloads, watch.failed()], [2, 2]);
    assert.deepEqual(watch.shown(), ["reload_version_info sha512 first"]);
  } finally {
    await watch.stop();
  }
});

test("reload: what failed for another reason is tried again at each look", async () => {
  const script: Script = { ...newScript(), hash: "second", reason: "listen: no", isMistake: false };
  const watch = await watched(". {\n reload 2s 0\n}", script);
  try {
    for (let i = 0; i < 3; i++) await watch.pass(2_000);
    assert.deepEqual([script.reloads, watch.failed()], [3, 3]);
    script.reason = undefined;
    for (let i = 0; i < 3; i++) await watch.pass(2_000);
    assert.deepEqual([script.reloads, watch.failed()], [4, 3]);
  } finally {
    await watch.stop();
  }
});

test("reload: files that cannot be read are said each time and counted once", async () => {
  const problem = new Error("Corefile:6 - Error during parsing: Unexpected EOF");
  const script: Script = { ...newScript(), hash: problem };
  const watch = await watched(". {\n reload 2s 0\n}", script);
  const line = "WARNING Corefile parse failed: Corefile:6 - Error during parsing: Unexpected EOF";
  try {
    for (let i = 0; i < 3; i++) await watch.pass(2_000);
    assert.deepEqual([script.reloads, watch.failed()], [0, 1]);
    assert.deepEqual(watch.lines(), [line, line, line]);
    // Back to what is in use: nothing to do.
    script.hash = "first";
    await watch.pass(2_000);
    assert.deepEqual([script.reloads, watch.failed()], [0, 1]);
    // The same once more is another failure.
    script.hash = problem;
    for (let i = 0; i < 2; i++) await watch.pass(2_000);
    assert.equal(watch.failed(), 2);
  } finally {
    await watch.stop();
  }
});

test("reload: two blocks that want it are one watch, as the last of them says", async () => {
  const script = newScript();
  const slower = { ...reload, parse: () => ({ intervalMs: 3_000, jitterMs: 0 }) };
  const watch = await watched(". {\n reload 2s 0\n}", script, [reload, slower]);
  try {
    for (let i = 0; i < 12; i++) await watch.pass(1_000);
    assert.equal(script.asked, 4);
  } finally {
    await watch.stop();
  }
});

test("reload: never two at a time, and none after the end", async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const script: Script = { ...newScript(), hash: "second", reason: "no", gate };
  const watch = await watched(". {\n reload 2s 0\n}", script);
  try {
    await watch.pass(2_000);
    script.hash = "third";
    for (let i = 0; i < 5; i++) await watch.pass(2_000);
    assert.equal(script.reloads, 1, "the first one is still on its way");
    await watch.chain.stop();
    open();
    await watch.pass(2_000);
    await watch.pass(2_000);
    assert.equal(script.reloads, 1);
    assert.equal(watch.failed(), 0, "whoever has been replaced says nothing");
  } finally {
    await watch.stop();
  }
});

test("reload: the jitter stays within its half", async () => {
  const asked: number[] = [];
  for (let round = 0; round < 20; round++) {
    const script = newScript();
    const watch = await watched(". {\n reload 10s 4s\n}", script);
    let at = 0;
    for (; script.asked === 0 && at < 20_000; at += 100) await watch.pass(100);
    asked.push(at);
    await watch.stop();
  }
  assert.ok(
    asked.every((at) => at >= 8_000 && at <= 12_100),
    asked.join(),
  );
  assert.ok(new Set(asked).size > 3, `hardly random: ${asked.join()}`);
});

test("reload: a server takes a changed file, and keeps to the last good one", { timeout: 60_000 }, async () => {
  const with_ = (text: string) => `.:{PORT} {\n reload 2s 0\n${text}\n}\nb.test:{PORT} {\n reload 2s 0\n whoami\n}\n`;
  const server = await TestServer.start({ corefile: with_(" whoami") });
  try {
    const [first] = server.lines.filter((line) => line.startsWith("[INFO] plugin/reload: Running configuration"));
    assert.match(first ?? "", /^\[INFO\] plugin\/reload: Running configuration SHA512 = [0-9a-f]{128}$/);
    assert.equal(server.lines.filter((line) => line.includes("SHA512")).length, 1, "two blocks, one line");
    let from = server.lines.length;
    server.write("Corefile", with_(" erratic {\n  drop 0\n }"));
    assert.ok(await server.line(/^\[INFO\] Reloading complete$/, from, 6_000));
    assert.equal((await server.ask({ ask: "www.example.org. A" }))?.answer.length, 1);
    assert.ok(server.lines.slice(from).some((line) => /SHA512 = [0-9a-f]{128}$/.test(line) && line !== first));

    from = server.lines.length;
    server.write("Corefile", with_(" nonsense"));
    const failure =
      /^\[ERROR\] plugin\/reload: Corefile changed but reload failed: starting with listener file descriptors: .*Unknown directive 'nonsense'$/;
    assert.ok(await server.line(failure, from, 6_000));
    assert.equal((await server.ask({ ask: "www.example.org. A" }))?.answer.length, 1);

    from = server.lines.length;
    server.write("Corefile", ".:{PORT} {\n reload 2s 0\n whoami {\n");
    assert.ok(await server.line(/^\[WARNING\] plugin\/reload: Corefile parse failed: .*Unexpected EOF$/, from, 6_000));
    assert.equal((await server.ask({ ask: "www.example.org. A" }))?.answer.length, 1);

    from = server.lines.length;
    server.write("Corefile", with_(" whoami\n log"));
    assert.ok(await server.line(/^\[INFO\] Reloading complete$/, from, 6_000));
    assert.equal((await server.ask({ ask: "www.example.org. A" }))?.answer.length, 0);
  } finally {
    assert.equal(await server.stop(), 0);
  }
});
