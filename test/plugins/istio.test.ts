/** istio: whose addresses a host has, who may see them, and what is said while they are not known. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Plugin } from "../../src/plugin/plugin.ts";
import { cache } from "../../src/plugins/cache/index.ts";
import { hosts } from "../../src/plugins/hosts/index.ts";
import { istio } from "../../src/plugins/istio/index.ts";
import { kubernetes } from "../../src/plugins/kubernetes/index.ts";
import { metadata } from "../../src/plugins/metadata.ts";
import { type Manifest, namespace, pod, serviceEntry } from "../support/api-objects.ts";
import { ApiServer, type ApiServerOptions, type Fault } from "../support/api-server.ts";
import { type Client, linkChain, type TestChain } from "../support/chain.ts";
import type { DecodedReply } from "../support/wire.ts";

interface Setup extends ApiServerOptions {
  readonly zones?: string;
  readonly options?: string;
  /** What else stands in the block, and its plugins. */
  readonly before?: (api: string) => string;
  readonly plugins?: readonly Plugin[];
  readonly behind?: readonly Plugin[];
  readonly faults?: readonly Fault[];
}

interface Running {
  readonly api: ApiServer;
  readonly chain: TestChain;
  stop(): Promise<void>;
}

async function start({ zones = "global", options = "", before, plugins = [], behind = [], ...setup }: Setup) {
  const api = await ApiServer.start(setup);
  api.fault(...(setup.faults ?? []));
  const chain = await linkChain({
    plugins: [...plugins, istio, ...behind],
    corefile: `. {
      ${before?.(api.url) ?? ""}
      istio ${zones} {
        endpoint ${api.url}
        ${options}
      }
    }`,
  });
  const stop = async (): Promise<void> => {
    if (!running.delete(stop)) return;
    await chain.stop();
    await api.close();
  };
  running.add(stop);
  return { api, chain, stop } satisfies Running;
}

/** What a test that has failed leaves behind. */
const running = new Set<() => Promise<void>>();
after(async () => {
  for (const stop of running) await stop();
});

async function askUntil(chain: TestChain, ask: string, rdata: string): Promise<DecodedReply> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const { reply } = await chain.ask({ ask });
    if (reply && answerOf(reply) === rdata) return reply;
    assert.ok(performance.now() < deadline, `${ask} is ${reply && answerOf(reply)}, not ${rdata}`);
    await sleep(10);
  }
}

/** The data of the answer section, else the rcode. */
function answerOf(reply: DecodedReply): string {
  if (reply.rcode !== "NOERROR" || reply.answer.length === 0) return reply.rcode;
  return reply.answer.map((record) => record.split(" ").at(-1)).join(" ");
}

/** An entry that is older the smaller its name is. */
function entry(name: string, spec: Record<string, unknown>, space = "mesh", status: unknown = undefined): Manifest {
  const manifest = serviceEntry(name, space, { resolution: "STATIC", ...spec });
  return {
    ...manifest,
    metadata: { ...manifest.metadata, creationTimestamp: "2026-01-02T03:04:05Z" },
    ...(status !== undefined && { status }),
  };
}

const ENTRIES: readonly Manifest[] = [
  entry("dual", { hosts: ["dual.global"], addresses: ["240.0.0.1", "2001:db8::1", "240.0.0.2"] }),
  entry("wild", { hosts: ["*.test.global"], addresses: ["240.0.0.3"] }),
  entry("deep", { hosts: ["*.a.test.global", "Exact.A.Test.Global"], addresses: ["240.0.0.4"] }),
  entry("exact", { hosts: ["one.test.global"], addresses: ["240.0.0.5"] }),
  entry("network", { hosts: ["network.global"], addresses: ["10.0.0.0/8", "240.0.0.6"] }),
  entry("only-network", { hosts: ["only-network.global"], addresses: ["10.0.0.0/8"] }),
  entry("merged-a", { hosts: ["merged.global"], addresses: ["240.0.0.8", "240.0.0.7"] }),
  entry("merged-b", { hosts: ["merged.global"], addresses: ["240.0.0.7", "240.0.0.9"] }),
  entry("none", { hosts: ["none.global"], addresses: ["240.0.0.10"], resolution: "NONE" }),
  entry("empty", { hosts: ["empty.global"], resolution: "DNS" }),
  entry("assigned", { hosts: ["assigned.global"] }, "mesh", { addresses: [{ value: "240.240.0.1" }] }),
  entry("assigned-each", { hosts: ["x.each.global", "y.each.global"] }, "mesh", {
    addresses: [
      { value: "240.240.0.2", host: "x.each.global" },
      { value: "2001:2::1", host: "x.each.global" },
      { value: "240.240.0.3", host: "y.each.global" },
    ],
  }),
  entry("own-first", { hosts: ["own-first.global"], addresses: ["240.0.0.11"] }, "mesh", {
    addresses: [{ value: "240.240.0.9" }],
  }),
  entry("mapped", { hosts: ["mapped.global"], addresses: ["::ffff:240.0.0.12", "0.0.0.0", "::"] }),
  entry("outside", { hosts: ["www.example.org"], addresses: ["240.0.0.13"] }),
];

