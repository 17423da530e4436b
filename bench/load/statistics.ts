/** Figures over repeated runs. */
/** [nanoseconds, count], rising: a bucket's middle and how many answers took as long. */
export type Histogram = [number, number][];

export type Summary = {
  median: number;
  /**
   * Between which values the median of any number of rounds is, with 95 % certainty, as a share of the median. Of up to eight rounds
   * that is the highest less the lowest.
   */
  spread: number;
  values: number[];
};

export function summarize(values: number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  const outside = roundsOutside(sorted.length);
  const width = sorted.at(-1 - outside)! - sorted[outside]!;
  return { median, spread: median === 0 ? 0 : width / median, values };
}

/** As many of the lowest and of the highest can be left out: that the median is beyond them has a chance of 5 % (a sign test). */
function roundsOutside(rounds: number): number {
  let chance = 2 ** (1 - rounds);
  let sum = chance;
  let outside = 0;
  for (let i = 1; i < rounds; i++) {
    chance *= (rounds - i + 1) / i;
    sum += chance;
    if (sum > 0.05) break;
    outside = i;
  }
  return outside;
}

export function countOf(histogram: Histogram): number {
  return histogram.reduce((sum, [, count]) => sum + count, 0);
}

/** In microseconds: the least value that `share` of all answers do not exceed. */
export function percentileMicros(histogram: Histogram, share: number): number {
  const total = countOf(histogram);
  let seen = 0;
  for (const [value, count] of histogram) {
    seen += count;
    if (seen >= share * total) return value / 1e3;
  }
  return 0;
}

/** Milliseconds on the monotonic clock of the system, the same in all processes. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
