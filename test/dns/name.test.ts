import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BAD_NAME, hashName, Name } from "../../src/dns/name.ts";
import { lowerCaseWire, nameToText, nameToWire } from "../../src/dns/name-text.ts";
import { fromHexText, wireName } from "../support/dns-text.ts";

const label63 = `3f${"61".repeat(63)}`;

// `next` absent means BAD_NAME.
for (const { what, hex, next = BAD_NAME, labels } of [
  { what: "root", hex: "00", next: 1, labels: 0 },
  { what: "one label", hex: "016100", next: 3, labels: 1 },
  { what: "bytes behind it stay", hex: "016100ffff", next: 3, labels: 1 },
  { what: "zero, dot, backslash and 255 in a label", hex: "04002e5cff00", next: 6, labels: 1 },
  { what: "a label of 63 bytes", hex: `${label63}00`, next: 65, labels: 1 },
  { what: "a label of 64 bytes", hex: `40${"61".repeat(64)}00` },
  { what: "254 bytes", hex: `${label63.repeat(3)}3c${"61".repeat(60)}00`, next: 254, labels: 4 },
  { what: "255 bytes", hex: `${label63.repeat(3)}3d${"61".repeat(61)}00`, next: 255, labels: 4 },
  { what: "256 bytes", hex: `${label63.repeat(3)}3e${"61".repeat(62)}00` },
  { what: "257 bytes", hex: `${label63.repeat(4)}00` },
  { what: "127 labels", hex: `${"0161".repeat(127)}00`, next: 255, labels: 127 },
  { what: "128 labels", hex: `${"0161".repeat(128)}00` },
  { what: "a pointer", hex: "c00c" },
  { what: "a label and a pointer", hex: "0161c00c" },
  { what: "label type 0x40", hex: "4100" },
  { what: "label type 0x80", hex: "8000" },
  { what: "nothing", hex: "" },
  { what: "no root label", hex: "0161" },
  { what: "a label past the end", hex: "0361" },
])
  test(`Name.read: ${what}`, () => {
    const bytes = fromHexText(hex);
    const name = new Name();
    assert.equal(name.read(bytes, 0, bytes.length), next);
    if (labels === undefined) return;
    assert.equal(name.labelCount, labels);
    assert.deepEqual(name.toWire(), lowerCaseWire(bytes.slice(0, next)));
  });

test("a name stops before the end that it is given", () => {
  const bytes = fromHexText("0161016200");
  for (let end = 0; end < bytes.length; end++) assert.equal(new Name().read(bytes, 0, end), BAD_NAME);
  assert.equal(new Name().read(bytes, 2, bytes.length), bytes.length);
});

for (const { text, lower, mixedCase } of [
  { text: "www.example.org.", lower: "www.example.org.", mixedCase: false },
  { text: "wWw.eXample.ORG.", lower: "www.example.org.", mixedCase: true },
  { text: "AZ@[`{.", lower: "az@[`{.", mixedCase: true },
  { text: "az@[`{09-_.", lower: "az@[`{09-_.", mixedCase: false },
  { text: "\\195\\132\\193\\218.", lower: "\\195\\132\\193\\218.", mixedCase: false },
])
  test(`letter case of ${text}`, () => {
    const name = nameOf(wireName(text));
    assert.deepEqual(name.toWire(), wireName(lower));
    assert.equal(name.mixedCase, mixedCase);
  });

