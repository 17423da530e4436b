/** forward: whom it asks, over what, how often, and what of the answer reaches the client. Behaviour 3.E and 2.9. */
import type { ParityServer, Upstream, UpstreamReply } from "../case.ts";

const address = (last: number): UpstreamReply => ({ answer: [`www.example.org. 60 IN A 192.0.2.${last}`] });
const answered = (last: number) => ({
  rcode: "NOERROR",
  flags: "qr rd ra",
  answer: [`www.example.org. 60 IN A 192.0.2.${last}`],
});
/** Says by its address which server answered. */
const one: Upstream = { rules: [{ replies: [address(1)] }] };
const two: Upstream = { rules: [{ replies: [address(2)] }] };
const three: Upstream = { rules: [{ replies: [address(3)] }] };
/** Swallows questions, but not probes. */
const silent: Upstream = { rules: [{ when: ". NS", replies: [{}] }, { replies: [] }] };
const down: Upstream = { rules: [], down: true };
const refusing: Upstream = { rules: [{ replies: [{ rcode: "REFUSED" }] }] };
/** Another address over TCP than over UDP. */
const byTransport: Upstream = {
  rules: [
    { over: "udp", replies: [address(17)] },
    { over: "tcp", replies: [address(6)] },
  ],
};
const failed = { rcode: "SERVFAIL", flags: "qr rd", answer: [] };
const www = "www.example.org. A";
const many = Array.from({ length: 40 }, (_, i) => `www.example.org. 60 IN A 192.0.2.${i}`);
const soa = "example.org. 60 IN SOA ns.example.org. root.example.org. 1 2 3 4 5";

