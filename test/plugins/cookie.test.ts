/** cookie: which cookies are taken, which are given, and what the rest of the chain sees of them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ANSWERED, DROPPED, type Handler, REFUSED } from "../../src/plugin/outcome.ts";
import type { Query } from "../../src/plugin/query.ts";
import { cookie } from "../../src/plugins/cookie/index.ts";
import { linkChain, parseBlock } from "../support/chain.ts";
import { makePipe } from "../support/pipe.ts";

const SECRET = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const OLD_SECRET = "dd3bdf9344b678b185a6f5cb60fca715";
const NEW_SECRET = "445536bcd2513298075a5d379663c962";
const ADDRESS = "198.51.100.100";
const CLIENT = "2464c4abcf10c957";
/** Made for them at NOW. */
const OURS = `${CLIENT}010000005cf79f111f8130c3eee29480`;
const NOW = 1_559_731_985;

interface Setting {
  readonly directive?: string;
  readonly last?: Handler;
  readonly now?: number;
}

const written: Handler = (query) => {
  query.reply.begin(query);
  return ANSWERED;
};

async function setUp(
  t: TestContext,
  { directive = `cookie {\n secret ${SECRET}\n}`, last = written, now = NOW }: Setting,
) {
  t.mock.timers.enable({ apis: ["Date"], now: now * 1_000 });
  const proven: boolean[] = [];
  const seen: Handler = (query) => {
    proven.push(query.clientIsProven);
    return last(query);
  };
  const chain = await linkChain({ plugins: [cookie], corefile: `. {\n ${directive}\n}`, last: seen });
  t.after(() => chain.stop());
  const ask = async (options: readonly string[] | undefined, address = ADDRESS) => {
    const edns = options && { size: 1_232, options };
    const { reply } = await chain.ask({ ask: "www.example.org. A", ...(edns && { edns }) }, { address });
    return { reply, cookie: reply?.opt?.options.find((option) => option.startsWith("10 "))?.slice(3) };
  };
  return { chain, ask, proven };
}

/** RFC 9018 appendix A. In A.3 the client's cookie is older than an hour when it comes, and so no good any more. */
for (const { name, secrets, address, asked, now, given, isGood } of [
  { name: "A.1 learning", secrets: SECRET, address: ADDRESS, asked: CLIENT, now: NOW, given: OURS, isGood: false },
  {
    name: "A.2 renewed after 40 minutes",
    secrets: SECRET,
    address: ADDRESS,
    asked: OURS,
    now: 1_559_734_385,
    given: `${CLIENT}010000005cf7a871d4a564a1442aca77`,
    isGood: true,
  },
  {
    name: "A.3 reserved bytes, in time",
    secrets: SECRET,
    address: "203.0.113.203",
    asked: "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
    now: 1_559_727_985,
    given: "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
    isGood: true,
  },
  {
    name: "A.3 another client's renewed one",
    secrets: SECRET,
    address: "203.0.113.203",
    asked: "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
    now: 1_559_734_700,
    given: "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e",
    isGood: false,
  },
  {
    name: "A.4 IPv6, secret rolled over",
    secrets: `${NEW_SECRET} ${OLD_SECRET}`,
    address: "2001:db8:220:1:59de:d0f4:8769:82b8",
    asked: "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
    now: 1_559_741_961,
    given: "22681ab97d52c298010000005cf7c609a6bb79d16625507a",
    isGood: true,
  },
]) {
  test(`cookie: RFC 9018 ${name}`, async (t) => {
    const { ask, proven } = await setUp(t, { directive: `cookie {\n secret ${secrets}\n}`, now });
    assert.equal((await ask([`10 ${asked}`], address)).cookie, given);
    assert.deepEqual(proven, [isGood]);
  });
}

