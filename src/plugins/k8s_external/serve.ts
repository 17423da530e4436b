/** The serve half of k8s_external: finds the Service that a name means, and writes what it has outside of the cluster. */
import { isReverseZone } from "../../corefile/zones.ts";
import { MAX_NAME_LENGTH, type Name } from "../../dns/name.ts";
import { labelCount, wireLabels, wireLength, zoneToWire } from "../../dns/name-text.ts";
import { Section } from "../../dns/reply.ts";
import { reverseAddress } from "../../dns/reverse-name.ts";
import { Class, Rcode, Type } from "../../dns/types.ts";
import { ZoneFinder } from "../../dns/zone-finder.ts";
import { AddressWriter } from "../../kubernetes/answer/address-writer.ts";
import { AnswerWriter } from "../../kubernetes/answer/answer-writer.ts";
import { Cut, Form, isWord } from "../../kubernetes/answer/cut.ts";
import { EndpointWalk, isPort } from "../../kubernetes/answer/endpoint-walk.ts";
import { ShownNamespaces } from "../../kubernetes/answer/shown-namespaces.ts";
import { SrvWriter, weightOf } from "../../kubernetes/answer/srv-writer.ts";
import { isSure, type OfferedCluster } from "../../kubernetes/clusters.ts";
import { ClusterView, MAX_TRIES } from "../../kubernetes/table/cluster-view.ts";
import { Resource, ServiceKind } from "../../kubernetes/table/layout.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { ANSWERED, type Handler, type Outcome, REFUSED, SERVFAIL } from "../../plugin/outcome.ts";
import type { Lookup, Query } from "../../plugin/query.ts";
import type { ExternalConfig } from "./index.ts";

/** NEVER: a name below this server's own, which nobody else knows. */
const Found = { WRITTEN: 0, NO_DATA: 1, NO_NAME: 2, DOUBT: 3, ALIAS: 4, NEVER: 5 } as const;
type Found = (typeof Found)[keyof typeof Found];

export function serve(config: ExternalConfig, context: ServeContext): Handler {
  const { next } = context;
  const zones = new ZoneFinder(config.zones);
  const zoneLabels = config.zones.map((zone) => labelCount(zoneToWire(zone)));
  const fallthrough = new ZoneFinder(config.fallthrough);
  const external = new External(config);

  context.onPublished((cluster: OfferedCluster) => external.use(cluster, context.worker));

  const writeAlias = (query: Query, zoneLabel: number, target: Uint8Array, found: Lookup): Outcome => {
    const { reply } = query;
    const records = found.outcome === ANSWERED && !found.reply.empty ? found.reply.records() : [];
    found.release();
    external.writer.begin(query, zoneLabel);
    external.writer.name(Type.CNAME, target, 0, target.length, undefined);
    for (const { section, name, type, class: klass, ttl, data } of records) {
      if (section === Section.ANSWER) reply.add(Section.ANSWER, name, type, klass, ttl, data);
    }
    return ANSWERED;
  };

  return (query) => {
    const { name, reply, type } = query;
    const zone = zones.find(name);
    if (zone < 0) return next(query);
    if (type === Type.AXFR || type === Type.IXFR) return REFUSED;
    if (!external.isReady) return SERVFAIL;
    const zoneLabel = name.labelCount - zoneLabels[zone]!;
    const found = external.answer(query, zoneLabel);
    if (found === Found.WRITTEN) return ANSWERED;
    if (found === Found.ALIAS) {
      const { alias } = external;
      const asked = query.lookup(alias, type);
      return "then" in asked
        ? asked.then((later) => writeAlias(query, zoneLabel, alias, later))
        : writeAlias(query, zoneLabel, alias, asked);
    }
    if (found !== Found.NO_DATA) {
      const passes = found !== Found.NEVER && fallthrough.has(name);
      if (passes) return next(query);
      reply.rcode = found === Found.DOUBT ? Rcode.SERVFAIL : Rcode.NXDOMAIN;
    }
    external.soa(Section.AUTHORITY);
    return ANSWERED;
  };
}

