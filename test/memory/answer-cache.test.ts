/** The answer cache against a plain Map: what comes out is what was stored last, or nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_MESSAGE_SIZE } from "../../src/dns/header.ts";
import { Section } from "../../src/dns/reply.ts";
import { Type } from "../../src/dns/types.ts";
import { AnswerCache } from "../../src/memory/answer-cache.ts";
import { Stored } from "../../src/memory/answer-table.ts";
import { keyOf, lookUp, replyTo, request, type TestRecord, withTtl } from "./answer-support.ts";

const HOUR_MS = 3_600_000;
/** More than all keys of a test: nothing has to go. */
const AMPLE = 2_000;
const SCARCE = 10;

const opaque = (size: number, seed: number): Uint8Array => {
  const data = new Uint8Array(size);
  for (let i = 0; i < size; i++) data[i] = Math.imul(seed + i, 0x9e3779b1) >>> 24;
  return data;
};

const names = [
  "a.test.",
  "ab.test.",
  "abc.test.",
  "abcd.test.",
  "abcde.example.org.",
  ".",
  `${"x".repeat(63)}.example.org.`,
  // 188 to 197 bytes: around the longest that a small slot has a note for.
  ...Array.from({ length: 10 }, (_, i) => `${"l".repeat(63)}.${"m".repeat(63)}.${"n".repeat(47 + i)}.example.`),
  `${`${"y".repeat(63)}.`.repeat(3)}${"z".repeat(61)}.`,
];

const record: fc.Arbitrary<TestRecord> = fc
  .tuple(
    fc.oneof({ weight: 6, arbitrary: fc.constant(4) }, fc.constant(16), fc.nat(40), fc.nat(700)),
    fc.nat(0xffff),
    fc.nat(0x7fffffff),
  )
  .map(([size, seed, ttl]) => ({ section: Section.ANSWER, type: typeOf(size, seed), ttl, data: opaque(size, seed) }));
/** Addresses among others, also some of the wrong length. */
const typeOf = (size: number, seed: number): number => {
  if (size !== 4 && size !== 16 && seed % 16 !== 0) return 65_280;
  return size === 16 ? Type.AAAA : Type.A;
};

/** Of all sizes: none, a few records, as many as the largest slots take, one that fills a message. */
const records: fc.Arbitrary<TestRecord[]> = fc
  .oneof(
    { weight: 6, arbitrary: fc.array(record, { maxLength: 6 }) },
    { weight: 2, arbitrary: fc.array(record, { maxLength: 60 }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.integer({ min: 30_000, max: 64_900 }), fc.nat(0xffff))
        .map(([size, seed]) => [{ section: Section.ANSWER, type: 65_280, ttl: 1, data: opaque(size, seed) }]),
    },
  )
  .chain((list) =>
    fc
      .tuple(fc.nat(list.length), fc.nat(list.length))
      .map((cuts) => cuts.sort((a, b) => a - b))
      .map(([answers, authorities]) =>
        list.map((one, i) => ({
          ...one,
          section: i < answers! ? Section.ANSWER : i < authorities! ? Section.AUTHORITY : Section.ADDITIONAL,
        })),
      ),
  );