test("what hosts answer", async () => {
  const { chain, stop } = await start({ objects: ENTRIES });
  assert.deepEqual(chain.unready(), []);
  for (const { ask, answer } of [
    { ask: "dual.global. A", answer: "240.0.0.1 240.0.0.2" },
    { ask: "dual.global. AAAA", answer: "2001:db8::1" },
    { ask: "DUAL.Global. A", answer: "240.0.0.1 240.0.0.2" },
    { ask: "dual.global. TXT", answer: "NOERROR" },
    { ask: "dual.global. HTTPS", answer: "NOERROR" },
    { ask: "dual.global. ANY", answer: "NOERROR" },
    { ask: "x.dual.global. A", answer: "NXDOMAIN" },
    { ask: "x.test.global. A", answer: "240.0.0.3" },
    { ask: "x.test.global. AAAA", answer: "NOERROR" },
    { ask: "y.x.test.global. A", answer: "240.0.0.3" },
    { ask: "*.test.global. A", answer: "240.0.0.3" },
    { ask: "X.TEST.global. A", answer: "240.0.0.3" },
    { ask: "test.global. A", answer: "NOERROR" },
    { ask: "one.test.global. A", answer: "240.0.0.5" },
    { ask: "x.one.test.global. A", answer: "240.0.0.3" },
    { ask: "a.test.global. A", answer: "240.0.0.3" },
    { ask: "x.a.test.global. A", answer: "240.0.0.4" },
    { ask: "y.x.a.test.global. A", answer: "240.0.0.4" },
    { ask: "exact.a.test.global. A", answer: "240.0.0.4" },
    { ask: "network.global. A", answer: "240.0.0.6" },
    { ask: "only-network.global. A", answer: "NXDOMAIN" },
    { ask: "merged.global. A", answer: "240.0.0.8 240.0.0.7 240.0.0.9" },
    { ask: "none.global. A", answer: "240.0.0.10" },
    { ask: "empty.global. A", answer: "NXDOMAIN" },
    { ask: "assigned.global. A", answer: "240.240.0.1" },
    { ask: "x.each.global. A", answer: "240.240.0.2" },
    { ask: "x.each.global. AAAA", answer: "2001:2::1" },
    { ask: "y.each.global. A", answer: "240.240.0.3" },
    { ask: "own-first.global. A", answer: "240.0.0.11" },
    { ask: "mapped.global. A", answer: "240.0.0.12" },
    { ask: "mapped.global. AAAA", answer: "NOERROR" },
    { ask: "global. A", answer: "NOERROR" },
    { ask: "global. SOA", answer: "30" },
    { ask: "unknown.global. A", answer: "NXDOMAIN" },
    { ask: "dual.global. AXFR", answer: "REFUSED" },
    // Of another zone: there is no plugin for it.
    { ask: "www.example.org. A", answer: "SERVFAIL" },
  ]) {
    const { reply } = await chain.ask({ ask });
    assert.ok(reply);
    assert.equal(answerOf(reply), answer, ask);
    if (/^(NOERROR|NXDOMAIN)$/.test(answer)) assert.match(reply.authority[0] ?? "", /^global\. 30 IN SOA ns\.dns\.gl/);
    if (answer !== "SERVFAIL" && answer !== "REFUSED") assert.equal(reply.flags, "qr aa rd", ask);
  }
  const { reply } = await chain.ask({ ask: "dual.global. A" });
  assert.deepEqual(reply?.answer, ["dual.global. 30 IN A 240.0.0.1", "dual.global. 30 IN A 240.0.0.2"]);
  await stop();
});

