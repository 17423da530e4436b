import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Flag } from "../../src/dns/header.ts";
import { nameToText, nameToWire } from "../../src/dns/name-text.ts";
import { Section } from "../../src/dns/reply.ts";
import { Rcode, Type } from "../../src/dns/types.ts";
import { ANSWERED, DROPPED, type Handler, SERVFAIL } from "../../src/plugin/outcome.ts";
import { definePlugin } from "../../src/plugin/plugin.ts";
import { autopath } from "../../src/plugins/autopath.ts";
import { metadata } from "../../src/plugins/metadata.ts";
import { linkChain, parseBlock } from "../support/chain.ts";
import { makePipe } from "../support/pipe.ts";

const directory = mkdtempSync(join(tmpdir(), "autopath-"));
after(() => rmSync(directory, { recursive: true }));
const file = join(directory, "resolv.conf");
writeFileSync(file, "domain gone.test\nsearch One.test two.test a..b\noptions ndots:5\n");
const SEARCH = ["one.test.", "two.test.", "."];

for (const { block, config, mistake, warning } of [
  { block: `autopath ${file}`, config: { zones: ["example.org."], plugin: "", search: SEARCH } },
  { block: `autopath a.test B.test ${file}`, config: { zones: ["a.test.", "b.test."], plugin: "", search: SEARCH } },
  { block: "autopath @kubernetes", config: { zones: ["example.org."], plugin: "kubernetes", search: [] } },
  { block: "autopath @kubernetes\nautopath @other", config: { zones: ["example.org."], plugin: "other", search: [] } },
  {
    block: "autopath a..b @kubernetes",
    config: { zones: [], plugin: "kubernetes", search: [] },
    warning: "2:10: plugin/autopath: 'a..b' is left out: zone is not a valid domain name: a..b",
  },
  { block: "autopath", mistake: "2:1: plugin/autopath: no resolv-conf specified" },
  { block: "autopath @kubernetes {\n}", mistake: "2:1: plugin/autopath: no resolv-conf specified" },
  {
    block: "autopath /nowhere/resolv.conf",
    mistake:
      '2:10: plugin/autopath: failed to parse "/nowhere/resolv.conf": open /nowhere/resolv.conf: no such file or directory',
  },
]) {
  test(`autopath: ${block.replaceAll("\n", "; ").replace(directory, "")}`, () => {
    const parsed = parseBlock([autopath], `example.org {\n${block}\n}`);
    assert.deepEqual(parsed.mistakes, mistake === undefined ? [] : [`Corefile:${mistake}`]);
    if (config) assert.deepEqual(parsed.elements[0]?.config, config);
    assert.deepEqual(parsed.warnings, warning === undefined ? [] : [`Corefile:${warning}`]);
  });
}

test("autopath: a pipe in the place of resolv.conf is not waited for", (t) => {
  const path = join(directory, "pipe");
  makePipe(t, path, "search one.test\n");
  const mistake = `failed to parse "${path}": open ${path}: is a pipe`;
  assert.deepEqual(parseBlock([autopath], `. {\nautopath ${path}\n}`).mistakes, [
    `Corefile:2:10: plugin/autopath: ${mistake}`,
  ]);
});

/** Gives the list of the client's address. */
const lists = definePlugin({
  name: "lists",
  parse: () => undefined,
  serve: (_config, { provideMetadata, next }) => {
    const texts = new Map<number, string>([
      [Type.A, "one.test. two.test. ."],
      [Type.AAAA, "one.test. three.test. ."],
    ]);
    provideMetadata("autopath/lists", ({ type }) => texts.get(type) ?? "");
    return next;
  },
});

