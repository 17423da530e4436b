/** Deadlines of what is asked, when the whole process stands still for longer than they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ANSWERED } from "../../src/plugin/outcome.ts";
import type { Asker } from "../../src/upstream/asker.ts";
import { type Asked, answerAddress, Fakeup, silent } from "../support/fakeup.ts";
import { collectGarbage } from "../support/garbage.ts";
import { ForwardUnderTest, setUp } from "./forward-support.ts";

const PAUSE_MS = 60_000;
/** How often deadlines are looked at. */
const TICK_MS = 10;

for (const { over, options } of [
  { over: "UDP", options: [] },
  { over: "TCP", options: ["force_tcp"] },
])
  test(`over ${over}: what came in a pause is read before deadlines are looked at`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    let paused = 0;
    const answerThenPause = (asked: Asked) => {
      answerAddress(asked);
      // Timers are due before anything is read.
      paused += PAUSE_MS;
      t.mock.timers.tick(TICK_MS);
    };
    const { forward, ups } = await setUp(t, [answerThenPause], options, { clock: () => performance.now() + paused });
    const { outcome, error } = await forward.ask("www.example.org. A");
    assert.equal(outcome, ANSWERED, error);
    assert.equal(ups[0]!.asks(), 1);
  });

test("a query that waited elsewhere before it is asked has its whole time to be answered", async (t) => {
  let waited = 0;
  const clock = () => performance.now() + waited;
  const late = (asked: Asked) => setTimeout(() => answerAddress(asked), 100);
  const { forward, ups } = await setUp(t, [late], ["read_timeout 2s"], { clock });
  waited = 2_500;
  const { outcome, error } = await forward.ask("www.example.org. A");
  assert.equal(outcome, ANSWERED, error);
  assert.equal(ups[0]!.asks(), 1);
});

test("whoever always looks too late has his deadlines all the same", async (t) => {
  let looks = 0;
  const clock = () => performance.now() + 1_000 * looks++;
  const { forward } = await setUp(t, [silent], [], { clock });
  const { outcome, error, awakeMs } = await forward.ask("www.example.org. A");
  assert.equal(outcome, 2);
  assert.match(error, /i\/o timeout$/);
  assert.ok(awakeMs < 1_500, `${awakeMs} ms`);
});

test("not more sockets than may be open, and new ports when there is room again", async (t) => {
  const { forward, ups } = await setUp(t, [silent], ["read_timeout 200ms", "max_fails 0"], {
    tcp: false,
    maxSockets: 4,
  });
  const askAll = (count: number, first = 0) =>
    Promise.all(Array.from({ length: count }, (_, i) => forward.ask(`n${first + i}.example.org. A`)));
  const ports = () => new Set(ups[0]!.asked.map(({ port }) => port));
  const waiting = askAll(60);
  await sleep(60);
  const later = askAll(60, 60);
  await sleep(60);
  assert.equal(ups[0]!.asked.length, 120);
  assert.equal(ports().size, 4);
  await Promise.all([waiting, later]);
  ups[0]!.asked.length = 0;
  ups[0]!.script = answerAddress;
  for (let i = 0; i < 12; i++) {
    assert.equal((await forward.ask(`m${i}.example.org. A`)).outcome, ANSWERED);
    await sleep(30);
  }
  assert.ok(ports().size > 4, `${ports().size} ports`);
});

test("nothing holds a stanza that is over", async () => {
  const up = await Fakeup.start(answerAddress);
  const ask = async (): Promise<[Asker, WeakRef<ForwardUnderTest>]> => {
    const forward = await ForwardUnderTest.start(`. ${up.to}`);
    await Promise.all(Array.from({ length: 20 }, () => forward.ask("www.example.org. A")));
    forward.stop();
    return [forward.asker, new WeakRef(forward)];
  };
  const [asker, forward] = await ask();
  await up.stop();
  await sleep(50);
  collectGarbage();
  assert.ok(forward.deref() === undefined);
  assert.equal(asker.waiting.taken, 0);
});
