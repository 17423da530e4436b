/** The files of file: how they are read, and what happens when they change. */
import type { ParityServer } from "../case.ts";

const soa = (serial: number) => `@ 60 SOA ns admin ${serial} 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.1\n`;
const a = (name: string, ttl: number, address = "192.0.2.2") => ({
  rcode: "NOERROR",
  answer: [`${name}.example.org. ${ttl} IN A ${address}`],
});
export const servers: ParityServer[] = [
  {
    name: "file, master files",
    corefile: `example.org:{PORT} {
  file {DIR}/db
}`,
    files: {
      db: `$TTL 1h30m
@ IN SOA ns.example.org. admin ( 1 ; serial
   2h 3 ; refresh and retry
   1W 5 )
  IN NS ns
ns A 192.0.2.1
a 5 IN A 192.0.2.2
b IN 6 A 192.0.2.2
c A 192.0.2.2
  TXT "a b" c\\"d "e\\"f" g\\;h "i;j" \\065 ""
Low\\097 A 192.0.2.2
\\097\\.b A 192.0.2.2
long TXT "${"x".repeat(300)}"
$ORIGIN sub
d A 192.0.2.2
$ORIGIN example.org.
$INCLUDE inc/one.db
e A 192.0.2.2
$INCLUDE inc/one.db deep
$GENERATE 0-4/2 g\${10,3,x} 7 IN A 10.0.1.\${1}
$GENERATE 1-2 h$ 7 CNAME c
f TYPE1 192.0.2.2
g A \\# 4 C0000202
`,
      "inc/one.db": "i A 192.0.2.2\n$INCLUDE two.db\n$ORIGIN other\nj 8 A 192.0.2.2\n$TTL 9\nk A 192.0.2.2\n",
      "inc/two.db": "l A 192.0.2.2\n",
    },
    cases: [
      {
        ask: "example.org. SOA",
        reply: { answer: ["example.org. 5400 IN SOA ns.example.org. admin.example.org. 1 7200 3 604800 5"] },
      },
      { ask: "a.example.org. A", reply: a("a", 5) },
      { ask: "b.example.org. A", reply: a("b", 6) },
      { ask: "c.example.org. A", reply: a("c", 5400) },
      {
        ask: "c.example.org. TXT",
        reply: { answer: ['c.example.org. 5400 IN TXT "a b" "c\\"d" "e\\"f" "g;h" "i;j" "A" ""'] },
      },
      { ask: "lowa.example.org. A", reply: a("lowa", 5400) },
      { ask: "a\\.b.example.org. A", reply: a("a\\.b", 5400) },
      {
        ask: "long.example.org. TXT",
        reply: { answer: [`long.example.org. 5400 IN TXT "${"x".repeat(255)}" "${"x".repeat(45)}"`] },
      },
      { ask: "d.sub.example.org. A", reply: a("d.sub", 5400) },
      { ask: "e.example.org. A", reply: a("e", 5400) },
      { ask: "i.example.org. A", reply: a("i", 5400) },
      { ask: "l.example.org. A", reply: a("l", 5400) },
      { ask: "j.other.example.org. A", reply: a("j.other", 8) },
      { ask: "k.other.example.org. A", reply: a("k.other", 9) },
      { ask: "i.deep.example.org. A", reply: a("i.deep", 5400) },
      { ask: "l.deep.example.org. A", reply: a("l.deep", 5400) },
      { ask: "k.other.deep.example.org. A", reply: a("k.other.deep", 9) },
      { ask: "g00a.example.org. A", reply: a("g00a", 7, "10.0.1.1") },
      { ask: "g00e.example.org. A", reply: a("g00e", 7, "10.0.1.5") },
      { ask: "h2.example.org. CNAME", reply: { answer: ["h2.example.org. 7 IN CNAME c.example.org."] } },
      { ask: "f.example.org. A", reply: a("f", 5400) },
      { ask: "g.example.org. A", reply: a("g", 5400) },
    ],
  },
  {
    name: "file, TTLs without $TTL, and several SOAs",
    corefile: `example.org:{PORT} {
  file {DIR}/db
}`,
    files: {
      db: "@ IN SOA ns a 1 2 3 4 5\n@ IN NS ns\nns IN A 192.0.2.1\na 70 A 192.0.2.2\nb A 192.0.2.2\n@ SOA ns a 9 2 3 4 5\n",
    },
    cases: [
      {
        ask: "example.org. SOA",
        reply: { answer: ["example.org. 70 IN SOA ns.example.org. a.example.org. 9 2 3 4 5"] },
      },
      { ask: "example.org. NS", reply: { answer: ["example.org. 0 IN NS ns.example.org."] } },
      { ask: "a.example.org. A", reply: a("a", 70) },
      { ask: "b.example.org. A", reply: a("b", 70) },
      {
        ask: "nope.example.org. A",
        reply: { rcode: "NXDOMAIN", authority: ["example.org. 70 IN SOA ns.example.org. a.example.org. 9 2 3 4 5"] },
      },
    ],
  },
  {
    name: "file, a zone that changes",
    corefile: `example.org:{PORT} {
  file {DIR}/db {
    reload 100ms
  }
}`,
    files: { db: `${soa(1)}a 60 A 192.0.2.2\n` },
    cases: [
      { ask: "a.example.org. A", reply: a("a", 60) },
      {
        ask: "a.example.org. A",
        name: "a new serial",
        before: [{ write: "db", text: `${soa(2)}a 60 A 192.0.2.3\n` }],
        reply: a("a", 60, "192.0.2.3"),
        withinMs: 2_000,
      },
      {
        ask: "a.example.org. A",
        name: "the same serial",
        before: [{ write: "db", text: `${soa(2)}a 60 A 192.0.2.4\n` }, { waitMs: 400 }],
        reply: a("a", 60, "192.0.2.3"),
      },
      {
        ask: "a.example.org. A",
        name: "a bad file",
        before: [{ write: "db", text: `${soa(3)}a 60 A nonsense\n` }, { waitMs: 400 }],
        reply: a("a", 60, "192.0.2.3"),
      },
      {
        ask: "a.example.org. A",
        name: "no file",
        before: [{ remove: "db" }, { waitMs: 400 }],
        reply: a("a", 60, "192.0.2.3"),
      },
      {
        ask: "a.example.org. A",
        name: "a lower serial",
        before: [{ write: "db", text: `${soa(1)}a 60 A 192.0.2.5\n` }],
        reply: a("a", 60, "192.0.2.5"),
        withinMs: 2_000,
      },
    ],
  },
  {
    name: "file, a zone that comes late",
    corefile: `example.org:{PORT} {
  file {DIR}/db {
    reload 100ms
  }
}`,
    cases: [
      { ask: "a.example.org. A", reply: { rcode: "SERVFAIL", flags: "qr rd", answer: [] } },
      { ask: "example.org. SOA", reply: { rcode: "SERVFAIL", flags: "qr rd", answer: [] } },
      {
        ask: "a.example.org. A",
        name: "there it is",
        before: [{ write: "db", text: `${soa(1)}a 60 A 192.0.2.2\n` }],
        reply: a("a", 60),
        withinMs: 2_000,
      },
    ],
  },
  {
    name: "file, NOTIFY",
    corefile: `example.org:{PORT} {
  file {DIR}/db
}`,
    files: { db: soa(1) },
    cases: [
      {
        ask: "example.org. SOA",
        opcode: 4,
        flags: "aa",
        reply: { noReply: true },
        log: ["[INFO] plugin/file: Dropping notify from 127.0.0.1 for example.org."],
      },
      {
        ask: "www.example.org. SOA",
        opcode: 4,
        reply: { noReply: true },
        log: ["[INFO] plugin/file: Dropping notify from 127.0.0.1 for example.org."],
      },
    ],
  },
];
