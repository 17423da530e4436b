/**
 * SRV records with the addresses of their targets, and PTR records of endpoints: what has names of endpoints in it.
 * The weight is 100 divided by the number of records before equal ones are left out (behaviour 3.G).
 */
import { POINTED_RECORD_SIZE } from "../../dns/header.ts";
import type { Name } from "../../dns/name.ts";
import type { ClusterView } from "../table/cluster-view.ts";
import { writeDashed } from "../table/write-dashed.ts";
import { hashOf } from "./address-writer.ts";
import type { AnswerWriter } from "./answer-writer.ts";
import { type Cut, Form } from "./cut.ts";
import { Duplicates } from "./duplicates.ts";
import { type EndpointWalk, isPort } from "./endpoint-walk.ts";

/** The shortest SRV record with a name of the cluster behind it: as many targets as a message may have. */
const MAX_TARGETS = Math.ceil(65_535 / (POINTED_RECORD_SIZE + 6 + 12));

export class SrvWriter {
  readonly #writer: AnswerWriter;
  readonly #walk: EndpointWalk;
  readonly #duplicates = new Duplicates();
  readonly #glueDuplicates = new Duplicates();
  readonly #dashed = new Uint8Array(64);
  #hostBytes: Uint8Array = this.#dashed;
  #hostAt = 0;
  /** Of each target that needs glue: where it begins in the reply, its length, and where its address stands in the table. */
  readonly #targets = new Uint32Array(MAX_TARGETS);
  readonly #addresses = new Uint32Array(MAX_TARGETS);
  readonly #sizes = new Uint8Array(MAX_TARGETS);
  readonly #lengths = new Uint8Array(MAX_TARGETS);
  #count = 0;
  #table!: Uint8Array;

  constructor(writer: AnswerWriter, walk: EndpointWalk) {
    this.#writer = writer;
    this.#walk = walk;
  }

