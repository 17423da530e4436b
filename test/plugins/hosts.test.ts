import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ANSWERED, type Handler, SERVFAIL } from "../../src/plugin/outcome.ts";
import { type HostsConfig, hosts } from "../../src/plugins/hosts/index.ts";
import { root } from "../../src/plugins/root.ts";
import { type LogRecord, linkChain, parseBlock } from "../support/chain.ts";

const directory = mkdtempSync(join(tmpdir(), "hosts-"));
after(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text, "latin1");
  return path;
}

const DEFAULTS: HostsConfig = {
  path: "f",
  zones: ["example.org."],
  inline: "",
  ttl: 3600,
  reverse: true,
  reloadMs: 5_000,
  fallthrough: [],
  fallthroughUnsupported: false,
};

for (const { block, config, mistake, warning } of [
  { block: "hosts", config: { path: "/etc/hosts" } },
  { block: "hosts f", config: {} },
  { block: "root /x\nhosts f", config: { path: "/x/f" } },
  { block: "root /x\nhosts", config: { path: "/etc/hosts" } },
  {
    block: "hosts f a.test 10.0.0.0/23",
    config: { zones: ["a.test.", "0.0.10.in-addr.arpa.", "1.0.10.in-addr.arpa."] },
  },
  {
    block: "hosts f {\n10.0.0.1 a b\nttl 60 x\n::1%lo c\nno_reverse x\nreload 1m\nfallthrough a.test\n}",
    config: {
      inline: "10.0.0.1 a b\n::1%lo c",
      ttl: 60,
      reverse: false,
      reloadMs: 60_000,
      fallthrough: ["a.test."],
    },
  },
  {
    block: "hosts f {\nfallthrough_unsupported\nfallthrough a.test\nttl 65535\nreload 0\nfallthrough\n}",
    config: { ttl: 65_535, reloadMs: 0, fallthrough: ["."], fallthroughUnsupported: true },
  },
  {
    block: "hosts f {\nfalltrough\n}",
    config: { inline: "falltrough" },
    warning: "3:1: plugin/hosts: 'falltrough' is neither an option nor an address, the line is ignored",
  },
  { block: "hosts f\nhosts g", mistake: "3:1: plugin/hosts: this plugin can only be used once per Server Block" },
  {
    block: "hosts /dev/null/x",
    mistake: "2:7: plugin/hosts: unable to access hosts file '/dev/null/x': stat /dev/null/x: not a directory",
  },
  { block: "hosts f {\nttl\n}", mistake: "3:1: plugin/hosts: ttl needs a time in second" },
  { block: "hosts f {\nttl 1s\n}", mistake: "3:5: plugin/hosts: ttl needs a number of second" },
  { block: "hosts f {\nttl 0\n}", mistake: "3:5: plugin/hosts: ttl provided is invalid" },
  { block: "hosts f {\nttl 65536\n}", mistake: "3:5: plugin/hosts: ttl provided is invalid" },
  { block: "hosts f {\nreload\n}", mistake: "3:1: plugin/hosts: reload needs a duration (zero seconds to disable)" },
  {
    block: "hosts f {\nreload 1s 2s\n}",
    mistake: "3:1: plugin/hosts: reload needs a duration (zero seconds to disable)",
  },
  { block: "hosts f {\nreload 1\n}", mistake: "3:8: plugin/hosts: invalid duration for reload '1'" },
  { block: "hosts f {\nreload -1s\n}", mistake: "3:8: plugin/hosts: invalid negative duration for reload '-1s'" },
  { block: "hosts f {\nfallthrough\n10.0.0.1 a\n}", mistake: "4:1: plugin/hosts: unknown property '10.0.0.1'" },
  {
    block: "hosts f {\nfallthrough\nfallthrough_unsupported x\n}",
    mistake: "4:25: plugin/hosts: Wrong argument count or unexpected line ending after 'x', expected no arguments",
  },
  {
    block: "hosts f {\nfallthrough_unsupported\n}",
    mistake: "3:1: plugin/hosts: fallthrough_unsupported requires fallthrough",
  },
]) {
  test(`hosts: ${block.replaceAll("\n", "; ")}`, () => {
    const parsed = parseBlock([root, hosts], `example.org {\n${block}\n}`);
    assert.deepEqual(parsed.mistakes, mistake === undefined ? [] : [`Corefile:${mistake}`]);
    if (config) assert.deepEqual(parsed.elements[0]?.config, { ...DEFAULTS, ...config });
    if (warning) assert.deepEqual(parsed.warnings, [`Corefile:${warning}`]);
  });
}

