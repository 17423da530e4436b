/** How bounds shrink while memory is short. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { roomAt, roomLeft, watchMemory } from "../../src/memory/pressure.ts";

for (const { used, left } of [
  { used: 0.1, left: 1 },
  { used: 0.6, left: 1 },
  { used: 0.7, left: 0.5 },
  { used: 0.75, left: 0.25 },
  { used: 0.8, left: 1 / 8 },
  { used: 2, left: 1 / 8 },
])
  test(`of memory of which ${100 * used} % are in use, loads may fill ${left} of their bounds`, () => {
    assert.ok(Math.abs(roomAt(used) - left) < 1e-9, `${roomAt(used)}`);
  });

test("pages of the program count, which the kernel would take back to read them again", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const own = 1_024 * Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))![1]);
  watchMemory((own + 40 * 1_048_576) / 0.7);
  t.mock.timers.tick(100);
  assert.ok(roomLeft() > 0.2 && roomLeft() < 0.8, `${roomLeft()}`);
});

test("a process that may have more than it has is never short, one that has all that it may have is", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  assert.equal(watchMemory(Number.POSITIVE_INFINITY), false);
  assert.equal(watchMemory(1024 ** 4), true);
  t.mock.timers.tick(100);
  assert.equal(roomLeft(), 1);
  t.mock.timers.reset();
  t.mock.timers.enable({ apis: ["setInterval"] });
  watchMemory(process.memoryUsage.rss() / 4);
  t.mock.timers.tick(100);
  assert.equal(roomLeft(), 1 / 8);
});
