/**
 * The batch loop: datagrams come in up to 64 at a time, each goes through the engine, and the replies that are ready
 * leave together. A query whose handler waits leaves the batch with its bytes; its reply goes out with the next ones
 * that are ready at that time.
 */
import { copyBytes } from "../dns/bytes.ts";
import { MAX_REPLY_SIZE } from "../dns/reply.ts";
import { Reading } from "../dns/request.ts";
import { type ClientReader, ProxiedClient } from "../plugin/client-reader.ts";
import { MAX_AHEAD } from "../plugin/context.ts";
import { afterWait, type Outcome } from "../plugin/outcome.ts";
import { type Query, Transport } from "../plugin/query.ts";
import {
  ADDRESS_SIZE,
  DESCRIPTOR_WORDS,
  keepAddress,
  keepLocalAddress,
  type Listener,
  PacketCounter,
  type PacketPort,
} from "../transport/packets.ts";
import { Preface } from "../transport/preface.ts";
import { createPacketPort, systemErrorText } from "../transport/udp.ts";
import { type Engine, findTarget, type Served, type ServedQuery, type Target } from "./engine.ts";
import { costOfAnswer, costOfWork, Overload, WAITING_COST } from "./overload.ts";

/** Replies are laid one after the other, each at the start of 16 bytes, so that copying into them is aligned. */
const ALIGNMENT = 16;
/**
 * A worker that stood still for so long drops what has come meanwhile: who asked has given up or asked again, and a burst of
 * late answers helps nobody (reliability, J8). The whole process stood still then: one that hangs alone is replaced by now, and
 * its successor answers what waits, which is no more than came within two seconds.
 */
const STALE_MS = 1_900;

export class UdpServer {
  readonly #engine: Engine;
  readonly #port: PacketPort;
  /** By socket number: whose it is, its address, and how often there was one of that number. */
  readonly #served: (Served | undefined)[] = [];
  readonly #addresses: string[] = [];
  readonly #openings: number[] = [];
  /** Of a group: they are read one after the other, then plugins look ahead, then each is handled. */
  readonly #queries: ServedQuery[] = [];
  readonly #readings: Reading[] = [];
  readonly #targets: (Target | undefined)[] = [];
  /** Who asks, on listeners behind proxies. */
  readonly #clients: ProxiedClient[] = [];
  /** Descriptors filled and bytes used of the port's sending arena. */
  #filled = 0;
  #used = 0;
  #inBatch = false;
  /** When the batch came. A field, since each call that is given a number that is no integer allocates room for it. */
  #now = 0;
  #flushPlanned = false;
  readonly #overload: Overload;
  #utilization = performance.eventLoopUtilization();
  /** When the loop last turned for sure. */
  #turnedAt = Number.POSITIVE_INFINITY;
  /** What is queued in the kernel came while the worker stood still. */
  #isBacklogStale = false;
  /** Since the last `beat`. */
  #hadBatch = false;

  constructor(engine: Engine, statistics: Float64Array) {
    this.#engine = engine;
    for (let i = 0; i < MAX_AHEAD; i++) {
      this.#queries.push(engine.acquire());
      this.#clients.push(new ProxiedClient());
    }
    this.#port = createPacketPort({ statistics }, (count) => this.#onBatch(count));
    this.#overload = new Overload(this.#port.statistics);
  }

