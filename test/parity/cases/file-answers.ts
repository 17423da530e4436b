/** What file says about names of a zone: RFC 1034 section 4.3.2, and CoreDNS's choices. */
import type { ParityCase, ParityServer } from "../case.ts";

const zone = `$ORIGIN example.org.
$TTL 300
@       IN SOA ns1.Example.org. HostMaster 2024010101 7200 3600 1209600 60
@       NS ns1
@       NS Ns2.example.net.
ns1     A 192.0.2.1
ns1     AAAA 2001:db8::1
HOST    A 192.0.2.3
host    A 192.0.2.4
host 60 A 192.0.2.3
host    TXT "hello" "World"
twice   A 192.0.2.5
twice   A 192.0.2.5
a.b.c   A 192.0.2.6
*.w     A 192.0.2.7
*.w     TXT "wild"
x.y.w   A 192.0.2.8
*.empty.w2  TXT "x"
t.*.u   A 192.0.2.9
*.ns    NS ns1
*.dn    DNAME tgt
mx      MX 10 Host
mx      MX 20 ns1
mx      MX 30 mail.example.net.
mx      MX 40 x.w
mx      MX 50 host
mx      MX 60 deep.sub
_s._tcp SRV 0 5 5060 Host
_s._tcp SRV 0 5 5060 host
svc     HTTPS 1 . alpn=h2
svc     A 192.0.2.10
svc2    SVCB 1 host port=53
ptr     PTR Host
rp      RP Mail Txt
caa     CAA 0 issue "ca.Example"
naptr   NAPTR 100 10 "U" "E2U+sip" "!^.*$!sip:info@example.com!" Host
loc     LOC 42 21 54 N 71 06 18 W -24m 30m
unk     TYPE65280 \\# 4 0A000001
sub     NS ns.sub
sub     NS host
sub     NS ns.sib
sub     NS ns.example.net.
sub     DS 12345 8 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC4455
sub     A 192.0.2.11
ns.sub  A 192.0.2.12
ns.sub  AAAA 2001:db8::12
deep.sub A 192.0.2.13
grand.sub NS ns.grand.sub
ns.grand.sub A 192.0.2.14
sib     NS ns.sib
ns.sib  A 192.0.2.15
1h 1h   A 192.0.2.16
zero 0  A 192.0.2.17
ch      CH TXT "ch"
elsewhere.example.com. A 192.0.2.18
`;

const soa = ["example.org. 300 IN SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 3600 1209600 60"];
const ns = ["example.org. 300 IN NS ns1.example.org.", "example.org. 300 IN NS ns2.example.net."];
const subNs = ["ns.sub.example.org.", "host.example.org.", "ns.sib.example.org.", "ns.example.net."];
const referral = subNs.map((name) => `sub.example.org. 300 IN NS ${name}`);
const glue = ["ns.sub.example.org. 300 IN A 192.0.2.12", "ns.sub.example.org. 300 IN AAAA 2001:db8::12"];
const ds = "sub.example.org. 300 IN DS 12345 8 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC4455";
const host = [
  "host.example.org. 300 IN A 192.0.2.3",
  "host.example.org. 300 IN A 192.0.2.4",
  "host.example.org. 60 IN A 192.0.2.3",
];

/** A name relative to the zone and a type; the records that answer, relative to the name. */
function positive(ask: string, ...data: string[]): ParityCase {
  const [name, type] = ask.split(" ") as [string, string];
  const answer = data.map((rdata) => `${name}.example.org. 300 IN ${type} ${rdata}`);
  return { ask: `${name}.example.org. ${type}`, reply: { rcode: "NOERROR", flags: "qr aa rd", answer, authority: ns } };
}

function withAdditional(one: ParityCase, additional: readonly string[]): ParityCase {
  return { ...one, reply: { ...one.reply, additional } };
}

function negative(ask: string, rcode: "NOERROR" | "NXDOMAIN"): ParityCase {
  const [name, type] = ask.split(" ") as [string, string];
  const full = name === "@" ? "example.org." : `${name}.example.org.`;
  return { ask: `${full} ${type}`, reply: { rcode, flags: "qr aa rd", answer: [], authority: soa, additional: [] } };
}

function referred(ask: string): ParityCase {
  const [name, type] = ask.split(" ") as [string, string];
  return {
    ask: `${name}.example.org. ${type}`,
    reply: { rcode: "NOERROR", flags: "qr rd", answer: [], authority: referral, additional: glue },
  };
}

const corefile = `.:{PORT} {
  file {DIR}/db example.org
}`;