/** Says that a query got here. */
const passed: Handler = (query) => {
  query.reply.begin(query);
  query.reply.rcode = 3;
  return ANSWERED;
};

const link = (block: string, last?: Handler) =>
  linkChain({ plugins: [hosts], corefile: `. {\n${block}\n}`, ...(last && { last }) });

/** `10.0.0.1` becomes the records that the name should have. */
const records = (name: string, addresses: string): string[] =>
  addresses
    .split(" ")
    .filter((address) => address !== "")
    .map((address) => `${name} 3600 IN ${address.includes(":") ? "AAAA" : "A"} ${address}`);

const FILE = `# a comment, then an empty line

10.0.0.2	two.test
10.0.0.1 two.test alias.test	Mixed.TEST. # 10.9.9.9 no.test
  10.0.0.3 lead.test#glued
::2 two.test
::ffff:10.0.0.4 mapped.test
fe80::1%eth0 scoped.test
10.0.0.5%lo scoped.test
10.0.0.2 two.test
10.0.0.6 *.w.test
::6 *.w.test
10.0.0.7 exact.w.test
10.0.0.8 * *. a*.w.test *.*.s.test
10.0.0.9 . @ sl/ash esc\\.ape.test esc\\065.test \xc3\x9c.test
10.0.0.10 a..b .c ${"l".repeat(64)} ${"n".repeat(60).concat(".").repeat(5)} tail\\ good.test
10.0.0.01 zero.test
1.2.3 short.test
nothing word.test
10.0.0.11
10.0.0.12 # only
10.0.0.13 crlf.test\r
10.0.0.14\v\fblank.test\r10.0.0.15
10.0.0.16 nul\0.test
\0 10.0.0.17 nul.test
10.0.0.18 last.test`;

