import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_REPLY_SIZE, Reply } from "../../src/dns/reply.ts";
import { Request } from "../../src/dns/request.ts";
import { Rcode } from "../../src/dns/types.ts";
import { type DecodedReply, decodeReply, type Edns, encodeQuestion } from "../support/wire.ts";

/** What is left for options beside a question of `www.example.org.` in 512 bytes. */
const ROOM = 512 - 33 - 11;
/** An option of so many bytes with its head. */
const padding = (size: number): Uint8Array =>
  Uint8Array.of(0, 12, (size - 4) >> 8, size - 4, ...new Uint8Array(size - 4));
const EDE = Uint8Array.of(0, 15, 0, 2, 0, 15);

function replyTo(edns: Edns | undefined, change: (reply: Reply, request: Request) => void): DecodedReply {
  const message = encodeQuestion(edns ? { ask: "www.example.org. A", edns } : { ask: "www.example.org. A" });
  const request = new Request();
  request.read(message, 0, message.length);
  const reply = new Reply();
  reply.place(new Uint8Array(MAX_REPLY_SIZE), 0, MAX_REPLY_SIZE);
  reply.begin(request);
  change(reply, request);
  const length = reply.finish(request, 512);
  return decodeReply(Buffer.from(reply.bytes.slice(0, length)));
}

for (const { name, edns, change, opt } of [
  {
    name: "its own, for a client without OPT",
    edns: undefined,
    change: (reply: Reply) => reply.setOpt(EDE, 4096, true),
    opt: { size: 4096, do: true, version: 0, options: ["15 000f"] },
  },
  {
    name: "its own without DO",
    edns: undefined,
    change: (reply: Reply) => reply.setOpt(new Uint8Array(0), 512, false),
    opt: { size: 512, do: false, version: 0, options: [] },
  },
  {
    name: "its own, with the client's size and DO",
    edns: { size: 700 },
    change: (reply: Reply) => reply.setOpt(EDE, 4096, true),
    opt: { size: 700, do: false, version: 0, options: ["15 000f"] },
  },
  {
    name: "dropped, for a client without OPT",
    edns: undefined,
    change: (reply: Reply, request: Request) => {
      reply.setOpt(EDE, 4096, true);
      reply.dropOpt(request);
    },
    opt: undefined,
  },
  {
    name: "dropped, with the client's own",
    edns: { size: 700, do: true },
    change: (reply: Reply, request: Request) => {
      reply.setOpt(EDE, 4096, true);
      reply.dropOpt(request);
    },
    opt: { size: 700, do: true, version: 0, options: [] },
  },
  {
    name: "options that fill the message to its limit",
    edns: undefined,
    change: (reply: Reply) => reply.setOpt(padding(ROOM), 512, false),
    opt: { size: 512, do: false, version: 0, options: [`12 ${"00".repeat(ROOM - 4)}`] },
  },
  {
    name: "options with one byte more are given up",
    edns: undefined,
    change: (reply: Reply) => reply.setOpt(padding(ROOM + 1), 512, false),
    opt: { size: 512, do: false, version: 0, options: [] },
  },
]) {
  test(`reply: OPT, ${name}`, () => assert.deepEqual(replyTo(edns, change).opt, opt));
}

for (const { name, edns, rcode } of [
  { name: "stays, for a client with OPT", edns: { size: 700 }, rcode: "BADVERS" },
  { name: "is SERVFAIL for one without", edns: undefined, rcode: "SERVFAIL" },
]) {
  test(`reply: OPT dropped, an rcode above 15 ${name}`, () => {
    const reply = replyTo(edns, (reply, request) => {
      reply.setOpt(EDE, 4096, true);
      reply.rcode = Rcode.BADVERS;
      reply.dropOpt(request);
    });
    assert.equal(reply.rcode, rcode);
  });
}
