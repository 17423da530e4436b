/**
 * Answers a question from a zone, as an authoritative server does (RFC 1034 section 4.3.2, RFC 4592, RFC 6672) and with the
 * choices that CoreDNS makes where the RFCs leave one:
 *
 *   - a positive answer brings the zone's NS in the authority section, the NS of the zone themselves their addresses instead;
 *     so does an alias whose target exists in the zone without the type that is asked, unless that is NS
 *   - an alias wins over whatever else its owner has
 *   - an alias is followed inside the zone as long as its target has records there and is no wildcard's; any other target
 *     is asked from the whole server, this zone included
 *   - owner names leave in lower case, whatever the question's letters
 *
 * A hit copies ready bytes and neither allocates nor throws. What is rare goes through records: replies beyond the reach of
 * pointers, replies that do not fit, DNAME, and proofs that something does not exist.
 */
import { Flag, HEADER_SIZE } from "../dns/header.ts";
import { MAX_NAME_LENGTH, Name } from "../dns/name.ts";
import { compareNames } from "../dns/name-text.ts";
import { type ResourceRecord, readRecord } from "../dns/record.ts";
import { type Reply, Section } from "../dns/reply.ts";
import type { Request } from "../dns/request.ts";
import { Class, Rcode, Type } from "../dns/types.ts";
import {
  Extra,
  FRAGMENT_HEADER,
  NODE_HEADER,
  NodeFlag,
  OVERSIZE,
  PATCH_APEX,
  RRSET_FRAGMENT,
  targetOffset,
  type Zone,
} from "./snapshot.ts";

export const Result = {
  /** The reply is written. */
  WRITTEN: 0,
  /** The name does not exist, or has no records, and the caller wanted to pass that on. Nothing is written. */
  PASSED: 1,
  /** An alias leads to `alias`, which the caller must look up; then `finishAlias` writes the reply. */
  ALIAS: 2,
  /** The zone's data has no answer: an alias leads to itself. The caller says SERVFAIL. */
  FAILED: 3,
} as const;
export type Result = (typeof Result)[keyof typeof Result];

/** Aliases in one answer, as in CoreDNS. What the last of them leads to in the zone is left to the client. */
const MAX_ALIASES = 10;
/** The largest offset that a pointer can say (RFC 1035 section 4.1.4), and that a fragment's own pointers do (fragment-writer.ts). */
const MAX_POINTER = 0x3fff;
const MAX_TARGET_OFFSET = 0x3000;
/** Owner pointer, type, class, TTL, RDLENGTH: how the records of a fragment begin. */
const RECORD_HEADER = 12;
/** What CUT, BELOW_CUT and BELOW_DNAME have in common: the node does not answer for itself. */
const OCCLUDED = NodeFlag.CUT | NodeFlag.BELOW_CUT | NodeFlag.BELOW_DNAME;
/** `#put` for fragments whose owner is the zone's name. */
const APEX = -1;

/** One per worker and use: it holds what belongs to the reply that is being written. */
export class ZoneLookup {
  /** Where an alias leads that this zone does not follow. */
  alias = new Name();
  /** The label of the question's name that the wildcard which answers it stands below; 0 when none does. */
  #wildcardLabel = 0;

  #zone!: Zone;
  #reply!: Reply;
  #request!: Request;
  /** The name that owns the records being written, and where it stands in the reply. */
  #owner!: Name;
  #ownerAt = 0;
  #apexAt = 0;
  /** The next record must have its owner in full: the question has capital letters, which no pointer may lead to. */
  #writeOwner = false;
  /** Records go through `Reply.add`: it is not known where names stand. */
  #byRecord = false;
  /** What the offsets in the fragment just written count from. */
  #base = 0;
  readonly #evenTarget = new Name();
  readonly #oddTarget = new Name();
  readonly #targetWire = new Uint8Array(MAX_NAME_LENGTH + 1);

