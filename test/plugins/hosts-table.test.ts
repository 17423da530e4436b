/** The table of hosts against a plain list: random files, read in pieces of any size, and files that are none. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { Name } from "../../src/dns/name.ts";
import { nameToText, nameToWire } from "../../src/dns/name-text.ts";
import { ZoneFinder } from "../../src/dns/zone-finder.ts";
import { HostsText } from "../../src/plugins/hosts/hosts-text.ts";
import { run } from "../../src/plugins/hosts/load.ts";
import { ADDRESS_NEXT, Hosts, type HostsTable, NAME_NEXT, ROW_WORDS } from "../../src/plugins/hosts/table.ts";
import { TableBuilder } from "../../src/plugins/hosts/table-builder.ts";

const directory = mkdtempSync(join(tmpdir(), "hosts-table-"));
after(() => rmSync(directory, { recursive: true }));

const ALL = new ZoneFinder(["."]);

/** Reads `bytes` as a file would be read with a buffer of `piece` bytes. */
function read(bytes: Buffer, piece: number, zones = ALL): { table: HostsTable; text: HostsText } {
  const builder = new TableBuilder(bytes.length, true);
  const text = new HostsText(builder, zones);
  const buffer = Buffer.alloc(piece, "#");
  let kept = 0;
  for (let from = 0; ; ) {
    const copied = bytes.copy(buffer, kept, from);
    from += copied;
    const length = kept + copied;
    const done = text.read(buffer, length, copied === 0);
    if (copied === 0) return { table: builder.finish(), text };
    buffer.copyWithin(0, done, length);
    kept = length - done;
  }
}

function nameOf(text: string): Name {
  const name = new Name();
  name.set(nameToWire(text) as Uint8Array);
  return name;
}

/** The addresses of a name's row, and of those behind it. */
function addressesAt(hosts: Hosts, first: number): string[] {
  const found: string[] = [];
  for (let row = first; row !== 0; row = hosts.following(first, row, NAME_NEXT)) {
    const at = (hosts.addressRow(row) + ROW_WORDS) * 4;
    const size = hosts.isIpv6(hosts.addressRow(row)) ? 16 : 4;
    found.push(Buffer.from(hosts.bytes.slice(at, at + size)).toString("hex"));
  }
  return found;
}

function namesAt(hosts: Hosts, first: number): string[] {
  const found: string[] = [];
  for (let row = first; row !== 0; row = hosts.following(first, row, ADDRESS_NEXT)) {
    found.push(nameToText(hosts.bytes, hosts.nameOffset(row)));
  }
  return found;
}

const label = fc.constantFrom("a", "b", "c", "*", "longer-label");
const nameText = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => `${labels.join(".")}.`);
const addressBytes = fc.oneof(
  fc.integer({ min: 0, max: 5 }).map((last) => Uint8Array.of(10, 0, 0, last)),
  fc
    .integer({ min: 0, max: 5 })
    .map((last) => Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? 0x20 : i === 15 ? last : 0))),
);
const entry = fc.record({ address: addressBytes, names: fc.array(nameText, { maxLength: 4 }) });

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const textOf = (bytes: Uint8Array): string => (bytes.length === 4 ? bytes.join(".") : `2000::${bytes[15]}`);

test("hosts: a table says what the lines say, in their order", () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 40 }), fc.integer({ min: 1_030, max: 2_000 }), (entries, piece) => {
      const text = entries.map(({ address, names }) => `${textOf(address)} ${names.join(" ")}\n`).join("");
      const { table } = read(Buffer.from(text), piece);
      const hosts = new Hosts(table);
      const pairs = entries.flatMap(({ address, names }) => names.map((name) => ({ address: hex(address), name })));
      const isWildcard = (name: string) => name.startsWith("*.");
      for (const name of new Set(pairs.map((pair) => pair.name))) {
        const expected = pairs.filter((pair) => pair.name === name).map(({ address }) => address);
        const first = isWildcard(name) ? hosts.findWildcard(nameOf(name)) : hosts.find(nameOf(name));
        // `*.` alone stands for nothing.
        assert.deepEqual(addressesAt(hosts, first), name === "*." ? [] : expected, name);
      }
      for (const { address } of entries) {
        const expected = pairs.filter((pair) => pair.address === hex(address) && !isWildcard(pair.name));
        const rows = namesAt(hosts, hosts.findAddress(address, address.length));
        // A wildcard can only be there as the first of its address.
        const found = rows.filter((name, i) => i > 0 || !isWildcard(name));
        assert.deepEqual(
          found,
          expected.map(({ name }) => name),
        );
      }
      const wildcards = pairs.filter(({ name }) => isWildcard(name)).length;
      assert.equal(table.entries, 2 * pairs.length - wildcards);
      for (const name of ["missing.", "a.missing.", "a.b.c.a."]) assert.equal(hosts.find(nameOf(name)), 0);
    }),
    { numRuns: 300 },
  );
});

