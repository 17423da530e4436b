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
import { Flag, HEADER_SIZE, POINTED_RECORD_SIZE } from "../dns/header.ts";
import { MAX_NAME_LENGTH, Name } from "../dns/name.ts";
import { compareNames } from "../dns/name-text.ts";
import { read16 } from "../dns/rdata-field.ts";
import type { ResourceRecord } from "../dns/record.ts";
import { type Reply, Section } from "../dns/reply.ts";
import type { Request } from "../dns/request.ts";
import { Class, Rcode, Type } from "../dns/types.ts";
import { AnswerWriter, nodeName } from "./answer-writer.ts";
import { Extra, FRAGMENT_HEADER, NodeFlag, RRSET_FRAGMENT, targetOffset, type Zone } from "./snapshot.ts";

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
/** What CUT, BELOW_CUT and BELOW_DNAME have in common: the node does not answer for itself. */
const OCCLUDED = NodeFlag.CUT | NodeFlag.BELOW_CUT | NodeFlag.BELOW_DNAME;
/** One per worker and use: it holds what belongs to the reply that is being written. */
export class ZoneLookup {
  /** Where an alias leads that this zone does not follow. */
  alias = new Name();
  /** The label of the question's name that the wildcard which answers it stands below; 0 when none does. */
  #wildcardLabel = 0;

