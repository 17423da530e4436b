/**
 * How many queries of one client wait for the answer to one question? A client that has asked once has no reason to ask
 * a hundred times before the answer, but a server that is forwarded to and forwards to us does just that: a loop, in which
 * one query would become as many as may wait at all (row E11).
 *
 * So some are asked; those behind them are held until one of these has an answer. Then the server is there, and all are
 * asked, until nobody waits any more. In a loop no answer comes: of those that had none in time one asks again for all, and
 * when that is over too, its failure is that of all the others.
 */
import { KeyedHash } from "../../memory/keyed-hash.ts";
import type { Query } from "../../plugin/query.ts";
import { addressOffset, addressSize } from "../../transport/packets.ts";

/** As many clients as may wait for one answer elsewhere (reliability, section 1). */
export const MAX_SAME_QUESTIONS = 100;
/** So many are asked at once by all workers together, but not fewer by each than a client that repeats itself may need. */
const ASKED_AT_ONCE = 12;
const LEAST_ASKED = 4;
/** So many may ask again by themselves. */
const FEW = 2;
/**
 * Four times as many places as queries that can wait: two questions in one place are rare, and only counted together. Nobody
 * can choose questions that share another client's place, since the hash has a key.
 */
const PLACES = 16_384;

export class Crowd<T> {
  readonly #counts = new Uint8Array(PLACES);
  /** 1 where one was answered and somebody has waited ever since. */
  readonly #answered = new Uint8Array(PLACES);
  readonly #hash = KeyedHash.withRandomKey();
  readonly #askedAtOnce: number;
  /** By place. */
  readonly #held = new Map<number, Set<T>>();

  constructor(workers: number) {
    this.#askedAtOnce = Math.max(LEAST_ASKED, Math.floor(ASKED_AT_ONCE / workers));
  }

  /** The place of a query that may wait, to be given back by `leave`; -1 when too many wait there. */
  enter(query: Query): number {
    const place = this.#placeOf(query);
    if (this.#counts[place]! >= MAX_SAME_QUESTIONS) return -1;
    this.#counts[place]!++;
    return place;
  }

  leave(place: number): void {
    if (--this.#counts[place]! === 0) this.#answered[place] = 0;
  }

  /** Whether the last one to enter `place` is to be held: too many are asked there, or others are held already. */
  isThick(place: number): boolean {
    if (this.#answered[place] === 1) return false;
    return this.#counts[place]! > this.#askedAtOnce || (this.#held.size > 0 && this.#held.has(place));
  }

  /**
   * Whether one that had no answer in time is to be held, since others in `place` may still have one. A few are no loop, and
   * may be different questions.
   */
  hasOthersAsked(place: number): boolean {
    if (this.#answered[place] === 1 || this.#counts[place]! <= FEW) return false;
    return this.#counts[place]! - (this.#held.get(place)?.size ?? 0) > 1;
  }

  hold(place: number, one: T): void {
    const held = this.#held.get(place);
    if (held === undefined) this.#held.set(place, new Set([one]));
    else held.add(one);
  }

  /** `one` is held no longer. False when it was not. */
  drop(place: number, one: T): boolean {
    const held = this.#held.get(place);
    if (held === undefined || !held.delete(one)) return false;
    if (held.size === 0) this.#held.delete(place);
    return true;
  }

  /** Somebody in `place` was answered: whoever waits there is not held. */
  trust(place: number): void {
    if (this.#counts[place]! > 0) this.#answered[place] = 1;
  }

  /** Gives those who are held in `place`, and holds them no longer. */
  free(place: number): Iterable<T> {
    if (this.#held.size === 0) return NONE;
    const held = this.#held.get(place);
    this.#held.delete(place);
    return held ?? NONE;
  }

  #placeOf({ name, type, class: klass, peers, peerIndex }: Query): number {
    const first = addressOffset(peers, peerIndex);
    const size = addressSize(peers, peerIndex);
    // `cache` has left a hash with the name where it was before us.
    const named = name.keyedBy === undefined ? name.hashes[0]! : name.keyedHash;
    return this.#hash.bytes(peers, first, size, named ^ (type << 16) ^ klass) & (PLACES - 1);
  }
}

const NONE: readonly never[] = [];
