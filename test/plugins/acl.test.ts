import assert from "node:assert/strict";
import { test } from "node:test";
import { ANSWERED, DROPPED, type Handler } from "../../src/plugin/outcome.ts";
import { acl } from "../../src/plugins/acl.ts";
import { linkChain, parseBlock } from "../support/chain.ts";

const passed: Handler = (query) => {
  query.reply.begin(query);
  query.reply.setOpt(Uint8Array.of(), 0, false);
  return ANSWERED;
};

const COREFILE = `example.org {
  acl sub.example.org x.sub.example.org {
    filter type AAAA ANY net 192.0.2.1 198.51.100.0/24
    drop type MX
    allow net 192.0.2.3
    block type TXT
  }
  acl {
    block type A net 192.0.2.3 2001:db8::/32
  }
}`;

const rows: { ask: string; from?: string; does: "passes" | "block" | "filter" | "drop" }[] = [
  { ask: "www.example.org. A", does: "passes" },
  { ask: "www.example.org. A", from: "192.0.2.3", does: "block" },
  { ask: "www.example.org. A", from: "::ffff:192.0.2.3", does: "block" },
  { ask: "www.example.org. A", from: "2001:db8::7", does: "block" },
  { ask: "www.example.org. A", from: "2001:db9::7", does: "passes" },
  { ask: "www.example.org. MX", from: "192.0.2.3", does: "passes" },
  { ask: "Sub.example.org. AAAA", from: "192.0.2.1", does: "filter" },
  { ask: "a.x.sub.example.org. ANY", from: "198.51.100.255", does: "filter" },
  { ask: "sub.example.org. AAAA", from: "198.51.101.0", does: "passes" },
  { ask: "xsub.example.org. MX", does: "passes" },
  { ask: "sub.example.org. MX", does: "drop" },
  { ask: "sub.example.org. A", from: "192.0.2.3", does: "passes" },
  { ask: "sub.example.org. TXT", does: "block" },
];

for (const { ask, from, does } of rows) {
  test(`acl: ${ask} from ${from ?? "elsewhere"}: ${does}`, async () => {
    const chain = await linkChain({ plugins: [acl], corefile: COREFILE, last: passed });
    const client = from === undefined ? {} : { address: from };
    const { reply, outcome } = await chain.ask({ ask }, client);
    assert.equal(outcome, does === "drop" ? DROPPED : ANSWERED);
    assert.equal(reply?.rcode, does === "drop" ? undefined : does === "block" ? "REFUSED" : "NOERROR");
    const options = does === "block" ? ["15 000f"] : ["15 0011"];
    if (does === "block" || does === "filter") {
      assert.deepEqual(reply!.opt, { size: 4096, do: true, version: 0, options });
      const withOpt = await chain.ask({ ask, edns: { size: 700 } }, client);
      assert.deepEqual(withOpt.reply?.opt, { size: 700, do: false, version: 0, options });
    }
    await chain.stop();
  });
}

for (const line of [
  "block type * type MX",
  "block type MX type *",
  "block net * net 192.0.2.0/24",
  "block net 192.0.2.0/24 net *",
  "block type * type MX net * net 192.0.2.0/24",
]) {
  test(`acl: '${line}' is for all`, async () => {
    const chain = await linkChain({ plugins: [acl], corefile: `. {\n acl {\n ${line}\n }\n}`, last: passed });
    assert.equal((await chain.ask({ ask: "www.example.org. A" })).reply?.rcode, "REFUSED");
    await chain.stop();
  });
}

test("acl: lines of a list are tried in written order, whichever of them are alike", async () => {
  const corefile = `. {
    acl {
      allow net 192.0.2.1
      allow net 192.0.2.2 2001:db8::/64
      block type A TXT net 192.0.2.0/24
      block type TXT A net 2001:db8::/32
      block type TXT net 198.51.100.0/24
      block type MX net 203.0.113.0/24
      drop type MX net 203.0.113.0/24
      drop net 192.0.2.1
      drop type MX net 192.0.2.3
      allow net 192.0.2.4
      filter
    }
  }`;
  const chain = await linkChain({ plugins: [acl], corefile, last: passed });
  const rcodes: [string, string, string | undefined, number][] = [
    ["192.0.2.1", "A", "NOERROR", 0],
    ["192.0.2.2", "MX", "NOERROR", 0],
    ["2001:db8::1", "A", "NOERROR", 0],
    ["192.0.2.3", "A", "REFUSED", 1],
    ["192.0.2.4", "TXT", "REFUSED", 1],
    ["2001:db8:1::1", "TXT", "REFUSED", 1],
    ["2001:db8:1::1", "MX", "NOERROR", 1],
    ["198.51.100.1", "A", "NOERROR", 1],
    ["198.51.100.1", "TXT", "REFUSED", 1],
    ["203.0.113.1", "MX", "REFUSED", 1],
    ["192.0.2.3", "MX", undefined, 0],
    ["192.0.2.4", "MX", "NOERROR", 0],
    ["192.0.2.5", "MX", "NOERROR", 1],
  ];
  for (const [address, type, rcode, options] of rcodes) {
    const { reply } = await chain.ask({ ask: `www.example.org. ${type}` }, { address });
    assert.deepEqual([reply?.rcode, reply?.opt?.options.length ?? 0], [rcode, options], `${address} ${type}`);
  }
  await chain.stop();
});

