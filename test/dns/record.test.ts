import assert from "node:assert/strict";
import { test } from "node:test";
import dnsPacket, { type Answer } from "dns-packet";
import fc from "fast-check";
import { nameToText } from "../../src/dns/name-text.ts";
import { formatRdata, validateRdata } from "../../src/dns/rdata.ts";
import { parseRecordText, readRecord } from "../../src/dns/record.ts";
import { Class, Type, typeNumber } from "../../src/dns/types.ts";
import { formatRecord, fromHexText, parsedRecord, recordToWire, toHexText, wireName } from "../support/dns-text.ts";

for (const { line, printed } of [
  { line: "a.example.org. A 192.0.2.1", printed: "a.example.org.\t3600\tIN\tA\t192.0.2.1" },
  { line: "a.example.org. 60 IN A 192.0.2.1", printed: "a.example.org.\t60\tIN\tA\t192.0.2.1" },
  { line: "a.example.org. IN 1m30s A 192.0.2.1", printed: "a.example.org.\t90\tIN\tA\t192.0.2.1" },
  { line: "a.example.org. ch 0 txt hello", printed: 'a.example.org.\t0\tCH\tTXT\t"hello"' },
  { line: "a.example.org. CLASS42 TYPE1 \\# 4 C0000201", printed: "a.example.org.\t3600\tCLASS42\tA\t192.0.2.1" },
  { line: "a.example.org.\t60\tIN\tMX\t10\tmail", printed: "a.example.org.\t60\tIN\tMX\t10 mail." },
  { line: "a TXT a;b", printed: 'a.\t3600\tIN\tTXT\t"a"' },
  { line: 'a TXT "a;b" "(" c\\;d ; comment', printed: 'a.\t3600\tIN\tTXT\t"a;b" "(" "c;d"' },
  { line: 'a TXT ("a"\n "b" ; (\n"c")\n', printed: 'a.\t3600\tIN\tTXT\t"a" "b" "c"' },
  { line: "a SOA ns h (\r\n 1 2\r\n 3 4 5 )", printed: "a.\t3600\tIN\tSOA\tns. h. 1 2 3 4 5" },
  { line: 'a\\ b TXT "a b"', printed: 'a\\ b.\t3600\tIN\tTXT\t"a b"' },
  { line: '_x HTTPS 1 . alpn="h2,h3" port="443"', printed: '_x.\t3600\tIN\tHTTPS\t1 . alpn="h2,h3" port=443' },
  { line: "@ NS @", printed: ".\t3600\tIN\tNS\t." },
  { line: "in in in a 192.0.2.1", printed: undefined },
])
  test(`record ${JSON.stringify(line)}`, () => {
    const record = parseRecordText(line);
    assert.equal("expected" in record ? undefined : formatRecord(record), printed);
  });

test("origin, TTL and class can be given", () => {
  const record = parsedRecord("www CNAME @", { origin: wireName("example.org."), ttl: 5, class: Class.CH });
  assert.equal(formatRecord(record), "www.example.org.\t5\tCH\tCNAME\texample.org.");
});

for (const { line, column, found, expected } of [
  { line: "", column: 1, found: "the end of the line", expected: "an owner name at the start" },
  { line: " A 192.0.2.1", column: 2, found: '"A"', expected: "an owner name at the start" },
  { line: "a..b A 192.0.2.1", column: 1, found: '"a..b"', expected: "a domain name, not an empty label" },
  { line: "a", column: 2, found: "the end of the line", expected: "a record type" },
  { line: "a 60 IN NOTYPE x", column: 9, found: '"NOTYPE"', expected: "a record type" },
  { line: "a 60 70 A 192.0.2.1", column: 6, found: '"70"', expected: "a record type" },
  { line: "a 4294967296 A 192.0.2.1", column: 3, found: '"4294967296"', expected: "a record type" },
  { line: "a A 192.0.2.x", column: 5, found: '"192.0.2.x"', expected: "an IPv4 address" },
  { line: "a MX 10", column: 8, found: "the end of the line", expected: "a domain name" },
  { line: 'a TXT "a', column: 7, found: "a quote without end", expected: "a closing quote" },
  { line: "a TXT (a", column: 9, found: "the end of the line", expected: '")"' },
  { line: "a TXT a)", column: 8, found: '")"', expected: '"(" before it' },
  { line: "a A 192.0.2.1\nb A 192.0.2.1", column: 14, found: "another line", expected: "one record" },
])
  test(`no record: ${JSON.stringify(line)}`, () =>
    assert.deepEqual(parseRecordText(line), { column, found, expected }));

