import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Reply } from "../../src/dns/reply.ts";
import { type ExternalConfig, k8sExternal } from "../../src/plugins/k8s_external/index.ts";
import { kubernetes } from "../../src/plugins/kubernetes/index.ts";
import { endpointSlice, namespace, service } from "../support/api-objects.ts";
import { ApiServer } from "../support/api-server.ts";
import { linkChain, parseBlock } from "../support/chain.ts";
import { clusterObjects } from "../support/cluster-objects.ts";

const DEFAULTS: ExternalConfig = { zones: ["ext.test."], apex: "dns.", ttl: 5, headless: false, fallthrough: [] };

for (const { block, config, mistake } of [
  { block: "k8s_external ext.test", config: {} },
  { block: "k8s_external", config: { zones: ["example.org."] } },
  { block: "k8s_external a.test\nk8s_external ext.test", config: {} },
  {
    block: "k8s_external ext.test {\napex NS.x y\nttl 3600 z\nheadless\nfallthrough a.test\n}",
    config: { apex: "ns.x.", ttl: 3600, headless: true, fallthrough: ["a.test."] },
  },
  {
    block: "k8s_external ext.test {\napex\n}",
    mistake: "3:1: plugin/k8s_external: Wrong argument count or unexpected line ending after 'apex', expected a name",
  },
  {
    block: "k8s_external x {\napex .\n}",
    mistake: "3:6: plugin/k8s_external: invalid apex '.', expected a name",
  },
  {
    block: "k8s_external x {\napex a..b\n}",
    mistake: "3:6: plugin/k8s_external: invalid apex 'a..b', expected a name",
  },
  { block: "k8s_external x {\nttl 3601\n}", mistake: "3:5: plugin/k8s_external: ttl must be in range [0, 3600]: 3601" },
  { block: "k8s_external x {\nttl -1\n}", mistake: "3:5: plugin/k8s_external: ttl must be in range [0, 3600]: -1" },
  {
    block: "k8s_external x {\nttl 1s\n}",
    mistake: '3:5: plugin/k8s_external: strconv.Atoi: parsing "1s": invalid syntax',
  },
  { block: "k8s_external x {\nbogus\n}", mistake: "3:1: plugin/k8s_external: unknown property 'bogus'" },
]) {
  test(`k8s_external: ${block.replaceAll("\n", "; ")}`, () => {
    const parsed = parseBlock([k8sExternal], `example.org {\n${block}\n}`);
    assert.deepEqual(parsed.mistakes, mistake === undefined ? [] : [`Corefile:${mistake}`]);
    if (config) assert.deepEqual(parsed.elements[0]?.config, { ...DEFAULTS, ...config });
  });
}

test("k8s_external needs kubernetes in its block", async () => {
  const started = linkChain({ plugins: [k8sExternal], corefile: ". {\nk8s_external ext.test\n}" });
  await assert.rejects(started, { message: "plugin/k8s_external: kubernetes plugin not loaded" });
});

for (const { options, rcode } of [
  { options: "", rcode: "SERVFAIL" },
  { options: "doubt nxdomain", rcode: "NXDOMAIN" },
]) {
  test(`k8s_external: what was not there when the API was heard of last, ${options || "no option"}`, async () => {
    const api = await ApiServer.start({ objects: clusterObjects });
    const corefile = `. {\nk8s_external ext.test\nkubernetes cluster.local {\nendpoint ${api.url}\n${options}\n}\n}`;
    const chain = await linkChain({ plugins: [k8sExternal, kubernetes], corefile });
    const ask = "none.a.ext.test. A";
    assert.equal((await chain.ask({ ask })).reply?.rcode, "NXDOMAIN");
    api.fault(...(["list", "stream"] as const).map((on) => ({ on, plural: "services", hang: true, times: 100 })));
    api.expire();
    const isDoubtful = () => chain.readyDetails().some((line) => line.startsWith("kubernetes: services: doubtful"));
    for (const deadline = performance.now() + 10_000; !isDoubtful(); ) {
      assert.ok(performance.now() < deadline, chain.readyDetails().join("\n"));
      await sleep(10);
    }
    assert.equal((await chain.ask({ ask })).reply?.rcode, rcode);
    assert.equal((await chain.ask({ ask: "lb.a.ext.test. A" })).reply?.rcode, "NOERROR");
    await chain.stop();
    await api.close();
  });
}

