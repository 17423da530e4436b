/**
 * The answer being built: wire bytes in a buffer that the transport owns, and the few numbers that belong to its header.
 *
 * Three ways lead to a reply. A plugin with ready bytes calls `begin` and copies them behind the question (zone, cache).
 * One with records calls `begin` and `add` for each, in the order of the sections (whoami, template). One that got a
 * whole message from elsewhere calls `adopt` (forward). Whoever wraps the chain may then look at it through `index` and
 * change flags, TTLs, order and the number of records in place; what changes lengths goes through `records` and `rewrite`.
 * The server calls `finish` once, at the end: it adds the OPT record, cuts what does not fit, and writes the header.
 */
import { allocateBytes, type Bytes, copyBytes, NO_BYTES } from "./bytes.ts";
import { isCompressed } from "./compressed.ts";
import { Compression } from "./compression.ts";
import { Flag, HEADER_SIZE, OPT_RECORD_SIZE, RECORD_FIXED_SIZE } from "./header.ts";
import { LOWER } from "./name.ts";
import { offsetOfName, rdataNames } from "./rdata.ts";
import { type ResourceRecord, readRecord } from "./record.ts";
import type { Request } from "./request.ts";
import { Rcode, Type } from "./types.ts";
import { uncompressedLength } from "./uncompressed-length.ts";
import { endOfName, expandNameInto } from "./wire-name.ts";

export const Section = { ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 2 } as const;
export type Section = (typeof Section)[keyof typeof Section];

/** One record of a reply is described by this many words in `Reply.index`. */
export const INDEX_WORDS = 7;
export const Index = { SECTION: 0, OWNER: 1, TYPE: 2, TTL: 3, RDATA: 4, RDATA_LENGTH: 5, END: 6 } as const;

/** The largest message and the OPT record that `finish` may have to add before it truncates. */
export const MAX_REPLY_SIZE = 65_535 + 1_024;

export class Reply {
  /** The message occupies `bytes[start..end)` and may grow up to `room`. All other offsets are counted from `start`. */
  bytes: Bytes = NO_BYTES;
  start = 0;
  end = 0;
  room = 0;
  /** When the room is too small it may be exchanged for a larger one: the buffer belongs to this reply alone. */
  growable = false;
  /** The header's second word: QR, opcode, AA, TC, RD, RA, Z, AD, CD, rcode. */
  flags = 0;
  /** Records in each section; an OPT record that `adopt` found is not counted, it is kept apart. */
  readonly counts: Int32Array = new Int32Array(3);
  /** Offset behind the question, where the first record stands. */
  questionEnd = 0;
  /** A record did not fit into the buffer; the reply will be sent truncated. */
  overflow = false;
  /** The reply brings an OPT record of its own, whose options are kept (behaviour 2.9). */
  hasOpt = false;
  /** The options of that record, in wire form. */
  options: Uint8Array = NO_OPTIONS;
  /** Bits 4 to 11 of the rcode (RFC 6891 section 6.1.3); only BADVERS and the like have them. */
  extendedRcode = 0;
  /** Made from memory that may change at any time, at no more than a cache hit's cost: the cache must not keep it. */
  uncached = false;
  /**
   * Whether who wrote the records has said what the next three say, to spare others to look. Whatever changes the records
   * by the methods below ends it.
   */
  isDescribed = false;
  /** The TTL of all records, in seconds. */
  commonTtl = 0;
  /** What `uncompressedLength` gives. */
  plainLength = 0;
  /**
   * How many records the answer section has if all are addresses of one kind whose owners are pointers of two bytes to the
   * question, and no other section has two records; else 0, as where nobody has looked.
   */
  addressRun = 0;

  readonly #compression = new Compression();
  #index: Int32Array = NO_INDEX;
  #indexedUpTo = -1;
  #indexCount = 0;
  /** The message came by `adopt`. */
  #foreign = false;
  #ownUdpSize = 0;
  #ownDnssecOk = 0;

  /** Gives the reply the room that it is written into. A whole message and its OPT record always fit into a fixed one. */
  place(bytes: Bytes, start: number, room: number, growable = false): void {
    this.bytes = bytes;
    this.start = start;
    this.room = room;
    this.growable = growable;
    this.#reset();
  }

