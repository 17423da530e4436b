/** kubernetes in a whole server: what a reload keeps, and what is said over HTTP. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { endpointSlice, namespace, service } from "../../support/api-objects.ts";
import { ApiServer, type Fault } from "../../support/api-server.ts";
import { clusterObjects } from "../../support/cluster-objects.ts";
import { get } from "../../support/http.ts";
import { freePorts, type ServerOptions, TestServer } from "../../support/server.ts";

const corefile = (more: string, options = ""): string => `.:{PORT} {
  ready 127.0.0.1:{PORT2}
  ${more}
  kubernetes cluster.local {
    endpoint {API}
    ${options}
  }
}
`;

/** A server and the API that it follows; both end whatever happens. */
async function withServer(
  options: ServerOptions,
  faults: readonly Fault[],
  run: (server: TestServer, api: ApiServer) => Promise<void>,
  absent: readonly string[] = [],
): Promise<void> {
  const api = await ApiServer.start({ objects: clusterObjects, absent });
  api.fault(...faults);
  try {
    const server = await TestServer.start({ ...options, placeholders: { API: api.url } });
    try {
      await run(server, api);
    } finally {
      assert.equal(await server.stop(), 0);
    }
  } finally {
    await api.close();
  }
}

test("a reload keeps the cluster when the same is wanted of it, and follows it anew when not", async () => {
  const options = { corefile: "import {DIR}/inner", files: { inner: corefile("") } };
  await withServer(options, [], async (server, api) => {
    const ask = "web.a.svc.cluster.local. A";
    const reload = async (text: string): Promise<void> => {
      const from = server.lines.length;
      server.write("inner", text);
      server.signal("SIGUSR1");
      assert.ok(await server.line(/Reloading complete/, from, 10_000), server.lines.join("\n"));
    };
    const answered = async (ttl: number): Promise<void> =>
      assert.deepEqual((await server.ask({ ask }))?.answer, [`web.a.svc.cluster.local. ${ttl} IN A 10.1.0.1`]);
    const before = api.requests.length;
    await reload(corefile("errors"));
    await answered(5);
    await reload(corefile("errors", "ttl 60"));
    await answered(60);
    assert.equal(api.requests.length, before, "nothing was asked of the API");
    await reload(corefile("errors", "endpoint_pod_names"));
    await answered(5);
    assert.ok(api.requests.length > before);
    // The one that was left has ended its watches.
    const deadline = performance.now() + 5_000;
    while (api.watches > 3 && performance.now() < deadline) await sleep(20);
    assert.equal(api.watches, 3);
    const { port } = api;
    await api.close();
    // The API is away: what is known stays, though the options have changed, and another block has it too.
    await reload(corefile("errors", "endpoint_pod_names\nttl 30").replace(".:{PORT}", ".:{PORT} other.test:{PORT}"));
    await answered(30);
    await api.listen(port);
  });
});

test("a reload follows a kubeconfig that names another server", async () => {
  const other = await ApiServer.start({ objects: [namespace("a"), service("new", "a", ["10.1.9.9"])] });
  const kubeconfig = (server: string): string =>
    JSON.stringify({
      ...{ apiVersion: "v1", kind: "Config", "current-context": "c", users: [{ name: "c", user: {} }] },
      ...{
        clusters: [{ name: "c", cluster: { server, "insecure-skip-tls-verify": true } }],
        contexts: [{ name: "c", context: { cluster: "c", user: "c" } }],
      },
    });
  const options = {
    corefile: corefile("").replace("endpoint {API}", "kubeconfig {DIR}/kubeconfig"),
    files: { kubeconfig: kubeconfig("{API}") },
  };
  try {
    await withServer(options, [], async (server, api) => {
      assert.equal((await server.ask({ ask: "web.a.svc.cluster.local. A" }))?.rcode, "NOERROR");
      const reload = async (): Promise<void> => {
        const from = server.lines.length;
        server.signal("SIGUSR1");
        assert.ok(await server.line(/Reloading complete/, from, 10_000), server.lines.join("\n"));
      };
      const before = api.requests.length;
      await reload();
      assert.equal(api.requests.length, before, "the same server: nothing was asked of the API");
      server.write("kubeconfig", kubeconfig(other.url));
      await reload();
      assert.equal((await server.ask({ ask: "new.a.svc.cluster.local. A" }))?.rcode, "NOERROR");
      assert.equal((await server.ask({ ask: "web.a.svc.cluster.local. A" }))?.rcode, "NXDOMAIN");
    });
  } finally {
    await other.close();
  }
});