test("k8s_external: SRV records that no client takes are not made", async (t) => {
  const ports = Array.from({ length: 50 }, (_, i) => ({ name: `p${i}`, port: 1_000 + i }));
  const balanced = service("lb", "x", ["10.1.2.1"], ports, { type: "LoadBalancer" });
  const ingress = Array.from({ length: 40 }, (_, i) => ({ hostname: `lb${i}.example.org` }));
  const endpoints = Array.from({ length: 900 }, (_, i) => ({ addresses: [`10.2.${i >> 8}.${i & 255}`] }));
  const api = await ApiServer.start({
    objects: [
      namespace("x"),
      { ...balanced, status: { loadBalancer: { ingress } } },
      service("hl", "x", ["None"]),
      endpointSlice("hl", "x", endpoints),
    ],
  });
  const corefile = `. {\nk8s_external ext.test {\nheadless\n}\nkubernetes cluster.local {\nendpoint ${api.url}\n}\n}`;
  const chain = await linkChain({ plugins: [k8sExternal, kubernetes], corefile });
  t.after(async () => {
    await chain.stop();
    await api.close();
  });
  const add = t.mock.method(Reply.prototype, "add");
  for (const ask of ["lb.x.ext.test. SRV", "hl.x.ext.test. SRV"]) {
    assert.equal((await chain.ask({ ask })).reply?.flags, "qr aa tc rd");
    assert.ok(add.mock.callCount() < 20, `${add.mock.callCount()} records for ${ask}`);
  }
});

for (const { options = "", hang = false, ask, rcode, answer = [] } of [
  { ask: "lb.a.ext.test. A", rcode: "NOERROR", answer: ["lb.a.ext.test. 5 IN A 198.51.100.3"] },
  { ask: "other.b.ext.test. A", rcode: "NOERROR", answer: ["other.b.ext.test. 5 IN A 198.51.100.9"] },
  // What kubernetes does not show has no name here either.
  {
    options: "namespaces a",
    ask: "lb.a.ext.test. A",
    rcode: "NOERROR",
    answer: ["lb.a.ext.test. 5 IN A 198.51.100.3"],
  },
  { options: "namespaces a", ask: "other.b.ext.test. A", rcode: "NXDOMAIN" },
  { options: "namespaces a", ask: "b.ext.test. A", rcode: "NXDOMAIN" },
  { options: "namespaces a", ask: "9.100.51.198.in-addr.arpa. PTR", rcode: "NXDOMAIN" },
  {
    options: "namespace_labels team=west",
    ask: "lb.a.ext.test. A",
    rcode: "NOERROR",
    answer: ["lb.a.ext.test. 5 IN A 198.51.100.3"],
  },
  { options: "namespace_labels team=west", ask: "other.b.ext.test. A", rcode: "NXDOMAIN" },
  { options: "namespace_labels team=west", ask: "b.ext.test. A", rcode: "NXDOMAIN" },
  { hang: true, options: "startup_timeout 50ms", ask: "lb.a.ext.test. A", rcode: "SERVFAIL" },
  { hang: true, options: "startup_timeout 50ms", ask: "x.y.z.lb.a.ext.test. A", rcode: "NXDOMAIN" },
]) {
  test(`k8s_external: ${ask}${options && ` with ${options}`}`, async () => {
    const other = service("other", "b", ["10.1.9.9"], undefined, { externalIPs: ["198.51.100.9"] });
    const api = await ApiServer.start({ objects: [...clusterObjects, other] });
    if (hang) api.fault({ plural: "services", hang: true, times: 100 });
    const chain = await linkChain({
      plugins: [k8sExternal, kubernetes],
      corefile: `. {
        k8s_external ext.test in-addr.arpa
        kubernetes cluster.local {
          endpoint ${api.url}
          ${options}
        }
      }`,
    });
    const { reply } = await chain.ask({ ask });
    await chain.stop();
    await api.close();
    assert.equal(reply?.rcode, rcode);
    assert.deepEqual(reply.answer, answer);
  });
}
