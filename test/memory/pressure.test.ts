/** How bounds shrink while memory is short. */
import assert from "node:assert/strict";
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

test("a process that may have more than it has is never short", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  watchMemory(() => assert.fail("it was short"), 1024 ** 4);
  t.mock.timers.tick(100);
  assert.equal(roomLeft(), 1);
});

test("one that has all that it may have is told so again and again", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let told = 0;
  watchMemory(() => told++, process.memoryUsage.rss() / 4);
  t.mock.timers.tick(100);
  assert.equal(told, 4);
  assert.equal(roomLeft(), 1 / 8);
});
