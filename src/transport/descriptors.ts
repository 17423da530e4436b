/**
 * How many files and sockets this process may have. When none is left, accepting a connection fails and the kernel says
 * at once that it still waits, so a thread that goes on accepting takes a CPU for nothing (reliability, row C6).
 */
import { readFileSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { availableParallelism } from "node:os";

/**
 * Kept free for what must not fail: sockets towards upstreams, files that are read again. Each thread may take one before it
 * sees that they are scarce.
 */
const RESERVE = 8 + 2 * availableParallelism();
/** For sockets that wait for upstreams. Those for clients, for HTTP and for files must not want for any because of them. */
const SHARE_OF_UPSTREAMS = 1 / 2;
/** What a worker uses at most, with a flood of misses before silent upstreams and as many connections as a few listeners take. */
const WANTED_PER_WORKER = 4_096;

/** Node.js has raised the soft limit to the hard one at its start. */
export const descriptorLimit: number = readLimit();

/** How many sockets towards upstreams each of `workers` may have before it uses those for more queries than it would. */
export function upstreamSockets(workers: number): number {
  return Math.max(1, Math.floor((descriptorLimit * SHARE_OF_UPSTREAMS) / workers));
}

/** What is to be said of a limit that is too low for so many workers; undefined when it is not. */
export function scarcityText(workers: number): string | undefined {
  const wanted = workers * WANTED_PER_WORKER;
  if (descriptorLimit >= wanted) return undefined;
  return `No more than ${descriptorLimit} files and sockets may be open: set nofile to ${wanted} for ${workers} workers`;
}

function readLimit(): number {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return Number(soft ?? Number.POSITIVE_INFINITY);
  } catch {
    // Not Linux: nobody says.
    return Number.POSITIVE_INFINITY;
  }
}

/** The kernel gives the lowest number that is free, so a high one says that hardly any is. */
export function isAmongTheLast(socket: Socket): boolean {
  return descriptorOf(socket) >= descriptorLimit - RESERVE;
}

export function descriptorOf(socket: Socket | Server): number {
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd ?? -1;
}
