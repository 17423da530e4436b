/**
 * The answers of one kind that a `cache` keeps: an `AnswerTable` of small slots, which every look-up goes through, and
 * three of larger ones. Nearly all answers fit into a small slot; of others it notes which tier they are in. Memory is
 * taken from the system when it is first written to, so what nobody uses costs nothing, and what may be used is bounded
 * by the sizes below.
 */
import type { Reply } from "../dns/reply.ts";
import type { AnswerKey } from "./answer-key.ts";
import { AnswerTable, Stored } from "./answer-table.ts";

/** Bytes of a slot, and for how many of the answers wanted there is one. */
const TIERS = [
  { slotSize: 256, share: 1 },
  { slotSize: 1_024, share: 1 },
  { slotSize: 4_096, share: 1 / 16 },
  { slotSize: 77_824, share: 1 / 512 },
] as const;
/** A small slot has room for a note under a name of so many bytes. Under longer ones all tiers are looked through. */
export const LONGEST_NOTED = 192;
/** A few large answers are kept however small the cache is, and no more than some hundred of the largest. */
const MIN_ANSWERS = 10;
const MAX_LARGEST = 160;

/** What workers share: the memory of each tier. */
export type AnswerMemory = readonly SharedArrayBuffer[];

export class AnswerCache {
  readonly #tiers: readonly AnswerTable[];
  readonly #first: AnswerTable;
  /** Where the last answer was found. */
  #found: AnswerTable;

  constructor(memory: AnswerMemory, worker: number) {
    this.#tiers = memory.map((buffer) => new AnswerTable(buffer, worker));
    this.#first = this.#tiers[0]!;
    this.#found = this.#first;
  }

  static allocate(answers: number): AnswerMemory {
    return TIERS.map(({ slotSize, share }, tier) => {
      const wanted = Math.max(MIN_ANSWERS, Math.ceil(answers * share));
      const some = tier === TIERS.length - 1 ? Math.min(wanted, MAX_LARGEST) : wanted;
      // Larger slots hold few answers each, somewhere.
      return AnswerTable.allocate(some, slotSize, tier === 0);
    });
  }

  /** Answers kept, alive or not. */
  get entries(): number {
    return this.#first.occupied;
  }

  /** Bytes of the slots that hold them. */
  get bytes(): number {
    return this.#tiers.reduce((sum, table) => sum + table.occupied * table.slotSize, 0);
  }

  /** Seconds for which the answer that was found is good, counted from `storedAt` (milliseconds). */
  get ttl(): number {
    return this.#found.ttl;
  }

  get storedAt(): number {
    return this.#found.storedAt;
  }

  /** The second word of its header. */
  get flags(): number {
    return this.#found.flags;
  }

  /** `way`: where it has been seen (`AnswerAhead`), if it has. */
  find(key: AnswerKey, way = -1): boolean {
    const first = this.#first;
    if (!first.find(key, way)) return key.name.length > LONGEST_NOTED && this.#findLong(key);
    this.#found = first;
    if (first.tier === 0) return true;
    // Here is where room is made for others.
    first.countUse();
    this.#found = this.#tiers[first.tier] ?? first;
    return this.#found !== first && this.#found.find(key);
  }

  copyTo(reply: Reply, ttl: number): boolean {
    return this.#found.copyTo(reply, ttl);
  }

  countHit(now: number, windowMs: number): number {
    return this.#found.countHit(now, windowMs);
  }

  store(key: AnswerKey, reply: Reply, flags: number, ttl: number, now: number, graceMs: number): Stored {
    const tiers = this.#tiers;
    for (let tier = 0; tier < tiers.length; tier++) {
      const table = tiers[tier]!;
      if (!table.fits(key, reply)) continue;
      const isLong = key.name.length > LONGEST_NOTED;
      if (isLong) this.remove(key, now);
      const stored = table.store(key, reply, flags, ttl, now, graceMs);
      if (tier === 0 || isLong || stored === Stored.DROPPED) return stored;
      const noted = this.#first.store(key, reply, flags, ttl, now, graceMs, tier);
      return stored === Stored.EVICTED ? stored : noted;
    }
    return Stored.DROPPED;
  }

  /** Whether somebody may be writing the answer for `key` now. */
  isChanging(key: AnswerKey, now: number): boolean {
    return this.#tiers.some((table) => table.isChanging(key, now));
  }

  remove(key: AnswerKey, now: number): void {
    for (const table of this.#tiers) table.remove(key, now);
  }

  #findLong(key: AnswerKey): boolean {
    for (let tier = 1; tier < this.#tiers.length; tier++) {
      this.#found = this.#tiers[tier]!;
      if (this.#found.find(key)) return true;
    }
    return false;
  }
}
