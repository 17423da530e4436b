/**
 * A cluster that grows and shrinks: memory is used again, moved together and offered back; readers with old views find
 * all of it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterView } from "../../../src/kubernetes/table/cluster-view.ts";
import { Bench, labels, object, pod, service, slice } from "./support.ts";

const COUNT = 4_000;
const MIB = 1024 * 1024;

function addressOf(i: number): string {
  return `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
}

function addAll(bench: Bench, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    bench.services.upsert(
      service("ns", `service-${i}`, { clusterIP: addressOf(1_000_000 + i), ports: [{ name: `p${i % 7}`, port: 80 }] }),
    );
    bench.slices.upsert(
      slice("ns", `service-${i}-x`, `service-${i}`, [addressOf(2 * i), `${addressOf(2 * i + 1)}=host-${i}`]),
    );
    bench.pods.upsert(pod("ns", `pod-${i}`, [addressOf(2 * i)]));
  }
}

function removeAll(bench: Bench, which: (i: number) => boolean): void {
  for (let i = 0; i < COUNT; i++) {
    if (!which(i)) continue;
    bench.services.remove(service("ns", `service-${i}`));
    bench.slices.remove(slice("ns", `service-${i}-x`, "", []));
    bench.pods.remove(pod("ns", `pod-${i}`, []));
  }
}

function check(bench: Bench, has: (i: number) => boolean): void {
  for (let i = 0; i < COUNT; i++) {
    const name = `service-${i}.ns`;
    const expected = has(i);
    assert.equal(bench.find(name), expected, name);
    assert.equal(bench.hasPod(addressOf(2 * i), "ns"), expected);
    if (i % 17 !== 0) continue;
    assert.equal(bench.serviceByAddress(addressOf(1_000_000 + i)), expected ? name : "");
    assert.deepEqual(bench.byAddress(addressOf(2 * i + 1)), expected ? [`${name}/host-${i}`] : []);
    assert.deepEqual(bench.host(name, `host-${i}`), expected ? [addressOf(2 * i + 1)] : []);
  }
}

test("nine of ten go: what is left is moved together, and found", () => {
  const bench = new Bench();
  addAll(bench, 0, COUNT);
  check(bench, () => true);
  const full = bench.table.statistics;
  const stays = (i: number) => i % 10 === 3;
  removeAll(bench, (i) => !stays(i));
  let released = 0;
  // A tenth of a second of the server's life each: it goes on while there is something to move.
  for (let i = 0; i < 200; i++) {
    bench.table.tidy((bytes) => {
      released += bytes.length;
      // What the system gives back is zeros.
      bytes.fill(0);
    });
  }
  const { usedBytes, heapBytes, retired } = bench.table.statistics;
  assert.equal(retired, 0);
  assert.ok(usedBytes * 3 < full.usedBytes, `${usedBytes} of ${full.usedBytes} bytes are in use`);
  assert.ok(heapBytes * 2 < full.heapBytes, `${heapBytes} of ${full.heapBytes} bytes are in blocks`);
  assert.ok(released >= full.heapBytes - heapBytes, `${released} bytes were offered`);
  check(bench, stays);
  addAll(bench, 0, COUNT);
  check(bench, () => true);
  assert.ok(bench.table.statistics.heapBytes < full.heapBytes * 1.2, "memory is used again");
  removeAll(bench, () => true);
  assert.equal(bench.table.statistics.keys, 0, "no index has a key of what is gone");
});

test("a row at the very end of the memory is found", () => {
  // So many that the short rows behind them fill the last block there is.
  for (let others = 20_000; others <= 22_500; others += 500) {
    const bench = new Bench();
    for (let i = 0; i < others; i++) bench.namespaces.upsert(object("", `a-long-name-of-namespace-${i}`));
    for (let i = 0; i < 4_200; i++) {
      bench.namespaces.upsert(object("", `n${i}`));
      assert.ok(bench.hasNamespace(`n${i}`), `n${i} behind ${others} others`);
    }
  }
});

test("a reader whose views are older than the memory finds what was added since", () => {
  const bench = new Bench();
  const late = new ClusterView(bench.table.memory, 5);
  const before = bench.table.memory.heap.byteLength;
  addAll(bench, 0, COUNT);
  assert.ok(bench.table.memory.heap.byteLength > before, "the memory has grown");
  const key = labels(`service-${COUNT - 1}.ns`);
  const label = labels(`host-${COUNT - 1}`);
  late.enter();
  assert.ok(late.findService(key, 0, key.length));
  late.seekHost(label, 0);
  assert.ok(late.nextHost());
  const at = late.slice.addressesAt + 4 * late.endpoint;
  assert.equal([...late.bytes.slice(at, at + 4)].join("."), addressOf(2 * COUNT - 1));
  late.leave();
});

test("a table that is full leaves objects out, keeps what it has, and takes others when something goes", () => {
  const bench = new Bench({ maxBytes: MIB });
  addAll(bench, 0, COUNT);
  const { services, slices, pods } = bench.table.statistics;
  assert.ok(services > 500 && services < COUNT, `${services} Services`);
  assert.ok(bench.absurd.some((line) => line.endsWith("no memory")));
  assert.equal([...bench.services.keys()].length, services);
  for (const { name } of bench.services.keys()) assert.ok(bench.find(`${name}.ns`), name);
  removeAll(bench, () => true);
  assert.ok(slices > 0 && pods > 0);
  assert.equal(bench.table.statistics.keys, 0);
  addAll(bench, 0, 300);
  check(bench, (i) => i < 300);
});

for (const { kind, upsert } of [
  {
    kind: "Namespace",
    upsert: (bench: Bench, i: number) => bench.namespaces.upsert(object("", `n${i}`)),
  },
  {
    kind: "Pod",
    upsert: (bench: Bench, i: number) => bench.pods.upsert(pod(`n${i}`, "p", ["10.0.0.1"])),
  },
  {
    kind: "EndpointSlice",
    upsert: (bench: Bench, i: number) => bench.slices.upsert(slice(`n${i}`, "s", "web", ["10.0.0.1"])),
  },
])
  test(`a full table says that there is no memory, not that a name is none: ${kind} in its own namespace`, () => {
    const bench = new Bench({ maxBytes: MIB });
    for (let i = 0; i < 100_000 && bench.absurd.length < 100; i++) upsert(bench, i);
    assert.deepEqual(new Set(bench.absurd.map((line) => line.replace(/^.*: /, ""))), new Set(["no memory"]));
  });

test("10,000 Services, 100,000 endpoints and 50,000 pods stay within their memory", () => {
  const bench = new Bench();
  for (let i = 0; i < 10_000; i++) {
    const addresses = Array.from({ length: 10 }, (_, at) => addressOf(10 * i + at));
    bench.services.upsert(
      service(`team-${i % 100}`, `service-${i}`, { clusterIP: addressOf(1_000_000 + i), ports: [{ port: 80 }] }),
    );
    bench.slices.upsert(slice(`team-${i % 100}`, `service-${i}-abcde`, `service-${i}`, addresses));
  }
  const { usedBytes } = bench.table.statistics;
  for (let i = 0; i < 50_000; i++) {
    bench.pods.upsert(pod(`team-${i % 100}`, `service-${i % 5_000}-7d9f8b6c5-x${i}`, [addressOf(i)]));
  }
  const { endpoints, pods, heapBytes, usedBytes: all } = bench.table.statistics;
  assert.deepEqual([endpoints, pods], [100_000, 50_000]);
  assert.ok(heapBytes < 12 * MIB, `${(heapBytes / MIB).toFixed(1)} MiB`);
  assert.ok((all - usedBytes) / 50_000 < 84, `${((all - usedBytes) / 50_000).toFixed(0)} bytes a pod`);
});
