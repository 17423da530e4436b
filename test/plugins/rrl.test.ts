/** rrl: whose account pays for a reply, what becomes of those that are not paid, and who is never limited. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { nameToWire } from "../../src/dns/name-text.ts";
import { Section } from "../../src/dns/reply.ts";
import { Class, Rcode, Type } from "../../src/dns/types.ts";
import { clockOffset } from "../../src/memory/clock.ts";
import { ANSWERED, DROPPED, type Handler, REFUSED } from "../../src/plugin/outcome.ts";
import { Transport } from "../../src/plugin/query.ts";
import { cookie } from "../../src/plugins/cookie/index.ts";
import { Accounts } from "../../src/plugins/rrl/accounts.ts";
import { rrl } from "../../src/plugins/rrl/index.ts";
import { type Client, linkChain, parseBlock } from "../support/chain.ts";

const wire = (name: string) => nameToWire(name) as Uint8Array;
const SOA = new Uint8Array([...wire("ns.test."), ...wire("host.test."), ...new Array(20).fill(1)]);

/** By the first label of the name. */
const upstream: Handler = (query) => {
  const { reply, name } = query;
  const label = Buffer.from(name.bytes)
    .toString("latin1", 1, 1 + name.bytes[0]!)
    .replace(/[0-9]+$/, "");
  const zone = name.toWire().subarray(1 + name.bytes[0]!);
  if (label === "refused") return REFUSED;
  if (label === "dropped") return DROPPED;
  reply.begin(query);
  if (label === "www") reply.add(Section.ANSWER, name.toWire(), query.type, Class.IN, 60, new Uint8Array(4));
  if (label === "gone") reply.rcode = Rcode.NXDOMAIN;
  if (label === "bad") reply.rcode = Rcode.NOTIMP;
  if (label === "gone" || label === "nodata") reply.add(Section.AUTHORITY, zone, Type.SOA, Class.IN, 60, SOA);
  if (label === "child")
    reply.add(Section.AUTHORITY, wire("child.test."), Type.NS, Class.IN, 60, wire("ns.child.test."));
  return ANSWERED;
};

async function setUp(t: TestContext, options: string, directive = "rrl") {
  const chain = await linkChain({
    plugins: [rrl],
    corefile: `test. {\n ${directive} {\n${options}\n}\n}`,
    last: upstream,
  });
  t.after(() => chain.stop());
  // All at the same time, however long it takes to ask.
  const at = performance.now();
  const ask = async (name: string, client: Client = {}) => {
    const { reply } = await chain.ask({ ask: name.includes(" ") ? name : `${name} A` }, { at, ...client });
    return reply === undefined
      ? "none"
      : `${reply.flags.includes("tc") ? "tc " : ""}${reply.rcode} ${reply.answer.length}`;
  };
  /** How many of `count` queries get a reply. */
  const answered = async (
    count: number,
    nameOf: (i: number) => string,
    clientOf: (i: number) => Client = () => ({}),
  ) => {
    let replies = 0;
    for (let i = 0; i < count; i++) if ((await ask(nameOf(i), clientOf(i))) !== "none") replies++;
    return replies;
  };
  const count = (name: string) => chain.counts(name)[0]!;
  return { chain, ask, answered, count };
}

/** One, and so few that none comes back during a test. */
const FEW = "responses-per-second 0.001";
const THREE = "responses-per-second 3\n window 3600";

for (const { name, nameOf, replies } of [
  { name: "the same answer", nameOf: () => "www.test.", replies: 3 },
  { name: "letters do not matter", nameOf: (i: number) => (i % 2 === 0 ? "www.test." : "WWW.test."), replies: 3 },
  { name: "answers to other names", nameOf: (i: number) => `www${i}.test.`, replies: 12 },
  { name: "answers of other types", nameOf: (i: number) => `www.test. TYPE${65_280 + i}`, replies: 12 },
  { name: "no data, whatever the type", nameOf: (i: number) => `nodata.test. TYPE${65_280 + i}`, replies: 3 },
  { name: "no data of other names", nameOf: (i: number) => `nodata${i}.test.`, replies: 12 },
  { name: "names that are not there", nameOf: (i: number) => `gone${i}.test.`, replies: 3 },
  { name: "names that are not there, of other zones", nameOf: (i: number) => `gone.z${i}.test.`, replies: 12 },
  { name: "one referral for all names below", nameOf: (i: number) => `child${i}.test.`, replies: 3 },
  {
    name: "errors, whatever was asked",
    nameOf: (i: number) => `${i % 2 === 0 ? "bad" : "refused"}${i}.test. TYPE${65_280 + i}`,
    replies: 3,
  },
]) {
  test(`rrl: ${name}: ${replies} of 12`, async (t) => {
    const { answered, count } = await setUp(t, THREE);
    assert.equal(await answered(12, nameOf), replies);
    assert.equal(count("rrl_responses_exceeded_total"), 12 - replies);
  });
}

