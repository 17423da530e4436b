/**
 * DNS messages on a byte stream, each behind two bytes of length (RFC 1035 section 4.2.2, RFC 7766): TCP now, TLS with
 * the same code. Queries of one connection are answered as they become ready, in any order (RFC 7766 section 6.2.1.1).
 *
 * Everything has a bound, since whoever connects may be slow, silent or hostile: connections in all and per address,
 * queries in flight, bytes not yet read by the client, time for a message to arrive, for an answer to be taken, and
 * without any query at all.
 */
import { createServer, type Server, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { streamedBytes } from "../memory/retire.ts";
import { Connection } from "./connection.ts";
import { isAmongTheLast } from "./descriptors.ts";
import { closeNow, kernelBytes, limitSending } from "./kernel-memory.ts";
import { Preface } from "./preface.ts";
import type { StreamMemory } from "./stream-memory.ts";

export interface StreamLimits {
  /** Before the first message begins; and for the rest of each once its first byte is there. */
  readonly readTimeoutMs: number;
  /** For the client to take what was written. */
  readonly writeTimeoutMs: number;
  /** Without a query under way, behind the first one. */
  readonly idleTimeoutMs: number;
  /** Queries a connection may send; -1: no limit. */
  readonly maxQueries: number;
}

/** Connections of one worker and listener (reliability, section 1). */
const MAX_CONNECTIONS = 1_000;
/** Connections of one address once half of them are taken: a node-local cache or a NAT is one address for many. */
const MAX_PER_ADDRESS = 100;
/**
 * Connections that wait for being accepted; the system's limit (`net.core.somaxconn`, most often this) holds beside it, as for
 * CoreDNS. When there are more, an honest client's first packet is lost in a flood, and it tries again after a second.
 */
const BACKLOG = 4_096;
/** Queries of one connection that are not answered yet; then the connection is not read until some are. */
const MAX_IN_FLIGHT = 100;
/** Bytes of answers that a client has not taken; beyond, the connection is not read. What is under way is still answered. */
const MAX_UNSENT = 256 * 1024;
/** How often time limits are looked at: one timer for all connections. */
const SWEEP_MS = 250;
/** A message must not arrive one byte at a time for ever, whatever `readTimeoutMs` says. */
const MAX_MESSAGE_MS = 10_000;
/**
 * How long one turn of the loop may take messages, in all connections, and for how many bytes of answers, since what
 * sending them takes is not in that time. Datagrams then have their turn. Beside eight connections that ask for 60 KiB without
 * end, half of the datagrams wait 0.10 ms (0.20 with turns of 0.25 ms and any number of bytes; 0.13 when the server sleeps between
 * two), and answers over TCP cost what they did; with turns of 0.1 ms small ones cost a third more, with 64 KiB those of 3 kB do.
 */
const TURN_MS = 0.25;
const TURN_BYTES = 128 * 1024;
/** What a client on the same network takes, it has acknowledged by then. */
const ACKNOWLEDGED_MS = 5;
/** A client that says nothing is waited for so long at least, unless its place is wanted by another one. */
const MIN_IDLE_MS = 200;

export interface StreamHandlers {
  /**
   * Looks at the first bytes of a connection. Gives how many of them stand before the first message; `Preface.INCOMPLETE` when
   * it is to be asked again with more, `Preface.WRONG` when the connection is to end.
   */
  preface(connection: Connection, bytes: Uint8Array): number;
  /** A whole message has arrived, of any length. */
  message(connection: Connection, bytes: Uint8Array): void;
  /** Errors of the listening socket after it was opened (out of descriptors, for example). */
  error(error: Error): void;
  /** A connection was closed as there are too many. */
  refused(): void;
}

export class StreamServer {
  #limits: StreamLimits;
  readonly #handlers: StreamHandlers;
  readonly #memory: StreamMemory;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #perAddress = new Map<string, number>();
  readonly #sweep: NodeJS.Timeout;
  /** Those that go on in the next turn, in the order in which they have their go. */
  readonly #waiting = new Set<Connection>();
  /** When this turn of the loop has taken enough; 0 before its first message. */
  #turnEnds = 0;
  #turnBytes = 0;
  /** Connections, ever. */
  #accepted = 0;
  #closing = false;
  #isPatient = false;
  /** Connections that have one of the last descriptors. */
  #lastTaken = 0;

  constructor(limits: StreamLimits, memory: StreamMemory, handlers: StreamHandlers) {
    this.#limits = limits;
    this.#memory = memory;
    this.#handlers = handlers;
    // A socket that is paused takes one more piece of what comes, and not 64 KiB of pieces that may be a byte each.
    const options = { noDelay: true, allowHalfOpen: true, highWaterMark: 1 };
    this.#server = createServer(options, (socket) => this.#accept(socket));
    this.#sweep = setInterval(() => this.#enforceTimes(performance.now()), SWEEP_MS).unref();
  }

  /** Opens the listening socket, shared with the other workers by SO_REUSEPORT. Empty address: all, both families. */
  listen(address: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      const host = address === "" ? {} : { host: address };
      this.#server.listen({ ...host, port, reusePort: true, backlog: BACKLOG }, () => {
        this.#server.off("error", reject);
        this.#server.on("error", (error) => this.#handlers.error(error));
        const { sending } = this.#memory;
        if (sending !== undefined) limitSending(this.#server, sending);
        const bound = this.#server.address();
        resolve(typeof bound === "object" && bound ? bound.port : port);
      });
    });
  }

  /** From now on, also for connections that are there. */
  limit(limits: StreamLimits): void {
    this.#limits = limits;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * Takes no more connections; lets those that wait for an answer have it, at most for `graceMs`. `isPatient`: others go on
   * meanwhile, so whoever has come by now may ask: also those who are still to be accepted, and those who have not begun.
   */
  async close(graceMs: number, isPatient = false): Promise<void> {
    const until = performance.now() + graceMs;
    // A turn of the loop accepts one of those who wait for it.
    for (let before = -1; isPatient && before !== this.#accepted && performance.now() < until; ) {
      before = this.#accepted;
      for (let turn = 0; turn < 2; turn++) await nextTurn();
    }
    this.#closing = true;
    this.#isPatient = isPatient;
    this.#server.close();
    for (;;) {
      for (const connection of this.#connections) if (this.#isDone(connection)) this.#end(connection);
      if (this.#connections.size === 0 || performance.now() >= until) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const { socket } of this.#connections) socket.destroy();
    clearInterval(this.#sweep);
  }

  /** To be called when a query of this connection has been answered, or dropped. */
  answered(connection: Connection): void {
    connection.inFlight--;
    if (connection.reading) return;
    connection.lastActive = performance.now();
    this.#read(connection);
  }

  #accept(socket: Socket): void {
    this.#accepted++;
    const now = performance.now();
    const address = socket.remoteAddress;
    if (address === undefined) {
      socket.destroy();
      return;
    }
    const count = this.#perAddress.get(address) ?? 0;
    const crowded = this.#connections.size >= MAX_CONNECTIONS / 2;
    if (crowded && count >= MAX_PER_ADDRESS) {
      this.#handlers.refused();
      socket.destroy();
      return;
    }
    const isLast = isAmongTheLast(socket);
    // Who takes one of the last descriptors frees another number, which the next one gets: there are no more for it.
    const full = this.#connections.size >= MAX_CONNECTIONS || isLast || this.#lastTaken > 0;
    if (full && !this.#evictIdle()) {
      this.#handlers.refused();
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, isLast, now, () => this.#read(connection));
    this.#connections.add(connection);
    if (isLast) this.#lastTaken++;
    // Asked for anew: what was evicted for it may have been its own.
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    socket.on("data", (chunk: Buffer) => {
      if (connection.ended) return;
      streamedBytes(chunk.length);
      connection.push(chunk);
      this.#read(connection);
    });
    // The client has said all it has to say; what it asked is still answered.
    socket.on("end", () => {
      connection.ended = true;
      this.#read(connection);
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#forget(connection));
  }

  /** Takes whole messages as long as the bounds allow, and stops reading the socket when they do not. */
  #read(connection: Connection): void {
    const { socket } = connection;
    if (socket.destroyed) return;
    const now = performance.now();
    connection.waiting = false;
    connection.reading = true;
    let isSound = false;
    try {
      isSound = this.#takeMessages(connection, now);
    } finally {
      // A handler that throws must not leave here what would go out with the next connection's answer.
      connection.reading = false;
      connection.flush();
      if (!isSound) socket.destroy();
    }
    if (!isSound) return;
    // Who has said all waits for answers; what is left of him is of no use.
    const expects = !connection.ended && !connection.waiting && connection.inFlight < MAX_IN_FLIGHT;
    if (connection.partial && expects) {
      if (connection.messageSince === 0) connection.messageSince = now;
    } else {
      connection.messageSince = 0;
    }
    const full = connection.waiting || connection.inFlight >= MAX_IN_FLIGHT || connection.unsent >= MAX_UNSENT;
    if (full !== socket.isPaused()) full ? socket.pause() : socket.resume();
    if (this.#isDone(connection)) this.#end(connection);
    this.#memory.count(connection);
  }

  #isDone({ ended, inFlight, waiting, queries, partial }: Connection): boolean {
    if (inFlight > 0 || waiting) return false;
    return ended || (this.#closing && !(this.#isPatient && (queries === 0 || partial)));
  }

  /** False: what stands before the first message is wrong, and the connection is to end. */
  #takeMessages(connection: Connection, now: number): boolean {
    const { maxQueries } = this.#limits;
    if (!connection.begun) {
      const isRight = this.#begin(connection);
      if (!isRight || !connection.begun) return isRight;
    }
    while (connection.inFlight < MAX_IN_FLIGHT && connection.unsent < MAX_UNSENT) {
      if (maxQueries >= 0 && connection.queries >= maxQueries) {
        connection.ended = true;
        return true;
      }
      if (this.#isTurnOver()) {
        connection.waiting = true;
        this.#waiting.add(connection);
        return true;
      }
      const message = connection.shift();
      if (message === undefined) return true;
      connection.lastActive = now;
      connection.messageSince = 0;
      connection.queries++;
      connection.inFlight++;
      const { sent } = connection;
      this.#handlers.message(connection, message);
      this.#turnBytes += connection.sent - sent;
    }
    return true;
  }

  /** Reads what stands before the first message. False when that is wrong; it may also not be there as a whole yet. */
  #begin(connection: Connection): boolean {
    if (!connection.partial) return true;
    const { address } = connection;
    const length = this.#handlers.preface(connection, connection.peek());
    if (length === Preface.WRONG) return false;
    if (length === Preface.INCOMPLETE) return true;
    connection.begun = true;
    if (length > 0) connection.skip(length);
    if (connection.address !== address) {
      this.#countOut(address);
      this.#perAddress.set(connection.address, (this.#perAddress.get(connection.address) ?? 0) + 1);
    }
    return true;
  }

  #isTurnOver(): boolean {
    const now = performance.now();
    if (this.#turnEnds === 0) {
      this.#turnEnds = now + TURN_MS;
      this.#turnBytes = 0;
      setImmediate(() => this.#nextTurn());
    }
    return now >= this.#turnEnds || this.#turnBytes >= TURN_BYTES;
  }

  /** Whoever has had his go and has more to say stands at the end of the set again, and the turn is over then. */
  #nextTurn(): void {
    this.#turnEnds = 0;
    for (const connection of this.#waiting) {
      if (this.#isTurnOver()) return;
      this.#waiting.delete(connection);
      this.#read(connection);
    }
  }

  #enforceTimes(now: number): void {
    // The fuller the house, the shorter the stay of those who say nothing.
    const room = Math.min(1, 2 - (2 * this.#connections.size) / MAX_CONNECTIONS);
    const { readTimeoutMs, writeTimeoutMs, idleTimeoutMs } = this.#limits;
    const firstLimit = Math.max(MIN_IDLE_MS, readTimeoutMs * room);
    const idleLimit = Math.max(MIN_IDLE_MS, idleTimeoutMs * room);
    const messageLimit = Math.min(readTimeoutMs, MAX_MESSAGE_MS);
    for (const connection of this.#connections) {
      const { socket, messageSince, unsentSince, inFlight, lastActive, waiting } = connection;
      const silentLimit = connection.queries === 0 ? firstLimit : idleLimit;
      const late =
        (messageSince !== 0 && now - messageSince > messageLimit) ||
        (unsentSince !== 0 && now - unsentSince > writeTimeoutMs) ||
        (inFlight === 0 && messageSince === 0 && !waiting && now - lastActive > silentLimit);
      if (late) closeNow(socket);
      else if (connection.left > 0) this.#end(connection);
      // It takes one more piece, and the kernel what comes behind that.
      else if (socket.isPaused()) this.#memory.look(connection);
    }
  }

  /**
   * Makes room by closing the connection that has been idle the longest, be it no time at all: a flood closes its own, as
   * an honest client asks long before so many others have come. False when none is idle.
   */
  #evictIdle(): boolean {
    let oldest: Connection | undefined;
    for (const connection of this.#connections) {
      if (connection.inFlight > 0 || connection.waiting) continue;
      if (oldest === undefined || connection.lastActive < oldest.lastActive) oldest = connection;
    }
    if (oldest === undefined) return false;
    closeNow(oldest.socket);
    this.#forget(oldest);
    return true;
  }

  /**
   * Ends a connection when its client has taken all: the kernel would hold the rest for minutes, and nobody would count that. A
   * client that takes it has time.
   */
  #end(connection: Connection): void {
    const left = kernelBytes(connection.socket);
    if (left === 0) {
      connection.end();
      return;
    }
    if (connection.left === 0) setTimeout(() => this.#end(connection), ACKNOWLEDGED_MS).unref();
    if (connection.left !== left) connection.unsentSince = connection.lastActive = performance.now();
    connection.left = left;
  }

  #forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    if (connection.isLast) this.#lastTaken--;
    this.#memory.count(connection);
    this.#waiting.delete(connection);
    this.#countOut(connection.address);
  }

  #countOut(address: string): void {
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }
}