test("a reload follows a kubeconfig whose current context is another user of the same server", async () => {
  const kubeconfig = (current: string): string =>
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server: "{API}" } }],
      users: ["one", "two"].map((name) => ({ name, user: { as: name } })),
      contexts: ["one", "two"].map((name) => ({ name, context: { cluster: "c", user: name } })),
      "current-context": current,
    });
  const options = {
    corefile: corefile("").replace("endpoint {API}", "kubeconfig {DIR}/kubeconfig"),
    files: { kubeconfig: kubeconfig("one") },
  };
  await withServer(options, [], async (server, api) => {
    const users = () => new Set(api.requests.map(({ headers }) => headers["impersonate-user"]));
    assert.deepEqual([...users()], ["one"]);
    server.write("kubeconfig", kubeconfig("two"));
    const from = server.lines.length;
    server.signal("SIGUSR1");
    assert.ok(await server.line(/Reloading complete/, from, 10_000), server.lines.join("\n"));
    assert.ok(users().has("two"));
  });
});

test("a program of a kubeconfig that hangs holds up neither the start nor a reload nor the end", async () => {
  const kubeconfig = JSON.stringify({
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
    users: [
      { name: "c", user: { exec: { apiVersion: "client.authentication.k8s.io/v1", command: "sleep", args: ["20"] } } },
    ],
    contexts: [{ name: "c", context: { cluster: "c", user: "c" } }],
    "current-context": "c",
  });
  const text = (options: string) =>
    corefile("", `startup_timeout 300ms\n${options}`).replace("endpoint {API}", "kubeconfig {DIR}/kubeconfig");
  const options = { corefile: "import {DIR}/inner", files: { inner: text(""), kubeconfig } };
  await withServer(options, [], async (server) => {
    assert.equal((await get(server.port2, "/ready"))?.status, 503);
    server.write("inner", text("noendpoints"));
    const from = server.lines.length;
    server.signal("SIGUSR1");
    assert.ok(await server.line(/Reloading complete/, from, 5_000), server.lines.join("\n"));
  });
});

test("blocks that want the same share one cluster", async () => {
  const one = corefile("");
  const options = {
    corefile: `${one}\nin-addr.arpa:{PORT} {\nkubernetes in-addr.arpa cluster.local {\nendpoint {API}\n}\n}\n`,
  };
  await withServer(options, [], async (server, api) => {
    assert.equal((await server.ask({ ask: "web.a.svc.cluster.local. A" }))?.rcode, "NOERROR");
    const reply = await server.ask({ ask: "1.0.1.10.in-addr.arpa. PTR" });
    assert.deepEqual(reply?.answer, ["1.0.1.10.in-addr.arpa. 5 IN PTR web.a.svc.cluster.local."]);
    assert.equal(api.watches, 3);
  });
});

test("ready says what is missing", async () => {
  const options = { corefile: corefile("", "startup_timeout 300ms") };
  await withServer(options, [{ plural: "endpointslices", status: 403, times: 1_000 }], async (server) => {
    const reply = await get(server.port2, "/ready?detail");
    assert.equal(reply?.status, 503);
    const [first, ...details] = reply.text.split("\n");
    assert.equal(first, "kubernetes");
    assert.equal(details.length, 3);
    assert.match(reply.text, /^kubernetes: services: synced, \d+ objects, heard of [\d.]+ s ago$/m);
    assert.match(reply.text, /^kubernetes: endpointslices: starting, 0 objects, .*last error: 403/m);
    assert.equal((await get(server.port2, "/ready"))?.text, "kubernetes");
  });
});

test("probes and scrapes are answered while the start waits for the API", async (t) => {
  const api = await ApiServer.start({ objects: clusterObjects });
  t.after(() => api.close());
  api.fault({ status: 503, times: 10_000 });
  const [health, ready, metrics] = (await freePorts(3)) as [number, number, number];
  const http = `health 127.0.0.1:${health}\nready 127.0.0.1:${ready}\nprometheus 127.0.0.1:${metrics}`;
  const starting = TestServer.start({
    corefile: corefile(http, "startup_timeout 60s").replace("ready 127.0.0.1:{PORT2}", "reload 2s"),
    placeholders: { API: api.url },
  });
  const deadline = performance.now() + 10_000;
  while ((await get(ready, "/ready")) === undefined && performance.now() < deadline) await sleep(20);
  assert.equal((await get(health, "/health"))?.status, 200);
  const { status, text = "" } = (await get(ready, "/ready?detail")) ?? {};
  assert.equal(status, 503);
  assert.match(text, /^kubernetes\nkubernetes: services: starting, 0 objects, /);
  assert.match((await get(metrics, "/metrics"))?.text ?? "", /^weftdns_kubernetes_synced\{resource="services"\} 0$/m);
  // The first look at the Corefile comes before the end of the start.
  await sleep(3_000);
  api.healFaults();
  const server = await starting;
  assert.equal((await get(ready, "/ready"))?.status, 200);
  assert.equal(await server.stop(), 0);
  assert.doesNotMatch(server.lines.join("\n"), /Corefile parse failed/);
});