export const servers: ParityServer[] = [
  {
    name: "file, names that are there",
    corefile,
    files: { db: zone },
    cases: [
      {
        ask: "host.example.org. A",
        reply: { rcode: "NOERROR", flags: "qr aa rd", answer: host, authority: ns, additional: [], ordered: true },
      },
      {
        ask: "HoST.exAMple.org. A",
        name: "capital letters",
        reply: { flags: "qr aa rd", answer: host, authority: ns, additional: [] },
      },
      { ask: "host.example.org. A", name: "without RD", flags: "", reply: { flags: "qr aa", answer: host } },
      { ask: "host.example.org. A", name: "over TCP", over: "tcp", reply: { flags: "qr aa rd", answer: host } },
      {
        ask: "host.example.org. A",
        name: "with EDNS",
        edns: { size: 1232, do: true },
        reply: { flags: "qr aa rd", answer: host, opt: { size: 1232, do: true, version: 0, options: [] } },
      },
      positive("host TXT", '"hello" "World"'),
      positive("twice A", "192.0.2.5", "192.0.2.5"),
      positive("ptr PTR", "Host.example.org."),
      positive("rp RP", "Mail.example.org. Txt.example.org."),
      positive("caa CAA", '0 issue "ca.Example"'),
      positive("naptr NAPTR", '100 10 "U" "E2U+sip" "!^.*$!sip:info@example.com!" Host.example.org.'),
      positive("loc LOC", "42 21 54.000 N 71 6 18.000 W -24.00m 30m 10000m 10m"),
      positive("unk TYPE65280", "\\# 4 0A000001"),
      { ask: "1h.example.org. A", reply: { answer: ["1h.example.org. 3600 IN A 192.0.2.16"] } },
      { ask: "zero.example.org. A", reply: { answer: ["zero.example.org. 0 IN A 192.0.2.17"] } },
      { ask: "ch.example.org. TXT", reply: { answer: ['ch.example.org. 300 CH TXT "ch"'] } },
      { ask: "example.org. SOA", reply: { flags: "qr aa rd", answer: soa, authority: ns, additional: [] } },
      {
        ask: "example.org. NS",
        reply: {
          flags: "qr aa rd",
          answer: ns,
          authority: [],
          additional: ["ns1.example.org. 300 IN A 192.0.2.1", "ns1.example.org. 300 IN AAAA 2001:db8::1"],
        },
      },
    ],
  },
  {
    name: "file, addresses of the names in records",
    corefile,
    files: { db: zone },
    cases: [
      withAdditional(
        positive(
          "mx MX",
          "10 host.example.org.",
          "20 ns1.example.org.",
          "30 mail.example.net.",
          "40 x.w.example.org.",
          "50 host.example.org.",
          "60 deep.sub.example.org.",
        ),
        [
          ...host,
          "ns1.example.org. 300 IN A 192.0.2.1",
          "ns1.example.org. 300 IN AAAA 2001:db8::1",
          "deep.sub.example.org. 300 IN A 192.0.2.13",
        ],
      ),
      withAdditional(positive("_s._tcp SRV", "0 5 5060 Host.example.org.", "0 5 5060 host.example.org."), host),
      withAdditional(positive("svc HTTPS", '1 . alpn="h2"'), []),
      withAdditional(positive("svc2 SVCB", "1 host.example.org. port=53"), host),
    ],
  },
  {
    name: "file, what is not there",
    corefile,
    files: { db: zone },
    cases: [
      negative("host AAAA", "NOERROR"),
      negative("host ANY", "NOERROR"),
      negative("@ A", "NOERROR"),
      negative("@ DS", "NOERROR"),
      negative("@ ANY", "NOERROR"),
      negative("@ TYPE0", "NOERROR"),
      negative("@ MAILB", "NOERROR"),
      negative("nope A", "NXDOMAIN"),
      negative("x.host A", "NXDOMAIN"),
      negative("c A", "NOERROR"),
      negative("b.c TXT", "NOERROR"),
      negative("x.b.c A", "NXDOMAIN"),
      negative("sib DS", "NOERROR"),
      { ask: "elsewhere.example.com. A", reply: { rcode: "REFUSED", flags: "qr rd", answer: [], authority: [] } },
      { ask: "org. SOA", reply: { rcode: "REFUSED", flags: "qr rd" } },
      { ask: "example.org. AXFR", over: "tcp", reply: { rcode: "REFUSED", flags: "qr rd", answer: [] } },
      { ask: "example.org. AXFR", name: "AXFR over UDP", reply: { rcode: "REFUSED", answer: [] } },
      { ask: "host.example.org. IXFR", reply: { rcode: "REFUSED", answer: [] } },
      { ask: "host.example.org. A CH", reply: { rcode: "REFUSED" } },
    ],
  },
  {
    name: "file, wildcards",
    corefile,
    files: { db: zone },
    cases: [
      positive("q.w A", "192.0.2.7"),
      positive("q.r.w A", "192.0.2.7"),
      positive("q.w TXT", '"wild"'),
      positive("*.w A", "192.0.2.7"),
      { ask: "Q.W.example.org. A", reply: { answer: ["q.w.example.org. 300 IN A 192.0.2.7"], authority: ns } },
      negative("q.w MX", "NOERROR"),
      negative("w A", "NOERROR"),
      // The non-terminal itself is answered by the wildcard beside it, what is below it is not.
      positive("y.w A", "192.0.2.7"),
      negative("z.y.w A", "NXDOMAIN"),
      positive("x.y.w A", "192.0.2.8"),
      negative("q.u A", "NOERROR"),
      negative("u A", "NOERROR"),
      negative("t.q.u A", "NOERROR"),
      positive("t.*.u A", "192.0.2.9"),
      negative("x.*.u A", "NXDOMAIN"),
      positive("q.ns NS", "ns1.example.org."),
      negative("q.ns A", "NOERROR"),
      negative("q.dn A", "NOERROR"),
      negative("r.q.dn A", "NOERROR"),
    ],
  },
  {
    name: "file, delegation",
    corefile,
    files: { db: zone },
    cases: [
      referred("sub A"),
      referred("sub NS"),
      referred("sub ANY"),
      referred("x.sub A"),
      referred("X.Sub TXT"),
      referred("ns.sub A"),
      referred("deep.sub A"),
      referred("x.grand.sub A"),
      referred("grand.sub DS"),
      referred("x.sub DS"),
      { ask: "sub.example.org. DS", reply: { flags: "qr aa rd", answer: [ds], authority: ns } },
      {
        ask: "sub.example.org. A",
        name: "a delegation with DO",
        edns: { do: true },
        reply: { flags: "qr rd", authority: [...referral, ds], additional: glue },
      },
      {
        ask: "*.ns.example.org. A",
        reply: {
          flags: "qr rd",
          answer: [],
          authority: ["*.ns.example.org. 300 IN NS ns1.example.org."],
          additional: [],
        },
      },
    ],
  },
  {
    name: "file, the root and its children",
    corefile: `.:{PORT} {
  file {DIR}/root
  file {DIR}/child child.test
}`,
    files: {
      root: "@ 60 SOA a. b. 1 2 3 4 5\n@ NS a.\na A 192.0.2.1\n*.w TXT w\nchild.test NS ns.child.test.\n",
      child: "@ 60 SOA a b 7 2 3 4 5\n@ NS a\na A 192.0.2.2\n",
    },
    cases: [
      {
        ask: ". SOA",
        reply: { flags: "qr aa rd", answer: [". 60 IN SOA a. b. 1 2 3 4 5"], authority: [". 60 IN NS a."] },
      },
      { ask: ". NS", reply: { answer: [". 60 IN NS a."], authority: [], additional: ["a. 60 IN A 192.0.2.1"] } },
      { ask: "a. A", reply: { answer: ["a. 60 IN A 192.0.2.1"], authority: [". 60 IN NS a."] } },
      { ask: "A. A", reply: { answer: ["a. 60 IN A 192.0.2.1"] } },
      { ask: "nope. A", reply: { rcode: "NXDOMAIN", authority: [". 60 IN SOA a. b. 1 2 3 4 5"] } },
      { ask: "x.y.w. TXT", reply: { answer: ['x.y.w. 60 IN TXT "w"'] } },
      { ask: "a.child.test. A", reply: { flags: "qr aa rd", answer: ["a.child.test. 60 IN A 192.0.2.2"] } },
      {
        ask: "child.test. DS",
        reply: {
          flags: "qr aa rd",
          answer: [],
          authority: ["child.test. 60 IN SOA a.child.test. b.child.test. 7 2 3 4 5"],
        },
      },
      { ask: "child.test. NS", reply: { flags: "qr aa rd", answer: ["child.test. 60 IN NS a.child.test."] } },
    ],
  },
  {
    name: "file, replies that are too large",
    corefile,
    files: {
      db: `${zone}${Array.from({ length: 100 }, (_, i) => `many A 10.0.0.${i}`).join("\n")}\n${Array.from({ length: 20 }, (_, i) => `long TXT "${"x".repeat(100)}${i}"`).join("\n")}\n`,
    },
    cases: [
      {
        ask: "many.example.org. A",
        reply: { flags: "qr aa tc rd", counts: { answer: 29, authority: 0 }, maxSize: 512 },
      },
      {
        ask: "many.example.org. A",
        name: "1232 bytes",
        edns: { size: 1232 },
        reply: { flags: "qr aa tc rd", counts: { answer: 74, authority: 0 }, maxSize: 1232 },
      },
      {
        ask: "many.example.org. A",
        name: "4096 bytes",
        edns: { size: 4096 },
        reply: { flags: "qr aa rd", counts: { answer: 100, authority: 2 } },
      },
      {
        ask: "many.example.org. A",
        name: "TCP",
        over: "tcp",
        reply: { flags: "qr aa rd", counts: { answer: 100, authority: 2 } },
      },
      {
        ask: "long.example.org. TXT",
        reply: { flags: "qr aa tc rd", counts: { answer: 4, authority: 0 }, maxSize: 512 },
      },
      {
        ask: "LONG.example.org. TXT",
        reply: { flags: "qr aa tc rd", counts: { answer: 4, authority: 0 }, maxSize: 512 },
      },
    ],
  },
];
