import assert from "node:assert/strict";
import { test } from "node:test";
import dnsPacket from "dns-packet";
import fc from "fast-check";
import { Flag, HEADER_SIZE } from "../../src/dns/header.ts";
import { nameToText } from "../../src/dns/name-text.ts";
import { Reading, Request } from "../../src/dns/request.ts";
import { Class, Opcode, Rcode, Type } from "../../src/dns/types.ts";
import { fromHex, optWire, questionWire, recordWire } from "../support/wire.ts";

const www = questionWire("www.example.org. A").toString("hex");
const A = recordWire("www.example.org. 60 IN A 192.0.2.1").toString("hex");
const OPT = optWire({ size: 700, do: true }).toString("hex");
const TSIG = "00 00fa 00ff 00000000 001a 08686d61632d6d643500 000000000000 012c 0000 1234 0000 0000";
/** A message with these counts; the id is 0xabcd. */
const message = (flags: string, counts: string, rest = ""): string =>
  `abcd ${flags} ${[...counts].map((digit) => `000${digit}`).join("")} ${rest}`;
/** An OPT record with these options in hexadecimal digits. */
const opt = (options: string, length = fromHex(options).length): string =>
  `00 0029 04d0 00000000 ${length.toString(16).padStart(4, "0")} ${options}`;
const subnet = (data: string): string => {
  const size = fromHex(data).length.toString(16).padStart(4, "0");
  return message("0100", "1001", www + opt(`0008 ${size} ${data}`));
};

const names = Object.entries(Reading).map(([name]) => name);

