/** loadbalance: what is the same each time, however the rest is shuffled. */
import type { ParityServer } from "../case.ts";

const soa = "@ 60 SOA ns admin 1 2 3 4 5";
const first = (name: string, last: number) => `${name}. 60 IN A 192.0.2.${last}`;

export const servers: ParityServer[] = [
  {
    name: "loadbalance",
    corefile: `prefer.test:{PORT} {
      loadbalance round_robin {
        prefer 192.0.2.8/32 192.0.2.4/31
        prefer 192.0.2.1/32
      }
      file {DIR}/prefer
    }
    mixed.test:{PORT} {
      loadbalance
      file {DIR}/mixed
    }
    weighted.test:{PORT} {
      loadbalance weighted {DIR}/weights {
        reload 1s
      }
      file {DIR}/weighted
    }
    absent.test:{PORT} {
      loadbalance weighted {DIR}/absent
      file {DIR}/absent.db
    }`,
    files: {
      prefer: `${soa}\nwww 60 A 192.0.2.1\nwww 60 A 192.0.2.3\nwww 60 A 192.0.2.8\nwww 60 A 192.0.2.5\nal 60 CNAME www\n`,
      mixed: `${soa}\nwww 60 A 192.0.2.1\nwww 60 A 192.0.2.2\n@ 60 MX 1 www\n@ 60 MX 2 www\n@ 60 TXT a\n@ 60 TXT b\n`,
      weighted: `${soa}\nwww 60 A 192.0.2.1\n`,
      "absent.db": `${soa}\nwww 60 A 192.0.2.1\n`,
      weights: "www.weighted.test\n192.0.2.1 7\n",
    },
    prints: [
      "[INFO] plugin/loadbalance: Successfully reloaded weight file {DIR}/weights",
      "[WARNING] plugin/loadbalance: Failed to open weight file:weight file open error. Will try again in 30s",
    ],
    cases: [
      {
        ask: "www.prefer.test. A",
        times: 10,
        reply: { ordered: true, answer: [8, 5, 1, 3].map((last) => first("www.prefer.test", last)) },
      },
      {
        ask: "al.prefer.test. A",
        times: 10,
        reply: {
          ordered: true,
          answer: [
            "al.prefer.test. 60 IN CNAME www.prefer.test.",
            ...[8, 5, 1, 3].map((last) => first("www.prefer.test", last)),
          ],
        },
      },
      { ask: "www.mixed.test. A", reply: { answer: [1, 2].map((last) => first("www.mixed.test", last)) } },
      {
        ask: "mixed.test. TXT",
        times: 10,
        reply: { ordered: true, answer: ['mixed.test. 60 IN TXT "a"', 'mixed.test. 60 IN TXT "b"'] },
      },
      {
        ask: "mixed.test. MX",
        times: 5,
        reply: {
          answer: ["mixed.test. 60 IN MX 1 www.mixed.test.", "mixed.test. 60 IN MX 2 www.mixed.test."],
          additional: [1, 2].map((last) => first("www.mixed.test", last)),
        },
      },
      { ask: "www.absent.test. A", reply: { answer: [first("www.absent.test", 1)] } },
      {
        ask: "www.weighted.test. A",
        reply: { answer: [first("www.weighted.test", 1)] },
      },
    ],
  },
];
