import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Flag } from "../../src/dns/header.ts";
import { Section } from "../../src/dns/reply.ts";
import { Rcode } from "../../src/dns/types.ts";
import { ANSWERED, DROPPED, type Handler, SERVFAIL } from "../../src/plugin/outcome.ts";
import { definePlugin } from "../../src/plugin/plugin.ts";
import { type Query, Transport } from "../../src/plugin/query.ts";
import { compileFormat } from "../../src/plugins/log/format.ts";
import { log } from "../../src/plugins/log/index.ts";
import { LogLine } from "../../src/plugins/log/line.ts";
import { type Client, linkChain, parseBlock } from "../support/chain.ts";
import { parsedRecord } from "../support/dns-text.ts";
import type { Question } from "../support/wire.ts";

/** Replies with the rcode and records given. */
function replies(rcode: number, answer: readonly string[] = [], authority: readonly string[] = [], flags = 0): Handler {
  return (query: Query) => {
    query.reply.begin(query);
    query.reply.rcode = rcode;
    query.reply.flags |= flags;
    const add = (section: Section) => (text: string) => {
      const { name, type, class: klass, ttl, data } = parsedRecord(text);
      query.reply.add(section, name, type, klass, ttl, data);
    };
    answer.forEach(add(Section.ANSWER));
    authority.forEach(add(Section.AUTHORITY));
    return ANSWERED;
  };
}

const address = "www.example.org. 60 IN A 192.0.2.1";
const soa = "example.org. 60 IN SOA ns.example.org. admin.example.org. 1 7200 900 86400 60";
const found = replies(Rcode.NOERROR, [address]);

/** The lines of one query, durations and ports made equal. */
async function linesOf(directives: string, question: Question, last: Handler, client?: Client): Promise<string[]> {
  const chain = await linkChain({ plugins: [log], corefile: `. {\n${directives}\n}`, last });
  const { lines } = await chain.ask(question, client);
  await chain.stop();
  return lines.map(
    ({ level, text }) => `${level} ${text.replaceAll(/\b\d+(\.\d+)?s\b/g, "0s").replaceAll(/ - \d+ /g, " - ID ")}`,
  );
}

describe("log: formats", () => {
  const rows: { format?: string; question: Question; client?: Client; last?: Handler; line: string }[] = [
    {
      question: { ask: "Www.example.org. A", edns: { do: true, size: 4096 } },
      line: '10.240.0.1:40212 - ID "A IN www.example.org. udp 44 true 4096" NOERROR qr,rd 64 0s',
    },
    {
      format: "{combined}",
      question: { ask: "www.example.org. TYPE65280", opcode: 4 },
      client: { address: "2001:db8::1", port: 1 },
      line: '[2001:db8::1]:1 - ID "TYPE65280 IN www.example.org. udp 33 false 512" NOERROR qr 64 0s "4"',
    },
    {
      format: "{rcode} {>rflags} {rsize}",
      question: { ask: "www.example.org. A" },
      last: replies(Rcode.NXDOMAIN, [], [soa], Flag.AA | Flag.TC | Flag.RA | Flag.Z | Flag.AD | Flag.CD),
      line: "NXDOMAIN qr,aa,tc,rd,ra,z,ad,cd 111",
    },
    {
      format: "{rcode} {>rflags} {rsize}",
      question: { ask: "www.example.org. A", flags: "rd cd ad" },
      last: () => SERVFAIL,
      line: "SERVFAIL qr,rd,cd 33",
    },
    {
      format: "{rcode} {>rflags} {rsize}",
      question: { ask: "www.example.org. A" },
      last: () => DROPPED,
      line: "- - 0",
    },
    {
      format: "{rcode} {>rflags} {rsize}",
      question: { ask: "www.example.org. A" },
      last: () => ANSWERED,
      line: "- - 0",
    },
    ...[
      { last: found, line: "NOERROR success" },
      { last: replies(Rcode.NOERROR), line: "NOERROR success" },
      { last: replies(Rcode.NOERROR, [], ["example.org. 60 IN NS ns.example.org."]), line: "DELEGATION success" },
      { last: replies(Rcode.NOERROR, [], [soa]), line: "NODATA denial" },
      { last: replies(Rcode.NXDOMAIN), line: "NXDOMAIN denial" },
      { last: replies(Rcode.NXDOMAIN, [address]), line: "OTHERERROR error" },
      { last: replies(Rcode.NOTIMP, [address]), line: "SERVERERROR error" },
      { last: () => SERVFAIL, line: "SERVERERROR error" },
      { last: () => DROPPED, line: "OTHERERROR error" },
      { question: { ask: "example.org. IXFR" }, last: () => SERVFAIL, line: "META error" },
    ].map((row) => ({ question: { ask: "www.example.org. A" }, format: "{/log/type} {/log/class}", ...row })),
    { format: "{local}", question: { ask: "www.example.org. A" }, line: "[::]" },
    {
      format: "{local}",
      question: { ask: "www.example.org. A" },
      client: { listener: "192.0.2.9" },
      line: "192.0.2.9",
    },
    {
      format: "{local} {proto}",
      question: { ask: "www.example.org. A" },
      client: { transport: Transport.TLS, listener: "::1" },
      line: "[::1] tcp",
    },
    { format: "{proto}", question: { ask: "www.example.org. A" }, client: { transport: Transport.QUIC }, line: "udp" },
    {
      format: "{remote}",
      question: { ask: "www.example.org. A" },
      client: { address: "::ffff:192.0.2.255" },
      line: "192.0.2.255",
    },
    {
      format: "{name}",
      question: { ask: `a\\000\\255\\.\\\\\\".example.org. A` },
      line: `a\\000\\255\\.\\\\\\".example.org.`,
    },
    { format: "{name}", question: { ask: ". A" }, line: "." },
    { format: "a{type}b{class}c", question: { ask: ". NS" }, line: "aNSbINc" },
    {
      format: "{TYPE} {>type} {type {>rflags } {",
      question: { ask: ". NS" },
      line: "{TYPE} {>type} {type {>rflags } {",
    },
    { format: "{{type}} é {/group/label}", question: { ask: ". NS" }, line: "{NS} é -" },
  ];
  for (const { format, question, client, last = found, line } of rows) {
    test(`${format ?? "default"} for ${JSON.stringify(question)}`, async () => {
      const directive = format === undefined ? "log" : `log . "${format}"`;
      assert.deepEqual(await linesOf(directive, question, last, client), [`INFO ${line}`]);
    });
  }
});

