/** How many workers a server has when nobody says: as many as it was granted CPUs, within reason. */
import { availableParallelism } from "node:os";

/** A worker costs ten megabytes, and the default deployment grants 170 in all. */
const MOST = 4;

/** CPUs by affinity and by the cgroup's quota, as the runtime sees them (libuv reads both). */
export function workerCount(): number {
  return Math.max(1, Math.min(availableParallelism(), MOST));
}