test("names that are not known go on where fallthrough says so", async () => {
  const objects = [...ENTRIES, entry("no-name", { hosts: ["www.global"], addresses: [] })];
  const { chain, stop } = await start({
    objects,
    zones: ".",
    options: "fallthrough example.org test.global\nttl 5",
    before: () => "hosts {\n 192.0.2.1 known.example.org test.global\n}",
    behind: [hosts],
  });
  for (const { ask, answer } of [
    { ask: "known.example.org. A", answer: "192.0.2.1" },
    { ask: "www.example.org. A", answer: "240.0.0.13" },
    { ask: "www.example.org. AAAA", answer: "NOERROR" },
    { ask: "test.global. A", answer: "192.0.2.1" },
    { ask: "x.test.global. A", answer: "240.0.0.3" },
    { ask: "www.global. A", answer: "NXDOMAIN" },
    { ask: ". NS", answer: "NOERROR" },
  ]) {
    const { reply } = await chain.ask({ ask });
    assert.equal(reply && answerOf(reply), answer, ask);
  }
  await stop();
});

describe("the host in the oldest entry comes first", () => {
  for (const { first, second, answer } of [
    { first: "2026-01-01T00:00:00Z", second: "2025-01-01T00:00:00Z", answer: "240.0.0.2 240.0.0.1" },
    { first: "2025-01-01T00:00:00Z", second: "2026-01-01T00:00:00Z", answer: "240.0.0.1 240.0.0.2" },
  ]) {
    test(`${first} and ${second}`, async () => {
      const made = (name: string, address: string, creationTimestamp: string): Manifest => {
        const manifest = serviceEntry(name, "mesh", { hosts: ["h.global"], addresses: [address] });
        return { ...manifest, metadata: { ...manifest.metadata, creationTimestamp } };
      };
      const { chain, stop } = await start({
        objects: [made("a", "240.0.0.1", first), made("b", "240.0.0.2", second)],
      });
      const { reply } = await chain.ask({ ask: "h.global. A" });
      assert.equal(reply && answerOf(reply), answer);
      await stop();
    });
  }
});

const ENDPOINTS: readonly Manifest[] = [
  entry("static", {
    hosts: ["static.global"],
    endpoints: [{ address: "10.9.0.1" }, { address: "2001:db8::9" }, { address: "unix:///run/s" }, { labels: {} }],
  }),
  entry("names", {
    hosts: ["names.global"],
    resolution: "DNS",
    endpoints: [{ address: "db.example.org" }, { address: "10.9.0.2" }, { address: "db2.example.org" }],
  }),
  entry("twice", {
    hosts: ["twice.global"],
    resolution: "DNS",
    endpoints: [
      { address: "db2.example.org" },
      { address: "192.0.2.2" },
      { address: "db.example.org" },
      { address: "twin.example.org" },
    ],
  }),
  entry("nested", { hosts: ["nested.global"], resolution: "DNS", endpoints: [{ address: "names.global" }] }),
  entry("loop", { hosts: ["loop.global"], resolution: "DNS", endpoints: [{ address: "loop.global" }] }),
  entry("broken", { hosts: ["broken.global"], resolution: "DNS", endpoints: [{ address: "lame.test" }] }),
  entry("nowhere", { hosts: ["nowhere.global"], resolution: "DNS", endpoints: [{ address: "x.gone.global" }] }),
  entry("passed", { hosts: ["passed.global"], resolution: "NONE", endpoints: [{ address: "10.9.0.3" }] }),
  entry("has-address", { hosts: ["has.global"], addresses: ["240.0.0.1"], endpoints: [{ address: "10.9.0.4" }] }),
  entry("without", { hosts: ["without.global"] }),
];

