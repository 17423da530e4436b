/** whoami: what it says of a client. Source ports vary, so the port is only counted. */
import type { ParityServer } from "../case.ts";

const label = "a".repeat(63);
const longest = `${label}.${label}.${label}.${"a".repeat(56)}.`;

export const servers: ParityServer[] = [
  {
    name: "whoami",
    corefile: `.:{PORT} {
      whoami
    }
    any.test:{PORT2} {
      whoami
    }
    forward.test:{PORT2} {
      forward . 127.0.0.1:1
    }`,
    cases: [
      {
        ask: "www.example.org. A",
        reply: { rcode: "NOERROR", flags: "qr aa rd", answer: [], authority: [], counts: { additional: 2 } },
      },
      { ask: ". NS", over: "tcp", to: "::1", reply: { rcode: "NOERROR", answer: [], counts: { additional: 2 } } },
      { ask: "www.example.org. TYPE65280", reply: { rcode: "NOERROR", answer: [], counts: { additional: 2 } } },
      { ask: "www.any.test. A CH", port: 2, reply: { rcode: "NOERROR", flags: "qr aa rd", counts: { additional: 2 } } },
      { ask: "www.any.test. A CLASS4711", port: 2, reply: { rcode: "NOERROR", counts: { additional: 2 } } },
      { ask: `${longest} A`, reply: { rcode: "NOERROR", counts: { additional: 2 }, flags: "qr aa rd" } },
    ],
  },
];