/** Whether a promise comes between makes no difference. */
for (const waits of [false, true]) {
  for (const { ask, found, outcome = ANSWERED, reply, asked } of [
    { ask: "www.one.test. A", found: "www.one.test.", reply: "NOERROR", asked: ["www.one.test."] },
    { ask: "WwW.one.test. A", found: "www.two.test.", reply: "NOERROR", asked: ["www.one.test.", "www.two.test."] },
    { ask: "a.b.one.test. A", found: "a.b.", reply: "NOERROR", asked: ["a.b.one.test.", "a.b.two.test.", "a.b."] },
    { ask: "x.one.test. A", found: "", reply: "NXDOMAIN", asked: ["x.one.test.", "x.two.test.", "x."] },
    { ask: "one.test. A", found: "", reply: "NXDOMAIN", asked: ["one.test."] },
    { ask: "x.three.test. A", found: "", reply: "NXDOMAIN", asked: ["x.three.test."] },
    { ask: "x.one.test. MX", found: "", reply: "NXDOMAIN", asked: ["x.one.test."] },
    { ask: "error.one.test. A", found: "", outcome: SERVFAIL, reply: "SERVFAIL", asked: ["error.one.test."] },
    {
      ask: "drop.one.test. A",
      found: "drop.two.test.",
      reply: "NOERROR",
      asked: ["drop.one.test.", "drop.two.test."],
    },
    {
      ask: "drop.x.one.test. A",
      found: "",
      outcome: DROPPED,
      asked: ["drop.x.one.test.", "drop.x.two.test.", "drop.x."],
    },
  ]) {
    test(`autopath: ${ask}${waits ? ", waiting" : ""}`, async () => {
      const seen: string[] = [];
      const last: Handler = (query) => {
        const name = nameToText(query.name.bytes);
        seen.push(name);
        if (name === "error.one.test.") return query.fail(SERVFAIL, "broken");
        if (name === "drop.one.test." || name === "drop.x.one.test.") return waits ? Promise.resolve(DROPPED) : DROPPED;
        query.reply.begin(query);
        query.reply.flags |= Flag.AA;
        if (name === found) {
          query.reply.add(Section.ANSWER, nameToWire(name) as Uint8Array, 1, 1, 60, Uint8Array.of(192, 0, 2, 1));
        } else query.reply.rcode = Rcode.NXDOMAIN;
        return waits ? Promise.resolve(ANSWERED) : ANSWERED;
      };
      const chain = await linkChain({
        plugins: [autopath, lists],
        corefile: ". {\nautopath @lists\nlists\n}",
        last,
      });
      const given = await chain.ask({ ask });
      assert.equal(given.outcome, outcome);
      assert.deepEqual(seen, asked);
      assert.equal(given.reply?.rcode, reply);
      const [name] = ask.split(" ");
      if (given.reply) assert.equal(given.reply.question, ask);
      const address = `${found} 60 IN A 192.0.2.1`;
      const isSame = name!.toLowerCase() === found;
      const expected = found === "" ? [] : isSame ? [address] : [`${name} 60 IN CNAME ${found}`, address];
      assert.deepEqual(
        given.reply?.answer.map((line) => line.toLowerCase()) ?? [],
        expected.map((line) => line.toLowerCase()),
      );
      await chain.stop();
    });
  }
}

test("autopath: each client has the list of its own namespace, again and again", async () => {
  let seen: string[] = [];
  const last: Handler = (query) => {
    seen.push(nameToText(query.name.bytes));
    query.reply.begin(query);
    query.reply.rcode = Rcode.NXDOMAIN;
    return ANSWERED;
  };
  const chain = await linkChain({ plugins: [autopath, lists], corefile: ". {\nautopath @lists\nlists\n}", last });
  for (const [type, second] of [
    ["A", "two"],
    ["AAAA", "three"],
    ["A", "two"],
  ]) {
    seen = [];
    await chain.ask({ ask: `www.one.test. ${type}` });
    assert.deepEqual(seen, ["www.one.test.", `www.${second}.test.`, "www."]);
  }
  await chain.stop();
});

test("autopath: a name that would be too long with a part of the list is not tried", async () => {
  const long = `${"a".repeat(60)}.`.repeat(4);
  const seen: number[] = [];
  const last: Handler = (query) => {
    seen.push(query.name.length);
    query.reply.begin(query);
    query.reply.rcode = Rcode.NXDOMAIN;
    return ANSWERED;
  };
  const path = join(directory, "long.conf");
  writeFileSync(path, "search a.b much.longer.than.this.test\n");
  const chain = await linkChain({ plugins: [autopath], corefile: `. {\nautopath ${path}\n}`, last });
  assert.equal((await chain.ask({ ask: `${long}a.b. A` })).reply?.rcode, "NXDOMAIN");
  assert.deepEqual(seen, [249, 245]);
  await chain.stop();
});

test("autopath: the zones of metadata do not matter", async () => {
  const last: Handler = (query) => {
    query.reply.begin(query);
    return ANSWERED;
  };
  const corefile = ". {\nmetadata example.org\nautopath @lists\nlists\n}";
  const chain = await linkChain({ plugins: [metadata, autopath, lists], corefile, last });
  await chain.ask({ ask: "www.one.test. A" });
  assert.deepEqual(chain.counts("autopath_success_total"), [1]);
  await chain.stop();
});

test("autopath: successes are counted for the listener", async () => {
  const last: Handler = (query) => {
    query.reply.begin(query);
    return ANSWERED;
  };
  const chain = await linkChain({ plugins: [autopath], corefile: `. {\nautopath ${file}\n}`, last });
  await chain.ask({ ask: "www.one.test. A" });
  const success = chain.row.descriptions.find(({ name }) => name === "autopath_success_total")!;
  assert.deepEqual(success.labels, { server: "dns://:53" });
  assert.deepEqual(chain.counts("autopath_success_total"), [1]);
  await chain.stop();
});
