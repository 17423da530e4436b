/** rewrite: what is asked instead, and what becomes of the reply. Behaviour 3.C. */
import type { Expectation, ParityServer, Upstream } from "../case.ts";

const soa = "test. 60 IN SOA ns.b.test. root.b.test. 1 2 3 4 5";
/** Names in all places that rules look at, and in some that they do not. */
const everywhere = (name: string) => [
  `${name} 60 IN SRV 1 2 3 ${name}`,
  `${name} 60 IN CNAME ${name}`,
  `${name} 60 IN NS ${name}`,
  `${name} 60 IN PTR ${name}`,
  `${name} 60 IN DNAME ${name}`,
  `${name} 60 IN NAPTR 1 2 "a" "b" "c" ${name}`,
  `${name} 60 IN SOA ${name} x.b.test. 1 2 3 4 5`,
  `${name} 60 IN MX 1 ${name}`,
  `${name} 60 IN RP x.b.test. x.b.test.`,
];
const names: Upstream = {
  rules: [
    {
      when: "b.test. A",
      replies: [{ answer: ["b.test. 60 IN A 192.0.2.2"], authority: ["sub.b.test. 5 IN NS b.test."] }],
    },
    {
      when: "b.test. MX",
      replies: [{ answer: ["b.test. 60 IN MX 1 xb.test.", "xb.test. 60 IN MX 2 m.b.test."], authority: [soa] }],
    },
    {
      when: "x.b.test. A",
      replies: [{ answer: ["x.b.test. 60 IN A 192.0.2.3"], additional: ["y.x.b.test. 1 IN A 192.0.2.4"] }],
    },
    { when: "x.b.test. SRV", replies: [{ answer: everywhere("x.b.test.") }] },
    { when: "xb.test. A", replies: [{ answer: ["xb.test. 60 IN A 192.0.2.5"] }] },
    {
      when: "post.x.test. A",
      replies: [{ answer: ["post.x.test. 60 IN A 192.0.2.6", "a.post.x.test. 60 IN A 192.0.2.6"] }],
    },
    { when: "amid.MID.test. A", replies: [{ answer: ["amid.MID.test. 60 IN A 192.0.2.7"] }] },
    { when: "b-a.q.test. A", replies: [{ answer: ["b-a.q.test. 60 IN A 192.0.2.8", "c.q.test. 60 IN A 192.0.2.9"] }] },
    { when: "c.test. A", replies: [{ answer: ["c.test. 60 IN A 192.0.2.10"] }] },
    { when: "t.test. TXT", replies: [{ answer: ['t.test. 60 IN TXT "x"'] }] },
    { when: "t.test. A CH", replies: [{ answer: ["t.test. 60 CH A 192.0.2.11"] }] },
    { replies: [{ rcode: "NXDOMAIN", authority: [soa] }] },
  ],
};
const good = { rcode: "NOERROR", flags: "qr rd ra" } satisfies Expectation;
const missing = { rcode: "NXDOMAIN", answer: [], authority: [soa] } satisfies Expectation;
const failed = { rcode: "SERVFAIL", flags: "qr rd", answer: [] } satisfies Expectation;

