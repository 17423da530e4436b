import assert from "node:assert/strict";
import { test } from "node:test";
import { withView } from "../../src/dns/bytes.ts";
import { Reading, Request } from "../../src/dns/request.ts";
import { SAFE_UDP_SIZE, writeQuery } from "../../src/upstream/outgoing.ts";
import { encodeQuestion, optWire, type Question } from "../support/wire.ts";

function read(question: Question, memory: (bytes: Buffer) => Buffer = (bytes) => bytes): Request {
  const message = encodeQuestion(question, 0x1234);
  const bytes = memory(Buffer.concat([Buffer.alloc(9, 0xff), message]));
  const request = new Request();
  assert.equal(request.read(bytes, 9, message.length), Reading.FINE);
  return request;
}

function write(request: Request, { letters = false, udp = true, memory = (bytes: Buffer) => bytes } = {}) {
  const out = memory(Buffer.alloc(request.length + 10, 0xee));
  const udpSize = writeQuery(request, out, 5, 0xabcd, letters, udp ? SAFE_UDP_SIZE : 0xffff);
  assert.equal(out[4], 0xee);
  assert.equal(out[5 + request.length], 0xee);
  return { sent: out.subarray(5, 5 + request.length), udpSize };
}

const plain = { ask: "Www.Example.org. A" };

for (const { name, question, change, udp, gives, udpSize } of [
  { name: "a plain query", question: plain, gives: plain, udpSize: 512 },
  { name: "flags", question: { ...plain, flags: "rd ad cd" }, gives: { ...plain, flags: "rd ad cd" }, udpSize: 512 },
  {
    name: "an OPT record with options",
    question: { ...plain, edns: { size: 900, do: true, options: ["10 0102030405060708"] } },
    gives: { ...plain, edns: { size: 900, do: true, options: ["10 0102030405060708"] } },
    udpSize: 900,
  },
  {
    name: "a large size over UDP",
    question: { ...plain, edns: { size: 4096 } },
    gives: { ...plain, edns: { size: 1232 } },
    udpSize: 1232,
  },
  {
    name: "a large size over TCP",
    question: { ...plain, edns: { size: 4096 } },
    udp: false,
    gives: { ...plain, edns: { size: 4096 } },
    udpSize: 4096,
  },
  {
    name: "a size below 512",
    question: { ...plain, edns: { size: 100 } },
    gives: { ...plain, edns: { size: 100 } },
    udpSize: 512,
  },
  {
    name: "other flags",
    question: plain,
    change: (request: Request) => {
      request.flags |= 0x20;
    },
    gives: { ...plain, flags: "rd ad" },
    udpSize: 512,
  },
  {
    name: "another type",
    question: plain,
    change: (request: Request) => {
      request.type = 28;
    },
    gives: { ask: "Www.Example.org. AAAA" },
    udpSize: 512,
  },
  {
    name: "another size and DO",
    question: { ...plain, edns: { size: 1000, do: false } },
    change: (request: Request) => {
      request.udpSize = 700;
      request.dnssecOk = true;
    },
    gives: { ...plain, edns: { size: 700, do: true } },
    udpSize: 700,
  },
] as {
  name: string;
  question: Question;
  change?: (request: Request) => void;
  udp?: boolean;
  gives: Question;
  udpSize: number;
}[]) {
  test(`outgoing: ${name}`, () => {
    const request = read(question);
    change?.(request);
    const written = write(request, { udp: udp ?? true });
    assert.equal(written.sent.toString("hex"), encodeQuestion(gives, 0xabcd).toString("hex"));
    assert.equal(written.udpSize, udpSize);
  });
}

test("outgoing: an OPT record of the query before is none of this one", () => {
  const request = read({ ...plain, edns: { size: 1000 } });
  const message = encodeQuestion(plain, 1);
  // What stands behind the message looks like an OPT record where the one before had it.
  const bytes = Buffer.concat([message, optWire({ size: 1000 })]);
  request.read(bytes, 0, message.length);
  const { sent, udpSize } = write(request);
  assert.equal(sent.toString("hex"), encodeQuestion(plain, 0xabcd).toString("hex"));
  assert.equal(udpSize, 512);
});

