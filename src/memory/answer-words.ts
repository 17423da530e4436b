/** How an answer becomes the words of a slot in an `AnswerTable`, whose head comment says what each of them is. */
import { HEADER_SIZE } from "../dns/header.ts";
import { INDEX_WORDS, Index, type Reply } from "../dns/reply.ts";
import { Type } from "../dns/types.ts";
import type { AnswerKey } from "./answer-key.ts";

export const Slot = {
  VERSION: 0,
  SUM_A: 1,
  SUM_B: 2,
  USES: 3,
  HITS: 4,
  SEEN_AT: 5,
  HASH: 6,
  QUESTION: 7,
  META: 8,
  LENGTH: 9,
  TTL: 10,
  COUNTS: 11,
  ADDITIONALS: 12,
  STORED_AT: 14,
  BODY: 16,
} as const;
/** In META: what `Reply.addressRun` counts is all of the answer section. */
export const IS_RUN = 1 << 10;

/** Room for the longest message, its name, and where the TTLs are of as many records as fit into it (of 11 bytes each). */
const MAX_SLOT_SIZE = 77_824;
/** What `compose` has made, a slot of the largest size; and its floats. */
export const staged = new Int32Array(MAX_SLOT_SIZE / 4);
const stagedFloats = new Float64Array(staged.buffer);

/** Puts the words of a slot from HASH on into `staged`, out of everybody's sight. Gives how many there are. */
export function compose(key: AnswerKey, reply: Reply, flags: number, ttl: number, now: number, tier: number): number {
  const { name } = key;
  const { bytes, start, questionEnd, counts } = reply;
  const length = tier === 0 ? reply.length : 0;
  const records = tier === 0 ? reply.indexRecords() : 0;
  staged[Slot.HASH] = key.hash;
  staged[Slot.QUESTION] = key.question;
  const run = tier === 0 && isRun(reply, records) ? IS_RUN : 0;
  staged[Slot.META] = name.length | (key.variant << 8) | run | (tier << 12) | (flags << 16);
  staged[Slot.LENGTH] = length | (records << 16);
  staged[Slot.TTL] = ttl;
  staged[Slot.COUNTS] = counts[0]! | (counts[1]! << 16);
  const plainLength = tier === 0 ? reply.uncompressedLength() : 0;
  staged[Slot.ADDITIONALS] = counts[2]! | (plainLength > 0xffff ? 0 : plainLength << 16);
  stagedFloats[Slot.STORED_AT >> 1] = now;
  let to: number = Slot.BODY;
  const nameEnd = to + nameWords(name.length);
  for (let i = 0; to < nameEnd; i++) staged[to++] = name.words[i]!;
  const rest = name.length & 3;
  if (rest !== 0) staged[to - 1]! &= (1 << (rest << 3)) - 1;
  if (tier !== 0) return to;
  for (let offset = questionEnd & ~3; offset < length; offset += 4) {
    const from = start + offset;
    staged[to++] = bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24);
  }
  for (let i = 0; i < records; i++) {
    const ttlAt = reply.index[i * INDEX_WORDS + Index.TTL]!;
    if ((i & 1) === 0) staged[to++] = ttlAt;
    else staged[to - 1]! |= ttlAt << 16;
  }
  return to;
}

/** Whether the answer's records are what `Reply.addressRun` counts. */
function isRun({ bytes, start, counts, index }: Reply, records: number): boolean {
  const answers = counts[0]!;
  if (answers < 2 || counts[1]! > 1 || counts[2]! > 1 || records < answers) return false;
  const type = index[Index.TYPE]!;
  const size = type === Type.A ? 4 : 16;
  if (type !== Type.A && type !== Type.AAAA) return false;
  for (let i = 0; i < answers; i++) {
    const word = i * INDEX_WORDS;
    const owner = start + index[word + Index.OWNER]!;
    if (index[word + Index.TYPE] !== type || index[word + Index.RDATA_LENGTH] !== size) return false;
    if (bytes[owner] !== 0xc0 || bytes[owner + 1] !== HEADER_SIZE) return false;
  }
  return true;
}

export function nameWords(length: number): number {
  return (length + 3) >> 2;
}