export const servers: ParityServer[] = [
  {
    name: "rewrite, names",
    corefile: `.:{PORT} {
      errors
      rewrite name exact a.test b.test
      rewrite name suffix .a.test .b.test answer auto
      rewrite name suffix .plain.test .b.test
      rewrite name suffix a.tail.test b.test answer auto
      rewrite name prefix pre post answer auto
      rewrite name substring mid.pid mid.MID
      rewrite name regex ^(.*)\\.r\\.(.*)\\.test\\.$ {2}-{1}.q.test answer auto
      rewrite name regex ^(.*)\\.n\\.test {1}.b.test answer name (.*)\\.b\\.test {1}.n.test answer value (.*)\\.b\\.test {1}.v.test
      rewrite name exact bad.test bad..test
      rewrite name suffix .long.test abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz.test
      rewrite continue name exact one.test two.test
      rewrite continue name exact two.test c.test
      forward . {UP:u}
    }`,
    upstreams: { u: names },
    cases: [
      {
        ask: "A.test. A",
        reply: { ...good, answer: ["a.test. 60 IN A 192.0.2.2"], authority: ["sub.a.test. 5 IN NS a.test."] },
      },
      {
        ask: "a.test. MX",
        name: "whole labels only",
        reply: {
          ...good,
          answer: ["a.test. 60 IN MX 1 xb.test.", "xb.test. 60 IN MX 2 m.a.test."],
          authority: [soa.replace("ns.b", "ns.a")],
        },
      },
      {
        ask: "b.test. MX",
        name: "another name",
        reply: { ...good, answer: ["b.test. 60 IN MX 1 xb.test.", "xb.test. 60 IN MX 2 m.b.test."] },
      },
      { ask: "X.a.test. SRV", reply: { ...good, answer: everywhere("x.a.test.") } },
      { ask: "x.plain.test. SRV", reply: { ...good, answer: everywhere("x.b.test.") } },
      {
        ask: "xa.tail.test. A",
        name: "a part of a label",
        reply: { ...good, answer: ["xa.tail.test. 60 IN A 192.0.2.5"] },
      },
      {
        ask: "pre.x.test. A",
        reply: { ...good, answer: ["pre.x.test. 60 IN A 192.0.2.6", "a.pre.x.test. 60 IN A 192.0.2.6"] },
      },
      { ask: "prefix.x.test. A", reply: missing },
      { ask: "amid.pid.test. A", reply: { ...good, answer: ["amid.MID.test. 60 IN A 192.0.2.7"] } },
      {
        ask: "a.r.b.test. A",
        reply: { ...good, answer: ["a.r.b.test. 60 IN A 192.0.2.8", "c.q.test. 60 IN A 192.0.2.9"] },
      },
      {
        ask: "x.n.test. SRV",
        reply: {
          ...good,
          answer: everywhere("x.v.test.").map((line) => line.replace("x.v", "x.n")),
        },
      },
      {
        ask: "bad.test. A",
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 bad.test. A: invalid name after rewrite: bad..test."],
      },
      { ask: "x.long.test. A", reply: failed },
      { ask: "one.test. A", name: "several that go on", reply: { ...good, answer: ["one.test. 60 IN A 192.0.2.10"] } },
      { ask: "two.test. A", reply: { ...good, answer: ["two.test. 60 IN A 192.0.2.10"] } },
      { ask: "nx.a.test. A", reply: { ...missing, authority: [soa.replace("ns.b", "ns.a")] } },
    ],
  },
  {
    name: "rewrite, rules that only go on",
    corefile: `.:{PORT} {
      rewrite continue name suffix .a.test .b.test
      rewrite continue type MX TXT
      forward . {UP:u}
    }`,
    upstreams: { u: names },
    cases: [
      {
        ask: "X.a.test. A",
        reply: { ...good, question: "x.b.test. A", answer: ["x.b.test. 60 IN A 192.0.2.3"] },
        differs: "rewrite: the question",
        ours: { reply: { ...good, answer: ["x.b.test. 60 IN A 192.0.2.3"] } },
      },
      {
        ask: "t.test. MX",
        reply: { ...good, question: "t.test. TXT", answer: ['t.test. 60 IN TXT "x"'] },
        differs: "rewrite: the question",
        ours: { reply: { ...good, answer: ['t.test. 60 IN TXT "x"'] } },
      },
    ],
  },
  {
    name: "rewrite, types and classes",
    corefile: `.:{PORT} {
      rewrite type A TXT
      rewrite class IN CH
      rewrite continue type SRV MX
      rewrite type TXT A
      log . "{name} {type} {class} {size} {rcode}"
      forward . {UP:u}
    }`,
    upstreams: { u: names },
    cases: [
      {
        ask: "T.test. A",
        reply: { ...good, answer: ['t.test. 60 IN TXT "x"'] },
        log: ["[INFO] t.test. TXT IN 24 NOERROR"],
        differs: "rewrite: lines in logs",
        ours: { reply: { ...good, answer: ['t.test. 60 IN TXT "x"'] }, log: ["[INFO] t.test. A IN 24 NOERROR"] },
      },
      { ask: "t.test. SRV", reply: { rcode: "NXDOMAIN" } },
      { ask: "t.test. A CH", name: "of another class", reply: { answer: [] } },
    ],
  },
  {
    name: "rewrite, TTLs",
    corefile: `.:{PORT} {
      errors
      rewrite continue ttl exact one.test 5
      rewrite continue ttl suffix .range.test 70-80
      rewrite continue ttl regex ^min 100-
      rewrite continue ttl prefix max -20
      forward . {UP:u}
    }`,
    upstreams: {
      u: {
        rules: [
          {
            replies: [
              {
                answer: ["x.test. 10 IN A 192.0.2.1", "x.test. 75 IN A 192.0.2.2"],
                authority: ["test. 90 IN NS ns.test."],
                additional: ["ns.test. 600 IN A 192.0.2.3"],
              },
            ],
          },
        ],
      },
    },
    cases: [
      ["One.test. A", [5, 5, 5, 5]],
      ["a.range.test. A", [70, 75, 80, 80]],
      ["min.test. A", [100, 100, 100, 600]],
      ["max.test. A", [10, 20, 20, 20]],
      ["maximum.test. A", [10, 75, 90, 600]],
      ["min.range.test. A", [80, 80, 80, 80]],
    ].map(([ask, ttls]) => ({ ask: ask as string, reply: withTtls(ttls as number[]) })),
  },
  {
    name: "rewrite, rcodes",
    corefile: `.:{PORT} {
      errors
      rewrite rcode substring dead. SERVFAIL NXDOMAIN
      rewrite name exact failing.test other.test
    }
    up.test:{PORT} {
      rewrite continue rcode suffix .range.up.test NXDOMAIN 0
      rewrite continue rcode exact twice.up.test 3 2
      rewrite continue rcode exact twice.up.test servfail refused
      rewrite rcode exact extended.up.test 3 23
      forward . {UP:u}
    }`,
    upstreams: { u: { rules: [{ replies: [{ rcode: "NXDOMAIN", authority: [soa] }] }] } },
    cases: [
      { ask: "nx.range.up.test. A", reply: { rcode: "NOERROR", flags: "qr rd ra", authority: [soa] } },
      { ask: "nx.up.test. A", reply: { rcode: "NXDOMAIN" } },
      { ask: "twice.up.test. A", name: "the last rule comes first", reply: { rcode: "SERVFAIL", authority: [soa] } },
      { ask: "extended.up.test. A", name: "an rcode of more than four bits", edns: {}, reply: { rcode: "BADCOOKIE" } },
      {
        ask: "extended.up.test. A",
        name: "the same for a client without OPT",
        reply: { noReply: true },
        differs: "rewrite: extended rcodes",
        ours: { reply: { rcode: "SERVFAIL", opt: "none" } },
      },
      {
        ask: "dead.test. A",
        name: "a plugin that gave up",
        edns: { size: 1000, do: true, options: ["10 0102030405060708"] },
        reply: { rcode: "NXDOMAIN", flags: "qr rd", opt: { size: 1000, do: true, options: [] } },
        log: ["[ERROR] plugin/errors: 0 dead.test. A: plugin/*: no next plugin found"],
      },
      {
        ask: "failing.test. A",
        reply: failed,
        log: ["[ERROR] plugin/errors: 0 other.test. A: plugin/*: no next plugin found"],
        differs: "rewrite: lines in logs",
        ours: {
          reply: failed,
          log: ["[ERROR] plugin/errors: 0 failing.test. A: plugin/*: no next plugin found"],
        },
      },
      {
        ask: "none.test. A",
        name: "no rule fits",
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 none.test. A: plugin/*: no next plugin found"],
      },
    ],
  },
  {
    name: "rewrite, aliases",
    corefile: `.:{PORT} {
      errors
      rewrite continue cname exact e.test d.test
      rewrite continue cname suffix .s.test. .d.test.
      rewrite continue cname regex ^(.*)\\.nx\\.test\\.$ {1}.gone.test.
      rewrite continue name exact q.test c.test
      rewrite ttl exact d2.test 7
      forward . {UP:u}
    }`,
    upstreams: {
      u: {
        rules: [
          {
            when: "c.test. A",
            replies: [
              {
                answer: ["c.test. 60 IN CNAME c3.test.", "c3.test. 60 IN CNAME e.test.", "e.test. 60 IN A 192.0.2.1"],
                authority: ["test. 60 IN NS ns.test."],
                additional: ["ns.test. 60 IN A 192.0.2.2"],
              },
            ],
          },
          {
            when: "d.test. A",
            replies: [{ answer: ["d.test. 50 IN A 192.0.2.44"], authority: ["d.test. 5 IN NS d.test."] }],
          },
          { when: "s.test. A", replies: [{ answer: ["s.test. 60 IN CNAME a.s.test."] }] },
          { when: "a.d.test. A", replies: [{ answer: ["a.d.test. 60 IN CNAME e.test."] }] },
          { when: "n.test. A", replies: [{ answer: ["n.test. 60 IN CNAME n.nx.test."] }] },
          {
            when: "p.test. A",
            replies: [{ answer: ["p.test. 60 IN CNAME other.test.", "other.test. 60 IN A 192.0.2.3"] }],
          },
          { when: "loop.test. A", replies: [{ answer: ["loop.test. 60 IN CNAME loop.s.test."] }] },
          { replies: [{ rcode: "NXDOMAIN" }] },
        ],
      },
    },
    cases: [
      {
        ask: "C.test. A",
        reply: {
          ...good,
          answer: ["c.test. 60 IN CNAME c3.test.", "c3.test. 60 IN CNAME d.test.", "d.test. 50 IN A 192.0.2.44"],
          authority: ["test. 60 IN NS ns.test."],
          additional: ["ns.test. 60 IN A 192.0.2.2"],
          ordered: true,
        },
      },
      {
        ask: "q.test. A",
        reply: {
          ...good,
          answer: ["q.test. 60 IN CNAME c3.test.", "c3.test. 60 IN CNAME d.test.", "d.test. 50 IN A 192.0.2.44"],
        },
      },
      {
        ask: "s.test. A",
        name: "alias after alias",
        reply: {
          ...good,
          answer: ["s.test. 60 IN CNAME a.d.test.", "a.d.test. 60 IN CNAME d.test.", "d.test. 50 IN A 192.0.2.44"],
        },
      },
      { ask: "n.test. A", name: "to nothing", reply: { ...good, answer: ["n.test. 60 IN CNAME n.gone.test."] } },
      {
        ask: "p.test. A",
        reply: { ...good, answer: ["p.test. 60 IN CNAME other.test.", "other.test. 60 IN A 192.0.2.3"] },
      },
    ],
  },
  {
    name: "rewrite, a zone",
    corefile: `.:{PORT} {
      rewrite name exact a.test w.b.test
      rewrite name suffix .e.test .b.test
      rewrite name suffix .much-longer.g.test .b.test answer auto
      file {DIR}/zone b.test
    }`,
    files: {
      zone: `$ORIGIN b.test.
$TTL 60
@ SOA ns a 1 2 3 4 5
@ NS ns
ns A 192.0.2.1
w A 192.0.2.2
m MX 1 w
c CNAME w
*.wild A 192.0.2.3
`,
    },
    cases: [
      {
        ask: "A.test. A",
        reply: { answer: ["a.test. 60 IN A 192.0.2.2"], authority: ["b.test. 60 IN NS ns.b.test."] },
      },
      {
        ask: "m.E.test. MX",
        reply: { answer: ["m.b.test. 60 IN MX 1 w.b.test."], additional: ["w.b.test. 60 IN A 192.0.2.2"] },
      },
      {
        ask: "M.much-longer.g.test. MX",
        reply: {
          answer: ["m.much-longer.g.test. 60 IN MX 1 w.much-longer.g.test."],
          authority: ["b.test. 60 IN NS ns.much-longer.g.test."],
          additional: ["w.much-longer.g.test. 60 IN A 192.0.2.2"],
        },
      },
      {
        ask: "c.much-longer.g.test. A",
        reply: {
          answer: [
            "c.much-longer.g.test. 60 IN CNAME w.much-longer.g.test.",
            "w.much-longer.g.test. 60 IN A 192.0.2.2",
          ],
        },
      },
      { ask: "a.wild.much-longer.g.test. A", reply: { answer: ["a.wild.much-longer.g.test. 60 IN A 192.0.2.3"] } },
      {
        ask: "nx.much-longer.g.test. A",
        reply: { rcode: "NXDOMAIN", authority: ["b.test. 60 IN SOA ns.much-longer.g.test. a.b.test. 1 2 3 4 5"] },
      },
    ],
  },
];

function withTtls([one, two, three, four]: readonly number[]): Expectation {
  return {
    answer: [`x.test. ${one} IN A 192.0.2.1`, `x.test. ${two} IN A 192.0.2.2`],
    authority: [`test. ${three} IN NS ns.test.`],
    additional: [`ns.test. ${four} IN A 192.0.2.3`],
  };
}
