import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  compareNames,
  encodeName,
  isSubdomain,
  lowerCaseWire,
  nameToText,
  nameToWire,
  wireLength,
  zoneToWire,
} from "../../src/dns/name-text.ts";
import { fromHexText, toHexText, wireName } from "../support/dns-text.ts";

const label63 = "a".repeat(63);

for (const { text, hex, printed = text } of [
  { text: ".", hex: "00" },
  { text: "example.org.", hex: "076578616d706c65036f726700" },
  { text: "WwW.Example.ORG.", hex: "03577757074578616d706c65034f524700" },
  { text: "example.org", hex: "076578616d706c65036f726700", printed: "example.org." },
  { text: "@", hex: "00", printed: "." },
  { text: "a\\.b.c.", hex: "03612e62016300" },
  { text: "a.b.c.", hex: "016101620163 00" },
  { text: "\\000\\255.", hex: "0200ff00" },
  { text: "\\065\\b.", hex: "02416200", printed: "Ab." },
  { text: "\\@.", hex: "014000" },
  { text: "\\\\.", hex: "015c00" },
  { text: "a\\ b\\'c\\\"\\(\\)\\;.", hex: "09612062276322 28293b00" },
  { text: "*.$x_-.", hex: "012a 04 24785f2d 00" },
  { text: "\u00fc\u00ff.", hex: "02fcff00", printed: "\\252\\255." },
  { text: `${label63}.`, hex: `3f${"61".repeat(63)}00` },
])
  test(`name ${JSON.stringify(text.slice(0, 40))}`, () => {
    const wire = wireName(text);
    assert.equal(toHexText(wire), hex.replaceAll(" ", ""));
    assert.equal(nameToText(wire), printed);
    assert.equal(wireLength(wire), wire.length);
  });

const name254 = `${label63}.${label63}.${label63}.${"a".repeat(60)}.`;
const name255 = `${label63}.${label63}.${label63}.${"a".repeat(61)}.`;

for (const { text, error } of [
  { text: "", error: "an empty name" },
  { text: "..", error: "an empty label" },
  { text: ".a.", error: "an empty label" },
  { text: "a..b.", error: "an empty label" },
  { text: `${label63}a.`, error: "a label longer than 63 bytes" },
  { text: `${label63}a`, error: "a label longer than 63 bytes" },
  { text: "a".repeat(1000), error: "a label longer than 63 bytes" },
  { text: `${label63}.${label63}.${label63}.${"a".repeat(62)}.`, error: "a name longer than 255 bytes" },
  { text: `${label63}.${label63}.${label63}.${"a".repeat(62)}`, error: "a name longer than 255 bytes" },
  { text: `${"a.".repeat(128)}`, error: "a name longer than 255 bytes" },
  { text: "a\\", error: "a bad escape" },
  { text: "a\\25", error: "a bad escape" },
  { text: "a\\25x.", error: "a bad escape" },
  { text: "a\\256.", error: "a bad escape" },
  { text: "\u0100.", error: "a character above 255" },
])
  test(`no name: ${JSON.stringify(text.slice(0, 20))} is ${error}`, () => assert.equal(nameToWire(text), error));

test("254 and 255 bytes and 127 labels are the last good sizes", () => {
  assert.equal(wireName(name254).length, 254);
  assert.equal(wireName(name255).length, 255);
  assert.equal(wireName("a.".repeat(127)).length, 255);
  assert.equal(nameToText(wireName(name255)), name255);
});

for (const { text, name } of [
  { text: "www", name: "www.example.org." },
  { text: "a.b", name: "a.b.example.org." },
  { text: "www.", name: "www." },
  { text: "@", name: "example.org." },
  { text: "\\@", name: "\\@.example.org." },
  { text: "www\\.", name: "www\\..example.org." },
])
  test(`${text} relative to example.org.`, () => {
    const wire = nameToWire(text, wireName("example.org."));
    assert.ok(wire instanceof Uint8Array);
    assert.equal(nameToText(wire), name);
  });

test("an origin can make a name too long", () => {
  assert.equal(nameToWire("ab", wireName(`a.${"b.".repeat(125)}`)), "a name longer than 255 bytes");
  assert.equal((nameToWire("a", wireName(`${"b.".repeat(126)}`)) as Uint8Array).length, 255);
});

