import assert from "node:assert/strict";
import { test } from "node:test";
import dnsPacket from "dns-packet";
import fc from "fast-check";
import { Flag, HEADER_SIZE, OPT_RECORD_SIZE } from "../../src/dns/header.ts";
import { checkMessage } from "../../src/dns/message.ts";
import type { ResourceRecord } from "../../src/dns/record.ts";
import { INDEX_WORDS, Index, MAX_REPLY_SIZE, Reply, Section, type SectionRecord } from "../../src/dns/reply.ts";
import { Reading, Request } from "../../src/dns/request.ts";
import { Class, Rcode, Type } from "../../src/dns/types.ts";
import { parsedRecord, recordToWire, wireName } from "../support/dns-text.ts";
import { type Edns, encodeQuestion, optWire, questionWire } from "../support/wire.ts";

const QUESTION = "www.Example.org. A";
const requestOf = (edns?: Edns, ask = QUESTION): Request => {
  const bytes = encodeQuestion(edns ? { ask, edns } : { ask });
  const request = new Request();
  assert.equal(request.read(bytes, 0, bytes.length), Reading.FINE);
  return request;
};
const plain = requestOf();
const withOpt = requestOf({ size: 4096, do: true });

/** A reply at an odd place of a buffer full of what could be names and pointers. */
function placed(room = MAX_REPLY_SIZE, growable = false): Reply {
  const reply = new Reply();
  reply.place(new Uint8Array(3 + room).fill(0xc0), 3, 3 + room, growable);
  return reply;
}

function filled(list: readonly SectionRecord[], request = plain): Reply {
  const reply = placed();
  reply.begin(request);
  for (const { section, name, type, class: klass, ttl, data } of list)
    assert.equal(reply.add(section, name, type, klass, ttl, data), true);
  return reply;
}

function finished(reply: Reply, request: Request, limit = 65_535): Buffer {
  const length = reply.finish(request, limit);
  assert.equal(length, reply.length);
  return Buffer.from(reply.bytes.subarray(reply.start, reply.start + length));
}

/** A whole message with nothing compressed; `opt` stands before record number `optAt` of the additional section. */
function written(list: readonly SectionRecord[], opt?: Uint8Array, optAt = 0): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt16BE(Flag.QR, 2);
  header.writeUInt16BE(1, 4);
  for (const section of [0, 1, 2])
    header.writeUInt16BE(list.filter((record) => record.section === section).length, 6 + 2 * section);
  const records = list.map(recordToWire);
  if (opt) {
    header[11]!++;
    records.splice(list.filter(({ section }) => section < 2).length + optAt, 0, opt);
  }
  return Buffer.concat([header, questionWire(QUESTION), ...records]);
}

/** What dns-packet, which shares no code with us, reads. */
function oracle(bytes: Uint8Array) {
  const { questions, answers, authorities, additionals } = dnsPacket.decode(Buffer.from(bytes));
  const opts = (additionals ?? []).filter(({ type }) => type === "OPT");
  return { questions, answers, authorities, additionals: additionals!.filter(({ type }) => type !== "OPT"), opts };
}

function count(bytes: Uint8Array): number {
  const { answers, authorities, additionals } = oracle(bytes);
  return answers!.length + authorities!.length + additionals.length;
}

const of = (section: 0 | 1 | 2, line: string): SectionRecord => ({ section, ...parsedRecord(line) });
const SOME = [
  of(0, "www.Example.org. 60 CNAME Host.example.ORG."),
  of(0, "Host.example.ORG. 60 A 192.0.2.1"),
  of(0, "host.example.org. 4294967295 A 192.0.2.2"),
  of(1, "example.org. 60 NS ns.example.org."),
  of(1, "example.org. 60 SOA ns.example.org. host.example.org. 1 2 3 4 5"),
  of(2, 'ns.example.org. 60 TXT "a" "b"'),
  of(2, "_dns._udp.example.org. 60 SRV 1 2 53 ns.example.org."),
  of(2, ". 0 MX 10 ns.example.org."),
];

