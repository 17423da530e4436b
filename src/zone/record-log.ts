/**
 * All records of a zone while it is being built, packed: for each name a list in the order of the file. No object per record,
 * since a zone has millions.
 *
 * A record is 14 bytes and its rdata; it is known by its address, a chunk's number and an offset in the chunk:
 *    0  next     address of the name's next record, 0 for none
 *    4  type     16 bits
 *    6  class    16 bits
 *    8  ttl      32 bits
 *   12  length   of the rdata, 16 bits
 *   14  rdata
 * A name is known by its number, from 0 for the apex. A parent's number is lower than those of its children.
 */
import { MAX_NAME_LENGTH, Name } from "../dns/name.ts";
import { Type } from "../dns/types.ts";
import { NodeFlag } from "./snapshot.ts";

const CHUNK_BITS = 22;
const CHUNK_SIZE = 1 << CHUNK_BITS;
/** Most zones need only the first chunk: clearing a large one takes more than reading a small zone. Later ones grow. */
const FIRST_CHUNK_BITS = 12;
const HEADER = 14;
/** Addresses have 31 bits. */
const MAX_LOG_BYTES = 0x7fff0000;
const FIRST_NAMES = 1 << 6;
const ASTERISK = 0x2a;

/** No name of the zone. */
export const OUTSIDE = -1;
/** The log has reached its limit. */
export const FULL = -2;

export class RecordLog {
  readonly apex: Uint8Array;
  nameCount = 0;
  /** Bytes that the names and records take: for the size of the snapshot. */
  size = 0;
  /** NodeFlags that a name has of its own: CUT, DNAME, CNAME, WILDCARD_CHILD. */
  flags = new Uint8Array(FIRST_NAMES);
  parents = new Int32Array(FIRST_NAMES);
  hashes = new Int32Array(FIRST_NAMES);
  /** Names that are signed have an NSEC. */
  hasNsec = false;
  hasCut = false;

  readonly #chunks: Uint8Array[] = [];
  /** Where the next record or name goes; 0 is no address. */
  #next = 4;
  #nameAddresses = new Int32Array(FIRST_NAMES);
  #first = new Int32Array(FIRST_NAMES);
  #last = new Int32Array(FIRST_NAMES);
  /** Numbers of names plus one, by hash; at most half in use. */
  #index = new Int32Array(FIRST_NAMES * 4);
  readonly #name = new Name();

  constructor(apex: Uint8Array) {
    this.apex = apex;
    this.#name.set(apex);
    this.#addName(0, -1);
  }

  /**
   * The number of the name in `owner`, made when it is new, with all names between it and the apex. OUTSIDE when it is not in
   * the zone, FULL when there is no room for it.
   */
  nameNumber(owner: Uint8Array): number {
    const name = this.#name;
    name.read(owner, 0, MAX_NAME_LENGTH);
    const apexLabel = name.labelOf(this.apex);
    if (apexLabel < 0) return OUTSIDE;
    const found = this.#find(0);
    if (found >= 0) return found;
    let label = 1;
    let parent = this.#find(label);
    while (parent < 0) parent = this.#find(++label);
    while (label > 0 && parent >= 0) parent = this.#addName(--label, parent);
    return parent;
  }

  /** The number of the name at `wire[at]`, or OUTSIDE when it does not exist in the zone. */
  findName(wire: Uint8Array, at: number): number {
    const name = this.#name;
    name.read(wire, at, wire.length);
    return name.labelOf(this.apex) < 0 ? OUTSIDE : this.#find(0);
  }

  /** False when the log is full. */
  append(number: number, type: number, klass: number, ttl: number, rdata: Uint8Array, length: number): boolean {
    const address = this.#allocate(HEADER + length);
    if (address < 0) return false;
    const chunk = this.#chunks[address >>> CHUNK_BITS]!;
    let at = address & (CHUNK_SIZE - 1);
    write32(chunk, at, 0);
    chunk[at + 4] = type >> 8;
    chunk[at + 5] = type;
    chunk[at + 6] = klass >> 8;
    chunk[at + 7] = klass;
    write32(chunk, at + 8, ttl);
    chunk[at + 12] = length >> 8;
    chunk[at + 13] = length;
    at += HEADER;
    for (let i = 0; i < length; i++) chunk[at + i] = rdata[i]!;

    const last = this.#last[number]!;
    if (last === 0) this.#first[number] = address;
    else write32(this.#chunks[last >>> CHUNK_BITS]!, last & (CHUNK_SIZE - 1), address);
    this.#last[number] = address;
    this.size += HEADER + length;
    this.#note(number, type);
    return true;
  }

  /** The name's records as addresses, put into `list` from its start. Gives their number. */
  records(number: number, list: number[]): number {
    let count = 0;
    for (let address = this.#first[number]!; address !== 0; ) {
      list[count++] = address;
      const chunk = this.#chunks[address >>> CHUNK_BITS]!;
      address = read32(chunk, address & (CHUNK_SIZE - 1));
    }
    return count;
  }

  /** The chunk that holds the address, a name's or a record's. */
  chunk(address: number): Uint8Array {
    return this.#chunks[address >>> CHUNK_BITS]!;
  }

  offset(address: number): number {
    return address & (CHUNK_SIZE - 1);
  }

  type(address: number): number {
    const chunk = this.chunk(address);
    const at = this.offset(address);
    return (chunk[at + 4]! << 8) | chunk[at + 5]!;
  }

  class(address: number): number {
    const chunk = this.chunk(address);
    const at = this.offset(address);
    return (chunk[at + 6]! << 8) | chunk[at + 7]!;
  }

  ttl(address: number): number {
    return read32(this.chunk(address), this.offset(address) + 8) >>> 0;
  }

  /** The rdata where it stands: valid as long as nothing is appended. */
  rdata(address: number): Uint8Array {
    const chunk = this.chunk(address);
    const at = this.offset(address);
    return chunk.subarray(at + HEADER, at + HEADER + ((chunk[at + 12]! << 8) | chunk[at + 13]!));
  }

  /** Address of a length byte and as many bytes: the name without the zone's own. */
  nameAddress(number: number): number {
    return this.#nameAddresses[number]!;
  }

  #note(number: number, type: number): void {
    if (type === Type.NS && number !== 0) {
      this.flags[number]! |= NodeFlag.CUT;
      this.hasCut = true;
    } else if (type === Type.DNAME) {
      this.flags[number]! |= NodeFlag.DNAME;
      this.hasCut = true;
    } else if (type === Type.CNAME) {
      this.flags[number]! |= NodeFlag.CNAME;
    } else if (type === Type.NSEC) {
      this.hasNsec = true;
    }
  }

