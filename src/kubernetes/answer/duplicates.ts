/**
 * Which records of a reply are there already? RFC 2181 section 5: a record is there once, however many slices name its
 * endpoint. Records are known by a number that their writer gives them, and compared by it. Cleared by counting up a
 * generation; nothing is allocated per query.
 */

/** Of an IPv4 address, the smallest record, 4,096 fit into a message: they fill half of it. */
const SLOTS = 8_192;
const MASK = SLOTS - 1;

export class Duplicates {
  readonly #hashes = new Int32Array(SLOTS);
  readonly #records = new Int32Array(SLOTS);
  readonly #generations = new Int32Array(SLOTS);
  #generation = 0;
  #count = 0;

  clear(): void {
    this.#generation = (this.#generation + 1) | 0;
    this.#count = 0;
  }

  /**
   * Whether a record with this hash is there that `isSame` finds equal to `record`; else `record` is kept.
   * Beyond three quarters of the room all are new: the message was full long before.
   */
  has(hash: number, record: number, isSame: (earlier: number, record: number) => boolean): boolean {
    const generations = this.#generations;
    for (let at = (hash ^ (hash >>> 15)) & MASK; ; at = (at + 1) & MASK) {
      if (generations[at] !== this.#generation) {
        if (this.#count >= (SLOTS * 3) / 4) return false;
        this.#count++;
        generations[at] = this.#generation;
        this.#hashes[at] = hash;
        this.#records[at] = record;
        return false;
      }
      if (this.#hashes[at] === hash && isSame(this.#records[at]!, record)) return true;
    }
  }
}
