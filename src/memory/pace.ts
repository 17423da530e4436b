/**
 * Keeps long work from holding the thread: whoever reads a stream or writes a long text asks after each piece whether the time
 * slice is spent, and waits then until other events have had their turn. All streams of a client share one slice.
 */
export class Pace {
  readonly #sliceMs: number;
  #began = 0;
  #next: Promise<void> | undefined;

  constructor(sliceMs = SLICE_MS) {
    this.#sliceMs = sliceMs;
  }

  /** Undefined while there is time left; else what to wait for. */
  turn(): Promise<void> | undefined {
    if (this.#next !== undefined) return this.#next;
    const now = performance.now();
    // A slice begins with the first piece after some rest; the timer below ends it when the loop comes round.
    if (this.#began === 0) {
      this.#began = now;
      setImmediate(() => {
        this.#began = 0;
      });
      return undefined;
    }
    if (now - this.#began < this.#sliceMs) return undefined;
    this.#next = new Promise((resolve) =>
      setImmediate(() => {
        this.#next = undefined;
        this.#began = 0;
        resolve();
      }),
    );
    return this.#next;
  }
}

/** Half of what the thread may be held at most, since the piece that goes over it is finished first. */
const SLICE_MS = 10;
