/** prometheus: what its directive takes, and what it counts of which query. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Section } from "../../src/dns/reply.ts";
import { ANSWERED, DROPPED, REFUSED, SERVFAIL } from "../../src/plugin/outcome.ts";
import { type Query, Transport } from "../../src/plugin/query.ts";
import { prometheus } from "../../src/plugins/prometheus/index.ts";
import { type Client, linkChain, parseBlock, type TestChain } from "../support/chain.ts";
import type { Question } from "../support/wire.ts";

const ADDRESS = new Uint8Array([192, 0, 2, 1]);

/** Does what the first label says. */
function last(query: Query): number | Promise<number> {
  const label = Buffer.from(query.name.bytes.subarray(1, 1 + query.name.bytes[0]!)).toString();
  if (label === "drop") return DROPPED;
  if (label === "silent") return ANSWERED;
  if (label === "fail") return SERVFAIL;
  if (label === "refuse") return REFUSED;
  const { reply } = query;
  reply.begin(query);
  if (label === "nx") reply.rcode = 3;
  if (label === "odd") reply.rcode = 25;
  if (label === "opt") reply.setOpt(new Uint8Array([0, 15, 0, 2, 0, 15]), 4_096, true);
  if (label === "two" || label === "late") {
    const owner = query.name.bytes.slice(0, query.name.length);
    for (let i = 0; i < 2; i++) reply.add(Section.ANSWER, owner, 1, 1, 60, ADDRESS);
  }
  return label === "late" ? new Promise((resolve) => setTimeout(resolve, 3, ANSWERED)) : ANSWERED;
}

/** All cells that are not zero: `name{labels known per query} value`, without those of durations' sums. */
function counted({ row }: TestChain): string[] {
  const lines: string[] = [];
  for (const description of row.descriptions) {
    const { name, kind, labels, dimensions, bounds } = description;
    const { server: _server, view: _view, ...own } = labels;
    const all = [...row.read(description)];
    const sum = kind === "histogram" ? all.pop() : undefined;
    for (const [index, value] of all.entries()) {
      if (value === 0) continue;
      const shown: Record<string, string> = {
        ...own,
        ...Object.fromEntries(Object.keys(dimensions).map((label) => [label, ""])),
      };
      let rest = index;
      for (const [label, values] of Object.entries(dimensions).reverse()) {
        shown[label] = values[rest % values.length]!;
        rest = Math.floor(rest / values.length);
      }
      if (kind === "histogram") shown.le = String(bounds[index] ?? "+Inf");
      lines.push(`${name.replace("dns_", "")} ${Object.values(shown).join(" ")}: ${value}`);
    }
    if (sum && !name.includes("duration"))
      lines.push(`${name.replace("dns_", "")} ${Object.values(own).join(" ")} sum: ${sum}`);
  }
  return lines;
}

const linked = (zones = "example.org") =>
  linkChain({ plugins: [prometheus], corefile: `${zones} {\n prometheus 127.0.0.1:0\n}`, last });

const rows: { question: Question; client?: Client; counts: string[] }[] = [
  {
    question: { ask: "one.example.org. A" },
    counts: [
      "requests_total example.org. udp 1 A: 1",
      "responses_total example.org. test NOERROR: 1",
      "request_duration_seconds example.org. 0.00025: 1",
      "request_size_bytes example.org. udp 100: 1",
      "request_size_bytes example.org. udp sum: 33",
      "response_size_bytes example.org. udp 100: 1",
      "response_size_bytes example.org. udp sum: 33",
    ],
  },
  {
    question: { ask: "two.example.org. AAAA", edns: { size: 1_232, do: true, options: ["10 0102030405060708"] } },
    client: { address: "2001:db8::1" },
    counts: [
      "requests_total example.org. udp 2 AAAA: 1",
      "responses_total example.org. test NOERROR: 1",
      "do_requests_total example.org.: 1",
      "request_duration_seconds example.org. 0.00025: 1",
      "request_size_bytes example.org. udp 100: 1",
      "request_size_bytes example.org. udp sum: 56",
      "response_size_bytes example.org. udp 100: 1",
      "response_size_bytes example.org. udp sum: 95",
    ],
  },
  {
    question: { ask: "nx.example.org. TYPE65280" },
    client: { transport: Transport.TLS },
    counts: [
      "requests_total example.org. tcp 1 other: 1",
      "responses_total example.org. test NXDOMAIN: 1",
      "request_duration_seconds example.org. 0.00025: 1",
      "request_size_bytes example.org. tcp 100: 1",
      "request_size_bytes example.org. tcp sum: 32",
      "response_size_bytes example.org. tcp 100: 1",
      "response_size_bytes example.org. tcp sum: 32",
    ],
  },
  {
    question: { ask: "opt.example.org. ANY" },
    client: { transport: Transport.QUIC },
    counts: [
      "requests_total example.org. udp 1 ANY: 1",
      "responses_total example.org. test NOERROR: 1",
      "request_duration_seconds example.org. 0.00025: 1",
      "request_size_bytes example.org. udp 100: 1",
      "request_size_bytes example.org. udp sum: 33",
      "response_size_bytes example.org. udp 100: 1",
      "response_size_bytes example.org. udp sum: 50",
    ],
  },
  {
    question: { ask: "odd.example.org. SVCB" },
    counts: [
      "requests_total example.org. udp 1 SVCB: 1",
      "responses_total example.org. test other: 1",
      "request_duration_seconds example.org. 0.00025: 1",
      "request_size_bytes example.org. udp 100: 1",
      "request_size_bytes example.org. udp sum: 33",
      "response_size_bytes example.org. udp 100: 1",
      "response_size_bytes example.org. udp sum: 33",
    ],
  },
  ...["drop", "silent", "fail", "refuse"].map((label) => ({
    question: { ask: `${label}.example.org. MX` },
    counts: [
      "requests_total example.org. udp 1 MX: 1",
      `responses_total example.org.  ${label === "fail" ? "SERVFAIL" : label === "refuse" ? "REFUSED" : "NOERROR"}: 1`,
      "request_duration_seconds example.org. 0.00025: 1",
      "request_size_bytes example.org. udp 100: 1",
      `request_size_bytes example.org. udp sum: ${29 + label.length + 1}`,
      "response_size_bytes example.org. udp 0: 1",
    ],
  })),
];

