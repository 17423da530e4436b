import assert from "node:assert/strict";
import { test } from "node:test";
import {
  allocateBytes,
  type Bytes,
  copyBytes,
  copyRange,
  lettersOf,
  lowerWord,
  readWord,
  sameBytes,
  withView,
  writeWord,
} from "../../src/dns/bytes.ts";
import { LOWER, Name } from "../../src/dns/name.ts";
import { KeyedHash } from "../../src/memory/keyed-hash.ts";

const SIZE = 700;
const plain: (size: number) => Bytes = (size) => new Uint8Array(size);
const shared: (size: number) => Bytes = (size) => withView(new Uint8Array(new SharedArrayBuffer(size + 3), 3, size));
const kinds = {
  "without a view": plain,
  "with a view": allocateBytes,
  "with a view of a part of shared memory": shared,
};

/** Bytes of all values, no two words alike. */
function fill(bytes: Bytes): Bytes {
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 167 + (i >> 3) * 31) & 0xff;
  return bytes;
}

for (const [fromKind, makeFrom] of Object.entries(kinds))
  for (const [toKind, makeTo] of Object.entries(kinds))
    test(`copyBytes from memory ${fromKind} to memory ${toKind}: any length, nothing beside it`, () => {
      const from = fill(makeFrom(SIZE));
      for (let length = 0; length <= 300; length++) {
        const start = (length * 5) % 17;
        const at = (length * 7) % 13;
        const to = makeTo(SIZE).fill(0xee);
        copyBytes(from, start, length, to, at);
        assert.deepEqual([...to.subarray(at, at + length)], [...from.subarray(start, start + length)]);
        assert.ok(to.subarray(0, at).every((byte) => byte === 0xee));
        assert.ok(to.subarray(at + length).every((byte) => byte === 0xee));
      }
    });

test("copyRange gives where it ended, and takes a range that ends before it begins for nothing", () => {
  const from = fill(allocateBytes(40));
  const to = allocateBytes(40).fill(0xee);
  assert.equal(copyRange(from, 3, 23, to, 5), 25);
  assert.deepEqual([...to.subarray(5, 25)], [...from.subarray(3, 23)]);
  assert.equal(copyRange(from, 40, 40, to, 25), 25);
  assert.equal(copyRange(from, 23, 3, to, 25), 25);
  assert.ok(to.subarray(25).every((byte) => byte === 0xee));
});

for (const [kind, make] of Object.entries(kinds)) {
  test(`copyBytes ${kind}: to the last byte of the memory`, () => {
    for (let length = 0; length <= 40; length++) {
      const from = fill(make(40));
      const to = make(40);
      copyBytes(from, 40 - length, length, to, 40 - length);
      assert.deepEqual([...to.subarray(40 - length)], [...from.subarray(40 - length)]);
    }
  });

  test(`sameBytes ${kind}: each byte counts, none beside them`, () => {
    const a = fill(make(64));
    const b = make(64).fill(0xee);
    for (let length = 0; length <= 40; length++) {
      b.fill(0xee);
      copyBytes(a, 3, length, b, 5);
      assert.ok(sameBytes(a, 3, b, 5, length));
      for (let i = 0; i < length; i++) {
        b[5 + i]! ^= 0x80;
        assert.ok(!sameBytes(a, 3, b, 5, length), `byte ${i} of ${length}`);
        b[5 + i]! ^= 0x80;
      }
    }
    assert.ok(sameBytes(a, 24, withView(a.slice()), 24, 40));
  });

  test(`readWord ${kind}: little-endian, also from no word's boundary`, () => {
    const bytes = make(16);
    bytes.set([0x78, 0x56, 0x34, 0x92], 5);
    assert.equal(readWord(bytes, bytes.view, 5), 0x92345678 | 0);
    const copy = make(16);
    writeWord(copy, copy.view, 5, 0x92345678 | 0);
    assert.deepEqual([...copy], [...bytes]);
  });

  test(`a name of memory ${kind} is that of a plain array, up to its last byte`, () => {
    const hash = new KeyedHash(0x12345678, 0x0badcafe);
    for (let size = 1; size <= 63; size++) {
      const wire = new Uint8Array(size + 2);
      wire[0] = size;
      for (let i = 0; i < size; i++) wire[1 + i] = (i * 89 + size * 57) & 0xff;
      const bytes = make(3 + wire.length);
      bytes.set(wire, 3);
      const name = new Name();
      assert.equal(name.read(bytes, 3, bytes.length), bytes.length);
      assert.deepEqual(
        [...name.toWire()],
        [...wire].map((byte) => LOWER[byte]!),
      );
      assert.equal(
        name.mixedCase,
        wire.some((byte) => LOWER[byte] !== byte),
      );
      assert.equal(hash.bytes(bytes, 3, wire.length, 7), hash.bytes(wire, 0, wire.length, 7));
    }
  });
}

test("lowerWord, lettersOf: every byte in each of the four places", () => {
  for (const rest of [0, 0x41414141, 0x5a5a5a5a, 0x7f7f7f7f, 0xffffffff | 0, 0xc1dac1da | 0])
    for (let place = 0; place < 32; place += 8)
      for (let byte = 0; byte < 256; byte++) {
        const word = (rest & ~(0xff << place)) | (byte << place);
        let expected = 0;
        let letters = 0;
        for (let at = 0; at < 32; at += 8) {
          const lower = LOWER[(word >>> at) & 0xff]!;
          expected |= lower << at;
          if (lower >= 0x61 && lower <= 0x7a) letters |= 0x20 << at;
        }
        assert.equal(lowerWord(word), expected);
        assert.equal(lettersOf(word), letters);
      }
});