for (const { name, zone, label } of [
  { name: "www.example.org.", zone: ".", label: 3 },
  { name: "www.example.org.", zone: "org.", label: 2 },
  { name: "www.example.org.", zone: "example.org.", label: 1 },
  { name: "WWW.Example.org.", zone: "www.example.org.", label: 0 },
  { name: "www.example.org.", zone: "a.www.example.org.", label: -1 },
  { name: "www.example.org.", zone: "ample.org.", label: -1 },
  { name: "www.example.org.", zone: "example.com.", label: -1 },
  { name: "www.example.org.", zone: "exbmple.org.", label: -1 },
  { name: "a\\.b.org.", zone: "b.org.", label: -1 },
  { name: "a\\003org.", zone: "org.", label: -1 },
  { name: ".", zone: ".", label: 0 },
  { name: ".", zone: "org.", label: -1 },
])
  test(`labelOf: ${zone} in ${name}`, () => assert.equal(nameOf(wireName(name)).labelOf(wireName(zone)), label));

const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0x41, 0x5a, 0x61, 0x2e, 0x5c));
const anyName = fc
  .array(fc.array(byte, { minLength: 1, maxLength: 20 }), { maxLength: 12 })
  .map((labels) => Uint8Array.from([...labels.flatMap((label) => [label.length, ...label]), 0]))
  .filter((wire) => wire.length <= 255);

test("a name is read as nameToWire has written it, in lower case", () => {
  fc.assert(
    fc.property(anyName, fc.nat(9), (wire, start) => {
      assert.deepEqual(nameToWire(nameToText(wire)), wire);
      const bytes = new Uint8Array(start + wire.length + 4).fill(0xff);
      bytes.set(wire, start);
      const name = new Name();
      assert.equal(name.read(bytes, start, bytes.length), start + wire.length);
      assert.deepEqual(name.toWire(), lowerCaseWire(wire));
      assert.equal(name.mixedCase, !Buffer.from(wire).equals(lowerCaseWire(wire)));
    }),
    { numRuns: 500 },
  );
});

test("every suffix has its offset, and the hash of the name that it is", () => {
  fc.assert(
    fc.property(anyName, (wire) => {
      const name = nameOf(wire);
      for (let label = 0; label <= name.labelCount; label++) {
        const suffix = name.toWire().slice(name.offsets[label]);
        assert.equal(name.hashes[label], hashName(suffix));
        assert.equal(name.suffixEquals(label, suffix), true);
        assert.equal(name.labelOf(suffix), label);
      }
    }),
    { numRuns: 300 },
  );
});

test("a name that is used again keeps nothing; a copy is the same and its own", () => {
  fc.assert(
    fc.property(anyName, anyName, (first, second) => {
      const name = nameOf(first);
      const copy = new Name();
      copy.copyFrom(name);
      name.set(second);
      assert.deepEqual(essence(name), essence(nameOf(second)));
      assert.deepEqual(essence(copy), essence(nameOf(first)));
    }),
    { numRuns: 300 },
  );
});

test("any bytes are a name or none, whatever stands behind the end", () => {
  const biased = fc.oneof(byte, fc.constantFrom(0, 1, 2, 3, 63, 64, 0xc0));
  fc.assert(
    fc.property(fc.array(biased, { maxLength: 300 }), fc.nat(20), (list, start) => {
      const results = [0, 0xff].map((around) => {
        const bytes = new Uint8Array(start + list.length + 100).fill(around);
        bytes.set(list, start);
        const name = new Name();
        const next = name.read(bytes, start, start + list.length);
        assert.ok(next === BAD_NAME || (next > start && next <= start + list.length));
        return next === BAD_NAME ? next : essence(name);
      });
      assert.deepEqual(results[0], results[1]);
    }),
    { numRuns: 2000 },
  );
});

test("set throws on what is no name, since only we call it", () => {
  assert.throws(() => new Name().set(fromHexText("0161")), RangeError);
});

function nameOf(wire: Uint8Array): Name {
  const name = new Name();
  name.set(wire);
  return name;
}

function essence(name: Name): unknown {
  const { labelCount, length, mixedCase } = name;
  const offsets = [...name.offsets.subarray(0, labelCount + 1)];
  const hashes = [...name.hashes.subarray(0, labelCount + 1)];
  return { wire: [...name.toWire()], labelCount, length, mixedCase, offsets, hashes };
}
