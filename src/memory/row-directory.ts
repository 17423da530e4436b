/**
 * Where is the row with this id? Ids stay as long as what they stand for, rows are replaced by others with each change.
 *
 *   header[cell]  where the directory is in the heap
 *   row    0  capacity
 *          1  places of the rows in the heap, by id; 0: there is none. Ids begin with 2 (`hash-index.ts`).
 *
 * Every row begins with a word that says what it is: kind and id (`markOf`). Rows are whole before they are linked, and
 * never change then.
 *
 * Reader (in a read section): header[cell], then the place, then the row. Whatever was linked when it looked stays as it is
 * until it leaves. A capacity or a place that its view does not reach is no row.
 * Writer: writes a row, stores its place. What stood there before, a directory that became too small, and the id of
 * what is gone are used again only when nobody reads them: an id that a reader has just found never stands for
 * something else meanwhile.
 */
import { FIRST_ID, MAX_IDS } from "./hash-index.ts";
import type { Heap } from "./heap.ts";

/** What `retire` is told of: a row, or else the id of a row of this kind. */
export const RETIRED_ROW = 0;
const MIN_CAPACITY = 30;

/** The first word of each row: never 0. Kinds are numbers from 1 on. */
export function markOf(kind: number, id: number): number {
  return (kind << 22) | id;
}

export function kindOfMark(mark: number): number {
  return mark >>> 22;
}

export function idOfMark(mark: number): number {
  return mark & (MAX_IDS - 1);
}

/** For readers: the row with this id; 0 when there is none. */
export function findRow(words: Int32Array, directory: number, id: number): number {
  const place = directory + id;
  return place < words.length && id <= words[directory]! ? words[place]! : 0;
}

/** The writer's side. */
export class RowDirectory {
  readonly kind: number;
  readonly #heap: Heap;
  readonly #header: Int32Array;
  readonly #cell: number;
  readonly #retire: (what: number, value: number) => void;
  #base = 0;
  #capacity = 0;
  /** Ids up to this were in use at some time. */
  #highest = FIRST_ID - 1;
  readonly #freeIds: number[] = [];

  constructor(
    kind: number,
    heap: Heap,
    header: Int32Array,
    cell: number,
    retire: (what: number, value: number) => void,
  ) {
    this.kind = kind;
    this.#heap = heap;
    this.#header = header;
    this.#cell = cell;
    this.#retire = retire;
    if (!this.#resize(MIN_CAPACITY)) throw new Error("no room for a directory");
  }

  /** Ids are at most this. */
  get highest(): number {
    return this.#highest;
  }

  /** Makes sure that one more row finds an id. False when there is no memory, or are too many. */
  reserve(): boolean {
    if (this.#freeIds.length > 0 || this.#highest < this.#capacity) return true;
    return this.#capacity * 2 < MAX_IDS && this.#resize(this.#capacity * 2 + 1);
  }

  /** The id that the next `add` will give. */
  nextId(): number {
    return this.#freeIds.length > 0 ? this.#freeIds[this.#freeIds.length - 1]! : this.#highest + 1;
  }

  row(id: number): number {
    return this.#heap.words[this.#base + id]!;
  }

  add(row: number): number {
    const id = this.#freeIds.pop() ?? ++this.#highest;
    Atomics.store(this.#heap.words, this.#base + id, row);
    return id;
  }

  replace(id: number, row: number): void {
    const before = this.row(id);
    Atomics.store(this.#heap.words, this.#base + id, row);
    this.#retire(RETIRED_ROW, before);
  }

  remove(id: number): void {
    this.#retire(RETIRED_ROW, this.row(id));
    Atomics.store(this.#heap.words, this.#base + id, 0);
    this.#retire(this.kind, id);
  }

  /** The id that `remove` gave up is not seen by anybody any more. */
  freeId(id: number): void {
    this.#freeIds.push(id);
  }

  /** Ids that have a row, rising. */
  *ids(): Generator<number> {
    for (let id = FIRST_ID; id <= this.#highest; id++) if (this.row(id) !== 0) yield id;
  }

  #resize(capacity: number): boolean {
    const heap = this.#heap;
    const base = heap.allocate(capacity + 1);
    if (base === 0) return false;
    const before = this.#base;
    const { words } = heap;
    words.fill(0, base + 1, base + 1 + capacity);
    if (before !== 0) words.copyWithin(base + 1, before + 1, before + 1 + this.#capacity);
    words[base] = capacity;
    this.#base = base;
    this.#capacity = capacity;
    Atomics.store(this.#header, this.#cell, base);
    if (before !== 0) this.#retire(RETIRED_ROW, before);
    return true;
  }
}
