/**
 * The server's clock: milliseconds that only grow, the same for all threads, whose own `performance.now` count from their
 * own starts. Nothing that sets the machine's time changes it.
 */

/** Add this to a thread's `performance.now()` to have the server's time. */
export const clockOffset: number = Number(process.hrtime.bigint() / 1_000n) / 1_000 - performance.now();

let known = Number.NaN;
const forget = (): void => {
  known = Number.NaN;
};

/** The server's time when it was first asked for in this turn of the event loop: whole batches of answers are taken in one. */
export function turnTime(): number {
  if (Number.isNaN(known)) {
    known = performance.now() + clockOffset;
    queueMicrotask(forget);
  }
  return known;
}