test("hosts: any bytes are read to their end, whatever the pieces", () => {
  const byte = fc.oneof(fc.constantFrom(...Buffer.from(" \t\n#.:%*@\\019af\0\r")), fc.nat(255));
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 5_000 }), fc.integer({ min: 1_030, max: 3_000 }), (bytes, piece) => {
      const whole = read(Buffer.from(bytes), 8_000);
      const cut = read(Buffer.from(bytes), piece);
      assert.equal(cut.table.entries, whole.table.entries);
      assert.deepEqual(cut.text.problems, whole.text.problems);
      assert.ok(cut.text.fits);
    }),
    { numRuns: 300 },
  );
});

test("hosts: words as long as the pieces, and lines and comments longer", () => {
  const long = "x".repeat(5_000);
  const text = `10.0.0.1 a.test ${long} b.test ${"y".repeat(1_024)} c.test #${long}\n${long} d.test\n10.0.0.2 ${"e ".repeat(3_000)}\n10.0.0.3 f.test`;
  for (const piece of [1_025, 1_026, 1_500, 4_096, 20_000]) {
    const { table, text: reader } = read(Buffer.from(text), piece);
    const hosts = new Hosts(table);
    for (const [name, count] of [
      ["a.test.", 1],
      ["b.test.", 1],
      ["c.test.", 1],
      ["d.test.", 0],
      ["e.", 3_000],
      ["f.test.", 1],
    ] as const) {
      assert.equal(addressesAt(hosts, hosts.find(nameOf(name))).length, count, `${name} in pieces of ${piece}`);
    }
    assert.deepEqual(reader.problems, [
      "line 1: name longer than 1024 bytes, dropping the name",
      "line 2: address longer than 1024 bytes, dropping the line",
    ]);
  }
});

test("hosts: the densest text fits", () => {
  for (const text of [
    "a ".repeat(100_000),
    Array.from({ length: 20_000 }, (_, i) => `2000::${i.toString(16)} a\n`).join(""),
    Array.from({ length: 20_000 }, (_, i) => `::${i.toString(16)} ${i.toString(36)}\n`).join(""),
  ]) {
    const { text: reader } = read(Buffer.from(`::1 ${text}`), 8_000);
    assert.ok(reader.fits);
  }
});

test("hosts: names outside of many zones are left out", () => {
  const zones = Array.from({ length: 300 }, (_, i) => `z${i}.test.`);
  const text = zones.map((zone, i) => `10.0.0.1 ${zone} a.${zone} y${i}.test a.z${i}x.test\n`).join("");
  const { table } = read(Buffer.from(text), 4_096, new ZoneFinder(zones));
  assert.equal(table.entries, 4 * zones.length);
  assert.equal(read(Buffer.from(text), 4_096, new ZoneFinder([])).table.entries, 0);
});

test("hosts: a line without end takes no memory", () => {
  const path = join(directory, "endless");
  writeFileSync(path, "10.0.0.1 a.test\n");
  truncateSync(path, 96 * 1024 * 1024);
  const before = process.memoryUsage.rss();
  const loaded = run({ path, zones: ["."], reverse: true });
  const grown = process.memoryUsage.rss() - before;
  assert.ok("table" in loaded);
  assert.equal(loaded.table.entries, 2);
  assert.deepEqual(loaded.problems, ["line 2: address longer than 1024 bytes, dropping the line"]);
  assert.ok(grown < 16 * 1024 * 1024, `${grown} bytes`);
});

test("hosts: a million names take 64 bytes each, and none of the heap", () => {
  const path = join(directory, "many");
  const lines = Array.from({ length: 250_000 }, (_, i) => `0.0.0.0 ads${i}.tracker${i % 9_973}.test\n`);
  writeFileSync(path, lines.join(""));
  const loaded = run({ path, zones: ["."], reverse: true });
  assert.ok("table" in loaded);
  const perName = loaded.table.buffer.byteLength / lines.length;
  assert.ok(perName < 64, `${perName} bytes for a name`);
  const hosts = new Hosts(loaded.table);
  for (const i of [0, 1, 99_999, 249_999]) {
    assert.deepEqual(addressesAt(hosts, hosts.find(nameOf(`ads${i}.tracker${i % 9_973}.test.`))), ["00000000"]);
  }
});

test("hosts: what has no size and no end", () => {
  assert.deepEqual(run({ path: "/dev/zero", zones: ["."], reverse: true }), {
    error: 'Failed to parse hosts file "/dev/zero": it has no size, and no end after 256 MiB',
  });
  const empty = run({ path: "/dev/null", zones: ["."], reverse: true });
  assert.ok("table" in empty && empty.table.entries === 0);
});
