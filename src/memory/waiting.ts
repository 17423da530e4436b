/**
 * How many queries may wait for somebody's answer, and how many bytes for their clients. What they hold must not end a process
 * that may have so much memory and no more: a container with the usual 170 MiB has some 60 to spare beside two workers.
 */

/** Measured with a silent upstream: 64 MiB for 8,192 queries that wait for it, 276 for 40,000 that wait for one of them. */
const BYTES_OF_QUERY = 8 * 1_024;
/**
 * Of them its message, on the average of all that wait: one that is much larger, as TCP carries, counts as several. Without
 * padding most have less than a hundred.
 */
export const BYTES_OF_MESSAGE = 512;
/** Of the process's memory, for each kind of waiting: for upstreams, and for the answer to another query. */
const SHARE = 1 / 8;
/** For each kind of bytes: what is let go is garbage for a while, as much again, and a connection takes some 40 KiB itself. */
const SHARE_OF_BYTES = 1 / 16;

/** The bytes that this process may have. */
export function memoryLimit(): number {
  const limit = process.constrainedMemory();
  // 0 is what Node.js says when it does not know, and some 2^64 when there is none.
  return limit > 0 && limit < Number.MAX_SAFE_INTEGER ? limit : Number.POSITIVE_INFINITY;
}

/** What a worker of so many may have waiting at once of one kind: `most`, or what there is memory for (`limit`, in bytes). */
export function waitingAtMost(most: number, workers: number, limit: number = memoryLimit()): number {
  return Math.max(1, Math.min(most, Math.floor((limit * SHARE) / (workers * BYTES_OF_QUERY))));
}

/** Bytes that a worker of so many may hold of one kind: `most`, or its part of the memory that there is (`limit`). */
export function bytesAtMost(most: number, workers: number, limit: number = memoryLimit()): number {
  return Math.min(most, Math.floor((limit * SHARE_OF_BYTES) / workers));
}

/** Bytes that the kernel may hold for the clients of a worker of so many, as the container has to pay for them; or Infinity. */
export function kernelBytesAtMost(workers: number, limit: number = memoryLimit()): number {
  return Math.floor((limit * SHARE) / workers);
}
