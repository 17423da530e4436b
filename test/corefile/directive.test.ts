import assert from "node:assert/strict";
import { test } from "node:test";
import type { Directive, Option, Stanza } from "../../src/corefile/directive.ts";
import { ConfigMistake, corednsText, placedText } from "../../src/corefile/mistake.ts";
import { parseCorefile } from "../../src/corefile/parser.ts";

/** The directive `probe` of a block whose body is `text`. */
function directive(text: string, keys = "example.org"): Directive {
  const { blocks, mistakes } = parseCorefile(`${keys} {\n${text}\n}\n`, {
    file: "Corefile",
    directives: ["probe", "root"],
  });
  assert.deepEqual(mistakes, []);
  return blocks[0]!.directives.find(({ name }) => name === "probe")!;
}

function stanza(line: string, keys?: string): Stanza {
  return directive(line, keys).once();
}

type Read = (line: Stanza) => unknown;

for (const { name, line, keys, read, gives } of [
  {
    name: "a word",
    line: "probe a b",
    read: (l) => [l.word(), l.left, l.peek(), l.word(), l.peek()],
    gives: ["a", 1, "b", "b", undefined],
  },
  { name: "a missing word", line: "probe", read: (l) => l.word({ default: "x" }), gives: "x" },
  { name: "the rest", line: "probe a b c", read: (l) => [l.word(), l.rest(), l.left], gives: ["a", ["b", "c"], 0] },
  { name: "no rest", line: "probe", read: (l) => l.rest(), gives: [] },
  { name: "one of", line: "probe b", read: (l) => l.oneOf(["a", "b"]), gives: "b" },
  { name: "one of, missing", line: "probe", read: (l) => l.oneOf(["a", "b"], { default: "a" }), gives: "a" },
  { name: "an integer", line: "probe 5", read: (l) => l.integer(), gives: 5 },
  { name: "a signed integer", line: "probe -5", read: (l) => l.integer(), gives: -5 },
  {
    name: "an integer at its bounds",
    line: "probe 1 9",
    read: (l) => [l.integer({ min: 1 }), l.integer({ max: 9 })],
    gives: [1, 9],
  },
  { name: "an integer, missing", line: "probe", read: (l) => l.integer({ default: 7, min: 9 }), gives: 7 },
  {
    name: "a decimal",
    line: "probe 0.25 1e3 .5",
    read: (l) => [l.decimal(), l.decimal(), l.decimal()],
    gives: [0.25, 1000, 0.5],
  },
  { name: "a duration", line: "probe 1m30s", read: (l) => l.duration(), gives: 90_000 },
  {
    name: "a duration in bare seconds",
    line: "probe 30 30s",
    read: (l) => [l.duration({ bareSeconds: true }), l.duration({ bareSeconds: true })],
    gives: [30_000, 30_000],
  },
  { name: "a duration below zero", line: "probe -1s", read: (l) => l.duration({ min: -5000 }), gives: -1000 },
  { name: "a duration, missing", line: "probe", read: (l) => l.duration({ default: 5 }), gives: 5 },
  { name: "a domain name", line: "probe A.test", read: (l) => l.domainName(), gives: "a.test." },
  { name: "a zone", line: "probe A.test:53", read: (l) => l.zone(), gives: "a.test." },
  {
    name: "zones",
    line: "probe A.test 10.0.0.0/23",
    read: (l) => l.zones(),
    gives: ["a.test.", "0.0.10.in-addr.arpa.", "1.0.10.in-addr.arpa."],
  },
  { name: "the block's zones", line: "probe", read: (l) => l.zones(), gives: ["example.org."] },
  {
    name: "the first zone of the block's prefix",
    line: "probe",
    keys: "10.0.0.0/23 tls://b.test:1",
    read: (l) => l.zones(),
    gives: ["0.0.10.in-addr.arpa.", "1.0.10.in-addr.arpa.", "b.test."],
  },
  { name: "only bad zones", line: "probe a..b", read: (l) => l.zones(), gives: [] },
  { name: "fallthrough for all", line: "probe", read: (l) => l.fallthrough(), gives: ["."] },
  {
    name: "fallthrough for zones",
    line: "probe A.test b.test",
    read: (l) => l.fallthrough(),
    gives: ["a.test.", "b.test."],
  },
  { name: "a path", line: "probe db.example", read: (l) => l.path(), gives: "db.example" },
  {
    name: "a path below the root",
    line: "probe db.example\nroot /zones",
    read: (l) => l.path(),
    gives: "/zones/db.example",
  },
  { name: "an absolute path", line: "root /zones\nprobe /etc/hosts", read: (l) => l.path(), gives: "/etc/hosts" },
  {
    name: "an IP address",
    line: "probe 192.0.2.1 2001:db8::1",
    read: (l) => [l.ip(), l.ip()],
    gives: ["192.0.2.1", "2001:db8::1"],
  },
  { name: "an address", line: "probe :8080", read: (l) => l.address(), gives: { host: "", port: 8080 } },
  {
    name: "an address without a port",
    line: "probe ::1",
    read: (l) => l.address({ defaultPort: 53 }),
    gives: { host: "::1", port: 53 },
  },
  { name: "a number of arguments", line: "probe a b", read: (l) => l.exactly(2), gives: undefined },
] as { name: string; line: string; keys?: string; read: Read; gives: unknown }[]) {
  test(`directive: ${name}`, () => assert.deepEqual(read(stanza(line, keys)), gives));
}

