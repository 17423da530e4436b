import assert from "node:assert/strict";
import { test } from "node:test";
import dnsPacket from "dns-packet";
import fc from "fast-check";
import { HEADER_SIZE } from "../../src/dns/header.ts";
import { Reply, Section } from "../../src/dns/reply.ts";
import { Request } from "../../src/dns/request.ts";
import { uncompressedLength } from "../../src/dns/uncompressed-length.ts";
import { parsedRecord } from "../support/dns-text.ts";
import { encodeQuestion } from "../support/wire.ts";

/** A reply with names compressed, as far as our writer does it. */
function reply(lines: readonly string[]): Reply {
  const request = new Request();
  const question = encodeQuestion({ ask: "www.example.org. A" });
  request.read(question, 0, question.length);
  const made = new Reply();
  made.place(new Uint8Array(4_096), 7, 4_096);
  made.begin(request);
  for (const line of lines) {
    const { name, type, class: klass, ttl, data } = parsedRecord(line);
    made.add(Section.ANSWER, name, type, klass, ttl, data);
  }
  return made;
}

function lengthOf({ bytes, start, end, questionEnd, counts }: Reply): number {
  return uncompressedLength(bytes, start, end, questionEnd, counts[0]!);
}

const lines = [
  "www.example.org. 60 IN A 192.0.2.1",
  "www.example.org. 60 IN AAAA 2001:db8::1",
  "example.org. 60 IN NS ns.example.org.",
  "example.org. 60 IN SOA ns.example.org. admin.example.org. 1 2 3 4 5",
  "example.org. 60 IN MX 10 mail.example.org.",
  "_dns._udp.example.org. 60 IN SRV 0 0 53 ns.example.org.",
  'example.org. 60 IN TXT "text" "more"',
  "alias.example.org. 60 IN CNAME www.example.org.",
  "sub.example.org. 60 IN DNAME example.net.",
  "example.org. 60 IN RP admin.example.org. text.example.org.",
  "example.org. 60 IN PX 10 map.example.org. x400.example.org.",
  ". 60 IN NS .",
  "www.example.org. 60 IN TYPE65280 \\# 3 c00cff",
];

for (const line of ["", ...lines]) {
  test(`uncompressed length: ${line || "no records"}`, () => {
    const all = line === "" ? [] : [line, line];
    const expected = all
      .map((line) => parsedRecord(line))
      .reduce((sum, { name, data }) => sum + name.length + 10 + data.length, 33);
    const compressed = reply(all);
    assert.equal(lengthOf(compressed), expected);
    assert.ok(compressed.length <= expected);
  });
}

test("uncompressed length: all of them, as dns-packet counts that does not compress", () => {
  const plain = lines.filter((line) => !/RP|PX|DNAME|TYPE/.test(line));
  const { bytes, start, end, questionEnd, counts } = reply(plain);
  const message = Buffer.from(bytes.slice(start, end));
  message.writeUInt16BE(1, 4);
  message.writeUInt16BE(counts[0]!, 6);
  const length = uncompressedLength(message, 0, message.length, questionEnd, counts[0]!);
  assert.equal(length, dnsPacket.encodingLength(dnsPacket.decode(message)));
});

test("uncompressed length: any bytes give a number", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: HEADER_SIZE, maxLength: 300 }), fc.nat(200), (bytes, records) => {
      const length = uncompressedLength(bytes, 0, bytes.length, HEADER_SIZE, records);
      assert.ok(Number.isSafeInteger(length) && length >= HEADER_SIZE);
    }),
  );
});
