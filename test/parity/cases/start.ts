/** What a start prints (behaviour 2.11), and the Corefile that everybody writes first. */
import type { ParityServer } from "../case.ts";

const exampleDb = `$ORIGIN example.com.
@       3600 IN SOA sns.dns.icann.org. noc.dns.icann.org. 2017042745 7200 3600 1209600 3600
        3600 IN NS a.iana-servers.net.
gateway 3600 IN A 192.168.1.1
dns     3600 IN A 192.168.1.2
host    3600 IN A 192.168.1.3
server  3600 IN CNAME host.example.com
`;

export const servers: ParityServer[] = [
  {
    name: "start, zone lines",
    corefile: `example.org:{PORT} Example.NET:{PORT2} {
      bind 127.0.0.1 ::1
      whoami
    }
    _odd.test:{PORT2} a\\.b.test:{PORT2} 192.0.2.0/23:{PORT2} {
      bind 127.0.0.1
      whoami
    }
    .:{PORT2} {
      bind 127.0.0.1
      erratic {
        drop 0
      }
    }`,
    prints: [
      "maxprocs: Leaving GOMAXPROCS=*: CPU quota undefined",
      "example.org.:{PORT} on 127.0.0.1",
      "example.org.:{PORT} on ::1",
      "example.net.:{PORT2} on 127.0.0.1",
      "example.net.:{PORT2} on ::1",
      "_odd.test.:{PORT2} on 127.0.0.1",
      'Warning: Domain "_odd.test." does not follow RFC1035 preferred syntax',
      "a\\.b.test.:{PORT2} on 127.0.0.1",
      'Warning: Domain "a\\\\.b.test." does not follow RFC1035 preferred syntax',
      "2.0.192.in-addr.arpa.:{PORT2} on 127.0.0.1",
      "3.0.192.in-addr.arpa.:{PORT2} on 127.0.0.1",
      ".:{PORT2} on 127.0.0.1",
      "CoreDNS-1.15.0",
    ],
    cases: [
      { ask: "www.example.org. A", reply: { counts: { additional: 2 } } },
      { ask: "www.example.net. A", port: 2, to: "::1", reply: { counts: { additional: 2 } } },
      { ask: "7.3.0.192.in-addr.arpa. A", port: 2, reply: { counts: { additional: 2 } } },
      { ask: "nobody.test. A", port: 2, reply: { counts: { answer: 1 } } },
      {
        ask: "nobody.test. A",
        name: "the root has no listener on ::1",
        port: 2,
        to: "::1",
        reply: { rcode: "REFUSED" },
      },
    ],
  },
  {
    name: "start, reload by SIGUSR1",
    corefile: `example.org:{PORT} {
      log
      whoami
    }`,
    prints: ["example.org.:{PORT}"],
    cases: [
      { ask: "www.example.org. A", reply: { counts: { additional: 2 } } },
      {
        ask: "www.example.org. A",
        name: "the same file again",
        before: [{ signal: "SIGUSR1" }, { waitMs: 300 }],
        reply: { counts: { additional: 2 } },
      },
      {
        ask: "www.example.org. A",
        name: "another file",
        before: [
          { write: "Corefile", text: "example.org:{PORT} {\n erratic {\n  drop 0\n }\n}\n" },
          { signal: "SIGUSR1" },
        ],
        withinMs: 3_000,
        reply: { counts: { answer: 1 } },
      },
      {
        ask: "www.example.org. A",
        name: "a bad file changes nothing",
        before: [
          { write: "Corefile", text: "example.org:{PORT} {\n nonsense\n}\n" },
          { signal: "SIGUSR1" },
          { waitMs: 500 },
        ],
        reply: { counts: { answer: 1 } },
      },
      {
        ask: "www.example.org. A",
        name: "SIGHUP changes nothing",
        before: [
          { write: "Corefile", text: "example.org:{PORT} {\n whoami\n}\n" },
          { signal: "SIGHUP" },
          { waitMs: 300 },
        ],
        reply: { counts: { answer: 1 } },
      },
    ],
  },
  {
    name: "start, a pidfile that cannot be written",
    corefile: ".:{PORT} {\n whoami\n}\n",
    arguments: ["-pidfile", "/nowhere/pid"],
    prints: [
      ".:{PORT}",
      "[ERROR] Could not write pidfile: open /nowhere/pid: no such file or directory",
      "CoreDNS-1.15.0",
    ],
    cases: [{ ask: "www.example.org. A", reply: { counts: { additional: 2 } } }],
  },
  {
    name: "start, the pidfile is a directory",
    corefile: ".:{PORT} {\n whoami\n}\n",
    arguments: ["-pidfile", "/tmp"],
    prints: ["[ERROR] Could not write pidfile: open /tmp: is a directory"],
    cases: [{ ask: "www.example.org. A", reply: { counts: { additional: 2 } } }],
  },
  {
    name: "start, first light",
    corefile: `.:{PORT} {
      forward . {UP:a} {UP:b}
      log
      errors
    }
    example.com:{PORT} {
      file {DIR}/example.db
      log
      errors
    }`,
    files: { "example.db": exampleDb },
    upstreams: {
      a: { rules: [{ when: "www.example.org. A", replies: [{ answer: ["www.example.org. 60 IN A 192.0.2.1"] }] }] },
      b: { rules: [{ when: "www.example.org. A", replies: [{ answer: ["www.example.org. 60 IN A 192.0.2.1"] }] }] },
    },
    cases: [
      {
        ask: "host.example.com. A",
        reply: {
          rcode: "NOERROR",
          flags: "qr aa rd",
          answer: ["host.example.com. 3600 IN A 192.168.1.3"],
          authority: ["example.com. 3600 IN NS a.iana-servers.net."],
          additional: [],
        },
        log: ['[INFO] 127.0.0.1:* - * "A IN host.example.com. udp 34 false 512" NOERROR qr,aa,rd * *s'],
      },
      {
        ask: "server.example.com. A",
        name: "a target without its dot is relative",
        reply: {
          rcode: "NXDOMAIN",
          flags: "qr aa rd",
          answer: ["server.example.com. 3600 IN CNAME host.example.com.example.com."],
        },
      },
      {
        ask: "nobody.example.com. A",
        reply: {
          rcode: "NXDOMAIN",
          flags: "qr aa rd",
          answer: [],
          authority: [
            "example.com. 3600 IN SOA sns.dns.icann.org. noc.dns.icann.org. 2017042745 7200 3600 1209600 3600",
          ],
        },
      },
      {
        ask: "www.example.org. A",
        reply: { rcode: "NOERROR", flags: "qr rd ra", answer: ["www.example.org. 60 IN A 192.0.2.1"] },
      },
      {
        ask: "www.example.org. A",
        name: "one upstream is down",
        before: [{ stop: "a" }],
        times: 20,
        reply: { rcode: "NOERROR", answer: ["www.example.org. 60 IN A 192.0.2.1"] },
      },
      {
        ask: "www.example.org. A",
        name: "both upstreams are down",
        before: [{ stop: "b" }],
        reply: { rcode: "SERVFAIL", flags: "qr rd" },
        log: ["[ERROR] plugin/errors: 2 www.example.org. A: read udp *: read: connection refused"],
      },
      {
        ask: "www.example.org. A",
        name: "one is back",
        before: [{ start: "a" }],
        withinMs: 3_000,
        reply: { rcode: "NOERROR", answer: ["www.example.org. 60 IN A 192.0.2.1"] },
      },
    ],
  },
];