  /** Finds the ports of `view.service` that the name means, for `clusterIp` and `clusterIpAlone`. Gives how many there are. */
  choosePorts(view: ClusterView, name: Name, cut: Cut): number {
    const { ports } = view.service;
    this.#firstPort = 0;
    this.#ports = ports.count;
    if (cut.form !== Form.PORT) return ports.count;
    this.#ports = 0;
    for (let i = ports.count - 1; i >= 0; i--) {
      if (!isPort(view.bytes, ports, i, name, this.#walk.wildcards)) continue;
      this.#ports++;
      this.#firstPort = i;
    }
    return this.#ports;
  }
  #ports = 0;
  #firstPort = 0;

  /** The chosen ports of `view.service`, and its addresses. */
  clusterIp(view: ClusterView, name: Name, cut: Cut): void {
    const writer = this.#writer;
    const target = this.clusterIpAlone(view, name, cut);
    const { service, bytes } = view;
    const { ipv4Count, ipv6Count, ipv4At, ipv6At } = service;
    const length = writer.targetLength;
    if (target === 0) return;
    for (let i = 0; i < ipv4Count && !writer.full; i++) writer.glue(bytes, ipv4At + 4 * i, 4, target, length);
    for (let i = 0; i < ipv6Count && !writer.full; i++) writer.glue(bytes, ipv6At + 16 * i, 16, target, length);
  }

  /** Without its addresses. Gives where the target begins; 0 when there was no room. */
  clusterIpAlone(view: ClusterView, name: Name, cut: Cut): number {
    const first = this.#firstPort;
    const writer = this.#writer;
    const { service, bytes } = view;
    const { ipv4Count, ipv6Count, keyAt, keyLength } = service;
    const list = service.ports;
    const weight = weightOf(this.#ports * (ipv4Count + ipv6Count));
    let target = 0;
    if (!writer.isName(keyLength)) return 0;
    for (let i = first, left = this.#ports; left > 0; i++) {
      if (i !== first && cut.form === Form.PORT && !isPort(bytes, list, i, name, this.#walk.wildcards)) continue;
      left--;
      if (i !== first && this.#hasEarlier(list.number(i), i, view, name, cut)) continue;
      if (writer.full || !writer.beginSrv(weight, list.number(i))) break;
      writer.labels(bytes, keyAt, keyLength);
      writer.endTarget();
      if (target === 0) target = writer.targetAt;
    }
    return target;
  }

  /** The same number for TCP and UDP makes one record. */
  #hasEarlier(number: number, before: number, view: ClusterView, name: Name, cut: Cut): boolean {
    const list = view.service.ports;
    for (let i = 0; i < before; i++) {
      if (list.number(i) !== number) continue;
      if (cut.form !== Form.PORT || isPort(view.bytes, list, i, name, this.#walk.wildcards)) return true;
    }
    return false;
  }

  /** The endpoints of `view.service` that the name means, with their ports and addresses. Gives how many there are. */
  endpoints(view: ClusterView, name: Name, cut: Cut): number {
    const writer = this.#writer;
    const seen = this.endpointsAlone(view, name, cut);
    for (let i = 0; i < this.#count && !writer.full; i++) {
      writer.glue(this.#table, this.#addresses[i]!, this.#sizes[i]!, this.#targets[i]!, this.#lengths[i]!);
    }
    return seen;
  }

  /** Without their addresses. */
  endpointsAlone(view: ClusterView, name: Name, cut: Cut): number {
    const writer = this.#writer;
    const walk = this.#walk;
    let any = false;
    walk.begin(view, name, cut, 0);
    let seen = this.#countRecords();
    if (seen === 0 && cut.form === Form.ZONAL && cut.isPreference) {
      any = true;
      walk.beginAnyZone();
      seen = this.#countRecords();
    }
    this.#count = 0;
    if (seen === 0) return 0;
    const weight = weightOf(this.#records);
    const slices = view.service.sliceCount;
    // Of more than the client can be told, each slice has its turn.
    const first = writer.worth(seen, MIN_SRV) < seen && slices > 1 ? writer.turn(slices) : 0;
    walk.begin(view, name, cut, first);
    if (any) walk.beginAnyZone();
    this.#duplicates.clear();
    this.#glueDuplicates.clear();
    while (!writer.full && walk.next()) this.#endpoint(view, weight);
    return seen;
  }

  #records = 0;

  #countRecords(): number {
    let endpoints = 0;
    this.#records = 0;
    while (this.#walk.next()) {
      endpoints++;
      // What has no ports counts once, though it gives no record.
      this.#records += Math.max(1, this.#walk.ports);
    }
    return endpoints;
  }

  #endpoint(view: ClusterView, weight: number): void {
    const writer = this.#writer;
    const { service, slice, endpoint } = view;
    const { ports } = slice;
    const { addressSize } = slice;
    const addressAt = slice.addressesAt + endpoint * addressSize;
    const { keyAt, keyLength } = service;
    let target = -1;
    const hostLength = this.#findHost(view);
    const { clusterAt } = slice;
    const clusterLength = clusterAt === 0 ? 0 : view.bytes[clusterAt]! + 1;
    if (!writer.isName(hostLength + clusterLength + keyLength)) return;
    for (let i = 0; i < ports.count; i++) {
      if (!this.#walk.isPort(ports, i)) continue;
      if (writer.full || !writer.beginSrv(weight, ports.number(i))) return;
      writer.labels(this.#hostBytes, this.#hostAt, hostLength);
      writer.labels(view.bytes, clusterAt, clusterLength);
      writer.labels(view.bytes, keyAt, keyLength);
      writer.endTarget();
      const at = writer.targetAt;
      if (this.#isThere(at)) {
        writer.dropSrv();
        // Another endpoint of the same name: its address is wanted nevertheless.
        if (target < 0) target = this.#sameTarget;
      } else if (target < 0) target = at;
    }
    if (target < 0 || this.#count === MAX_TARGETS) return;
    this.#table = view.bytes;
    const i = this.#count;
    this.#targets[i] = target;
    this.#addresses[i] = addressAt;
    this.#sizes[i] = addressSize;
    this.#lengths[i] = writer.targetLength;
    if (!this.#glueDuplicates.has(hashOf(view.bytes, addressAt, addressSize), i, this.#isSameGlue)) this.#count++;
  }

  /** The label of the endpoint that the view stands on is then at `#hostAt` of `#hostBytes`. Gives its length. */
  #findHost({ slice, endpoint, bytes }: ClusterView): number {
    this.#hostAt = slice.hostAt(endpoint);
    this.#hostBytes = bytes;
    if (this.#hostAt !== 0) return bytes[this.#hostAt]! + 1;
    const size = slice.addressSize;
    this.#hostBytes = this.#dashed;
    return writeDashed(bytes, slice.addressesAt + endpoint * size, size, this.#dashed, 0);
  }

  /** The target that was found equal last. */
  #sameTarget = 0;

  /** Whether the SRV record written last, whose target begins at `at`, is there already. */
  #isThere(at: number): boolean {
    const { message, start, end } = this.#writer;
    // From the port on to the record's end.
    const from = start + at - 2;
    return this.#duplicates.has(hashOf(message, from, end - from), at, this.#isSameRecord);
  }

  /** Port and target of two records, the later of which may be the end of the message. */
  readonly #isSameRecord = (earlier: number, later: number): boolean => {
    const { message, start } = this.#writer;
    const one = start + earlier;
    const other = start + later;
    if (message[one - 2] !== message[other - 2] || message[one - 1] !== message[other - 1]) return false;
    if (!isSameName(message, one, other)) return false;
    this.#sameTarget = earlier;
    return true;
  };

  readonly #isSameGlue = (earlier: number, later: number): boolean => {
    if (this.#sizes[earlier] !== this.#sizes[later]) return false;
    const one = this.#addresses[earlier]!;
    const other = this.#addresses[later]!;
    for (let i = 0; i < this.#sizes[earlier]!; i++) if (this.#table[one + i] !== this.#table[other + i]) return false;
    const { message, start } = this.#writer;
    return isSameName(message, start + this.#targets[earlier]!, start + this.#targets[later]!);
  };

  /** A pod's own name, at port 0 as CoreDNS has it: labels up to the zone's name, as they stand in `bytes`. */
  pod(bytes: Uint8Array, at: number, length: number, address: Uint8Array, size: number): void {
    const writer = this.#writer;
    if (!writer.beginSrv(100, 0)) return;
    writer.labels(bytes, at, length);
    writer.endPodTarget();
    writer.glue(address, 0, size, writer.targetAt, writer.targetLength);
  }

  /**
   * PTR of the endpoint that the view stands on, whose Service's two labels are at `keyAt`. False when they make no name, being
   * too long.
   */
  ptr(view: ClusterView, keyAt: number, keyLength: number, zone: Uint8Array): boolean {
    const writer = this.#writer;
    const length = this.#findHost(view);
    if (!writer.isName(length + keyLength, zone)) return false;
    if (!writer.beginPtr(length + keyLength, zone)) return true;
    const at = writer.end - writer.start;
    writer.labels(this.#hostBytes, this.#hostAt, length);
    writer.labels(view.bytes, keyAt, keyLength);
    // An endpoint may stand in two slices. What is behind these labels is the same for all.
    const hash = hashOf(writer.message, writer.start + at, length + keyLength);
    writer.endPtr(zone);
    if (this.#duplicates.has(hash, at, this.#isSamePtr)) writer.dropPtr(at);
    return true;
  }

  readonly #isSamePtr = (one: number, other: number): boolean => {
    const { message, start } = this.#writer;
    return isSameName(message, start + one, start + other, PTR_LABELS);
  };

  /** PTR records of another question follow. */
  beginPtrs(): void {
    this.#duplicates.clear();
    this.#writer.beginPtrs();
  }
}

/** The least that an SRV record takes. */
const MIN_SRV = POINTED_RECORD_SIZE + 6 + 12;

/** The weight of each of so many SRV records. */
export function weightOf(records: number): number {
  return Math.max(1, Math.floor(100 / records));
}

/** Endpoint, Service and namespace. */
const PTR_LABELS = 3;

/** Two uncompressed names of a message, with letter case; or as many labels of them. */
function isSameName(message: Uint8Array, one: number, other: number, labels = 128): boolean {
  for (let left = labels; left > 0; left--) {
    const size = message[one]!;
    for (let i = 0; i <= size; i++) if (message[one + i] !== message[other + i]) return false;
    if (size === 0) return true;
    one += size + 1;
    other += size + 1;
  }
  return true;
}
