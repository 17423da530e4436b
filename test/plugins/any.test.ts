import assert from "node:assert/strict";
import { test } from "node:test";
import { ANSWERED, REFUSED } from "../../src/plugin/outcome.ts";
import { any } from "../../src/plugins/any.ts";
import { linkChain, parseBlock } from "../support/chain.ts";

test("any: one HINFO under the client's spelling, other types pass on", async () => {
  const chain = await linkChain({ plugins: [any], corefile: ". {\n any\n}", last: () => REFUSED });
  const asked = await chain.ask({ ask: "Www.Example.org. ANY", edns: { size: 700, do: true } });
  assert.equal(asked.outcome, ANSWERED);
  assert.equal(asked.reply?.flags, "qr rd");
  assert.deepEqual(asked.reply.answer, ['Www.Example.org. 8482 IN HINFO "ANY obsoleted" "See RFC 8482"']);
  assert.deepEqual([asked.reply.authority, asked.reply.additional], [[], []]);
  assert.equal((await chain.ask({ ask: "www.example.org. HINFO" })).outcome, REFUSED);
  await chain.stop();
});

test("any: takes no arguments", () => {
  assert.equal(parseBlock([any], ". {\n any x\n}").mistakes.length, 1);
  assert.equal(parseBlock([any], ". {\n any\n any\n}").mistakes.length, 0);
});
