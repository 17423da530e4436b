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

  /** Waits for its turn. `release` must be called when the request is over. */
  async acquire(): Promise<void> {
    const delay = this.#delayMs();
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    if (this.#inFlight < this.#most) {
      this.#inFlight++;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
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
