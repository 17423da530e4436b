/**
 * The rows of the table as their readers see them (`layout.ts`): one object of each kind, set to one row after the
 * other.
 */
import { textAt } from "./byte-text.ts";
import type { HeapReader } from "./heap-reader.ts";
import {
  PodField,
  type Protocol,
  ServiceField,
  ServiceFlag,
  type ServiceKind,
  SliceField,
  SliceFlag,
} from "./layout.ts";

/** A Service or a ServiceImport. Its ClusterIPs, and external ones, are 4 bytes one behind the other, then 16. */
export class ServiceRow {
  readonly ports: PortList;
  /** 0: none. */
  row = 0;
  flags = 0;
  ipv4Count = 0;
  ipv4At = 0;
  ipv6Count = 0;
  ipv6At = 0;
  /** externalIPs and addresses of the load balancer, none twice. */
  externalIpv4Count = 0;
  externalIpv4At = 0;
  externalIpv6Count = 0;
  externalIpv6At = 0;
  /** Two labels, service and namespace, without an end. */
  keyAt = 0;
  keyLength = 0;
  sliceCount = 0;
  /** Endpoints in all slices. */
  endpointCount = 0;
  readonly #heap: HeapReader;
  #sizes = 0;

  constructor(heap: HeapReader) {
    this.#heap = heap;
    this.ports = new PortList(heap);
  }

