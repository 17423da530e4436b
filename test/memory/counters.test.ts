import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { CounterRow } from "../../src/memory/counters.ts";

test("a counter: its cell grows, and is read by its description", () => {
  const row = new CounterRow();
  const counter = row.counter("queries_total", "Queries.", { server: "dns://:53" });
  counter.add(1);
  counter.add(2);
  const [description] = row.descriptions;
  assert.deepEqual([...row.read(description!)], [3]);
  assert.deepEqual(
    { kind: description!.kind, name: description!.name, labels: description!.labels },
    { kind: "counter", name: "queries_total", labels: { server: "dns://:53" } },
  );
});

test("the same name and labels are the same cell, others are not", () => {
  const row = new CounterRow();
  row.counter("a_total", "A.", { zone: "x" }).add(1);
  row.counter("a_total", "A.", { zone: "x" }).add(1);
  row.counter("a_total", "A.", { zone: "y" }).add(5);
  row.counter("b_total", "B.", { zone: "x" }).add(7);
  assert.deepEqual(
    row.descriptions.map((description) => [description.name, description.labels.zone, ...row.read(description)]),
    [
      ["a_total", "x", 2],
      ["a_total", "y", 5],
      ["b_total", "x", 7],
    ],
  );
});

test("a table has a cell for each combination, the last dimension changing fastest", () => {
  const row = new CounterRow();
  const before = row.counter("before_total", "Before.");
  const table = row.table("t_total", "T.", {}, { proto: ["udp", "tcp"], type: ["A", "AAAA", "other"] });
  const after = row.counter("after_total", "After.");
  table.add(1 * 3 + 2, 4);
  table.add(0, 1);
  before.add(10);
  after.add(20);
  assert.deepEqual(
    row.descriptions.map((description) => [...row.read(description)]),
    [[10], [1, 0, 0, 0, 0, 4], [20]],
  );
});

for (const { value, bucket } of [
  { value: 0, bucket: 0 },
  { value: 1, bucket: 0 },
  { value: 1.5, bucket: 1 },
  { value: 10, bucket: 1 },
  { value: 11, bucket: 2 },
])
  test(`a histogram puts ${value} into bucket ${bucket}: bounds are inclusive`, () => {
    const row = new CounterRow();
    row.histogram("h", "H.", {}, [1, 10]).observe(value);
    const expected = [0, 0, 0, value];
    expected[bucket] = 1;
    assert.deepEqual([...row.read(row.descriptions[0]!)], expected);
  });

const CELLS = CounterRow.SIZE / Float64Array.BYTES_PER_ELEMENT;

test("a full row counts no more, and breaks nothing", () => {
  const row = new CounterRow();
  let refused = 0;
  row.onGrown = (description) => {
    if (description === undefined) refused++;
  };
  row.table("big", "Big.", {}, { n: Array.from({ length: CELLS - 1 }, (_, i) => String(i)) }).add(CELLS - 2, 1);
  row.counter("last", "Last.").add(2);
  assert.equal(refused, 0);
  row.counter("beyond", "Beyond.").add(3);
  row.histogram("beyond_seconds", "Beyond.", {}, [1]).observe(1);
  assert.deepEqual(
    row.descriptions.map((description) => description.name),
    ["big", "last"],
  );
  assert.equal(row.read(row.descriptions[0]!)[CELLS - 2], 1);
  assert.deepEqual([...row.read(row.descriptions[1]!)], [2]);
  assert.equal(refused, 2);
});

test("a cell goes on as long as somebody owns it, then it is read once more and another one's", () => {
  const row = new CounterRow();
  const [first, second] = [{}, {}];
  row.counter("stays_total", "Stays.").add(1);
  const early = row.counter("a_total", "A.", {}, first);
  early.add(1);
  row.counter("a_total", "A.", {}, second).add(1);
  row.histogram("h", "H.", {}, [1], first).observe(1);
  assert.deepEqual(
    row.leave([first]).map(({ name, first: at, count }) => [name, at, count]),
    [["h", 2, 3]],
  );
  early.add(1);
  const [left] = row.leave([second]);
  early.add(1);
  assert.deepEqual([...row.read(left!)], [3]);
  const names = () => row.descriptions.map(({ name, first: at }) => `${name} ${at}`);
  row.counter("b_total", "B.");
  assert.deepEqual(names(), ["stays_total 0", "b_total 5"], "what may still be read is nobody else's");
  row.reuse([left!]);
  row.counter("c_total", "C.").add(7);
  early.add(1);
  assert.deepEqual(names(), ["stays_total 0", "b_total 5", "c_total 1"]);
  assert.deepEqual([row.at(0), row.at(1)], [1, 7]);
});

test("a histogram takes several events of one value at once", () => {
  const row = new CounterRow();
  row.histogram("h", "H.", {}, [1, 10]).observe(2.5, 4);
  assert.deepEqual([...row.read(row.descriptions[0]!)], [0, 4, 0, 10]);
});

test("a gauge goes up and down", () => {
  const row = new CounterRow();
  const gauge = row.gauge("waiting", "Waiting.", { worker: "0" });
  gauge.set(5);
  gauge.set(2);
  assert.deepEqual([row.descriptions[0]!.kind, row.at(0)], ["gauge", 2]);
});

test("what another thread counts is seen here", async () => {
  const shared = new SharedArrayBuffer(CounterRow.SIZE);
  const here = new CounterRow(shared);
  here.counter("queries_total", "Queries.");
  const code = `
    const { workerData } = require("node:worker_threads");
    import(workerData.module).then(({ CounterRow }) => {
      const counter = new CounterRow(workerData.shared).counter("queries_total", "Queries.");
      for (let i = 0; i < 1000; i++) counter.add(1);
    });`;
  const module = new URL("../../src/memory/counters.ts", import.meta.url).href;
  const worker = new Worker(code, { eval: true, workerData: { module, shared } });
  await new Promise((resolve, reject) => worker.once("exit", resolve).once("error", reject));
  assert.deepEqual([...here.read(here.descriptions[0]!)], [1000]);
});
