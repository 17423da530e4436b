/**
 * What does a zone say about a name? An immutable zone in two shared arrays, built by one thread (`snapshot-builder.ts`) and
 * read by all; a changed zone is another snapshot, and the reference to it is swapped whole.
 *
 * Every name of the zone is a node, empty non-terminals included. Everything that an answer needs is kept as wire bytes that
 * are compressed against the question already, so an answer is a few copies and a few two-byte patches.
 *
 * slots: pairs of 32-bit words, a power of two of them, at most two thirds in use, searched linearly
 *    0  hash     of the node's name, as `Name.hashes` has it
 *    1  node     offset in data; 0 marks a free slot
 *
 * data: all numbers big-endian, nothing aligned; the first node begins behind offset 0
 *   node
 *    0  flags    NodeFlag
 *    1  length   of the name in bytes, without the zone's own name: 0 for the apex
 *    2  count    of RRsets, 16 bits
 *    4  name     labels in lower case, without an end; the RRsets follow
 *   RRset
 *    0  type     16 bits
 *    2  extras   32 bits, offset in data; 0 when there are none
 *    6  fragment of its records
 *   extras, offsets of fragments in data, 0 for none
 *    0  addresses             the additional section: addresses of the names in the records, where the zone has them
 *    4  signed addresses      the same with their RRSIGs, for DO
 *    8  signatures            the RRSIGs of the RRset itself
 *   fragment
 *    0  count    of records, 16 bits; OVERSIZE marks that some did not fit into 64 KiB
 *    2  length   of the bytes, 16 bits
 *    4  patches  how many, 16 bits
 *    6  offsets  of the patches in the bytes, 16 bits each; then the bytes
 *
 * The bytes of a fragment are records as in a message. Their owner is the pointer 0xC00C, to the question's name, where the
 * RRset belongs to the name that is asked. Other names that end in the zone's own have a pointer at the place of a patch:
 *    0x8000           to the zone's name, which stands at the end of the question's
 *    0x0000 + offset  to a name that begins `offset` bytes behind the start of a fragment: this one, or for addresses the one
 *                     whose names they belong to
 *
 * Writer: fills both arrays before anyone else sees them, then never again. Publishing them to a worker is a message, which
 * orders the builder's stores before the worker's loads. Readers check nothing else than that what they copy fits.
 */
import { type Bytes, withView } from "../dns/bytes.ts";
import { hashByte, hashLabelEnd, type Name } from "../dns/name.ts";
import { labelCount } from "../dns/name-text.ts";
import { Type } from "../dns/types.ts";

export const NodeFlag = {
  /** Has NS and is not the apex: what is asked here or below is delegated. */
  CUT: 1,
  /** Lies below a cut: only glue is here. */
  BELOW_CUT: 2,
  DNAME: 4,
  /** Lies below a DNAME: nothing here is answered directly. */
  BELOW_DNAME: 8,
  CNAME: 16,
  /** Has a child `*`. */
  WILDCARD_CHILD: 32,
} as const;

export const OVERSIZE = 0x8000;
export const NODE_HEADER = 4;
export const RRSET_FRAGMENT = 6;
export const FRAGMENT_HEADER = 6;
export const Extra = { ADDRESSES: 0, SIGNED_ADDRESSES: 4, SIGNATURES: 8 } as const;
export const EXTRAS_SIZE = 12;
export const PATCH_APEX = 0x8000;
/** The largest offset of a patch. Pointers have 14 bits; what an answer may have before the fragment takes part of their range. */
export const MAX_TARGET_OFFSET = 0x3000;

/** What is sent from thread to thread. */
export interface ZoneSnapshot {
  /** The zone's name in lower-case wire form. */
  readonly apex: Uint8Array;
  readonly serial: number;
  readonly data: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
  readonly nodeCount: number;
  /** Fragments for the authority section, whose owner is the zone's name: the SOA, the NS, and their RRSIGs (0 for none). */
  readonly soa: number;
  readonly soaSignatures: number;
  readonly ns: number;
  readonly nsSignatures: number;
  /** Nodes with an NSEC record in canonical order (RFC 4034 section 6.1), each an offset in data. Absent in an unsigned zone. */
  readonly nsecNodes?: SharedArrayBuffer;
}

/** A snapshot as a worker reads it. */
export class Zone {
  readonly apex: Uint8Array;
  readonly apexLabels: number;
  readonly data: Bytes;
  readonly soa: number;
  readonly soaSignatures: number;
  readonly ns: number;
  readonly nsSignatures: number;
  readonly nsecNodes: Int32Array | undefined;
  readonly #slots: Int32Array;
  readonly #mask: number;

