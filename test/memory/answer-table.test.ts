/** One table of the answer cache: full sets, dead and sleepy writers, and memory that says anything (rows J5 to J7). */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { INDEX_WORDS, Index, Section } from "../../src/dns/reply.ts";
import type { Request } from "../../src/dns/request.ts";
import { AnswerTable, Stored, WAYS } from "../../src/memory/answer-table.ts";
import { emptyReply, keyOf, messageOf, replyTo, request, withTtl } from "./answer-support.ts";

const SLOT_SIZE = 256;
const SLOT_WORDS = SLOT_SIZE / 4;
/** Where the slots of a table of one set begin, and its tags, in words. */
const SLOTS = 64;
const TAGS = 16;
const OCCUPIED = 2;
const HOUR_MS = 3_600_000;

const answer = (asked: Request, seed = 0, size = 24) =>
  replyTo(asked, [
    { section: Section.ANSWER, type: 65_280, ttl: 60, data: new Uint8Array(size).fill(seed) },
    { section: Section.AUTHORITY, type: 65_281, ttl: 61, data: new Uint8Array(5).fill(seed + 1) },
  ]);

/** The message that a client gets, in a buffer in which nothing else changes. */
function lookUp(table: AnswerTable, asked: Request, key = keyOf(asked)): Buffer | undefined {
  const reply = emptyReply(16);
  reply.bytes.fill(0xa5);
  reply.begin(asked);
  const found = table.find(key) && table.copyTo(reply, 5);
  for (let i = 0; i < 16; i++) assert.equal(reply.bytes[i], 0xa5);
  if (!found) return undefined;
  assert.equal(reply.bytes[reply.end + 3], 0xa5);
  return messageOf(reply, asked);
}

const asks = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => request(`${prefix}${i}.test.`));

test("all keys in one set: it stays full, each store finds a slot, and each answer is its key's", () => {
  const table = new AnswerTable(AnswerTable.allocate(1, SLOT_SIZE), 0);
  const all = asks(400, "n");
  let kept = 0;
  for (let round = 0; round < 12; round++) {
    for (const [i, asked] of all.entries()) {
      const stored = table.store(keyOf(asked), answer(asked, i), 0, 3_600, round, HOUR_MS);
      assert.notEqual(stored, Stored.DROPPED);
      assert.deepEqual(lookUp(table, asked), withTtl(answer(asked, i), asked, 5));
      const other = all[(i * 7 + round) % all.length]!;
      const got = lookUp(table, other);
      if (got === undefined) continue;
      kept++;
      assert.deepEqual(got, withTtl(answer(other, all.indexOf(other)), other, 5));
    }
  }
  assert.equal(table.occupied, WAYS);
  assert.ok(kept > 0);
});

test("keys of one hash share a set and stay apart", () => {
  const table = new AnswerTable(AnswerTable.allocate(100, SLOT_SIZE), 0);
  const all = asks(12, "same");
  const keys = all.map((asked) => Object.assign(keyOf(asked), { hash: 0x1234_5678 }));
  for (const [i, asked] of all.entries()) table.store(keys[i]!, answer(asked, i), 0, 60, 0, 0);
  for (const [i, asked] of all.entries()) {
    assert.deepEqual(lookUp(table, asked, keys[i]), withTtl(answer(asked, i), asked, 5));
  }
});

test("a table keeps as many answers as it was made for, also after 300,000 insertions", () => {
  const wanted = 1_000;
  const table = new AnswerTable(AnswerTable.allocate(wanted, SLOT_SIZE), 0);
  const all = asks(wanted, "kept");
  for (const asked of asks(30_000, "flood")) {
    const key = keyOf(asked);
    const reply = answer(asked);
    for (let i = 0; i < 10; i++) table.store(key, reply, 0, 1, 0, 0);
  }
  // An hour later they are all dead. Not every dead slot is seen at once, so a few of the new ones make room for others.
  for (const asked of all) table.store(keyOf(asked), answer(asked), 0, 60, HOUR_MS, 0);
  const found = all.filter((asked) => table.find(keyOf(asked))).length;
  assert.ok(found >= 0.93 * wanted, `${found} of ${wanted} are there`);
  assert.ok(table.occupied <= 1.6 * wanted + WAYS);
});

