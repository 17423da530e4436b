import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Type } from "../../src/dns/types.ts";
import { ANSWERED, type Handler } from "../../src/plugin/outcome.ts";
import { debug } from "../../src/plugins/debug.ts";
import { template } from "../../src/plugins/template/index.ts";
import { linkChain, parseBlock } from "../support/chain.ts";

const passed: Handler = (query) => {
  query.reply.begin(query);
  return ANSWERED;
};

/** Asks a chain whose only plugin is template, with `passed` behind it. */
async function ask(corefile: string, question: string, edns?: { size: number }, last: Handler = passed) {
  const chain = await linkChain({ plugins: [debug, template], corefile: `. {\n${corefile}\n}`, last });
  const asked = await chain.ask(edns === undefined ? { ask: question } : { ask: question, edns });
  const counts = chain.row.descriptions.map((cell) => [cell.name, cell.labels, chain.row.read(cell)[0]] as const);
  await chain.stop();
  return { ...asked, counts };
}

/** A stanza with a single answer, TXT with the template between quotes. */
const text = (inner: string, options = "") =>
  `template IN TXT a.test {\n${options}\nanswer "{{ .Name }} 60 IN TXT \\"${inner}\\""\n}`;

describe("what a template sees", () => {
  for (const { inner, options, shows } of [
    { inner: "{{ .Name }} {{ .Zone }} {{ .Class }} {{ .Type }}", shows: "x-7.a.test. a.test. IN TXT" },
    { inner: "{{ .Regex }} {{ .Match }} {{ .Group }}", shows: ".* [x-7.a.test.] map[0:x-7.a.test.]" },
    {
      inner: "{{ .Regex }} {{ .Match }} {{ .Group }} {{ .Group.z }}",
      options: "match ^q ^(x)-(?P<n>[0-9])(y)?",
      shows: "^(x)-(?P<n>[0-9])(y)? [x-7 x 7 ] map[0:x-7 1:x 2:7 3: n:7] <no value>",
    },
    { inner: "{{ .Remote }} {{ .Question.Name }} {{ .Question.Qtype }}", shows: "10.240.0.1 x-7.A.test. 16" },
    {
      inner: "{{ len .Message.Question }} {{ len .Message.Extra }} {{ .Message.RecursionDesired }}",
      shows: "1 0 true",
    },
    { inner: "{{ with .Message.IsEdns0 }}yes{{ else }}no{{ end }}", shows: "no" },
    { inner: "{{ (index .Message.Question 0).String }}", shows: ";x-7.A.test.\\009IN\\009 TXT" },
    { inner: "<{{ .Meta `a/b` }}>", shows: "<>" },
    { inner: "{{ parseInt `7f` 16 8 }}", shows: "127" },
    {
      inner: "{{ .Var.n }} {{ .Var.l }} {{ index .Var.l 1 }} {{ .Var.m.k }} {{ .Var.f }} {{ .Var.z }}",
      options: `var n "int(group('n')) + 1"\nvar l split(name(), '.')\nvar m "{k: n * 2}"\nvar f 1.50\nmatch -(?P<n>[0-9])`,
      shows: "8 [x-7 a test ] a 16 1.5 <no value>",
    },
    {
      inner: "{{ .Var.v }}",
      options: `var v "client_ip() + ' ' + port() + ' ' + proto() + ' ' + type() + ' ' + class() + ' ' + server_port()"`,
      shows: "10.240.0.1 40212 udp TXT IN 53",
    },
    {
      inner: "{{ .Var.v }}",
      options: `var v "[size(), bufsize(), do(), opcode(), incidr(client_ip(), '10.240.0.0/16'), metadata('a/b') == '']"`,
      shows: "[28 512 false 0 true true]",
    },
    { inner: "{{ .Var.v }}", options: `var v "'é'"`, shows: "\\195\\169" },
  ]) {
    test(`${inner} ${options ?? ""}`, async () => {
      const { reply } = await ask(text(inner, options), "x-7.A.test. TXT");
      assert.equal(reply?.rcode, "NOERROR");
      assert.deepEqual(reply?.answer, [`x-7.a.test. 60 IN TXT "${shows}"`]);
    });
  }
});

const stanza = (options: string) => `template IN A a.test b.a.test {\n${options}\n}`;