  /** Answers `request`, whose name must lie in `zone`. With `passOn` a name that is not there is passed on. */
  answer(zone: Zone, request: Request, reply: Reply, passOn: boolean): Result {
    this.#zone = zone;
    this.#request = request;
    this.#reply = reply;
    this.#wildcardLabel = 0;
    const { name, type } = request;
    const node = zone.find(name, 0);
    if (node !== 0) {
      const flags = zone.data[node]!;
      if ((flags & OCCLUDED) === 0) return this.#atNode(node, type, passOn);
      // The parent's side of a cut knows its DS (RFC 4035 section 3.1.4.1).
      if (type === Type.DS && (flags & OCCLUDED) === NodeFlag.CUT) return this.#atNode(node, type, passOn);
      return this.#descend(type, passOn);
    }
    let label = 1;
    let encloser = zone.find(name, label);
    while (encloser === 0) encloser = zone.find(name, ++label);
    const flags = zone.data[encloser]!;
    if (flags & (OCCLUDED | NodeFlag.DNAME)) return this.#descend(type, passOn);
    if (flags & NodeFlag.WILDCARD_CHILD) {
      this.#wildcardLabel = label;
      return this.#atNode(zone.findWildcard(name, label), type, passOn);
    }
    if (passOn) return Result.PASSED;
    this.#writeNegative(Rcode.NXDOMAIN);
    if (request.dnssecOk && zone.nsecNodes) {
      const covering = this.#proofOf(name.toWire());
      const wildcard = this.#proofOf(wildcardOf(name, label));
      this.#writeNsec(covering);
      if (wildcard !== covering) this.#writeNsec(wildcard);
    }
    return Result.WRITTEN;
  }

  /**
   * Writes the reply to a request for which `answer` has said ALIAS: `rcode` is what looking `alias` up has given, `foreign`
   * its reply, if there is one. The alias is followed once more: the reply may have moved meanwhile, and a look-up inside a
   * look-up has used this object.
   */
  finishAlias(zone: Zone, request: Request, reply: Reply, rcode: number, foreign: Reply | undefined): Result {
    const result = this.answer(zone, request, reply, false);
    if (result !== Result.ALIAS) return result;
    const answers = foreign?.records().filter(({ section }) => section === Section.ANSWER) ?? [];
    for (const { name, type, class: klass, ttl, data } of answers) {
      reply.add(Section.ANSWER, name, type, klass, ttl, data);
    }
    const isNegative = rcode === Rcode.NXDOMAIN || (rcode === Rcode.NOERROR && answers.length === 0);
    // Of the errors only these two reach the client, as in CoreDNS.
    if (rcode === Rcode.NXDOMAIN || rcode === Rcode.SERVFAIL) reply.rcode = rcode;
    if (isNegative) this.#writeSoa();
    else this.#writeNs();
    this.#addAddresses(answers);
    return Result.WRITTEN;
  }

