/**
 * Writes records of the cluster behind the question, in place and without objects. Owners keep the letters of the question:
 * they are pointers to it, for the zone's own name to its end (RFC 1035 section 4.1.4).
 *
 * Replies may have to name thousands of endpoints. What the client cannot be sent is not written: one record too many, and
 * the server cuts the reply and sets TC.
 */
import { copyBytes } from "../../dns/bytes.ts";
import { Flag, HEADER_SIZE, MAX_POINTER, POINTED_RECORD_SIZE, RECORD_FIXED_SIZE } from "../../dns/header.ts";
import { MAX_NAME_LENGTH } from "../../dns/name.ts";
import { wireLabels } from "../../dns/name-text.ts";
import { type Reply, Section } from "../../dns/reply.ts";
import type { Request } from "../../dns/request.ts";
import { Class, Type } from "../../dns/types.ts";

/** Priority, weight, port. */
const SRV_FIXED = 6;
const POINTER_SIZE = 2;
/** Serial, refresh, retry, expire, minimum. */
const SOA_NUMBERS = 20;
/** The SOA's TTL is no longer than this, whatever the answers' is. */
const MAX_SOA_TTL = 300;
const VERSION_TTL = 28_800;
const QUESTION = 0xc000 | HEADER_SIZE;
const SVC = Uint8Array.of(3, 0x73, 0x76, 0x63);

/** A question on its way to its answer. */
export interface Question extends Request {
  readonly reply: Reply;
  /** The most bytes that the client takes. */
  readonly sizeLimit: number;
}

export class AnswerWriter {
  /** Where the target of the SRV record that was written last begins, counted from the reply's start, and its length. */
  targetAt = 0;
  targetLength = 0;
  readonly #ttl: number;
  /** An SOA record without its owner, zeros where the zone's name is pointed to, and for the serial. */
  readonly #soa: Uint8Array;
  /** Where in it the first of the two pointers stands. */
  readonly #soaNames: number;
  /** Labels between those of an object and the zone's name. */
  readonly #between: Uint8Array;
  /** A longer zone has no SOA record: one of its names would be too long. */
  readonly #longestZone: number;
  #reply!: Reply;
  #limit = 0;
  /** Where the zone's name stands in the question, as an offset of the message. */
  #zoneAt = 0;
  #zoneLength = 0;
  #nameLength = 0;
  /** Where the end of the first PTR record's name stands, which the others have too; 0: there is none yet. */
  #suffixAt = 0;
  /** Counts replies that begin elsewhere in a list that is too long. */
  #turn = 0;

  /**
   * With the labels before the zone's name of what its SOA says: the first server, and the mailbox of who is responsible; and
   * with what stands between a Service's labels and the zone's name.
   */
  constructor(
    ttl: number,
    nameServer: Uint8Array = NS_DNS,
    mailbox: Uint8Array = HOSTMASTER,
    between: Uint8Array = SVC,
  ) {
    this.#ttl = ttl;
    this.#between = between;
    this.#soa = soaTemplate(ttl, nameServer, mailbox);
    this.#soaNames = RECORD_FIXED_SIZE + nameServer.length;
    this.#longestZone = MAX_NAME_LENGTH - Math.max(nameServer.length, mailbox.length);
  }

  /** Starts an authoritative reply; the zone begins with label `zoneLabel` of the question's name. */
  begin(question: Question, zoneLabel: number): void {
    const { reply, name } = question;
    reply.begin(question);
    reply.flags |= Flag.AA;
    // Each answer is made of the table as it is now, and a change of the cluster must show in the next one.
    reply.uncached = true;
    // What follows keeps it true, or ends it.
    reply.isDescribed = true;
    reply.commonTtl = this.#ttl;
    reply.plainLength = reply.questionEnd;
    reply.addressRun = 0;
    this.#reply = reply;
    this.#limit = question.sizeLimit;
    this.#zoneAt = HEADER_SIZE + name.offsets[zoneLabel]!;
    this.#zoneLength = name.length - name.offsets[zoneLabel]!;
    this.#nameLength = name.length;
  }

