/** template: what it answers and what it says when it cannot (behaviour 3.C). */
import type { ParityServer } from "../case.ts";

const failed = { rcode: "SERVFAIL", flags: "qr rd", answer: [] };

const matches = (klass: string, type: string) => ({
  get: "{PORT2}/metrics",
  status: 200,
  body: new RegExp(
    `^coredns_template_matches_total\\{class="${klass}",server="dns://:\\d+",type="${type}",view="",zone="\\."\\} 1$`,
    "m",
  ),
});

export const servers: ParityServer[] = [
  {
    name: "template, data",
    corefile: `.:{PORT} {
      errors
      template IN A a.test {
        match ^x-(?P<n>[0-9]+)[.]
        var p "int(group('n')) + 1"
        expr p > 5
        answer "{{ .Name }} 60 IN A 10.0.0.{{ .Group.n }}" "{{ .Name }} IN TXT \\"{{ .Zone }} {{ .Match }} {{ .Group }} {{ .Var }} {{ .Class }}\\""
        additional "{{ printf \`%s\` .Question.Name }} 60 IN TXT {{ parseInt .Group.n 10 64 }}{{ range $i, $e := .Match }}-{{ $i }}{{ end }}"
        authority "a.test. 5 IN NS {{ if eq .Group.n \`7\` }}seven{{ else }}other{{ end }}."
        fallthrough b.a.test
      }
      template IN ANY b.a.test {
        rcode NXDOMAIN
      }
      template IN TXT type.test {
        answer "{{ .Name }} 60 IN TXT \\"{{ .Type }} {{ .Question.Qtype }}\\""
      }
      template IN ANY any.test {
        answer "{{ .Name }} 60 IN TXT \\"{{ .Type }} {{ .Question.Qtype }}\\""
      }
      template IN A hex.test {
        match ^(..)(..)[.]
        answer "{{ .Name }} 60 IN A 10.0.{{ parseInt (index .Match 1) 16 8 }}.{{ parseInt (index .Match 2) 16 8 }}"
      }
      template IN ANY bad.test {
        answer "{{ .Name.Foo }} 60 IN A 10.0.0.9"
      }
      template IN ANY worse.test {
        answer "{{ .Name }} 60 IN A 10.0.0.999"
      }
      template IN ANY fail.test {
        rcode SERVFAIL
      }
      template IN TXT entry.test {
        answer "{{ .Name }} 60 IN TXT \\"{{ println .Zone 1 }}\\""
      }
      template IN ANY line.test {
        answer "$ORIGIN foo.test.
a 60 A 10.0.0.1"
      }
    }`,
    cases: [
      {
        ask: "X-7.a.test. A",
        reply: {
          rcode: "NOERROR",
          flags: "qr aa rd",
          answer: [
            "x-7.a.test. 60 IN A 10.0.0.7",
            'x-7.a.test. 3600 IN TXT "a.test. [x-7. 7] map[0:x-7. 1:7 n:7] map[p:8] IN"',
          ],
          authority: ["a.test. 5 IN NS seven."],
          additional: ['X-7.a.test. 60 IN TXT "7-0-1"'],
        },
      },
      { ask: "x-77.a.test. ANY", reply: { rcode: "NOERROR", authority: ["a.test. 5 IN NS other."] } },
      { ask: "type.test. ANY", reply: { answer: ['type.test. 60 IN TXT "TXT 255"'] } },
      { ask: "any.test. TYPE65280", reply: { answer: ['any.test. 60 IN TXT " 65280"'] } },
      { ask: "any.test. ANY", reply: { answer: ['any.test. 60 IN TXT "ANY 255"'] } },
      { ask: "80ff.hex.test. A", reply: { answer: ["80ff.hex.test. 60 IN A 10.0.128.255"] } },
      {
        ask: "00-1.hex.test. A",
        reply: failed,
        log: [
          '[ERROR] plugin/errors: 2 00-1.hex.test. A: template: answer:1:65: executing "answer" at <parseInt (index .Match 2) 16 8>: error calling parseInt: strconv.ParseUint: parsing "-1": invalid syntax',
        ],
      },
      { ask: "x-1.a.test. A", name: "a condition that fails", reply: failed },
      { ask: "y.a.test. A", name: "no match", reply: failed },
      { ask: "y.b.a.test. A", name: "no match, falls through", reply: { rcode: "NXDOMAIN", flags: "qr aa rd" } },
      {
        ask: "x-7.a.test. AAAA",
        name: "another type",
        reply: failed,
        log: ["[ERROR] plugin/errors: 2 x-7.a.test. AAAA: plugin/template: no next plugin found"],
      },
      {
        ask: "x.bad.test. A",
        reply: failed,
        log: [
          `[ERROR] plugin/errors: 2 x.bad.test. A: template: answer:1:8: executing "answer" at <.Name.Foo>: can't evaluate field Foo in type string`,
        ],
      },
      {
        ask: "x.worse.test. A",
        reply: failed,
        log: ['[ERROR] plugin/errors: 2 x.worse.test. A: dns: bad A A: "10.0.0.999" at line: 1:32'],
        differs: "template: texts that are no record",
        ours: {
          log: [
            '[ERROR] plugin/errors: 2 x.worse.test. A: dns: expected an IPv4 address, found "10.0.0.999" at column 23',
          ],
        },
      },
      { ask: "fail.test. A", reply: failed },
      { ask: 'a\\"b.entry.test. TXT', reply: { answer: ['a\\"b.entry.test. 60 IN TXT "entry.test. 1\\010"'] } },
      { ask: "$ttl.entry.test. TXT", reply: { answer: ['$ttl.entry.test. 60 IN TXT "entry.test. 1\\010"'] } },
      {
        ask: "line.test. A",
        reply: { answer: ["a.foo.test. 60 IN A 10.0.0.1"] },
        differs: "template: directives",
        ours: { reply: failed },
      },
    ],
  },
  {
    name: "template, classes, types and counts",
    corefile: `.:{PORT} {
      prometheus 127.0.0.1:{PORT2}
      chaos
      template ANY MX {
        answer "a.test. 60 IN TXT \\"<{{ .Class }}>\\""
      }
      template ANY ANY {
        rcode NXDOMAIN
      }
    }`,
    cases: [
      { ask: "a.test. ANY", reply: { answer: ['a.test. 60 IN TXT "<IN>"'] }, http: [matches("IN", "MX")] },
      { ask: "a.test. MX CLASS255", reply: { answer: ['a.test. 60 IN TXT "<ANY>"'] }, http: [matches("ANY", "MX")] },
      { ask: "a.test. MX CLASS77", reply: { answer: ['a.test. 60 IN TXT "<>"'] }, http: [matches("", "MX")] },
      { ask: "a.test. TYPE65280", reply: { rcode: "NXDOMAIN" }, http: [matches("IN", "")] },
    ],
  },
  {
    name: "template, aliases",
    corefile: `.:{PORT} {
      template IN ANY a.test {
        answer "{{ .Name }} 60 CNAME b.test."
      }
      template IN A b.test {
        answer "{{ .Name }} 60 A 10.0.0.1"
        authority "b.test. 60 NS b.test."
        rcode NXDOMAIN
      }
    }`,
    cases: [
      {
        ask: "z.a.test. A",
        reply: {
          rcode: "NOERROR",
          answer: ["z.a.test. 60 IN CNAME b.test.", "b.test. 60 IN A 10.0.0.1"],
          authority: [],
        },
      },
      { ask: "z.a.test. AAAA", reply: { rcode: "NOERROR", answer: ["z.a.test. 60 IN CNAME b.test."] } },
      { ask: "z.a.test. MX", reply: { rcode: "NOERROR", answer: ["z.a.test. 60 IN CNAME b.test."] } },
    ],
  },
  {
    name: "template, extended errors",
    corefile: `.:{PORT} {
      template IN A . {
        rcode NXDOMAIN
        ederror 21 no
      }
    }`,
    cases: [
      {
        ask: "a.test. A",
        reply: { rcode: "NXDOMAIN", flags: "qr aa rd", opt: { size: 4096, do: true, options: ["15 00156e6f"] } },
      },
      {
        ask: "a.test. A",
        name: "with EDNS",
        edns: { size: 1232, do: true },
        reply: { rcode: "NXDOMAIN", opt: { size: 1232, do: true, options: ["15 00156e6f"] } },
      },
    ],
  },
];
