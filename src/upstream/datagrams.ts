/**
 * Questions over UDP. Queries of one batch share a connected socket and leave in one native call; a socket is used for
 * a few queries and a short time only, so that its port, which the kernel draws at random, is hard to find and worth
 * little when found (RFC 5452 section 9.2). Whatever comes in must be right in everything (socket, which implies address
 * and port; id; QR, opcode and question, letter case included; form) or it is no answer: it is counted, and the wait goes on.
 */
import { errnoMessage } from "../corefile/system-message.ts";
import { Flag, HEADER_SIZE } from "../dns/header.ts";
import { type ConnectOptions, DESCRIPTOR_WORDS, type OnBatch, type PacketPort } from "../transport/packets.ts";
import type { Asker } from "./asker.ts";
import type { Exchange } from "./exchange.ts";
import { writeQuery } from "./outgoing.ts";
import { randomWord } from "./random.ts";
import { Ignored, type Upstream } from "./upstream.ts";

/**
 * Queries on one socket before it has another port. Connecting it anew takes 1.9 us, a third of a miss; with five, 200,000
 * queries use over 20,000 of the 28,000 ports that the kernel draws from (RFC 5452 section 9.2).
 */
const QUERIES_PER_SOCKET = 5;
/** After this time a socket takes no more queries, in milliseconds. With less load than one in this time each has its own. */
const SOCKET_MS = 20;
/** Datagrams with an id that nobody waits for before all who wait on the socket ask over TCP too (row F3). */
const MAX_NEAR_MISSES = 16;
const CONNECT: ConnectOptions = {};

const EMFILE = 24;

/** One socket. Its object is used again for the next one of its number. */
interface Socket {
  /** Undefined when it is closed. */
  upstream: Upstream | undefined;
  /** Exchanges that wait on it. */
  waiting: Exchange[];
  used: number;
  openedAt: number;
  nearMisses: number;
}

