/** Row F1: what a forger has to guess. Sized for CI; the long run is the same with more queries. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomBelow, randomWord } from "../../src/upstream/random.ts";
import { answerAddress } from "../support/fakeup.ts";
import { setUp } from "./forward-support.ts";

const QUERIES = 4_000;
const AT_ONCE = 40;

/** The sum of squared deviations from an even spread, in units of its expectation. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

test("F1: ids, ports and letters of upstream queries", async (t) => {
  const { forward, ups } = await setUp(t, [answerAddress]);
  const name = "www.some-long-name.example.org.";
  for (let i = 0; i < QUERIES; i += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => forward.ask(`${i + n}.${name} A`)));
  }
  const udp = ups[0]!.asked.filter(({ over }) => over === "udp");
  assert.equal(udp.length, QUERIES);
  const ids = udp.map(({ bytes }) => bytes.readUInt16BE(0));
  // 4,000 draws of 65,536: about 3,880 are different.
  assert.ok(new Set(ids).size > 3_750);
  const buckets = new Array<number>(64).fill(0);
  for (const id of ids) buckets[id >> 10]!++;
  // 63 degrees of freedom: beyond 126 once in a hundred thousand runs.
  assert.ok(chiSquare(buckets) < 126, `chi² ${chiSquare(buckets)}`);
  const byPort = new Map<number, number>();
  for (const { port } of udp) byPort.set(port, (byPort.get(port) ?? 0) + 1);
  // One socket serves five queries; a port may be drawn again.
  assert.ok(byPort.size > QUERIES / 6, `${byPort.size} ports`);
  // Ports of one run must not be neighbours: most steps are larger than a hundred.
  const ports = [...byPort.keys()];
  const steps = ports.slice(1).filter((port, i) => Math.abs(port - ports[i]!) > 100);
  assert.ok(steps.length > 0.9 * ports.length);
  const spellings = new Set(udp.map(({ ask }) => ask.slice(ask.indexOf(".") + 1)));
  assert.ok(spellings.size > 0.99 * QUERIES);
});

test("F1: a port is open for a moment only", async (t) => {
  const { forward, ups } = await setUp(t, [answerAddress]);
  const ports = new Set<number>();
  for (let i = 0; i < 5; i++) {
    await forward.ask("www.example.org. A");
    ports.add(ups[0]!.asked.at(-1)!.port);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(ports.size, 5);
});

test("random numbers: even, below their bound", () => {
  const counts = new Array<number>(15).fill(0);
  for (let i = 0; i < 15_000; i++) counts[randomBelow(15)]!++;
  // 14 degrees of freedom: beyond 50 once in a hundred thousand runs.
  assert.ok(chiSquare(counts) < 50, `chi² ${chiSquare(counts)}`);
  const words = new Set(Array.from({ length: 10_000 }, () => randomWord()));
  assert.ok(words.size > 9_990);
});
