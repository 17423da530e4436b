/**
 * Loaded into a server on Node (--require): how long its main thread held everything up at the longest, in milliseconds, into
 * the file LOOP_HOLD_FILE. SIGUSR2 begins anew. Neither TypeScript nor a module, whose loaders would cost each worker of the
 * server 4 MiB: beside this, its memory is measured.
 */
const { isMainThread } = require("node:worker_threads");

if (isMainThread && process.env.LOOP_HOLD_FILE !== undefined) {
  const { writeFileSync } = require("node:fs");
  const { monitorEventLoopDelay } = require("node:perf_hooks");
  const file = process.env.LOOP_HOLD_FILE;
  const writeEveryMs = 20;
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  process.on("SIGUSR2", () => delays.reset());
  setInterval(() => writeFileSync(file, `${delays.max / 1e6}`), writeEveryMs).unref();
}
