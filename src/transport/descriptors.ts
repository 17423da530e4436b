/**
 * How many files and sockets this process may have. When none is left, accepting a connection fails and the kernel says
 * at once that it still waits, so a thread that goes on accepting takes a CPU for nothing (reliability, row C6).
 */
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { availableParallelism } from "node:os";

/**
 * Kept free for what must not fail: sockets towards upstreams, files that are read again. Each thread may take one before it
 * sees that they are scarce.
 */
const RESERVE = 8 + 2 * availableParallelism();

/** Node.js has raised the soft limit to the hard one at its start. */
export const descriptorLimit: number = readLimit();

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
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } };
  return (handle?.fd ?? 0) >= descriptorLimit - RESERVE;
}
