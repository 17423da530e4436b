/**
 * Reads what looking up Services by name or by address will need, for many at once, to have it in the processor's cache then.
 * Each look-up takes four steps through memory, from the index over the directory to the row, and to its first slice: here a
 * step is made for all of them before the next one is made for any.
 *
 *   ahead.add(name, name.bytes, at, length) for each name; then ahead.fetch()
 *
 * It stands outside of any section: what is read may be anything by then, so it is only followed, within the memory. A name
 * gets the id that was found as its `hint`, and one of an address that a Service seems to have is marked as `isLive`.
 */
import type { Name } from "../../dns/name.ts";
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

/** Slots of the index that are looked at for one key: hardly any stands further from its place. They are in two cache lines. */
const MAX_SLOTS = 16;
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
  /** Whose keys they are, by the same number. */
  readonly #names: Name[] = [];
  /** The first word of each address. */
  readonly #addresses: Int32Array | undefined;
  readonly #sizes: Uint8Array;
  /** What was found, with the number of the key. */
  readonly #places: Int32Array;
  readonly #keys: Int32Array;
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
    this.#keys = new Int32Array(size);
    this.#sizes = new Uint8Array(size);
    if (keys === "addresses") this.#addresses = new Int32Array(size);
  }

  /** `source[offset..offset+length)` is two labels, service and namespace; or the bytes of an address. */
  add(name: Name, source: Uint8Array, offset: number, length: number): void {
    const key = this.#count++;
    this.#hashes[key] = this.#hash.bytes(source, offset, length, this.#salt);
    this.#names[key] = name;
    if (this.#addresses === undefined) return;
    this.#sizes[key] = length;
    this.#addresses[key] = lastWord(source, offset + length);
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
        this.#names[i]!.hint = slot & ID_MASK;
        this.#keys[found] = i;
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
      if (place >= words.length) continue;
      this.#keys[found] = this.#keys[i]!;
      places[found++] = words[place]!;
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
    if (this.#addresses !== undefined) this.#compare(count, this.#addresses);
    let found = 0;
    for (let i = 0; i < count; i++) {
      const row = places[i]!;
      if (row >>> 0 >= end || (words[row + ServiceField.FLAGS]! & ServiceFlag.KIND) !== ServiceKind.HEADLESS) continue;
      const at = row + (words[row + ServiceField.SIZES]! >>> 16);
      if (words[row + ServiceField.SLICES] !== 0 && at < words.length) places[found++] = words[at]!;
    }
    return found;
  }

  /** Marks the names whose address is the first one of its family that the row has, by the word in which addresses differ. */
  #compare(count: number, addresses: Int32Array): void {
    const { words } = this.#heap;
    for (let i = 0; i < count; i++) {
      const row = this.#places[i]!;
      const key = this.#keys[i]!;
      if (row >>> 0 >= words.length - SERVICE_WORDS) continue;
      const counts = words[row + ServiceField.ADDRESSES]!;
      const ipv4 = counts & 0xff;
      const isIpv4 = this.#sizes[key] === 4;
      const at = row + ServiceField.BODY + (isIpv4 ? 0 : ipv4 + 3);
      const has = isIpv4 ? ipv4 > 0 : (counts & 0xff00) !== 0;
      if (has && words[at] === addresses[key]) this.#names[key]!.isLive = true;
    }
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

/** The four bytes before `end`, in the order in which they stand in memory. */
function lastWord(bytes: Uint8Array, end: number): number {
  return bytes[end - 4]! | (bytes[end - 3]! << 8) | (bytes[end - 2]! << 16) | (bytes[end - 1]! << 24);
}