describe("which stanza", () => {
  const second = "template ANY ANY a.test {\nrcode NXDOMAIN\n}";
  for (const { name, corefile, asks, rcode, flags = "qr aa rd" } of [
    { name: "its name", corefile: stanza("rcode YXDOMAIN"), asks: "a.test. A", rcode: "YXDOMAIN" },
    { name: "any type", corefile: stanza("rcode YXDOMAIN"), asks: "a.test. ANY", rcode: "YXDOMAIN" },
    {
      name: "another type",
      corefile: stanza("rcode YXDOMAIN"),
      asks: "a.test. AAAA",
      rcode: "NOERROR",
      flags: "qr rd",
    },
    {
      name: "another type, a next stanza",
      corefile: `${stanza("")}\n${second}`,
      asks: "a.test. AAAA",
      rcode: "NXDOMAIN",
    },
    { name: "another zone", corefile: stanza("rcode YXDOMAIN"), asks: "c.test. A", rcode: "NOERROR", flags: "qr rd" },
    { name: "no match", corefile: stanza("match ^x"), asks: "y.a.test. A", rcode: "SERVFAIL", flags: "qr rd" },
    {
      name: "no match, falls through",
      corefile: `${stanza("match ^x\nfallthrough")}\n${second}`,
      asks: "y.a.test. A",
      rcode: "NXDOMAIN",
    },
    {
      name: "no match, falls through elsewhere",
      corefile: `${stanza("match ^x\nfallthrough b.a.test")}\n${second}`,
      asks: "y.a.test. A",
      rcode: "SERVFAIL",
      flags: "qr rd",
    },
    {
      name: "a condition that fails",
      corefile: `${stanza("expr 1 > 2\nfallthrough")}\n${second}`,
      asks: "y.a.test. A",
      rcode: "NXDOMAIN",
    },
    {
      name: "a condition that is no bool",
      corefile: `${stanza("expr 7\nfallthrough")}\n${second}`,
      asks: "y.a.test. A",
      rcode: "NXDOMAIN",
    },
    {
      name: "a condition without value",
      corefile: `${stanza("expr int(name()) > 1\nfallthrough")}\n${second}`,
      asks: "y.a.test. A",
      rcode: "SERVFAIL",
      flags: "qr rd",
    },
    {
      name: "a condition behind a false one",
      corefile: `${stanza("expr false\nexpr int(name()) > 1\nfallthrough")}\n${second}`,
      asks: "y.a.test. A",
      rcode: "NXDOMAIN",
    },
    {
      name: "a variable without value",
      corefile: `${stanza("expr false\nvar v int(name())\nfallthrough")}\n${second}`,
      asks: "y.a.test. A",
      rcode: "SERVFAIL",
      flags: "qr rd",
    },
    {
      name: "SERVFAIL",
      corefile: stanza('rcode SERVFAIL\nanswer "{{ .No }}"'),
      asks: "a.test. A",
      rcode: "SERVFAIL",
      flags: "qr rd",
    },
  ]) {
    test(name, async () => {
      const { reply } = await ask(corefile, asks);
      assert.deepEqual(
        [reply?.rcode, reply?.flags.split(" ").sort().join(" ")],
        [rcode, flags.split(" ").sort().join(" ")],
      );
    });
  }
});

