/**
 * How often did something happen, over all workers? Each worker owns one row, an array of 64-bit floats in shared
 * memory, and is the only one that writes to it; the supervisor adds the rows up when somebody asks. A plain 64-bit
 * store is not torn on the processors we run on, a sum that is one event behind is still true, and every cell only
 * grows. So neither side synchronizes.
 *
 * Which cell means what is decided by the worker, in the order in which its plugins ask for cells when the chains are
 * linked. It tells the supervisor by `descriptions`. Asking again for the same name and labels gives the same cell, so
 * counters go on over a reload.
 */

export interface Counter {
  add(amount: number): void;
}

export interface CounterTable {
  add(index: number, amount: number): void;
}

export interface Histogram {
  observe(value: number): void;
}

/** A family's cells in one row: what a scrape needs to name them. */
export interface CellDescription {
  kind: "counter" | "histogram";
  name: string;
  help: string;
  labels: Readonly<Record<string, string>>;
  /** For tables: label names and their values, the last label changing fastest. */
  dimensions: Readonly<Record<string, readonly string[]>>;
  /** For histograms: upper bounds of the buckets. Their cells are the buckets, the one above the last bound, and the sum. */
  bounds: readonly number[];
  first: number;
  count: number;
}

/** Cells in a row: enough for the families of every plugin on some dozens of listeners; untouched pages cost nothing. */
const CELLS = 65_536;

export class CounterRow {
  /** Bytes of shared memory for one row. */
  static readonly SIZE = CELLS * Float64Array.BYTES_PER_ELEMENT;

  readonly descriptions: CellDescription[] = [];
  readonly #cells: Float64Array;
  readonly #known = new Map<string, CellDescription>();
  #used = 0;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(CounterRow.SIZE)) {
    this.#cells = new Float64Array(buffer);
  }

  counter(name: string, help: string, labels: Readonly<Record<string, string>> = {}): Counter {
    const cells = this.#cells;
    const { first } = this.#allocate({ kind: "counter", name, help, labels, dimensions: {}, bounds: [] }, 1);
    return {
      add: (amount) => {
        cells[first]! += amount;
      },
    };
  }

  table(
    name: string,
    help: string,
    labels: Readonly<Record<string, string>>,
    dimensions: Readonly<Record<string, readonly string[]>>,
  ): CounterTable {
    const cells = this.#cells;
    const count = Object.values(dimensions).reduce((product, values) => product * values.length, 1);
    const { first } = this.#allocate({ kind: "counter", name, help, labels, dimensions, bounds: [] }, count);
    return {
      add: (index, amount) => {
        cells[first + index]! += amount;
      },
    };
  }

  histogram(
    name: string,
    help: string,
    labels: Readonly<Record<string, string>>,
    bounds: readonly number[],
  ): Histogram {
    const cells = this.#cells;
    const last = bounds.length;
    const { first } = this.#allocate({ kind: "histogram", name, help, labels, dimensions: {}, bounds }, last + 2);
    return {
      observe: (value) => {
        let bucket = 0;
        while (bucket < last && value > bounds[bucket]!) bucket++;
        cells[first + bucket]!++;
        cells[first + last + 1]! += value;
      },
    };
  }

  /** The values of a description's cells, as they are now. */
  read({ first, count }: CellDescription): Float64Array {
    return this.#cells.slice(first, first + count);
  }

  #allocate(wanted: Omit<CellDescription, "first" | "count">, count: number): CellDescription {
    const key = JSON.stringify([wanted.name, wanted.labels, wanted.dimensions]);
    const known = this.#known.get(key);
    if (known) return known;
    if (this.#used + count > this.#cells.length) {
      // Thousands of listeners: these are counted into a cell that nobody reads rather than refused.
      return { ...wanted, first: this.#cells.length, count };
    }
    const description = { ...wanted, first: this.#used, count };
    this.#used += count;
    this.#known.set(key, description);
    this.descriptions.push(description);
    return description;
  }
}
