/** What kubernetes answers beyond what CoreDNS's answers show: doubt, outages, large Services, freshness. */
import assert from "node:assert/strict";
import { after, describe, mock, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ClusterTable } from "../../../src/kubernetes/table/cluster-table.ts";
import { ClusterView } from "../../../src/kubernetes/table/cluster-view.ts";
import { Resource, SyncState } from "../../../src/kubernetes/table/layout.ts";
import { servicesOf, TableSink } from "../../../src/kubernetes/table/sinks.ts";
import type { Plugin } from "../../../src/plugin/plugin.ts";
import { bind } from "../../../src/plugins/bind.ts";
import { cache } from "../../../src/plugins/cache/index.ts";
import { forward } from "../../../src/plugins/forward/index.ts";
import { kubernetes } from "../../../src/plugins/kubernetes/index.ts";
import { log } from "../../../src/plugins/log/index.ts";
import { ScriptedUpstream } from "../../parity/upstream.ts";
import { endpointSlice, type Manifest, namespace, pod, service } from "../../support/api-objects.ts";
import { ApiServer, type Fault } from "../../support/api-server.ts";
import { linkChain, type TestChain } from "../../support/chain.ts";
import { clusterObjects } from "../../support/cluster-objects.ts";
import { freePorts } from "../../support/server.ts";

interface Setup {
  readonly objects?: readonly Manifest[];
  readonly options?: string;
  readonly zones?: string;
  readonly before?: string;
  readonly forwardTo?: number;
  readonly plugins?: readonly Plugin[];
  readonly faults?: readonly Fault[];
}

interface Running {
  readonly api: ApiServer;
  readonly chain: TestChain;
  stop(): Promise<void>;
}

async function start({ objects = clusterObjects, faults = [], ...setup }: Setup = {}): Promise<Running> {
  const api = await ApiServer.start({ objects });
  api.fault(...faults);
  const chain = await linkChain({
    plugins: [...(setup.plugins ?? []), kubernetes, forward],
    corefile: `. {
      ${setup.before ?? ""}
      kubernetes ${setup.zones ?? "cluster.local in-addr.arpa"} {
        endpoint ${api.url}
        ${setup.options ?? ""}
      }
      ${setup.forwardTo === undefined ? "" : `forward . 127.0.0.1:${setup.forwardTo}`}
    }`,
  });
  const stop = async (): Promise<void> => {
    if (!running.delete(stop)) return;
    await chain.stop();
    await api.close();
  };
  running.add(stop);
  return { api, chain, stop };
}

/** What a test that has failed leaves behind. */
const running = new Set<() => Promise<void>>();
after(async () => {
  for (const stop of running) await stop();
});

/** Asks until the rcode is this one. */
async function askUntil(chain: TestChain, ask: string, rcode: string): Promise<void> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const { reply } = await chain.ask({ ask });
    if (reply?.rcode === rcode) return;
    assert.ok(performance.now() < deadline, `${ask} is ${reply?.rcode}, not ${rcode}`);
    await sleep(10);
  }
}

/** Waits until what the operator is told of the cluster is so. Gives it. */
async function detailsOnce(chain: TestChain, isSo: (lines: readonly string[]) => boolean): Promise<string[]> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const details = chain.readyDetails().filter((line) => line.startsWith("kubernetes: "));
    if (isSo(details)) return details;
    assert.ok(performance.now() < deadline, details.join("\n"));
    await sleep(10);
  }
}

