/**
 * What happens to a query between a transport and a plugin chain: which block answers, what the server says itself, how
 * the reply is finished. Every transport of a worker uses the one engine of that worker.
 */
import { Flag, HEADER_SIZE, MIN_UDP_SIZE, OPT_RECORD_SIZE } from "../dns/header.ts";
import { Reading } from "../dns/request.ts";
import { Class, Opcode, Rcode, Type } from "../dns/types.ts";
import type { Counter } from "../memory/counters.ts";
import { waitingAtMost } from "../memory/shares.ts";
import { WaitingRoom } from "../memory/waiting-room.ts";
import type { ClientReader } from "../plugin/client-reader.ts";
import type { LookAhead } from "../plugin/context.ts";
import { Logger } from "../plugin/logger.ts";
import { ANSWERED, DROPPED, type Eventual, type Handler, type Outcome, REFUSED, SERVFAIL } from "../plugin/outcome.ts";
import type { ListenerPlan } from "../plugin/plan.ts";
import { type BlockOfQuery, type Lookup, Query, type Resolver } from "../plugin/query.ts";
import type { ZoneRouter } from "./zone-router.ts";

/** A block's chain as one listener sees it. */
export interface Target extends BlockOfQuery {
  readonly zone: Uint8Array;
  readonly handler: Handler;
  readonly ahead: readonly LookAhead[];
}

type CountDropped = (query: Query, rcode: Outcome) => void;

/** A listener with its chains linked. */
export class Served {
  readonly plan: ListenerPlan;
  readonly router: ZoneRouter<Target>;
  /** Queries that wait in these chains, which cannot be stopped before they have their outcomes. */
  waiting = 0;
  /** What queries of these chains look other names up with: made by the engine for the first one. */
  resolver: Resolver | undefined = undefined;
  /** Counts what the server answers itself; absent when nobody asks for metrics. */
  readonly dropped: CountDropped | undefined;
  /** Answers queries without a question; of several blocks the first that does. */
  readonly answerBare: ((query: Query) => Outcome) | undefined;
  /** Says who asks, where proxies stand between; the first block's that does. */
  readonly clientReader: ClientReader | undefined;

  constructor(
    plan: ListenerPlan,
    router: ZoneRouter<Target>,
    dropped?: CountDropped,
    answerBare?: (query: Query) => Outcome,
    clientReader?: ClientReader,
  ) {
    this.plan = plan;
    this.router = router;
    this.dropped = dropped;
    this.answerBare = answerBare;
    this.clientReader = clientReader;
  }
}

/** A query, and what its transport must know to answer it later. */
export class ServedQuery extends Query {
  served: Served | undefined = undefined;
  /** The socket's number in the packet port, and which of those that had this number it is. */
  socket = 0;
  opening = 0;
  /** Of a query that a proxy has passed on: the proxy's address record, where the reply goes. */
  proxy: Uint8Array | undefined = undefined;
}

/** Look-ups that lead to look-ups: as many as a chain of aliases may have (reliability, section 1). */
const MAX_DEPTH = 8;
/** Queries that wait keep their objects; this many more stay for the next ones. */
const SPARE_QUERIES = 1_024;
/** Look-ups of look-ups of one worker that wait, where there is memory for so many (`waitingAtMost`). */
const MAX_NESTED = 8_192;

export interface EngineCounters {
  readonly panics: Counter;
  /** A plugin has decided that there is no answer. */
  readonly droppedByPlugin: Counter;
  /** What came is no query, and deserves no answer. */
  readonly noQuery: Counter;
  /** A connection for which there was no room. */
  readonly refused: Counter;
  /** What stands before a message is wrong, or from somebody who is not to say who asks. */
  readonly badProxyHeader: Counter;
}

export const UNCOUNTED: EngineCounters = {
  panics: { add: () => {} },
  droppedByPlugin: { add: () => {} },
  noQuery: { add: () => {} },
  refused: { add: () => {} },
  badProxyHeader: { add: () => {} },
};

export class Engine {
  readonly #spare: ServedQuery[] = [];
  readonly #log = new Logger();
  readonly counters: EngineCounters;
  /** Queries whose handler has given a promise that is not settled. */
  waiting = 0;
  /** Queries that came over TCP. */
  streamed = 0;
  /** Each query has one look-up of its own at a time; how many there are below those is for names to say. */
  readonly #nested: WaitingRoom;

  /** Of one of `workers` workers. */
  constructor(counters: EngineCounters, workers = 1) {
    this.counters = counters;
    this.#nested = new WaitingRoom(waitingAtMost(MAX_NESTED, workers));
  }