describe("entries without address", () => {
  for (const { options, answers } of [
    {
      options: "",
      answers: { "static.global. A": "NXDOMAIN", "names.global. A": "NXDOMAIN", "has.global. A": "240.0.0.1" },
    },
    {
      options: "endpoints",
      answers: {
        "static.global. A": "10.9.0.1",
        "static.global. AAAA": "2001:db8::9",
        "static.global. MX": "NOERROR",
        "names.global. A": "10.9.0.2 192.0.2.1 192.0.2.2 192.0.2.3",
        "names.global. AAAA": "2001:db8::2",
        "names.global. MX": "NOERROR",
        "twice.global. A": "192.0.2.2 192.0.2.3 192.0.2.1",
        "nested.global. A": "10.9.0.2 192.0.2.1 192.0.2.2 192.0.2.3",
        "loop.global. A": "SERVFAIL",
        "broken.global. A": "SERVFAIL",
        "nowhere.global. A": "NOERROR",
        "passed.global. A": "NXDOMAIN",
        "has.global. A": "240.0.0.1",
        "without.global. A": "NXDOMAIN",
      },
    },
    {
      options: "default_address 198.51.100.1 2001:db8::f",
      answers: {
        "static.global. A": "198.51.100.1",
        "without.global. A": "198.51.100.1",
        "without.global. AAAA": "2001:db8::f",
        "passed.global. A": "NXDOMAIN",
        "has.global. A": "240.0.0.1",
      },
    },
    {
      options: "endpoints\ndefault_address 198.51.100.1",
      answers: { "static.global. A": "10.9.0.1", "without.global. A": "198.51.100.1" },
    },
  ]) {
    test(options.replaceAll("\n", " and ") || "no option", async () => {
      const { chain, stop } = await start({
        objects: ENDPOINTS,
        zones: "global",
        options,
        before: () => `hosts /dev/null example.org {
          192.0.2.1 db.example.org
          192.0.2.2 db.example.org
          192.0.2.3 db2.example.org twin.example.org
          2001:db8::2 db2.example.org
        }`,
        behind: [hosts],
      });
      for (const [ask, answer] of Object.entries(answers)) {
        const { reply } = await chain.ask({ ask });
        assert.equal(reply && answerOf(reply), answer, ask);
        for (const record of reply?.answer ?? []) assert.equal(record.split(" ")[0], ask.split(" ")[0]);
      }
      await stop();
    });
  }
});

const EXPORTED: readonly Manifest[] = [
  entry("all", { hosts: ["all.global"], addresses: ["240.0.0.1"], exportTo: ["*"] }, "a"),
  entry("says-nothing", { hosts: ["quiet.global"], addresses: ["240.0.0.2"] }, "a"),
  entry("own", { hosts: ["own.global"], addresses: ["240.0.0.3"], exportTo: ["."] }, "a"),
  entry("some", { hosts: ["some.global"], addresses: ["240.0.0.4"], exportTo: ["b", "c"] }, "a"),
  entry("nobody", { hosts: ["nobody.global"], addresses: ["240.0.0.5"], exportTo: ["~"] }, "a"),
  entry("shadow", { hosts: ["*.global"], addresses: ["240.0.0.6"], exportTo: ["a"] }, "b"),
  entry("both-1", { hosts: ["both.global"], addresses: ["240.0.0.7"], exportTo: ["."] }, "b"),
  entry("both-2", { hosts: ["both.global"], addresses: ["240.0.0.8"] }, "a"),
];

/** What the namespaces see of the hosts above. */
const SEEN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  a: {
    ...{ all: "240.0.0.1", quiet: "240.0.0.2", own: "240.0.0.3", some: "240.0.0.6", nobody: "240.0.0.6" },
    ...{ both: "240.0.0.8", other: "240.0.0.6" },
  },
  b: {
    ...{ all: "240.0.0.1", quiet: "240.0.0.2", own: "NXDOMAIN", some: "240.0.0.4", nobody: "NXDOMAIN" },
    ...{ both: "240.0.0.8 240.0.0.7", other: "NXDOMAIN" },
  },
  d: { all: "240.0.0.1", own: "NXDOMAIN", some: "NXDOMAIN", both: "240.0.0.8", other: "NXDOMAIN" },
};

describe("exportTo", () => {
  for (const [name, seen] of Object.entries(SEEN)) {
    test(`namespace ${name}`, async () => {
      const { chain, stop } = await start({ objects: EXPORTED, options: `namespace ${name}` });
      await expectSeen(chain, seen, {});
      await stop();
    });
  }

  test("is ignored without the option", async () => {
    const { chain, stop } = await start({ objects: EXPORTED });
    await expectSeen(chain, { own: "240.0.0.3", some: "240.0.0.4", both: "240.0.0.8 240.0.0.7" }, {});
    await stop();
  });

  test("namespace @client is that of the pod that asks", async () => {
    const spaces = ["a", "b", "d"];
    const objects = [
      ...EXPORTED,
      ...spaces.map((name) => namespace(name)),
      ...spaces.map((name, i) => pod(`client-${name}`, name, [`10.4.0.${i}`])),
    ];
    const { chain, stop } = await start({
      objects,
      options: "namespace @client",
      // Whatever the zones of metadata are.
      before: (url) => `metadata example.org\nkubernetes cluster.local {\n endpoint ${url}\n pods verified\n}`,
      plugins: [metadata],
      behind: [kubernetes],
    });
    for (const [i, name] of spaces.entries()) await expectSeen(chain, SEEN[name]!, { address: `10.4.0.${i}` });
    // Who is no pod sees what a namespace sees that nothing is exported to by name.
    await expectSeen(chain, SEEN.d!, { address: "192.0.2.77" });
    await stop();
  });
});

