/**
 * Questions over TCP (RFC 7766): a few connections to each server, kept open while they are used, several questions on
 * each at a time, answers in any order. What waits on a connection that has brought answers and is closed is written again
 * to another one. A server that closes before all are answered, or is too slow as it answers in turn, gets more connections
 * from then on, as long as there are any with one question each.
 */
import { connect, type Socket } from "node:net";
import { systemMessage } from "../corefile/system-message.ts";
import { withView } from "../dns/bytes.ts";
import { HEADER_SIZE, MAX_MESSAGE_SIZE } from "../dns/header.ts";
import { streamedBytes } from "../memory/retire.ts";
import type { Asker } from "./asker.ts";
import type { Exchange } from "./exchange.ts";
import { writeQuery } from "./outgoing.ts";
import { randomWord } from "./random.ts";
import type { Upstream } from "./upstream.ts";

/** Connections to one server from one worker: more than one, as some servers answer a connection's questions in turn. */
const MAX_CONNECTIONS = 4;
/** To one that does not answer all questions of a connection. */
export const MANY_CONNECTIONS = 64;
/** A question is written to so many connections more, as a server may close each of them after an answer. */
const MAX_MOVES = 64;
/**
 * Bytes that a connection may hold back because the server does not read. How many questions wait on it is no reason to fail
 * one: a server far away is healthy, and the asker bounds what waits at all.
 */
const MAX_UNSENT = 256 * 1024;
/** Messages with an id that nobody waits for (late answers, or zone transfers) before a connection is given up. */
const MAX_STRAY = 1_000;
/** How often idle connections are looked at. */
const SWEEP_MS = 250;
const LENGTH_SIZE = 2;
/** Questions of one turn of the loop leave in one piece: some forty of usual length. */
const OUTGOING_SIZE = 2_048;

/** What the kernel has for a connection is read into it and handled at once, so one does for all connections of a thread. */
const incoming = withView(Buffer.allocUnsafeSlow(2 ** 16));

export class Streams {
  readonly upstream: Upstream;
  readonly #maxIdle: number;
  readonly #connections: Connection[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #limit = MAX_CONNECTIONS;
  /** No answer has come before that of an earlier question. */
  inTurn = true;

  constructor(upstream: Upstream, maxIdle: number) {
    this.upstream = upstream;
    this.#maxIdle = maxIdle;
  }

  /** Open connections, for tests. */
  get size(): number {
    return this.#connections.length;
  }

  /**
   * Sends the question of `exchange`; `again` repeats the letters that were sent over UDP. Gives "" or why that is
   * impossible.
   */
  send(asker: Asker, exchange: Exchange, again: boolean): string {
    const connection = this.#choose(asker);
    if (connection === undefined) {
      exchange.foundNoRoom = true;
      return `dial tcp ${this.upstream.text}: too many queries are waiting for this server`;
    }
    connection.send(exchange, again);
    return "";
  }

  /** From now on no connection is kept; what is under way comes to its end, over a new one if need be. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#connections.slice()) connection.retire();
  }

  remove(connection: Connection): void {
    const place = this.#connections.indexOf(connection);
    if (place >= 0) this.#connections.splice(place, 1);
    if (this.#connections.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * A question asked at `time` had no answer in time. The other side may be gone without a word, so every connection on
   * which nothing has come since is left: what waits there may still have its answer, new questions do not go there.
   */
  leaveSilent(time: number): void {
    for (const connection of this.#connections.slice()) if (connection.heardAt <= time) connection.retire();
  }

  /** The server closed with questions unanswered, or answers in turn and was too slow for them. */
  spread(): void {
    this.#limit = MANY_CONNECTIONS;
  }

  /** A connection has become idle: whether there are too many of those. */
  tooManyIdle(): boolean {
    let idle = 0;
    for (const connection of this.#connections) if (connection.idle) idle++;
    return idle > this.#maxIdle || this.#closed;
  }

  /** An idle connection, else a new one, else the least busy one. */
  #choose(asker: Asker): Connection | undefined {
    this.#sweep(asker.now);
    let best: Connection | undefined;
    let count = 0;
    for (const connection of this.#connections) {
      if (!connection.retired) count++;
      if (connection.usable && (best === undefined || connection.load < best.load)) best = connection;
    }
    // Some that take no more questions may still wait for answers: none of them lives longer than a question waits.
    const mayOpen = count < this.#limit && this.#connections.length < 2 * this.#limit;
    if (best !== undefined && (best.load === 0 || !mayOpen)) {
      this.upstream.counters.reused(true);
      return best;
    }
    if (!mayOpen) return undefined;
    this.upstream.counters.opened(true);
    const connection = new Connection(this, asker);
    this.#connections.push(connection);
    this.#timer ??= setInterval(() => {
      asker.tell();
      this.#sweep(asker.now);
    }, SWEEP_MS).unref();
    return connection;
  }

  #sweep(now: number): void {
    for (const connection of this.#connections.slice()) connection.age(now);
  }
}