  /** The message as it stands: offsets count from `start`. */
  get message(): Uint8Array {
    return this.#reply.bytes;
  }

  get start(): number {
    return this.#reply.start;
  }

  get end(): number {
    return this.#reply.end;
  }

  /** Nothing that follows would reach the client. */
  get full(): boolean {
    return this.#reply.overflow || this.#reply.length > this.#limit;
  }

  /** How many of `count` records of `size` bytes are worth writing: those that fit, and one to show that there are more. */
  worth(count: number, size: number): number {
    return Math.min(count, Math.floor((this.#limit - this.#reply.length) / size) + 1);
  }

  /** A number that differs from reply to reply, below `below`: where to begin, so that all of a long list are used. */
  turn(below: number): number {
    this.#turn = (this.#turn + 1) & 0xffff;
    return (this.#turn * 40_503) % below;
  }

  /** Records of the question's name with `count` addresses, which stand one behind the other at `bytes[at]`. */
  addresses(bytes: Uint8Array, at: number, count: number, size: number): void {
    const reply = this.#reply;
    const length = POINTED_RECORD_SIZE + size;
    const some = this.worth(count, length);
    if (some <= 0) return;
    if (reply.overflow || !reply.reserve(some * length)) {
      reply.overflow = true;
      return;
    }
    const from = at + (some < count ? this.turn(count - some + 1) * size : 0);
    const out = reply.bytes;
    const ttl = this.#ttl;
    const type = size === 4 ? Type.A : Type.AAAA;
    let to = reply.end;
    for (let i = 0; i < some; i++) {
      out[to++] = QUESTION >> 8;
      out[to++] = QUESTION & 0xff;
      out[to++] = 0;
      out[to++] = type;
      out[to++] = 0;
      out[to++] = Class.IN;
      out[to++] = 0;
      out[to++] = 0;
      out[to++] = ttl >> 8;
      out[to++] = ttl;
      out[to++] = 0;
      out[to++] = size;
      for (let k = 0, first = from + i * size; k < size; k++) out[to++] = bytes[first + k]!;
    }
    reply.end = to;
    const before = reply.addressRun;
    const isOther = before > 0 && out[reply.start + reply.questionEnd + POINTED_RECORD_SIZE - 1] !== size;
    if (isOther || reply.counts[Section.ANSWER] !== before) reply.isDescribed = false;
    reply.counts[Section.ANSWER]! += some;
    reply.addressRun += some;
    reply.plainLength += some * (this.#nameLength + RECORD_FIXED_SIZE + size);
  }

  /** An address in the additional section, whose owner is the SRV target of `length` bytes at `target` (see `targetAt`). */
  glue(bytes: Uint8Array, at: number, size: number, target: number, length: number): boolean {
    const reply = this.#reply;
    if (reply.overflow || !reply.reserve(256 + POINTED_RECORD_SIZE + size)) {
      reply.overflow = true;
      return false;
    }
    const out = reply.bytes;
    if (target <= MAX_POINTER) this.#pointer(target);
    else this.#copy(out, reply.start + target, length);
    this.#fixed(size === 4 ? Type.A : Type.AAAA, this.#ttl, size);
    this.#copy(bytes, at, size);
    this.#describe(length, size);
    reply.counts[Section.ADDITIONAL]!++;
    return true;
  }

  /**
   * Whether labels of `length` bytes make a name in `zone`, or else in the zone that was asked: it has 255 bytes at
   * most (RFC 1035 section 3.1).
   */
  isName(length: number, zone?: Uint8Array): boolean {
    return length + this.#between.length + (zone?.length ?? this.#zoneLength) <= MAX_NAME_LENGTH;
  }

  /** An SRV record of the question's name with the target to be written behind it by `labels` and `endTarget`. */
  beginSrv(weight: number, port: number): boolean {
    const reply = this.#reply;
    // A target has 255 bytes at most.
    if (reply.overflow || !reply.reserve(POINTED_RECORD_SIZE + SRV_FIXED + 256)) {
      reply.overflow = true;
      return false;
    }
    this.#put16(QUESTION);
    this.#fixed(Type.SRV, this.#ttl, 0);
    this.#put16(0);
    this.#put16(weight);
    this.#put16(port);
    this.targetAt = reply.length;
    return true;
  }

  /** Labels of a target, as they stand in `bytes`. */
  labels(bytes: Uint8Array, at: number, length: number): void {
    this.#copy(bytes, at, length);
  }

  /** Ends a target in the zone that was asked, with the question's letters. Targets are not compressed (RFC 2782). */
  endTarget(): void {
    const reply = this.#reply;
    this.#copy(this.#between, 0, this.#between.length);
    this.#endInZone();
    reply.counts[Section.ANSWER]!++;
  }

  /** Ends a target whose labels before the zone's name are written. */
  endPodTarget(): void {
    this.#endInZone();
    this.#reply.counts[Section.ANSWER]!++;
  }

  #endInZone(): void {
    const reply = this.#reply;
    // The zone's name stands in the question, uncompressed.
    this.#copy(reply.bytes, reply.start + this.#zoneAt, this.#zoneLength);
    this.targetLength = reply.length - this.targetAt;
    const size = this.targetLength + SRV_FIXED;
    const lengthAt = reply.start + this.targetAt - SRV_FIXED - 2;
    reply.bytes[lengthAt] = size >> 8;
    reply.bytes[lengthAt + 1] = size;
    this.#describe(this.#nameLength, size);
  }

  /** Takes back the SRV record written last. */
  dropSrv(): void {
    const reply = this.#reply;
    reply.end = reply.start + this.targetAt - SRV_FIXED - POINTED_RECORD_SIZE;
    reply.isDescribed = false;
    reply.counts[Section.ANSWER]!--;
  }

  /** A record of the question's name whose data is a name: CNAME, or PTR, whose end is `zone`. */
  name(type: number, bytes: Uint8Array, at: number, length: number, zone: Uint8Array | undefined): void {
    const reply = this.#reply;
    const size = zone === undefined ? length : length + this.#between.length + zone.length;
    if (reply.overflow || !reply.reserve(POINTED_RECORD_SIZE + size)) {
      reply.overflow = true;
      return;
    }
    this.#put16(QUESTION);
    this.#fixed(type, this.#ttl, size);
    this.#describe(this.#nameLength, size);
    this.#copy(bytes, at, length);
    if (zone !== undefined) {
      this.#copy(this.#between, 0, this.#between.length);
      this.#copy(zone, 0, zone.length);
    }
    reply.counts[Section.ANSWER]!++;
  }

  /** PTR records of another question follow. */
  beginPtrs(): void {
    this.#suffixAt = 0;
  }

  /** A PTR record, for whose name labels of more than one place follow by `labels` and `endPtr`. They are `length` bytes in all. */
  beginPtr(length: number, zone: Uint8Array): boolean {
    const reply = this.#reply;
    const plainSize = length + this.#between.length + zone.length;
    const size = this.#suffixAt === 0 ? plainSize : length + POINTER_SIZE;
    if (reply.overflow || !reply.reserve(POINTED_RECORD_SIZE + size)) {
      reply.overflow = true;
      return false;
    }
    this.#put16(QUESTION);
    this.#fixed(Type.PTR, this.#ttl, size);
    this.#describe(this.#nameLength, plainSize);
    return true;
  }

  endPtr(zone: Uint8Array): void {
    if (this.#suffixAt === 0) {
      this.#suffixAt = this.#reply.length;
      this.#copy(this.#between, 0, this.#between.length);
      this.#copy(zone, 0, zone.length);
    } else this.#pointer(this.#suffixAt);
    this.#reply.counts[Section.ANSWER]!++;
  }

  /** Takes back the PTR record written last, whose name begins at `at`. */
  dropPtr(at: number): void {
    const reply = this.#reply;
    reply.end = reply.start + at - POINTED_RECORD_SIZE;
    reply.isDescribed = false;
    reply.counts[Section.ANSWER]!--;
  }

  /** `dns-version.ZONE`: the version of the specification. */
  version(): void {
    this.#put16(QUESTION);
    this.#fixed(Type.TXT, VERSION_TTL, VERSION.length);
    this.#reply.isDescribed = false;
    this.#copy(VERSION, 0, VERSION.length);
    this.#reply.counts[Section.ANSWER]!++;
  }

  /** The zone's SOA: for its own name, and in all negative answers (RFC 2308 section 3). */
  soa(serial: number, section: Section): void {
    if (this.#zoneLength > this.#longestZone) return;
    const reply = this.#reply;
    const template = this.#soa;
    if (!reply.reserve(2 + template.length)) {
      reply.overflow = true;
      return;
    }
    this.#pointer(this.#zoneAt);
    const at = reply.end;
    this.#copy(template, 0, template.length);
    reply.end = at + this.#soaNames;
    this.#pointer(this.#zoneAt);
    reply.end = at + template.length - SOA_NUMBERS - 2;
    this.#pointer(this.#zoneAt);
    this.#put32(serial);
    reply.end = at + template.length;
    reply.counts[section]!++;
    // The owner and the ends of two names are the zone's, each a pointer of two bytes.
    reply.plainLength += 3 * this.#zoneLength + template.length - 4;
    if (this.#ttl > MAX_SOA_TTL || reply.addressRun > 0) reply.isDescribed = false;
  }

  /** A record that is no address of the question's name, of these lengths without compression. */
  #describe(owner: number, data: number): void {
    const reply = this.#reply;
    reply.plainLength += owner + RECORD_FIXED_SIZE + data;
    if (reply.addressRun > 0) reply.isDescribed = false;
  }

  #pointer(target: number): void {
    this.#put16(0xc000 | target);
  }

  #fixed(type: number, ttl: number, size: number): void {
    this.#put16(type);
    this.#put16(Class.IN);
    this.#put32(ttl);
    this.#put16(size);
  }

  #put16(value: number): void {
    const reply = this.#reply;
    reply.bytes[reply.end] = value >> 8;
    reply.bytes[reply.end + 1] = value;
    reply.end += 2;
  }

  #put32(value: number): void {
    this.#put16(value >>> 16);
    this.#put16(value & 0xffff);
  }

  #copy(from: Uint8Array, start: number, length: number): void {
    const reply = this.#reply;
    copyBytes(from, start, length, reply.bytes, reply.end);
    reply.end += length;
  }
}

/** RFC 1035 section 3.3.13. */
function soaTemplate(ttl: number, nameServer: Uint8Array, mailbox: Uint8Array): Uint8Array {
  const size = nameServer.length + mailbox.length + 4 + SOA_NUMBERS;
  const fixed = new DataView(new ArrayBuffer(RECORD_FIXED_SIZE));
  fixed.setUint16(0, Type.SOA);
  fixed.setUint16(2, Class.IN);
  fixed.setUint32(4, Math.min(ttl, MAX_SOA_TTL));
  fixed.setUint16(8, size);
  const numbers = new DataView(new ArrayBuffer(SOA_NUMBERS));
  for (const [i, value] of [0, 7_200, 1_800, 86_400, ttl].entries()) numbers.setUint32(4 * i, value);
  const parts = [fixed, nameServer, new Uint8Array(2), mailbox, new Uint8Array(2), numbers];
  return Uint8Array.from(
    Buffer.concat(parts.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))),
  );
}

const NS_DNS = wireLabels("ns", "dns");
const HOSTMASTER = wireLabels("hostmaster");
const VERSION = wireLabels("1.1.0");
