/**
 * Any order of events leaves in the table what a plain model of JavaScript objects has, by every look-up. RUNS=10000
 * makes it long.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Bench, object, pod, service, slice } from "./support.ts";

const RUNS = Number(process.env.RUNS ?? 60);
const NAMESPACES = ["a", "b"];
const NAMES = ["s0", "s1", "s2"];
const SLICES = ["s0-x", "s0-y", "s1-x", "any.z"];
const ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "2001:db8::1", "2001:db8::2"];
const HOSTS = ["", "h0", "h1"];

interface Endpoint {
  readonly address: string;
  readonly host: string;
}

type Event =
  | { readonly kind: "service"; namespace: string; name: string; addresses: string[]; external: string[] }
  | { readonly kind: "slice"; namespace: string; name: string; owner: string; endpoints: Endpoint[] }
  | { readonly kind: "pod"; namespace: string; name: string; addresses: string[] }
  | { readonly kind: "namespace"; name: string }
  | { readonly kind: "remove"; what: "service" | "slice" | "pod" | "namespace"; namespace: string; name: string }
  | { readonly kind: "relist"; what: "service" | "slice" | "pod" | "namespace"; keep: number }
  | { readonly kind: "tidy" };

const namespace = fc.constantFrom(...NAMESPACES);
const address = fc.constantFrom(...ADDRESSES);
const kinds = fc.constantFrom("service", "slice", "pod", "namespace");
const endpoint = fc.record({ address, host: fc.constantFrom(...HOSTS) });
const anyName = fc.constantFrom(...NAMES, ...SLICES, ...NAMESPACES);
const events = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("service"),
        namespace,
        name: fc.constantFrom(...NAMES),
        addresses: fc.uniqueArray(address, { maxLength: 2 }),
        external: fc.uniqueArray(address, { maxLength: 2 }),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("slice"),
        namespace,
        name: fc.constantFrom(...SLICES),
        owner: fc.constantFrom(...NAMES),
        endpoints: fc.array(endpoint, { maxLength: 5 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("pod"),
        namespace,
        name: fc.constantFrom(...NAMES),
        addresses: fc.uniqueArray(address, { maxLength: 2 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("namespace"), name: namespace }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("remove"), what: kinds, namespace, name: anyName }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("relist"), what: kinds, keep: fc.nat(255) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("tidy") }) },
  ) as fc.Arbitrary<Event>,
  { minLength: 1, maxLength: 120 },
);

/** What there is, by kind, then by namespace and name. */
class Model {
  readonly service = new Map<string, Event & { kind: "service" }>();
  readonly slice = new Map<string, Event & { kind: "slice" }>();
  readonly pod = new Map<string, Event & { kind: "pod" }>();
  readonly namespace = new Map<string, Event & { kind: "namespace" }>();

  slicesOf(namespaceName: string, name: string): (Event & { kind: "slice" })[] {
    return [...this.slice.values()].filter((one) => one.namespace === namespaceName && one.owner === name);
  }
}

/** The endpoints that the table keeps: of one family, and none twice. */
function kept(event: Event & { kind: "slice" }): Endpoint[] {
  const isIpv6 = event.endpoints[0]?.address.includes(":") ?? false;
  const seen = new Map<string, string>();
  return event.endpoints.filter(({ address, host }) => {
    if (address.includes(":") !== isIpv6 || seen.get(address) === host) return false;
    if (!seen.has(address)) seen.set(address, host);
    return true;
  });
}

function send(bench: Bench, event: Event): void {
  switch (event.kind) {
    case "service": {
      const { addresses, external } = event;
      const clusterIPs = addresses.length > 0 ? addresses : ["None"];
      bench.services.upsert(service(event.namespace, event.name, { clusterIPs, externalIPs: external }));
      break;
    }
    case "slice": {
      const list = event.endpoints.map(({ address, host }) => (host === "" ? address : `${address}=${host}`));
      bench.slices.upsert(slice(event.namespace, event.name, event.owner, list));
      break;
    }
    case "pod":
      bench.pods.upsert(pod(event.namespace, event.name, event.addresses));
      break;
    case "namespace":
      bench.namespaces.upsert(object("", event.name));
      break;
  }
}

function apply(bench: Bench, model: Model, event: Event): void {
  const sinks = { service: bench.services, slice: bench.slices, pod: bench.pods, namespace: bench.namespaces };
  switch (event.kind) {
    case "remove": {
      const owner = event.what === "namespace" ? "" : event.namespace;
      model[event.what].delete(`${owner}/${event.name}`);
      sinks[event.what].remove(object(owner, event.name));
      break;
    }
    case "relist": {
      const all: Map<string, Event> = model[event.what];
      sinks[event.what].beginList();
      [...all].forEach(([key, one], i) => {
        if ((event.keep >> (i & 7)) & 1) send(bench, one);
        else all.delete(key);
      });
      sinks[event.what].endList();
      break;
    }
    case "tidy":
      bench.table.tidy();
      break;
    default: {
      const all: Map<string, Event> = model[event.kind];
      all.set(`${"namespace" in event ? event.namespace : ""}/${event.name}`, event);
      send(bench, event);
    }
  }
}

