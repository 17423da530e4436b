import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { readMasterFile } from "../../src/zone/master-file.ts";
import { makePipe } from "../support/pipe.ts";
import { load, recordsOf, wire } from "./ask.ts";

const A = "A 192.0.2.1";
/** In front of a brace this would be the language's own. */
const D = "$";

for (const { name, text, records } of [
  { name: "nothing", text: "", records: [] },
  { name: "blank lines and comments", text: "\n  \n;x\n ; y\n\t\r\n", records: [] },
  { name: "no newline at the end", text: `a 5 ${A}`, records: ["a.example.org. 5 IN A 192.0.2.1"] },
  {
    name: "carriage returns",
    text: `a 5 ${A}\r\nb ${A}\r\n`,
    records: ["a.example.org. 5 IN A 192.0.2.1", "b.example.org. 5 IN A 192.0.2.1"],
  },
  {
    name: "TTL and class in either order",
    text: `a 5 IN ${A}\nb IN 6 ${A}\nc CH 7 TXT x\nd 8 cs TXT y`,
    records: [
      "a.example.org. 5 IN A 192.0.2.1",
      "b.example.org. 6 IN A 192.0.2.1",
      'c.example.org. 7 CH TXT "x"',
      'd.example.org. 8 CS TXT "y"',
    ],
  },
  {
    name: "TTL units",
    text: `a 1h30m ${A}\nb 1W2d3H4m5S ${A}\nc 0 ${A}\nd 4294967295 ${A}`,
    records: [
      "a.example.org. 5400 IN A 192.0.2.1",
      "b.example.org. 788645 IN A 192.0.2.1",
      "c.example.org. 0 IN A 192.0.2.1",
      "d.example.org. 4294967295 IN A 192.0.2.1",
    ],
  },
  {
    name: "an owner that looks like a TTL, a class, a type",
    text: `1h 1h ${A}\nIN IN 1 ${A}\nA 1 ${A}`,
    records: [
      "1h.example.org. 3600 IN A 192.0.2.1",
      "in.example.org. 1 IN A 192.0.2.1",
      "a.example.org. 1 IN A 192.0.2.1",
    ],
  },
  {
    name: "the owner of the record before",
    text: `a 5 ${A}\n  TXT x\n\tTXT y`,
    records: ["a.example.org. 5 IN A 192.0.2.1", 'a.example.org. 5 IN TXT "x"', 'a.example.org. 5 IN TXT "y"'],
  },
  {
    name: "the TTL of the record before",
    text: `a 5 ${A}\nb ${A}\nc 6 ${A}\nd ${A}`,
    records: [
      "a.example.org. 5 IN A 192.0.2.1",
      "b.example.org. 5 IN A 192.0.2.1",
      "c.example.org. 6 IN A 192.0.2.1",
      "d.example.org. 6 IN A 192.0.2.1",
    ],
  },
  {
    name: "$TTL beats the record before",
    text: `$TTL 9\na 5 ${A}\nb ${A}\n$ttl 1m\nc ${A}`,
    records: ["a.example.org. 5 IN A 192.0.2.1", "b.example.org. 9 IN A 192.0.2.1", "c.example.org. 60 IN A 192.0.2.1"],
  },
  {
    name: "no TTL at all, but a class",
    text: "@ IN SOA a b 1 2 3 4 5",
    records: ["example.org. 0 IN SOA a.example.org. b.example.org. 1 2 3 4 5"],
  },
  {
    name: "$ORIGIN",
    text: `$TTL 1\n$ORIGIN sub\na ${A}\n$ORIGIN example.com.\nb ${A}\n@ ${A}\n$ORIGIN .\nc ${A}`,
    records: [
      "a.sub.example.org. 1 IN A 192.0.2.1",
      "b.example.com. 1 IN A 192.0.2.1",
      "example.com. 1 IN A 192.0.2.1",
      "c. 1 IN A 192.0.2.1",
    ],
  },
  {
    name: "parentheses",
    text: "@ 1 SOA a b ( 1 ; one\n\n 2\n3 4 ;(\n 5 )\nc ( 1\n) A ( 192.0.2.1 )",
    records: ["example.org. 1 IN SOA a.example.org. b.example.org. 1 2 3 4 5", "c.example.org. 1 IN A 192.0.2.1"],
  },
  {
    name: "escapes in names",
    text: `a\\.b 1 ${A}\n\\097\\098 ${A}\nx\\032y ${A}\n\\@ ${A}\nz\\\\ ${A}`,
    records: [
      "a\\.b.example.org. 1 IN A 192.0.2.1",
      "ab.example.org. 1 IN A 192.0.2.1",
      "x\\ y.example.org. 1 IN A 192.0.2.1",
      "\\@.example.org. 1 IN A 192.0.2.1",
      "z\\\\.example.org. 1 IN A 192.0.2.1",
    ],
  },
  {
    name: "escapes and quotes in strings",
    text: 'a 1 TXT "a b" c\\"d "e\\"f" g\\;h "i;j" \\065\\066 "" x"y"z',
    records: ['a.example.org. 1 IN TXT "a b" "c\\"d" "e\\"f" "g;h" "i;j" "AB" "" "x" "y" "z"'],
  },
  { name: "a line break in quotes", text: 'a 1 TXT "b\nc"', records: ['a.example.org. 1 IN TXT "b\\010c"'] },
  {
    name: "long strings are cut",
    text: `a 1 TXT "${"b".repeat(256)}"\n SPF ${"c".repeat(511)}`,
    records: [
      `a.example.org. 1 IN TXT "${"b".repeat(255)}" "b"`,
      `a.example.org. 1 IN SPF "${"c".repeat(255)}" "${"c".repeat(255)}" "c"`,
    ],
  },
  {
    name: "letter case",
    text: "HOST 1 CNAME Target\nm MX 1 Mx.Example.COM.\ns SRV 1 2 3 Srv\np PTR Ptr\nd DNAME Dn\nn NS Ns\n@ SOA A B 1 2 3 4 5\nh HTTPS 1 Svc alpn=h2",
    records: [
      "host.example.org. 1 IN CNAME target.example.org.",
      "m.example.org. 1 IN MX 1 mx.example.com.",
      "s.example.org. 1 IN SRV 1 2 3 Srv.example.org.",
      "p.example.org. 1 IN PTR Ptr.example.org.",
      "d.example.org. 1 IN DNAME Dn.example.org.",
      "n.example.org. 1 IN NS ns.example.org.",
      "example.org. 1 IN SOA a.example.org. b.example.org. 1 2 3 4 5",
      'h.example.org. 1 IN HTTPS 1 svc.example.org. alpn="h2"',
    ],
  },
  {
    name: "types in any letters, and by number",
    text: `a 1 a 192.0.2.1\nb tYpE1 192.0.2.1\nc TYPE65280 \\# 3 010203\nd A \\# 4 C0000201\ne TXT \\# 2 0141`,
    records: [
      "a.example.org. 1 IN A 192.0.2.1",
      "b.example.org. 1 IN A 192.0.2.1",
      "c.example.org. 1 IN TYPE65280 \\# 3 010203",
      "d.example.org. 1 IN A 192.0.2.1",
      'e.example.org. 1 IN TXT "A"',
    ],
  },
  { name: "a class by number", text: "a 1 CLASS4 TXT x", records: ['a.example.org. 1 HS TXT "x"'] },
  {
    name: "AAAA",
    text: "a 1 AAAA 2001:DB8::1\nb AAAA ::ffff:192.0.2.1",
    records: ["a.example.org. 1 IN AAAA 2001:db8::1", "b.example.org. 1 IN AAAA ::ffff:192.0.2.1"],
  },
  { name: "bytes above 127", text: "a 1 TXT \xfcber", records: ['a.example.org. 1 IN TXT "\\252ber"'] },
  {
    name: "$GENERATE",
    text: "$TTL 1\n$GENERATE 1-3 h$ A 10.0.0.$",
    records: ["h1.example.org. 1 IN A 10.0.0.1", "h2.example.org. 1 IN A 10.0.0.2", "h3.example.org. 1 IN A 10.0.0.3"],
  },
  {
    name: "$GENERATE without $TTL",
    text: "$GENERATE 1-1 h$ A 10.0.0.$",
    records: ["h1.example.org. 3600 IN A 10.0.0.1"],
  },
  {
    name: "$GENERATE with a step and modifiers",
    text: `$GENERATE 0-4/2 h${D}{10,3,x} 5 IN A 10.0.1.${D}{1}`,
    records: [
      "h00a.example.org. 5 IN A 10.0.1.1",
      "h00c.example.org. 5 IN A 10.0.1.3",
      "h00e.example.org. 5 IN A 10.0.1.5",
    ],
  },
  {
    name: "$GENERATE in other bases",
    text: `$GENERATE 26-26 k${D}{0,2,d}-${D}{0,0,X}-${D}{-1}-${D}{16,4,o} 1 TXT "$ \\$ $$" ${D}{0,7,n}`,
    records: ['k26-1a-25-0052.example.org. 1 IN TXT "26 $ $" "a.1.0.0"'],
  },
  {
    name: "$GENERATE keeps its own owner to itself",
    text: `a 1 ${A}\n$GENERATE 1-1 h$ A 10.0.0.$\n TXT x`,
    records: ["a.example.org. 1 IN A 192.0.2.1", "h1.example.org. 3600 IN A 10.0.0.1", 'a.example.org. 1 IN TXT "x"'],
  },
]) {
  test(`master file: ${name}`, () => assert.deepEqual(recordsOf(text), records));
}

