import assert from "node:assert/strict";
import { test } from "node:test";
import { erratic } from "../../src/plugins/erratic.ts";
import { type Asked, linkChain, parseBlock } from "../support/chain.ts";

const link = (options = "") =>
  linkChain({ plugins: [erratic], corefile: `example.org {\n erratic {\n${options}\n}\n}` });

/** What became of a query: `drop`, `tc`, `ok`. */
function fate({ reply }: Asked): string {
  if (!reply) return "drop";
  return reply.flags.includes("tc") ? "tc" : "ok";
}

for (const { options, fates } of [
  { options: "", fates: "drop ok drop ok drop ok" },
  { options: "drop", fates: "drop ok drop ok drop ok" },
  { options: "drop 3", fates: "drop ok ok drop ok ok" },
  { options: "large", fates: "drop tc drop tc drop tc" },
  { options: "truncate", fates: "tc tc ok ok tc tc" },
  { options: "drop\ntruncate", fates: "tc tc ok ok tc tc" },
  { options: "delay 2 1ms", fates: "ok ok ok ok ok ok" },
  { options: "drop 2\ndelay 2 1ms", fates: "drop ok drop ok drop ok" },
  { options: "truncate 0", fates: "drop ok drop ok drop ok" },
  { options: "drop 0", fates: "ok ok ok ok ok ok" },
  { options: "drop 1", fates: "drop drop drop drop drop drop" },
  { options: "drop 0\ntruncate", fates: "tc tc ok ok tc tc" },
  { options: "drop 0\ntruncate 1", fates: "tc ok tc ok tc ok" },
  { options: "drop 0\ntruncate 3", fates: "tc ok ok ok tc ok" },
  { options: "drop 2\ntruncate 4", fates: "drop tc drop tc drop ok" },
]) {
  test(`erratic: ${options.replace("\n", ", ") || "no options"}`, async () => {
    const chain = await link(options);
    const seen = [];
    for (let i = 0; i < 6; i++) seen.push(fate(await chain.ask({ ask: "www.example.org. A" })));
    assert.equal(seen.join(" "), fates);
    await chain.stop();
  });
}

for (const { ask, options = "", rcode = "NOERROR", flags = "qr aa rd", answer } of [
  { ask: "Www.example.org. A", answer: ["Www.example.org. 0 IN A 192.0.2.53"] },
  { ask: "www.example.org. AAAA", answer: ["www.example.org. 0 IN AAAA 2001:db8::53"] },
  { ask: "www.example.org. AAAA", options: "large", answer: ["www.example.org. 0 IN AAAA 2001:db8::53"] },
  { ask: "www.example.org. A", options: "large", answer: Array(30).fill("www.example.org. 0 IN A 192.0.2.53") },
  { ask: "www.example.org. MX", rcode: "SERVFAIL", flags: "qr rd", answer: [] },
  { ask: "www.example.org. SOA", rcode: "SERVFAIL", flags: "qr rd", answer: [] },
  {
    ask: "example.org. AXFR",
    answer: [
      "example.org. 0 IN SOA sns.dns.icann.org. noc.dns.icann.org. 2018050825 7200 3600 1209600 3600",
      "example.org. 0 IN NS b.example.org.",
      "example.org. 0 IN NS a.example.org.",
      "a.example.org. 0 IN AAAA 2001:bd8::53",
      "b.example.org. 0 IN AAAA 2001:500::54",
      "example.org. 0 IN SOA sns.dns.icann.org. noc.dns.icann.org. 2018050825 7200 3600 1209600 3600",
    ],
  },
]) {
  test(`erratic: ${ask} ${options}`, async () => {
    const chain = await link(`drop 0\n${options}`);
    const { reply } = await chain.ask({ ask, over: "tcp" });
    assert.deepEqual({ rcode: reply?.rcode, flags: reply?.flags, answer: reply?.answer }, { rcode, flags, answer });
    await chain.stop();
  });
}

test("erratic: a truncated transfer has no end", async () => {
  const chain = await link("drop 0\ntruncate 1");
  const { reply } = await chain.ask({ ask: "example.org. AXFR", over: "tcp" });
  assert.equal(reply?.flags, "qr aa rd");
  assert.equal(reply.answer.length, 5);
  await chain.stop();
});

test("erratic: delays every second query", async () => {
  const chain = await link("drop 0\ndelay 2 300ms");
  for (const late of [true, false, true, false]) {
    const start = performance.now();
    assert.equal(fate(await chain.ask({ ask: "www.example.org. A" })), "ok");
    assert.equal(performance.now() - start >= 299, late);
  }
  await chain.stop();
});

test("erratic: is ready while three or four queries have been counted", async () => {
  const chain = await link("drop 0");
  const unready = [];
  for (let count = 0; count < 6; count++) {
    unready.push(chain.unready().length);
    await chain.ask({ ask: "www.example.org. MX" });
  }
  assert.deepEqual(unready, [1, 1, 1, 0, 0, 1]);
  await chain.stop();
});

for (const [options, mistake] of [
  ["drop x", "Corefile:3:6: plugin/erratic: invalid amount 'x', expected an integer of at least 0"],
  ["truncate -1", "Corefile:3:10: plugin/erratic: invalid amount '-1', expected an integer of at least 0"],
  ["delay 1 x", 'Corefile:3:9: plugin/erratic: time: invalid duration "x"'],
  [
    "drop 1 2",
    "Corefile:3:8: plugin/erratic: Wrong argument count or unexpected line ending after '2', expected no more than 1 argument",
  ],
  ["lrge", "Corefile:3:1: plugin/erratic: unknown property 'lrge'"],
]) {
  test(`erratic: ${options} is a mistake`, () => {
    assert.deepEqual(parseBlock([erratic], `example.org {\n erratic {\n${options}\n}\n}`).mistakes, [mistake]);
  });
}
