/**
 * Puts a zone's records into a reply: fragments of the snapshot are copied, and the few pointers in them patched.
 *
 * The usual question is in lower case and stands in front of everything, so records point into it. With capital letters in
 * the question the first owner is written out in lower case, and the pointers lead there. What is rare (replies beyond the
 * reach of pointers, or beyond the room) goes through `Reply.add`, record by record.
 */
import { type Bytes, copyBytes } from "../dns/bytes.ts";
import { Flag, HEADER_SIZE, MAX_POINTER, POINTED_RECORD_SIZE } from "../dns/header.ts";
import { MAX_NAME_LENGTH, Name } from "../dns/name.ts";
import { readRecord } from "../dns/record.ts";
import { type Reply, Section } from "../dns/reply.ts";
import type { Request } from "../dns/request.ts";
import {
  Extra,
  FRAGMENT_HEADER,
  MAX_TARGET_OFFSET,
  NODE_HEADER,
  OVERSIZE,
  PATCH_APEX,
  RRSET_FRAGMENT,
  type Zone,
} from "./snapshot.ts";

/** In place of a label: the records belong to the zone's name. */
const APEX = -1;

/** One per worker and use: it holds what belongs to the reply that is being written. */
export class AnswerWriter {
  /** What the offsets in the records that were put last count from: a position in the reply. */
  base = 0;

  #zone!: Zone;
  #reply!: Reply;
  #isSigned = false;
  /** The name that owns the records being written, and where it stands in the reply. */
  #owner!: Name;
  #ownerAt = 0;
  #apexAt = 0;
  readonly #nodeOwner = new Name();
  /** The next record must have its owner in full: the question has capital letters, which no pointer may lead to. */
  #writeOwner = false;
  /** Records go through `Reply.add`: it is not known where names stand. */
  #byRecord = false;

  /** Starts an authoritative reply, whose records belong to the name that is asked. */
  begin(zone: Zone, request: Request, reply: Reply): void {
    const { name } = request;
    this.#zone = zone;
    this.#reply = reply;
    this.#isSigned = request.dnssecOk;
    reply.begin(request);
    reply.flags |= Flag.AA;
    this.#owner = name;
    this.#ownerAt = HEADER_SIZE;
    this.#apexAt = HEADER_SIZE + name.length - zone.apex.length;
    this.#writeOwner = name.mixedCase;
    this.#byRecord = false;
  }

