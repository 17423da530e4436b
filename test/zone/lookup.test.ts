/** What the parity cases cannot see: pointers and sizes, letters, proofs, and the shapes that a zone may have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hashName, Name } from "../../src/dns/name.ts";
import { ask, load, wire, zoneOf } from "./ask.ts";

const HEAD = `$TTL 60
@ SOA ns1 admin 7 3600 600 86400 300
@ NS ns1
@ NS ns.example.com.
ns1 A 192.0.2.1
`;
const NS = ["example.org. 60 IN NS ns1.example.org.", "example.org. 60 IN NS ns.example.com."];
const SOA = ["example.org. 60 IN SOA ns1.example.org. admin.example.org. 7 3600 600 86400 300"];

const small = zoneOf(`${HEAD}
host A 192.0.2.2
host A 192.0.2.3
mx MX 10 host
mx MX 20 other.example.com.
mx MX 30 host.sub
www CNAME host
deep CNAME www
a.b.c TXT x
*.w MX 5 host
sub NS host.sub
sub NS ns1
host.sub A 192.0.2.4
dn DNAME tgt
x.tgt A 192.0.2.5
`);

for (const { question, answer = [], authority = NS, additional = [], size, aa = true } of [
  {
    question: "host.example.org. A",
    answer: ["host.example.org. 60 IN A 192.0.2.2", "host.example.org. 60 IN A 192.0.2.3"],
    size: 34 + 2 * 16 + 46,
  },
  {
    question: "HOST.example.ORG. A",
    answer: ["host.example.org. 60 IN A 192.0.2.2", "host.example.org. 60 IN A 192.0.2.3"],
    size: 34 + 2 * 16 + 46 + 16,
  },
  { question: "nothing.Example.org. A", authority: SOA, size: undefined },
  {
    question: "mX.example.org. MX",
    answer: [
      "mx.example.org. 60 IN MX 10 host.example.org.",
      "mx.example.org. 60 IN MX 20 other.example.com.",
      "mx.example.org. 60 IN MX 30 host.sub.example.org.",
    ],
    additional: [
      "host.example.org. 60 IN A 192.0.2.2",
      "host.example.org. 60 IN A 192.0.2.3",
      "host.sub.example.org. 60 IN A 192.0.2.4",
    ],
    size: undefined,
  },
  {
    question: "X.Y.w.Example.org. MX",
    answer: ["x.y.w.example.org. 60 IN MX 5 host.example.org."],
    additional: ["host.example.org. 60 IN A 192.0.2.2", "host.example.org. 60 IN A 192.0.2.3"],
    size: undefined,
  },
  {
    question: "DEEP.example.org. A",
    answer: [
      "deep.example.org. 60 IN CNAME www.example.org.",
      "www.example.org. 60 IN CNAME host.example.org.",
      "host.example.org. 60 IN A 192.0.2.2",
      "host.example.org. 60 IN A 192.0.2.3",
    ],
    size: undefined,
  },
  {
    question: "X.Sub.example.org. A",
    aa: false,
    authority: ["sub.example.org. 60 IN NS host.sub.example.org.", "sub.example.org. 60 IN NS ns1.example.org."],
    additional: ["host.sub.example.org. 60 IN A 192.0.2.4"],
    size: undefined,
  },
  {
    question: "X.dn.example.org. A",
    answer: [
      "dn.example.org. 60 IN DNAME tgt.example.org.",
      "x.dn.example.org. 60 IN CNAME x.tgt.example.org.",
      "x.tgt.example.org. 60 IN A 192.0.2.5",
    ],
    size: undefined,
  },
  {
    question: "EXAMPLE.org. NS",
    answer: NS,
    authority: [],
    additional: ["ns1.example.org. 60 IN A 192.0.2.1"],
    size: undefined,
  },
]) {
  test(`lookup: ${question}`, () => {
    const { reply } = ask(small, question);
    assert.ok(reply);
    assert.equal(reply.flags, aa ? "qr aa rd" : "qr rd");
    assert.equal(reply.question, question);
    assert.deepEqual([reply.answer, reply.authority, reply.additional], [answer, authority, additional]);
    if (size !== undefined) assert.equal(reply.bytes.length, size);
  });
}

test("lookup: capital letters change nothing but the first owner", () => {
  for (const name of ["mx", "www", "q.w", "x.sub", "x.dn", "nope", "a.b.c", "b.c"]) {
    for (const type of ["A", "MX", "TXT", "NS"]) {
      const lower = ask(small, `${name}.example.org. ${type}`);
      const upper = ask(small, `${name.toUpperCase()}.EXAMPLE.org. ${type}`);
      assert.equal(upper.result, lower.result);
      if (!lower.reply || !upper.reply) continue;
      for (const part of ["rcode", "flags", "answer", "authority", "additional"] as const) {
        assert.deepEqual(upper.reply[part], lower.reply[part], `${name} ${type} ${part}`);
      }
    }
  }
});

for (const { limit, answers, tc } of [
  { limit: 65_535, answers: 300, tc: false },
  { limit: 4_096, answers: 253, tc: true },
  { limit: 1_232, answers: 74, tc: true },
  { limit: 512, answers: 29, tc: true },
]) {
  test(`lookup: 300 addresses in ${limit} bytes`, () => {
    const lines = Array.from({ length: 300 }, (_, i) => `many A 10.0.${i >> 8}.${i & 255}`);
    const { reply } = ask(zoneOf(`${HEAD}${lines.join("\n")}`), "many.example.org. A", { limit });
    assert.ok(reply);
    assert.equal(reply.answer.length, answers);
    assert.equal(reply.flags, tc ? "qr aa tc rd" : "qr aa rd");
    assert.deepEqual(reply.authority, tc ? [] : NS);
    assert.ok(reply.bytes.length <= limit);
  });
}

test("lookup: behind 16 KiB of answers names are written out, as no pointer reaches back", () => {
  const lines = Array.from({ length: 2_000 }, (_, i) => `many MX ${i} m${i % 700}`);
  const hosts = Array.from({ length: 700 }, (_, i) => `m${i} A 10.0.${i >> 8}.${i & 255}`);
  const zone = zoneOf(`${HEAD}${lines.join("\n")}\n${hosts.join("\n")}`);
  for (const name of ["many", "MANY"]) {
    const { reply } = ask(zone, `${name}.example.org. MX`);
    assert.ok(reply);
    assert.equal(reply.answer.length, 2_000);
    assert.equal(reply.answer[1_999], "many.example.org. 60 IN MX 1999 m599.example.org.");
    assert.deepEqual(reply.authority, NS);
    assert.equal(reply.additional.length, 700);
    assert.equal(reply.additional[699], "m699.example.org. 60 IN A 10.0.2.187");
  }
});

test("lookup: wherever the reach of pointers ends among aliases, records have the owners that they have in the zone", () => {
  const all = [
    "c0.example.org. 60 IN CNAME c1.example.org.",
    "c1.example.org. 60 IN CNAME c2.example.org.",
    "c2.example.org. 60 IN A 192.0.2.2",
  ];
  const question = { ask: "c0.example.org. A", edns: { size: 4096, do: true } };
  // The second alias has no signature, so what follows it is copied and leads to its target.
  for (let size = 16_180; size < 16_300; size++) {
    const rdata = `RRSIG CNAME 8 3 60 20300101000000 20200101000000 1 example.org. ${Buffer.alloc(size).toString("base64")}`;
    const zone = zoneOf(`${HEAD}c0 CNAME c1\nc0 ${rdata}\nc1 CNAME c2\nc2 A 192.0.2.2`);
    const { reply } = ask(zone, question);
    const answer = reply?.answer.filter((record) => !record.includes(" RRSIG ")) ?? [];
    assert.deepEqual(answer, all, `${size}`);
    const cut = ask(zoneOf(`${HEAD}c0 CNAME c1\nc0 ${rdata}\nc1 CNAME c2\nc2 NS ns.example.com.`), question).reply;
    assert.deepEqual(cut?.authority, ["c2.example.org. 60 IN NS ns.example.com."], `${size}`);
  }
});

test("lookup: an RRset of more than 64 KiB is sent as far as it fits, truncated", () => {
  const lines = Array.from({ length: 700 }, (_, i) => `big TXT "${i}" "${"x".repeat(120)}"`);
  const { reply } = ask(zoneOf(`${HEAD}${lines.join("\n")}`), "big.example.org. TXT");
  assert.ok(reply);
  assert.equal(reply.flags, "qr aa tc rd");
  assert.ok(reply.answer.length > 450 && reply.answer.length < 700, `${reply.answer.length} answers`);
  assert.deepEqual(reply.authority, []);
});

test("lookup: whatever room there is, no byte is written behind it", () => {
  const zone = zoneOf(`${HEAD}mx MX 10 host\nhost A 192.0.2.2\nwww CNAME mx\ntxt TXT "${"x".repeat(200)}" y`);
  for (const question of ["mx.example.org. MX", "WWW.example.org. MX", "txt.example.org. TXT", "nope.example.org. A"]) {
    const whole = ask(zone, question).reply!;
    for (let room = 60; room < 600; room++) {
      const { reply } = ask(zone, question, { room, limit: room });
      assert.ok(reply && reply.bytes.length <= room);
      assert.equal(reply.flags.includes("tc"), reply.bytes.length < whole.bytes.length);
      assert.deepEqual(reply.answer, whole.answer.slice(0, reply.answer.length));
    }
  }
});

for (const { name, text, question, answer = [], rcode = "NOERROR" } of [
  {
    name: "the root",
    text: "@ 1 SOA a. b. 1 2 3 4 5\n@ 1 NS a.\na.b. 1 A 192.0.2.1",
    question: "a.B. A",
    answer: ["a.b. 1 IN A 192.0.2.1"],
  },
  {
    name: "the root itself",
    text: "@ 1 SOA a. b. 1 2 3 4 5\n@ 1 NS a.\na.b. 1 A 192.0.2.1",
    question: ". SOA",
    answer: [". 1 IN SOA a. b. 1 2 3 4 5"],
  },
  { name: "the root, no such name", text: "@ 1 SOA a. b. 1 2 3 4 5\n@ 1 NS a.", question: "c. SOA", rcode: "NXDOMAIN" },
  {
    name: "a wildcard at the root",
    text: "@ 1 SOA a. b. 1 2 3 4 5\n*. 1 TXT x",
    question: "C.d. TXT",
    answer: ['c.d. 1 IN TXT "x"'],
  },
]) {
  test(`lookup: ${name}`, () => {
    const { reply } = ask(zoneOf(text, "."), question);
    assert.ok(reply);
    assert.deepEqual([reply.rcode, reply.answer], [rcode, answer]);
  });
}

test("lookup: a name of 255 bytes, and one of 120 labels", () => {
  const long = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(49)}`;
  const labels = Array.from({ length: 120 }, (_, i) => String.fromCharCode(97 + (i % 26))).join(".");
  const zone = zoneOf(`${HEAD}${long} A 192.0.2.9\n${labels} A 192.0.2.8\n`);
  for (const name of [long, labels, labels.toUpperCase()]) {
    const { reply } = ask(zone, `${name}.example.org. A`);
    assert.deepEqual(reply?.answer.length, 1, name);
  }
  assert.equal(ask(zone, `z.${labels.slice(4)}.example.org. A`).reply?.rcode, "NXDOMAIN");
  assert.equal(ask(zone, `${labels.slice(2)}.example.org. A`).reply?.rcode, "NOERROR");
});

for (const { name, ask: question, passOn, result } of [
  { name: "a name that is not there", ask: "nope.example.org. A", passOn: true, result: "PASSED" },
  { name: "an empty non-terminal", ask: "b.c.example.org. A", passOn: true, result: "PASSED" },
  { name: "a name without the type", ask: "host.example.org. MX", passOn: true, result: "WRITTEN" },
  { name: "a wildcard's name without the type", ask: "q.w.example.org. A", passOn: true, result: "WRITTEN" },
  { name: "a delegated name", ask: "nope.sub.example.org. A", passOn: true, result: "WRITTEN" },
]) {
  test(`lookup: ${name}, to be passed on: ${result}`, () =>
    assert.equal(ask(small, question, { passOn }).result, result));
}

const signatureOf = (type: string) => `@ RRSIG ${type} 8 2 60 20300101000000 20200101000000 1 example.org. AwEAAQAB\n`;
for (const { name, text, type = "A", passOn = true, result } of [
  { name: "SOA and NS", text: HEAD, result: "PASSED" },
  { name: "SOA and NS, not to be passed on", text: HEAD, passOn: false, result: "WRITTEN" },
  { name: "SOA and NS, asked for", text: HEAD, type: "NS", result: "WRITTEN" },
  { name: "their signatures", text: `${HEAD}${signatureOf("SOA")}${signatureOf("NS")}`, result: "PASSED" },
  { name: "another signature", text: `${HEAD}${signatureOf("SOA")}${signatureOf("MX")}`, result: "WRITTEN" },
  { name: "no NS", text: "@ 60 SOA ns1 admin 7 3600 600 86400 300", type: "NS", result: "PASSED" },
  {
    name: "no NS but another record",
    text: "@ 60 SOA ns1 a 7 3600 600 86400 300\n@ 60 TXT x",
    type: "NS",
    result: "PASSED",
  },
  { name: "another record", text: `${HEAD}@ TXT x\n`, result: "WRITTEN" },
]) {
  test(`lookup: an apex of ${name}: ${result}`, () =>
    assert.equal(ask(zoneOf(text), `example.org. ${type}`, { passOn }).result, result));
}

for (const { text, question, result, alias } of [
  { text: "a CNAME a", question: "a.example.org. A", result: "FAILED", alias: "" },
  { text: "a CNAME a", question: "a.example.org. CNAME", result: "WRITTEN", alias: "" },
  { text: "a CNAME b\nb CNAME b", question: "a.example.org. A", result: "FAILED", alias: "" },
  { text: "a CNAME b\nb CNAME a", question: "a.example.org. A", result: "WRITTEN", alias: "" },
  { text: "*.w CNAME x.w", question: "y.w.example.org. A", result: "ALIAS", alias: "x.w.example.org." },
  { text: "a CNAME x.example.com.", question: "a.example.org. A", result: "ALIAS", alias: "x.example.com." },
  { text: "a CNAME nope", question: "A.example.org. A", result: "ALIAS", alias: "nope.example.org." },
  { text: "a CNAME @", question: "a.example.org. A", result: "ALIAS", alias: "example.org." },
  { text: "a CNAME b\nb A 192.0.2.1", question: "a.example.org. NS", result: "ALIAS", alias: "b.example.org." },
  { text: "a DNAME b", question: "x.a.example.org. A", result: "ALIAS", alias: "x.b.example.org." },
  { text: "a DNAME B.Example.com.", question: "X.a.example.org. A", result: "ALIAS", alias: "x.b.example.com." },
  { text: "a DNAME a", question: "x.a.example.org. A", result: "FAILED", alias: "" },
  { text: "a DNAME x.a", question: "x.a.example.org. A", result: "ALIAS", alias: "x.x.a.example.org." },
]) {
  test(`lookup: ${text.replace("\n", ", ")}: ${question}`, () => {
    const answered = ask(zoneOf(`${HEAD}${text}`), question);
    assert.deepEqual([answered.result, answered.alias], [result, alias]);
  });
}

for (const { first, aliases, addresses } of [
  { first: 1, aliases: 10, addresses: 0 },
  { first: 2, aliases: 10, addresses: 0 },
  { first: 3, aliases: 9, addresses: 1 },
  { first: 11, aliases: 1, addresses: 1 },
]) {
  test(`lookup: ${12 - first} aliases in a row give ${aliases} and ${addresses} addresses`, () => {
    const chain = Array.from({ length: 11 }, (_, i) => `c${i + 1} CNAME c${i + 2}`).join("\n");
    const { reply } = ask(zoneOf(`${HEAD}${chain}\nc12 A 192.0.2.9`), `c${first}.example.org. A`);
    assert.equal(reply?.answer.filter((line) => line.includes(" CNAME ")).length, aliases);
    assert.equal(reply?.answer.filter((line) => line.includes(" A ")).length, addresses);
    assert.deepEqual(reply?.authority, NS);
  });
}

for (const { length, result } of [
  { length: 255, result: "ALIAS" },
  { length: 256, result: "WRITTEN" },
]) {
  test(`lookup: a DNAME whose alias has ${length} bytes: ${result === "ALIAS" ? "an alias" : "YXDOMAIN"}`, () => {
    const target = `${"t".repeat(60)}.${"t".repeat(60)}.${"t".repeat(60)}.example.com.`;
    const label = "x".repeat(length - wire(target).length - 1);
    const answered = ask(zoneOf(`${HEAD}dn DNAME ${target}`), `${label}.dn.example.org. A`);
    assert.equal(answered.result, result);
    if (result === "ALIAS") return assert.equal(answered.alias, `${label}.${target}`);
    assert.equal(answered.reply?.rcode, "YXDOMAIN");
    assert.deepEqual(answered.reply?.answer, [`dn.example.org. 60 IN DNAME ${target}`]);
  });
}

test("lookup: an alias at the apex leaves SOA and NS alone", () => {
  const zone = zoneOf(`${HEAD}@ CNAME ns1`);
  assert.deepEqual(ask(zone, "example.org. SOA").reply?.answer, SOA);
  assert.deepEqual(ask(zone, "example.org. NS").reply?.answer, NS);
  assert.deepEqual(ask(zone, "example.org. A").reply?.answer, [
    "example.org. 60 IN CNAME ns1.example.org.",
    "ns1.example.org. 60 IN A 192.0.2.1",
  ]);
});

test("lookup: every name of a large zone is found, and no other", () => {
  const count = 20_000;
  const names = Array.from({ length: count }, (_, i) => `h${i}`);
  const zone = zoneOf(
    `${HEAD}${names.map((name, i) => `${name} A 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`).join("\n")}`,
  );
  const name = new Name();
  for (let i = 0; i < count; i++) {
    name.set(wire(`h${i}.example.org.`));
    assert.notEqual(zone.find(name, 0), 0, `h${i}`);
    name.set(wire(`h${i + count}.example.org.`));
    assert.equal(zone.find(name, 0), 0, `h${i + count}`);
    assert.equal(zone.findWildcard(name, 1), 0);
  }
});

test("lookup: records of all sizes are whole", () => {
  const strings = Array.from({ length: 230 }, (_, i) => `"${String(i).padStart(250, "x")}"`);
  const sizes = [1, 230, 3, 15, 16, 17, 100, 2, 229, 200, 4, 150, 228, 64, 65];
  const zone = zoneOf(`${HEAD}${sizes.map((size) => `t${size} TXT ${strings.slice(0, size).join(" ")}`).join("\n")}`);
  for (const size of sizes) {
    assert.deepEqual(ask(zone, `t${size}.example.org. TXT`).reply?.answer, [
      `t${size}.example.org. 60 IN TXT ${strings.slice(0, size).join(" ")}`,
    ]);
  }
});

test("lookup: wildcards are found below any name", () => {
  const parents = Array.from({ length: 500 }, (_, i) => `${i % 7}.p${i}`);
  const zone = zoneOf(`${HEAD}${parents.map((parent) => `*.${parent} TXT ${parent}`).join("\n")}`);
  const name = new Name();
  for (const parent of parents) {
    name.set(wire(`x.${parent}.example.org.`));
    const node = zone.findWildcard(name, 1);
    name.set(wire(`*.${parent}.example.org.`));
    assert.equal(node, zone.find(name, 0), parent);
    assert.equal(hashName(wire(`*.${parent}.example.org.`)), name.hashes[0]);
  }
});

const KEY = "8 3 60 20300101000000 20200101000000 1 example.org. AAAA";
const signed = zoneOf(`${HEAD}
@ RRSIG SOA ${KEY}
@ RRSIG NS ${KEY}
@ NSEC a NS SOA RRSIG NSEC
@ RRSIG NSEC ${KEY}
a A 192.0.2.2
a RRSIG A ${KEY}
a NSEC *.w A RRSIG NSEC
a RRSIG NSEC ${KEY}
*.w TXT w
*.w RRSIG TXT ${KEY}
*.w NSEC x.w TXT RRSIG NSEC
*.w RRSIG NSEC ${KEY}
x.w MX 1 a
x.w RRSIG MX ${KEY}
x.w NSEC y MX RRSIG NSEC
x.w RRSIG NSEC ${KEY}
y NS ns.y
y NSEC z NS RRSIG NSEC
y RRSIG NSEC ${KEY}
ns.y A 192.0.2.3
z NS ns.z
z DS 1 8 2 00
z RRSIG DS ${KEY}
z NSEC @ NS DS RRSIG NSEC
z RRSIG NSEC ${KEY}
ns.z A 192.0.2.4
`);

const emptyWildcard = zoneOf(`${HEAD}
@ NSEC x.*.w NS SOA RRSIG NSEC
x.*.w TXT x
x.*.w NSEC @ TXT RRSIG NSEC
`);

test("lookup with DO: below a wildcard without records NSECs prove both the name and the wildcard", () => {
  const { reply } = ask(emptyWildcard, { ask: "z.w.example.org. A", edns: { do: true } });
  assert.equal(reply?.rcode, "NOERROR");
  assert.deepEqual(short(reply?.authority ?? []), ["example.org. SOA", "x.*.w NSEC", "example.org. NSEC"]);
});

/** Records as owner and type, RRSIGs with the type they cover. */
function short(lines: readonly string[]): string[] {
  return lines.map((line) => {
    const [owner, , , type, covered] = line.split(" ");
    return `${owner!.replace(".example.org.", "")} ${type}${type === "RRSIG" ? ` ${covered}` : ""}`;
  });
}