  /** Moves what is written so far into a buffer of the reply's own. */
  move(bytes: Bytes, start: number, room: number, growable = false): void {
    const length = this.end - this.start;
    copyBytes(this.bytes, this.start, length, bytes, start);
    this.bytes = bytes;
    this.start = start;
    this.end = start + length;
    this.room = room;
    this.growable = growable;
    this.#indexedUpTo = -1;
  }

  /** Whether `size` more bytes can be written; makes room where that is possible. */
  reserve(size: number): boolean {
    if (this.end + size <= this.room) return true;
    const needed = this.end - this.start + size;
    if (!this.growable || needed > MAX_REPLY_SIZE) return false;
    this.grow(needed);
    return true;
  }

  /** Moves what is written into a buffer for `needed` bytes: not the largest, as thousands may have one at once. */
  grow(needed: number): void {
    const size = Math.min(2 ** (32 - Math.clz32(needed - 1)), MAX_REPLY_SIZE);
    this.move(allocateBytes(size), 0, size, true);
  }

  /** Nothing has been written yet. */
  get empty(): boolean {
    return this.end === this.start;
  }

  /** Starts the reply to `request`: its id, opcode, RD, CD and question; NOERROR, not authoritative. */
  begin(request: Request): void {
    this.#reset();
    this.setQuestion(request);
    this.end = this.start + request.questionEnd;
    const flags = request.flags;
    // RFC 1035 section 4.1.1; RD and CD are copied for QUERY only, as CoreDNS does.
    this.flags =
      (flags & Flag.OPCODE) === 0 ? Flag.QR | (flags & (Flag.RD | Flag.CD)) : Flag.QR | (flags & Flag.OPCODE);
  }

  /**
   * Takes over a whole message from elsewhere; its question is replaced by that of `request`, which must have the same
   * length. The message must have been checked (`checkMessage`). False when it does not fit into the room.
   */
  adopt(request: Request, message: Uint8Array, offset: number, recordsEnd: number, opt: number): boolean {
    this.#reset();
    if (!this.reserve(recordsEnd)) return false;
    this.#foreign = true;
    const bytes = this.bytes;
    const start = this.start;
    copyBytes(message, offset, recordsEnd, bytes, start);
    this.flags = ((bytes[start + 2]! << 8) | bytes[start + 3]!) >>> 0;
    for (let section = 0; section < 3; section++) {
      const at = start + 6 + 2 * section;
      this.counts[section] = (bytes[at]! << 8) | bytes[at + 1]!;
    }
    this.setQuestion(request);
    this.end = start + recordsEnd;
    if (opt !== 0) this.#takeOpt(opt);
    return true;
  }

  get rcode(): number {
    return (this.flags & Flag.RCODE) | (this.extendedRcode << 4);
  }

  set rcode(rcode: number) {
    this.flags = (this.flags & ~Flag.RCODE) | (rcode & Flag.RCODE);
    this.extendedRcode = rcode >> 4;
  }

  /** Gives the reply an OPT record of its own. Size and DO are for clients that sent none (behaviour 2.9). */
  setOpt(options: Uint8Array, udpSize: number, dnssecOk: boolean): void {
    this.hasOpt = true;
    this.options = options;
    this.#ownUdpSize = udpSize;
    this.#ownDnssecOk = dnssecOk ? 0x80 : 0;
  }

  /**
   * Forgets the OPT record that the reply brought: a client that sent one gets a bare one back. The part of the rcode that
   * stood in it stays; for a client without one there is no room for it.
   */
  dropOpt({ hasOpt }: Request): void {
    this.hasOpt = false;
    this.options = NO_OPTIONS;
    if (this.extendedRcode !== 0 && !hasOpt) this.rcode = Rcode.SERVFAIL;
  }

  /** Length of the message as it stands, without the OPT record that `finish` adds. */
  get length(): number {
    return this.end - this.start;
  }

