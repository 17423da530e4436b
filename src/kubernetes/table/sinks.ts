/** What the API's lists and watches flow into: one sink for each resource, all into one table. */
import { setImmediate } from "node:timers/promises";
import type { KubernetesObject, ObjectKey, ResourceSink } from "../api/resource.ts";
import type { ClusterTable } from "./cluster-table.ts";
import { fieldsOf, textOf } from "./fields.ts";
import type { Held } from "./held.ts";
import { ServiceFlag, ServiceKind } from "./layout.ts";
import type { Namespaces } from "./namespaces.ts";
import type { Pods } from "./pods.ts";
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

/** What is the same for all of them: mark and sweep, and the walk over what is held. */
abstract class TableSink implements ResourceSink {
  readonly #table: ClusterTable;
  readonly #held: Held;

  constructor(table: ClusterTable, held: Held) {
    this.#table = table;
    this.#held = held;
  }

  get size(): number {
    return this.#held.count;
  }

  beginList(): void {
    this.#held.beginList();
  }

  async endList(): Promise<void> {
    let dropped = 0;
    for (const id of this.ids()) {
      if (!this.#held.isStale(id)) continue;
      this.drop(id);
      if (++dropped % DROPS === 0) {
        this.#table.reclaim();
        await setImmediate();
      }
    }
    this.#table.reclaim();
  }

  upsert(object: KubernetesObject): void {
    this.write(object);
    this.#table.reclaim();
  }

  remove(object: KubernetesObject): void {
    const id = this.find(object.metadata.namespace, object.metadata.name);
    if (id !== 0) this.drop(id);
    this.#table.reclaim();
  }

  versionOf(namespace: string, name: string): number | undefined {
    const id = this.find(namespace, name);
    return id !== 0 && this.#held.has(id) ? this.#held.version(id) : undefined;
  }

  *keys(): Generator<ObjectKey> {
    for (const id of this.ids()) if (this.#held.has(id)) yield this.key(id);
  }

  protected abstract ids(): Iterable<number>;
  protected abstract write(object: KubernetesObject): void;
  /** 0 when it is not there. */
  protected abstract find(namespace: string, name: string): number;
  protected abstract drop(id: number): void;
  protected abstract key(id: number): ObjectKey;
}

abstract class ServicesSink extends TableSink {
  readonly #space: ServiceSpace;

  constructor(table: ClusterTable, space: ServiceSpace) {
    super(table, space.heldServices);
    this.#space = space;
  }

  protected override ids(): Iterable<number> {
    return this.#space.services.ids();
  }

  protected override write(object: KubernetesObject): void {
    this.#space.upsertService(object);
  }

  protected override find(namespace: string, name: string): number {
    return this.#space.findService(namespace, name);
  }

  protected override drop(id: number): void {
    this.#space.removeService(id);
  }

  protected override key(id: number): ObjectKey {
    return this.#space.serviceName(id);
  }
}

export class ServiceSink extends ServicesSink {
  constructor(table: ClusterTable) {
    super(table, table.services);
  }
}

/** multicluster.x-k8s.io ServiceImports. */
export class ServiceImportSink extends ServicesSink {
  constructor(table: ClusterTable) {
    super(table, table.imports);
  }
}

abstract class SlicesSink extends TableSink {
  protected readonly space: ServiceSpace;

  constructor(table: ClusterTable, space: ServiceSpace) {
    super(table, space.heldSlices);
    this.space = space;
  }

  protected override ids(): Iterable<number> {
    return this.space.slices.ids();
  }

  protected override find(namespace: string, name: string): number {
    return this.space.findSlice(namespace, name);
  }

  protected override drop(id: number): void {
    this.space.removeSlice(id);
  }

  protected override key(id: number): ObjectKey {
    return this.space.sliceName(id);
  }

  /** The slice of `service`, or of none when its label names none: then it is others that it speaks to. */
  protected writeSlice(object: KubernetesObject, service: string, cluster: string): void {
    // No Service has capitals in its name, labels may.
    if (service !== "" && service === service.toLowerCase()) {
      this.space.upsertSlice(object, service, cluster);
      return;
    }
    const { namespace, name } = object.metadata;
    const id = this.find(namespace, name);
    if (id !== 0) this.drop(id);
  }
}

export class EndpointSliceSink extends SlicesSink {
  constructor(table: ClusterTable) {
    super(table, table.services);
  }

  protected override write(object: KubernetesObject): void {
    this.writeSlice(object, textOf(fieldsOf(object.metadata.labels)[SERVICE_NAME]), "");
  }

  /** When what led to a slice as it is has happened, as the API says it. Undefined without that, or without its Service. */
  triggerOf({ metadata }: KubernetesObject): Trigger | undefined {
    const time = textOf(fieldsOf(metadata.annotations)[TRIGGER]);
    const id = time === "" ? 0 : this.find(metadata.namespace, metadata.name);
    const flags = id === 0 ? 0 : this.space.flagsOfSlice(id);
    if ((flags & ServiceFlag.OBJECT) === 0) return undefined;
    if ((flags & ServiceFlag.KIND) !== ServiceKind.HEADLESS) return { time, kind: "cluster_ip" };
    return { time, kind: flags & ServiceFlag.SELECTOR ? "headless_with_selector" : "headless_without_selector" };
  }
}

/** EndpointSlices that belong to ServiceImports. */
export class ImportSliceSink extends SlicesSink {
  constructor(table: ClusterTable) {
    super(table, table.imports);
  }

  protected override write(object: KubernetesObject): void {
    const labels = fieldsOf(object.metadata.labels);
    this.writeSlice(object, textOf(labels[IMPORT_NAME]), textOf(labels[SOURCE_CLUSTER]));
  }
}

export class NamespaceSink extends TableSink {
  readonly #namespaces: Namespaces;

  constructor(table: ClusterTable) {
    super(table, table.namespaces.held);
    this.#namespaces = table.namespaces;
  }

  protected override ids(): Iterable<number> {
    return this.#namespaces.directory.ids();
  }

  protected override write(object: KubernetesObject): void {
    this.#namespaces.upsert(object);
  }

  protected override find(_: string, name: string): number {
    return this.#namespaces.find(name);
  }

  protected override drop(id: number): void {
    this.#namespaces.remove(id);
  }

  protected override key(id: number): ObjectKey {
    return { namespace: "", name: this.#namespaces.name(id) };
  }
}

export class PodSink extends TableSink {
  readonly #pods: Pods;

  constructor(table: ClusterTable) {
    super(table, table.pods.held);
    this.#pods = table.pods;
  }

  protected override ids(): Iterable<number> {
    return this.#pods.directory.ids();
  }

  protected override write(object: KubernetesObject): void {
    this.#pods.upsert(object);
  }

  protected override find(namespace: string, name: string): number {
    return this.#pods.find(namespace, name);
  }

  protected override drop(id: number): void {
    this.#pods.remove(id);
  }

  protected override key(id: number): ObjectKey {
    return { namespace: this.#pods.namespace(id), name: this.#pods.name(id) };
  }
}
