/**
 * Our API client against a real API server, with the rights that `deploy/` gives: what its sinks hold is what the API has,
 * through changes, a new token, restarts under load, and lost history.
 */
import assert from "node:assert/strict";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiClient } from "../../../src/kubernetes/api/client.ts";
import { inCluster } from "../../../src/kubernetes/api/credentials.ts";
import { Reflector } from "../../../src/kubernetes/api/reflector.ts";
import {
  type KubernetesObject,
  type ObjectKey,
  type ResourceQuery,
  type ResourceSink,
  versionHash,
} from "../../../src/kubernetes/api/resource.ts";
import { projectRoot } from "../../house/sources.ts";
import { freePorts } from "../../support/server.ts";
import { whyNot } from "./build.ts";
import { Cluster } from "./cluster.ts";
import * as objects from "./objects.ts";

/** Keeps objects as they came. */
class MapSink implements ResourceSink {
  readonly held = new Map<string, KubernetesObject>();
  #unseen = new Set<string>();

  get size(): number {
    return this.held.size;
  }

  beginList(): void {
    this.#unseen = new Set(this.held.keys());
  }

  endList(): void {
    for (const key of this.#unseen) this.held.delete(key);
  }

  upsert(object: KubernetesObject): void {
    const key = keyOf(object.metadata);
    this.held.set(key, object);
    this.#unseen.delete(key);
  }

  remove(object: KubernetesObject): void {
    this.held.delete(keyOf(object.metadata));
  }

  versionOf(namespace: string, name: string): number | undefined {
    const held = this.held.get(keyOf({ namespace, name }))?.metadata;
    return held && versionHash(held.uid, held.resourceVersion);
  }

  keys(): Iterable<ObjectKey> {
    return [...this.held.values()].map(({ metadata }) => metadata);
  }
}

const keyOf = ({ namespace, name }: ObjectKey) => `${namespace ?? ""}/${name}`;

/** The way to the API, which a test can cut. */
class Way {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  open = true;

  constructor(port: number, to: number) {
    this.#server = createServer((client) => {
      if (!this.open) return void client.destroy();
      const server = connect(to, "127.0.0.1");
      for (const [socket, other] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    }).listen(port, "127.0.0.1");
  }

  cut(): void {
    this.open = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}

const RESOURCES: readonly ResourceQuery[] = [
  { group: "", version: "v1", plural: "services" },
  { group: "", version: "v1", plural: "namespaces" },
  { group: "", version: "v1", plural: "pods" },
  { group: "discovery.k8s.io", version: "v1", plural: "endpointslices" },
  { group: "networking.istio.io", version: ["v1", "v1beta1"], plural: "serviceentries" },
];

const ACCOUNT = { space: "kube-system", name: "coredns" } as const;
const TIMING = { backoffFirstMs: 100, backoffMostMs: 1_000, idleMs: 10_000, watchSeconds: 6 };
/** On a machine that runs other tests beside. */
const PATIENCE_MS = 30_000;

describe("our client on a real API server", { skip: whyNot() ?? false, timeout: 1_200_000 }, () => {
  let cluster: Cluster;
  let way: Way;
  let client: ApiClient;
  let account: string;
  const sinks = RESOURCES.map(() => new MapSink());
  let reflectors: Reflector[] = [];
  const warnings: string[] = [];

  /** As the kubelet does it: the new file takes the old one's place at once. */
  const writeToken = (token: string) => {
    writeFileSync(join(account, "token.new"), token);
    renameSync(join(account, "token.new"), join(account, "token"));
  };

  /** What differs between the sinks and fresh lists, by the administrator. */
  const differences = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const [index, { group, version, plural }] of RESOURCES.entries()) {
      const first = typeof version === "string" ? version : version[0]!;
      const items = await cluster.list(`${group === "" ? "/api" : `/apis/${group}`}/${first}/${plural}`);
      const wanted = new Map(items.map(({ metadata }) => [keyOf(metadata), metadata.resourceVersion]));
      const held = sinks[index]!.held;
      for (const [key, resourceVersion] of wanted) {
        const own = held.get(key)?.metadata.resourceVersion;
        if (own !== resourceVersion) found.push(`${plural} ${key}: ${own ?? "missing"}, not ${resourceVersion}`);
      }
      for (const key of held.keys()) if (!wanted.has(key)) found.push(`${plural} ${key}: gone`);
    }
    return found;
  };