describe("a resource that is not known yet", () => {
  for (const { plural, ask, rcode, error } of [
    { plural: "services", ask: "web.a.svc.cluster.local. A", rcode: "SERVFAIL", error: "Services of the cluster" },
    { plural: "services", ask: "1.0.1.10.in-addr.arpa. PTR", rcode: "SERVFAIL", error: "Services of the cluster" },
    { plural: "services", ask: "a.svc.cluster.local. A", rcode: "NOERROR" },
    { plural: "services", ask: "10-4-0-1.a.pod.cluster.local. A", rcode: "NOERROR" },
    { plural: "services", ask: "x.y.cluster.local. A", rcode: "NXDOMAIN" },
    { plural: "namespaces", ask: "web.a.svc.cluster.local. A", rcode: "NOERROR" },
    { plural: "namespaces", ask: "c.svc.cluster.local. A", rcode: "SERVFAIL", error: "Namespaces of the cluster" },
    { plural: "endpointslices", ask: "web.a.svc.cluster.local. A", rcode: "NOERROR" },
    { plural: "endpointslices", ask: "hl.a.svc.cluster.local. A", rcode: "SERVFAIL", error: "EndpointSlices of the" },
    {
      plural: "endpointslices",
      ask: "x.web.a.svc.cluster.local. A",
      rcode: "SERVFAIL",
      error: "EndpointSlices of the",
    },
    { plural: "endpointslices", ask: "none.a.svc.cluster.local. A", rcode: "NXDOMAIN" },
    { plural: "services", ask: "hl.*.svc.cluster.local. A", rcode: "SERVFAIL", error: "Services of the cluster" },
    { plural: "endpointslices", ask: "hl.*.svc.cluster.local. A", rcode: "SERVFAIL", error: "EndpointSlices of the" },
    { plural: "endpointslices", ask: "web.*.svc.cluster.local. A", rcode: "NOERROR" },
    { plural: "pods", ask: "10-4-0-1.a.pod.cluster.local. A", rcode: "SERVFAIL", error: "Pods of the cluster" },
    { plural: "pods", ask: "web.a.svc.cluster.local. A", rcode: "NOERROR" },
  ]) {
    test(`${plural}: ${ask}`, async () => {
      const options = "startup_timeout 100ms\npods verified\nwildcard_queries";
      const { chain, stop } = await start({ options, faults: [{ plural, hang: true, times: 100 }] });
      assert.deepEqual(chain.unready(), ["kubernetes"]);
      const isStarting = (line: string) => line.includes(": starting, 0 objects, never heard of");
      const details = await detailsOnce(chain, (lines) => lines.filter(isStarting).length === 1);
      assert.equal(details.length, 4);
      assert.ok(details.some((line) => line.startsWith(`kubernetes: ${plural}: `) && isStarting(line)));
      const { reply } = await chain.ask({ ask, edns: { size: 1_232 } });
      assert.equal(reply?.rcode, rcode);
      const [option = ""] = reply.opt?.options ?? [];
      const text = Buffer.from(option.split(" ")[1] ?? "", "hex").toString("latin1");
      // RFC 8914: "Not Ready".
      assert.equal(text.slice(0, 2), error === undefined ? "" : "\0\u000e");
      assert.equal(text.slice(2, 2 + (error?.length ?? 0)), error ?? "");
      await stop();
    });
  }
});

test("an API that comes late is waited for, and the plugin is ready then", async () => {
  const { chain, stop } = await start({ options: "startup_timeout 50ms", faults: [{ delayMs: 400, times: 3 }] });
  assert.deepEqual(chain.unready(), ["kubernetes"]);
  assert.equal((await chain.ask({ ask: "web.a.svc.cluster.local. A" })).reply?.rcode, "SERVFAIL");
  await askUntil(chain, "web.a.svc.cluster.local. A", "NOERROR");
  await askUntil(chain, "none.a.svc.cluster.local. A", "NXDOMAIN");
  await askUntil(chain, "hl.a.svc.cluster.local. A", "NOERROR");
  // An object is answered as soon as it has come, and the rest of its list may follow.
  const deadline = performance.now() + 5_000;
  while (chain.unready().length > 0 && performance.now() < deadline) await sleep(10);
  assert.deepEqual(chain.unready(), []);
  await stop();
});

