import assert from "node:assert/strict";
import { test } from "node:test";
import { TimerWheel } from "../../src/upstream/timer-wheel.ts";

function makeWheel(capacity = 8): { wheel: TimerWheel; due: number[] } {
  const due: number[] = [];
  return { wheel: new TimerWheel(capacity, 10, (index) => due.push(index)), due };
}

test("a deadline is told once, never early, at most a tick late", () => {
  for (const start of [0, 3, 1e6 + 7]) {
    for (const delay of [0, 1, 10, 99, 100, 5_119, 5_120, 12_345]) {
      const { wheel, due } = makeWheel();
      wheel.advance(start);
      wheel.set(1, start + delay);
      let now = start;
      while (due.length === 0 && now < start + delay + 100) wheel.advance(++now);
      assert.ok(now >= start + delay && now <= start + delay + 10, `${delay} after ${start}: told at ${now - start}`);
      wheel.advance(now + 20_000);
      assert.deepEqual(due, [1]);
      assert.equal(wheel.count, 0);
    }
  }
});

test("a deadline can be moved and cleared", () => {
  const { wheel, due } = makeWheel();
  wheel.set(1, 50);
  wheel.set(2, 50);
  wheel.set(3, 50);
  wheel.set(2, 200);
  wheel.clear(3);
  wheel.clear(4);
  assert.equal(wheel.count, 2);
  wheel.advance(100);
  assert.deepEqual(due, [1]);
  wheel.advance(210);
  assert.deepEqual(due, [1, 2]);
});

test("who is told may clear and set others that are due at the same time", () => {
  const due: number[] = [];
  const wheel: TimerWheel = new TimerWheel(8, 10, (index) => {
    due.push(index);
    for (const other of [0, 1, 2]) if (other !== index) wheel.clear(other);
    wheel.set(3, 500);
  });
  for (const index of [0, 1, 2]) wheel.set(index, 50);
  wheel.advance(100);
  assert.equal(due.length, 1);
  assert.equal(wheel.count, 1);
});

test("a long pause tells everything that was due meanwhile", () => {
  const { wheel, due } = makeWheel(100);
  for (let i = 0; i < 100; i++) wheel.set(i, i * 137);
  wheel.advance(1e7);
  assert.equal(due.length, 100);
});

test("against a plain list", () => {
  const { wheel, due } = makeWheel(50);
  const plain = new Map<number, number>();
  let now = 0;
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let step = 0; step < 20_000; step++) {
    const index = random(50);
    if (random(3) === 0) {
      wheel.clear(index);
      plain.delete(index);
    } else {
      const deadline = now + random(8_000);
      wheel.set(index, deadline);
      plain.set(index, deadline);
    }
    now += random(40);
    due.length = 0;
    wheel.advance(now);
    for (const told of due) {
      assert.ok(plain.get(told)! <= now, "told early");
      plain.delete(told);
    }
    for (const deadline of plain.values()) assert.ok(deadline > now - 10, "told late");
    assert.equal(wheel.count, plain.size);
  }
});