  /** To be called by a timer, so that the loop has looked at all sockets between two calls. */
  beat(now: number): void {
    // Had anything been queued, there would have been a batch: what comes from now on is new.
    if (!this.#hadBatch) this.#isBacklogStale = false;
    this.#hadBatch = false;
    this.#noteTurn(now);
  }

  /** Tells a pause of this thread from one of the queries. */
  #noteTurn(now: number): void {
    if (now - this.#turnedAt > STALE_MS) this.#isBacklogStale = true;
    this.#turnedAt = now;
  }

  /** To be called every LOOK_MS: does what is to be done about more queries than can be answered. */
  lookForOverload(now: number): void {
    const { utilization } = performance.eventLoopUtilization(this.#utilization);
    this.#utilization = performance.eventLoopUtilization();
    this.#overload.look(now, utilization);
  }

  /** Begins to take what comes to `listener`. Gives the socket's number. Throws when it cannot. */
  listen(listener: Listener, served: Served): number {
    const socket = this.#port.add(listener);
    if (socket < 0) {
      throw new Error(`cannot receive on ${listener.address}:${listener.port}: ${systemErrorText(socket)}`);
    }
    this.#served[socket] = served;
    this.#addresses[socket] = listener.address;
    this.#openings[socket] = (this.#openings[socket] ?? 0) + 1;
    // Not the supervisor's descriptor, who may close his at any moment.
    const fd = this.#port.descriptorOf(socket);
    if (fd !== undefined) this.#overload.watch(socket, fd);
    return socket;
  }

  /** From the next batch on, `socket` is served by another plan. */
  switchTo(socket: number, served: Served): void {
    this.#served[socket] = served;
  }

  /** What has come by now is still taken. */
  remove(socket: number): void {
    this.#port.drain(socket);
    this.#port.remove(socket);
    this.#overload.forget(socket);
    this.#served[socket] = undefined;
  }

  close(): void {
    this.#port.close();
  }

  #onBatch(count: number): number {
    const port = this.#port;
    const { lengths, sockets } = port;
    const now = performance.now();
    this.#now = now;
    // Whether this batch or the timer comes first behind a pause, it is one pause.
    this.#noteTurn(now);
    this.#hadBatch = true;
    if (this.#isBacklogStale) return this.#dropStale(count);
    this.#inBatch = true;
    for (let first = 0; first < count; first += MAX_AHEAD) {
      const end = Math.min(first + MAX_AHEAD, count);
      this.#read(first, end);
      this.#lookAhead(end - first);
      for (let slot = first; slot < end; slot++) {
        const served = this.#served[sockets[slot]!];
        if (lengths[slot]! < 0 || served === undefined) continue;
        if (this.#used + MAX_REPLY_SIZE > port.sending.length || this.#filled === port.descriptorCount) this.#send();
        if (this.#overload.active) this.#takeCounted(served, sockets[slot]!, slot, slot - first);
        else this.#take(served, sockets[slot]!, slot, slot - first);
      }
    }
    this.#inBatch = false;
    const filled = this.#filled;
    this.#filled = 0;
    this.#used = 0;
    return filled;
  }

  /** A batch that is not full was the last of what had queued up. */
  #dropStale(count: number): number {
    const port = this.#port;
    this.#isBacklogStale = count === port.slotCount;
    for (let slot = 0; slot < count; slot++) if (port.lengths[slot]! >= 0) port.statistics[PacketCounter.STALE]!++;
    return 0;
  }

  /** Reads the datagrams of a group, and finds the chain for each. */
  #read(first: number, end: number): void {
    const { lengths, sockets, received, stride } = this.#port;
    for (let slot = first; slot < end; slot++) {
      const length = lengths[slot]!;
      const served = this.#served[sockets[slot]!];
      const place = slot - first;
      const query = this.#queries[place]!;
      this.#targets[place] = undefined;
      if (length < 0 || served === undefined) continue;
      const skipped = served.clientReader === undefined ? 0 : this.#readClient(served.clientReader, slot, place);
      if (skipped < 0) continue;
      const reading = query.read(received, slot * stride + skipped, length - skipped);
      this.#readings[place] = reading;
      if (reading === Reading.FINE) this.#targets[place] = findTarget(served.router, query);
    }
  }

  /** Gives how many bytes stand before the message; below 0 when nothing more is to be done with this slot. */
  #readClient(reader: ClientReader, slot: number, place: number): number {
    const { received, stride, lengths, addresses } = this.#port;
    const length = lengths[slot]!;
    const skipped = reader.readDatagram(received, slot * stride, length, addresses, slot, this.#clients[place]!);
    if (skipped === Preface.WRONG) this.#engine.counters.badProxyHeader.add(1);
    else if (skipped < length || skipped === 0) return skipped;
    lengths[slot] = -1;
    return -1;
  }

  /** Plugins look at the queries of a group, as many at a time as have one chain. */
  #lookAhead(count: number): void {
    const targets = this.#targets;
    for (let first = 0; first < count; ) {
      const target = targets[first];
      let end = first + 1;
      while (end < count && targets[end] === target) end++;
      if (target !== undefined && end - first > 1) {
        for (let i = 0; i < target.ahead.length; i++) target.ahead[i]!(this.#queries, first, end);
      }
      first = end;
    }
  }

  /** While there is too much to do: whose work is it? */
  #takeCounted(served: Served, socket: number, slot: number, place: number): void {
    const from = performance.now();
    const cost = this.#take(served, socket, slot, place);
    const work = costOfWork((performance.now() - from) * 1_000);
    this.#overload.note(socket, this.#port.addresses, slot, Math.max(Math.round(work), cost));
  }

  /** Gives what the query costs by its kind (`Overload.note`). */
  #take(served: Served, socket: number, slot: number, place: number): number {
    const port = this.#port;
    const engine = this.#engine;
    const query = this.#queries[place]!;
    const reading = this.#readings[place]!;
    const used = this.#used;
    query.reply.place(port.sending, used, used + MAX_REPLY_SIZE);
    query.transport = Transport.UDP;
    query.peers = port.addresses;
    query.peerIndex = slot;
    query.receivedAt = this.#now;
    if (served.clientReader !== undefined) this.#takeClient(query, slot, this.#clients[place]!);
    if (reading !== Reading.FINE) {
      this.#describe(socket, slot, used, engine.reject(served, query, reading));
      return 1;
    }
    query.localAddress = served.plan.address;
    query.localPort = served.plan.port;
    query.socketAddress = this.#addresses[socket]!;
    const target = this.#targets[place];
    this.#targets[place] = undefined;
    const outcome = engine.run(served, target, query);
    if (typeof outcome !== "number") {
      this.#queries[place] = engine.acquire();
      this.#wait(query, socket, slot, outcome);
      return WAITING_COST;
    }
    const length = engine.finish(query, outcome);
    this.#describe(socket, slot, used, length);
    query.reset();
    return costOfAnswer(length);
  }