test("acl: counts under the zone of the rule", async () => {
  const chain = await linkChain({ plugins: [acl], corefile: COREFILE, last: passed });
  for (const { ask, from } of rows) await chain.ask({ ask }, from === undefined ? {} : { address: from });
  const counts = chain.row.descriptions
    .map((cell) => [cell.name, cell.labels.server, cell.labels.zone, cell.labels.view, chain.row.read(cell)[0]])
    .filter((line) => line.at(-1) !== 0);
  const server = "dns://:53";
  assert.deepEqual(counts, [
    ["acl_filtered_requests_total", server, "sub.example.org.", "", 1],
    ["acl_dropped_requests_total", server, "sub.example.org.", "", 1],
    ["acl_blocked_requests_total", server, "sub.example.org.", "", 1],
    ["acl_filtered_requests_total", server, "x.sub.example.org.", "", 1],
    ["acl_blocked_requests_total", server, "example.org.", "", 3],
    ["acl_allowed_requests_total", server, undefined, "", 6],
  ]);
  await chain.stop();
});

for (const line of [
  "block",
  "Block",
  "block TYPE A",
  "block net 192.0.2.0/08",
  "block type * FOO net * x",
  "block type None",
  "drop type Reserved NSAP-PTR",
  "block net 192.0.2.1 type A net ::/0 type MX",
]) {
  test(`acl: '${line}' is fine`, () => {
    const { mistakes, warnings } = parseBlock([acl], `. {\n acl {\n ${line}\n }\n}`);
    assert.deepEqual([mistakes, warnings], [[], []]);
  });
}

for (const [line, mistake] of [
  ["deny", "2: plugin/acl: unexpected token \"deny\"; expect 'allow', 'block', 'filter' or 'drop'"],
  ["block A", "8: plugin/acl: unexpected token \"A\"; expect 'type | net'"],
  ["block type a", '13: plugin/acl: unexpected token "a"; expect legal QTYPE'],
  ["block type A TYPE65", '15: plugin/acl: unexpected token "TYPE65"; expect legal QTYPE'],
  ["block type ALL", '13: plugin/acl: unexpected token "ALL"; expect legal QTYPE'],
  ["block type net ::1", '2: plugin/acl: no token specified in "type" section'],
  ["block net ::1 net", '2: plugin/acl: no token specified in "net" section'],
  ["block net 192.0.2", '12: plugin/acl: illegal CIDR notation "192.0.2/32"'],
  ["block net ::1/129", '12: plugin/acl: illegal CIDR notation "::1/129"'],
  ["block net fe80::1%eth0", '12: plugin/acl: illegal CIDR notation "fe80::1%eth0/128"'],
]) {
  test(`acl: '${line}' is a mistake`, () => {
    assert.deepEqual(parseBlock([acl], `. {\n acl {\n ${line}\n }\n}`).mistakes, [`Corefile:3:${mistake}`]);
  });
}

test("acl: the mistakes of all policies of all rules", () => {
  assert.deepEqual(parseBlock([acl], ". {\n acl {\n deny\n block A\n }\n acl {\n deny\n }\n}").mistakes, [
    "Corefile:3:2: plugin/acl: unexpected token \"deny\"; expect 'allow', 'block', 'filter' or 'drop'",
    "Corefile:4:8: plugin/acl: unexpected token \"A\"; expect 'type | net'",
    "Corefile:7:2: plugin/acl: unexpected token \"deny\"; expect 'allow', 'block', 'filter' or 'drop'",
  ]);
});

test("acl: warns of networks that fit nobody", () => {
  assert.equal(parseBlock([acl], ". {\n acl {\n block net ::ffff:192.0.2.1\n }\n}").warnings.length, 1);
});
