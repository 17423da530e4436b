/**
 * The cluster as the supervisor follows it: the record table, and for each resource that is wanted a reflector that keeps it
 * equal to what the API has. All that want the same of the same API share one, blocks as well as the configurations before and
 * after a reload: what is known is not lost while the API is away, and not kept twice. `users` counts who leans on it.
 */
import { accessOf } from "../../kubernetes/access-options.ts";
import type { Access } from "../../kubernetes/api/access.ts";
import { ApiClient } from "../../kubernetes/api/client.ts";
import { describeReflector } from "../../kubernetes/api/describe.ts";
import { Reflector } from "../../kubernetes/api/reflector.ts";
import type { KubernetesObject, ResourceQuery } from "../../kubernetes/api/resource.ts";
import { ClusterTable } from "../../kubernetes/table/cluster-table.ts";
import { Resource, SyncState } from "../../kubernetes/table/layout.ts";
import { importSlicesOf, type Rows, servicesOf, slicesOf, TableSink, triggerOf } from "../../kubernetes/table/sinks.ts";
import { collectSoon } from "../../memory/retire.ts";
import { native } from "../../native/index.ts";
import type { ControlContext } from "../../plugin/context.ts";
import { ClusterMetrics } from "./cluster-metrics.ts";
import type { KubernetesConfig } from "./config.ts";

const SLICES = { group: "discovery.k8s.io", version: "v1", plural: "endpointslices" } as const;
const SERVICE_IMPORTS = {
  group: "multicluster.x-k8s.io",
  version: ["v1alpha1", "v1beta1"],
  plural: "serviceimports",
  optional: true,
} as const;
/** Pods that have ended, or that nobody knows of, have no address. */
const LIVE_PODS = "status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown";
const IMPORT_LABEL = "multicluster.kubernetes.io/service-name";
/** How often the table may put itself in order. */
const TIDY_MS = 100;

/** One resource, and what follows it. */
export interface Followed {
  readonly resource: Resource;
  readonly name: string;
  readonly reflector: Reflector;
}

interface FollowOptions {
  /** For operators. */
  readonly name?: string;
  /** Called for each change that a watch brings. */
  readonly onEvent?: (object: KubernetesObject) => void;
}

/** Those that somebody leans on, by `wishesOf`. */
export const clusters = new Map<string, Cluster>();

export class Cluster {
  readonly table: ClusterTable;
  readonly followed: readonly Followed[];
  readonly #client: ApiClient;
  readonly #metrics: ClusterMetrics;
  readonly #timer: NodeJS.Timeout;
  readonly #wishes: string;
  #users = 0;

  /** Who has it leans on it until `release`. */
  static async open(config: KubernetesConfig, context: ControlContext): Promise<Cluster> {
    const access = await accessOf(config);
    const wishes = wishesOf(config, access);
    const cluster = clusters.get(wishes) ?? new Cluster(config, context, access, wishes);
    return cluster.#use();
  }