test("lost history is doubt until all has been listed again, and known names are answered meanwhile", async () => {
  const { api, chain, stop } = await start();
  assert.equal((await chain.ask({ ask: "none.a.svc.cluster.local. A" })).reply?.rcode, "NXDOMAIN");
  api.fault(
    { on: "list", plural: "services", delayMs: 700, times: 2 },
    { on: "stream", plural: "services", delayMs: 700 },
  );
  api.expire();
  await askUntil(chain, "none.a.svc.cluster.local. A", "SERVFAIL");
  const { reply } = await chain.ask({ ask: "none.a.svc.cluster.local. A", edns: { size: 1_232 } });
  // RFC 8914: "No Reachable Authority".
  assert.match(reply!.opt!.options[0]!, /^15 0016/);
  assert.equal((await chain.ask({ ask: "web.a.svc.cluster.local. A" })).reply?.rcode, "NOERROR");
  await askUntil(chain, "none.a.svc.cluster.local. A", "NXDOMAIN");
  await stop();
});

test("doubt nxdomain: what was not there when the API was heard of last is not there", async () => {
  const faults = [{ plural: "services", hang: true, times: 1 }];
  const { api, chain, stop } = await start({ options: "doubt nxdomain\nstartup_timeout 50ms", faults });
  const ask = "none.a.svc.cluster.local. A";
  assert.equal((await chain.ask({ ask })).reply?.rcode, "SERVFAIL", "before all has been read once");
  api.dropConnections();
  await askUntil(chain, ask, "NXDOMAIN");
  api.fault({ on: "stream", plural: "services", hang: true, times: 100 });
  const before = api.requests.length;
  api.expire();
  while (!api.requests.slice(before).some(({ path, kind }) => kind === "stream" && path.endsWith("/services"))) {
    await sleep(10);
  }
  await detailsOnce(chain, (lines) => lines.some((line) => line.startsWith("kubernetes: services: doubtful")));
  assert.equal(chain.unready().length, 0);
  assert.equal((await chain.ask({ ask })).reply?.rcode, "NXDOMAIN");
  await stop();
});

describe("names that would be too long are left out", () => {
  const [first, second, third] = ["l".repeat(63), "n".repeat(63), "h".repeat(63)];
  const zone = `${"z".repeat(63)}.${"y".repeat(50)}.test`;
  const name = `${first}.${second}.svc.${zone}.`;
  const ports = [{ name: "http", port: 80 }];
  const endpoints = [{ addresses: ["10.0.0.1"], hostname: third }, { addresses: ["10.0.0.2"] }];
  const objects = [
    namespace(second),
    service(first, second, ["None"]),
    endpointSlice(first, second, endpoints, ports),
    service("ok", second, ["10.1.0.1"]),
  ];
  for (const { options, ask, rcode, answers } of [
    { ask: `${name} SRV`, rcode: "NOERROR", answers: 0 },
    { ask: `${name} A`, rcode: "NOERROR", answers: 2 },
    { ask: "1.0.0.10.in-addr.arpa. PTR", rcode: "NXDOMAIN", answers: 0 },
    { ask: "1.0.1.10.in-addr.arpa. PTR", rcode: "NOERROR", answers: 1 },
    { options: "wildcard_queries", ask: `*.*.svc.${zone}. SRV`, rcode: "NOERROR", answers: 1 },
  ]) {
    test(ask.replaceAll(/(.)\1+/g, "$1"), async () => {
      const { chain, stop } = await start({ objects, zones: `${zone} in-addr.arpa`, ...(options && { options }) });
      const { reply } = await chain.ask({ ask, edns: { size: 4_096 }, over: "tcp" });
      assert.deepEqual([reply?.rcode, reply?.answer.length], [rcode, answers]);
      await stop();
    });
  }
});

for (const { hang, rcode } of [
  { hang: true, rcode: "SERVFAIL" },
  { hang: false, rcode: "NOERROR" },
]) {
  test(`an alias for a name of the cluster without endpoints, ${hang ? "which may have some" : "which has none"}`, async () => {
    const objects = [
      namespace("a"),
      service("hl", "a", ["None"]),
      service("alias", "a", [], [], { type: "ExternalName", externalName: "hl.a.svc.cluster.local" }),
    ];
    const faults: Fault[] = hang ? [{ plural: "endpointslices", hang, times: 100 }] : [];
    const { chain, stop } = await start({ objects, faults, options: "startup_timeout 100ms" });
    await askUntil(chain, "alias.a.svc.cluster.local. A", rcode);
    const { reply } = await chain.ask({ ask: "alias.a.svc.cluster.local. A" });
    assert.deepEqual([reply?.rcode, reply?.answer], [rcode, []]);
    await stop();
  });
}

