/** Which kind of answer a reply is, and for how long it is good (behaviour 3.D). */
import { authorityHas } from "../../dns/authority.ts";
import { Flag, HEADER_SIZE } from "../../dns/header.ts";
import { MAX_NAME_LENGTH } from "../../dns/name.ts";
import { INDEX_WORDS, Index, type Reply, Section } from "../../dns/reply.ts";
import { Opcode, Rcode, Type } from "../../dns/types.ts";
import type { Query } from "../../plugin/query.ts";

export const Kind = {
  /** Not to be kept: transfers, errors of other sorts, what is signed no longer, NXDOMAIN with an answer. */
  OTHER: 0,
  SUCCESS: 1,
  /** Only says who knows more. */
  DELEGATION: 2,
  /** NXDOMAIN, or no data of this type. */
  DENIAL: 3,
  /** SERVFAIL or NOTIMP. */
  FAILURE: 4,
  /** An answer that leads nowhere. It has the TTLs of a success, but is not to be kept. */
  LOST: 5,
  /** NXDOMAIN without a SOA. It has the TTLs of a denial, but is not to be kept (RFC 2308 section 5). */
  BARE_DENIAL: 6,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** The TTL of a reply without records, of one that only points elsewhere, and of what has no kind, in seconds. */
const BARE_TTL = 5;

export function classify(query: Query, reply: Reply): Kind {
  const { type } = query;
  if (query.opcode !== Opcode.QUERY || type === Type.AXFR || type === Type.IXFR) return Kind.OTHER;
  const { rcode, counts } = reply;
  const answers = counts[Section.ANSWER]!;
  const count = reply.indexRecords();
  if (query.dnssecOk && hasExpiredSignature(reply, count)) return Kind.OTHER;
  if (rcode === Rcode.SERVFAIL || rcode === Rcode.NOTIMP) return Kind.FAILURE;
  if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN) return Kind.OTHER;
  if (answers > 0 && rcode === Rcode.NOERROR && reaches(query, reply, answers)) return Kind.SUCCESS;
  if (answers > 0 && rcode === Rcode.NXDOMAIN) return Kind.OTHER;
  if (authorityHas(reply, Type.SOA)) return Kind.DENIAL;
  if (rcode === Rcode.NXDOMAIN) return Kind.BARE_DENIAL;
  if (answers > 0) return Kind.LOST;
  // With the DS record of the child, say, or the proof that it has none.
  if (authorityHas(reply, Type.NS)) return Kind.DELEGATION;
  return Kind.SUCCESS;
}

export function isKeepable(kind: Kind): boolean {
  return kind !== Kind.OTHER && kind !== Kind.LOST && kind !== Kind.BARE_DENIAL;
}

/** The smallest TTL of all records, in seconds, where CoreDNS looks at it. */
export function smallestTtl(reply: Reply, kind: Kind): number {
  const count = reply.indexRecords();
  if (count === 0 || kind === Kind.DELEGATION || kind === Kind.OTHER) return BARE_TTL;
  const { index } = reply;
  let smallest = 0x7fffffff;
  for (let i = 0; i < count; i++) smallest = Math.min(smallest, reply.ttlAt(index[i * INDEX_WORDS + Index.TTL]!));
  return smallest;
}

/** Whether a record of the type that was asked for stands at the name, or where its aliases lead. For ANY, a record at all. */
function reaches(query: Query, reply: Reply, answers: number): boolean {
  const { type } = query;
  const { index } = reply;
  const isAny = type === Type.ANY;
  // Nearly always the first record answers, or is an alias whose owner points to the question.
  if ((isAny || index[Index.TYPE] === type) && pointsToQuestion(reply, index[Index.OWNER]!)) return true;
  const name = nameOf(query);
  for (let step = 0; step < answers; step++) {
    let target = -1;
    for (let i = 0; i < answers; i++) {
      const at = i * INDEX_WORDS;
      const isWanted = isAny || index[at + Index.TYPE] === type;
      if (!isWanted && index[at + Index.TYPE] !== Type.CNAME) continue;
      if (!isName(reply, index[at + Index.OWNER]!, name)) continue;
      if (isWanted) return true;
      target = index[at + Index.RDATA]!;
    }
    if (target < 0 || !readName(reply, target, name)) return false;
  }
  return false;
}

function pointsToQuestion({ bytes, start }: Reply, owner: number): boolean {
  return bytes[start + owner] === 0xc0 && bytes[start + owner + 1] === HEADER_SIZE;
}

/** A name in lower case, `length` bytes of it. */
interface WireName {
  readonly bytes: Uint8Array;
  length: number;
}

const wanted: WireName = { bytes: new Uint8Array(MAX_NAME_LENGTH + 1), length: 0 };
const seen: WireName = { bytes: new Uint8Array(MAX_NAME_LENGTH + 1), length: 0 };

function nameOf({ name }: Query): WireName {
  wanted.length = name.length;
  for (let i = 0; i < name.length; i++) wanted.bytes[i] = name.bytes[i]!;
  return wanted;
}

function readName(reply: Reply, offset: number, into: WireName): boolean {
  into.length = reply.readName(offset, into.bytes);
  return into.length > 0;
}

function isName(reply: Reply, offset: number, name: WireName): boolean {
  if (!readName(reply, offset, seen) || seen.length !== name.length) return false;
  for (let i = 0; i < name.length; i++) if (seen.bytes[i] !== name.bytes[i]) return false;
  return true;
}

/** RFC 4034 section 3.1.5: expiration stands 8 bytes into the data, in seconds of the calendar, compared as serials. */
function hasExpiredSignature(reply: Reply, count: number): boolean {
  const { index } = reply;
  const today = Math.floor(Date.now() / 1_000) | 0;
  for (let i = 0; i < count; i++) {
    const at = i * INDEX_WORDS;
    if (index[at + Index.TYPE] !== Type.RRSIG || index[at + Index.RDATA_LENGTH]! < 18) continue;
    if (((reply.ttlAt(index[at + Index.RDATA]! + 8) | 0) - today) >> 31 !== 0) return true;
  }
  return false;
}

/** What of a reply's second header word is kept: AA, RA, AD and the rcode. */
export const KEPT_FLAGS: number = Flag.AA | Flag.RA | Flag.AD | Flag.RCODE;
