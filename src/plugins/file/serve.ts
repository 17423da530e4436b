/** The serve half of file: which zone, and what the zone's answer means for the chain. */
import { nameToText } from "../../dns/name-text.ts";
import { Opcode, Type } from "../../dns/types.ts";
import { ZoneFinder } from "../../dns/zone-finder.ts";
import { retire } from "../../memory/retire.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { ANSWERED, DROPPED, type Handler, type Outcome, REFUSED, SERVFAIL } from "../../plugin/outcome.ts";
import type { Lookup, Query } from "../../plugin/query.ts";
import { formatAddress } from "../../transport/packets.ts";
import { Result, ZoneLookup } from "../../zone/lookup.ts";
import { Zone, type ZoneSnapshot } from "../../zone/snapshot.ts";
import type { FileConfig } from "./index.ts";

export function serve(config: FileConfig, context: ServeContext): Handler {
  const finder = new ZoneFinder(config.zones.map(({ origin }) => origin));
  /** By the index that the finder gives; undefined as long as a zone's file has not been read. */
  const zones: (Zone | undefined)[] = config.zones.map(() => undefined);
  const fallthrough = new ZoneFinder(config.fallthrough);
  const lookup = new ZoneLookup();

  for (const i of zones.keys()) {
    context.onPublished((snapshot: ZoneSnapshot) => {
      const before = zones[i];
      zones[i] = new Zone(snapshot);
      if (before) retire(before.size);
    }, i);
  }
  context.provideMetadata("zone/wildcard", (query) => {
    const zone = zones[finder.find(query.name)];
    const label = zone ? lookup.wildcardLabelOf(zone, query.name) : 0;
    return label === 0 ? "" : `*.${nameToText(query.name.bytes, query.name.offsets[label])}`;
  });

  const finish = (query: Query, zone: Zone, found: Lookup): Outcome => {
    const { outcome } = found;
    const rcode = outcome === ANSWERED ? found.reply.rcode : outcome === DROPPED ? SERVFAIL : outcome;
    const result = lookup.finishAlias(zone, query, query.reply, rcode, outcome === ANSWERED ? found.reply : undefined);
    found.release();
    return result === Result.WRITTEN ? ANSWERED : SERVFAIL;
  };

  return (query) => {
    const { name } = query;
    const found = finder.find(name);
    if (found < 0) return context.nextName === undefined ? REFUSED : context.next(query);
    // Transfers are for the plugin that says who may have them.
    if (query.type === Type.AXFR || query.type === Type.IXFR) return REFUSED;
    if (query.opcode === Opcode.NOTIFY) {
      const from = formatAddress(query.peers, query.peerIndex);
      context.log.info(`Dropping notify from ${from} for ${config.zones[found]!.origin}`);
      return DROPPED;
    }
    const zone = zones[found];
    if (zone === undefined) return SERVFAIL;
    switch (lookup.answer(zone, query, query.reply, fallthrough.has(name))) {
      case Result.WRITTEN:
        return ANSWERED;
      case Result.PASSED:
        return context.next(query);
      case Result.FAILED:
        return SERVFAIL;
    }
    const target = query.lookup(lookup.alias.toWire(), query.type);
    return "then" in target ? target.then((later) => finish(query, zone, later)) : finish(query, zone, target);
  };
}
