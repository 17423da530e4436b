/** What the API's lists and watches flow into: one sink for each resource, all into one table. */
import { setImmediate } from "node:timers/promises";
import type { RowDirectory } from "../../memory/row-directory.ts";
import type { KubernetesObject, ObjectKey, ResourceSink } from "../api/resource.ts";
import { type Fields, fieldsOf, textOf } from "../fields.ts";
import type { ClusterTable } from "./cluster-table.ts";
import type { Held } from "./held.ts";
import { ServiceFlag, ServiceKind } from "./layout.ts";
import type { ServiceSpace } from "./service-space.ts";

/** Objects that one turn of the loop takes out: a few milliseconds. */
const DROPS = 1_000;
const TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time";
const SERVICE_NAME = "kubernetes.io/service-name";
const IMPORT_NAME = "multicluster.kubernetes.io/service-name";
const SOURCE_CLUSTER = "multicluster.kubernetes.io/source-cluster";

export interface Trigger {
  readonly time: string;
  /** As CoreDNS labels `dns_programming_duration_seconds`. */
  readonly kind: "cluster_ip" | "headless_with_selector" | "headless_without_selector";
}

/** The rows of one resource. */
export interface Rows {
  readonly held: Held;
  readonly directory: RowDirectory;
  upsert(object: KubernetesObject): void;
  /** 0 when it is not there. */
  find(namespace: string, name: string): number;
  remove(id: number): void;
  key(id: number): ObjectKey;
}

/** Mark and sweep, and the walk over what is held. */
export class TableSink implements ResourceSink {
  readonly #table: ClusterTable;
  readonly #rows: Rows;

  constructor(table: ClusterTable, rows: Rows) {
    this.#table = table;
    this.#rows = rows;
  }

  get size(): number {
    return this.#rows.held.count;
  }

  beginList(): void {
    this.#rows.held.beginList();
  }

  async endList(): Promise<void> {
    const { directory, held } = this.#rows;
    let dropped = 0;
    for (const id of directory.ids()) {
      if (!held.isStale(id)) continue;
      this.#rows.remove(id);
      if (++dropped % DROPS === 0) {
        this.#table.reclaim();
        await setImmediate();
      }
    }
    this.#table.reclaim();
  }

  upsert(object: KubernetesObject): void {
    this.#rows.upsert(object);
    this.#table.reclaim();
  }

  remove({ metadata }: KubernetesObject): void {
    const id = this.#rows.find(metadata.namespace, metadata.name);
    if (id !== 0) this.#rows.remove(id);
    this.#table.reclaim();
  }

  versionOf(namespace: string, name: string): number | undefined {
    const { held } = this.#rows;
    const id = this.#rows.find(namespace, name);
    return id !== 0 && held.has(id) ? held.version(id) : undefined;
  }

  *keys(): Generator<ObjectKey> {
    const { directory, held } = this.#rows;
    for (const id of directory.ids()) if (held.has(id)) yield this.#rows.key(id);
  }
}

/** Services, or multicluster.x-k8s.io ServiceImports. */
export function servicesOf(space: ServiceSpace): Rows {
  return {
    held: space.heldServices,
    directory: space.services,
    upsert: (object) => space.upsertService(object),
    find: (namespace, name) => space.findService(namespace, name),
    remove: (id) => space.removeService(id),
    key: (id) => space.serviceName(id),
  };
}

/** EndpointSlices that belong to Services. */
export function slicesOf(space: ServiceSpace): Rows {
  return slices(space, (labels) => ({ service: textOf(labels[SERVICE_NAME]), cluster: "" }));
}

/** EndpointSlices that belong to ServiceImports. */
export function importSlicesOf(space: ServiceSpace): Rows {
  return slices(space, (labels) => ({
    service: textOf(labels[IMPORT_NAME]),
    cluster: textOf(labels[SOURCE_CLUSTER]),
  }));
}

function slices(space: ServiceSpace, ownerOf: (labels: Fields) => { service: string; cluster: string }): Rows {
  const find = (namespace: string, name: string): number => space.findSlice(namespace, name);
  const remove = (id: number): void => space.removeSlice(id);
  return {
    held: space.heldSlices,
    directory: space.slices,
    upsert: (object) => {
      const { namespace, name, labels } = object.metadata;
      const { service, cluster } = ownerOf(fieldsOf(labels));
      // No Service has capitals in its name, labels may.
      if (service !== "" && service === service.toLowerCase()) {
        space.upsertSlice(object, service, cluster);
        return;
      }
      // Where the label names none, it is others that it speaks to.
      const id = find(namespace, name);
      if (id !== 0) remove(id);
    },
    find,
    remove,
    key: (id) => space.sliceName(id),
  };
}

/** When what led to a slice as it is has happened, as the API says it. Undefined without that, or without its Service. */
export function triggerOf(space: ServiceSpace, { metadata }: KubernetesObject): Trigger | undefined {
  const time = textOf(fieldsOf(metadata.annotations)[TRIGGER]);
  const id = time === "" ? 0 : space.findSlice(metadata.namespace, metadata.name);
  const flags = id === 0 ? 0 : space.flagsOfSlice(id);
  if ((flags & ServiceFlag.OBJECT) === 0) return undefined;
  if ((flags & ServiceFlag.KIND) !== ServiceKind.HEADLESS) return { time, kind: "cluster_ip" };
  return { time, kind: flags & ServiceFlag.SELECTOR ? "headless_with_selector" : "headless_without_selector" };
}
