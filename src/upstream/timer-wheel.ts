/**
 * Deadlines of many waiting things, each known by a small number, with one clock for all: setting and clearing one is a
 * few stores into typed arrays, and what is due is found by looking at one bucket a tick. A deadline is met up to one
 * tick late and never early.
 */

/** Buckets in the wheel: with ticks of 10 ms a turn takes 5.12 s, so few deadlines are looked at more than once. */
const BUCKETS = 512;

const IDLE = -1;
/** Taken out of its bucket, about to be told. */
const DUE = -2;

export class TimerWheel {
  readonly #tickMs: number;
  readonly #onDue: (index: number) => void;
  readonly #heads = new Int32Array(BUCKETS).fill(-1);
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** The bucket that holds a deadline, IDLE or DUE. */
  readonly #bucket: Int32Array;
  readonly #deadline: Float64Array;
  readonly #due: Int32Array;
  /** The last tick whose bucket was looked at; -1 before the first. */
  #tick = -1;
  /** Deadlines that are set. */
  count = 0;

  constructor(capacity: number, tickMs: number, onDue: (index: number) => void) {
    this.#tickMs = tickMs;
    this.#onDue = onDue;
    this.#next = new Int32Array(capacity);
    this.#previous = new Int32Array(capacity);
    this.#bucket = new Int32Array(capacity).fill(IDLE);
    this.#deadline = new Float64Array(capacity);
    this.#due = new Int32Array(capacity);
  }

  /** Sets the deadline of `index`, or moves it. */
  set(index: number, deadlineMs: number): void {
    this.clear(index);
    // Rounded up, so that the bucket is looked at when the deadline has passed.
    const tick = Math.max(Math.ceil(deadlineMs / this.#tickMs), this.#tick + 1);
    const bucket = tick % BUCKETS;
    const head = this.#heads[bucket]!;
    this.#deadline[index] = deadlineMs;
    this.#bucket[index] = bucket;
    this.#next[index] = head;
    this.#previous[index] = -1;
    if (head >= 0) this.#previous[head] = index;
    this.#heads[bucket] = index;
    this.count++;
  }

  clear(index: number): void {
    const bucket = this.#bucket[index]!;
    this.#bucket[index] = IDLE;
    if (bucket >= 0) this.#unlink(index, bucket);
  }

  /** Tells of all deadlines that have passed at `nowMs`. */
  advance(nowMs: number): void {
    const tick = Math.floor(nowMs / this.#tickMs);
    // After a long pause every bucket is looked at once, not once for each tick that was missed.
    const first = this.#tick < 0 || tick - this.#tick > BUCKETS ? tick - BUCKETS + 1 : this.#tick + 1;
    if (tick > this.#tick) this.#tick = tick;
    let count = 0;
    for (let at = first; at <= tick; at++) count = this.#collect(((at % BUCKETS) + BUCKETS) % BUCKETS, nowMs, count);
    for (let i = 0; i < count; i++) {
      const index = this.#due[i]!;
      // Cleared, or set anew, by what was told before.
      if (this.#bucket[index] !== DUE) continue;
      this.#bucket[index] = IDLE;
      this.#onDue(index);
    }
  }

  #collect(bucket: number, nowMs: number, count: number): number {
    let index = this.#heads[bucket]!;
    while (index >= 0) {
      const next = this.#next[index]!;
      if (this.#deadline[index]! <= nowMs) {
        this.#unlink(index, bucket);
        this.#bucket[index] = DUE;
        this.#due[count++] = index;
      }
      index = next;
    }
    return count;
  }

  #unlink(index: number, bucket: number): void {
    const next = this.#next[index]!;
    const previous = this.#previous[index]!;
    if (previous >= 0) this.#next[previous] = next;
    else this.#heads[bucket] = next;
    if (next >= 0) this.#previous[next] = previous;
    this.count--;
  }
}
