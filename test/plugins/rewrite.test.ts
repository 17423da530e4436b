/** What rewrite lets the rest of the chain see, and what it makes of its reply; CoreDNS's own answers are in the parity cases. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Flag } from "../../src/dns/header.ts";
import { nameToText } from "../../src/dns/name-text.ts";
import { Section } from "../../src/dns/reply.ts";
import { Reading, Request } from "../../src/dns/request.ts";
import { Rcode, typeName } from "../../src/dns/types.ts";
import { ANSWERED, DROPPED, type Handler, type Outcome, SERVFAIL } from "../../src/plugin/outcome.ts";
import { definePlugin } from "../../src/plugin/plugin.ts";
import type { Query } from "../../src/plugin/query.ts";
import { rewrite } from "../../src/plugins/rewrite/index.ts";
import { type Client, linkChain, type TestChain } from "../support/chain.ts";
import { parsedRecord } from "../support/dns-text.ts";
import type { Question } from "../support/wire.ts";

/** The message as a plugin would send it on; it must say what the query's fields say. */
function messageOf(query: Query): string {
  const { bytes, start, length } = query;
  const sent = new Request();
  assert.equal(sent.read(bytes, start, length), Reading.FINE);
  for (const field of ["type", "class", "hasOpt", "udpSize", "dnssecOk", "optionsLength", "id"] as const)
    assert.equal(sent[field], query[field], field);
  assert.deepEqual(sent.name.toWire(), query.name.toWire());
  const options = Buffer.from(
    bytes.slice(start + sent.optOffset + 11, start + sent.optOffset + 11 + sent.optionsLength),
  );
  const opt = sent.hasOpt ? ` ${sent.udpSize}${sent.dnssecOk ? " do" : ""} ${options.toString("hex")}` : "";
  return `${nameToText(bytes, start + 12)} ${typeName(sent.type)}${opt}`;
}

interface Replying {
  answer?: readonly string[];
  additional?: readonly string[];
  rcode?: number;
}

/** Replies by `replies`, under `NAME TYPE`, and keeps what it was asked. */
class Source {
  readonly asked: string[] = [];
  readonly #replies: Readonly<Record<string, Replying | Outcome>>;
  readonly #waits: boolean;

  constructor(replies: Readonly<Record<string, Replying | Outcome>> = {}, waits = false) {
    this.#replies = replies;
    this.#waits = waits;
  }

  readonly handler: Handler = (query) => {
    this.asked.push(messageOf(query));
    return this.#waits ? later(() => this.#reply(query)) : this.#reply(query);
  };

  #reply(query: Query): Outcome {
    const reply = this.#replies[`${nameToText(query.name.bytes)} ${typeName(query.type)}`] ?? {};
    if (typeof reply === "number") return reply;
    query.reply.begin(query);
    query.reply.rcode = reply.rcode ?? Rcode.NOERROR;
    for (const [section, lines] of [
      [Section.ANSWER, reply.answer ?? []],
      [Section.ADDITIONAL, reply.additional ?? []],
    ] as const) {
      for (const line of lines) {
        const { name, type, class: klass, ttl, data } = parsedRecord(line);
        query.reply.add(section, name, type, klass, ttl, data);
      }
    }
    return ANSWERED;
  }
}

async function later<Result>(run: () => Result): Promise<Result> {
  await new Promise((resolve) => setImmediate(resolve));
  return run();
}

const link = (rules: readonly string[], source: Source): Promise<TestChain> =>
  linkChain({
    plugins: [rewrite],
    corefile: `. {\n${rules.map((rule) => ` rewrite ${rule}\n`).join("")}}`,
    last: source.handler,
  });

const LONG = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";

