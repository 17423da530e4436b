/**
 * The cluster's answer to one question, written from the table while a section is open. It says what it has found; what follows
 * from a name that does not exist is for the handler.
 */
import type { Name } from "../../dns/name.ts";
import { wireLabels } from "../../dns/name-text.ts";
import { Section } from "../../dns/reply.ts";
import { reverseAddress } from "../../dns/reverse-name.ts";
import { Type } from "../../dns/types.ts";
import { AddressWriter } from "../../kubernetes/answer/address-writer.ts";
import { AnswerWriter } from "../../kubernetes/answer/answer-writer.ts";
import { Cut, Form, isWord } from "../../kubernetes/answer/cut.ts";
import { EndpointWalk, isAnyPort } from "../../kubernetes/answer/endpoint-walk.ts";
import { readHostLabel } from "../../kubernetes/answer/host-label.ts";
import { ShownNamespaces } from "../../kubernetes/answer/shown-namespaces.ts";
import { SrvWriter } from "../../kubernetes/answer/srv-writer.ts";
import { isSure } from "../../kubernetes/clusters.ts";
import type { ClusterView } from "../../kubernetes/table/cluster-view.ts";
import { Resource, ServiceKind } from "../../kubernetes/table/layout.ts";
import type { Query } from "../../plugin/query.ts";
import type { KubernetesConfig } from "./config.ts";
import { Wildcards } from "./wildcards.ts";

export const Result = {
  /** The reply is complete. */
  WRITTEN: 0,
  /** The name exists and has nothing of this type. */
  NO_DATA: 1,
  NO_NAME: 2,
  /** The name is not known, but `Responder.doubt` says which resource may have it. */
  DOUBT: 3,
  /** The name is another one for `Responder.alias`, which has to be asked. */
  ALIAS: 4,
  /** Asked are the names of this server itself. */
  OWN: 5,
} as const;
export type Result = (typeof Result)[keyof typeof Result];

export class Responder {
  readonly writer: AnswerWriter;
  readonly cut = new Cut();
  /** For DOUBT. */
  doubt: Resource = Resource.SERVICES;
  /** For ALIAS: a name in wire form. */
  alias: Uint8Array = new Uint8Array(0);

  #view!: ClusterView;
  readonly #config: KubernetesConfig;
  readonly #primaryZone: Uint8Array;
  readonly #shown: ShownNamespaces;
  readonly #walk: EndpointWalk;
  readonly #srv: SrvWriter;
  readonly #addresses: AddressWriter;
  readonly #wildcards: Wildcards;
  readonly #address = new Uint8Array(16);

  constructor(config: KubernetesConfig, primaryZone: Uint8Array) {
    this.#config = config;
    this.#primaryZone = primaryZone;
    this.#shown = new ShownNamespaces(config);
    this.writer = new AnswerWriter(config.ttl);
    this.#walk = new EndpointWalk(config.wildcardQueries);
    this.#srv = new SrvWriter(this.writer, this.#walk);
    this.#addresses = new AddressWriter(this.writer, this.#walk);
    this.#wildcards = new Wildcards(config, this.writer, this.#walk, this.#srv, this.#addresses);
  }