/** Places are counted from 1; the word in quotes is the one at that place. */
for (const { text, error } of [
  { text: "x 1 A 1.2.3", error: 'bad A record, expected an IPv4 address: "1.2.3" at line: 1:7' },
  { text: "x 1 A 1.2.3.04", error: 'bad A record, expected an IPv4 address: "1.2.3.04" at line: 1:7' },
  { text: "x 1 A 1.2.3.256", error: 'bad A record, expected an IPv4 address: "1.2.3.256" at line: 1:7' },
  { text: "x 1 A 1.2.3.4.", error: 'bad A record, expected an IPv4 address: "1.2.3.4." at line: 1:7' },
  { text: "x 1 A 1.2.3.4 foo", error: 'bad A record, expected the end of the record: "foo" at line: 1:15' },
  { text: "x 1 A", error: 'bad A record, expected an IPv4 address: "" at line: 1:6' },
  { text: "x 1 AAAA 1.2.3.4", error: 'bad AAAA record, expected an IPv6 address: "1.2.3.4" at line: 1:10' },
  { text: "x 1 MX 70000 bar", error: 'bad MX record, expected a number up to 65535: "70000" at line: 1:8' },
  { text: "x 1 MX 10", error: 'bad MX record, expected a domain name: "" at line: 1:10' },
  { text: "x 1 CNAME a b", error: 'bad CNAME record, expected the end of the record: "b" at line: 1:13' },
  {
    text: "x 1 CNAME a..b",
    error: 'bad CNAME record, expected a domain name, not an empty label: "a..b" at line: 1:11',
  },
  { text: "\n\nx 1 NS (\n a b )", error: 'bad NS record, expected the end of the record: "b" at line: 4:4' },
  { text: "x FOO 1", error: 'unknown type, expected TTL, class or type: "FOO" at line: 1:3' },
  { text: "x 99999999999 A 1.2.3.4", error: 'not a TTL: "99999999999" at line: 1:3' },
  { text: "x 1h1 A 1.2.3.4\nx 5x A 1.2.3.4", error: 'not a TTL: "5x" at line: 2:3' },
  { text: "x 300 IN", error: 'expecting RR type or class, not this...: "" at line: 1:9' },
  { text: "x IN CH TXT y", error: 'a second class: "CH" at line: 1:6' },
  { text: "x A 1.2.3.4", error: 'missing TTL with no previous value: "A" at line: 1:3' },
  { text: "@ SOA a b 1 2 3 4 5", error: 'missing TTL with no previous value: "SOA" at line: 1:3' },
  { text: "  1 A 1.2.3.4", error: 'no owner name before this record: "1" at line: 1:3' },
  { text: "x..y 1 A 1.2.3.4", error: 'bad owner name: "x..y" at line: 1:1' },
  { text: `${"a".repeat(64)} 1 A 1.2.3.4`, error: `bad owner name: "${"a".repeat(64)}" at line: 1:1` },
  { text: `${"a.".repeat(120)}a 1 A 1.2.3.4`, error: undefined },
  { text: `${"a.".repeat(121)}a 1 A 1.2.3.4`, error: `bad owner name: "${"a.".repeat(121)}a" at line: 1:1` },
  { text: "\\300x 1 A 1.2.3.4", error: 'bad owner name: "\\\\300x" at line: 1:1' },
  { text: "x\\ 1 A 1.2.3.4", error: 'missing TTL with no previous value: "A" at line: 1:6' },
  { text: "x ( 1 A 1.2.3.4", error: 'unbalanced brace: "" at line: 1:3' },
  { text: "x 1 A 1.2.3.4 )", error: 'extra closing brace: "" at line: 1:15' },
  { text: 'x 1 TXT "abc\n', error: 'unbalanced quote: "" at line: 1:9' },
  { text: "$FOO bar", error: 'unknown directive, expected $ORIGIN, $TTL, $INCLUDE or $GENERATE: "$FOO" at line: 1:1' },
  { text: "$TTL foo", error: 'expecting $TTL value, not this...: "foo" at line: 1:6' },
  { text: "$TTL", error: 'expecting $TTL value, not this...: "" at line: 1:5' },
  { text: "$TTL 1 2", error: 'expecting $TTL value, not this...: "2" at line: 1:8' },
  { text: "$ORIGIN", error: 'bad $ORIGIN, expected one domain name: "" at line: 1:8' },
  { text: "$ORIGIN a..b", error: 'bad origin name: "a..b" at line: 1:9' },
  { text: "$INCLUDE", error: 'bad $INCLUDE, expected a file name and perhaps an origin: "" at line: 1:9' },
  {
    text: "$INCLUDE nofile.db",
    error: 'failed to open `nofile.db\': open nofile.db: no such file or directory: "nofile.db" at line: 1:10',
  },
  {
    text: "$INCLUDE .",
    error: 'failed to read `.\': read .: is a directory: "." at line: 1:10',
  },
  { text: "$INCLUDE x a..b", error: 'bad origin name: "a..b" at line: 1:12' },
  {
    text: "x 1 TYPE65280 \\# 4 0A0000",
    error: 'bad TYPE65280 record, expected 4 bytes in hexadecimal digits: "0A0000" at line: 1:20',
  },
  {
    text: "x 1 TYPE65280 abc",
    error: 'bad TYPE65280 record, expected \\#, since TYPE65280 has no other form: "abc" at line: 1:15',
  },
  { text: "$GENERATE 1-3", error: 'bad $GENERATE, expected range, owner, type and data: "" at line: 1:14' },
  { text: "$GENERATE 5-1 h$ A 1.2.3.4", error: 'bad range in $GENERATE range: "5-1" at line: 1:11' },
  { text: "$GENERATE 1-65537 h$ A 1.2.3.4", error: 'bad range in $GENERATE range: "1-65537" at line: 1:11' },
  { text: "$GENERATE 1-2147483648 h$ A 1.2.3.4", error: 'bad range in $GENERATE range: "1-2147483648" at line: 1:11' },
  { text: "$GENERATE 1-3/0 h$ A 1.2.3.4", error: 'bad step in $GENERATE range: "1-3/0" at line: 1:11' },
  {
    text: `$GENERATE 1-3 h${D}{0,3,q} A 1.2.3.4`,
    error: `bad modifier in $GENERATE, expected ${D}{offset,width,base} with base d, o, x, X, n or N: "1-3" at line: 1:11`,
  },
  { text: `$GENERATE 1-3 h${D}{0 A 1.2.3.4`, error: 'bad modifier in $GENERATE: "1-3" at line: 1:11' },
  { text: `$GENERATE 1-3 h${D}{-2} A 1.2.3.4`, error: 'bad offset in $GENERATE: "1-3" at line: 1:11' },
  {
    text: "$GENERATE 0-300 h$ A 10.0.0.$",
    error: 'bad $GENERATE line, bad A record, expected an IPv4 address: "10.0.0.256": "0-300" at line: 1:11',
  },
  { text: "a 1 A 1.2.3.4\n\x00\x01 x", error: 'unknown type, expected TTL, class or type: "x" at line: 2:4' },
  { text: "\x00", error: 'expecting RR type or class, not this...: "" at line: 1:2' },
]) {
  test(`master file: ${JSON.stringify(text.slice(0, 60))} ${error === undefined ? "is fine" : "is refused"}`, () => {
    const found = recordsOf(text);
    if (error === undefined) assert.equal(typeof found, "object");
    else assert.equal(found, `db.example: dns: ${error}`);
  });
}

