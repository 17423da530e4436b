import assert from "node:assert/strict";
import { test } from "node:test";
import { Reading, Request } from "../../src/dns/request.ts";
import { outgoingSize, writeQuery, written } from "../../src/upstream/outgoing.ts";
import { encodeQuestion, optWire, type Question } from "../support/wire.ts";

function read(question: Question): Request {
  const message = encodeQuestion(question, 0x1234);
  const bytes = Buffer.concat([Buffer.alloc(9, 0xff), message]);
  const request = new Request();
  assert.equal(request.read(bytes, 9, message.length), Reading.FINE);
  return request;
}

function write(request: Request, { letters = false, udp = true } = {}): Buffer {
  const out = Buffer.alloc(outgoingSize(request) + 10, 0xee);
  writeQuery(request, out, 5, 0xabcd, letters, udp);
  assert.ok(written.length <= outgoingSize(request));
  assert.equal(out[4], 0xee);
  assert.equal(out[5 + written.length], 0xee);
  return out.subarray(5, 5 + written.length);
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
  {
    name: "an OPT record that a plugin added",
    question: plain,
    change: (request: Request) => {
      request.hasOpt = true;
      request.udpSize = 1_232;
      request.dnssecOk = true;
    },
    gives: { ...plain, edns: { size: 1232, do: true } },
    udpSize: 1232,
  },
  {
    name: "an OPT record that a plugin took away",
    question: { ...plain, edns: { size: 1000, options: ["3 61"] } },
    change: (request: Request) => {
      request.hasOpt = false;
    },
    gives: plain,
    udpSize: 512,
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
    assert.equal(write(request, { udp: udp ?? true }).toString("hex"), encodeQuestion(gives, 0xabcd).toString("hex"));
    assert.equal(written.udpSize, udpSize);
    assert.equal(written.questionEnd, 12 + request.name.length + 4);
  });
}

test("outgoing: an OPT record of the query before is none of this one", () => {
  const request = read({ ...plain, edns: { size: 1000 } });
  const message = encodeQuestion(plain, 1);
  // What stands behind the message looks like an OPT record where the one before had it.
  const bytes = Buffer.concat([message, optWire({ size: 1000 })]);
  request.read(bytes, 0, message.length);
  assert.equal(write(request).length, message.length);
});

test("outgoing: letters are random, everything else stays", () => {
  const name = `${"aB-1".repeat(10)}.${"@[`{".repeat(8)}.Example.org.`;
  const request = read({ ask: `${name} A` });
  const seen = new Set<string>();
  const upper = new Map<number, number>();
  const RUNS = 400;
  for (let run = 0; run < RUNS; run++) {
    const message = write(request, { letters: true });
    seen.add(message.toString("latin1", 12));
    const asked = request.bytes.subarray(request.start, request.start + request.length);
    for (let i = 12; i < message.length; i++) {
      const isLetter = i < message.length - 5 && /[a-z]/i.test(String.fromCharCode(asked[i]!));
      if (!isLetter) assert.equal(message[i], asked[i]);
      else {
        assert.equal(message[i]! | 0x20, asked[i]! | 0x20);
        if (message[i]! < 0x60) upper.set(i, (upper.get(i) ?? 0) + 1);
      }
    }
  }
  assert.equal(seen.size, RUNS);
  // Each letter is a fair coin: 400 throws leave [130, 270] once in a million million.
  assert.equal(upper.size, 20 + 10);
  for (const count of upper.values()) assert.ok(count > 130 && count < 270, `${count} of ${RUNS}`);
});

test("outgoing: a name with capitals never goes out in small letters, which are the server's own", () => {
  const asked = read({ ask: "C.1. A" });
  for (let run = 0; run < 64; run++) assert.equal(write(asked, { letters: true }).toString("latin1", 13, 14), "C");
  const small = read({ ask: "c.1. A" });
  const seen = new Set<string>();
  for (let run = 0; run < 64; run++) seen.add(write(small, { letters: true }).toString("latin1", 13, 14));
  assert.deepEqual([...seen].sort(), ["C", "c"]);
});