test("memory is touched for as many answers as are alive at a time, however many there were", () => {
  const table = new AnswerTable(AnswerTable.allocate(10_000, SLOT_SIZE), 0);
  for (let hour = 0; hour < 20; hour++) {
    for (const asked of asks(500, `hour${hour}-`)) table.store(keyOf(asked), answer(asked), 0, 60, hour * HOUR_MS, 0);
  }
  const pages = Math.floor(table.buffer.byteLength / 4_096);
  let touched = 0;
  for (let page = 0; page < pages; page++) {
    if (new Int32Array(table.buffer, page * 4_096, 1_024).some((word) => word !== 0)) touched++;
  }
  assert.ok(touched <= 0.35 * pages, `${touched} of ${pages} pages`);
});

test("versions pass their largest number", () => {
  mock.getter(performance, "timeOrigin", () => 2 ** 20 - 40);
  const table = new AnswerTable(AnswerTable.allocate(1, SLOT_SIZE), 1_023);
  mock.restoreAll();
  for (const asked of asks(100, "wrap")) {
    assert.notEqual(table.store(keyOf(asked), answer(asked), 0, 60, 0, 0), Stored.DROPPED);
    assert.deepEqual(lookUp(table, asked), withTtl(answer(asked), asked, 5));
  }
});

test("hits in a row: counted while no gap is too long, also when two workers' clocks cross", () => {
  const table = new AnswerTable(AnswerTable.allocate(1, SLOT_SIZE), 0);
  const asked = request("www.example.org.");
  table.store(keyOf(asked), answer(asked), 0, 60, 1_000, 0);
  const hits = [2_000, 2_500, 2_499, 5_499, 8_600, 8_601].map((now) => {
    assert.ok(table.find(keyOf(asked)));
    return table.countHit(now, 3_000);
  });
  assert.deepEqual(hits, [1, 2, 3, 4, 1, 2]);
  table.store(keyOf(asked), answer(asked), 0, 60, 9_000, 0);
  assert.ok(table.find(keyOf(asked)));
  assert.equal(table.countHit(9_001, 3_000), 3, "renewing an answer does not make it unpopular");
});

test("hits are not those of the answer that stood in the slot before", () => {
  const table = new AnswerTable(AnswerTable.allocate(1, SLOT_SIZE), 0);
  for (const name of ["www.example.org.", "mail.example.org."]) {
    const key = keyOf(request(name));
    table.store(key, answer(request(name)), 0, 60, 1_000, 0);
    assert.ok(table.find(key));
    assert.deepEqual([table.countHit(1_001, 3_000), table.countHit(1_002, 3_000)], [1, 2], name);
    table.remove(key, 1_003);
  }
});

/** What a writer does to the memory, one word after the other, as the head comment of the table says. */
interface Steps {
  /** Where the slot's version is, and the mark that it is claimed with. */
  readonly version: number;
  readonly mark: number;
  readonly writes: readonly { readonly at: number; readonly word: number }[];
  readonly tag: { readonly at: number; readonly word: number };
  readonly newVersion: number;
}

const WRITER = 7;