test("a name that comes with the end of its list, while it is looked for, is no NXDOMAIN", async () => {
  let table: ClusterTable | undefined;
  const { setState } = ClusterTable.prototype;
  const watched = mock.method(ClusterTable.prototype, "setState", function (this: ClusterTable, ...args: [0, 0]) {
    table = this;
    setState.apply(this, args);
  });
  const { chain, stop } = await start({
    options: "startup_timeout 50ms",
    faults: [{ plural: "services", hang: true, times: 100 }],
  });
  watched.mock.restore();
  const { findService } = ClusterView.prototype;
  const looked = mock.method(
    ClusterView.prototype,
    "findService",
    function (this: ClusterView, ...args: [Uint8Array, number, number]) {
      const found = findService.apply(this, args);
      if (table?.statistics.services === 0) {
        const metadata = { name: "late", namespace: "a", uid: "u", resourceVersion: "1" };
        new TableSink(table, servicesOf(table.services)).upsert({ metadata, spec: { clusterIPs: ["10.1.0.9"] } });
        table.setState(Resource.SERVICES, SyncState.SYNCED);
      }
      return found;
    },
  );
  const { reply } = await chain.ask({ ask: "late.a.svc.cluster.local. A" });
  looked.mock.restore();
  assert.deepEqual(reply?.answer, ["late.a.svc.cluster.local. 5 IN A 10.1.0.9"]);
  await stop();
});

test("of nested zones the longest is the one, wherever it stands", async () => {
  const { chain, stop } = await start({ zones: "local cluster.local" });
  assert.equal((await chain.ask({ ask: "web.b.svc.cluster.local. A" })).reply?.rcode, "NOERROR");
  await stop();
});

test("without the API the last known answers go on", async () => {
  const { api, chain, stop } = await start();
  await api.close();
  await sleep(50);
  for (const ask of ["web.a.svc.cluster.local. A", "hl.a.svc.cluster.local. A", "1.0.1.10.in-addr.arpa. PTR"]) {
    assert.equal((await chain.ask({ ask })).reply?.rcode, "NOERROR", ask);
  }
  await stop();
});

test("a change is in the next answer, cache or not", async () => {
  const { api, chain, stop } = await start({ plugins: [cache], before: "cache 30" });
  const ask = "web.a.svc.cluster.local. A";
  assert.deepEqual((await chain.ask({ ask })).reply?.answer, ["web.a.svc.cluster.local. 5 IN A 10.1.0.1"]);
  await askUntil(chain, "new.a.svc.cluster.local. A", "NXDOMAIN");
  api.apply(service("new", "a", ["10.1.9.9"]), service("web", "a", ["10.1.9.8"]));
  await askUntil(chain, "new.a.svc.cluster.local. A", "NOERROR");
  assert.deepEqual((await chain.ask({ ask })).reply?.answer, ["web.a.svc.cluster.local. 5 IN A 10.1.9.8"]);
  await stop();
});

