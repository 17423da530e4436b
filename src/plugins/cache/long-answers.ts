/**
 * Those who have waited for one long answer get it some at a time: each reply has a buffer of its own until it is written, and
 * a thousand of 64 KiB are what a container has. Short ones have their room already.
 */

/** In bytes. */
const LONG = 1_280;
const AT_ONCE = 16;

let given = 0;
let turn: Promise<void> | undefined;

/** Somebody who waited has got an answer of so many bytes. */
export function noteAnswer(length: number): void {
  if (length <= LONG) return;
  given++;
  turn ??= new Promise((resolve) => {
    setImmediate(() => {
      given = 0;
      turn = undefined;
      resolve();
    });
  });
}

/** Settles when there may be room for one more; undefined when there is. */
export function roomLater(): Promise<void> | undefined {
  return given >= AT_ONCE ? turn : undefined;
}
