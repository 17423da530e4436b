/** The hash by which answers and those who wait for them are found: nobody who may choose names can choose it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Name } from "../../src/dns/name.ts";
import { nameToWire } from "../../src/dns/name-text.ts";
import { Class, Type } from "../../src/dns/types.ts";
import { AnswerKey } from "../../src/memory/answer-key.ts";
import { KeyedHash } from "../../src/memory/keyed-hash.ts";

const A_NAME = nameToWire("www.example.org.") as Uint8Array;
const OTHER_NAME = nameToWire("wwx.example.org.") as Uint8Array;

function hashOf(
  keyed: KeyedHash,
  name: Name,
  type: number = Type.A,
  dnssecOk = false,
  checkingDisabled = false,
): number {
  const key = new AnswerKey(keyed);
  key.set(name, type, Class.IN, dnssecOk, checkingDisabled);
  return key.hash;
}

test("it depends on the key, and on all of the question", () => {
  const keyed = new KeyedHash(1, 2);
  const name = new Name();
  name.set(A_NAME);
  const hash = hashOf(keyed, name);
  const others = [
    hashOf(keyed, name, Type.AAAA),
    hashOf(keyed, name, Type.A, true),
    hashOf(keyed, name, Type.A, false, true),
    hashOf(new KeyedHash(1, 3), name),
  ];
  assert.equal(hashOf(keyed, name), hash);
  name.set(OTHER_NAME);
  assert.equal(new Set([hash, hashOf(keyed, name), ...others]).size, 6);
  name.set(A_NAME);
  assert.equal(hashOf(keyed, name), hash);
});

test("names of a pattern have different hashes", () => {
  // Labels of a pattern: the low bits of few bytes, and the highest bits of some.
  const name = new Name();
  const keyed = KeyedHash.withRandomKey();
  const seen = new Set<number>();
  const names = 2_048;
  for (let i = 0; i < names; i++) {
    const high = (i >> 10) << 7;
    name.set(Uint8Array.of(11, high, 1, (i >> 6) & 15, 2, i & 63, 3, high, 4, 5, 6, 7, 0));
    seen.add(hashOf(keyed, name));
  }
  assert.ok(seen.size >= names - 2, `${seen.size} hashes of ${names} names`);
});