async function expectSeen(chain: TestChain, seen: Readonly<Record<string, string>>, client: Client): Promise<void> {
  for (const [host, answer] of Object.entries(seen)) {
    const { reply } = await chain.ask({ ask: `${host}.global. A` }, client);
    assert.equal(reply && answerOf(reply), answer, `${host} from ${client.address ?? "anywhere"}`);
  }
}

test("a change shows in the next answer, with a cache in front", async () => {
  const { api, chain, stop } = await start({ objects: ENTRIES, plugins: [cache], before: () => "cache 300" });
  await askUntil(chain, "dual.global. A", "240.0.0.1 240.0.0.2");
  await askUntil(chain, "new.global. A", "NXDOMAIN");
  api.apply(
    entry("dual", { hosts: ["dual.global", "new.global"], addresses: ["240.0.1.1"] }),
    entry("wild", { hosts: ["*.other.global"], addresses: ["240.0.0.3"] }),
  );
  await askUntil(chain, "dual.global. A", "240.0.1.1");
  await askUntil(chain, "new.global. A", "240.0.1.1");
  await askUntil(chain, "x.other.global. A", "240.0.0.3");
  await askUntil(chain, "x.test.global. A", "NXDOMAIN");
  api.remove(entry("dual", {}));
  await askUntil(chain, "dual.global. A", "NXDOMAIN");
  // All is listed again, and what is gone meanwhile is gone.
  await askUntil(chain, "one.test.global. A", "240.0.0.5");
  api.dropEvents(1);
  api.remove(entry("exact", {}));
  api.expire();
  await askUntil(chain, "one.test.global. A", "NXDOMAIN");
  await stop();
});

describe("before the first list is complete", () => {
  for (const { options, ask, answer, text } of [
    { ask: "dual.global. A", answer: "SERVFAIL", text: "ServiceEntries of the cluster are not known yet" },
    { ask: "unknown.global. A", answer: "SERVFAIL", text: "ServiceEntries of the cluster are not known yet" },
    { options: "fallthrough", ask: "known.global. A", answer: "192.0.2.1" },
    { ask: "known.example.org. A", answer: "192.0.2.2" },
  ]) {
    test(`${ask} ${options ?? ""}`, async () => {
      const { api, chain, stop } = await start({
        objects: ENTRIES,
        options: `startup_timeout 50ms\n${options ?? ""}`,
        before: () => "hosts {\n 192.0.2.1 known.global\n 192.0.2.2 known.example.org\n fallthrough\n}",
        behind: [hosts],
        faults: [{ plural: "serviceentries", hang: true, times: 1 }],
      });
      assert.deepEqual(chain.unready(), ["istio"]);
      const { reply } = await chain.ask({ ask, edns: { size: 1_232 } });
      assert.equal(reply && answerOf(reply), answer);
      const [, hex = ""] = reply?.opt?.options[0]?.split(" ") ?? [];
      // RFC 8914: "Not Ready".
      assert.equal(Buffer.from(hex, "hex").toString("latin1"), text === undefined ? "" : `\0\u000e${text}`);
      api.dropConnections();
      await askUntil(chain, "dual.global. A", "240.0.0.1 240.0.0.2");
      assert.deepEqual(chain.unready(), []);
      await stop();
    });
  }
});

test("what was known last goes on being answered without the API", async () => {
  const { api, chain, stop } = await start({ objects: ENTRIES });
  await api.close();
  await sleep(50);
  const { reply } = await chain.ask({ ask: "x.test.global. A" });
  assert.equal(reply && answerOf(reply), "240.0.0.3");
  assert.deepEqual(chain.unready(), []);
  await stop();
});

