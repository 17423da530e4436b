import assert from "node:assert/strict";
import { test } from "node:test";
import dnsPacket from "dns-packet";
import fc from "fast-check";
import { checkMessage, checkRecord, skipName } from "../../src/dns/message.ts";
import { endOfName, expandName } from "../../src/dns/wire-name.ts";
import { fromHexText } from "../support/dns-text.ts";

const HEADER = "00".repeat(12);

/** A chain of `count` pointers behind a root label at 12, each to the one before; the last stands at 11 + 2 * count. */
function pointerChain(count: number): string {
  let hex = `${HEADER}00`;
  for (let i = 0; i < count; i++) hex += (0xc000 | (i === 0 ? 12 : 11 + 2 * i)).toString(16);
  return hex;
}

// `behind` absent means malformed. `at` and `behind` are counted from the start of the message.
for (const { what, hex, at = 12, behind = -1 } of [
  { what: "root", hex: `${HEADER}00`, behind: 13 },
  { what: "labels", hex: `${HEADER}016101 6200`, behind: 17 },
  { what: "a pointer", hex: `${HEADER}016100c00c`, at: 15, behind: 17 },
  { what: "a label and a pointer", hex: `${HEADER}0161000162c00cff`, at: 15, behind: 19 },
  { what: "pointer to itself", hex: `${HEADER}c00c` },
  { what: "pointer to the label before it", hex: `${HEADER}0161c00c` },
  { what: "forward pointer", hex: `${HEADER}c00e00` },
  { what: "forward pointer behind a backward one", hex: `${HEADER}0161c01000c00c`, at: 17 },
  { what: "cycle of two", hex: `${HEADER}c00ec00c`, at: 14 },
  { what: "cycle of two, from its first", hex: `${HEADER}c00ec00c` },
  { what: "pointer past the end", hex: `${HEADER}c0ff` },
  { what: "pointer to the largest offset", hex: `${HEADER}ffff` },
  { what: "pointer into the header", hex: `${HEADER}c000` },
  { what: "pointer to the header's last byte", hex: `${HEADER}c00b` },
  { what: "half a pointer", hex: `${HEADER}c0` },
  { what: "no root label", hex: `${HEADER}0161` },
  { what: "a label past the end", hex: `${HEADER}056161` },
  { what: "label type 0x40", hex: `${HEADER}4061616100` },
  { what: "label type 0x80", hex: `${HEADER}80616100` },
  { what: "label type 0xbf behind a pointer", hex: `${HEADER}bf00c00c`, at: 14 },
  { what: "127 labels", hex: `${HEADER}${"0161".repeat(127)}00`, behind: 267 },
  { what: "128 labels", hex: `${HEADER}${"0161".repeat(128)}00` },
  { what: "127 pointers", hex: pointerChain(127), at: 11 + 2 * 127, behind: 13 + 2 * 127 },
  { what: "128 pointers", hex: pointerChain(128), at: 11 + 2 * 128 },
  { what: "1000 pointers", hex: pointerChain(1000), at: 11 + 2 * 1000 },
])
  test(`skipName: ${what}`, () => {
    const message = fromHexText(hex);
    for (const start of [0, 5]) {
      const bytes = within(message, start, 0xff);
      const found = skipName(bytes, start + at, start + message.length, start);
      assert.equal(found < 0 ? found : found - start, behind);
    }
  });

/** Bytes in which names and pointers are frequent. */
const biased = fc.oneof(
  fc.integer({ min: 0, max: 255 }),
  fc.constantFrom(0, 0, 1, 2, 0x40, 0xc0, 0xc0, 12, 13, 14, 15),
);

test("skipName takes the names that expandName takes, and nothing else", () => {
  fc.assert(
    fc.property(fc.array(biased, { maxLength: 300 }), fc.nat(300), fc.nat(20), (list, at, start) => {
      const message = Uint8Array.from(list);
      const whole = expandName(message, at, message.length);
      const behind = whole === undefined ? -1 : endOfName(message, at, message.length) + start;
      const end = start + message.length;
      assert.equal(skipName(within(message, start, 0xff), start + at, end, start), behind);
      assert.equal(skipName(within(message, start, 0), start + at, end, start), behind);
    }),
    { numRuns: 3000 },
  );
});