  private constructor(config: KubernetesConfig, context: ControlContext, access: Access, wishes: string) {
    this.#wishes = wishes;
    this.#metrics = new ClusterMetrics(context);
    this.table = new ClusterTable({
      podNames: config.endpointPodNames,
      zones: config.zonal,
      podLabels: config.pods === "verified",
      onAbsurd: (object, reason) => context.log.warning(`${object}: ${reason}`),
    });
    this.#client = new ApiClient(access, {
      limits: {
        ...(config.apiServerQps && { qps: config.apiServerQps }),
        ...(config.apiServerBurst && { burst: config.apiServerBurst }),
        ...(config.apiServerMaxInflight && { maxInFlight: config.apiServerMaxInflight }),
      },
      hooks: this.#metrics,
    });
    for (const resource of Object.values(Resource)) this.table.setState(resource, SyncState.UNWATCHED);
    const { table } = this;
    const followed: Followed[] = [];
    const follow = (
      resource: Resource,
      rows: Rows,
      query: ResourceQuery,
      { name = query.plural, onEvent }: FollowOptions = {},
    ): void => {
      table.setState(resource, SyncState.STARTING);
      const reflector: Reflector = new Reflector(this.#client, query, new TableSink(table, rows), {
        log: context.log,
        timing: { checkMs: config.checkIntervalMs },
        ...(onEvent && { onEvent }),
        onChange: (state) => {
          table.setState(resource, stateOf(reflector));
          // A list leaves as much garbage behind as it had bytes, and a quiet cluster makes none that would have it collected.
          if (state === "synced") collectSoon();
        },
      });
      followed.push({ resource, name, reflector });
    };
    const labels = config.labels === "" ? {} : { labelSelector: config.labels };
    follow(Resource.SERVICES, servicesOf(table.services), { group: "", version: "v1", plural: "services", ...labels });
    if (config.endpoints) {
      // What a list brings was changed long ago.
      const onEvent = (object: KubernetesObject): void => {
        const trigger = triggerOf(table.services, object);
        if (trigger !== undefined) this.#metrics.programmed(trigger);
      };
      follow(Resource.ENDPOINT_SLICES, slicesOf(table.services), { ...SLICES, ...labels }, { onEvent });
    }
    follow(Resource.NAMESPACES, table.namespaces, {
      group: "",
      version: "v1",
      plural: "namespaces",
      ...(config.namespaceLabels !== "" && { labelSelector: config.namespaceLabels }),
    });
    if (config.pods === "verified") {
      const query = { group: "", version: "v1", plural: "pods", fieldSelector: LIVE_PODS, ...labels };
      follow(Resource.PODS, table.pods, query);
    }
    if (config.multicluster.length > 0) {
      follow(Resource.SERVICE_IMPORTS, servicesOf(table.imports), SERVICE_IMPORTS);
      const slices = { ...SLICES, labelSelector: IMPORT_LABEL };
      if (config.endpoints)
        follow(Resource.IMPORT_SLICES, importSlicesOf(table.imports), slices, {
          name: "endpointslices of serviceimports",
        });
    }
    this.followed = followed;
    this.#timer = setInterval(() => {
      table.tidy((bytes) => native?.releasePages(bytes));
      this.#metrics.count(this);
    }, TIDY_MS).unref();
    clusters.set(this.#wishes, this);
    for (const { reflector } of followed) reflector.start();
  }

  #use(): this {
    this.#users++;
    return this;
  }

  /** Every resource has been read completely, or does not exist in this cluster. */
  get isSynced(): boolean {
    return this.followed.every(({ reflector }) => reflector.synced || reflector.absent);
  }

  /** How far each resource is known, for operators. */
  describe(): readonly string[] {
    return this.followed.map(({ name, reflector }) => describeReflector(name, reflector));
  }

  async release(): Promise<void> {
    if (--this.#users > 0) return;
    clusters.delete(this.#wishes);
    clearInterval(this.#timer);
    await Promise.all(this.followed.map(({ reflector }) => reflector.stop()));
    this.#client.close();
  }
}

/**
 * What decides where a cluster is, what is followed of it and what of that is kept; the other options are about answers. A
 * kubeconfig may name another server or context than before.
 */
function wishesOf(config: KubernetesConfig, { server, proxy, context }: Access): string {
  return JSON.stringify([
    [server, proxy, context, config.tls, config.kubeconfig],
    [config.apiServerQps, config.apiServerBurst, config.apiServerMaxInflight, config.checkIntervalMs],
    [config.labels, config.namespaceLabels, config.pods === "verified", config.endpoints],
    [config.endpointPodNames, config.zonal, config.multicluster.length > 0],
  ]);
}

function stateOf(reflector: Reflector): SyncState {
  // What the API does not have at all is not missing.
  if (reflector.absent || reflector.state === "synced") return SyncState.SYNCED;
  return reflector.synced ? SyncState.DOUBTFUL : SyncState.STARTING;
}
