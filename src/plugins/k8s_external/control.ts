/** The control half of k8s_external: hands the cluster of the block's kubernetes to the workers. */
import { hearOfCluster, type OfferedCluster } from "../../kubernetes/clusters.ts";
import type { Control, ControlContext } from "../../plugin/context.ts";
import type { ExternalConfig } from "./index.ts";

export async function control(_config: ExternalConfig, context: ControlContext): Promise<Control> {
  if (!context.plugins.includes("kubernetes")) throw new Error("kubernetes plugin not loaded");
  hearOfCluster(context.keys, (cluster) => context.publish(cluster satisfies OfferedCluster));
  return { stop: () => {} };
}