const directory = mkdtempSync(join(tmpdir(), "zone-"));
after(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(directory, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text, "latin1");
  return path;
}

function readFile(path: string): string[] | string {
  const owners: string[] = [];
  const error = readMasterFile(path, wire("example.org."), {
    add(owner, ownerLength, _type, _klass, ttl) {
      owners.push(
        `${Buffer.from(owner.slice(1, ownerLength))
          .toString("latin1")
          .replace(/[^a-z0-9]/g, ".")} ${ttl}`,
      );
      return undefined;
    },
  });
  return error?.message.replaceAll(directory, "DIR") ?? owners;
}

test("master file: includes keep their origin, owner and TTL to themselves", () => {
  write("inc/one.db", `a ${A}\n$INCLUDE two.db\nb 5 ${A}\n$ORIGIN deep\nc ${A}\n$TTL 99\n`);
  write("inc/two.db", `two ${A}\n`);
  const path = write("main.db", `x 70 ${A}\n$INCLUDE inc/one.db\ny ${A}\n$INCLUDE inc/one.db sub\n ${A}\n`);
  const [a, two, b, c] = ["a.", "two.", "b.", "c.deep."];
  assert.deepEqual(readFile(path), [
    "x.example.org. 70",
    ...[`${a}example.org. 70`, `${two}example.org. 70`, `${b}example.org. 5`, `${c}example.org. 5`],
    "y.example.org. 70",
    ...[`${a}sub.example.org. 70`, `${two}sub.example.org. 70`, `${b}sub.example.org. 5`, `${c}sub.example.org. 5`],
    "y.example.org. 70",
  ]);
});

