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
    let hash = hashWords(name) ^ Math.imul(this.question, 0x9e3779b1) ^ Math.imul(this.variant, 0x85ebca6b);
    // Two rounds of mixing: sets are chosen by the high bits, tags are compared by all.
    hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
    hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
    hash ^= hash >>> 16;
    this.hash = hash === 0 ? 1 : hash;
  }
}

/** Four bytes a step: FNV-1a, whose high bits are brought down before the next one. */
function hashWords({ words, length }: Name): number {
  const whole = length >> 2;
  let hash = length;
  for (let i = 0; i < whole; i++) {
    hash = Math.imul(hash ^ words[i]!, 0x01000193);
    hash ^= hash >>> 15;
  }
  const rest = length & 3;
  return rest === 0 ? hash : Math.imul(hash ^ (words[whole]! & ((1 << (rest << 3)) - 1)), 0x01000193);
}