  #zone!: Zone;
  #request!: Request;
  #reply!: Reply;
  readonly #writer = new AnswerWriter();
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
      return this.#descend(type);
    }
    let label = 1;
    let encloser = zone.find(name, label);
    while (encloser === 0) encloser = zone.find(name, ++label);
    const flags = zone.data[encloser]!;
    if (flags & (OCCLUDED | NodeFlag.DNAME)) return this.#descend(type);
    if (flags & NodeFlag.WILDCARD_CHILD) {
      this.#wildcardLabel = label;
      return this.#atNode(zone.findWildcard(name, label), type, passOn);
    }
    if (passOn) return Result.PASSED;
    return this.#writeNegative(Rcode.NXDOMAIN, label);
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
    if (isNegative) this.#writer.writeSoa();
    else this.#writer.writeNs();
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
      for (const addressType of [Type.A, Type.AAAA]) this.#writer.writeNodeRrset(node, addressType, Section.ADDITIONAL);
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
    const writer = this.#writer;
    // Whatever else stands at the apex, SOA and NS are asked there.
    const isApexOwn = (type === Type.SOA || type === Type.NS) && zone.data[node + 1] === 0;
    if (isAliasFor(zone.data[node]!, type) && !isApexOwn) {
      this.#begin();
      return this.#followAlias(zone.rrset(node, Type.CNAME), type);
    }
    const rrset = zone.rrset(node, type);
    if (rrset === 0) return this.#noData(node, passOn);
    this.#begin();
    writer.writeRrset(rrset, Section.ANSWER, 0);
    const { base } = writer;
    if (!isApexOwn || type === Type.SOA) writer.writeNs();
    if (this.#wildcardLabel > 0 && this.#wantsProof) this.#writeNsec(this.#proofOf(this.#request.name.bytes));
    writer.writeAddresses(rrset, base);
    return Result.WRITTEN;
  }

  #noData(node: number, passOn: boolean): Result {
    const zone = this.#zone;
    const isNonTerminal = this.#wildcardLabel === 0 && zone.isEmpty(node);
    if (isNonTerminal && hasSiblingWildcard(zone, this.#request.name)) {
      this.#wildcardLabel = 1;
      return this.#atNode(zone.findWildcard(this.#request.name, 1), this.#request.type, passOn);
    }
    const isApex = zone.data[node + 1] === 0;
    if (passOn && (isNonTerminal || (isApex && this.#isBareApex(node)))) return Result.PASSED;
    return this.#writeNegative(Rcode.NOERROR, this.#wildcardLabel);
  }

  /**
   * Whether the apex counts as empty for a caller who passes that on, as in CoreDNS: it has only SOA, NS and their RRSIGs,
   * as every zone does. So do NS that are not there, whatever else is.
   */
  #isBareApex(node: number): boolean {
    const zone = this.#zone;
    const { data } = zone;
    if (this.#request.type === Type.NS) return true;
    let rrsets = 0;
    let signatures = 0;
    for (const type of [Type.SOA, Type.NS]) {
      const rrset = zone.rrset(node, type);
      if (rrset === 0) continue;
      rrsets++;
      const own = zone.extra(rrset, Extra.SIGNATURES);
      if (own !== 0) signatures += read16(data, own);
    }
    const signed = zone.rrset(node, Type.RRSIG);
    if (signed !== 0 && read16(data, signed + RRSET_FRAGMENT) === signatures) rrsets++;
    return rrsets === read16(data, node + 2);
  }

  /** From the apex down to the first name that hands over what is below it. */
  #descend(type: number): Result {
    const zone = this.#zone;
    const { name } = this.#request;
    for (let label = name.labelCount - zone.apexLabels; label >= 0; label--) {
      const node = zone.find(name, label);
      if (node === 0) break;
      const flags = zone.data[node]!;
      if (flags & NodeFlag.CUT) {
        this.#begin();
        this.#reply.flags &= ~Flag.AA;
        this.#writer.setOwner(name, HEADER_SIZE + name.offsets[label]!);
        this.#writeReferral(node, label);
        return Result.WRITTEN;
      }
      if (flags & NodeFlag.DNAME && label > 0) return this.#followDname(node, label, type);
    }
    return Result.FAILED;
  }

  /** RFC 1034 section 4.3.2, step 3b; with DO the proof of what is delegated (RFC 4035 section 3.1.4). */
  #writeReferral(node: number, label: number): void {
    const zone = this.#zone;
    const writer = this.#writer;
    const rrset = zone.rrset(node, Type.NS);
    writer.writeRrset(rrset, Section.AUTHORITY, label);
    const { base } = writer;
    const proof = this.#request.dnssecOk ? zone.rrset(node, Type.DS) || zone.rrset(node, Type.NSEC) : 0;
    if (proof !== 0) writer.writeRrset(proof, Section.AUTHORITY, label);
    writer.writeAddresses(rrset, base);
  }

  /** Writes an alias and what it leads to in this zone. */
  #followAlias(rrset: number, type: number): Result {
    const writer = this.#writer;
    for (let aliases = 1; ; aliases++) {
      writer.writeRrset(rrset, Section.ANSWER, 0);
      const target = writer.owner === this.#oddTarget ? this.#evenTarget : this.#oddTarget;
      if (!this.#readTarget(rrset, target)) return Result.FAILED;
      // A wildcard's alias to a name that it stands for runs into the limit of look-ups, as in CoreDNS.
      const isWildcards = this.#wildcardLabel > 0 && writer.owner === this.#request.name;
      if (!isWildcards && sameName(target, writer.owner)) return Result.FAILED;
      const next = this.#followTarget(target, writer.base + POINTED_RECORD_SIZE, type, aliases);
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
        if ((zone.data[node]! & NodeFlag.CUT) === 0) continue;
        this.#writer.setOwner(target, at + target.offsets[label]!);
        this.#writeReferral(node, label);
        return done(Result.WRITTEN);
      }
      return this.#leave(target);
    }
    // CoreDNS asks the whole server for these three as well. NS below the apex are a cut's, or another zone's.
    if (apexLabel === 0 || zone.isEmpty(node) || type === Type.NS) return this.#leave(target);
    const writer = this.#writer;
    if (aliases < MAX_ALIASES) {
      writer.setOwner(target, at);
      if (isAliasFor(flags, type)) return zone.rrset(node, Type.CNAME);
      const rrset = zone.rrset(node, type);
      if (rrset !== 0) {
        writer.writeRrset(rrset, Section.ANSWER, 0);
        const { base } = writer;
        writer.writeNs();
        writer.writeAddresses(rrset, base);
        return done(Result.WRITTEN);
      }
    }
    // CoreDNS forgets the SOA (RFC 2308 section 2.2).
    writer.writeNs();
    return done(Result.WRITTEN);
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
    const writer = this.#writer;
    writer.setOwner(name, HEADER_SIZE + name.offsets[label]!);
    const rrset = zone.rrset(node, Type.DNAME);
    writer.writeRrset(rrset, Section.ANSWER, label);
    const prefix = name.offsets[label]!;
    const suffix = this.#targetLength(rrset, prefix);
    if (suffix < 0) return Result.FAILED;
    if (prefix + suffix > MAX_NAME_LENGTH) {
      this.#reply.rcode = Rcode.YXDOMAIN;
      return Result.WRITTEN;
    }
    const wire = this.#targetWire;
    for (let i = 0; i < prefix; i++) wire[i] = name.bytes[i]!;
    const target = this.#oddTarget;
    target.read(wire, 0, prefix + suffix);
    if (sameName(target, name)) return Result.FAILED;
    const data = zone.data;
    const ttlAt = this.#fragmentBytes(rrset + RRSET_FRAGMENT) + 6;
    const ttl = (data[ttlAt]! << 24) | (data[ttlAt + 1]! << 16) | (data[ttlAt + 2]! << 8) | data[ttlAt + 3]!;
    writer.writeByRecord();
    this.#reply.add(Section.ANSWER, name.toWire(), Type.CNAME, Class.IN, ttl, wire.slice(0, prefix + suffix));
    // The made alias answers a question for an alias.
    if (type === Type.CNAME) {
      writer.writeNs();
      return Result.WRITTEN;
    }
    const next = this.#followTarget(target, 0, type, 1);
    return next < 0 ? ((-next - 1) as Result) : this.#followAlias(next, type);
  }

  #begin(): void {
    this.#writer.begin(this.#zone, this.#request, this.#reply);
  }

  get #wantsProof(): boolean {
    return this.#request.dnssecOk && this.#zone.nsecNodes !== undefined;
  }

  /**
   * With DO also what proves it (RFC 4035 section 3.1.3): what there is at the name, or around it, and the same for the wildcard
   * below the suffix that starts with `wildcardLabel`; 0 when the name itself is there.
   */
  #writeNegative(rcode: number, wildcardLabel: number): Result {
    const { name } = this.#request;
    this.#begin();
    this.#reply.rcode = rcode;
    this.#writer.writeSoa();
    if (!this.#wantsProof) return Result.WRITTEN;
    const covering = this.#proofOf(name.bytes);
    const wildcard = wildcardLabel === 0 ? covering : this.#proofOf(wildcardOf(name, wildcardLabel));
    this.#writeNsec(covering);
    if (wildcard !== covering) this.#writeNsec(wildcard);
    return Result.WRITTEN;
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
    let from = this.#fragmentBytes(rrset + RRSET_FRAGMENT) + POINTED_RECORD_SIZE;
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
      if (compareNames(nodeName(this.#zone, nodes[middle]!), name) <= 0) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : nodes[low - 1]!;
  }

  #writeNsec(node: number): void {
    if (node !== 0) this.#writer.writeNodeRrset(node, Type.NSEC, Section.AUTHORITY);
  }
}

/** RFC 4035 section 2.5: NSEC and RRSIG stand beside an alias, and are asked there. */
function isAliasFor(flags: number, type: number): boolean {
  if ((flags & NodeFlag.CNAME) === 0) return false;
  return type !== Type.CNAME && type !== Type.NSEC && type !== Type.RRSIG;
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

/** `*` in front of the suffix that starts with `label`, until the next one is asked for. */
function wildcardOf(name: Name, label: number): Uint8Array {
  const start = name.offsets[label]!;
  for (let i = start; i < name.length; i++) wildcardBytes[2 + i - start] = name.bytes[i]!;
  return wildcardBytes;
}
const wildcardBytes = new Uint8Array(2 + MAX_NAME_LENGTH);
wildcardBytes.set([1, 0x2a]);
