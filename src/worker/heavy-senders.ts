/**
 * Who sends most, and what does that cost? Counts datagrams, and units of work, by client address (IPv6: by /64, which is
 * what one client is given) in memory of fixed size, whatever addresses come: 512 sets of four counters. A newcomer takes the
 * place of the smallest of its set and goes on from its count (the algorithm Space-Saving), so a sender of more than a fifth of
 * what falls into its set is never missed, and its count is too high by at most what that place had. Which set is decided by a
 * hash with a random key, so nobody can choose addresses that fall into one.
 */
import { KeyedHash } from "../memory/keyed-hash.ts";
import { addressOffset, readFamily } from "../transport/packets.ts";

export interface Sender {
  readonly family: 4 | 6;
  /** The address, or the first half of it, as two big-endian words; the second is 0 for IPv4. */
  readonly high: number;
  readonly low: number;
  /** Datagrams. */
  readonly count: number;
  /** What these cost, in units: a query that is answered at once costs 1. */
  readonly cost: number;
}

const SETS = 512;
const WAYS = 4;
/** Words of a counter: high, low, family, count, cost. */
const WORDS = 5;

export class HeavySenders {
  readonly #counters = new Uint32Array(SETS * WAYS * WORDS);
  readonly #hash = KeyedHash.withRandomKey();

  /** Counts a datagram of the peer in record `index` of `addresses`, which cost so many units. */
  note(addresses: Uint8Array, index: number, cost: number): void {
    const family = readFamily(addresses, index);
    if (family === 0) return;
    const at = addressOffset(addresses, index);
    const high = word(addresses, at);
    const low = family === 6 ? word(addresses, at + 4) : 0;
    const counters = this.#counters;
    const first = (this.#hash.bytes(addresses, at, family === 6 ? 8 : 4, 0) & (SETS - 1)) * WAYS * WORDS;
    let smallest = first;
    for (let place = first; place < first + WAYS * WORDS; place += WORDS) {
      if (counters[place] === high && counters[place + 1] === low && counters[place + 2] === family) {
        counters[place + 3]!++;
        counters[place + 4]! += cost;
        return;
      }
      if (counters[place + 3]! < counters[smallest + 3]!) smallest = place;
    }
    counters[smallest] = high;
    counters[smallest + 1] = low;
    counters[smallest + 2] = family;
    counters[smallest + 3]!++;
    counters[smallest + 4]! += cost;
  }

  /** All that have a counter. */
  list(): Sender[] {
    const found: Sender[] = [];
    const counters = this.#counters;
    for (let place = 0; place < counters.length; place += WORDS) {
      const count = counters[place + 3]!;
      if (count === 0) continue;
      found.push({
        family: counters[place + 2] === 4 ? 4 : 6,
        high: counters[place]!,
        low: counters[place + 1]!,
        count,
        cost: counters[place + 4]!,
      });
    }
    return found;
  }

  clear(): void {
    this.#counters.fill(0);
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
