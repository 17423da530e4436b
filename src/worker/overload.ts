/**
 * What a worker does while more comes to one of its sockets than it can answer. The kernel's buffer is then always full, and
 * drops alike from those who ask a little and from him who floods. So:
 *
 * - The buffer is made short, so that what is answered is answered soon. Its order cannot be changed, its length can.
 * - Whoever sends more than a fair share is refused a part of it by a filter in the kernel, before the buffer.
 *
 * Both are found out ten times a second from what was read and what was dropped, and undone when there has been no need for
 * them for a while. Without overload all this costs one system call for each socket and interval.
 */
import { Logger } from "../plugin/logger.ts";
import { PacketCounter } from "../transport/packets.ts";
import {
  type AddressLimit,
  RECEIVE_BUFFER,
  setLimits,
  setReceiveBuffer,
  socketDrops,
  socketFill,
} from "../transport/udp.ts";
import { demandOf, fairLimits } from "./fair-share.ts";
import { HeavySenders } from "./heavy-senders.ts";

/** How often `look` is to be called. */
export const LOOK_MS = 100;
/**
 * What the buffer holds under overload, as time: bounds how long an answered query has waited. Shorter than the pauses that a
 * busy machine or a CPU quota makes, it would stand empty while there is something to answer.
 */
const QUEUE_SECONDS = 0.05;
/** What the kernel counts against the buffer for a small datagram; it doubles what it is told. */
const BYTES_PER_DATAGRAM = 768 / 2;
const SMALLEST_BUFFER = 256 * 1024;
/** Of the capacity, what is let in while there are limits: the rest is for those who have none and come in bursts. */
const LET_IN = 0.95;
/** The same while more than half of the buffer is in use, so that it empties. */
const LET_IN_FULL = 0.8;
const FULL = 0.5;
/** By how much the capacity may have grown since the last time the buffer was full. */
const GROWTH = 1.01;
/**
 * The same far below what it was, for then the machine was busy with something else for a moment; and where the worker had so
 * much time left that it could have answered more.
 */
const FAST_GROWTH = 1.1;
const FAR_BELOW = 0.8;
const FORGETTING = 0.99;
/**
 * A full buffer may be full of what came while the machine was busy with something else: what was read in one interval takes
 * the capacity down by no more than this, and in the next ones further if it stays full.
 */
const LEAST_FALL = 0.85;
/** Less than this says nothing about what a worker could answer. */
const LEAST_BUSY = 0.5;
/** Looks without drops and without limits after which everything is as before. */
const CALM_LOOKS = 20;

/** A socket of this worker while it has more than it can answer. */
interface Flood {
  readonly senders: HeavySenders;
  /** Datagrams, and units of work. */
  received: number;
  spent: number;
  /** Units a second when the buffer last was full. */
  capacity: number;
  /** The most that `capacity` has been, slowly forgotten: a short buffer must not make a smaller capacity, and so on. */
  peak: number;
  limits: readonly AddressLimit[];
  calmLooks: number;
}

interface Watched {
  readonly fd: number;
  drops: number;
  flood: Flood | undefined;
}

/**
 * What a query costs, in units of one that is answered at once: by what the benchmark says of CPU per query. One that waits for
 * others takes two datagrams more, and its answer is handled twice (3 x). Answers cost their copying beyond some 2 KiB.
 */
export const WAITING_COST = 3;
export function costOfAnswer(length: number): number {
  return 1 + ((length + 2_048) >> 12);
}
/** Work that takes longer than this in one go counts for as many queries that are answered at once. */
const LONG_MICROS = 20;
const MICROS_PER_UNIT = 5;
/** A pause of the thread is not the work of whose turn it was. */
const HIGHEST_COST = 50;
export function costOfWork(micros: number): number {
  return micros < LONG_MICROS ? 0 : Math.min(micros / MICROS_PER_UNIT, HIGHEST_COST);
}

export class Overload {
  /** Whether `note` wants to know of datagrams. */
  active = false;
  /** By socket number. */
  readonly #sockets: (Watched | undefined)[] = [];
  readonly #statistics: Float64Array;
  #lookedAt = performance.now();

  /** `statistics` are the port's. */
  constructor(statistics: Float64Array) {
    this.#statistics = statistics;
  }

