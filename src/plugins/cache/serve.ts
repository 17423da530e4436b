/** The serve half of cache: a hit is copied out of shared memory; a miss is asked once, and what comes of it is kept. */
import { setTimeout as sleep } from "node:timers/promises";
import { Flag } from "../../dns/header.ts";
import type { Name } from "../../dns/name.ts";
import { type Reply, Section } from "../../dns/reply.ts";
import { Opcode, Rcode } from "../../dns/types.ts";
import { ZoneFinder } from "../../dns/zone-finder.ts";
import { LONGEST_NOTED } from "../../memory/answer-cache.ts";
import { clockOffset, turnTime } from "../../memory/clock.ts";
import type { Counter } from "../../memory/counters.ts";
import { InFlight } from "../../memory/in-flight.ts";
import { waitingAtMost } from "../../memory/shares.ts";
import { WaitingRoom } from "../../memory/waiting-room.ts";
import { MAX_AHEAD, type ServeContext } from "../../plugin/context.ts";
import { ANSWERED, after, type Eventual, type Handler, type Outcome, SERVFAIL } from "../../plugin/outcome.ts";
import { type Query, Transport } from "../../plugin/query.ts";
import { classify, KEPT_FLAGS, Kind } from "./classify.ts";
import { type Published, zonesLabel } from "./control.ts";
import type { CacheConfig, StaleConfig } from "./index.ts";
import { Kept, type Store, secondsLeft } from "./kept.ts";
import { noteAnswer, roomLater } from "./long-answers.ts";

/** How long a query waits for another one's answer: longer than upstreams are waited for. */
const JOIN_LIMIT_MS = 10_000;
/** For how long nobody waits for a question whose answer was none to be kept. */
const NOT_KEPT_MS = 5_000;
/** Queries of one worker that wait for the answers of others, where there is memory for so many (`waitingAtMost`). */
const MAX_JOINED = 20_000;
/** Those who do, in all caches of this thread. */
let joined: WaitingRoom | undefined;
/** How often and how far apart they look for it while somebody writes: a writer may be put to sleep by the system. */
const MAX_LOOKS = 20;
const LOOK_PAUSE_MS = 2;
const PREFETCH_BITS = 0x2545f491;

/**
 * What is renewed: an answer that is alive, or one that is over. With `prefer_positive` one that is over and has no data is
 * told apart, as other answers without data may take its place.
 */
const Renewed = { ALIVE: 0, OVER: 1, EMPTY: 2, DENIED: 3 } as const;
type Renewed = (typeof Renewed)[keyof typeof Renewed];

export function serve(config: CacheConfig, context: ServeContext): Handler {
  const cache = new Cache(config, context);
  return (query) => cache.handle(query);
}

