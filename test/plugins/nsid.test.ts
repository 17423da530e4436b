import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { ANSWERED, DROPPED, type Handler } from "../../src/plugin/outcome.ts";
import { nsid } from "../../src/plugins/nsid.ts";
import { linkChain, parseBlock } from "../support/chain.ts";

const hex = (text: string) => Buffer.from(text).toString("hex");
const written: Handler = (query) => {
  query.reply.begin(query);
  return ANSWERED;
};
/** What an upstream may have said: an NSID of its own between two other options. */
const forwarded: Handler = (query) => {
  written(query);
  query.reply.setOpt(Uint8Array.of(0, 10, 0, 1, 7, 0, 3, 0, 2, 65, 66, 0, 15, 0, 2, 0, 17), 4096, false);
  return Promise.resolve(ANSWERED);
};

for (const { name, directive = "nsid one two", options, last = written, expected } of [
  { name: "asked for", options: ["3"], expected: [`3 ${hex("one two")}`] },
  { name: "asked for behind others", options: ["10 0102030405060708", "3 00"], expected: [`3 ${hex("one two")}`] },
  { name: "the host's name", directive: "nsid", options: ["3"], expected: [`3 ${hex(hostname())}`] },
  { name: "letters beyond ASCII", directive: "nsid é", options: ["3"], expected: ["3 c3a9"] },
  { name: "not asked for", options: ["10 0102030405060708"], expected: [] },
  { name: "no options", options: [], expected: [] },
  {
    name: "in place of an upstream's",
    options: ["3"],
    last: forwarded,
    expected: ["10 07", "15 0011", `3 ${hex("one two")}`],
  },
]) {
  test(`nsid: ${name}`, async () => {
    const chain = await linkChain({ plugins: [nsid], corefile: `. {\n ${directive}\n}`, last });
    const { reply } = await chain.ask({ ask: "www.example.org. A", edns: { size: 700, options } });
    assert.deepEqual(reply?.opt, { size: 700, do: false, version: 0, options: expected });
    assert.equal((await chain.ask({ ask: "www.example.org. A" })).reply?.opt === undefined, last === written);
    await chain.stop();
  });
}

test("nsid: nothing where nothing was written", async () => {
  const chain = await linkChain({ plugins: [nsid], corefile: ". {\n nsid\n}", last: () => DROPPED });
  assert.equal((await chain.ask({ ask: "www.example.org. A", edns: { options: ["3"] } })).reply, undefined);
  await chain.stop();
});

test("nsid: once, without braces, and not too long", () => {
  const mistakes = (text: string) => parseBlock([nsid], `. {\n ${text}\n}`).mistakes;
  assert.deepEqual(
    mistakes("nsid a\n nsid b").map((text) => text.replace(/^\S+ /, "")),
    ["plugin/nsid: this plugin can only be used once per Server Block"],
  );
  assert.equal(mistakes("nsid a {\n x\n }").length, 1);
  assert.equal(mistakes(`nsid ${"a".repeat(1025)}`).length, 1);
  assert.equal(mistakes(`nsid ${"a".repeat(1024)}`).length, 0);
});