  #takeClient(query: Query, slot: number, { isKnown, record, extras }: ProxiedClient): void {
    query.extras = extras;
    if (!isKnown) return;
    keepLocalAddress(this.#port.addresses, slot, record, 0);
    query.peers = record;
    query.peerIndex = 0;
  }

  /** Notes that `length` bytes at `offset` of the arena are to go to the client of `record`. */
  #describe(socket: number, record: number, offset: number, length: number): void {
    if (length === 0) return;
    const descriptors = this.#port.descriptors;
    const word = this.#filled * DESCRIPTOR_WORDS;
    descriptors[word] = socket;
    descriptors[word + 1] = record;
    descriptors[word + 2] = offset;
    descriptors[word + 3] = length;
    this.#filled++;
    this.#used = (offset + length + ALIGNMENT - 1) & -ALIGNMENT;
  }

  #wait(query: ServedQuery, socket: number, slot: number, outcome: Promise<Outcome>): void {
    const { addresses } = this.#port;
    if (query.peers !== addresses) query.proxy = addresses.slice(slot * ADDRESS_SIZE, (slot + 1) * ADDRESS_SIZE);
    query.own();
    const served = this.#served[socket]!;
    query.served = served;
    query.socket = socket;
    query.opening = this.#openings[socket]!;
    this.#engine.enter(served);
    afterWait(outcome, query, this.#answered, this.#failed);
  }

  readonly #answered = (outcome: Outcome, query: Query): Outcome => this.#answerLate(query as ServedQuery, outcome);
  readonly #failed = (error: unknown, query: Query): Outcome =>
    this.#answerLate(query as ServedQuery, this.#engine.panic(query, error));

  #answerLate(query: ServedQuery, outcome: Outcome): Outcome {
    if (this.#inBatch) return this.#answerBehind(query, outcome);
    const port = this.#port;
    const engine = this.#engine;
    const { socket } = query;
    const served = query.served!;
    engine.leave(served);
    const length = engine.finish(query, outcome);
    // The socket may have gone, and its number to another one, while the query waited.
    if (length > 0 && this.#served[socket] !== undefined && query.opening === this.#openings[socket]) {
      if (this.#used + length > port.sending.length || this.#filled === port.slotCount) this.#send();
      const reply = query.reply;
      const offset = this.#used;
      const { sending } = port;
      copyBytes(reply.bytes, reply.start, length, sending, offset);
      const record = port.slotCount + this.#filled;
      if (query.proxy === undefined) keepAddress(query.peers, query.peerIndex, port.addresses, record);
      else keepAddress(query.proxy, 0, port.addresses, record);
      this.#describe(socket, record, offset, length);
      if (!this.#flushPlanned) this.#planFlush();
    }
    engine.release(query);
    return outcome;
  }

  /** Behind the batch: until then the next place in the arena is that of the query which is handled now. */
  #answerBehind(query: ServedQuery, outcome: Outcome): Outcome {
    queueMicrotask(() => this.#answerLate(query, outcome));
    return outcome;
  }

  /** Replies that become ready together (one batch of an upstream's answers) leave together. */
  #planFlush(): void {
    this.#flushPlanned = true;
    queueMicrotask(() => {
      this.#flushPlanned = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#filled > 0) this.#port.send(this.#filled);
    this.#filled = 0;
    this.#used = 0;
  }
}