test("master file: a mistake in an included file is placed there", () => {
  write("inc/bad.db", "\nx 1 A y\n");
  const path = write("bad.db", "$INCLUDE inc/bad.db\n");
  assert.equal(readFile(path), 'DIR/inc/bad.db: dns: bad A record, expected an IPv4 address: "y" at line: 2:7');
});

test("master file: includes in a circle end", () => {
  const path = write("loop.db", `a 1 ${A}\n$INCLUDE loop.db\n`);
  assert.equal(readFile(path), 'DIR/loop.db: dns: too deeply nested $INCLUDE: "loop.db" at line: 2:10');
});

test("master file: a few files that include each other many times end", () => {
  for (let i = 0; i < 7; i++) write(`wide${i}.db`, `$INCLUDE wide${i + 1}.db\n`.repeat(100));
  write("wide7.db", "");
  const error = readFile(join(directory, "wide0.db"));
  assert.match(String(error), /more than 4096 files included/);
});

test("master file: one that is missing, and one that is none", () => {
  const sink = { add: () => undefined };
  const missing = readMasterFile(join(directory, "none.db"), wire("."), sink);
  assert.deepEqual(missing, {
    message: `open ${join(directory, "none.db")}: no such file or directory`,
    missing: true,
  });
  const folder = readMasterFile(directory, wire("."), sink);
  assert.deepEqual(folder, { message: `read ${directory}: is a directory`, missing: false });
});

