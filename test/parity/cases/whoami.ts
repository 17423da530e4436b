import type { ParityServer } from "../case.ts";

export const servers: ParityServer[] = [
  {
    name: "whoami",
    corefile: `example.org:{PORT} {
      whoami
    }`,
    cases: [
      { ask: "www.example.org. A", reply: { rcode: "NOERROR", flags: "qr aa rd", answer: [], authority: [] } },
      { ask: "www.example.com. A", reply: { rcode: "REFUSED" } },
    ],
  },
];
