import assert from "node:assert/strict";
import { test } from "node:test";
import { giveBack, takeBuffer } from "../../src/transport/spare-buffers.ts";

for (const { length, size } of [
  { length: 1, size: 512 },
  { length: 512, size: 512 },
  { length: 513, size: 1_024 },
  { length: 4_097, size: 8_192 },
  { length: 8_192, size: 8_192 },
  { length: 8_193, size: 16_384 },
  { length: 65_536, size: 65_536 },
  { length: 65_537, size: 65_552 },
]) {
  test(`a buffer for ${length} bytes has ${size}`, () => assert.equal(takeBuffer(length).length, size));
}

test("what is given back is taken again, by whoever needs that size", () => {
  const buffer = takeBuffer(10_000);
  giveBack(buffer);
  assert.notEqual(takeBuffer(40_000), buffer);
  assert.equal(takeBuffer(12_000), buffer);
  assert.notEqual(takeBuffer(12_000), buffer, "once");
});

test("no more than 4 MiB are kept", () => {
  const buffers = Array.from({ length: 100 }, () => takeBuffer(65_000));
  for (const buffer of buffers) giveBack(buffer);
  const again = new Set(Array.from({ length: 100 }, () => takeBuffer(65_000)));
  assert.equal(buffers.filter((buffer) => again.has(buffer)).length, 64);
});
