/**
 * How often did something happen, over all workers? Each worker owns one row, an array of 64-bit floats in shared
 * memory, and is the only one that writes to it; the supervisor adds the rows up when somebody asks. A plain 64-bit
 * store is not torn on the processors we run on, a sum that is one event behind is still true, and every cell but a gauge's
 * only grows. So neither side synchronizes.
 *
 * Which cell means what is decided by the worker, in the order in which its plugins ask for cells when the chains are
 * linked. It tells the supervisor by `descriptions`. Asking again for the same name and labels gives the same cell, so
 * counters go on over a reload. Whoever asks is an owner of the cell; when the last one has left, the worker says so, the
 * supervisor keeps what was counted, and only when it has said that it reads the cell no more is it used for another series.
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

/** Cells in a row: enough for 10,000 zones, counted by listener; untouched pages cost nothing. */
const CELLS = 2 ** 21;

/** Name and help of the counter of series for which there is no room: workers add theirs, the supervisor those of a scrape. */
export const UNCOUNTED_SERIES = [
  "weftdns_uncounted_series_total",
  "Series of metrics for which there was no room, so that they are not counted.",
] as const;

/** Cells that have an owner. */
interface Entry {
  readonly description: CellDescription;
  readonly cells: Cell | Table | Buckets;
  readonly owners: Set<object>;
}

export class CounterRow {
  /** Bytes of shared memory for one row. */
  static readonly SIZE = CELLS * Float64Array.BYTES_PER_ELEMENT;

  /** Called with a new description, or without when there was no room for one: then what was asked for is not counted. */
  onGrown: (description?: CellDescription) => void = () => {};
  readonly #cells: Float64Array;
  readonly #known = new Map<string, Entry>();
  #used = 0;
  /** Cells that are used again, by their number: the first of each. There are few numbers, as zones are counted alike. */
  readonly #free = new Map<number, number[]>();

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(CounterRow.SIZE)) {
    this.#cells = new Float64Array(buffer);
  }

  /** Without an owner of its own, here as below, a cell stays. */
  counter(name: string, help: string, labels: Readonly<Record<string, string>> = {}, owner: object = this): Counter {
    const wanted = { kind: "counter", name, help, labels, dimensions: {}, bounds: [] } as const;
    return this.#allocate(wanted, 1, owner, (first) => new Cell(this.#cells, first));
  }

  gauge(name: string, help: string, labels: Readonly<Record<string, string>> = {}): RowGauge {
    const wanted = { kind: "gauge", name, help, labels, dimensions: {}, bounds: [] } as const;
    return this.#allocate(wanted, 1, this, (first) => new Cell(this.#cells, first));
  }

  table(
    name: string,
    help: string,
    labels: Readonly<Record<string, string>>,
    dimensions: Readonly<Record<string, readonly string[]>>,
    owner: object = this,
  ): CounterTable {
    const count = Object.values(dimensions).reduce((product, values) => product * values.length, 1);
    const wanted = { kind: "counter", name, help, labels, dimensions, bounds: [] } as const;
    return this.#allocate(wanted, count, owner, (first) => new Table(this.#cells, first));
  }

  histogram(
    name: string,
    help: string,
    labels: Readonly<Record<string, string>>,
    bounds: readonly number[],
    owner: object = this,
  ): Histogram {
    const wanted = { kind: "histogram", name, help, labels, dimensions: {}, bounds } as const;
    return this.#allocate(wanted, bounds.length + 2, owner, (first) => new Buckets(this.#cells, first, bounds));
  }

  get descriptions(): CellDescription[] {
    return [...this.#known.values()].map(({ description }) => description);
  }

  /** These owners count no more. Gives the cells that have none now: they change no more, and are kept until `reuse`. */
  leave(owners: readonly object[]): CellDescription[] {
    const left: CellDescription[] = [];
    for (const [key, entry] of this.#known) {
      for (const owner of owners) entry.owners.delete(owner);
      if (entry.owners.size > 0) continue;
      this.#known.delete(key);
      // Somebody late may still hold it.
      entry.cells.first = this.#cells.length;
      left.push(entry.description);
    }
    return left;
  }

  /** Nobody reads these cells any more. */
  reuse(descriptions: readonly CellDescription[]): void {
    for (const { first, count } of descriptions) {
      this.#cells.fill(0, first, first + count);
      const free = this.#free.get(count);
      if (free === undefined) this.#free.set(count, [first]);
      else free.push(first);
    }
  }

  /** The values of a description's cells, as they are now. */
  read({ first, count }: CellDescription): Float64Array {
    return this.#cells.slice(first, first + count);
  }

  /** The value of one cell. */
  at(index: number): number {
    return this.#cells[index]!;
  }

  #allocate<Cells extends Entry["cells"]>(
    wanted: Omit<CellDescription, "first" | "count">,
    count: number,
    owner: object,
    make: (first: number) => Cells,
  ): Cells {
    const key = JSON.stringify([wanted.kind, wanted.name, wanted.labels, wanted.dimensions, wanted.bounds]);
    const known = this.#known.get(key);
    if (known) {
      known.owners.add(owner);
      return known.cells as Cells;
    }
    const first = this.#free.get(count)?.pop() ?? this.#take(count);
    const cells = make(first);
    if (first === this.#cells.length) {
      this.onGrown();
      return cells;
    }
    const description = { ...wanted, first, count };
    this.#known.set(key, { description, cells, owners: new Set([owner]) });
    this.onGrown(description);
    return cells;
  }

  /** Cells that nobody had yet. Without any left the end of the array, behind which stores go nowhere. */
  #take(count: number): number {
    if (this.#used + count > this.#cells.length) return this.#cells.length;
    this.#used += count;
    return this.#used - count;
  }
}

// Classes rather than closures: their methods are compiled into the callers.

class Cell implements Counter, RowGauge {
  readonly #cells: Float64Array;
  first: number;

  constructor(cells: Float64Array, first: number) {
    this.#cells = cells;
    this.first = first;
  }

  add(amount: number): void {
    this.#cells[this.first]! += amount;
  }

  set(value: number): void {
    this.#cells[this.first] = value;
  }
}

class Table implements CounterTable {
  readonly #cells: Float64Array;
  first: number;

  constructor(cells: Float64Array, first: number) {
    this.#cells = cells;
    this.first = first;
  }

  add(index: number, amount: number): void {
    this.#cells[this.first + index]! += amount;
  }
}

class Buckets implements Histogram {
  readonly #cells: Float64Array;
  first: number;
  /** All of one kind: an array of numbers is one of integers or of others, and comparing with both kinds allocates. */
  readonly #bounds: Float64Array;

  constructor(cells: Float64Array, first: number, bounds: readonly number[]) {
    this.#cells = cells;
    this.first = first;
    this.#bounds = Float64Array.from(bounds);
  }

  observe(value: number, times = 1): void {
    const cells = this.#cells;
    const bounds = this.#bounds;
    const last = bounds.length;
    let bucket = 0;
    while (bucket < last && value > bounds[bucket]!) bucket++;
    cells[this.first + bucket]! += times;
    cells[this.first + last + 1]! += value * times;
  }
}
