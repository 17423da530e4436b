import assert from "node:assert/strict";
import { test } from "node:test";
import { demandOf, fairLimits } from "../../src/worker/fair-share.ts";
import type { Sender } from "../../src/worker/heavy-senders.ts";

/** Whose queries cost `unit` each. */
const sender = (high: number, count: number, unit = 1): Sender => ({
  family: 4,
  high,
  low: 0,
  count,
  cost: count * unit,
});

/** What is kept of each sender's datagrams, 1 where no limit holds. */
function keeps(sent: readonly number[], capacity: number): number[] {
  const senders = sent.map((count, i) => sender(i, count));
  const total = sent.reduce((sum, count) => sum + count, 0);
  const limits = fairLimits(senders, { refused: 0, total, sent }, capacity);
  return senders.map(({ high }) => limits.find((limit) => limit.high === high)?.keep ?? 1);
}

const SHARES: { title: string; sent: number[]; capacity: number; kept: number[] }[] = [
  { title: "nobody is cut when there is room", sent: [900, 50, 50], capacity: 1000, kept: [900, 50, 50] },
  { title: "one loud sender gets what the others leave", sent: [2000, 50, 50], capacity: 1000, kept: [900, 50, 50] },
  { title: "two loud ones share it", sent: [2000, 1000, 100], capacity: 1000, kept: [450, 450, 100] },
  { title: "equal ones are cut equally", sent: [600, 600, 600, 600], capacity: 1200, kept: [300, 300, 300, 300] },
  {
    title: "who asks for less than a share is left alone",
    sent: [1000, 300, 200],
    capacity: 900,
    kept: [400, 300, 200],
  },
];
for (const { title, sent, capacity, kept } of SHARES) {
  test(`shares: ${title}`, () => {
    assert.deepEqual(
      keeps(sent, capacity).map((keep, i) => Math.round(keep * sent[i]!)),
      kept,
    );
  });
}

test("shares: among thousands of equals nobody is picked out, one far above is", () => {
  const equals = Array.from({ length: 1000 }, (_, i) => 100 + (i % 7));
  assert.equal(Math.min(...keeps(equals, 50_000)), 1);
  const [loud, ...others] = keeps([5_000, ...equals], 50_000);
  assert.ok(loud! < 0.05, `${loud} of the loud one is kept`);
  assert.equal(Math.min(...others), 1);
});

test("shares: of a hundred loud ones each is cut, and of twenty quiet ones none", () => {
  const all = keeps([...Array.from({ length: 100 }, () => 300), ...Array.from({ length: 20 }, () => 10)], 10_000);
  for (const [i, keep] of all.entries()) assert.equal(keep, i < 100 ? 98 / 300 : 1);
});

test("demand: without limits all drops are those of a full buffer, whoever sent them", () => {
  const demand = demandOf({ received: 1000, dropped: 500, senders: [sender(1, 800), sender(2, 200)], limits: [] });
  assert.equal(demand.refused, 0);
  assert.deepEqual(demand.sent, [1200, 300]);
});

test("demand: what a limit refused is told apart from what found no room", () => {
  // Sent: 10,000 and 300. A tenth of the first passed, 1,300 in all; 650 of them found no room.
  const limits = [{ family: 4, high: 1, low: 0, keep: 0.1 }] as const;
  const demand = demandOf({ received: 650, dropped: 9_650, senders: [sender(1, 500), sender(2, 150)], limits });
  assert.equal(Math.round(demand.refused), 9_000);
  assert.deepEqual(demand.sent.map(Math.round), [10_000, 300]);
});

test("demand: who asks for what is dear wants more than who asks as often for what is cheap, and gets as much work", () => {
  const senders = [sender(1, 500, 4), sender(2, 500)];
  const demand = demandOf({ received: 1_000, dropped: 1_000, senders, limits: [] });
  assert.deepEqual(demand.sent, [4_000, 1_000]);
  assert.equal(demand.total, 5_000);
  const limits = fairLimits(senders, demand, 1_600);
  assert.deepEqual(
    limits.map(({ high, keep }) => [high, keep]),
    [
      [1, 0.2],
      [2, 0.8],
    ],
  );
});