  /** The zone that has the name begins with its label `zoneLabel`. */
  answer(view: ClusterView, query: Query, zoneLabel: number, isMulticluster: boolean): Result {
    this.#view = view;
    const { name, type } = query;
    this.writer.begin(query, zoneLabel);
    if (type === Type.PTR) {
      const size = reverseAddress(name, this.#address);
      if (size > 0) return this.#reverse(size, name.hint);
    }
    const { cut } = this;
    cut.read(name, zoneLabel, isMulticluster, this.#config.zonal);
    if (type === Type.SOA) return this.#soa();
    switch (cut.form) {
      case Form.ZONE:
        return type === Type.NS ? Result.OWN : Result.NO_DATA;
      case Form.KIND:
        return Result.NO_DATA;
      case Form.NAMESPACE:
        return this.#namespace(name);
      case Form.POD:
        return this.#pod(query);
      case Form.UNKNOWN:
        return this.#other(query, zoneLabel);
      default:
        return this.#service(query, isMulticluster);
    }
  }

  /** SOA of any other name than the zone's: nothing, whether the name exists or not, as CoreDNS does. */
  #soa(): Result {
    if (this.cut.form !== Form.ZONE) return Result.NO_DATA;
    this.writer.soa(this.#view.serial, Section.ANSWER);
    return Result.WRITTEN;
  }

  #other({ name, type }: Query, zoneLabel: number): Result {
    const { bytes, offsets } = name;
    if (zoneLabel === 2 && isWord(bytes, 0, NS) && isWord(bytes, offsets[1]!, DNS)) return Result.OWN;
    if (zoneLabel !== 1 || type !== Type.TXT || !isWord(bytes, 0, DNS_VERSION)) return Result.NO_NAME;
    this.writer.version();
    return Result.WRITTEN;
  }

  #namespace(name: Name): Result {
    if (this.cut.isPod && this.#config.pods === "disabled") return Result.NO_NAME;
    const at = name.offsets[0]!;
    if (!this.#shown.hasTargets(name.bytes, at)) return Result.NO_NAME;
    return this.#view.hasNamespace(name.bytes, at) ? Result.NO_DATA : this.#missing(Resource.NAMESPACES);
  }

  #service(query: Query, isMulticluster: boolean): Result {
    const view = this.#view;
    const { cut } = this;
    const { name } = query;
    const { bytes, offsets } = name;
    const at = offsets[cut.serviceLabel]!;
    const namespaceAt = offsets[cut.namespaceLabel]!;
    const length = offsets[cut.namespaceLabel + 1]! - at;
    if (this.#wildcards.wants(name, cut, isMulticluster)) return this.#wildcard(query);
    if (!this.#shown.has(view, bytes, namespaceAt)) return this.#hidden();
    if (!(isMulticluster ? view.findImport(bytes, at, length) : view.findService(bytes, at, length, name.hint)))
      return this.#missing(isMulticluster ? Resource.SERVICE_IMPORTS : Resource.SERVICES);

    const { service } = view;
    const { kind } = service;
    const slices = isMulticluster ? Resource.IMPORT_SLICES : Resource.ENDPOINT_SLICES;
    if (kind === ServiceKind.EXTERNAL_NAME) return this.#external(query);
    if (this.#config.ignoreEmptyService && kind === ServiceKind.CLUSTER_IP && service.endpointCount === 0)
      return this.#missing(slices);
    if (kind !== ServiceKind.HEADLESS && cut.form !== Form.ENDPOINT) {
      if (cut.form === Form.ZONAL) return Result.NO_NAME;
      // The Service is there, its address is not yet.
      return kind === ServiceKind.CLUSTER_IP ? this.#clusterIp(query) : Result.NO_DATA;
    }
    return this.#endpoints(query, slices);
  }

  /** The names of many Services at once; what does not exist may not be known yet. */
  #wildcard(query: Query): Result {
    const view = this.#view;
    const isShown = (at: number): boolean => this.#shown.has(view, view.bytes, at);
    const found = this.#wildcards.answer(view, query, this.cut, isShown);
    if (found === 0) return this.#missingEndpoints() === Result.DOUBT ? Result.DOUBT : this.#hidden();
    return query.reply.counts[Section.ANSWER]! > 0 || query.reply.overflow ? Result.WRITTEN : Result.NO_DATA;
  }

  #external({ type }: Query): Result {
    const { service, bytes } = this.#view;
    const { targetAt, targetLength } = service;
    if (this.cut.form !== Form.SERVICE || targetLength === 0) return Result.NO_NAME;
    if (type === Type.A || type === Type.AAAA) {
      this.alias = bytes.slice(targetAt, targetAt + targetLength);
      return Result.ALIAS;
    }
    if (type !== Type.CNAME) return Result.NO_DATA;
    this.writer.name(Type.CNAME, bytes, targetAt, targetLength, undefined);
    return Result.WRITTEN;
  }

  #clusterIp({ name, type }: Query): Result {
    const { service, bytes } = this.#view;
    const some = this.#srv.choosePorts(this.#view, name, this.cut);
    const isPortless = service.ports.count === 0 && isAnyPort(name);
    if (this.cut.form === Form.PORT && some === 0 && !isPortless) return Result.NO_NAME;
    if (type === Type.A) {
      this.writer.addresses(bytes, service.ipv4At, service.ipv4Count, 4);
      return service.ipv4Count > 0 ? Result.WRITTEN : Result.NO_DATA;
    }
    if (type === Type.AAAA) {
      this.writer.addresses(bytes, service.ipv6At, service.ipv6Count, 16);
      return service.ipv6Count > 0 ? Result.WRITTEN : Result.NO_DATA;
    }
    if (type !== Type.SRV || some === 0) return Result.NO_DATA;
    this.#srv.clusterIp(this.#view, name, this.cut);
    return Result.WRITTEN;
  }

  #endpoints(query: Query, slices: Resource): Result {
    const view = this.#view;
    const { cut } = this;
    const { name, type } = query;
    if (type === Type.A || type === Type.AAAA) {
      const size = type === Type.A ? 4 : 16;
      if (cut.form === Form.SERVICE && !view.service.repeats) this.#addresses.all(view, size);
      else this.#addresses.some(view, name, cut, size);
      if (this.#addresses.written > 0) return Result.WRITTEN;
      if (this.#addresses.seen > 0) return Result.NO_DATA;
    } else if (type === Type.SRV) {
      const seen = this.#srv.endpoints(view, name, cut);
      if (seen > 0)
        return query.reply.counts[Section.ANSWER]! > 0 || query.reply.overflow ? Result.WRITTEN : Result.NO_DATA;
    } else {
      this.#walk.begin(view, name, cut, 0);
      if (this.#walk.next()) return Result.NO_DATA;
    }
    // A zone without endpoints is a name nevertheless.
    if (cut.form === Form.ZONAL) return Result.NO_DATA;
    return this.#missing(slices);
  }

  #pod({ name, type }: Query): Result {
    const view = this.#view;
    const { pods } = this.#config;
    if (pods === "disabled") return Result.NO_NAME;
    const { bytes, offsets } = name;
    const namespaceAt = offsets[this.cut.namespaceLabel]!;
    if (!this.#shown.has(view, bytes, namespaceAt)) return this.#hidden();
    const podAt = offsets[this.cut.serviceLabel]!;
    const size = readHostLabel(bytes, podAt, this.#address);
    if (size === 0) return Result.NO_NAME;
    if (pods === "insecure") {
      if (!view.hasNamespace(bytes, namespaceAt)) return this.#missing(Resource.NAMESPACES);
    } else if (!view.hasPod(this.#address, size, bytes, namespaceAt)) {
      return this.#missing(Resource.PODS);
    }
    if (type === Type.SRV) {
      this.#srv.pod(bytes, podAt, offsets[this.cut.namespaceLabel + 2]! - podAt, this.#address, size);
      return Result.WRITTEN;
    }
    if (type !== (size === 4 ? Type.A : Type.AAAA)) return Result.NO_DATA;
    this.writer.addresses(this.#address, 0, 1, size);
    return Result.WRITTEN;
  }

  /** The Service with the address, else all endpoints that have it. */
  #reverse(size: number, hint: number): Result {
    const view = this.#view;
    const { writer } = this;
    if (view.findServiceByAddress(this.#address, size, hint)) {
      const { keyAt, keyLength } = view.service;
      const isExposed = this.#shown.hasTargets(view.bytes, keyAt + 1 + view.bytes[keyAt]!);
      if (isExposed && writer.isName(keyLength, this.#primaryZone)) {
        writer.name(Type.PTR, view.bytes, keyAt, keyLength, this.#primaryZone);
        return Result.WRITTEN;
      }
    }
    view.seekEndpoint(this.#address, size);
    this.#srv.beginPtrs();
    let found = false;
    while (!writer.full && view.nextEndpoint()) {
      const { keyAt, keyLength } = view.slice;
      if (!this.#shown.hasTargets(view.bytes, keyAt + 1 + view.bytes[keyAt]!)) continue;
      if (this.#srv.ptr(view, keyAt, keyLength, this.#primaryZone)) found = true;
    }
    if (found) return Result.WRITTEN;
    return this.#missingEndpoints();
  }

  /** Neither a Service nor an endpoint of one is found. */
  #missingEndpoints(): Result {
    return this.#isSure(Resource.SERVICES) ? this.#missing(Resource.ENDPOINT_SLICES) : this.#missing(Resource.SERVICES);
  }

  /** A namespace is not shown; by its labels, as far as they are known. */
  #hidden(): Result {
    return this.#shown.byLabels ? this.#missing(Resource.NAMESPACES) : Result.NO_NAME;
  }

  #missing(resource: Resource): Result {
    if (this.#isSure(resource)) return Result.NO_NAME;
    this.doubt = resource;
    return Result.DOUBT;
  }

  #isSure(resource: Resource): boolean {
    return isSure(this.#view.state(resource), this.#config.doubt);
  }
}

const NS = wireLabels("ns");
const DNS = wireLabels("dns");
const DNS_VERSION = wireLabels("dns-version");
