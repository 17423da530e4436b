/**
 * Which addresses does a slice have that it did not have before, and which not any more? Each is named once, with its
 * hash.
 */
import type { KeyedHash } from "../../memory/keyed-hash.ts";
import { AddressSet } from "./address-set.ts";
import { Salt } from "./layout.ts";

export class AddressDiff {
  addedCount = 0;
  /** Numbers of the addresses in the new list. */
  addedPositions = new Int32Array(128);
  addedHashes = new Int32Array(128);
  removedCount = 0;
  removedHashes = new Int32Array(128);

  readonly #hash: KeyedHash;
  readonly #old = new AddressSet();
  readonly #new = new AddressSet();
  readonly #words = new Int32Array(4);
  readonly #bytes = new Uint8Array(this.#words.buffer);

  constructor(hash: KeyedHash) {
    this.#hash = hash;
  }

  clear(): void {
    this.addedCount = 0;
    this.removedCount = 0;
  }

  /**
   * Compares two lists of addresses of `size` bytes. What they have in common at both ends is skipped, unless an
   * address may be in a list twice (`repeats`): one change in a slice of a hundred costs no more than the comparison.
   */
  compare(
    before: Int32Array,
    beforeAt: number,
    beforeCount: number,
    after: Int32Array,
    afterAt: number,
    afterCount: number,
    size: number,
    repeats: boolean,
  ): void {
    const words = size >> 2;
    let first = 0;
    let beforeEnd = beforeCount;
    let afterEnd = afterCount;
    if (!repeats) {
      const least = Math.min(beforeCount, afterCount);
      while (first < least && isSame(before, beforeAt + first * words, after, afterAt + first * words, words)) first++;
      while (beforeEnd > first && afterEnd > first) {
        if (!isSame(before, beforeAt + (beforeEnd - 1) * words, after, afterAt + (afterEnd - 1) * words, words)) break;
        beforeEnd--;
        afterEnd--;
      }
    }
    this.clear();
    this.#old.clear(size);
    this.#new.clear(size);
    for (let i = first; i < beforeEnd; i++) this.#old.add(before, beforeAt + i * words);
    for (let i = first; i < afterEnd; i++) {
      const at = afterAt + i * words;
      if (this.#new.add(after, at) === at && this.#old.find(after, at, before) < 0) this.#add(i, after, at, words);
    }
    for (let i = first; i < beforeEnd; i++) {
      const at = beforeAt + i * words;
      if (this.#old.find(before, at, before) === at && this.#new.find(before, at, after) < 0) {
        this.#remove(before, at, words);
      }
    }
  }

  #add(position: number, words: Int32Array, at: number, size: number): void {
    if (this.addedCount === this.addedHashes.length) {
      this.addedHashes = doubled(this.addedHashes);
      this.addedPositions = doubled(this.addedPositions);
    }
    this.addedPositions[this.addedCount] = position;
    this.addedHashes[this.addedCount++] = this.#hashOf(words, at, size);
  }

  #remove(words: Int32Array, at: number, size: number): void {
    if (this.removedCount === this.removedHashes.length) this.removedHashes = doubled(this.removedHashes);
    this.removedHashes[this.removedCount++] = this.#hashOf(words, at, size);
  }

  #hashOf(words: Int32Array, at: number, size: number): number {
    for (let i = 0; i < size; i++) this.#words[i] = words[at + i]!;
    return this.#hash.bytes(this.#bytes, 0, 4 * size, Salt.ADDRESS);
  }
}

function isSame(a: Int32Array, at: number, b: Int32Array, other: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (a[at + i] !== b[other + i]) return false;
  return true;
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