test("names of addresses: those of Services are not looked for in the cache, those of others are kept there", async (context) => {
  const [port] = await freePorts(1);
  const soa = "192.in-addr.arpa. 60 IN SOA ns.test. m.test. 1 60 60 60 60";
  const upstream = new ScriptedUpstream(
    "u",
    { rules: [{ replies: [{ rcode: "NXDOMAIN", authority: [soa] }] }] },
    port!,
  );
  await upstream.start();
  context.after(() => upstream.stop());
  const { chain, stop } = await start({
    plugins: [cache],
    before: "cache 30",
    options: "fallthrough in-addr.arpa",
    forwardTo: port!,
  });
  const count = (name: string): number => {
    const rows = chain.row.descriptions.filter((description) => description.name === name);
    return rows.reduce((sum, row) => sum + chain.row.read(row)[0]!, 0);
  };
  for (let i = 0; i < 3; i++) {
    const { reply } = await chain.ask({ ask: "1.0.1.10.in-addr.arpa. PTR" });
    assert.deepEqual(reply?.answer, ["1.0.1.10.in-addr.arpa. 5 IN PTR web.a.svc.cluster.local."]);
  }
  assert.deepEqual([count("cache_requests_total"), count("cache_misses_total"), count("cache_hits_total")], [3, 3, 0]);
  for (let i = 0; i < 3; i++)
    assert.equal((await chain.ask({ ask: "1.0.2.192.in-addr.arpa. PTR" })).reply?.rcode, "NXDOMAIN");
  assert.equal(upstream.asked.length, 1);
  assert.deepEqual([count("cache_requests_total"), count("cache_misses_total"), count("cache_hits_total")], [6, 4, 2]);
  await stop();
});

test("events that are lost without a word are found by the comparison, and counted", async () => {
  const { api, chain, stop } = await start({ options: "check_interval 1s" });
  api.dropEvents(1);
  api.apply(service("lost", "a", ["10.1.9.7"]));
  await sleep(100);
  assert.equal((await chain.ask({ ask: "lost.a.svc.cluster.local. A" })).reply?.rcode, "NXDOMAIN");
  const deadline = performance.now() + 20_000;
  const ask = "lost.a.svc.cluster.local. A";
  while ((await chain.ask({ ask })).reply?.rcode !== "NOERROR" && performance.now() < deadline) await sleep(50);
  assert.equal((await chain.ask({ ask })).reply?.rcode, "NOERROR");
  // The count is taken over a moment later.
  await sleep(300);
  const repairs = chain.row.descriptions.filter(({ name }) => name === "weftdns_kubernetes_repairs_total");
  const counted = repairs.find(({ labels }) => labels.resource === "services");
  assert.equal(chain.row.read(counted!)[0], 1);
  await stop();
});

describe("ten thousand endpoints", async () => {
  const ports = [{ name: "http", port: 80 }];
  const slices = Array.from({ length: 100 }, (_, slice) =>
    endpointSlice(
      "big",
      "a",
      Array.from({ length: 100 }, (_, i) => ({ addresses: [`10.${slice}.${i}.1`] })),
      ports,
      `s${slice}`,
    ),
  );
  const { chain, stop } = await start({ objects: [namespace("a"), service("big", "a", ["None"]), ...slices] });
  after(stop);

  for (const { type, edns, over, least, most } of [
    { type: "A", over: "udp", edns: undefined, least: 27, most: 512 },
    { type: "A", over: "udp", edns: { size: 1_232 }, least: 71, most: 1_232 },
    { type: "A", over: "tcp", edns: { size: 1_232 }, least: 4_090, most: 65_535 },
    { type: "SRV", over: "udp", edns: { size: 1_232 }, least: 15, most: 1_232 },
    { type: "SRV", over: "tcp", edns: undefined, least: 900, most: 65_535 },
  ] as const) {
    test(`${type} over ${over}${edns ? " with EDNS" : ""}`, async () => {
      const { reply } = await chain.ask({ ask: `big.a.svc.cluster.local. ${type}`, over, ...(edns && { edns }) });
      assert.ok(reply!.bytes.length <= most, `${reply!.bytes.length} bytes`);
      assert.ok(reply!.answer.length >= least, `${reply!.answer.length} records`);
      assert.equal(new Set(reply!.answer).size, reply!.answer.length);
      assert.equal(reply!.flags, "qr aa tc rd");
    });
  }

  test("one of them by its name", async () => {
    const { reply } = await chain.ask({ ask: "10-99-99-1.big.a.svc.cluster.local. A" });
    assert.deepEqual(reply?.answer, ["10-99-99-1.big.a.svc.cluster.local. 5 IN A 10.99.99.1"]);
  });

  test("those that are cut off have their turn", async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 300; i++) {
      const { reply } = await chain.ask({ ask: "big.a.svc.cluster.local. A" });
      for (const line of reply!.answer) seen.add(line);
    }
    assert.ok(seen.size > 1_500, `${seen.size} of 10,000`);
  });
});

