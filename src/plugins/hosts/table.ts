/**
 * Which addresses has a name, and which names has an address? The entries of a hosts file in one piece of shared memory,
 * filled by one thread (`table-builder.ts`) before anyone else sees it, then never changed; a changed file is another table,
 * and the reference to it is swapped whole. A row takes 16 bytes, and its address and name where they are new: a list of 24 MiB
 * with 750,000 names becomes 37 MiB.
 *
 * In 32-bit words, the first of them unused so that 0 can mean "none":
 *    name buckets     a power of two, each the first row of a list of names, linked by their word 1
 *    address buckets  the same for addresses, linked by word 3
 *    rows             one for each pair of an address and a name, in the order of the file
 *
 * A row, at word r:
 *    0  next     row of the same name; in a name's first row: its last row, 0 when it has only this one
 *    1  name     in a name's first row ~(next first row in the bucket), negative; else the name's first row
 *    2  next     row of the same address, in the same way
 *    3  address  in an address's first row ~(next first row in the bucket << 1 | 1 for IPv6), negative; else that first row
 *    4  in an address's first row: its 4 or 16 bytes
 *       in a name's first row then: a byte for the name's length, and the name in wire form in lower case
 *
 * So the later rows of a name, or of an address, are a ring that is entered behind its end: they can be appended and read in
 * the order of the file. Wildcard names stand in the buckets under the hash of their parent, changed by WILDCARD. They are
 * no names of an address: a row of theirs is in the list of its address only as the first row, and is left out by readers.
 *
 * Readers check nothing: who publishes the table has sent a message since the last store.
 */
import { hashByte, type Name } from "../../dns/name.ts";

/** What is sent from thread to thread. */
export interface HostsTable {
  readonly buffer: SharedArrayBuffer;
  readonly nameBuckets: number;
  readonly addressBuckets: number;
  readonly hasWildcards: boolean;
  /** Names, and the reverse names that they give their addresses. */
  readonly entries: number;
}

export const NAME_NEXT = 0;
export const NAME_LINK = 1;
export const ADDRESS_NEXT = 2;
export const ADDRESS_LINK = 3;
export const ROW_WORDS = 4;
/** Where the name buckets start. */
export const FIRST_BUCKET = 1;
const WILDCARD = 0x2a2a2a2a;

/** A table as a worker reads it. Rows are numbers; 0 is none. */
export class Hosts {
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #nameMask: number;
  readonly #addressStart: number;
  readonly #addressMask: number;
  readonly #hasWildcards: boolean;

  constructor({ buffer, nameBuckets, addressBuckets, hasWildcards }: HostsTable) {
    this.bytes = new Uint8Array(buffer, 0, buffer.byteLength);
    this.#words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
    this.#nameMask = nameBuckets - 1;
    this.#addressStart = FIRST_BUCKET + nameBuckets;
    this.#addressMask = addressBuckets - 1;
    this.#hasWildcards = hasWildcards;
  }

  /** The first row of a name. */
  find(name: Name): number {
    const words = this.#words;
    let row = words[FIRST_BUCKET + (name.hashes[0]! & this.#nameMask)]!;
    while (row !== 0 && !this.#isName(row, name, 0, 0)) row = ~words[row + NAME_LINK]!;
    return row;
  }

  /** The first row of the wildcard that stands for a name. */
  findWildcard(name: Name): number {
    if (!this.#hasWildcards || name.labelCount < 2) return 0;
    const words = this.#words;
    let row = words[FIRST_BUCKET + (wildcardHash(name) & this.#nameMask)]!;
    while (row !== 0 && !this.#isWildcardOf(row, name)) row = ~words[row + NAME_LINK]!;
    return row;
  }

  /** The first row of the address of `size` bytes, 4 or 16. */
  findAddress(address: Uint8Array, size: number): number {
    const words = this.#words;
    let row = words[this.#addressStart + (hashAddress(address, size) & this.#addressMask)]!;
    while (row !== 0) {
      const link = ~words[row + ADDRESS_LINK]!;
      if ((link & 1) === (size === 4 ? 0 : 1) && this.#isAddress(row, address, size)) return row;
      row = link >>> 1;
    }
    return 0;
  }

  /** The row behind `row` in the list that begins with `first`; `next` is NAME_NEXT or ADDRESS_NEXT. */
  following(first: number, row: number, next: number): number {
    const words = this.#words;
    const last = words[first + next]!;
    if (row === last || last === 0) return 0;
    return row === first ? words[last + next]! : words[row + next]!;
  }

  /** The row that has the bytes of this row's address, at byte `(row + ROW_WORDS) * 4`. */
  addressRow(row: number): number {
    const link = this.#words[row + ADDRESS_LINK]!;
    return link < 0 ? row : link;
  }

  /** Whether an address, given by the row with its bytes, is one of IPv6. */
  isIpv6(addressRow: number): boolean {
    return (~this.#words[addressRow + ADDRESS_LINK]! & 1) === 1;
  }

  /** Where the name of a row begins in `bytes`, behind the byte with its length. */
  nameOffset(row: number): number {
    const link = this.#words[row + NAME_LINK]!;
    return nameOffset(this.#words, link < 0 ? row : link) + 1;
  }

  /** Whether a name's first row has the suffix of `name` from `from` on, behind `skip` bytes. */
  #isName(row: number, name: Name, from: number, skip: number): boolean {
    const stored = this.bytes;
    const at = nameOffset(this.#words, row);
    if (stored[at]! !== name.length - from + skip) return false;
    const bytes = name.bytes;
    const start = at + 1 + skip;
    for (let i = name.length - from - 1; i >= 0; i--) if (stored[start + i] !== bytes[from + i]) return false;
    return true;
  }

  #isWildcardOf(row: number, name: Name): boolean {
    return isWildcard(this.bytes, nameOffset(this.#words, row) + 1) && this.#isName(row, name, name.offsets[1]!, 2);
  }

  #isAddress(row: number, address: Uint8Array, size: number): boolean {
    const start = (row + ROW_WORDS) * 4;
    for (let i = 0; i < size; i++) if (this.bytes[start + i] !== address[i]) return false;
    return true;
  }
}

/** The byte at which a name's first row keeps the length of its name. */
export function nameOffset(words: Int32Array, row: number): number {
  const link = words[row + ADDRESS_LINK]!;
  const addressWords = link >= 0 ? 0 : (~link & 1) === 1 ? 4 : 1;
  return (row + ROW_WORDS + addressWords) * 4;
}

/** Whether the wire name at `at` begins with a label `*`. */
export function isWildcard(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 1 && bytes[at + 1] === ASTERISK;
}
const ASTERISK = 0x2a;

/** What a wildcard is found by, given a name that it stands for, such as its own. */
export function wildcardHash(name: Name): number {
  return name.hashes[1]! ^ WILDCARD;
}

export function hashAddress(address: Uint8Array, size: number): number {
  let hash = size;
  for (let i = 0; i < size; i++) hash = hashByte(hash, address[i]!);
  return hash ^ (hash >>> 15);
}
