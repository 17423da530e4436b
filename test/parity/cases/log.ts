/** Query log lines: placeholders, rules and classes. */
import type { ParityServer } from "../case.ts";
import { header, question } from "../hex.ts";

const erratic = `erratic {
  drop 0
}`;
const soa = "example.org. 60 IN SOA ns.example.org. admin.example.org. 1 7200 900 86400 60";
const any = {};

export const servers: ParityServer[] = [
  {
    name: "log, placeholders",
    corefile: `example.org:{PORT} {
      log
      ${erratic}
    }
    combined.test:{PORT} {
      log . "{combined}"
      ${erratic}
    }
    words.test:{PORT} {
      log . "{type}|{class}|{name}|{proto}|{size}|{remote}|{local}|{>opcode}|{>do}|{>bufsize}|{rcode}|{>rflags}|{rsize}"
      whoami
    }
    odd.test:{PORT} {
      log . "[{NAME}|{>DO}|{>nope}|{foo {type} {}|{/a/b}|{/a}|{//}|{common}x{name}] tail {"
      ${erratic}
    }
    dropped.test:{PORT} {
      log . "{common} {combined} {rcode}|{>rflags}|{rsize}"
      erratic {
        drop 1
      }
    }
    refused.test:{PORT} {
      log . "{size}|{rcode}|{>rflags}|{rsize}"
      acl {
        block
      }
    }
    cut.test:{PORT} {
      log . "{rcode}|{>rflags}|{rsize}"
      template IN TXT {
        answer "{{ .Name }} 60 IN TXT one-record-of-a-hundred-letters-one-record-of-a-hundred-letters-one-record-of-a-hundred-letters-1"
        answer "{{ .Name }} 60 IN TXT two-record-of-a-hundred-letters-one-record-of-a-hundred-letters-one-record-of-a-hundred-letters-1"
        answer "{{ .Name }} 60 IN TXT 333-record-of-a-hundred-letters-one-record-of-a-hundred-letters-one-record-of-a-hundred-letters-1"
        answer "{{ .Name }} 60 IN TXT 444-record-of-a-hundred-letters-one-record-of-a-hundred-letters-one-record-of-a-hundred-letters-1"
        answer "{{ .Name }} 60 IN TXT 555-record-of-a-hundred-letters-one-record-of-a-hundred-letters-one-record-of-a-hundred-letters-1"
      }
    }
    plain.test:{PORT} {
      log . "nothing in braces"
      whoami
    }
    bound.test:{PORT2} {
      bind 127.0.0.1
      log . "{local} {port}"
      whoami
    }`,
    cases: [
      {
        ask: "Www.example.org. A",
        reply: any,
        log: ['[INFO] 127.0.0.1:* - * "A IN www.example.org. udp 33 false 512" NOERROR qr,aa,rd 64 *s'],
      },
      {
        ask: 'a\\009\\.b\\032\\"$;.example.org. AAAA',
        flags: "ad cd",
        edns: { do: true, size: 4096 },
        over: "tcp",
        reply: any,
        log: [
          '[INFO] 127.0.0.1:* - * "AAAA IN a\\009\\.b\\ \\"$\\;.example.org. tcp 49 true 65535" NOERROR qr,aa,cd 86 *s',
        ],
      },
      {
        ask: "www.example.org. MX",
        to: "::1",
        edns: { size: 100 },
        reply: { rcode: "SERVFAIL" },
        log: ['[INFO] [::1]:* - * "MX IN www.example.org. udp 44 false 512" SERVFAIL qr,rd 33 *s'],
      },
      {
        ask: "www.combined.test. TYPE65280",
        opcode: 4,
        reply: any,
        log: ['[INFO] 127.0.0.1:* - * "TYPE65280 IN www.combined.test. udp 35 false 512" SERVFAIL qr 35 *s "4"'],
      },
      {
        ask: "www.words.test. A",
        flags: "rd cd",
        edns: { size: 65535 },
        reply: any,
        log: ["[INFO] A|IN|www.words.test.|udp|43|127.0.0.1|[::]|0|false|65535|NOERROR|qr,aa,rd,cd|100"],
      },
      {
        ask: "www.words.test. A",
        edns: { size: 1232, options: ["10 0102030405060708"] },
        reply: any,
        log: ["[INFO] A|IN|www.words.test.|udp|43|127.0.0.1|[::]|0|false|1232|NOERROR|qr,aa,rd|100"],
      },
      {
        ask: "www.refused.test. A",
        edns: { size: 1232, options: ["10 0102030405060708"] },
        reply: any,
        log: ["[INFO] 57|REFUSED|qr,rd|51"],
      },
      {
        ask: "many.cut.test. TXT",
        reply: any,
        log: ["[INFO] NOERROR|qr,aa,tc,rd|*"],
      },
      {
        ask: "www.words.test. ANY",
        to: "::1",
        over: "tcp",
        reply: any,
        log: ["[INFO] ANY|IN|www.words.test.|tcp|32|[::1]|[::1]|0|false|65535|NOERROR|qr,aa,rd|112"],
      },
      {
        ask: "words.test. None",
        reply: any,
        log: ["[INFO] None|IN|words.test.|udp|28|127.0.0.1|[::]|0|false|512|NOERROR|qr,aa,rd|88"],
      },
      {
        ask: "www.odd.test. A",
        reply: any,
        log: [
          '[INFO] [{NAME}|{>DO}|{>nope}|{foo A {}|-|-|-|127.0.0.1:* - * "A IN www.odd.test. udp 30 false 512" NOERROR qr,aa,rd 58 *sxwww.odd.test.] tail {',
        ],
      },
      {
        ask: "www.dropped.test. A",
        reply: { noReply: true },
        log: [
          '[INFO] 127.0.0.1:* - * "A IN www.dropped.test. udp 34 false 512" - - 0 *s 127.0.0.1:* - * "A IN www.dropped.test. udp 34 false 512" - - 0 *s "0" -|-|0',
        ],
      },
      {
        ask: "www.plain.test. A",
        reply: any,
        notLog: ["[INFO] nothing in braces"],
        log: ['[INFO] 127.0.0.1:* - * "A IN www.plain.test. udp 32 false 512" NOERROR qr,aa,rd 100 *s'],
      },
      {
        ask: "bytes behind the message",
        raw: `${header("0100", [1, 0, 0, 0]) + question("www.words.test. A")} ffffffff`,
        reply: any,
        log: ["[INFO] A|IN|www.words.test.|udp|32|127.0.0.1|[::]|0|false|512|NOERROR|qr,aa,rd|100"],
      },
      {
        ask: "a record with a compressed name",
        raw: `${header("0100", [1, 1, 0, 0]) + question("www.words.test. A")} c00c 0002 0001 00000000 0002 c010`,
        reply: any,
        log: ["[INFO] A|IN|www.words.test.|udp|70|127.0.0.1|[::]|0|false|512|NOERROR|qr,aa,rd|100"],
      },
      { ask: "www.bound.test. A", port: 2, reply: any, log: ["[INFO] 127.0.0.1 *"] },
    ],
  },
  {
    name: "log, rules",
    corefile: `example.org:{PORT} {
      log www.example.org "www {name}"
      log Sub.Example.ORG 192.0.2.0/24 "sub {name}"
      log deep.sub.example.org "never {name}"
      ${erratic}
    }
    first.test:{PORT} {
      log . "first {name} {type}" {
        class denial error
      }
      log . "second {name} {type}"
      ${erratic}
    }
    names.test:{PORT} {
      log {name}
      log a.names.test b.names.test
      ${erratic}
    }
    2.0.192.in-addr.arpa:{PORT} {
      log 192.0.2.0/24 "lower {name}"
      ${erratic}
    }`,
    cases: [
      { ask: "www.example.org. A", reply: any, log: ["[INFO] www www.example.org."] },
      { ask: "x.WWW.example.org. A", reply: any, log: ["[INFO] www x.www.example.org."] },
      { ask: "xwww.example.org. A", reply: any, notLog: ["*xwww.example.org.*", "[INFO] * xwww.example.org."] },
      { ask: "example.org. A", reply: any, notLog: ["[INFO] * example.org."] },
      { ask: "deep.sub.example.org. A", reply: any, log: ["[INFO] sub deep.sub.example.org."] },
      { ask: "www.first.test. MX", reply: any, log: ["[INFO] first www.first.test. MX"] },
      {
        ask: "www.first.test. A",
        reply: any,
        notLog: ["[INFO] first www.first.test. A", "[INFO] second www.first.test. A"],
      },
      {
        ask: "a.names.test. A",
        reply: any,
        log: ['[INFO] 127.0.0.1:* - * "A IN a.names.test. udp 30 false 512" NOERROR qr,aa,rd 58 *s'],
      },
      {
        ask: "x.b.names.test. A",
        reply: any,
        log: ['[INFO] 127.0.0.1:* - * "A IN x.b.names.test. udp 32 false 512" NOERROR qr,aa,rd 62 *s'],
      },
      { ask: "names.test. A", reply: any, notLog: ['[INFO] 127.0.0.1:* - * "A IN names.test. *'] },
      { ask: "7.2.0.192.in-addr.arpa. A", reply: any, notLog: ["[INFO] lower 7.2.0.192.in-addr.arpa."] },
    ],
  },
  {
    name: "log, classes",
    corefile: `.:{PORT} {
      log success.test "success {name} {type}" {
        class success
      }
      log denial.test "denial {name} {type}" {
        class denial
      }
      log error.test "error {name} {type}" {
        class error
      }
      log all.test "all {name} {type}" {
        class error all
      }
      forward . {UP:a}
    }
    drop.error.test:{PORT} {
      log . "error {name} {type}" {
        class error
      }
      erratic {
        drop 1
      }
    }`,
    upstreams: {
      a: {
        rules: [
          { when: "*.success.test. A", replies: [{ answer: ["x.test. 60 IN A 192.0.2.1"] }] },
          { when: "*.denial.test. A", replies: [{ answer: ["x.test. 60 IN A 192.0.2.1"] }] },
          { when: "*.error.test. A", replies: [{ answer: ["x.test. 60 IN A 192.0.2.1"] }] },
          { when: "*.success.test. NS", replies: [{ authority: ["sub.test. 60 IN NS ns.sub.test."] }] },
          { when: "*.success.test. TXT", replies: [{}] },
          { when: "*.denial.test. TXT", replies: [{ authority: [soa] }] },
          { when: "*.denial.test. MX", replies: [{ rcode: "NXDOMAIN", authority: [soa] }] },
          { when: "*.error.test. MX", replies: [{ rcode: "NXDOMAIN" }] },
          { when: "*.denial.test. PTR", replies: [{ rcode: "NXDOMAIN" }] },
          { when: "*.error.test. PTR", replies: [{ rcode: "SERVFAIL" }] },
          { when: "*.error.test. SRV", replies: [{ rcode: "REFUSED" }] },
          {
            when: "*.denial.test. SRV",
            replies: [{ rcode: "NXDOMAIN", answer: ["x.test. 60 IN CNAME y.test."], authority: [soa] }],
          },
          {
            when: "*.success.test. SRV",
            replies: [{ answer: ["x.test. 60 IN CNAME y.test."], authority: [soa] }],
          },
          { when: "*.error.test. AXFR", replies: [{ answer: ["x.test. 60 IN A 192.0.2.1"] }] },
          { when: "*.error.test. HINFO", replies: [{ answer: ["x.test. 60 IN A 192.0.2.1"], rcode: "NOTAUTH" }] },
        ],
      },
    },
    cases: [
      { ask: "www.success.test. A", reply: any, log: ["[INFO] success www.success.test. A"] },
      { ask: "www.denial.test. A", reply: any, notLog: ["[INFO] denial www.denial.test. A"] },
      { ask: "www.error.test. A", reply: any, notLog: ["[INFO] error www.error.test. A"] },
      { ask: "www.success.test. NS", reply: any, log: ["[INFO] success www.success.test. NS"] },
      { ask: "www.success.test. TXT", reply: any, log: ["[INFO] success www.success.test. TXT"] },
      { ask: "www.success.test. SRV", reply: any, log: ["[INFO] success www.success.test. SRV"] },
      { ask: "www.denial.test. TXT", reply: any, log: ["[INFO] denial www.denial.test. TXT"] },
      { ask: "www.denial.test. MX", reply: any, log: ["[INFO] denial www.denial.test. MX"] },
      { ask: "www.denial.test. SRV", reply: any, notLog: ["[INFO] denial www.denial.test. SRV"] },
      { ask: "www.denial.test. PTR", reply: any, log: ["[INFO] denial www.denial.test. PTR"] },
      { ask: "www.error.test. MX", reply: any, notLog: ["[INFO] error www.error.test. MX"] },
      { ask: "www.error.test. PTR", reply: any, log: ["[INFO] error www.error.test. PTR"] },
      { ask: "www.error.test. SRV", reply: any, log: ["[INFO] error www.error.test. SRV"] },
      { ask: "www.error.test. HINFO", reply: any, log: ["[INFO] error www.error.test. HINFO"] },
      { ask: "www.error.test. AXFR", reply: any, log: ["[INFO] error www.error.test. AXFR"] },
      {
        ask: "www.success.test. A",
        name: "NOTIFY is no success",
        opcode: 4,
        reply: any,
        notLog: ["[INFO] success www.success.test. A"],
      },
      {
        ask: "www.error.test. A",
        name: "NOTIFY is an error",
        opcode: 4,
        reply: any,
        log: ["[INFO] error www.error.test. A"],
      },
      {
        ask: "www.drop.error.test. A",
        name: "no reply is an error",
        reply: { noReply: true },
        log: ["[INFO] error www.drop.error.test. A"],
      },
      { ask: "www.all.test. A", reply: any, log: ["[INFO] all www.all.test. A"] },
    ],
  },
  {
    name: "log, kinds of replies",
    corefile: `test:{PORT} {
      metadata
      log . "{name} {/log/type} {/log/class}"
      forward . {UP:a}
    }
    drop.test:{PORT} {
      metadata
      log . "{name} {/log/type} {/log/class}"
      erratic {
        drop 1
      }
    }
    fail.test:{PORT} {
      metadata
      log . "{name} {type} {/log/type} {/log/class}"
      ${erratic}
    }`,
    upstreams: {
      a: {
        rules: [
          { when: "a.test. A", replies: [{ answer: ["a.test. 60 IN A 192.0.2.1"] }] },
          { when: "ns.test. A", replies: [{ authority: ["sub.test. 60 IN NS ns.sub.test."] }] },
          { when: "nodata.test. A", replies: [{ authority: [soa] }] },
          { when: "denied.test. A", replies: [{ rcode: "NXDOMAIN" }] },
          { when: "lost.test. A", replies: [{ rcode: "NXDOMAIN", answer: ["lost.test. 60 IN CNAME y.test."] }] },
          { when: "empty.test. A", replies: [{}] },
          { when: "notimp.test. A", replies: [{ rcode: "NOTIMP" }] },
          { when: "a.test. AXFR", replies: [{ answer: ["a.test. 60 IN A 192.0.2.1"] }] },
        ],
      },
    },
    cases: [
      { ask: "a.test. A", reply: any, log: ["[INFO] a.test. NOERROR success"] },
      { ask: "empty.test. A", reply: any, log: ["[INFO] empty.test. NOERROR success"] },
      { ask: "ns.test. A", reply: any, log: ["[INFO] ns.test. DELEGATION success"] },
      { ask: "nodata.test. A", reply: any, log: ["[INFO] nodata.test. NODATA denial"] },
      { ask: "denied.test. A", reply: any, log: ["[INFO] denied.test. NXDOMAIN denial"] },
      { ask: "lost.test. A", reply: any, log: ["[INFO] lost.test. OTHERERROR error"] },
      { ask: "notimp.test. A", reply: any, log: ["[INFO] notimp.test. SERVERERROR error"] },
      { ask: "a.test. AXFR", reply: any, log: ["[INFO] a.test. META error"] },
      { ask: "refused.test. A", reply: any, log: ["[INFO] refused.test. OTHERERROR error"] },
      { ask: "x.fail.test. MX", reply: any, log: ["[INFO] x.fail.test. MX SERVERERROR error"] },
      { ask: "x.fail.test. AXFR", reply: any, log: ["[INFO] x.fail.test. AXFR META error"] },
      { ask: "x.drop.test. A", reply: { noReply: true }, log: ["[INFO] x.drop.test. OTHERERROR error"] },
    ],
  },
  {
    name: "log, JSON",
    corefile: `example.org:{PORT} {
      log . "text of {name}"
      errors
      ${erratic}
    }
    drop.example.org:{PORT} {
      log
      erratic {
        drop 1
      }
    }
    end.example.org:{PORT} {
      errors
      root .
    }`,
    arguments: ["-log-format", "json"],
    cases: [
      {
        ask: "Www.example.org. A",
        edns: { do: true, size: 4096 },
        reply: any,
        log: [
          '{"time":"*Z","level":"INFO","msg":"text of www.example.org.","plugin":"log","client_ip":"127.0.0.1","client_port":*,"qname":"www.example.org.","qtype":"A","qclass":"IN","protocol":"udp","id":*,"opcode":0,"request_size":44,"dnssec_ok":true,"bufsize":4096,"rcode":"NOERROR","response_size":64,"duration_seconds":*}',
        ],
      },
      {
        ask: "www.example.org. A",
        to: "::1",
        over: "tcp",
        reply: any,
        log: [
          '{"time":"*Z","level":"INFO","msg":"text of www.example.org.","plugin":"log","client_ip":"::1","client_port":*,"qname":"www.example.org.","qtype":"A","qclass":"IN","protocol":"tcp","id":*,"opcode":0,"request_size":33,"dnssec_ok":false,"bufsize":65535,"rcode":"NOERROR","response_size":64,"duration_seconds":*}',
        ],
      },
      {
        ask: "www.drop.example.org. A",
        reply: { noReply: true },
        log: [
          '{"time":"*Z","level":"INFO","msg":"127.0.0.1:* - * \\"A IN www.drop.example.org. udp 38 false 512\\" - - 0 *s","plugin":"log","client_ip":"127.0.0.1","client_port":*,"qname":"www.drop.example.org.","qtype":"A","qclass":"IN","protocol":"udp","id":*,"opcode":0,"request_size":38,"dnssec_ok":false,"bufsize":512,"rcode":null,"response_size":0,"duration_seconds":*}',
        ],
      },
      {
        ask: "www.end.example.org. A",
        reply: { rcode: "SERVFAIL" },
        log: [
          '{"time":"*Z","level":"ERROR","msg":"2 www.end.example.org. A: plugin/errors: no next plugin found","plugin":"errors"}',
        ],
      },
    ],
  },
];
