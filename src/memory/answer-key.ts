/** What an answer depends on, as the answer cache compares it: the name in lower case, type, class, DO and CD. */
import type { Name } from "../dns/name.ts";

export class AnswerKey {
  /** Of all that follows; never 0, which marks a free place. */
  hash = 1;
  name!: Name;
  /** Type in the upper half, class in the lower. */
  question = 0;
  /** DO as 1, CD as 2: whoever wants signatures gets other records, whoever checks them himself gets unchecked ones. */
  variant = 0;

  set(name: Name, type: number, klass: number, dnssecOk: boolean, checkingDisabled: boolean): void {
    this.name = name;
    this.question = (type << 16) | klass;
    this.variant = (dnssecOk ? 1 : 0) | (checkingDisabled ? 2 : 0);
    let hash = name.hashes[0]! ^ Math.imul(this.question, 0x9e3779b1) ^ Math.imul(this.variant, 0x85ebca6b);
    // Two rounds of mixing: sets are chosen by the high bits, which FNV leaves alike for names that differ at their end.
    hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
    hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
    hash ^= hash >>> 16;
    this.hash = hash === 0 ? 1 : hash;
  }
}
