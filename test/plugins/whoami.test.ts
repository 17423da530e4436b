import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { whoami } from "../../src/plugins/whoami.ts";
import { type Client, linkChain, parseBlock, type TestChain } from "../support/chain.ts";
import type { Question } from "../support/wire.ts";

let chain: TestChain;
before(async () => {
  chain = await linkChain({ plugins: [whoami], corefile: ". {\n whoami\n}" });
});
after(() => chain.stop());

const rows: { question: Question; client: Client; additional: string[] }[] = [
  {
    question: { ask: "www.example.org. A" },
    client: { address: "192.0.2.7", port: 40212 },
    additional: ["www.example.org. 0 IN A 192.0.2.7", "_udp.www.example.org. 0 IN SRV 0 0 40212 ."],
  },
  {
    question: { ask: "Www.Example.ORG. TYPE65280", over: "tcp" },
    client: { address: "2001:db8::7", port: 1 },
    additional: ["Www.Example.ORG. 0 IN AAAA 2001:db8::7", "_tcp.Www.Example.ORG. 0 IN SRV 0 0 1 ."],
  },
  {
    question: { ask: ". NS" },
    client: { address: "::ffff:192.0.2.7", port: 65535 },
    additional: [". 0 IN A 192.0.2.7", "_udp. 0 IN SRV 0 0 65535 ."],
  },
];

for (const { question, client, additional } of rows) {
  test(`whoami: ${question.ask} from ${client.address}`, async () => {
    const { reply } = await chain.ask(question, client);
    assert.equal(reply?.rcode, "NOERROR");
    assert.equal(reply.flags, "qr aa rd");
    assert.equal(reply.question, question.ask);
    assert.deepEqual(reply.answer, []);
    assert.deepEqual(reply.additional, additional);
  });
}

test("whoami: leaves the port out where its owner would be longer than a name may be", async () => {
  const label = "a".repeat(63);
  const longest = `${label}.${label}.${label}.${"a".repeat(56)}.`;
  assert.equal((await chain.ask({ ask: `${longest} A` })).reply?.additional.length, 2);
  assert.equal((await chain.ask({ ask: `${longest.slice(0, -1)}a. A` })).reply?.additional.length, 1);
});

for (const [text, mistake] of [
  [
    "whoami x",
    "Corefile:2:9: plugin/whoami: Wrong argument count or unexpected line ending after 'x', expected no arguments",
  ],
  ["whoami {\n on\n }", "Corefile:2:9: plugin/whoami: Unexpected token '{', expecting argument"],
]) {
  test(`whoami: ${text!.split("\n")[0]} is a mistake`, () => {
    assert.deepEqual(parseBlock([whoami], `. {\n ${text}\n}`).mistakes, [mistake]);
  });
}
