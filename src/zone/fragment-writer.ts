/** Writes the fragments of a snapshot: records as wire bytes, their names compressed as `snapshot.ts` describes it. */

import { RECORD_FIXED_SIZE } from "../dns/header.ts";
import { wireLength } from "../dns/name-text.ts";
import { rdataNames } from "../dns/rdata.ts";
import { FRAGMENT_HEADER, MAX_TARGET_OFFSET, OVERSIZE, PATCH_APEX } from "./snapshot.ts";

const MAX_BYTES = 0xffff;
const MAX_COUNT = OVERSIZE - 1;
/** Names that later ones may point to. More are written in full. */
const MAX_TARGETS = 256;
const QUESTION_POINTER = 0xc00c;

/** Whose records they are: the owner of a fragment's records. */
export const Owner = { QUESTION: 0, APEX: 1 } as const;
export type Owner = (typeof Owner)[keyof typeof Owner];

/** The fragment that is being written: of one writer at a time, since zones are laid out one after the other. */
const BYTES = new Uint8Array(MAX_BYTES + 1024);
const NAMES = new Uint8Array(1 << 14);

export class FragmentWriter {
  readonly #apex: Uint8Array;
  readonly #patches: number[] = [];
  #at = 0;
  #count = 0;
  #oversize = false;
  /** Suffixes that stand in the bytes: where there, and a copy of each in `NAMES`. */
  #namesEnd = 0;
  readonly #targetOffsets = new Uint16Array(MAX_TARGETS);
  readonly #targetNames = new Uint16Array(MAX_TARGETS);
  readonly #targetLengths = new Uint8Array(MAX_TARGETS);
  #targetCount = 0;

  constructor(apex: Uint8Array) {
    this.#apex = apex;
  }

  begin(): void {
    this.#at = 0;
    this.#count = 0;
    this.#oversize = false;
    this.#patches.length = 0;
    this.#targetCount = 0;
    this.#namesEnd = 0;
  }

