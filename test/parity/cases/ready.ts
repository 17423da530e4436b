/** ready: who is not, and what is remembered. erratic is ready while it has counted three or four queries. */
import type { ParityServer } from "../case.ts";

const answered = { counts: { answer: 1 } };
const type = "text/plain; charset=utf-8";
const erratic = { get: "{PORT2}/ready", status: 503, body: "erratic", type };
const ok = { get: "{PORT2}/ready", status: 200, body: "OK", type };

/** Both blocks have `ready`, since CoreDNS asks the plugins of such blocks only. */
function corefile(first: string, second: string): string {
  const block = (zone: string, plugin: string, options: string) => `${zone}:{PORT} {
    ${plugin}
    ready 127.0.0.1:{PORT2} {
      ${options}
    }
  }
  `;
  return block("a.test", "erratic {\n drop 0\n}", first) + block("b.test", "whoami", second);
}

export const servers: ParityServer[] = [
  {
    name: "ready, until-ready",
    corefile: corefile("monitor continuously", ""),
    cases: [
      {
        ask: "1.a.test. A",
        reply: answered,
        http: [erratic],
        log: ['[INFO] plugin/ready: Plugins not ready: "erratic"'],
      },
      {
        ask: "2.a.test. A",
        times: 2,
        reply: answered,
        http: [ok, { get: "{PORT2}/", status: 404 }],
        notLog: ["[INFO] *"],
      },
      { ask: "4.a.test. A", times: 2, reply: answered, http: [ok], name: "no more, but it was" },
    ],
  },
  {
    name: "ready, continuously",
    corefile: corefile("monitor until-ready", "monitor continuously"),
    cases: [
      { ask: "1.a.test. A", reply: answered, http: [erratic] },
      { ask: "2.a.test. A", times: 2, reply: answered, http: [ok] },
      { ask: "4.a.test. A", times: 2, reply: answered, http: [erratic], name: "no more" },
    ],
  },
  {
    name: "ready, other blocks",
    corefile: `a.test:{PORT} {
      erratic {
        drop 0
      }
    }
    b.test:{PORT} {
      whoami
      ready 127.0.0.1:{PORT2}
    }`,
    cases: [
      {
        ask: "1.a.test. A",
        reply: answered,
        http: [ok],
        differs: "ready: other blocks",
        ours: { http: [erratic] },
      },
    ],
  },
];
