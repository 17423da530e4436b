/**
 * What a real API server does with those who list and watch with the rights of `deploy/`: the ground that our client and the test API server in
 * test/support stand on. What differs in a later release of Kubernetes shows here first.
 */
import assert from "node:assert/strict";
import { request } from "node:https";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { projectRoot } from "../../house/sources.ts";
import { whyNot } from "./build.ts";
import { type Answer, Cluster } from "./cluster.ts";
import * as objects from "./objects.ts";

interface Event {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: as in Answer
  readonly object: any;
}

/** A watch: its status, and its events until `until` is true of one, the server ends it, or the time is over. */
function watch(
  cluster: Cluster,
  path: string,
  token: string,
  until: (event: Event) => boolean,
  timeoutMs = 5_000,
): Promise<{ status: number; events: Event[]; cut: boolean }> {
  return new Promise((resolve, reject) => {
    const events: Event[] = [];
    const headers = { authorization: `Bearer ${token}` };
    const options = { ca: cluster.ca, headers, agent: false as const };
    const sent = request(`${cluster.url}${path}`, options, (response) => {
      const status = response.statusCode!;
      const finish = (cut: boolean) => {
        clearTimeout(timer);
        sent.destroy();
        resolve({ status, events, cut });
      };
      const timer = setTimeout(() => finish(false), timeoutMs);
      let partial = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        const lines = (partial + text).split("\n");
        partial = lines.pop()!;
        for (const line of lines) {
          const event = JSON.parse(line) as Event;
          events.push(event);
          if (until(event)) return finish(false);
        }
      });
      response.on("error", () => finish(true));
      response.on("close", () => finish(true));
    });
    sent.on("error", reject);
    sent.end();
  });
}