for (const { rules, ask, becomes, client = {} } of [
  { rules: ["name a.test b.test"], ask: "A.test. A", becomes: "b.test. A" },
  { rules: ["name a.test b.test"], ask: "xA.test. A", becomes: "xA.test. A" },
  { rules: ["name a.test b.test", "name b.test c.test"], ask: "a.test. A", becomes: "b.test. A" },
  { rules: ["continue name a.test b.test", "name b.test c.test"], ask: "a.test. A", becomes: "c.test. A" },
  { rules: ["name exact . root.test"], ask: ". A", becomes: "root.test. A" },
  { rules: ["name suffix .a.test .b.test"], ask: "X.y.a.test. A", becomes: "x.y.b.test. A" },
  { rules: ["name suffix .a.test .b.test"], ask: "a.test. A", becomes: "a.test. A" },
  { rules: ["name suffix a.test b.test"], ask: "xa.test. A", becomes: "xb.test. A" },
  { rules: ["name suffix a.test b.test"], ask: "a.test. A", becomes: "b.test. A" },
  { rules: ["name suffix a.test .b.test"], ask: "xa.test. A", becomes: "x.b.test. A" },
  { rules: ["name suffix .a.test b.test"], ask: "x.a.test. A", becomes: "xb.test. A" },
  { rules: ["name suffix .a.test ."], ask: "x.a.test. A", becomes: "x. A" },
  { rules: ["name suffix a.test ."], ask: "a.test. A", becomes: ". A" },
  { rules: ["name suffix . .b.test"], ask: "x. A", becomes: "x.b.test. A" },
  { rules: ["name suffix . b"], ask: ". A", becomes: "b. A" },
  { rules: ["name suffix b\\046c.test d"], ask: "a-b\\.c.test. A", becomes: "a-d. A" },
  { rules: ["name suffix b\\.c.test d"], ask: "a-b\\.c.test. A", becomes: "a-d. A" },
  { rules: ["name suffix a..test b"], ask: "a.test. A", becomes: "a.test. A" },
  { rules: ["name suffix ü.test b"], ask: "x\\195\\188.test. A", becomes: "xb. A" },
  { rules: ["name prefix a b"], ask: "a.test. A", becomes: "b.test. A" },
  { rules: ["name prefix a b"], ask: "ab.test. A", becomes: "ab.test. A" },
  { rules: ["name prefix a.b c.d.e"], ask: "a.b.test. A", becomes: "c.d.e.test. A" },
  { rules: ["name prefix a.b c"], ask: "a.bc.test. A", becomes: "a.bc.test. A" },
  { rules: ["name prefix a ."], ask: "a. A", becomes: ". A" },
  { rules: ["name prefix . a"], ask: "b. A", becomes: "b. A" },
  { rules: ["name substring b c"], ask: "ab.b.bb.a. A", becomes: "ac.c.bc.a. A" },
  { rules: ["name substring b.c d"], ask: "ab.c.test. A", becomes: "ad.test. A" },
  { rules: ["name substring b.c d"], ask: "ab.cc.test. A", becomes: "ab.cc.test. A" },
  { rules: ["name substring .b. $&."], ask: "a.b.test. A", becomes: "a$&.test. A" },
  { rules: ["name substring . x."], ask: "a.b. A", becomes: "ax.bx. A" },
  { rules: ["name regex ^(.*)-(.*)\\.test\\.$ {2}.{3}"], ask: "a-B.test. A", becomes: "b.{3}. A" },
  { rules: ["name regex (a)?(b) {1}-{2}"], ask: "xb. A", becomes: "-b. A" },
  { rules: ["name regex b(.) {1}Q"], ask: "abc.test. A", becomes: "cq. A" },
  { rules: ["type A TXT"], ask: "wWw.Test. A", becomes: "wWw.Test. TXT" },
  { rules: ["edns0 nsid set"], ask: "wWw.Test. A", becomes: "wWw.Test. A 4096 00030000" },
  {
    rules: ["edns0 subnet set 20 50"],
    ask: "a.test. A",
    becomes: "a.test. A 4096 0008000700011400c00000",
    client: { address: "192.0.15.1" },
  },
  {
    rules: ["edns0 subnet set 20 50"],
    ask: "a.test. A",
    becomes: "a.test. A 4096 0008000b0002320020010db8ffffc0",
    client: { address: "2001:db8:ffff:ffff::1" },
  },
  { rules: ["edns0 subnet set 0 0"], ask: "a.test. A", becomes: "a.test. A 4096 0008000400010000" },
  { rules: ["edns0 local replace 65001 x", "type A MX"], ask: "a.test. A", becomes: "a.test. MX 4096 " },
  {
    rules: [
      "continue edns0 local set 1 {client_port}",
      "continue edns0 local set 2 {server_port}",
      "edns0 local set 3 {server_ip}",
    ],
    ask: "a.test. A",
    becomes: "a.test. A 4096 000100029d140002000200350003001020010db8000000000000000000000001",
    client: { listener: "2001:db8::1" },
  },
] satisfies { rules: string[]; ask: string; becomes: string; client?: Client }[]) {
  for (const waits of [false, true]) {
    test(`rewrite: ${rules.join(", ")}: ${ask} is ${becomes}${waits ? ", later" : ""}`, async () => {
      const source = new Source({}, waits);
      const chain = await link(rules, source);
      const { reply } = await chain.ask({ ask }, client);
      assert.deepEqual(source.asked, [becomes]);
      assert.equal(reply?.question, ask);
      await chain.stop();
    });
  }
}