// What is `www.example.org. A` with nothing else when it is FINE; `fields` says what differs. Behaviour 2.8 in its order.
for (const { what, hex, reading, fields = {} } of [
  { what: "nothing", hex: "", reading: Reading.IGNORE },
  { what: "eleven bytes", hex: message("0100", "1000").slice(0, -3), reading: Reading.IGNORE },
  { what: "a reply", hex: message("8100", "1000", www), reading: Reading.IGNORE },
  { what: "a reply with a bad opcode", hex: message("f900", "1000", www), reading: Reading.IGNORE },
  ...[1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map((opcode) => ({
    what: `opcode ${opcode}`,
    hex: message((opcode << 11).toString(16).padStart(4, "0"), "9999", www),
    reading: Reading.HEADER_ONLY,
    fields: { rcode: Rcode.NOTIMP, opcode },
  })),
  { what: "NOTIFY", hex: message("2100", "1000", www), reading: Reading.FINE, fields: { opcode: Opcode.NOTIFY } },
  ...["0000", "2000", "1200", "1020", "1003"].map((counts) => ({
    what: `counts ${counts}`,
    hex: message("0100", counts, www + A + A + A),
    reading: Reading.HEADER_ONLY,
    fields: { rcode: Rcode.FORMERR },
  })),
  {
    what: "257 questions",
    hex: `abcd 0100 0101 0000 0000 0000 ${www}`,
    reading: Reading.HEADER_ONLY,
    fields: { rcode: Rcode.FORMERR },
  },
  { what: "a header that announces a question", hex: message("0100", "1000"), reading: Reading.NO_QUESTION },
  { what: "the same and records", hex: message("0100", "1112"), reading: Reading.NO_QUESTION },
  { what: "a name without end", hex: message("0100", "1000", "03777777"), reading: Reading.MALFORMED },
  { what: "a pointer", hex: message("0100", "1000", "c00c 0001 0001"), reading: Reading.MALFORMED },
  { what: "a reserved label", hex: message("0100", "1000", "4061 0001 0001"), reading: Reading.MALFORMED },
  { what: "half a type", hex: message("0100", "1000", "0161 00 00"), reading: Reading.MALFORMED },
  { what: "half a class", hex: message("0100", "1000", "016100 0001 00"), reading: Reading.MALFORMED },
  {
    what: "no type",
    hex: message("0100", "1000", "016100"),
    reading: Reading.FINE,
    fields: { name: "a.", type: 0, class: 0, questionEnd: 19, length: 19 },
  },
  {
    what: "no class",
    hex: message("0100", "1000", "016100 0001"),
    reading: Reading.FINE,
    fields: { name: "a.", type: 1, class: 0, questionEnd: 19, length: 19 },
  },
  { what: "a question", hex: message("0100", "1000", www), reading: Reading.FINE },
  {
    what: "bytes behind it",
    hex: message("0100", "1000", `${www}ffff`),
    reading: Reading.FINE,
    fields: { length: 33 },
  },
  { what: "records that are missing", hex: message("0100", "1112", www), reading: Reading.FINE },
  { what: "RD, CD and AD", hex: message("0130", "1000", www), reading: Reading.FINE, fields: { rd: true, cd: true } },
  { what: "no flag", hex: message("0000", "1000", www), reading: Reading.FINE, fields: { rd: false } },
  {
    what: "capital letters",
    hex: message("0100", "1000", questionWire("WwW.Example.ORG. A").toString("hex")),
    reading: Reading.FINE,
    fields: { mixedCase: true },
  },
  {
    what: "another class",
    hex: message("0100", "1000", questionWire("version.bind. TXT CH").toString("hex")),
    reading: Reading.FINE,
    fields: { name: "version.bind.", type: Type.TXT, class: Class.CH, questionEnd: 30 },
  },
  { what: "an answer", hex: message("0100", "1100", www + A), reading: Reading.FINE },
  { what: "an authority", hex: message("0100", "1010", www + A), reading: Reading.FINE },
  { what: "half an answer", hex: message("0100", "1100", www + A.slice(0, -2)), reading: Reading.MALFORMED },
  { what: "one byte of an answer", hex: message("0100", "1100", `${www}00`), reading: Reading.MALFORMED },
  {
    what: "an answer whose data is too short for its type",
    hex: message("0100", "1100", `${www}00 0001 0001 00000000 0003 010203`),
    reading: Reading.MALFORMED,
  },
  {
    what: "an answer whose owner points to itself",
    hex: message("0100", "1100", `${www}c021 0001 0001 00000000 0000`),
    reading: Reading.MALFORMED,
  },
  {
    what: "OPT",
    hex: message("0100", "1001", www + OPT),
    reading: Reading.FINE,
    fields: { hasOpt: true, optOffset: 33, udpSize: 700, dnssecOk: true },
  },
  {
    what: "OPT behind an answer and another record",
    hex: message("0100", "1102", www + A + A + OPT),
    reading: Reading.FINE,
    fields: { hasOpt: true, optOffset: 33 + 62, udpSize: 700, dnssecOk: true },
  },
  { what: "OPT in the answer section", hex: message("0100", "1100", www + OPT), reading: Reading.FINE },
  { what: "OPT with an owner", hex: message("0100", "1001", `${www}0161${OPT}`), reading: Reading.FINE },
  {
    what: "two OPT records: the last one counts",
    hex: message("0100", "1002", www + OPT + opt("")),
    reading: Reading.FINE,
    fields: { hasOpt: true, optOffset: 44, udpSize: 1232 },
  },
  {
    what: "OPT with all bits but DO",
    hex: message("0100", "1001", `${www}00 0029 ffff ff037fff 0000`),
    reading: Reading.FINE,
    fields: { hasOpt: true, optOffset: 33, udpSize: 65_535, ednsVersion: 3 },
  },
  {
    what: "options",
    hex: message("0100", "1001", www + opt("000a 0008 0102030405060708 0003 0000")),
    reading: Reading.FINE,
    fields: { hasOpt: true, optOffset: 33, udpSize: 1232, optionsLength: 16 },
  },
  {
    what: "the same option a hundred times",
    hex: message("0100", "1001", www + opt("0003 0000".repeat(100))),
    reading: Reading.FINE,
    fields: { hasOpt: true, optOffset: 33, udpSize: 1232, optionsLength: 400 },
  },
  { what: "half an OPT", hex: message("0100", "1001", `${www}00 0029 04d0 000000`), reading: Reading.MALFORMED },
  { what: "OPT past the end", hex: message("0100", "1001", www + opt("", 1)), reading: Reading.MALFORMED },
  {
    what: "an option past its record",
    hex: message("0100", "1001", www + opt("000a 0001")),
    reading: Reading.MALFORMED,
  },
  { what: "half an option's head", hex: message("0100", "1001", www + opt("000a 00")), reading: Reading.MALFORMED },
  { what: "bad OPT in the answer section", hex: message("0100", "1100", www + opt("00")), reading: Reading.MALFORMED },
  ...["0000 00 00", "0001 18 00 c00002", "0001 20 20 c0000201", "0002 80 00", "0000 00 ff"].map((data) => ({
    what: `client subnet ${data}`,
    hex: subnet(data),
    reading: Reading.FINE,
    fields: { hasOpt: true, optOffset: 33, udpSize: 1232, optionsLength: 4 + fromHex(data).length },
  })),
  ...["", "0001 18", "0000 01 00", "0001 21 00", "0001 00 21", "0002 81 00", "0003 00 00"].map((data) => ({
    what: `client subnet ${data}`,
    hex: subnet(data),
    reading: Reading.MALFORMED,
  })),
])
  test(`request: ${what}: ${names[Object.values(Reading).indexOf(reading)]}`, () => {
    const bytes = fromHex(hex);
    for (const around of [0, 0xff]) {
      const request = new Request();
      // A request is used again and again: what the one before had must not be seen.
      readWithin(fromHex(message("0130", "1002", www + opt("0003 0000") + TSIG)), 3, around, request);
      const found = readWithin(bytes, 20, around, request);
      assert.equal(found, reading);
      if (reading === Reading.FINE) {
        const expected = { ...WWW, length: bytes.length, ...fields };
        assert.deepEqual(essence(request), expected);
      } else if (reading === Reading.HEADER_ONLY) {
        const { opcode, rcode, id } = request;
        assert.deepEqual({ opcode, rcode, id }, { opcode: 0, id: 0xabcd, ...fields });
      } else if (reading === Reading.MALFORMED) {
        assert.equal(request.questionEnd, hex.includes(www) ? 33 : HEADER_SIZE);
      }
    }
  });

const WWW = {
  id: 0xabcd,
  opcode: 0,
  rd: true,
  cd: false,
  name: "www.example.org.",
  mixedCase: false,
  type: 1,
  class: 1,
  questionEnd: 33,
  hasOpt: false,
  optOffset: -1,
  udpSize: 0,
  ednsVersion: 0,
  dnssecOk: false,
  optionsLength: 0,
  isSigned: false,
};

for (const { what, rest, counts } of [
  { what: "the question", rest: www, counts: [0, 0, 0] },
  { what: "the question's type", rest: "016100 0001", counts: [0, 0, 0] },
  { what: "the question's name", rest: "016100", counts: [0, 0, 0] },
  { what: "an answer", rest: www + A, counts: [1, 0, 0] },
])
  test(`a message that ends behind ${what} announces no more records than it has`, () => {
    const request = new Request();
    assert.equal(readWithin(fromHex(message("0100", "1112", rest)), 3, 0xff, request), Reading.FINE);
    const { bytes, start } = request;
    assert.deepEqual(
      [6, 8, 10].map((at) => (bytes[start + at]! << 8) | bytes[start + at + 1]!),
      counts,
    );
  });

for (const { size, limit } of [
  { size: 0, limit: 512 },
  { size: 511, limit: 512 },
  { size: 513, limit: 513 },
  { size: 65_535, limit: 65_535 },
])
  test(`a client that takes ${size} bytes gets up to ${limit}`, () => {
    const request = new Request();
    readWithin(fromHex(message("0100", "1001", www + optWire({ size }).toString("hex"))), 0, 0, request);
    assert.equal(request.udpLimit, limit);
  });

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
const query = fc.record({
  id: fc.nat(0xffff),
  name: fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join(".")),
  type: fc.constantFrom("A" as const, "AAAA" as const, "TXT" as const, "SRV" as const, "PTR" as const, "MX" as const),
  rd: fc.boolean(),
  cd: fc.boolean(),
  edns: fc.option(
    fc.record({ size: fc.integer({ min: 1, max: 0xffff }), dnssecOk: fc.boolean(), padding: fc.option(fc.nat(300)) }),
  ),
});
type QueryFields = typeof query extends fc.Arbitrary<infer Fields> ? Fields : never;