test("when changes may have been missed, names that are not known are no NXDOMAIN", async () => {
  const { api, chain, stop } = await start({ objects: ENTRIES });
  await askUntil(chain, "unknown.global. A", "NXDOMAIN");
  // The watch is not the request that is to hang.
  for (let i = 0; api.watches === 0 && i < 500; i++) await sleep(10);
  api.fault({ plural: "serviceentries", on: "stream", hang: true, times: 1 });
  const before = api.requests.length;
  api.expire();
  await askUntil(chain, "unknown.global. A", "SERVFAIL");
  // Only a request that hangs already ends with its connection.
  for (let i = 0; api.requests.length === before && i < 2_000; i++) await sleep(10);
  assert.equal(api.requests.at(-1)?.kind, "stream");
  const { reply } = await chain.ask({ ask: "unknown.global. A", edns: { size: 1_232 } });
  const [, hex = ""] = reply?.opt?.options[0]?.split(" ") ?? [];
  // RFC 8914: "No Reachable Authority".
  assert.equal(Buffer.from(hex, "hex").toString("latin1"), "\0\u0016ServiceEntries of the cluster may have changed");
  await askUntil(chain, "x.test.global. A", "240.0.0.3");
  await askUntil(chain, "x.test.global. AAAA", "NOERROR");
  api.apply(entry("new", { hosts: ["new.global"], addresses: ["240.0.0.20"] }));
  const heard = new Set<string>();
  api.dropConnections();
  // It comes back after a pause that grows, on a busy machine more than once.
  for (let i = 0; !heard.has("240.0.0.20") && i < 20_000; i++) {
    const { reply } = await chain.ask({ ask: "new.global. A" });
    heard.add(reply ? answerOf(reply) : "nothing");
    await sleep(1);
  }
  assert.deepEqual([...heard], ["SERVFAIL", "240.0.0.20"]);
  await askUntil(chain, "unknown.global. A", "NXDOMAIN");
  await stop();
});

describe("versions of the resource", () => {
  const all = ["v1", "v1beta1", "v1alpha3"].map((version) => `networking.istio.io/${version}`);
  for (const { absent, answer } of [
    { absent: [], answer: "240.0.0.3" },
    { absent: all.slice(0, 1), answer: "240.0.0.3" },
    { absent: all.slice(0, 2), answer: "240.0.0.3" },
    // A cluster that has none of them has no entries, which is no reason to wait.
    { absent: all, answer: "NXDOMAIN" },
  ]) {
    test(`without ${absent.join(", ") || "none"}`, async () => {
      const { chain, stop } = await start({ objects: ENTRIES, absent });
      assert.deepEqual(chain.unready(), []);
      const { reply } = await chain.ask({ ask: "x.test.global. A" });
      assert.equal(reply && answerOf(reply), answer);
      await stop();
    });
  }
});

test("what cannot be a host or an address is left out, and said once", async () => {
  const long = "x".repeat(65_536);
  const absurd = entry("absurd", {
    hosts: ["*", "a..global", "*x.global", "x.*.global", "", 7, null, long, `${"l".repeat(64)}.global`, "good.global"],
    addresses: ["240.0.0.1", "300.1.1.1", long, 7, null, "db.example.org"],
  });
  const { api, chain, stop } = await start({
    objects: [
      absurd,
      entry("crowd", {
        hosts: Array.from({ length: 300 }, (_, i) => `h${i}.crowd.global`),
        addresses: Array.from({ length: 5_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`),
      }),
      serviceEntry("no-spec", "mesh", undefined as never),
      entry("strings", { hosts: "strings.global", addresses: "240.0.0.1", exportTo: "x", endpoints: 5 }),
    ],
    options: "endpoints",
  });
  await askUntil(chain, "good.global. A", "240.0.0.1");
  await askUntil(chain, "strings.global. A", "NXDOMAIN");
  const { reply } = await chain.ask({ ask: "h255.crowd.global. A", over: "tcp" });
  assert.equal(reply?.answer.length, 256);
  await askUntil(chain, "h256.crowd.global. A", "NXDOMAIN");
  const said = () => chain.lines.filter(({ text }) => text.includes("ServiceEntry mesh/")).map(({ text }) => text);
  // The first list came before the test could listen.
  assert.deepEqual(said(), []);
  api.apply(entry("later", { hosts: ["good.global", "b\n.global"], addresses: ["x.y"] }));
  await askUntil(chain, "good.global. A", "240.0.0.1");
  for (let i = 0; said().length < 2 && i < 300; i++) await sleep(10);
  api.apply(entry("later", { hosts: ["later.global", "b\n.global"], addresses: ["240.0.0.2", "x.y"] }));
  await askUntil(chain, "later.global. A", "240.0.0.2");
  assert.deepEqual(said(), [
    'ServiceEntry mesh/later: no address: "x.y"',
    'ServiceEntry mesh/later: no name of a host: "b\\n.global"',
  ]);
  await stop();
});