  /** The addresses that this zone has for names in records from elsewhere: what a wildcard's MX leads to, for example. */
  #addAddresses(answers: readonly ResourceRecord[]): void {
    const zone = this.#zone;
    const seen = new Set<number>();
    for (const { type, data } of answers) {
      const at = targetOffset(type);
      if (at < 0 || type === Type.NS) continue;
      const target = new Name();
      if (target.read(data, at, data.length) < 0 || target.labelOf(zone.apex) < 0) continue;
      const node = zone.find(target, 0);
      if (node === 0 || seen.has(node)) continue;
      seen.add(node);
      for (const addressType of [Type.A, Type.AAAA]) this.#putNodeRecords(node, addressType, Section.ADDITIONAL);
    }
  }

  /** The label of `name` below which the wildcard stands that answers it; 0 when none does. For whoever asks afterwards. */
  wildcardLabelOf(zone: Zone, name: Name): number {
    const node = zone.find(name, 0);
    if (node !== 0) return zone.isEmpty(node) && hasSiblingWildcard(zone, name) ? 1 : 0;
    let label = 1;
    while (zone.find(name, label) === 0) label++;
    const flags = zone.data[zone.find(name, label)]!;
    return (flags & (OCCLUDED | NodeFlag.DNAME)) === 0 && flags & NodeFlag.WILDCARD_CHILD ? label : 0;
  }

  #atNode(node: number, type: number, passOn: boolean): Result {
    const zone = this.#zone;
    const isAlias = (zone.data[node]! & NodeFlag.CNAME) !== 0;
    // RFC 4035 section 2.5: NSEC and RRSIG stand beside an alias, and are asked there.
    if (isAlias && type !== Type.CNAME && type !== Type.NSEC && type !== Type.RRSIG) {
      this.#begin();
      return this.#followAlias(zone.rrset(node, Type.CNAME), type);
    }
    const rrset = zone.rrset(node, type);
    if (rrset === 0) return this.#noData(node, passOn);
    this.#begin();
    this.#put(rrset + RRSET_FRAGMENT, Section.ANSWER, 0);
    const isSigned = this.#request.dnssecOk;
    const base = this.#base;
    if (isSigned) this.#putExtra(rrset, Extra.SIGNATURES);
    const isApexNs = type === Type.NS && zone.data[node + 1] === 0;
    if (!isApexNs) this.#writeNs();
    if (isSigned && this.#wildcardLabel > 0 && zone.nsecNodes)
      this.#writeNsec(this.#proofOf(this.#request.name.toWire()));
    this.#putAddresses(rrset, base);
    return Result.WRITTEN;
  }

  #noData(node: number, passOn: boolean): Result {
    const zone = this.#zone;
    const isNonTerminal = this.#wildcardLabel === 0 && zone.isEmpty(node);
    if (isNonTerminal && hasSiblingWildcard(zone, this.#request.name)) {
      this.#wildcardLabel = 1;
      return this.#atNode(zone.findWildcard(this.#request.name, 1), this.#request.type, passOn);
    }
    if (passOn && isNonTerminal) return Result.PASSED;
    this.#writeNegative(Rcode.NOERROR);
    if (!this.#request.dnssecOk || !zone.nsecNodes) return Result.WRITTEN;
    const covering = this.#proofOf(this.#request.name.toWire());
    const isWildcard = this.#wildcardLabel > 0 && zone.rrset(node, Type.NSEC) !== 0;
    if (isWildcard) this.#writeNsec(node);
    if (!isWildcard || covering !== node) this.#writeNsec(covering);
    return Result.WRITTEN;
  }

  /** From the apex down to the first name that hands over what is below it. */
  #descend(type: number, passOn: boolean): Result {
    const zone = this.#zone;
    const { name } = this.#request;
    for (let label = name.labelCount - zone.apexLabels; label >= 0; label--) {
      const node = zone.find(name, label);
      if (node === 0) break;
      const flags = zone.data[node]!;
      if (flags & NodeFlag.CUT && !(label === 0 && type === Type.DS)) {
        this.#begin();
        this.#reply.flags &= ~Flag.AA;
        this.#ownerAt = HEADER_SIZE + name.offsets[label]!;
        this.#writeReferral(node, label);
        return Result.WRITTEN;
      }
      if (flags & NodeFlag.DNAME && label > 0) return this.#followDname(node, label, type);
      if (label === 0) return this.#atNode(node, type, passOn);
    }
    return Result.FAILED;
  }

  /** RFC 1034 section 4.3.2, step 3b; with DO the proof of what is delegated (RFC 4035 section 3.1.4). */
  #writeReferral(node: number, label: number): void {
    const zone = this.#zone;
    const isSigned = this.#request.dnssecOk;
    const rrset = zone.rrset(node, Type.NS);
    this.#put(rrset + RRSET_FRAGMENT, Section.AUTHORITY, label);
    const base = this.#base;
    if (isSigned) {
      const proof = zone.rrset(node, Type.DS) || zone.rrset(node, Type.NSEC);
      if (proof !== 0) {
        this.#put(proof + RRSET_FRAGMENT, Section.AUTHORITY, label);
        const signatures = zone.extra(proof, Extra.SIGNATURES);
        if (signatures !== 0) this.#put(signatures, Section.AUTHORITY, label);
      }
    }
    this.#putAddresses(rrset, base);
  }

  /** Writes an alias and what it leads to in this zone. */
  #followAlias(rrset: number, type: number): Result {
    for (let aliases = 1; ; aliases++) {
      const at = this.#reply.length + (this.#writeOwner ? this.#owner.length - 2 : 0);
      this.#put(rrset + RRSET_FRAGMENT, Section.ANSWER, 0);
      if (this.#request.dnssecOk) this.#putExtra(rrset, Extra.SIGNATURES);
      const target = this.#freeName;
      if (!this.#readTarget(rrset, target)) return Result.FAILED;
      // A wildcard's alias to a name that it stands for runs into the limit of look-ups, as in CoreDNS.
      if (sameName(target, this.#owner) && this.#wildcardLabel === 0) return Result.FAILED;
      const next = this.#followTarget(target, at + RECORD_HEADER, type, aliases);
      if (next < 0) return (-next - 1) as Result;
      rrset = next;
    }
  }

  /**
   * Writes what the zone has for the target of an alias, which stands at `at` of the reply. Gives the RRset of the next alias,
   * or the result as a negative number.
   */
  #followTarget(target: Name, at: number, type: number, aliases: number): number {
    const zone = this.#zone;
    const apexLabel = target.labelOf(zone.apex);
    if (apexLabel < 0) return this.#leave(target);
    let node = zone.find(target, 0);
    const flags = node === 0 ? 0 : zone.data[node]!;
    const isOwnDs = type === Type.DS && (flags & (NodeFlag.CUT | NodeFlag.BELOW_CUT)) === NodeFlag.CUT;
    if (node === 0 || (flags & (NodeFlag.CUT | NodeFlag.BELOW_CUT) && !isOwnDs)) {
      for (let label = apexLabel - 1; label >= 0; label--) {
        node = zone.find(target, label);
        if (node === 0) break;
        const above = zone.data[node]!;
        if (above & NodeFlag.DNAME && label > 0) break;
        if ((above & NodeFlag.CUT) === 0) continue;
        this.#setOwner(target, at + target.offsets[label]!);
        this.#writeReferral(node, label);
        return done(Result.WRITTEN);
      }
      return this.#leave(target);
    }
    // CoreDNS asks the whole server for these two as well.
    if (apexLabel === 0 || zone.isEmpty(node)) return this.#leave(target);
    const isAlias = (flags & NodeFlag.CNAME) !== 0 && type !== Type.CNAME && type !== Type.NSEC && type !== Type.RRSIG;
    if (aliases < MAX_ALIASES && at <= MAX_POINTER) {
      this.#setOwner(target, at);
      if (isAlias) return zone.rrset(node, Type.CNAME);
      const rrset = zone.rrset(node, type);
      if (rrset !== 0) {
        this.#put(rrset + RRSET_FRAGMENT, Section.ANSWER, 0);
        const base = this.#base;
        if (this.#request.dnssecOk) this.#putExtra(rrset, Extra.SIGNATURES);
        this.#writeNs();
        this.#putAddresses(rrset, base);
        return done(Result.WRITTEN);
      }
    }
    // CoreDNS forgets the SOA (RFC 2308 section 2.2) except for this type.
    if (type === Type.NS && !isAlias) this.#writeSoa();
    else this.#writeNs();
    return done(Result.WRITTEN);
  }

  #setOwner(owner: Name, at: number): void {
    this.#owner = owner;
    this.#ownerAt = at;
  }

  /** For the next target: not the name that it is compared with. */
  get #freeName(): Name {
    return this.#owner === this.#oddTarget ? this.#evenTarget : this.#oddTarget;
  }

  #leave(target: Name): number {
    this.alias.copyFrom(target);
    return done(Result.ALIAS);
  }

  /** RFC 6672 section 3.2, step 3c: the DNAME, and an alias made from it. */
  #followDname(node: number, label: number, type: number): Result {
    const zone = this.#zone;
    const { name } = this.#request;
    this.#begin();
    this.#ownerAt = HEADER_SIZE + name.offsets[label]!;
    const rrset = zone.rrset(node, Type.DNAME);
    this.#put(rrset + RRSET_FRAGMENT, Section.ANSWER, label);
    if (this.#request.dnssecOk) {
      const signatures = zone.extra(rrset, Extra.SIGNATURES);
      if (signatures !== 0) this.#put(signatures, Section.ANSWER, label);
    }
    const prefix = name.offsets[label]!;
    const suffix = this.#targetLength(rrset, prefix);
    if (suffix < 0) return Result.FAILED;
    if (prefix + suffix > MAX_NAME_LENGTH) {
      this.#reply.rcode = Rcode.YXDOMAIN;
      return Result.WRITTEN;
    }
    const wire = this.#targetWire;
    for (let i = 0; i < prefix; i++) wire[i] = name.bytes[i]!;
    const target = this.#freeName;
    target.read(wire, 0, prefix + suffix);
    if (sameName(target, name)) return Result.FAILED;
    const data = zone.data;
    const ttlAt = this.#fragmentBytes(rrset + RRSET_FRAGMENT) + 6;
    const ttl = (data[ttlAt]! << 24) | (data[ttlAt + 1]! << 16) | (data[ttlAt + 2]! << 8) | data[ttlAt + 3]!;
    this.#writeOwner = false;
    this.#byRecord = true;
    this.#reply.add(Section.ANSWER, name.toWire(), Type.CNAME, Class.IN, ttl, wire.slice(0, prefix + suffix));
    // The made alias answers a question for an alias.
    if (type === Type.CNAME) {
      this.#writeNs();
      return Result.WRITTEN;
    }
    const next = this.#followTarget(target, 0, type, 1);
    return next < 0 ? ((-next - 1) as Result) : this.#followAlias(next, type);
  }

  #begin(): void {
    const { name } = this.#request;
    const reply = this.#reply;
    reply.begin(this.#request);
    reply.flags |= Flag.AA;
    this.#owner = name;
    this.#ownerAt = HEADER_SIZE;
    this.#apexAt = HEADER_SIZE + name.length - this.#zone.apex.length;
    this.#writeOwner = name.mixedCase;
    this.#byRecord = false;
  }

  #writeNegative(rcode: number): void {
    this.#begin();
    this.#reply.rcode = rcode;
    this.#writeSoa();
  }

  #writeSoa(): void {
    const { soa, soaSignatures } = this.#zone;
    this.#put(soa, Section.AUTHORITY, APEX);
    if (this.#request.dnssecOk && soaSignatures !== 0) this.#put(soaSignatures, Section.AUTHORITY, APEX);
  }

  #writeNs(): void {
    const { ns, nsSignatures } = this.#zone;
    if (ns !== 0) this.#put(ns, Section.AUTHORITY, APEX);
    if (this.#request.dnssecOk && nsSignatures !== 0) this.#put(nsSignatures, Section.AUTHORITY, APEX);
  }

  #putExtra(rrset: number, which: number): void {
    const fragment = this.#zone.extra(rrset, which);
    if (fragment !== 0) this.#put(fragment, Section.ANSWER, 0);
  }

  /**
   * Copies a fragment to the end of the reply. Its records belong to the suffix of `#owner` that starts with label `label`,
   * which must stand at `#ownerAt`, or to the zone's name (APEX).
   */
  #put(fragment: number, section: Section, label: number): void {
    const reply = this.#reply;
    if (reply.overflow) return;
    const data = this.#zone.data;
    const length = (data[fragment + 2]! << 8) | data[fragment + 3]!;
    const patches = (data[fragment + 4]! << 8) | data[fragment + 5]!;
    const owner = this.#owner;
    const apexLength = this.#zone.apex.length;
    // An owner in full takes the place of the pointer that the fragment begins with. The root needs none.
    let ownerLength = 0;
    if (this.#writeOwner && (label !== APEX || apexLength > 1)) {
      ownerLength = label === APEX ? apexLength : owner.length - owner.offsets[label]!;
    }
    const skip = ownerLength === 0 ? 0 : 2;
    const room = reply.reserve(length + ownerLength);
    const at = reply.length;
    const base = at + ownerLength - skip;
    this.#base = base;
    const reach = base + Math.min(length, MAX_TARGET_OFFSET);
    if (!room || this.#byRecord || (patches > 0 && reach > MAX_POINTER)) {
      this.#putRecords(fragment, fragment, section, label);
      return;
    }
    const bytes = reply.bytes;
    let to = reply.end;
    if (ownerLength > 0) {
      this.#writeOwner = false;
      const from = label === APEX ? owner.length - apexLength : owner.offsets[label]!;
      for (let i = 0; i < ownerLength; i++) bytes[to++] = owner.bytes[from + i]!;
      this.#ownerAt = at;
      this.#apexAt = at + ownerLength - apexLength;
    }
    const from = fragment + FRAGMENT_HEADER + 2 * patches;
    for (let i = skip; i < length; i++) bytes[to++] = data[from + i]!;
    reply.end = to;
    const start = reply.start;
    for (let i = 0; i < patches; i++) {
      const patchAt = fragment + FRAGMENT_HEADER + 2 * i;
      const offset = (data[patchAt]! << 8) | data[patchAt + 1]!;
      if (offset < skip) continue;
      const value = (data[from + offset]! << 8) | data[from + offset + 1]!;
      const target = 0xc000 | (value === PATCH_APEX ? this.#apexAt : base + value);
      bytes[start + base + offset] = target >> 8;
      bytes[start + base + offset + 1] = target;
    }
    const count = (data[fragment]! << 8) | data[fragment + 1]!;
    reply.counts[section]! += count & ~OVERSIZE;
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
      at += RECORD_HEADER + ((data[from + at + 10]! << 8) | data[from + at + 11]!);
    }
  }

  /** The addresses of the names in an RRset that was written as a fragment with `base`. */
  #putAddresses(rrset: number, base: number): void {
    const fragment = this.#zone.extra(rrset, this.#request.dnssecOk ? Extra.SIGNED_ADDRESSES : Extra.ADDRESSES);
    const reply = this.#reply;
    if (fragment === 0 || reply.overflow) return;
    const data = this.#zone.data;
    const length = (data[fragment + 2]! << 8) | data[fragment + 3]!;
    const patches = (data[fragment + 4]! << 8) | data[fragment + 5]!;
    if (this.#byRecord || base + MAX_TARGET_OFFSET > MAX_POINTER || !reply.reserve(length)) {
      this.#putRecords(fragment, rrset + RRSET_FRAGMENT, Section.ADDITIONAL, 0);
      return;
    }
    const bytes = reply.bytes;
    const to = reply.end;
    const from = fragment + FRAGMENT_HEADER + 2 * patches;
    for (let i = 0; i < length; i++) bytes[to + i] = data[from + i]!;
    for (let i = 0; i < patches; i++) {
      const patchAt = fragment + FRAGMENT_HEADER + 2 * i;
      const offset = (data[patchAt]! << 8) | data[patchAt + 1]!;
      const value = (data[from + offset]! << 8) | data[from + offset + 1]!;
      const target = 0xc000 | (value === PATCH_APEX ? this.#apexAt : base + value);
      bytes[to + offset] = target >> 8;
      bytes[to + offset + 1] = target;
    }
    reply.end = to + length;
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
    const scratch = new Uint8Array(base + 2 * 0x10000);
    scratch.set(owner, HEADER_SIZE);
    scratch.set(zone.apex, apexAt);
    let end = base;
    let at = base;
    for (const each of main === fragment ? [fragment] : [main, fragment]) {
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

  /** Copies a fragment's bytes to `out` with its pointers resolved; its owner stands behind the header. Gives their length. */
  #unpack(fragment: number, out: Uint8Array, at: number, base: number, apexAt: number): number {
    const data = this.#zone.data;
    const length = (data[fragment + 2]! << 8) | data[fragment + 3]!;
    const patches = (data[fragment + 4]! << 8) | data[fragment + 5]!;
    const from = fragment + FRAGMENT_HEADER + 2 * patches;
    for (let i = 0; i < length; i++) out[at + i] = data[from + i]!;
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

  #fragmentBytes(fragment: number): number {
    const data = this.#zone.data;
    return fragment + FRAGMENT_HEADER + 2 * ((data[fragment + 4]! << 8) | data[fragment + 5]!);
  }

  /** Reads the name in the first record of an RRset of one name (CNAME). */
  #readTarget(rrset: number, target: Name): boolean {
    const length = this.#targetLength(rrset, 0);
    return length > 0 && length <= MAX_NAME_LENGTH && target.read(this.#targetWire, 0, length) > 0;
  }

  /**
   * Puts that name into `#targetWire` at `start`. It is the first in its fragment, so it can have a pointer to the zone's name
   * and no other. Gives its length, or -1 when it is none.
   */
  #targetLength(rrset: number, start: number): number {
    const data = this.#zone.data;
    const wire = this.#targetWire;
    let from = this.#fragmentBytes(rrset + RRSET_FRAGMENT) + RECORD_HEADER;
    let length = 0;
    while (length < MAX_NAME_LENGTH) {
      const size = data[from]!;
      if (size > 63) {
        const { apex } = this.#zone;
        for (let i = 0; i < apex.length; i++)
          if (start + length + i <= MAX_NAME_LENGTH) wire[start + length + i] = apex[i]!;
        return length + apex.length;
      }
      for (let i = 0; i <= size; i++)
        if (start + length + i <= MAX_NAME_LENGTH) wire[start + length + i] = data[from + i]!;
      length += size + 1;
      from += size + 1;
      if (size === 0) return length;
    }
    return -1;
  }

  /** The node whose NSEC says what there is at `name`, or between the names around it; 0 when there is none. */
  #proofOf(name: Uint8Array): number {
    const nodes = this.#zone.nsecNodes!;
    let low = 0;
    let high = nodes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareNames(this.#nodeName(nodes[middle]!), name) <= 0) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : nodes[low - 1]!;
  }

  #nodeName(node: number): Uint8Array {
    const { data, apex } = this.#zone;
    const length = data[node + 1]!;
    const name = new Uint8Array(length + apex.length);
    for (let i = 0; i < length; i++) name[i] = data[node + NODE_HEADER + i]!;
    name.set(apex, length);
    return name;
  }

  #writeNsec(node: number): void {
    if (node !== 0) this.#putNodeRecords(node, Type.NSEC, Section.AUTHORITY);
  }

  /** Writes the RRset of `type` at `node`, and its signatures with DO, under the node's own name. */
  #putNodeRecords(node: number, type: number, section: Section): void {
    const zone = this.#zone;
    const rrset = zone.rrset(node, type);
    if (rrset === 0) return;
    const owner = this.#owner;
    this.#owner = new Name();
    this.#owner.set(this.#nodeName(node));
    this.#putRecords(rrset + RRSET_FRAGMENT, rrset + RRSET_FRAGMENT, section, 0);
    const signatures = this.#request.dnssecOk ? zone.extra(rrset, Extra.SIGNATURES) : 0;
    if (signatures !== 0) this.#putRecords(signatures, signatures, section, 0);
    this.#owner = owner;
  }
}

/** A result where an RRset could stand as well. */
function done(result: Result): number {
  return -result - 1;
}

/**
 * Whether the wildcard beside an empty non-terminal answers for it. RFC 4592 section 2.2.2 says that it does not, and in a
 * signed zone it must not; but CoreDNS answers so, and names of clusters that move from it must not vanish.
 */
function hasSiblingWildcard(zone: Zone, name: Name): boolean {
  if (zone.nsecNodes !== undefined || name.labelCount === zone.apexLabels) return false;
  return (zone.data[zone.find(name, 1)]! & NodeFlag.WILDCARD_CHILD) !== 0;
}

function sameName(a: Name, b: Name): boolean {
  if (a.length !== b.length || a.hashes[0] !== b.hashes[0]) return false;
  for (let i = 0; i < a.length; i++) if (a.bytes[i] !== b.bytes[i]) return false;
  return true;
}

function wildcardOf(name: Name, label: number): Uint8Array {
  const start = name.offsets[label]!;
  const wire = new Uint8Array(2 + name.length - start);
  wire[0] = 1;
  wire[1] = 0x2a;
  for (let i = start; i < name.length; i++) wire[2 + i - start] = name.bytes[i]!;
  return wire;
}
