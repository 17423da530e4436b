/** CNAME and DNAME in a zone of file: chains, loops, and targets that somebody else must be asked for. */
import type { ParityCase, ParityServer } from "../case.ts";

const zone = `$ORIGIN example.org.
$TTL 300
@     SOA ns1 admin 1 7200 3600 1209600 60
@     NS ns1
ns1   A 192.0.2.1
host  A 192.0.2.2
www   CNAME Host
web   CNAME www
both  CNAME host
both  A 192.0.2.3
two   CNAME host
two   CNAME ns1
self  CNAME self
toself CNAME self
l1    CNAME l2
l2    CNAME l1
gone  CNAME nope
apex  CNAME @
ent   CNAME b.c
a.b.c A 192.0.2.4
*.w   A 192.0.2.5
wild  CNAME x.w
*.wc  CNAME host
*.wn  CNAME nope
*.loop CNAME q.loop
cut   CNAME sub
below CNAME x.sub
glue  CNAME host.sub
sub   NS ns.sub
sub   DS 1 8 2 00
ns.sub A 192.0.2.6
host.sub A 192.0.2.7
mail  CNAME mx
mx    MX 10 host
wildmail CNAME q.wm
*.wm  MX 20 host
dn    DNAME Tgt
dn    A 192.0.2.8
under.dn A 192.0.2.9
todn  CNAME x.dn
tounder CNAME under.dn
cut.dn NS ns.cut.dn
ns.cut.dn A 192.0.2.12
tocut CNAME x.cut.dn
x.Tgt A 192.0.2.10
dd    DNAME dn
ds    DNAME ds
dx    DNAME example.net.
${Array.from({ length: 11 }, (_, i) => `c${i + 1} CNAME c${i + 2}`).join("\n")}
c12   A 192.0.2.11
out   CNAME ok.example.net.
outnx CNAME nx.example.net.
outnodata CNAME nodata.example.net.
outempty CNAME empty.example.net.
outservfail CNAME servfail.example.net.
outrefused CNAME refused.example.net.
outnotimp CNAME notimp.example.net.
outalias CNAME alias.example.net.
outmx CNAME mx.example.net.
`;

const soa = ["example.org. 300 IN SOA ns1.example.org. admin.example.org. 1 7200 3600 1209600 60"];
const ns = ["example.org. 300 IN NS ns1.example.org."];
const host = "host 300 IN A 192.0.2.2";

/** `example.org.` behind the owners, and behind the targets that have no final dot. */
function full(lines: readonly string[]): string[] {
  return lines.map((line) => {
    const [owner, ttl, klass, type, ...data] = line.split(" ") as [string, string, string, string, ...string[]];
    const hasName = type === "CNAME" || type === "DNAME" || type === "MX" || type === "NS";
    const last = data.at(-1)!;
    if (hasName && !last.endsWith(".")) data[data.length - 1] = `${last}.example.org.`;
    return [owner.endsWith(".") ? owner : `${owner}.example.org.`, ttl, klass, type, ...data].join(" ");
  });
}

/** Relative to example.org. The authority section is the zone's NS unless it is said. */
function alias(ask: string, answer: readonly string[], more: ParityCase["reply"] = {}): ParityCase {
  const [name, type] = ask.split(" ") as [string, string];
  return {
    ask: `${name}.example.org. ${type}`,
    reply: { rcode: "NOERROR", flags: "qr aa rd", authority: ns, additional: [], ...more, answer: full(answer) },
  };
}

const cname = (owner: string, target: string) => `${owner} 300 IN CNAME ${target}`;
const chain = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => cname(`c${first + i}`, `c${first + i + 1}`));
const referral = { authority: full(["sub 300 IN NS ns.sub"]), additional: full(["ns.sub 300 IN A 192.0.2.6"]) };
const dname = "dn 300 IN DNAME Tgt";

