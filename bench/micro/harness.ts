/**
 * Times small pieces of the way of a query, in process and without sockets. Each subject is measured in a process of its
 * own: what one has taught the compiler about a function would make the next one slower.
 */
import { allocateBytes, type Bytes, withView } from "../../src/dns/bytes.ts";
import { nameToWire } from "../../src/dns/name-text.ts";
import { MAX_REPLY_SIZE } from "../../src/dns/reply.ts";
import { Query } from "../../src/plugin/query.ts";
import { type Summary, summarize } from "../load/statistics.ts";

/** `run` does its work `count` times, in a loop of its own. The first case of a subject is its do-nothing baseline. */
export type Case = { name: string; run: (count: number) => void };

/**
 * Nanoseconds each time, and what of them is above the baseline of the same round. `spread` is that of the middle half of the
 * rounds, as a share of the median: of many short rounds some are always disturbed.
 */
export type Timing = { name: string; nanoseconds: Summary; above: Summary | undefined; spread: number };

const warmupMs = 300;
const roundMs = 60;
/** Runs between two looks at the clock. */
const step = 20_000;

export function time(cases: Case[], rounds: number): Timing[] {
  const counts = cases.map(warmUp);
  const seen = cases.map(() => [] as number[]);
  for (let round = 0; round < rounds; round++) {
    cases.forEach(({ run }, i) => void seen[i]!.push(nanosecondsOf(run, counts[i]!)));
  }
  return cases.map(({ name }, i) => ({
    name,
    nanoseconds: summarize(seen[i]!),
    spread: middleHalf(seen[i]!),
    above: i === 0 ? undefined : summarize(seen[i]!.map((ns, round) => ns - seen[0]![round]!)),
  }));
}

function middleHalf(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  return (at(0.75) - at(0.25)) / at(0.5);
}

/** Until the compilers are done with it; gives how often it must run for a round to be long enough. */
function warmUp({ run }: Case): number {
  const half = performance.now() + warmupMs / 2;
  while (performance.now() < half) run(step);
  // The kernel counts a thread's time in steps of some milliseconds, so it is asked about all of the second half.
  let count = 0;
  const nanoseconds = nanosecondsOf(() => {
    for (const end = half + warmupMs / 2; count === 0 || performance.now() < end; count += step) run(step);
  }, 1);
  return Math.ceil((roundMs * count * 1e6) / Math.max(nanoseconds, 1e6));
}

/** Of this thread's CPU: what else runs on the machine, or compiles beside it, is not in it. */
function nanosecondsOf(run: (count: number) => void, count: number): number {
  const before = process.threadCpuUsage();
  run(count);
  const { user, system } = process.threadCpuUsage(before);
  return ((user + system) * 1e3) / count;
}

/** A query as it came in, at `start` of memory that it shares with others. */
export type Message = { bytes: Bytes; start: number; length: number };

/** Queries for hostN.example.org. A, one behind the other, as in the buffer of a worker's port. */
export function messages(count: number, { name = "host%d.example.org.", edns = false } = {}): Message[] {
  const written = Array.from({ length: count }, (_, i) => {
    const wire = nameToWire(name.replace("%d", `${i}`)) as Uint8Array;
    const opt = edns ? [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0] : [];
    const header = [i >> 8, i, 1, 0, 0, 1, 0, 0, 0, 0, 0, edns ? 1 : 0];
    return Buffer.from([...header, ...wire, 0, 1, 0, 1, ...opt]);
  });
  const bytes = withView(new Uint8Array(Buffer.concat(written)));
  let start = 0;
  return written.map(({ length }) => {
    start += length;
    return { bytes, start: start - length, length };
  });
}

/** A query whose reply goes where a worker's would: one behind the other in an arena, 64 in a batch. */
export class Desk {
  readonly query = new Query();
  readonly #arena = allocateBytes(2 * MAX_REPLY_SIZE);

  read({ bytes, start, length }: Message, i: number): void {
    const place = (i & 63) * 512;
    this.query.reply.place(this.#arena, place, place + MAX_REPLY_SIZE);
    this.query.read(bytes, start, length);
  }
}
