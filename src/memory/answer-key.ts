/** What an answer depends on, as the answer cache compares it: the name in lower case, type, class, DO and CD. */
import type { Name } from "../dns/name.ts";
import type { KeyedHash } from "./keyed-hash.ts";

export class AnswerKey {
  /**
   * Of all that follows; never 0, which marks a free place. Nobody can choose a name that has another's, and so be waited for in
   * its place (`in-flight.ts`) or take its room.
   */
  hash = 1;
  name!: Name;
  /** Type in the upper half, class in the lower. */
  question = 0;
  /** DO as 1, CD as 2: whoever wants signatures gets other records, whoever checks them himself gets unchecked ones. */
  variant = 0;
  readonly #keyed: KeyedHash;

  constructor(keyed: KeyedHash) {
    this.#keyed = keyed;
  }

  set(name: Name, type: number, klass: number, dnssecOk: boolean, checkingDisabled: boolean): void {
    this.name = name;
    this.question = (type << 16) | klass;
    this.variant = (dnssecOk ? 1 : 0) | (checkingDisabled ? 2 : 0);
    if (name.keyedBy !== this.#keyed) {
      name.keyedHash = this.#keyed.bytes(name.bytes, 0, name.length, 0);
      name.keyedBy = this.#keyed;
    }
    const hash = name.keyedHash ^ Math.imul(this.question, 0x9e3779b1) ^ Math.imul(this.variant, 0x85ebca6b);
    this.hash = hash === 0 ? 1 : hash;
  }
}
