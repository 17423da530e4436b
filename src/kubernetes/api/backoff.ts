/** How long to wait before the next attempt: twice as long each time, with jitter, so that a fleet does not come back at once. */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  readonly #random: () => number;
  #nextMs: number;

  constructor(firstMs: number, mostMs: number, random: () => number = Math.random) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
    this.#random = random;
    this.#nextMs = firstMs;
  }

  /** From half of the step to all of it. */
  next(): number {
    const step = this.#nextMs;
    this.#nextMs = Math.min(this.#mostMs, step * 2);
    return step * (0.5 + this.#random() / 2);
  }

  /** The other side is well: the next failure is a first one. */
  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}