const apexNs = ["example.org. NS", "example.org. NS", "example.org. RRSIG NS"];
const apexSoa = ["example.org. SOA", "example.org. RRSIG SOA"];
for (const { question, rcode = "NOERROR", answer = [], authority, additional = [] } of [
  { question: "a.example.org. A", answer: ["a A", "a RRSIG A"], authority: apexNs },
  { question: "A.example.org. A", answer: ["a A", "a RRSIG A"], authority: apexNs },
  {
    question: "x.w.example.org. MX",
    answer: ["x.w MX", "x.w RRSIG MX"],
    authority: apexNs,
    additional: ["a A", "a RRSIG A"],
  },
  { question: "a.example.org. TXT", authority: [...apexSoa, "a NSEC", "a RRSIG NSEC"] },
  { question: "w.example.org. A", authority: [...apexSoa, "a NSEC", "a RRSIG NSEC"] },
  {
    question: "b.example.org. A",
    rcode: "NXDOMAIN",
    authority: [...apexSoa, "a NSEC", "a RRSIG NSEC", "example.org. NSEC", "example.org. RRSIG NSEC"],
  },
  {
    question: "0.example.org. A",
    rcode: "NXDOMAIN",
    authority: [...apexSoa, "example.org. NSEC", "example.org. RRSIG NSEC"],
  },
  {
    question: "q.w.example.org. TXT",
    answer: ["q.w TXT", "q.w RRSIG TXT"],
    authority: [...apexNs, "*.w NSEC", "*.w RRSIG NSEC"],
  },
  {
    question: "z.w.example.org. TXT",
    answer: ["z.w TXT", "z.w RRSIG TXT"],
    authority: [...apexNs, "x.w NSEC", "x.w RRSIG NSEC"],
  },
  {
    question: "z.w.example.org. A",
    authority: [...apexSoa, "x.w NSEC", "x.w RRSIG NSEC", "*.w NSEC", "*.w RRSIG NSEC"],
  },
  { question: "q.y.example.org. A", authority: ["y NS", "y NSEC", "y RRSIG NSEC"], additional: ["ns.y A"] },
  { question: "q.z.example.org. A", authority: ["z NS", "z DS", "z RRSIG DS"], additional: ["ns.z A"] },
  { question: "z.example.org. DS", answer: ["z DS", "z RRSIG DS"], authority: apexNs },
  { question: "y.example.org. DS", authority: [...apexSoa, "y NSEC", "y RRSIG NSEC"] },
  { question: "a.example.org. NSEC", answer: ["a NSEC", "a RRSIG NSEC"], authority: apexNs },
  { question: "a.example.org. RRSIG", answer: ["a RRSIG A", "a RRSIG NSEC"], authority: apexNs },
]) {
  test(`lookup with DO: ${question}`, () => {
    const { reply } = ask(signed, { ask: question, edns: { do: true } });
    assert.ok(reply);
    assert.equal(reply.rcode, rcode);
    assert.deepEqual(
      [short(reply.answer), short(reply.authority), short(reply.additional)],
      [answer, authority, additional],
    );
    const plain = ask(signed, question).reply!;
    if (!question.endsWith("RRSIG"))
      assert.ok(![...plain.answer, ...plain.authority].some((line) => line.includes(" IN RRSIG ")));
  });
}