const label = fc.constantFrom("a", "A", "www", "WWW", "wWw", "example", "Example", "org", "ORG", "x".repeat(63));
const name = fc.array(label, { maxLength: 3 }).map((labels) => wireName(`${labels.join(".")}.`));
const numbers = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
const data = fc.oneof(
  fc.tuple(fc.constant<number>(Type.A), numbers(4)),
  fc.tuple(fc.constantFrom<number>(Type.NS, Type.CNAME, Type.PTR), name),
  fc.tuple(fc.constant<number>(Type.MX), fc.tuple(numbers(2), name).map(joined)),
  fc.tuple(fc.constant<number>(Type.SRV), fc.tuple(numbers(6), name).map(joined)),
  fc.tuple(fc.constant<number>(Type.SOA), fc.tuple(name, name, numbers(20)).map(joined)),
  fc.tuple(
    fc.constant<number>(Type.TXT),
    numbers(9).map((bytes) => joined([Uint8Array.of(9), bytes])),
  ),
  fc.tuple(fc.constant(65_280), fc.uint8Array({ maxLength: 30 })),
);
const record = fc
  .tuple(fc.constantFrom<0 | 1 | 2>(0, 1, 2), name, data, fc.nat(0x7fffffff))
  .map(([section, owner, [type, bytes], ttl]): SectionRecord => {
    return { section, name: owner, type, class: Class.IN, ttl, data: bytes };
  });
const records = fc
  .array(record, { maxLength: 40 })
  .map((list) => list.toSorted((first, second) => first.section - second.section));

test("a reply that outgrows its room gets one for what it holds, not the largest", () => {
  const reply = placed(300, true);
  reply.begin(plain);
  for (const { size, room } of [
    { size: 600, room: 1_024 },
    { size: 1_500, room: 4_096 },
    { size: 63_600, room: MAX_REPLY_SIZE },
  ]) {
    const owner = new Uint8Array(1);
    assert.ok(reply.add(Section.ANSWER, owner, Type.NULL, Class.IN, 1, new Uint8Array(size)));
    assert.equal(reply.bytes.length, room);
  }
  assert.equal(reply.records().length, 3);
});

test("begin: id, opcode, RD, CD and the question with its letter case", () => {
  for (const { opcode, flags, word } of [
    { opcode: 0, flags: "", word: 0x8000 },
    { opcode: 0, flags: "aa tc rd ra z ad cd", word: 0x8110 },
    { opcode: 4, flags: "rd cd", word: 0xa000 },
  ]) {
    const bytes = encodeQuestion({ ask: QUESTION, opcode, flags }, 0xabcd);
    const request = new Request();
    request.read(bytes, 0, bytes.length);
    const reply = placed();
    reply.begin(request);
    const expected = Buffer.concat([bytes.subarray(0, 2), Buffer.of(word >> 8, word & 255), bytes.subarray(4)]);
    assert.deepEqual(finished(reply, request), expected);
  }
});

test("what is added is what is read: any records, letter case kept, never longer than uncompressed", () => {
  fc.assert(
    fc.property(records, (list) => {
      const reply = filled(list);
      const uncompressed = written(list);
      assert.equal(reply.uncompressedLength(), uncompressed.length);
      const bytes = finished(reply, plain);
      assert.deepEqual(oracle(bytes), oracle(uncompressed));
      assert.ok(bytes.length <= uncompressed.length);
      assertPointersLeadBackward(reply);
      assert.deepEqual(reply.records().map(plainRecord), list.map(plainRecord));
    }),
    { numRuns: 400 },
  );
});

test("compression: a name that stands already costs two bytes, in other letters more", () => {
  const lengths = (line: string) => filled([of(0, line)]).length - filled([]).length;
  assert.equal(lengths("www.Example.org. 60 A 192.0.2.1"), 2 + 10 + 4);
  assert.equal(lengths("Example.org. 60 A 192.0.2.1"), 2 + 10 + 4);
  assert.equal(lengths("www.example.org. 60 A 192.0.2.1"), 4 + 8 + 2 + 10 + 4);
  assert.equal(lengths("org. 60 NS ns.Example.org."), 2 + 10 + 3 + 2);
  // RFC 3597 section 4: names in the data of newer types are not compressed.
  assert.equal(lengths("org. 60 SRV 1 2 3 www.Example.org."), 2 + 10 + 6 + 17);
});