export class Datagrams {
  readonly #asker: Asker;
  readonly #port: PacketPort;
  readonly #maxSockets: number;
  #open = 0;
  /** By socket number. */
  readonly #sockets: Socket[] = [];
  /** Upstreams with a socket that takes new queries. */
  readonly #current: Upstream[] = [];
  #filled = 0;
  #used = 0;
  #flushPlanned = false;
  readonly #flushLater = (): void => {
    this.#flushPlanned = false;
    this.flush();
  };

  constructor(asker: Asker, openPort: (onBatch: OnBatch) => PacketPort, maxSockets: number) {
    this.#asker = asker;
    this.#maxSockets = maxSockets;
    this.#port = openPort((count) => this.#onBatch(count));
  }

  /** Whether sockets are open that `sweep` will close. */
  get busy(): boolean {
    return this.#current.length > 0;
  }

  /** Sends the question of `exchange` to its upstream. Gives "" or why that is impossible. */
  send(exchange: Exchange): string {
    const upstream = exchange.upstream!;
    const request = exchange.request!;
    const number = this.#socketFor(upstream);
    if (number < 0) return `dial udp ${upstream.text}: ${errnoMessage(-number)}`;
    const port = this.#port;
    const size = request.length;
    if (size > port.sending.length) return `write udp ${upstream.text}: message too long`;
    if (this.#filled === port.descriptorCount || this.#used + size > port.sending.length) this.flush();

    const socket = this.#sockets[number]!;
    const id = freeId(socket);
    const offset = this.#used;
    const { randomLetters, largestUdpSize } = exchange;
    exchange.udpSize = writeQuery(request, port.sending, offset, id, randomLetters, largestUdpSize);
    this.#asker.remember(exchange, port.sending, offset);
    exchange.socket = number;
    exchange.id = id;
    socket.waiting.push(exchange);
    socket.used++;
    const word = this.#filled++ * DESCRIPTOR_WORDS;
    port.descriptors[word] = number;
    port.descriptors[word + 1] = -1;
    port.descriptors[word + 2] = offset;
    port.descriptors[word + 3] = size;
    this.#used = offset + size;
    // Queries of one batch of clients, and what follows from one batch of answers, leave together.
    if (!this.#flushPlanned) {
      this.#flushPlanned = true;
      queueMicrotask(this.#flushLater);
    }
    return "";
  }

  flush(): void {
    if (this.#filled > 0) this.#port.send(this.#filled);
    this.#filled = 0;
    this.#used = 0;
  }

  /** `exchange` waits for no datagram any more. */
  release(exchange: Exchange): void {
    const number = exchange.socket;
    if (number < 0) return;
    exchange.socket = -1;
    const socket = this.#sockets[number]!;
    const waiting = socket.waiting;
    const place = waiting.indexOf(exchange);
    const last = waiting.pop()!;
    if (last !== exchange) waiting[place] = last;
    if (waiting.length === 0 && socket.upstream!.socket !== number) this.#close(number);
  }

  /** Takes the sockets whose time is over out of use; while too many are open, those that this closes. */
  sweep(now: number): void {
    for (let i = this.#current.length - 1; i >= 0; i--) {
      const upstream = this.#current[i]!;
      const { openedAt, waiting } = this.#sockets[upstream.socket]!;
      if (now - openedAt < SOCKET_MS || (this.#isCrowded && waiting.length > 0)) continue;
      this.#retire(upstream);
    }
  }

  /** Who asks `upstream` no more. */
  forget(upstream: Upstream): void {
    if (upstream.socket >= 0) this.#retire(upstream);
  }

  close(): void {
    this.#port.close();
  }

  /** A port that is used too often is better than no descriptor for others: a socket for each upstream, and no further ones. */
  get #isCrowded(): boolean {
    return this.#open >= this.#maxSockets;
  }

  #socketFor(upstream: Upstream): number {
    const number = upstream.socket;
    if (number >= 0) {
      const socket = this.#sockets[number]!;
      const isFresh = socket.used < QUERIES_PER_SOCKET && this.#asker.now - socket.openedAt < SOCKET_MS;
      if (isFresh || this.#isCrowded) {
        upstream.counters.reused(false);
        return number;
      }
    }
    const { source } = upstream.options;
    const opened = this.#port.connect(upstream.address, upstream.port, source === undefined ? CONNECT : { source });
    if (opened < 0) {
      // Too many files are open: better than no answer, too.
      if (number < 0 || -opened !== EMFILE) return opened;
      upstream.counters.reused(false);
      return number;
    }
    if (number >= 0) this.#retire(upstream);
    this.#open++;
    upstream.counters.opened(false);
    upstream.socket = opened;
    this.#current.push(upstream);
    this.#sockets[opened] ??= { upstream, waiting: [], used: 0, openedAt: 0, nearMisses: 0 };
    const socket = this.#sockets[opened];
    socket.upstream = upstream;
    socket.used = 0;
    socket.openedAt = this.#asker.now;
    socket.nearMisses = 0;
    return opened;
  }

  /** The upstream's socket takes no more queries; it is closed when nobody waits on it. */
  #retire(upstream: Upstream): void {
    const number = upstream.socket;
    upstream.socket = -1;
    this.#current[this.#current.indexOf(upstream)] = this.#current.at(-1)!;
    this.#current.pop();
    if (this.#sockets[number]!.waiting.length === 0) this.#close(number);
  }

  #close(number: number): void {
    // What was written for it must leave before it does: an answer cannot have come for that, but a deadline may have.
    if (this.#filled > 0) this.flush();
    this.#sockets[number]!.upstream = undefined;
    this.#open--;
    this.#port.remove(number);
  }

  #onBatch(count: number): number {
    const { lengths, sockets, received, stride } = this.#port;
    this.#asker.tell();
    for (let slot = 0; slot < count; slot++) {
      const number = sockets[slot]!;
      const socket = this.#sockets[number]!;
      // Closed since the batch was read.
      if (socket.upstream === undefined) continue;
      const length = lengths[slot]!;
      if (length < 0) this.#fail(number, socket, -length);
      else this.#receive(number, socket, received, slot * stride, length);
    }
    return 0;
  }

  /** The kernel reports that the server cannot be reached: all who wait for it there go elsewhere. */
  #fail(number: number, socket: Socket, errno: number): void {
    const reason = errnoMessage(errno);
    const waiting = socket.waiting.slice();
    if (socket.upstream!.socket === number) this.#retire(socket.upstream!);
    for (const exchange of waiting) {
      this.release(exchange);
      this.#asker.datagramFailed(exchange, `read udp ${exchange.upstream!.text}: read: ${reason}`);
    }
  }

  #receive(number: number, socket: Socket, bytes: Uint8Array, at: number, length: number): void {
    const { counters } = socket.upstream!;
    if (length < HEADER_SIZE) {
      counters.ignored(Ignored.NO_REPLY);
      return;
    }
    const id = (bytes[at]! << 8) | bytes[at + 1]!;
    const exchange = findWaiting(socket.waiting, id);
    if (exchange === undefined) {
      this.#nearMiss(number, socket);
      return;
    }
    if ((bytes[at + 2]! & (Flag.QR >> 8)) === 0) {
      counters.ignored(Ignored.NO_REPLY);
      return;
    }
    const held = Math.min(length, this.#port.slotSize);
    this.#asker.datagram(exchange, bytes, at, held, length > held);
  }

  #nearMiss(number: number, socket: Socket): void {
    const upstream = socket.upstream!;
    upstream.counters.ignored(Ignored.ID);
    socket.nearMisses++;
    if (socket.nearMisses !== MAX_NEAR_MISSES) return;
    const waiting = socket.waiting.slice();
    if (upstream.socket === number) this.#retire(upstream);
    for (const exchange of waiting) this.#asker.distrust(exchange);
  }
}

function findWaiting(waiting: readonly Exchange[], id: number): Exchange | undefined {
  for (let i = 0; i < waiting.length; i++) if (waiting[i]!.id === id) return waiting[i];
  return undefined;
}

function freeId(socket: Socket): number {
  for (;;) {
    const id = randomWord() >>> 16;
    if (findWaiting(socket.waiting, id) === undefined) return id;
  }
}