/** Lets a writer store an answer in a copy of the memory, and reads its steps from what has changed. */
function stepsOf(memory: SharedArrayBuffer, asked: Request, seed: number, now: number): Steps {
  const copy = copyOf(memory);
  const before = new Int32Array(memory);
  const after = new Int32Array(copy);
  const table = new AnswerTable(copy, WRITER);
  assert.notEqual(table.store(keyOf(asked), answer(asked, seed), 0, 60, now, HOUR_MS), Stored.DROPPED);
  const way = after.subarray(TAGS, TAGS + WAYS).findIndex((tag, i) => tag === keyOf(asked).hash && isNew(i));
  function isNew(i: number): boolean {
    return before[SLOTS + i * SLOT_WORDS] !== after[SLOTS + i * SLOT_WORDS];
  }
  const slot = SLOTS + way * SLOT_WORDS;
  const words = Array.from({ length: SLOT_WORDS - 1 }, (_, i) => slot + 1 + i);
  // Words 1 and 2 are the sums, which come last; 3 to 5 are the readers'.
  const order = [...words.filter((at) => at >= slot + 6), slot + 1, slot + 2];
  return {
    version: slot,
    mark: ((Math.floor(now / 125) & 0xfffff) << 11) | (WRITER << 1) | 1,
    writes: order.filter((at) => before[at] !== after[at]).map((at) => ({ at, word: after[at]! })),
    tag: { at: TAGS + way, word: after[TAGS + way]! },
    newVersion: after[slot]!,
  };
}

function copyOf(memory: SharedArrayBuffer): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(memory.byteLength);
  new Int32Array(copy).set(new Int32Array(memory));
  return copy;
}

function runStep(words: Int32Array, steps: Steps, step: number): void {
  const { version, mark, writes, tag, newVersion } = steps;
  if (step === 0) words[version] = mark;
  else if (step <= writes.length) words[writes[step - 1]!.at] = writes[step - 1]!.word;
  else if (step === writes.length + 1) Atomics.compareExchange(words, version, mark, newVersion);
  else {
    if (words[tag.at] === 0) words[OCCUPIED]!++;
    words[tag.at] = tag.word;
  }
}

/** A set of which `count` slots are in use. */
function filled(count: number): { memory: SharedArrayBuffer; all: Request[] } {
  const memory = AnswerTable.allocate(1, SLOT_SIZE);
  const table = new AnswerTable(memory, 0);
  const all = asks(count, "old");
  for (const asked of all) table.store(keyOf(asked), answer(asked), 0, 60, 0, HOUR_MS);
  return { memory, all };
}

for (const { name, inUse, renewed } of [
  { name: "a free slot", inUse: 3, renewed: false },
  { name: "another answer's slot", inUse: WAYS, renewed: false },
  { name: "the slot of the same key", inUse: WAYS, renewed: true },
]) {
  test(`a writer that dies at any step in ${name}: nobody reads what is not whole, and after a second the slot is free`, () => {
    const { memory, all } = filled(inUse);
    const asked = renewed ? all[4]! : request("new.test.");
    const steps = stepsOf(memory, asked, 9, 10_000);
    assert.ok(steps.writes.length > 8);
    for (let dead = 0; dead <= steps.writes.length + 2; dead++) {
      const damaged = copyOf(memory);
      const words = new Int32Array(damaged);
      for (let step = 0; step <= dead; step++) runStep(words, steps, step);
      const isWhole = dead > steps.writes.length;
      const table = new AnswerTable(damaged, 1);
      for (const other of [...all, asked]) {
        const got = lookUp(table, other);
        if (got === undefined) continue;
        const isNew = other === asked && isWhole;
        assert.deepEqual(got, withTtl(answer(other, isNew ? 9 : 0), other, 5), `step ${dead}`);
      }
      // Half a second later the writer may still be alive.
      if (!isWhole) {
        table.store(keyOf(asked), answer(asked, 5), 0, 60, 10_500, HOUR_MS);
        assert.equal(words[steps.version], steps.mark);
      }
      const late = asks(200, "late");
      for (const one of [asked, ...late]) {
        assert.notEqual(table.store(keyOf(one), answer(one, 3), 0, 60, 11_300, HOUR_MS), Stored.DROPPED);
        assert.deepEqual(lookUp(table, one), withTtl(answer(one, 3), one, 5));
      }
      for (let way = 0; way < WAYS; way++) assert.equal(words[SLOTS + way * SLOT_WORDS]! & 1, 0, `step ${dead}`);
      assert.equal(table.occupied, WAYS, `step ${dead}`);
    }
  });
}