for (const { ask, answer } of [
  { ask: "two.test. A", answer: records("two.test.", "10.0.0.2 10.0.0.1 10.0.0.2") },
  { ask: "two.test. AAAA", answer: records("two.test.", "::2") },
  { ask: "TWO.teST. A", answer: records("two.test.", "10.0.0.2 10.0.0.1 10.0.0.2") },
  { ask: "alias.test. A", answer: records("alias.test.", "10.0.0.1") },
  { ask: "alias.test. AAAA", answer: [] },
  { ask: "alias.test. MX", answer: [] },
  { ask: "alias.test. ANY", answer: [] },
  { ask: "mixed.test. A", answer: records("mixed.test.", "10.0.0.1") },
  { ask: "no.test. A" },
  { ask: "lead.test. A", answer: records("lead.test.", "10.0.0.3") },
  { ask: "mapped.test. A", answer: records("mapped.test.", "10.0.0.4") },
  { ask: "mapped.test. AAAA", answer: [] },
  { ask: "scoped.test. AAAA", answer: records("scoped.test.", "fe80::1") },
  { ask: "scoped.test. A", answer: records("scoped.test.", "10.0.0.5") },
  { ask: "a.w.test. A", answer: records("a.w.test.", "10.0.0.6") },
  { ask: "A.w.test. A", answer: records("a.w.test.", "10.0.0.6") },
  { ask: "a\\.b.w.test. A", answer: records("a\\.b.w.test.", "10.0.0.6") },
  { ask: "*.w.test. AAAA", answer: records("*.w.test.", "::6") },
  { ask: "a.w.test. TXT", answer: [] },
  { ask: "a.b.w.test. A" },
  { ask: "w.test. A" },
  { ask: "exact.w.test. A", answer: records("exact.w.test.", "10.0.0.7") },
  { ask: "exact.w.test. AAAA", answer: records("exact.w.test.", "::6") },
  { ask: "a*.w.test. A", answer: records("a*.w.test.", "10.0.0.8") },
  { ask: "x.*.s.test. A", answer: records("x.*.s.test.", "10.0.0.8") },
  { ask: "one. A" },
  { ask: "*. A" },
  { ask: ". A", answer: records(".", "10.0.0.9") },
  { ask: ". AAAA", answer: [] },
  { ask: "\\@. A", answer: records("\\@.", "10.0.0.9") },
  { ask: "sl/ash. A", answer: records("sl/ash.", "10.0.0.9") },
  { ask: "esc\\.ape.test. A", answer: records("esc\\.ape.test.", "10.0.0.9") },
  { ask: "esca.test. A", answer: records("esca.test.", "10.0.0.9") },
  { ask: "\\195\\156.test. A", answer: records("\\195\\156.test.", "10.0.0.9") },
  { ask: "good.test. A", answer: records("good.test.", "10.0.0.10") },
  { ask: "zero.test. A" },
  { ask: "short.test. A" },
  { ask: "word.test. A" },
  { ask: "crlf.test. A", answer: records("crlf.test.", "10.0.0.13") },
  { ask: "blank.test. A", answer: records("blank.test.", "10.0.0.14") },
  { ask: "10.0.0.15. A", answer: records("10.0.0.15.", "10.0.0.14") },
  { ask: "nul\\000.test. A", answer: records("nul\\000.test.", "10.0.0.16") },
  { ask: "nul.test. A" },
  { ask: "last.test. A", answer: records("last.test.", "10.0.0.18") },
  {
    ask: "1.0.0.10.IN-addr.arpa. PTR",
    answer: ["two.test.", "alias.test.", "mixed.test."].map((name) => `1.0.0.10.in-addr.arpa. 3600 IN PTR ${name}`),
  },
  {
    ask: "2.0.0.10.in-addr.arpa. PTR",
    answer: ["two.test.", "two.test."].map((name) => `2.0.0.10.in-addr.arpa. 3600 IN PTR ${name}`),
  },
  { ask: "6.0.0.10.in-addr.arpa. PTR" },
  {
    ask: "8.0.0.10.in-addr.arpa. PTR",
    answer: ["8.0.0.10.in-addr.arpa. 3600 IN PTR a*.w.test."],
  },
  { ask: "10.0.0.10.in-addr.arpa. PTR", answer: ["10.0.0.10.in-addr.arpa. 3600 IN PTR good.test."] },
  { ask: "11.0.0.10.in-addr.arpa. PTR" },
  { ask: "01.0.0.10.in-addr.arpa. PTR" },
  { ask: "256.0.0.10.in-addr.arpa. PTR" },
  { ask: "x.0.0.10.in-addr.arpa. PTR" },
  { ask: "0.0.10.in-addr.arpa. PTR" },
  { ask: "a.1.0.0.10.in-addr.arpa. PTR" },
  { ask: "1.0.0.10.in-addr.arpa. A" },
  { ask: "two.test. PTR" },
  ...[
    { address: "8.e.f", host: "1", names: ["scoped.test."] },
    { address: "0.0.0", host: "2", names: ["two.test."] },
    { address: "0.0.0", host: "3", names: undefined },
    { address: "0.0.0", host: "g", names: undefined },
    { address: "0.0.0", host: ":", names: undefined },
    { address: "0.0.0", host: "22", names: undefined },
  ].map(({ address, host, names }) => {
    const reverse = `${host}.${"0.".repeat(28)}${address}.ip6.arpa.`;
    const answer = names?.map((name) => `${reverse} 3600 IN PTR ${name}`);
    return { ask: `${reverse} PTR`, ...(answer && { answer }) };
  }),
  {
    ask: `4.0.0.0.0.0.a.0.F.f.f.f.${"0.".repeat(20)}ip6.arpa. PTR`,
    answer: [`4.0.0.0.0.0.a.0.f.f.f.f.${"0.".repeat(20)}ip6.arpa. 3600 IN PTR mapped.test.`],
  },
]) {
  test(`hosts: ${ask}`, async () => {
    const path = write("all", FILE);
    const chain = await link(`hosts ${path} {\nreload 0\nfallthrough\n}`, passed);
    const { reply } = await chain.ask({ ask });
    assert.equal(reply?.rcode, answer === undefined ? "NXDOMAIN" : "NOERROR");
    assert.deepEqual(reply?.answer, answer ?? []);
    assert.equal(reply?.flags, answer === undefined ? "qr rd" : "qr aa rd");
    assert.deepEqual([...reply!.authority, ...reply!.additional], []);
    await chain.stop();
  });
}