test("compression: a name that is not compressed itself may be pointed to", () => {
  for (const data of [
    "SRV 1 2 53 host.example.net.",
    'NAPTR 1 1 "s" "" "" host.example.net.',
    "DNAME host.example.net.",
  ]) {
    const list = [
      of(0, `org. 60 ${data}`),
      of(2, "a.host.example.net. 60 A 192.0.2.1"),
      of(2, "net. 60 NS host.example.net."),
    ];
    const reply = filled(list);
    assert.equal(reply.length, filled(list.slice(0, 1)).length + (4 + 10 + 4) + (2 + 10 + 2), data);
    assert.deepEqual(reply.records().map(plainRecord), list.map(plainRecord));
  }
});

test("compression has at most 120 targets: the next names are written in full, each time", () => {
  const lines = Array.from({ length: 300 }, (_, i) => of(0, `n${i}. 60 A 192.0.2.1`));
  const reply = filled([...lines, ...lines]);
  const size = reply.indexRecords();
  const words = reply.index;
  let pointers = 0;
  for (let i = 300; i < size; i++) if (reply.bytes[3 + words[i * INDEX_WORDS + Index.OWNER]!]! >= 0xc0) pointers++;
  // Three of the 120 are the question's.
  assert.equal(pointers, 117);
  assert.deepEqual(oracle(finished(reply, plain)), oracle(written([...lines, ...lines])));
});

test("compression: suffixes of one name whose hashes are equal are not mistaken for each other", () => {
  // `abf.` is a fixed point of the hash behind `ry3bngq.`, and what the buffer holds by chance looks like its rest.
  const rest = wireName("ry3bngq.");
  const owner = wireName("abf.abf.ry3bngq.");
  const reply = placed();
  reply.begin(plain);
  reply.bytes.set(rest, reply.end + 4);
  reply.add(0, owner, Type.A, Class.IN, 60, Uint8Array.of(192, 0, 2, 1));
  assert.deepEqual(
    reply.records().map(({ name: read }) => read),
    [owner],
  );
});

test("rewrite(records()) changes nothing", () => {
  fc.assert(
    fc.property(records, (list) => {
      const reply = filled(list);
      const before = Buffer.from(reply.bytes.subarray(reply.start, reply.end));
      reply.rewrite(reply.records());
      assert.deepEqual(finished(reply, plain).subarray(HEADER_SIZE), before.subarray(HEADER_SIZE));
      reply.rewrite([]);
      assert.equal(reply.length, plain.questionEnd);
    }),
    { numRuns: 200 },
  );
});

test("TTLs can be changed in place", () => {
  const reply = filled(SOME);
  const size = reply.indexRecords();
  assert.equal(size, SOME.length);
  for (let i = 0; i < size; i++) {
    const at = reply.index[i * INDEX_WORDS + Index.TTL]!;
    assert.equal(reply.ttlAt(at), SOME[i]!.ttl);
    reply.setTtlAt(at, 0x80000000 + i);
  }
  assert.deepEqual(
    reply.records().map(({ ttl }) => ttl),
    SOME.map((_, i) => 0x80000000 + i),
  );
});

test("cut keeps the first records; what is added then points to nothing that was cut", () => {
  for (let keep = 0; keep <= SOME.length + 1; keep++) {
    const reply = filled(SOME);
    reply.cut(keep);
    const kept = SOME.slice(0, keep);
    assert.deepEqual(reply.records().map(plainRecord), kept.map(plainRecord));
    const more = of(2, "_dns._udp.example.org. 60 MX 5 ns.example.org.");
    reply.add(more.section, more.name, more.type, more.class, more.ttl, more.data);
    assertPointersLeadBackward(reply);
    assert.deepEqual(oracle(finished(reply, plain)), oracle(written([...kept, more])));
  }
});

for (const { what, request } of [
  { what: "without OPT", request: plain },
  { what: "with OPT", request: withOpt },
])
  test(`finish at every limit, ${what}: whole records, as many as fit, TC when cut, OPT kept`, () => {
    const ends: number[] = [];
    for (let keep = 0; keep <= SOME.length; keep++) ends.push(finished(filled(SOME.slice(0, keep)), request).length);
    for (let limit = ends[0]!; limit <= ends.at(-1)! + 1; limit++) {
      const bytes = finished(filled(SOME), request, limit);
      assert.ok(bytes.length <= limit, `${bytes.length} bytes at limit ${limit}`);
      const keep = ends.findLastIndex((end) => end <= limit);
      assert.equal(bytes.length, ends[keep]);
      const { opts, ...rest } = oracle(bytes);
      assert.deepEqual({ ...rest, opts: [] }, oracle(written(SOME.slice(0, keep))));
      assert.equal(opts.length, request.hasOpt ? 1 : 0);
      assert.equal((bytes.readUInt16BE(2) & Flag.TC) !== 0, keep < SOME.length);
    }
  });