test("one that dies at any step of removing an answer: the answer is whole or gone, the slot free again, the count right", () => {
  const { memory, all } = filled(WAYS);
  const gone = all[4]!;
  const after = copyOf(memory);
  new AnswerTable(after, WRITER).remove(keyOf(gone), 10_000);
  const [was, is] = [new Int32Array(memory), new Int32Array(after)];
  const version = SLOTS + 4 * SLOT_WORDS;
  const changed = Array.from(is.keys()).filter((at) => is[at] !== was[at]);
  // The mark, the slot's words, its deadline, its version, its tag, the count: as `remove` does it.
  const inSlot = changed.filter((at) => at > version && at < version + SLOT_WORDS);
  const order = [...inSlot, TAGS + WAYS + 4, version, TAGS + 4, OCCUPIED];
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    changed,
  );
  for (let dead = 0; dead <= order.length; dead++) {
    const damaged = copyOf(memory);
    const words = new Int32Array(damaged);
    words[version] = ((Math.floor(10_000 / 125) & 0xfffff) << 11) | (WRITER << 1) | 1;
    for (const at of order.slice(0, dead)) words[at] = is[at]!;
    const table = new AnswerTable(damaged, 1);
    assert.equal(lookUp(table, gone), undefined, `step ${dead}`);
    for (const other of all) {
      if (other !== gone) assert.deepEqual(lookUp(table, other), withTtl(answer(other, 0), other, 5), `step ${dead}`);
    }
    for (const one of asks(200, "late")) {
      assert.notEqual(table.store(keyOf(one), answer(one, 3), 0, 60, 11_300, HOUR_MS), Stored.DROPPED);
      assert.deepEqual(lookUp(table, one), withTtl(answer(one, 3), one, 5));
    }
    const tags = words.subarray(TAGS, TAGS + WAYS).filter((tag) => tag !== 0).length;
    // Between the tag and the count it is one too many, until the process ends.
    assert.equal(table.occupied - tags, dead === order.length - 1 ? 1 : 0, `step ${dead}`);
  }
});

test("a mark of a moment ahead keeps others out: clocks are read at different times", () => {
  const { memory } = filled(0);
  const asked = request("new.test.");
  const steps = stepsOf(memory, asked, 9, 10_000);
  const words = new Int32Array(memory);
  runStep(words, steps, 0);
  const table = new AnswerTable(memory, 1);
  assert.equal(table.store(keyOf(asked), answer(asked), 0, 60, 9_999.9, HOUR_MS), Stored.DROPPED);
  assert.equal(words[steps.version], steps.mark);
});

test("a writer that wakes late and writes into its successor's slot, in any order: readers get whole answers of their key", () => {
  let state = 12_345;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  const { memory } = filled(0);
  const [sleeper, successor] = [request("sleeper.test."), request("another.test.")];
  let found = 0;
  for (let round = 0; round < 800; round++) {
    const shared = copyOf(memory);
    const words = new Int32Array(shared);
    const asleep = stepsOf(shared, sleeper, 1, 10_000);
    const next = stepsOf(shared, successor, 2, 12_000);
    assert.equal(asleep.version, next.version);
    // The sleeper claims, writes a few words, and wakes at any time.
    const stops = random(asleep.writes.length + 2);
    for (let step = 0; step <= stops; step++) runStep(words, asleep, step);
    const reader = new AnswerTable(shared, 3);
    let a = stops + 1;
    let b = 0;
    const speed = random(9) + 1;
    while (a <= asleep.writes.length + 2 || b <= next.writes.length + 2) {
      const wakes = a <= asleep.writes.length + 2 && (b > next.writes.length + 2 || (b > 0 && random(10) < speed));
      // It looks for its mark before it says that all is done; the tag comes only then.
      if (wakes && a === asleep.writes.length + 1 && words[asleep.version] !== asleep.mark) a = Number.MAX_SAFE_INTEGER;
      else if (wakes) runStep(words, asleep, a++);
      else runStep(words, next, b++);
      for (const [asked, seed] of [
        [sleeper, 1],
        [successor, 2],
      ] as const) {
        const got = lookUp(reader, asked);
        if (got === undefined) continue;
        found++;
        assert.deepEqual(got, withTtl(answer(asked, seed), asked, 5));
      }
    }
  }
  assert.ok(found > 500, `${found} were found`);
});

