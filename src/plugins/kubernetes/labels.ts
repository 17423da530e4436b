/** What kubernetes knows about a query, as metadata: computed when somebody asks for it. */
import { readFileSync } from "node:fs";
import type { Name } from "../../dns/name.ts";
import { nameToText } from "../../dns/name-text.ts";
import { Cut, Form } from "../../kubernetes/answer/cut.ts";
import type { ClusterView } from "../../kubernetes/table/cluster-view.ts";
import { Resource, SyncState } from "../../kubernetes/table/layout.ts";
import type { ServeContext } from "../../plugin/context.ts";
import type { Query } from "../../plugin/query.ts";
import { addressOffset, readFamily } from "../../transport/packets.ts";
import { searchList } from "../../upstream/search-list.ts";
import type { KubernetesConfig } from "./config.ts";
import type { ServedZone } from "./serve.ts";

/** The parts of a name, in the words of the labels. */
const PARTS: Readonly<Record<string, (name: Name, cut: Cut) => string>> = {
  kind: (_name, cut) => (cut.form <= Form.ZONE ? "" : cut.isPod ? "pod" : "svc"),
  namespace: (name, cut) => (cut.form > Form.KIND ? textOf(name, cut.namespaceLabel) : ""),
  service: (name, cut) => (cut.form > Form.NAMESPACE ? textOf(name, cut.serviceLabel) : ""),
  endpoint: (name, cut) =>
    cut.form === Form.ENDPOINT || (cut.form === Form.POD && cut.serviceLabel === 1) ? textOf(name, 0) : "",
  cluster: (name, cut) => (cut.hasCluster ? textOf(name, 1) : ""),
  "port-name": (name, cut) => (cut.form === Form.PORT ? withoutUnderscore(textOf(name, 0)) : ""),
  protocol: (name, cut) => (cut.form === Form.PORT ? withoutUnderscore(textOf(name, 1)) : ""),
  "parse-error": (_name, cut) => (cut.form === Form.UNKNOWN ? "invalid query name" : ""),
};

export function provideLabels(
  config: KubernetesConfig,
  context: ServeContext,
  zoneOf: (name: Name) => ServedZone | undefined,
  view: () => ClusterView | undefined,
): void {
  const cut = new Cut();
  for (const [part, read] of Object.entries(PARTS)) {
    context.provideMetadata(`kubernetes/${part}`, ({ name }) => {
      const zone = zoneOf(name);
      if (zone === undefined) return "";
      cut.read(name, name.labelCount - zone.labels, zone.isMulticluster, config.zonal);
      return read(name, cut);
    });
  }
  context.provideMetadata("kubernetes/zone", ({ name }) => {
    const zone = zoneOf(name);
    return zone?.text ?? "";
  });
  if (config.pods !== "verified") return;
  // What `autopath @kubernetes` asks for: the search list that the kubelet writes for the client's namespace.
  const hostSearch = [...hostSearchList(), "."].join(" ");
  context.provideMetadata("autopath/kubernetes", (query) => {
    const zone = zoneOf(query.name);
    // While pods may have changed, an address may be another's.
    const isSure = view()?.state(Resource.PODS) === SyncState.SYNCED;
    const namespace = zone && isSure ? ofClient(view(), query, ({ pod }) => pod.namespace) : "";
    if (zone === undefined || namespace === "") return "";
    const svc = zone.text === "." ? "svc." : `svc.${zone.text}`;
    return `${namespace}.${svc} ${svc} ${zone.text} ${hostSearch}`;
  });
  context.provideMetadata("kubernetes/client-namespace", (query) =>
    ofClient(view(), query, ({ pod }) => pod.namespace),
  );
  context.provideMetadata("kubernetes/client-pod-name", (query) => ofClient(view(), query, ({ pod }) => pod.name));
  context.provideMetadata("kubernetes/client-label/", (query, key) =>
    ofClient(view(), query, ({ pod }) => pod.labels().get(key) ?? ""),
  );
}

/** Something about the pod that asks; "" when the address is no pod's, or that of more than one. */
function ofClient(
  view: ClusterView | undefined,
  { peers, peerIndex }: Query,
  read: (view: ClusterView) => string,
): string {
  if (view === undefined) return "";
  const size = readFamily(peers, peerIndex) === 6 ? 16 : 4;
  view.enter();
  const found = view.countPods(peers, addressOffset(peers, peerIndex), size) === 1 ? read(view) : "";
  view.leave();
  return found;
}

function textOf({ bytes, offsets }: Name, label: number): string {
  const at = offsets[label]!;
  return Buffer.from(bytes.subarray(at + 1, at + 1 + bytes[at]!)).toString("latin1");
}

function withoutUnderscore(text: string): string {
  return text.startsWith("_") ? text.slice(1) : text;
}

const RESOLV_CONF = "/etc/resolv.conf";

/** What the kubelet puts behind the cluster's own zones. */
function hostSearchList(): readonly string[] {
  try {
    return searchList(readFileSync(RESOLV_CONF, "utf8")).map((wire) => nameToText(wire));
  } catch {
    // A container without the file has no list.
    return [];
  }
}
