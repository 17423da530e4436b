import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isCompressed } from "../../src/dns/compressed.ts";
import { Reply, Section } from "../../src/dns/reply.ts";
import { Request } from "../../src/dns/request.ts";
import { parsedRecord, recordToWire } from "../support/dns-text.ts";
import { encodeQuestion } from "../support/wire.ts";

const question = encodeQuestion({ ask: "www.example.org. A" });
const request = new Request();
request.read(question, 0, question.length);

/** As our writer compresses them, at an odd place. */
function compressed(lines: readonly string[]): Reply {
  const reply = new Reply();
  reply.place(new Uint8Array(4_096), 7, 4_096);
  reply.begin(request);
  for (const { name, type, class: klass, ttl, data } of lines.map((line) => parsedRecord(line)))
    assert.ok(reply.add(Section.ANSWER, name, type, klass, ttl, data));
  return reply;
}

function isShort({ bytes, start, end, questionEnd, counts }: Reply): boolean {
  return isCompressed(bytes, start, end, questionEnd, counts[0]!, 0);
}

/** The same with all names in full. */
function inFull(lines: readonly string[], tolerated = 0): boolean {
  const message = Buffer.concat([question, ...lines.map((line) => recordToWire(parsedRecord(line)))]);
  return isCompressed(message, 0, message.length, question.length, lines.length, tolerated);
}

/** Each has a name that could be shorter, in one place. */
const shortable = [
  "www.example.org. 60 A 192.0.2.1",
  "host.example.org. 60 A 192.0.2.1",
  "org. 60 A 192.0.2.1",
  ". 60 NS ns.example.org.",
  ". 60 CNAME www.example.org.",
  ". 60 PTR example.org.",
  ". 60 MX 10 mail.example.org.",
  ". 60 SOA . admin.example.org. 1 2 3 4 5",
  ". 60 SOA ns.example.org. . 1 2 3 4 5",
];
/** These have none: another last label, other letters, no label at all, or data of a type whose names stay in full. */
const short = [
  ". 60 A 192.0.2.1",
  "example.test. 60 A 192.0.2.1",
  "example.ORG. 60 A 192.0.2.1",
  ". 60 NS .",
  ". 60 SRV 0 0 53 ns.example.org.",
  ". 60 DNAME example.org.",
  '. 60 TXT "example.org."',
];

for (const line of shortable) test(`not compressed: ${line}`, () => assert.equal(inFull([line]), false));
for (const line of short) test(`compressed as it is: ${line}`, () => assert.equal(inFull([line]), true));

test("names in full are tolerated one by one", () => {
  for (let tolerated = 0; tolerated < 4; tolerated++) {
    for (let count = 0; count < 4; count++)
      assert.equal(inFull(shortable.slice(0, count), tolerated), count <= tolerated);
  }
});

test("what our writer has compressed is compressed, whatever it is", () => {
  const lines = fc.array(fc.constantFrom(...shortable, ...short), { maxLength: 30 });
  fc.assert(fc.property(lines, (list) => assert.ok(isShort(compressed(list)))));
});

test("any bytes give an answer", () => {
  const bytes = fc.uint8Array({ minLength: question.length, maxLength: 200 });
  fc.assert(
    fc.property(bytes, fc.nat(20), (message, count) => {
      question.copy(message, 0);
      assert.equal(typeof isCompressed(message, 0, message.length, question.length, count, 0), "boolean");
    }),
    { numRuns: 2_000 },
  );
});