test("encodeName writes where it is told and nowhere else", () => {
  const out = new Uint8Array(300).fill(0xee);
  assert.equal(encodeName("a.b.", new Uint8Array(1), out, 10), 15);
  assert.equal(toHexText(out.subarray(9, 16)), "ee0161016200ee");
  assert.ok(encodeName("x".repeat(63).concat(".").repeat(5), new Uint8Array(1), out, 20) < 0);
  assert.deepEqual(out.subarray(20 + 255), new Uint8Array(25).fill(0xee));
});

for (const { hex, length } of [
  { hex: "", length: -1 },
  { hex: "00", length: 1 },
  { hex: "0161", length: -1 },
  { hex: "016100ff", length: 3 },
  { hex: "4061", length: -1 },
  { hex: "c000", length: -1 },
  { hex: "0461", length: -1 },
  { hex: "0161".repeat(127).concat("00"), length: 255 },
  { hex: "0161".repeat(128).concat("00"), length: -1 },
])
  test(`wireLength of ${hex.slice(0, 16)} is ${length}`, () => assert.equal(wireLength(fromHexText(hex)), length));

// RFC 4034 section 6.1's own example, in order.
const CANONICAL = [
  "example.",
  "a.example.",
  "yljkjljk.a.example.",
  "Z.a.example.",
  "zABC.a.EXAMPLE.",
  "z.example.",
  "\\001.z.example.",
  "*.z.example.",
  "\\200.z.example.",
];

test("canonical order", () => {
  const names = CANONICAL.map(wireName);
  for (let i = 0; i < names.length; i++) {
    for (let j = 0; j < names.length; j++) {
      assert.equal(Math.sign(compareNames(names[i]!, names[j]!)), Math.sign(i - j), `${CANONICAL[i]} ${CANONICAL[j]}`);
    }
  }
  assert.ok(compareNames(wireName("."), wireName("a.")) < 0);
  assert.equal(compareNames(wireName("A.eXample."), wireName("a.example.")), 0);
});

for (const { child, parent, inside } of [
  { child: "www.example.org.", parent: "example.org.", inside: true },
  { child: "WWW.Example.ORG.", parent: "example.org.", inside: true },
  { child: "example.org.", parent: "example.org.", inside: true },
  { child: "example.org.", parent: ".", inside: true },
  { child: "org.", parent: "example.org.", inside: false },
  { child: "badexample.org.", parent: "example.org.", inside: false },
  { child: "a\\.example.org.", parent: "example.org.", inside: false },
  { child: "example.com.", parent: "example.org.", inside: false },
  { child: "x\\001b.", parent: "b.", inside: false },
])
  test(`${child} ${inside ? "is" : "is not"} in ${parent}`, () =>
    assert.equal(isSubdomain(wireName(child), wireName(parent)), inside));

test("lower case touches ASCII letters only", () => {
  assert.equal(toHexText(lowerCaseWire(wireName("AzZ@[\\192\\222."))), "07617a7a405bc0de00");
});

const anyName = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 127 })
  .map((labels) => Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.alloc(1)]))
  .filter((wire) => wire.length <= 255);

test("every wire name survives its text", () => {
  fc.assert(
    fc.property(anyName, (wire) => {
      const text = nameToText(wire);
      assert.equal(toHexText(wireName(text)), toHexText(wire));
    }),
  );
});

test("any text is a name or a named mistake", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.string({ unit: fc.constantFrom(..."\\.@a1 25"), maxLength: 300 }),
  );
  fc.assert(
    fc.property(text, (name) => {
      const wire = nameToWire(name);
      if (typeof wire === "string") assert.notEqual(wire, "");
      else assert.equal(wireLength(wire), wire.length);
    }),
  );
});

test("a zone's name is one, or is refused: it never becomes the root", () => {
  assert.deepEqual([...zoneToWire("a.")], [1, 97, 0]);
  assert.deepEqual([...zoneToWire("é.")], [2, 0xc3, 0xa9, 0]);
  assert.throws(() => zoneToWire("a..b."), /^Error: "a\.\.b\." is no domain name: /);
});