for (const { question, client, counts } of rows) {
  test(`prometheus: ${question.ask} from ${client?.address ?? "10.240.0.1"}`, async () => {
    const chain = await linked();
    await chain.ask(question, client);
    assert.deepEqual(
      counted(chain).map((line) => line.replace(/(duration_seconds \S+) 0\.\d+/, "$1 0.00025")),
      counts,
    );
    await chain.stop();
  });
}

test("prometheus: a query that waits has its own time, those of a batch share theirs", async () => {
  const chain = await linked();
  const durations = () => {
    const description = chain.row.descriptions.find(({ name }) => name === "dns_request_duration_seconds")!;
    const cells = [...chain.row.read(description)];
    return { count: cells.slice(0, -1).reduce((a, b) => a + b), seconds: cells.at(-1)! };
  };
  await chain.ask({ ask: "late.example.org. A" });
  const late = durations();
  assert.equal(late.count, 1);
  assert.ok(late.seconds >= 0.002, `${late.seconds} s`);
  for (let i = 0; i < 5; i++) await chain.ask({ ask: "one.example.org. A" });
  assert.equal(durations().count, 6);
  assert.ok(durations().seconds > late.seconds);
  await chain.stop();
});

for (const { zones, ask, zone } of [
  { zones: "example.org", ask: "a.example.org. A", zone: "example.org." },
  { zones: "example.org a.example.org", ask: "x.a.example.org. A", zone: "a.example.org." },
  { zones: "a.example.org example.org", ask: "x.a.example.org. A", zone: "a.example.org." },
  { zones: "a.example.org example.org", ask: "x.b.example.org. A", zone: "example.org." },
  { zones: "example.org example.net", ask: "Example.NET. A", zone: "example.net." },
  { zones: ". example.net", ask: "nobody.test. A", zone: "." },
  { zones: "aexample.org example.org", ask: "aexample.org. A", zone: "aexample.org." },
  { zones: "10.0.0.0/8 example.org", ask: "1.0.10.in-addr.arpa. PTR", zone: "10.in-addr.arpa." },
]) {
  test(`prometheus: ${ask} in a block of ${zones} counts for ${zone}`, async () => {
    const chain = await linked(zones);
    // The second one finds what the first one has learnt.
    for (let i = 1; i <= 2; i++) {
      await chain.ask({ ask });
      const requests = counted(chain).filter((line) => line.startsWith("requests_total"));
      assert.equal(requests.length, 1);
      assert.equal(requests[0]!.replace(/ \w+: /, ": "), `requests_total ${zone} udp 1: ${i}`);
    }
    await chain.stop();
  });
}

for (const [directive, config] of [
  ["prometheus", { address: "localhost:9153" }],
  ["prometheus :9153", { address: ":9153" }],
  ["prometheus [::1]:9153 {\nruntime_metrics\nruntime_metrics\n}", { address: "[::1]:9153" }],
  ["prometheus 0.0.0.0:0 {\ntls web.yml\n}", { address: "0.0.0.0:0", tls: "web.yml" }],
] as const) {
  test(`prometheus: '${directive.replaceAll("\n", " ")}' is fine`, () => {
    const { elements, mistakes } = parseBlock([prometheus], `. {\n${directive}\n}`);
    assert.deepEqual([elements[0]?.config, mistakes], [config, []]);
  });
}

for (const [directive, mistake] of [
  ["prometheus 127.0.0.1", "2:12: plugin/prometheus: address 127.0.0.1: missing port in address"],
  ["prometheus [::1]", "2:12: plugin/prometheus: address [::1]: missing port in address"],
  ["prometheus [::1:9153", "2:12: plugin/prometheus: address [::1:9153: missing ']' in address"],
  ["prometheus ::1", "2:12: plugin/prometheus: address ::1: too many colons in address"],
  ["prometheus :1 :2", "2:15: plugin/prometheus: Wrong argument count or unexpected line ending after ':2'"],
  ["prometheus\nprometheus", "3:1: plugin/prometheus: this plugin can only be used once per Server Block"],
  ["prometheus {\nfoo\n}", "3:1: plugin/prometheus: unknown option: foo"],
  ["prometheus {\ntls a\ntls b\n}", "4:1: plugin/prometheus: tls block already specified"],
]) {
  test(`prometheus: '${directive!.replaceAll("\n", " ")}' is a mistake`, () => {
    assert.deepEqual(parseBlock([prometheus], `. {\n${directive}\n}`).mistakes, [`Corefile:${mistake}`]);
  });
}