describe("a real API server", { skip: whyNot() ?? false, timeout: 1_200_000 }, () => {
  let cluster: Cluster;
  let token: string;
  const list = (path: string): Promise<Answer> => cluster.request("GET", path, undefined, token);

  before(async () => {
    cluster = await Cluster.start();
    await cluster.create(objects.serviceEntryDefinition, objects.namespace("shop", { team: "one" }));
    await cluster.applyKustomization({
      resources: [join(projectRoot, "deploy/base")],
      components: [join(projectRoot, "deploy/components/istio")],
    });
    token = await cluster.token("kube-system", "coredns");
  });
  after(() => cluster?.stop());

  test("takes the objects that DNS is about", async () => {
    await cluster.create(
      objects.service("web", { clusterIP: "10.96.0.20", clusterIPs: ["10.96.0.20"] }),
      objects.service("db", { clusterIP: "None" }),
      objects.service("out", { type: "ExternalName", externalName: "www.example.org", ports: null }),
      objects.endpointSlice("db", [
        ["10.244.0.5", "db-0"],
        ["10.244.1.7", "db-1"],
      ]),
      objects.endpointSlice("db", [["fd00:244::5", "db-0"]], "2"),
      objects.pod("db-0"),
    );
    const services = await list("/api/v1/namespaces/shop/services");
    const names = (services.body.items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
    assert.deepEqual(names.sort(), ["db", "out", "web"]);
    const text = await cluster.kubectl(["get", "endpointslices", "-A", "-o", "name"]);
    assert.deepEqual(text.trim().split("\n"), [
      "endpointslice.discovery.k8s.io/db-1",
      "endpointslice.discovery.k8s.io/db-2",
    ]);
  });

  test("takes ServiceEntries when their definition is established", async () => {
    const entry = objects.serviceEntry("outside", ["api.example.org", "*.test.global"], ["240.0.0.1"]);
    await cluster.createSoon(entry);
    for (const version of ["v1", "v1beta1", "v1alpha3"]) {
      const { status, body } = await list(`/apis/networking.istio.io/${version}/serviceentries`);
      assert.deepEqual([status, body.items.length], [200, 1], version);
    }
  });

  for (const { does, method, path, status } of [
    { does: "lists Services", method: "GET", path: "/api/v1/services", status: 200 },
    { does: "lists slices", method: "GET", path: "/apis/discovery.k8s.io/v1/endpointslices", status: 200 },
    { does: "reads no Secrets", method: "GET", path: "/api/v1/secrets", status: 403 },
    { does: "reads no single Service", method: "GET", path: "/api/v1/namespaces/shop/services/web", status: 403 },
    { does: "deletes nothing", method: "DELETE", path: "/api/v1/namespaces/shop/services/web", status: 403 },
  ]) {
    test(`the account ${does}`, async () => {
      assert.equal((await cluster.request(method, path, undefined, token)).status, status);
    });
  }

  test("a stranger gets 401", async () => {
    assert.equal((await cluster.request("GET", "/api/v1/services", undefined, "a.b.c")).status, 401);
  });

  test("a streaming list ends with a bookmark that says so", async () => {
    const query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    const isEnd = ({ type, object }: Event) =>
      type === "BOOKMARK" && object.metadata.annotations?.["k8s.io/initial-events-end"] === "true";
    const { status, events } = await watch(cluster, `/api/v1/namespaces/shop/services?${query}`, token, isEnd);
    assert.equal(status, 200);
    assert.deepEqual(
      events.map(({ type }) => type),
      ["ADDED", "ADDED", "ADDED", "BOOKMARK"],
    );
  });

  test("a change is an event of every watch", async () => {
    const { body } = await list("/api/v1/services");
    const path = `/api/v1/services?watch=1&resourceVersion=${body.metadata.resourceVersion}`;
    const seen = watch(cluster, path, token, ({ type }) => type === "DELETED");
    const added = objects.service("late", { clusterIP: "None" });
    await cluster.create(added);
    await cluster.apply(
      objects.service("late", { clusterIP: "None", ports: [{ name: "dns", port: 53, protocol: "UDP" }] }),
    );
    await cluster.delete(added);
    const types = (await seen).events.map(({ type }) => type);
    assert.deepEqual(types, ["ADDED", "MODIFIED", "DELETED"]);
  });

  test("a restart cuts watches and keeps the objects; after a compaction, who comes with an old revision gets 410", async () => {
    const before = await list("/api/v1/services");
    const old = before.body.metadata.resourceVersion as string;
    const page = await list("/api/v1/services?limit=1");
    const rest = `/api/v1/services?limit=1&continue=${encodeURIComponent(page.body.metadata.continue)}`;
    assert.equal((await list(rest)).status, 200);
    const cut = watch(cluster, `/api/v1/services?watch=1&resourceVersion=${old}`, token, () => false, 60_000);
    await cluster.apply(objects.namespace("one"), objects.namespace("two"));
    await cluster.compact();
    // Until then the API server answers from what it remembers itself.
    assert.equal((await list(rest)).status, 200);
    await cluster.restart();
    assert.equal((await cut).cut, true);
    const now = await list("/api/v1/services");
    assert.equal(now.body.items.length, before.body.items.length);

    const late = await list(rest);
    assert.deepEqual([late.status, late.body.reason], [410, "Expired"]);
    const { status, events } = await watch(
      cluster,
      `/api/v1/services?watch=1&resourceVersion=${old}`,
      token,
      () => true,
    );
    const last = events.at(-1);
    assert.deepEqual([status, last?.type, last?.object.code], [200, "ERROR", 410]);
  });

  test("a token that is bound to a Secret ends with it", async () => {
    const bound = objects.secret("first", "kube-system");
    await cluster.create(bound);
    const short = await cluster.token("kube-system", "coredns", "first");
    const status = async () => (await cluster.request("GET", "/api/v1/services", undefined, short)).status;
    assert.equal(await status(), 200);
    await cluster.delete(bound);
    const deadline = performance.now() + 30_000;
    while ((await status()) === 200 && performance.now() < deadline) await sleep(500);
    assert.equal(await status(), 401);
  });
});
