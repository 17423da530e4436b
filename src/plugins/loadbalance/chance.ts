/** Cheap random numbers for the order of records: nobody gains by guessing them, so one seed per thread is enough. */
import { randomBytes } from "node:crypto";

// Zero is the one state that xorshift never leaves.
let state = randomBytes(4).readInt32LE() | 1;

/** A whole number from 0 to `limit` - 1. Marsaglia's xorshift with 32 bits. */
export function chance(limit: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return Math.floor(((state >>> 0) / 2 ** 32) * limit);
}
