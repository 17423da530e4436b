/** pprof: where it answers. What it says is about another program, so only its form is compared. */
import type { ParityServer } from "../case.ts";

export const servers: ParityServer[] = [
  {
    name: "pprof",
    corefile: `example.org:{PORT} {
      whoami
      pprof 127.0.0.1:{PORT2} {
        block 1
      }
    }
    example.net:{PORT} {
      whoami
      pprof 127.0.0.1:{PORT2}
    }`,
    cases: [
      {
        ask: "www.example.org. A",
        reply: { rcode: "NOERROR" },
        http: [
          {
            get: "{PORT2}/debug/pprof/",
            status: 200,
            type: "text/html; charset=utf-8",
            body: /href=['"]?profile[^>]*>profile</,
          },
          { get: "{PORT2}/debug/pprof/cmdline", status: 200, type: "text/plain; charset=utf-8", body: /-conf\0/ },
          { get: "{PORT2}/debug/pprof/profile?seconds=1", status: 200, type: "application/octet-stream" },
          { get: "{PORT2}/debug/pprof/heap?seconds=1", status: 200, type: "application/octet-stream" },
          { get: "{PORT2}/debug/pprof/nothing", status: 404, type: "text/plain; charset=utf-8" },
          { get: "{PORT2}/metrics", status: 404 },
        ],
      },
      {
        ask: "www.example.org. A",
        name: "threads do not wait for one another",
        reply: { rcode: "NOERROR" },
        http: [{ get: "{PORT2}/debug/pprof/block", status: 200 }],
        differs: "pprof: kinds of profiles",
        ours: { http: [{ get: "{PORT2}/debug/pprof/block", status: 501 }] },
      },
    ],
  },
];