const WRONG_COUNT = "Wrong argument count or unexpected line ending after";
for (const { line, read, says, suggests } of [
  {
    line: "probe",
    read: (l) => l.word({ what: "a policy" }),
    says: `2:1: plugin/probe: ${WRONG_COUNT} 'probe', expected a policy`,
  },
  { line: "probe a", read: (l) => [l.word(), l.word()], says: `2:7: plugin/probe: ${WRONG_COUNT} 'a'` },
  {
    line: "probe a",
    read: (l) => l.rest({ atLeast: 2, what: "two names" }),
    says: `2:7: plugin/probe: ${WRONG_COUNT} 'a', expected two names`,
  },
  {
    line: "probe a b",
    read: (l) => l.noArguments(),
    says: `2:7: plugin/probe: ${WRONG_COUNT} 'a', expected no arguments`,
  },
  {
    line: "probe a b",
    read: (l) => l.exactly(1),
    says: `2:9: plugin/probe: ${WRONG_COUNT} 'b', expected no more than 1 argument`,
  },
  { line: "probe a", read: (l) => l.exactly(2), says: `2:7: plugin/probe: ${WRONG_COUNT} 'a', expected 2 arguments` },
  {
    line: "probe a b",
    read: (l) => [l.word(), l.end()],
    says: `2:9: plugin/probe: ${WRONG_COUNT} 'b', expected no more than 1 argument`,
  },
  {
    line: "probe randon",
    read: (l) => l.oneOf(["random", "round_robin", "sequential"], { what: "policy" }),
    says: "2:7: plugin/probe: unknown policy 'randon', expected random, round_robin or sequential",
    suggests: "random",
  },
  {
    line: "probe",
    read: (l) => l.oneOf(["on", "off"]),
    says: `2:1: plugin/probe: ${WRONG_COUNT} 'probe', expected on or off`,
  },
  { line: "probe a", read: (l) => l.integer(), says: "2:7: plugin/probe: invalid probe 'a', expected an integer" },
  {
    line: "probe 1.5",
    read: (l) => l.integer({ what: "TTL" }),
    says: "2:7: plugin/probe: invalid TTL '1.5', expected an integer",
  },
  {
    line: "probe 0",
    read: (l) => l.integer({ min: 1 }),
    says: "2:7: plugin/probe: invalid probe '0', expected an integer of at least 1",
  },
  {
    line: "probe 10",
    read: (l) => l.integer({ max: 9 }),
    says: "2:7: plugin/probe: invalid probe '10', expected an integer of at most 9",
  },
  {
    line: "probe 10",
    read: (l) => l.integer({ min: 1, max: 9 }),
    says: "2:7: plugin/probe: invalid probe '10', expected an integer from 1 to 9",
  },
  {
    line: "probe 99999999999999999999",
    read: (l) => l.integer(),
    says: "2:7: plugin/probe: invalid probe '99999999999999999999', expected an integer",
  },
  { line: 'probe ""', read: (l) => l.integer(), says: "2:7: plugin/probe: invalid probe '', expected an integer" },
  {
    line: "probe 0x10",
    read: (l) => l.integer(),
    says: "2:7: plugin/probe: invalid probe '0x10', expected an integer",
  },
  { line: "probe NaN", read: (l) => l.decimal(), says: "2:7: plugin/probe: invalid probe 'NaN', expected a number" },
  {
    line: "probe 2",
    read: (l) => l.decimal({ min: 0, max: 1 }),
    says: "2:7: plugin/probe: invalid probe '2', expected a number from 0 to 1",
  },
  {
    line: "probe 10",
    read: (l) => l.duration(),
    says: "2:7: plugin/probe: invalid probe '10', expected a duration such as 300ms or 1m30s",
    suggests: "10s",
  },
  {
    line: "probe -1s",
    read: (l) => l.duration(),
    says: "2:7: plugin/probe: invalid probe '-1s', expected a duration such as 300ms or 1m30s",
  },
  {
    line: "probe 1s",
    read: (l) => l.duration({ min: 2000 }),
    says: "2:7: plugin/probe: invalid probe '1s', expected a duration of at least 2s",
  },
  {
    line: "probe 25h",
    read: (l) => l.duration({ min: 1000, max: 86_400_000 }),
    says: "2:7: plugin/probe: invalid probe '25h', expected a duration from 1s to 24h",
  },
  {
    line: "probe a..b",
    read: (l) => l.domainName(),
    says: "2:7: plugin/probe: invalid probe 'a..b', expected a domain name",
  },
  { line: "probe a..b", read: (l) => l.zone(), says: "2:7: plugin/probe: zone is not a valid domain name: a..b" },
  {
    line: "probe",
    read: (l) => l.zones({ atLeast: 1 }),
    says: `2:1: plugin/probe: ${WRONG_COUNT} 'probe', expected a zone`,
  },
  { line: "probe", read: (l) => l.path(), says: `2:1: plugin/probe: ${WRONG_COUNT} 'probe', expected a file name` },
  {
    line: "probe 192.0.2",
    read: (l) => l.ip(),
    says: "2:7: plugin/probe: invalid probe '192.0.2', expected an IP address",
  },
  { line: "probe a", read: (l) => l.address(), says: "2:7: plugin/probe: invalid probe 'a', expected HOST:PORT" },
  {
    line: "probe a:b",
    read: (l) => l.address({ defaultPort: 53 }),
    says: "2:7: plugin/probe: invalid probe 'a:b', expected HOST or HOST:PORT",
  },
  {
    line: "probe {\n}",
    read: (l) => l.noOptions(),
    says: "2:7: plugin/probe: Unexpected token '{', expecting argument",
  },
  {
    line: "probe {\n  max_fail 3\n}",
    read: (l) => l.eachOption({ max_fails: () => {}, policy: () => {} }),
    says: "3:3: plugin/probe: unknown property 'max_fail'",
    suggests: "max_fails",
  },
  {
    line: "probe {\n  toString\n}",
    read: (l) => l.eachOption({}),
    says: "3:3: plugin/probe: unknown property 'toString'",
  },
  {
    line: "probe {\n  n 3 4\n}",
    read: (l) => l.eachOption({ n: (option) => option.integer() }),
    says: `3:7: plugin/probe: ${WRONG_COUNT} '4', expected no more than 1 argument`,
  },
  {
    line: "probe x {\n  n 3\n}",
    read: (l) => l.eachOption({ n: (option) => option.integer() }),
    says: `2:7: plugin/probe: ${WRONG_COUNT} 'x', expected no arguments`,
  },
  {
    line: "probe {\n  n\n}",
    read: (l) => l.eachOption({ n: (option) => option.integer({ min: 1 }) }),
    says: `3:3: plugin/probe: ${WRONG_COUNT} 'n', expected an integer of at least 1`,
  },
] as { line: string; read: Read; says: string; suggests?: string }[]) {
  test(`directive: ${says}`, () => {
    assert.throws(
      () => read(stanza(line)),
      (error) => {
        assert.ok(error instanceof ConfigMistake);
        assert.equal(error.message, `Corefile:${says}`);
        assert.equal(error.mistake.suggestion, suggests);
        return true;
      },
    );
  });
}