/** One at a time: two sums cannot tell every pair of flipped bits, and memory that loses two in one slot between two stores loses more. */
test("any bit may flip: what is found is what was stored, or nothing", () => {
  let state = 99;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 4) % below;
  };
  const memory = AnswerTable.allocate(20, SLOT_SIZE);
  const words = new Int32Array(memory);
  const table = new AnswerTable(memory, 0);
  const all = asks(30, "flip");
  const expected = all.map((asked, i) => withTtl(answer(asked, i), asked, 5));
  let found = 0;
  for (let round = 0; round < 60_000; round++) {
    const i = random(all.length);
    const asked = all[i]!;
    // Words 0 and 1 are read once, when the table is opened.
    const at = 2 + random(words.length - 2);
    const bit = 1 << random(32);
    const isGarbage = round % 16 === 0;
    if (isGarbage) for (let j = at; j < at + 40; j++) words[j] = random(2 ** 27) << 5;
    else words[at]! ^= bit;
    const got = lookUp(table, asked);
    if (got !== undefined) {
      found++;
      assert.equal(Buffer.compare(got, expected[i]!), 0);
    }
    if (!isGarbage) words[at]! ^= bit;
    if (got === undefined && random(3) === 0) table.store(keyOf(asked), answer(asked, i), 0, 60, round, HOUR_MS);
    else if (got === undefined && random(30) === 0) table.remove(keyOf(asked), round);
  }
  assert.ok(found > 10_000, `${found} were found`);
});

test("lengths and offsets that lie, under sums that fit: nothing outside of slot and reply is touched", () => {
  const { memory } = filled(0);
  const words = new Int32Array(memory);
  const asked = request("lies.test.");
  const table = new AnswerTable(memory, 0);
  const key = keyOf(asked);
  table.store(key, answer(asked), 0, 60, 0, 0);
  const slot = SLOTS;
  const whole = words.slice(slot, slot + SLOT_WORDS);
  let found = 0;
  for (const length of [0, 11, 12, 25, 26, 27, 28, 80, 150, 170, 180, 200, 1_000, 32_768, 65_535]) {
    for (const records of [0, 1, 2, 3, 30, 33, 300, 65_535]) {
      for (const place of [0, 13, 60, 140, 170, 0xffff]) {
        words.set(whole, slot);
        words[slot + 9] = length | (records << 16);
        for (let i = slot + 30; i < slot + SLOT_WORDS; i++) words[i] = place | (place << 16);
        const reply = emptyReply(16);
        reply.begin(asked);
        const end = 16 + 3 + (fitSums(words, slot, length, records, asked) ? length : 0);
        const clean = reply.bytes.slice(Math.max(end, reply.end));
        if (table.find(key) && table.copyTo(reply, 5)) {
          found++;
          assert.equal(reply.length, length);
          const count = reply.indexRecords();
          for (let i = 0; i < count; i++) assert.ok(reply.index[i * INDEX_WORDS + Index.END]! <= length);
        }
        assert.equal(Buffer.compare(reply.bytes.subarray(Math.max(end, asked.questionEnd + 16)), clean), 0);
      }
    }
  }
  assert.ok(found > 0);
});

/** Makes the sums right for what a reader would add up. False when that would leave the slot. */
function fitSums(words: Int32Array, slot: number, length: number, records: number, asked: Request): boolean {
  const end =
    16 + ((asked.name.length + 3) >> 2) + ((length + 3) >> 2) - (asked.questionEnd >> 2) + ((records + 1) >> 1);
  if (length < asked.questionEnd || end > SLOT_WORDS) return false;
  let a = 0;
  let b = 0;
  for (let i = slot + 6; i < slot + end; i++) {
    a = (a + words[i]!) | 0;
    b = (b + a) | 0;
  }
  words[slot + 1] = a;
  words[slot + 2] = b;
  return true;
}
