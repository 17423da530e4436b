/** Which server block answers: behaviour 2.5 to 2.7. Each block says who it is by what it does with a query. */
import type { ParityServer } from "../case.ts";

/** erratic without drops: an A record. */
const answers = `erratic {
  drop 0
}`;
const fromWhoami = { rcode: "NOERROR", counts: { answer: 0, additional: 2 } };
const fromErratic = { rcode: "NOERROR", counts: { answer: 1, additional: 0 } };
const failed = { rcode: "SERVFAIL", flags: "qr rd" };
const refused = { rcode: "REFUSED", flags: "qr rd", answer: [], authority: [], additional: [] };

export const servers: ParityServer[] = [
  {
    name: "routing, zones",
    corefile: `example.org:{PORT} Example.COM:{PORT} {
      whoami
    }
    sub.example.org:{PORT} {
      ${answers}
    }
    a.b.c.example.org:{PORT} {
      ${answers}
    }
    empty.example.org:{PORT} {
    }
    rooted.example.org:{PORT} {
      root .
    }
    example.net:{PORT2} {
      whoami
    }`,
    cases: [
      { ask: "example.org. A", reply: fromWhoami },
      { ask: "EXAMPLE.org. A", reply: fromWhoami },
      { ask: "www.example.com. A", reply: fromWhoami },
      { ask: "a.b.c.d.e.example.org. A", reply: fromWhoami },
      { ask: "sub.example.org. A", reply: fromErratic },
      { ask: "x.SUB.example.org. A", reply: fromErratic },
      { ask: "xsub.example.org. A", reply: fromWhoami },
      { ask: "b.c.example.org. A", reply: fromWhoami },
      { ask: "x.a.b.c.example.org. A", reply: fromErratic },
      { ask: "xexample.org. A", reply: refused },
      { ask: "org. A", reply: refused },
      { ask: ". A", reply: refused },
      { ask: "example.net. A", reply: refused },
      { ask: "example.net. A", name: "on the other port", port: 2, reply: fromWhoami },
      { ask: "example.org. A", name: "on the port of others", port: 2, reply: refused },
      { ask: "www.empty.example.org. A", reply: refused },
      { ask: "www.rooted.example.org. A", reply: refused },
      { ask: "sub.example.org. A", name: "over TCP", over: "tcp", reply: fromErratic },
      { ask: "sub.example.org. A", name: "over IPv6", to: "::1", reply: fromErratic },
      { ask: "sub.example.org. A", name: "over TCP and IPv6", to: "::1", over: "tcp", reply: fromErratic },
    ],
  },
  {
    name: "routing, DS",
    corefile: `.:{PORT} {
      ${answers}
    }
    example.org:{PORT} {
      whoami
    }
    sub.example.org:{PORT} {
      ${answers}
    }
    example.net:{PORT2} {
      ${answers}
    }
    sub.example.net:{PORT2} {
      whoami
    }`,
    cases: [
      { ask: "sub.example.org. A", reply: fromErratic },
      { ask: "sub.example.org. DS", name: "the parent knows it", reply: fromWhoami },
      { ask: "x.sub.example.org. DS", reply: fromWhoami },
      { ask: "example.org. DS", name: "the root is not asked when another zone fits", reply: fromWhoami },
      { ask: "nobody.test. DS", reply: failed },
      { ask: "nobody.test. A", reply: fromErratic },
      { ask: "sub.example.net. DS", port: 2, reply: failed },
      { ask: "sub.example.net. DS", name: "NOTIFY", opcode: 4, port: 2, reply: { counts: { additional: 2 } } },
    ],
  },
  {
    name: "routing, the root and reverse zones",
    corefile: `.:{PORT} {
      whoami
    }
    192.0.2.0/24:{PORT} {
      ${answers}
    }
    10.9.16.0/23:{PORT} {
      ${answers}
    }
    2001:db8::/32:{PORT} {
      ${answers}
    }`,
    cases: [
      { ask: ". A", reply: fromWhoami },
      { ask: "www.example.org. A", reply: fromWhoami },
      { ask: "7.2.0.192.in-addr.arpa. A", reply: fromErratic },
      { ask: "7.3.0.192.in-addr.arpa. A", reply: fromWhoami },
      { ask: "7.16.9.10.in-addr.arpa. A", reply: fromErratic },
      { ask: "7.17.9.10.in-addr.arpa. A", reply: fromErratic },
      { ask: "7.18.9.10.in-addr.arpa. A", reply: fromWhoami },
      { ask: "1.8.b.d.0.1.0.0.2.ip6.arpa. A", reply: fromErratic },
      { ask: "1.8.b.D.0.1.0.0.2.IP6.arpa. A", reply: fromErratic },
      { ask: "1.9.b.d.0.1.0.0.2.ip6.arpa. A", reply: fromWhoami },
    ],
  },
  {
    name: "routing, plugins serve all zones of a CIDR key",
    corefile: `192.168.4.0/22:{PORT} example.org:{PORT} {
      acl {
        block type TXT
      }
      template IN PTR {
        answer "{{ .Name }} 60 IN PTR p.{{ .Zone }}"
      }
    }
    2001:db8::/30:{PORT2} 10.0.0.0/15:{PORT2} 192.0.2.32/27:{PORT2} {
      template IN PTR {
        answer "{{ .Name }} 60 IN PTR p.{{ .Zone }}"
      }
    }`,
    cases: [
      ...["4.168.192.in-addr.arpa", "5.168.192.in-addr.arpa", "7.168.192.in-addr.arpa", "example.org"].flatMap(
        (zone) => [
          { ask: `9.${zone}. PTR`, reply: { answer: [`9.${zone}. 60 IN PTR p.${zone}.`] } },
          { ask: `9.${zone}. TXT`, reply: { rcode: "REFUSED" } },
        ],
      ),
      { ask: "8.168.192.in-addr.arpa. PTR", reply: refused },
      ...["8.b.d.0.1.0.0.2.ip6.arpa", "b.b.d.0.1.0.0.2.ip6.arpa", "1.10.in-addr.arpa", "63.2.0.192.in-addr.arpa"].map(
        (zone) => ({ ask: `9.${zone}. PTR`, port: 2 as const, reply: { answer: [`9.${zone}. 60 IN PTR p.${zone}.`] } }),
      ),
      { ask: "64.2.0.192.in-addr.arpa. PTR", port: 2, reply: refused },
    ],
  },
  {
    name: "routing, bind",
    corefile: `example.org:{PORT} {
      bind 127.0.0.1
      whoami
    }
    example.org:{PORT2} {
      bind 127.0.0.2 ::1
      ${answers}
    }
    example.org:{PORT} {
      bind 127.0.0.3
      ${answers}
    }`,
    cases: [
      { ask: "www.example.org. A", reply: fromWhoami },
      { ask: "www.example.org. A", name: "127.0.0.3", to: "127.0.0.3", reply: fromErratic },
      { ask: "www.example.org. A", name: "127.0.0.2", to: "127.0.0.2", port: 2, reply: fromErratic },
      { ask: "www.example.org. A", name: "::1", to: "::1", port: 2, reply: fromErratic },
      { ask: "www.example.org. A", name: "127.0.0.3 over TCP", to: "127.0.0.3", over: "tcp", reply: fromErratic },
    ],
  },
  {
    name: "routing, the address that was asked answers",
    corefile: `example.org:{PORT} {
      whoami
    }`,
    cases: [
      { ask: "www.example.org. A", to: "127.0.0.9", reply: fromWhoami },
      {
        ask: "www.example.org. A",
        name: "from another address",
        to: "127.0.0.9",
        from: "127.0.0.8",
        reply: fromWhoami,
      },
      {
        ask: "www.example.org. A",
        name: "over TCP",
        to: "127.0.0.9",
        from: "127.0.0.8",
        over: "tcp",
        reply: fromWhoami,
      },
    ],
  },
];
