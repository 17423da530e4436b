/** What is freed when, with readers inside and outside. Threads that meet: `test/stress/cluster-table.test.ts`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadSection, RetiredList, SECTION_WORDS } from "../../src/memory/read-sections.ts";

function setUp(readers: number) {
  const cells = new Int32Array(new SharedArrayBuffer((8 + SECTION_WORDS) * 4));
  const freed: number[] = [];
  const list = new RetiredList(cells, 8, (_, value) => freed.push(value));
  return { list, freed, sections: Array.from({ length: readers }, (_, i) => new ReadSection(cells, 8, i)), cells };
}

test("with nobody inside it is free at once", () => {
  const { list, freed } = setUp(3);
  list.add(0, 1);
  list.add(0, 2);
  list.reclaim();
  assert.deepEqual(freed, [1, 2]);
  assert.equal(list.length, 0);
});

test("what a reader may see stays until it has left, what came later a round longer", () => {
  const { list, freed, sections } = setUp(2);
  sections[1]!.enter();
  list.add(0, 1);
  list.reclaim();
  list.add(0, 2);
  list.reclaim();
  assert.deepEqual(freed, []);
  sections[0]!.enter();
  sections[1]!.leave();
  list.reclaim();
  assert.deepEqual(freed, [1], "reader 0 may have seen 2");
  sections[0]!.leave();
  list.reclaim();
  assert.deepEqual(freed, [1, 2]);
});

test("a reader that has left and come back cannot have seen it", () => {
  const { list, freed, sections } = setUp(1);
  sections[0]!.enter();
  list.add(0, 1);
  list.reclaim();
  sections[0]!.leave();
  sections[0]!.enter();
  list.reclaim();
  assert.deepEqual(freed, [1]);
});

test("a section that an error left open ends with the next one", () => {
  const { list, freed, sections } = setUp(1);
  sections[0]!.enter();
  list.add(0, 1);
  list.reclaim();
  sections[0]!.enter();
  list.reclaim();
  assert.deepEqual(freed, [1]);
  list.add(0, 2);
  list.reclaim();
  assert.deepEqual(freed, [1], "it is inside");
  sections[0]!.leave();
  list.reclaim();
  assert.deepEqual(freed, [1, 2]);
});

test("a dead reader is replaced", () => {
  const { list, freed, sections, cells } = setUp(4);
  sections[2]!.enter();
  sections[3]!.enter();
  list.add(0, 1);
  list.reclaim();
  new ReadSection(cells, 8, 2);
  list.reclaim();
  assert.deepEqual(freed, []);
  new ReadSection(cells, 8, 3);
  list.reclaim();
  assert.deepEqual(freed, [1]);
  list.add(0, 2);
  list.reclaim();
  assert.deepEqual(freed, [1, 2]);
});