const start = fc.constantFrom(0, 2, 16, 3, 1_040, 1_001);
const question = fc.record({
  name: fc.constantFrom(...names),
  type: fc.constantFrom(Type.A, Type.AAAA),
  dnssecOk: fc.boolean(),
  cd: fc.boolean(),
  start,
  capitals: fc.boolean(),
});
const operation = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("find" as const), question, ttl: fc.nat(0xffffffff) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("store" as const),
      question,
      records,
      flags: fc.nat(0xffff),
      ttl: fc.nat(0x7fffffff),
      waitMs: fc.double({ min: 0, max: 2_000, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove" as const), question }) },
);

interface Known {
  readonly reply: ReturnType<typeof replyTo>;
  readonly flags: number;
  readonly ttl: number;
  readonly storedAt: number;
}

/** Runs the operations on both. `mayForget`: the cache is too small for all. */
function compare(
  capacity: number,
  mayForget: boolean,
  operations: readonly (typeof operation extends fc.Arbitrary<infer T> ? T : never)[],
): void {
  const cache = new AnswerCache(AnswerCache.allocate(capacity), 3);
  const model = new Map<string, Known>();
  let now = 1_000_000.25;
  for (const one of operations) {
    const { name, type, dnssecOk, cd, capitals } = one.question;
    const id = `${name} ${type} ${dnssecOk} ${cd}`;
    const asked = request(capitals ? name.toUpperCase() : name, type);
    const key = keyOf(asked, dnssecOk, cd);
    const known = model.get(id);
    if (one.do === "store") {
      now += one.waitMs;
      const reply = replyTo(asked, one.records, one.question.start);
      const stored = cache.store(key, reply, one.flags, one.ttl, now, HOUR_MS);
      assert.notEqual(stored, Stored.DROPPED);
      if (!mayForget) assert.equal(stored === Stored.EVICTED, false);
      model.set(id, { reply, flags: one.flags, ttl: one.ttl, storedAt: now });
    } else if (one.do === "remove") {
      cache.remove(key, now);
      model.delete(id);
      // What was removed is dead; an answer of TTL 0 would be too.
      if (cache.find(key)) assert.ok(cache.storedAt + cache.ttl * 1_000 < 0);
    } else {
      const got = lookUp(cache, asked, key, one.ttl, one.question.start);
      if (known === undefined) {
        assert.equal(got, undefined);
        continue;
      }
      if (got === undefined && mayForget) continue;
      assert.ok(got, `${id} is gone`);
      assert.equal(Buffer.compare(got, withTtl(known.reply, asked, one.ttl)), 0, `${id} is another answer`);
      assert.deepEqual(
        { flags: cache.flags, ttl: cache.ttl, storedAt: cache.storedAt },
        { flags: known.flags, ttl: known.ttl, storedAt: known.storedAt },
      );
    }
  }
}

test("with room for all, every answer comes back byte for byte, with its TTLs and in the letters of the question", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => compare(AMPLE, false, operations)),
    { numRuns: 200 },
  );
});

test("with room for a few, what comes back is what was stored last", () => {
  fc.assert(
    fc.property(fc.array(operation, { minLength: 50, maxLength: 200 }), (operations) =>
      compare(SCARCE, true, operations),
    ),
    { numRuns: 60 },
  );
});

for (const { size, tier } of [
  { size: 100, tier: "small" },
  { size: 700, tier: "kilobyte" },
  { size: 3_000, tier: "page" },
  { size: 64_900, tier: "largest" },
]) {
  test(`an answer that grows from nothing into a ${tier} slot, and shrinks again, is always the last one`, () => {
    const cache = new AnswerCache(AnswerCache.allocate(AMPLE), 0);
    const asked = request("www.example.org.");
    const key = keyOf(asked);
    for (const [i, bytes] of [0, size, 10, size + 1, 0].entries()) {
      const reply = replyTo(asked, [{ section: Section.ANSWER, type: 65_280, ttl: 9, data: opaque(bytes, i) }]);
      assert.equal(cache.store(key, reply, 0, 30, i, 0), i === 0 ? Stored.NEW : cache.find(key) && Stored.RENEWED);
      assert.deepEqual(lookUp(cache, asked, key, 7), withTtl(reply, asked, 7));
    }
    assert.equal(cache.entries, 1);
  });
}

test("under a name too long for a small slot, too, the last answer is what is found, whichever tier it is in", () => {
  const cache = new AnswerCache(AnswerCache.allocate(AMPLE), 0);
  const asked = request(names.at(-1)!);
  for (const [i, size] of [0, 700, 3_000, 64_000, 1].entries()) {
    const reply = replyTo(asked, [{ section: Section.ANSWER, type: 65_280, ttl: 9, data: opaque(size, i) }]);
    assert.notEqual(cache.store(keyOf(asked), reply, 0, 30, i, 0), Stored.DROPPED);
    assert.deepEqual(lookUp(cache, asked, keyOf(asked), 7), withTtl(reply, asked, 7));
  }
});

