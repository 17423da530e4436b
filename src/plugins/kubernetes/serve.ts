/** The serve half of kubernetes: which zone, and what the cluster's answer means for the chain. */
import type { Name } from "../../dns/name.ts";
import { isSubdomain, labelCount, nameToText, zoneToWire } from "../../dns/name-text.ts";
import { ExtendedError, extendedError } from "../../dns/options.ts";
import { Section } from "../../dns/reply.ts";
import { reverseAddress } from "../../dns/reverse-name.ts";
import { Rcode, Type } from "../../dns/types.ts";
import { ZoneFinder } from "../../dns/zone-finder.ts";
import { ClusterView, MAX_TRIES } from "../../kubernetes/table/cluster-view.ts";
import { type ClusterMemory, type Resource, SyncState } from "../../kubernetes/table/layout.ts";
import { ServicesAhead } from "../../kubernetes/table/services-ahead.ts";
import { MAX_AHEAD, type ServeContext } from "../../plugin/context.ts";
import { ANSWERED, type Eventual, type Handler, type Outcome, REFUSED, SERVFAIL } from "../../plugin/outcome.ts";
import type { Lookup, Query } from "../../plugin/query.ts";
import type { KubernetesConfig } from "./config.ts";
import type { Published } from "./control.ts";
import { provideLabels } from "./labels.ts";
import { OwnNames } from "./own-names.ts";
import { Responder, Result } from "./responder.ts";

export interface ServedZone {
  readonly wire: Uint8Array;
  readonly text: string;
  readonly labels: number;
  readonly isMulticluster: boolean;
}

export function serve(config: KubernetesConfig, context: ServeContext): Handler {
  const { next } = context;
  const zones: ServedZone[] = config.zones.map((zone) => {
    const wire = zoneToWire(zone);
    return {
      wire,
      text: nameToText(wire),
      labels: labelCount(wire),
      isMulticluster: config.multicluster.includes(zone),
    };
  });
  const finder = new ZoneFinder(config.zones);
  const zoneOf = (name: Name): ServedZone | undefined => {
    const index = finder.find(name);
    return index < 0 ? undefined : zones[index];
  };
  const passedOn = config.fallthrough.map(zoneToWire);
  const fallthrough = new ZoneFinder(passedOn);
  const primaryZone = zoneToWire(config.primaryZone);
  const responder = new Responder(config, primaryZone);
  const ownNames = new OwnNames(config.ttl);
  let view: ClusterView | undefined;
  let ahead: Ahead | undefined;

  const overlaps = (a: Uint8Array, b: Uint8Array) => isSubdomain(a, b) || isSubdomain(b, a);
  const own = zones.map(({ wire }) => wire).filter((zone) => !passedOn.some((one) => overlaps(one, zone)));
  context.neverCached(own);
  const aheadOptions: AheadOptions = {
    zone: primaryZone,
    isOwn: own.some((zone) => Buffer.compare(zone, primaryZone) === 0),
    // With these, a name that the table knows may be another plugin's nevertheless.
    reverse:
      config.namespaces.length > 0
        ? []
        : REVERSE_ZONES.map((zone) => zones.some(({ wire }) => isSubdomain(zone, wire))),
  };
  context.onPublished((published: Published) => {
    view = new ClusterView(published.memory, context.worker);
    ahead = new Ahead(published.memory, aheadOptions);
    ownNames.addresses = published.addresses;
  });
  context.lookAhead((queries, first, end) => ahead?.look(queries, first, end));
  provideLabels(config, context, zoneOf, () => view);

  /** An open section must be left before anyone else is called. */
  const answer = (table: ClusterView, query: Query, zoneLabel: number, zone: ServedZone): Result => {
    table.enter();
    let result: Result = Result.NO_NAME;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      result = responder.answer(table, query, zoneLabel, zone.isMulticluster);
      // The name may have come, and its list have been completed, between looking for the one and at the other.
      if (result !== Result.NO_NAME || !table.changed()) break;
    }
    if (result === Result.OWN) result = answerOwn(table, query, zoneLabel);
    table.leave();
    return result;
  };

  const answerOwn = (table: ClusterView, query: Query, zoneLabel: number): Result => {
    // Letters as in the question.
    const name = query.questionName;
    const zone = name.subarray(query.name.offsets[zoneLabel]);
    const found = zoneLabel === 0 ? ownNames.nameServers(table, query, zone) : ownNames.default(table, query, name);
    return found ? Result.WRITTEN : Result.NO_DATA;
  };

  /**
   * An ExternalName: what its target has to say stands behind the CNAME. A target in the same zone that has nothing to say is
   * not named, as CoreDNS does; when it may have something that is not known yet, nobody is told that it has not.
   */
  const followAlias = (query: Query, zoneLabel: number, zone: Uint8Array): Eventual => {
    const target = responder.alias;
    const found = query.lookup(target, query.type);
    return "then" in found
      ? found.then((later) => writeAlias(query, zoneLabel, zone, target, later))
      : writeAlias(query, zoneLabel, zone, target, found);
  };

  const writeAlias = (
    query: Query,
    zoneLabel: number,
    zone: Uint8Array,
    target: Uint8Array,
    found: Lookup,
  ): Outcome => {
    const { reply } = query;
    const records = found.outcome === ANSWERED && !found.reply.empty ? found.reply.records() : [];
    const answers = records.filter(({ section }) => section === Section.ANSWER);
    const hasFailed = found.outcome === SERVFAIL || found.reply.rcode === Rcode.SERVFAIL;
    found.release();
    // The writer has answered others meanwhile.
    responder.writer.begin(query, zoneLabel);
    if (answers.length === 0 && isSubdomain(target, zone)) {
      if (hasFailed) reply.rcode = Rcode.SERVFAIL;
      responder.writer.soa(view!.serial, Section.AUTHORITY);
      return ANSWERED;
    }
    responder.writer.name(Type.CNAME, target, 0, target.length, undefined);
    for (const { name, type, class: klass, ttl, data } of answers) {
      reply.add(Section.ANSWER, name, type, klass, ttl, data);
    }
    return ANSWERED;
  };

  return (query) => {
    const { name } = query;
    const zone = zoneOf(name);
    if (zone === undefined) return next(query);
    // There are no transfers.
    if (query.type === Type.AXFR || query.type === Type.IXFR) return REFUSED;
    if (view === undefined) return SERVFAIL;
    const zoneLabel = name.labelCount - zone.labels;
    const result = answer(view, query, zoneLabel, zone);
    switch (result) {
      case Result.WRITTEN:
        return ANSWERED;
      case Result.NO_DATA:
        responder.writer.soa(view.serial, Section.AUTHORITY);
        return ANSWERED;
      case Result.ALIAS:
        return followAlias(query, zoneLabel, zone.wire);
    }
    if (fallthrough.has(name)) return next(query);
    query.reply.rcode = Rcode.NXDOMAIN;
    if (result === Result.DOUBT) fail(query, responder.doubt, view.state(responder.doubt));
    responder.writer.soa(view.serial, Section.AUTHORITY);
    return ANSWERED;
  };
}

