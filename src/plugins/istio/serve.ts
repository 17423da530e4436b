/** The serve half of istio: the host that fits, whose addresses they are, and what an unknown name means for the chain. */
import { labelCount, zoneToWire } from "../../dns/name-text.ts";
import { ExtendedError, extendedError } from "../../dns/options.ts";
import { Section } from "../../dns/reply.ts";
import { Class, Rcode, Type } from "../../dns/types.ts";
import { ZoneFinder } from "../../dns/zone-finder.ts";
import { AnswerWriter } from "../../kubernetes/answer/answer-writer.ts";
import { retire } from "../../memory/retire.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { ANSWERED, type Eventual, type Handler, type Outcome, REFUSED, SERVFAIL } from "../../plugin/outcome.ts";
import type { Lookup, Query } from "../../plugin/query.ts";
import { CLIENT, type IstioConfig } from "./config.ts";
import { Part, type Standing } from "./mesh.ts";
import { ANYBODY, type HostTable, MeshHosts } from "./table.ts";

/** Endpoints that are names of hosts whose endpoints are names again are not followed further: each step multiplies questions. */
const MAX_LOOKUP_DEPTH = 2;

export function serve(config: IstioConfig, context: ServeContext): Handler {
  const { next } = context;
  const zones = new ZoneFinder(config.zones);
  const zoneLabels = config.zones.map((zone) => labelCount(zoneToWire(zone)));
  const fallthrough = new ZoneFinder(config.fallthrough);
  const writer = new AnswerWriter(config.ttl);
  let hosts: MeshHosts | undefined;
  let isSure = false;
  let serial = 0;

  context.onPublished((table: HostTable) => {
    if (hosts) retire(hosts.bytes.length);
    hosts = new MeshHosts(table);
  }, Part.TABLE);
  context.onPublished((standing: Standing) => {
    ({ isSure, serial } = standing);
  }, Part.STANDING);
  context.onStop(() => {
    if (hosts) retire(hosts.bytes.length);
  });

  /** Which view of the hosts is the client's. */
  const viewer = (known: MeshHosts, query: Query): number => {
    if (config.namespace !== CLIENT) return ANYBODY;
    const namespace = context.unlimitedMetadata(query, "kubernetes/client-namespace");
    return namespace === undefined ? ANYBODY : known.namespace(namespace);
  };

  const answer = (known: MeshHosts, query: Query, zoneLabel: number, list: number): Eventual => {
    const size = sizeOf(query.type);
    if (size !== 0 && known.hasTargets(list)) return resolve(known, query, zoneLabel, list);
    writer.begin(query, zoneLabel);
    const count = size === 0 ? 0 : known.count(list, size);
    if (count > 0) writer.addresses(known.bytes, known.addressesAt(list, size), count, size);
    else writer.soa(serial, Section.AUTHORITY);
    return ANSWERED;
  };

  /** Endpoints that are names: all are asked for at once, and what they have are the host's addresses. */
  const resolve = async (known: MeshHosts, query: Query, zoneLabel: number, list: number): Promise<Outcome> => {
    if (query.depth >= MAX_LOOKUP_DEPTH) return query.fail(SERVFAIL, "endpoints lead to names of further endpoints");
    const { type } = query;
    const found = await Promise.all(known.targets(list).map((target) => query.lookup(target, type)));
    // The writer has answered others meanwhile, and the query's bytes may be elsewhere.
    writer.begin(query, zoneLabel);
    const size = sizeOf(type);
    const count = known.count(list, size);
    const at = known.addressesAt(list, size);
    if (count > 0) writer.addresses(known.bytes, at, count, size);
    const taken = new Set<string>();
    for (let i = 0; i < count; i++) taken.add(known.bytes.subarray(at + i * size, at + (i + 1) * size).toString());
    let failed = "";
    for (const lookup of found) {
      if (!takeAddresses(query, lookup, config.ttl, taken)) failed = lookup.error || "an endpoint's name has no answer";
      lookup.release();
    }
    const { reply } = query;
    if (reply.counts[Section.ANSWER]! > 0 || reply.overflow) return ANSWERED;
    if (failed !== "") return query.fail(SERVFAIL, failed);
    writer.soa(serial, Section.AUTHORITY);
    return ANSWERED;
  };

  return (query) => {
    const { name, type } = query;
    const zone = zones.find(name);
    if (zone < 0) return next(query);
    const zoneLabel = name.labelCount - zoneLabels[zone]!;
    const isTransfer = type === Type.AXFR || type === Type.IXFR;
    const list = hosts === undefined || isTransfer ? 0 : hosts.find(name, viewer(hosts, query));
    if (list !== 0) return answer(hosts!, query, zoneLabel, list);
    if (fallthrough.has(name)) return next(query);
    if (isTransfer) return REFUSED;

    writer.begin(query, zoneLabel);
    if (hosts === undefined || !isSure) return fail(query, hosts === undefined);
    const isZone = zoneLabel === 0;
    if (!isZone && !hosts.isAbove(name)) query.reply.rcode = Rcode.NXDOMAIN;
    writer.soa(serial, isZone && type === Type.SOA ? Section.ANSWER : Section.AUTHORITY);
    return ANSWERED;
  };
}

/** Bytes of an address of this type; 0 for other types. */
function sizeOf(type: number): number {
  return type === Type.A ? 4 : type === Type.AAAA ? 16 : 0;
}

/** Adds those that are not `taken`, as a record is there once (RFC 2181 section 5). False when nobody could say what there is. */
function takeAddresses(query: Query, found: Lookup, ttl: number, taken: Set<string>): boolean {
  const { questionName, type, reply } = query;
  const { rcode } = found.reply;
  if (found.outcome !== ANSWERED || found.reply.empty) return false;
  if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN) return false;
  for (const record of found.reply.records()) {
    if (record.section !== Section.ANSWER || record.type !== type || record.class !== Class.IN) continue;
    const address = record.data.toString();
    if (taken.has(address)) continue;
    taken.add(address);
    reply.add(Section.ANSWER, questionName, type, Class.IN, Math.min(ttl, record.ttl), record.data);
  }
  return true;
}

/** A name that may be one is no NXDOMAIN, and the client is told why (RFC 8914). */
function fail(query: Query, isStarting: boolean): Outcome {
  query.reply.rcode = Rcode.SERVFAIL;
  if (query.hasOpt) query.reply.setOpt(isStarting ? STARTING : DOUBTFUL, query.udpSize, query.dnssecOk);
  return ANSWERED;
}

const STARTING = extendedError(ExtendedError.NOT_READY, "ServiceEntries of the cluster are not known yet");
const DOUBTFUL = extendedError(ExtendedError.NO_REACHABLE_AUTHORITY, "ServiceEntries of the cluster may have changed");