test("what is removed is not counted any more, nor are its bytes, whatever their size", () => {
  const cache = new AnswerCache(AnswerCache.allocate(AMPLE), 0);
  const sizes = [0, 100, 700, 3_000, 64_900];
  const all = sizes.map((size) => ({ asked: request(`size${size}.test.`), size }));
  for (let round = 0; round < 3; round++) {
    for (const [i, { asked, size }] of all.entries()) {
      const reply = replyTo(asked, [{ section: Section.ANSWER, type: 65_280, ttl: 9, data: opaque(size, i) }]);
      assert.equal(cache.store(keyOf(asked), reply, 0, 30, round, 0), Stored.NEW);
      assert.equal(cache.entries, i + 1);
    }
    for (const [i, { asked }] of all.entries()) {
      cache.remove(keyOf(asked), round);
      cache.remove(keyOf(asked), round);
      assert.equal(cache.entries, all.length - i - 1);
      assert.equal(lookUp(cache, asked, keyOf(asked), 7), undefined);
    }
    assert.equal(cache.bytes, 0);
  }
});

test("the longest message is kept with as many records as it can have, a longer one is not", () => {
  const cache = new AnswerCache(AnswerCache.allocate(AMPLE), 0);
  const asked = request(names.at(-1)!);
  const reply = replyTo(asked, []);
  const size = 11;
  const most = Math.floor((MAX_MESSAGE_SIZE - reply.length) / size);
  for (const { count, isKept } of [
    { count: most, isKept: true },
    { count: most + 1, isKept: false },
  ]) {
    cache.remove(keyOf(asked), 0);
    while (reply.counts[0]! < count) reply.add(Section.ANSWER, new Uint8Array(1), 65_280, 1, 1, new Uint8Array(0));
    assert.equal(cache.store(keyOf(asked), reply, 0, 30, 0, 0) !== Stored.DROPPED, isKept);
    const got = lookUp(cache, asked, keyOf(asked), 1);
    assert.equal(got !== undefined, isKept);
    if (isKept) assert.equal(Buffer.compare(got!, withTtl(reply, asked, 1)), 0);
  }
});

test("a popular large answer outlasts a flood of names that come once", () => {
  const cache = new AnswerCache(AnswerCache.allocate(100), 0);
  const popular = request("popular.test.");
  const large = replyTo(popular, [{ section: Section.ANSWER, type: 65_280, ttl: 9, data: opaque(600, 1) }]);
  cache.store(keyOf(popular), large, 0, 3_600, 0, 0);
  let misses = 0;
  for (let i = 0; i < 20_000; i++) {
    const asked = request(`once${i}.test.`);
    cache.store(keyOf(asked), replyTo(asked, []), 0, 3_600, i, 0);
    if (i % 50 !== 0 || lookUp(cache, popular, keyOf(popular), 1) !== undefined) continue;
    misses++;
    cache.store(keyOf(popular), large, 0, 3_600, i, 0);
  }
  assert.ok(misses <= 3, `${misses} of 400 look-ups missed`);
});

test("as many answers are kept as are wanted when they have up to 900 bytes, and those that had to go are counted", () => {
  const wanted = 2_000;
  const all = Array.from({ length: wanted }, (_, i) => request(`name${i}.test.`));
  for (const { size, kept, evicted } of [
    { size: 50, kept: wanted, evicted: 0 },
    { size: 200, kept: wanted, evicted: 0 },
    { size: 850, kept: wanted, evicted: 0 },
    { size: 2_000, kept: wanted / 16, evicted: wanted / 2 },
  ]) {
    const cache = new AnswerCache(AnswerCache.allocate(wanted), 0);
    const stored = all.map((asked) => {
      const reply = replyTo(asked, [{ section: Section.ANSWER, type: 65_280, ttl: 9, data: opaque(size, 1) }]);
      return cache.store(keyOf(asked), reply, 0, 3_600, 0, 0);
    });
    const found = all.filter((asked) => lookUp(cache, asked, keyOf(asked), 1) !== undefined).length;
    // A few sets are full early.
    assert.ok(found >= 0.99 * kept, `${found} of ${size} bytes`);
    assert.ok(stored.filter((one) => one === Stored.EVICTED).length >= evicted, `evicted of ${size} bytes`);
  }
});
