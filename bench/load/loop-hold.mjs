/**
 * Loaded into a server on Node (--import): how long its main thread held everything up at the longest, in milliseconds, into
 * the file LOOP_HOLD_FILE. SIGUSR2 begins anew. No TypeScript: taking types away would cost the server memory.
 */
import { writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";

const file = process.env.LOOP_HOLD_FILE;
const writeEveryMs = 20;

if (isMainThread && file !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  process.on("SIGUSR2", () => delays.reset());
  setInterval(() => writeFileSync(file, `${delays.max / 1e6}`), writeEveryMs).unref();
}
