/**
 * The record table of a large cluster, in process: what it takes in memory, how long it is filled and changed, and what
 * a look-up costs. `node --expose-gc bench/micro/cluster.ts [SERVICES] [ENDPOINTS PER SERVICE] [PODS] [ROUNDS]`
 */
import type { KubernetesObject } from "../../src/kubernetes/api/resource.ts";
import { ClusterTable } from "../../src/kubernetes/table/cluster-table.ts";
import { ClusterView } from "../../src/kubernetes/table/cluster-view.ts";
import { servicesOf, slicesOf, TableSink } from "../../src/kubernetes/table/sinks.ts";

const serviceCount = Number(process.argv[2] ?? 10_000);
const perService = Number(process.argv[3] ?? 10);
const podCount = Number(process.argv[4] ?? 50_000);
const rounds = Number(process.argv[5] ?? 1_000_000);
const NAMESPACES = 100;
const LARGE = 10_000;
const MIB = 1024 * 1024;

const table = new ClusterTable();
const services = new TableSink(table, servicesOf(table.services));
const slices = new TableSink(table, slicesOf(table.services));
const pods = new TableSink(table, table.pods);
const namespaces = new TableSink(table, table.namespaces);
const view = new ClusterView(table.memory, 0);
let version = 1;

function object(namespace: string, name: string, fields: object, labels?: object): KubernetesObject {
  const uid = `2f1d6c1a-7f39-4f7b-9d61-${String(version).padStart(12, "0")}`;
  return { metadata: { name, namespace, uid, resourceVersion: String(version++), labels }, ...fields };
}

function namespaceOf(i: number): string {
  return `team-${i % NAMESPACES}`;
}

function serviceOf(i: number): KubernetesObject {
  const spec =
    i % 4 === 0
      ? { clusterIP: "None", clusterIPs: ["None"] }
      : { clusterIP: `10.96.${(i >> 8) & 255}.${i & 255}`, clusterIPs: [`10.96.${(i >> 8) & 255}.${i & 255}`] };
  const ports = [
    { name: "http", port: 80, protocol: "TCP" },
    { name: "metrics", port: 9_090, protocol: "TCP" },
  ];
  return object(namespaceOf(i), `service-${i}`, { spec: { ...spec, selector: { app: "x" }, ports } });
}

function addressOf(i: number): string {
  return `10.${128 + ((i >> 16) & 63)}.${(i >> 8) & 255}.${i & 255}`;
}

function sliceOf(i: number, part: number, count: number, first: number): KubernetesObject {
  const endpoints = Array.from({ length: count }, (_, at) => ({
    addresses: [addressOf(first + at)],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: "node-1",
    targetRef: { kind: "Pod", name: `service-${i}-7d9f8b6c5-${at}` },
    zone: "zone-a",
  }));
  const ports = [
    { name: "http", port: 8_080, protocol: "TCP" },
    { name: "metrics", port: 9_090, protocol: "TCP" },
  ];
  const labels = { "kubernetes.io/service-name": `service-${i}` };
  return object(namespaceOf(i), `service-${i}-a${part}`, { addressType: "IPv4", endpoints, ports }, labels);
}

function podOf(i: number): KubernetesObject {
  const ip = addressOf(i);
  return object(namespaceOf(i), `service-${i % 9_999}-7d9f8b6c5-x${i}`, {
    status: { phase: "Running", podIP: ip, podIPs: [{ ip }] },
  });
}

/** Fills a sink with a list; the objects are made before the clock starts. */
function fill(sink: TableSink, name: string, count: number, make: (i: number) => KubernetesObject): void {
  let spent = 0;
  let longest = 0;
  const before = table.statistics.usedBytes;
  sink.beginList();
  for (let first = 0; first < count; first += 500) {
    const objects = Array.from({ length: Math.min(500, count - first) }, (_, i) => make(first + i));
    for (const one of objects) {
      const start = performance.now();
      sink.upsert(one);
      const took = performance.now() - start;
      spent += took;
      longest = Math.max(longest, took);
    }
  }
  const start = performance.now();
  sink.endList();
  spent += performance.now() - start;
  const bytes = (table.statistics.usedBytes - before) / count;
  console.log(
    `${name}: ${count} in ${spent.toFixed(0)} ms, longest ${longest.toFixed(2)} ms, ${bytes.toFixed(0)} bytes each`,
  );
}