for (const { text, error } of [
  { text: "", error: 'file "db.example" has no SOA record for origin example.org.' },
  { text: "a 1 A 192.0.2.1", error: 'file "db.example" has no SOA record for origin example.org.' },
  {
    text: `${HEAD}sub SOA a b 1 2 3 4 5`,
    error: 'file "db.example" has SOA owner sub.example.org. that does not match origin example.org.',
  },
  {
    text: `${HEAD}@ NSEC3PARAM 1 0 0 -`,
    error: "NSEC3 zone is not supported, dropping RR: example.org. for zone: example.org.",
  },
  {
    text: `${HEAD}x A y`,
    error:
      'failed to parse file "db.example" for origin example.org. with error db.example: dns: bad A record, expected an IPv4 address: "y" at line: 6:5',
  },
]) {
  test(`zone: ${error}`, () => assert.deepEqual(load(text), { error, missing: false, stamps: new Map() }));
}

test("zone: of several SOAs the last counts, records elsewhere do not", () => {
  const text = `${HEAD}@ SOA ns1 admin 8 1 2 3 4\nx.example.com. A 192.0.2.9`;
  const loaded = load(text);
  assert.equal("snapshot" in loaded && loaded.snapshot.serial, 8);
  assert.deepEqual(ask(zoneOf(text), "example.org. SOA").reply?.answer, [
    "example.org. 60 IN SOA ns1.example.org. admin.example.org. 8 1 2 3 4",
  ]);
});
