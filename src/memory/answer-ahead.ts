/**
 * Reads what look-ups in an `AnswerTable` will read, for many keys at once and for no other use than to have it in the
 * processor's cache then. What stands there may change at any time, so it is only followed, within the memory.
 */
import { Header, SetWord, setAt, setOf, WAYS } from "./answer-table.ts";

/** A cache line. Most answers and their names end in the third. */
const LINE_WORDS = 16;

export class AnswerAhead {
  /** Of no meaning: the compiler would leave out loads that lead to nothing. */
  fetched = 0;
  readonly #words: Int32Array;
  readonly #sets: number;
  readonly #slots: number;
  readonly #slotWords: number;
  readonly #places: Int32Array;

  /** For at most `size` keys at a time. */
  constructor(table: SharedArrayBuffer, size: number) {
    this.#words = new Int32Array(table);
    this.#sets = this.#words[Header.SETS]!;
    this.#slots = setAt(this.#sets);
    this.#slotWords = this.#words[Header.SLOT_WORDS]!;
    this.#places = new Int32Array(size);
  }

  /** The tags of `count` keys' sets, by the keys' hashes. */
  fetchTags(hashes: Int32Array, count: number): void {
    const words = this.#words;
    const sets = this.#sets;
    let seen = 0;
    for (let i = 0; i < count; i++) seen ^= words[setAt(setOf(hashes[i]!, sets)) + SetWord.TAGS]!;
    this.fetched = seen;
  }

  /** Then the slots that may have their answers. Puts which way of its set that is into `ways`, -1 where there is none. */
  fetchSlots(hashes: Int32Array, count: number, ways: Int8Array): void {
    const words = this.#words;
    const places = this.#places;
    let found = 0;
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!;
      const set = setOf(hash, this.#sets);
      const first = setAt(set) + SetWord.TAGS;
      let way = 0;
      while (way < WAYS && words[first + way] !== hash) way++;
      if (way < WAYS) {
        places[found++] = this.#slotAt(set, way);
        ways[i] = way;
      } else {
        ways[i] = -1;
      }
    }
    for (let i = 0; i < found; i++) {
      const at = places[i]!;
      seen ^= words[at]! ^ words[at + LINE_WORDS]! ^ words[at + 2 * LINE_WORDS]!;
    }
    this.fetched = seen;
  }

  /** For those whose answers are to come: the slots that most likely make room for them. */
  fetchVictims(hashes: Int32Array, count: number): void {
    const words = this.#words;
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const set = setOf(hashes[i]!, this.#sets);
      const at = this.#slotAt(set, nextNewcomer(words[setAt(set) + SetWord.CONTROL]!));
      seen ^= words[setAt(set) + SetWord.DEADLINES]! ^ words[at]! ^ words[at + LINE_WORDS]!;
    }
    this.fetched = seen;
  }

  #slotAt(set: number, way: number): number {
    return this.#slots + (way * this.#sets + set) * this.#slotWords;
  }
}

/** Where the hand of newcomers stops next, by a set's word CONTROL. */
export function nextNewcomer(control: number): number {
  const hand = (control >> 16) & 15;
  const newcomers = ~control & 0xffff;
  const around = ((newcomers | (newcomers << 16)) >>> hand) & 0xffff;
  return around === 0 ? hand : (hand + 31 - Math.clz32(around & -around)) & 15;
}
