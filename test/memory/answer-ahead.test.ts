/** What is read ahead is what a look-up, or the store behind a miss, reads then. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Section } from "../../src/dns/reply.ts";
import type { Request } from "../../src/dns/request.ts";
import { AnswerAhead, nextNewcomer } from "../../src/memory/answer-ahead.ts";
import { AnswerTable, SetWord, Stored, setAt, WAYS } from "../../src/memory/answer-table.ts";
import { keyOf, replyTo, request } from "./answer-support.ts";

const answer = (asked: Request) =>
  replyTo(asked, [{ section: Section.ANSWER, type: 1, ttl: 60, data: new Uint8Array(4) }]);

test("where answers are, and where there are none", () => {
  const table = new AnswerTable(AnswerTable.allocate(100, 256), 0);
  const all = Array.from({ length: 12 }, (_, i) => request(`n${i}.test.`));
  for (const [i, asked] of all.entries()) if (i % 3 === 0) table.store(keyOf(asked), answer(asked), 0, 60, 0, 0);
  const ahead = new AnswerAhead(table.buffer, 16);
  const hashes = Int32Array.from(all, (asked) => keyOf(asked).hash);
  const ways = new Int8Array(16);
  ahead.fetchTags(hashes, 12);
  ahead.fetchSlots(hashes, 12, ways);
  for (const [i, asked] of all.entries()) {
    assert.equal(ways[i]! >= 0, i % 3 === 0);
    // Right or wrong, it is only where to look first.
    for (const way of [ways[i]!, 0, 15]) assert.equal(table.find(keyOf(asked), way), i % 3 === 0);
  }
  ahead.fetchVictims(hashes, 12);
});

test("the next to make room in a full set is where the hand of newcomers stops", () => {
  const table = new AnswerTable(AnswerTable.allocate(1, 256), 0);
  const words = new Int32Array(table.buffer);
  const set = setAt(0);
  const store = (asked: Request) => table.store(keyOf(asked), answer(asked), 0, 3_600, 0, 0);
  for (let i = 0; i < WAYS; i++) {
    const asked = request(`first${i}.test.`);
    store(asked);
    // These settle.
    if (i % 4 === 0 && table.find(keyOf(asked))) table.countUse();
  }
  let right = 0;
  for (let i = 0; i < 100; i++) {
    const way = nextNewcomer(words[set + SetWord.CONTROL]!);
    const asked = request(`more${i}.test.`);
    assert.equal(store(asked), Stored.EVICTED);
    if (words[set + SetWord.TAGS + way] === keyOf(asked).hash) right++;
  }
  assert.ok(right >= 80, `${right} of 100`);
});

test("where the hand stops: at each way in turn, round the set, past those that have settled", () => {
  for (let hand = 0; hand < WAYS; hand++) {
    assert.equal(nextNewcomer(hand << 16), hand);
    assert.equal(nextNewcomer((hand << 16) | 0xffff), hand);
    const onlyNewcomer = (hand + 5) % WAYS;
    assert.equal(nextNewcomer((hand << 16) | (0xffff & ~(1 << onlyNewcomer))), onlyNewcomer);
  }
});
