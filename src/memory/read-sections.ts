/**
 * Does any thread still look at what was taken out of a structure? Readers say when they are inside it, and the one
 * writer overwrites what it has taken out only after each of them has been outside since. So rows are read in place,
 * nobody waits, and nothing that is read can change under the reader's eyes.
 *
 *   0 READERS   the highest number that ever was a reader, and one; the rest of the first 16 words is free
 *  16 SECTION   of reader 0, alone in its cache line; those of the others follow. Odd: inside. Even: outside. An odd
 *               number comes again after 2^31 sections, long after the writer has looked again.
 *
 * Reader: stores an odd SECTION (`enter`), loads something with Atomics.load, reads what leads into the structure and what
 * stands there, stores an even SECTION (`leave`). All of it in one go: no section is open when the thread goes back to its
 * loop.
 * Writer: takes something out (Atomics.store of what leads to it), then loads all SECTIONs. Those that are odd it
 * remembers. What was taken out is free as soon as each of these has another value.
 *
 * Why it is free then: stores and loads by Atomics have one order that all threads agree on. A reader whose SECTION was
 * even when the writer looked stores its odd one after that, and looks into the structure after that again, when the
 * way to what was taken out is gone. The plain loads that follow come after the Atomics.load, on x86-64 and on ARM64 (it
 * is an acquire, and no compiler moves a load over it). What a plain load has led to is loaded after it, since the one
 * gives the other's address; a load that nothing leads to, like that of a second cell, may come before it.
 *
 * A reader that dies inside stays odd. Whoever replaces it makes it even; meanwhile memory is only not freed. A section
 * that an error has left open ends with the next `enter`, which stores another odd number.
 */
const MAX_READERS = 1_024;
const CELL_WORDS = 16;
/** Words that the cells take, READERS included. */
export const SECTION_WORDS: number = (MAX_READERS + 1) * CELL_WORDS;

/** A reader's side. `cells[first..first + SECTION_WORDS)` is shared by all readers and the writer. */
export class ReadSection {
  readonly #cells: Int32Array;
  readonly #at: number;

  constructor(cells: Int32Array, first: number, reader: number) {
    this.#cells = cells;
    this.#at = first + CELL_WORDS * (1 + (reader & (MAX_READERS - 1)));
    const wanted = (reader & (MAX_READERS - 1)) + 1;
    for (let have = Atomics.load(cells, first); have < wanted; have = Atomics.load(cells, first)) {
      Atomics.compareExchange(cells, first, have, wanted);
    }
    this.leave();
  }

  enter(): void {
    Atomics.store(this.#cells, this.#at, (this.#cells[this.#at]! + 1) | 1);
  }

  /** What was loaded before comes before what is loaded by Atomics.load behind it. */
  fence(): void {
    Atomics.store(this.#cells, this.#at, this.#cells[this.#at]!);
  }

  leave(): void {
    Atomics.store(this.#cells, this.#at, (this.#cells[this.#at]! | 1) + 1);
  }
}

/**
 * The writer's side: what was taken out and waits until nobody sees it. Things are pairs of numbers that mean something
 * to its owner.
 */
export class RetiredList {
  readonly #cells: Int32Array;
  readonly #first: number;
  readonly #free: (what: number, value: number) => void;
  /** Taken out since the writer looked at the readers last. */
  #open: number[] = [];
  /** Taken out before that. */
  #closed: number[] = [];
  /** The readers that were inside then: place and value of their cells. */
  readonly #inside: number[] = [];

  constructor(cells: Int32Array, first: number, free: (what: number, value: number) => void) {
    this.#cells = cells;
    this.#first = first;
    this.#free = free;
  }

  get length(): number {
    return (this.#open.length + this.#closed.length) >> 1;
  }

  add(what: number, value: number): void {
    this.#open.push(what, value);
  }

  /** Frees what nobody sees any more. */
  reclaim(): void {
    if (this.#closed.length > 0) {
      if (!this.#haveLeft()) return;
      this.#freeClosed();
    }
    if (this.#open.length === 0) return;
    [this.#open, this.#closed] = [this.#closed, this.#open];
    this.#lookAtReaders();
    if (this.#inside.length === 0) this.#freeClosed();
  }

  #haveLeft(): boolean {
    const inside = this.#inside;
    for (let i = 0; i < inside.length; i += 2) {
      if (Atomics.load(this.#cells, inside[i]!) === inside[i + 1]!) return false;
    }
    return true;
  }

  #lookAtReaders(): void {
    const cells = this.#cells;
    this.#inside.length = 0;
    const readers = Math.min(Atomics.load(cells, this.#first), MAX_READERS);
    for (let reader = 0; reader < readers; reader++) {
      const at = this.#first + CELL_WORDS * (1 + reader);
      const value = Atomics.load(cells, at);
      if ((value & 1) === 1) this.#inside.push(at, value);
    }
  }

  #freeClosed(): void {
    const closed = this.#closed;
    for (let i = 0; i < closed.length; i += 2) this.#free(closed[i]!, closed[i + 1]!);
    closed.length = 0;
  }
}
