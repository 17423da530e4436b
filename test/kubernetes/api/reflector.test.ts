/** List and watch before a server that does all that servers do: rows L1, L2, L3, L5, L6 and L7 of the reliability catalogue. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromEndpoint } from "../../../src/kubernetes/api/credentials.ts";
import { NEVER_SECONDS } from "../../../src/kubernetes/api/reflector.ts";
import { service, serviceEntry } from "../../support/api-objects.ts";
import type { ApiServer } from "../../support/api-server.ts";
import { services, start, until } from "./setup.ts";

const EXTRA = service("extra", "shop", ["10.9.9.9"]);

for (const streaming of [true, false]) {
  test(`list, then changes: ${streaming ? "streamed" : "refused to be streamed, in pages"}`, async (t) => {
    const { api, sink, reflector, states, equal } = await start(t, { streaming, objects: services(1_234) });
    await until(() => reflector.synced, "synced");
    await equal();
    assert.equal(reflector.objects, 1_234);
    api.apply(EXTRA);
    await equal();
    api.remove(EXTRA, ...services(2));
    await equal();
    assert.equal(reflector.objects, 1_232);
    assert.deepEqual(states, ["synced"]);
    assert.equal(reflector.resourceVersion, String(api.store.version));
    assert.equal(sink.upserts, 1_235);
    const pages = api.requests.filter(({ kind }) => kind === "list");
    assert.deepEqual(
      pages.map(({ query }) => query.get("limit")),
      streaming ? [] : ["500", "500", "500"],
    );
  });
}

test("what changes before a streamed list is complete belongs to it", async (t) => {
  const { api, reflector, equal } = await start(t, {
    prepare: (api) => api.fault({ on: "stream", completeAfterMs: 300 }),
  });
  await until(() => api.requests.length > 0, "the request");
  await new Promise((resolve) => setTimeout(resolve, 100));
  api.remove(...services(1));
  api.apply(EXTRA, service("web-1", "shop", ["10.7.7.7"]));
  await until(() => reflector.synced, "synced");
  await equal();
  assert.equal(reflector.objects, 3);
});

test("pages that come compressed, though nobody asked", async (t) => {
  const { reflector, equal } = await start(t, { gzip: true, streaming: false, objects: services(700) });
  await until(() => reflector.synced, "synced");
  await equal();
});

for (const { name, query, names } of [
  { name: "labels", query: { labelSelector: "app in (web-1,web-2)" }, names: ["shop/web-1", "shop/web-2"] },
  {
    name: "fields",
    query: { fieldSelector: "metadata.name!=web-1" },
    names: ["bank/web-9", "shop/web-0", "shop/web-2"],
  },
  { name: "one namespace", query: { namespace: "bank" }, names: ["bank/web-9"] },
  { name: "a namespace that would be a path", query: { namespace: "../x" }, names: [] },
]) {
  test(`only what is asked for: ${name}`, async (t) => {
    const objects = [...services(3), service("web-9", "bank", ["10.0.0.9"])];
    const { api, sink, reflector } = await start(t, { objects, query });
    await until(() => reflector.synced || api.requests.length > 2, "an answer");
    assert.deepEqual([...sink.held.keys()].sort(), names);
  });
}

const ENTRIES = { group: "networking.istio.io", plural: "serviceentries", optional: true };

test("versions are tried in order", async (t) => {
  const { api, reflector } = await start(t, {
    query: { ...ENTRIES, version: ["v1", "v1beta1", "v1alpha3"] },
    absent: ["networking.istio.io/v1", "networking.istio.io/v1beta1"],
  });
  await until(() => reflector.synced, "synced");
  assert.equal(api.requests.at(-1)!.path, "/apis/networking.istio.io/v1alpha3/serviceentries");
  assert.equal(reflector.absent, false);
});

test("a resource that is not there is absent until it is", async (t) => {
  const query = { ...ENTRIES, version: ["v1", "v1beta1"] };
  const absent = ["networking.istio.io/v1", "networking.istio.io/v1beta1"];
  const { api, reflector, states } = await start(t, { query, absent });
  await until(() => reflector.absent, "absent");
  assert.deepEqual(states, ["starting"], "told that it is absent");
  assert.ok(reflector.silentSeconds < NEVER_SECONDS, "the API was heard of");
  api.absent.clear();
  await until(() => reflector.synced, "synced");
  assert.equal(reflector.absent, false);
  assert.deepEqual(states, ["starting", "starting", "synced"]);
});

test("a resource that goes while the API is away takes its objects along", async (t) => {
  const query = { ...ENTRIES, version: ["v1", "v1beta1"] };
  const { api, sink, reflector } = await start(t, { objects: [serviceEntry("db", "mesh", {})], query });
  await until(() => api.watches > 0, "a watch");
  api.fault({ status: 503, times: 10_000 });
  api.endWatches();
  await until(() => reflector.lastError !== undefined, "an error");
  assert.deepEqual([reflector.absent, sink.size], [false, 1]);
  api.absent.add("networking.istio.io/v1").add("networking.istio.io/v1beta1");
  api.healFaults();
  await until(() => reflector.absent, "absent");
  assert.deepEqual([sink.size, sink.removed], [0, ["mesh/db"]]);
});

for (const { name, path, query } of [
  { name: "every cluster has Services", path: "/nothing", query: {} },
  { name: "another path than the API's", path: "/nothing", query: { ...ENTRIES, version: ["v1", "v1beta1"] } },
]) {
  test(`404 is a failure: ${name}`, async (t) => {
    const access = (api: ApiServer) => fromEndpoint(api.url + path);
    const { api, reflector, states, logged } = await start(t, { access, query });
    await until(() => api.requests.length > 6, "several attempts");
    assert.deepEqual([reflector.absent, reflector.state, states], [false, "starting", []]);
    assert.match(logged[0]!, /: cannot list: 404: 404 page not found; next attempt after \d+ms$/);
  });
}

test("404 for what every cluster has makes doubt, and takes nothing away", async (t) => {
  const { api, sink, reflector, equal } = await start(t, { timing: { idleMs: 300 } });
  await until(() => api.watches > 0, "a watch");
  api.fault({ status: 404, times: 10_000 });
  api.endWatches();
  await until(() => reflector.state === "doubtful", "doubt");
  assert.equal(sink.held.size, 3);
  api.healFaults();
  api.apply(EXTRA);
  await equal();
});

// L1: the API is not well at the start.
for (const { name, faults } of [
  { name: "403", faults: [{ status: 403, reason: "Forbidden", times: 3 }] },
  { name: "500", faults: [{ status: 500, times: 4 }] },
  { name: "429", faults: [{ status: 429, reason: "TooManyRequests", times: 3 }] },
  { name: "a slow list", faults: [{ delayMs: 400 }] },
  { name: "a list that never begins", faults: [{ hang: true }] },
  { name: "a list that breaks off", faults: [{ cutAt: 100 }, { cutAt: 700 }] },
  { name: "an ERROR event", faults: [{ status: 500, asEvent: true }] },
]) {
  for (const streaming of [true, false]) {
    test(`L1: ${name}, ${streaming ? "streamed" : "paged"}: starting until it is there`, async (t) => {
      const timing = { listMs: 500 };
      const { reflector, states, logged, equal } = await start(t, {
        ...{ streaming, timing },
        prepare: (api) => api.fault(...faults),
      });
      assert.deepEqual([reflector.state, reflector.synced], ["starting", false]);
      await until(() => reflector.synced, "synced");
      await equal();
      assert.deepEqual(states, ["synced"]);
      assert.ok(logged.length <= 4, `the same trouble is told once: ${logged.join(" | ")}`);
    });
  }
}

test("L1: nobody listens at the start", async (t) => {
  let port = 0;
  const { api, reflector, logged, equal } = await start(t, {
    prepare: async (server) => {
      port = server.port;
      await server.close();
    },
    access: () => fromEndpoint(`http://127.0.0.1:${port}`),
  });
  await until(() => logged.length > 0, "a warning");
  assert.match(logged[0]!, /^services: cannot list: .*ECONNREFUSED.*; next attempt after \d+ms$/);
  assert.equal(reflector.state, "starting");
  await api.listen(port);
  await until(() => reflector.synced, "synced");
  await equal();
  assert.equal(logged.at(-1), "services: the API answers again");
});

// L2: history is lost, at every place where that can be said.
for (const { name, lose } of [
  { name: "an ERROR event in the stream", lose: (api: ApiServer) => api.expire() },
  {
    name: "the watch is refused by status",
    lose: (api: ApiServer) => {
      api.fault({ on: "watch", status: 410, reason: "Expired" });
      api.endWatches();
    },
  },
  {
    name: "the watch begins with an ERROR event",
    lose: (api: ApiServer) => {
      api.expire(false);
      api.endWatches();
    },
  },
  {
    name: "the API says that our version lies ahead",
    lose: (api: ApiServer) => {
      api.say(
        "services",
        '{"type":"ERROR","object":{"code":504,"details":{"causes":[{"reason":"ResourceVersionTooLarge"}]}}}\n',
      );
    },
  },
]) {
  test(`L2: ${name}: all is listed again, and nothing is taken away meanwhile`, async (t) => {
    const { api, sink, reflector, states, equal } = await start(t, { objects: services(20) });
    await until(() => api.watches > 0, "a watch");
    const began = performance.now();
    lose(api);
    api.apply(EXTRA);
    api.remove(...services(1));
    await equal();
    await until(() => reflector.lists === 2 && reflector.state === "synced", "a second list");
    assert.ok(performance.now() - began < 2_000, "within two seconds");
    assert.deepEqual(sink.removed, ["shop/web-0"]);
    assert.ok(states.length === 1 || states.join() === "synced,doubtful,synced", states.join());
  });
}

test("L2: the token for the next page expires: the list begins anew, and then without pages", async (t) => {
  const { api, reflector, equal } = await start(t, {
    ...{ streaming: false, objects: services(1_200) },
    prepare: (server) => {
      server.fault({ on: "list", delayMs: 0 }, { on: "list", status: 410, reason: "Expired" });
    },
  });
  await until(() => reflector.synced, "synced");
  await equal();
  assert.deepEqual(
    api.requests.filter(({ kind }) => kind === "list").map(({ query }) => query.get("limit")),
    ["500", "500", null],
  );
});

test("L2: no loop when history is lost for ever", async (t) => {
  const { api } = await start(t, { prepare: (server) => server.fault({ on: "watch", status: 410, times: 1_000 }) });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  // Back-off from 20 to 200 ms, a list and a watch each time; without it there would be hundreds.
  assert.ok(api.requests.length < 50, `${api.requests.length} requests`);
});

// L3: connections that are half-open.
test("L3: a watch that falls silent is noticed and replaced, and nothing is missed", async (t) => {
  const { api, reflector, equal } = await start(t, { timing: { idleMs: 400, watchSeconds: 3 } });
  await until(() => api.watches > 0, "a watch");
  api.stallWatches();
  api.apply(EXTRA);
  const began = performance.now();
  await equal();
  const took = performance.now() - began;
  assert.ok(took < 2_500, `found out after ${Math.round(took)} ms`);
  assert.equal(reflector.state, "synced");
});

test("L3: a quiet watch is heard of through bookmarks, and is no cause for doubt", async (t) => {
  const { api, reflector, states, logged } = await start(t, { timing: { idleMs: 2_500, watchSeconds: 2 } });
  await until(() => api.requests.filter(({ kind }) => kind === "watch").length >= 3, "watches that end in time");
  assert.deepEqual(states, ["synced"]);
  assert.deepEqual(logged, []);
  assert.equal(reflector.lists, 1);
  assert.ok(!api.requests.some(({ kind }) => kind === "list"), "nor for asking whether the API has been set back");
});

test("L5: a watch without a word may be one from the future: the API is asked", async (t) => {
  const { api, reflector, equal } = await start(t, { timing: { watchSeconds: 1 } });
  await until(() => api.watches > 0, "a watch");
  const restore = api.store.backup();
  api.apply(EXTRA);
  await equal();
  restore();
  await equal();
  assert.equal(reflector.lists, 2);
});

test("L3, L5: an API that is away makes doubt after the idle deadline, and takes nothing away", async (t) => {
  const { api, sink, reflector, states, equal } = await start(t, { timing: { idleMs: 300 } });
  await until(() => api.watches > 0, "a watch");
  const { port } = api;
  await api.close();
  assert.equal(reflector.state, "synced");
  await until(() => reflector.state === "doubtful", "doubt");
  assert.equal(sink.held.size, 3);
  api.apply(EXTRA);
  await api.listen(port);
  await until(() => reflector.state === "synced", "synced");
  await equal();
  assert.deepEqual(states, ["synced", "doubtful", "synced"]);
  assert.equal(reflector.lists, 1, "history was there");
});

// L5: the API comes back with an older state.
test("L5: an API that was restored from a copy is listed anew", async (t) => {
  const { api, reflector, equal } = await start(t);
  await until(() => api.watches > 0, "a watch");
  const restore = api.store.backup();
  api.apply(EXTRA, ...services(50));
  await equal();
  const { port } = api;
  await api.close();
  restore();
  await api.listen(port);
  await equal();
  assert.equal(reflector.lists, 2);
  api.remove(...services(1));
  await equal();
});

test("L5: a bookmark from the past tells of the same", async (t) => {
  const { api, reflector, equal } = await start(t);
  await until(() => api.watches > 0, "a watch");
  api.say("services", '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}\n');
  await until(() => reflector.lists === 2, "a second list");
  await equal();
});

// L6: what should not come, and much of what should.
test("L6: deletions that nobody told of are found by the next list", async (t) => {
  const { api, sink, reflector, equal } = await start(t, { objects: services(10) });
  await until(() => api.watches > 0, "a watch");
  api.dropEvents(2);
  api.remove(...services(2));
  api.apply(EXTRA);
  await until(() => sink.held.has("shop/extra"), "the event that was not dropped");
  assert.equal(sink.held.size, 11);
  api.expire();
  await equal();
  assert.deepEqual(sink.removed, ["shop/web-0", "shop/web-1"]);
  assert.equal(reflector.objects, 9);
});

test("L6: events that are doubled do nothing, those out of order cause one list", async (t) => {
  const { api, sink, reflector, equal } = await start(t);
  await until(() => api.watches > 0, "a watch");
  api.apply(EXTRA);
  await equal();
  const newest = api.store.all("", "services").find(({ object }) => object.metadata.name === "extra")!;
  for (let i = 0; i < 3; i++) api.say("services", `{"type":"MODIFIED","object":${newest.json}}\n`);
  api.apply(...services(1));
  await equal();
  assert.deepEqual([reflector.lists, reflector.objects], [1, 4]);
  for (let i = 0; i < 3; i++) api.say("services", `{"type":"DELETED","object":${newest.json}}\n`);
  await until(() => reflector.lists === 2, "a list");
  await equal();
  assert.equal(sink.removed.length, 0);
  assert.equal(reflector.lists, 2);
});

for (const { name, line } of [
  { name: "no JSON", line: "<html>\n" },
  { name: "a number", line: "7\n" },
  { name: "null", line: "null\n" },
  { name: "an event without object", line: '{"type":"ADDED"}\n' },
  {
    name: "an object without name",
    line: '{"type":"ADDED","object":{"metadata":{"resourceVersion":"1","uid":"x"}}}\n',
  },
  {
    name: "names that are numbers",
    line: '{"type":"ADDED","object":{"metadata":{"name":1,"resourceVersion":2,"uid":3}}}\n',
  },
  { name: "an unknown type", line: '{"type":"CHANGED","object":null}\n' },
  { name: "an ERROR without object", line: '{"type":"ERROR"}\n' },
]) {
  test(`L6: ${name} on a watch does no harm`, async (t) => {
    const { api, sink, equal } = await start(t);
    await until(() => api.watches > 0, "a watch");
    api.say("services", line);
    api.apply(EXTRA);
    await equal();
    assert.equal(sink.held.size, 4);
  });
}

test("L6: ERROR events without end lead to a list", async (t) => {
  const { reflector } = await start(t, {
    prepare: (api) => api.fault({ on: "watch", status: 500, asEvent: true, times: 3 }),
  });
  await until(() => reflector.lists === 2 && reflector.state === "synced", "a second list");
});

test("L6: thirty thousand events, and one object of 5 MB between them", async (t) => {
  const { api, sink, reflector, equal } = await start(t, { objects: services(100) });
  await until(() => api.watches > 0, "a watch");
  const changing = services(100);
  for (let i = 0; i < 300; i++) {
    api.apply(...changing);
    if (i === 150) api.apply({ ...EXTRA, data: "x".repeat(5 * 1024 * 1024) });
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await equal();
  assert.deepEqual([sink.upserts, reflector.objects, reflector.lists], [100 + 30_000 + 1, 101, 1]);
});

// L7: the server's wishes.
for (const on of ["stream", "watch", "list"] as const) {
  test(`L7: 429 with Retry-After keeps us away for so long, ${on}`, async (t) => {
    const { api, equal } = await start(t, {
      streaming: on !== "list",
      prepare: (server) => server.fault({ on, status: 429, reason: "TooManyRequests", retryAfter: 1 }),
    });
    await until(() => api.requests.filter(({ kind }) => kind === on).length >= 2, "a second attempt");
    const [first, second] = api.requests.filter(({ kind }) => kind === on);
    const waited = second!.at - first!.at;
    assert.ok(waited >= 990 && waited < 2_500, `${Math.round(waited)} ms`);
    await equal();
  });
}

test("L7: an API that is down is asked less and less often", async (t) => {
  const { api } = await start(t, { prepare: (server) => server.fault({ status: 503, times: 10_000 }) });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.ok(api.requests.length > 3 && api.requests.length < 30, `${api.requests.length} requests`);
});

test("a watch that ends at once is no loop", async (t) => {
  const { api } = await start(t, { prepare: (server) => server.fault({ on: "watch", cutAt: 0, times: 10_000 }) });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.ok(api.requests.length < 50, `${api.requests.length} requests`);
});

test("a watch that is cut is begun again at once, and nothing is said of it", async (t) => {
  const timing = { backoffFirstMs: 5_000, backoffMostMs: 5_000, watchSeconds: 30, idleMs: 30_000 };
  const { api, reflector, states, logged, equal } = await start(t, { timing });
  for (let i = 0; i < 3; i++) {
    await until(() => api.watches > 0, "a watch");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    api.dropConnections();
    api.apply(service(`late-${i}`, "shop", ["10.9.9.9"]));
    const began = performance.now();
    await equal();
    const took = performance.now() - began;
    assert.ok(took < 1_000, `known after ${Math.round(took)} ms`);
  }
  assert.deepEqual([logged, states, reflector.lists], [[], ["synced"], 1]);
});

test("stopped, it asks for nothing more and lets go of its connections", async (t) => {
  const { api, reflector, states } = await start(t);
  await until(() => api.watches > 0, "a watch");
  await reflector.stop();
  await until(() => api.watches === 0, "no watch");
  const { length } = api.requests;
  api.apply(EXTRA);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(api.requests.length, length);
  assert.deepEqual(states, ["synced", "stopped"]);
});