const START = `${"00".repeat(12)}076578616d706c65036f726700`;
for (const { what, hex, printed, tail = "" } of [
  { what: "plain", hex: "016100 0001 0001 0000003c 0004 c0000201", printed: "a.\t60\tIN\tA\t192.0.2.1" },
  {
    what: "pointers in both",
    hex: "0161c00c 0005 0001 0000003c 0002 c014",
    printed: "a.example.org.\t60\tIN\tCNAME\torg.",
  },
  {
    what: "root owner, TTL of 32 bits",
    hex: "00 0029 04d0 80008000 0000",
    printed: ".\t2147516416\tCLASS1232\tOPT\t\\# 0",
  },
  {
    what: "empty rdata of an update",
    hex: "c00c 0001 00ff 00000000 0000",
    printed: "example.org.\t0\tCLASS255\tA\t\\# 0",
  },
  {
    what: "bytes behind it",
    hex: "00 0001 0001 00000000 0004 c0000201",
    tail: "ffff",
    printed: ".\t0\tIN\tA\t192.0.2.1",
  },
  {
    what: "unknown type that looks like a pointer",
    hex: "00 ff77 0001 00000000 0002 c00c",
    printed: ".\t0\tIN\tTYPE65399\t\\# 2 C00C",
  },
  { what: "owner points to itself", hex: "c019 0001 0001 00000000 0004 c0000201" },
  { what: "owner points forward", hex: "c01f 0001 0001 00000000 0004 c0000201" },
  { what: "RDLENGTH past the end", hex: "00 0001 0001 00000000 0005 c0000201" },
  { what: "RDLENGTH 65535", hex: "00 0010 0001 00000000 ffff 0161" },
  { what: "RDLENGTH too short for the type", hex: "00 0001 0001 00000000 0003 c00002" },
  { what: "RDLENGTH too long for the type", hex: "00 0001 0001 00000000 0005 c000020101" },
  { what: "rdata's pointer cut by RDLENGTH", hex: "00 0002 0001 00000000 0001 c00c" },
  { what: "rdata's name runs out of the rdata", hex: "00 0002 0001 00000000 0002 0161", tail: "00" },
  { what: "rdata's pointer to itself", hex: "00 0002 0001 00000000 0002 c024" },
  { what: "nothing behind the name", hex: "00" },
  { what: "nine bytes behind the name", hex: "00 0001 0001 00000000 00" },
  { what: "no bytes", hex: "" },
])
  test(`record in a message: ${what}`, () => {
    const message = fromHexText(START + hex + tail);
    const end = message.length;
    const read = readRecord(message, 25, end);
    assert.equal(read && formatRecord(read.record), printed);
    if (read) assert.equal(read.next, end - tail.length / 2);
  });

test("a record does not reach behind `end`", () => {
  const message = fromHexText(`${START}00 0001 0001 00000000 0004 c0000201`);
  for (let end = 25; end < message.length; end++) assert.equal(readRecord(message, 25, end), undefined);
  assert.equal(readRecord(message, 25, message.length)?.next, message.length);
});

test("random messages: what is read can be written and read again, and nothing throws", () => {
  const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 2, 5, 6, 12, 0xc0));
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 120 }), fc.nat(40), (list, offset) => {
      const message = new Uint8Array(list);
      const read = readRecord(message, offset, message.length);
      if (read === undefined) return;
      formatRecord(read.record);
      const wire = recordToWire(read.record);
      assert.deepEqual(readRecord(wire, 0, wire.length), { record: read.record, next: wire.length });
    }),
    { numRuns: 20_000 },
  );
});

