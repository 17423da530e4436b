/** Rows of all sizes, given out and taken back: none overlaps another, and memory comes back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Heap } from "../../src/memory/heap.ts";

const MIB = 1024 * 1024;
let state = 1;
function random(below: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (state >>> 8) % below;
}

function isWhole(heap: Heap, at: number, size: number, number: number): boolean {
  for (let i = at; i < at + size; i++) if (heap.words[i] !== number) return false;
  return true;
}

test("rows of random sizes keep what was written into them", () => {
  const heap = new Heap(64 * MIB, 64 * 1024);
  const rows: { number: number; at: number; size: number }[] = [];
  for (let number = 1; number < 30_000; number++) {
    if (rows.length > 3_000 || (rows.length > 0 && random(3) === 0)) {
      const place = random(rows.length);
      const row = rows[place]!;
      assert.ok(isWhole(heap, row.at, row.size, row.number), `row ${row.number}`);
      heap.free(row.at);
      rows[place] = rows.at(-1)!;
      rows.pop();
    }
    const size = random(50) === 0 ? 1 + random(20_000) : 4 + random(random(10) === 0 ? 2_048 : 40);
    const at = heap.allocate(size);
    assert.notEqual(at, 0);
    assert.ok(at + size <= heap.words.length && heap.words.length * 4 === heap.buffer.byteLength);
    heap.words.fill(number, at, at + size);
    rows.push({ number, at, size });
  }
  for (const { number, at, size } of rows) assert.ok(isWhole(heap, at, size, number), `row ${number}`);
  for (const { at } of rows) heap.free(at);
  assert.equal(heap.used, 0);
  assert.equal(heap.blockBytes, 0);
});

test("a full heap says so, and goes on when something is freed", () => {
  const heap = new Heap(MIB, 64 * 1024);
  const rows: number[] = [];
  for (let at = heap.allocate(1_000); at !== 0; at = heap.allocate(1_000)) {
    heap.words[at] = 1;
    rows.push(at);
  }
  assert.ok(rows.length > 150, `${rows.length} rows of 4,000 bytes in a mebibyte`);
  assert.equal(heap.allocate(100_000), 0);
  const spare = heap.allocate(1_000, true);
  assert.notEqual(spare, 0, "whoever makes room finds some");
  heap.words[spare] = 1;
  heap.free(spare);
  heap.free(rows[17]!);
  assert.equal(heap.allocate(1_000), rows[17]!);
});

test("an old view of the memory sees what is written into its part later", () => {
  const heap = new Heap(64 * MIB, 64 * 1024);
  const at = heap.allocate(16);
  const before = heap.words;
  while (heap.words === before) heap.words[heap.allocate(2_000)] = 1;
  heap.words.fill(7, at, at + 16);
  assert.equal(before[at + 15], 7);
});

test("a sparse block can be emptied, and free blocks are offered once", () => {
  const heap = new Heap(64 * MIB);
  const rows: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    const at = heap.allocate(16);
    heap.words[at] = i + 1;
    rows.push(at);
  }
  const live = new Map<number, number>();
  rows.forEach((at, i) => {
    if (i % 11 === 0) live.set(i + 1, at);
    else heap.free(at);
  });
  const before = heap.blockBytes;
  for (let block = heap.sparseBlock(); block >= 0; block = heap.sparseBlock()) {
    for (let at = heap.nextRow(block, 0); at !== 0; at = heap.nextRow(block, at)) {
      const number = heap.words[at]!;
      assert.equal(live.get(number), at);
      const moved = heap.allocate(16);
      heap.words[moved] = number;
      live.set(number, moved);
      heap.free(at);
    }
  }
  for (const [number, at] of live) assert.equal(heap.words[at], number);
  assert.ok(heap.blockBytes * 4 < before, `${heap.blockBytes} of ${before} bytes are left`);
  let offered = 0;
  heap.releaseFree((bytes) => {
    offered += bytes.length;
  });
  assert.equal(offered, before - heap.blockBytes);
  heap.releaseFree(() => assert.fail("it was offered before"));
});
