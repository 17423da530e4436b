/** What is counted about the cluster's API and about the view of it: CoreDNS's families, and our own. */
import type { RequestHooks } from "../../kubernetes/api/client.ts";
import type { Reflector } from "../../kubernetes/api/reflector.ts";
import type { Trigger } from "../../kubernetes/table/sinks.ts";
import type { ControlContext } from "../../plugin/context.ts";
import type { Cluster } from "./cluster.ts";

/** Prometheus's own default, which client-go uses. */
const REQUEST_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** From a millisecond, each twice the one before. */
const PROGRAMMING_BOUNDS = Array.from({ length: 20 }, (_, i) => 0.001 * 2 ** i);
/** As the API writes times. */
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

export class ClusterMetrics implements RequestHooks {
  readonly #context: ControlContext;
  /** What has been counted so far of numbers that others count. */
  readonly #counted = new Map<string, number>();

  constructor(context: ControlContext) {
    this.#context = context;
  }

  requested(method: string, host: string, code: string, seconds: number): void {
    const duration = "kubernetes_rest_client_request_duration_seconds";
    const help = "Request latency in seconds. Broken down by verb and host.";
    this.#context.histogram(duration, help, { verb: method, host }, REQUEST_BOUNDS).observe(seconds);
    const requests = "Number of HTTP requests, partitioned by status code, method, and host.";
    this.#context.counter("kubernetes_rest_client_requests_total", requests, { code, method, host }).add(1);
  }

  limited(method: string, host: string, seconds: number): void {
    const name = "kubernetes_rest_client_rate_limiter_duration_seconds";
    const help = "Client side rate limiter latency in seconds. Broken down by verb and host.";
    this.#context.histogram(name, help, { verb: method, host }, REQUEST_BOUNDS).observe(seconds);
  }

  /** A change of endpoints is in answers now. */
  programmed({ time, kind }: Trigger): void {
    const changed = RFC_3339.test(time) ? Date.parse(time) : Number.NaN;
    if (Number.isNaN(changed)) return;
    // The clock of who has set the time may be ahead of ours.
    const seconds = Math.max(0, (Date.now() - changed) / 1_000);
    const help = "Histogram of the time (in seconds) it took to program a dns instance.";
    const name = "kubernetes_dns_programming_duration_seconds";
    this.#context.histogram(name, help, { service_kind: kind }, PROGRAMMING_BOUNDS).observe(seconds);
  }

  /** Takes over what the reflectors and the table have counted since the last time. */
  count({ followed, table }: Cluster): void {
    for (const { name, reflector } of followed) {
      const help = "Objects that the comparison with a fresh list has found wrong, and put right.";
      this.#advance("weftdns_kubernetes_repairs_total", help, { resource: name }, reflector.repairs);
    }
    const help = "Objects, or parts of them, that were left out because no answer can be made of them.";
    this.#advance("weftdns_kubernetes_refused_objects_total", help, {}, table.statistics.absurd);
  }

  #advance(name: string, help: string, labels: Readonly<Record<string, string>>, total: number): void {
    const key = `${name} ${JSON.stringify(labels)}`;
    const counter = this.#context.counter(name, help, labels);
    const before = this.#counted.get(key) ?? 0;
    if (total > before) counter.add(total - before);
    this.#counted.set(key, total);
  }
}

/**
 * What is known of each resource that `cluster` follows, in all clusters of the process: of the one that is worst off, or of all
 * together. Gauges end with the control half that has asked for them.
 */
export function showClusters(
  cluster: Cluster,
  clusters: ReadonlyMap<string, Cluster>,
  { gauge }: ControlContext,
): void {
  const all = () => [...clusters.values()];
  for (const { name } of cluster.followed) {
    const reflectors = () => all().flatMap(({ followed }) => followed.filter((one) => one.name === name));
    const show = (metric: string, help: string, read: (all: readonly Reflector[]) => number): void =>
      void gauge(metric, help, { resource: name }, () => read(reflectors().map(({ reflector }) => reflector)));
    const synced = "1 when all objects of the resource are known, 0 as long as some may be missing.";
    show("weftdns_kubernetes_synced", synced, (known) =>
      Number(known.every(({ absent, state }) => absent || state === "synced")),
    );
    show("weftdns_kubernetes_watch_age_seconds", "Seconds since the API was heard of about the resource.", (known) =>
      Math.max(0, ...known.map(({ silentSeconds }) => silentSeconds)),
    );
    show("weftdns_kubernetes_objects", "Objects known of the resource.", (known) =>
      known.reduce((sum, { objects }) => sum + objects, 0),
    );
  }
  const bytes = "Memory that the table of the cluster's records takes.";
  gauge("weftdns_kubernetes_table_bytes", bytes, {}, () =>
    all().reduce((sum, { table }) => sum + table.statistics.heapBytes, 0),
  );
}
