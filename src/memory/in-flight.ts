/**
 * Is somebody asking this already? Marks of the questions that workers wait for, so that one of them asks and the others
 * take its answer. A mark is two words at the place that the question's hash chooses:
 *   0 HASH    of the question; 0 when the place is free. It is what waiters wait on.
 *   1 OWNER   bits 0-9 the worker, 10-30 the second in which it began; bit 31 somebody waits
 *
 * Whoever asks claims a free place by exchanging 0 for the hash, then writes OWNER. When done, it exchanges the hash for
 * 0 and wakes the waiters if the bit says that there are any. A waiter sets the bit, then waits on HASH: if it is 0 by
 * then, it does not wait at all; if not, the owner has yet to look at the bit. Waits have a limit, and are never on the
 * thread (`Atomics.waitAsync`). Two questions of one place or one hash cost no more than a question asked twice, or a
 * waiter that finds no answer and asks itself.
 *
 * A worker that dies leaves its marks. The one that replaces it has the same number and frees them (`sweep`); and a mark
 * older than any question may take can be taken over by anybody.
 */

const PLACES = 8_192;
/** Longer than any plugin waits for an upstream, in seconds. */
const STALE_SECONDS = 15;
const WAITED_FOR = 1 << 31;

export class InFlight {
  static readonly SIZE = PLACES * 2 * Int32Array.BYTES_PER_ELEMENT;

  readonly #words: Int32Array;
  readonly #worker: number;

  constructor(buffer: SharedArrayBuffer, worker: number) {
    this.#words = new Int32Array(buffer);
    this.#worker = worker & 0x3ff;
  }

  /** Whether the question of this hash is being asked. */
  has(hash: number, now: number): boolean {
    const at = placeOf(hash);
    return Atomics.load(this.#words, at) === hash && !isStale(this.#words[at + 1]!, now);
  }

  /** Says that this worker asks. False when the place is taken: then there is nothing to `end`. */
  begin(hash: number, now: number): boolean {
    const words = this.#words;
    const at = placeOf(hash);
    const taken = Atomics.compareExchange(words, at, 0, hash);
    if (taken !== 0) {
      const owner = Atomics.load(words, at + 1);
      if (!isStale(owner, now) || Atomics.compareExchange(words, at, taken, hash) !== taken) return false;
      // Two who find the same question stale at once both ask, which is no harm.
      Atomics.notify(words, at);
    }
    Atomics.store(words, at + 1, this.#worker | (secondOf(now) << 10));
    return true;
  }

  /** The question has its answer, or will have none. */
  end(hash: number): void {
    const words = this.#words;
    const at = placeOf(hash);
    if (Atomics.compareExchange(words, at, hash, 0) !== hash) return;
    if (Atomics.load(words, at + 1) < 0) Atomics.notify(words, at);
  }

  /** Waits until the question is not being asked any more, at most `limitMs`. */
  async wait(hash: number, limitMs: number): Promise<void> {
    const words = this.#words;
    const at = placeOf(hash);
    Atomics.or(words, at + 1, WAITED_FOR);
    const wait = Atomics.waitAsync(words, at, hash, limitMs);
    if (wait.async) await wait.value;
  }

  /** Frees what a worker of this number has left behind. */
  sweep(): void {
    const words = this.#words;
    for (let at = 0; at < words.length; at += 2) {
      const hash = Atomics.load(words, at);
      if (hash === 0 || (Atomics.load(words, at + 1) & 0x3ff) !== this.#worker) continue;
      Atomics.compareExchange(words, at, hash, 0);
      Atomics.notify(words, at);
    }
  }
}

function placeOf(hash: number): number {
  return (hash & (PLACES - 1)) << 1;
}

function secondOf(now: number): number {
  return Math.floor(now / 1_000) & 0x1fffff;
}

function isStale(owner: number, now: number): boolean {
  return ((secondOf(now) - (owner >>> 10)) & 0x1fffff) > STALE_SECONDS;
}