  /** Bytes of its memory. */
  readonly size: number;

  constructor(snapshot: ZoneSnapshot) {
    this.size = snapshot.data.byteLength + snapshot.slots.byteLength;
    this.apex = snapshot.apex;
    this.apexLabels = labelCount(snapshot.apex);
    this.data = withView(new Uint8Array(snapshot.data));
    this.soa = snapshot.soa;
    this.soaSignatures = snapshot.soaSignatures;
    this.ns = snapshot.ns;
    this.nsSignatures = snapshot.nsSignatures;
    this.nsecNodes = snapshot.nsecNodes && new Int32Array(snapshot.nsecNodes);
    this.#slots = new Int32Array(snapshot.slots);
    this.#mask = this.#slots.length - 2;
  }

  /** The node of the suffix of `name`, which must be in this zone, that starts with label `label`; 0 when there is none. */
  find(name: Name, label: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    const hash = name.hashes[label]!;
    for (let at = (hash << 1) & mask; ; at = (at + 2) & mask) {
      const node = slots[at + 1]!;
      if (node === 0) return 0;
      if (slots[at] === hash && this.#isNode(node, name, name.offsets[label]!)) return node;
    }
  }

  /** The node of the name `*` below that suffix; 0 when there is none. */
  findWildcard(name: Name, label: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    const hash = wildcardHash(name.hashes[label]!);
    const data = this.data;
    for (let at = (hash << 1) & mask; ; at = (at + 2) & mask) {
      const node = slots[at + 1]!;
      if (node === 0) return 0;
      if (slots[at] !== hash || data[node + NODE_HEADER] !== 1 || data[node + NODE_HEADER + 1] !== ASTERISK) continue;
      if (data[node + 1]! - 2 === this.#relativeLength(name, name.offsets[label]!)) {
        if (this.#sameBytes(node + NODE_HEADER + 2, name, name.offsets[label]!, data[node + 1]! - 2)) return node;
      }
    }
  }

  /** The RRset of `type` at `node`, as an offset in data; 0 when there is none. */
  rrset(node: number, type: number): number {
    const data = this.data;
    let at = node + NODE_HEADER + data[node + 1]!;
    for (let left = (data[node + 2]! << 8) | data[node + 3]!; left > 0; left--) {
      if (((data[at]! << 8) | data[at + 1]!) === type) return at;
      at = this.fragmentEnd(at + RRSET_FRAGMENT);
    }
    return 0;
  }

  /** Whether a node has no records of its own: an empty non-terminal. */
  isEmpty(node: number): boolean {
    return this.data[node + 2] === 0 && this.data[node + 3] === 0;
  }

  /** One of the fragments that belong to an RRset besides its records; 0 when there is none. */
  extra(rrset: number, which: number): number {
    const extras = this.#read32(rrset + 2);
    return extras === 0 ? 0 : this.#read32(extras + which);
  }

  fragmentEnd(fragment: number): number {
    const data = this.data;
    const length = (data[fragment + 2]! << 8) | data[fragment + 3]!;
    const patches = (data[fragment + 4]! << 8) | data[fragment + 5]!;
    return fragment + FRAGMENT_HEADER + 2 * patches + length;
  }

  /** Bytes of the name before the zone's own. */
  #relativeLength(name: Name, offset: number): number {
    return name.length - offset - this.apex.length;
  }

  #isNode(node: number, name: Name, offset: number): boolean {
    const length = this.data[node + 1]!;
    return length === this.#relativeLength(name, offset) && this.#sameBytes(node + NODE_HEADER, name, offset, length);
  }

  #sameBytes(at: number, name: Name, offset: number, length: number): boolean {
    const data = this.data;
    const bytes = name.bytes;
    for (let i = 0; i < length; i++) if (data[at + i] !== bytes[offset + i]) return false;
    return true;
  }

  #read32(at: number): number {
    const data = this.data;
    return ((data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!) >>> 0;
  }
}

const ASTERISK = 0x2a;

/** One more label on top of a hash, as `Name` adds it. */
function wildcardHash(parent: number): number {
  return hashLabelEnd(hashByte(hashByte(parent, 1), ASTERISK));
}

/** Where the name stands in the rdata of a type whose names' addresses belong to the additional section; -1 otherwise. */
export function targetOffset(type: number): number {
  switch (type) {
    case Type.NS:
      return 0;
    case Type.MX:
    case Type.SVCB:
    case Type.HTTPS:
      return 2;
    case Type.SRV:
      return 6;
    default:
      return -1;
  }
}
