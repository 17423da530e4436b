/**
 * The serve half of loadbalance. Addresses trade places by exchanging their data and TTLs within a run of records of one
 * owner and type: no record moves, so that the names others point to stay where they are. Where records of other kinds
 * change places the section is written anew, which the usual answer never needs.
 */

import { POINTED_RECORD_SIZE } from "../../dns/header.ts";
import { INDEX_WORDS, Index, type Reply, type SectionRecord } from "../../dns/reply.ts";
import { Opcode, Rcode, Type } from "../../dns/types.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { hasAddress, type NetworkSet } from "../../plugin/network-set.ts";
import { ANSWERED, after, type Handler, type Outcome } from "../../plugin/outcome.ts";
import type { Query } from "../../plugin/query.ts";
import { chance } from "./chance.ts";
import type { LoadBalanceConfig } from "./index.ts";
import { readOwner, sameOwner } from "./owner.ts";
import type { WeightedAddress, WeightedName } from "./weights.ts";

export function serve(config: LoadBalanceConfig, { next, onPublished }: ServeContext): Handler {
  let weights: readonly WeightedName[] = [];
  onPublished((published: readonly WeightedName[]) => {
    weights = published;
  });
  const isWeighted = config.policy === "weighted";
  const prefer = config.policy === "round_robin" ? config.prefer : [];

  const finish = (outcome: Outcome, query: Query): Outcome => {
    const { reply } = query;
    if (outcome !== ANSWERED || reply.rcode !== Rcode.NOERROR || query.opcode !== Opcode.QUERY) return outcome;
    const { type } = query;
    if (type === Type.AXFR || type === Type.IXFR) return outcome;
    if (isWeighted && type !== Type.A && type !== Type.AAAA && type !== Type.SRV) return outcome;
    const { counts } = reply;
    // Nearly always: records trade places within their section only.
    if (counts[0]! < 2 && counts[1]! < 2 && counts[2]! < 2) return outcome;
    if (!isWeighted && prefer.length === 0 && reply.isDescribed && reply.addressRun > 1) {
      shuffleRun(reply);
      return outcome;
    }
    let count = reply.indexRecords();
    if (mustMove(reply, count, !isWeighted)) {
      reply.rewrite(arrange(reply.records(), !isWeighted));
      count = reply.indexRecords();
    }
    for (let first = 0; first < count; ) {
      const end = endOfRun(reply, first, count);
      if (end - first > 1) {
        if (isWeighted) chooseFirst(reply, first, end, weights);
        else shuffle(reply, first, end);
        if (prefer.length > 0) gather(reply, first, end, prefer);
      }
      first = end;
    }
    return outcome;
  };

  return (query) => after(next(query), query, finish);
}

/** Their order in a section: aliases, other types, addresses, mail exchangers. */
function rankOf(type: number): number {
  if (type === Type.CNAME) return 0;
  if (type === Type.A || type === Type.AAAA) return 2;
  return type === Type.MX ? 3 : 1;
}

/** Whether records other than addresses change places. An answer that has lost records must not be taken for whole. */
function mustMove(reply: Reply, count: number, withMx: boolean): boolean {
  if (reply.overflow) return false;
  const { index } = reply;
  let section = -1;
  let rank = 0;
  let exchangers = 0;
  for (let i = 0; i < count; i++) {
    const word = i * INDEX_WORDS;
    const type = index[word + Index.TYPE]!;
    if (index[word + Index.SECTION] !== section) {
      section = index[word + Index.SECTION]!;
      rank = 0;
      exchangers = 0;
    }
    if (rankOf(type) < rank) return true;
    rank = rankOf(type);
    if (withMx && type === Type.MX && ++exchangers > 1) return true;
  }
  return false;
}

function arrange(records: readonly SectionRecord[], withMx: boolean): SectionRecord[] {
  const exchangers = records.filter(({ type }) => type === Type.MX);
  if (withMx) {
    for (let i = exchangers.length - 1; i > 0; i--) {
      const j = chance(i + 1);
      const swapped = exchangers[i]!;
      exchangers[i] = exchangers[j]!;
      exchangers[j] = swapped;
    }
  }
  const others = records.filter(({ type }) => type !== Type.MX);
  // The sort is stable: within a kind of record the order stays.
  return [...others, ...exchangers].sort((a, b) => a.section - b.section || rankOf(a.type) - rankOf(b.type));
}

