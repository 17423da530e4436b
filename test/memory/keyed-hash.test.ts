import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyedHash } from "../../src/memory/keyed-hash.ts";

/** The same by the book: 64-bit key, one round a word and three at the end, in the words of the reference code. */
function reference(key0: number, key1: number, input: Uint8Array): number {
  const v = [0, 0, 0x6c796765, 0x74656462].map((start, i) => (start ^ (i % 2 === 0 ? key0 : key1)) >>> 0);
  const rotate = (x: number, by: number) => ((x << by) | (x >>> (32 - by))) >>> 0;
  const round = () => {
    v[0] = (v[0]! + v[1]!) >>> 0;
    v[1] = (rotate(v[1]!, 5) ^ v[0]!) >>> 0;
    v[0] = rotate(v[0]!, 16);
    v[2] = (v[2]! + v[3]!) >>> 0;
    v[3] = (rotate(v[3]!, 8) ^ v[2]!) >>> 0;
    v[0] = (v[0]! + v[3]!) >>> 0;
    v[3] = (rotate(v[3]!, 7) ^ v[0]!) >>> 0;
    v[2] = (v[2]! + v[1]!) >>> 0;
    v[1] = (rotate(v[1]!, 13) ^ v[2]!) >>> 0;
    v[2] = rotate(v[2]!, 16);
  };
  const whole = input.length - (input.length % 4);
  const last = Buffer.alloc(4);
  Buffer.from(input.slice(whole)).copy(last);
  last[3] = input.length;
  for (const word of [
    ...Array.from({ length: whole / 4 }, (_, i) => Buffer.from(input).readUInt32LE(4 * i)),
    last.readUInt32LE(),
  ]) {
    v[3] = (v[3]! ^ word) >>> 0;
    round();
    v[0] = (v[0]! ^ word) >>> 0;
  }
  v[2] = (v[2]! ^ 0xff) >>> 0;
  for (let i = 0; i < 3; i++) round();
  return (v[1]! ^ v[3]!) | 0;
}

test("HalfSipHash-1-3, for every length up to 40", () => {
  const hash = new KeyedHash(0x03020100, 0x07060504);
  for (let length = 0; length <= 40; length++) {
    const input = Uint8Array.from({ length }, (_, i) => i * 7 + length);
    const shifted = new Uint8Array(length + 9);
    shifted.set(input, 5);
    assert.equal(hash.bytes(shifted, 5, length, 0), reference(0x03020100, 0x07060504, input), `length ${length}`);
  }
});

test("another key or salt gives another function", () => {
  const input = Buffer.from("kubernetes");
  const values = [0, 1, 2, 3].flatMap((key) =>
    [0, 1].map((salt) => new KeyedHash(key * 99, 7).bytes(input, 0, 10, salt)),
  );
  assert.equal(new Set(values).size, values.length);
});

test("names that differ little are spread evenly", () => {
  const hash = new KeyedHash(1, 2);
  const buckets = new Int32Array(256);
  for (let i = 0; i < 25_600; i++) {
    const name = Buffer.from(`service-${i}`);
    buckets[hash.bytes(name, 0, name.length, 1) & 255]!++;
  }
  // A hundred in each, with a standard deviation of ten.
  assert.ok(
    Math.min(...buckets) > 50 && Math.max(...buckets) < 150,
    `${Math.min(...buckets)} to ${Math.max(...buckets)}`,
  );
});
