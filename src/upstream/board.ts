/**
 * What workers and supervisor share about the upstreams of one stanza, in 32-bit words:
 *    0            turn       round robin: incremented by every query of every worker
 *    1 + 4u + 0   fails      probes of upstream u that failed since the last success; written by the supervisor
 *             1   wanted     1 from the first error of a query until probes succeed again: a worker swaps 0 for 1 and
 *                            tells the supervisor, which stores 0 when the upstream has answered
 *             2   caseless   the minute (on the server's clock) until which u is known not to repeat letter case
 *             3   unused
 *    then         waiting    one word per worker: its queries in flight (max_concurrent); written by that worker only
 *
 * Every word stands for itself, so single operations are all the protocol there is: Atomics, but for plain looks at hints. A
 * worker that dies leaves its waiting word behind; the next one in its place starts it at 0.
 */

const TURN = 0;
const UPSTREAMS = 1;
const WORDS = 4;
const FAILS = 0;
const WANTED = 1;
const CASELESS = 2;

/** Workers that can be counted; the supervisor starts far fewer. */
const MAX_WORKERS = 256;

export class Board {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #waiting: number;

  constructor(upstreams: number, buffer?: SharedArrayBuffer) {
    this.#waiting = UPSTREAMS + WORDS * upstreams;
    this.buffer = buffer ?? new SharedArrayBuffer(4 * (this.#waiting + MAX_WORKERS));
    this.#words = new Int32Array(this.buffer);
  }

  /** The next number of the round robin: 1 for the first query. */
  nextTurn(): number {
    return (Atomics.add(this.#words, TURN, 1) + 1) >>> 0;
  }

  /** A plain look, as each query takes it: a moment later is soon enough. */
  fails(upstream: number): number {
    return this.#words[at(upstream, FAILS)]!;
  }

  setFails(upstream: number, fails: number): void {
    Atomics.store(this.#words, at(upstream, FAILS), fails);
  }

  /** Whether a probe was not asked for yet: then the caller must tell the supervisor. */
  wantProbe(upstream: number): boolean {
    return Atomics.compareExchange(this.#words, at(upstream, WANTED), 0, 1) === 0;
  }

  isProbeWanted(upstream: number): boolean {
    return Atomics.load(this.#words, at(upstream, WANTED)) !== 0;
  }

  probeDone(upstream: number): void {
    Atomics.store(this.#words, at(upstream, WANTED), 0);
  }

  /** The clock is asked only where it matters: hardly any upstream is caseless, and this is asked for every query, too. */
  isCaseless(upstream: number, minuteNow: () => number): boolean {
    const until = this.#words[at(upstream, CASELESS)]!;
    return until !== 0 && until > minuteNow();
  }

  setCaseless(upstream: number, until: number): void {
    Atomics.store(this.#words, at(upstream, CASELESS), until);
  }

  /** Sets this worker's count of queries in flight, before it looks at those of all. */
  setWaiting(worker: number, count: number): void {
    Atomics.store(this.#words, this.#waiting + (worker % MAX_WORKERS), count);
  }

  /** The same when it looks at nothing: others may see it a moment later. */
  lowerWaiting(worker: number, count: number): void {
    this.#words[this.#waiting + (worker % MAX_WORKERS)] = count;
  }

  /** Queries in flight in the first `workers` workers. */
  waiting(workers: number): number {
    let sum = 0;
    for (let i = 0; i < Math.min(workers, MAX_WORKERS); i++) sum += Atomics.load(this.#words, this.#waiting + i);
    return sum;
  }
}

function at(upstream: number, word: number): number {
  return UPSTREAMS + WORDS * upstream + word;
}