describe("log: metadata", () => {
  const label = definePlugin({
    name: "label",
    parse: (directive) => directive.once().word(),
    serve: (value, { next, provideMetadata }) => {
      provideMetadata("group/label", () => value.replaceAll("~", "\n"));
      return next;
    },
  });
  for (const [value, text] of [
    ["word", "word"],
    ['""', "-"],
    ["zwei~Zeilen", "zwei\\x0aZeilen"],
    ["é".repeat(1_000), "é".repeat(512)],
  ]) {
    test(value!.slice(0, 20), async () => {
      const corefile = `. {\n log . "{/group/label}"\n label ${value}\n}`;
      const chain = await linkChain({ plugins: [log, label], corefile, last: found });
      const { lines } = await chain.ask({ ask: "www.example.org. A" });
      await chain.stop();
      // The logger shows control characters; here its input is seen.
      assert.equal(lines[0]?.text.replaceAll("\n", "\\x0a"), text);
    });
  }
});

describe("log: rules and classes", () => {
  for (const { directives, ask = "www.example.org. A", last = found, lines } of [
    { directives: 'log example.org "{name} 1"\nlog . "2"', lines: ["INFO www.example.org. 1"] },
    { directives: 'log . "{type} 1"\nlog example.org "2"', lines: ["INFO A 1"] },
    { directives: 'log example.com "{type} 1"', lines: [] },
    { directives: 'log EXAMPLE.com Example.ORG "{type} 1"', lines: ["INFO A 1"] },
    { directives: 'log ample.org "{type} 1"', lines: [] },
    { directives: 'log . "{type} 1" {\nclass denial\n}\nlog . "{type} 2"', lines: [] },
    { directives: 'log . "{type}" {\nclass denial success\n}', lines: ["INFO A"] },
    { directives: 'log . "{type}" {\nclass denial\nclass success\n}', lines: ["INFO A"] },
    { directives: 'log . "{type}" {\nclass error all\n}', lines: ["INFO A"] },
    { directives: 'log . "{type}" {\nclass success\n}', last: replies(Rcode.NOERROR), lines: ["INFO A"] },
    { directives: 'log . "{type}" {\nclass denial\n}', last: replies(Rcode.NOERROR, [], [soa]), lines: ["INFO A"] },
    { directives: 'log . "{type}" {\nclass denial\n}', last: replies(Rcode.NXDOMAIN), lines: ["INFO A"] },
    {
      directives: 'log . "{type}" {\nclass error\n}',
      last: replies(Rcode.NXDOMAIN, [address], [soa]),
      lines: ["INFO A"],
    },
    { directives: 'log . "{type}" {\nclass error\n}', last: replies(Rcode.REFUSED, [address]), lines: ["INFO A"] },
    { directives: 'log . "{type}" {\nclass error\n}', last: () => SERVFAIL, lines: ["INFO A"] },
    { directives: 'log . "{type}" {\nclass error\n}', last: () => DROPPED, lines: ["INFO A"] },
    { directives: 'log . "{type}" {\nclass error\n}', ask: "example.org. AXFR", lines: ["INFO AXFR"] },
  ]) {
    test(directives.replaceAll("\n", " "), async () => {
      assert.deepEqual(await linesOf(directives, { ask }, last), lines);
    });
  }
});

