/**
 * Which of these addresses was there before? A set that is filled and emptied again and again, for the making of one
 * row.
 */
import { randomBytes } from "node:crypto";

const FACTOR = randomBytes(4).readInt32LE() | 1;
const MAX_ROUND = 0xffff;

export class AddressSet {
  /** Position of an address, and one; 0 is free. */
  #slots = new Int32Array(256);
  /** The round in which a slot was used last: a new round empties all. Before their numbers begin anew all are cleared. */
  #rounds = new Uint16Array(256);
  #round = 0;
  #count = 0;
  #size = 4;

  /** Begins with nothing in it. Addresses have `size` bytes. */
  clear(size: number): void {
    if (this.#round === MAX_ROUND) {
      this.#rounds.fill(0);
      this.#round = 0;
    }
    this.#round++;
    this.#count = 0;
    this.#size = size >> 2;
  }

  /** Where in `stored`, which all that was added stands in, the address at `words[at]` is; -1 when it was not added. */
  find(words: Int32Array, at: number, stored: Int32Array): number {
    const slot = this.#slotOf(words, at, stored);
    return this.#rounds[slot] === this.#round ? this.#slots[slot]! : -1;
  }

  /**
   * Adds the address at `words[at]`, which must stay there. Gives `at`, or where the same address was that was added
   * before.
   */
  add(words: Int32Array, at: number): number {
    if (this.#count * 2 >= this.#slots.length) this.#grow(words);
    const slot = this.#slotOf(words, at, words);
    if (this.#rounds[slot] === this.#round) return this.#slots[slot]!;
    this.#rounds[slot] = this.#round;
    this.#slots[slot] = at;
    this.#count++;
    return at;
  }

  #slotOf(words: Int32Array, at: number, stored: Int32Array): number {
    const mask = this.#slots.length - 1;
    // Addresses of a network differ in their last byte, which is the highest of a word: it must get to the lowest bits.
    let hash = 0;
    for (let i = 0; i < this.#size; i++) {
      hash = Math.imul(hash ^ words[at + i]!, FACTOR);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
    for (let slot = (hash ^ (hash >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      if (this.#rounds[slot] !== this.#round) return slot;
      if (this.#same(words, at, stored, this.#slots[slot]!)) return slot;
    }
  }

  #same(a: Int32Array, at: number, b: Int32Array, other: number): boolean {
    for (let i = 0; i < this.#size; i++) if (a[at + i] !== b[other + i]) return false;
    return true;
  }

  #grow(words: Int32Array): void {
    const slots = this.#slots;
    const rounds = this.#rounds;
    const round = this.#round;
    this.#slots = new Int32Array(slots.length * 2);
    this.#rounds = new Uint16Array(slots.length * 2);
    for (let i = 0; i < slots.length; i++) {
      if (rounds[i] !== round) continue;
      const slot = this.#slotOf(words, slots[i]!, words);
      this.#rounds[slot] = round;
      this.#slots[slot] = slots[i]!;
    }
  }
}
