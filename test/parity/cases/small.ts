/** The small plugins: any, minimal, bufsize, nsid, chaos, header, acl (behaviour 3.A and 3.C). */
import type { ParityServer } from "../case.ts";

const address = `erratic {
  drop 0
}`;
const records = {
  answer: ["www.example.org. 60 IN A 192.0.2.1"],
  authority: ["example.org. 60 IN NS ns.example.org."],
  additional: ["ns.example.org. 60 IN A 192.0.2.2"],
};
const blocked = { size: 1232, options: ["15 000f"] };
const filtered = { size: 1232, options: ["15 0011"] };
const nothing = { answer: [], authority: [], additional: [] };

export const servers: ParityServer[] = [
  {
    name: "any",
    corefile: `example.org:{PORT} {
      any
      ${address}
    }
    .:{PORT2} {
      any
      chaos
    }`,
    cases: [
      {
        ask: "wWw.example.org. ANY",
        edns: { size: 700, do: true },
        reply: {
          rcode: "NOERROR",
          flags: "qr rd",
          answer: ['wWw.example.org. 8482 IN HINFO "ANY obsoleted" "See RFC 8482"'],
          authority: [],
          additional: [],
          opt: { size: 700, do: true },
        },
      },
      {
        ask: "www.example.org. ANY",
        name: "over TCP",
        over: "tcp",
        flags: "",
        reply: { flags: "qr", counts: { answer: 1 } },
      },
      { ask: "www.example.org. A", reply: { answer: ["www.example.org. 0 IN A 192.0.2.53"] } },
      {
        ask: "www.example.org. ANY ANY",
        port: 2,
        reply: { answer: ['www.example.org. 8482 IN HINFO "ANY obsoleted" "See RFC 8482"'] },
      },
      {
        ask: "www.example.org. ANY CH",
        port: 2,
        reply: { answer: ['www.example.org. 8482 IN HINFO "ANY obsoleted" "See RFC 8482"'] },
        differs: "any: class",
        ours: { reply: { answer: ['www.example.org. 8482 CH HINFO "ANY obsoleted" "See RFC 8482"'] } },
      },
    ],
  },
  {
    name: "minimal",
    corefile: `.:{PORT} {
      minimal
      forward . {UP:a}
    }`,
    upstreams: {
      a: {
        rules: [
          { when: "www.example.org. A", replies: [{ ...records, edns: { options: ["15 0011"] } }] },
          { when: "failed.example.org. A", replies: [{ ...records, rcode: "NXDOMAIN" }] },
          { when: "referral.example.org. A", replies: [{ ...records, answer: [] }] },
          {
            when: "odd.example.org. A",
            replies: [
              { ...records, answer: [], authority: ["example.org. 60 IN TXT x"], edns: { options: ["15 0011"] } },
            ],
          },
          { when: "alone.example.org. A", replies: [{ ...records, answer: [], authority: [] }] },
          { when: "www.example.org. IXFR", replies: [records] },
          { when: "bare.example.org. A", replies: [{ answer: ["bare.example.org. 60 IN A 192.0.2.1"] }] },
        ],
      },
    },
    cases: [
      {
        ask: "www.example.org. A",
        edns: { size: 4096, do: true },
        reply: {
          flags: "qr rd ra",
          answer: records.answer,
          authority: [],
          additional: [],
          opt: { options: [], do: true },
        },
      },
      { ask: "www.example.org. A", name: "without OPT", reply: { answer: records.answer, authority: [], opt: "none" } },
      { ask: "failed.example.org. A", reply: { rcode: "NXDOMAIN", ...records } },
      { ask: "referral.example.org. A", reply: { ...records, answer: [] } },
      {
        ask: "odd.example.org. A",
        edns: {},
        reply: { rcode: "NOERROR", answer: [], authority: [], additional: [], opt: { options: [] } },
      },
      { ask: "alone.example.org. A", reply: { rcode: "NOERROR", answer: [], authority: [], additional: [] } },
      { ask: "www.example.org. IXFR", reply: records },
      { ask: "bare.example.org. A", reply: { counts: { answer: 1, authority: 0, additional: 0 } } },
    ],
  },
  {
    name: "bufsize",
    corefile: `.:{PORT} {
      bufsize 600
      bufsize 700
      forward . {UP:a}
    }
    .:{PORT2} {
      bufsize
      whoami
    }`,
    upstreams: {
      a: {
        rules: [
          {
            replies: [{ answer: Array.from({ length: 12 }, (_, i) => `192.0.2. 60 IN TXT "${"x".repeat(60)}${i}"`) }],
          },
        ],
      },
    },
    cases: [
      {
        ask: "192.0.2. TXT",
        edns: { size: 1232 },
        reply: { flags: "qr tc rd ra", maxSize: 600, opt: { size: 600 } },
        asked: ["a udp 192.0.2. TXT rd edns=600"],
      },
      {
        ask: "192.0.2. TXT",
        name: "a smaller size",
        edns: { size: 550 },
        reply: { maxSize: 550, opt: { size: 550 } },
      },
      { ask: "www.example.org. A", port: 2, edns: { size: 4096 }, reply: { opt: { size: 1232 } } },
      { ask: "www.example.org. A", name: "of no size", port: 2, edns: { size: 0 }, reply: { opt: { size: 0 } } },
      { ask: "www.example.org. A", name: "without OPT", port: 2, reply: { opt: "none" } },
    ],
  },
  {
    name: "nsid",
    corefile: `example.org:{PORT} {
      nsid one "two  three"
      ${address}
    }
    .:{PORT} {
      nsid ""
      forward . {UP:a}
    }`,
    upstreams: {
      a: {
        rules: [
          {
            when: "own.test. A",
            replies: [{ answer: ["own.test. 60 IN A 192.0.2.1"], edns: { options: ["3 6f74686572", "15 0011"] } }],
          },
          { replies: [{ answer: ["none.test. 60 IN A 192.0.2.1"] }] },
        ],
      },
    },
    cases: [
      {
        ask: "www.example.org. A",
        edns: { do: true, options: ["10 0102030405060708", "3"] },
        reply: { counts: { answer: 1 }, opt: { size: 1232, do: true, options: ["3 6f6e652074776f20207468726565"] } },
      },
      {
        ask: "www.example.org. A",
        name: "without DO",
        edns: { options: ["3"] },
        reply: { opt: { do: true, options: ["3 6f6e652074776f20207468726565"] } },
        differs: "DO in replies",
        ours: { reply: { opt: { do: false, options: ["3 6f6e652074776f20207468726565"] } } },
      },
      {
        ask: "www.example.org. A",
        name: "not asked for",
        edns: { options: ["12 0000"] },
        reply: { opt: { options: [] } },
      },
      { ask: "www.example.org. A", name: "without OPT", reply: { opt: "none" } },
      { ask: "www.example.org. MX", edns: { options: ["3"] }, reply: { rcode: "SERVFAIL", opt: { options: [] } } },
      { ask: "own.test. A", edns: { do: true, options: ["3"] }, reply: { opt: { options: ["3", "15 0011"] } } },
      { ask: "none.test. A", edns: { do: true, options: ["3"] }, reply: { opt: { options: ["3"] } } },
    ],
  },
  {
    name: "chaos",
    corefile: `.:{PORT} {
      chaos "Version 1" alice "bob b" alice
      ${address}
    }
    .:{PORT2} {
      chaos
      chaos other
      ${address}
    }`,
    cases: [
      {
        ask: "Version.bind. TXT CH",
        edns: {},
        reply: {
          rcode: "NOERROR",
          flags: "qr rd",
          answer: ['Version.bind. 0 CH TXT "Version 1"'],
          authority: [],
          additional: [],
          opt: { options: [] },
        },
      },
      { ask: "version.server. TXT CH", reply: { answer: ['version.server. 0 CH TXT "Version 1"'] } },
      {
        ask: "authors.bind. TXT CH",
        reply: { answer: ['authors.bind. 0 CH TXT "alice"', 'authors.bind. 0 CH TXT "bob b"'] },
      },
      { ask: "hostname.bind. TXT CH", reply: { counts: { answer: 1 } } },
      { ask: "id.server. TXT CH", reply: { counts: { answer: 1 } } },
      { ask: "version.bind. A CH", reply: { rcode: "NOERROR", flags: "qr aa rd", counts: { answer: 1 } } },
      { ask: "version.bind. TXT", reply: { rcode: "SERVFAIL" } },
      { ask: "x.version.bind. TXT CH", reply: { rcode: "SERVFAIL" } },
      { ask: "version.bind. TXT CH", port: 2, reply: { answer: ['version.bind. 0 CH TXT "CoreDNS-1.15.0"'] } },
    ],
  },
  {
    name: "header",
    corefile: `example.org:{PORT} {
      header {
        Response SET ra RD
        response clear aa
        response set aa
        response clear aa
      }
      header {
        response clear ra
      }
      ${address}
    }
    example.net:{PORT} {
      header {
        query clear rd
        query set aa ra
      }
      ${address}
    }
    cached.test:{PORT} {
      cache
      header {
        query set rd
      }
      ${address}
    }
    walked.test:{PORT} {
      autopath {DIR}/resolv.conf
      header {
        query set rd
      }
      ${address}
    }
    .:{PORT} {
      header {
        query set aa ra
        query clear rd
        response clear ra
      }
      forward . {UP:a}
    }`,
    files: { "resolv.conf": "search walked.test" },
    upstreams: { a: { rules: [{ replies: [{ flags: "qr aa ra", answer: ["192.0.2. 60 IN A 192.0.2.1"] }] }] } },
    cases: [
      { ask: "www.example.org. A", flags: "", reply: { flags: "qr rd ra" } },
      { ask: "www.example.org. MX", reply: { rcode: "SERVFAIL", flags: "qr rd" } },
      { ask: "www.example.net. A", flags: "rd cd", reply: { flags: "qr aa cd" } },
      { ask: "www.example.net. MX", reply: { rcode: "SERVFAIL", flags: "qr" } },
      { ask: "www.cached.test. MX", flags: "", reply: { rcode: "SERVFAIL", flags: "qr" } },
      { ask: "www.cached.test. A", flags: "", reply: { flags: "qr aa rd" } },
      { ask: "www.walked.test. MX", flags: "", reply: { rcode: "SERVFAIL", flags: "qr" } },
      {
        ask: "192.0.2. A",
        reply: { flags: "qr aa", counts: { answer: 1 } },
        asked: ["a udp 192.0.2. A aa ra"],
      },
    ],
  },
  {
    name: "acl",
    corefile: `example.org:{PORT} {
      acl sub.example.org {
        filter type AAAA ANY net 127.0.0.2 127.0.0.128/25
        DROP TYPE MX
        allow net 127.0.0.3
        block type TXT
      }
      acl {
        block type A net 127.0.0.3 ::1
        block net ::ffff:127.0.0.4 ::/64
      }
      log . "{rcode} {>rflags} {rsize}"
      ${address}
    }`,
    cases: [
      { ask: "www.example.org. A", reply: { counts: { answer: 1 } } },
      {
        ask: "www.example.org. A",
        name: "blocked",
        from: "127.0.0.3",
        flags: "rd cd",
        edns: { do: true, options: ["10 0102030405060708"] },
        reply: { rcode: "REFUSED", flags: "qr rd cd", ...nothing, opt: { ...blocked, do: true } },
        log: ["[INFO] REFUSED qr,rd,cd 50"],
      },
      {
        ask: "www.example.org. A",
        name: "blocked, without OPT",
        from: "127.0.0.3",
        reply: { rcode: "REFUSED", ...nothing, opt: { ...blocked, size: 4096, do: true } },
      },
      {
        ask: "www.example.org. A",
        name: "blocked, without DO",
        from: "127.0.0.3",
        over: "tcp",
        edns: {},
        reply: { rcode: "REFUSED", ...nothing, opt: { ...blocked, do: true } },
        differs: "DO in replies",
        ours: { reply: { rcode: "REFUSED", ...nothing, opt: { ...blocked, do: false } } },
      },
      { ask: "www.example.org. A", name: "over IPv6", to: "::1", reply: { rcode: "REFUSED" } },
      { ask: "www.example.org. AAAA", name: "IPv6 in a network", to: "::1", reply: { rcode: "REFUSED" } },
      { ask: "www.example.org. AAAA", name: "a mapped address", from: "127.0.0.4", reply: { counts: { answer: 1 } } },
      { ask: "www.example.org. AAAA", name: "another type", from: "127.0.0.3", reply: { counts: { answer: 1 } } },
      {
        ask: "sub.example.org. AAAA",
        from: "127.0.0.2",
        edns: { do: true },
        reply: { rcode: "NOERROR", flags: "qr rd", ...nothing, opt: { ...filtered, do: true } },
      },
      { ask: "x.SUB.example.org. AAAA", from: "127.0.0.200", reply: { counts: { answer: 0 }, opt: { size: 4096 } } },
      {
        ask: "sub.example.org. AAAA",
        name: "beside the network",
        from: "127.0.0.127",
        reply: { counts: { answer: 1 } },
      },
      { ask: "sub.example.org. ANY", from: "127.0.0.2", reply: { rcode: "NOERROR", counts: { answer: 0 } } },
      { ask: "sub.example.org. MX", reply: { noReply: true } },
      {
        ask: "sub.example.org. A",
        name: "allowed ends all rules",
        from: "127.0.0.3",
        reply: { counts: { answer: 1 } },
      },
      { ask: "sub.example.org. TXT", reply: { rcode: "REFUSED", opt: { options: ["15 000f"] } } },
      {
        ask: "sub.example.org. TXT",
        name: "allowed first",
        from: "127.0.0.3",
        reply: { rcode: "SERVFAIL", opt: "none" },
      },
    ],
  },
  {
    name: "acl, all types",
    corefile: `a.test:{PORT} {
      acl {
        filter type * NOTYPE type MX net * nonet net 192.0.2.1
      }
      ${address}
    }
    b.test:{PORT} {
      acl {
        allow net 127.0.0.1 type MX
        block type TXT None
      }
      acl .
      ${address}
    }`,
    cases: [
      { ask: "a.test. A", reply: { rcode: "NOERROR", counts: { answer: 0 }, opt: { options: ["15 0011"] } } },
      { ask: "b.test. MX", reply: { rcode: "SERVFAIL" } },
      { ask: "b.test. A", reply: { rcode: "REFUSED" } },
    ],
  },
];
