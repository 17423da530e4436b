/** health: what it says over HTTP. Its lameduck is in test/plugins/health.test.ts: a parity case has no end to watch. */
import type { ParityServer } from "../case.ts";

const plain = "text/plain; charset=utf-8";

export const servers: ParityServer[] = [
  {
    name: "health",
    corefile: `example.org:{PORT} {
      whoami
      health 127.0.0.1:{PORT2} {
        lameduck 100ms
      }
    }
    example.net:{PORT} {
      whoami
      health 127.0.0.1:{PORT2}
    }`,
    prints: ["example.org.:{PORT}"],
    cases: [
      {
        ask: "www.example.org. A",
        reply: { rcode: "NOERROR" },
        http: [
          { get: "{PORT2}/health", status: 200, type: plain, body: "OK" },
          { get: "{PORT2}/health?verbose", status: 200, body: "OK" },
          { get: "{PORT2}/", status: 404, type: plain, body: "404 page not found\n" },
          { get: "{PORT2}/ready", status: 404 },
        ],
      },
      {
        ask: "www.example.org. A",
        name: "after a reload that fails",
        before: [
          { write: "Corefile", text: "example.org:{PORT} {\n nonsense\n}\n" },
          { signal: "SIGUSR1" },
          { waitMs: 500 },
        ],
        reply: { rcode: "NOERROR" },
        http: [{ get: "{PORT2}/health", status: 200, body: "OK" }],
      },
      {
        ask: "www.example.org. A",
        name: "after a reload without it",
        before: [
          { write: "Corefile", text: "example.org:{PORT} {\n erratic {\n  drop 0\n }\n}\n" },
          { signal: "SIGUSR1" },
          { waitMs: 500 },
        ],
        withinMs: 3_000,
        reply: { counts: { answer: 1 } },
        http: [{ get: "{PORT2}/health", status: 0 }],
      },
    ],
  },
];
