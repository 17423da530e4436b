/**
 * One question on its way to other servers. An exchange asks one upstream at a time, over UDP, TCP or for a while both,
 * and its owner hears exactly once about each attempt: `answered` or `failed`. Objects are reused; all bytes of what was
 * asked stay in the request, except the question as it was sent, which `Asker` keeps.
 */
import type { Request } from "../dns/request.ts";
import { SAFE_UDP_SIZE } from "./outgoing.ts";
import type { Connection } from "./streams.ts";
import type { Upstream } from "./upstream.ts";

/** Servers of one stanza: their numbers are bytes. */
export const MAX_UPSTREAMS = 255;
/** As many as most stanzas have at most. */
const USUAL_UPSTREAMS = 15;

export class Exchange {
  readonly index: number;
  owner: ExchangeOwner = NOBODY;
  request: Request | undefined = undefined;
  messageBytes = 0;
  upstream: Upstream | undefined = undefined;

  /** The socket that it waits on, -1 when it does not wait for a datagram, and its id there. */
  socket = -1;
  id = 0;
  /** The largest UDP answer that may be asked for, and that was. */
  largestUdpSize = SAFE_UDP_SIZE;
  udpSize = 512;
  /** The connection that it waits on, and its id there. */
  connection: Connection | undefined = undefined;
  streamId = 0;
  /** How often it was moved to another connection because one was closed. */
  moves = 0;
  /** The question went out with letters of our own choice. */
  randomLetters = false;
  /** A datagram came that was right in all but the case of letters. */
  caseMissed = false;
  /** Asked again with the letters of the request. */
  plain = false;
  readTimeoutMs = 0;
  /** On the asker's clock. */
  startedAt = 0;

  /** What belongs to the owner: how far it is. */
  later: { settle(outcome: number | Promise<number>): void } | undefined = undefined;
  outcome = 0;
  order: Uint8Array = new Uint8Array(USUAL_UPSTREAMS);
  position = 0;
  attempts = 0;
  /** All servers are down, and one of them is asked nevertheless. */
  lastResort = false;
  /** It could not be sent to one of them since too much else is to be. */
  foundNoRoom = false;
  failovers = 0;
  /** Asked over TCP for what was longer than we dared to ask for over UDP. */
  wantsMore = false;
  giveUpAt = 0;
  pausing = false;
  pausedAt = 0;
  starting = false;
  place = 0;

  constructor(index: number) {
    this.index = index;
  }
}

/** A message that passed all checks. Valid during `answered` only. */
export interface Answer {
  bytes: Uint8Array;
  start: number;
  /** Offsets counted from `start`: behind the last record, and of the OPT record (0 without one). */
  recordsEnd: number;
  opt: number;
  /** Nothing behind the header can be used: the server cut the message, or sent more than it was asked for. */
  cut: boolean;
  /** An error of twelve bytes without a question, as old servers answer what they do not know (EDNS, for one). */
  bare: boolean;
  overStream: boolean;
  /** Where the question stands as it was sent, with letters of our choice. */
  asked: Uint8Array;
  askedAt: number;
}

export interface ExchangeOwner {
  /** The answer to the current attempt. The exchange waits for nothing any more. */
  answered(exchange: Exchange, answer: Answer): void;
  /** The current attempt has no answer, for a reason in Go's words. The exchange waits for nothing any more. */
  failed(exchange: Exchange, reason: string): void;
  /** The time given to `Asker.pause` is over. */
  resumed(exchange: Exchange): void;
}

const NOBODY: ExchangeOwner = { answered() {}, failed() {}, resumed() {} };

/** Forgets what belonged to the question before. */
export function resetExchange(exchange: Exchange): void {
  exchange.owner = NOBODY;
  exchange.request = undefined;
  exchange.upstream = undefined;
  exchange.later = undefined;
  exchange.position = 0;
  exchange.attempts = 0;
  exchange.lastResort = false;
  exchange.foundNoRoom = false;
  exchange.failovers = 0;
  exchange.wantsMore = false;
  exchange.largestUdpSize = SAFE_UDP_SIZE;
  exchange.pausing = false;
  exchange.pausedAt = 0;
}
