/** The serve half of prometheus: counts what the rest of the chain has made of each query. */
import { isSubdomain, nameToText } from "../../dns/name-text.ts";
import { ZoneFinder } from "../../dns/zone-finder.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { ANSWERED, after, DROPPED, type Handler, type Outcome } from "../../plugin/outcome.ts";
import type { Query } from "../../plugin/query.ts";
import { RequestMetrics } from "../../plugin/request-metrics.ts";
import type { PrometheusConfig } from "./index.ts";

export function serve(_config: PrometheusConfig, context: ServeContext): Handler {
  const { next, nextName = "" } = context;
  const zones = new Zones(context.zones);
  const metrics: (RequestMetrics | undefined)[] = zones.names.map(() => undefined);

  /** Cells of a zone are made when it is first asked for. */
  function finish(outcome: Outcome, query: Query): Outcome {
    const index = zones.isOne ? 0 : zones.find(query);
    const zone = metrics[index] ?? new RequestMetrics(context, zones.names[index]!, nextName);
    metrics[index] = zone;
    const { reply } = query;
    if (outcome === ANSWERED && !reply.empty) zone.count(query, reply.rcode, true, reply.uncompressedLength());
    // What was dropped counts as NOERROR, as in CoreDNS.
    else zone.count(query, outcome === DROPPED ? 0 : outcome, false, 0);
    zone.took(query);
    return outcome;
  }

  return (query) => after(next(query), query, finish);
}

/** Which of the block's zones a name lies in: the longest, the root where none is. */
class Zones {
  /** As labels say them; the root is the last. */
  readonly names: readonly string[];
  /** There is nothing to choose. */
  readonly isOne: boolean;
  readonly #zones: readonly Uint8Array[];
  readonly #finder: ZoneFinder;
  /** By the zone that led to the block: its index where no other zone of the block lies in it, else undefined. */
  readonly #byRoute = new Map<Uint8Array, number | undefined>();

  constructor(zones: readonly Uint8Array[]) {
    this.#zones = zones;
    this.names = [...zones.map((zone) => nameToText(zone)), "."];
    this.isOne = zones.length === 1;
    this.#finder = new ZoneFinder(zones);
  }

  find({ zone, name }: Query): number {
    const index = this.#byRoute.get(zone);
    if (index !== undefined) return index;
    if (!this.#byRoute.has(zone)) this.#byRoute.set(zone, this.#onlyIn(zone));
    const found = this.#finder.find(name);
    return found < 0 ? this.#zones.length : found;
  }

  /** The index of `zone`, when names in it can lie in no other. */
  #onlyIn(zone: Uint8Array): number | undefined {
    const within = this.#zones.filter((other) => isSubdomain(other, zone));
    return within.length === 1 && within[0]!.length === zone.length ? this.#zones.indexOf(within[0]!) : undefined;
  }
}
