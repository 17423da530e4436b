/**
 * `*` and `any` in the place of a Service or a namespace, as the first releases of CoreDNS had them: the answers of all Services
 * that fit, each record once. All Services are looked at, so this is an option, and for few clients.
 */
import type { Name } from "../../dns/name.ts";
import { Type } from "../../dns/types.ts";
import type { AddressWriter } from "../../kubernetes/answer/address-writer.ts";
import type { AnswerWriter } from "../../kubernetes/answer/answer-writer.ts";
import { type Cut, Form, isWord } from "../../kubernetes/answer/cut.ts";
import { type EndpointWalk, isAny } from "../../kubernetes/answer/endpoint-walk.ts";
import type { SrvWriter } from "../../kubernetes/answer/srv-writer.ts";
import type { ClusterView } from "../../kubernetes/table/cluster-view.ts";
import { ServiceKind } from "../../kubernetes/table/layout.ts";
import type { Query } from "../../plugin/query.ts";
import type { KubernetesConfig } from "./config.ts";

export class Wildcards {
  readonly #config: KubernetesConfig;
  readonly #writer: AnswerWriter;
  readonly #walk: EndpointWalk;
  readonly #srv: SrvWriter;
  readonly #addresses: AddressWriter;

  constructor(
    config: KubernetesConfig,
    writer: AnswerWriter,
    walk: EndpointWalk,
    srv: SrvWriter,
    addresses: AddressWriter,
  ) {
    this.#config = config;
    this.#writer = writer;
    this.#walk = walk;
    this.#srv = srv;
    this.#addresses = addresses;
  }

  wants(name: Name, { serviceLabel, namespaceLabel }: Cut, isMulticluster: boolean): boolean {
    return (
      this.#config.wildcardQueries && !isMulticluster && (isAny(name, serviceLabel) || isAny(name, namespaceLabel))
    );
  }

  /** Gives how many Services, or endpoints of theirs, the name means. `isShown` says it of a namespace's label in the table. */
  answer(view: ClusterView, query: Query, cut: Cut, isShown: (namespaceAt: number) => boolean): number {
    let found = 0;
    this.#addresses.begin();
    view.seekServices();
    while (!this.#writer.full && view.nextService()) {
      const { keyAt } = view.service;
      const namespaceAt = keyAt + 1 + view.bytes[keyAt]!;
      if (!isLabel(query.name, cut.serviceLabel, view.bytes, keyAt)) continue;
      if (!isLabel(query.name, cut.namespaceLabel, view.bytes, namespaceAt) || !isShown(namespaceAt)) continue;
      found += this.#service(view, query, cut);
    }
    return found;
  }

  #service(view: ClusterView, { name, type }: Query, cut: Cut): number {
    const { service } = view;
    const isHeadless = service.kind === ServiceKind.HEADLESS;
    if (!isHeadless && service.kind !== ServiceKind.CLUSTER_IP) return 0;
    if (!isHeadless && this.#config.ignoreEmptyService && service.endpointCount === 0) return 0;
    const size = type === Type.A ? 4 : type === Type.AAAA ? 16 : 0;
    if (isHeadless || cut.form === Form.ENDPOINT) {
      if (type === Type.SRV) return this.#srv.endpointsAlone(view, name, cut);
      return this.#endpoints(view, name, cut, size);
    }
    const some = this.#srv.choosePorts(view, name, cut);
    if (cut.form === Form.ZONAL || (cut.form === Form.PORT && some === 0)) return 0;
    if (type === Type.SRV && some > 0) this.#srv.clusterIpAlone(view, name, cut);
    const at = size === 4 ? service.ipv4At : service.ipv6At;
    const count = size === 4 ? service.ipv4Count : size === 16 ? service.ipv6Count : 0;
    for (let i = 0; i < count; i++) this.#addresses.add(view.bytes, at + i * size, size);
    return 1;
  }

  #endpoints(view: ClusterView, name: Name, cut: Cut, size: number): number {
    let seen = 0;
    this.#walk.begin(view, name, cut, 0);
    while (!this.#writer.full && this.#walk.next()) {
      seen++;
      const { slice } = view;
      if (slice.addressSize === size) this.#addresses.add(view.bytes, slice.addressesAt + view.endpoint * size, size);
    }
    return seen;
  }
}

/** Whether a label of `name` is the one at `at` of `table`, or stands for all. */
function isLabel(name: Name, label: number, table: Uint8Array, at: number): boolean {
  if (isAny(name, label)) return true;
  return isWord(name.bytes, name.offsets[label]!, table.subarray(at, at + table[at]! + 1));
}