  #find(label: number): number {
    const name = this.#name;
    const hash = name.hashes[label]!;
    const index = this.#index;
    const mask = index.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const number = index[slot]! - 1;
      if (number < 0) return OUTSIDE;
      if (this.hashes[number] === hash && this.#isName(number, label)) return number;
    }
  }

  #isName(number: number, label: number): boolean {
    const name = this.#name;
    const address = this.#nameAddresses[number]!;
    const chunk = this.#chunks[address >>> CHUNK_BITS]!;
    const at = address & (CHUNK_SIZE - 1);
    const start = name.offsets[label]!;
    const length = name.length - this.apex.length - start;
    if (chunk[at] !== length) return false;
    for (let i = 0; i < length; i++) if (chunk[at + 1 + i] !== name.bytes[start + i]) return false;
    return true;
  }

  #addName(label: number, parent: number): number {
    const name = this.#name;
    const start = name.offsets[label]!;
    const length = name.length - this.apex.length - start;
    const address = this.#allocate(1 + length);
    if (address < 0) return FULL;
    const number = this.nameCount++;
    if (number === this.#first.length) this.#grow();
    const chunk = this.#chunks[address >>> CHUNK_BITS]!;
    const at = address & (CHUNK_SIZE - 1);
    chunk[at] = length;
    for (let i = 0; i < length; i++) chunk[at + 1 + i] = name.bytes[start + i]!;
    this.#nameAddresses[number] = address;
    this.hashes[number] = name.hashes[label]!;
    this.parents[number] = parent;
    this.#insert(number);
    if (length > 1 && chunk[at + 1] === 1 && chunk[at + 2] === ASTERISK) {
      this.flags[parent]! |= NodeFlag.WILDCARD_CHILD;
    }
    this.size += 1 + length;
    return number;
  }

  #insert(number: number): void {
    if ((number + 1) * 2 > this.#index.length) {
      this.#index = new Int32Array(this.#index.length * 2);
      for (let i = 0; i <= number; i++) this.#place(i);
      return;
    }
    this.#place(number);
  }

  #place(number: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let slot = this.hashes[number]! & mask;
    while (index[slot] !== 0) slot = (slot + 1) & mask;
    index[slot] = number + 1;
  }

  /** Room in one chunk. Gives its address, or -1 when there is none left. */
  #allocate(size: number): number {
    const end = (this.#next & (CHUNK_SIZE - 1)) + size;
    if (end > CHUNK_SIZE || end > (this.#chunks[this.#next >>> CHUNK_BITS]?.length ?? 0)) {
      const number = this.#chunks.length;
      if (number > 0) this.#next = number << CHUNK_BITS;
      if (this.#next + CHUNK_SIZE > MAX_LOG_BYTES) return -1;
      const usual = 1 << Math.min(FIRST_CHUNK_BITS + 4 * number, CHUNK_BITS);
      this.#chunks.push(new Uint8Array(Math.max(usual, (this.#next & (CHUNK_SIZE - 1)) + size)));
    }
    const address = this.#next;
    this.#next += size;
    return address;
  }

  #grow(): void {
    const size = this.#first.length * 2;
    this.flags = copied(this.flags, new Uint8Array(size));
    this.parents = copied(this.parents, new Int32Array(size));
    this.hashes = copied(this.hashes, new Int32Array(size));
    this.#nameAddresses = copied(this.#nameAddresses, new Int32Array(size));
    this.#first = copied(this.#first, new Int32Array(size));
    this.#last = copied(this.#last, new Int32Array(size));
  }
}

function copied<Words extends Uint8Array | Int32Array>(from: Words, to: Words): Words {
  to.set(from);
  return to;
}

function read32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export function write32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}