for (const { name, options = "", addresses, together } of [
  { name: "two clients of a network", addresses: ["192.0.2.1", "192.0.2.254"], together: true },
  { name: "two networks", addresses: ["192.0.2.1", "192.0.3.1"], together: false },
  { name: "a larger network", options: "ipv4-prefix-length 23", addresses: ["192.0.2.1", "192.0.3.1"], together: true },
  { name: "each client", options: "ipv4-prefix-length 32", addresses: ["192.0.2.1", "192.0.2.2"], together: false },
  { name: "IPv6", addresses: ["2001:db8::1", "2001:db8:0:ff:1::2"], together: true },
  { name: "IPv6, two networks", addresses: ["2001:db8::1", "2001:db8:0:100::1"], together: false },
  {
    name: "IPv6, longer",
    options: "ipv6-prefix-length 62",
    addresses: ["2001:db8:0:1::1", "2001:db8:0:3::1"],
    together: true,
  },
  {
    name: "IPv6, longer, two",
    options: "ipv6-prefix-length 63",
    addresses: ["2001:db8:0:1::1", "2001:db8:0:3::1"],
    together: false,
  },
]) {
  test(`rrl: ${name}: ${together ? "one account" : "two accounts"}`, async (t) => {
    const { answered } = await setUp(t, `${THREE}\n${options}`);
    const replies = await answered(
      12,
      () => "www.test.",
      (i) => ({ address: addresses[i % 2]! }),
    );
    assert.equal(replies, together ? 3 : 6);
  });
}

for (const { kind, nameOf } of [
  { kind: "responses", nameOf: () => "www.test." },
  { kind: "nodata", nameOf: () => "nodata.test." },
  { kind: "nxdomains", nameOf: () => "gone.test." },
  { kind: "referrals", nameOf: () => "child.test." },
  { kind: "errors", nameOf: () => "bad.test." },
]) {
  test(`rrl: ${kind}-per-second`, async (t) => {
    const { answered } = await setUp(t, `responses-per-second 5\n ${kind}-per-second 2\n window 3600`);
    assert.equal(await answered(10, nameOf), 2);
    const unlimited = await setUp(t, `responses-per-second 5\n ${kind}-per-second 0\n`);
    assert.equal(await unlimited.answered(10, nameOf), 10);
  });
}

test("rrl: every second reply that is not paid says truncated, without records", async (t) => {
  const { ask, count } = await setUp(t, `${FEW}\n slip-ratio 2`);
  const replies = [];
  for (let i = 0; i < 7; i++) replies.push(await ask("www.test."));
  assert.deepEqual(replies, ["NOERROR 1", "none", "tc NOERROR 0", "none", "tc NOERROR 0", "none", "tc NOERROR 0"]);
  assert.equal(count("weftdns_rrl_slipped_total"), 3);
  assert.equal(count("rrl_responses_exceeded_total"), 6);
});

for (const [name, reply] of [
  ["gone.test.", "tc NXDOMAIN 0"],
  ["refused.test.", "tc REFUSED 0"],
  ["bad.test.", "tc NOTIMP 0"],
] as const) {
  test(`rrl: a truncated reply keeps its rcode: ${name}`, async (t) => {
    const { ask } = await setUp(t, `${FEW}\n slip-ratio 1`);
    await ask(name);
    assert.equal(await ask(name), reply);
  });
}

test("rrl: nobody is limited over TCP, nor outside of the zones", async (t) => {
  const { answered } = await setUp(t, FEW, "rrl limited.test.");
  assert.equal(await answered(5, () => "www.limited.test."), 1);
  assert.equal(
    await answered(
      5,
      () => "www.limited.test.",
      () => ({ transport: Transport.TCP }),
    ),
    5,
  );
  assert.equal(await answered(5, () => "www.free.test."), 5);
});

test("rrl: who has a good cookie is not limited, who has none of the server's is", async (t) => {
  const chain = await linkChain({
    plugins: [cookie, rrl],
    corefile: `test. {\n cookie\n rrl {\n${FEW}\n slip-ratio 1\n}\n}`,
    last: upstream,
  });
  t.after(() => chain.stop());
  const ask = async (option: string) => (await chain.ask({ ask: "www.test. A", edns: { options: [option] } })).reply!;
  await ask("10 0102030405060708");
  const first = await ask("10 0102030405060708");
  assert.equal(first.flags.includes("tc"), true);
  // Whoever was told to come over TCP may also come again with what he got.
  const given = first.opt!.options[0]!;
  for (let i = 0; i < 5; i++) assert.equal((await ask(given)).answer.length, 1);
  assert.equal((await ask("10 0102030405060708")).answer.length, 0);
});

test("rrl: what another plugin drops costs nothing", async (t) => {
  const { answered, count } = await setUp(t, FEW);
  assert.equal(await answered(5, () => "dropped.test."), 0);
  assert.equal(count("rrl_responses_exceeded_total"), 0);
});

