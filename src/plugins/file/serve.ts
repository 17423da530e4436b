/** The serve half of file: which zone, and what the zone's answer means for the chain. */
import { Name } from "../../dns/name.ts";
import { nameToText, nameToWire, ROOT } from "../../dns/name-text.ts";
import { Opcode, Type } from "../../dns/types.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { ANSWERED, DROPPED, type Handler, type Outcome, REFUSED, SERVFAIL } from "../../plugin/outcome.ts";
import type { Lookup, Query } from "../../plugin/query.ts";
import { formatAddress } from "../../transport/packets.ts";
import { Result, ZoneLookup } from "../../zone/lookup.ts";
import { Zone } from "../../zone/snapshot.ts";
import type { Published } from "./control.ts";
import type { FileConfig } from "./index.ts";

/** A zone that should be served. */
interface Served {
  readonly origin: Uint8Array;
  /** Undefined as long as its file has not been read. */
  zone: Zone | undefined;
}

export function serve(config: FileConfig, context: ServeContext): Handler {
  const served: Served[] = config.zones.map(({ origin }) => ({ origin: wireOf(origin), zone: undefined }));
  const finder = new ZoneFinder(served);
  const fallthrough = config.fallthrough.map(wireOf);
  const lookup = new ZoneLookup();

  context.onPublished((snapshots: Published) => {
    for (const [i, one] of served.entries()) {
      const snapshot = snapshots[i];
      if (snapshot && snapshot.data !== one.zone?.data.buffer) one.zone = new Zone(snapshot);
    }
  });
  context.provideMetadata("zone/wildcard", (query) => {
    const zone = finder.find(query.name)?.zone;
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
    const one = finder.find(name);
    if (one === undefined) return context.nextName === undefined ? REFUSED : context.next(query);
    // Transfers are for the plugin that says who may have them.
    if (query.type === Type.AXFR || query.type === Type.IXFR) return REFUSED;
    if (query.opcode === Opcode.NOTIFY) {
      const from = formatAddress(query.peers, query.peerIndex);
      context.log.info(`Dropping notify from ${from} for ${nameToText(name.bytes)}`);
      return DROPPED;
    }
    const { zone } = one;
    if (zone === undefined) return SERVFAIL;
    const passOn = fallthrough.length > 0 && fallthrough.some((parent) => name.labelOf(parent) >= 0);
    switch (lookup.answer(zone, query, query.reply, passOn)) {
      case Result.WRITTEN:
        return ANSWERED;
      case Result.PASSED:
        return context.next(query);
      case Result.FAILED:
        return SERVFAIL;
    }
    const found = query.lookup(lookup.alias.toWire(), query.type);
    return "then" in found ? found.then((later) => finish(query, zone, later)) : finish(query, zone, found);
  };
}

function wireOf(text: string): Uint8Array {
  const wire = nameToWire(text);
  return typeof wire === "string" ? ROOT : wire;
}

/** Zones up to this many are tried one after the other; more stand in a table. */
const FEW_ZONES = 4;

/** The longest of several zones that has a name. */
class ZoneFinder {
  readonly #few: readonly Served[];
  readonly #many = new Map<number, Served[]>();

  constructor(served: readonly Served[]) {
    const isFew = served.length <= FEW_ZONES;
    this.#few = isFew ? served.toSorted((a, b) => b.origin.length - a.origin.length) : [];
    if (isFew) return;
    const name = new Name();
    for (const one of served) {
      name.set(one.origin);
      const sameHash = this.#many.get(name.hashes[0]!);
      if (sameHash === undefined) this.#many.set(name.hashes[0]!, [one]);
      else sameHash.push(one);
    }
  }

  find(name: Name): Served | undefined {
    const few = this.#few;
    for (let i = 0; i < few.length; i++) if (name.labelOf(few[i]!.origin) >= 0) return few[i];
    if (this.#many.size === 0) return undefined;
    for (let label = 0; label <= name.labelCount; label++) {
      const sameHash = this.#many.get(name.hashes[label]!);
      if (sameHash === undefined) continue;
      for (let i = 0; i < sameHash.length; i++) if (name.suffixEquals(label, sameHash[i]!.origin)) return sameHash[i];
    }
    return undefined;
  }
}