test("log: a query that waits is logged when its reply is there", async () => {
  const lines = await linesOf('log . "{type} {duration}"', { ask: ". NS" }, async (query) => found(query));
  assert.deepEqual(lines, ["INFO NS 0s"]);
});

test("log: the fields of JSON lines", async () => {
  const chain = await linkChain({ plugins: [log], corefile: ". {\n log\n}", last: found });
  const { lines } = await chain.ask({ ask: "Www.example.org. A", edns: { do: true } }, { address: "2001:db8::1" });
  const { lines: dropped } = await (async () => {
    const silent = await linkChain({ plugins: [log], corefile: ". {\n log\n}", last: () => DROPPED });
    const asked = await silent.ask({ ask: "www.example.org. A", over: "tcp" });
    await silent.stop();
    return asked;
  })();
  await chain.stop();
  const { id, duration_seconds, ...fields } = lines[0]!.fields;
  assert.equal(typeof id, "number");
  assert.ok(typeof duration_seconds === "number" && duration_seconds >= 0 && duration_seconds < 1);
  assert.deepEqual(fields, {
    client_ip: "2001:db8::1",
    client_port: 40_212,
    qname: "www.example.org.",
    qtype: "A",
    qclass: "IN",
    protocol: "udp",
    opcode: 0,
    request_size: 44,
    dnssec_ok: true,
    bufsize: 1232,
    rcode: "NOERROR",
    response_size: 64,
  });
  assert.equal(dropped[0]?.fields.rcode, null);
  assert.equal(dropped[0]?.fields.bufsize, 65_535);
});

describe("log: numbers", () => {
  const line = new LogLine(64);
  const written = (write: () => void) => {
    line.length = 0;
    write();
    return line.bytes.toString("latin1", 0, line.length);
  };
  for (const number of [0, 9, 10, 99, 100, 65_535, 2_147_483_647]) {
    test(String(number), () =>
      assert.equal(
        written(() => line.integer(number)),
        String(number),
      ),
    );
  }
  for (const [nanoseconds, text] of [
    [0, "0"],
    [1, "0.000000001"],
    [120, "0.00000012"],
    [123_456, "0.000123456"],
    [100_000_000, "0.1"],
    [1_000_000_000, "1"],
    [12_000_000_001, "12.000000001"],
    [86_400_000_000_000, "86400"],
  ] as const) {
    test(text, () =>
      assert.equal(
        written(() => line.seconds(nanoseconds)),
        text,
      ),
    );
  }
});

test("log: no line is longer than its format says", () => {
  const { maxLength } = compileFormat("{name}{name} {common}", () => undefined);
  assert.ok(maxLength >= 3 * 4 * 255, `${maxLength} bytes for three names of 255 escaped bytes`);
});

test("log: the longest name fits", async () => {
  const label = "\\000".repeat(63);
  const ask = `${label}.${label}.${label}.${"\\000".repeat(61)}. A`;
  const lines = await linesOf("log . {name}{name}", { ask }, found);
  assert.deepEqual(lines, [`INFO ${ask.slice(0, -2).repeat(2)}`]);
});

for (const [directive, mistakes, warnings] of [
  [
    "log {\nclass\n}",
    [
      "3:1: plugin/log: Wrong argument count or unexpected line ending after 'class', expected success, denial, error, all",
    ],
    [],
  ],
  ["log {\nclass denial foo\n}", ["3:14: plugin/log: invalid Class: foo"], []],
  [
    "log {\nclass foo\n}\nlog {\nclass bar\n}",
    ["3:7: plugin/log: invalid Class: foo", "6:7: plugin/log: invalid Class: bar"],
    [],
  ],
  ["log {\nclas all\n}", ["3:1: plugin/log: unknown property 'clas'"], []],
  ["log a..b {type}", [], ["2:5: plugin/log: 'a..b' is left out: it is no name"]],
  ["log {type}", [], []],
  ["log", [], []],
] as const) {
  test(`log: ${directive.replaceAll("\n", " ")}`, () => {
    const parsed = parseBlock([log], `. {\n${directive}\n}`);
    assert.deepEqual(
      parsed.mistakes,
      mistakes.map((text) => `Corefile:${text}`),
    );
    assert.deepEqual(
      parsed.warnings,
      warnings.map((text) => `Corefile:${text}`),
    );
  });
}
