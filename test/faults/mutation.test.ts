/**
 * Rows A3, A7, A9, A12: bytes that nobody honest sends, against what reads and writes messages, in this process: millions
 * of changed messages, and those that are built to take long. A seed that fails is printed; SEED=n begins there.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Reading } from "../../src/dns/request.ts";
import { expandName } from "../../src/dns/wire-name.ts";
import { encodeQuestion, recordWire } from "../support/wire.ts";
import { figure, sized } from "./figures.ts";
import { asked, bestMs, good, reply, request, room, seeds, Trial } from "./messages.ts";
import { changed, randomFrom } from "./mutate.ts";

const MAX_MS = 10;
const ROUNDS = sized(60_000, 20_000_000);
const FIRST_SEED = Number(process.env.SEED ?? 1);

test(`A9: ${ROUNDS} changed messages: nothing is thrown, nothing hangs, memory stays`, { timeout: 7_200_000 }, () => {
  const trial = new Trial();
  const round = (seed: number): void => {
    const random = randomFrom(seed);
    trial.run(changed(seeds[random() % seeds.length]!, random), `seed ${seed}`);
  };
  const half = ROUNDS / 2;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + half; seed++) round(seed);
  const before = process.memoryUsage().rss;
  for (let seed = FIRST_SEED + half; seed < FIRST_SEED + ROUNDS; seed++) round(seed);
  const grown = Math.max(0, process.memoryUsage().rss - before) / 2 ** 20;
  // Else only the first checks would have been tested.
  assert.ok(trial.taken > ROUNDS / 10, `only ${trial.taken} were taken for messages`);
  figure({ row: "A9", what: "executions", value: ROUNDS, atLeast: ROUNDS });
  figure({ row: "A9", what: "thrown", value: 0, atMost: 0 });
  figure({ row: "A9", what: "slowest", value: Number(trial.slowestMs.toFixed(3)), unit: "ms", atMost: MAX_MS });
  figure({ row: "A9", what: "memory in the second half", value: Math.round(grown), unit: "MiB", atMost: 48 });
});

/** Names in a message of `size` bytes that lead as far astray as can be. */
const pointer = (to: number) => [0xc0 | (to >> 8), to & 255];
const mazes: readonly { readonly name: string; readonly bytes: readonly number[]; readonly at: number }[] = [
  { name: "to itself", bytes: pointer(12), at: 12 },
  { name: "forward", bytes: [...pointer(14), 1, 97, 0], at: 12 },
  { name: "in a circle", bytes: [1, 97, ...pointer(16), ...pointer(12)], at: 16 },
  { name: "into the header", bytes: pointer(0), at: 12 },
  { name: "past the end", bytes: pointer(0x3fff), at: 12 },
  { name: "label type 01", bytes: [0x40, 97, 0], at: 12 },
  { name: "label type 10", bytes: [0x80, 97, 0], at: 12 },
  {
    name: "a thousand hops",
    bytes: [0, ...Array.from({ length: 1_000 }, (_, i) => pointer(i === 0 ? 12 : 13 + 2 * (i - 1))).flat()],
    at: 13 + 2 * 999,
  },
  {
    name: "a label, then back, again and again",
    bytes: [0, ...Array.from({ length: 300 }, (_, i) => [1, 97, ...pointer(i === 0 ? 12 : 13 + 4 * (i - 1))]).flat()],
    at: 13 + 4 * 299,
  },
  { name: "no end", bytes: Array.from({ length: 255 }, () => [1, 97]).flat(), at: 12 },
];

test("A3: names that lead astray cost little", () => {
  let slowest = 0;
  for (const { name, bytes, at } of mazes) {
    const message = Buffer.from([...Buffer.alloc(12), ...bytes]);
    const run = () => {
      for (let i = 0; i < 100; i++) expandName(message, at, message.length);
    };
    const found = expandName(message, at, message.length);
    if (name !== "a thousand hops") assert.equal(found, undefined, name);
    run();
    slowest = Math.max(slowest, bestMs(run) * 10);
  }
  figure({ row: "A3", what: "slowest name", value: Number(slowest.toFixed(2)), unit: "µs", atMost: 20 });
});

test("A7: options cost what they weigh", () => {
  const query = (options: string[]) => encodeQuestion({ ...good, edns: { options } });
  const time = (message: Buffer): number => {
    const run = () => {
      for (let i = 0; i < 50; i++) assert.equal(request.read(message, 0, message.length), Reading.FINE);
    };
    run();
    return (bestMs(run) * 20) / message.length;
  };
  const few = time(query(Array(100).fill("65001")));
  const many = time(query(Array(10_000).fill("65001")));
  figure({ row: "A7", what: "a byte of 10,000 options, to one of 100", value: many / few, unit: "x", atMost: 5 });
});

test("A12: answers that no compression fits cost what they weigh", () => {
  const write = (count: number, nameOf: (i: number) => string): (() => void) => {
    const records = Array.from({ length: count }, (_, i) => recordWire(`${nameOf(i)} 60 IN A 192.0.2.1`));
    const owners = records.map((wire) => wire.subarray(0, wire.length - 14));
    const data = Buffer.of(192, 0, 2, 1);
    return () => {
      reply.place(room, 0, room.length);
      reply.begin(asked);
      for (const owner of owners) if (!reply.add(0, owner, 1, 1, 60, data)) break;
      reply.finish(asked, 65_535);
    };
  };
  const nested = (i: number) => `${"a.".repeat(1 + (i % 100))}n${i}.example.org.`;
  const unrelated = (i: number) => `n${i}.a${(i * 7_919) % 10_007}.b${i % 13}.test.`;
  let worst = 0;
  for (const nameOf of [nested, unrelated]) {
    const [few, many] = [write(40, nameOf), write(400, nameOf)];
    for (let i = 0; i < 20; i++) many();
    worst = Math.max(worst, bestMs(many) / (10 * bestMs(few)));
  }
  figure({ row: "A12", what: "a name of 400, to one of 40", value: worst, unit: "x", atMost: 10 });
});