test("directive: a mistake in each option", () => {
  const text = `probe {\n n x\n m 1\n n 1 2\n n 3\n${" o\n".repeat(200)}}`;
  const read: number[] = [];
  const readers = { n: (line: Option) => void read.push(line.integer()) };
  assert.throws(
    () => stanza(text).eachOption(readers),
    (error) => {
      assert.ok(error instanceof ConfigMistake);
      const all = [error.mistake, ...error.others].map(({ line, column }) => [line, column]);
      assert.deepEqual(all.slice(0, 4), [
        [3, 4],
        [4, 2],
        [5, 6],
        [7, 2],
      ]);
      assert.equal(all.length, 100);
      return true;
    },
  );
  assert.deepEqual(read, [1, 3]);
});

test("directive: options reach their readers in order", () => {
  const read: unknown[] = [];
  stanza("probe {\n a 1\n b x y\n a 2\n c\n}").eachOption({
    a: (line) => read.push(line.integer()),
    b: (line) => read.push(line.rest()),
    c: () => read.push("c"),
  });
  assert.deepEqual(read, [1, ["x", "y"], 2, "c"]);
});

test("directive: once", () => {
  assert.throws(
    () => directive("probe a\nprobe b").once(),
    (error) => {
      assert.ok(error instanceof ConfigMistake);
      assert.equal(
        placedText(error.mistake),
        "Corefile:3:1: plugin/probe: this plugin can only be used once per Server Block",
      );
      assert.equal(corednsText(error.mistake), "plugin/probe: this plugin can only be used once per Server Block");
      return true;
    },
  );
});

