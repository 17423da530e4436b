/**
 * What each kind of load may hold of the memory that the process may have. What clients bring must not end a server that has so
 * much memory and no more: a container with the usual 170 MiB has some 80 to spare beside two workers.
 */

/** Of the memory that there is, for all workers together. No load fills more than two or three of them at once. */
const Share = {
  /** Queries that wait, for each kind of waiting: upstreams, the answers to others, look-ups of look-ups. */
  WAITING: 1 / 8,
  /**
   * Answers that clients of streams do not take, and messages that they do not end, each: what is let go is garbage for a while,
   * as much again, and a connection takes some 40 KiB itself.
   */
  STREAMS: 1 / 16,
  /** What the kernel holds for those clients, as the container has to pay for that too. */
  KERNEL: 1 / 8,
  /** Buffers that nobody has any more, before they are collected. */
  GARBAGE: 1 / 8,
  /** The answers of all caches. A cache of the default capacity has all that it can use. */
  CACHES: 1 / 3,
} as const;
/**
 * What a worker is to have. Idle it takes fourteen megabytes, but a flood leaves garbage in each: four were ended by large queries
 * over TCP in the 170 MiB that default deployments grant, where two take 107.
 */
const BYTES_OF_WORKER = 64 * 1024 * 1024;
/** Measured with a silent upstream: 64 MiB for 8,192 queries that wait for it, 276 for 40,000 that wait for one of them. */
const BYTES_OF_QUERY = 8 * 1_024;

/** The bytes that this process may have. */
export function memoryLimit(): number {
  const limit = process.constrainedMemory();
  // 0 is what Node.js says when it does not know, and some 2^64 when there is none.
  return limit > 0 && limit < Number.MAX_SAFE_INTEGER ? limit : Number.POSITIVE_INFINITY;
}

/** How many workers there is memory for. */
export function workersAtMost(limit: number = memoryLimit()): number {
  return Math.max(1, Math.floor(limit / BYTES_OF_WORKER));
}

/** How many queries a worker of so many may have waiting at once of one kind: `most`, or what there is memory for. */
export function waitingAtMost(most: number, workers: number, limit: number = memoryLimit()): number {
  return Math.max(1, Math.min(most, Math.floor((limit * Share.WAITING) / (workers * BYTES_OF_QUERY))));
}

/** Bytes that a worker of so many may hold for clients of streams of one kind: `most`, or what there is memory for. */
export function streamBytesAtMost(most: number, workers: number, limit: number = memoryLimit()): number {
  return Math.min(most, Math.floor((limit * Share.STREAMS) / workers));
}

/** Bytes that the kernel may hold for the clients of a worker of so many; Infinity when nothing bounds them. */
export function kernelBytesAtMost(workers: number, limit: number = memoryLimit()): number {
  return Math.floor((limit * Share.KERNEL) / workers);
}

/** Bytes of buffers that a worker of so many may have without owners; Infinity when nothing bounds them. */
export function garbageAtMost(workers: number, limit: number = memoryLimit()): number {
  return (limit * Share.GARBAGE) / workers;
}

/** Bytes for the answers of one cache of so many. One does not know how full the others are, so each has the same part. */
export function cacheBytesAtMost(caches: number, limit: number = memoryLimit()): number {
  return (limit * Share.CACHES) / caches;
}