  /** `fd` is what socket number `socket` reads from, valid until it is forgotten. */
  watch(socket: number, fd: number): void {
    // What a worker before this one may have left behind. Where nothing can be taken off, nothing was put on.
    this.#try(() => setLimits(fd, []));
    setReceiveBuffer(fd, RECEIVE_BUFFER);
    this.#sockets[socket] = { fd, drops: socketDrops(fd), flood: undefined };
  }

  forget(socket: number): void {
    this.#sockets[socket] = undefined;
  }

  /** A datagram to socket number `socket`, of the peer in record `index` of `addresses`, has cost so many units. */
  note(socket: number, addresses: Uint8Array, index: number, cost: number): void {
    const flood = this.#sockets[socket]?.flood;
    if (flood === undefined) return;
    flood.received++;
    flood.spent += cost;
    flood.senders.note(addresses, index, cost);
  }

  /** Looks at what the kernel has dropped since the last time, of which the worker was busy for this share (0 to 1). */
  look(now: number, busy: number): void {
    const seconds = (now - this.#lookedAt) / 1_000;
    this.#lookedAt = now;
    this.active = false;
    for (const watched of this.#sockets) {
      if (watched === undefined) continue;
      const drops = socketDrops(watched.fd);
      // The kernel counts in 32 bits.
      const dropped = (drops - watched.drops) >>> 0;
      watched.drops = drops;
      if (watched.flood !== undefined) this.#adjust(watched, watched.flood, dropped, seconds, busy);
      else if (dropped > 0) watched.flood = newFlood();
      if (watched.flood !== undefined) this.active = true;
    }
  }

  #adjust(watched: Watched, flood: Flood, dropped: number, seconds: number, busy: number): void {
    const { received, spent, limits } = flood;
    const senders = flood.senders.list();
    const demand = demandOf({ received, dropped, senders, limits });
    this.#statistics[PacketCounter.LIMITED]! += Math.round(demand.refused);
    flood.received = 0;
    flood.spent = 0;
    flood.senders.clear();
    const answered = spent / seconds;
    const isFull = socketFill(watched.fd) > FULL;
    if (isFull) {
      flood.capacity = Math.max(answered, flood.capacity * LEAST_FALL);
    } else {
      const hasRoom = answered / Math.max(busy, LEAST_BUSY) > flood.capacity;
      const growth = hasRoom || flood.capacity < flood.peak * FAR_BELOW ? FAST_GROWTH : GROWTH;
      flood.capacity = Math.max(flood.capacity * growth, answered);
    }
    flood.peak = Math.max(flood.peak * FORGETTING, flood.capacity);
    const wanted = fairLimits(senders, demand, flood.capacity * seconds * (isFull ? LET_IN_FULL : LET_IN));
    flood.limits = isFull || limits.length > 0 ? wanted : [];
    if (limits.length > 0 || flood.limits.length > 0) this.#limit(watched.fd, flood);
    if (isFull || flood.limits.length > 0) {
      flood.calmLooks = 0;
      const datagrams = received > 0 ? (flood.peak * received) / spent : 0;
      const bytes = Math.ceil(datagrams * QUEUE_SECONDS * BYTES_PER_DATAGRAM);
      setReceiveBuffer(watched.fd, Math.min(Math.max(bytes, SMALLEST_BUFFER), RECEIVE_BUFFER));
    } else if (++flood.calmLooks >= CALM_LOOKS) {
      setReceiveBuffer(watched.fd, RECEIVE_BUFFER);
      watched.flood = undefined;
    }
  }

  /** Some sandboxes have no filters: everybody then loses alike, as with a server that knows no limits. */
  #limit(fd: number, flood: Flood): void {
    if (!this.#try(() => setLimits(fd, flood.limits))) flood.limits = [];
  }

  #try(set: () => void): boolean {
    try {
      set();
      return true;
    } catch (error) {
      if (this.#hasFailed) return false;
      this.#hasFailed = true;
      new Logger().warning(`No limits for those who send too much: ${(error as Error).message}`);
      return false;
    }
  }
  #hasFailed = false;
}

function newFlood(): Flood {
  return { senders: new HeavySenders(), received: 0, spent: 0, capacity: 0, peak: 0, limits: [], calmLooks: 0 };
}