// dns-packet as an oracle: it writes records of random content, we read and print them. Names without escapes, as it has none.
const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join("."));
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const hex = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const ascii = fc.string({ maxLength: 255 });
const quoted = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`;

const answers: fc.Arbitrary<{ type: string; data: unknown; text: string }> = fc.oneof(
  fc.ipV4().map((data) => ({ type: "A", data, text: data })),
  fc
    .constantFrom("NS", "CNAME", "PTR", "DNAME")
    .chain((type) => name.map((data) => ({ type, data, text: `${data}.` }))),
  fc.tuple(u16, name).map(([preference, exchange]) => ({
    type: "MX",
    data: { preference, exchange },
    text: `${preference} ${exchange}.`,
  })),
  fc.tuple(u16, u16, u16, name).map(([priority, weight, port, target]) => ({
    type: "SRV",
    data: { priority, weight, port, target },
    text: `${priority} ${weight} ${port} ${target}.`,
  })),
  fc.tuple(name, name, u32, u32, u32).map(([mname, rname, serial, refresh, minimum]) => ({
    type: "SOA",
    data: { mname, rname, serial, refresh, retry: 1, expire: 2, minimum },
    text: `${mname}. ${rname}. ${serial} ${refresh} 1 2 ${minimum}`,
  })),
  fc
    .array(ascii, { minLength: 1, maxLength: 4 })
    .map((data) => ({ type: "TXT", data, text: data.map(quoted).join(" ") })),
  fc
    .tuple(ascii, ascii)
    .map(([cpu, os]) => ({ type: "HINFO", data: { cpu, os }, text: `${quoted(cpu)} ${quoted(os)}` })),
  fc.tuple(fc.constantFrom(0, 128), ascii).map(([flags, value]) => ({
    type: "CAA",
    data: { flags, tag: "issue", value },
    text: `${flags} issue ${quoted(value)}`,
  })),
  fc.tuple(u16, hex).map(([keyTag, digest]) => ({
    type: "DS",
    data: { keyTag, algorithm: 13, digestType: 2, digest },
    text: `${keyTag} 13 2 ${digest.toString("hex").toUpperCase()}`,
  })),
  fc.tuple(u16, hex).map(([flags, key]) => ({
    type: "DNSKEY",
    data: { flags, algorithm: 13, key },
    text: `${flags} 3 13 ${key.toString("base64")}`,
  })),
  fc
    .tuple(name, fc.subarray(["A", "NS", "SOA", "TXT", "AAAA", "DNSKEY", "CAA", "DLV"], { minLength: 1 }))
    .map(([nextDomain, rrtypes]) => ({
      type: "NSEC",
      data: { nextDomain, rrtypes },
      text: `${nextDomain}. ${rrtypes.join(" ")}`,
    })),
  fc.tuple(name, hex, u32).map(([signersName, signature, originalTTL]) => ({
    type: "RRSIG",
    data: {
      typeCovered: "A",
      algorithm: 13,
      labels: 2,
      originalTTL,
      expiration: 1,
      inception: 0,
      keyTag: 7,
      signersName,
      signature,
    },
    text: `A 13 2 ${originalTTL} 19700101000001 19700101000000 7 ${signersName}. ${signature.toString("base64")}`,
  })),
);

test("what dns-packet writes, we read", () => {
  fc.assert(
    fc.property(name, u32, answers, (owner, ttl, { type, data, text }) => {
      const answer = { name: owner, type, ttl, class: "IN", data } as Answer;
      const message = new Uint8Array(dnsPacket.encode({ type: "response", answers: [answer] }));
      const read = readRecord(message, 12, message.length);
      assert.ok(read);
      assert.equal(read.next, message.length);
      assert.equal(nameToText(read.record.name), `${owner}.`);
      assert.equal(read.record.ttl, ttl);
      assert.equal(formatRdata(read.record.type, read.record.data), text);
      assert.equal(toHexText(parsedRecord(`${owner}. ${ttl} IN ${type} ${text}`).data), toHexText(read.record.data));
      assert.ok(validateRdata(typeNumber(type), read.record.data));
    }),
    { numRuns: 2000 },
  );
});

test("unknown types keep their bytes (RFC 3597)", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
      const record = { name: wireName("a."), type: 65_399, class: Class.IN, ttl: 1, data };
      assert.deepEqual(parsedRecord(formatRecord(record)), record);
      const wire = recordToWire(record);
      assert.deepEqual(readRecord(wire, 0, wire.length)?.record, record);
    }),
  );
  assert.equal(formatRdata(Type.OPT, new Uint8Array(0)), "\\# 0");
});
