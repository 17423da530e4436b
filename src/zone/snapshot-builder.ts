/** Lays out a `RecordLog` as a snapshot. The bytes are described in `snapshot.ts`. */

import { lowerCaseWire, wireLength } from "../dns/name-text.ts";
import { Type } from "../dns/types.ts";
import { preferHugePages } from "../memory/huge-pages.ts";
import { FragmentWriter, Owner } from "./fragment-writer.ts";
import { OUTSIDE, type RecordLog, write32 } from "./record-log.ts";
import {
  EXTRAS_SIZE,
  Extra,
  NODE_HEADER,
  NodeFlag,
  RRSET_FRAGMENT,
  targetOffset,
  type ZoneSnapshot,
} from "./snapshot.ts";

/** Offsets are positive 32-bit numbers. */
const MAX_BYTES = 0x7fffffff;
/** Of many zones each takes what it needs. */
const SMALL = 64 * 1024;

export function buildSnapshot(log: RecordLog): ZoneSnapshot | string {
  return new Builder(log).build();
}

class Builder {
  readonly #log: RecordLog;
  readonly #writer: FragmentWriter;
  #shared: SharedArrayBuffer;
  #data: Uint8Array;
  /** The next free byte; 0 is the offset of nothing. */
  #at = 4;
  readonly #addresses: number[] = [];

  constructor(log: RecordLog) {
    this.#log = log;
    this.#writer = new FragmentWriter(log.apex);
    // Pages that are never touched cost nothing, so the guess may be generous: RRset and fragment headers, a copy of glue.
    this.#shared = allocate(Math.min(4096 + log.nameCount * NODE_HEADER + log.size * 4, MAX_BYTES));
    this.#data = new Uint8Array(this.#shared);
  }