for (const { rule, ask, text } of [
  { rule: "name a.test b..test", ask: "a.test. A", text: "b..test." },
  { rule: "name suffix .a.test ..b", ask: "x.a.test. A", text: "x..b." },
  { rule: "name suffix a.test .", ask: "x.a.test. A", text: "x.." },
  { rule: `name suffix .a.test ${LONG}`, ask: `${LONG}.a.test. A`, text: `${LONG}${LONG}.` },
  { rule: `name suffix .a.test .${`${LONG}.`.repeat(4)}`, ask: `${LONG}.a.test. A`, text: `${`${LONG}.`.repeat(5)}` },
  { rule: "name prefix a .", ask: "a.test. A", text: ".test." },
  { rule: `name prefix a ${`${LONG}.`.repeat(4)}`, ask: `a.${LONG}. A`, text: `${`${LONG}.`.repeat(5)}` },
  { rule: "name substring a .", ask: "b.a.test. A", text: "b..test." },
  { rule: "name regex ^(.*)-(.*) {1}..{2}", ask: "a-b.test. A", text: "a..b.test.." },
]) {
  test(`rewrite: ${rule.slice(0, 40)}: no name`, async () => {
    const source = new Source();
    const chain = await link(["continue type A MX", rule], source);
    const { reply, outcome, error } = await chain.ask({ ask });
    assert.deepEqual([outcome, error], [SERVFAIL, `invalid name after rewrite: ${text}`]);
    assert.deepEqual([reply?.rcode, reply?.question, source.asked], ["SERVFAIL", ask, []]);
    await chain.stop();
  });
}

