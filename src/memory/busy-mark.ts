/** What a writer puts in the place of a slot's version while it is inside: odd, and so told from any version. */

/** Older marks were left by writers that are dead: writing takes microseconds. In units of 1/8 second. */
const ABANDONED = 8;

/** The time in eighths of a second (20 bits), the worker (10 bits), 1. `now` in milliseconds. */
export function busyMark(worker: number, now: number): number {
  return ((Math.floor(now / 125) & 0xfffff) << 11) | (worker << 1) | 1;
}

/** Whether whoever left `mark` is dead by the time of `now`, a mark too. One from a moment ahead is alive: clocks are read late. */
export function isAbandoned(mark: number, now: number): boolean {
  return (((now >>> 11) - (mark >>> 11) + ABANDONED) & 0xfffff) > 2 * ABANDONED;
}
