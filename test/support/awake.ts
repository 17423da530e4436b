/**
 * A clock for upper bounds: it stands still while the machine does not let this thread run. A virtual machine is now and
 * then stopped for some hundred milliseconds with all that is on it, which says nothing about what is tested. What the
 * thread itself computes goes on being counted.
 *
 * A thread whose timer is late by more than it has computed was kept from running. A pause that the machine makes in the
 * middle of a computation is found too, as it is not in the thread's CPU time.
 */
import { setTimeout as sleep } from "node:timers/promises";

const TICK_MS = 5;
/** Timers are late by some milliseconds on a busy machine; that is not a pause. */
const TOLERANCE_MS = 15;

let withheldMs = 0;
let lookedAt = performance.now();
let computedMs = threadMs();

setInterval(look, TICK_MS).unref();

/** Milliseconds like those of `performance.now()`, less those in which this thread was not allowed to run. */
export function awakeNow(): number {
  return look() - withheldMs;
}

/** Waits until so much time has passed on this clock. */
export async function sleepAwake(ms: number): Promise<void> {
  const until = awakeNow() + ms;
  for (let left = ms; left > 0; left = until - awakeNow()) await sleep(left);
}

function look(): number {
  const now = performance.now();
  const computed = threadMs();
  const pause = now - lookedAt - TICK_MS - (computed - computedMs);
  if (pause > TOLERANCE_MS) withheldMs += pause;
  lookedAt = now;
  computedMs = computed;
  return now;
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
