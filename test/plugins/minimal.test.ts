import assert from "node:assert/strict";
import { test } from "node:test";
import { nameToWire } from "../../src/dns/name-text.ts";
import { Section } from "../../src/dns/reply.ts";
import { Class, Rcode, Type } from "../../src/dns/types.ts";
import { ANSWERED, DROPPED, type Handler, SERVFAIL } from "../../src/plugin/outcome.ts";
import { minimal } from "../../src/plugins/minimal.ts";
import { linkChain, parseBlock } from "../support/chain.ts";

const owner = nameToWire("www.example.org.") as Uint8Array;
const EDE = Uint8Array.of(0, 15, 0, 2, 0, 17);

const ALL = [Section.ANSWER, Section.AUTHORITY, Section.ADDITIONAL];
const UNANSWERED = [Section.AUTHORITY, Section.ADDITIONAL];

/** Replies with one record in each of the sections, and an OPT record of its own. */
function replying(rcode: number, sections: readonly Section[], late = false, authority: number = Type.NS): Handler {
  return (query) => {
    const { reply } = query;
    reply.begin(query);
    reply.rcode = rcode;
    for (const section of sections) {
      const type = section === Section.AUTHORITY ? authority : Type.A;
      reply.add(section, owner, type, Class.IN, 60, type === Type.A ? Uint8Array.of(192, 0, 2, 1) : owner);
    }
    reply.setOpt(EDE, 4096, true);
    return late ? Promise.resolve(ANSWERED) : ANSWERED;
  };
}

for (const { name, ask = "www.example.org. A", opcode = 0, last, counts } of [
  { name: "a positive answer", last: replying(Rcode.NOERROR, ALL), counts: [1, 0, 0] },
  { name: "a late one", last: replying(Rcode.NOERROR, ALL, true), counts: [1, 0, 0] },
  { name: "a referral", last: replying(Rcode.NOERROR, UNANSWERED), counts: [0, 1, 1] },
  { name: "another authority", last: replying(Rcode.NOERROR, UNANSWERED, false, Type.A), counts: [0, 0, 0] },
  { name: "additional records alone", last: replying(Rcode.NOERROR, [Section.ADDITIONAL]), counts: [0, 0, 0] },
  { name: "NXDOMAIN with a CNAME", last: replying(Rcode.NXDOMAIN, ALL), counts: [1, 1, 1] },
  { name: "a transfer", ask: "www.example.org. IXFR", last: replying(Rcode.NOERROR, ALL), counts: [1, 1, 1] },
  { name: "the reply to a NOTIFY", opcode: 4, last: replying(Rcode.NOERROR, ALL), counts: [1, 1, 1] },
]) {
  test(`minimal: ${name}`, async () => {
    const chain = await linkChain({ plugins: [minimal], corefile: ". {\n minimal\n}", last });
    for (const edns of [{ edns: {} }, {}]) {
      const { reply } = await chain.ask({ ask, opcode, ...edns });
      assert.deepEqual([reply!.answer.length, reply!.authority.length, reply!.additional.length], counts);
      const cut = counts[1] === 0;
      const options = cut && !("edns" in edns) ? undefined : cut ? [] : ["15 0011"];
      assert.deepEqual(reply!.opt?.options, options);
    }
    await chain.stop();
  });
}

for (const outcome of [DROPPED, SERVFAIL, ANSWERED]) {
  test(`minimal: leaves the outcome ${outcome} without a reply alone`, async () => {
    const chain = await linkChain({ plugins: [minimal], corefile: ". {\n minimal\n}", last: () => outcome });
    assert.equal((await chain.ask({ ask: "www.example.org. A" })).outcome, outcome);
    await chain.stop();
  });
}

test("minimal: takes no arguments", () => {
  assert.equal(parseBlock([minimal], ". {\n minimal x\n}").mistakes.length, 1);
});
