/** Objects that no API would give, and memory that nobody would write: neither throws, loops, or harms what is right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Name } from "../../../src/dns/name.ts";
import { ClusterView } from "../../../src/kubernetes/table/cluster-view.ts";
import type { ClusterMemory } from "../../../src/kubernetes/table/layout.ts";
import { ServicesAhead } from "../../../src/kubernetes/table/services-ahead.ts";
import { addressBytes, Bench, labels, object, pod, service, slice } from "./support.ts";

const RUNS = Number(process.env.RUNS ?? 300);

const anything = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1e99, "", "x", "None", "10.0.0.1", "::1", "IPv4", "TCP", [], {}),
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.integer(),
  fc.constantFrom("a".repeat(64), "a.".repeat(200), `${"9".repeat(400)}.1.1.1`, "\\", "\\300", "a..b", "@", "."),
);
const list = (item: fc.Arbitrary<unknown>) => fc.oneof(anything, fc.array(item, { maxLength: 6 }));
const port = fc.oneof(
  anything,
  fc.record({ name: anything, port: anything, protocol: anything }, { requiredKeys: [] }),
);
const endpoint = fc.oneof(
  anything,
  fc.record(
    {
      addresses: list(anything),
      conditions: fc.oneof(anything, fc.record({ ready: anything })),
      hostname: anything,
      targetRef: fc.oneof(anything, fc.record({ name: anything })),
      zone: anything,
    },
    { requiredKeys: [] },
  ),
);
const address = fc.oneof(anything, fc.record({ ip: anything, hostname: anything }, { requiredKeys: [] }));
const fields = fc.record(
  {
    spec: fc.oneof(
      anything,
      fc.record(
        {
          type: fc.constantFrom("ClusterIP", "ExternalName", "Headless", 7),
          clusterIP: anything,
          clusterIPs: list(anything),
          externalName: anything,
          externalIPs: list(anything),
          ips: list(anything),
          ports: list(port),
          selector: anything,
        },
        { requiredKeys: [] },
      ),
    ),
    status: fc.oneof(
      anything,
      fc.record(
        {
          phase: anything,
          podIPs: list(address),
          loadBalancer: fc.oneof(anything, fc.record({ ingress: list(address) })),
        },
        { requiredKeys: [] },
      ),
    ),
    addressType: fc.constantFrom<unknown>("IPv4", "IPv6", "FQDN", 3),
    endpoints: list(endpoint),
    ports: list(port),
  },
  { requiredKeys: [] },
);
const name = fc.constantFrom("web", "web-1", "we.b", "", "ä", "x".repeat(300), "\0", "__proto__");
const owners = { "kubernetes.io/service-name": "web", "multicluster.kubernetes.io/service-name": "web" };

test(`${RUNS} series of absurd objects are taken without a word but those to onAbsurd`, () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ namespace: name, name, fields, labels: fc.oneof(anything, fc.constant(owners)) }), {
        minLength: 1,
        maxLength: 12,
      }),
      (objects) => {
        const bench = new Bench({ podNames: true, zones: true, podLabels: true });
        bench.services.upsert(service("ns", "right", { clusterIP: "10.77.0.1" }));
        bench.slices.upsert(slice("ns", "right-x", "right", ["10.77.0.2"]));
        const sinks = [bench.services, bench.slices, bench.namespaces, bench.pods, bench.imports, bench.importSlices];
        for (const one of objects) {
          const made = object(one.namespace, one.name, one.fields, { labels: one.labels, annotations: one.labels });
          for (const sink of sinks) sink.upsert(made);
          bench.table.tidy();
        }
        assert.equal(bench.serviceByAddress("10.77.0.1"), "right.ns");
        assert.deepEqual(bench.endpoints("right.ns"), ["10.77.0.2/"]);
        for (const sink of sinks) {
          for (const key of sink.keys()) assert.notEqual(sink.versionOf(key.namespace, key.name), undefined);
          sink.beginList();
          sink.endList();
        }
        assert.deepEqual([bench.table.statistics.keys, bench.table.statistics.retired], [0, 0]);
      },
    ),
    { numRuns: RUNS },
  );
});

test("a reader gets through memory in which words were overwritten at random", () => {
  const bench = new Bench({ podLabels: true });
  for (let i = 0; i < 60; i++) {
    bench.services.upsert(service("ns", `s${i}`, { clusterIP: `10.0.0.${i}`, ports: [{ port: 80, name: "http" }] }));
    bench.slices.upsert(slice("ns", `s${i}-x`, `s${i}`, [`10.1.0.${i}=h`, `10.1.1.${i}`]));
    bench.pods.upsert(pod("ns", `p${i}`, [`10.1.0.${i}`], {}, { labels: { app: "web" } }));
  }
  const { header, heap } = bench.table.memory;
  const words = new Int32Array(heap);
  const used = words.findLastIndex((word) => word !== 0) + 1;
  let state = 99;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  let looks = 0;
  for (let round = 0; round < 300; round++) {
    const broken = { header: copyOf(header), heap: copyOf(heap) };
    const target = new Int32Array(broken.heap);
    for (let i = 0; i < 200; i++)
      target[8_192 + random(used - 8_192)] = random(3) === 0 ? random(2 ** 23) * 511 : random(used);
    if (round % 3 === 0) new Int32Array(broken.header)[16 + random(32)] = random(2 ** 23) * 511;
    looks += lookAround(new ClusterView(broken, 1), random(60));
    lookAhead(broken, "names", (i) => labels(`s${i}.ns`));
    lookAhead(broken, "addresses", (i) => addressBytes(`10.0.0.${i}`));
  }
  assert.equal(looks, 300);
});

function copyOf(buffer: SharedArrayBuffer): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(buffer.byteLength, { maxByteLength: buffer.byteLength });
  new Uint8Array(copy).set(new Uint8Array(buffer));
  return copy;
}

/** Fetching ahead of look-ups follows what it finds, outside of any section: wherever that leads, it neither throws nor loops. */
function lookAhead(memory: ClusterMemory, keys: "names" | "addresses", keyOf: (i: number) => Uint8Array): void {
  const ahead = new ServicesAhead(memory, 16, keys);
  for (let first = 0; first < 48; first += 16) {
    for (let i = first; i < first + 16; i++) ahead.add(new Name(), keyOf(i), 0, keyOf(i).length);
    ahead.fetch();
  }
}