export const servers: ParityServer[] = [
  {
    name: "forward, what passes",
    corefile: `.:{PORT} {
      forward . {UP:a}
      errors
    }`,
    upstreams: {
      a: {
        rules: [
          {
            when: "nx.example.org. A",
            replies: [{ rcode: "NXDOMAIN", flags: "qr aa rd ra", authority: [soa] }],
          },
          { when: "ad.example.org. A", replies: [{ flags: "qr rd ra ad cd" }] },
          { when: "refused.example.org. A", replies: [{ rcode: "REFUSED", flags: "qr rd" }] },
          { when: "notauth.example.org. A", replies: [{ rcode: "NOTAUTH" }] },
          { when: "ede.example.org. A", replies: [{ rcode: "SERVFAIL", edns: { size: 512, options: ["15 0016"] } }] },
          { when: "badvers.example.org. A", replies: [{ rcode: "BADVERS", edns: {} }] },
          {
            when: "tc.example.org. A",
            replies: [{ flags: "qr tc rd ra", answer: ["tc.example.org. 60 IN A 192.0.2.1"] }],
          },
          { when: "empty-tc.example.org. A", replies: [{ flags: "qr tc rd ra" }] },
          { when: "large.example.org. A", replies: [{ flags: "qr aa rd ra", answer: many }] },
          { when: "cut.example.org. A", replies: [{ flags: "qr tc rd ra", answer: many.slice(0, 4), cutTo: 60 }] },
          {
            when: "unknown.example.org. TYPE65280",
            replies: [{ answer: ["unknown.example.org. 60 IN TYPE65280 \\# 3 010203"] }],
          },
          {
            when: "chain.example.org. A",
            replies: [
              {
                answer: ["chain.example.org. 60 IN CNAME a.example.net.", "a.example.net. 0 IN A 192.0.2.1"],
                authority: ["example.net. 60 IN NS ns.example.net."],
                additional: ["ns.example.net. 60 IN A 192.0.2.53"],
              },
            ],
          },
          { when: "version.bind. TXT CH", replies: [{ answer: ['version.bind. 0 CH TXT "1"'] }] },
          { replies: [address(1)] },
        ],
      },
    },
    cases: [
      { ask: www, reply: { ...answered(1), opt: "none" } },
      { ask: "wWw.eXample.ORG. A", reply: { rcode: "NOERROR", counts: { answer: 1 } } },
      { ask: www, name: "over TCP", over: "tcp", reply: answered(1) },
      {
        ask: www,
        name: "with an OPT record",
        edns: { size: 1232, do: true },
        reply: { ...answered(1), opt: { size: 1232, do: true, version: 0, options: [] } },
      },
      { ask: "nx.example.org. A", reply: { rcode: "NXDOMAIN", flags: "qr aa rd ra", answer: [], authority: [soa] } },
      { ask: "ad.example.org. A", reply: { flags: "qr rd ra ad cd" } },
      { ask: "refused.example.org. A", reply: { rcode: "REFUSED", flags: "qr rd" }, notLog: ["[ERROR] *"] },
      { ask: "notauth.example.org. A", reply: { rcode: "NOTAUTH" } },
      {
        ask: "ede.example.org. A",
        edns: { size: 1232 },
        reply: { rcode: "SERVFAIL", flags: "qr rd ra", opt: { size: 1232, options: ["15 0016"] } },
      },
      { ask: "tc.example.org. A", reply: { flags: "qr tc rd ra", answer: ["tc.example.org. 60 IN A 192.0.2.1"] } },
      { ask: "empty-tc.example.org. A", reply: { flags: "qr tc rd ra", answer: [] } },
      { ask: "large.example.org. A", name: "more than was asked for", reply: { flags: "qr aa tc rd ra", answer: [] } },
      {
        ask: "large.example.org. A",
        name: "more than was asked for, EDNS",
        edns: { size: 700 },
        reply: { flags: "qr aa tc rd ra", answer: [] },
      },
      {
        ask: "large.example.org. A",
        name: "a large answer to a large size",
        edns: { size: 4096 },
        reply: { flags: "qr aa rd ra", counts: { answer: 40 } },
      },
      {
        ask: "large.example.org. A",
        name: "a large answer over TCP",
        over: "tcp",
        reply: { flags: "qr aa rd ra", counts: { answer: 40 } },
      },
      { ask: "cut.example.org. A", reply: { flags: "qr tc rd ra", answer: [] } },
      {
        ask: "unknown.example.org. TYPE65280",
        reply: { answer: ["unknown.example.org. 60 IN TYPE65280 \\# 3 010203"] },
      },
      {
        ask: "chain.example.org. A",
        reply: {
          answer: ["chain.example.org. 60 IN CNAME a.example.net.", "a.example.net. 0 IN A 192.0.2.1"],
          authority: ["example.net. 60 IN NS ns.example.net."],
          additional: ["ns.example.net. 60 IN A 192.0.2.53"],
          ordered: true,
        },
      },
      { ask: "version.bind. TXT CH", reply: { answer: ['version.bind. 0 CH TXT "1"'] } },
      { ask: www, name: "NOTIFY", opcode: 4, flags: "aa", reply: { counts: { answer: 1 } } },
    ],
  },
  {
    name: "forward, packets that are no answer",
    corefile: `.:{PORT} {
      forward . {UP:a} {
        read_timeout 300ms
        max_connect_attempts 1
      }
      errors
    }`,
    upstreams: {
      a: {
        rules: [
          {
            when: "id.example.org. A",
            replies: [
              { wrongId: true, answer: ["id.example.org. 60 IN A 192.0.2.66"] },
              { delayMs: 5, answer: ["id.example.org. 60 IN A 192.0.2.1"] },
            ],
          },
          { when: "only-wrong-id.example.org. A", replies: [{ wrongId: true }] },
          {
            when: "question.example.org. A",
            replies: [
              { question: "other.example.org. A", answer: ["other.example.org. 60 IN A 192.0.2.66"] },
              { delayMs: 5, answer: ["question.example.org. 60 IN A 192.0.2.1"] },
            ],
          },
        ],
      },
    },
    cases: [
      { ask: "id.example.org. A", reply: { rcode: "NOERROR", answer: ["id.example.org. 60 IN A 192.0.2.1"] } },
      {
        ask: "only-wrong-id.example.org. A",
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 only-wrong-id.example.org. A: read udp *: i/o timeout"],
      },
      {
        ask: "question.example.org. A",
        reply: { rcode: "FORMERR", answer: [] },
        differs: "forward: an answer to another question",
        ours: { reply: { rcode: "NOERROR", answer: ["question.example.org. 60 IN A 192.0.2.1"] } },
      },
    ],
  },
  {
    name: "forward, FROM and except",
    corefile: `.:{PORT} {
      forward example.org {UP:one} {
        except a.example.org
      }
      forward example.com {UP:one} {
        except example.com
      }
      forward . {UP:two}
    }`,
    upstreams: { one, two },
    cases: [
      { ask: www, reply: { answer: ["www.example.org. 60 IN A 192.0.2.1"] } },
      { ask: "example.com. A", reply: answered(1), name: "FROM itself is taken, whatever except says" },
      { ask: "www.example.com. A", reply: answered(2) },
      { ask: "a.example.org. A", reply: { answer: ["www.example.org. 60 IN A 192.0.2.2"] } },
      { ask: "b.a.example.org. A", reply: { answer: ["www.example.org. 60 IN A 192.0.2.2"] } },
      { ask: "xa.example.org. A", reply: { answer: ["www.example.org. 60 IN A 192.0.2.1"] } },
      { ask: "example.net. A", reply: { answer: ["www.example.org. 60 IN A 192.0.2.2"] } },
    ],
  },
  {
    name: "forward, no next plugin",
    corefile: `.:{PORT} {
      forward example.org {UP:one}
      errors
    }`,
    upstreams: { one },
    cases: [
      { ask: www, reply: answered(1) },
      {
        ask: "example.net. A",
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 example.net. A: plugin/forward: no next plugin found"],
      },
    ],
  },
  {
    name: "forward, UDP or TCP",
    corefile: `.:{PORT} {
      forward follow.example.org {UP:a}
      forward force.example.org {UP:a} {
        force_tcp
      }
      forward prefer.example.org {UP:a} {
        prefer_udp
      }
      forward both.example.org {UP:a} {
        prefer_udp
        force_tcp
      }
      forward tc.example.org {UP:tc} {
        prefer_udp
      }
    }`,
    upstreams: {
      a: byTransport,
      tc: {
        rules: [
          { over: "udp", replies: [{ flags: "qr tc rd ra" }] },
          { over: "tcp", replies: [address(6)] },
        ],
      },
    },
    cases: [
      { ask: "follow.example.org. A", reply: answered(17) },
      { ask: "follow.example.org. A", over: "tcp", name: "follow, TCP", reply: answered(6) },
      { ask: "force.example.org. A", reply: answered(6) },
      { ask: "force.example.org. A", over: "tcp", name: "force, TCP", reply: answered(6) },
      { ask: "prefer.example.org. A", reply: answered(17) },
      { ask: "prefer.example.org. A", over: "tcp", name: "prefer, TCP", reply: answered(17) },
      { ask: "both.example.org. A", reply: answered(6) },
      { ask: "tc.example.org. A", reply: answered(6) },
    ],
  },
  {
    name: "forward, round_robin",
    corefile: `.:{PORT} {
      forward . {UP:one} {UP:two} {UP:three} {
        policy round_robin
      }
    }`,
    upstreams: { one, two, three },
    cases: [2, 3, 1, 2, 3, 1].map((last, i) => ({ ask: www, name: `query ${i + 1}`, reply: answered(last) })),
  },
  {
    name: "forward, sequential",
    corefile: `.:{PORT} {
      forward . {UP:down} {UP:silent} {UP:three} {
        policy sequential
        read_timeout 100ms
        max_fails 0
      }
      errors
    }`,
    upstreams: { down, silent, three },
    cases: [
      { ask: www, times: 3, reply: answered(3), notLog: ["[ERROR] *"] },
      { ask: www, name: "over TCP", over: "tcp", reply: answered(3) },
    ],
  },
  {
    name: "forward, nobody there",
    corefile: `.:{PORT} {
      forward . {UP:down} {UP:down2}
      errors
    }`,
    upstreams: { down, down2: down },
    cases: [
      {
        ask: www,
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 www.example.org. A: read udp *: read: connection refused"],
      },
      {
        ask: www,
        name: "over TCP",
        over: "tcp",
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 www.example.org. A: dial tcp *: connect: connection refused"],
      },
      {
        ask: www,
        name: "one has come",
        before: [{ start: "down" }],
        withinMs: 1_000,
        reply: { rcode: "REFUSED", flags: "qr rd" },
      },
    ],
  },
  {
    name: "forward, all down and failfast",
    corefile: `.:{PORT} {
      forward . {UP:down} {
        failfast_all_unhealthy_upstreams
        health_check 50ms
        max_fails 1
      }
      errors
    }`,
    upstreams: { down },
    cases: [
      {
        ask: www,
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 www.example.org. A: read udp *: read: connection refused"],
      },
      {
        ask: www,
        name: "found down",
        before: [{ waitMs: 400 }],
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 www.example.org. A: no healthy proxies"],
      },
      {
        ask: www,
        name: "up again",
        before: [{ start: "down" }],
        withinMs: 1_000,
        reply: { rcode: "REFUSED", flags: "qr rd" },
      },
    ],
  },
  {
    name: "forward, a dead one among two",
    corefile: `.:{PORT} {
      forward . {UP:one} {UP:two}
      errors
    }`,
    upstreams: { one, two: one },
    cases: [
      { ask: www, times: 10, reply: answered(1) },
      { ask: www, name: "one dies", before: [{ stop: "two" }], times: 40, reply: answered(1), notLog: ["[ERROR] *"] },
      {
        ask: www,
        name: "it is back, the other dies",
        before: [{ start: "two" }, { waitMs: 700 }, { stop: "one" }],
        times: 40,
        reply: answered(1),
      },
    ],
  },
  {
    name: "forward, TCP that fails",
    corefile: `.:{PORT} {
      forward . {UP:a} {
        force_tcp
        read_timeout 100ms
        max_connect_attempts 1
      }
      errors
    }`,
    upstreams: {
      a: {
        rules: [
          { when: "close.example.org. A", replies: [{ close: true }] },
          { when: "mute.example.org. A", replies: [] },
          { replies: [address(1)] },
        ],
      },
    },
    cases: [
      { ask: "close.example.org. A", reply: failed, log: ["[ERROR] plugin/errors: 2 close.example.org. A: EOF"] },
      {
        ask: "mute.example.org. A",
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 mute.example.org. A: read tcp *: i/o timeout"],
      },
      { ask: www, reply: answered(1) },
    ],
  },
  {
    name: "forward, failover and next",
    corefile: `.:{PORT} {
      forward failover.example.org {UP:refusing} {UP:one} {
        policy sequential
        failover REFUSED
      }
      forward once.example.org {UP:refusing} {UP:one} {
        policy sequential
        failover REFUSED
        max_connect_attempts 1
      }
      forward single.example.org {UP:refusing} {
        failover REFUSED
      }
      forward next.example.org {UP:refusing} {
        next NXDOMAIN REFUSED
      }
      forward nodata.example.org {UP:nodata} {
        next_on_nodata
      }
      forward stay.example.org {UP:refusing} {
        next NXDOMAIN
      }
      forward nothing.example.org {UP:refusing} {UP:refusing} {
        policy sequential
        failover REFUSED
        next REFUSED
      }
      forward . {UP:two}
    }`,
    upstreams: { refusing, one, two, nodata: { rules: [{ replies: [{}] }] } },
    cases: [
      { ask: "failover.example.org. A", reply: answered(1) },
      { ask: "once.example.org. A", reply: answered(1) },
      { ask: "single.example.org. A", reply: { rcode: "REFUSED", flags: "qr rd ra" } },
      { ask: "next.example.org. A", reply: answered(2) },
      { ask: "nodata.example.org. A", reply: answered(2) },
      { ask: "nodata.example.org. AAAA", reply: answered(2) },
      { ask: "stay.example.org. A", reply: { rcode: "REFUSED" } },
      { ask: "nothing.example.org. A", reply: answered(2) },
    ],
  },
  {
    name: "forward, the last one's next",
    corefile: `.:{PORT} {
      forward . {UP:refusing} {
        next REFUSED
        next_on_nodata
      }
      whoami
    }`,
    upstreams: { refusing },
    cases: [{ ask: www, reply: { rcode: "REFUSED", flags: "qr rd ra", additional: [] } }],
  },
  {
    name: "forward, a resolv.conf",
    corefile: `.:{PORT} {
      forward . {DIR}/resolv.conf {UP:one} {
        policy sequential
        read_timeout 100ms
      }
    }`,
    // Nobody listens there; the server behind them is asked.
    files: {
      "resolv.conf": `search example.org\n${Array.from({ length: 20 }, (_, i) => `nameserver 127.0.0.${80 + i}\n`).join("")}`,
    },
    upstreams: { one },
    cases: [{ ask: www, reply: answered(1) }],
  },
];
