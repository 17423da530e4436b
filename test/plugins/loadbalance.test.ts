import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Section } from "../../src/dns/reply.ts";
import { ANSWERED, type Handler } from "../../src/plugin/outcome.ts";
import { loadbalance } from "../../src/plugins/loadbalance/index.ts";
import { linkChain, parseBlock, type TestChain } from "../support/chain.ts";
import { parsedRecord } from "../support/dns-text.ts";
import { makePipe } from "../support/pipe.ts";

const directory = mkdtempSync(join(tmpdir(), "loadbalance-"));
after(() => rmSync(directory, { recursive: true }));

/** Replies with these records. */
function source(answer: readonly string[], additional: readonly string[] = [], rcode = 0): Handler {
  return (query) => {
    const { reply } = query;
    reply.begin(query);
    reply.rcode = rcode;
    for (const [section, lines] of [
      [Section.ANSWER, answer],
      [Section.ADDITIONAL, additional],
    ] as const) {
      for (const line of lines) {
        const { name, type, class: klass, ttl, data } = parsedRecord(line);
        reply.add(section, name, type, klass, ttl, data);
      }
    }
    return ANSWERED;
  };
}

const link = (options: string, last: Handler): Promise<TestChain> =>
  linkChain({ plugins: [loadbalance], corefile: `. {\n loadbalance ${options}\n}`, last });

const A = (last: number, ttl = 60, name = "www") => `${name}.example.org. ${ttl} IN A 192.0.2.${last}`;
const addresses = [A(1, 10), A(2, 20), A(3, 30)];

test("loadbalance: every order comes, each address with its TTL", async () => {
  const chain = await link("", source(addresses));
  const seen = new Map<string, number>();
  for (let i = 0; i < 600; i++) {
    const { reply } = await chain.ask({ ask: "www.example.org. A" });
    assert.deepEqual([...reply!.answer].sort(), addresses);
    const order = reply!.answer.join();
    seen.set(order, (seen.get(order) ?? 0) + 1);
  }
  assert.equal(seen.size, 6);
  // 100 are expected of each; outside of these bounds once in some 10^9 runs.
  for (const count of seen.values()) assert.ok(count > 40 && count < 165, `${[...seen.values()]}`);
  await chain.stop();
});

for (const { what, ask, rcode } of [
  { what: "a reply that is an error", ask: "www.example.org. A", rcode: 3 },
  { what: "a transfer", ask: "www.example.org. AXFR", rcode: 0 },
]) {
  test(`loadbalance: leaves ${what} alone`, async () => {
    const chain = await link("", source(addresses, [], rcode));
    for (let i = 0; i < 50; i++) assert.deepEqual((await chain.ask({ ask })).reply!.answer, addresses);
    await chain.stop();
  });
}

test("loadbalance: aliases first, then others, addresses, and mail exchangers, which are shuffled", async () => {
  const alias = "al.example.org. 60 IN CNAME www.example.org.";
  const text = 'www.example.org. 60 IN TXT "x"';
  const exchangers = [1, 2].map((i) => `www.example.org. 60 IN MX ${i} m${i}.example.org.`);
  const chain = await link("round_robin", source([...exchangers, A(1), text, alias], [A(7, 60, "m1"), A(8, 60, "m2")]));
  const seen = new Set<string>();
  for (let i = 0; i < 60; i++) {
    const { reply } = await chain.ask({ ask: "al.example.org. A" });
    assert.deepEqual(reply!.answer.slice(0, 3), [alias, text, A(1)]);
    assert.deepEqual([...reply!.answer.slice(3)].sort(), exchangers);
    // Addresses of different names do not trade them.
    assert.deepEqual(reply!.additional, [A(7, 60, "m1"), A(8, 60, "m2")]);
    seen.add(reply!.answer[3]!);
  }
  assert.equal(seen.size, 2);
  await chain.stop();
});

test("loadbalance: prefer puts nets first, in their order", async () => {
  const chain = await link(
    "round_robin {\n prefer 192.0.2.8/30 192.0.2.1/32\n prefer 2001:db8::/33\n}",
    source(
      [A(1), A(2), A(8), A(11), A(12)],
      [1, 9].map((i) => `www.example.org. 60 IN AAAA 2001:db8:${i}000::1`),
    ),
  );
  for (let i = 0; i < 60; i++) {
    const { reply } = await chain.ask({ ask: "www.example.org. A" });
    assert.deepEqual([...reply!.answer.slice(0, 2)].sort(), [A(11), A(8)]);
    assert.equal(reply!.answer[2], A(1));
    assert.deepEqual([...reply!.answer.slice(3)].sort(), [A(12), A(2)]);
    assert.equal(reply!.additional[0], "www.example.org. 60 IN AAAA 2001:db8:1000::1");
  }
  await chain.stop();
});