for (const { name, asked = OURS, address = ADDRESS, secrets = SECRET, age = 0, isGood, isNew = !isGood } of [
  { name: "its own", isGood: true },
  { name: "its own, half an hour old", age: 1_800, isGood: true },
  { name: "its own, a little older", age: 1_801, isGood: true, isNew: true },
  { name: "its own, an hour old", age: 3_600, isGood: true, isNew: true },
  { name: "its own, older than an hour", age: 3_601, isGood: false },
  { name: "from five minutes ahead", age: -300, isGood: true },
  { name: "from further ahead", age: -301, isGood: false },
  { name: "from years ago", age: 400_000_000, isGood: false },
  { name: "another client's", address: "198.51.100.101", isGood: false },
  { name: "another client's, IPv6", address: "2001:db8::1", isGood: false },
  { name: "with another client's part", asked: OURS.replace(/^24/, "25"), isGood: false },
  { name: "of another version", asked: OURS.replace("9570100", "9570200"), isGood: false },
  { name: "with another hash, first byte", asked: OURS.replace("1f8130", "1e8130"), isGood: false },
  { name: "with another hash, last byte", asked: OURS.replace(/80$/, "81"), isGood: false },
  { name: "of an unknown secret", secrets: NEW_SECRET, isGood: false },
  { name: "of the secret before", secrets: `${NEW_SECRET} ${SECRET}`, isGood: true, isNew: true },
  { name: "of the secret to come", secrets: `${SECRET} ${NEW_SECRET}`, isGood: true },
  { name: "of 8 bytes more, another server's kind", asked: `${CLIENT}0102030405060708`, isGood: false },
  { name: "as long as can be", asked: `${CLIENT}${"01".repeat(32)}`, isGood: false },
]) {
  test(`cookie: ${name}: ${isGood ? "good" : "bad"}`, async (t) => {
    const { ask, proven } = await setUp(t, { directive: `cookie {\n secret ${secrets}\n}`, now: NOW + age });
    const { cookie: given, reply } = await ask([`10 ${asked}`], address);
    assert.equal(reply?.rcode, "NOERROR");
    assert.deepEqual(proven, [isGood]);
    assert.equal(given?.slice(0, 16), asked.slice(0, 16));
    assert.equal(given !== asked, isNew);
    // What is given is good, at once.
    await ask([`10 ${given}`], address);
    assert.deepEqual(proven, [isGood, true]);
  });
}

for (const bytes of [0, 1, 7, 9, 15, 41, 200]) {
  test(`cookie: ${bytes} bytes are no cookie`, async (t) => {
    const { ask, proven } = await setUp(t, {});
    const { reply, cookie: given } = await ask([`10 ${"01".repeat(bytes)}`.trim()]);
    assert.equal(reply?.rcode, "FORMERR");
    assert.equal(given, undefined);
    assert.deepEqual(proven, []);
  });
}

test("cookie: without one nothing changes, and who is proven once is not for the next query", async (t) => {
  const { ask, proven } = await setUp(t, {});
  await ask([`10 ${OURS}`]);
  assert.deepEqual((await ask(["3"])).reply?.opt?.options, []);
  assert.equal((await ask(undefined)).reply?.opt, undefined);
  assert.deepEqual(proven, [true, false, false]);
});

test("cookie: the rest of the chain sees the other options only, and an upstream's cookie does not pass", async (t) => {
  const seen: string[] = [];
  const last: Handler = (query: Query) => {
    const { bytes, start, optOffset, optionsLength } = query;
    seen.push(Buffer.from(bytes).toString("hex", start + optOffset + 11, start + optOffset + 11 + optionsLength));
    query.reply.begin(query);
    query.reply.setOpt(Uint8Array.of(0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 15, 0, 2, 0, 17), 4_096, false);
    return Promise.resolve(ANSWERED);
  };
  const { ask } = await setUp(t, { last });
  const { reply } = await ask(["65001 00", `10 ${OURS}`, "3"]);
  assert.deepEqual(seen, ["fde900010000030000"]);
  assert.deepEqual(reply?.opt?.options, ["15 0011", `10 ${OURS}`]);
});

test("cookie: errors that the server writes have it too; no reply stays none", async (t) => {
  const outcomes = [REFUSED, DROPPED];
  const { ask } = await setUp(t, { last: () => outcomes.shift()! });
  const refused = await ask([`10 ${CLIENT}`]);
  assert.equal(refused.reply?.rcode, "REFUSED");
  assert.equal(refused.cookie, OURS);
  assert.equal((await ask([`10 ${CLIENT}`])).reply, undefined);
});

test("cookie: a fault behind it costs the cookie, not the reply", async (t) => {
  const faults: Handler[] = [
    () => {
      throw new Error("fault");
    },
    () => Promise.reject(new Error("fault")),
  ];
  const { ask } = await setUp(t, { last: (query) => faults.shift()!(query) });
  for (let i = 0; i < 2; i++) {
    const { reply } = await ask([`10 ${OURS}`]);
    assert.equal(reply?.rcode, "SERVFAIL");
    assert.equal(reply?.question, "www.example.org. A");
  }
});