describe("name servers", () => {
  const kubeDns = service("kube-dns", "kube-system", ["10.96.0.10"], [{ name: "dns", port: 53, protocol: "UDP" }]);
  const own = endpointSlice("kube-dns", "kube-system", [{ addresses: ["192.0.2.53"] }]);
  const headless = service("dns", "a", ["None"]);
  for (const { name, objects, answer, additional } of [
    {
      name: "the Service whose endpoint this server is",
      objects: [kubeDns, own],
      answer: ["cluster.local. 5 IN NS kube-dns.kube-system.svc.cluster.local."],
      additional: ["kube-dns.kube-system.svc.cluster.local. 5 IN A 10.96.0.10"],
    },
    {
      name: "the endpoint's own name when the Service is headless",
      objects: [headless, endpointSlice("dns", "a", [{ addresses: ["192.0.2.53"], hostname: "ns" }])],
      answer: ["cluster.local. 5 IN NS ns.dns.a.svc.cluster.local."],
      additional: ["ns.dns.a.svc.cluster.local. 5 IN A 192.0.2.53"],
    },
    {
      name: "this server's address",
      objects: [kubeDns],
      answer: ["cluster.local. 5 IN NS ns.dns.cluster.local."],
      additional: ["ns.dns.cluster.local. 5 IN A 192.0.2.53"],
    },
  ]) {
    test(name, async () => {
      const { chain, stop } = await start({ objects, plugins: [bind], before: "bind 192.0.2.53" });
      const { reply } = await chain.ask({ ask: "cluster.local. NS" });
      assert.deepEqual([reply?.answer, reply?.additional], [answer, additional]);
      const own = (await chain.ask({ ask: "ns.dns.cluster.local. A" })).reply?.answer[0];
      assert.equal(own?.split(" ").at(-1), additional[0]!.split(" ").at(-1));
      await stop();
    });
  }
});

for (const { format, ask, line, address } of [
  {
    format: "{/kubernetes/kind} {/kubernetes/namespace} {/kubernetes/service}",
    ask: "web.a.svc.cluster.local. A",
    line: "svc a web",
  },
  {
    format: "{/kubernetes/endpoint} {/kubernetes/zone}",
    ask: "h2.web.a.svc.cluster.local. A",
    line: "h2 cluster.local.",
  },
  {
    format: "{/kubernetes/port-name} {/kubernetes/protocol}",
    ask: "_http._tcp.web.a.svc.cluster.local. A",
    line: "http tcp",
  },
  { format: "{/kubernetes/parse-error} {/kubernetes/kind}", ask: "x.cluster.local. A", line: "invalid query name -" },
  { format: "{/kubernetes/kind} {/kubernetes/zone}", ask: "example.org. A", line: "- -" },
  {
    format:
      "{/kubernetes/client-namespace} {/kubernetes/client-pod-name} {/kubernetes/client-label/app} {/kubernetes/client-label/x}",
    ask: "web.a.svc.cluster.local. A",
    line: "a asker nginx -",
    address: "10.4.7.7",
  },
  { format: "{/kubernetes/client-namespace}", ask: "web.a.svc.cluster.local. A", line: "-", address: "10.4.7.8" },
  // Two pods with one address: they use their node's.
  { format: "{/kubernetes/client-namespace}", ask: "web.a.svc.cluster.local. A", line: "-", address: "192.0.2.9" },
]) {
  test(`metadata: ${format} of ${ask}${address ? ` from ${address}` : ""}`, async () => {
    const pods = [
      pod("asker", "a", ["10.4.7.7"], "Running", { app: "nginx" }),
      pod("host-1", "a", ["192.0.2.9"]),
      pod("host-2", "b", ["192.0.2.9"]),
    ];
    const objects = [...clusterObjects, ...pods];
    const { chain, stop } = await start({
      objects,
      plugins: [log],
      before: `log . "${format}"`,
      options: "pods verified",
    });
    const { lines } = await chain.ask({ ask }, address === undefined ? {} : { address });
    assert.equal(lines[0]?.text, line);
    await stop();
  });
}

