/** loop: where there is none, the probe is a query as any other. With one CoreDNS ends, so that is in test/plugins. */
import type { ParityServer } from "../case.ts";

export const servers: ParityServer[] = [
  {
    name: "loop, none",
    corefile: `example.org:{PORT} example.net:{PORT} {
      loop
      forward . {UP:a}
    }
    example.com:{PORT} {
      loop
      whoami
    }`,
    upstreams: {
      a: {
        rules: [
          { when: "www.example.org. A", replies: [{ answer: ["www.example.org. 60 IN A 192.0.2.1"] }] },
          { when: "www.example.org. HINFO", replies: [{ answer: ['www.example.org. 60 IN HINFO "a" "b"'] }] },
        ],
      },
    },
    cases: [
      {
        ask: "www.example.org. A",
        reply: { rcode: "NOERROR", answer: ["www.example.org. 60 IN A 192.0.2.1"] },
        notLog: ["[FATAL] plugin/loop: *"],
      },
      {
        ask: "www.example.org. HINFO",
        reply: { rcode: "NOERROR", answer: ['www.example.org. 60 IN HINFO "a" "b"'] },
        times: 4,
      },
      { ask: "www.example.com. HINFO", times: 4, reply: { rcode: "NOERROR", flags: "qr aa rd" } },
    ],
  },
];