for (const { options, zones = "", passes, refuses = [], empty = [] } of [
  { options: "", passes: ["new.other. PTR", "9.0.0.10.in-addr.arpa. PTR"], refuses: ["new.test. A", "new.other. MX"] },
  { options: "", zones: "test", passes: ["known.other. A", "new.other. A"], refuses: ["new.test. A"] },
  { options: "fallthrough", passes: ["new.test. A", "new.other. MX"], empty: ["known.test. MX", "known.test. AAAA"] },
  { options: "fallthrough other", passes: ["new.other. A"], refuses: ["new.test. A"], empty: ["known.other. MX"] },
  {
    options: "fallthrough other\nfallthrough_unsupported",
    passes: ["new.other. A", "known.other. MX"],
    refuses: ["new.test. MX"],
    empty: ["known.test. MX", "known.other. AAAA"],
  },
  { options: "no_reverse", passes: ["1.0.0.10.in-addr.arpa. PTR"], refuses: ["1.0.0.10.in-addr.arpa. A"] },
]) {
  test(`hosts: what is passed on with ${zones} ${options.replace("\n", ", ") || "no options"}`, async () => {
    const path = write("pass", "10.0.0.1 known.test known.other\n");
    const chain = await link(`hosts ${path} ${zones} {\nreload 0\n${options}\n}`, passed);
    for (const ask of passes) assert.equal((await chain.ask({ ask })).reply?.rcode, "NXDOMAIN", ask);
    for (const ask of refuses) {
      const asked = await chain.ask({ ask });
      assert.deepEqual([asked.outcome, asked.error], [SERVFAIL, ""], ask);
    }
    for (const ask of empty) {
      const { reply } = await chain.ask({ ask });
      assert.deepEqual([reply?.rcode, reply?.answer], ["NOERROR", []], ask);
    }
    await chain.stop();
  });
}

test("hosts: the file's entries, then those of the Corefile, each with its own wildcards", async () => {
  const path = write("both", "10.0.0.3 *.w.test\n10.0.0.4 two.test\n");
  const chain = await link(
    `hosts ${path} {\n10.0.0.1 exact.w.test TWO.test\n10.0.0.4 more.test\n10.0.0.5 *.w.test two.test\nreload 0\nttl 7\n}`,
  );
  for (const { ask, answer } of [
    { ask: "exact.w.test. A", answer: ["10.0.0.3", "10.0.0.1"] },
    { ask: "other.w.test. A", answer: ["10.0.0.3", "10.0.0.5"] },
    { ask: "two.test. A", answer: ["10.0.0.4", "10.0.0.1", "10.0.0.5"] },
    { ask: "4.0.0.10.in-addr.arpa. PTR", answer: ["two.test.", "more.test."] },
  ]) {
    const { reply } = await chain.ask({ ask });
    const [name, type] = ask.split(" ");
    assert.deepEqual(
      reply?.answer,
      answer.map((data) => `${name} 7 IN ${type} ${data}`),
    );
  }
  await chain.stop();
});

test("hosts: only names of the zones are kept, whatever their addresses", async () => {
  const path = write("zones", "10.0.0.1 a.test a.other\n11.0.0.1 b.test\n");
  const zones = "test 10.in-addr.arpa c.example d.example e.example f.example";
  const chain = await link(`hosts ${path} ${zones} {\n10.0.0.2 c.other x.f.example\nreload 0\n}`, passed);
  for (const { ask, answer } of [
    { ask: "1.0.0.10.in-addr.arpa. PTR", answer: "a.test." },
    { ask: "1.0.0.11.in-addr.arpa. PTR", answer: "b.test." },
    { ask: "2.0.0.10.in-addr.arpa. PTR", answer: "x.f.example." },
    { ask: "x.f.example. A", answer: "10.0.0.2" },
    { ask: "a.other. A", answer: undefined },
  ]) {
    const { reply } = await chain.ask({ ask });
    assert.deepEqual(
      reply?.answer.map((line) => line.split(" ").at(-1)),
      answer === undefined ? [] : [answer],
      ask,
    );
  }
  await chain.stop();
});

test("hosts: an answer that does not fit is cut, and no more of it is written than the client can get", async () => {
  const many = Array.from({ length: 5_000 }, (_, i) => `10.1.${i >> 8}.${i & 255} many.test\n0.0.0.0 h${i}.test\n`);
  const path = write("many", many.join(""));
  const chain = await link(`hosts ${path} {\nreload 0\n}`);
  for (const { ask, over, count } of [
    { ask: "many.test. A", over: "udp", count: 30 },
    { ask: "many.test. A", over: "tcp", count: 4_094 },
    { ask: "MANY.test. A", over: "udp", count: 29 },
    { ask: "0.0.0.0.in-addr.arpa. PTR", over: "udp", count: 26 },
    { ask: "0.0.0.0.in-addr.arpa. PTR", over: "tcp", count: 3_330 },
  ] as const) {
    const { reply } = await chain.ask({ ask, over });
    assert.equal(reply?.flags, "qr aa tc rd", ask);
    assert.equal(reply?.answer.length, count, `${ask} ${over}`);
  }
  await chain.stop();
});