test("objects with absurd fields are left out, and said once", async () => {
  const broken = {
    ...service("broken", "a", ["10.1.1"]),
    spec: { clusterIP: "10.1.1", clusterIPs: ["x", 7, null], ports: "no" },
  };
  const { chain, api, stop } = await start();
  api.apply(broken as Manifest, service("after", "a", ["10.1.9.1"]));
  await askUntil(chain, "after.a.svc.cluster.local. A", "NOERROR");
  assert.equal((await chain.ask({ ask: "broken.a.svc.cluster.local. A" })).reply?.answer.length, 0);
  assert.ok(chain.lines.some(({ level, text }) => level === "WARNING" && text.includes("broken")));
  await stop();
});

describe("wildcards", () => {
  const WEST = "wildcard_queries\nnamespace_labels team=west";
  for (const { ask, options = "wildcard_queries", rcode = "NOERROR", answer = [] } of [
    { ask: "*.b.svc.cluster.local. A", answer: ["10.1.1.1"] },
    { ask: "web.*.svc.cluster.local. A", answer: ["10.1.0.1", "10.1.1.1"] },
    { ask: "web.any.svc.cluster.local. AAAA", answer: ["fd00:1::1"] },
    { ask: "*.web.a.svc.cluster.local. A", answer: ["10.2.0.1", "10.2.0.2"] },
    { ask: "twin.*.a.svc.cluster.local. A", answer: ["10.3.1.1", "10.3.1.2"] },
    { ask: "*._udp.hl.a.svc.cluster.local. A", answer: ["10.3.0.1", "10.3.0.2", "10.3.0.4"] },
    { ask: "_http.*.web.*.svc.cluster.local. A", answer: ["10.1.0.1", "10.1.1.1"] },
    { ask: "web.*.svc.cluster.local. TXT" },
    { ask: "none.*.svc.cluster.local. A", rcode: "NXDOMAIN" },
    { ask: "*.c.svc.cluster.local. A", rcode: "NXDOMAIN" },
    { ask: "web.*.svc.cluster.local. A", options: "wildcard_queries\nnamespaces b", answer: ["10.1.1.1"] },
    { ask: "web.*.svc.cluster.local. A", options: WEST, answer: ["10.1.0.1"] },
    { ask: "*.b.svc.cluster.local. A", options: WEST, rcode: "NXDOMAIN" },
    { ask: "web.*.svc.cluster.local. A", options: "", rcode: "NXDOMAIN" },
    { ask: "*.web.a.svc.cluster.local. A", options: "", rcode: "NXDOMAIN" },
    { ask: "empty.*.svc.cluster.local. A", answer: ["10.1.0.4"] },
    { ask: "empty.*.svc.cluster.local. A", options: "wildcard_queries\nignore empty_service", rcode: "NXDOMAIN" },
  ]) {
    test(`${ask} { ${options.replace("\n", "; ")} }`, async () => {
      const { chain, stop } = await start({ options });
      const { reply } = await chain.ask({ ask });
      assert.equal(reply?.rcode, rcode);
      const addresses = reply.answer.map((line) => line.split(" ").at(-1)!);
      assert.deepEqual(addresses.sort(), answer);
      await stop();
    });
  }

  test("SRV of all that fit", async () => {
    const { chain, stop } = await start({ options: "wildcard_queries" });
    const { reply } = await chain.ask({ ask: "_http._tcp.*.b.svc.cluster.local. SRV", edns: { size: 4_096 } });
    assert.deepEqual(reply?.answer, ["_http._tcp.*.b.svc.cluster.local. 5 IN SRV 0 100 80 web.b.svc.cluster.local."]);
    await stop();
  });
});
