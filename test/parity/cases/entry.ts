/** What the server says before any plugin sees the query: behaviour 2.8. */
import type { ParityServer } from "../case.ts";
import { bareReply, header, opt, question, record } from "../hex.ts";

const www = question("www.example.org. A");
const aRecord = record("www.example.org. 60 IN A 192.0.2.1");
const allFlags = "aa tc rd ra z ad cd";
const fine = { rcode: "NOERROR", flags: "qr aa rd", question: "www.example.org. A" };
const formErr = { rcode: "FORMERR", flags: "qr rd", question: "www.example.org. A", opt: "none" as const };
/** The header of a query that has one question and nothing else. */
const asked = header("0100", [1, 0, 0, 0]);
const formErrWithoutQuestion = { ...formErr, question: "none" };

const corefile = `example.org:{PORT} {
  log
  errors
  whoami
}`;

export const servers: ParityServer[] = [
  {
    name: "entry, messages that are no queries",
    corefile,
    cases: [
      { ask: "reply", raw: header("8100", [1, 0, 0, 0]) + www, reply: { noReply: true } },
      { ask: "eleven bytes", raw: header("0100", [1, 0, 0, 0]).slice(0, -3), reply: { noReply: true } },
      { ask: "one byte", raw: "00", reply: { noReply: true } },
      { ask: "www.example.org. A", opcode: 1, reply: { raw: bareReply("8904") }, notLog: ["*www.example.org.*"] },
      { ask: "www.example.org. A", name: "opcode 2", opcode: 2, flags: "rd ad cd", reply: { raw: bareReply("9134") } },
      {
        ask: "www.example.org. A",
        name: "opcode 2 with all flags",
        opcode: 2,
        flags: allFlags,
        reply: { raw: bareReply("93b4") },
      },

      { ask: "www.example.org. A", name: "opcode 5", opcode: 5, flags: "", reply: { raw: bareReply("a804") } },
      { ask: "www.example.org. A", name: "opcode 15", opcode: 15, flags: "", reply: { raw: bareReply("f804") } },
      { ask: "no question", raw: header("0100", [0, 0, 0, 0]), reply: { raw: bareReply("8101") } },
      { ask: "no question in a NOTIFY", raw: header("2130", [0, 0, 0, 0]), reply: { raw: bareReply("8131") } },
      { ask: "two questions", raw: header("0100", [2, 0, 0, 0]) + www + www, reply: { raw: bareReply("8101") } },
      {
        ask: "two answers",
        raw: header("0000", [1, 2, 0, 0]) + www + aRecord + aRecord,
        reply: { raw: bareReply("8001") },
      },
      {
        ask: "two authorities",
        raw: header("0000", [1, 0, 2, 0]) + www + aRecord + aRecord,
        reply: { raw: bareReply("8001") },
      },
      {
        ask: "three additionals",
        raw: header("0000", [1, 0, 0, 3]) + www + opt() + aRecord + aRecord,
        reply: { raw: bareReply("8001") },
      },
      {
        ask: "no question over TCP",
        over: "tcp",
        raw: header("0100", [0, 0, 0, 0]),
        reply: { raw: bareReply("8101") },
      },
    ],
  },
  {
    name: "entry, bodies",
    corefile,
    cases: [
      {
        ask: "nothing behind the header",
        raw: asked,
        reply: { rcode: "SERVFAIL", flags: "qr rd", question: "none", opt: "none" },
      },
      {
        ask: "nothing behind a NOTIFY's header",
        raw: header("27f0", [1, 0, 0, 0]),
        reply: { raw: bareReply("a002") },
      },
      { ask: "a name without end", raw: `${asked} 03777777`, reply: formErrWithoutQuestion },
      { ask: "half a type", raw: `${asked} 0377777700 00`, reply: formErrWithoutQuestion },
      { ask: "half a class", raw: `${asked} 0377777700 0001 00`, reply: formErrWithoutQuestion },
      { ask: "a reserved label type", raw: `${asked} 4077777700 0001 0001`, reply: formErrWithoutQuestion },
      { ask: "a pointer to itself", raw: `${asked} c00c 0001 0001`, reply: formErrWithoutQuestion },
      {
        ask: "all flags, and a name without end",
        raw: `${header("07ff", [1, 0, 0, 0])} 03777777`,
        reply: { raw: bareReply("83b1") },
      },
      {
        ask: "a NOTIFY with all flags, and half a record",
        raw: `${header("27ff", [1, 1, 0, 0]) + www} 00`,
        reply: { raw: `83b1 0001 0000 0000 0000 ${www}` },
      },
      {
        ask: "no type",
        raw: `${asked} 0377777700`,
        reply: { rcode: "REFUSED", question: "www. None CLASS0" },
      },
      {
        ask: "no class",
        raw: `${asked} 0377777700 0001`,
        reply: { rcode: "REFUSED", question: "www. A CLASS0" },
      },
      {
        ask: "a pointer forward",
        raw: `${asked} c010 0001 0001 00`,
        reply: { rcode: "REFUSED", question: ". A" },
        differs: "pointers in questions",
        ours: { reply: formErrWithoutQuestion },
      },
      { ask: "bytes behind the message", raw: `${asked + www} ffffffff`, reply: fine },
      { ask: "records that are missing", raw: header("0100", [1, 1, 1, 2]) + www, reply: fine },
      {
        ask: "one of two records is missing",
        raw: header("0100", [1, 0, 0, 2]) + www + opt(),
        reply: { ...fine, opt: { size: 1232 } },
      },
      { ask: "an answer", raw: header("0100", [1, 1, 0, 0]) + www + aRecord, reply: fine },
      { ask: "an authority", raw: header("0100", [1, 0, 1, 0]) + www + aRecord, reply: fine },
      {
        ask: "an additional",
        raw: header("0100", [1, 0, 0, 2]) + www + aRecord + opt(700),
        reply: { ...fine, opt: { size: 700 } },
      },
      { ask: "half a record", raw: header("0100", [1, 1, 0, 0]) + www + aRecord.slice(0, -9), reply: formErr },
      { ask: "a record's first byte", raw: `${header("0100", [1, 0, 0, 1]) + www} 00`, reply: formErr },
      {
        ask: "an address of three bytes",
        raw: `${header("0100", [1, 1, 0, 0]) + www} 00 0001 0001 00000000 0003 010203`,
        reply: formErr,
      },
      {
        ask: "an address of five bytes",
        raw: `${header("0100", [1, 1, 0, 0]) + www} 00 0001 0001 00000000 0005 0102030405`,
        reply: formErr,
      },
      {
        ask: "a record without data",
        raw: `${header("0100", [1, 1, 0, 0]) + www} 00 0001 0001 00000000 0000`,
        reply: fine,
      },
      {
        ask: "data longer than the message",
        raw: `${header("0100", [1, 1, 0, 0]) + www} 00 0001 0001 00000000 0005 01020304`,
        reply: formErr,
      },
      {
        ask: "two OPT records",
        raw: header("0100", [1, 0, 0, 2]) + www + opt(700) + opt(900),
        reply: { ...fine, opt: { size: 900 } },
      },
      {
        ask: "an OPT record among the answers",
        raw: header("0100", [1, 1, 0, 0]) + www + opt(),
        reply: { ...fine, opt: "none" },
      },
      {
        ask: "an OPT record with an owner",
        raw: `${header("0100", [1, 0, 0, 1]) + www} 016100 0029 04d0 00000000 0000`,
        reply: { ...fine, opt: { size: 1232 } },
        differs: "OPT with an owner",
        ours: { reply: { ...fine, opt: "none" } },
      },
      {
        ask: "an OPT record with all bits of its flags but DO",
        raw: `${header("0100", [1, 0, 0, 1]) + www} 00 0029 04d0 ff007fff 0000`,
        reply: { ...fine, opt: { size: 1232, do: false, version: 0 } },
      },
      {
        ask: "an OPT record cut short",
        raw: `${header("0100", [1, 0, 0, 1]) + www} 00 0029 04d0 00000000`,
        reply: formErr,
      },
      {
        ask: "an option longer than its record",
        raw: `${header("0100", [1, 0, 0, 1]) + www} 00 0029 04d0 00000000 0005 000a 0002 00`,
        reply: formErr,
      },
      {
        ask: "half an option",
        raw: `${header("0100", [1, 0, 0, 1]) + www} 00 0029 04d0 00000000 0003 000a 00`,
        reply: formErr,
      },
      {
        ask: "over TCP: half a record",
        over: "tcp",
        raw: header("0100", [1, 1, 0, 0]) + www + aRecord.slice(0, -9),
        reply: formErr,
      },
      {
        ask: "over TCP: bytes behind the message",
        over: "tcp",
        raw: `${asked + www} ffffffff`,
        reply: fine,
      },
    ],
  },
  {
    name: "entry, class and version",
    corefile: `example.org:{PORT} {
      whoami
    }
    example.org:{PORT2} {
      whoami
    }
    example.net:{PORT2} {
      forward . 127.0.0.1:1
    }`,
    cases: [
      { ask: "www.example.org. A CH", reply: { rcode: "REFUSED", flags: "qr rd" } },
      { ask: "www.example.org. A HS", reply: { rcode: "REFUSED" } },
      {
        ask: "www.example.org. A CLASS255",
        edns: { do: true },
        reply: { rcode: "REFUSED", opt: { size: 1232, do: true } },
      },
      { ask: "www.example.org. A CLASS0", reply: { rcode: "REFUSED" } },
      {
        ask: "Www.example.org. A CH",
        name: "CH where another block of the listener forwards",
        port: 2,
        reply: { rcode: "NOERROR", counts: { additional: 2 } },
      },
      {
        ask: "www.example.org. A",
        name: "EDNS version 1",
        edns: { version: 1, size: 4096, do: true, options: ["10 0102030405060708"] },
        reply: {
          rcode: "BADVERS",
          flags: "qr rd",
          opt: { size: 0, do: false, version: 0, options: [] },
          answer: [],
          additional: [],
        },
      },
      {
        ask: "nobody.test. A",
        name: "EDNS version 255 for a zone that is not served",
        edns: { version: 255 },
        reply: { rcode: "BADVERS" },
      },
      {
        ask: "www.example.org. A CH",
        name: "EDNS version 1 in class CH",
        edns: { version: 1 },
        reply: { rcode: "REFUSED", opt: { size: 1232, version: 0 } },
      },
      {
        ask: "www.example.org. SOA",
        opcode: 4,
        flags: "aa",
        reply: { rcode: "NOERROR", flags: "qr aa", counts: { additional: 2 } },
      },
      {
        ask: "www.example.org. SOA",
        name: "NOTIFY rd cd",
        opcode: 4,
        flags: "rd cd",
        reply: { rcode: "NOERROR", flags: "qr aa" },
      },
      { ask: "nobody.test. SOA", opcode: 4, reply: { rcode: "REFUSED", flags: "qr" } },
    ],
  },
  {
    name: "entry, large queries",
    corefile,
    cases: [
      {
        ask: "512 bytes",
        raw: `${header("0100", [1, 0, 0, 1]) + www} 00 0029 04d0 00000000 01d4 000c 01d0 ${"00".repeat(464)}`,
        reply: { ...fine, opt: { size: 1232, options: [] } },
      },
      {
        ask: "513 bytes",
        raw: `${header("0100", [1, 0, 0, 1]) + www} 00 0029 04d0 00000000 01d5 000c 01d1 ${"00".repeat(465)}`,
        reply: formErr,
        differs: "large queries",
        ours: { reply: { ...fine, opt: { size: 1232, options: [] } } },
      },
      {
        ask: "513 bytes over TCP",
        over: "tcp",
        raw: `${header("0100", [1, 0, 0, 1]) + www} 00 0029 04d0 00000000 01d5 000c 01d1 ${"00".repeat(465)}`,
        reply: { ...fine, opt: { size: 1232, options: [] } },
      },
      {
        ask: "20,000 bytes over TCP",
        over: "tcp",
        raw: `${header("0100", [1, 0, 0, 1]) + www} 00 0029 04d0 00000000 4e20 000c 4e1c ${"00".repeat(19_996)}`,
        reply: { ...fine, opt: { size: 1232, options: [] } },
      },
    ],
  },
];