  /** Appends a record. Sections must be filled in their order. False when it did not fit: then `overflow` is set. */
  add(section: Section, owner: Uint8Array, type: number, klass: number, ttl: number, data: Uint8Array): boolean {
    // The owner may shrink by compression but never grow, the rest is as long as it looks: check once, then write freely.
    if (this.overflow || !this.reserve(owner.length + RECORD_FIXED_SIZE + data.length)) {
      this.overflow = true;
      return false;
    }
    this.#compression.writeName(this, owner, 0);
    const bytes = this.bytes;
    let at = this.end;
    bytes[at++] = type >> 8;
    bytes[at++] = type;
    bytes[at++] = klass >> 8;
    bytes[at++] = klass;
    bytes[at++] = ttl >>> 24;
    bytes[at++] = ttl >> 16;
    bytes[at++] = ttl >> 8;
    bytes[at++] = ttl;
    const lengthAt = at;
    this.end = at + 2;
    this.#writeRdata(type, data);
    const size = this.end - lengthAt - 2;
    bytes[lengthAt] = size >> 8;
    bytes[lengthAt + 1] = size;
    this.counts[section]!++;
    this.isDescribed = false;
    return true;
  }

  /** How many records there are; where they stand is in `index`, INDEX_WORDS words each. Malformed rest is left out. */
  indexRecords(): number {
    if (this.#indexedUpTo === this.end) return this.#indexCount;
    const bytes = this.bytes;
    const start = this.start;
    const end = this.end;
    let at = start + this.questionEnd;
    let count = 0;
    for (let section = 0; section < 3; section++) {
      for (let left = this.counts[section]!; left > 0; left--) {
        const fixed = endOfName(bytes, at, end);
        if (fixed < 0 || fixed + RECORD_FIXED_SIZE > end) break;
        const size = (bytes[fixed + 8]! << 8) | bytes[fixed + 9]!;
        if (fixed + RECORD_FIXED_SIZE + size > end) break;
        const word = count * INDEX_WORDS;
        if (word + INDEX_WORDS > this.#index.length) this.#index = grow(this.#index);
        const index = this.#index;
        index[word + Index.SECTION] = section;
        index[word + Index.OWNER] = at - start;
        index[word + Index.TYPE] = (bytes[fixed]! << 8) | bytes[fixed + 1]!;
        index[word + Index.TTL] = fixed + 4 - start;
        index[word + Index.RDATA] = fixed + RECORD_FIXED_SIZE - start;
        index[word + Index.RDATA_LENGTH] = size;
        at = fixed + RECORD_FIXED_SIZE + size;
        index[word + Index.END] = at - start;
        count++;
      }
    }
    this.#indexedUpTo = end;
    this.#indexCount = count;
    return count;
  }

  /** The description of record number i starts at word `i * INDEX_WORDS`. Call `indexRecords` first. */
  get index(): Int32Array {
    return this.#index;
  }

  ttlAt(offset: number): number {
    const at = this.start + offset;
    const bytes = this.bytes;
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  }

  setTtlAt(offset: number, seconds: number): void {
    this.isDescribed = false;
    const at = this.start + offset;
    const bytes = this.bytes;
    bytes[at] = seconds >>> 24;
    bytes[at + 1] = seconds >> 16;
    bytes[at + 2] = seconds >> 8;
    bytes[at + 3] = seconds;
  }

  /** The records as objects, names in full: for plugins that change more than numbers. Off the hot path. */
  records(): SectionRecord[] {
    const count = this.indexRecords();
    const message = this.bytes.subarray(this.start, this.end);
    const list: SectionRecord[] = [];
    for (let i = 0; i < count; i++) {
      const word = i * INDEX_WORDS;
      const record = readRecord(message, this.#index[word + Index.OWNER]!, message.length);
      if (record) list.push({ ...record.record, section: this.#index[word + Index.SECTION]! as Section });
    }
    return list;
  }

  /** Replaces all records by `list`, which must be in the order of the sections. Flags and question stay. */
  rewrite(list: readonly SectionRecord[]): void {
    this.end = this.start + this.questionEnd;
    this.counts.fill(0);
    this.overflow = false;
    this.isDescribed = false;
    this.#compression.forget();
    this.#indexedUpTo = -1;
    for (const { section, name, type, class: klass, ttl, data } of list)
      this.add(section, name, type, klass, ttl, data);
  }

  /**
   * Writes the question of `request` over the one that stands here: for a plugin that had asked the rest of the chain another
   * one. Names may point into it, so unless the two have the same name all records must be written again (`rewrite`).
   */
  setQuestion(request: Request): void {
    const { bytes, start, questionEnd } = request;
    copyBytes(bytes, start + HEADER_SIZE, questionEnd - HEADER_SIZE, this.bytes, this.start + HEADER_SIZE);
    this.questionEnd = questionEnd;
  }

  /** Writes the name at `offset` to `out`, in lower case. Gives its length; -1 when it is none. */
  readName(offset: number, out: Uint8Array): number {
    const message = this.bytes.subarray(this.start, this.end);
    const length = expandNameInto(message, offset, message.length, out, 0);
    for (let i = 0; i < length; i++) out[i] = LOWER[out[i]!]!;
    return length;
  }

  /** Drops all records behind the first `keep` ones. */
  cut(keep: number): void {
    const count = this.indexRecords();
    if (keep >= count) return;
    this.isDescribed = false;
    this.counts.fill(0);
    for (let i = 0; i < keep; i++) this.counts[this.#index[i * INDEX_WORDS + Index.SECTION]!]!++;
    this.end = this.start + (keep === 0 ? this.questionEnd : this.#index[(keep - 1) * INDEX_WORDS + Index.END]!);
    this.#indexedUpTo = -1;
    // What was dropped can no longer be pointed to.
    this.#compression.cut(this.length);
  }

  /** The length that the message would have without compression: what CoreDNS's logs and metrics call its size. */
  uncompressedLength(): number {
    const ownOpt = this.hasOpt ? OPT_RECORD_SIZE + this.options.length : 0;
    if (this.isDescribed) return this.plainLength + ownOpt;
    const records = this.counts[0]! + this.counts[1]! + this.counts[2]!;
    return uncompressedLength(this.bytes, this.start, this.end, this.questionEnd, records) + ownOpt;
  }

  /**
   * Makes the message ready to leave: OPT record (RFC 6891 section 6.1.1: one, if the request had one), at most `limit`
   * bytes by dropping whole records from the end (RFC 2181 section 9: then TC is set), header. Gives its length.
   */
  finish(request: Request, limit: number): number {
    const withOpt = request.hasOpt || this.hasOpt;
    const optSize = withOpt ? this.#fitOptions(limit) : 0;
    if (this.#exceeds(limit - optSize)) this.#truncate(limit - optSize);
    // A reply of the query's own has little room at first.
    this.reserve(optSize);
    if (withOpt) this.#writeOpt(request);
    const bytes = this.bytes;
    const start = this.start;
    const flags = this.flags;
    const counts = this.counts;
    bytes[start] = request.bytes[request.start]!;
    bytes[start + 1] = request.bytes[request.start + 1]!;
    bytes[start + 2] = flags >> 8;
    bytes[start + 3] = flags;
    bytes[start + 4] = 0;
    bytes[start + 5] = this.questionEnd > HEADER_SIZE ? 1 : 0;
    bytes[start + 6] = counts[0]! >> 8;
    bytes[start + 7] = counts[0]!;
    bytes[start + 8] = counts[1]! >> 8;
    bytes[start + 9] = counts[1]!;
    const additional = withOpt ? counts[2]! + 1 : counts[2]!;
    bytes[start + 10] = additional >> 8;
    bytes[start + 11] = additional;
    return this.end - start;
  }

  /** Whether `finish` will drop records. */
  willBeCut(request: Request, limit: number): boolean {
    const withOpt = request.hasOpt || this.hasOpt;
    return this.#exceeds(withOpt ? limit - this.#fitOptions(limit) : limit);
  }

  /** Options from elsewhere that would not even fit beside the question are given up. Gives the size of the OPT record. */
  #fitOptions(limit: number): number {
    if (this.questionEnd + OPT_RECORD_SIZE + this.options.length > limit) this.options = NO_OPTIONS;
    return OPT_RECORD_SIZE + this.options.length;
  }

  #exceeds(room: number): boolean {
    if (this.end - this.start > room) this.compress();
    return this.overflow || this.end - this.start > room;
  }

  #reset(): void {
    this.end = this.start;
    this.counts[0] = 0;
    this.counts[1] = 0;
    this.counts[2] = 0;
    this.overflow = false;
    this.uncached = false;
    this.isDescribed = false;
    this.hasOpt = false;
    this.options = NO_OPTIONS;
    this.extendedRcode = 0;
    this.#foreign = false;
    this.#compression.forget();
    this.#indexedUpTo = -1;
  }

  /** The OPT record at `offset` leaves the message and is kept apart, to be written again by `finish`. */
  #takeOpt(offset: number): void {
    const bytes = this.bytes;
    const at = this.start + offset;
    const size = (bytes[at + 9]! << 8) | bytes[at + 10]!;
    this.#ownUdpSize = (bytes[at + 3]! << 8) | bytes[at + 4]!;
    this.#ownDnssecOk = bytes[at + 7]! & 0x80;
    this.extendedRcode = bytes[at + 5]!;
    this.options = size === 0 ? NO_OPTIONS : bytes.slice(at + OPT_RECORD_SIZE, at + OPT_RECORD_SIZE + size);
    this.hasOpt = true;
    const next = at + OPT_RECORD_SIZE + size;
    if (next === this.end) {
      this.end = at;
      this.counts[Section.ADDITIONAL]!--;
      return;
    }
    // Records behind it would move, and names in them may be pointed to: write the message anew.
    const rest = this.records().filter((record) => record.type !== Type.OPT);
    this.rewrite(rest);
  }

  /**
   * A message from elsewhere may have been written without compression: for what is to be cut, or kept, that is made good. What
   * has no more than `tolerated` names in full stays as it is.
   */
  compress(tolerated = 0): void {
    if (!this.#foreign) return;
    this.#foreign = false;
    const { bytes, start, end, questionEnd, counts } = this;
    const count = counts[0]! + counts[1]! + counts[2]!;
    if (isCompressed(bytes, start, end, questionEnd, count, tolerated)) return;
    const list = this.records();
    if (list.length === count) this.rewrite(list);
  }

  #truncate(limit: number): void {
    const count = this.indexRecords();
    let keep = 0;
    while (keep < count && this.#index[keep * INDEX_WORDS + Index.END]! <= limit) keep++;
    if (keep < count || this.overflow) this.flags |= Flag.TC;
    this.cut(keep);
    this.overflow = false;
  }

  #writeOpt(request: Request): void {
    const bytes = this.bytes;
    let at = this.end;
    bytes[at++] = 0;
    bytes[at++] = Type.OPT >> 8;
    bytes[at++] = Type.OPT;
    // An OPT that nobody asked for keeps what it says; else it repeats the client's size and DO (behaviour 2.9).
    const udpSize = request.hasOpt ? request.udpSize : this.#ownUdpSize;
    bytes[at++] = udpSize >> 8;
    bytes[at++] = udpSize;
    bytes[at++] = this.extendedRcode;
    bytes[at++] = 0;
    bytes[at++] = request.hasOpt ? (request.dnssecOk ? 0x80 : 0) : this.#ownDnssecOk;
    bytes[at++] = 0;
    const options = this.options;
    bytes[at++] = options.length >> 8;
    bytes[at++] = options.length;
    for (let i = 0; i < options.length; i++) bytes[at++] = options[i]!;
    this.end = at;
  }

  #writeRdata(type: number, data: Uint8Array): void {
    const names = rdataNames(type, data);
    // RFC 3597 section 4: of newer types names are not compressed. Owners behind may point to them all the same.
    const inFull = names.length > 0 || data.length === 0 ? -1 : offsetOfName(type, data, 0, data.length);
    if (inFull >= 0) this.#compression.learnName(this, data, inFull, this.length + inFull);
    let from = 0;
    for (const offset of names) {
      this.#copy(data, from, offset);
      from = offset + this.#compression.writeName(this, data, offset);
    }
    this.#copy(data, from, data.length);
  }

  #copy(data: Uint8Array, from: number, to: number): void {
    const bytes = this.bytes;
    let at = this.end;
    for (let i = from; i < to; i++) bytes[at++] = data[i]!;
    this.end = at;
  }
}

export interface SectionRecord extends ResourceRecord {
  section: Section;
}

const NO_OPTIONS = new Uint8Array(0);
const NO_INDEX = new Int32Array(0);

function grow(index: Int32Array): Int32Array {
  const bigger = new Int32Array(Math.max(index.length * 2, INDEX_WORDS * 16));
  bigger.set(index);
  return bigger;
}