  /** Begins the addresses of the names in the fragment just written: pointers lead into that one. */
  beginAddresses(): void {
    this.#at = 0;
    this.#count = 0;
    this.#oversize = false;
    this.#patches.length = 0;
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  /** Adds a record. One that does not fit, and all behind it, are left out, and the fragment is marked. */
  add(owner: Owner, type: number, klass: number, ttl: number, rdata: Uint8Array): void {
    if (!this.#hasRoom(rdata.length + 2)) return;
    if (owner === Owner.APEX) this.#putApex();
    else this.#put16(QUESTION_POINTER);
    this.#putFixed(type, klass, ttl);
    const lengthAt = this.#at - 2;
    let from = 0;
    for (const offset of rdataNames(type, rdata)) {
      this.#copy(rdata, from, offset);
      from = offset + this.#putName(rdata, offset, true);
    }
    this.#copy(rdata, from, rdata.length);
    this.#setLength(lengthAt);
  }

  /** The same for a type whose name at `nameOffset` must not be compressed, but whose address may point to it. */
  addWithTarget(type: number, klass: number, ttl: number, rdata: Uint8Array, nameOffset: number): void {
    if (!this.#hasRoom(rdata.length + 2)) return;
    this.#put16(QUESTION_POINTER);
    this.#putFixed(type, klass, ttl);
    const lengthAt = this.#at - 2;
    this.#copy(rdata, 0, nameOffset);
    const length = wireLength(rdata, nameOffset);
    for (let label = 0; label < length - 1; label += rdata[nameOffset + label]! + 1) {
      this.#addTarget(this.#at + label, rdata, nameOffset + label, length - label);
    }
    this.#copy(rdata, nameOffset, rdata.length);
    this.#setLength(lengthAt);
  }

  /** Adds an address, or a signature of one, whose owner is written out in `owner`. Holds no compressible names. */
  addAddress(owner: Uint8Array, type: number, klass: number, ttl: number, rdata: Uint8Array): void {
    if (!this.#hasRoom(rdata.length + owner.length)) return;
    this.#putName(owner, 0, false);
    this.#putFixed(type, klass, ttl);
    const lengthAt = this.#at - 2;
    this.#copy(rdata, 0, rdata.length);
    this.#setLength(lengthAt);
  }

  get size(): number {
    return FRAGMENT_HEADER + 2 * this.#patches.length + this.#at;
  }

  /** Writes the fragment to `out` at `at`, where `size` bytes must be free. */
  writeTo(out: Uint8Array, at: number): void {
    const patches = this.#patches;
    const count = this.#count | (this.#oversize ? OVERSIZE : 0);
    for (const word of [count, this.#at, patches.length]) {
      out[at++] = word >> 8;
      out[at++] = word;
    }
    for (let i = 0; i < patches.length; i++) {
      out[at++] = patches[i]! >> 8;
      out[at++] = patches[i]!;
    }
    const bytes = BYTES;
    for (let i = 0; i < this.#at; i++) out[at + i] = bytes[i]!;
  }

  #hasRoom(size: number): boolean {
    if (this.#at + size + RECORD_FIXED_SIZE > MAX_BYTES || this.#count === MAX_COUNT) this.#oversize = true;
    if (!this.#oversize) this.#count++;
    return !this.#oversize;
  }

  #putFixed(type: number, klass: number, ttl: number): void {
    this.#put16(type);
    this.#put16(klass);
    this.#put16(ttl >>> 16);
    this.#put16(ttl);
    this.#put16(0);
  }

  #setLength(at: number): void {
    const length = this.#at - at - 2;
    BYTES[at] = length >> 8;
    BYTES[at + 1] = length;
  }

  #put16(value: number): void {
    BYTES[this.#at++] = value >> 8;
    BYTES[this.#at++] = value;
  }

  #copy(from: Uint8Array, start: number, end: number): void {
    const bytes = BYTES;
    let at = this.#at;
    for (let i = start; i < end; i++) bytes[at++] = from[i]!;
    this.#at = at;
  }

  #putPatched(value: number): void {
    this.#patches.push(this.#at);
    this.#put16(value);
  }

  /** The root needs one byte, a pointer two. */
  #putApex(): void {
    if (this.#apex.length === 1) BYTES[this.#at++] = 0;
    else this.#putPatched(PATCH_APEX);
  }

  /** Writes the name at `wire[at]`, its end as a pointer where it stands already. Gives its uncompressed length. */
  #putName(wire: Uint8Array, at: number, remember: boolean): number {
    const length = wireLength(wire, at);
    for (let label = 0; label < length - 1; label += wire[at + label]! + 1) {
      const left = length - label;
      if (left === this.#apex.length && sameBytes(wire, at + label, this.#apex, 0, left)) {
        this.#putPatched(PATCH_APEX);
        return length;
      }
      const target = this.#findTarget(wire, at + label, left);
      if (target >= 0) {
        this.#putPatched(target);
        return length;
      }
      if (remember) this.#addTarget(this.#at, wire, at + label, left);
      this.#copy(wire, at + label, at + label + wire[at + label]! + 1);
    }
    BYTES[this.#at++] = 0;
    return length;
  }

  #findTarget(wire: Uint8Array, at: number, length: number): number {
    for (let i = 0; i < this.#targetCount; i++) {
      if (this.#targetLengths[i] !== length) continue;
      if (sameBytes(NAMES, this.#targetNames[i]!, wire, at, length)) return this.#targetOffsets[i]!;
    }
    return -1;
  }

  #addTarget(offset: number, wire: Uint8Array, at: number, length: number): void {
    if (this.#targetCount === MAX_TARGETS || offset > MAX_TARGET_OFFSET) return;
    if (this.#namesEnd + length > NAMES.length || this.#findTarget(wire, at, length) >= 0) return;
    const i = this.#targetCount++;
    this.#targetOffsets[i] = offset;
    this.#targetNames[i] = this.#namesEnd;
    this.#targetLengths[i] = length;
    for (let k = 0; k < length; k++) NAMES[this.#namesEnd++] = wire[at + k]!;
  }
}

/** With letter case: a pointer gives its reader the other name's letters. */
function sameBytes(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}
