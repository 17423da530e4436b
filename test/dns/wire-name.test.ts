import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { nameToText, wireLength } from "../../src/dns/name-text.ts";
import { endOfName, expandName } from "../../src/dns/wire-name.ts";
import { fromHexText } from "../support/dns-text.ts";

const HEADER = "00".repeat(12);
/** A chain of `count` pointers, each to the one before, the first to the root label at 12. */
function pointerChain(count: number): string {
  let hex = `${HEADER}00`;
  for (let i = 0; i < count; i++) hex += (0xc000 | (i === 0 ? 12 : 13 + 2 * (i - 1))).toString(16);
  return hex;
}
/** A chain of `count` labels, each followed by a pointer to the label before; the first ends in the root. */
function labelChain(count: number): string {
  let hex = `${HEADER}016100`;
  for (let i = 1; i < count; i++) hex += `0161${(0xc000 | (i === 1 ? 12 : 15 + 4 * (i - 2))).toString(16)}`;
  return hex;
}

// `at` is where the name is read; `name` undefined means malformed.
const ROWS: { what: string; hex: string; at: number; name?: string; end?: number }[] = [
  { what: "root", hex: `${HEADER}00`, at: 12, name: ".", end: 13 },
  { what: "plain", hex: `${HEADER}016101 6200`, at: 12, name: "a.b.", end: 17 },
  { what: "pointer to a name", hex: `${HEADER}016100c00c`, at: 15, name: "a.", end: 17 },
  { what: "label and pointer", hex: `${HEADER}0161000162c00c`, at: 15, name: "b.a.", end: 19 },
  { what: "pointer to a pointer", hex: `${HEADER}016100c00cc00f`, at: 17, name: "a.", end: 19 },
  { what: "pointer into the middle of a name", hex: `${HEADER}01610162000163c00e`, at: 17, name: "c.b.", end: 21 },
  { what: "letter case and odd bytes kept", hex: `${HEADER}0441002eff00`, at: 12, name: "A\\000\\.\\255.", end: 18 },
  { what: "pointer to itself", hex: `${HEADER}c00c`, at: 12 },
  { what: "label and pointer to its own start", hex: `${HEADER}0161c00c`, at: 12 },
  { what: "pointer to the label just read", hex: `${HEADER}000161c00d`, at: 13 },
  { what: "pointer into the label just read", hex: `${HEADER}00020161c00e`, at: 13 },
  { what: "forward pointer", hex: `${HEADER}c00e00`, at: 12 },
  { what: "forward pointer behind a label", hex: `${HEADER}0161c01000`, at: 12 },
  { what: "forward pointer behind a backward one", hex: `${HEADER}0161c01000c00c`, at: 17 },
  { what: "cycle of two", hex: `${HEADER}c00ec00c`, at: 14 },
  { what: "cycle of two with labels", hex: `${HEADER}0161c0100162c00c`, at: 16 },
  { what: "cycle of three", hex: `${HEADER}c00ec010c00c`, at: 16 },
  { what: "pointer past the end", hex: `${HEADER}c0ff`, at: 12 },
  { what: "pointer to the end", hex: `${HEADER}c00e`, at: 12 },
  { what: "pointer to the largest offset", hex: `${HEADER}ffff`, at: 12 },
  { what: "pointer to the id", hex: `${HEADER}c000`, at: 12 },
  { what: "pointer to the header's last byte", hex: `${HEADER}c00b`, at: 12 },
  { what: "half a pointer", hex: `${HEADER}c0`, at: 12 },
  { what: "half a pointer behind a label", hex: `${HEADER}0161c0`, at: 12 },
  { what: "no byte at all", hex: HEADER, at: 12 },
  { what: "no root label", hex: `${HEADER}0161`, at: 12 },
  { what: "label past the end", hex: `${HEADER}056161`, at: 12 },
  { what: "label that ends at the end", hex: `${HEADER}026161`, at: 12 },
  { what: "label type 0x40", hex: `${HEADER}4061616100`, at: 12 },
  { what: "label type 0x41, bit string", hex: `${HEADER}41ff00`, at: 12 },
  { what: "label type 0x7f", hex: `${HEADER}7f6100`, at: 12 },
  { what: "label type 0x80", hex: `${HEADER}80616100`, at: 12 },
  { what: "label type 0xbf", hex: `${HEADER}bf616100`, at: 12 },
  { what: "label type 0x40 behind a pointer", hex: `${HEADER}4000c00c`, at: 14 },
  { what: "label of 63 bytes", hex: `${HEADER}3f${"61".repeat(63)}00`, at: 12, name: `${"a".repeat(63)}.`, end: 77 },
  { what: "127 labels", hex: `${HEADER}${"0161".repeat(127)}00`, at: 12, name: "a.".repeat(127), end: 267 },
  { what: "128 labels", hex: `${HEADER}${"0161".repeat(128)}00`, at: 12 },
  {
    what: "255 bytes",
    hex: `${HEADER}${`3f${"61".repeat(63)}`.repeat(3)}3d${"61".repeat(61)}00`,
    at: 12,
    name: `${"a".repeat(63)}.`.repeat(3).concat(`${"a".repeat(61)}.`),
    end: 267,
  },
  { what: "256 bytes", hex: `${HEADER}${`3f${"61".repeat(63)}`.repeat(3)}3e${"61".repeat(62)}00`, at: 12 },
  {
    what: "127 labels over 126 pointers",
    hex: labelChain(127),
    at: 15 + 4 * 125,
    name: "a.".repeat(127),
    end: 15 + 4 * 126,
  },
  { what: "128 labels over 127 pointers", hex: labelChain(128), at: 15 + 4 * 126 },
  { what: "127 pointers", hex: pointerChain(127), at: 13 + 2 * 126, name: ".", end: 13 + 2 * 127 },
  { what: "128 pointers", hex: pointerChain(128), at: 13 + 2 * 127 },
  { what: "1000 pointers", hex: pointerChain(1000), at: 13 + 2 * 999 },
  {
    what: "256 bytes over a pointer",
    hex: `${HEADER}${`3f${"61".repeat(63)}`.repeat(3)}3c${"61".repeat(60)}00${"0161"}c00c`,
    at: 266,
  },
  { what: "0x80 behind a pointer", hex: `${HEADER}8000c00c`, at: 14 },
];

for (const { what, hex, at, name, end } of ROWS)
  test(`name in a message: ${what}`, () => {
    const message = fromHexText(hex);
    const expanded = expandName(message, at, message.length);
    assert.equal(expanded && nameToText(expanded), name);
    if (end !== undefined) assert.equal(endOfName(message, at, message.length), end);
  });

test("a name does not reach behind its record", () => {
  const message = fromHexText(`${HEADER}01610162000000`);
  assert.equal(expandName(message, 12, 16), undefined);
  assert.equal(endOfName(message, 12, 16), -1);
});

test("any bytes give a name or nothing", () => {
  const biased = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 2, 0x3f, 0x40, 0xc0, 12, 13, 14));
  fc.assert(
    fc.property(fc.array(biased, { maxLength: 600 }), fc.nat(600), (bytes, at) => {
      const message = new Uint8Array(bytes);
      const name = expandName(message, at, message.length);
      if (name !== undefined) assert.equal(wireLength(name), name.length);
      if (name !== undefined) assert.ok(endOfName(message, at, message.length) > at);
    }),
    { numRuns: 1000 },
  );
});