test("OPT repeats the client's size and DO, and has the upper bits of the rcode", () => {
  const reply = filled([], withOpt);
  reply.rcode = Rcode.BADVERS;
  assert.equal(reply.rcode, Rcode.BADVERS);
  const bytes = finished(reply, withOpt);
  assert.equal(bytes[3]! & 15, 0);
  assert.deepEqual(bytes.subarray(-OPT_RECORD_SIZE), optWire({ size: 4096, do: true }, 1));
});

for (const optAt of [0, 1, 2, 3])
  for (const request of [plain, withOpt])
    test(`adopt: OPT before record ${optAt} of three, request ${request.hasOpt ? "with" : "without"} OPT`, () => {
      const list = SOME;
      const opt = optWire({ size: 1400, options: ["10 0102030405060708"] });
      const message = written(list, opt, optAt);
      const reply = adopted(request, message);
      assert.equal(reply.hasOpt, true);
      const bytes = finished(reply, request);
      const { opts, ...rest } = oracle(bytes);
      assert.deepEqual({ ...rest, opts: [] }, oracle(written(list)));
      const { size, do: dnssecOk } = request.hasOpt ? { size: 4096, do: true } : { size: 1400, do: false };
      assert.deepEqual(bytes.subarray(-opt.length), optWire({ size, do: dnssecOk, options: ["10 0102030405060708"] }));
      assert.equal(opts.length, 1);
    });

test("adopt: names that point to behind the OPT record are written anew", () => {
  const first = of(2, "a.test. 60 A 192.0.2.1");
  const message = Buffer.concat([
    written([first], optWire({})),
    Buffer.of(0, 0),
    Buffer.from("0001000100000000000401020304", "hex"),
  ]);
  const pointer = message.length - 16;
  message.writeUInt16BE(0xc000 | (plain.questionEnd + OPT_RECORD_SIZE), pointer);
  message[11] = 3;
  const reply = adopted(plain, message);
  assertPointersLeadBackward(reply);
  assert.deepEqual(reply.records().map(plainRecord), [first, of(2, "a.test. 0 A 1.2.3.4")].map(plainRecord));
});

test("adopt: the client's question and letters, the other's flags; a second OPT goes", () => {
  const reply = adopted(withOpt, written(SOME, Buffer.concat([optWire({}), optWire({})])).fill(5, 11, 12));
  const bytes = finished(reply, withOpt);
  assert.equal(oracle(bytes).opts.length, 1);
  assert.equal(oracle(bytes).questions![0]!.name, "www.Example.org");
});

test("adopt: a message that is too long without compression is compressed before it is cut", () => {
  const reply = adopted(plain, written(SOME));
  const compressed = filled(SOME).length;
  assert.ok(compressed < written(SOME).length);
  const bytes = finished(reply, plain, compressed);
  assert.equal(bytes.length, compressed);
  assert.equal(bytes.readUInt16BE(2) & Flag.TC, 0);
});

test("adopt: what is compressed stays as it came, but for names in full beyond those that are tolerated", () => {
  const inFull = (count: number): Buffer => {
    const list = Array.from({ length: count }, (_, i) => of(0, `www.Example.org. 60 A 192.0.2.${i}`));
    const pointers = Buffer.concat(Array(9).fill(Buffer.from("c00c000100010000003c0004c0000263", "hex")));
    const message = Buffer.concat([written(list), pointers]);
    message.writeUInt16BE(count + 9, 6);
    return message;
  };
  for (const { count, tolerated, stays } of [
    { count: 0, tolerated: 0, stays: true },
    { count: 1, tolerated: 0, stays: false },
    { count: 1, tolerated: 1, stays: true },
    { count: 2, tolerated: 1, stays: false },
  ]) {
    const message = inFull(count);
    const reply = adopted(plain, message);
    reply.compress(tolerated);
    assert.equal(reply.length, stays ? message.length : message.length - count * 15);
    assert.equal(reply.indexRecords(), count + 9);
  }
});

