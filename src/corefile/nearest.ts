/**
 * Finds the word that was probably meant: the nearest of `known`, or none when all are too far from `word`. A short word may be
 * a slip further from the one that it means, when no other is as near.
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > MAX_WORD_LENGTH) return undefined;
  const lower = word.toLowerCase();
  // One slip in three letters is a typing mistake, more is another word.
  const limit = Math.max(1, Math.floor(word.length / 3));
  const isShort = word.length >= 4 && limit === 1;
  let best: string | undefined;
  let least = Math.min(limit + 1, word.length);
  const further: string[] = [];
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) > limit + 1) continue;
    const slips = distance(lower, candidate.toLowerCase());
    if (slips < least) {
      best = candidate;
      least = slips;
    } else if (isShort && slips < limit + 2) {
      further.push(candidate);
    }
  }
  return best ?? (further.length === 1 ? further[0] : undefined);
}

/** No option has a longer name; the time for a comparison grows with the square of the length. */
const MAX_WORD_LENGTH = 64;

/** Of two words that are as near, one that lacks a letter or has one too many is likelier than one with another letter. */
const CHANGE = 1.01;

/** Letters to add, drop, change or swap with their neighbour until `a` is `b` (optimal string alignment). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : CHANGE);
      let least = Math.min(changed, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, beforeLast[j - 2]! + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