for (const { what, hex, behind = -1 } of [
  { what: "A", hex: "00 0001 0001 00000000 0004 c0000201", behind: 15 },
  { what: "A without data", hex: "00 0001 0001 00000000 0000", behind: 11 },
  { what: "A with three bytes", hex: "00 0001 0001 00000000 0003 c00002" },
  { what: "A whose data ends behind the message", hex: "00 0001 0001 00000000 0004 c00002" },
  { what: "NS to itself", hex: "00 0002 0001 00000000 0002 c017" },
  { what: "NS whose name ends behind its data", hex: "00 0002 0001 00000000 0002 01610000" },
  { what: "NS whose name ends before its data", hex: "00 0002 0001 00000000 0004 01610000" },
  { what: "an unknown type that looks like a pointer to itself", hex: "00 ff00 0001 00000000 0002 c017", behind: 13 },
  { what: "OPT with any data", hex: "00 0029 0001 00000000 0003 c01700", behind: 14 },
  { what: "half of what stands before the data", hex: "00 0001 0001 0000" },
  { what: "a length of 65535", hex: "00 0001 0001 00000000 ffff 00" },
])
  test(`checkRecord: ${what}`, () => {
    const message = fromHexText(HEADER + hex);
    for (const start of [0, 7]) {
      const found = checkRecord(within(message, start, 0xff), start, start + 12, start + message.length);
      assert.equal(found < 0 ? found : found - start - 12, behind);
    }
  });

const a = { type: "A", name: "www.example.org", ttl: 60, data: "192.0.2.1" } as const;
const good = new Uint8Array(
  dnsPacket.encode({
    type: "response",
    questions: [{ type: "A", name: "www.example.org" }],
    answers: [a, a],
    authorities: [{ type: "NS", name: "example.org", data: "ns.example.org" }],
    additionals: [
      a,
      { type: "OPT", name: ".", udpPayloadSize: 1232, flags: 0, options: [] } as unknown as dnsPacket.Answer,
    ],
  }),
);
/** Behind the question for www.example.org. */
const QUESTION_END = 12 + 17 + 4;

test("checkMessage: a good message", () => {
  assert.deepEqual(checkMessage(good, 0, good.length, QUESTION_END), { end: good.length, opt: good.length - 11 });
});

test("checkMessage: bytes behind the last record are not the message's", () => {
  const bytes = within(good, 9, 0xff);
  assert.deepEqual(checkMessage(bytes, 9, good.length + 3, QUESTION_END), {
    end: good.length,
    opt: good.length - 11,
  });
});

test("checkMessage: cut off anywhere it is malformed, whatever stands behind", () => {
  for (let length = 0; length < good.length; length++)
    for (const around of [0, 0xff])
      assert.equal(checkMessage(within(good.subarray(0, length), 3, around), 3, length, QUESTION_END), undefined);
});

for (const { what, at, count } of [
  { what: "65535 answers", at: 6, count: 0xffff },
  { what: "an answer too many", at: 6, count: 3 },
  { what: "an additional record too many", at: 10, count: 3 },
])
  test(`checkMessage: ${what}`, () => {
    const bytes = good.slice();
    new DataView(bytes.buffer).setUint16(at, count);
    assert.equal(checkMessage(bytes, 0, bytes.length, QUESTION_END), undefined);
  });

for (const { what, section, owner = "00", opt } of [
  { what: "in the answer section", section: 0, opt: 0 },
  { what: "in the authority section", section: 1, opt: 0 },
  { what: "in the additional section", section: 2, opt: 12 },
  { what: "with an owner", section: 2, owner: "016100", opt: 0 },
])
  test(`checkMessage: OPT ${what}`, () => {
    const message = fromHexText(`${HEADER}${owner}0029 04d0 00000000 0000`);
    message[7 + 2 * section] = 1;
    assert.equal(checkMessage(message, 0, message.length, 12)?.opt, opt);
  });

test("checkMessage: any change of a good message gives an answer that does not depend on what is around", () => {
  const changes = fc.array(fc.tuple(fc.nat(good.length - 1), biased), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(changes, fc.integer({ min: 0, max: good.length }), (list, length) => {
      const message = good.slice(0, length);
      for (const [at, byte] of list) if (at < length) message[at] = byte;
      const [found, again] = [0xff, 0].map((around) => {
        const shape = checkMessage(within(message, 4, around), 4, length, QUESTION_END);
        return shape && { ...shape };
      });
      assert.deepEqual(again, found);
      if (found) assert.ok(found.end <= length && found.opt < length);
    }),
    { numRuns: 3000 },
  );
});

/** The message at `start` of a larger buffer that is filled with `around`. */
function within(message: Uint8Array, start: number, around: number): Uint8Array {
  const bytes = new Uint8Array(start + message.length + 300).fill(around);
  bytes.set(message, start);
  return bytes;
}
