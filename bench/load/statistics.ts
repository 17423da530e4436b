/** Figures over repeated runs. */
/** [nanoseconds, count], rising: a bucket's middle and how many answers took as long. */
export type Histogram = [number, number][];

export type Summary = {
  median: number;
  /** Highest less lowest, as a share of the median. */
  spread: number;
  values: number[];
};

export function summarize(values: number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, spread: median === 0 ? 0 : (sorted.at(-1)! - sorted[0]!) / median, values };
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