const b = "b.test. 60 IN A 192.0.2.1";
const large = Array.from({ length: 30 }, (_, i) => `${"b.".repeat(20)}test. 60 IN TXT "${"x".repeat(100)}${i}"`);
for (const { what, rules, replies, ask, answer, rcode = "NOERROR", flags = "qr rd" } of [
  {
    what: "names as they were asked",
    rules: ["name a.test b.test"],
    replies: { "b.test. A": { answer: [b] } },
    ask: "A.test. A",
    answer: ["a.test. 60 IN A 192.0.2.1"],
  },
  {
    what: "names below, whatever their letters",
    rules: ["name a.test b.test"],
    replies: { "b.test. A": { answer: ["X.B.Test. 60 IN MX 1 Y.b.test."] } },
    ask: "a.test. A",
    answer: ["X.a.test. 60 IN MX 1 Y.a.test."],
  },
  {
    what: "names as they are",
    rules: ["name suffix .a.test .b.test"],
    replies: { "x.b.test. A": { answer: [b] } },
    ask: "x.a.test. A",
    answer: [b],
  },
  {
    what: "a name that would be too long stays",
    rules: [`name suffix .${LONG}.${LONG}.${LONG}.test .b.test answer auto`],
    replies: {
      "x.b.test. A": { answer: [`${LONG}.${LONG}.b.test. 60 IN A 192.0.2.1`, "x.b.test. 60 IN A 192.0.2.2"] },
    },
    ask: `x.${LONG}.${LONG}.${LONG}.test. A`,
    answer: [`${LONG}.${LONG}.b.test. 60 IN A 192.0.2.1`, `x.${LONG}.${LONG}.${LONG}.test. 60 IN A 192.0.2.2`],
  },
  {
    what: "a name that would be none stays",
    rules: ["name exact a.test b.test answer name b ..x"],
    replies: { "b.test. A": { answer: [b] } },
    ask: "a.test. A",
    answer: [b],
  },
  {
    what: "an alias, whatever its letters",
    rules: ["cname exact www.up.test d.test"],
    replies: {
      "a.test. A": { answer: ["a.test. 60 IN CNAME WWW.Up.test."] },
      "d.test. A": { answer: ["d.test. 60 IN A 192.0.2.1"] },
    },
    ask: "a.test. A",
    answer: ["a.test. 60 IN CNAME d.test.", "d.test. 60 IN A 192.0.2.1"],
  },
  {
    what: "a part of an alias by what is no pattern",
    rules: ["cname substring .b. $&."],
    replies: { "a.test. A": { answer: ["a.test. 60 IN CNAME x.b.test."] } },
    ask: "a.test. A",
    answer: ["a.test. 60 IN CNAME x$&.test."],
  },
  {
    what: "TTLs in place",
    rules: ["ttl a.test 0"],
    replies: { "a.test. A": { answer: [b] } },
    ask: "a.test. A",
    answer: ["b.test. 0 IN A 192.0.2.1"],
  },
  {
    what: "TTLs and names",
    rules: ["continue name a.test b.test", "ttl b.test 4294967295"],
    replies: { "b.test. A": { answer: [b] } },
    ask: "a.test. A",
    answer: ["a.test. 4294967295 IN A 192.0.2.1"],
  },
  {
    what: "rcodes",
    rules: ["rcode a.test 3 0"],
    replies: { "a.test. A": { rcode: 3, answer: [b] } },
    ask: "a.test. A",
    answer: [b],
  },
  {
    what: "other rcodes stay",
    rules: ["rcode a.test 2 0"],
    replies: { "a.test. A": { rcode: 3 } },
    ask: "a.test. A",
    answer: [],
    rcode: "NXDOMAIN",
  },
  {
    what: "errors",
    rules: ["rcode a.test 2 3"],
    replies: { "a.test. A": SERVFAIL },
    ask: "a.test. A",
    answer: [],
    rcode: "NXDOMAIN",
  },
  {
    what: "a reply that does not fit",
    rules: ["name suffix .a.test .test answer auto"],
    replies: { "x.test. TXT": { answer: large } },
    ask: "x.a.test. TXT",
    answer: large.slice(0, 3).map((line) => line.replace("test.", "a.test.")),
    flags: "qr tc rd",
  },
] satisfies {
  what: string;
  rules: string[];
  replies: Record<string, Replying | Outcome>;
  ask: string;
  answer: string[];
  rcode?: string;
  flags?: string;
}[]) {
  for (const waits of [false, true]) {
    test(`rewrite: ${what}${waits ? ", later" : ""}`, async () => {
      const chain = await link(rules, new Source(replies, waits));
      const { reply } = await chain.ask({ ask });
      assert.deepEqual([reply?.rcode, reply?.flags, reply?.question], [rcode, flags, ask]);
      assert.deepEqual(reply?.answer, answer);
      await chain.stop();
    });
  }
}

test("rewrite: a query that nobody answers gets no answer, and one that fails keeps its question", async () => {
  const chain = await link(
    ["name a.test b.test", "continue name suffix .c.test .d.test"],
    new Source({ "b.test. A": DROPPED, "x.d.test. A": SERVFAIL }),
  );
  assert.equal((await chain.ask({ ask: "a.test. A" })).reply, undefined);
  const { outcome, reply } = await chain.ask({ ask: "x.c.test. A" });
  assert.deepEqual([outcome, reply?.rcode, reply?.question], [SERVFAIL, "SERVFAIL", "x.c.test. A"]);
  await chain.stop();
});

for (const waits of [false, true]) {
  test(`rewrite: a fault behind it costs the reply only${waits ? ", later" : ""}`, async () => {
    const fail: Handler = () => {
      if (waits) return later(() => assert.fail("fault"));
      throw new Error("fault");
    };
    const chain = await linkChain({
      plugins: [rewrite],
      corefile: ". {\n rewrite name a.test long.b.test\n}",
      last: fail,
    });
    const { reply } = await chain.ask({ ask: "A.test. A" });
    assert.deepEqual([reply?.rcode, reply?.question], ["SERVFAIL", "A.test. A"]);
    await chain.stop();
  });
}

