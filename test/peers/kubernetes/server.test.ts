/**
 * The whole server in a real cluster's place, with the rights of `deploy/`: it answers as CoreDNS does beside it, follows
 * changes, and goes on answering while its token changes and the API server restarts.
 */
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pluginPages } from "../../../scripts/generated-pages.ts";
import { projectRoot } from "../../house/sources.ts";
import { findCoreDns } from "../../support/coredns.ts";
import { get } from "../../support/http.ts";
import { freePorts, TestServer } from "../../support/server.ts";
import { type DecodedReply, withAnyTtl } from "../../support/wire.ts";
import { whyNot } from "./build.ts";
import { Cluster } from "./cluster.ts";
import * as objects from "./objects.ts";

const COREFILE = `.:{PORT} {
  errors
  ready 127.0.0.1:{READY}
  prometheus 127.0.0.1:{METRICS}
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig {KUBECONFIG}
    pods verified
    endpoint_pod_names
    ttl 30
  }
  cache 30
}
`;

const QUESTIONS = [
  ...["web", "db", "out", "dual", "none", "empty"].flatMap((name) =>
    ["A", "AAAA", "SRV", "TXT", "MX"].map((type) => `${name}.shop.svc.cluster.local. ${type}`),
  ),
  ...["_http._tcp.web", "_http._tcp.db", "_http._udp.db", "_none._tcp.db"].map(
    (name) => `${name}.shop.svc.cluster.local. SRV`,
  ),
  ...["db-0.db.shop.svc", "db-1.db.shop.svc", "10-244-0-7.db.shop.svc", "db-9.db.shop.svc"].map(
    (name) => `${name}.cluster.local. A`,
  ),
  ...[
    "10-244-0-5.shop.pod",
    "10-244-0-99.shop.pod",
    "no-address.shop.pod",
    "shop.pod",
    "shop.svc",
    "svc",
    "none.svc",
  ].map((name) => `${name}.cluster.local. A`),
  ...["cluster.local. SOA", "cluster.local. NS", "cluster.local. A", "dns-version.cluster.local. TXT"],
  ...[
    "5.0.244.10.in-addr.arpa. PTR",
    "7.0.244.10.in-addr.arpa. PTR",
    "20.0.96.10.in-addr.arpa. PTR",
    "1.2.0.192.in-addr.arpa. PTR",
  ],
  "web.shop.svc.cluster.local.shop.svc.cluster.local. A",
  "WeB.Shop.SVC.cluster.local. A",
];

const ACCOUNT = { space: "kube-system", name: "coredns" } as const;
/** On a machine that runs other tests beside. */
const PATIENCE_MS = 20_000;

/**
 * What must be equal. The serial of an SOA is the time, and the order of records is free, as are letters: a name that points
 * to the question has those of the question.
 */
function comparable(reply: DecodedReply | undefined): unknown {
  if (!reply) return undefined;
  const lines = (section: readonly string[]) =>
    section
      .map((line) => withAnyTtl(line).toLowerCase())
      .map((line) => line.replace(/( soa \S+ \S+) .*$/, "$1"))
      .sort();
  return {
    rcode: reply.rcode,
    flags: reply.flags,
    question: reply.question,
    answer: lines(reply.answer),
    authority: lines(reply.authority),
    additional: lines(reply.additional),
  };
}

/** Of all records, in ascending order. */
function ttls(reply: DecodedReply | undefined): number[] {
  const records = [...(reply?.answer ?? []), ...(reply?.authority ?? []), ...(reply?.additional ?? [])];
  return records.map((line) => Number(line.split(" ")[1])).sort((a, b) => a - b);
}

