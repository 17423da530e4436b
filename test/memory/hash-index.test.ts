/** Index and directory against a plain Map, with hashes that collide. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FIRST_ID, HashIndex, Probe } from "../../src/memory/hash-index.ts";
import { Heap } from "../../src/memory/heap.ts";
import { findRow, idOfMark, kindOfMark, markOf, RETIRED_ROW, RowDirectory } from "../../src/memory/row-directory.ts";

const MIB = 1024 * 1024;
let state = 5;
function random(below: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (state >>> 8) % below;
}

function idsOf(heap: Heap, header: Int32Array, hash: number): number[] {
  const probe = new Probe();
  const ids: number[] = [];
  probe.start(heap.words, header[0]!, hash);
  for (let id = probe.next(); id !== 0; id = probe.next()) ids.push(id);
  return ids;
}

for (const { name, hashOf } of [
  { name: "spread hashes", hashOf: (id: number) => Math.imul(id, 0x9e3779b1) },
  { name: "hashes that differ in the upper bits only", hashOf: (id: number) => id << 22 },
  { name: "hashes of which there are seven", hashOf: (id: number) => Math.imul(id % 7, 0x9e3779b1) },
]) {
  test(`an index finds what is in it: ${name}`, () => {
    const heap = new Heap(64 * MIB);
    const header = new Int32Array(new SharedArrayBuffer(4));
    const live = new Set<number>();
    const retired: number[] = [];
    const index: HashIndex = new HashIndex(
      heap,
      header,
      0,
      (row) => retired.push(row),
      (target) => {
        for (const id of live) target.insert(hashOf(id), id);
      },
    );
    for (let step = 0; step < 6_000; step++) {
      const id = FIRST_ID + random(step < 4_000 ? 600 : 40);
      if (live.has(id)) {
        index.remove(hashOf(id), id);
        live.delete(id);
        index.trim();
      } else if (random(3) > 0) {
        assert.ok(index.reserve(1));
        index.insert(hashOf(id), id);
        live.add(id);
      }
      assert.equal(index.size, live.size);
      const some = FIRST_ID + random(600);
      assert.equal(idsOf(heap, header, hashOf(some)).includes(some), live.has(some), `id ${some} in step ${step}`);
    }
    for (const id of live) index.remove(hashOf(id), id);
    live.clear();
    index.trim();
    assert.deepEqual(idsOf(heap, header, hashOf(3)), []);
    assert.ok(retired.length > 3, "it has grown and shrunk");
  });
}

test("a walk that began before the index was exchanged sees what it had", () => {
  const heap = new Heap(64 * MIB);
  const header = new Int32Array(new SharedArrayBuffer(4));
  const ids: number[] = [];
  const index: HashIndex = new HashIndex(
    heap,
    header,
    0,
    () => {},
    (target) => {
      for (const id of ids) target.insert(id << 22, id);
    },
  );
  for (let id = FIRST_ID; id < 10; id++) {
    ids.push(id);
    index.insert(id << 22, id);
  }
  const probe = new Probe();
  probe.start(heap.words, header[0]!, 9 << 22);
  assert.ok(index.reserve(1_000));
  assert.equal(probe.next(), 9);
});

test("what is no index has nothing in it", () => {
  const heap = new Heap(MIB, 64 * 1024);
  const probe = new Probe();
  for (const base of [heap.words.length + 5, heap.words.length - 1]) {
    heap.words[heap.words.length - 1] = 0x7fffffff;
    probe.start(heap.words, base, 12_345);
    assert.equal(probe.next(), 0);
  }
});

test("a directory keeps rows by id, and an id only comes again when nobody reads it", () => {
  const heap = new Heap(64 * MIB);
  const header = new Int32Array(new SharedArrayBuffer(4));
  const retired: [number, number][] = [];
  const directory = new RowDirectory(3, heap, header, 0, (what, value) => retired.push([what, value]));
  const rows = new Map<number, number>();
  for (let i = 0; i < 1_000; i++) {
    assert.ok(directory.reserve());
    const row = heap.allocate(4);
    heap.words[row] = 1;
    const wanted = directory.nextId();
    assert.equal(directory.add(row), wanted);
    rows.set(wanted, row);
  }
  assert.equal(rows.size, 1_000);
  for (const [id, row] of rows) assert.equal(findRow(heap.words, header[0]!, id), row);
  assert.equal(findRow(heap.words, header[0]!, 1_000_000), 0);
  assert.deepEqual([...directory.ids()], [...rows.keys()]);
  retired.length = 0;
  directory.remove(500);
  assert.deepEqual(retired, [
    [RETIRED_ROW, rows.get(500)],
    [3, 500],
  ]);
  assert.equal(findRow(heap.words, header[0]!, 500), 0);
  assert.notEqual(directory.nextId(), 500);
  directory.freeId(500);
  assert.equal(directory.nextId(), 500);
  const mark = markOf(3, 500);
  assert.deepEqual([kindOfMark(mark), idOfMark(mark)], [3, 500]);
});
