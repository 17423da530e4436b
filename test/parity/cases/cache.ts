/** cache: what it keeps and for how long, whose questions share an answer, and what is given when it is over. Behaviour 3.D. */
import type { ParityCase, ParityServer, Upstream, UpstreamReply } from "../case.ts";

const soa = (ttl: number | "*") => `example.org. ${ttl} IN SOA ns.example.org. root.example.org. 1 2 3 4 5`;
const a = (name: string, ttl: number | "*", last = 1) => `${name}.example.org. ${ttl} IN A 192.0.2.${last}`;

/**
 * A question that must, or must not, reach the upstream, and what is in the answer. `beside`: the upstream is asked too,
 * but nobody waits for it.
 */
const ask = (
  name: string,
  reply: ParityCase["reply"],
  asked: boolean | "beside",
  more: Partial<ParityCase> = {},
): ParityCase => ({
  ask: `${name}.example.org. A`,
  reply,
  ...(asked !== "beside" && { asked: asked ? [`up udp ${name}.example.org. A`] : [] }),
  ...more,
});
const answer = (name: string, ttl: number | "*", last = 1) => ({ rcode: "NOERROR", answer: [a(name, ttl, last)] });
const denied = (ttl: number | "*") => ({ rcode: "NXDOMAIN", authority: [soa(ttl)] });

const metric = (text: string) => ({
  get: "{PORT2}/metrics",
  status: 200,
  body: new RegExp(
    `^coredns_cache_${text.replace(/[.{}()+?|[\]\\]/g, "\\$&").replace("LABELS", 'server="dns://:\\d+"')}$`,
    "m",
  ),
});

const counts = [
  metric('entries{LABELS,type="success",view="",zones="."} 1'),
  metric('requests_total{LABELS,view="",zones="."} 3'),
  metric('misses_total{LABELS,view="",zones="."} 2'),
];

/** Answers by the first label of the name. */
const named: Upstream = {
  rules: [
    { when: "long.example.org. A", replies: [{ answer: [a("long", 7_000)] }] },
    { when: "short.example.org. A", replies: [{ answer: [a("short", 1)] }] },
    { when: "zero.example.org. A", replies: [{ answer: [a("zero", 0)] }] },
    { when: "nx.example.org. A", replies: [{ rcode: "NXDOMAIN", authority: [soa(7_000)] }] },
    { when: "shortnx.example.org. A", replies: [{ rcode: "NXDOMAIN", authority: [soa(1)] }] },
    { when: "nodata.example.org. A", replies: [{ authority: [soa(70)] }] },
    {
      when: "chain.example.org. A",
      replies: [
        {
          answer: ["chain.example.org. 400 IN CNAME to.example.org.", a("to", 300)],
          authority: ["example.org. 200 IN NS ns.example.org."],
          additional: [a("ns", 100, 53)],
        },
      ],
    },
    {
      when: "child.example.org. A",
      replies: [{ authority: ["child.example.org. 900 IN NS ns.child.example.org."] }],
    },
    { when: "empty.example.org. A", replies: [{}] },
    { when: "fails.example.org. A", replies: [{ rcode: "SERVFAIL" }] },
    { when: "notimp.example.org. A", replies: [{ rcode: "NOTIMP" }] },
    // None of these is to be kept.
    { when: "refused.example.org. A", replies: [{ rcode: "REFUSED" }] },
    { when: "formerr.example.org. A", replies: [{ rcode: "FORMERR" }] },
    { when: "yxdomain.example.org. A", replies: [{ rcode: "YXDOMAIN" }] },
    { when: "barenx.example.org. A", replies: [{ rcode: "NXDOMAIN" }] },
    {
      when: "fullnx.example.org. A",
      replies: [{ rcode: "NXDOMAIN", answer: [a("fullnx", 60)], authority: [soa(60)] }],
    },
    { when: "lost.example.org. A", replies: [{ answer: ["lost.example.org. 60 IN CNAME to.example.org."] }] },
    { when: "tc.example.org. A", replies: [{ flags: "qr tc rd ra", answer: [a("tc", 60)] }] },
    { when: "auth.example.org. A", replies: [{ flags: "qr aa rd ra ad", answer: [a("auth", 60)] }] },
    { when: "opt.example.org. A", replies: [{ answer: [a("opt", 60)], edns: { size: 512, options: ["15 0016"] } }] },
    { when: "version.bind. TXT CH", replies: [{ answer: ['version.bind. 60 CH TXT "1"'] }] },
    { when: "*.example.org. TXT", replies: [{ answer: ['txt.example.org. 60 IN TXT "1"'] }] },
  ],
};