describe("the whole server on a real API server", { skip: whyNot() ?? false, timeout: 1_200_000 }, () => {
  let cluster: Cluster;
  let server: TestServer;
  let placeholders: Record<string, string>;

  /** A kubeconfig with this token takes the place of the one before at once. */
  const writeToken = (token: string) => {
    const name = "account";
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name, cluster: { server: cluster.url, "certificate-authority": cluster.caFile } }],
      users: [{ name, user: { token } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      "current-context": name,
    };
    writeFileSync(`${placeholders.KUBECONFIG}.new`, JSON.stringify(config));
    renameSync(`${placeholders.KUBECONFIG}.new`, placeholders.KUBECONFIG!);
  };
  const addresses = async (name: string): Promise<string> => {
    const reply = await server.ask({ ask: `${name}.shop.svc.cluster.local. A` });
    return reply ? [reply.rcode, ...reply.answer.map((line) => line.split(" ").at(-1)!).sort()].join(" ") : "no reply";
  };
  const becomes = async (name: string, wanted: string) => {
    const deadline = performance.now() + PATIENCE_MS;
    for (let found = await addresses(name); found !== wanted; found = await addresses(name)) {
      assert.ok(
        performance.now() < deadline,
        `${name}: ${found}, not ${wanted}\n${server.lines.slice(-20).join("\n")}`,
      );
      await sleep(20);
    }
  };

  before(async () => {
    cluster = await Cluster.start();
    await cluster.create(
      objects.namespace("shop"),
      objects.service("web", { clusterIP: "10.96.0.20" }),
      objects.service("db", { clusterIP: "None" }),
      objects.service("out", { type: "ExternalName", externalName: "web.shop.svc.cluster.local", ports: null }),
      objects.service("dual", {
        clusterIPs: ["10.96.0.21", "fd00:10:96::21"],
        clusterIP: "10.96.0.21",
        ipFamilyPolicy: "RequireDualStack",
      }),
      objects.service("empty", { clusterIP: "None" }),
      objects.endpointSlice("db", [["10.244.0.5", "db-0"], ["10.244.0.6", "db-1"], ["10.244.0.7"]]),
      objects.endpointSlice("db", [["fd00:244::5", "db-0"]], "2"),
      objects.pod("db-0"),
      objects.secret("first", ACCOUNT.space),
    );
    await cluster.request("PATCH", "/api/v1/namespaces/shop/pods/db-0/status?fieldManager=test", {
      ...objects.pod("db-0"),
      spec: undefined,
      status: { phase: "Running", podIP: "10.244.0.5", podIPs: [{ ip: "10.244.0.5" }] },
    });
    await cluster.applyKustomization({ resources: [join(projectRoot, "deploy/base")] });
    const [ready, metrics] = await freePorts(2);
    placeholders = { KUBECONFIG: join(cluster.directory, "account.json"), READY: `${ready}`, METRICS: `${metrics}` };
    writeToken(await cluster.token(ACCOUNT.space, ACCOUNT.name, "first"));
    server = await TestServer.start({ corefile: COREFILE, placeholders });
  });
  after(async () => {
    await server?.stop();
    await cluster?.stop();
  });

  test("is ready", async () => {
    const deadline = performance.now() + PATIENCE_MS;
    while ((await get(Number(placeholders.READY), "/ready"))?.status !== 200) {
      assert.ok(performance.now() < deadline, server.lines.join("\n"));
      await sleep(50);
    }
  });

  test("answers as CoreDNS does", async (context) => {
    const command = findCoreDns();
    if (command === undefined) {
      assert.ok(!process.env.CI, "coredns is not here");
      return context.skip("coredns is not here");
    }
    const [ready, metrics] = await freePorts(2);
    const ports = { READY: `${ready}`, METRICS: `${metrics}` };
    const other = await TestServer.start({ corefile: COREFILE, placeholders: { ...placeholders, ...ports }, command });
    try {
      const known = new Set<string>();
      for (const ask of QUESTIONS) {
        // What both keep already they count down, each from its own moment.
        const apart = known.has(ask.toLowerCase()) ? 1 : 0;
        known.add(ask.toLowerCase());
        const [ours, theirs] = [await server.ask({ ask }), await other.ask({ ask })];
        await context.test(ask, () => {
          assert.deepEqual(comparable(ours), comparable(theirs));
          ttls(theirs).forEach((ttl, i) => {
            assert.ok(Math.abs(ttl - ttls(ours)[i]!) <= apart, `TTLs ${ttls(ours)}, of CoreDNS ${ttls(theirs)}`);
          });
        });
      }
    } finally {
      await other.stop();
    }
  });

  test("follows changes, also of what it has answered before", async () => {
    await becomes("late", "NXDOMAIN");
    await cluster.create(
      objects.service("late", { clusterIP: "None" }),
      objects.endpointSlice("late", [["10.244.3.1"]]),
    );
    await becomes("late", "NOERROR 10.244.3.1");
    await cluster.apply(objects.endpointSlice("late", [["10.244.3.1"], ["10.244.3.2"]]));
    await becomes("late", "NOERROR 10.244.3.1 10.244.3.2");
    await cluster.delete(objects.service("late", {}), objects.endpointSlice("late", []));
    await becomes("late", "NXDOMAIN");
  });

  test("goes on answering while its token ends and the API server restarts, and follows changes after", async () => {
    let running = true;
    const wrong: string[] = [];
    let right = 0;
    const asking = (async () => {
      while (running) {
        const found = await addresses("web");
        if (found === "NOERROR 10.96.0.20") right++;
        else wrong.push(found);
        await sleep(5);
      }
    })();
    try {
      await cluster.create(objects.secret("second", ACCOUNT.space));
      writeToken(await cluster.token(ACCOUNT.space, ACCOUNT.name, "second"));
      await cluster.delete(objects.secret("first", ACCOUNT.space));
      await cluster.restart();
      await cluster.create(objects.service("after", { clusterIP: "10.96.0.40" }));
      await becomes("after", "NOERROR 10.96.0.40");
      await cluster.compact();
      await cluster.restart("SIGTERM");
      await cluster.delete(objects.service("after", {}));
      await becomes("after", "NXDOMAIN");
    } finally {
      running = false;
      await asking;
    }
    assert.deepEqual(wrong, []);
    assert.ok(right > 100, `${right} answers`);
  });

  test("counts what its page says, with these labels", async () => {
    const { text } = (await get(Number(placeholders.METRICS), "/metrics"))!;
    const documented = new Map(
      pluginPages(projectRoot)
        .get("kubernetes")!
        .metrics.map(({ name, labels }) => [name, [...labels].sort().join()]),
    );
    const seen = new Map<string, string>();
    for (const [, line = "", labels = ""] of text.matchAll(/^(\w+_kubernetes_[a-z_]+)(?:\{(.*)\})? \S+$/gm)) {
      const base = line.replace(/_(bucket|sum|count)$/, "");
      const names = [...labels.matchAll(/(?:^|,)(\w+)="/g)].map((match) => match[1]!).filter((label) => label !== "le");
      seen.set(documented.has(line) ? line : base, names.sort().join());
    }
    assert.ok(seen.size >= 5, [...seen.keys()].join());
    assert.deepEqual(
      [...seen]
        .filter(([name, labels]) => documented.get(name) !== labels)
        .map(([name, labels]) => `${name}{${labels}}`),
      [],
    );
  });
});
