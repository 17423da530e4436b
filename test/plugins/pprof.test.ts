import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { startHeapProfile } from "node:v8";
import type { Worker } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import { Profile } from "pprof-format";
import { pprof } from "../../src/plugins/pprof/index.ts";
import { cpuStacks, heapStacks } from "../../src/plugins/pprof/stacks.ts";
import { takeProfile } from "../../src/plugins/pprof/take-profile.ts";
import { parseBlock } from "../support/chain.ts";
import { get } from "../support/http.ts";
import { TestServer } from "../support/server.ts";

for (const { text, address = "localhost:6053" } of [
  { text: "pprof" },
  { text: "pprof :6061 {\n}", address: ":6061" },
  { text: "pprof {\n block\n}" },
  { text: "pprof {\n block 0\n block -1\n block 20\n}" },
]) {
  test(`pprof: ${text.replaceAll("\n", " ")}`, () => {
    const { controls, elements, mistakes } = parseBlock([pprof], `. {\n${text}\n}`);
    assert.deepEqual(mistakes, []);
    assert.deepEqual(elements, [], "no place in the chain");
    assert.deepEqual(controls[0]?.element.config, { address });
  });
}

const count = "Wrong argument count or unexpected line ending after";
for (const [text, mistake] of [
  ["pprof foo", "2:7: plugin/pprof: address foo: missing port in address"],
  ['pprof ""', "2:7: plugin/pprof: missing port in address"],
  ["pprof ::1", "2:7: plugin/pprof: address ::1: too many colons in address"],
  ["pprof :1 x", `2:10: plugin/pprof: ${count} 'x', expected no more than 1 argument`],
  ["pprof\npprof", "3:1: plugin/pprof: this plugin can only be used once per Server Block"],
  ["pprof {\nblock x\n}", "3:7: plugin/pprof: property 'block' invalid integer value 'x'"],
  ["pprof {\nblock 1 2\n}", `3:9: plugin/pprof: ${count} '2', expected no more than 1 argument`],
  ["pprof {\nfoo\n}", "3:1: plugin/pprof: unknown property 'foo'"],
] as const) {
  test(`pprof: ${text.replaceAll("\n", " ")}: a mistake`, () => {
    assert.deepEqual(parseBlock([pprof], `. {\n${text}\n}`).mistakes, [`Corefile:${mistake}`]);
  });
}

const frame = (functionName: string, lineNumber = 1) => ({
  functionName,
  url: "file:///a.js",
  lineNumber,
  columnNumber: 1,
});
const names = (stacks: ReturnType<typeof cpuStacks>) =>
  stacks.map(({ frames, values }) => `${frames.map((one) => one.functionName).join("<")} ${values.join()}`);

test("pprof: V8's CPU profile as stacks, what is idle left out", () => {
  const json = JSON.stringify({
    nodes: [
      { id: 1, callFrame: frame("(root)"), children: [2, 3, 4] },
      { id: 2, callFrame: frame("(idle)") },
      { id: 3, callFrame: frame("outer"), children: [5] },
      { id: 4, callFrame: frame("(program)") },
      { id: 5, callFrame: frame("inner") },
    ],
    samples: [3, 2, 5, 3, 5, 4, 2],
    timeDeltas: [9_000, 100, 10, 20, 30, 5, 1_000],
  });
  assert.deepEqual(names(cpuStacks(json)), ["inner<outer 2,40000", "outer 1,20000", "(program) 1,5000"]);
});

test("pprof: V8's heap profile as stacks", () => {
  const leaf = { callFrame: frame("leaf"), selfSize: 7, children: [] };
  const head = {
    callFrame: frame("(root)"),
    selfSize: 3,
    children: [{ callFrame: frame("outer"), selfSize: 0, children: [leaf] }, leaf],
  };
  assert.deepEqual(names(heapStacks(JSON.stringify({ head }))).sort(), ["leaf 7", "leaf<outer 7"]);
});

/** A worker that begins its profile after so long, and notes its end. */
function workerAfter(ms: number, ended: string[]): Worker {
  const stop = () => {
    ended.push(`after ${ms} ms`);
    return JSON.stringify({ head: { callFrame: frame("(root)"), selfSize: 0, children: [] } });
  };
  return { threadId: 1, startHeapProfile: () => sleep(ms, { stop }) } as unknown as Worker;
}

test("pprof: every profile that has begun is ended, whoever fails or is late", async () => {
  const ended: string[] = [];
  const failing = { threadId: 1, startHeapProfile: () => Promise.reject(new Error("gone")) } as unknown as Worker;
  const workers = [failing, workerAfter(0, ended), workerAfter(3_500, ended)];
  const other = startHeapProfile();
  try {
    // The main thread has one already, and cannot have two.
    await takeProfile("heap", 0, workers, new AbortController().signal);
  } finally {
    other.stop();
  }
  assert.deepEqual(ended, ["after 0 ms"]);
  await sleep(600);
  assert.deepEqual(ended, ["after 0 ms", "after 3500 ms"]);
});

