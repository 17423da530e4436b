/** erratic: the sequences that it promises, and its records. */
import type { ParityCase, ParityServer } from "../case.ts";

const ask = "www.example.org. A";

/** A case for each word: `drop`, `tc`, `ok`. */
function sequence(words: string): ParityCase[] {
  return words.split(" ").map((word, index) => ({
    ask,
    name: `query ${index}: ${word}`,
    reply: word === "drop" ? { noReply: true } : { flags: word === "tc" ? "qr aa tc rd" : "qr aa rd" },
  }));
}

const block = (options: string) => `example.org:{PORT} {
  erratic {
    ${options}
  }
}`;
const a = (owner: string) => `${owner} 0 IN A 192.0.2.53`;

export const servers: ParityServer[] = [
  { name: "erratic, no options", corefile: "example.org:{PORT} {\n erratic\n}", cases: sequence("drop ok drop ok") },
  { name: "erratic, large alone", corefile: block("large"), cases: sequence("drop tc drop tc") },
  { name: "erratic, drop 3", corefile: block("drop 3"), cases: sequence("drop ok ok drop ok") },
  { name: "erratic, truncate", corefile: block("drop 0\ntruncate"), cases: sequence("tc tc ok ok tc tc ok ok") },
  { name: "erratic, truncate alone", corefile: block("drop\ntruncate 4"), cases: sequence("tc tc tc tc ok ok") },
  { name: "erratic, delay alone", corefile: block("delay 3 5ms"), cases: sequence("ok ok ok ok") },
  { name: "erratic, truncate 0", corefile: block("truncate 0"), cases: sequence("drop ok drop ok") },
  { name: "erratic, truncate 3", corefile: block("drop 0\ntruncate 3"), cases: sequence("tc ok ok ok tc ok") },
  {
    name: "erratic, drop 2 and truncate 4",
    corefile: block("drop 2\ntruncate 4"),
    cases: sequence("drop tc drop tc drop ok"),
  },
  {
    name: "erratic, delay",
    corefile: block("drop 0\ndelay 2 700ms"),
    // What comes after more than half a second counts as no reply.
    cases: sequence("drop ok drop ok"),
  },
  {
    name: "erratic, records",
    corefile: block("drop 0\nlarge"),
    cases: [
      {
        ask: "Www.example.org. A",
        over: "tcp",
        reply: { answer: Array(30).fill(a("Www.example.org.")), authority: [], additional: [] },
      },
      { ask: "www.example.org. A", reply: { flags: "qr aa tc rd", maxSize: 512 } },
      { ask: "www.example.org. A", edns: {}, reply: { flags: "qr aa rd", counts: { answer: 30 } } },
      {
        ask: "www.example.org. AAAA",
        reply: { answer: ["www.example.org. 0 IN AAAA 2001:db8::53"], flags: "qr aa rd" },
      },
      { ask: "www.example.org. MX", reply: { rcode: "SERVFAIL", flags: "qr rd", answer: [] } },
      { ask: "www.example.org. ANY", edns: {}, reply: { rcode: "SERVFAIL", opt: { size: 1232 } } },
      { ask: "example.org. SOA", reply: { rcode: "SERVFAIL" } },
      { ask: "example.org. IXFR", reply: { rcode: "SERVFAIL" } },
      {
        ask: "Example.org. AXFR",
        over: "tcp",
        reply: {
          flags: "qr aa rd",
          ordered: true,
          answer: [
            "Example.org. 0 IN SOA sns.dns.icann.org. noc.dns.icann.org. 2018050825 7200 3600 1209600 3600",
            "Example.org. 0 IN NS b.Example.org.",
            "Example.org. 0 IN NS a.Example.org.",
            "a.Example.org. 0 IN AAAA 2001:bd8::53",
            "b.Example.org. 0 IN AAAA 2001:500::54",
            "Example.org. 0 IN SOA sns.dns.icann.org. noc.dns.icann.org. 2018050825 7200 3600 1209600 3600",
          ],
        },
      },
      { ask: "example.org. AXFR", reply: { flags: "qr aa rd", counts: { answer: 6 } } },
    ],
  },
  {
    name: "erratic, a transfer without its end",
    corefile: block("drop 0\ntruncate 1"),
    cases: [
      { ask: "example.org. AXFR", over: "tcp", reply: { flags: "qr aa rd", counts: { answer: 5 } } },
      { ask: "example.org. AXFR", over: "tcp", name: "whole", reply: { flags: "qr aa rd", counts: { answer: 6 } } },
    ],
  },
];
