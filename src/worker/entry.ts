/** What the pool of workers runs: one task per thread, for as long as the server lives. */
import type { WorkerStart } from "./messages.ts";
import { Worker } from "./worker.ts";

export default function serve(start: WorkerStart): Promise<void> {
  return new Worker(start).run();
}
