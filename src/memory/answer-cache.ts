/**
 * The answers of one kind that a `cache` keeps: an `AnswerTable` of small slots, which every look-up goes through, and
 * three of larger ones. Nearly all answers fit into a small slot; of others it notes which tier they are in. Memory is
 * taken from the system when it is first written to, so what nobody uses costs nothing, and what may be used is bounded
 * by the sizes below.
 */
import type { Reply } from "../dns/reply.ts";
import type { AnswerKey } from "./answer-key.ts";
import { AnswerTable, Stored } from "./answer-table.ts";

/**
 * Bytes of a slot, for how many of the answers wanted there is one, and for how many at least where memory is scarce: as many small
 * ones as CoreDNS keeps, and the largest not at all. A table has more than 128 KiB, as memory for less comes from the allocator's
 * heap, which fills it with zeros: it would be taken before anybody uses it (`keep_large_memory_apart` in the addon).
 */
const TIERS = [
  { slotSize: 256, share: 1, least: 1_024 },
  { slotSize: 1_024, share: 1, least: 100 },
  { slotSize: 4_096, share: 1 / 16, least: 20 },
  { slotSize: 77_824, share: 1 / 512, least: 0 },
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

  /** Memory for so many answers, or for what `bytes` have room for. */
  static allocate(answers: number, bytes: number = Number.POSITIVE_INFINITY): AnswerMemory {
    // Larger slots hold few answers each, somewhere.
    return tiersFor(answers, bytes).map((some, tier) => AnswerTable.allocate(some, TIERS[tier]!.slotSize, tier === 0));
  }

  /** How many answers of usual length there is room for then. */
  static roomFor(answers: number, bytes: number): number {
    return tiersFor(answers, bytes)[0]!;
  }

  /** Whether that is what `memory` is. */
  static isSized(memory: AnswerMemory, answers: number, bytes: number): boolean {
    const tiers = tiersFor(answers, bytes);
    return (
      tiers.length === memory.length &&
      tiers.every((some, tier) => AnswerTable.sizeOf(some, TIERS[tier]!.slotSize) === memory[tier]!.byteLength)
    );
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

/** How many answers of each tier there is room for. Small ones go first, as nearly all are: they may take half of the bytes. */
function tiersFor(answers: number, bytes: number): number[] {
  const wanted = TIERS.map(({ share }, tier) => {
    const some = Math.max(MIN_ANSWERS, Math.ceil(answers * share));
    return tier === TIERS.length - 1 ? Math.min(some, MAX_LARGEST) : some;
  });
  const [small, ...larger] = wanted.map((some, tier) => AnswerTable.sizeOf(some, TIERS[tier]!.slotSize));
  const forSmall = Math.min(1, bytes / 2 / small!);
  const forLarger = Math.min(1, (bytes - forSmall * small!) / larger.reduce((sum, size) => sum + size, 0));
  const given = wanted.map((some, tier) => {
    const part = tier === 0 ? forSmall : forLarger;
    return part === 1 ? some : Math.min(some, Math.max(TIERS[tier]!.least, Math.floor(some * part)));
  });
  // A table has no less than a set of slots, which of the largest take a megabyte.
  return given.filter((some) => some >= MIN_ANSWERS);
}
