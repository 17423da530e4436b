/**
 * Is a server there again? Probing starts when a query has met an error, goes on at an interval, and ends with the first
 * reply of any kind (behaviour 3.E): healthy servers are not asked. Runs in the supervisor; workers read the result on
 * the board.
 */
import { connect } from "node:net";
import { HEADER_SIZE } from "../dns/header.ts";
import { Type } from "../dns/types.ts";
import { askOnce, isReplyTo, questionMessage } from "./ask-once.ts";
import type { Board } from "./board.ts";

/** A probe waits this long for its reply, in milliseconds. */
const PROBE_TIMEOUT_MS = 1_000;
/** Between two probes of one server at least, whatever the configuration and the workers want. */
const MIN_GAP_MS = 50;
/** How often the board is looked at for a wish that was not told, because the worker died on it. */
const LOOK_MS = 1_000;
/** Failed probes are counted up to here; `max_fails` cannot be larger. */
const MAX_FAILS = 0x7fff_ffff;

export interface ProbeOptions {
  readonly intervalMs: number;
  /** In wire form. */
  readonly domain: Uint8Array;
  readonly recursionDesired: boolean;
  readonly overTcp: boolean;
  readonly source?: string;
}

export interface ProbeTarget {
  readonly address: string;
  readonly port: number;
  /** A probe had no reply. */
  failed(): void;
}

export class Prober {
  readonly #board: Board;
  readonly #targets: readonly ProbeTarget[];
  readonly #options: ProbeOptions;
  readonly #intervalMs: number;
  readonly #running = new Set<number>();
  readonly #lastAt: number[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #look: NodeJS.Timeout;
  #stopped = false;

  constructor(board: Board, targets: readonly ProbeTarget[], options: ProbeOptions) {
    this.#board = board;
    this.#targets = targets;
    this.#options = options;
    this.#intervalMs = Math.max(options.intervalMs, MIN_GAP_MS);
    this.#look = setInterval(() => {
      for (let i = 0; i < targets.length; i++) if (board.isProbeWanted(i)) this.want(i);
    }, LOOK_MS).unref();
  }

  /** A query met an error at this server. */
  want(index: number): void {
    if (this.#stopped || this.#running.has(index) || this.#targets[index] === undefined) return;
    this.#running.add(index);
    const since = performance.now() - (this.#lastAt[index] ?? Number.NEGATIVE_INFINITY);
    if (since >= MIN_GAP_MS) void this.#probe(index);
    else this.#later(index, MIN_GAP_MS - since);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#look);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async #probe(index: number): Promise<void> {
    const target = this.#targets[index]!;
    this.#lastAt[index] = performance.now();
    const alive = await probe(target, this.#options);
    if (this.#stopped) return;
    if (alive) {
      this.#board.setFails(index, 0);
      this.#running.delete(index);
      this.#board.probeDone(index);
      return;
    }
    target.failed();
    this.#board.setFails(index, Math.min(this.#board.fails(index) + 1, MAX_FAILS));
    this.#later(index, this.#intervalMs);
  }

  #later(index: number, ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#probe(index);
    }, ms);
    this.#timers.add(timer);
  }
}

/** Asks for the NS records of the domain. Whether anything came back that is a reply to this very query. */
function probe({ address, port }: ProbeTarget, options: ProbeOptions): Promise<boolean> {
  const { domain, recursionDesired, overTcp, source } = options;
  const message = questionMessage(domain, Type.NS, recursionDesired);
  if (overTcp) return probeTcp(address, port, message, source);
  return askOnce(message, address, port, { timeoutMs: PROBE_TIMEOUT_MS, source });
}

function probeTcp(address: string, port: number, message: Buffer, source?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, ...(source === undefined ? {} : { localAddress: source }) });
    let received = Buffer.alloc(0);
    const finish = (alive: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(alive);
    };
    const timer = setTimeout(finish, PROBE_TIMEOUT_MS, false);
    socket.on("error", () => finish(false));
    socket.on("close", () => finish(false));
    socket.on("connect", () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      socket.write(Buffer.concat([length, message]));
    });
    socket.on("data", (bytes) => {
      received = Buffer.concat([received, bytes as Buffer]).subarray(0, 2 + HEADER_SIZE);
      if (received.length === 2 + HEADER_SIZE) finish(isReplyTo(message, received.subarray(2)));
    });
  });
}
