/** What goes into the table as the API's objects, and what comes out of it as answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Protocol, Resource, ServiceKind, SyncState } from "../../../src/kubernetes/table/layout.ts";
import { triggerOf } from "../../../src/kubernetes/table/sinks.ts";
import { Bench, keyText, labels, object, pod, service, slice } from "./support.ts";

test("a Service with all that it may have", () => {
  const bench = new Bench();
  bench.services.upsert(
    service(
      "default",
      "web",
      {
        type: "LoadBalancer",
        clusterIPs: ["10.3.0.1", "2001:db8::1"],
        externalIPs: ["192.0.2.7", "2001:db8::7", "192.0.2.7"],
        ports: [
          { name: "http", port: 80, protocol: "TCP" },
          { name: "HTTPS", port: 443 },
          { port: 53, protocol: "UDP" },
        ],
        selector: { app: "web" },
      },
      { loadBalancer: { ingress: [{ ip: "192.0.2.8" }, { hostname: "LB.example.org" }] } },
    ),
  );
  const key = labels("web.default");
  bench.look((view) => {
    assert.equal(view.findService(key, 0, key.length), true);
    const { service: row, bytes } = view;
    assert.equal(row.kind, ServiceKind.CLUSTER_IP);
    assert.deepEqual([row.ipv4Count, row.ipv6Count], [1, 1]);
    assert.deepEqual([...bytes.slice(row.ipv4At, row.ipv4At + 4)], [10, 3, 0, 1]);
    assert.equal(Buffer.from(bytes.slice(row.ipv6At, row.ipv6At + 16)).toString("hex"), `20010db8${"0".repeat(23)}1`);
    assert.deepEqual([row.externalIpv4Count, row.externalIpv6Count], [2, 1]);
    assert.deepEqual([...bytes.slice(row.externalIpv4At, row.externalIpv4At + 8)], [192, 0, 2, 7, 192, 0, 2, 8]);
    assert.equal(row.externalNameCount, 1);
    assert.equal(keyText(bytes, row.externalNamesAt, 14), "LB.example.org");
    assert.equal(row.targetLength, 0);
    const ports = [0, 1, 2].map((i) => {
      const at = row.ports.nameAt(i);
      return [
        row.ports.number(i),
        row.ports.protocol(i),
        Buffer.from(bytes.slice(at + 1, at + 1 + bytes[at]!)).toString(),
      ];
    });
    assert.deepEqual(ports, [
      [80, Protocol.TCP, "http"],
      [443, Protocol.TCP, "https"],
      [53, Protocol.UDP, ""],
    ]);
    assert.equal(keyText(bytes, row.keyAt, row.keyLength), "web.default");
  });
  assert.equal(bench.serviceByAddress("10.3.0.1"), "web.default");
  assert.equal(bench.serviceByAddress("2001:db8::1"), "web.default");
  assert.equal(bench.serviceByAddress("192.0.2.8"), "");
  assert.equal(bench.serviceByAddress("192.0.2.8", true), "web.default");
  assert.equal(bench.serviceByAddress("2001:db8::7", true), "web.default");
  assert.deepEqual(bench.absurd, []);
});

for (const { name, spec, kind, target } of [
  { name: "no address yet", spec: { clusterIP: "" }, kind: ServiceKind.NO_ADDRESS, target: "" },
  { name: "only clusterIP", spec: { clusterIP: "10.0.0.1" }, kind: ServiceKind.CLUSTER_IP, target: "" },
  { name: "headless", spec: { clusterIP: "None", clusterIPs: ["None"] }, kind: ServiceKind.HEADLESS, target: "" },
  {
    name: "ExternalName",
    spec: { type: "ExternalName", externalName: "WWW.example.org" },
    kind: ServiceKind.EXTERNAL_NAME,
    target: "WWW.example.org.",
  },
  {
    name: "ExternalName that is an address",
    spec: { type: "ExternalName", externalName: "192.0.2.1" },
    kind: ServiceKind.EXTERNAL_NAME,
    target: "",
  },
]) {
  test(`kind of a Service: ${name}`, () => {
    const bench = new Bench();
    bench.services.upsert(service("ns", "svc", spec));
    const key = labels("svc.ns");
    bench.look((view) => {
      assert.ok(view.findService(key, 0, key.length));
      const { targetAt, targetLength } = view.service;
      assert.equal(view.service.kind, kind);
      assert.equal(targetLength === 0 ? "" : `${keyText(view.bytes, targetAt, targetLength - 1)}.`, target);
    });
  });
}

test("endpoints: ready ones, by Service, by host and by address", () => {
  const bench = new Bench();
  bench.slices.upsert(
    slice("ns", "db-a", "db", [], {
      addressType: "IPv4",
      endpoints: [
        { addresses: ["10.1.0.1"], hostname: "DB-0" },
        { addresses: ["10.1.0.2"], conditions: { ready: false }, hostname: "db-1" },
        { addresses: ["10.1.0.3"], conditions: {} },
        { addresses: ["10.1.0.4", "10.1.0.5"], conditions: { ready: true }, hostname: "db-2" },
      ],
    }),
  );
  assert.equal(bench.endpoints("db.ns"), undefined, "a slice alone makes no Service");
  assert.deepEqual(bench.byAddress("10.1.0.1"), ["db.ns/db-0"]);
  bench.services.upsert(service("ns", "db", { clusterIP: "None" }));
  bench.slices.upsert(slice("ns", "db-b", "db", ["2001:db8::", "::1", "2001:DB8:0:0::9"]));
  assert.deepEqual(bench.host("db.ns", "db-0"), ["10.1.0.1"]);
  assert.deepEqual(bench.host("db.ns", "db-1"), []);
  assert.deepEqual(bench.host("db.ns", "db-2"), ["10.1.0.4", "10.1.0.5"]);
  assert.deepEqual(bench.host("db.ns", "10-1-0-3"), ["10.1.0.3"]);
  assert.deepEqual(bench.host("db.ns", "10-1-0-1"), [], "a hostname takes the place of the address");
  assert.deepEqual(bench.host("db.ns", "10-1-0-03"), []);
  assert.deepEqual(bench.host("db.ns", "2001-db8--0"), [`20010db8${"0".repeat(24)}`]);
  assert.deepEqual(bench.host("db.ns", "--1"), [`${"0".repeat(31)}1`]);
  assert.deepEqual(bench.host("db.ns", "2001-db8-0-0--9"), [`20010db8${"0".repeat(23)}9`], "as the API writes it");
  assert.deepEqual(bench.byAddress("2001:db8::9"), ["db.ns/2001-db8-0-0--9"]);
  assert.equal(bench.endpoints("db.ns")!.length, 7);
});

test("the same address in two slices is told, and forgotten when one of them goes", () => {
  const bench = new Bench();
  bench.services.upsert(service("ns", "svc", { clusterIP: "None" }));
  const repeats = () => {
    const key = labels("svc.ns");
    return bench.look((view) => view.findService(key, 0, key.length) && view.service.repeats);
  };
  bench.slices.upsert(slice("ns", "a", "svc", ["10.0.0.1", "10.0.0.2"]));
  assert.equal(repeats(), false);
  bench.slices.upsert(slice("ns", "b", "svc", ["10.0.0.3", "10.0.0.2"]));
  assert.equal(repeats(), true);
  bench.services.upsert(service("ns", "svc", { clusterIP: "None", ports: [{ port: 1 }] }));
  assert.equal(repeats(), true, "a change of the Service leaves it");
  assert.deepEqual(bench.byAddress("10.0.0.2"), ["svc.ns/", "svc.ns/"]);
  bench.slices.upsert(slice("ns", "b", "svc", ["10.0.0.3"]));
  assert.equal(repeats(), false);
  bench.slices.upsert(slice("ns", "c", "svc", ["10.0.0.9=x", "10.0.0.9=y", "10.0.0.9=x"]));
  assert.equal(repeats(), true, "one address, two hosts");
  assert.deepEqual(bench.host("svc.ns", "y"), ["10.0.0.9"]);
  bench.slices.remove(slice("ns", "c", "svc", []));
  assert.equal(repeats(), false);
  assert.deepEqual(bench.byAddress("10.0.0.9"), []);
  assert.deepEqual(bench.absurd, [], "nothing is missing without what stands there twice");
});

test("pod names and zones only where wanted", () => {
  const endpoints = [
    { addresses: ["10.0.0.1"], targetRef: { kind: "Pod", name: "web-1" }, zone: "eu-1.A" },
    { addresses: ["10.0.0.2"], targetRef: { name: "x".repeat(64) } },
  ];
  for (const wanted of [true, false]) {
    const bench = new Bench({ podNames: wanted, zones: wanted });
    bench.services.upsert(service("ns", "svc", { clusterIP: "None" }));
    bench.slices.upsert(slice("ns", "a", "svc", [], { addressType: "IPv4", endpoints }));
    assert.deepEqual(bench.endpoints("svc.ns"), [wanted ? "10.0.0.1/web-1" : "10.0.0.1/", "10.0.0.2/"]);
    const key = labels("svc.ns");
    bench.look((view) => {
      view.findService(key, 0, key.length);
      view.openSlice(0);
      const zones = [0, 1].map((i) => {
        const at = view.slice.zoneAt(i);
        return Buffer.from(view.bytes.slice(at, at + view.slice.zoneLength(i))).toString();
      });
      assert.deepEqual(zones, wanted ? ["eu-1.a", ""] : ["", ""]);
    });
  }
});

test("a Service that goes before its slices, and comes again", () => {
  const bench = new Bench();
  const web = service("ns", "web", { clusterIP: "None" });
  bench.services.upsert(web);
  bench.slices.upsert(slice("ns", "a", "web", ["10.0.0.1"]));
  bench.services.remove(web);
  assert.equal(bench.find("web.ns"), false);
  assert.equal(bench.services.versionOf("ns", "web"), undefined);
  bench.services.upsert(web);
  assert.deepEqual(bench.endpoints("web.ns"), ["10.0.0.1/"]);
  bench.slices.upsert(slice("ns", "a", "other", ["10.0.0.1"]));
  assert.deepEqual(bench.endpoints("web.ns"), [], "the slice is another Service's now");
  assert.deepEqual(bench.byAddress("10.0.0.1"), ["other.ns/"]);
  bench.slices.remove(slice("ns", "a", "", []));
  bench.services.remove(web);
  const { services, slices, endpoints, usedBytes } = bench.table.statistics;
  assert.deepEqual([services, slices, endpoints], [0, 0, 0]);
  assert.ok(usedBytes < 4_096, `${usedBytes} bytes are left`);
});

test("thousands of objects that a list does not name go in turns", async () => {
  const bench = new Bench();
  for (let i = 0; i < 3_500; i++) bench.pods.upsert(pod("ns", `pod-${i}`, [`10.0.${i >> 8}.${i & 255}`]));
  assert.equal(bench.pods.size, 3_500);
  bench.pods.beginList();
  bench.pods.upsert(pod("ns", "pod-3000", ["10.1.1.1"]));
  const end = bench.pods.endList();
  const sizes = [bench.pods.size];
  bench.pods.upsert(pod("ns", "pod-3400", ["10.1.1.2"]));
  await end;
  sizes.push(bench.pods.size);
  assert.deepEqual(sizes, [2_500, 2]);
  assert.equal(bench.hasPod("10.1.1.2", "ns"), true, "what comes meanwhile stays");
});

test("a list sweeps what it does not name, and one that broke off does not", () => {
  const bench = new Bench();
  const one = service("ns", "one", { clusterIP: "10.0.0.1" });
  const two = service("ns", "two", { clusterIP: "10.0.0.2" });
  bench.services.beginList();
  bench.services.upsert(one);
  bench.services.upsert(two);
  bench.services.endList();
  for (let i = 0; i < 600; i++) bench.services.beginList();
  assert.equal(bench.find("two.ns"), true, "it stays while the list is under way");
  bench.services.upsert(one);
  bench.services.endList();
  assert.equal(bench.find("one.ns"), true);
  assert.equal(bench.find("two.ns"), false);
  assert.deepEqual([...bench.services.keys()], [{ namespace: "ns", name: "one" }]);
});

test("namespaces, and pods that come before them", () => {
  const bench = new Bench();
  const ns = object("", "team-a");
  const web = pod("team-a", "web-1.x", ["10.2.0.1", "2001:db8::5"]);
  bench.pods.upsert(web);
  assert.equal(bench.hasNamespace("team-a"), false);
  assert.equal(bench.hasPod("10.2.0.1", "team-a"), true);
  bench.namespaces.upsert(ns);
  assert.equal(bench.hasNamespace("team-a"), true);
  assert.equal(bench.hasPod("2001:db8::5", "team-a"), true);
  assert.equal(bench.hasPod("10.2.0.1", "team-b"), false);
  assert.equal(bench.hasPod("10.2.0.2", "team-a"), false);
  bench.namespaces.remove(ns);
  assert.equal(bench.hasNamespace("team-a"), false);
  assert.equal(bench.hasPod("10.2.0.1", "team-a"), true);
  assert.deepEqual([...bench.pods.keys()], [{ namespace: "team-a", name: "web-1.x" }]);
  bench.pods.upsert({ ...web, status: { phase: "Succeeded", podIPs: [{ ip: "10.2.0.1" }] } });
  assert.equal(bench.hasPod("10.2.0.1", "team-a"), false);
  assert.deepEqual([...bench.namespaces.keys()], []);
});

test("pods that share their node's address are counted, labels are kept where wanted", () => {
  const bench = new Bench({ podLabels: true });
  bench.pods.upsert(pod("a", "one", ["10.9.0.1"], {}, { labels: { app: "web", "example.org/tier": "" } }));
  assert.equal(bench.countPods("10.9.0.1"), 1);
  bench.look((view) => {
    assert.equal(view.pod.name, "one");
    assert.equal(view.pod.namespace, "a");
    assert.deepEqual(
      [...view.pod.labels()],
      [
        ["app", "web"],
        ["example.org/tier", ""],
      ],
    );
  });
  bench.pods.upsert(pod("b", "two", ["10.9.0.1"]));
  assert.equal(bench.countPods("10.9.0.1"), 2);
  assert.equal(bench.countPods("10.9.0.2"), 0);
});

test("ServiceImports are a space of their own, with the cluster of each slice", () => {
  const bench = new Bench();
  bench.imports.upsert(object("ns", "db", { spec: { type: "Headless", ports: [{ port: 5432, name: "sql" }] } }));
  bench.imports.upsert(object("ns", "web", { spec: { type: "ClusterSetIP", ips: ["10.4.0.1"] } }));
  const metadata = {
    labels: {
      "multicluster.kubernetes.io/service-name": "db",
      "multicluster.kubernetes.io/source-cluster": "cluster-1",
    },
  };
  const fields = { addressType: "IPv4", endpoints: [{ addresses: ["10.5.0.1"], hostname: "db-0" }] };
  bench.importSlices.upsert(object("ns", "imported-1", fields, metadata));
  assert.equal(bench.find("db.ns"), false);
  assert.deepEqual(bench.endpoints("db.ns", true), ["10.5.0.1/db-0"]);
  const key = labels("db.ns");
  bench.look((view) => {
    assert.ok(view.findImport(key, 0, key.length));
    assert.equal(view.service.kind, ServiceKind.HEADLESS);
    view.openSlice(0);
    assert.equal(keyText(view.bytes, view.slice.clusterAt, 10), "cluster-1");
  });
  assert.equal(bench.table.statistics.imports, 2);
});

test("all Services in one walk", () => {
  const bench = new Bench();
  for (let i = 0; i < 50; i++) bench.services.upsert(service("ns", `s${i}`, { clusterIP: `10.0.1.${i}` }));
  bench.slices.upsert(slice("ns", "x", "unborn", ["10.0.0.1"]));
  bench.services.remove(service("ns", "s7"));
  const seen = bench.look((view) => {
    const names: string[] = [];
    view.seekServices();
    while (view.nextService()) names.push(keyText(view.bytes, view.service.keyAt, view.service.keyLength));
    return names;
  });
  assert.equal(seen.length, 49);
  assert.equal(new Set(seen).size, 49);
  assert.ok(!seen.includes("unborn.ns") && !seen.includes("s7.ns"));
});

test("a slice whose label for its Service has capitals is no Service's", () => {
  const bench = new Bench();
  bench.services.upsert(service("ns", "web", { clusterIP: "None" }));
  const slice = (label: string) =>
    object(
      "ns",
      "web-1",
      { addressType: "IPv4", endpoints: [{ addresses: ["10.1.0.1"] }] },
      {
        labels: { "kubernetes.io/service-name": label },
      },
    );
  for (const { label, endpoints } of [
    { label: "web", endpoints: 1 },
    { label: "Web", endpoints: 0 },
  ]) {
    bench.slices.upsert(slice(label));
    assert.equal(bench.endpoints("web.ns")?.length, endpoints);
  }
});

test("ten thousand ports, of a Service and of its slice, and no more", () => {
  const bench = new Bench();
  const ports = Array.from({ length: 10_001 }, (_, i) => ({ name: `rtp-${i}`, port: 20_000 + i, protocol: "UDP" }));
  const metadata = { labels: { "kubernetes.io/service-name": "media" } };
  bench.services.upsert(service("ns", "media", { clusterIP: "10.0.0.1", ports }));
  const endpoints = [{ addresses: ["10.1.0.1"] }];
  bench.slices.upsert(object("ns", "media-1", { addressType: "IPv4", endpoints, ports }, metadata));
  assert.ok(bench.find("media.ns"));
  bench.look((view) => {
    view.openSlice(0);
    for (const list of [view.service.ports, view.slice.ports]) {
      assert.equal(list.count, 10_000);
      assert.equal(list.number(9_999), 29_999);
      const at = list.nameAt(9_999);
      assert.equal(Buffer.from(view.bytes.slice(at + 1, at + 1 + view.bytes[at]!)).toString(), "rtp-9999");
    }
  });
  const reason = "too many ports";
  assert.deepEqual(bench.absurd, [`Service ns/media: ${reason}`, `EndpointSlice ns/media-1: ${reason}`]);
});

test("what is absurd is left out, counted, and told once", () => {
  const bench = new Bench();
  const odd = service("ns", "odd", {
    clusterIPs: ["10.0.0.1", "300.1.1.1", 7, null],
    ports: [
      { port: 0 },
      { port: 70_000 },
      { port: "80" },
      { port: 80, protocol: "QUIC" },
      { port: 81 },
      { port: 81 },
      null,
    ],
  });
  bench.services.upsert(odd);
  const told = bench.absurd.length;
  bench.services.upsert(odd);
  assert.equal(bench.absurd.length, told, "told once");
  assert.deepEqual([...new Set(bench.absurd)].sort(), [
    "Service ns/odd: a port that is none",
    "Service ns/odd: a port that is there twice",
    "Service ns/odd: an address that is none",
  ]);
  assert.ok(bench.table.statistics.absurd > told);
  assert.equal(bench.serviceByAddress("10.0.0.1"), "odd.ns");
  const huge = "n".repeat(65_536);
  bench.services.upsert(service("ns", huge));
  bench.services.upsert(service("", "x"));
  bench.services.upsert(service("ns", "dot.ted"));
  bench.slices.upsert(slice("ns", huge, "odd", ["10.0.0.9"]));
  bench.slices.upsert(
    slice("ns", "fq", "odd", [], { addressType: "FQDN", endpoints: [{ addresses: ["x.example.org"] }] }),
  );
  bench.slices.upsert(object("ns", "lonely", { addressType: "IPv4" }));
  bench.pods.upsert(pod(huge, "x", ["10.0.0.8"]));
  bench.pods.upsert(pod("ns", "y", ["nonsense"]));
  bench.namespaces.upsert(object("", huge));
  for (const sink of [bench.services, bench.slices, bench.pods, bench.namespaces, bench.imports, bench.importSlices]) {
    for (const spec of [null, 7, "x", [], { ports: 7, clusterIPs: {}, externalIPs: "x" }]) {
      sink.upsert(object("ns", "weird", { spec, status: spec, endpoints: spec, ports: spec, addressType: "IPv4" }));
    }
  }
  assert.deepEqual(bench.byAddress("10.0.0.9"), []);
  assert.equal(bench.table.statistics.services, 2);
  assert.ok(
    bench.absurd.every((line) => line.length < 200),
    "nothing is told in full length",
  );
});

test("triggers of changed endpoints are told with the kind of their Service", () => {
  const bench = new Bench();
  const time = "2026-01-02T03:04:05Z";
  const metadata = {
    labels: { "kubernetes.io/service-name": "svc" },
    annotations: { "endpoints.kubernetes.io/last-change-trigger-time": time },
  };
  const slice = object("ns", "a", { addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.1"] }] }, metadata);
  bench.slices.upsert(slice);
  assert.equal(triggerOf(bench.table.services, slice), undefined, "nobody knows the Service yet");
  for (const { spec, kind } of [
    { spec: { clusterIP: "10.0.0.2" }, kind: "cluster_ip" },
    { spec: { clusterIP: "None" }, kind: "headless_without_selector" },
    { spec: { clusterIP: "None", selector: { a: "b" } }, kind: "headless_with_selector" },
  ]) {
    bench.services.upsert(service("ns", "svc", spec));
    assert.deepEqual(triggerOf(bench.table.services, slice), { time, kind });
  }
});

test("serial and states", () => {
  let now = 1_700_000_000_900;
  const bench = new Bench({ now: () => now });
  assert.equal(bench.view.serial, 1_700_000_000);
  now += 5_000;
  const one = service("ns", "one", { clusterIP: "10.0.0.1" });
  bench.services.upsert(one);
  assert.equal(bench.view.serial, 1_700_000_005);
  now += 5_000;
  bench.services.upsert({ ...one, metadata: { ...one.metadata, resourceVersion: "other" } });
  assert.equal(bench.view.serial, 1_700_000_005, "no answer has changed");
  bench.table.setState(Resource.PODS, SyncState.DOUBTFUL);
  assert.equal(bench.view.state(Resource.PODS), SyncState.DOUBTFUL);
  assert.equal(bench.view.state(Resource.SERVICES), SyncState.STARTING);
});