test("rrl: report-only counts and sends", async (t) => {
  const { answered, count, chain } = await setUp(t, `${FEW}\n requests-per-second 0.001\n report-only`);
  assert.equal(await answered(6, () => "www.test."), 6);
  assert.equal(count("rrl_responses_exceeded_total"), 5);
  assert.equal(count("rrl_requests_exceeded_total"), 5);
  const texts = chain.lines.map(({ text }) => text);
  assert.deepEqual(texts, ["too many queries for the network of 10.240.0.1: more than 0.001 a second"]);
});

test("rrl: requests-per-second, whatever is asked; what is beyond does not reach the chain", async (t) => {
  const { answered, count } = await setUp(t, "requests-per-second 4\n window 3600");
  assert.equal(await answered(10, (i) => `www${i}.test.`), 4);
  assert.equal(count("rrl_requests_exceeded_total"), 6);
  assert.equal(count("rrl_responses_exceeded_total"), 0);
});

test("rrl: parsed with its defaults, and what is wrong is refused", () => {
  const parse = (options: string) => parseBlock([rrl], `example.org {\n rrl {\n ${options}\n }\n}`);
  const { config } = parse("responses-per-second 5\n errors-per-second 0\n requests-per-second 9").elements[0]!;
  assert.deepEqual(config, {
    zones: ["example.org."],
    windowMs: 15_000,
    ipv4Bits: 24,
    ipv6Bits: 56,
    allowances: [5, 5, 5, 5, 0, 9],
    slipRatio: 0,
    size: 100_000,
    reportOnly: false,
  });
  for (const [options, mistake] of [
    ["window 0", /invalid window '0', expected an integer from 1 to 3600/],
    ["ipv4-prefix-length 33", /expected an integer from 1 to 32/],
    ["ipv6-prefix-length 0", /expected an integer from 1 to 128/],
    ["responses-per-second -1", /expected a number of at least 0/],
    ["slip-ratio x", /invalid slip-ratio/],
    ["max-table-size 0", /expected an integer from 1 to 10000000/],
    ["report-only yes", /Wrong argument count/],
    ["response-per-second 5", /unknown property 'response-per-second'/],
  ] as const) {
    assert.match(parse(options).mistakes.join(), mistake);
  }
  assert.match(parse("window 5").warnings.join(), /nothing is limited/);
});

test("accounts: a second's worth at once, then as it comes in; the debt has a limit", () => {
  const accounts = new Accounts(Accounts.allocate(8));
  const over = (now: number) => accounts.charge(7, now, 10, 5_000);
  assert.deepEqual(
    Array.from({ length: 12 }, () => over(10_000)),
    [...new Array(10).fill(0), 1, 2],
  );
  // What was refused is owed too: 0.2 s here, so one is paid 0.3 s later.
  assert.deepEqual([over(10_150), over(10_400), over(10_400)], [3, 0, 1]);
  for (let i = 0; i < 1_000; i++) over(11_000);
  // Five could be paid. 5 s is all that is owed.
  assert.equal(over(15_999), 996);
  assert.equal(over(21_100), 0);
});

test("accounts: with one reply in two seconds, one of each two seconds is paid", () => {
  const accounts = new Accounts(Accounts.allocate(8));
  const over = (now: number) => accounts.charge(7, now, 0.5, 15_000);
  assert.deepEqual([10_000, 11_000, 14_000, 16_000, 60_000, 60_000].map(over), [0, 1, 0, 0, 0, 1]);
});

test("accounts: who owes stays when a million others come", () => {
  const accounts = new Accounts(Accounts.allocate(1_000));
  const debtors = Array.from({ length: 40 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) | 0);
  for (const one of debtors) for (let i = 0; i < 50; i++) accounts.charge(one, 50_000, 5, 15_000);
  for (let i = 0; i < 1_000_000; i++) accounts.charge(Math.imul(i, 0x85ebca6b) | 0, 50_000 + i / 1_000, 5, 15_000);
  const forgotten = debtors.filter((one) => accounts.charge(one, 51_000, 5, 15_000) === 0);
  assert.deepEqual(forgotten, []);
});

test("accounts: a set of debtors makes room for a new one all the same", () => {
  const accounts = new Accounts(Accounts.allocate(8));
  for (let one = 1; one <= 8; one++) for (let i = 0; i < 10 * one; i++) accounts.charge(one, 0, 1, 15_000);
  assert.equal(accounts.charge(9, 0, 1, 15_000), 0);
  assert.equal(accounts.charge(8, 0, 1, 15_000), 80);
});

test("accounts: workers share them", () => {
  const memory = Accounts.allocate(100);
  const [one, other] = [new Accounts(memory), new Accounts(memory)];
  const now = clockOffset;
  assert.equal(one.charge(5, now, 1, 1_000), 0);
  assert.equal(other.charge(5, now, 1, 1_000), 1);
});
