/** The control half of istio: follows the ServiceEntries, waits for them at the start, and shows what is known of them. */
import { describeReflector } from "../../kubernetes/api/describe.ts";
import { waitForSync } from "../../kubernetes/wait-for-sync.ts";
import type { Control, ControlContext } from "../../plugin/context.ts";
import type { IstioConfig } from "./config.ts";
import { Mesh, Part, type Standing } from "./mesh.ts";
import type { HostTable } from "./table.ts";

export async function control(config: IstioConfig, context: ControlContext): Promise<Control> {
  const mesh = await Mesh.open(config, context);
  let given: HostTable | undefined;
  // The table first: what may be denied follows from it.
  const publish = (table: HostTable | undefined, standing: Standing): void => {
    if (table !== given) context.publish(table, Part.TABLE);
    given = table;
    context.publish(standing, Part.STANDING);
  };
  mesh.join(publish);
  show(mesh, context);
  return {
    catchUp: () => waitForSync(() => mesh.isSynced, config.startupTimeoutMs, context.log),
    ready: () => mesh.isSynced,
    readyDetails: () => [describeReflector("serviceentries", mesh.reflector)],
    inherit: () => mesh,
    stop: () => mesh.leave(publish),
  };
}

function show(mesh: Mesh, { gauge }: ControlContext): void {
  const { reflector } = mesh;
  const synced = "1 when all entries are known, 0 as long as some may be missing.";
  gauge("weftdns_istio_synced", synced, {}, () => Number(reflector.absent || reflector.state === "synced"));
  const age = "Seconds since the API was heard of about the entries.";
  gauge("weftdns_istio_watch_age_seconds", age, {}, () => reflector.silentSeconds);
  gauge("weftdns_istio_objects", "Entries known.", {}, () => reflector.objects);
  gauge("weftdns_istio_hosts", "Hosts that are answered.", {}, () => mesh.hosts);
  gauge("weftdns_istio_table_bytes", "Memory that the hosts take.", {}, () => mesh.tableBytes);
}
