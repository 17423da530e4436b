/**
 * How many queries of one client wait for the answer to one question? A client that has asked once has no reason to ask
 * a hundred times before the answer, but a server that is forwarded to and forwards to us does just that: a loop, in which
 * one query would become as many as may wait at all (row E11).
 */
import { KeyedHash } from "../../memory/keyed-hash.ts";
import type { Query } from "../../plugin/query.ts";
import { addressOffset, readFamily } from "../../transport/packets.ts";

/** As many clients as may wait for one answer elsewhere (reliability, section 1). */
export const MAX_SAME_QUESTIONS = 100;
/**
 * Four times as many places as queries that can wait: two questions in one place are rare, and only counted together. Nobody
 * can choose questions that share another client's place, since the hash has a key.
 */
const PLACES = 16_384;

export class Crowd {
  readonly #counts = new Uint8Array(PLACES);
  readonly #hash = KeyedHash.withRandomKey();

  /** The place of a query that may wait, to be given back by `leave`; -1 when too many wait there. */
  enter(query: Query): number {
    const place = this.#placeOf(query);
    if (this.#counts[place]! >= MAX_SAME_QUESTIONS) return -1;
    this.#counts[place]!++;
    return place;
  }

  leave(place: number): void {
    this.#counts[place]!--;
  }

  #placeOf({ name, type, class: klass, peers, peerIndex }: Query): number {
    const family = readFamily(peers, peerIndex);
    const first = family === 0 ? 0 : addressOffset(peers, peerIndex);
    const size = family === 0 ? 0 : family === 4 ? 4 : 16;
    // `cache` has left a hash with the name where it was before us.
    const named = name.keyedBy === undefined ? name.hashes[0]! : name.keyedHash;
    return this.#hash.bytes(peers, first, size, named ^ (type << 16) ^ klass) & (PLACES - 1);
  }
}