test("pprof: threads begin and end one after the other, so that not all of them stand still at once", async () => {
  let standing = 0;
  const acts: string[] = [];
  const standStill = async (act: string) => {
    assert.equal(++standing, 1, act);
    await sleep(30);
    standing--;
    acts.push(act);
  };
  const profile = JSON.stringify({ nodes: [], samples: [], timeDeltas: [] });
  const workers = [1, 2].map((threadId) => {
    const stop = () => standStill(`${threadId} ends`).then(() => profile);
    return { threadId, startCpuProfile: () => standStill(`${threadId} begins`).then(() => ({ stop })) };
  });
  await takeProfile("profile", 0, workers as unknown as Worker[], new AbortController().signal);
  assert.deepEqual(acts, ["1 begins", "2 begins", "1 ends", "2 ends"]);
});

const run = promisify(execFile);
const go = await run("go", ["version"]).then(
  () => undefined,
  () => "go is not here",
);

/** One server for all that is asked over HTTP, with queries going on. */
test("pprof: over HTTP", { timeout: 60_000 }, async (t) => {
  const server = await TestServer.start({
    corefile: ".:{PORT} {\n multisocket 2\n pprof 127.0.0.1:{PORT2}\n whoami\n}\n",
  });
  const directory = mkdtempSync(join(tmpdir(), "weftdns-pprof-"));
  const fetch = (path: string) => get(server.port2, `/debug/pprof/${path}`, 10_000);
  let going = true;
  const asking = (async () => {
    while (going) await server.ask({ ask: "www.example.org. A" });
  })();
  try {
    for (const { path, status, text } of [
      { path: "", status: 200, text: /<a href="profile">profile<\/a>/ },
      { path: "cmdline", status: 200, text: /\0-conf\0/ },
      { path: "goroutine", status: 200, text: /^threads: total 3\nmain: cpu [\s\S]*\nworker-\d+: cpu [\s\S]*TCP/ },
      { path: "block", status: 501, text: /never wait/ },
      { path: "nothing", status: 404, text: /not found/ },
    ]) {
      await t.test(path === "" ? "the index" : path, async () => {
        const reply = await fetch(path);
        assert.equal(reply?.status, status);
        assert.match(reply.text, text);
      });
    }
    for (const { name, type, unit } of [
      { name: "profile", type: "samples", unit: "count" },
      { name: "heap", type: "inuse_space", unit: "bytes" },
      { name: "allocs", type: "alloc_space", unit: "bytes" },
    ]) {
      await t.test(name, async () => {
        const [reply, second] = await Promise.all([fetch(`${name}?seconds=1`), fetch(`${name}?seconds=1`)]);
        assert.deepEqual([reply?.status, second?.status].sort(), [200, 500], "one at a time");
        const { type: contentType, body } = reply?.status === 200 ? reply : second!;
        assert.equal(contentType, "application/octet-stream");
        const profile = Profile.decode(gunzipSync(body));
        const text = (index: number | bigint) => profile.stringTable.strings[Number(index)];
        assert.deepEqual([text(profile.sampleType[0]!.type), text(profile.sampleType[0]!.unit)], [type, unit]);
        assert.ok(profile.sample.length > 0, "samples");
        const threads = new Set(profile.sample.map(({ label }) => text(label[0]!.str)));
        assert.ok(
          [...threads].every((thread) => /^(main|worker-\d+)$/.test(thread ?? "")),
          [...threads].join(),
        );
        const path = join(directory, name);
        writeFileSync(path, body);
        if (go !== undefined) return;
        const top = await run("go", ["tool", "pprof", "-top", path]);
        assert.match(top.stdout, new RegExp(`Type: ${name === "profile" ? "cpu" : type}`));
        assert.match(top.stdout, /flat%/);
      });
    }
  } finally {
    going = false;
    await asking;
    assert.equal(await server.stop(), 0);
    rmSync(directory, { recursive: true });
  }
});

test("pprof: whoever waits for a profile does not hold up the end", async () => {
  const server = await TestServer.start({ corefile: ".:{PORT} {\n pprof 127.0.0.1:{PORT2}\n whoami\n}\n" });
  const waiting = get(server.port2, "/debug/pprof/profile?seconds=60", 10_000);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const from = performance.now();
  assert.equal(await server.stop(), 0);
  assert.ok(performance.now() - from < 3_000);
  await waiting;
});
