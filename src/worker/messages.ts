/** What the supervisor and a worker say to each other over their MessagePort. */
import type { MessagePort } from "node:worker_threads";
import type { CellDescription } from "../memory/counters.ts";
import type { Plan } from "../plugin/plan.ts";

/** Given to a worker's one task when it starts. */
export interface WorkerStart {
  readonly index: number;
  readonly count: number;
  readonly port: MessagePort;
  /** The worker's row of counters. */
  readonly counters: SharedArrayBuffer;
  /** The transport's statistics, PACKET_COUNTERS floats. */
  readonly statistics: SharedArrayBuffer;
  /** Two Int32: one counts up as long as the worker's loop turns, with it the other says how many queries came over TCP. */
  readonly heartbeat: SharedArrayBuffer;
}

export type ToWorker =
  | {
      kind: "prepare";
      plan: Plan;
      /** By `socketId`: this worker's UDP sockets, opened by the supervisor; absent where the worker opens its own. */
      sockets: ReadonlyMap<string, number>;
      /** By `publishedId`: what control halves have published so far. */
      published: ReadonlyMap<string, unknown>;
    }
  /** The prepared plan becomes the one that is served. */
  | { kind: "commit"; generation: number }
  /** No worker needs the sockets that are not the plan's any more: all let go of them. */
  | { kind: "release" }
  /** The prepared plan is not wanted: another worker, or the supervisor, could not prepare. */
  | { kind: "discard"; generation: number }
  | { kind: "publish"; id: string; value: unknown }
  /** Cells that the worker has left are read no more. */
  | { kind: "reuse"; descriptions: readonly CellDescription[] }
  /** No new work; what is under way may end within `graceMs`. */
  | { kind: "stop"; graceMs: number };

export type FromWorker =
  | { kind: "prepared"; generation: number }
  /** The row has cells that it had not before. */
  | { kind: "described"; description: CellDescription }
  /** Nobody counts in these cells any more; `reuse` is the answer. */
  | { kind: "cellsLeft"; descriptions: readonly CellDescription[] }
  | { kind: "failed"; generation: number; reason: string }
  | { kind: "committed"; generation: number }
  /** Nobody waits for an answer by a socket of a plan before this one any more; `release` is the answer of the last worker. */
  | { kind: "left"; generation: number }
  /** A serve half speaks to its control half. */
  | { kind: "told"; id: string; value: unknown };

/** How often a worker shows that its loop turns, in milliseconds. */
export const BEAT_MS = 25;
