/**
 * How many queries may wait for somebody's answer. What they hold must not end a process that may have so much memory and no
 * more: a container with the usual 170 MiB has some 60 to spare beside two workers.
 */

/** Measured with a silent upstream: 64 MiB for 8,192 queries that wait for it, 276 for 40,000 that wait for one of them. */
const BYTES_OF_QUERY = 8 * 1_024;
/** Of the process's memory, for each kind of waiting: for upstreams, and for the answer to another query. */
const SHARE = 1 / 8;

/** What a worker of so many may have waiting at once of one kind: `most`, or what there is memory for (`limit`, in bytes). */
export function waitingAtMost(most: number, workers: number, limit: number = process.constrainedMemory()): number {
  // 0 is what Node.js says when it does not know.
  if (limit === 0) return most;
  return Math.max(1, Math.min(most, Math.floor((limit * SHARE) / (workers * BYTES_OF_QUERY))));
}
