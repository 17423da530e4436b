/**
 * Which rows may have this key? Open addressing over numbers (ids) of rows, in a heap that threads share: one writer,
 * any number of readers in read sections (`read-sections.ts`). What the key is stays with the rows: they are compared
 * there.
 *
 *   header[cell]  where the slots are in the heap
 *   row    0  mask    number of slots, a power of two, less one
 *          1  slots   0 free, 1 removed, else the upper 10 bits of the key's hash and an id of 22 bits, 2 or more
 *
 * A key's slots are those from `hash & mask` on, up to the first free one. One id may stand in many slots, for many
 * keys.
 *
 * Reader (in a read section): header[cell], then slot after slot. It ends at a free slot, and after as many steps as there
 * are slots.
 * Writer: stores into one slot (Atomics.store), so a reader sees it before or after. A slot is never moved: a reader
 * that walks would miss it. A removed one keeps the way open for what stands behind it; when nothing does, it is freed
 * with those before it. When seven of eight are taken, all is written into new slots, which take the place of the old
 * ones by one store to header[cell]; a reader on its way through the old ones finds what stood there when it came, and
 * they are freed when nobody reads them. So a look-up that began before a change and ends after it sees one key of one
 * row as it was, or as it is.
 */
import type { Heap } from "./heap.ts";

const ID_BITS = 22;
/** Ids are below this. */
export const MAX_IDS: number = 2 ** ID_BITS;
/** The smallest id: 0 and 1 have another meaning in a slot. */
export const FIRST_ID = 2;
const ID = MAX_IDS - 1;
const REMOVED = 1;
const MIN_SLOTS = 16;

/** The slots that a key may be in, one after the other: the same for readers and the writer. */
export class Probe {
  #words: Int32Array = new Int32Array(1);
  #base = 0;
  #mask = 0;
  #hash = 0;
  #at = 0;
  #left = 0;

  start(words: Int32Array, base: number, hash: number): void {
    this.#words = words;
    this.#base = base + 1;
    // An index that the reader's view does not reach is no index.
    const mask = base + 1 < words.length ? words[base]! : 0;
    this.#mask = base + 1 + mask < words.length ? mask : 0;
    this.#hash = hash;
    this.#at = hash & this.#mask;
    this.#left = this.#mask + 1;
  }

  /** An id whose row may have the key; 0 when there is none any more. */
  next(): number {
    const words = this.#words;
    const mask = this.#mask;
    while (this.#left > 0) {
      const slot = words[this.#base + this.#at]!;
      if (slot === 0) break;
      this.#left--;
      this.#at = (this.#at + 1) & mask;
      if ((slot ^ this.#hash) >>> ID_BITS === 0 && slot !== REMOVED) return slot & ID;
    }
    this.#left = 0;
    return 0;
  }
}

/** The writer's side. */
export class HashIndex {
  readonly #heap: Heap;
  readonly #header: Int32Array;
  readonly #cell: number;
  readonly #retire: (row: number) => void;
  readonly #enumerate: (index: HashIndex) => void;
  #base = 0;
  #mask = 0;
  /** Slots that are not free, and those of them that hold an id. */
  #taken = 0;
  #live = 0;
  readonly #probe = new Probe();

  /**
   * `enumerate` puts everything that is in the index into it again; `retire` is told of slots that are not used any
   * more.
   */
  constructor(
    heap: Heap,
    header: Int32Array,
    cell: number,
    retire: (row: number) => void,
    enumerate: (index: HashIndex) => void,
  ) {
    this.#heap = heap;
    this.#header = header;
    this.#cell = cell;
    this.#retire = retire;
    this.#enumerate = enumerate;
    if (!this.#rebuild(MIN_SLOTS)) throw new Error("no room for an index");
  }

  get size(): number {
    return this.#live;
  }

  /** Makes sure that so many insertions find room. False when there is no memory: then nothing has changed. */
  reserve(count: number): boolean {
    const slots = this.#mask + 1;
    if ((this.#taken + count) * 8 <= slots * 7) return true;
    return this.#rebuild(slotsFor(this.#live + count));
  }

  /** The ids that may have the key. One walk at a time. */
  probe(hash: number): Probe {
    this.#probe.start(this.#heap.words, this.#base, hash);
    return this.#probe;
  }

  /** `reserve` must have made room. */
  insert(hash: number, id: number): void {
    const words = this.#heap.words;
    const first = this.#base + 1;
    let at = hash & this.#mask;
    while (words[first + at]! > REMOVED || words[first + at]! < 0) at = (at + 1) & this.#mask;
    if (words[first + at] === 0) this.#taken++;
    this.#live++;
    Atomics.store(words, first + at, (hash & ~ID) | id);
  }

  remove(hash: number, id: number): void {
    const words = this.#heap.words;
    const mask = this.#mask;
    const first = this.#base + 1;
    const wanted = (hash & ~ID) | id;
    let at = hash & mask;
    for (; words[first + at] !== wanted; at = (at + 1) & mask) if (words[first + at] === 0) return;
    Atomics.store(words, first + at, REMOVED);
    this.#live--;
    if (words[first + ((at + 1) & mask)] === 0) {
      for (; words[first + at] === REMOVED; at = (at - 1) & mask) {
        Atomics.store(words, first + at, 0);
        this.#taken--;
      }
    }
  }

  /** Gives slots back when few are in use. To be called when `enumerate` knows of no key that was removed. */
  trim(): void {
    if (this.#mask >= MIN_SLOTS && this.#live * 8 < this.#mask) this.#rebuild(slotsFor(this.#live));
  }

  #rebuild(slots: number): boolean {
    const heap = this.#heap;
    const base = heap.allocate(slots + 1);
    if (base === 0) return false;
    const before = this.#base;
    heap.words.fill(0, base + 1, base + 1 + slots);
    heap.words[base] = slots - 1;
    this.#base = base;
    this.#mask = slots - 1;
    this.#taken = 0;
    this.#live = 0;
    if (before !== 0) this.#enumerate(this);
    Atomics.store(this.#header, this.#cell, base);
    if (before !== 0) this.#retire(before);
    return true;
  }
}

/** Between a third and two thirds of them will be in use, and seven of eight before there are others. */
function slotsFor(count: number): number {
  let slots = MIN_SLOTS;
  while (slots * 2 < count * 3) slots *= 2;
  return slots;
}