/** Every look-up there is, and all that can be read of what it finds. */
function lookAround(view: ClusterView, i: number): number {
  const key = labels(`s${i}.ns`);
  const host = labels("h");
  const namespace = labels("ns");
  const address = addressBytes(`10.1.0.${i}`);
  view.enter();
  if (view.findService(key, 0, key.length)) {
    for (let number = 0; number < Math.min(view.service.sliceCount, 9); number++) {
      view.openSlice(number);
      for (let endpoint = 0; endpoint < Math.min(view.slice.count, 9); endpoint++) view.slice.hostAt(endpoint);
    }
    for (let number = 0; number < Math.min(view.service.ports.count, 9); number++) view.service.ports.nameAt(number);
    view.seekHost(host, 0);
    for (let found = 0; found < 1_000 && view.nextHost(); found++);
  }
  view.seekServices();
  for (let found = 0; found < 1_000 && view.nextService(); found++);
  view.seekEndpoint(address, 4);
  for (let found = 0; found < 1_000 && view.nextEndpoint(); found++);
  view.findServiceByAddress(address, 4);
  view.findServiceByExternalAddress(address, 4);
  view.hasNamespace(namespace, 0);
  view.hasPod(address, 4, namespace, 0);
  if (view.countPods(address, 0, 4) > 0) {
    assert.equal(typeof view.pod.name, "string");
    view.pod.labels();
  }
  view.leave();
  return 1;
}
