import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_REPLY_SIZE, Reply } from "../../src/dns/reply.ts";
import { Request } from "../../src/dns/request.ts";
import { type DecodedOpt, decodeReply, type Edns, encodeQuestion } from "../support/wire.ts";

const EDE = Uint8Array.of(0, 15, 0, 2, 0, 15);

function optOf(edns: Edns | undefined, change: (reply: Reply) => void): DecodedOpt | undefined {
  const message = encodeQuestion(edns ? { ask: "www.example.org. A", edns } : { ask: "www.example.org. A" });
  const request = new Request();
  request.read(message, 0, message.length);
  const reply = new Reply();
  reply.place(new Uint8Array(MAX_REPLY_SIZE), 0, MAX_REPLY_SIZE);
  reply.begin(request);
  change(reply);
  const length = reply.finish(request, 512);
  return decodeReply(Buffer.from(reply.bytes.slice(0, length))).opt;
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
    change: (reply: Reply) => {
      reply.setOpt(EDE, 4096, true);
      reply.dropOpt();
    },
    opt: undefined,
  },
  {
    name: "dropped, with the client's own",
    edns: { size: 700, do: true },
    change: (reply: Reply) => {
      reply.setOpt(EDE, 4096, true);
      reply.dropOpt();
    },
    opt: { size: 700, do: true, version: 0, options: [] },
  },
]) {
  test(`reply: OPT, ${name}`, () => assert.deepEqual(optOf(edns, change), opt));
}
