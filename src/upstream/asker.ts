/**
 * The asking side of one worker: its exchanges, its UDP port, and one clock for all deadlines. Shared by every stanza
 * and every server block of the worker, so that their queries leave in common batches.
 */
import { allocateBytes, type Bytes, copyBytes, NO_BYTES, sameBytes } from "../dns/bytes.ts";
import { Flag, HEADER_SIZE, OPCODE_SHIFT } from "../dns/header.ts";
import { checkMessage } from "../dns/message.ts";
import { LOWER, MAX_NAME_LENGTH } from "../dns/name.ts";
import type { Request } from "../dns/request.ts";
import { WaitingRoom } from "../memory/waiting-room.ts";
import type { OnBatch, PacketPort } from "../transport/packets.ts";
import { Datagrams } from "./datagrams.ts";
import { type Answer, Exchange, type ExchangeOwner, resetExchange } from "./exchange.ts";
import { TimerWheel } from "./timer-wheel.ts";
import { Ignored, type Upstream } from "./upstream.ts";

/**
 * Queries of one worker that wait for other servers, where there is memory for so many (`waitingAtMost`). With answers after
 * 20 ms they are 200,000 queries a second.
 */
export const MAX_EXCHANGES = 4_096;
/** How often deadlines are looked at. */
const TICK_MS = 10;
/** A tick that is later than this comes after a pause: of the machine, of a process above its quota, of this thread. */
const LATE_MS = 100;
/** A name, type and class. */
const QUESTION_STRIDE = MAX_NAME_LENGTH + 1 + 8;

const Match = { NONE: 0, EXACT: 1, OTHER_LETTERS: 2 } as const;

export interface AskerOptions {
  openPort(onBatch: OnBatch): PacketPort;
  /** Milliseconds on a clock that never goes back. */
  clock?(): number;
  /** Queries that wait at once. */
  maxExchanges?: number;
  /** UDP sockets that are open at once. */
  maxSockets?: number;
}