const texts = (lines: readonly LogRecord[]): string[] => lines.map(({ level, text }) => `${level} ${text}`);

test("hosts: words that are too long are dropped and reported", async () => {
  const [fits, long] = ["x".repeat(1_024), "y".repeat(1_025)];
  const path = write(
    "long",
    `10.0.0.1 a.test ${fits} ${long} b.test ${long}\n${long}\n${long} c.test\n` +
      `none ${long}\n10.0.0.2 d.test #${long}\n10.0.0.3 ${long}#${long}\n10.0.0.4%${fits} e.test\n${"z".repeat(600_000)}\n10.0.0.5 f.test`,
  );
  const chain = await link(`hosts ${path} {\n10.0.0.6 ${long} g.test\nnone\n${long}\nreload 10ms\n}`);
  for (const name of ["a", "b", "d", "f", "g"]) {
    assert.equal((await chain.ask({ ask: `${name}.test. A` })).reply?.answer.length, 1, name);
  }
  for (const name of ["c", "e"]) assert.equal((await chain.ask({ ask: `${name}.test. A` })).outcome, SERVFAIL, name);
  // The lines of the start were written before the chain's log was listened to: read the file once more.
  const from = chain.lines.length;
  utimesSync(path, 1, 1);
  await sleep(150);
  const name = "name longer than 1024 bytes, dropping the name";
  const address = "address longer than 1024 bytes, dropping the line";
  assert.deepEqual(texts(chain.lines.slice(from)), [
    `ERROR Hosts file "${path}", line 1: ${name}`,
    `ERROR Hosts file "${path}", line 1: ${name}`,
    `ERROR Hosts file "${path}", line 2: ${address}`,
    `ERROR Hosts file "${path}", line 3: ${address}`,
    `ERROR Hosts file "${path}", line 6: ${name}`,
    `ERROR Hosts file "${path}", line 7: ${address}`,
    `ERROR Hosts file "${path}", line 8: ${address}`,
  ]);
  await chain.stop();
});

test("hosts: the file is read again when it has changed; what cannot be read changes nothing", async () => {
  const path = join(directory, "changing");
  const chain = await link(`hosts ${path} {\n10.0.0.9 inline.test\nreload 10ms\n}`);
  const address = async (name: string) =>
    (await chain.ask({ ask: `${name}.test. A` })).reply?.answer[0]?.split(" ").at(-1);
  const settled = async (name: string, expected: string | undefined) => {
    for (let left = 100; left > 0 && (await address(name)) !== expected; left--) await sleep(20);
    assert.equal(await address(name), expected);
  };
  assert.equal(await address("a"), undefined);
  assert.equal(await address("inline"), "10.0.0.9");
  write("changing", "10.0.0.1 a.test\n");
  await settled("a", "10.0.0.1");
  // Same length, other time; then the same time, other length.
  write("changing", "10.0.0.2 a.test\n");
  utimesSync(path, 5, 5);
  await settled("a", "10.0.0.2");
  write("changing", "10.0.0.13 a.test\n");
  utimesSync(path, 5, 5);
  await settled("a", "10.0.0.13");

  const from = chain.lines.length;
  rmSync(path);
  await sleep(60);
  mkdirSync(path);
  await sleep(60);
  assert.equal(await address("a"), "10.0.0.13");
  rmSync(path, { recursive: true });
  await sleep(60);
  assert.deepEqual(texts(chain.lines.slice(from)), [
    `ERROR Failed to parse hosts file "${path}": read ${path}: is a directory`,
  ]);
  // Larger than what is read at once, and read on a thread of its own.
  const filler = Array.from({ length: 30_000 }, (_, i) => `10.2.${i >> 8}.${i & 255} n${i}.test\n`).join("");
  write("changing", `10.0.0.4 a.test\n${filler}`);
  await settled("a", "10.0.0.4");
  for (const i of [0, 1, 9_999, 15_000, 29_999]) assert.equal(await address(`n${i}`), `10.2.${i >> 8}.${i & 255}`);
  assert.equal(await address("n30000"), undefined);
  await chain.stop();
});
