/**
 * A name out of a message, ready to be looked up: lower-cased, cut into labels, with a hash for each of its suffixes when
 * somebody wants it. One object is reused for every query, so reading a name allocates nothing.
 */
import { allocateBytes, type Bytes, lowerWord, readWord } from "./bytes.ts";

/** RFC 1035 section 3.1: a name has at most 255 bytes, its root label included. */
export const MAX_NAME_LENGTH = 255;
/** 255 bytes hold at most 127 labels of one byte, and the root. */
export const MAX_LABELS = 127;
/** What `Name.read` gives for bytes that are no name; every good result is positive. */
export const BAD_NAME = -1;

/** Start of every name hash: FNV-1a's offset basis. */
const HASH_START = 0x811c9dc5 | 0;
const HASH_PRIME = 0x01000193;

/** One more byte in a hash: a step of FNV-1a. */
export function hashByte(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, HASH_PRIME);
}

/** The end of a label: FNV leaves its low bits poor, and tables take the low bits, so the high ones are mixed in. */
export function hashLabelEnd(hash: number): number {
  return hash ^ (hash >>> 15);
}

/** Maps A-Z to a-z and leaves every other byte alone (RFC 4343: only ASCII letters have case). */
export const LOWER = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) LOWER[byte] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;

const NO_HASHES = new Int32Array(0);

export class Name {
  /** The name as uncompressed wire bytes in lower case, `length` of them, the root label included. */
  readonly bytes: Bytes = allocateBytes(MAX_NAME_LENGTH + 1);
  /** The same memory in words of four bytes, for comparing; what follows the name in the last word is left over. */
  readonly words: Int32Array = new Int32Array(this.bytes.buffer);
  length = 1;
  /** Labels without the root: `example.org.` has two. */
  labelCount = 0;
  /** Where label i starts in `bytes`; entry `labelCount` is the root label. */
  readonly offsets: Uint8Array = new Uint8Array(MAX_LABELS + 1);
  /**
   * What a plugin that looked ahead has left with the name, until it is another one. `hint`: where its table may have the name,
   * 0 is nothing. `isLive`: it answers the name, from a table of its own, so nobody needs to look for a kept answer.
   */
  hint = 0;
  isLive = false;
  /** The whole name's hash by `keyedBy`, whose owner has left it here: what looks ahead and what looks up need the same one. */
  keyedHash = 0;
  keyedBy: object | undefined = undefined;
  /**
   * Where `cache` has seen answers to the question of hash `seenHash` (0: it has not looked): ways of the set of its denials
   * and of its successes, -1 for none.
   */
  seenHash = 0;
  seenDenial = -1;
  seenSuccess = -1;
  /** Made with the first that are asked for. */
  #hashes: Int32Array = NO_HASHES;
  #hashed = false;
  /** Whether the sender wrote capital letters, so that its bytes are not these. */
  mixedCase = false;

  /**
   * Reads an uncompressed name from `source` at `start`; stops before `end`. Gives the offset behind it or BAD_NAME.
   * A question's name stands first in its message, so it has nothing to point to: a pointer there is an error.
   */
  read(source: Bytes, start: number, end: number): number {
    const offsets = this.offsets;
    let at = start;
    let labels = 0;
    for (;;) {
      if (at >= end) return BAD_NAME;
      const size = source[at]!;
      if (size === 0) break;
      // 64 and more is a compression pointer or a reserved label type (RFC 1035 section 4.1.4).
      if (size > 63 || at + size >= end || at - start + size + 2 > MAX_NAME_LENGTH) return BAD_NAME;
      offsets[labels++] = at - start;
      at += size + 1;
    }
    offsets[labels] = at - start;
    at++;
    this.length = at - start;
    this.labelCount = labels;
    this.mixedCase = this.#lower(source, start);
    this.#begin();
    return at;
  }

  /** Takes the bytes of a name of this length in lower case; a label's length is below all letters. Gives whether any was not. */
  #lower(source: Bytes, start: number): boolean {
    const { bytes, words, length } = this;
    const view = source.view;
    const wholeWords = length >> 2;
    let capitals = 0;
    for (let i = 0; i < wholeWords; i++) {
      const word = readWord(source, view, start + 4 * i);
      const lower = lowerWord(word);
      capitals |= word ^ lower;
      words[i] = lower;
    }
    for (let i = 4 * wholeWords; i < length; i++) {
      const byte = source[start + i]!;
      const lower = LOWER[byte]!;
      capitals |= byte ^ lower;
      bytes[i] = lower;
    }
    return capitals !== 0;
  }

  /**
   * `hashes[i]` is the hash of the suffix that starts with label i; entry `labelCount` is the root's. They are computed when
   * they are first asked for: the answer cache and the cluster's table find names by other hashes.
   */
  get hashes(): Int32Array {
    if (!this.#hashed) this.#hash();
    return this.#hashes;
  }

  /** Takes over a name in wire form, for example one that `nameToWire` made. It must be a valid one. */
  set(wire: Uint8Array): void {
    if (this.read(wire, 0, wire.length) === BAD_NAME) throw new RangeError("not a name in wire form");
  }

  copyFrom(other: Name): void {
    this.length = other.length;
    this.labelCount = other.labelCount;
    this.mixedCase = other.mixedCase;
    this.#begin();
    for (let i = 0; i < other.length; i++) this.bytes[i] = other.bytes[i]!;
    for (let i = 0; i <= other.labelCount; i++) this.offsets[i] = other.offsets[i]!;
  }

  /** A copy of the wire bytes, in lower case. */
  toWire(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /** Whether the suffix that starts with label `label` is the lower-case wire name `other`. */
  suffixEquals(label: number, other: Uint8Array): boolean {
    const start = this.offsets[label]!;
    const size = this.length - start;
    if (other.length !== size) return false;
    const bytes = this.bytes;
    for (let i = 0; i < size; i++) if (bytes[start + i] !== other[i]) return false;
    return true;
  }

  /** The label at which the lower-case wire name `zone` begins, 0 for the name itself; -1 when the name is not in it. */
  labelOf(zone: Uint8Array): number {
    const start = this.length - zone.length;
    if (start < 0) return -1;
    const offsets = this.offsets;
    for (let label = this.labelCount; label >= 0; label--) {
      const offset = offsets[label]!;
      if (offset < start) return -1;
      if (offset === start) return this.suffixEquals(label, zone) ? label : -1;
    }
    return -1;
  }

  /** Nothing is known yet of the name that has been read. */
  #begin(): void {
    this.#hashed = false;
    this.hint = 0;
    this.isLive = false;
    this.keyedBy = undefined;
    this.seenHash = 0;
  }

  /** From the root to the front, so that one pass gives the hash of every suffix. */
  #hash(): void {
    const bytes = this.bytes;
    const offsets = this.offsets;
    if (this.#hashes === NO_HASHES) this.#hashes = new Int32Array(MAX_LABELS + 1);
    const hashes = this.#hashes;
    this.#hashed = true;
    let hash = HASH_START;
    let stop = this.length - 1;
    hashes[this.labelCount] = hash;
    for (let label = this.labelCount - 1; label >= 0; label--) {
      const start = offsets[label]!;
      for (let i = start; i < stop; i++) hash = hashByte(hash, bytes[i]!);
      hash = hashLabelEnd(hash);
      hashes[label] = hash;
      stop = start;
    }
  }
}

/** The hash that `Name` computes for a whole lower-case wire name: what builders of tables use. */
export function hashName(wire: Uint8Array): number {
  scratch.set(wire);
  return scratch.hashes[0]!;
}
const scratch = new Name();