/** Best of some runs: what disturbs one only ever makes it slower. */
function measure(name: string, count: number, run: (i: number) => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round++) {
    const start = performance.now();
    for (let i = 0; i < count / 10; i++) run(i);
    best = Math.min(best, ((performance.now() - start) * 1e6) / (count / 10));
  }
  console.log(`${name}: ${best < 10_000 ? `${best.toFixed(0)} ns` : `${(best / 1_000).toFixed(1)} µs`}`);
}

function bytesOf(...parts: string[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [part.length, ...Buffer.from(part)]));
}

globalThis.gc?.();
const rss = process.memoryUsage.rss();
fill(namespaces, "Namespaces", NAMESPACES, (i) => object("", namespaceOf(i), {}));
fill(services, "Services", serviceCount, serviceOf);
fill(slices, `EndpointSlices of ${perService}`, serviceCount, (i) => sliceOf(i, 0, perService, i * perService));
fill(pods, "Pods", podCount, podOf);
globalThis.gc?.();
const { usedBytes, heapBytes } = table.statistics;
console.log(
  `rows ${(usedBytes / MIB).toFixed(1)} MiB in blocks of ${(heapBytes / MIB).toFixed(1)} MiB, ` +
    `process ${((process.memoryUsage.rss() - rss) / MIB).toFixed(1)} MiB more than before`,
);

services.upsert(object("large", "large", { spec: { clusterIP: "None" } }));
for (let part = 0; part < LARGE / 100; part++) {
  const parent = sliceOf(0, part, 100, 4_000_000 + part * 100);
  const metadata = { ...parent.metadata, namespace: "large", labels: { "kubernetes.io/service-name": "large" } };
  slices.upsert({ ...parent, metadata });
}

const changes = Array.from({ length: 2_000 }, (_, i) =>
  sliceOf(i % serviceCount, 0, perService - (i & 1), (i % serviceCount) * perService),
);
measure("change of a slice", changes.length, (i) => slices.upsert(changes[i]!));
const largeChanges = Array.from({ length: 200 }, (_, i) => {
  const parent = sliceOf(0, i % 100, 100 - (i & 1), 4_000_000 + (i % 100) * 100);
  const metadata = { ...parent.metadata, namespace: "large", labels: { "kubernetes.io/service-name": "large" } };
  return { ...parent, metadata };
});
measure(`change of one of ${LARGE / 100} slices of a Service`, largeChanges.length, (i) =>
  slices.upsert(largeChanges[i]!),
);
const serviceChanges = Array.from({ length: 2_000 }, (_, i) => serviceOf(i + (i & 1)));
measure("change of a Service", serviceChanges.length, (i) => services.upsert(serviceChanges[i]!));

const keys = Array.from({ length: serviceCount }, (_, i) => bytesOf(`service-${i}`, namespaceOf(i)));
const order = Uint32Array.from({ length: 65_536 }, () => Math.floor(Math.random() * serviceCount));
let found = 0;
measure("nothing (enter, leave)", rounds, () => {
  view.enter();
  view.leave();
});
measure("nothing, and the bytes of a name", rounds, (i) => {
  const key = keys[order[i & 65_535]!]!;
  view.enter();
  for (let at = 0; at < key.length; at++) found ^= key[at]!;
  view.leave();
});
found = 0;
measure("Service by name", rounds, (i) => {
  const key = keys[order[i & 65_535]!]!;
  view.enter();
  if (view.findService(key, 0, key.length)) found++;
  view.leave();
});
const missing = bytesOf("nobody", "team-1");
measure("name that is not there", rounds, () => {
  view.enter();
  if (view.findService(missing, 0, missing.length)) found++;
  view.leave();
});
const address = new Uint8Array([10, 130, 0, 0]);
measure("endpoint by address", rounds, (i) => {
  address[2] = i >> 8;
  address[3] = i;
  view.enter();
  view.seekEndpoint(address, 4);
  while (view.nextEndpoint()) found++;
  view.leave();
});
const team = bytesOf("team-1");
measure("pod by address and namespace", rounds, (i) => {
  address[1] = 128;
  address[2] = i >> 8;
  address[3] = i;
  view.enter();
  if (view.hasPod(address, 4, team, 0)) found++;
  view.leave();
});
const large = bytesOf("large", "large");
const host = bytesOf(addressOf(4_000_000 + LARGE - 1).replaceAll(".", "-"));
measure(`host of a Service of ${LARGE} endpoints, the last one`, rounds / 100, () => {
  view.enter();
  view.findService(large, 0, large.length);
  view.seekHost(host, 0);
  while (view.nextHost()) found++;
  view.leave();
});
console.log(`${found} found`);