  /** False when it is not within the memory. */
  open(row: number): boolean {
    const heap = this.#heap;
    if (!heap.reaches(row + ServiceField.BODY)) return false;
    const { words } = heap;
    const flags = words[row + ServiceField.FLAGS]!;
    const counts = words[row + ServiceField.ADDRESSES]!;
    this.row = row;
    this.flags = flags;
    this.#sizes = words[row + ServiceField.SIZES]!;
    this.sliceCount = words[row + ServiceField.SLICES]!;
    this.endpointCount = words[row + ServiceField.ENDPOINTS]!;
    this.ipv4Count = counts & 0xff;
    this.ipv6Count = (counts >> 8) & 0xff;
    this.externalIpv4Count = (counts >> 16) & 0xff;
    this.externalIpv6Count = counts >>> 24;
    this.ipv4At = (row + ServiceField.BODY) * 4;
    this.ipv6At = this.ipv4At + 4 * this.ipv4Count;
    this.externalIpv4At = this.ipv6At + 16 * this.ipv6Count;
    this.externalIpv6At = this.externalIpv4At + 4 * this.externalIpv4Count;
    const portsAt = (this.externalIpv6At + 16 * this.externalIpv6Count) >> 2;
    this.ports.open(row, portsAt, flags >>> 16);
    this.keyAt = (portsAt + 2 * this.ports.count) * 4 + 1;
    this.keyLength = (flags >> 8) & 0xff;
    return heap.reaches(row + (this.#sizes >>> 16) + this.sliceCount);
  }

  get kind(): ServiceKind {
    return (this.flags & ServiceFlag.KIND) as ServiceKind;
  }

  /** The same address stands in more than one place of its slices: records must be compared. */
  get repeats(): boolean {
    return (this.flags & ServiceFlag.REPEATS) !== 0;
  }

  /** spec.externalName in wire form, with its letters. The length is 0 when there is none, or it is an address. */
  get targetAt(): number {
    return this.keyAt + this.keyLength;
  }

  get targetLength(): number {
    return (this.#sizes >> 8) & 0xff;
  }

  /** Host names of the load balancer, each a name in wire form; the next stands behind it. */
  get externalNameCount(): number {
    return this.#sizes & 0xff;
  }

  get externalNamesAt(): number {
    return this.targetAt + this.targetLength;
  }

  /** The row of the slice with this number; 0 when there is none. */
  sliceRow(number: number): number {
    if (number < 0 || number >= this.sliceCount) return 0;
    return this.#heap.words[this.row + (this.#sizes >>> 16) + number]!;
  }
}

/** Ready endpoints of one address family. */
export class SliceRow {
  readonly ports: PortList;
  row = 0;
  /** 4 or 16: bytes of an address. */
  addressSize = 4;
  count = 0;
  /** Of the first address. The others follow. */
  addressesAt = 0;
  /** Label with its length byte: the cluster that a slice of a ServiceImport came from. 0: none. */
  clusterAt = 0;
  /** Two labels: the Service it belongs to, whether that is there or not. */
  keyAt = 0;
  keyLength = 0;
  /** Where the hashes of the host labels begin, in words. */
  hashesAt = 0;
  readonly #heap: HeapReader;
  #placesAt = 0;
  #zonesAt = 0;

  constructor(heap: HeapReader) {
    this.#heap = heap;
    this.ports = new PortList(heap);
  }

  /** False when it is not within the memory. The key is its caller's to set. */
  open(row: number): boolean {
    const heap = this.#heap;
    if (!heap.reaches(row + SliceField.BODY)) return false;
    const { words } = heap;
    const flags = words[row + SliceField.NAMESPACE]!;
    const counts = words[row + SliceField.COUNTS]!;
    const nameAt = row * 4 + words[row + SliceField.NAME_AT]!;
    const lengths = words[row + SliceField.NAME_LENGTHS]!;
    const count = counts & 0xffff;
    this.row = row;
    this.count = count;
    this.addressSize = (flags & SliceFlag.IPV6) === 0 ? 4 : 16;
    this.addressesAt = (row + SliceField.BODY) * 4;
    this.clusterAt = lengths >>> 8 === 0 ? 0 : nameAt + (lengths & 0xff);
    let at = row + SliceField.BODY + ((count * this.addressSize) >> 2);
    this.hashesAt = at;
    at += count;
    this.#placesAt = 0;
    if (flags & SliceFlag.PLACES) {
      this.#placesAt = at;
      at += count;
    }
    this.#zonesAt = 0;
    if (flags & SliceFlag.ZONES) {
      this.#zonesAt = at;
      at += count;
    }
    this.ports.open(row, at, counts >>> 16);
    return heap.reaches((nameAt + (lengths & 0xff) + (lengths >>> 8) + 3) >> 2);
  }

  /**
   * Host label (hostname, or pod name where wanted) of an endpoint, with its length byte. 0: its address with dashes is
   * its name.
   */
  hostAt(endpoint: number): number {
    if (this.#placesAt === 0 || endpoint < 0 || endpoint >= this.count) return 0;
    const place = this.#heap.words[this.#placesAt + endpoint]!;
    return place === 0 ? 0 : this.row * 4 + place;
  }

  /** Its zone as text, in lower case; kept only where wanted. */
  zoneAt(endpoint: number): number {
    return this.#zone(endpoint) + 1;
  }

  zoneLength(endpoint: number): number {
    const at = this.#zone(endpoint);
    return at === 0 ? 0 : this.#heap.bytes[at]!;
  }

  /** Where the length of the zone stands; 0 when there is none. */
  #zone(endpoint: number): number {
    if (this.#zonesAt === 0 || endpoint < 0 || endpoint >= this.count) return 0;
    const place = this.#heap.words[this.#zonesAt + endpoint]!;
    return place === 0 ? 0 : this.row * 4 + place;
  }
}

export class PortList {
  count = 0;
  readonly #heap: HeapReader;
  #row = 0;
  #at = 0;

  constructor(heap: HeapReader) {
    this.#heap = heap;
  }

  open(row: number, at: number, count: number): void {
    this.#row = row;
    this.#at = at;
    this.count = count;
  }

  number(port: number): number {
    return this.#heap.words[this.#at + 2 * port]! & 0xffff;
  }

  protocol(port: number): Protocol {
    return (this.#heap.words[this.#at + 2 * port]! >>> 16) as Protocol;
  }

  /** The name as a label with its length byte, in lower case; the length byte is 0 when it has none. */
  nameAt(port: number): number {
    return this.#row * 4 + this.#heap.words[this.#at + 2 * port + 1]!;
  }
}

export class PodRow {
  /** One label: its namespace. */
  namespaceAt = 0;
  readonly #heap: HeapReader;
  #row = 0;

  constructor(heap: HeapReader) {
    this.#heap = heap;
  }

  /** False when it is not within the memory. */
  open(row: number, namespaceAt: number): boolean {
    if (!this.#heap.reaches(row + PodField.BODY)) return false;
    this.#row = row;
    this.namespaceAt = namespaceAt;
    const lengths = this.#heap.words[row + PodField.LENGTHS]!;
    return this.#heap.reaches((this.#nameAt + (lengths & 0xff) + (lengths >>> 8) + 3) >> 2);
  }

  get name(): string {
    return textAt(this.#heap.bytes, this.#nameAt, this.#heap.words[this.#row + PodField.LENGTHS]! & 0xff);
  }

  get namespace(): string {
    return textAt(this.#heap.bytes, this.namespaceAt + 1, this.#heap.bytes[this.namespaceAt]!);
  }

  /** Kept only where wanted. */
  labels(): Map<string, string> {
    const { words, bytes } = this.#heap;
    const lengths = words[this.#row + PodField.LENGTHS]!;
    const labels = new Map<string, string>();
    let at = this.#nameAt + (lengths & 0xff);
    const read = () => {
      const length = (bytes[at]! << 8) | bytes[at + 1]!;
      const text = textAt(bytes, at + 2, length);
      at += 2 + length;
      return text;
    };
    for (const end = at + (lengths >>> 8); at < end; ) {
      const key = read();
      labels.set(key, read());
    }
    return labels;
  }

  get #nameAt(): number {
    const counts = this.#heap.words[this.#row + PodField.NAMESPACE]!;
    return (this.#row + PodField.BODY + ((counts >>> 24) & 15) + 4 * (counts >>> 28)) * 4;
  }
}
