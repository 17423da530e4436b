/** rewrite: options of queries and replies. Behaviour 3.C. */
import type { ParityServer } from "../case.ts";

export const servers: ParityServer[] = [
  {
    name: "rewrite, options",
    corefile: `.:{PORT} {
      rewrite continue edns0 local set 0xffee hello
      rewrite continue edns0 local append 65001 0x0a0b
      rewrite continue edns0 local replace 65002 new
      rewrite continue edns0 local unset 65003
      rewrite continue edns0 local set 65004 {qname} revert
      rewrite continue edns0 local set 65005 {qtype}
      rewrite continue edns0 local set 65006 {client_ip}
      rewrite continue edns0 local set 65007 {protocol}
      rewrite continue edns0 nsid set
      rewrite continue edns0 subnet set 20 56
      whoami
    }`,
    cases: [
      {
        ask: "A.test. MX",
        reply: {
          opt: {
            size: 4096,
            do: false,
            options: ["65518 68656c6c6f", "65001 0a0b", "65005 000f", "65006 7f000001", "65007 756470"],
          },
        },
      },
      {
        ask: "a.test. A",
        over: "tcp",
        edns: {
          size: 900,
          do: true,
          options: ["65518 00", "65001 01", "65002 02", "65003 03", "65003 04", "65004 05", "10 0102030405060708"],
        },
        reply: {
          opt: {
            size: 900,
            do: true,
            options: [
              "65518 68656c6c6f",
              "65001 01",
              "65001 0a0b",
              "65002 6e6577",
              "65004 05",
              "65005 0001",
              "65006 7f000001",
              "65007 746370",
            ],
          },
        },
      },
    ],
  },
  {
    name: "rewrite, options once more",
    corefile: `.:{PORT} {
      rewrite edns0 local append 65001 x revert
      whoami
    }
    once.test:{PORT} {
      rewrite edns0 local append 65101 {qtype}
      rewrite edns0 local set 65102 x
      whoami
    }
    known.test:{PORT} {
      rewrite edns0 local set 10 abcdefgh
      whoami
    }
    server.test:{PORT} {
      rewrite edns0 local set 65007 {server_ip}
      rewrite edns0 local set 65008 x
      whoami
    }
    large.test:{PORT} {
      rewrite edns0 nsid set
      forward . {UP:u}
    }`,
    upstreams: { u: { rules: [{ replies: [{ answer: everyAddress("www.large.test.") }] }] } },
    cases: [
      {
        ask: "a.test. A",
        edns: { size: 900, options: ["65001 01"] },
        reply: { opt: { options: ["65001 78"] } },
        differs: "rewrite: options that are put back",
        ours: { reply: { opt: { options: ["65001 01"] } } },
      },
      { ask: "once.test. A", edns: { size: 900 }, reply: { opt: { options: ["65101 0001"] } } },
      {
        ask: "once.test. A",
        name: "a variable is not put beside the client's option",
        edns: { size: 900, options: ["65101 01"] },
        reply: { opt: { options: ["65101 01", "65102 78"] } },
      },
      {
        ask: "known.test. A",
        edns: { size: 900, options: ["10 0102030405060708"] },
        reply: { opt: { options: ["10 0102030405060708", "10 6162636465666768"] } },
        differs: "rewrite: options with names",
        ours: { reply: { opt: { options: ["10 6162636465666768"] } } },
      },
      {
        ask: "server.test. A",
        reply: { opt: { options: ["65008 78"] } },
        differs: "rewrite: {server_ip}",
        ours: { reply: { opt: { options: ["65007 7f000001"] } } },
      },
      {
        ask: "other.server.test. A",
        name: "options of another block's rules",
        edns: { size: 900, options: ["65001 01", "65007 01"] },
        reply: { opt: { options: ["65001 01", "65008 78", "65007 01"] } },
        differs: "rewrite: options of other blocks",
        ours: { reply: { opt: { options: ["65007 7f000001"] } } },
      },
      {
        ask: "www.large.test. A",
        reply: { flags: "qr rd ra", counts: { answer: 40 }, opt: { size: 4096 } },
        differs: "rewrite: clients without OPT",
        ours: { reply: { flags: "qr tc rd ra", opt: { size: 4096 }, maxSize: 512 } },
      },
    ],
  },
];

function everyAddress(name: string): string[] {
  return Array.from({ length: 40 }, (_, i) => `${name} 60 IN A 192.0.2.${i}`);
}
