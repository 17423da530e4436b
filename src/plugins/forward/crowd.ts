/**
 * How many queries of one client wait for the answer to one question? A client that has asked once has no reason to ask
 * a hundred times before the answer, but a server that is forwarded to and forwards to us does just that: a loop, in which
 * one query would become as many as may wait at all (row E11).
 */
import { hashByte } from "../../dns/name.ts";
import type { Query } from "../../plugin/query.ts";
import { addressOffset, readFamily } from "../../transport/packets.ts";

/** As many clients as may wait for one answer elsewhere (reliability, section 1). */
export const MAX_SAME_QUESTIONS = 100;
/** Four times as many places as queries that can wait: two questions in one place are rare, and only counted together. */
const PLACES = 16_384;

export class Crowd {
  readonly #counts = new Uint8Array(PLACES);

  /** The place of a query that may wait, to be given back by `leave`; -1 when too many wait there. */
  enter(query: Query): number {
    const place = placeOf(query);
    if (this.#counts[place]! >= MAX_SAME_QUESTIONS) return -1;
    this.#counts[place]!++;
    return place;
  }

  leave(place: number): void {
    this.#counts[place]!--;
  }
}

function placeOf(query: Query): number {
  const { name, peers, peerIndex } = query;
  let hash = name.hashes[0]! ^ (query.type << 16) ^ query.class;
  const family = readFamily(peers, peerIndex);
  if (family !== 0) {
    const first = addressOffset(peers, peerIndex);
    const size = family === 4 ? 4 : 16;
    for (let i = 0; i < size; i++) hash = hashByte(hash, peers[first + i]!);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) & (PLACES - 1);
}
