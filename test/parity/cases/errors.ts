/** errors: its lines. The chain ends behind `log`, which is an error that names it. */
import type { ParityServer } from "../case.ts";

const failed = { rcode: "SERVFAIL", flags: "qr rd" };

export const servers: ParityServer[] = [
  {
    name: "errors, lines",
    corefile: `example.org:{PORT} {
      errors
      log
    }
    alone.test:{PORT} {
      errors stdout
    }
    silent.test:{PORT} {
      log
    }
    erratic.test:{PORT} {
      errors
      erratic {
        drop 0
      }
    }
    forward.test:{PORT} {
      errors
      forward . {UP:down}
    }`,
    upstreams: { down: { rules: [], down: true } },
    cases: [
      {
        ask: "Www.Example.org. A",
        reply: failed,
        log: [
          "[ERROR] plugin/errors: 2 www.example.org. A: plugin/log: no next plugin found",
          '[INFO] 127.0.0.1:* - * "A IN www.example.org. udp 33 false 512" SERVFAIL qr,rd 33 *s',
        ],
      },
      {
        ask: "a\\009\\.b.example.org. TYPE65280",
        over: "tcp",
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 a\\009\\.b.example.org. TYPE65280: plugin/log: no next plugin found"],
      },
      {
        ask: "alone.test. None",
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 alone.test. None: plugin/errors: no next plugin found"],
      },
      {
        ask: "silent.test. A",
        reply: failed,
        notLog: ["[ERROR] plugin/errors: 2 silent.test. A: plugin/log: no next plugin found"],
      },
      { ask: "erratic.test. MX", reply: failed, notLog: ["[ERROR] plugin/errors: 2 erratic.test. MX: *"] },
      {
        ask: "forward.test. A",
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 forward.test. A: read udp *: read: connection refused"],
      },
    ],
  },
  {
    name: "errors, consolidate",
    corefile: `first.test:{PORT} {
      errors {
        consolidate 300ms "^plugin/log: no next .*found$" warning
        consolidate 300ms "no next" info
      }
      log
    }
    shown.test:{PORT} {
      errors {
        consolidate 300ms "next plugin" info show_first
      }
      log
    }
    quiet.test:{PORT} {
      errors {
        consolidate 100ms "next" debug
      }
      log
    }
    other.test:{PORT} {
      errors {
        consolidate 100ms "^next"
      }
      log
    }`,
    cases: [
      {
        ask: "www.first.test. A",
        times: 3,
        reply: failed,
        log: ["[WARNING] plugin/errors: 3 errors like '^plugin/log: no next .*found$' occurred in last 300ms"],
        notLog: ["[WARNING] plugin/errors: 2 www.first.test. A: *", "[INFO] plugin/errors: *"],
      },
      {
        ask: "www.first.test. A",
        name: "again, once",
        reply: failed,
        log: ["[WARNING] plugin/errors: 1 errors like '^plugin/log: no next .*found$' occurred in last 300ms"],
      },
      {
        ask: "www.shown.test. A",
        reply: failed,
        log: ["[INFO] plugin/errors: 2 www.shown.test. A: plugin/log: no next plugin found"],
      },
      {
        ask: "www.shown.test. A",
        name: "show_first, and two more",
        before: [{ waitMs: 500 }],
        times: 3,
        reply: failed,
        log: [
          "[INFO] plugin/errors: 2 www.shown.test. A: plugin/log: no next plugin found",
          "[INFO] plugin/errors: 3 errors like 'next plugin' occurred in last 300ms",
        ],
      },
      {
        ask: "www.quiet.test. A",
        reply: failed,
        notLog: ["[DEBUG] *", "[DEBUG] plugin/errors: 1 errors like 'next' occurred in last 100ms"],
      },
      {
        ask: "www.other.test. A",
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 www.other.test. A: plugin/log: no next plugin found"],
      },
    ],
  },
];