export class Asker {
  /** The time of the current batch or tick. */
  now: number;
  readonly #clock: () => number;
  /** Exchanges in use, with the messages that are theirs as long as they wait. */
  readonly waiting: WaitingRoom;
  readonly #exchanges: Exchange[] = [];
  readonly #spare: Exchange[] = [];
  /** Questions as they were sent, by exchange. */
  readonly #questions: Bytes;
  readonly #questionLengths: Uint16Array;
  readonly #wheel: TimerWheel;
  readonly #datagrams: Datagrams;
  #timer: NodeJS.Timeout | undefined;
  #tickDue = 0;
  #closing = false;
  readonly #answer: Answer = {
    bytes: NO_BYTES,
    start: 0,
    recordsEnd: 0,
    opt: 0,
    cut: false,
    bare: false,
    overStream: false,
    asked: NO_BYTES,
    askedAt: 0,
  };

  constructor({
    openPort,
    clock = () => performance.now(),
    maxExchanges = MAX_EXCHANGES,
    maxSockets = Number.POSITIVE_INFINITY,
  }: AskerOptions) {
    this.#clock = clock;
    this.now = clock();
    this.waiting = new WaitingRoom(maxExchanges);
    this.#questions = allocateBytes(maxExchanges * QUESTION_STRIDE);
    this.#questionLengths = new Uint16Array(maxExchanges);
    this.#wheel = new TimerWheel(maxExchanges, TICK_MS, (index) => this.#due(this.#exchanges[index]!));
    this.#datagrams = new Datagrams(this, openPort, maxSockets);
  }

  /** An exchange for `owner` to ask `request`; undefined when as many wait as may. */
  acquire(owner: ExchangeOwner, request: Request): Exchange | undefined {
    if (!this.waiting.hasRoom(request.length)) return undefined;
    let exchange = this.#spare.pop();
    if (exchange === undefined) {
      exchange = new Exchange(this.#exchanges.length);
      this.#exchanges.push(exchange);
    }
    // While nobody waits no tick moves the clock, and the query may have waited elsewhere since it came.
    if (this.#timer === undefined) this.tell();
    exchange.owner = owner;
    exchange.request = request;
    exchange.messageBytes = request.length;
    this.waiting.enter(request.length);
    return exchange;
  }

  /** Ends an exchange, whatever it waits for. */
  release(exchange: Exchange): void {
    this.#rest(exchange);
    this.waiting.leave(exchange.messageBytes);
    resetExchange(exchange);
    this.#spare.push(exchange);
    if (this.#closing && this.waiting.taken === 0) this.close();
  }

  /** Reads the clock: at the start of whatever brings events. */
  tell(): void {
    this.now = this.#clock();
  }

  /**
   * Asks `upstream`, over UDP or TCP, and waits for `readTimeoutMs`. "" or why that is impossible; then the exchange
   * waits for nothing and the owner is not told.
   */
  ask(exchange: Exchange, upstream: Upstream, overTcp: boolean, readTimeoutMs: number): string {
    exchange.upstream = upstream;
    exchange.readTimeoutMs = readTimeoutMs;
    exchange.startedAt = this.now;
    exchange.moves = 0;
    exchange.pausing = false;
    exchange.caseMissed = false;
    exchange.plain = overTcp;
    exchange.randomLetters = !overTcp && !upstream.caseless;
    if (!overTcp) {
      const problem = this.#datagrams.send(exchange);
      if (problem !== "") return problem;
    } else {
      const problem = upstream.streams.send(this, exchange, false);
      if (problem !== "") return problem;
    }
    this.#wheel.set(exchange.index, this.now + readTimeoutMs);
    this.#keepTime();
    return "";
  }

  /** Wakes the owner of an exchange that waits for nothing else. */
  pause(exchange: Exchange, ms: number): void {
    this.#wheel.set(exchange.index, this.now + ms);
    exchange.pausing = true;
    this.#keepTime();
  }

  /** An upstream is asked no more by a plan that is over; what is under way comes to its end. */
  forget(upstream: Upstream): void {
    this.#datagrams.forget(upstream);
    upstream.streams.close();
  }

  /** Closes when nobody waits any more. */
  closeWhenIdle(): void {
    this.#closing = true;
    if (this.waiting.taken === 0) this.close();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#datagrams.close();
  }

  /** Keeps the question of `exchange` as it was sent: `bytes` has the message at `at`. */
  remember(exchange: Exchange, bytes: Uint8Array, at: number): void {
    const length = exchange.request!.questionEnd - HEADER_SIZE;
    const to = exchange.index * QUESTION_STRIDE;
    copyBytes(bytes, at + HEADER_SIZE, length, this.#questions, to);
    this.#questionLengths[exchange.index] = length;
  }

  /** Puts the question that was sent first into a message that is sent too. */
  repeatQuestion(exchange: Exchange, bytes: Uint8Array, at: number): void {
    const from = exchange.index * QUESTION_STRIDE;
    const length = this.#questionLengths[exchange.index]!;
    copyBytes(this.#questions, from, length, bytes, at + HEADER_SIZE);
  }

  /** A datagram with the id of `exchange`, and QR, came on its socket. `isCut`: it was longer than what there is of it. */
  datagram(exchange: Exchange, bytes: Uint8Array, at: number, length: number, isCut: boolean): void {
    const counters = exchange.upstream!.counters;
    const match = this.#match(exchange, bytes, at, length);
    if (match === Match.NONE) {
      counters.ignored(Ignored.QUESTION);
      // Anybody can have sent it, or a server that says so over TCP too.
      if (isBareError(bytes, at, length)) this.distrust(exchange);
      return;
    }
    if (match === Match.OTHER_LETTERS) {
      counters.ignored(Ignored.LETTERS);
      if (exchange.caseMissed) return;
      exchange.caseMissed = true;
      this.distrust(exchange);
      return;
    }
    if (!this.#take(exchange, bytes, at, length, isCut || length > exchange.udpSize, false)) {
      counters.ignored(Ignored.MALFORMED);
      return;
    }
    if (exchange.caseMissed && exchange.plain) exchange.upstream!.learnCaseless();
    this.#finish(exchange);
  }

  /** A message with the id of `exchange` came on its connection. False when it is not the answer. */
  message(exchange: Exchange, bytes: Uint8Array, at: number, length: number): boolean {
    const match = isBareError(bytes, at, length) ? Match.EXACT : this.#match(exchange, bytes, at, length);
    if (match === Match.NONE) return false;
    if (!this.#take(exchange, bytes, at, length, false, true)) {
      // Over TCP nobody but the server itself can have sent it: nothing better will come.
      const reason = exchange.connection!.failure("malformed answer");
      exchange.connection!.release(exchange);
      this.streamFailed(exchange, reason);
      return true;
    }
    // Over TCP nobody can have forged it: the server itself does not keep the letters.
    if (match === Match.OTHER_LETTERS && exchange.caseMissed) exchange.upstream!.learnCaseless();
    this.#finish(exchange);
    return true;
  }

  /** Somebody may be guessing: asks over TCP too, while the wait for the right datagram goes on. */
  distrust(exchange: Exchange): void {
    if (exchange.connection !== undefined) return;
    const problem = exchange.upstream!.streams.send(this, exchange, exchange.socket >= 0);
    if (problem !== "") this.streamFailed(exchange, problem);
  }

  datagramFailed(exchange: Exchange, reason: string): void {
    if (exchange.connection === undefined) this.#fail(exchange, reason);
  }

  streamFailed(exchange: Exchange, reason: string): void {
    if (exchange.caseMissed && !exchange.plain) this.#askPlainly(exchange);
    else if (exchange.socket < 0) this.#fail(exchange, reason);
  }

  /** The server changes letters and cannot be asked over TCP: asks once more as the client wrote it. */
  #askPlainly(exchange: Exchange): void {
    this.#rest(exchange);
    exchange.plain = true;
    exchange.randomLetters = false;
    const problem = this.#datagrams.send(exchange);
    if (problem === "") this.#wheel.set(exchange.index, this.now + exchange.readTimeoutMs);
    else this.#fail(exchange, problem);
  }

  /** The first connection of `exchange` is open: from now on the server has its time to answer. */
  connected(exchange: Exchange): void {
    if (exchange.moves === 0) this.#wheel.set(exchange.index, this.now + exchange.readTimeoutMs);
  }

  #fail(exchange: Exchange, reason: string): void {
    this.#rest(exchange);
    exchange.owner.failed(exchange, reason);
  }

  #finish(exchange: Exchange): void {
    this.#rest(exchange);
    exchange.owner.answered(exchange, this.#answer);
  }

  /** The exchange waits for nothing any more. */
  #rest(exchange: Exchange): void {
    this.#wheel.clear(exchange.index);
    this.#datagrams.release(exchange);
    exchange.connection?.release(exchange);
  }

  #due(exchange: Exchange): void {
    if (exchange.pausing) {
      exchange.pausing = false;
      exchange.owner.resumed(exchange);
      return;
    }
    const reason = exchange.connection?.failure("i/o timeout") ?? `read udp ${exchange.upstream!.text}: i/o timeout`;
    exchange.connection?.distrust(exchange.startedAt);
    if (exchange.caseMissed && !exchange.plain) this.#askPlainly(exchange);
    else this.#fail(exchange, reason);
  }

  /** Runs the wheel while anything waits. */
  #keepTime(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(this.#tick, TICK_MS);
    this.#tickDue = this.now + TICK_MS;
  }

  readonly #tick = (): void => {
    this.tell();
    // What came in a pause is still unread: it is first, and deadlines are looked at in the next tick, late or not.
    const isLate = this.now - this.#tickDue > LATE_MS;
    this.#tickDue = isLate ? Number.POSITIVE_INFINITY : this.now + TICK_MS;
    if (!isLate) this.#wheel.advance(this.now);
    this.#datagrams.sweep(this.now);
    if (this.#wheel.count > 0 || this.#datagrams.busy) this.#timer?.refresh();
    else this.#timer = undefined;
  };

  /** Compares opcode and question with what was asked. */
  #match(exchange: Exchange, bytes: Uint8Array, at: number, length: number): number {
    const questionLength = this.#questionLengths[exchange.index]!;
    if (length < HEADER_SIZE + questionLength || bytes[at + 4] !== 0 || bytes[at + 5] !== 1) return Match.NONE;
    const flags = bytes[at + 2]! << 8;
    if ((flags & Flag.QR) === 0 || (flags & Flag.OPCODE) >> OPCODE_SHIFT !== exchange.request!.opcode)
      return Match.NONE;
    const questions = this.#questions;
    const sent = exchange.index * QUESTION_STRIDE;
    const first = at + HEADER_SIZE;
    if (sameBytes(bytes, first, questions, sent, questionLength)) return Match.EXACT;
    const letters = questionLength - 4;
    if (!sameBytes(bytes, first + letters, questions, sent + letters, 4)) return Match.NONE;
    // Lengths stand among the letters; none of them is as large as a letter.
    for (let i = 0; i < letters; i++) {
      if (LOWER[bytes[first + i]!] !== LOWER[questions[sent + i]!]) return Match.NONE;
    }
    return Match.OTHER_LETTERS;
  }

  /** Checks the form of a message and describes it as the answer. False when it is malformed. `isTooLong`: for a datagram. */
  #take(
    exchange: Exchange,
    bytes: Uint8Array,
    at: number,
    length: number,
    isTooLong: boolean,
    overStream: boolean,
  ): boolean {
    const answer = this.#answer;
    const bare = isBareError(bytes, at, length);
    const questionEnd = HEADER_SIZE + (bare ? 0 : this.#questionLengths[exchange.index]!);
    const truncated = (bytes[at + 2]! & (Flag.TC >> 8)) !== 0;
    const shape = checkMessage(bytes, at, length, questionEnd);
    // Some servers cut a message anywhere when they set TC (RFC 2181 section 9 tells us not to use its rest).
    if (shape === undefined && !truncated && !isTooLong) return false;
    answer.bytes = bytes;
    answer.start = at;
    answer.recordsEnd = shape?.end ?? questionEnd;
    answer.opt = shape?.opt ?? 0;
    answer.cut = shape === undefined || isTooLong;
    answer.bare = bare;
    answer.overStream = overStream;
    answer.asked = this.#questions;
    answer.askedAt = exchange.index * QUESTION_STRIDE;
    return true;
  }
}

/** The header of a reply and nothing else, with an rcode. */
function isBareError(bytes: Uint8Array, at: number, length: number): boolean {
  if (length !== HEADER_SIZE || (bytes[at + 2]! & (Flag.QR >> 8)) === 0) return false;
  if ((bytes[at + 3]! & Flag.RCODE) === 0) return false;
  for (let i = 4; i < HEADER_SIZE; i++) if (bytes[at + i] !== 0) return false;
  return true;
}
