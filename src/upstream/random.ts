/**
 * Random numbers that nobody can guess, for ids, letter case and choices (RFC 5452 section 4.3): from the system's
 * generator, taken a pool at a time since one call costs as much for 4 bytes as for 4 KiB.
 */

/** Words in the pool: getRandomValues gives at most 64 KiB at once. */
const POOL_WORDS = 4_096;

const pool = new Uint32Array(POOL_WORDS);
let next = POOL_WORDS;

/** 32 random bits. */
export function randomWord(): number {
  if (next === POOL_WORDS) {
    crypto.getRandomValues(pool);
    next = 0;
  }
  return pool[next++]!;
}

/** An integer from 0 to `count` - 1. The counts here are so small that the bias, `count` in 2^32, cannot be seen. */
export function randomBelow(count: number): number {
  return Math.floor((randomWord() / 0x1_0000_0000) * count);
}