  acquire(): ServedQuery {
    return this.#spare.pop() ?? new ServedQuery();
  }

  release(query: ServedQuery): void {
    query.reset();
    query.vacate();
    query.served = undefined;
    query.proxy = undefined;
    if (this.#spare.length < SPARE_QUERIES) this.#spare.push(query);
  }

  /** A handler has given a promise. */
  enter(served: Served): void {
    this.waiting++;
    served.waiting++;
  }

  /** The promise is settled. */
  leave(served: Served): void {
    this.waiting--;
    served.waiting--;
  }

  /** Runs a query that could be read. Its `reply` must have been placed. */
  serve(served: Served, query: Query): Eventual {
    return this.run(served, findTarget(served.router, query), query);
  }

  /** The same for a query whose target is known. */
  run(served: Served, target: Target | undefined, query: Query): Eventual {
    if (query.class !== Class.IN && !served.plan.anyClass) return refuse(served, query);
    if (query.ednsVersion !== 0) return badVersion(query);
    if (target === undefined) return refuse(served, query);
    query.zone = target.zone;
    query.block = target;
    query.resolver = served.resolver ??= this.#makeResolver(served);
    try {
      return target.handler(query);
    } catch (error) {
      return this.panic(query, error);
    }
  }

  /** A handler threw, or its promise was rejected: the client gets SERVFAIL, the log the reason. */
  panic(query: Query, error: unknown): Outcome {
    if (query.block?.debug) throw error;
    query.restoreClientMessage();
    this.counters.panics.add(1);
    const text = error instanceof Error ? error.message : String(error);
    this.#log.error(`Recovered from panic in server: "${query.block?.server}" ${text}`);
    query.block?.dropped?.(query, SERVFAIL);
    const stack = query.block?.stacktrace && error instanceof Error ? (error.stack ?? "") : "";
    for (const line of stack.split("\n").slice(1)) this.#log.error(line);
    return query.fail(SERVFAIL, text);
  }

  /** Completes the reply. Gives its length, 0 when nothing is to be sent. */
  finish(query: Query, outcome: Outcome): number {
    const reply = query.reply;
    if (outcome === DROPPED || (outcome === ANSWERED && reply.empty)) {
      this.counters.droppedByPlugin.add(1);
      return 0;
    }
    if (outcome !== ANSWERED) {
      reply.begin(query);
      reply.rcode = outcome;
    }
    return reply.finish(query, query.sizeLimit);
  }

  /** The reply to bytes that are no query. Gives its length, 0 for silence. `query.read` has just said `reading`. */
  reject(served: Served, query: Query, reading: Reading): number {
    const reply = query.reply;
    if (reading === Reading.IGNORE) {
      this.counters.noQuery.add(1);
      return 0;
    }
    if (reading === Reading.NO_QUESTION) {
      query.type = 0;
      served.dropped?.(query, SERVFAIL);
      return this.finish(query, SERVFAIL);
    }
    if (reading === Reading.MALFORMED) {
      query.hasOpt = false;
      reply.begin(query);
      reply.flags = rejectedFlags(query, Rcode.FORMERR);
      reply.rcode = Rcode.FORMERR;
      return reply.finish(query, MIN_UDP_SIZE);
    }
    const isAnswered = reading === Reading.BARE && served.answerBare?.(query) === ANSWERED;
    return isAnswered ? reply.finish(query, query.sizeLimit) : bareHeader(query);
  }

  /**
   * The query's answer to `lookup`: its own way through the same listener. Apart, since closures cost whoever calls the
   * function that makes them, made or not.
   */
  #makeResolver(served: Served): Resolver {
    return {
      lookup: (query, name, type) => this.#lookup(served, query, name, type),
      fork: (query) => this.#fork(query),
      release: (query) => this.release(query as ServedQuery),
    };
  }

