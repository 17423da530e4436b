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
  /** `times` events of the same `value`; one when not given. */
  observe(value: number, times?: number): void;
}

/** A number that goes up and down. It belongs to its worker, so it ends with it. */
export interface RowGauge {
  set(value: number): void;
}

/** A family's cells in one row: what a scrape needs to name them. */
export interface CellDescription {
  kind: "counter" | "histogram" | "gauge";
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

/** Cells in a row: enough for 600 zones, counted by listener; untouched pages cost nothing. */
const CELLS = 131_072;

export class CounterRow {
  /** Bytes of shared memory for one row. */
  static readonly SIZE = CELLS * Float64Array.BYTES_PER_ELEMENT;

  /** Grows at its end only. */
  readonly descriptions: CellDescription[] = [];
  /** Something was asked for that had no room: it is not counted. */
  overflown = false;
  /** Called when there is a new description, or no room for one. */
  onGrown: () => void = () => {};
  readonly #cells: Float64Array;
  readonly #known = new Map<string, CellDescription>();
  #used = 0;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(CounterRow.SIZE)) {
    this.#cells = new Float64Array(buffer);
  }

  counter(name: string, help: string, labels: Readonly<Record<string, string>> = {}): Counter {
    const { first } = this.#allocate({ kind: "counter", name, help, labels, dimensions: {}, bounds: [] }, 1);
    return new Cell(this.#cells, first);
  }

  gauge(name: string, help: string, labels: Readonly<Record<string, string>> = {}): RowGauge {
    const { first } = this.#allocate({ kind: "gauge", name, help, labels, dimensions: {}, bounds: [] }, 1);
    return new Cell(this.#cells, first);
  }

  table(
    name: string,
    help: string,
    labels: Readonly<Record<string, string>>,
    dimensions: Readonly<Record<string, readonly string[]>>,
  ): CounterTable {
    const count = Object.values(dimensions).reduce((product, values) => product * values.length, 1);
    const { first } = this.#allocate({ kind: "counter", name, help, labels, dimensions, bounds: [] }, count);
    return new Table(this.#cells, first);
  }

  histogram(
    name: string,
    help: string,
    labels: Readonly<Record<string, string>>,
    bounds: readonly number[],
  ): Histogram {
    const count = bounds.length + 2;
    const { first } = this.#allocate({ kind: "histogram", name, help, labels, dimensions: {}, bounds }, count);
    return new Buckets(this.#cells, first, bounds);
  }

  /** The values of a description's cells, as they are now. */
  read({ first, count }: CellDescription): Float64Array {
    return this.#cells.slice(first, first + count);
  }

  /** The value of one cell. */
  at(index: number): number {
    return this.#cells[index]!;
  }

  #allocate(wanted: Omit<CellDescription, "first" | "count">, count: number): CellDescription {
    const key = JSON.stringify([wanted.name, wanted.labels, wanted.dimensions]);
    const known = this.#known.get(key);
    if (known) return known;
    if (this.#used + count > this.#cells.length) {
      // Stores behind the end of the array go nowhere.
      this.overflown = true;
      this.onGrown();
      return { ...wanted, first: this.#cells.length, count };
    }
    const description = { ...wanted, first: this.#used, count };
    this.#used += count;
    this.#known.set(key, description);
    this.descriptions.push(description);
    this.onGrown();
    return description;
  }
}

// Classes rather than closures: their methods are compiled into the callers.

class Cell implements Counter, RowGauge {
  readonly #cells: Float64Array;
  readonly #index: number;

  constructor(cells: Float64Array, index: number) {
    this.#cells = cells;
    this.#index = index;
  }

  add(amount: number): void {
    this.#cells[this.#index]! += amount;
  }

  set(value: number): void {
    this.#cells[this.#index] = value;
  }
}

class Table implements CounterTable {
  readonly #cells: Float64Array;
  readonly #first: number;

  constructor(cells: Float64Array, first: number) {
    this.#cells = cells;
    this.#first = first;
  }

  add(index: number, amount: number): void {
    this.#cells[this.#first + index]! += amount;
  }
}

class Buckets implements Histogram {
  readonly #cells: Float64Array;
  readonly #first: number;
  /** All of one kind: an array of numbers is one of integers or of others, and comparing with both kinds allocates. */
  readonly #bounds: Float64Array;

  constructor(cells: Float64Array, first: number, bounds: readonly number[]) {
    this.#cells = cells;
    this.#first = first;
    this.#bounds = Float64Array.from(bounds);
  }

  observe(value: number, times = 1): void {
    const cells = this.#cells;
    const bounds = this.#bounds;
    const last = bounds.length;
    let bucket = 0;
    while (bucket < last && value > bounds[bucket]!) bucket++;
    cells[this.#first + bucket]! += times;
    cells[this.#first + last + 1]! += value * times;
  }
}