class External {
  readonly writer: AnswerWriter;
  /** For ALIAS. */
  alias: Uint8Array = new Uint8Array(0);
  readonly #config: ExternalConfig;
  /** Where PTR records lead to. */
  readonly #primaryZone: Uint8Array;
  /** The label below the zone that its name server has, as a name without an end. */
  readonly #apex: Uint8Array;
  readonly #apexLabels: number;
  readonly #cut = new Cut();
  readonly #walk = new EndpointWalk(false);
  readonly #srv: SrvWriter;
  readonly #addresses: AddressWriter;
  readonly #address = new Uint8Array(16);
  #view: ClusterView | undefined;
  #cluster: OfferedCluster | undefined;
  #shown!: ShownNamespaces;

  constructor(config: ExternalConfig) {
    this.#config = config;
    this.#primaryZone = zoneToWire(config.zones.find((zone) => !isReverseZone(zone)) ?? ".");
    const apex = zoneToWire(config.apex);
    this.#apex = apex.slice(0, -1);
    this.#apexLabels = labelCount(apex);
    this.writer = new AnswerWriter(config.ttl, join(NS1, this.#apex), join(HOSTMASTER, this.#apex), new Uint8Array(0));
    this.#srv = new SrvWriter(this.writer, this.#walk);
    this.#addresses = new AddressWriter(this.writer, this.#walk);
  }

  use(cluster: OfferedCluster, worker: number): void {
    this.#view = new ClusterView(cluster.memory, worker);
    this.#cluster = cluster;
    this.#shown = new ShownNamespaces(cluster);
  }

  get isReady(): boolean {
    return this.#view !== undefined;
  }

  soa(section: Section): void {
    this.writer.soa(this.#view!.serial, section);
  }

  answer(query: Query, zoneLabel: number): Found {
    const view = this.#view!;
    view.enter();
    let found = this.#answer(view, query, zoneLabel);
    // What was not found may have come, and its list have been completed, between looking for the one and at the other.
    for (let tries = 1; found === Found.NO_NAME && view.changed() && tries < MAX_TRIES; tries++)
      found = this.#answer(view, query, zoneLabel);
    view.leave();
    return found;
  }

  #answer(view: ClusterView, query: Query, zoneLabel: number): Found {
    const { name, type } = query;
    this.writer.begin(query, zoneLabel);
    if (type === Type.PTR) {
      const size = reverseAddress(name, this.#address);
      if (size > 0) return this.#reverse(view, size);
    }
    if (zoneLabel === 0) return this.#zone(query);
    const own = zoneLabel - this.#apexLabels;
    if (own >= 0 && isWord(name.bytes, name.offsets[own]!, this.#apex)) return this.#nameServer(query, own);
    if (zoneLabel === 1) return this.#namespace(view, name);
    if (zoneLabel > 4) return Found.NO_NAME;
    const length = name.offsets[zoneLabel]! - name.offsets[zoneLabel - 2]!;
    if (!this.#shown.has(view, name.bytes, name.offsets[zoneLabel - 1]!))
      return this.#shown.byLabels ? this.#missing(view, Resource.NAMESPACES) : Found.NO_NAME;
    if (!view.findService(name.bytes, name.offsets[zoneLabel - 2]!, length))
      return this.#missing(view, Resource.SERVICES);
    const { service } = view;
    const count = service.externalIpv4Count + service.externalIpv6Count + service.externalNameCount;
    this.#cut.form = FORMS[zoneLabel]!;
    this.#cut.hasCluster = false;
    if (count > 0) return this.#service(view, query, zoneLabel, count);
    if (!this.#config.headless || service.kind !== ServiceKind.HEADLESS) return Found.NO_NAME;
    return this.#endpoints(view, query);
  }

  /** The zone's own name. */
  #zone(query: Query): Found {
    const { reply, type } = query;
    if (type === Type.SOA) {
      this.soa(Section.ANSWER);
      return Found.WRITTEN;
    }
    const { addresses } = this.#cluster!;
    if (type !== Type.NS || addresses.length === 0) return Found.NO_DATA;
    const zone = originalName(query, 0);
    const server = join(NS1, this.#apex, zone);
    if (server.length > MAX_NAME_LENGTH) return Found.NO_DATA;
    reply.add(Section.ANSWER, zone, Type.NS, Class.IN, this.#config.ttl, server);
    for (const address of addresses) this.#add(query, Section.ADDITIONAL, server, addressType(address), address);
    return Found.WRITTEN;
  }

  /** `APEX.ZONE` and below, of which `own` labels stand before it: `ns1` only. */
  #nameServer(query: Query, own: number): Found {
    const { name, type } = query;
    if (own === 0) return Found.NO_DATA;
    if (own > 1 || !isWord(name.bytes, 0, NS1)) return Found.NEVER;
    const addresses = this.#cluster!.addresses.filter((address) => addressType(address) === type);
    const owner = originalName(query, 0);
    for (const address of addresses) this.#add(query, Section.ANSWER, owner, type, address);
    return addresses.length > 0 ? Found.WRITTEN : Found.NO_DATA;
  }

  #namespace(view: ClusterView, { bytes }: Name): Found {
    if (!this.#shown.hasTargets(bytes, 0)) return Found.NO_NAME;
    return view.hasNamespace(bytes, 0) ? Found.NO_DATA : this.#missing(view, Resource.NAMESPACES);
  }

  /** A Service with `count` addresses and host names outside. What stands before it is a port, or does not matter. */
  #service(view: ClusterView, query: Query, zoneLabel: number, count: number): Found {
    const { name, type } = query;
    const { service, bytes } = view;
    if (type === Type.SRV || this.#cut.form === Form.PORT) {
      const numbers = this.#portsOf(view, name);
      if (this.#cut.form === Form.PORT && numbers.length === 0) return Found.NO_NAME;
      if (type === Type.SRV) return this.#services(view, query, zoneLabel, numbers, count);
    }
    if (type === Type.A && service.externalIpv4Count > 0) {
      this.writer.addresses(bytes, service.externalIpv4At, service.externalIpv4Count, 4);
      return Found.WRITTEN;
    }
    if (type === Type.AAAA && service.externalIpv6Count > 0) {
      this.writer.addresses(bytes, service.externalIpv6At, service.externalIpv6Count, 16);
      return Found.WRITTEN;
    }
    // An alias has nothing beside it (RFC 1034 section 3.6.2): it is one, and there when there are no addresses.
    const isAlone = service.externalNameCount > 0 && service.externalNameCount === count;
    if (!isAlone || ![Type.A, Type.AAAA, Type.CNAME].some((wanted) => wanted === type)) return Found.NO_DATA;
    this.alias = namesOf(view)[0]!;
    if (type !== Type.CNAME) return Found.ALIAS;
    this.writer.name(Type.CNAME, this.alias, 0, this.alias.length, undefined);
    return Found.WRITTEN;
  }

  /** The numbers of the Service's ports that the name means. */
  #portsOf({ service: { ports }, bytes }: ClusterView, name: Name): readonly number[] {
    const numbers: number[] = [];
    for (let i = 0; i < ports.count; i++) {
      if (this.#cut.form !== Form.PORT || isPort(bytes, ports, i, name, false)) numbers.push(ports.number(i));
    }
    return numbers;
  }

  /** SRV: the ports of the Service's own name for its addresses, and of each host name. */
  #services(view: ClusterView, query: Query, zoneLabel: number, numbers: readonly number[], count: number): Found {
    if (numbers.length === 0) return Found.NO_DATA;
    const own = join(keyOf(view), originalName(query, zoneLabel));
    const addresses = externalAddresses(view);
    const targets = [...(addresses.length > 0 ? [own] : []), ...namesOf(view)];
    const weight = weightOf(numbers.length * count);
    const different = new Set(numbers);
    for (const target of targets) {
      for (const number of different) {
        // So many ports for so many host names may be more than any client takes.
        if (this.writer.full) return Found.WRITTEN;
        this.#addSrv(query, weight, number, target);
      }
    }
    for (const address of addresses) this.#add(query, Section.ADDITIONAL, own, addressType(address), address);
    return Found.WRITTEN;
  }

  /** A headless Service: its endpoints, as in the cluster. */
  #endpoints(view: ClusterView, { name, type, reply }: Query): Found {
    if (type === Type.A || type === Type.AAAA) {
      this.#addresses.some(view, name, this.#cut, type === Type.A ? 4 : 16);
      if (this.#addresses.written > 0) return Found.WRITTEN;
      return this.#addresses.seen > 0 ? Found.NO_DATA : this.#missing(view, Resource.ENDPOINT_SLICES);
    }
    if (type === Type.SRV) {
      if (this.#srv.endpoints(view, name, this.#cut) === 0) return this.#missing(view, Resource.ENDPOINT_SLICES);
      return reply.counts[Section.ANSWER]! > 0 || reply.overflow ? Found.WRITTEN : Found.NO_DATA;
    }
    this.#walk.begin(view, name, this.#cut, 0);
    return this.#walk.next() ? Found.NO_DATA : this.#missing(view, Resource.ENDPOINT_SLICES);
  }

  #addSrv({ reply, questionName }: Query, weight: number, port: number, target: Uint8Array): void {
    const fixed = Uint8Array.of(0, 0, 0, weight, port >> 8, port);
    reply.add(Section.ANSWER, questionName, Type.SRV, Class.IN, this.#config.ttl, join(fixed, target));
  }

  #reverse(view: ClusterView, size: number): Found {
    if (!view.findServiceByExternalAddress(this.#address, size)) return this.#missing(view, Resource.SERVICES);
    const { keyAt, keyLength } = view.service;
    const { bytes } = view;
    if (!this.#shown.hasTargets(bytes, keyAt + 1 + bytes[keyAt]!)) return Found.NO_NAME;
    if (!this.writer.isName(keyLength, this.#primaryZone)) return Found.NO_NAME;
    this.writer.name(Type.PTR, bytes, keyAt, keyLength, this.#primaryZone);
    return Found.WRITTEN;
  }

  #add({ reply }: Query, section: Section, owner: Uint8Array, type: number, data: Uint8Array): void {
    reply.add(section, owner, type, Class.IN, this.#config.ttl, data);
  }

  #missing(view: ClusterView, resource: Resource): Found {
    return isSure(view.state(resource), this.#cluster!.doubt) ? Found.NO_NAME : Found.DOUBT;
  }
}

/** By the number of labels before the zone. */
const FORMS: readonly Form[] = [Form.UNKNOWN, Form.UNKNOWN, Form.SERVICE, Form.ENDPOINT, Form.PORT];

/** The question's name from label `label` on, with its letters. */
function originalName({ questionName, name }: Query, label: number): Uint8Array {
  return questionName.subarray(name.offsets[label]);
}

/** Service and namespace, two labels. */
function keyOf({ service, bytes }: ClusterView): Uint8Array {
  return bytes.slice(service.keyAt, service.keyAt + service.keyLength);
}

function externalAddresses({ service, bytes }: ClusterView): readonly Uint8Array[] {
  const { externalIpv4At, externalIpv4Count, externalIpv6At, externalIpv6Count } = service;
  const list: Uint8Array[] = [];
  for (let i = 0, at = externalIpv4At; i < externalIpv4Count; i++, at += 4) list.push(bytes.slice(at, at + 4));
  for (let i = 0, at = externalIpv6At; i < externalIpv6Count; i++, at += 16) list.push(bytes.slice(at, at + 16));
  return list;
}

/** The load balancers' host names. */
function namesOf({ service, bytes }: ClusterView): readonly Uint8Array[] {
  const list: Uint8Array[] = [];
  for (let i = 0, at = service.externalNamesAt; i < service.externalNameCount; i++) {
    const length = wireLength(bytes, at);
    if (length < 0) break;
    list.push(bytes.slice(at, at + length));
    at += length;
  }
  return list;
}

function addressType(address: Uint8Array): number {
  return address.length === 4 ? Type.A : Type.AAAA;
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

const NS1 = wireLabels("ns1");
const HOSTMASTER = wireLabels("hostmaster");