for (const [kind, memory] of Object.entries({ "a view": withView<Buffer>, "no view": (bytes: Buffer) => bytes }))
  test(`outgoing: letters are random, everything else stays, in memory with ${kind}`, () => {
    const name = `${"aB-1".repeat(10)}.${"@[`{".repeat(8)}.Example.org.`;
    // Type and class are letters, too: what is taken by words must not change or count them.
    const request = read({ ask: `${name} TYPE16705 CLASS16705` }, memory);
    const seen = new Set<string>();
    const sent: boolean[][] = [];
    const RUNS = 400;
    for (let run = 0; run < RUNS; run++) {
      const { sent: message } = write(request, { letters: true, memory });
      seen.add(message.toString("latin1", 12));
      const asked = request.bytes.subarray(request.start, request.start + request.length);
      const capitals: boolean[] = [];
      for (let i = 12; i < message.length; i++) {
        const isLetter = i < message.length - 5 && /[a-z]/i.test(String.fromCharCode(asked[i]!));
        if (!isLetter) assert.equal(message[i], asked[i]);
        else {
          assert.equal(message[i]! | 0x20, asked[i]! | 0x20);
          capitals.push(message[i]! < 0x60);
        }
      }
      sent.push(capitals);
    }
    assert.equal(seen.size, RUNS);
    // Each letter is a fair coin, and so is whether two are alike: 400 throws leave [120, 280] once in ten million million.
    for (let i = 0; i < 20 + 10; i++) {
      for (let other = 0; other <= i; other++) {
        const count = sent.filter((capitals) => capitals[i] === (other === i ? true : capitals[other])).length;
        assert.ok(count > 120 && count < 280, `letters ${i} and ${other}: ${count} of ${RUNS}`);
      }
    }
  });

test("outgoing: a name with capitals never goes out in small letters, which are the server's own", () => {
  const asked = read({ ask: "C.1. A" });
  for (let run = 0; run < 64; run++) assert.equal(write(asked, { letters: true }).sent.toString("latin1", 13, 14), "C");
  const small = read({ ask: "c.1. A" });
  const seen = new Set<string>();
  for (let run = 0; run < 64; run++) seen.add(write(small, { letters: true }).sent.toString("latin1", 13, 14));
  assert.deepEqual([...seen].sort(), ["C", "c"]);
});

const A_RECORD = "00000100010000003c0004c0000201";
const TSIG_RECORD = "0000fa00ff00000000001a08686d61632d6d643500000000000000012c0000123400000000";

for (const { name, opt, records, announced, isSigned, sends } of [
  { name: "an A record behind the OPT record", opt: true, records: A_RECORD, announced: 2, isSigned: false, sends: 2 },
  { name: "a record that is only announced", opt: true, records: "", announced: 2, isSigned: false, sends: 1 },
  { name: "only a record that is not there", opt: false, records: "", announced: 1, isSigned: false, sends: 0 },
  { name: "bytes that no count tells of", opt: false, records: "ffffffff", announced: 0, isSigned: false, sends: 0 },
  { name: "a TSIG record", opt: true, records: TSIG_RECORD, announced: 2, isSigned: true, sends: 2 },
]) {
  test(`outgoing: ${name}: ${isSigned ? "signed, and sent as it came" : "letters, size and counts are ours"}`, () => {
    const question = opt ? { ...plain, edns: { size: 65_535 } } : plain;
    const message = Buffer.concat([encodeQuestion(question, 0x1234), Buffer.from(records, "hex")]);
    message.writeUInt16BE(announced, 10);
    const request = new Request();
    assert.equal(request.read(withView(message), 0, message.length), Reading.FINE);
    assert.equal(request.isSigned, isSigned);
    const spellings = new Set<string>();
    for (let i = 0; i < 100; i++) {
      const { sent, udpSize } = write(request, { letters: true });
      spellings.add(sent.toString("latin1", 12, 29));
      assert.equal(sent.readUInt16BE(10), sends);
      assert.equal(udpSize, isSigned ? 65_535 : opt ? 1_232 : 512);
      assert.equal(sent.length, sends === announced && sends > 0 ? message.length : 33 + 11 * sends);
    }
    assert.equal(spellings.size > 1, !isSigned);
  });
}
