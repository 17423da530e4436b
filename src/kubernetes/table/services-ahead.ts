/**
 * Reads what looking up Services by name or by address will need, for many at once and for no other use than to have it in
 * the processor's cache then. Each look-up takes four steps through memory, from the index over the directory to the row,
 * and to its first slice: here a step is made for all of them before the next one is made for any.
 *
 *   ahead.add(name.bytes, at, length) for each name; then ahead.fetch()
 *
 * It stands outside of any section: what is read may be anything by then, so it is only followed, within the memory.
 */
import { FIRST_ID } from "../../memory/hash-index.ts";
import { KeyedHash } from "../../memory/keyed-hash.ts";
import { HeapReader } from "./heap-reader.ts";
import {
  Cell,
  type ClusterMemory,
  Header,
  ID_MASK,
  Salt,
  ServiceField,
  ServiceFlag,
  ServiceKind,
  SpaceCell,
} from "./layout.ts";

/** Slots of the index that are looked at for one key: hardly any stands further from its place. */
const MAX_SLOTS = 8;
const LINE_WORDS = 16;
/** Of a usual row: a Service of one port takes 27 words, a slice of ten endpoints 61. */
const SERVICE_WORDS = 27;
const SLICE_LINES = 4;

export class ServicesAhead {
  /** Of no meaning: the compiler would leave out loads that lead to nothing. */
  fetched = 0;
  readonly #header: Int32Array;
  readonly #heap: HeapReader;
  readonly #hash: KeyedHash;
  readonly #hashes: Int32Array;
  readonly #places: Int32Array;
  readonly #index: number;
  readonly #salt: number;
  #count = 0;

  /** For at most `size` keys at a time: names, or addresses of the cluster. */
  constructor(memory: ClusterMemory, size: number, keys: "names" | "addresses") {
    this.#index = Cell.SERVICES + (keys === "names" ? SpaceCell.NAMES : SpaceCell.ADDRESSES);
    this.#salt = keys === "names" ? Salt.SERVICE : Salt.ADDRESS;
    this.#header = new Int32Array(memory.header);
    this.#heap = new HeapReader(memory.heap);
    this.#hash = new KeyedHash(this.#header[Header.KEYS]!, this.#header[Header.KEYS + 1]!);
    this.#hashes = new Int32Array(size);
    this.#places = new Int32Array(size);
  }

  /** `source[offset..offset+length)` is two labels, service and namespace; or the bytes of an address. */
  add(source: Uint8Array, offset: number, length: number): void {
    this.#hashes[this.#count++] = this.#hash.bytes(source, offset, length, this.#salt);
  }

  fetch(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    const index = Atomics.load(this.#header, this.#index);
    const services = Atomics.load(this.#header, Cell.SERVICES + SpaceCell.SERVICES);
    const heap = this.#heap;
    if (!heap.reaches(index + 1) || !heap.reaches(index + 2 + heap.words[index]!)) return;
    const rows = this.#findRows(this.#findIds(count, index), services);
    this.#fetchSlices(this.#fetchRows(rows));
  }

  /** Leaves the ids that may be the keys' in `#places`, and gives their number. */
  #findIds(count: number, index: number): number {
    const { words } = this.#heap;
    const hashes = this.#hashes;
    const mask = words[index]!;
    const first = index + 1;
    let seen = 0;
    for (let i = 0; i < count; i++) seen ^= words[first + (hashes[i]! & mask)]!;
    this.fetched = seen;
    let found = 0;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!;
      for (let at = hash & mask, left = MAX_SLOTS; left > 0; at = (at + 1) & mask, left--) {
        const slot = words[first + at]!;
        if (slot === 0) break;
        if (((slot ^ hash) & ~ID_MASK) !== 0 || (slot & ID_MASK) < FIRST_ID) continue;
        this.#places[found++] = slot & ID_MASK;
        break;
      }
    }
    return found;
  }

  /** The same from ids to rows. */
  #findRows(count: number, services: number): number {
    const { words } = this.#heap;
    const places = this.#places;
    let found = 0;
    for (let i = 0; i < count; i++) {
      const place = services + places[i]!;
      if (place < words.length) places[found++] = words[place]!;
    }
    return found;
  }

  /** The same from rows to those of first slices. */
  #fetchRows(count: number): number {
    const { words } = this.#heap;
    const places = this.#places;
    const end = words.length - SERVICE_WORDS;
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const row = places[i]!;
      if (row >>> 0 < end) seen ^= words[row]! ^ words[row + LINE_WORDS]! ^ words[row + SERVICE_WORDS - 1]!;
    }
    this.fetched = seen;
    let found = 0;
    for (let i = 0; i < count; i++) {
      const row = places[i]!;
      if (row >>> 0 >= end || (words[row + ServiceField.FLAGS]! & ServiceFlag.KIND) !== ServiceKind.HEADLESS) continue;
      const at = row + (words[row + ServiceField.SIZES]! >>> 16);
      if (words[row + ServiceField.SLICES] !== 0 && at < words.length) places[found++] = words[at]!;
    }
    return found;
  }

  #fetchSlices(count: number): void {
    const { words } = this.#heap;
    const places = this.#places;
    const end = words.length - SLICE_LINES * LINE_WORDS;
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const row = places[i]!;
      if (row >>> 0 >= end) continue;
      for (let line = 0; line < SLICE_LINES; line++) seen ^= words[row + line * LINE_WORDS]!;
    }
    this.fetched = seen;
  }
}