export class Connection {
  readonly #streams: Streams;
  readonly #asker: Asker;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Exchange>();
  readonly #openedAt: number;
  #idleSince: number;
  /** When it was opened, or something came on it. */
  heardAt: number;
  #open = false;
  #retired = false;
  /** The server has answered on it before, so that its end may be the end of an idle time. */
  #answered = false;
  /** Bytes of a message whose end has not come. */
  #rest: Buffer = EMPTY;
  /** Questions that leave at the end of this turn, so many bytes of it. */
  #outgoing: Buffer = EMPTY;
  #gathered = 0;
  #stray = 0;
  #path: string;

  constructor(streams: Streams, asker: Asker) {
    this.#streams = streams;
    this.#asker = asker;
    this.#openedAt = asker.now;
    this.#idleSince = asker.now;
    this.heardAt = asker.now;
    const { address, port, source } = streams.upstream.options;
    this.#path = streams.upstream.text;
    this.#socket = connect({
      host: address,
      port,
      noDelay: true,
      ...(source === undefined ? {} : { localAddress: source }),
      onread: {
        buffer: incoming,
        callback: (length) => {
          this.#read(incoming.subarray(0, length));
          return true;
        },
      },
    });
    this.#socket.on("connect", () => this.#connected());
    this.#socket.on("end", () => this.#end("EOF"));
    this.#socket.on("error", (error: NodeJS.ErrnoException) => this.#end(this.#errorText(error)));
    this.#socket.on("close", () => this.#end("EOF"));
  }

  get load(): number {
    return this.#waiting.size;
  }

  get retired(): boolean {
    return this.#retired;
  }

  get usable(): boolean {
    return !this.#retired && this.#socket.writableLength + this.#gathered < MAX_UNSENT;
  }

  get idle(): boolean {
    return this.#waiting.size === 0 && !this.#retired;
  }

  send(exchange: Exchange, again: boolean): void {
    const request = exchange.request!;
    const id = this.#freeId();
    const out = this.#roomFor(LENGTH_SIZE + request.length);
    const at = this.#gathered + LENGTH_SIZE;
    writeQuery(request, out, at, id, false, MAX_MESSAGE_SIZE);
    if (again) this.#asker.repeatQuestion(exchange, out, at);
    else this.#asker.remember(exchange, out, at);
    out.writeUInt16BE(request.length, this.#gathered);
    if (this.#gathered === 0) queueMicrotask(this.#flush);
    this.#gathered = at + request.length;
    exchange.connection = this;
    exchange.streamId = id;
    this.#waiting.set(id, exchange);
  }

  /** The buffer of questions, with room for `size` bytes behind those that are gathered. */
  #roomFor(size: number): Buffer {
    if (this.#gathered + size > this.#outgoing.length) {
      this.#flush();
      if (size > this.#outgoing.length)
        this.#outgoing = withView(Buffer.allocUnsafeSlow(Math.max(size, OUTGOING_SIZE)));
    }
    return this.#outgoing;
  }

  readonly #flush = (): void => {
    const length = this.#gathered;
    this.#gathered = 0;
    if (length === 0 || this.#socket.destroyed) return;
    // A copy, as the socket keeps what the kernel does not take at once.
    this.#socket.write(Buffer.from(this.#outgoing.subarray(0, length)));
  };

  /** `exchange` does not wait for this connection any more. */
  release(exchange: Exchange): void {
    this.#waiting.delete(exchange.streamId);
    exchange.connection = undefined;
    if (this.#waiting.size > 0) return;
    this.#idleSince = this.#asker.now;
    if (this.#retired || this.#streams.tooManyIdle() || !this.#open) this.#destroy();
  }

  /** Takes no more questions. */
  retire(): void {
    this.#retired = true;
    if (this.#waiting.size === 0) this.#destroy();
  }

  /** A question on it, asked at `time`, had no answer in time: those that wait may still have theirs, new ones go elsewhere. */
  distrust(time: number): void {
    this.#retired = true;
    if (this.heardAt > time && this.#streams.inTurn) this.#streams.spread();
    this.#streams.leaveSilent(time);
  }

  age(now: number): void {
    const { expireMs, maxAgeMs } = this.#streams.upstream.options;
    if (maxAgeMs > 0 && now - this.#openedAt >= maxAgeMs) this.retire();
    else if (this.#waiting.size === 0 && now - this.#idleSince >= expireMs) this.retire();
  }

  /** Why what waits on it has no answer, in Go's words. */
  failure(reason: string): string {
    return `${this.#verb()} ${this.#path}: ${reason}`;
  }

  #connected(): void {
    this.#open = true;
    const { localAddress, localPort, localFamily } = this.#socket;
    const local = localFamily === "IPv6" ? `[${localAddress}]` : localAddress;
    this.#path = `${local}:${localPort}->${this.#streams.upstream.text}`;
    this.#asker.tell();
    for (const exchange of this.#waiting.values()) this.#asker.connected(exchange);
  }

  /** `bytes` hold something else as soon as this has returned. */
  #read(bytes: Buffer): void {
    this.#asker.tell();
    this.heardAt = this.#asker.now;
    streamedBytes(bytes.length);
    // Grows with what has come, at most one message and what the kernel gave at once (64 KiB).
    const data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (at + LENGTH_SIZE <= data.length && !this.#socket.destroyed) {
      const length = data.readUInt16BE(at);
      if (length < HEADER_SIZE) {
        this.#end(`short read`);
        return;
      }
      if (at + LENGTH_SIZE + length > data.length) break;
      this.#message(data, at + LENGTH_SIZE, length);
      at += LENGTH_SIZE + length;
    }
    this.#rest = at === data.length ? EMPTY : Buffer.from(data.subarray(at));
  }

  #message(data: Buffer, at: number, length: number): void {
    const id = data.readUInt16BE(at);
    const exchange = this.#waiting.get(id);
    const streams = this.#streams;
    if (streams.inTurn && exchange !== undefined) streams.inTurn = this.#waiting.keys().next().value === id;
    if (exchange !== undefined && this.#asker.message(exchange, data, at, length)) {
      this.#answered = true;
      return;
    }
    if (++this.#stray >= MAX_STRAY) this.#end("too many messages that nobody asked for");
  }

  /** The connection is over. What waits goes to another one when the server had answered others. */
  #end(reason: string): void {
    if (this.#socket.destroyed && this.#waiting.size === 0) {
      this.#streams.remove(this);
      return;
    }
    this.#retired = true;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#destroy();
    this.#asker.tell();
    // Those that were written when it had nothing more to answer met the end of an idle time.
    if (this.#answered && waiting.some(({ startedAt }) => startedAt < this.heardAt)) this.#streams.spread();
    for (const exchange of waiting) {
      if (exchange.connection !== this) continue;
      exchange.connection = undefined;
      if (this.#answered && exchange.moves < MAX_MOVES) {
        exchange.moves++;
        const problem = this.#streams.send(this.#asker, exchange, true);
        if (problem === "") continue;
      }
      this.#asker.streamFailed(exchange, reason === "EOF" ? reason : this.failure(reason));
    }
  }

  #verb(): string {
    return this.#open ? "read tcp" : "dial tcp";
  }

  #errorText(error: NodeJS.ErrnoException): string {
    const call = this.#open ? "read" : "connect";
    return `${call}: ${systemMessage(error)}`;
  }

  #freeId(): number {
    for (;;) {
      const id = randomWord() >>> 16;
      if (!this.#waiting.has(id)) return id;
    }
  }

  #destroy(): void {
    this.#retired = true;
    this.#socket.destroy();
    this.#streams.remove(this);
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