const server = (name: string, options: string, cases: readonly ParityCase[], up: Upstream = named): ParityServer => ({
  name: `cache, ${name}`,
  corefile: `.:{PORT} {
      prometheus 127.0.0.1:{PORT2}
      cache ${options}
      forward . {UP:up} {
        health_check 1h
      }
    }`,
  upstreams: { up },
  cases,
});

/** One address after the other, the first with a TTL of a second. */
const changing = (...rest: readonly UpstreamReply[][]): Upstream => ({
  rules: [
    { when: ". NS", replies: [{}] },
    { times: 1, replies: [{ answer: [a("www", 1)] }] },
    ...rest.map((replies) => ({ times: 1, replies })),
    { replies: [{ answer: [a("www", 60, 9)] }] },
  ],
});
const servfail: UpstreamReply = { rcode: "SERVFAIL" };
const late: UpstreamReply = { answer: [a("www", 60, 2)], delayMs: 900 };
/** What was kept for a second is over. */
const over = { before: [{ waitMs: 2_100 }] };
const settled = { before: [{ waitMs: 300 }] };
const short = "success 1024 60 1\n";

export const servers: ParityServer[] = [
  server("how long", "", [
    ask("long", answer("long", 3_600), true),
    ask("long", answer("long", "*"), false),
    ask("short", answer("short", 5), true),
    ask("zero", answer("zero", 5), true),
    ask("zero", answer("zero", "*"), false),
    ask("nx", denied(1_800), true),
    ask("nx", denied("*"), false),
    ask("shortnx", denied(5), true),
    ask("nodata", { rcode: "NOERROR", answer: [], authority: [soa(70)] }, true),
    ask("nodata", { rcode: "NOERROR", answer: [], authority: [soa("*")] }, false),
    ask(
      "chain",
      {
        answer: ["chain.example.org. 100 IN CNAME to.example.org.", a("to", 100)],
        authority: ["example.org. 100 IN NS ns.example.org."],
        additional: [a("ns", 100, 53)],
      },
      true,
    ),
    ask("child", { authority: ["child.example.org. 5 IN NS ns.child.example.org."] }, true),
    ask("child", { authority: ["child.example.org. * IN NS ns.child.example.org."] }, false),
    ask("empty", { rcode: "NOERROR", answer: [] }, true),
    ask("empty", { rcode: "NOERROR", answer: [] }, false),
  ]),
  server("caps of a plain TTL", "30", [
    ask("long", answer("long", 30), true),
    ask("nx", denied(30), true),
    ask("short", answer("short", 5), true),
  ]),
  server("a TTL below the least", "3", [ask("long", answer("long", 3), true), ask("short", answer("short", 3), true)]),
  server("caps of each kind", "{\nsuccess 2000 600 20\ndenial 2000 60 7\n}", [
    ask("long", answer("long", 600), true),
    ask("short", answer("short", 20), true),
    ask("nx", denied(60), true),
    ask("shortnx", denied(7), true),
    ask("child", { authority: ["child.example.org. 20 IN NS ns.child.example.org."] }, true),
  ]),
  server("zones", "30 example.net sub.example.org", [
    ask("long", answer("long", 7_000), true),
    ask("long", answer("long", 7_000), true),
  ]),
  server("what is not kept", "", [
    ...["refused", "formerr", "yxdomain", "barenx", "fullnx", "lost", "tc"].flatMap((name) =>
      [1, 2].map((time) => ask(name, {}, true, { name: `${name}, time ${time}` })),
    ),
    ...["fails", "notimp"].flatMap((name) =>
      [1, 2].map((time) => ask(name, {}, time === 1, { name: `${name}, time ${time}` })),
    ),
  ]),
  server("classes", "", [
    ...[true, false].map(
      (asked): ParityCase => ({
        ask: "version.bind. TXT CH",
        reply: { answer: ['version.bind. 60 CH TXT "1"'] },
        asked: asked ? ["up udp version.bind. TXT CH"] : [],
      }),
    ),
    {
      ask: "version.bind. TXT",
      name: "the same name in another class",
      reply: { rcode: "REFUSED" },
      asked: ["up udp version.bind. TXT"],
    },
  ]),
  server("DO, CD and types", "", [
    ask("long", answer("long", 3_600), true),
    ask("long", answer("long", 3_600), true, { name: "DO", edns: { do: true } }),
    ask("long", answer("long", 3_600), true, { name: "CD", flags: "rd cd" }),
    ask("long", answer("long", 3_600), true, { name: "DO and CD", flags: "rd cd", edns: { do: true } }),
    ask("long", answer("long", "*"), false, { name: "DO again", edns: { do: true } }),
    ask("long", answer("long", "*"), false, { name: "CD again", flags: "rd cd" }),
    ask("long", answer("long", "*"), false, { name: "an OPT record without DO", edns: { size: 4_096 } }),
    ask("long", answer("long", "*"), false, { name: "over TCP", over: "tcp" }),
    ask("long", answer("long", "*"), false, { name: "without RD", flags: "" }),
  ]),
  server("flags and options", "", [
    ask("auth", { flags: "qr aa rd ra", ...answer("auth", 60) }, true),
    ask("auth", { flags: "qr aa rd ra", ...answer("auth", "*") }, false),
    ask("auth", { flags: "qr aa rd ra ad", ...answer("auth", "*") }, false, { name: "AD", flags: "rd ad" }),
    ask("auth", { flags: "qr aa ra", ...answer("auth", "*") }, false, { name: "without RD", flags: "" }),
    ask("opt", { ...answer("opt", 60), opt: { options: [] } }, true, { edns: { size: 1_232 } }),
    ask("opt", { ...answer("opt", "*"), opt: "none" }, false),
  ]),
  server("servfail 0", "{\nservfail 0\n}", [ask("fails", {}, true), ask("fails", {}, true)]),
  server("servfail 2s", "{\nservfail 2s\n}", [
    ask("fails", { rcode: "SERVFAIL" }, true),
    ask("fails", { rcode: "SERVFAIL" }, false),
    ask("fails", { rcode: "SERVFAIL" }, true, { name: "two seconds later", ...over }),
  ]),
  server("disable", "{\ndisable success example.net\ndisable denial example.org\n}", [
    ask("long", answer("long", 3_600), true),
    ask("long", answer("long", "*"), false),
    ask("nx", denied(1_800), true),
    ask("nx", denied(1_800), true),
    ask("fails", { rcode: "SERVFAIL" }, true),
    ask("fails", { rcode: "SERVFAIL" }, true),
  ]),
  server("disable success", "{\ndisable success\n}", [
    ask("long", answer("long", 3_600), true),
    ask("long", answer("long", 3_600), true),
    ask("nx", denied(1_800), true),
    ask("nx", denied("*"), false),
  ]),
  server("the time goes on", "", [
    ask("long", answer("long", 3_600), true),
    ask("long", answer("long", 3_598), false, { before: [{ waitMs: 2_050 }] }),
  ]),
  server("keepttl", "{\nkeepttl\n}", [
    ask("long", answer("long", 3_600), true),
    ask("long", answer("long", 3_600), false, { before: [{ waitMs: 2_050 }] }),
  ]),
  server(
    "prefetch",
    "{\nsuccess 1024 4 4\nprefetch 2 1m 50%\n}",
    [
      ask("www", answer("www", 4), true),
      ask("www", answer("www", 4), false),
      ask("www", answer("www", "*"), "beside", {
        name: "often enough, and half of the time is over",
        before: [{ waitMs: 2_050 }],
      }),
      ask("www", answer("www", "*", 2), false, {
        name: "what has come",
        ...settled,
        http: [metric('prefetch_total{LABELS,view="",zones="."} 1')],
      }),
    ],
    changing([{ answer: [a("www", 60, 2)] }]),
  ),
  server(
    "what is counted",
    "{\ndenial 1024 2 2\n}",
    [
      ask("www", denied(2), true, {
        http: [
          metric('entries{LABELS,type="denial",view="",zones="."} 1'),
          metric('entries{LABELS,type="success",view="",zones="."} 0'),
        ],
      }),
      ask("www", denied("*"), false, { http: [metric('hits_total{LABELS,type="denial",view="",zones="."} 1')] }),
      ask("www", answer("www", 3_600), true, {
        name: "there is one now",
        ...over,
        http: [metric('entries{LABELS,type="denial",view="",zones="."} 1'), ...counts],
        differs: "cache: entries counted",
        ours: { http: [metric('entries{LABELS,type="denial",view="",zones="."} 0'), ...counts] },
      }),
    ],
    {
      rules: [
        { times: 1, replies: [{ rcode: "NXDOMAIN", authority: [soa(1)] }] },
        { replies: [{ answer: [a("www", 7_000)] }] },
      ],
    },
  ),
  server(
    "serve_stale",
    `{\n${short}serve_stale\n}`,
    [
      ask("www", answer("www", 1), true),
      ask("www", answer("www", 0), "beside", { name: "what is over", ...over }),
      ask("www", answer("www", "*", 9), false, { name: "what has come", ...settled }),
      ask("www", answer("www", "*", 9), false, {
        name: "counts",
        http: [metric('served_stale_total{LABELS,view="",zones="."} 1')],
      }),
    ],
    changing(),
  ),
  server(
    "serve_stale immediate with a TTL",
    `{\n${short}serve_stale 1h immediate 30s\n}`,
    [
      ask("www", answer("www", 1), true),
      ask("www", answer("www", 30), "beside", { name: "what is over", ...over }),
      ask("www", answer("www", 30), "beside", { name: "its renewal has failed", ...settled }),
      ask("www", answer("www", 30), "beside", { name: "it has failed again", ...settled }),
      ask("www", answer("www", "*", 9), false, { name: "what has come", ...settled }),
    ],
    changing([servfail], [servfail]),
  ),
  server(
    "serve_stale immediate with a recheck",
    `{\n${short}serve_stale 1h immediate 0s 1m\n}`,
    [
      ask("www", answer("www", 1), true),
      ask("www", answer("www", 0), "beside", { name: "what is over", ...over }),
      ask("www", answer("www", 0), false, { name: "nobody asks again", ...settled }),
    ],
    changing([servfail]),
  ),
  server(
    "serve_stale for a second",
    `{\n${short}serve_stale 1s\n}`,
    [ask("www", answer("www", 1), true), ask("www", answer("www", 60, 9), true, { name: "forgotten", ...over })],
    changing(),
  ),
  server(
    "serve_stale verify",
    `{\n${short}serve_stale 1h verify\n}`,
    [
      ask("www", answer("www", 1), true),
      ask("www", answer("www", 0), true, { name: "the upstream fails", ...over }),
      ask("www", answer("www", 60, 2), true, { name: "it is well again" }),
    ],
    changing([servfail], [{ answer: [a("www", 60, 2)] }]),
  ),
  server(
    "serve_stale verify in time",
    `{\n${short}serve_stale 1h verify 300ms 7s\n}`,
    [
      ask("www", answer("www", 1), true),
      ask("www", answer("www", 7), true, { name: "the upstream takes longer", ...over }),
      ask("www", answer("www", 7), false, { name: "meanwhile" }),
      ask("www", answer("www", "*", 2), false, { name: "it came in the end", before: [{ waitMs: 800 }] }),
    ],
    changing([late]),
  ),
  server(
    "serve_stale verify with a recheck",
    `{\n${short}serve_stale 1h verify 0s 7s 1m\n}`,
    [
      ask("www", answer("www", 1), true),
      ask("www", answer("www", 7), true, { name: "the upstream fails", ...over }),
      ask("www", answer("www", 7), false, { name: "nobody asks again" }),
    ],
    changing([servfail]),
  ),
  ...(["", "serve_stale_policy prefer_positive\n"] as const).map((policy) =>
    server(
      policy === "" ? "serve_stale verify, the name has gone" : "prefer_positive",
      `{\n${short}denial 1024 60 60\nserve_stale 1h verify\n${policy}}`,
      [
        ask("www", answer("www", 1), true),
        ask("www", policy === "" ? denied(60) : answer("www", 0), true, { name: "the upstream denies it", ...over }),
      ],
      changing([{ rcode: "NXDOMAIN", authority: [soa(60)] }]),
    ),
  ),
  {
    name: "cache, a failure without a reason",
    corefile: `.:{PORT} {
      prometheus 127.0.0.1:{PORT2}
      cache
      hosts {
        192.0.2.1 www.example.org
      }
    }`,
    cases: [
      {
        ask: "new.example.org. A",
        times: 2,
        reply: { rcode: "SERVFAIL" },
        http: [
          metric('requests_total{LABELS,view="",zones="."} 2'),
          metric('misses_total{LABELS,view="",zones="."} 2'),
        ],
      },
    ],
  },
];
