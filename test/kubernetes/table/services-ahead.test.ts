/** What looking ahead leaves with a name leads to the same answers as looking it up, and to them only. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Name } from "../../../src/dns/name.ts";
import { nameToWire } from "../../../src/dns/name-text.ts";
import { ServicesAhead } from "../../../src/kubernetes/table/services-ahead.ts";
import { addressBytes, Bench, service } from "./support.ts";

function nameOf(text: string): Name {
  const name = new Name();
  name.set(nameToWire(text) as Uint8Array);
  return name;
}

function table(): Bench {
  const bench = new Bench();
  for (let i = 0; i < 100; i++) {
    const clusterIPs = i % 2 === 0 ? [`10.0.0.${i}`] : [`10.0.0.${i}`, `2001:db8::${i}`];
    bench.services.upsert(service("ns", `s${i}`, { clusterIPs, ports: [{ port: 80 }] }));
  }
  bench.services.upsert(service("ns", "six", { clusterIPs: ["2001:db8::1:6"] }));
  return bench;
}

test("names get the place of their Service, and nothing where there is none", () => {
  const bench = table();
  const ahead = new ServicesAhead(bench.table.memory, 16, "names");
  const names = Array.from({ length: 16 }, (_, i) => nameOf(i < 12 ? `s${i * 7}.ns.` : `none${i}.ns.`));
  for (const name of names) ahead.add(name, name.bytes, 0, name.length - 1);
  ahead.fetch();
  const hints = names.map(({ hint }) => hint);
  // One that stands far from its place in the index may be left out.
  const places = hints.slice(0, 12).filter((hint) => hint > 0);
  assert.ok(places.length >= 6, `${places.length} of 12`);
  assert.equal(new Set(places).size, places.length);
  bench.look((view) => {
    for (const { bytes, length } of names) {
      const found = view.findService(bytes, 0, length - 1);
      // Any number may be said: it leads there, or it is passed over.
      for (const hint of [...hints, -1, 1, 2 ** 22 - 1, 2 ** 31 - 1]) {
        assert.equal(view.findService(bytes, 0, length - 1, hint), found);
      }
    }
  });
  const [first] = names;
  first!.set(nameToWire("other.ns.") as Uint8Array);
  assert.equal(first!.hint, 0);
});

test("addresses that a Service has are marked, others are not", () => {
  const bench = table();
  const ahead = new ServicesAhead(bench.table.memory, 16, "addresses");
  const marked = (addresses: readonly string[]): Name[] => {
    const names = addresses.map((address) => {
      const name = nameOf("x.");
      const bytes = addressBytes(address);
      ahead.add(name, bytes, 0, bytes.length);
      return name;
    });
    ahead.fetch();
    bench.look((view) => {
      for (const address of addresses) {
        const bytes = addressBytes(address);
        const found = view.findServiceByAddress(bytes, bytes.length);
        for (const { hint } of names) assert.equal(view.findServiceByAddress(bytes, bytes.length, hint), found);
      }
    });
    return names.filter(({ isLive }) => isLive);
  };
  assert.deepEqual(marked(["10.0.1.4", "2001:db8::4", "2001:db8::2:6", "::", "0.0.0.0", "10.0.0.100"]), []);
  let count = 0;
  for (let i = 0; i < 100; i += 8) {
    const some = Array.from({ length: Math.min(8, 100 - i) }, (_, k) => i + k);
    count += marked(some.map((number) => `10.0.0.${number}`)).length;
    count += marked(some.filter((number) => number % 2 === 1).map((number) => `2001:db8::${number}`)).length;
  }
  // One that stands far from its place in the index may be left out.
  assert.ok(count > 120, `${count} of 150`);
});

test("what has gone since is not found at its place, nor what has taken it", () => {
  const bench = table();
  const ahead = new ServicesAhead(bench.table.memory, 16, "names");
  const name = nameOf("s8.ns.");
  ahead.add(name, name.bytes, 0, name.length - 1);
  ahead.fetch();
  const { bytes, length, hint } = name;
  const find = (): boolean => bench.look((view) => view.findService(bytes, 0, length - 1, hint));
  assert.equal(find(), true);
  bench.services.remove(service("ns", "s8"));
  assert.equal(find(), false);
  for (let i = 0; i < 50; i++) bench.services.upsert(service("ns", `later${i}`, { clusterIPs: [`10.1.0.${i}`] }));
  assert.equal(find(), false);
  bench.services.upsert(service("ns", "s8", { clusterIPs: ["10.2.0.1"] }));
  assert.equal(find(), true);
});