describe("records", () => {
  for (const { name, line, record } of [
    { name: "an hour without TTL", line: "{{ .Name }} A 192.0.2.1", record: "x.a.test. 3600 IN A 192.0.2.1" },
    { name: "a TTL with a unit", line: "{{ .Name }} 1h IN A 192.0.2.1", record: "x.a.test. 3600 IN A 192.0.2.1" },
    { name: "absolute names", line: "foo 1 IN CNAME bar", record: "foo. 1 IN CNAME bar." },
    { name: "the first of two", line: "a. 1 A 192.0.2.1\nb. 1 A bogus", record: "a. 1 IN A 192.0.2.1" },
    { name: "comments before it", line: "; none\n\na. 1 A 192.0.2.1 ; one", record: "a. 1 IN A 192.0.2.1" },
    { name: "parentheses", line: "a. 1 MX ( 10\n mx )", record: "a. 1 IN MX 10 mx." },
    { name: "a line end in quotes", line: 'a. 1 TXT \\"b\nc\\"', record: 'a. 1 IN TXT "b\\010c"' },
    {
      name: "a quote in the owner",
      line: 'a{{ print `\\` }}\\"b. 1 TXT \\"b\nc\\"',
      record: 'a\\"b. 1 IN TXT "b\\010c"',
    },
    { name: "a quote in a comment", line: 'a. 1 MX ( 10 ; \\"\n mx ; \\"\n)', record: "a. 1 IN MX 10 mx." },
    { name: "a dollar sign before an owner", line: "$ttl.a. 1 A 192.0.2.1", record: "$ttl.a. 1 IN A 192.0.2.1" },
    { name: "another class", line: "a. 1 CH TXT b", record: 'a. 1 CH TXT "b"' },
  ]) {
    test(name, async () => {
      const { reply } = await ask(`template IN TXT . {\nanswer "${line}"\n}`, "x.a.test. TXT");
      assert.deepEqual(reply?.answer, [record]);
    });
  }

  for (const { line, error } of [
    {
      line: "{{ .Name }} 60 IN A 192.0.2.999",
      error: 'dns: expected an IPv4 address, found "192.0.2.999" at column 19',
    },
    {
      line: " {{ .Name }} A 192.0.2.1",
      error: 'dns: expected an owner name at the start, found "x.a.test." at column 2',
    },
    { line: "", error: "dns: no record in the template's text" },
    { line: "; nothing", error: "dns: no record in the template's text" },
    { line: "$INCLUDE /etc/hostname", error: "dns: directives have no place in a template" },
    { line: "$ttl 5\na. 1 A 192.0.2.1", error: "dns: directives have no place in a template" },
    { line: "$ORIGIN a.\nb 1 A 192.0.2.1", error: "dns: directives have no place in a template" },
    { line: "{{ .Name }} A é", error: 'dns: expected an IPv4 address, found "é" at column 13' },
    {
      line: "{{ parseInt `é` 0 8 }}",
      error:
        'template: answer:1:3: executing "answer" at <parseInt `é` 0 8>: error calling parseInt: strconv.ParseUint: parsing "é": invalid syntax',
    },
    {
      line: "{{ .Nope }}",
      error:
        'template: answer:1:3: executing "answer" at <.Nope>: can\'t evaluate field Nope in type *template.templateData',
    },
    {
      line: "{{ .Message.IsEdns0.UDPSize }}",
      error:
        'template: answer:1:11: executing "answer" at <.Message.IsEdns0.UDPSize>: nil pointer evaluating *dns.OPT.UDPSize',
    },
  ]) {
    test(`none: ${line}`, async () => {
      const { reply, error: said } = await ask(`template IN A . {\nanswer "${line}"\n}`, "x.a.test. A");
      assert.deepEqual([reply?.rcode, reply?.flags, said], ["SERVFAIL", "qr rd", error]);
    });
  }

  test("sections, rcode and extended error", async () => {
    const corefile = `template IN A . {
      rcode NXDOMAIN
      additional "ns. 60 A 192.0.2.2" "ns. 60 AAAA ::1"
      authority "a. 60 NS ns."
      answer "a. 60 A 192.0.2.1"
      ederror 21 "not here"
    }`;
    const { reply } = await ask(corefile, "a. A");
    const reason = Buffer.from("not here").toString("hex");
    assert.equal(reply?.rcode, "NXDOMAIN");
    assert.deepEqual(reply?.answer, ["a. 60 IN A 192.0.2.1"]);
    assert.deepEqual(reply?.authority, ["a. 60 IN NS ns."]);
    assert.deepEqual(reply?.additional, ["ns. 60 IN A 192.0.2.2", "ns. 60 IN AAAA ::1"]);
    assert.deepEqual(reply?.opt, { size: 4096, do: true, version: 0, options: [`15 0015${reason}`] });
    const withOpt = await ask(corefile, "a. A", { size: 700 });
    assert.equal(withOpt.reply?.opt?.size, 700);
  });

  test("rcodes above 15 need an OPT record", async () => {
    const corefile = "template IN A . {\nrcode BADCOOKIE\n}";
    assert.equal((await ask(corefile, "a. A", { size: 1232 })).reply?.rcode, "BADCOOKIE");
    assert.equal((await ask(corefile, "a. A")).reply?.rcode, "SERVFAIL");
  });
});

test("with debug the log says why an expression has no value, and the reply stays without a reason", async () => {
  const { lines, error } = await ask("debug\ntemplate IN A . {\nexpr int(name()) > 1\n}", "x.A.test. A");
  assert.equal(error, "");
  assert.deepEqual(
    lines.map(({ level, text }) => `${level} ${text}`),
    ["DEBUG x.a.test.: invalid operation: int(x.a.test.)"],
  );
});