  #fork(original: Query): Query {
    const query = this.acquire();
    const { bytes, start, length } = original;
    if (query.read(bytes.slice(start, start + length), 0, length) !== Reading.FINE) throw new Error("not a query");
    query.zone = original.zone;
    query.block = original.block;
    query.resolver = original.resolver;
    query.depth = original.depth;
    // What plugins before this one have kept: they do not see the copy.
    for (let i = 0; i < original.slots.length; i++) query.slots[i] = original.slots[i]!;
    takeClient(query, original);
    return query;
  }

  #lookup(served: Served, parent: Query, name: Uint8Array, type: number): Lookup | Promise<Lookup> {
    const query = this.acquire();
    query.depth = parent.depth + 1;
    const done = (outcome: Outcome): Lookup => ({
      outcome,
      reply: query.reply,
      error: query.error,
      release: () => this.release(query),
    });
    writeLookup(query, parent, name, type);
    const { length } = query;
    const isNested = parent.depth > 0;
    let tooMany = "";
    if (query.depth > MAX_DEPTH) tooMany = `more than ${MAX_DEPTH} look-ups for one query`;
    else if (isNested && !this.#nested.hasRoom(length))
      tooMany = `more than ${this.#nested.places} look-ups of look-ups wait`;
    if (tooMany !== "") return done(query.fail(SERVFAIL, tooMany));
    const outcome = this.serve(served, query);
    if (typeof outcome === "number") return done(outcome);
    if (isNested) this.#nested.enter(length);
    // Whoever asks need not wait for the answer, and his own query may be over before it comes.
    this.enter(served);
    const late = (later: Outcome): Lookup => {
      this.leave(served);
      if (isNested) this.#nested.leave(length);
      return done(later);
    };
    return outcome.then(late, (error: unknown) => late(this.panic(query, error)));
  }
}

function refuse(served: Served, query: Query): Outcome {
  served.dropped?.(query, REFUSED);
  return REFUSED;
}

/** Which block: the longest zone; for DS the shortest but the root, since the parent side knows it (behaviour 2.7). */
export function findTarget(router: ZoneRouter<Target>, query: Query): Target | undefined {
  if (router.onlyRoot) return router.root[0];
  const name = query.name;
  const wantsParent = query.type === Type.DS && query.opcode === Opcode.QUERY;
  let found: Target | undefined;
  for (let label = 0; label < name.labelCount; label++) {
    const targets = router.at(name, label);
    if (targets === undefined) continue;
    found = targets[0];
    if (!wantsParent) return found;
  }
  return found ?? router.root[0];
}

/** RFC 6891 section 6.1.3: a version that we do not speak. CoreDNS's OPT says size 0 here, and no DO. */
function badVersion(query: Query): Outcome {
  query.reply.begin(query);
  query.reply.rcode = Rcode.BADVERS;
  query.udpSize = 0;
  query.dnssecOk = false;
  return ANSWERED;
}

function bareHeader(query: Query): number {
  const { bytes, start } = query.reply;
  const flags = rejectedFlags(query, query.rcode);
  bytes[start] = query.id >> 8;
  bytes[start + 1] = query.id;
  bytes[start + 2] = flags >> 8;
  bytes[start + 3] = flags;
  bytes.fill(0, start + 4, start + HEADER_SIZE);
  query.reply.end = start + HEADER_SIZE;
  return HEADER_SIZE;
}

/** What is refused before it is understood keeps its flags (behaviour 2.8); a FORMERR takes the opcode for QUERY. */
function rejectedFlags(query: Query, rcode: number): number {
  const kept =
    rcode === Rcode.FORMERR ? ~(Flag.RCODE | Flag.OPCODE | Flag.AA | Flag.Z) : ~(Flag.RCODE | Flag.AA | Flag.Z);
  return Flag.QR | (query.flags & kept) | rcode;
}

/** Makes `query` ask for `name` as `parent`'s client would: same id, flags and OPT record. */
function writeLookup(query: Query, parent: Query, name: Uint8Array, type: number): void {
  const optSize = parent.hasOpt ? OPT_RECORD_SIZE + parent.optionsLength : 0;
  const message = new Uint8Array(HEADER_SIZE + name.length + 4 + optSize);
  message.set(parent.bytes.subarray(parent.start, parent.start + 4));
  message[5] = 1;
  message.set(name, HEADER_SIZE);
  const at = HEADER_SIZE + name.length;
  message[at] = type >> 8;
  message[at + 1] = type;
  message[at + 2] = parent.class >> 8;
  message[at + 3] = parent.class;
  if (parent.hasOpt) {
    message[11] = 1;
    const opt = parent.start + parent.optOffset;
    message.set(parent.bytes.subarray(opt, opt + optSize), at + 4);
  }
  if (query.read(message, 0, message.length) !== Reading.FINE) throw new Error("a look-up that is no query");
  takeClient(query, parent);
}

/** Makes `query` one of `other`'s client. */
function takeClient(query: Query, other: Query): void {
  query.transport = other.transport;
  query.peers = other.peers;
  query.peerIndex = other.peerIndex;
  query.localAddress = other.localAddress;
  query.socketAddress = other.socketAddress;
  query.localPort = other.localPort;
  query.receivedAt = other.receivedAt;
  query.extras = other.extras;
  // The reply goes into a buffer of the query's own, whether or not its handler waits.
  query.own();
}
