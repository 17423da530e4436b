/** Makes the table of a hosts file, entry by entry. What it writes is described in `table.ts`. */
import type { Name } from "../../dns/name.ts";
import {
  ADDRESS_LINK,
  ADDRESS_NEXT,
  FIRST_BUCKET,
  type HostsTable,
  hashAddress,
  isWildcard,
  NAME_LINK,
  NAME_NEXT,
  nameOffset,
  ROW_WORDS,
  wildcardHash,
} from "./table.ts";

/** So much text makes one bucket for names and one for addresses: with lines of 32 bytes, as large files have, a row or two. */
const TEXT_PER_BUCKET = 64;
const MAX_BUCKETS = 1 << 24;
/** The most bytes that one byte of text can become: names of one letter, each with an address and a blank, in a row. */
const GROWTH = 16;
/** Room for the buckets and a few rows. */
const SLACK = 4_096;
/** The largest table. Rows are found by their word, two of whose bits are used for something else. */
const MAX_SIZE = 2 ** 31 - 8;
/** A table grows by so many bytes; memory that was never written costs nothing. */
const STEP = 1 << 20;
/** An address, and a name with its length. */
const MAX_ROW_WORDS = ROW_WORDS + 4 + 64;

export class TableBuilder {
  #entries = 0;
  #hasWildcards = false;
  readonly #buffer: SharedArrayBuffer;
  readonly #nameBuckets: number;
  readonly #addressBuckets: number;
  readonly #hasReverse: boolean;
  #words: Int32Array;
  #bytes: Uint8Array;
  /** Where the next row begins. */
  #end: number;

  /** `textSize` is about the length of the file. Throws a RangeError when the system refuses the memory. */
  constructor(textSize: number, hasReverse: boolean) {
    const buckets = Math.min(powerOfTwo(textSize / TEXT_PER_BUCKET), MAX_BUCKETS);
    this.#nameBuckets = buckets;
    this.#addressBuckets = buckets;
    this.#hasReverse = hasReverse;
    const maxByteLength = Math.min(SLACK + buckets * 8 + textSize * GROWTH, MAX_SIZE) & ~3;
    this.#end = FIRST_BUCKET + 2 * buckets;
    this.#buffer = new SharedArrayBuffer(Math.min(SLACK + buckets * 8, maxByteLength), { maxByteLength });
    this.#words = new Int32Array(this.#buffer, 0, this.#buffer.byteLength >> 2);
    this.#bytes = new Uint8Array(this.#buffer, 0, this.#buffer.byteLength);
  }

  /** Adds `name`, which has been read, under an address of `size` bytes, 4 or 16. False when the table is full. */
  add(address: Uint8Array, size: number, name: Name): boolean {
    if (this.#end + MAX_ROW_WORDS > this.#words.length && !this.#grow()) return false;
    const row = this.#end;
    this.#end += ROW_WORDS;
    const wildcard = isWildcard(name.bytes, 0);
    this.#linkAddress(row, address, size, wildcard);
    this.#linkName(row, name, wildcard);
    this.#hasWildcards ||= wildcard;
    this.#entries += wildcard || !this.#hasReverse ? 1 : 2;
    return true;
  }

  finish(): HostsTable {
    return {
      buffer: this.#buffer,
      nameBuckets: this.#nameBuckets,
      addressBuckets: this.#addressBuckets,
      hasWildcards: this.#hasWildcards,
      entries: this.#entries,
    };
  }

  #linkAddress(row: number, address: Uint8Array, size: number, wildcard: boolean): void {
    const words = this.#words;
    const bucket = FIRST_BUCKET + this.#nameBuckets + (hashAddress(address, size) & (this.#addressBuckets - 1));
    const first = this.#findAddress(words[bucket]!, address, size);
    if (first !== 0) {
      words[row + ADDRESS_LINK] = first;
      if (!wildcard) append(words, first, row, ADDRESS_NEXT);
      return;
    }
    words[row + ADDRESS_LINK] = ~((words[bucket]! << 1) | (size === 4 ? 0 : 1));
    words[bucket] = row;
    const start = (row + ROW_WORDS) * 4;
    for (let i = 0; i < size; i++) this.#bytes[start + i] = address[i]!;
    this.#end += size >> 2;
  }

  #linkName(row: number, name: Name, wildcard: boolean): void {
    const words = this.#words;
    const hash = wildcard ? wildcardHash(name) : name.hashes[0]!;
    const bucket = FIRST_BUCKET + (hash & (this.#nameBuckets - 1));
    const first = this.#findName(words[bucket]!, name);
    if (first !== 0) {
      words[row + NAME_LINK] = first;
      append(words, first, row, NAME_NEXT);
      return;
    }
    words[row + NAME_LINK] = ~words[bucket]!;
    words[bucket] = row;
    const start = this.#end * 4;
    this.#bytes[start] = name.length;
    for (let i = 0; i < name.length; i++) this.#bytes[start + 1 + i] = name.bytes[i]!;
    this.#end += (name.length + 4) >> 2;
  }

  #findAddress(from: number, address: Uint8Array, size: number): number {
    const isIpv6 = size === 4 ? 0 : 1;
    for (let row = from; row !== 0; ) {
      const link = ~this.#words[row + ADDRESS_LINK]!;
      if ((link & 1) === isIpv6 && this.#same((row + ROW_WORDS) * 4, address, size)) return row;
      row = link >>> 1;
    }
    return 0;
  }

  #findName(from: number, name: Name): number {
    const words = this.#words;
    for (let row = from; row !== 0; row = ~words[row + NAME_LINK]!) {
      const at = nameOffset(words, row);
      if (this.#bytes[at] === name.length && this.#same(at + 1, name.bytes, name.length)) return row;
    }
    return 0;
  }

  #same(at: number, other: Uint8Array, length: number): boolean {
    for (let i = 0; i < length; i++) if (this.#bytes[at + i] !== other[i]) return false;
    return true;
  }

  #grow(): boolean {
    const buffer = this.#buffer;
    const size = Math.min(buffer.byteLength + STEP, buffer.maxByteLength);
    if (size < (this.#end + MAX_ROW_WORDS) * 4) return false;
    buffer.grow(size);
    this.#words = new Int32Array(buffer, 0, size >> 2);
    this.#bytes = new Uint8Array(buffer, 0, size);
    return true;
  }
}

/** Puts `row` behind the last one of a list. */
function append(words: Int32Array, first: number, row: number, next: number): void {
  const last = words[first + next]!;
  // The ring: behind the last row comes the second of the list, which is this one when there was only one.
  words[row + next] = last === 0 ? row : words[last + next]!;
  if (last !== 0) words[last + next] = row;
  words[first + next] = row;
}

function powerOfTwo(least: number): number {
  let size = 1;
  while (size < least) size *= 2;
  return size;
}