test("adopt: options that do not fit beside the question are given up, never the limit", () => {
  const option = `12 ${"00".repeat(60_000)}`;
  for (const limit of [512, 1232, 65_535]) {
    const bytes = finished(adopted(withOpt, written(SOME, optWire({ options: [option] }))), withOpt, limit);
    assert.ok(bytes.length <= limit, `${bytes.length} bytes at limit ${limit}`);
    assert.equal(oracle(bytes).opts.length, 1);
    assert.equal(count(bytes), SOME.length);
  }
});

test("a growable reply moves to more room when it must, for records as for its OPT", () => {
  const full = filled(SOME, withOpt);
  const expected = finished(full, withOpt);
  for (let room = withOpt.questionEnd; room <= expected.length; room++) {
    const reply = placed(room, true);
    reply.begin(withOpt);
    for (const { section, name: owner, type, class: klass, ttl, data: bytes } of SOME)
      assert.equal(reply.add(section, owner, type, klass, ttl, bytes), true);
    assert.deepEqual(finished(reply, withOpt), expected);
  }
});

test("an adopted message in little room has room for its OPT", () => {
  const message = written(SOME);
  const reply = placed(message.length + 5, true);
  const shape = checkMessage(message, 0, message.length, withOpt.questionEnd)!;
  assert.equal(reply.adopt(withOpt, message, 0, shape.end, shape.opt), true);
  const bytes = finished(reply, withOpt);
  assert.equal(bytes.length, message.length + OPT_RECORD_SIZE);
  assert.equal(oracle(bytes).opts.length, 1);
});

test("a reply that may not grow overflows: nothing half is written, TC is set", () => {
  const whole = filled(SOME).length;
  for (let room = plain.questionEnd; room < whole; room++) {
    const reply = placed(room);
    reply.begin(plain);
    let added = 0;
    for (const { section, name: owner, type, class: klass, ttl, data: bytes } of SOME)
      if (reply.add(section, owner, type, klass, ttl, bytes)) added++;
    assert.equal(reply.overflow, true);
    const bytes = finished(reply, plain);
    assert.ok(bytes.length <= room);
    assert.equal(count(bytes), added);
    assert.equal(bytes.readUInt16BE(2) & Flag.TC, Flag.TC);
    assert.ok(
      reply.bytes.subarray(0, 3).every((byte) => byte === 0xc0),
      "bytes before the reply were written",
    );
  }
});

test("no message has more than 65,535 bytes", () => {
  for (const size of [1, 255, 1_000, 30_000]) {
    const reply = placed();
    reply.begin(withOpt);
    let added = 0;
    while (reply.add(0, wireName("."), 65_280, Class.IN, 0, new Uint8Array(size))) added++;
    const bytes = finished(reply, withOpt);
    assert.ok(bytes.length <= 65_535 && bytes.length > 65_535 - size - 11, `${bytes.length} bytes`);
    assert.equal(bytes.readUInt16BE(2) & Flag.TC, Flag.TC);
    assert.ok(bytes.readUInt16BE(6) <= added);
    assert.equal(count(bytes), bytes.readUInt16BE(6));
  }
});

test("names behind the reach of a pointer are written in full", () => {
  const far = of(0, "far.test. 60 A 192.0.2.1");
  const list = [{ ...far, name: wireName("."), type: 65_280, data: new Uint8Array(0x4000) }, far, far];
  assert.deepEqual(oracle(finished(filled(list), plain)), oracle(written(list)));
});

function adopted(request: Request, message: Buffer): Reply {
  const shape = checkMessage(message, 0, message.length, request.questionEnd);
  assert.ok(shape);
  const reply = placed();
  assert.equal(reply.adopt(request, message, 0, shape.end, shape.opt), true);
  return reply;
}

/** `indexRecords` walks names by `skipName`, which takes only pointers that lead backward. */
function assertPointersLeadBackward(reply: Reply): void {
  const counts = [...reply.counts].reduce((sum, number) => sum + number, 0);
  assert.equal(reply.indexRecords(), counts);
  assert.equal(reply.records().length, counts);
}

function plainRecord(full: SectionRecord | ResourceRecord): unknown {
  const { name: owner, type, class: klass, ttl, data: bytes } = full;
  return { owner: [...owner], type, klass, ttl, data: [...bytes], section: "section" in full ? full.section : 0 };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
