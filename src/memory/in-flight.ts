/**
 * Is somebody asking this already? Marks of the questions that workers wait for, so that one of them asks and the others
 * take its answer. A mark is eight words at the place that the question's hash chooses:
 *   0 HASH        of the question; 0 when the place is free. It is what waiters wait on.
 *   1 OWNER       bits 0-9 the worker, 10-30 the second in which it began
 *   2 WAITERS     how many workers wait here, each once for a question
 *   3 FAILED      hash of the question here that failed last, or whose answer was none to be kept; 0: none
 *   4 FAILED_AT   milliseconds when that was known, 32 bits. Of two who write at once one is forgotten, or both.
 *   5 -
 * Behind the marks stands, for each worker's number, the thread that bears it.
 *
 * Whoever asks claims a free place by exchanging 0 for the hash, then writes OWNER. When done, it exchanges the hash for
 * 0 and wakes the waiters if there are any. A waiter counts itself, then waits on HASH: if it is 0 by then, it does not
 * wait at all; if not, the owner has yet to look at the count. Waits are never on the thread (`Atomics.waitAsync`). Two
 * questions of one place or one hash cost no more than a question asked twice, or a waiter that finds no answer and asks
 * itself; so does OWNER before it is written, and a waiter that died costs a vain call.
 *
 * The queries of a worker that wait for one question share one wait, and their limits one timer. A limit of `waitAsync` stays
 * with the platform until it is over, also when the wait has ended: after ten seconds of 20,000 such waits a second a thread
 * did nothing any more but look for the one to be forgotten.
 *
 * A worker that dies leaves its marks. The one that replaces it has the same number and frees them (`sweep`); and a mark
 * older than any question may take can be taken over by anybody.
 */
import { threadId } from "node:worker_threads";

const PLACES = 8_192;
const WORDS = 8;
const Mark = { HASH: 0, OWNER: 1, WAITERS: 2, FAILED: 3, FAILED_AT: 4 } as const;
const MAX_WORKERS = 1_024;
/** Longer than any plugin waits for an upstream, in seconds. */
const STALE_SECONDS = 15;

/** How often limits of waits are looked at, in milliseconds. */
const TICK_MS = 100;

/** A query that waits, and until when. */
interface Waiter {
  readonly until: number;
  wake(): void;
}

interface Group {
  waiters: Waiter[];
}

export class InFlight {
  static readonly SIZE = (PLACES * WORDS + MAX_WORKERS) * Int32Array.BYTES_PER_ELEMENT;

  /** Of no meaning: the compiler would leave out loads that lead to nothing. */
  fetched = 0;
  readonly #words: Int32Array;
  readonly #worker: number;
  /** Who waits in this thread, by the question's hash: as long as the question is asked, also when all have given up. */
  readonly #groups = new Map<number, Group>();
  #timer: NodeJS.Timeout | undefined;

  constructor(buffer: SharedArrayBuffer, worker: number) {
    this.#words = new Int32Array(buffer);
    this.#worker = worker & (MAX_WORKERS - 1);
  }

  /** Whether the question of this hash is being asked; by a plain load, since it is asked for all that is not in the cache. */
  has(hash: number, now: number): boolean {
    const at = placeOf(hash);
    return this.#words[at] === hash && !isStale(this.#words[at + Mark.OWNER]!, now);
  }

  /** Reads what `has` will read for `count` hashes, so that it is in the processor's cache then. */
  fetch(hashes: Int32Array, count: number): void {
    const words = this.#words;
    let seen = 0;
    for (let i = 0; i < count; i++) seen ^= words[placeOf(hashes[i]!)]!;
    this.fetched = seen;
  }

  /** Says that this worker asks. False when the place is taken: then there is nothing to `end`. */
  begin(hash: number, now: number): boolean {
    const words = this.#words;
    const at = placeOf(hash);
    const taken = Atomics.compareExchange(words, at, 0, hash);
    if (taken !== 0) {
      if (!isStale(Atomics.load(words, at + Mark.OWNER), now)) return false;
      // Two who find the same question stale at once both ask, which is no harm. It may be new, its owner not yet written:
      // so whoever waits for it goes on waiting, for whichever of us comes first.
      if (taken !== hash) {
        if (Atomics.compareExchange(words, at, taken, hash) !== taken) return false;
        Atomics.notify(words, at);
      }
    }
    words[at + Mark.OWNER] = this.#worker | (secondOf(now) << 10);
    return true;
  }

