/**
 * How near this process is to the memory that it may have. Each kind of load has a bound of its own (`shares.ts`), which it may
 * fill while it comes alone. Several at once would take more than there is, so all bounds shrink while memory is short.
 *
 * What counts is what the kernel says, whoever has it: what V8 has not collected and malloc has not given back is gone as well. To
 * this come pages of the program's file. The kernel takes them back when it needs room, before it ends anybody: then a server
 * that nothing ends reads its own program again and again from the disk, and answers nobody.
 */
import { openSync, readSync } from "node:fs";
import { memoryLimit } from "./shares.ts";

/** Of the limit. Beside these bytes, a container pays for the kernel's buffers. */
const SHORT = 0.6;
const GONE = 0.8;
/**
 * What the pages of the program's file take. Those that load needs are fewer, but with each the kernel reads what stands around
 * it, by default 128 KiB, where systems are tuned for throughput megabytes. With 30 MiB the latter stand still.
 */
const PROGRAM = 40 * 1024 * 1024;
/** What is left of each bound then: queries go on being answered. */
const LEAST = 1 / 8;
/** As often as it takes to notice it in time: a flood fills a megabyte in so long. It takes 20 microseconds. */
const LOOK_MS = 25;

let left = 1;

/** The part of its bound that each kind of load may fill now: 1 unless memory is short. */
export function roomLeft(): number {
  return left;
}

/** Of memory of which this part is in use. */
export function roomAt(used: number): number {
  return Math.max(LEAST, Math.min(1, (GONE - used) / (GONE - SHORT)));
}

/** From now on this thread knows. False where nobody has set a limit, and memory is never short. */
export function watchMemory(limit: number = memoryLimit()): boolean {
  const status = limit === Number.POSITIVE_INFINITY ? undefined : openStatus();
  if (status === undefined) return false;
  const look = (): void => {
    left = roomAt((anonymousBytes(status) + PROGRAM) / limit);
  };
  setInterval(look, LOOK_MS).unref();
  return true;
}

function openStatus(): number | undefined {
  try {
    return openSync("/proc/self/status", "r");
  } catch {
    // Not Linux: nobody says.
    return undefined;
  }
}

const text = Buffer.alloc(4_096);

/** Memory that this process has to itself, of which no file could take the place. */
function anonymousBytes(status: number): number {
  const length = readSync(status, text, 0, text.length, 0);
  return Number(/^RssAnon:\s+(\d+)/m.exec(text.toString("latin1", 0, length))?.[1] ?? 0) * 1_024;
}