class Cache {
  readonly #config: CacheConfig;
  readonly #next: Handler;
  readonly #zones: ZoneFinder;
  readonly #worker: number;
  readonly #kept: Kept;
  #inFlight!: InFlight;
  /** Of a group that is looked ahead for: hashes of questions, which queries those are, and where their answers are. */
  readonly #hashes = new Int32Array(MAX_AHEAD);
  readonly #places = new Uint8Array(MAX_AHEAD);
  readonly #denialWays = new Int8Array(MAX_AHEAD);
  readonly #successWays = new Int8Array(MAX_AHEAD);
  readonly #uncached: readonly Uint8Array[];
  readonly #passedOn = (outcome: Outcome, query: Query): Outcome => {
    this.#finish(outcome, query, query.receivedAt + clockOffset);
    return outcome;
  };
  readonly #finishedLate = (outcome: Outcome, query: Query): Outcome => {
    const now = turnTime();
    this.#endWait(query, now, this.#finish(outcome, query, now));
    return outcome;
  };
  readonly #failedLate = (error: unknown, query: Query): never => {
    this.#endWait(query, turnTime(), false);
    throw error;
  };
  /** Slots: the client's flags, and whether this query is the one that others wait for. */
  readonly #clientFlags: number;
  readonly #isAwaited: number;
  readonly #joined: WaitingRoom;
  readonly #counted: Record<"requests" | "misses" | "prefetches" | "stale" | "joined", Counter>;

  constructor(config: CacheConfig, context: ServeContext) {
    this.#config = config;
    this.#next = context.next;
    this.#zones = new ZoneFinder(config.zones);
    this.#worker = context.worker;
    joined ??= new WaitingRoom(waitingAtMost(MAX_JOINED, context.workerCount));
    this.#joined = joined;
    this.#uncached = context.uncachedZones;
    this.#kept = new Kept(config, context);
    this.#clientFlags = context.slot();
    this.#isAwaited = context.slot();
    const labels = { server: context.server, zones: zonesLabel(config), view: "" };
    this.#counted = {
      requests: context.counter("cache_requests_total", "The count of cache requests.", labels),
      misses: context.counter("cache_misses_total", MISSES_HELP, labels),
      prefetches: context.counter("cache_prefetch_total", PREFETCH_HELP, labels),
      stale: context.counter("cache_served_stale_total", STALE_HELP, labels),
      joined: context.counter("weftdns_cache_joined_total", JOINED_HELP, labels),
    };
    context.counter("cache_drops_total", DROPS_HELP, labels);
    context.onPublished((memory: Published) => this.#receive(memory));
    context.lookAhead((queries, first, end) => this.#lookAhead(queries, first, end));
  }

  handle(query: Query): Eventual {
    if (query.opcode !== Opcode.QUERY || !this.#zones.has(query.name)) return this.#next(query);
    this.#counted.requests.add(1);
    if (this.#uncached.length > 0 && this.#isUncached(query.name)) return this.#passOn(query);
    const now = query.receivedAt + clockOffset;
    const kept = this.#kept;
    kept.setKey(query);
    const { hash } = kept.key;
    const { name } = query;
    const isSeen = name.seenHash === hash;
    const store = isSeen ? kept.find(now, name.seenDenial, name.seenSuccess) : kept.find(now);
    if (store !== undefined) {
      const left = secondsLeft(store.answers, now);
      if (left <= 0) return this.#serveStale(query, store, now);
      const isDue = this.#config.prefetch.amount > 0 && this.#isPopular(store, now, left);
      const ttl = this.#config.keepTtl ? store.answers.ttl : left;
      if (this.#answer(query, store, ttl)) {
        store.hits.add(1);
        // Afterwards: the chain may look up other names here, and what was found would not be what was found.
        if (isDue) this.#renew(query, hash, now, Renewed.ALIVE);
        return ANSWERED;
      }
    }
    this.#counted.misses.add(1);
    // A look-up of our own may be part of what it would wait for, and what was not kept of late will not be this time.
    const mayJoin =
      query.depth === 0 && this.#inFlight.has(hash, now) && !this.#inFlight.hasFailed(hash, now, NOT_KEPT_MS);
    return mayJoin ? this.#join(query, hash) : this.#ask(query, now);
  }

  /** Whether whoever stands behind answers this name, and keeps the answer itself. */
  #isUncached(name: Name): boolean {
    if (name.isLive) return true;
    for (let i = 0; i < this.#uncached.length; i++) if (name.labelOf(this.#uncached[i]!) >= 0) return true;
    return false;
  }

  /** A miss that needs not be looked for. */
  #passOn(query: Query): Eventual {
    this.#counted.misses.add(1);
    return after(this.#askNext(query), query, this.#passedOn);
  }

  #receive(memory: Published): void {
    this.#kept.receive(memory);
    this.#inFlight = new InFlight(memory.inFlight, this.#worker);
    this.#inFlight.sweep();
  }

  /** So that what `Kept.find` needs from memory for some queries comes at once. */
  #lookAhead(queries: readonly Query[], first: number, end: number): void {
    const kept = this.#kept;
    const hashes = this.#hashes;
    const places = this.#places;
    let count = 0;
    for (let i = first; i < end; i++) {
      const query = queries[i]!;
      if (this.#uncached.length > 0 && this.#isUncached(query.name)) continue;
      kept.setKey(query);
      places[count] = i;
      hashes[count++] = kept.key.hash;
    }
    if (count === 0) return;
    const denials = kept.denial.ahead;
    const successes = kept.success.ahead;
    denials.fetchTags(hashes, count);
    successes.fetchTags(hashes, count);
    denials.fetchSlots(hashes, count, this.#denialWays);
    successes.fetchSlots(hashes, count, this.#successWays);
    let missing = 0;
    for (let i = 0; i < count; i++) {
      const { name } = queries[places[i]!]!;
      const hash = hashes[i]!;
      // Of a long name the sets of small slots do not say everything.
      if (name.length <= LONGEST_NOTED) name.seenHash = hash;
      name.seenDenial = this.#denialWays[i]!;
      name.seenSuccess = this.#successWays[i]!;
      if (name.seenDenial < 0 && name.seenSuccess < 0) hashes[missing++] = hash;
    }
    if (missing === 0) return;
    this.#inFlight.fetch(hashes, missing);
    successes.fetchVictims(hashes, missing);
  }

  /** Makes the answer that was found the reply. False when it was changed meanwhile. */
  #answer(query: Query, { answers }: Store, ttl: number): boolean {
    const { reply } = query;
    const { flags } = answers;
    reply.begin(query);
    if (!answers.copyTo(reply, ttl)) return false;
    // AD is for those who asked for it (RFC 6840 section 5.7).
    const wantsAd = query.dnssecOk || (query.flags & Flag.AD) !== 0;
    reply.flags |= flags & (wantsAd ? KEPT_FLAGS : KEPT_FLAGS & ~Flag.AD);
    return true;
  }

  /** The same for an answer that another query brought. False also when it is over. */
  #answerAlive(query: Query, store: Store, now: number): boolean {
    const left = secondsLeft(store.answers, now);
    return left > 0 && this.#answer(query, store, this.#config.keepTtl ? store.answers.ttl : left);
  }

  /** Waits for the answer to the same question of somebody else. */
  #join(query: Query, hash: number): Eventual {
    if (!this.#joined.hasRoom(query.length))
      return query.fail(SERVFAIL, `more than ${this.#joined.places} queries wait for others`);
    this.#counted.joined.add(1);
    return this.#afterJoin(query, hash);
  }

  /** Waits until another query has its answer, and takes that. */
  async #takeOther(query: Query, hash: number): Promise<boolean> {
    const { length } = query;
    this.#joined.enter(length);
    try {
      await this.#inFlight.wait(hash, JOIN_LIMIT_MS);
      // Nothing may come between looking and answering: all who have waited go on in one turn.
      for (let later = roomLater(); later !== undefined; later = roomLater()) await later;
      return await this.#answerNew(query);
    } finally {
      this.#joined.leave(length);
    }
  }

  async #afterJoin(query: Query, hash: number): Promise<Outcome> {
    if (await this.#takeOther(query, hash)) return ANSWERED;
    // What came was not to be kept. Others who waited have found that too, so nobody waits for another one again.
    this.#kept.setKey(query);
    return this.#ask(query, turnTime());
  }

  /**
   * Answers from what another query has brought. Two workers may have asked, and the second be writing where the first
   * wrote: all who waited would find nothing then, and ask.
   */
  async #answerNew(query: Query): Promise<boolean> {
    for (let look = 1; ; look++) {
      const now = turnTime();
      this.#kept.setKey(query);
      const store = this.#kept.find(now);
      if (store !== undefined && this.#answerAlive(query, store, now)) {
        noteAnswer(query.reply.length);
        return true;
      }
      if (look === MAX_LOOKS) return false;
      const isTorn = store !== undefined && secondsLeft(store.answers, now) > 0;
      if (!isTorn && !this.#kept.isChanging(now)) return false;
      await sleep(LOOK_PAUSE_MS);
    }
  }

  /** Upstreams say whether data is authentic when they are asked so; the next client may want to know (behaviour 3.D). */
  #askNext(query: Query): Eventual {
    query.slots[this.#clientFlags] = query.flags;
    query.flags |= Flag.AD;
    return this.#next(query);
  }

  #ask(query: Query, now: number): Eventual {
    const { slots } = query;
    const { hash } = this.#kept.key;
    const outcome = this.#askNext(query);
    if (typeof outcome === "number") {
      this.#finish(outcome, query, now);
      return outcome;
    }
    // Others ask the same with a message of their own, and would wait for nothing if it is this one that nobody answers.
    slots[this.#isAwaited] = !query.hasOtherRecords && this.#inFlight.begin(hash, now) ? hash : 0;
    return after(outcome, query, this.#finishedLate, this.#failedLate);
  }

  #endWait(query: Query, now: number, isKept: boolean): void {
    const mark = query.slots[this.#isAwaited]!;
    if (mark === 0) return;
    if (isKept) this.#inFlight.forgetFailure(mark);
    else this.#inFlight.noteFailure(mark, now);
    this.#inFlight.end(mark);
  }

  /** Keeps what came, and makes the reply look as it will when it comes from the cache. Gives whether it is kept. */
  #finish(outcome: Outcome, query: Query, now: number): boolean {
    // Also what plugins behind have made of them (header): an error that the server writes is for the client's.
    query.flags = query.slots[this.#clientFlags]!;
    const isKept = this.#kept.keep(outcome, query, now);
    if ((query.flags & Flag.AD) === 0 && !query.dnssecOk) query.reply.flags &= ~Flag.AD;
    return isKept;
  }

  #isPopular({ answers }: Store, now: number, left: number): boolean {
    const { amount, windowMs, percent } = this.#config.prefetch;
    const hits = answers.countHit(now, windowMs);
    return hits >= amount && left <= Math.ceil((percent * answers.ttl) / 100);
  }

  /** Asks again beside the client's query, unless somebody does already. */
  #renew(query: Query, hash: number, now: number, renewed: Renewed): void {
    // A miss does not wait for what was begun when there was no hurry: that may take its time, and TCP.
    const mark = renewed === Renewed.ALIVE ? prefetchMark(hash) : hash;
    if (!this.#inFlight.begin(mark, now)) return;
    this.#counted.prefetches.add(1);
    const copy = query.fork();
    // Nobody's datagram limits what the answer may be (behaviour 3.D).
    copy.transport = Transport.TCP;
    void this.#askBeside(copy, hash, mark, now, renewed).then(() => copy.release());
  }

  /** Asks for `copy`, and keeps what comes unless what is there is better. Gives whether the client should have it. */
  async #askBeside(copy: Query, hash: number, mark: number, now: number, renewed: Renewed): Promise<boolean> {
    let isAnswer = false;
    let isWanted = false;
    try {
      const outcome = await this.#askNext(copy);
      const { reply } = copy;
      if (outcome === ANSWERED && !reply.empty) {
        const kind = classify(copy, reply);
        const isPositive = kind === Kind.SUCCESS && reply.counts[Section.ANSWER]! > 0;
        const isNoWorse = isPositive || !this.#config.preferPositive;
        isAnswer = kind !== Kind.OTHER && isComplete(reply);
        isWanted = isAnswer && isNoWorse;
        // A failure is kept beside an answer that is alive. One that is over stays what is given.
        const isKept = isNoWorse || renewed === Renewed.EMPTY || kind === Kind.DENIAL;
        if (kind === Kind.FAILURE ? renewed !== Renewed.OVER : isKept) this.#finish(outcome, copy, turnTime());
        if (renewed === Renewed.EMPTY && kind === Kind.DENIAL) this.#kept.dropEmpty(copy, now);
      }
    } catch {
      // A plugin threw. Nobody waits for this answer, and the client's own query will meet the same plugin.
    }
    this.#inFlight.end(mark);
    if (isAnswer) this.#inFlight.forgetFailure(hash);
    else this.#inFlight.noteFailure(hash, turnTime());
    return isWanted;
  }

  #staleTtl({ answers }: Store, { ttl }: StaleConfig): number {
    return ttl === 0 && this.#config.keepTtl ? answers.ttl : ttl;
  }

  /** The answer that was found is over. It is the reply unless a better one comes. */
  #serveStale(query: Query, store: Store, now: number): Eventual {
    const stale = this.#config.stale!;
    const { hash } = this.#kept.key;
    if (!this.#answer(query, store, this.#staleTtl(store, stale))) {
      this.#counted.misses.add(1);
      return this.#ask(query, now);
    }
    store.hits.add(1);
    if (this.#inFlight.hasFailed(hash, now, stale.recheckMs)) return this.#staleGiven();
    const renewed = this.#config.preferPositive ? kindOfStale(query.reply, store === this.#kept.denial) : Renewed.OVER;
    if (!stale.verify) {
      this.#renew(query, hash, now, renewed);
      return this.#staleGiven();
    }
    if (this.#inFlight.has(hash, now) || !this.#inFlight.begin(hash, now)) {
      const atOnce = stale.timeoutMs > 0 || stale.recheckMs > 0 || query.depth > 0;
      return atOnce || !this.#joined.hasRoom(query.length)
        ? this.#staleGiven()
        : this.#verifyWithOther(query, hash, stale);
    }
    return this.#verify(query, hash, now, stale, renewed);
  }

  #staleGiven(): Outcome {
    this.#counted.stale.add(1);
    return ANSWERED;
  }

  async #verify(query: Query, hash: number, now: number, stale: StaleConfig, renewed: Renewed): Promise<Outcome> {
    const copy = query.fork();
    const asked = this.#askBeside(copy, hash, hash, now, renewed);
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<"late">((resolve) => {
      if (stale.timeoutMs > 0) timer = setTimeout(() => resolve("late"), stale.timeoutMs);
    });
    const result = await Promise.race([asked, limit]);
    clearTimeout(timer);
    if (result === "late") {
      void asked.then(() => copy.release());
      return this.#staleGiven();
    }
    if (result) {
      query.reply.begin(query);
      query.reply.rewrite(copy.reply.records());
      query.reply.flags |= copy.reply.flags & KEPT_FLAGS;
    }
    copy.release();
    return result ? ANSWERED : this.#staleGiven();
  }

  async #verifyWithOther(query: Query, hash: number, stale: StaleConfig): Promise<Outcome> {
    if (await this.#takeOther(query, hash)) return ANSWERED;
    return this.#giveStale(query, stale);
  }

  /** Gives what is over; when it has gone meanwhile, whatever the rest of the chain says. */
  #giveStale(query: Query, stale: StaleConfig): Eventual {
    const now = turnTime();
    this.#kept.setKey(query);
    const store = this.#kept.find(now);
    if (store !== undefined && this.#answer(query, store, this.#staleTtl(store, stale))) {
      return this.#staleGiven();
    }
    return this.#ask(query, now);
  }
}

/** A failure gives way to any answer. */
function kindOfStale({ counts, rcode }: Reply, isDenial: boolean): Renewed {
  if (isDenial && rcode !== Rcode.SERVFAIL) return Renewed.DENIED;
  return counts[Section.ANSWER]! > 0 ? Renewed.OVER : Renewed.EMPTY;
}

const MISSES_HELP = "The count of cache misses. Deprecated, derive misses from cache hits/requests counters.";
const PREFETCH_HELP = "The number of times the cache has prefetched a cached item.";
const STALE_HELP = "The number of requests served from stale cache entries.";
const DROPS_HELP = "The number responses that are not cached, because the reply is malformed.";
const JOINED_HELP = "The number of queries that took the answer to the same question of another one.";

/** Under which a question is marked that is asked beside an answer that is alive. Never 0. */
function prefetchMark(hash: number): number {
  return hash === PREFETCH_BITS ? hash : hash ^ PREFETCH_BITS;
}

function isComplete({ rcode, flags }: Reply): boolean {
  return (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN) && (flags & Flag.TC) === 0;
}