  build(): ZoneSnapshot | string {
    const log = this.#log;
    this.#markBelow();
    const nodes = new Int32Array(log.nameCount);
    const authority = { soa: 0, soaSignatures: 0, ns: 0, nsSignatures: 0 };
    let serial = 0;
    for (let number = 0; number < log.nameCount; number++) {
      if (!this.#ensure(NODE_HEADER + 256)) return TOO_LARGE;
      nodes[number] = this.#at;
      const groups = this.#groups(number);
      if (!this.#writeNode(number, groups)) return TOO_LARGE;
      if (number > 0) continue;
      const soa = groups.get(Type.SOA);
      if (soa === undefined) throw new Error("a zone without SOA is not laid out");
      serial = serialOf(log.rdata(soa[0]!));
      authority.soa = this.#writeAuthority(soa);
      authority.soaSignatures = this.#writeAuthority(this.#signatures(groups, Type.SOA));
      authority.ns = this.#writeAuthority(groups.get(Type.NS) ?? []);
      authority.nsSignatures = this.#writeAuthority(this.#signatures(groups, Type.NS));
    }
    return {
      apex: log.apex,
      serial,
      data: trimmed(this.#shared, this.#at),
      slots: buildSlots(log, nodes),
      nodeCount: log.nameCount,
      ...authority,
      ...(log.hasNsec && { nsecNodes: this.#orderNsecNodes(nodes) }),
    };
  }

  /** Parents have lower numbers, so one pass from the apex down tells every name what lies above it. */
  #markBelow(): void {
    const { flags, parents, nameCount, hasCut } = this.#log;
    if (!hasCut) return;
    for (let number = 1; number < nameCount; number++) {
      const above = flags[parents[number]!]!;
      if (above & (NodeFlag.CUT | NodeFlag.BELOW_CUT)) flags[number]! |= NodeFlag.BELOW_CUT;
      if (above & (NodeFlag.DNAME | NodeFlag.BELOW_DNAME)) flags[number]! |= NodeFlag.BELOW_DNAME;
    }
  }

  /** A name's records by type, in the file's order; one that is there twice is sent twice, as CoreDNS does. */
  #groups(number: number): Map<number, number[]> {
    const log = this.#log;
    const addresses = this.#addresses;
    const count = log.records(number, addresses);
    const groups = new Map<number, number[]>();
    for (let i = 0; i < count; i++) {
      const type = log.type(addresses[i]!);
      const group = groups.get(type);
      if (group === undefined) groups.set(type, [addresses[i]!]);
      else group.push(addresses[i]!);
    }
    // CoreDNS keeps the last of several SOAs.
    const soa = groups.get(Type.SOA);
    if (soa !== undefined) groups.set(Type.SOA, soa.slice(-1));
    return groups;
  }

  #writeNode(number: number, groups: Map<number, number[]>): boolean {
    const log = this.#log;
    const data = this.#data;
    const nameAddress = log.nameAddress(number);
    const names = log.chunk(nameAddress);
    const nameAt = log.offset(nameAddress);
    const length = names[nameAt]!;
    const node = this.#at;
    data[node] = log.flags[number]!;
    data[node + 1] = length;
    data[node + 2] = groups.size >> 8;
    data[node + 3] = groups.size;
    for (let i = 1; i <= length; i++) data[node + NODE_HEADER + i - 1] = names[nameAt + i]!;
    this.#at += NODE_HEADER + length;

    // RRsets stand one behind the other; what belongs to them besides comes behind the last.
    const pending: [rrset: number, type: number][] = [];
    for (const [type, group] of groups) {
      this.#fillRrset(type, group);
      const rrset = this.#at;
      if (!this.#ensure(RRSET_FRAGMENT + this.#writer.size)) return false;
      this.#data[rrset] = type >> 8;
      this.#data[rrset + 1] = type;
      write32(this.#data, rrset + 2, 0);
      this.#at += RRSET_FRAGMENT;
      this.#writeFragment();
      if (targetOffset(type) >= 0 || groups.has(Type.RRSIG)) pending.push([rrset, type]);
    }
    for (const [rrset, type] of pending) if (!this.#writeExtras(rrset, number, type, groups)) return false;
    return true;
  }

  #fillRrset(type: number, group: readonly number[]): void {
    const log = this.#log;
    const writer = this.#writer;
    writer.begin();
    for (const address of group) {
      const rdata = log.rdata(address);
      if (type === Type.SRV || type === Type.SVCB || type === Type.HTTPS) {
        writer.addWithTarget(type, log.class(address), log.ttl(address), rdata, targetOffset(type));
      } else {
        writer.add(Owner.QUESTION, type, log.class(address), log.ttl(address), rdata);
      }
    }
  }

  #writeExtras(rrset: number, number: number, type: number, groups: Map<number, number[]>): boolean {
    const group = groups.get(type)!;
    const hosts = targetOffset(type) < 0 ? [] : this.#addressOwners(number, type, group);
    const signatures = this.#signatures(groups, type);
    if (hosts.length === 0 && signatures.length === 0) return true;
    // Addresses point into the records that name them, so the writer must have just written those.
    this.#fillRrset(type, group);
    const addresses = this.#writeAddresses(hosts, false);
    const signed = this.#writeAddresses(hosts, true);
    this.#fillRrset(Type.RRSIG, signatures);
    const signaturesAt = signatures.length === 0 ? 0 : this.#writeWhole();
    if (addresses < 0 || signed < 0 || signaturesAt < 0 || !this.#ensure(EXTRAS_SIZE)) return false;
    const extras = this.#at;
    this.#at += EXTRAS_SIZE;
    write32(this.#data, extras + Extra.ADDRESSES, addresses);
    write32(this.#data, extras + Extra.SIGNED_ADDRESSES, signed);
    write32(this.#data, extras + Extra.SIGNATURES, signaturesAt);
    write32(this.#data, rrset + 2, extras);
    return true;
  }

  /** Names of the zone whose addresses belong to the additional section, each once. */
  #addressOwners(number: number, type: number, group: readonly number[]): number[] {
    const log = this.#log;
    const owners = new Set<number>();
    for (const address of group) {
      const target = log.findName(log.rdata(address), targetOffset(type));
      if (target === OUTSIDE) continue;
      // At a cut only what lies below it is glue (RFC 1034 section 4.2.1): of the rest the resolver can ask.
      if (type === Type.NS && number !== 0 && !this.#isBelow(target, number)) continue;
      owners.add(target);
    }
    return [...owners];
  }

  #isBelow(number: number, ancestor: number): boolean {
    const { parents } = this.#log;
    while (number > ancestor) number = parents[number]!;
    return number === ancestor;
  }

  /** Gives the fragment's offset, 0 when there are no addresses, -1 when there is no room. */
  #writeAddresses(hosts: readonly number[], signed: boolean): number {
    const log = this.#log;
    const writer = this.#writer;
    const list: number[] = [];
    writer.beginAddresses();
    for (const host of hosts) {
      const count = log.records(host, list);
      const owner = this.#fullName(host);
      for (const type of [Type.A, Type.AAAA]) {
        for (let i = 0; i < count; i++) {
          const address = list[i]!;
          const isSignature = signed && log.type(address) === Type.RRSIG && coveredType(log.rdata(address)) === type;
          if (log.type(address) !== type && !isSignature) continue;
          writer.addAddress(owner, log.type(address), log.class(address), log.ttl(address), log.rdata(address));
        }
      }
    }
    return writer.empty ? 0 : this.#writeWhole();
  }

  #fullName(number: number): Uint8Array {
    const log = this.#log;
    const address = log.nameAddress(number);
    const chunk = log.chunk(address);
    const at = log.offset(address);
    const length = chunk[at]!;
    const name = new Uint8Array(length + log.apex.length);
    name.set(chunk.subarray(at + 1, at + 1 + length));
    name.set(log.apex, length);
    return name;
  }

  #signatures(groups: Map<number, number[]>, type: number): number[] {
    const log = this.#log;
    if (type === Type.RRSIG) return [];
    return (groups.get(Type.RRSIG) ?? []).filter((address) => coveredType(log.rdata(address)) === type);
  }

  /** Gives the offset of a fragment whose owner is the zone's name; 0 without records. */
  #writeAuthority(group: readonly number[]): number {
    const log = this.#log;
    if (group.length === 0) return 0;
    this.#writer.begin();
    for (const address of group) {
      this.#writer.add(Owner.APEX, log.type(address), log.class(address), log.ttl(address), log.rdata(address));
    }
    return Math.max(this.#writeWhole(), 0);
  }

  #writeWhole(): number {
    if (!this.#ensure(this.#writer.size)) return -1;
    return this.#writeFragment();
  }

  #writeFragment(): number {
    const at = this.#at;
    this.#writer.writeTo(this.#data, at);
    this.#at += this.#writer.size;
    return at;
  }

  #orderNsecNodes(nodes: Int32Array): SharedArrayBuffer {
    const log = this.#log;
    const list: number[] = [];
    const signed: { key: string; number: number }[] = [];
    for (let number = 0; number < log.nameCount; number++) {
      if (log.flags[number]! & (NodeFlag.BELOW_CUT | NodeFlag.BELOW_DNAME)) continue;
      const count = log.records(number, list);
      for (let i = 0; i < count; i++) {
        if (log.type(list[i]!) !== Type.NSEC) continue;
        signed.push({ key: canonicalKey(this.#fullName(number)), number });
        break;
      }
    }
    signed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    const shared = new SharedArrayBuffer(signed.length * 4);
    new Int32Array(shared).set(signed.map(({ number }) => nodes[number]!));
    return shared;
  }

  /** Makes sure that `size` bytes are free. False when that passes the limit. */
  #ensure(size: number): boolean {
    const needed = this.#at + size;
    if (needed <= this.#data.length) return true;
    if (needed > MAX_BYTES) return false;
    const larger = allocate(Math.min(needed * 2, MAX_BYTES));
    new Uint8Array(larger).set(this.#data.subarray(0, this.#at));
    this.#shared = larger;
    this.#data = new Uint8Array(larger);
    return true;
  }
}

/** Without the pages that are never touched; a small buffer shares its own with others. */
function trimmed(shared: SharedArrayBuffer, size: number): SharedArrayBuffer {
  return shared.byteLength < SMALL ? shared.slice(0, size) : shared;
}

/** Memory that is looked into at random, so huge pages serve it where the system grants them. */
function allocate(size: number): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(size);
  preferHugePages(shared);
  return shared;
}

const TOO_LARGE = "zone is too large: more than 2 GiB";

function buildSlots(log: RecordLog, nodes: Int32Array): SharedArrayBuffer {
  let capacity = 4;
  while (capacity * 2 < log.nameCount * 3) capacity *= 2;
  const shared = allocate(capacity * 8);
  const slots = new Int32Array(shared);
  const mask = slots.length - 2;
  for (let number = 0; number < log.nameCount; number++) {
    const hash = log.hashes[number]!;
    let at = (hash << 1) & mask;
    while (slots[at + 1] !== 0) at = (at + 2) & mask;
    slots[at] = hash;
    slots[at + 1] = nodes[number]!;
  }
  return shared;
}

/** RFC 4034 section 3.1.1: an RRSIG begins with the type it covers. */
function coveredType(rdata: Uint8Array): number {
  return rdata.length < 2 ? 0 : (rdata[0]! << 8) | rdata[1]!;
}

/** RFC 1035 section 3.3.13: two names, then the serial. */
export function serialOf(rdata: Uint8Array): number {
  const first = wireLength(rdata);
  const at = first + wireLength(rdata, first);
  return ((rdata[at]! << 24) | (rdata[at + 1]! << 16) | (rdata[at + 2]! << 8) | rdata[at + 3]!) >>> 0;
}

/**
 * A text whose order is the canonical order of names (RFC 4034 section 6.1): labels from the right, each ended by a character
 * below all others, since a label that ends first comes first.
 */
function canonicalKey(name: Uint8Array): string {
  const lower = lowerCaseWire(name);
  const labels: string[] = [];
  for (let at = 0; lower[at]! !== 0; at += lower[at]! + 1) {
    let label = "";
    for (let i = 1; i <= lower[at]!; i++) label += String.fromCharCode(lower[at + i]! + 1);
    labels.push(`${label}\0`);
  }
  return labels.reverse().join("");
}