test("the time until a change is in answers is counted for changes alone, not for a list", async () => {
  const options = { corefile: corefile("").replace("ready", "prometheus") };
  await withServer(options, [], async (server, api) => {
    const slice = endpointSlice("hl", "a", [{ addresses: ["10.3.9.9"] }], [], "late");
    const annotations = { "endpoints.kubernetes.io/last-change-trigger-time": new Date().toISOString() };
    const changed = async (): Promise<number> => {
      const reply = await get(server.port2, "/metrics");
      const name = "coredns_kubernetes_dns_programming_duration_seconds_count";
      return Number(new RegExp(`^${name}\\{.*\\} (\\d+)$`, "m").exec(reply?.text ?? "")?.[1] ?? 0);
    };
    const known = async (address: string): Promise<void> => {
      const deadline = performance.now() + 5_000;
      for (;;) {
        const reply = await server.ask({ ask: "hl.a.svc.cluster.local. A" });
        if (reply?.answer.some((line) => line.endsWith(` ${address}`))) return;
        assert.ok(performance.now() < deadline, `${address} is not known`);
        await sleep(20);
      }
    };
    api.apply({ ...slice, metadata: { ...slice.metadata, annotations } });
    await known("10.3.9.9");
    assert.equal(await changed(), 1);
    api.expire();
    api.apply(endpointSlice("hl", "a", [{ addresses: ["10.3.9.8"] }], [], "later"));
    await known("10.3.9.8");
    assert.equal(await changed(), 1);
  });
});

test("gauges speak of all clusters", async () => {
  const other = await ApiServer.start({ objects: [namespace("a"), service("web", "a", ["10.1.9.9"])] });
  other.fault({ plural: "services", status: 403, times: 1_000 });
  const first = corefile("", "startup_timeout 1s").replace("ready", "prometheus");
  const second = `other.test:{PORT} {\nkubernetes other.test {\nendpoint ${other.url}\nstartup_timeout 1s\n}\n}\n`;
  try {
    for (const text of [first + second, second + first]) {
      await withServer({ corefile: text }, [], async (server) => {
        const { text: metrics = "" } = (await get(server.port2, "/metrics")) ?? {};
        const read = (name: string, resource: string): number =>
          Number(new RegExp(`^weftdns_kubernetes_${name}\\{resource="${resource}"\\} (.*)$`, "m").exec(metrics)?.[1]);
        assert.deepEqual([read("synced", "services"), read("synced", "namespaces")], [0, 1]);
        assert.equal(read("watch_age_seconds", "services"), 1e9);
        assert.ok(read("watch_age_seconds", "namespaces") < 60);
        assert.equal(read("objects", "namespaces"), 4);
      });
    }
  } finally {
    await other.close();
  }
});

test("a cluster without ServiceImports is complete, and says so", async () => {
  const text = corefile("prometheus 127.0.0.1:{PORT2}", "multicluster set.test");
  const options = { corefile: text.replace("cluster.local", "cluster.local set.test") };
  const run = async (server: TestServer): Promise<void> => {
    const details = await get(server.port2, "/ready?detail");
    assert.equal(details?.status, 200);
    assert.match(details.text, /^kubernetes: serviceimports: not in this cluster, 0 objects, heard of [\d.]+ s ago/m);
    const { text: metrics = "" } = (await get(server.port2, "/metrics")) ?? {};
    assert.match(metrics, /^weftdns_kubernetes_synced\{resource="serviceimports"\} 1$/m);
    assert.match(metrics, /^weftdns_kubernetes_watch_age_seconds\{resource="serviceimports"\} [0-5]?\d\.\d+$/m);
    assert.equal((await server.ask({ ask: "web.a.svc.set.test. A" }))?.rcode, "NXDOMAIN");
  };
  await withServer(options, [], run, ["multicluster.x-k8s.io/v1alpha1"]);
});
