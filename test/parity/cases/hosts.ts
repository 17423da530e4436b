/** hosts: files and lines, what is passed on, and what is not found. */
import type { ParityServer } from "../case.ts";

const a = (name: string, ...addresses: readonly string[]) => ({
  rcode: "NOERROR",
  flags: "qr aa rd",
  ordered: true,
  answer: addresses.map((address) => `${name} 3600 IN ${address.includes(":") ? "AAAA" : "A"} ${address}`),
  authority: [],
});
const ptr = (name: string, ...names: readonly string[]) => ({
  rcode: "NOERROR",
  flags: "qr aa rd",
  ordered: true,
  answer: names.map((target) => `${name} 3600 IN PTR ${target}`),
});
const empty = { rcode: "NOERROR", flags: "qr aa rd", answer: [], authority: [], additional: [] };
const fails = { rcode: "SERVFAIL", flags: "qr rd", answer: [] };
/** What whoami gives for any name. */
const passed = { rcode: "NOERROR", flags: "qr aa rd", counts: { answer: 0, additional: 2 } };
const long = "x".repeat(1_025);

export const servers: ParityServer[] = [
  {
    name: "hosts, the file",
    corefile: `.:{PORT} {
      errors
      hosts {DIR}/hosts {
        10.1.0.1 exact.w.test Inline.test
        misspelt option
        10.1.0.2 two.test
        reload 100ms
      }
    }`,
    files: {
      hosts: `# comment
10.0.0.2	two.test
10.0.0.1 two.test alias.test	Mixed.TEST. # 10.9.9.9 no.test
  10.0.0.3 lead.test#glued
::2 two.test
::ffff:10.0.0.4 mapped.test
fe80::1%eth0 scoped.test
10.0.0.2 two.test
10.0.0.6 *.w.test
::6 *.w.test
10.0.0.8 * a*.w.test
10.0.0.9 . sl/ash esc\\.ape.test
10.0.0.10 a..b good.test
10.0.0.01 zero.test
10.0.0.12 ok.test ${long} also.test
${"1".repeat(1_025)} far.test
10.0.0.13 crlf.test\r
10.0.0.14\v\fblank.test\r10.0.0.15
10.0.0.16 nul\0.test plain.test
\0 10.0.0.17 nul.test
10.0.0.18 u.test ü.test
10.0.0.19 last.test`,
    },
    prints: [
      '[ERROR] plugin/hosts: Hosts file "{DIR}/hosts", line 15: name longer than 1024 bytes, dropping the name',
      '[ERROR] plugin/hosts: Hosts file "{DIR}/hosts", line 16: address longer than 1024 bytes, dropping the line',
    ],
    cases: [
      { ask: "two.test. A", reply: a("two.test.", "10.0.0.2", "10.0.0.1", "10.0.0.2", "10.1.0.2") },
      { ask: "two.test. AAAA", reply: a("two.test.", "::2") },
      { ask: "TWO.tesT. AAAA", reply: a("two.test.", "::2") },
      { ask: "alias.test. A", edns: { do: true }, reply: { ...a("alias.test.", "10.0.0.1"), opt: { do: true } } },
      { ask: "mixed.test. A", reply: a("mixed.test.", "10.0.0.1") },
      { ask: "alias.test. AAAA", reply: empty },
      { ask: "alias.test. ANY", reply: empty },
      { ask: "alias.test. HTTPS", reply: empty },
      { ask: "no.test. A", reply: fails },
      { ask: "no.test. MX", reply: fails, notLog: ["*"] },
      { ask: "lead.test. A", reply: a("lead.test.", "10.0.0.3") },
      { ask: "mapped.test. A", reply: a("mapped.test.", "10.0.0.4") },
      { ask: "mapped.test. AAAA", reply: empty },
      { ask: "scoped.test. AAAA", reply: a("scoped.test.", "fe80::1") },
      { ask: "a.w.test. A", reply: a("a.w.test.", "10.0.0.6") },
      { ask: "*.w.test. AAAA", reply: a("*.w.test.", "::6") },
      { ask: "exact.w.test. A", reply: a("exact.w.test.", "10.0.0.6", "10.1.0.1") },
      { ask: "inline.test. A", reply: a("inline.test.", "10.1.0.1") },
      { ask: "a*.w.test. A", reply: a("a*.w.test.", "10.0.0.8") },
      { ask: "a.w.test. TXT", reply: empty },
      { ask: "a.b.w.test. A", reply: fails },
      { ask: "w.test. A", reply: fails },
      { ask: "x. A", reply: fails },
      { ask: ". A", reply: a(".", "10.0.0.9") },
      { ask: "sl/ash. A", reply: a("sl/ash.", "10.0.0.9") },
      { ask: "esc\\.ape.test. A", reply: a("esc\\.ape.test.", "10.0.0.9") },
      { ask: "good.test. A", reply: a("good.test.", "10.0.0.10") },
      { ask: "zero.test. A", reply: fails },
      { ask: "ok.test. A", reply: a("ok.test.", "10.0.0.12") },
      { ask: "also.test. A", reply: a("also.test.", "10.0.0.12") },
      { ask: "far.test. A", reply: fails },
      { ask: "crlf.test. A", reply: a("crlf.test.", "10.0.0.13") },
      { ask: "blank.test. A", reply: a("blank.test.", "10.0.0.14") },
      { ask: "10.0.0.15. A", reply: a("10.0.0.15.", "10.0.0.14") },
      { ask: "plain.test. A", reply: a("plain.test.", "10.0.0.16") },
      { ask: "nul.test. A", reply: fails },
      { ask: "last.test. A", reply: a("last.test.", "10.0.0.19") },
      {
        ask: "1.0.0.10.IN-addr.arpa. PTR",
        reply: ptr("1.0.0.10.in-addr.arpa.", "two.test.", "alias.test.", "mixed.test."),
      },
      { ask: "1.0.1.10.in-addr.arpa. PTR", reply: ptr("1.0.1.10.in-addr.arpa.", "exact.w.test.", "inline.test.") },
      { ask: "8.0.0.10.in-addr.arpa. PTR", reply: ptr("8.0.0.10.in-addr.arpa.", "a*.w.test.") },
      { ask: "16.0.0.10.in-addr.arpa. PTR", reply: ptr("16.0.0.10.in-addr.arpa.", "nul\\000.test.", "plain.test.") },
      {
        ask: "18.0.0.10.in-addr.arpa. PTR",
        reply: ptr("18.0.0.10.in-addr.arpa.", "u.test.", "\\195\\188.test."),
      },
      {
        ask: `1.${"0.".repeat(28)}8.e.f.ip6.arpa. PTR`,
        reply: ptr(`1.${"0.".repeat(28)}8.e.f.ip6.arpa.`, "scoped.test."),
      },
      {
        ask: `4.0.0.0.0.0.a.0.f.f.f.f.${"0.".repeat(20)}ip6.arpa. PTR`,
        reply: ptr(`4.0.0.0.0.0.a.0.f.f.f.f.${"0.".repeat(20)}ip6.arpa.`, "mapped.test."),
      },
      ...["6.0.0.10", "01.0.0.10", "0.0.10", "a.1.0.0.10"].map((name) => ({
        ask: `${name}.in-addr.arpa. PTR`,
        reply: fails,
        log: [`[ERROR] plugin/errors: 2 ${name}.in-addr.arpa. PTR: plugin/hosts: no next plugin found`],
      })),
      { ask: "1.0.0.10.in-addr.arpa. A", reply: fails },
      {
        ask: "two.test. PTR",
        reply: fails,
        log: ["[ERROR] plugin/errors: 2 two.test. PTR: plugin/hosts: no next plugin found"],
      },
      {
        ask: "10.0.0.10.in-addr.arpa. PTR",
        reply: { noReply: true },
        differs: "hosts: words that are no names",
        ours: { reply: ptr("10.0.0.10.in-addr.arpa.", "good.test.") },
      },
      {
        ask: "\\195\\188.test. A",
        reply: fails,
        differs: "hosts: unusual names",
        ours: { reply: a("\\195\\188.test.", "10.0.0.18") },
      },
      {
        name: "another file",
        before: [{ write: "hosts", text: "10.0.0.1 new.test\n" }],
        ask: "new.test. A",
        reply: a("new.test.", "10.0.0.1"),
        withinMs: 3_000,
      },
      { ask: "last.test. A", reply: fails },
      {
        name: "no file any more",
        before: [{ remove: "hosts" }, { waitMs: 300 }],
        ask: "new.test. A",
        reply: a("new.test.", "10.0.0.1"),
      },
      {
        name: "a file again",
        before: [{ write: "hosts", text: "10.0.0.222 new.test\n" }],
        ask: "new.test. A",
        reply: a("new.test.", "10.0.0.222"),
        withinMs: 3_000,
      },
    ],
  },
  {
    name: "hosts, what is passed on",
    corefile: `zones.test:{PORT} {
      hosts {DIR}/hosts in.zones.test 10.in-addr.arpa {
        10.1.0.1 a.in.zones.test a.out.zones.test
        ttl 77
      }
      whoami
    }
    fall.test:{PORT} {
      hosts {DIR}/hosts {
        fallthrough
      }
      whoami
    }
    some.test:{PORT} {
      hosts {DIR}/hosts {
        fallthrough a.some.test
      }
      whoami
    }
    types.test:{PORT} {
      hosts {DIR}/hosts {
        fallthrough a.types.test
        fallthrough_unsupported
      }
      whoami
    }
    arpa:{PORT} {
      hosts {DIR}/hosts . {
        no_reverse
      }
      whoami
    }
    other.test:{PORT} {
      hosts {DIR}/hosts in.other.test
    }
    absent.test:{PORT} {
      hosts {DIR}/absent {
        10.0.0.1 www.absent.test
      }
    }
    dir.test:{PORT} {
      hosts {DIR} {
        10.0.0.1 www.dir.test
      }
    }`,
    files: {
      hosts: `10.0.0.1 b.in.zones.test b.fall.test b.a.some.test b.some.test b.a.types.test b.types.test
11.0.0.1 c.in.zones.test
`,
    },
    prints: [
      "[WARNING] plugin/hosts: File does not exist: {DIR}/absent",
      '[WARNING] plugin/hosts: Hosts file "{DIR}" is a directory',
      '[ERROR] plugin/hosts: Failed to parse hosts file "{DIR}": read {DIR}: is a directory',
    ],
    cases: [
      { ask: "a.in.zones.test. A", reply: { answer: ["a.in.zones.test. 77 IN A 10.1.0.1"] } },
      { ask: "a.out.zones.test. A", reply: passed },
      { ask: "in.zones.test. A", reply: fails },
      { ask: "b.fall.test. A", reply: a("b.fall.test.", "10.0.0.1") },
      { ask: "b.fall.test. AAAA", reply: empty },
      { ask: "b.fall.test. MX", reply: empty },
      { ask: "c.fall.test. A", reply: passed },
      { ask: "c.fall.test. MX", reply: passed },
      { ask: "b.fall.test. PTR", reply: passed },
      { ask: "c.some.test. A", reply: fails },
      { ask: "c.a.some.test. A", reply: passed },
      { ask: "b.a.some.test. MX", reply: empty },
      { ask: "b.a.types.test. MX", reply: passed },
      { ask: "b.a.types.test. AAAA", reply: empty },
      { ask: "b.types.test. MX", reply: empty },
      { ask: "c.types.test. MX", reply: fails },
      { ask: "1.0.0.10.in-addr.arpa. PTR", reply: passed },
      { ask: "1.0.0.10.in-addr.arpa. A", reply: fails },
      { ask: "a.other.test. A", reply: fails },
      { ask: "www.absent.test. A", reply: a("www.absent.test.", "10.0.0.1") },
      { ask: "www.dir.test. A", reply: a("www.dir.test.", "10.0.0.1") },
    ],
  },
  {
    name: "hosts, a directory in the file's place",
    corefile: `.:{PORT} {
      hosts {DIR}/hosts {
        reload 100ms
      }
    }`,
    files: { hosts: "10.0.0.1 a.test\n" },
    cases: [
      { ask: "a.test. A", reply: a("a.test.", "10.0.0.1") },
      {
        before: [{ remove: "hosts" }, { write: "hosts/x", text: "" }, { waitMs: 400 }],
        ask: "a.test. A",
        name: "the last good file",
        reply: fails,
        differs: "hosts: files that cannot be read",
        ours: { reply: a("a.test.", "10.0.0.1") },
      },
    ],
  },
];
