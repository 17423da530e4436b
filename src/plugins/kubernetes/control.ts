/** The control half of kubernetes: follows the cluster, waits for it at the start, and says where its table is. */
import { networkInterfaces } from "node:os";
import { offerCluster } from "../../kubernetes/clusters.ts";
import type { ClusterMemory } from "../../kubernetes/table/layout.ts";
import { waitForSync } from "../../kubernetes/wait-for-sync.ts";
import type { Control, ControlContext } from "../../plugin/context.ts";
import { Cluster, clusters } from "./cluster.ts";
import { showClusters } from "./cluster-metrics.ts";
import type { KubernetesConfig } from "./config.ts";
import { ownAddress } from "./own-names.ts";

/** What the workers are given. */
export interface Published {
  readonly memory: ClusterMemory;
  /** Where this server can be reached, as far as others can. */
  readonly addresses: readonly Uint8Array[];
}

export async function control(config: KubernetesConfig, context: ControlContext): Promise<Control> {
  const cluster = await Cluster.open(config, context);
  showClusters(cluster, clusters, context);
  const { memory } = cluster.table;
  const addresses = addressesOf(config);
  context.publish({ memory, addresses } satisfies Published);
  const { namespaces, namespaceLabels, doubt } = config;
  offerCluster(context.keys, { memory, addresses, namespaces, namespaceLabels, doubt });
  return {
    catchUp: () => waitForSync(() => cluster.isSynced, config.startupTimeoutMs, context.log),
    ready: () => cluster.isSynced,
    readyDetails: () => cluster.describe(),
    stop: () => cluster.release(),
  };
}

/** Those of `bind`; without it, or when it says all, those of the machine. */
function addressesOf({ boundAddresses }: KubernetesConfig): readonly Uint8Array[] {
  const isAll = boundAddresses.length === 0 || boundAddresses.some((text) => text === "0.0.0.0" || text === "::");
  const texts = isAll
    ? Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))
    : boundAddresses;
  return texts.map(ownAddress).filter((address) => address !== undefined);
}