/** As dns-packet, which shares no code with us, writes it. */
function encoded({ id, name, type, rd, cd, edns }: QueryFields): Uint8Array {
  const flags = (rd ? dnsPacket.RECURSION_DESIRED : 0) | (cd ? dnsPacket.CHECKING_DISABLED : 0);
  const options = edns?.padding == null ? [] : [{ code: "PADDING", length: edns.padding }];
  const opt = edns && {
    type: "OPT",
    name: ".",
    udpPayloadSize: edns.size,
    flags: edns.dnssecOk ? dnsPacket.DNSSEC_OK : 0,
    options,
  };
  const additionals = opt ? [opt as unknown as dnsPacket.Answer] : [];
  return new Uint8Array(dnsPacket.encode({ type: "query", id, flags, questions: [{ name, type }], additionals }));
}

test("what dns-packet writes is read with the same fields", () => {
  fc.assert(
    fc.property(query, fc.nat(20), (fields, start) => {
      const bytes = encoded(fields);
      const request = new Request();
      assert.equal(readWithin(bytes, start, 0xff, request), Reading.FINE);
      const { id, name, type, rd, cd, edns } = fields;
      const questionEnd = HEADER_SIZE + name.length + 2 + 4;
      assert.deepEqual(essence(request), {
        ...{ id, opcode: 0, rd, cd, class: Class.IN, type: Type[type], questionEnd, length: bytes.length },
        name: `${name.toLowerCase()}.`,
        mixedCase: name !== name.toLowerCase(),
        hasOpt: edns !== null,
        optOffset: edns ? questionEnd : -1,
        udpSize: edns?.size ?? 0,
        ednsVersion: 0,
        isSigned: false,
        dnssecOk: edns?.dnssecOk ?? false,
        optionsLength: edns?.padding == null ? 0 : edns.padding + 4,
      });
    }),
    { numRuns: 500 },
  );
});

