/** Row L4: events that are lost without a word are found by comparing, and nothing else is touched. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubernetesObject } from "../../../src/kubernetes/api/resource.ts";
import { service } from "../../support/api-objects.ts";
import type { ApiServer } from "../../support/api-server.ts";
import { services, start, until } from "./setup.ts";

const EXTRA = service("extra", "shop", ["10.9.9.9"]);
/** A watch that does not end by itself during a test, since a new one would bring what was missed. */
const LONG = { watchSeconds: 60, idleMs: 60_000 };

for (const { name, change, repairs } of [
  { name: "additions", change: (api: ApiServer) => api.apply(EXTRA), repairs: 1 },
  { name: "changes", change: (api: ApiServer) => api.apply(...services(2)), repairs: 2 },
  { name: "deletions", change: (api: ApiServer) => api.remove(...services(3)), repairs: 3 },
  {
    name: "fifty of all kinds",
    change: (api: ApiServer) => {
      api.remove(...services(15));
      api.apply(...services(40).slice(20));
      api.apply(...services(5));
      for (let i = 0; i < 10; i++) api.apply(EXTRA);
    },
    // 15 deletions, of which 5 are there again, 20 that changed or are new, and one that changed ten times.
    repairs: 10 + 5 + 20 + 1,
  },
]) {
  test(`L4: lost ${name} are found, counted and put right`, async (t) => {
    const { api, reflector, logged, equal } = await start(t, { objects: services(30), timing: LONG });
    await until(() => api.watches > 0, "a watch");
    api.dropEvents(1_000);
    change(api);
    assert.equal(await reflector.check(), repairs);
    await equal();
    assert.equal(reflector.repairs, repairs);
    assert.equal(reflector.objects, api.store.all("", "services").length);
    assert.ok(
      logged.some((line) => line === `services: ${repairs} objects differed from a fresh list and are repaired`),
    );
    assert.equal(await reflector.check(), 0);
    assert.equal(reflector.lists, 1);
  });
}

test("L4: it happens by itself", async (t) => {
  const { api, reflector, equal } = await start(t, { timing: { ...LONG, checkMs: 150 } });
  await until(() => api.watches > 0, "a watch");
  api.dropEvents(1);
  api.apply(EXTRA);
  await equal();
  await until(() => reflector.repairs === 1, "a repair");
});

test("L4: the watch that has lost something is replaced", async (t) => {
  const { api, reflector, equal } = await start(t, { timing: LONG });
  await until(() => api.watches > 0, "a watch");
  api.stallWatches();
  api.apply(EXTRA);
  assert.equal(await reflector.check(), 1);
  await until(() => api.requests.filter(({ kind }) => kind === "watch").length === 2, "another watch");
  api.apply(...services(2));
  await equal();
});

test("L4: when more differ than are worth fetching, all is listed", async (t) => {
  const { api, reflector, states, equal } = await start(t, { objects: services(10), timing: LONG });
  await until(() => api.watches > 0, "a watch");
  api.dropEvents(1_000);
  api.apply(...services(400));
  assert.equal(await reflector.check(), 400);
  await equal();
  await until(() => reflector.state === "synced", "synced");
  assert.deepEqual([reflector.lists, reflector.repairs], [2, 400]);
  assert.deepEqual(states, ["synced", "doubtful", "synced"]);
});

test("L4: what is on its way while we compare is no difference", async (t) => {
  const { api, sink, reflector, equal } = await start(t, { objects: services(100), timing: { ...LONG, graceMs: 200 } });
  await until(() => api.watches > 0, "a watch");
  // The comparison sees what the watch has not brought yet.
  const late = services(1);
  api.fault({ on: "list", delayMs: 100 });
  const upsert = sink.upsert.bind(sink);
  const held: KubernetesObject[] = [];
  sink.upsert = (object) => void held.push(object);
  const checking = reflector.check();
  api.apply(...late);
  setTimeout(() => {
    sink.upsert = upsert;
    for (const object of held) upsert(object);
  }, 200);
  assert.equal(await checking, 0);
  await equal();
});

test("L4: an API that was set back under a running watch is listed anew", async (t) => {
  const { api, reflector, equal } = await start(t, { timing: LONG });
  await until(() => api.watches > 0, "a watch");
  const restore = api.store.backup();
  api.apply(EXTRA);
  await equal();
  restore();
  assert.equal(await reflector.check(), 0);
  await equal();
  assert.equal(reflector.lists, 2);
});

