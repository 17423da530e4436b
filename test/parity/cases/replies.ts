/** What the server does to every reply on its way out: behaviour 2.9. */
import type { ParityServer } from "../case.ts";

const address = (count: number) =>
  Array.from({ length: count }, (_, i) => `large.example.org. 60 IN A 192.0.2.${i + 1}`);
const text = (count: number, owner: string) =>
  Array.from({ length: count }, (_, i) => `${owner} 60 IN TXT "${"x".repeat(80)}${i}"`);

export const servers: ParityServer[] = [
  {
    name: "replies, OPT and flags",
    corefile: `example.org:{PORT} {
      whoami
    }
    fail.example.org:{PORT} {
      erratic {
        drop 0
      }
    }`,
    cases: [
      { ask: "www.example.org. A", reply: { opt: "none", flags: "qr aa rd" } },
      { ask: "www.example.org. A", name: "no flags", flags: "", reply: { flags: "qr aa" } },
      { ask: "www.example.org. A", name: "all flags", flags: "aa tc rd ra z ad cd", reply: { flags: "qr aa rd cd" } },
      {
        ask: "www.example.org. MX",
        name: "failed, all flags",
        flags: "aa tc rd ra z ad cd",
        reply: { rcode: "NOERROR", flags: "qr aa rd cd" },
      },
      {
        ask: "www.fail.example.org. MX",
        name: "an error, all flags",
        flags: "aa tc rd ra z ad cd",
        edns: { do: true },
        reply: { rcode: "SERVFAIL", flags: "qr rd cd", opt: { size: 1232, do: true, options: [] }, answer: [] },
      },
      { ask: "nobody.test. A", flags: "rd cd", reply: { rcode: "REFUSED", flags: "qr rd cd", opt: "none" } },
      {
        ask: "www.example.org. A",
        name: "OPT",
        edns: { size: 4096 },
        reply: { opt: { size: 4096, do: false, version: 0, options: [] } },
      },
      { ask: "www.example.org. A", name: "OPT DO", edns: { size: 1, do: true }, reply: { opt: { size: 1, do: true } } },
      { ask: "www.example.org. A", name: "OPT size 0", edns: { size: 0 }, reply: { opt: { size: 0 } } },
      {
        ask: "www.example.org. A",
        name: "OPT over TCP",
        over: "tcp",
        edns: { size: 700 },
        reply: { opt: { size: 700 } },
      },
      {
        ask: "www.example.org. A",
        name: "cookie, NSID, padding, client subnet, an unknown option",
        edns: { options: ["10 0102030405060708", "3", "12 000000", "8 00011800c00002", "65001 00"] },
        reply: { rcode: "NOERROR", opt: { options: [] } },
      },
      { ask: "wWw.eXample.ORG. A", reply: { question: "wWw.eXample.ORG. A", counts: { additional: 2 } } },
      { ask: "w\\000w\\.\\255.example.org. TXT", reply: { rcode: "NOERROR", counts: { additional: 2 } } },
      { ask: "www.example.org. TYPE65534", reply: { rcode: "NOERROR", flags: "qr aa rd" } },
      { ask: "www.example.org. None", reply: { rcode: "NOERROR", flags: "qr aa rd" } },
      { ask: "www.example.org. ANY", reply: { rcode: "NOERROR", flags: "qr aa rd", answer: [] } },
      { ask: "www.example.org. OPT", reply: { rcode: "NOERROR", flags: "qr aa rd" } },
    ],
  },
  {
    name: "replies, sizes",
    corefile: `example.org:{PORT} {
      forward . {UP:a} {
        force_tcp
      }
    }`,
    upstreams: {
      a: {
        rules: [
          { when: "large.example.org. A", replies: [{ answer: address(60) }] },
          {
            when: "answer.example.org. TXT",
            replies: [{ answer: text(40, "answer.example.org.") }],
          },
          {
            when: "sections.example.org. A",
            replies: [
              {
                answer: ["sections.example.org. 60 IN A 192.0.2.1"],
                authority: text(4, "sections.example.org."),
                additional: text(4, "extra.example.org."),
              },
            ],
          },
          { when: "one.example.org. TXT", replies: [{ answer: text(1, "one.example.org.") }] },
        ],
      },
    },
    cases: [
      {
        ask: "large.example.org. A",
        over: "tcp",
        reply: { flags: "qr rd ra", counts: { answer: 60 }, opt: "none" },
      },
      {
        ask: "sections.example.org. A",
        name: "the additional section is cut first",
        reply: {
          flags: "qr tc rd ra",
          answer: ["sections.example.org. 60 IN A 192.0.2.1"],
          counts: { authority: 4, additional: 0 },
          maxSize: 512,
        },
      },
      {
        ask: "sections.example.org. A",
        name: "all sections in 1232 bytes",
        edns: {},
        reply: { flags: "qr rd ra", counts: { answer: 1, authority: 4, additional: 4 }, opt: { size: 1232 } },
      },
      {
        ask: "answer.example.org. TXT",
        reply: { flags: "qr tc rd ra", counts: { answer: 5 }, maxSize: 512, opt: "none" },
      },
      {
        ask: "answer.example.org. TXT",
        name: "a size below 512 counts as 512",
        edns: { size: 100 },
        reply: { flags: "qr tc rd ra", counts: { answer: 4 }, maxSize: 512, opt: { size: 100 } },
      },
      {
        ask: "answer.example.org. TXT",
        name: "1232 bytes",
        edns: {},
        reply: { flags: "qr tc rd ra", counts: { answer: 12 }, maxSize: 1232, opt: { size: 1232 } },
      },
      {
        ask: "answer.example.org. TXT",
        name: "4096 bytes",
        edns: { size: 4096 },
        reply: { flags: "qr rd ra", counts: { answer: 40 }, opt: { size: 4096 } },
      },
      {
        ask: "answer.example.org. TXT",
        name: "over TCP",
        over: "tcp",
        reply: { flags: "qr rd ra", counts: { answer: 40 } },
      },
      { ask: "one.example.org. TXT", reply: { flags: "qr rd ra", counts: { answer: 1 } } },
    ],
  },
  {
    name: "replies, what an upstream's reply keeps",
    corefile: `example.org:{PORT} {
      forward . {UP:a}
    }`,
    upstreams: {
      a: {
        rules: [
          {
            when: "options.example.org. A",
            replies: [
              {
                answer: ["options.example.org. 60 IN A 192.0.2.1"],
                edns: { size: 1400, options: ["10 0102030405060708090a0b0c0d0e0f10", "15 0000", "8 00011818c00002"] },
              },
            ],
          },
          {
            when: "flags.example.org. A",
            replies: [{ flags: "qr aa rd ra ad cd", answer: ["flags.example.org. 60 IN A 192.0.2.1"] }],
          },
          { when: "badcookie.example.org. A", replies: [{ rcode: "BADCOOKIE", edns: {} }] },
          { when: "notauth.example.org. A", replies: [{ rcode: "NOTAUTH" }] },
          {
            when: "Case.Example.org. A",
            replies: [{ answer: ["CASE.Test. 60 IN CNAME OTHER.tESt.", "other.test. 60 IN A 192.0.2.1"] }],
          },
        ],
      },
    },
    cases: [
      {
        ask: "options.example.org. A",
        edns: { size: 900, do: true, options: ["10 0102030405060708"] },
        reply: {
          rcode: "NOERROR",
          opt: {
            size: 900,
            do: true,
            version: 0,
            options: ["10 0102030405060708090a0b0c0d0e0f10", "15 0000", "8 00011818c00002"],
          },
        },
      },
      {
        ask: "options.example.org. A",
        name: "an OPT that nobody asked for",
        reply: {
          opt: {
            size: 1400,
            do: false,
            options: ["10 0102030405060708090a0b0c0d0e0f10", "15 0000", "8 00011818c00002"],
          },
        },
      },
      { ask: "flags.example.org. A", reply: { flags: "qr aa rd ra ad cd" } },
      { ask: "flags.example.org. A", name: "without RD", flags: "", reply: { flags: "qr aa rd ra ad cd" } },
      { ask: "badcookie.example.org. A", edns: {}, reply: { counts: { answer: 0 } } },
      { ask: "notauth.example.org. A", reply: { rcode: "NOTAUTH", opt: "none" } },
      {
        ask: "cAse.example.org. A",
        reply: {
          question: "cAse.example.org. A",
          answer: ["CASE.Test. 60 IN CNAME OTHER.tESt.", "other.test. 60 IN A 192.0.2.1"],
        },
      },
    ],
  },
];