  const becomesEqual = async () => {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      // A server that has just started does not serve every path at once.
      const found = await differences().catch((error: Error) => [error.message]);
      const states = reflectors.map(({ state }) => state);
      if (found.length === 0 && states.every((state) => state === "synced")) return;
      const context = `${states}\n${found.slice(0, 20).join("\n")}\n${warnings.slice(-10).join("\n")}`;
      assert.ok(performance.now() < deadline, `not equal: ${context}`);
      await sleep(50);
    }
  };

  before(async () => {
    cluster = await Cluster.start();
    await cluster.create(objects.serviceEntryDefinition, objects.namespace("shop"));
    const kustomization = {
      resources: [join(projectRoot, "deploy/base")],
      components: [join(projectRoot, "deploy/components/istio")],
    };
    await cluster.applyKustomization(kustomization);
    await cluster.create(objects.secret("first", ACCOUNT.space));

    const [port] = await freePorts(1);
    way = new Way(port!, cluster.port);
    account = join(cluster.directory, "account");
    mkdirSync(account);
    writeFileSync(join(account, "ca.crt"), cluster.ca);
    writeToken(await cluster.token(ACCOUNT.space, ACCOUNT.name, "first"));
    const environment = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(port) };
    client = new ApiClient(inCluster(environment, account));
    const log = {
      info: () => {},
      warning: (text: string) => warnings.push(text),
      error: (text: string) => warnings.push(text),
    };
    reflectors = RESOURCES.map((query, i) => new Reflector(client, query, sinks[i]!, { log, timing: TIMING }));
    for (const reflector of reflectors) reflector.start();
  });
  after(async () => {
    await Promise.all(reflectors.map((reflector) => reflector.stop()));
    await client?.close();
    way?.close();
    await cluster?.stop();
  });

  test("lists what is there, with the rights of deploy/", async () => {
    await becomesEqual();
    assert.ok(sinks[0]!.held.has("default/kubernetes"));
    assert.ok(sinks[1]!.held.has("/shop"));
  });

  test("sees objects come, change and go", async () => {
    const web = objects.service("web", { clusterIP: "10.96.0.20" });
    await cluster.create(
      web,
      objects.service("db", { clusterIP: "None" }),
      objects.endpointSlice("db", [["10.244.0.5", "db-0"]]),
      objects.pod("db-0"),
      objects.serviceEntry("outside", ["*.test.global"], ["240.0.0.1"]),
    );
    await becomesEqual();
    await cluster.apply(
      objects.endpointSlice("db", [
        ["10.244.0.5", "db-0"],
        ["10.244.0.6", "db-1"],
      ]),
    );
    await cluster.delete(web, objects.pod("db-0"));
    await becomesEqual();
    assert.equal((sinks[3]!.held.get("shop/db-1")!.endpoints as unknown[]).length, 2);
    assert.ok(!sinks[0]!.held.has("shop/web"));
  });

  test("goes on with a new token when the old one has ended", async () => {
    const first = objects.secret("first", ACCOUNT.space);
    const old = await cluster.token(ACCOUNT.space, ACCOUNT.name, "first");
    await cluster.create(objects.secret("second", ACCOUNT.space));
    writeToken(await cluster.token(ACCOUNT.space, ACCOUNT.name, "second"));
    await cluster.delete(first);
    // So that the server remembers nothing, and every watch is asked for anew.
    await cluster.restart();
    assert.equal((await cluster.request("GET", "/api/v1/services", undefined, old)).status, 401);
    await cluster.create(objects.service("after-token", { clusterIP: "None" }));
    await becomesEqual();
  });

  test("misses nothing through restarts under load", async () => {
    let running = true;
    let written = 0;
    let refused = 0;
    const write = async (worker: number) => {
      for (let turn = 0; running; turn++) {
        const name = `load-${worker}-${turn % 20}`;
        const object = objects.endpointSlice(name, [[`10.244.${worker}.${turn % 250}`]]);
        const change = turn % 40 < 20 ? cluster.apply(object) : cluster.delete(object);
        await change.then(
          () => written++,
          () => refused++,
        );
        await sleep(5);
      }
    };
    const writers = [0, 1, 2].map(write);
    try {
      for (const signal of ["SIGKILL", "SIGTERM"] as const) {
        await sleep(1_000);
        await cluster.restart(signal);
      }
      await sleep(1_000);
    } finally {
      running = false;
      await Promise.all(writers);
    }
    assert.ok(written > 100, `${written} changes were taken, ${refused} were not`);
    await becomesEqual();
  });

  test("lists again when its history is lost, and forgets what went meanwhile", async () => {
    const lists = reflectors[0]!.lists;
    await cluster.create(
      objects.service("goes", { clusterIP: "None" }),
      objects.service("stays", { clusterIP: "None" }),
    );
    await becomesEqual();
    way.cut();
    await cluster.delete(objects.service("goes", {}));
    await cluster.create(objects.service("comes", { clusterIP: "None" }));
    await cluster.compact();
    await cluster.restart();
    assert.ok(sinks[0]!.held.has("shop/goes"), "what was known is known while the API is away");
    way.open = true;
    await becomesEqual();
    assert.ok(reflectors[0]!.lists > lists, "there was a new list");
    assert.deepEqual(
      ["goes", "stays", "comes"].map((name) => sinks[0]!.held.has(`shop/${name}`)),
      [false, true, true],
    );
  });

  test("a check finds what was lost on the way, and repairs it", async () => {
    const [name] = [...sinks[0]!.held.keys()].filter((key) => key.startsWith("shop/"));
    sinks[0]!.held.delete(name!);
    assert.equal(await reflectors[0]!.check(), 1);
    assert.deepEqual(await differences(), []);
  });
});