test("directive: the zones of all its lines", () => {
  assert.deepEqual(directive("probe a.test\nprobe b.test c.test").zones({ atLeast: 1 }), [
    "a.test.",
    "b.test.",
    "c.test.",
  ]);
  assert.throws(
    () => directive("probe a.test\nprobe").zones({ atLeast: 1 }),
    /^ConfigMistake: Corefile:3:1: .*expected a zone$/,
  );
  assert.throws(() => directive("probe a.test {\n}").zones(), /Unexpected token '\{'/);
});

test("directive: alone", () => {
  directive("probe\nprobe").alone();
  assert.throws(() => directive("probe\nprobe x").alone(), /Corefile:3:7: plugin\/probe: Wrong argument count/);
  assert.throws(() => directive("probe {\n}").alone(), /Corefile:2:7: plugin\/probe: Unexpected token '\{'/);
});

test("directive: what CoreDNS lets pass is a warning", () => {
  const probe = directive("probe a..b c.test\nprobe 10.0.0.0/23");
  assert.deepEqual(probe.stanzas[0]!.zones(), ["c.test."]);
  assert.equal(probe.stanzas[1]!.zone(), "0.0.10.in-addr.arpa.");
  assert.deepEqual(probe.warnings.map(placedText), [
    "Corefile:2:7: plugin/probe: 'a..b' is left out: zone is not a valid domain name: a..b",
    "Corefile:3:7: plugin/probe: '10.0.0.0/23' stands for 2 zones, only 0.0.10.in-addr.arpa. is used",
  ]);
});

test("directive: name, keys and own mistakes", () => {
  const probe = directive("probe a");
  assert.equal(probe.name, "probe");
  assert.deepEqual(
    probe.keys.map((key) => key.zones),
    [["example.org."]],
  );
  assert.throws(() => probe.fail("no"), /Corefile:2:1: plugin\/probe: no/);
});
