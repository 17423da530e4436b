/** The same client before a real API server, since a test server proves only itself. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { request as requestTls } from "node:https";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { ApiClient } from "../../../src/kubernetes/api/client.ts";
import { fromEndpoint, fromKubeconfig } from "../../../src/kubernetes/api/credentials.ts";
import { Reflector } from "../../../src/kubernetes/api/reflector.ts";
import type { ResourceQuery } from "../../../src/kubernetes/api/resource.ts";
import { TIMING, type Timing } from "../../../src/kubernetes/api/timing.ts";
import { projectRoot } from "../../house/sources.ts";
import { whyNot } from "../../peers/kubernetes/build.ts";
import { Cluster } from "../../peers/kubernetes/cluster.ts";
import * as objects from "../../peers/kubernetes/objects.ts";
import { ApiServer } from "../../support/api-server.ts";
import { MapSink, SERVICES, until } from "./setup.ts";

const HEADLESS = { clusterIP: "None" };
/** The API server is started again within this. */
const RESTART_MS = 60_000;

describe("a real API server", { skip: whyNot() ?? false, timeout: 1_200_000 }, () => {
  let cluster: Cluster;
  let tokenFile: string;

  before(async () => {
    cluster = await Cluster.start();
    tokenFile = join(cluster.directory, "client-token");
    await cluster.applyKustomization({ resources: [join(projectRoot, "deploy/base")] });
    await cluster.create(objects.namespace("shop"), objects.namespace("bank"));
    writeFileSync(tokenFile, await cluster.token("kube-system", "coredns"));
    for (let i = 0; i < 20; i++) await cluster.create(objects.service(`web-${i}`, HEADLESS));
  });
  after(() => cluster?.stop());

  async function follow(t: TestContext, query: Partial<ResourceQuery> = {}, timing: Partial<Timing> = {}) {
    const logged: string[] = [];
    const note = (text: string) => logged.push(text);
    const client = new ApiClient(fromEndpoint(cluster.url, { ca: cluster.caFile, token: tokenFile }));
    const sink = new MapSink();
    const reflector = new Reflector(client, { ...SERVICES, ...query }, sink, {
      log: { info: note, warning: note },
      timing: { ...TIMING, backoffMostMs: 500, graceMs: 500, ...timing },
    });
    t.after(async () => {
      await reflector.stop();
      client.close();
    });
    reflector.start();
    await until(() => reflector.synced, `synced: ${logged}`);
    return { sink, reflector, logged };
  }

  /** Waits until the sink has what a fresh list has. */
  async function equals(sink: MapSink, path = "/api/v1/services", mostMs = 10_000): Promise<void> {
    const { body } = await cluster.request("GET", path);
    type Item = { metadata: { namespace: string; name: string; resourceVersion: string } };
    const expected = (body.items as Item[]).map(({ metadata }): [string, string] => [
      `${metadata.namespace}/${metadata.name}`,
      metadata.resourceVersion,
    ]);
    const wanted = JSON.stringify(Object.fromEntries(expected.sort()));
    await until(() => JSON.stringify(sink.versions()) === wanted, "the sink equals a list", mostMs);
  }

  describe("answers as the test server does", () => {
    let mock: ApiServer;
    before(async () => {
      const services = Array.from({ length: 5 }, (_, i) => objects.service(`web-${i}`, HEADLESS, "contract"));
      await cluster.create(objects.namespace("contract"), ...services);
      mock = await ApiServer.start({ objects: [objects.namespace("contract"), ...services] });
    });
    after(() => mock.close());

    const accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    const initial = "watch=true&sendInitialEvents=true&allowWatchBookmarks=true&timeoutSeconds=1";
    for (const { query, path = "/api/v1/namespaces/contract/services", headers = {} } of [
      { query: "" },
      { query: "limit=2" },
      { query: "limit=5" },
      { query: "", headers: { accept } },
      { query: "limit=1", headers: { accept } },
      { query: "fieldSelector=metadata.name%3Dweb-1,metadata.namespace%3Dcontract" },
      { query: "fieldSelector=metadata.name!%3Dweb-1" },
      { query: "labelSelector=app" },
      { query: "labelSelector=!app,other+notin+(a,b)" },
      { query: "resourceVersion=99999999" },
      { query: "sendInitialEvents=true" },
      { query: "watch=true&timeoutSeconds=1" },
      { query: "watch=true&resourceVersion=0&timeoutSeconds=1" },
      { query: "watch=true&resourceVersion=99999999&timeoutSeconds=1" },
      { query: "watch=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1" },
      { query: initial },
      { query: `${initial}&resourceVersionMatch=NotOlderThan` },
      { query: `${initial}&resourceVersionMatch=NotOlderThan&fieldSelector=metadata.name%3Dweb-1` },
      { path: "/api/v1/nothing", query: "" },
      { path: "/apis/g.test/v1/things", query: "" },
    ] satisfies { query: string; path?: string; headers?: Record<string, string> }[]) {
      test(`${path}?${query} ${Object.values(headers)}`, async () => {
        const ask = async (url: string) => shapeOf(await get(`${url}${path}?${query}`, headers, cluster));
        assert.deepEqual(await ask(mock.url), await ask(cluster.url));
      });
    }
  });

  test("list, changes, and a comparison that finds nothing", async (t) => {
    const { sink, reflector, logged } = await follow(t);
    await equals(sink);
    await cluster.create(objects.service("late", HEADLESS));
    await cluster.delete(objects.service("web-0", HEADLESS));
    await equals(sink);
    assert.equal(await reflector.check(), 0);
    assert.deepEqual([reflector.lists, reflector.repairs, logged], [1, 0, []]);
  });

  test("a quiet watch is ended with a bookmark, and goes on from there", async (t) => {
    const { sink, reflector, logged } = await follow(t, { namespace: "shop" }, { watchSeconds: 3, idleMs: 5_000 });
    const before = BigInt(reflector.resourceVersion);
    // Changes elsewhere move the version on, of which only bookmarks tell.
    await cluster.create(objects.namespace("elsewhere"), objects.service("one", HEADLESS, "bank"));
    await until(() => BigInt(reflector.resourceVersion) > before, "a bookmark", 15_000);
    await equals(sink, "/api/v1/namespaces/shop/services");
    assert.deepEqual([reflector.lists, logged], [1, []]);
  });

  test("what a sink has lost, or never should have had, is repaired with no more rights than to list", async (t) => {
    const { sink, reflector } = await follow(t);
    const [first, second] = [...sink.held.keys()];
    sink.held.delete(first!);
    sink.held.set("shop/ghost", sink.held.get(second!)!);
    sink.held.set(second!, sink.held.get(second!)!.replace(/"resourceVersion":"\d+"/, '"resourceVersion":"1"'));
    assert.equal(await reflector.check(), 3);
    await equals(sink);
    assert.equal(await reflector.check(), 0);
  });

  test("an API server that is killed, with a compaction meanwhile", async (t) => {
    const { sink, reflector, logged } = await follow(t);
    await cluster.create(objects.service("before", HEADLESS));
    await equals(sink);
    const held = sink.held.size;
    await cluster.apply(objects.namespace("three"), objects.namespace("four"));
    await cluster.compact();
    await cluster.halt();
    await until(() => logged.length > 0, "a failure");
    assert.equal(sink.held.size, held);
    await cluster.restart();
    await cluster.delete(objects.service("before", HEADLESS));
    await equals(sink, undefined, RESTART_MS);
    assert.deepEqual(sink.removed, ["shop/before"]);
    assert.equal(reflector.state, "synced");
  });

  test("a token that is replaced while its forerunner ends", async (t) => {
    const secret = objects.secret("bound", "kube-system");
    await cluster.create(secret);
    writeFileSync(tokenFile, await cluster.token("kube-system", "coredns", "bound"));
    const { sink, reflector } = await follow(t, {}, { watchSeconds: 2 });
    await equals(sink);
    await cluster.delete(secret);
    writeFileSync(tokenFile, await cluster.token("kube-system", "coredns"));
    // The API server believes in a token it knows for ten seconds.
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    await cluster.create(objects.service("after", HEADLESS));
    await equals(sink);
    assert.equal(reflector.lists, 1);
  });

  test("what the account may not see is told in the API's words", async (t) => {
    const logged: string[] = [];
    const note = (text: string) => logged.push(text);
    const client = new ApiClient(fromEndpoint(cluster.url, { ca: cluster.caFile, token: tokenFile }));
    const query = { group: "", version: "v1", plural: "secrets" };
    const log = { info: note, warning: note };
    const reflector = new Reflector(client, query, new MapSink(), { log });
    t.after(async () => {
      await reflector.stop();
      client.close();
    });
    reflector.start();
    await until(() => logged.length > 0, "a refusal");
    assert.match(
      logged[0]!,
      /^secrets: cannot list: 403: secrets is forbidden: User "system:serviceaccount:kube-system:coredns" cannot/,
    );
    assert.equal(reflector.state, "starting");
  });

  test("by a kubeconfig", async (t) => {
    const access = await fromKubeconfig(cluster.kubeconfig);
    const client = new ApiClient(access);
    const sink = new MapSink();
    const log = { info: () => {}, warning: () => {} };
    const reflector = new Reflector(client, SERVICES, sink, { log });
    t.after(async () => {
      await reflector.stop();
      client.close();
    });
    reflector.start();
    await equals(sink);
  });
});

/** Asks either server. */
function get(
  url: string,
  headers: Record<string, string>,
  cluster: Cluster,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      ca: cluster.ca,
      agent: false as const,
      headers: { ...headers, authorization: `Bearer ${cluster.adminToken}` },
    };
    const receive = async (response: IncomingMessage) => {
      const text = Buffer.concat(await response.toArray()).toString();
      resolve({ status: response.statusCode!, text });
    };
    const sent = url.startsWith("https") ? requestTls(url, options, receive) : request(url, options, receive);
    sent.on("error", reject).end();
  });
}

/** What is the same for the same objects: all but uids, times, versions and what nobody reads. */
function shapeOf({ status, text }: { status: number; text: string }): unknown {
  if (!text.startsWith("{")) return { status, text };
  const lines = text.trim().split("\n");
  return { status, documents: lines.map((line) => JSON.parse(line, simplify)) };
}

function simplify(key: string, value: unknown): unknown {
  if (typeof value === "string") {
    if (key === "resourceVersion" || key === "uid" || key === "creationTimestamp" || key === "continue") return key;
    return value.replace(/current: \d+/, "current: N");
  }
  return ["spec", "status", "managedFields", "creationTimestamp"].includes(key) ? undefined : value;
}