/** The records from `first` on that may trade places with it: addresses of the same section, type and owner. */
function endOfRun(reply: Reply, first: number, count: number): number {
  const { index } = reply;
  const word = first * INDEX_WORDS;
  const type = index[word + Index.TYPE]!;
  const section = index[word + Index.SECTION]!;
  const length = type === Type.A ? 4 : 16;
  if ((type !== Type.A && type !== Type.AAAA) || index[word + Index.RDATA_LENGTH] !== length) return first + 1;
  let end = first + 1;
  while (end < count) {
    const other = end * INDEX_WORDS;
    if (index[other + Index.TYPE] !== type || index[other + Index.SECTION] !== section) break;
    if (index[other + Index.RDATA_LENGTH] !== length) break;
    if (!sameOwner(reply, index[word + Index.OWNER]!, index[other + Index.OWNER]!)) break;
    end++;
  }
  return end;
}

/** Fisher and Yates. */
function shuffle(reply: Reply, first: number, end: number): void {
  for (let i = end - 1; i > first; i--) exchange(reply, i, first + chance(i - first + 1));
}

/** The same where all records are addresses of one kind, owner and TTL (`Reply.addressRun`). */
function shuffleRun({ bytes, start, questionEnd, addressRun }: Reply): void {
  const first = start + questionEnd + POINTED_RECORD_SIZE;
  const size = bytes[first - 1]!;
  for (let i = addressRun - 1; i > 0; i--) {
    const j = chance(i + 1);
    if (j === i) continue;
    let a = first + i * (POINTED_RECORD_SIZE + size);
    let b = first + j * (POINTED_RECORD_SIZE + size);
    for (const end = a + size; a < end; a++, b++) {
      const byte = bytes[a]!;
      bytes[a] = bytes[b]!;
      bytes[b] = byte;
    }
  }
}

/** The addresses of the first net come first, then those of the second, and so on. */
function gather(reply: Reply, first: number, end: number, nets: readonly NetworkSet[]): void {
  const { bytes, start, index } = reply;
  let place = first;
  for (let i = 0; i < nets.length && place < end; i++) {
    for (let record = place; record < end; record++) {
      const word = record * INDEX_WORDS;
      const family = index[word + Index.RDATA_LENGTH] === 4 ? 4 : 6;
      if (hasAddress(nets[i]!, bytes, start + index[word + Index.RDATA]!, family)) exchange(reply, record, place++);
    }
  }
}

function chooseFirst(reply: Reply, first: number, end: number, weights: readonly WeightedName[]): void {
  const known = weightsOf(reply, first, weights);
  let sum = 0;
  for (let i = first; i < end; i++) sum += weightOf(reply, i, known);
  let left = chance(sum);
  let chosen = first;
  for (; chosen < end - 1; chosen++) {
    left -= weightOf(reply, chosen, known);
    if (left < 0) break;
  }
  exchange(reply, first, chosen);
}

function weightsOf(reply: Reply, record: number, weights: readonly WeightedName[]): readonly WeightedAddress[] {
  const owner = readOwner(reply, reply.index[record * INDEX_WORDS + Index.OWNER]!);
  for (let i = 0; i < weights.length; i++) {
    if (owner.suffixEquals(0, weights[i]!.name)) return weights[i]!.addresses;
  }
  return NO_WEIGHTS;
}
const NO_WEIGHTS: readonly WeightedAddress[] = [];

/** Of an address that is listed twice the first weight counts. */
function weightOf(reply: Reply, record: number, known: readonly WeightedAddress[]): number {
  const word = record * INDEX_WORDS;
  const length = reply.index[word + Index.RDATA_LENGTH]!;
  const at = reply.start + reply.index[word + Index.RDATA]!;
  for (let i = 0; i < known.length; i++) {
    const { address, weight } = known[i]!;
    if (address.length !== length) continue;
    let same = 0;
    while (same < length && address[same] === reply.bytes[at + same]) same++;
    if (same === length) return weight;
  }
  return 1;
}

/** Swaps data and TTL of two records of the same length. */
function exchange(reply: Reply, a: number, b: number): void {
  if (a === b) return;
  const { index, bytes, start } = reply;
  const one = a * INDEX_WORDS;
  const other = b * INDEX_WORDS;
  const ttl = reply.ttlAt(index[one + Index.TTL]!);
  reply.setTtlAt(index[one + Index.TTL]!, reply.ttlAt(index[other + Index.TTL]!));
  reply.setTtlAt(index[other + Index.TTL]!, ttl);
  const length = index[one + Index.RDATA_LENGTH]!;
  const from = start + index[one + Index.RDATA]!;
  const to = start + index[other + Index.RDATA]!;
  for (let i = 0; i < length; i++) {
    const byte = bytes[from + i]!;
    bytes[from + i] = bytes[to + i]!;
    bytes[to + i] = byte;
  }
}
