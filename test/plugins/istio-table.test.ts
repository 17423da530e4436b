/** The table of hosts, against a list of them that is searched from its beginning. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatIpv4 } from "../../src/dns/address.ts";
import { Name } from "../../src/dns/name.ts";
import { nameToWire } from "../../src/dns/name-text.ts";
import type { Entry } from "../../src/plugins/istio/entry.ts";
import { ANYBODY, MeshHosts } from "../../src/plugins/istio/table.ts";
import { buildTable } from "../../src/plugins/istio/table-builder.ts";

interface Drawn {
  readonly createdMs: number;
  readonly hosts: readonly string[];
  readonly addresses: readonly number[];
  readonly exports: readonly string[] | undefined;
}

const LABELS = ["a", "b", "c"];
const NAMESPACES = ["one", "two", "three"];
const names = fc.array(fc.constantFrom(...LABELS), { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
const hosts = fc.tuple(fc.boolean(), names).map(([isWildcard, name]) => (isWildcard ? `*.${name}` : name));
const entries = fc.array(
  fc.record<Drawn>({
    createdMs: fc.integer({ min: 0, max: 3 }),
    hosts: fc.array(hosts, { minLength: 1, maxLength: 3 }),
    addresses: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
    exports: fc.option(fc.array(fc.constantFrom(...NAMESPACES), { maxLength: 2 }), { nil: undefined }),
  }),
  { maxLength: 8 },
);

function entryOf({ createdMs, hosts, addresses, exports }: Drawn, index: number): Entry {
  const answer = { ipv4: addresses.map((last) => Uint8Array.of(240, 0, 0, last)), ipv6: [], targets: [] };
  return {
    ...{ namespace: "mesh", name: `e${index}`, version: index, createdMs, exports },
    hosts: hosts.map((host) => ({ wire: nameToWire(`${host}.`) as Uint8Array, answer })),
  };
}

/** What the search finds: the addresses of all entries that have the host that fits best, the oldest first. */
function search(all: readonly Drawn[], name: string, viewer: string): readonly string[] {
  const labels = name.split(".");
  const hosts = [name, ...labels.slice(1).map((_, i) => `*.${labels.slice(i + 1).join(".")}`)];
  for (const host of hosts) {
    const found = all
      .map((entry, index) => ({ ...entry, index }))
      .filter((entry) => entry.hosts.includes(host))
      .filter(({ exports }) => viewer === "" || exports === undefined || exports.includes(viewer))
      .sort((a, b) => a.createdMs - b.createdMs || a.index - b.index);
    if (found.length > 0)
      return [...new Set(found.flatMap(({ addresses }) => addresses))].map((last) => `240.0.0.${last}`);
  }
  return [];
}

function read(table: MeshHosts, name: string, namespace: number): readonly string[] {
  const wanted = new Name();
  wanted.set(nameToWire(`${name}.`) as Uint8Array);
  const list = table.find(wanted, namespace);
  if (list === 0) return [];
  const at = table.addressesAt(list, 4);
  return Array.from({ length: table.count(list, 4) }, (_, i) => formatIpv4(table.bytes, at + i * 4));
}

describe("finds what a search finds", () => {
  test("for everybody", async () => {
    await fc.assert(
      fc.asyncProperty(entries, fc.array(names, { minLength: 20, maxLength: 20 }), async (drawn, asked) => {
        const table = new MeshHosts(await buildTable(drawn.map(entryOf), ""));
        for (const name of asked) assert.deepEqual(read(table, name, ANYBODY), search(drawn, name, ""), name);
      }),
    );
  });

  test("for one namespace", async () => {
    await fc.assert(
      fc.asyncProperty(entries, fc.array(names, { minLength: 20, maxLength: 20 }), async (drawn, asked) => {
        const table = new MeshHosts(await buildTable(drawn.map(entryOf), "two"));
        for (const name of asked) assert.deepEqual(read(table, name, ANYBODY), search(drawn, name, "two"), name);
      }),
    );
  });

  test("for that of each client", async () => {
    await fc.assert(
      fc.asyncProperty(entries, fc.array(names, { minLength: 20, maxLength: 20 }), async (drawn, asked) => {
        const table = new MeshHosts(await buildTable(drawn.map(entryOf), "@client"));
        for (const viewer of [...NAMESPACES, "unheard-of"]) {
          const namespace = table.namespace(viewer);
          for (const name of asked) assert.deepEqual(read(table, name, namespace), search(drawn, name, viewer), name);
        }
      }),
    );
  });
});

test("hosts with the same addresses share their list", async () => {
  const drawn = (count: number): Drawn => ({
    ...{ createdMs: 0, addresses: Array.from({ length: 100 }, (_, i) => i + 1), exports: undefined },
    hosts: Array.from({ length: count }, (_, i) => `h${i}.a`),
  });
  const size = async (count: number) => (await buildTable([entryOf(drawn(count), 0)], "")).buffer.byteLength;
  const [few, many] = [await size(100), await size(200)];
  // A bucket or four, a host and a view.
  assert.ok((many - few) / 100 < 64, `${few} and ${many} bytes`);
});

test("names have their longest form", async () => {
  const longest = `${"x".repeat(63)}.`.repeat(3) + "y".repeat(61);
  const table = new MeshHosts(
    await buildTable(
      [
        entryOf({ createdMs: 0, hosts: [longest], addresses: [1], exports: undefined }, 0),
        entryOf({ createdMs: 0, hosts: [`*.${"a.".repeat(124)}b`], addresses: [2], exports: undefined }, 1),
      ],
      "",
    ),
  );
  assert.deepEqual(read(table, longest, ANYBODY), ["240.0.0.1"]);
  assert.deepEqual(read(table, `c.${"a.".repeat(124)}b`, ANYBODY), ["240.0.0.2"]);
  assert.deepEqual(read(table, `${"a.".repeat(126)}b`, ANYBODY), ["240.0.0.2"]);
  assert.deepEqual(read(table, `c.${"a.".repeat(125)}c`, ANYBODY), []);
});
