/**
 * How much is owed? A table of accounts of one size, shared by all workers, eight to a set that the hash chooses. An account
 * is 16 bytes:
 *    0  DUE   when it is even again, in milliseconds on the server's clock, a 64-bit float; by how far it lies in the past,
 *             that much may be spent
 *    8  TAG   the hash; 0: free
 *   12  OVER  how often in a row it could not pay
 *
 * All of it is written by plain stores: of two workers that charge one account at the same moment one may go unheard, which
 * lets through a reply too many. An account that was not charged for a second is as good as none, so it makes room first; then
 * the one that owes least. So a flood from a million networks cannot drive out those that it is about.
 */

const WAYS = 8;
/** In floats, and in words of 32 bits. */
const FLOATS = 2;
const WORDS = 4;
const TAG = 2;
const OVER = 3;
/** What an account gains in so long it may spend at once, and no more; but one reply always, however long that takes. */
const CREDIT_MS = 1_000;
/** Three times the third of a second is a second, also in floats of times that have seven digits before their point. */
const ROUNDING_MS = 0.001;

export class Accounts {
  readonly #floats: Float64Array;
  readonly #words: Int32Array;
  readonly #sets: number;

  constructor(buffer: SharedArrayBuffer) {
    this.#floats = new Float64Array(buffer);
    this.#words = new Int32Array(buffer);
    this.#sets = this.#words.length / (WAYS * WORDS);
  }

  static allocate(accounts: number): SharedArrayBuffer {
    return new SharedArrayBuffer(Math.ceil(accounts / WAYS) * WAYS * WORDS * 4);
  }

  /**
   * Charges the account of `hash` one reply, of which `perSecond` are allowed; no debt is larger than what `windowMs` brings.
   * Gives 0 when it could pay, else how often in a row it could not.
   */
  charge(hash: number, now: number, perSecond: number, windowMs: number): number {
    const at = this.#find(hash === 0 ? 1 : hash);
    const price = 1_000 / perSecond;
    const floats = this.#floats;
    const words = this.#words;
    const due = Math.max(floats[at * FLOATS]!, now - Math.max(CREDIT_MS, price)) + price;
    floats[at * FLOATS] = Math.min(due, now + windowMs);
    if (due <= now + ROUNDING_MS) {
      words[at * WORDS + OVER] = 0;
      return 0;
    }
    return ++words[at * WORDS + OVER]!;
  }

  /** The account with this tag, or a new one in the place of another. */
  #find(tag: number): number {
    const floats = this.#floats;
    const words = this.#words;
    const first = Math.floor(((tag >>> 0) / 2 ** 32) * this.#sets) * WAYS;
    let least = first;
    for (let at = first; at < first + WAYS; at++) {
      if (words[at * WORDS + TAG] === tag) return at;
      if (floats[at * FLOATS]! < floats[least * FLOATS]!) least = at;
    }
    words[least * WORDS + TAG] = tag;
    words[least * WORDS + OVER] = 0;
    floats[least * FLOATS] = Number.NEGATIVE_INFINITY;
    return least;
  }
}
