/**
 * Rows A3, A7, A9, A12: bytes that nobody honest sends, against what reads and writes messages, in this process: millions
 * of changed messages, and those that are built to take long. A seed that fails is printed; SEED=n begins there.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkMessage } from "../../src/dns/message.ts";
import { nameToText } from "../../src/dns/name-text.ts";
import { formatRecord, readRecord } from "../../src/dns/record.ts";
import { Reply } from "../../src/dns/reply.ts";
import { Reading, Request } from "../../src/dns/request.ts";
import { expandName } from "../../src/dns/wire-name.ts";
import { AnswerKey } from "../../src/memory/answer-key.ts";
import { KeyedHash } from "../../src/memory/keyed-hash.ts";
import { header, opt, question, record } from "../parity/hex.ts";
import { encodeQuestion, fromHex, type Question, recordWire } from "../support/wire.ts";
import { figure, sized } from "./figures.ts";
import { changed, randomFrom } from "./mutate.ts";

const MAX_MS = 10;
const ROUNDS = sized(60_000, 20_000_000);
const FIRST_SEED = Number(process.env.SEED ?? 1);
/** A figure of time is the best of some, since others use the CPU as well. */
const REPEATS = 20;

const good: Question = { ask: "www.example.org. A" };
const www = question("www.example.org. A");
const soa = "example.org. 60 IN SOA ns.example.org. host.example.org. 1 2 3 4 5";
const answerOf = (...records: string[]) =>
  fromHex(header("8180", [1, records.length, 0, 1]) + www + records.map((line) => record(line)).join("") + opt());

const seeds: readonly Buffer[] = [
  encodeQuestion(good),
  encodeQuestion({ ask: `${"a.".repeat(120)}example.org. TXT` }),
  encodeQuestion({ ...good, edns: { do: true, options: ["10 0102030405060708", "8 00011800c00002", "12 0000"] } }),
  fromHex(header("0100", [1, 1, 1, 2]) + www + record("www.example.org. 1 IN A 192.0.2.1") + record(soa) + opt()),
  answerOf("www.example.org. 60 IN A 192.0.2.1", "www.example.org. 60 IN AAAA 2001:db8::1"),
  answerOf("www.example.org. 60 IN CNAME a.example.net.", "a.example.net. 60 IN MX 10 mail.example.org."),
  answerOf(soa, "example.org. 60 IN TXT one two", "example.org. 60 IN SRV 1 2 53 ns.example.org."),
  answerOf('example.org. 60 IN NAPTR 1 2 "s" "x" "" .', "example.org. 60 IN SVCB 1 . alpn=h2 port=443"),
  answerOf("example.org. 60 IN NSEC a.example.org. A NS", "example.org. 60 IN DS 1 8 2 00112233"),
  answerOf("example.org. 60 IN LOC 1 N 2 E 3m", "example.org. 60 IN TYPE65280 \\# 3 010203"),
];

const request = new Request();
const asked = new Request();
asked.read(seeds[0]!, 0, seeds[0]!.length);
const reply = new Reply();
const room = new Uint8Array(70_000);
const key = new AnswerKey(new KeyedHash(1, 2));

/** All that a message from a client, and one from an upstream, goes through. Gives how many steps took it. */
function execute(bytes: Buffer): number {
  let taken = 0;
  const reading = request.read(bytes, 0, bytes.length);
  if (reading === Reading.FINE) {
    taken++;
    key.set(request.name, request.type, request.class, request.dnssecOk, request.checkingDisabled);
    reply.place(room, 0, room.length);
    reply.begin(request);
    reply.finish(request, request.udpLimit);
  }
  const shape = answersAsked(bytes) ? checkMessage(bytes, 0, bytes.length, asked.questionEnd) : undefined;
  if (shape !== undefined) {
    taken++;
    reply.place(room, 0, room.length);
    assert.ok(reply.adopt(asked, bytes, 0, bytes.length, shape.end, shape.opt));
    reply.rewrite(reply.records());
    const length = reply.finish(asked, 512);
    assert.ok(length >= 12 && length <= 512, `a reply of ${length} bytes`);
    assert.ok(checkMessage(room, 0, length, asked.questionEnd), "what we make of it is malformed");
  }
  for (let at = 12, i = 0; i < 8; i++) {
    const read = readRecord(bytes, at, bytes.length);
    if (read === undefined) break;
    formatRecord(read.record);
    at = read.next;
  }
  const name = expandName(bytes, 12, bytes.length);
  if (name) nameToText(name);
  return taken;
}

/** What is looked at before a message is taken for an answer. */
function answersAsked(bytes: Buffer): boolean {
  const { questionEnd } = asked;
  if (bytes.length < questionEnd || (bytes[2]! & 0x80) === 0 || bytes.readUInt16BE(4) !== 1) return false;
  return bytes.subarray(12, questionEnd).equals(seeds[0]!.subarray(12, questionEnd));
}

function bestMs(run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < REPEATS; i++) {
    const from = performance.now();
    run();
    best = Math.min(best, performance.now() - from);
  }
  return best;
}

test(`A9: ${ROUNDS} changed messages: nothing is thrown, nothing hangs, memory stays`, { timeout: 7_200_000 }, () => {
  let taken = 0;
  let slowest = 0;
  const round = (seed: number): void => {
    const random = randomFrom(seed);
    const bytes = changed(seeds[random() % seeds.length]!, random);
    const from = performance.now();
    try {
      taken += execute(bytes);
    } catch (error) {
      throw new Error(`seed ${seed}: ${bytes.toString("hex")}`, { cause: error });
    }
    const ms = performance.now() - from;
    if (ms > slowest)
      slowest = Math.max(
        slowest,
        bestMs(() => execute(bytes)),
      );
  };
  const half = ROUNDS / 2;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + half; seed++) round(seed);
  const before = process.memoryUsage().rss;
  for (let seed = FIRST_SEED + half; seed < FIRST_SEED + ROUNDS; seed++) round(seed);
  const grown = Math.max(0, process.memoryUsage().rss - before) / 2 ** 20;
  // Else only the first checks would have been tested.
  assert.ok(taken > ROUNDS / 10, `only ${taken} were taken for messages`);
  figure({ row: "A9", what: "executions", value: ROUNDS, atLeast: ROUNDS });
  figure({ row: "A9", what: "thrown", value: 0, atMost: 0 });
  figure({ row: "A9", what: "slowest", value: Number(slowest.toFixed(3)), unit: "ms", atMost: MAX_MS });
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
