import assert from "node:assert/strict";
import { test } from "node:test";
import { nameToText, nameToWire } from "../../src/dns/name-text.ts";
import { Reading, Request } from "../../src/dns/request.ts";
import { Type } from "../../src/dns/types.ts";
import { Query, Transport } from "../../src/plugin/query.ts";
import { ADDRESS_SIZE } from "../../src/transport/packets.ts";
import { encodeQuestion, type Question } from "../support/wire.ts";

const OPTION = Uint8Array.of(0xff, 0xee, 0, 2, 1, 2);

/** A query somewhere in a batch, as a worker has it. */
function read(question: Question, at = 20): Query {
  const message = encodeQuestion(question, 7);
  const slot = new Uint8Array(at + message.length + 20).fill(0xaa);
  slot.set(message, at);
  const query = new Query();
  assert.equal(query.read(slot, at, message.length), Reading.FINE);
  query.peers = new Uint8Array(ADDRESS_SIZE);
  query.reply.place(new Uint8Array(2_000), 0, 2_000);
  return query;
}

/** What a reader makes of the query's bytes. */
function seen({ bytes, start, length }: Request): string {
  const request = new Request();
  assert.equal(request.read(bytes, start, length), Reading.FINE);
  const { name, type, hasOpt, udpSize, dnssecOk, optOffset, optionsLength } = request;
  const options = Buffer.from(bytes.slice(start + optOffset + 11, start + optOffset + 11 + optionsLength));
  const opt = hasOpt ? ` ${udpSize}${dnssecOk ? " do" : ""} [${options.toString("hex")}]` : "";
  return `${request.id} ${nameToText(name.bytes)} ${type}${opt} ${length}`;
}

/** The same in the query's own fields. */
function known(query: Query): string {
  const { id, name, type, hasOpt, udpSize, dnssecOk, optOffset, optionsLength, bytes, start, length } = query;
  const options = Buffer.from(bytes.slice(start + optOffset + 11, start + optOffset + 11 + optionsLength));
  const opt = hasOpt ? ` ${udpSize}${dnssecOk ? " do" : ""} [${options.toString("hex")}]` : "";
  return `${id} ${nameToText(name.bytes)} ${type}${opt} ${length}`;
}

function ask(query: Query, name: string, options?: Uint8Array): void {
  query.name.set(nameToWire(name) as Uint8Array);
  query.type = Type.TXT;
  query.replaceMessage(options);
}

// A record behind the OPT record, as a signature is.
const BEHIND_OPT = "00000100000100000000000201610000010001 0000290200000080000004000a0000 00000100ff000000000000";

for (const { what, question, options, becomes } of [
  { what: "a name", question: { ask: "A.test. A" }, becomes: "7 longer.test. 16 29" },
  {
    what: "a name before an OPT record",
    question: { ask: "a.test. A", edns: { size: 900, do: true, options: ["10 0102"] } },
    becomes: "7 longer.test. 16 900 do [000a00020102] 46",
  },
  {
    what: "options",
    question: { ask: "a.test. A", edns: { size: 900, do: true, options: ["10 0102"] } },
    options: OPTION,
    becomes: "7 longer.test. 16 900 do [ffee00020102] 46",
  },
  {
    what: "options without OPT",
    question: { ask: "a.test. A" },
    options: OPTION,
    becomes: "7 longer.test. 16 4096 [ffee00020102] 46",
  },
  {
    what: "no options",
    question: { ask: "a.test. A", edns: { options: ["10 0102"] } },
    options: Uint8Array.of(),
    becomes: "7 longer.test. 16 1232 [] 40",
  },
  {
    what: "what is behind OPT",
    question: { ask: "a. A", raw: BEHIND_OPT },
    options: OPTION,
    becomes: "7 longer.test. 16 512 do [ffee00020102] 57",
  },
] satisfies { what: string; question: Question; options?: Uint8Array; becomes: string }[]) {
  for (const waits of [false, true]) {
    test(`query: replaces ${what}${waits ? " while it waits" : ""}, and puts it back`, () => {
      const query = read(question);
      const before = known(query);
      const slot = query.bytes;
      assert.equal(seen(query), before);
      ask(query, "longer.test.", options);
      assert.equal(known(query), becomes);
      assert.equal(seen(query), becomes);
      if (waits) {
        query.own();
        slot.fill(0xff);
      }
      ask(query, "x.test.", OPTION);
      assert.match(seen(query), /^7 x\.test\. 16 \d+( do)? \[ffee00020102\]/);
      query.restoreMessage();
      assert.equal(known(query), becomes);
      query.restoreMessage();
      assert.equal(known(query), before);
      assert.equal(seen(query), before);
    });
  }
}

test("query: a waiting query owns the client's message too", () => {
  const query = read({ ask: "a.test. A" });
  const slot = query.bytes;
  ask(query, "b.test.");
  query.own();
  slot.fill(0xff);
  ask(query, "c.test.", OPTION);
  query.restoreClientMessage();
  assert.equal(seen(query), "7 a.test. 1 24");
});

test("query: the next one knows nothing of a message that was not put back", () => {
  const query = read({ ask: "a.test. A" });
  ask(query, "b.test.", OPTION);
  query.reset();
  const next = encodeQuestion({ ask: "c.test. A" }, 8);
  assert.equal(query.read(next, 0, next.length), Reading.FINE);
  query.own();
  query.restoreClientMessage();
  assert.equal(known(query), "8 c.test. 1 24");
});

test("query: a name that stays keeps the client's letters", () => {
  const query = read({ ask: "wWw.Test. A" });
  query.type = Type.MX;
  query.replaceMessage(undefined);
  assert.equal(nameToText(query.bytes, query.start + 12), "wWw.Test.");
  query.restoreMessage();
  query.name.set(nameToWire("www.test.") as Uint8Array);
  query.replaceMessage(undefined);
  assert.equal(nameToText(query.bytes, query.start + 12), "www.test.");
});

for (const { transport, size, limit } of [
  { transport: Transport.UDP, size: 1_232, limit: 1_232 },
  { transport: Transport.UDP, size: 65_507, limit: 65_507 },
  { transport: Transport.UDP, size: 65_535, limit: 65_507 },
  { transport: Transport.TCP, size: 1_232, limit: 65_535 },
]) {
  test(`query: a client that takes ${size} bytes gets up to ${limit} by transport ${transport}`, () => {
    const query = read({ ask: "a.test. A", edns: { size } });
    query.transport = transport;
    assert.deepEqual([query.sizeLimit, query.bufsize], [limit, transport === Transport.UDP ? size : limit]);
  });
}