test("loadbalance: weighted puts one address first, and reads its file again", async () => {
  const file = join(directory, "weights");
  writeFileSync(
    file,
    "# c\n\nother.example.org\n192.0.2.1 255\nWWW.example.org.\n192.0.2.2 250\n192.0.2.2 1\n192.0.2.3 50\n",
  );
  const chain = await link(`weighted ${file} {\n reload 20ms\n}`, source(addresses));
  const first = async (): Promise<number[]> => {
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 602; i++) {
      const { reply } = await chain.ask({ ask: "www.example.org. A" });
      counts[Number(reply!.answer[0]!.at(-1))]!++;
      assert.deepEqual([...reply!.answer].sort(), addresses);
    }
    return counts;
  };
  // Expected of 602: 2, 500, 100.
  const counts = await first();
  assert.ok(counts[1]! < 15 && counts[2]! > 430 && counts[3]! > 45, `${counts}`);

  writeFileSync(file, "www.example.org\n192.0.2.3 nothing\n");
  const lastLine = async (text: string) => {
    for (let i = 0; i < 100 && chain.lines.at(-1)?.text !== text; i++) await sleep(20);
    assert.equal(chain.lines.at(-1)?.text, text);
    return chain.lines.at(-1)!;
  };
  const { level, fields } = await lastLine(`wrong weight value:"nothing" in weight file ${file}`);
  assert.deepEqual([level, fields], ["ERROR", {}]);
  writeFileSync(file, "www.example.org\n192.0.2.3 255\n");
  await lastLine(`Successfully reloaded weight file ${file}`);
  assert.ok((await first())[3]! > 500);
  rmSync(file);
  await lastLine("weight file open error");
  await chain.stop();
});

test("loadbalance: a pipe in the place of the weights is not waited for", async (t) => {
  const file = join(directory, "pipe");
  makePipe(t, file, "www.example.org\n");
  const message = "plugin/loadbalance: weight file open error";
  await assert.rejects(link(`weighted ${file} {\n reload 0s\n}`, source([])), { message });
});

for (const [text, mistake] of [
  ["10.0.0.1 3\n", "missing domain name"],
  ["a.test\nfoo 3\n", 'wrong IP address:"foo"'],
  ["a.test\n192.0.2.1 300\n", 'wrong weight value:"300"'],
  ["a.test\n192.0.2.1 0\n", 'wrong weight value:"0"'],
  ["a.test\n192.0.2.1 3 4\n", 'could not parse weight line:"192.0.2.1 3 4"'],
]) {
  test(`loadbalance: a weight file with ${JSON.stringify(text)} stops the start`, async () => {
    const file = join(directory, "bad");
    writeFileSync(file, text!);
    const message = `plugin/loadbalance: ${mistake} in weight file ${file}`;
    await assert.rejects(link(`weighted ${file}`, source([])), { message });
  });
}

for (const [directive, mistake] of [
  ["loadbalance x", "2:13: plugin/loadbalance: unknown policy: x"],
  ["loadbalance round_robin x", "2:25: plugin/loadbalance: unknown property for round_robin"],
  ["loadbalance weighted", "2:1: plugin/loadbalance: missing weight file argument"],
  ["loadbalance weighted w x", "2:24: plugin/loadbalance: unexpected argument(s)"],
  ["loadbalance weighted w {\nreload\n}", "3:1: plugin/loadbalance: reload duration value is missing"],
  ["loadbalance weighted w {\nreload 10\n}", "3:8: plugin/loadbalance: invalid reload duration '10'"],
  ["loadbalance weighted w {\nreload -1s\n}", "3:8: plugin/loadbalance: invalid reload duration '-1s'"],
  ["loadbalance weighted w {\nreload 1s 2s\n}", "3:11: plugin/loadbalance: unexpected argument"],
  ["loadbalance weighted w {\nprefer 10.0.0.0/8\n}", "3:1: plugin/loadbalance: unknown property 'prefer'"],
  ["loadbalance {\nreload 1s\n}", "3:1: plugin/loadbalance: unknown property 'reload'"],
  ["loadbalance {\nprefer x\n}", '3:8: plugin/loadbalance: invalid CIDR "x": invalid CIDR address: x'],
  [
    "loadbalance {\nprefer 10.0.0.1\n}",
    '3:8: plugin/loadbalance: invalid CIDR "10.0.0.1": invalid CIDR address: 10.0.0.1',
  ],
]) {
  test(`loadbalance: ${directive!.replaceAll("\n", " ")} is a mistake`, () => {
    assert.deepEqual(parseBlock([loadbalance], `. {\n${directive}\n}`).mistakes, [`Corefile:${mistake}`]);
  });
}