function compare(bench: Bench, model: Model): void {
  for (const namespaceName of NAMESPACES) {
    assert.equal(bench.hasNamespace(namespaceName), model.namespace.has(`/${namespaceName}`));
    for (const name of NAMES) {
      const key = `${name}.${namespaceName}`;
      const there = model.service.has(`${namespaceName}/${name}`);
      assert.equal(bench.find(key), there, key);
      if (there) compareService(bench, model, namespaceName, name);
    }
    for (const one of ADDRESSES) {
      const has = [...model.pod.values()].some((it) => it.namespace === namespaceName && it.addresses.includes(one));
      assert.equal(bench.hasPod(one, namespaceName), has, `pod ${one} in ${namespaceName}`);
    }
  }
  for (const one of ADDRESSES) {
    const owners = [...model.slice.values()].flatMap((it) =>
      kept(it)
        .filter(({ address }) => address === one)
        .map(({ host }) => `${it.owner}.${it.namespace}/${host}`),
    );
    assert.deepEqual(bench.byAddress(one), owners.sort(), `endpoints with ${one}`);
    const pods = [...model.pod.values()].filter(({ addresses }) => addresses.includes(one));
    assert.equal(bench.countPods(one), pods.length);
    for (const isExternal of [false, true]) {
      const having = [...model.service.values()].filter((it) =>
        (isExternal ? it.external : it.addresses).includes(one),
      );
      const found = bench.serviceByAddress(one, isExternal);
      if (having.length === 0) assert.equal(found, "");
      else assert.ok(having.some((it) => found === `${it.name}.${it.namespace}`));
    }
  }
  for (const [what, sink] of [
    ["service", bench.services],
    ["slice", bench.slices],
    ["pod", bench.pods],
    ["namespace", bench.namespaces],
  ] as const) {
    const keys = [...sink.keys()].map((key) => `${key.namespace}/${key.name}`).sort();
    assert.deepEqual(keys, [...model[what].keys()].sort(), `keys of ${what}`);
    for (const { namespace: owner, name } of sink.keys()) assert.notEqual(sink.versionOf(owner, name), undefined);
  }
}

function compareService(bench: Bench, model: Model, namespaceName: string, name: string): void {
  const key = `${name}.${namespaceName}`;
  const endpoints = model.slicesOf(namespaceName, name).flatMap(kept);
  const hex = (text: string) => (text.includes(":") ? `20010db8${"0".repeat(23)}${text.at(-1)}` : text);
  assert.deepEqual(bench.endpoints(key), endpoints.map((one) => `${hex(one.address)}/${one.host}`).sort(), key);
  for (const host of ["h0", "h1"]) {
    const addresses = endpoints.filter((one) => one.host === host).map((one) => hex(one.address));
    assert.deepEqual(bench.host(key, host), addresses.sort(), `${host}.${key}`);
  }
  const plain = endpoints.filter((one) => one.host === "" && one.address === "10.0.0.1").map((one) => one.address);
  assert.deepEqual(bench.host(key, "10-0-0-1"), plain, `10-0-0-1.${key}`);
  const addresses = endpoints.map((one) => one.address);
  const view = bench.look((it) => {
    const bytes = Buffer.from(`\x02${name}\x01${namespaceName}`);
    it.findService(bytes, 0, bytes.length);
    return { repeats: it.service.repeats, endpointCount: it.service.endpointCount };
  });
  assert.deepEqual(view, { repeats: new Set(addresses).size < addresses.length, endpointCount: addresses.length }, key);
}

test(`${RUNS} random histories: the table has what the model has after every event`, () => {
  fc.assert(
    fc.property(events, (history) => {
      const bench = new Bench();
      const model = new Model();
      history.forEach((event, i) => {
        apply(bench, model, event);
        if (i % 8 === 7 || i === history.length - 1) compare(bench, model);
      });
      // What is taken away leaves nothing behind.
      for (const what of ["service", "slice", "pod", "namespace"] as const) {
        apply(bench, model, { kind: "relist", what, keep: 0 });
      }
      bench.table.tidy();
      compare(bench, model);
      const { retired, usedBytes, keys } = bench.table.statistics;
      assert.deepEqual([retired, keys], [0, 0]);
      assert.ok(usedBytes <= 4_096, `${usedBytes} bytes are left`);
    }),
    { numRuns: RUNS },
  );
});
