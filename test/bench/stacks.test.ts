/** Flame graphs: what profilers write becomes stacks, and stacks a page. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hottest, renderFlameGraph, type Stack } from "../../bench/load/flame.ts";
import { cpuProfileStacks, perfStacks } from "../../bench/load/stacks.ts";

const samples = `node-Worker  4711
\t    7f01ab JS:'serve file:///srv/weftdns/dist/worker/engine.js:90:8 (/tmp/perf-4700.map)
\t    7f01cd onBatch (/srv/weftdns/dist/native/weft.node)
\t    56789a uv_run (/usr/bin/node)

node-Worker  4712
\t    7f01ab JS:*serve file:///srv/weftdns/dist/worker/engine.js:90:8 (/tmp/perf-4700.map)
\t    7f01cd onBatch (/srv/weftdns/dist/native/weft.node)
\t    56789a uv_run (/usr/bin/node)

node-MainThread  4700
\tffffffff81 do_syscall_64 ([kernel.kallsyms])
\t    7f0011 [unknown] (/lib/x86_64-linux-gnu/libc.so.6)

`;

const text = ({ frames, weight }: Stack) =>
  `${frames.map(({ name, kind }) => `${kind}:${name}`).join(" > ")} = ${weight}`;

test("perf: equal stacks are one, outermost first, threads by their names", () => {
  assert.deepEqual(perfStacks(samples).map(text), [
    "thread:node-Worker > native:uv_run > addon:onBatch > javascript:serve dist/worker/engine.js:90:8 = 2",
    "thread:node-MainThread > native:[libc.so.6] > kernel:do_syscall_64 = 1",
  ]);
});

test("perf: neither lines that are no samples nor an empty text are stacks", () => {
  assert.deepEqual(perfStacks(""), []);
  assert.deepEqual(perfStacks("node  1\n\n"), []);
});

test("V8's profile: samples of the window only, without idle time", () => {
  const frame = (functionName: string, url = "") => ({ functionName, url, lineNumber: 9 });
  const profile = {
    nodes: [
      { id: 1, callFrame: frame("(root)"), children: [2, 4] },
      { id: 2, callFrame: frame("onBatch", "file:///srv/dist/a.js"), children: [3] },
      { id: 3, callFrame: frame("", "node:net") },
      { id: 4, callFrame: frame("(idle)") },
    ],
    startTime: 1_000,
    samples: [3, 3, 4, 2, 3],
    timeDeltas: [100, 100, 100, 100, 100],
  };
  assert.deepEqual(cpuProfileStacks(profile, "thread 1", 1_150, 1_450).map(text), [
    "thread:thread 1 > javascript:onBatch dist/a.js:10 > native:(anonymous) node:net:10 = 100",
    "thread:thread 1 > javascript:onBatch dist/a.js:10 = 100",
  ]);
});

test("the hottest functions by their own samples", () => {
  const [first, second] = hottest(perfStacks(samples), 2);
  assert.deepEqual(
    [first!.name, first!.share, second!.name],
    ["serve dist/worker/engine.js:90:8", 2 / 3, "do_syscall_64"],
  );
});

test("the page is complete in one file, and a function's name cannot end its script", () => {
  const frames = [{ name: "</script><img src=x>", kind: "native" } as const];
  const page = renderFlameGraph("zone-1k", "", [{ frames, weight: 1 }]);
  assert.equal(page.match(/<\/script>/g)!.length, 1);
  assert.doesNotMatch(page, /https?:|<img|<link|src=(?!x)/);
  const data = /const root = (.*);\n/.exec(page)![1]!;
  assert.equal(JSON.parse(data).c[0].n, frames[0]!.name);
});