describe("aliases", () => {
  const alias = `template IN ANY a.test {\nanswer "{{ .Name }} 60 CNAME b.test." "x. 60 TXT y"\n}`;
  const target = `template IN A b.test {\nrcode NXDOMAIN\nanswer "{{ .Name }} 60 A 192.0.2.1"\nauthority "b.test. 1 NS b."\n}`;
  for (const { name, corefile, asks, answer } of [
    {
      name: "are followed for addresses, whatever the rcode there",
      corefile: `${alias}\n${target}`,
      asks: "a.test. A",
      answer: ["a.test. 60 IN CNAME b.test.", "b.test. 60 IN A 192.0.2.1", 'x. 60 IN TXT "y"'],
    },
    {
      name: "that lead nowhere stand alone",
      corefile: `${alias}\n${target}`,
      asks: "a.test. AAAA",
      answer: ["a.test. 60 IN CNAME b.test.", 'x. 60 IN TXT "y"'],
    },
    {
      name: "are not followed for other types",
      corefile: `${alias}\n${target}`,
      asks: "a.test. MX",
      answer: ["a.test. 60 IN CNAME b.test.", 'x. 60 IN TXT "y"'],
    },
    {
      name: "of themselves stand there once",
      corefile: `template IN A a.test {\nanswer "{{ .Name }} 60 CNAME {{ .Name }}"\n}`,
      asks: "a.test. A",
      answer: ["a.test. 60 IN CNAME a.test."],
    },
  ]) {
    test(name, async () => {
      const { reply } = await ask(corefile, asks);
      assert.deepEqual(reply?.answer, answer);
      assert.deepEqual(reply?.authority, []);
    });
  }

  test("many of them lead to a bounded number of look-ups", async () => {
    const aliases = Array.from({ length: 12 }, (_, i) => `"{{ .Name }} 60 CNAME c${i}.{{ .Name }}"`).join(" ");
    const { counts } = await ask(`template IN A a.test {\nanswer ${aliases}\n}`, "a.test. A");
    // Eight aliases of the client's query, and one of each look-up's answer, eight deep.
    assert.deepEqual(
      counts.map(([, , count]) => count),
      [1 + 8 * 8],
    );
  });

  test("a target that must be waited for", async () => {
    const waits: Handler = async (query) => {
      await new Promise((resolve) => setImmediate(resolve));
      query.reply.begin(query);
      query.reply.add(0, query.name.toWire(), Type.A, 1, 5, Uint8Array.of(192, 0, 2, 7));
      return ANSWERED;
    };
    const { reply } = await ask(alias, "a.test. A", undefined, waits);
    assert.deepEqual(reply?.answer, ["a.test. 60 IN CNAME b.test.", "b.test. 5 IN A 192.0.2.7", 'x. 60 IN TXT "y"']);
  });
});

test("metrics", async () => {
  const base = { server: "dns://:53", zone: "a.test.", view: "", class: "IN" };
  const corefile = stanza(`match ^x\nanswer "{{   .No  }}"`);
  assert.deepEqual((await ask(corefile, "x.a.test. A")).counts, [
    ["template_matches_total", { ...base, type: "A" }, 1],
    ["template_template_failures_total", { ...base, type: "A", section: "answer", template: "{{.No}}" }, 1],
  ]);
  assert.deepEqual((await ask(corefile, "y.a.test. A")).counts, []);
  const bad = "template ANY ANY a.test {\nauthority 1\n}";
  assert.deepEqual((await ask(bad, "x.a.test. TYPE65399")).counts, [
    ["template_matches_total", { ...base, type: "" }, 1],
    ["template_rr_failures_total", { ...base, type: "", section: "authority", template: "1" }, 1],
  ]);
  // The stanza's type, whatever was asked for.
  const mail = "template IN MX a.test {\nrcode NXDOMAIN\n}";
  assert.deepEqual((await ask(mail, "a.test. ANY")).counts, [["template_matches_total", { ...base, type: "MX" }, 1]]);
});