test("master file: a pipe is not waited for", (t) => {
  const path = join(directory, "pipe.db");
  makePipe(t, path, `a 1 ${A}\n`);
  const error = readMasterFile(path, wire("."), { add: () => undefined });
  assert.deepEqual(error, { message: `open ${path}: is a pipe`, missing: true });
  assert.match(String(readFile(write("pipes.db", "$INCLUDE pipe.db\n"))), /failed to open `pipe.db'/);
});

test("master file: entries across the borders of chunks are whole", () => {
  const lines = Array.from({ length: 60_000 }, (_, i) => `h${i} 1 TXT ( "${"x".repeat(i % 50)}" ; c\n "y" )`);
  const path = write("chunks.db", `${lines.join("\n")}\n`);
  const owners = readFile(path);
  assert.equal(owners.length, lines.length);
  assert.equal(owners[59_999], "h59999.example.org. 1");
});

for (const { name, text } of [
  { name: "one huge word", text: "x".repeat(3 << 20) },
  { name: "one huge quote", text: `x 1 TXT "${"y".repeat(3 << 20)}"` },
  { name: "one huge pair of parentheses", text: `x 1 TXT (${"\n".repeat(3 << 20)})` },
]) {
  test(`master file: ${name} is refused without being read to its end`, () => {
    const path = write("huge.db", `\n${text}`);
    assert.equal(readFile(path), 'DIR/huge.db: dns: an entry longer than 1048576 bytes: "" at line: 2:1');
  });
}

test("master file: too many words are refused", () => {
  assert.match(String(recordsOf(`x 1 TXT ${"y ".repeat(40_000)}`)), /more than 32768 words in an entry/);
});

test("master file: a record of 64 KiB is taken, one byte more is not", () => {
  const strings = (count: number) => `x 1 TXT ${`"${"a".repeat(255)}" `.repeat(255)} "${"b".repeat(count)}"`;
  assert.equal(typeof recordsOf(strings(254)), "object");
  assert.match(String(recordsOf(strings(255))), /bad TXT record/);
});

test("master file: a long line under $GENERATE is bounded", () => {
  const error = recordsOf(`$GENERATE 1-65536 h$ TXT ${`"${"a".repeat(250)}" `.repeat(40)}`);
  assert.match(String(error), /too much text from \$GENERATE/);
});

/** What a file is made of, and what it should not be. */
const piece = fc.constantFrom(
  ...[
    "$ORIGIN",
    "$TTL",
    "$INCLUDE",
    "$GENERATE",
    "(",
    ")",
    '"',
    "\\",
    "\n",
    " ",
    "\t",
    ";",
    "@",
    ".",
    "*",
    "a",
    "5",
    "1h",
    "IN",
  ],
  ...[
    "A",
    "NS",
    "TXT",
    "MX",
    "SOA",
    "CNAME",
    "TYPE65280",
    "\\#",
    "192.0.2.1",
    "1-3",
    "$",
    "{0,3,x}",
    "\0",
    "\xff",
    "\\300",
  ],
);

test("master file: whatever it holds, there are records or an error", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(piece, fc.constantFrom("", " ", "\n"))), (pieces) => {
      const found = recordsOf(pieces.flat().join(""));
      assert.ok(Array.isArray(found) || /: dns: .* at line: \d+:\d+$/s.test(found), String(found));
    }),
    { numRuns: 3_000 },
  );
});

test("master file: damaged bytes end in a zone or an error", () => {
  const text = '@ 1 IN SOA a b 1 2 3 4 5\n@ NS a\na A 192.0.2.1\n*.w TXT "x"\nd DNAME e\ns SRV 1 2 3 a\n';
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(text.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
      const bytes = Buffer.from(text, "latin1");
      for (const [at, byte] of changes) bytes[at] = byte;
      const loaded = load(bytes.toString("latin1"));
      assert.ok("snapshot" in loaded || "error" in loaded);
    }),
    { numRuns: 2_000 },
  );
});
