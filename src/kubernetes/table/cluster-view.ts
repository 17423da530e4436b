/**
 * The record table of a cluster as a worker reads it. Every look-up stands between `enter` and `leave`, and so does the
 * use of what it found: rows are read in place, and stay as they are until `leave`. Nothing here allocates or waits.
 *
 *   view.enter();
 *   if (view.findService(name.bytes, name.offsets[0], length)) ... view.service.ipv4At(0) ... view.bytes[...]
 *   view.leave();
 *
 * Sections do not nest: leave before anything else is called that may look into the same table. `enter` mends a section
 * that was never left, so an error in between costs nothing.
 *
 * Names are lower-case wire labels, cut from the question where they stand. All positions (`...At`) count bytes in `view.bytes`, which
 * may be another array after each look-up: load it afterwards.
 */
import type { ClusterMemory, Protocol, Resource, ServiceKind, SyncState } from "./layout.ts";

export declare class ClusterView {
  constructor(memory: ClusterMemory, worker: number);
  bytes: Uint8Array;
  readonly service: ServiceRow;
  readonly slice: SliceRow;
  readonly pod: PodRow;
  /** Which endpoint of `slice` was found by `nextHost` or `nextEndpoint`. */
  endpoint: number;

  enter(): void;
  leave(): void;
  /** Unix time of the last change, in seconds. No section needed, nor for `state`. */
  get serial(): number;
  state(resource: Resource): SyncState;

  /** `source[offset..offset+length)` is two labels, service and namespace. Then `service` is it. */
  findService(source: Uint8Array, offset: number, length: number): boolean;
  /** The same among ServiceImports. */
  findImport(source: Uint8Array, offset: number, length: number): boolean;
  /** One label. */
  hasNamespace(source: Uint8Array, offset: number, length: number): boolean;
  /** `size` is 4 or 16. The Service whose ClusterIP it is. */
  findServiceByAddress(source: Uint8Array, offset: number, size: number): boolean;
  /** The Service that has it among its externalIPs or load balancer addresses. */
  findServiceByExternalAddress(source: Uint8Array, offset: number, size: number): boolean;

  /** Sets `slice` to the one of `service` with this number. */
  openSlice(number: number): void;
  /** Looks for the endpoints of `service` whose host label (one label, with its length byte) this is. */
  seekHost(source: Uint8Array, offset: number, length: number): void;
  /** `slice` and `endpoint` are the next one then. */
  nextHost(): boolean;
  /** Looks for all endpoints of all Services that have the address. */
  seekEndpoint(source: Uint8Array, offset: number, size: number): void;
  nextEndpoint(): boolean;

  /** Whether a pod of the namespace (one label) has the address. */
  hasPod(address: Uint8Array, at: number, size: number, source: Uint8Array, offset: number, length: number): boolean;
  /** The number of pods that have the address; `pod` is one of them. More than one: they use their node's address. */
  countPods(address: Uint8Array, at: number, size: number): number;
}

/** A Service or a ServiceImport. */
export declare class ServiceRow {
  get kind(): ServiceKind;
  /** Its ClusterIPs. IPv4 addresses are 4 bytes one behind the other, IPv6 addresses 16. */
  get ipv4Count(): number;
  get ipv4At(): number;
  get ipv6Count(): number;
  get ipv6At(): number;
  /** externalIPs and load balancer addresses, none twice. */
  get externalIpv4Count(): number;
  get externalIpv4At(): number;
  get externalIpv6Count(): number;
  get externalIpv6At(): number;
  /** Load balancer host names, each a name in wire form; the next stands behind it. */
  get externalNameCount(): number;
  get externalNamesAt(): number;
  /** spec.externalName in wire form, in lower case. `targetLength` is 0 when there is none, or it is an address. */
  get targetAt(): number;
  get targetLength(): number;
  get ports(): PortList;
  /** Two labels, service and namespace, without an end. */
  get keyAt(): number;
  get keyLength(): number;
  get sliceCount(): number;
  /** Endpoints in all slices. */
  get endpointCount(): number;
  /** The same address stands in more than one place of its slices: records must be compared. */
  get repeats(): boolean;
}

/** Ready endpoints of one address family. */
export declare class SliceRow {
  /** 4 or 16: bytes of an address. */
  get addressSize(): number;
  get count(): number;
  /** Of the first address. The others follow. */
  get addressesAt(): number;
  /** Host label (hostname, or pod name where wanted) of an endpoint, with its length byte. 0: the address with dashes is its name. */
  hostAt(endpoint: number): number;
  /** Its zone as text, in lower case, `zoneLength` bytes; kept only where wanted. */
  zoneAt(endpoint: number): number;
  zoneLength(endpoint: number): number;
  get ports(): PortList;
  /** Label with its length byte: the cluster that a slice of a ServiceImport came from. 0: none. */
  get clusterAt(): number;
  /** Two labels: the Service it belongs to, whether that is there or not. */
  get keyAt(): number;
  get keyLength(): number;
}

export declare class PortList {
  get count(): number;
  number(port: number): number;
  protocol(port: number): Protocol;
  /** The name as a label with its length byte, in lower case; the length byte is 0 when it has none. */
  nameAt(port: number): number;
}

export declare class PodRow {
  /** One label. */
  get namespaceAt(): number;
  get name(): string;
  get namespace(): string;
  /** Kept only where wanted. */
  labels(): Map<string, string>;
}