  /** The question has its answer, or will have none. */
  end(hash: number): void {
    const words = this.#words;
    const at = placeOf(hash);
    if (Atomics.compareExchange(words, at, hash, 0) !== hash) return;
    // Not a plain load: some processors of the ARM family would do it before others see the exchange.
    if (Atomics.load(words, at + Mark.WAITERS) > 0) Atomics.notify(words, at);
  }

  /** Waits until the question is not being asked any more, at most `limitMs`. */
  async wait(hash: number, limitMs: number): Promise<void> {
    const group = this.#groups.get(hash) ?? this.#gather(hash);
    if (group === undefined) return;
    this.#timer ??= setTimeout(() => this.#tick(), TICK_MS);
    await new Promise<void>((wake) => group.waiters.push({ until: performance.now() + limitMs, wake }));
  }

  /** Those who are to wait for a question together; undefined when it is not being asked. */
  #gather(hash: number): Group | undefined {
    const words = this.#words;
    const at = placeOf(hash);
    Atomics.add(words, at + Mark.WAITERS, 1);
    const wait = Atomics.waitAsync(words, at, hash);
    if (!wait.async) {
      Atomics.sub(words, at + Mark.WAITERS, 1);
      return undefined;
    }
    const group: Group = { waiters: [] };
    this.#groups.set(hash, group);
    void wait.value.then(() => {
      Atomics.sub(words, at + Mark.WAITERS, 1);
      this.#groups.delete(hash);
      for (const waiter of group.waiters) waiter.wake();
    });
    return group;
  }

  /** Wakes those whose limit is over. */
  #tick(): void {
    const now = performance.now();
    let waiting = 0;
    for (const group of this.#groups.values()) {
      for (const waiter of group.waiters) if (waiter.until <= now) waiter.wake();
      group.waiters = group.waiters.filter(({ until }) => until > now);
      waiting += group.waiters.length;
    }
    this.#timer = waiting > 0 ? setTimeout(() => this.#tick(), TICK_MS) : undefined;
  }

  /** The question was asked in vain, as is known since `now`. */
  noteFailure(hash: number, now: number): void {
    const at = placeOf(hash);
    Atomics.store(this.#words, at + Mark.FAILED_AT, now | 0);
    Atomics.store(this.#words, at + Mark.FAILED, hash);
  }

  forgetFailure(hash: number): void {
    const at = placeOf(hash) + Mark.FAILED;
    if (this.#words[at] === hash) Atomics.compareExchange(this.#words, at, hash, 0);
  }

  /** Whether it is less than `withinMs` ago that the question turned out to be asked in vain. */
  hasFailed(hash: number, now: number, withinMs: number): boolean {
    const at = placeOf(hash);
    if (withinMs === 0 || Atomics.load(this.#words, at + Mark.FAILED) !== hash) return false;
    const ago = ((now | 0) - Atomics.load(this.#words, at + Mark.FAILED_AT)) | 0;
    return Math.abs(ago) < withinMs;
  }

  /** Frees what another thread, which was the worker of this number, has left behind. */
  sweep(thread = threadId): void {
    const words = this.#words;
    // Threads are numbered from 0, and no number comes twice.
    if (Atomics.exchange(words, PLACES * WORDS + this.#worker, thread + 1) === thread + 1) return;
    for (let at = 0; at < PLACES * WORDS; at += WORDS) {
      const hash = Atomics.load(words, at);
      if (hash === 0 || (Atomics.load(words, at + Mark.OWNER) & (MAX_WORKERS - 1)) !== this.#worker) continue;
      Atomics.compareExchange(words, at, hash, 0);
      Atomics.notify(words, at);
    }
  }
}

function placeOf(hash: number): number {
  return (hash & (PLACES - 1)) * WORDS;
}

function secondOf(now: number): number {
  return Math.floor(now / 1_000) & 0x1fffff;
}

/** What began a moment ahead is not: others may have looked at their clocks later. */
function isStale(owner: number, now: number): boolean {
  return ((secondOf(now) - (owner >>> 10) + STALE_SECONDS) & 0x1fffff) > 2 * STALE_SECONDS;
}