test("cookie: counted by what they are worth", async (t) => {
  const { ask, chain } = await setUp(t, {});
  for (const one of [CLIENT, CLIENT, OURS, OURS.replace(/80$/, "81"), "00"]) await ask([`10 ${one}`]);
  await ask(["3"]);
  assert.deepEqual(chain.counts("weftdns_cookie_queries_total"), [1, 2, 1, 1]);
});

test("cookie: a secret of its own, which is that of other blocks too", async (t) => {
  const [one, other] = [
    await setUp(t, { directive: "cookie" }),
    await linkChain({ plugins: [cookie], corefile: ". {\n cookie\n}", last: written }),
  ];
  t.after(() => other.stop());
  const { cookie: given } = await one.ask([`10 ${CLIENT}`]);
  await one.ask([`10 ${given}`]);
  assert.deepEqual(one.proven, [false, true]);
  const edns = { size: 1_232, options: [`10 ${given}`] };
  const { reply } = await other.ask({ ask: "www.example.org. A", edns }, { address: ADDRESS });
  assert.deepEqual(reply?.opt?.options, [`10 ${given}`]);
});

test("cookie: secrets from a file, read again; a damaged file changes nothing", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-cookie-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "secrets");
  writeFileSync(path, `# now\n${SECRET}\n\n`);
  const { ask, proven, chain } = await setUp(t, { directive: `cookie {\n secret_file ${path} 20ms\n}` });
  await ask([`10 ${OURS}`]);
  writeFileSync(path, `${NEW_SECRET}\nnonsense\n`);
  await sleep(100);
  await ask([`10 ${OURS}`]);
  writeFileSync(path, `${NEW_SECRET}\n`);
  await sleep(100);
  await ask([`10 ${OURS}`]);
  assert.deepEqual(proven, [true, true, false]);
  const texts = chain.lines.map(({ text }) => text);
  assert.ok(texts.some((text) => text.includes("line 2 is no secret of 32 hexadecimal digits; the secrets stay")));
  assert.ok(texts.every((text) => !text.includes("nonsense") && !text.includes(NEW_SECRET)));
});

test("cookie: a file that is looked at once in a hundred days is not looked at all the time", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-cookie-"));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "secrets"), SECRET);
  const interval = t.mock.method(globalThis, "setInterval");
  await setUp(t, { directive: `cookie {\n secret_file ${join(directory, "secrets")} 2400h\n}` });
  assert.deepEqual(
    interval.mock.calls.map((call) => call.arguments[1]),
    [2 ** 31 - 1],
  );
});

test("cookie: a pipe in the place of the secrets is not waited for", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-cookie-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "secrets");
  makePipe(t, path, SECRET);
  const corefile = `. {\n cookie {\n secret_file ${path}\n }\n}`;
  await assert.rejects(linkChain({ plugins: [cookie], corefile, last: written }), /cannot read the secrets: is a pipe/);
});

for (const { name, text, expected } of [
  { name: "no file", text: undefined, expected: /cannot read the secrets: ENOENT/ },
  { name: "an empty file", text: "# nothing\n", expected: /no secret is there/ },
  { name: "a secret that is too short", text: `${SECRET}\nabc\n`, expected: /line 2 is no secret/ },
]) {
  test(`cookie: ${name} stops the start`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "weftdns-cookie-"));
    t.after(() => rmSync(directory, { recursive: true }));
    if (text !== undefined) writeFileSync(join(directory, "secrets"), text);
    const corefile = `. {\n cookie {\n secret_file ${join(directory, "secrets")}\n }\n}`;
    await assert.rejects(linkChain({ plugins: [cookie], corefile, last: written }), expected);
  });
}

for (const { options, mistake } of [
  { options: "secret", mistake: /expected 32 hexadecimal digits/ },
  { options: "secret 12", mistake: /a secret has 32 hexadecimal digits/ },
  { options: `secret ${SECRET} ${SECRET}00`, mistake: /a secret has 32 hexadecimal digits/ },
  { options: `secret ${SECRET}\n secret_file x`, mistake: /the secrets can only be given once/ },
  { options: "secret_file", mistake: /Wrong argument count/ },
  { options: "secret_file x -1s", mistake: /invalid secret_file/ },
  { options: "secrets x", mistake: /unknown property 'secrets'.*/ },
]) {
  test(`cookie: refused: ${options}`, () => {
    assert.match(parseBlock([cookie], `. {\n cookie {\n ${options}\n }\n}`).mistakes.join(), mistake);
  });
}