describe("mistakes", () => {
  for (const { option, says, line = 3 } of [
    { option: "answer", says: "Wrong argument count or unexpected line ending after 'answer'" },
    { option: "match", says: "Wrong argument count or unexpected line ending after 'match'" },
    { option: 'match a "(" b', says: "could not parse regex: (, error parsing regexp: missing closing ): `(`" },
    { option: `match ${"a".repeat(10_001)}`, says: "regex pattern too long: 10001 characters, at most 10000" },
    { option: 'answer "{{ .Name " x', says: "could not compile template: x, template: answer:1: unclosed action" },
    {
      option: 'additional "{{ end }}"',
      says: "could not compile template: {{ end }}, template: additional:1: unexpected {{end}}",
    },
    {
      option: 'authority "{{ no }}"',
      says: 'could not compile template: {{ no }}, template: authority:1: function "no" not defined',
    },
    { option: "rcode", says: "Wrong argument count or unexpected line ending after 'rcode'" },
    { option: "rcode nxdomain", says: "unknown rcode nxdomain" },
    { option: "rcode BADVERS", says: "unknown rcode BADVERS" },
    { option: "rcode NXDOMAIN x", says: "Wrong argument count or unexpected line ending after 'x'" },
    { option: "ederror", says: "Wrong argument count or unexpected line ending after 'ederror'" },
    {
      option: "ederror x",
      says: 'error parsing extended DNS error code x, strconv.ParseUint: parsing "x": invalid syntax',
    },
    {
      option: 'ederror "é\\"x"',
      says: 'error parsing extended DNS error code é"x, strconv.ParseUint: parsing "é\\"x": invalid syntax',
    },
    {
      option: "ederror 65536",
      says: 'error parsing extended DNS error code 65536, strconv.ParseUint: parsing "65536": value out of range',
    },
    { option: "ederror 1 a b", says: "Wrong argument count or unexpected line ending after 'b'" },
    { option: `ederror 1 ${"a".repeat(1_001)}`, says: "more than 1000 bytes of reason" },
    { option: "foo bar", says: "Wrong argument count or unexpected line ending after 'foo'" },
    { option: "var", says: "Wrong argument count or unexpected line ending after 'var'" },
    { option: "var a", says: "Wrong argument count or unexpected line ending after 'a'" },
    { option: "var a-b 1", says: 'invalid variable name "a-b"' },
    { option: "var é 1", says: 'invalid variable name "é"' },
    { option: "var name 1", says: 'variable name "name" is reserved' },
    { option: "var len 1", says: 'variable name "len" is reserved' },
    { option: "var group 1", says: 'variable name "group" is reserved' },
    { option: "var a 1\nvar a 2", says: 'variable name "a" is reserved', line: 4 },
    { option: "var b a + 1\nvar a 1", says: "could not compile expression: b, unknown name a (1:1)" },
    {
      option: `var a 1\nvar b "a + 'x'"`,
      says: "could not compile expression: b, invalid operation: + (mismatched types int and string) (1:3)",
      line: 4,
    },
    { option: "expr", says: "Wrong argument count or unexpected line ending after 'expr'" },
    { option: "expr foo()", says: "could not compile expression: unknown name foo (1:1)" },
    {
      option: "expr \"name() matches '('\"",
      says: "could not compile expression: error parsing regexp: missing closing ): `(` (1:8)",
    },
  ]) {
    test(option.slice(0, 60), () => {
      const { mistakes } = parseBlock([template], `. {\n template IN A {\n${option}\n }\n}`);
      assert.equal(mistakes.length, 1);
      assert.ok(mistakes[0]!.startsWith(`Corefile:${line}`) && mistakes[0]!.includes(says), mistakes[0]);
    });
  }

  for (const { line, says } of [
    { line: "template", says: "after 'template'" },
    { line: "template IN", says: "after 'IN'" },
    { line: "template in A", says: "invalid query class in" },
    { line: "template CLASS1 A", says: "invalid query class CLASS1" },
    { line: "template IN a", says: "invalid RR class a" },
    { line: "template IN TYPE65", says: "invalid RR class TYPE65" },
    { line: "template IN ALL", says: "invalid RR class ALL" },
    { line: "template IN toString", says: "invalid RR class toString" },
  ]) {
    test(line, () => {
      const { mistakes } = parseBlock([template], `. {\n ${line}\n}`);
      assert.equal(mistakes.length, 1);
      assert.ok(mistakes[0]!.includes(says), mistakes[0]);
    });
  }

  test("of all stanzas and lines, and none for the use of a wrong variable", () => {
    const stanza = "template IN A {\nvar a foo()\nvar b a + 1\nexpr a == 1 and b\nrcode x\n}";
    const { mistakes } = parseBlock([template], `. {\n${stanza}\ntemplate IN a\n${stanza}\n}`);
    assert.deepEqual(mistakes, [
      "Corefile:3:5: plugin/template: could not compile expression: a, unknown name foo (1:1)",
      "Corefile:6:7: plugin/template: unknown rcode x",
      "Corefile:8:13: plugin/template: invalid RR class a",
      "Corefile:10:5: plugin/template: could not compile expression: a, unknown name foo (1:1)",
      "Corefile:13:7: plugin/template: unknown rcode x",
    ]);
  });

  for (const line of ["None A", "ANY ANY", "NONE Reserved", "CH TXT", "IN NSAP-PTR 10.0.0.0/9 example.org:53"]) {
    test(`none: template ${line}`, () => {
      const { mistakes } = parseBlock(
        [template],
        `. {\n template ${line.replace("None A", "IN None")} {\n rcode NOTIMPL\n upstream\n fallthrough x.test\n }\n}`,
      );
      assert.deepEqual(mistakes, []);
    });
  }
});