test("rewrite: many queries that wait at the same time keep what is theirs", async () => {
  const source = new Source({}, true);
  const last: Handler = (query) => {
    const done = source.handler(query) as Promise<Outcome>;
    return done.then((outcome) => {
      query.reply.add(Section.ANSWER, query.name.toWire(), 1, 1, 60, Uint8Array.of(192, 0, 2, 1));
      return outcome;
    });
  };
  const chain = await linkChain({
    plugins: [rewrite],
    corefile: ". {\n rewrite continue name suffix .a.test .longer.b.test answer auto\n rewrite ttl prefix odd 1\n}",
    last,
  });
  const asks = Array.from(
    { length: 20 },
    (_, i) => `${i % 2 === 1 ? "odd" : "even"}.${i}.${i % 3 === 0 ? "a" : "c"}.test.`,
  );
  const replies = await Promise.all(asks.map((name) => chain.ask({ ask: `${name} A` })));
  assert.deepEqual(
    replies.map(({ reply }) => [reply?.question, ...reply!.answer]),
    asks.map((name) => [`${name} A`, `${name} ${name.startsWith("odd") ? 1 : 60} IN A 192.0.2.1`]),
  );
  await chain.stop();
});

for (const waits of [false, true]) {
  test(`rewrite: aliases that lead back end${waits ? ", later" : ""}`, async () => {
    const source = new Source({ "a.test. A": { answer: ["a.test. 60 IN CNAME c.test."] } }, waits);
    const chain = await link(["cname c.test a.test"], source);
    const { reply } = await chain.ask({ ask: "a.test. A" });
    assert.equal(source.asked.length, 9);
    assert.deepEqual(reply?.answer, [...Array(8).fill("a.test. 60 IN CNAME a.test."), "a.test. 60 IN CNAME c.test."]);
    await chain.stop();
  });
}

test("rewrite: an alias is asked with the type, class and options of the changed query", async () => {
  const source = new Source({
    "b.test. AAAA": { answer: ["b.test. 60 IN CNAME c.test.", "c.test. 60 IN A 192.0.2.1"], additional: [b] },
    "d.test. AAAA": { answer: ["d.test. 60 IN AAAA 2001:db8::1"], additional: [b] },
  });
  const chain = await link(
    ["continue name a.test b.test", "continue type A AAAA", "continue edns0 local set 65001 x", "cname C.test D.test"],
    source,
  );
  const { reply } = await chain.ask({ ask: "A.test. A" });
  assert.deepEqual(source.asked, ["b.test. AAAA 4096 fde9000178", "d.test. AAAA 4096 fde9000178"]);
  assert.deepEqual(reply?.answer, ["a.test. 60 IN CNAME d.test.", "d.test. 60 IN AAAA 2001:db8::1"]);
  assert.deepEqual(reply?.additional, ["a.test. 60 IN A 192.0.2.1"]);
  await chain.stop();
});

test("rewrite: metadata in names and options", async () => {
  const provider = definePlugin({
    name: "test-metadata",
    parse: () => undefined,
    serve: (_config, { provideMetadata, next }) => {
      provideMetadata("client/group", () => "West.1");
      provideMetadata("client/empty", () => "");
      return next;
    },
  });
  const source = new Source();
  const chain = await linkChain({
    plugins: [provider, rewrite],
    corefile: `. {
      test-metadata
      rewrite name regex ^(.*)\\.a\\.test {1}.{client/empty}.b.test metadata
      rewrite name regex ^(.*)\\.a\\.test {1}.{client/none}.b.test metadata
      rewrite continue name regex ^(.*)\\.a\\.test {1}.{client/group}.B.test metadata
      rewrite edns0 local set 1 {client/empty}
      rewrite edns0 local set 2 {client/none}
      rewrite edns0 local set 3 {client/group}
    }`,
    last: source.handler,
  });
  await chain.ask({ ask: "x.a.test. A" });
  assert.deepEqual(source.asked, ["x.west.1.b.test. A 4096 00030006576573742e31"]);
  await chain.stop();
});