export const servers: ParityServer[] = [
  {
    name: "file, aliases inside the zone",
    corefile: `example.org:{PORT} {
  file {DIR}/db
}`,
    files: { db: zone },
    cases: [
      alias("www A", [cname("www", "host"), host]),
      alias("WWW A", [cname("www", "host"), host]),
      alias("web A", [cname("web", "www"), cname("www", "host"), host]),
      alias("www CNAME", [cname("www", "host")]),
      alias("www AAAA", [cname("www", "host")]),
      alias("www ANY", [cname("www", "host")]),
      alias("www NS", [cname("www", "host")], { authority: soa }),
      alias("web NS", [cname("web", "www"), cname("www", "host")]),
      alias("both A", [cname("both", "host"), host]),
      alias("both CNAME", [cname("both", "host")]),
      alias("two A", [cname("two", "host"), cname("two", "ns1"), host]),
      { ask: "self.example.org. A", reply: { rcode: "SERVFAIL", flags: "qr rd", answer: [] } },
      { ask: "toself.example.org. A", reply: { rcode: "SERVFAIL", flags: "qr rd", answer: [] } },
      alias("self CNAME", [cname("self", "self")]),
      alias(
        "l1 A",
        Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? cname("l1", "l2") : cname("l2", "l1"))),
      ),
      alias(
        "l1 NS",
        Array.from({ length: 9 }, (_, i) => (i % 2 === 0 ? cname("l1", "l2") : cname("l2", "l1"))),
        { rcode: "SERVFAIL" },
      ),
      alias("c1 A", chain(1, 10)),
      alias("c2 A", chain(2, 10)),
      alias("c3 A", [...chain(3, 9), "c12 300 IN A 192.0.2.11"]),
      alias("gone A", [cname("gone", "nope")], { rcode: "NXDOMAIN", authority: soa }),
      alias("apex A", [cname("apex", "example.org.")], { authority: soa }),
      alias("apex SOA", [cname("apex", "example.org."), soa[0]!]),
      alias("ent A", [cname("ent", "b.c")], { authority: soa }),
      alias("wild A", [cname("wild", "x.w"), "x.w 300 IN A 192.0.2.5"]),
      alias("wild TXT", [cname("wild", "x.w")], { authority: soa }),
      alias("q.wc A", [cname("q.wc", "host"), host]),
      alias("Q.R.wc A", [cname("q.r.wc", "host"), host]),
      alias("q.wn A", [cname("q.wn", "nope")], { rcode: "NXDOMAIN", authority: soa }),
      { ask: "x.loop.example.org. A", reply: { rcode: "SERVFAIL", flags: "qr aa rd", counts: { answer: 9 } } },
      alias("cut A", [cname("cut", "sub")], referral),
      alias("cut DS", [cname("cut", "sub"), "sub 300 IN DS 1 8 2 00"]),
      alias("below A", [cname("below", "x.sub")], referral),
      alias("glue A", [cname("glue", "host.sub")], referral),
      alias("mail MX", [cname("mail", "mx"), "mx 300 IN MX 10 host"], { additional: full([host]) }),
      alias("wildmail MX", [cname("wildmail", "q.wm"), "q.wm 300 IN MX 20 host"], { additional: full([host]) }),
    ],
  },
  {
    name: "file, DNAME",
    corefile: `example.org:{PORT} {
  file {DIR}/db
}`,
    files: { db: zone },
    cases: [
      alias("x.dn A", [dname, cname("x.dn", "x.Tgt"), "x.tgt 300 IN A 192.0.2.10"]),
      alias("X.DN A", [dname, cname("x.dn", "x.Tgt"), "x.tgt 300 IN A 192.0.2.10"]),
      alias("x.dn TXT", [dname, cname("x.dn", "x.Tgt")]),
      alias("x.dn CNAME", [dname, cname("x.dn", "x.Tgt")]),
      alias("x.dn DNAME", [dname, cname("x.dn", "x.Tgt")]),
      alias("q.x.dn A", [dname, cname("q.x.dn", "q.x.Tgt")], { rcode: "NXDOMAIN", authority: soa }),
      alias("nope.dn A", [dname, cname("nope.dn", "nope.Tgt")], { rcode: "NXDOMAIN", authority: soa }),
      alias("nope.dn CNAME", [dname, cname("nope.dn", "nope.Tgt")]),
      alias("under.dn A", [dname, cname("under.dn", "under.Tgt")], { rcode: "NXDOMAIN", authority: soa }),
      alias("dn A", ["dn 300 IN A 192.0.2.8"]),
      alias("dn DNAME", [dname]),
      alias("dn TXT", [], { authority: soa }),
      alias("todn A", [cname("todn", "x.dn"), dname, cname("x.dn", "x.Tgt"), "x.tgt 300 IN A 192.0.2.10"]),
      alias("tounder A", [cname("tounder", "under.dn"), "under.dn 300 IN A 192.0.2.9"]),
      alias("x.cut.dn A", [dname, cname("x.cut.dn", "x.cut.Tgt")], { rcode: "NXDOMAIN", authority: soa }),
      alias("tocut A", [cname("tocut", "x.cut.dn")], {
        authority: full(["cut.dn 300 IN NS ns.cut.dn"]),
        additional: full(["ns.cut.dn 300 IN A 192.0.2.12"]),
      }),
      alias("x.dd A", [
        "dd 300 IN DNAME dn",
        cname("x.dd", "x.dn"),
        dname,
        cname("x.dn", "x.Tgt"),
        "x.tgt 300 IN A 192.0.2.10",
      ]),
      { ask: "x.ds.example.org. A", reply: { rcode: "SERVFAIL", flags: "qr rd", answer: [] } },
    ],
  },
  {
    name: "file, aliases that lead out of the zone",
    corefile: `.:{PORT} {
  file {DIR}/db example.org
  forward . {UP:a}
}`,
    files: { db: zone },
    upstreams: {
      a: {
        rules: [
          {
            when: "ok.example.net. A",
            replies: [
              {
                answer: ["ok.example.net. 77 IN A 192.0.2.20"],
                authority: ["example.net. 60 IN NS a.example.net."],
                additional: ["a.example.net. 60 IN A 192.0.2.21"],
              },
            ],
          },
          {
            when: "nx.example.net. A",
            replies: [{ rcode: "NXDOMAIN", authority: ["example.net. 60 IN SOA a. b. 1 2 3 4 5"] }],
          },
          { when: "nodata.example.net. A", replies: [{ authority: ["example.net. 60 IN SOA a. b. 1 2 3 4 5"] }] },
          { when: "empty.example.net. A", replies: [{}] },
          { when: "servfail.example.net. A", replies: [{ rcode: "SERVFAIL" }] },
          { when: "refused.example.net. A", replies: [{ rcode: "REFUSED" }] },
          { when: "notimp.example.net. A", replies: [{ rcode: "NOTIMP" }] },
          {
            when: "alias.example.net. A",
            replies: [
              { answer: ["alias.example.net. 60 IN CNAME ok.example.net.", "ok.example.net. 60 IN A 192.0.2.22"] },
            ],
          },
          { when: "mx.example.net. MX", replies: [{ answer: ["mx.example.net. 60 IN MX 5 host.example.org."] }] },
          { when: "x.example.net. A", replies: [{ answer: ["x.example.net. 60 IN A 192.0.2.23"] }] },
          { replies: [{ rcode: "NXDOMAIN" }] },
        ],
      },
    },
    cases: [
      {
        ...alias("out A", [cname("out", "ok.example.net."), "ok.example.net. 77 IN A 192.0.2.20"]),
      },
      {
        ...alias("OUT A", [cname("out", "ok.example.net."), "ok.example.net. 77 IN A 192.0.2.20"]),
        edns: { do: true },
      },
      alias("out CNAME", [cname("out", "ok.example.net.")]),
      alias("outnx A", [cname("outnx", "nx.example.net.")], { rcode: "NXDOMAIN", authority: soa }),
      alias("outnodata A", [cname("outnodata", "nodata.example.net.")], { authority: soa }),
      alias("outempty A", [cname("outempty", "empty.example.net.")], { authority: soa }),
      alias("outservfail A", [cname("outservfail", "servfail.example.net.")], { rcode: "SERVFAIL" }),
      alias("outrefused A", [cname("outrefused", "refused.example.net.")]),
      alias("outnotimp A", [cname("outnotimp", "notimp.example.net.")]),
      alias("outalias A", [
        cname("outalias", "alias.example.net."),
        "alias.example.net. 60 IN CNAME ok.example.net.",
        "ok.example.net. 60 IN A 192.0.2.22",
      ]),
      alias("outmx MX", [cname("outmx", "mx.example.net."), "mx.example.net. 60 IN MX 5 host.example.org."], {
        additional: full([host]),
      }),
      alias("x.dx A", [
        "dx 300 IN DNAME example.net.",
        cname("x.dx", "x.example.net."),
        "x.example.net. 60 IN A 192.0.2.23",
      ]),
      alias("y.dx CNAME", ["dx 300 IN DNAME example.net.", cname("y.dx", "y.example.net.")]),
      alias("gone A", [cname("gone", "nope")], { rcode: "NXDOMAIN", authority: soa }),
    ],
  },
  {
    name: "file, aliases and fallthrough",
    corefile: `example.org:{PORT} {
  file {DIR}/db {
    fallthrough
  }
  forward . {UP:a}
}`,
    files: { db: zone },
    upstreams: {
      a: {
        rules: [
          { when: "nope.example.org. A", replies: [{ answer: ["nope.example.org. 60 IN A 192.0.2.30"] }] },
          { when: "b.c.example.org. A", replies: [{ answer: ["b.c.example.org. 60 IN A 192.0.2.31"] }] },
          { replies: [{ rcode: "NXDOMAIN" }] },
        ],
      },
    },
    cases: [
      alias("gone A", [cname("gone", "nope"), "nope 60 IN A 192.0.2.30"]),
      alias("ent A", [cname("ent", "b.c"), "b.c 60 IN A 192.0.2.31"]),
      {
        ask: "nope.example.org. A",
        reply: { rcode: "NOERROR", flags: "qr rd ra", answer: full(["nope 60 IN A 192.0.2.30"]) },
      },
      { ask: "b.c.example.org. A", reply: { flags: "qr rd ra", answer: full(["b.c 60 IN A 192.0.2.31"]) } },
      { ask: "other.example.org. A", reply: { rcode: "NXDOMAIN", flags: "qr rd ra", authority: [] } },
      { ask: "host.example.org. TXT", reply: { rcode: "NOERROR", flags: "qr aa rd", answer: [], authority: soa } },
      { ask: "x.sub.example.org. A", reply: { rcode: "NOERROR", flags: "qr rd", ...referral } },
    ],
  },
  {
    name: "file, fallthrough at the apex",
    corefile: `.:{PORT} {
  file {DIR}/bare bare.test {
    fallthrough
  }
  file {DIR}/full full.test {
    fallthrough
  }
  file {DIR}/nameless nameless.test {
    fallthrough
  }
  whoami
}
kept.test:{PORT} {
  file {DIR}/bare
}
headless.test:{PORT} {
  file {DIR}/headless
}`,
    files: {
      bare: "@ 60 IN SOA ns admin 7 3600 600 86400 300\n@ 60 NS ns.example.org.\n",
      full: "@ 60 IN SOA ns admin 7 3600 600 86400 300\n@ 60 NS ns.example.org.\n@ TXT x\n",
      nameless: "@ 60 IN SOA ns admin 7 3600 600 86400 300\n@ TXT x\n",
      headless: "@ 60 IN SOA ns admin 7 3600 600 86400 300\nwww A 192.0.2.1\n",
    },
    cases: [
      { ask: "bare.test. A", reply: { rcode: "NOERROR", counts: { authority: 0, additional: 2 } } },
      { ask: "bare.test. NS", reply: { rcode: "NOERROR", answer: ["bare.test. 60 IN NS ns.example.org."] } },
      { ask: "full.test. A", reply: { rcode: "NOERROR", counts: { authority: 1, additional: 0 } } },
      { ask: "nameless.test. NS", reply: { rcode: "NOERROR", counts: { authority: 0, additional: 2 } } },
      { ask: "nameless.test. A", reply: { rcode: "NOERROR", counts: { authority: 1, additional: 0 } } },
      {
        ask: "kept.test. A",
        reply: { rcode: "NXDOMAIN", counts: { authority: 1 } },
        differs: "file: an apex without records",
        ours: { reply: { rcode: "NOERROR", counts: { authority: 1 } } },
      },
      {
        ask: "headless.test. NS",
        reply: { rcode: "NOERROR", counts: { authority: 0 } },
        differs: "file: an apex without records",
        ours: { reply: { rcode: "NOERROR", counts: { authority: 1 } } },
      },
    ],
  },
];