test("what the sink refuses is fetched no second time, and is no repair", async (t) => {
  const { api, sink, reflector } = await start(t, {
    ...{ objects: services(300), timing: LONG },
    prepare: (_api, it) => {
      it.refuses = ({ metadata }) => metadata.name !== "web-0";
    },
  });
  await until(() => api.watches > 0, "a watch");
  assert.equal(reflector.objects, 1);
  const before = api.requests.length;
  assert.equal(await reflector.check(), 0);
  assert.deepEqual([api.requests.length - before, reflector.lists, sink.held.size], [1, 1, 1]);
});

for (const { name, query } of [
  { name: "labels", query: { labelSelector: "app=web-1" } },
  { name: "fields", query: { fieldSelector: "metadata.name!=web-1" } },
  { name: "a namespace", query: { namespace: "shop" } },
]) {
  test(`what the selectors leave out is not brought in: ${name}`, async (t) => {
    const { api, sink, reflector } = await start(t, {
      objects: [...services(3), service("x", "bank", [])],
      timing: LONG,
      query,
    });
    await until(() => api.watches > 0, "a watch");
    const names = [...sink.held.keys()];
    assert.equal(await reflector.check(), 0);
    api.dropEvents(3);
    api.apply(...services(3));
    assert.equal(await reflector.check(), names.filter((key) => key.startsWith("shop/")).length);
    assert.deepEqual([...sink.held.keys()], names);
  });
}

test("names and versions are asked for, in pages", async (t) => {
  const { api, reflector } = await start(t, { objects: services(1_100), timing: LONG });
  await until(() => api.watches > 0, "a watch");
  assert.equal(await reflector.check(), 0);
  const lists = api.requests.filter(({ kind }) => kind === "list");
  assert.equal(lists.length, 3);
  for (const { headers } of lists) assert.match(headers.accept!, /^application\/json;as=PartialObjectMetadataList;/);
});

test("a comparison that fails does no harm", async (t) => {
  const { api, sink, reflector } = await start(t, { timing: LONG });
  await until(() => api.watches > 0, "a watch");
  for (const fault of [{ status: 500 }, { cutAt: 40 }, { status: 410, reason: "Expired", times: 2 }]) {
    api.fault({ on: "list", ...fault });
    await assert.rejects(reflector.check());
  }
  assert.deepEqual([reflector.state, sink.held.size], ["synced", 3]);
  assert.equal(await reflector.check(), 0);
});

for (const { name, timing, delayMs, soonMs } of [
  { name: "comes while another one is made", timing: { checkMs: 60_000, graceMs: 30 }, delayMs: 3_000, soonMs: 1_000 },
  { name: "is due after the one before", timing: { checkMs: 1_500, graceMs: 1_000 }, delayMs: 1_000, soonMs: 1_200 },
]) {
  test(`the comparison after a silent watch is made when it ${name}`, async (t) => {
    const { api, reflector } = await start(t, {
      timing: { watchSeconds: 60, idleMs: 2_000, listMs: 5_000, ...timing },
    });
    await until(() => api.watches > 0, "a watch");
    const compared = () => api.requests.filter(({ kind, query }) => kind === "list" && query.get("limit") !== "1");
    api.fault({ on: "list", delayMs, times: 1 });
    if (timing.checkMs === 60_000) void reflector.check();
    await until(() => compared().length === 2, "another comparison");
    const [first, second] = compared();
    assert.ok(second!.at - first!.at - delayMs < soonMs, `${second!.at - first!.at - delayMs} ms later`);
  });
}

test("a stop while names are compared does not wait for what the watch may bring", async (t) => {
  const { api, sink, reflector } = await start(t, { timing: { ...LONG, graceMs: 20_000 } });
  await until(() => api.watches > 0, "a watch");
  api.dropEvents(1);
  api.apply(EXTRA);
  const keys = sink.keys.bind(sink);
  const stopped = Promise.withResolvers<void>();
  sink.keys = () => {
    reflector.stop().then(stopped.resolve);
    return keys();
  };
  const began = performance.now();
  await assert.rejects(reflector.check());
  await stopped.promise;
  assert.ok(performance.now() - began < 10_000, "it waited");
});
