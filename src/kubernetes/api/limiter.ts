/** What a client asks of the API at most: requests a second with a burst, and requests at a time. Those over it wait in order. */

export interface Limits {
  /** Requests a second; absent or 0: any number. */
  readonly qps?: number;
  /** So many at once after a rest; absent or 0: as many as in two seconds, as client-go has it (5 and 10). */
  readonly burst?: number;
  /** Requests that wait for their answer at a time; absent or 0: any number. A running watch is none of them. */
  readonly maxInFlight?: number;
}

export class Limiter {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #most: number;
  readonly #now: () => number;
  /** Below zero: how many have been promised a token that is not there yet. */
  #tokens: number;
  #filledAt: number;
  #inFlight = 0;
  readonly #waiting: (() => void)[] = [];

  constructor({ qps = 0, burst = 0, maxInFlight = 0 }: Limits, now: () => number = () => performance.now()) {
    this.#perMs = qps / 1_000;
    this.#burst = burst > 0 ? burst : Math.max(1, Math.ceil(qps * 2));
    this.#most = maxInFlight > 0 ? maxInFlight : Number.POSITIVE_INFINITY;
    this.#now = now;
    this.#tokens = this.#burst;
    this.#filledAt = now();
  }

  /** Waits for its turn. `release` must be called when the request is over; not when `signal` has ended the waiting. */
  async acquire(signal: AbortSignal): Promise<void> {
    const delay = this.#delayMs();
    if (delay > 0) {
      await untilAbort(signal, (go) => {
        const timer = setTimeout(go, delay);
        return () => clearTimeout(timer);
      });
    }
    if (this.#inFlight < this.#most) {
      this.#inFlight++;
      return;
    }
    await untilAbort(signal, (go) => {
      this.#waiting.push(go);
      return () => this.#waiting.splice(this.#waiting.indexOf(go), 1);
    });
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inFlight--;
    else next();
  }

  #delayMs(): number {
    if (this.#perMs === 0) return 0;
    const now = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) * this.#perMs) - 1;
    this.#filledAt = now;
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMs;
  }
}

/** Waits until `wait` calls what it is given; rejects when `signal` comes first, after calling what `wait` has returned. */
function untilAbort(signal: AbortSignal, wait: (go: () => void) => () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = () => {
      undo();
      reject(signal.reason);
    };
    const undo = wait(() => {
      signal.removeEventListener("abort", cancel);
      resolve();
    });
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
  });
}
