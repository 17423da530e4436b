/** A reflector of Services before a test API server, and a sink that is a plain map. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Access } from "../../../src/kubernetes/api/access.ts";
import { ApiClient, type ClientOptions } from "../../../src/kubernetes/api/client.ts";
import { fromEndpoint } from "../../../src/kubernetes/api/credentials.ts";
import { Reflector } from "../../../src/kubernetes/api/reflector.ts";
import {
  type KubernetesObject,
  type ObjectKey,
  type ReflectorState,
  type ResourceQuery,
  type ResourceSink,
  versionHash,
} from "../../../src/kubernetes/api/resource.ts";
import type { Timing } from "../../../src/kubernetes/api/timing.ts";
import { type Manifest, service } from "../../support/api-objects.ts";
import { ApiServer, type ApiServerOptions } from "../../support/api-server.ts";

export class MapSink implements ResourceSink {
  /** By `namespace/name`: the object's JSON, as it was when it came. */
  readonly held = new Map<string, string>();
  /** Names that have gone, in order, by whatever way. */
  readonly removed: string[] = [];
  /** Objects that it does not want. */
  refuses: (object: KubernetesObject) => boolean = () => false;
  upserts = 0;
  #marks: Set<string> | undefined;

  get size(): number {
    return this.held.size;
  }

  beginList(): void {
    this.#marks = new Set();
  }

  endList(): void {
    assert.ok(this.#marks, "no list ends that has not begun");
    for (const key of [...this.held.keys()]) if (!this.#marks.has(key)) this.#drop(key);
    this.#marks = undefined;
  }

  upsert(object: KubernetesObject): void {
    this.upserts++;
    if (this.refuses(object)) return;
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    this.#marks?.add(key);
    this.held.set(key, JSON.stringify(object));
  }

  remove({ metadata: { namespace, name } }: KubernetesObject): void {
    this.#drop(`${namespace}/${name}`);
  }

  versionOf(namespace: string, name: string): number | undefined {
    const json = this.held.get(`${namespace}/${name}`);
    if (json === undefined) return undefined;
    const { metadata } = JSON.parse(json) as KubernetesObject;
    return versionHash(metadata.uid, metadata.resourceVersion);
  }

  *keys(): Iterable<ObjectKey> {
    for (const key of this.held.keys()) {
      const [namespace, name] = key.split("/") as [string, string];
      yield { namespace, name };
    }
  }

  /** Names and versions, to compare with those of the server. */
  versions(): Record<string, string> {
    const entries = [...this.held].map(([key, json]) => [key, JSON.parse(json).metadata.resourceVersion]);
    return Object.fromEntries(entries.sort());
  }

  #drop(key: string): void {
    if (this.held.delete(key)) this.removed.push(key);
  }
}

/** Short enough for tests, in the proportions of the real ones. */
export const QUICK: Timing = {
  ...{ idleMs: 3_000, watchSeconds: 2, listMs: 2_000, backoffFirstMs: 20, backoffMostMs: 200 },
  ...{ checkMs: 0, graceMs: 30 },
};

export const SERVICES: ResourceQuery = { group: "", version: "v1", plural: "services" };

/** `web-0`, `web-1` … in `shop`. */
export function services(count: number): Manifest[] {
  return Array.from({ length: count }, (_, i) => service(`web-${i}`, "shop", [`10.0.${i >> 8}.${i & 255}`]));
}

export interface Setting {
  readonly api: ApiServer;
  readonly sink: MapSink;
  readonly reflector: Reflector;
  readonly client: ApiClient;
  readonly states: ReflectorState[];
  readonly logged: string[];
  /** Waits until the sink holds what the server has. */
  equal(): Promise<void>;
}

export interface SettingOptions extends ApiServerOptions {
  readonly timing?: Partial<Timing>;
  readonly query?: Partial<ResourceQuery>;
  readonly client?: ClientOptions;
  readonly access?: (api: ApiServer) => Access;
  /** Called before the reflector starts. */
  readonly prepare?: (api: ApiServer, sink: MapSink) => void | Promise<void>;
}

export async function start(t: TestContext, options: SettingOptions = {}): Promise<Setting> {
  const api = await ApiServer.start({ objects: services(3), ...options });
  const sink = new MapSink();
  await options.prepare?.(api, sink);
  const states: ReflectorState[] = [];
  const logged: string[] = [];
  const note = (text: string) => logged.push(text);
  const access = options.access?.(api) ?? fromEndpoint(api.url);
  const client = new ApiClient(access, options.client);
  const reflector = new Reflector(client, { ...SERVICES, ...options.query }, sink, {
    log: { info: note, warning: note },
    timing: { ...QUICK, ...options.timing },
    onChange: (state) => states.push(state),
  });
  t.after(async () => {
    await reflector.stop();
    client.close();
    await api.close();
  });
  reflector.start();
  const equal = () => until(() => JSON.stringify(sink.versions()) === JSON.stringify(versionsOf(api)), "equal");
  return { api, sink, reflector, client, states, logged, equal };
}

export function versionsOf(api: ApiServer): Record<string, string> {
  const entries: [string, string][] = [];
  for (const { plural, group } of [SERVICES]) {
    const stored = api.store.all(group, plural);
    entries.push(...stored.map(({ key, version }): [string, string] => [key, String(version)]));
  }
  return Object.fromEntries(entries.sort());
}

/** Waits for `condition`; says what did not come when it takes too long. */
export async function until(condition: () => boolean, what: string, mostMs = 8_000): Promise<void> {
  const end = performance.now() + mostMs;
  while (!condition()) {
    if (performance.now() > end) assert.fail(`not within ${mostMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