  /** The zone's SOA in the authority section. */
  writeSoa(): void {
    const { soa, soaSignatures } = this.#zone;
    this.#put(soa, Section.AUTHORITY, APEX);
    if (this.#isSigned && soaSignatures !== 0) this.#put(soaSignatures, Section.AUTHORITY, APEX);
  }

  /** The zone's NS in the authority section. */
  writeNs(): void {
    const { ns, nsSignatures } = this.#zone;
    if (ns !== 0) this.#put(ns, Section.AUTHORITY, APEX);
    if (this.#isSigned && nsSignatures !== 0) this.#put(nsSignatures, Section.AUTHORITY, APEX);
  }

  /** The records that follow belong to `owner`, which stands at `at` of the reply. */
  setOwner(owner: Name, at: number): void {
    this.#owner = owner;
    this.#ownerAt = at;
    if (at > MAX_POINTER) this.writeByRecord();
  }

  get owner(): Name {
    return this.#owner;
  }

  /** From here on names in the reply are where nobody knows. */
  writeByRecord(): void {
    this.#writeOwner = false;
    this.#byRecord = true;
  }

  /** An RRset, and with DO its signatures, whose owner is the suffix of `owner` that starts with label `label`. */
  writeRrset(rrset: number, section: Section, label: number): void {
    this.#put(rrset + RRSET_FRAGMENT, section, label);
    if (!this.#isSigned) return;
    const signatures = this.#zone.extra(rrset, Extra.SIGNATURES);
    if (signatures === 0) return;
    const { base } = this;
    this.#put(signatures, section, label);
    this.base = base;
  }

  /**
   * Copies a fragment to the end of the reply. Its records belong to the suffix of `#owner` that starts with label `label`,
   * which must stand at `#ownerAt`, or to the zone's name (APEX).
   */
  #put(fragment: number, section: Section, label: number): void {
    const reply = this.#reply;
    if (reply.overflow) return;
    const data = this.#zone.data;
    const length = lengthOf(data, fragment);
    const patches = (data[fragment + 4]! << 8) | data[fragment + 5]!;
    const owner = this.#owner;
    const apexLength = this.#zone.apex.length;
    const ownerFrom = label === APEX ? owner.length - apexLength : owner.offsets[label]!;
    // An owner in full takes the place of the pointer that the fragment begins with. The root needs none.
    const ownerLength = this.#writeOwner && owner.length - ownerFrom > 1 ? owner.length - ownerFrom : 0;
    const skip = ownerLength === 0 ? 0 : 2;
    const room = reply.reserve(length + ownerLength);
    const at = reply.length;
    const base = at + ownerLength - skip;
    this.base = base;
    const reach = base + Math.min(length, MAX_TARGET_OFFSET);
    if (!room || this.#byRecord || (patches > 0 && reach > MAX_POINTER)) {
      // Where names will stand is not known, so none may point to them.
      this.base = MAX_POINTER;
      this.#putRecords(fragment, fragment, section, label);
      return;
    }
    const { bytes, start, end } = reply;
    if (ownerLength > 0) {
      this.#writeOwner = false;
      this.#ownerAt = at;
      this.#apexAt = at + ownerLength - apexLength;
    }
    this.#unpack(fragment, bytes, start + base, base, this.#apexAt);
    if (ownerLength > 0) copyBytes(owner.bytes, ownerFrom, ownerLength, bytes, end);
    reply.end = start + base + length;
    const count = (data[fragment]! << 8) | data[fragment + 1]!;
    reply.counts[section]! += count & ~OVERSIZE;
    const from = fragment + FRAGMENT_HEADER + 2 * patches;
    if (label !== APEX && this.#ownerAt !== HEADER_SIZE) this.#patchOwners(from, length, start + base, skip > 0);
    if (count & OVERSIZE) reply.overflow = true;
  }

  /** Lets the owner pointers of records that were just copied lead to where the owner stands. */
  #patchOwners(from: number, length: number, base: number, firstIsWritten: boolean): void {
    const data = this.#zone.data;
    const bytes = this.#reply.bytes;
    const pointer = 0xc000 | this.#ownerAt;
    for (let at = 0; at < length; ) {
      if (at > 0 || !firstIsWritten) {
        bytes[base + at] = pointer >> 8;
        bytes[base + at + 1] = pointer;
      }
      at += POINTED_RECORD_SIZE + ((data[from + at + 10]! << 8) | data[from + at + 11]!);
    }
  }

  /** The addresses of the names in an RRset that was written as a fragment with `base`. */
  writeAddresses(rrset: number, base: number): void {
    const fragment = this.#zone.extra(rrset, this.#isSigned ? Extra.SIGNED_ADDRESSES : Extra.ADDRESSES);
    const reply = this.#reply;
    if (fragment === 0 || reply.overflow) return;
    const data = this.#zone.data;
    if (this.#byRecord || base + MAX_TARGET_OFFSET > MAX_POINTER || !reply.reserve(lengthOf(data, fragment))) {
      this.#putRecords(fragment, rrset + RRSET_FRAGMENT, Section.ADDITIONAL, 0);
      return;
    }
    reply.end += this.#unpack(fragment, reply.bytes, reply.end, base, this.#apexAt);
    const count = (data[fragment]! << 8) | data[fragment + 1]!;
    reply.counts[Section.ADDITIONAL]! += count & ~OVERSIZE;
    if (count & OVERSIZE) reply.overflow = true;
  }

  /**
   * Writes a fragment through `Reply.add`. `main` is the fragment that its pointers count from: itself, or the one whose
   * addresses it has.
   */
  #putRecords(fragment: number, main: number, section: Section, label: number): void {
    const zone = this.#zone;
    const data = zone.data;
    const name = this.#owner;
    const owner = label === APEX ? zone.apex : name.bytes.subarray(name.offsets[label]!, name.length);
    // A message of its own, in which the owner, the zone's name, and the fragments stand uncompressed one behind the other.
    const apexAt = HEADER_SIZE + owner.length;
    const base = apexAt + zone.apex.length;
    const fragments = main === fragment ? [fragment] : [main, fragment];
    const scratch = new Uint8Array(fragments.reduce((size, each) => size + lengthOf(data, each), base));
    scratch.set(owner, HEADER_SIZE);
    scratch.set(zone.apex, apexAt);
    let end = base;
    let at = base;
    for (const each of fragments) {
      at = end;
      end += this.#unpack(each, scratch, at, base, apexAt);
    }
    const count = (data[fragment]! << 8) | data[fragment + 1]!;
    for (let left = count & ~OVERSIZE; left > 0; left--) {
      const read = readRecord(scratch, at, end);
      if (!read) break;
      const { record, next } = read;
      if (!this.#reply.add(section, record.name, record.type, record.class, record.ttl, record.data)) return;
      at = next;
    }
    if (count & OVERSIZE) this.#reply.overflow = true;
  }

  /** Copies a fragment's bytes to `out` with its pointers resolved, but for those to the question's name. Gives their length. */
  #unpack(fragment: number, out: Bytes, at: number, base: number, apexAt: number): number {
    const data = this.#zone.data;
    const length = lengthOf(data, fragment);
    const patches = (data[fragment + 4]! << 8) | data[fragment + 5]!;
    const from = fragment + FRAGMENT_HEADER + 2 * patches;
    copyBytes(data, from, length, out, at);
    for (let i = 0; i < patches; i++) {
      const patchAt = fragment + FRAGMENT_HEADER + 2 * i;
      const offset = (data[patchAt]! << 8) | data[patchAt + 1]!;
      const value = (data[from + offset]! << 8) | data[from + offset + 1]!;
      const target = 0xc000 | (value === PATCH_APEX ? apexAt : base + value);
      out[at + offset] = target >> 8;
      out[at + offset + 1] = target;
    }
    return length;
  }

  /** Writes the RRset of `type` at `node`, and its signatures with DO, under the node's own name. */
  writeNodeRrset(node: number, type: number, section: Section): void {
    const zone = this.#zone;
    const rrset = zone.rrset(node, type);
    if (rrset === 0) return;
    const owner = this.#owner;
    this.#owner = this.#nodeOwner;
    this.#owner.set(nodeName(zone, node));
    this.#putRecords(rrset + RRSET_FRAGMENT, rrset + RRSET_FRAGMENT, section, 0);
    const signatures = this.#isSigned ? zone.extra(rrset, Extra.SIGNATURES) : 0;
    if (signatures !== 0) this.#putRecords(signatures, signatures, section, 0);
    this.#owner = owner;
  }
}

/** Bytes of a fragment's records. */
function lengthOf(data: Uint8Array, fragment: number): number {
  return (data[fragment + 2]! << 8) | data[fragment + 3]!;
}

/** The name of a node in full, until the next one is asked for. */
export function nodeName({ data, apex }: Zone, node: number): Uint8Array {
  const length = data[node + 1]!;
  for (let i = 0; i < length; i++) nameBytes[i] = data[node + NODE_HEADER + i]!;
  nameBytes.set(apex, length);
  return nameBytes;
}
const nameBytes = new Uint8Array(MAX_NAME_LENGTH);
