/** The set that finds equal addresses of one row. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressSet } from "../../../src/kubernetes/table/address-set.ts";

test("each of many rounds begins with nothing, and finds what it adds", () => {
  const set = new AddressSet();
  const words = Int32Array.from({ length: 1_000 }, (_, i) => i * 7 + 1);
  set.clear(4);
  // It grows.
  for (let at = 0; at < words.length; at++) set.add(words, at);
  let wrong = 0;
  // More than there are numbers of rounds.
  for (let round = 0; round < 140_000; round++) {
    set.clear(4);
    const at = round % words.length;
    if (set.find(words, at, words) !== -1) wrong++;
    set.add(words, at);
    if (set.find(words, at, words) !== at) wrong++;
  }
  assert.equal(wrong, 0);
});