const edns = { size: 900, do: true, options: ["65001 6162", "10 0102030405060708", "65001 63"] };
for (const { rules, question = { edns }, sent, options } of [
  {
    rules: ["set 65001 x revert"],
    sent: "fde9000178000a00080102030405060708fde9000163",
    options: ["65001 6162", "65001 63"],
  },
  { rules: ["set 65002 x revert"], sent: "fde900026162000a00080102030405060708fde9000163fdea000178", options: [] },
  {
    rules: ["append 65001 x revert"],
    sent: "fde900026162000a00080102030405060708fde9000163fde9000178",
    options: ["65001 6162", "65001 63"],
  },
  {
    rules: ["append 65001 {qtype}", "append 65002 {qtype}"],
    sent: "fde900026162000a00080102030405060708fde9000163fdea00020001",
    options: ["65001 6162", "65001 63", "65002 0001"],
  },
  {
    rules: ["replace 65001 x revert"],
    sent: "fde9000178000a00080102030405060708fde9000163",
    options: ["65001 6162", "65001 63"],
  },
  { rules: ["replace 65002 x revert"], sent: "fde900026162000a00080102030405060708fde9000163", options: [] },
  { rules: ["unset 65001"], sent: "000a00080102030405060708", options: [] },
  {
    rules: ["set 10 0xff", "set 65002 y"],
    sent: "fde900026162000a0001fffde9000163fdea000179",
    options: ["10 ff", "65002 79"],
  },
  { rules: ["set 65001 x revert", "append 65001 y revert"], question: {}, sent: "fde9000178fde9000179", options: [] },
] satisfies { rules: string[]; question?: Partial<Question>; sent: string; options: string[] }[]) {
  test(`rewrite: edns0 local ${rules.join(", ")}`, async () => {
    const source = new Source();
    const chain = await link(
      rules.map((rule) => `continue edns0 local ${rule}`),
      source,
    );
    const { reply } = await chain.ask({ ask: "a.test. A", ...question });
    const hasOpt = "edns" in question;
    assert.deepEqual(source.asked, [`a.test. A ${hasOpt ? "900 do" : "4096"} ${sent}`]);
    assert.deepEqual(reply?.opt, { size: hasOpt ? 900 : 4096, do: hasOpt, version: 0, options });
    await chain.stop();
  });
}

async function linkReplying(rules: string, ...options: number[]): Promise<TestChain> {
  const last: Handler = (query) => {
    query.reply.begin(query);
    query.reply.flags |= Flag.RA;
    query.reply.setOpt(Uint8Array.from(options), 700, false);
    return ANSWERED;
  };
  return linkChain({ plugins: [rewrite], corefile: `. {\n rewrite ${rules}\n}`, last });
}

test("rewrite: options of the reply's own stay, but for those that are put back", async () => {
  const rules = "continue edns0 local set 65002 x\n rewrite edns0 local set 65001 x revert";
  const chain = await linkReplying(rules, 0xfd, 0xe9, 0, 1, 9, 0, 10, 0, 1, 8);
  for (const [options, expected] of [
    [undefined, ["10 08"]],
    [["65001 aabb"], ["65001 aabb", "10 08"]],
  ] as const) {
    const { reply } = await chain.ask({ ask: "a.test. A", ...(options && { edns: { size: 900, options } }) });
    assert.deepEqual(reply?.opt?.options, expected);
    assert.equal(reply?.flags, "qr rd ra");
  }
  await chain.stop();
});

for (const { sent, scope, expected } of [
  { sent: "00011000c633", scope: 24, expected: "00011010c633" },
  { sent: "00011800c63364", scope: 20, expected: "00011814c63364" },
  { sent: "00010000", scope: 24, expected: "00010000" },
]) {
  test(`rewrite: a client's subnet ${sent} that is put back has the scope of the answer, ${scope}`, async () => {
    const chain = await linkReplying("edns0 subnet set 24 56 revert", 0, 8, 0, 7, 0, 1, 24, scope, 192, 0, 2);
    const { reply } = await chain.ask({ ask: "a.test. A", edns: { size: 900, options: [`8 ${sent}`] } });
    assert.deepEqual(reply?.opt?.options, [`8 ${expected}`]);
    await chain.stop();
  });
}

test("rewrite: options of its rules come back though none of them was needed", async () => {
  const chain = await link(["name b.test c.test", "type MX A", "continue edns0 local unset 65009"], new Source());
  const { reply } = await chain.ask({ ask: "b.test. A", edns: { size: 900, options: ["65009 01", "65008 01"] } });
  assert.deepEqual(reply?.opt?.options, ["65009 01"]);
  await chain.stop();
});