/** Random bytes hardly come past the header; changes of good messages do. */
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  // An OPT record and no question; its length is right, or a little more.
  fc
    .tuple(fc.uint8Array({ maxLength: 40 }), fc.nat(1))
    .map(([data, more]) =>
      Uint8Array.from([
        ...fromHex(`0000 0100 0000 0000 0000 0001 00 0029 04d0 00000000`),
        0,
        data.length + 4 + more,
        0,
        10,
        0,
        data.length,
        ...data,
      ]),
    ),
  fc
    .tuple(fc.uint8Array({ maxLength: 100 }), fc.constantFrom("1000", "1001", "1102", "1012", "1112"))
    .map(([rest, counts]) => new Uint8Array(Buffer.concat([fromHex(message("0100", counts, www)), rest]))),
  fc
    .tuple(query, fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 5 }), fc.nat(400))
    .map(([fields, changes, length]) => {
      const bytes = encoded(fields).slice(0, length + HEADER_SIZE);
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return bytes;
    }),
);

test("any bytes are read without a throw, and what is around them does not matter", () => {
  const seen = new Set<Reading>();
  fc.assert(
    fc.property(hostile, fc.nat(20), (bytes, start) => {
      const results = [0, 0xff, 0x01].map((around) => {
        const request = new Request();
        const reading = readWithin(bytes, start, around, request);
        seen.add(reading);
        const { questionEnd, rcode } = request;
        assert.ok(questionEnd === HEADER_SIZE || questionEnd <= request.length);
        if (request.hasOpt) assert.ok(request.optOffset + 11 + request.optionsLength <= request.length);
        return { reading, questionEnd, rcode, fields: reading === Reading.FINE ? essence(request) : undefined };
      });
      assert.deepEqual(results[1], results[0]);
      assert.deepEqual(results[2], results[0]);
    }),
    { numRuns: 5_000 },
  );
  assert.deepEqual([...seen].sort(), Object.values(Reading).sort(), "the bytes did not lead everywhere");
});

function readWithin(bytes: Uint8Array, start: number, around: number, request: Request): Reading {
  const buffer = new Uint8Array(start + bytes.length + 300).fill(around);
  buffer.set(bytes, start);
  return request.read(buffer, start, bytes.length);
}

function essence(request: Request): unknown {
  const { id, opcode, flags, checkingDisabled, name, type, questionEnd, length } = request;
  const { hasOpt, optOffset, udpSize, ednsVersion, dnssecOk, optionsLength, isSigned } = request;
  return {
    ...{ id, opcode, rd: (flags & Flag.RD) !== 0, cd: checkingDisabled, name: nameToText(name.bytes) },
    ...{ mixedCase: name.mixedCase, type, class: request.class, questionEnd, length },
    ...{ hasOpt, optOffset: hasOpt ? optOffset : -1, udpSize, ednsVersion, dnssecOk, optionsLength, isSigned },
  };
}