interface AheadOptions {
  readonly zone: Uint8Array;
  /** Names of the zone are nobody else's. */
  readonly isOwn: boolean;
  /** Whether the plugin has all names of addresses, of IPv4 and of IPv6. */
  readonly reverse: readonly boolean[];
}

/** Which rows queries will need, as far as that is quickly said: those of Services. */
class Ahead {
  readonly #options: AheadOptions;
  readonly #names: ServicesAhead;
  readonly #addresses: ServicesAhead;
  readonly #address = new Uint8Array(16);

  constructor(memory: ClusterMemory, options: AheadOptions) {
    this.#options = options;
    this.#names = new ServicesAhead(memory, MAX_AHEAD, "names");
    this.#addresses = new ServicesAhead(memory, MAX_AHEAD, "addresses");
  }

  look(queries: readonly Query[], first: number, end: number): void {
    const { zone, isOwn, reverse } = this.#options;
    for (let i = first; i < end; i++) {
      const { name, type } = queries[i]!;
      if (type === Type.PTR) {
        const size = reverseAddress(name, this.#address);
        if (size > 0 && reverse[size === 4 ? 0 : 1]) this.#addresses.add(name, this.#address, 0, size);
        continue;
      }
      const zoneLabel = name.labelOf(zone);
      if (zoneLabel < 0) continue;
      name.isLive = isOwn;
      // A Service, an endpoint of one, a port: no other names have a Service's at this place.
      if (zoneLabel < 3 || zoneLabel > 5) continue;
      const { offsets } = name;
      const at = offsets[zoneLabel - 3]!;
      this.#names.add(name, name.bytes, at, offsets[zoneLabel - 1]! - at);
    }
    this.#names.fetch();
    this.#addresses.fetch();
  }
}

const REVERSE_ZONES = ["in-addr.arpa.", "ip6.arpa."].map(zoneToWire);

/** What may exist is no NXDOMAIN, and the client is told why (RFC 8914). */
function fail(query: Query, resource: Resource, state: SyncState): void {
  const { reply } = query;
  reply.rcode = Rcode.SERVFAIL;
  if (query.hasOpt)
    reply.setOpt(EXTENDED_ERRORS[resource]![state === SyncState.STARTING ? 0 : 1]!, query.udpSize, query.dnssecOk);
}

/** By `Resource`; not yet complete, and in doubt. */
const EXTENDED_ERRORS: readonly (readonly Uint8Array[])[] = [
  "Services",
  "EndpointSlices",
  "Namespaces",
  "Pods",
  "ServiceImports",
  "EndpointSlices of ServiceImports",
].map((what) => [
  extendedError(ExtendedError.NOT_READY, `${what} of the cluster are not known yet`),
  extendedError(ExtendedError.NO_REACHABLE_AUTHORITY, `${what} of the cluster may have changed`),
]);
