/** One server that is asked: where it is, how it is asked, what is counted about it, and its sockets in this worker. */
import { endpointText } from "../corefile/host-port.ts";
import { clockOffset } from "../memory/clock.ts";
import type { Board } from "./board.ts";
import { MANY_CONNECTIONS, Streams } from "./streams.ts";

/** Kinds of datagrams on our sockets that are no answer; the wait goes on. */
export const Ignored = {
  /** Shorter than a header, or no reply. */
  NO_REPLY: 0,
  /** An id that nobody waits for: a duplicate, a late answer or a guess. */
  ID: 1,
  /** Another opcode, another question, or none. */
  QUESTION: 2,
  /** The question with other letters than ours. */
  LETTERS: 3,
  /** Lengths or counts that do not fit. */
  MALFORMED: 4,
} as const;
export const ignoredNames = ["no_reply", "id", "question", "letters", "malformed"];

export interface UpstreamOptions {
  /** Its number on the board. */
  readonly index: number;
  readonly address: string;
  readonly port: number;
  readonly source?: string;
  /** An idle connection is closed after this time. */
  readonly expireMs: number;
  /** A connection older than this takes no more queries; 0: no limit. */
  readonly maxAgeMs: number;
  /** Idle connections that are kept; 0: no limit but that of all connections. */
  readonly maxIdle: number;
}

/** What is counted; given by the plugin, which knows names and labels. */
export interface UpstreamCounters {
  reused(overTcp: boolean): void;
  opened(overTcp: boolean): void;
  ignored(kind: number): void;
}

/** How long a server is believed not to repeat letter case, in minutes: it may be replaced by a better one. */
const CASELESS_MINUTES = 10;

export class Upstream {
  readonly index: number;
  readonly address: string;
  readonly port: number;
  /** `127.0.0.1:53`, `[::1]:53` */
  readonly text: string;
  readonly options: UpstreamOptions;
  readonly counters: UpstreamCounters;
  readonly streams: Streams;
  /** The socket that new queries use, -1 when there is none. Kept by `Datagrams`. */
  socket = -1;
  /** Until then, on the asker's clock, what it cuts is not fetched over TCP: nothing came when it was. */
  withoutTcpUntil = 0;
  readonly #board: Board;

  constructor(options: UpstreamOptions, board: Board, counters: UpstreamCounters) {
    this.index = options.index;
    this.address = options.address;
    this.port = options.port;
    this.text = endpointText(options.address, options.port);
    this.options = options;
    this.counters = counters;
    this.streams = new Streams(this, options.maxIdle === 0 ? MANY_CONNECTIONS : options.maxIdle);
    this.#board = board;
  }

  /** Whether it has been seen to change the letters of a question, so that they cannot be checked. */
  get caseless(): boolean {
    return this.#board.isCaseless(this.index, minuteNow);
  }

  learnCaseless(): void {
    this.#board.setCaseless(this.index, Math.ceil(minuteNow()) + CASELESS_MINUTES);
  }
}

function minuteNow(): number {
  return (performance.now() + clockOffset) / 60_000;
}
