/** What a cache keeps: both kinds of answers as one, where one that may be given is found, and what of a reply is stored. */
import { Flag } from "../../dns/header.ts";
import { INDEX_WORDS, Index, type Reply } from "../../dns/reply.ts";
import { Rcode } from "../../dns/types.ts";
import { ZoneFinder } from "../../dns/zone-finder.ts";
import { AnswerAhead } from "../../memory/answer-ahead.ts";
import { AnswerCache } from "../../memory/answer-cache.ts";
import { AnswerKey } from "../../memory/answer-key.ts";
import { Stored } from "../../memory/answer-table.ts";
import type { Counter } from "../../memory/counters.ts";
import { KeyedHash } from "../../memory/keyed-hash.ts";
import { MAX_AHEAD, type ServeContext } from "../../plugin/context.ts";
import { ANSWERED, type Outcome, SERVFAIL } from "../../plugin/outcome.ts";
import type { Query } from "../../plugin/query.ts";
import { classify, isKeepable, KEPT_FLAGS, Kind, smallestTtl } from "./classify.ts";
import { type Published, zonesLabel } from "./control.ts";
import type { CacheConfig, KindConfig } from "./index.ts";

/** RFC 2181 section 8: the longest that a TTL may be, in seconds. */
const LONGEST_TTL = 0x7fffffff;
/** A reply from elsewhere that is longer may have been sent without compression. */
const LONG_REPLY = 300;
/** CoreDNS, and we, write the owner in full and in lower case when the question's letters are ours (`upstream/letter-case.ts`). */
const TOLERATED_NAMES = 1;

/** The answers of one kind, with what is counted of them. */
export interface Store {
  readonly config: KindConfig;
  readonly disabled: ZoneFinder;
  readonly hits: Counter;
  readonly evictions: Counter;
  answers: AnswerCache;
  ahead: AnswerAhead;
}

export class Kept {
  readonly success: Store;
  readonly denial: Store;
  /** Of the question that was set last. */
  key!: AnswerKey;
  readonly #config: CacheConfig;
  readonly #worker: number;
  /** Seconds for which answers are given when they are over. */
  readonly #staleSeconds: number;
  readonly #graceMs: number;
  /** TTLs that are left as they are. */
  readonly #lowestTtl: number;
  readonly #highestTtl: number;

  constructor(config: CacheConfig, context: ServeContext) {
    this.#config = config;
    this.#worker = context.worker;
    this.#graceMs = config.stale?.forMs ?? 0;
    this.#staleSeconds = Math.floor(this.#graceMs / 1_000);
    const { success, denial } = config;
    this.#lowestTtl = Math.max(success.minTtl, denial.minTtl);
    this.#highestTtl = Math.min(success.maxTtl, denial.maxTtl, LONGEST_TTL);
    this.success = storeOf("success", config, context);
    this.denial = storeOf("denial", config, context);
  }

  /** Before the first query. */
  receive(memory: Published): void {
    this.key = new AnswerKey(new KeyedHash(...memory.hashKey));
    for (const type of ["success", "denial"] as const) {
      this[type].answers = new AnswerCache(memory[type], this.#worker);
      // Look-ups begin in the small slots, and nearly always end there.
      this[type].ahead = new AnswerAhead(memory[type][0]!, MAX_AHEAD);
    }
  }

  setKey(query: Query): void {
    this.key.set(query.name, query.type, query.class, query.dnssecOk, query.checkingDisabled);
  }

  /**
   * Where an answer to the question of the key is that may be given: denials first, but a failure gives way to any answer,
   * and with `prefer_positive` so does every denial. What was seen a moment ago: a denial is not looked for where only an
   * answer was.
   */
  find(now: number, seenDenial = -1, seenSuccess = -1): Store | undefined {
    const { success, denial, key } = this;
    const mayBeDenied = seenDenial >= 0 || seenSuccess < 0;
    const hasDenial = mayBeDenied && denial.answers.find(key, seenDenial) && this.#isUsable(denial.answers, now);
    const isFailure = (denial.answers.flags & Flag.RCODE) === Rcode.SERVFAIL;
    if (hasDenial && !isFailure && !this.#config.preferPositive) return denial;
    if (success.answers.find(key, seenSuccess) && this.#isUsable(success.answers, now)) return success;
    return hasDenial ? denial : undefined;
  }

  #isUsable(answers: AnswerCache, now: number): boolean {
    const left = secondsLeft(answers, now);
    return left > 0 || -left < this.#staleSeconds;
  }

  /** Whether somebody writes where an answer to the question of the key would be. */
  isChanging(now: number): boolean {
    return this.success.answers.isChanging(this.key, now) || this.denial.answers.isChanging(this.key, now);
  }

  /** Keeps what came if it is to be kept, and makes the reply look as it will when it comes from the cache. Gives whether. */
  keep(outcome: Outcome, query: Query, now: number): boolean {
    const { reply } = query;
    if (outcome === SERVFAIL) {
      // Nobody wrote it: the server will. The next one who asks within the time is told the same, as long as something has
      // gone wrong, and nobody just has no answer.
      if (query.error === "" || this.#config.servfailMs === 0 || query.isShed) return false;
      reply.begin(query);
      reply.rcode = Rcode.SERVFAIL;
      return this.#store(this.denial, query, this.#config.servfailMs / 1_000, now);
    }
    if (outcome !== ANSWERED || reply.empty) return false;
    if (reply.uncached && this.#isFinal(reply)) {
      reply.dropOpt(query);
      return false;
    }
    if (!reply.uncached && reply.length > LONG_REPLY) reply.compress(TOLERATED_NAMES);
    const kind = classify(query, reply);
    const ttl = this.#ttlOf(reply, kind);
    const count = reply.indexRecords();
    const shown = Math.floor(ttl);
    for (let i = 0; i < count; i++) reply.setTtlAt(reply.index[i * INDEX_WORDS + Index.TTL]!, shown);
    reply.dropOpt(query);
    if (reply.uncached || !isKeepable(kind) || ttl <= 0 || reply.overflow || (reply.flags & Flag.TC) !== 0)
      return false;
    // Measured once: for the table, and for those in front who count replies and log them.
    reply.plainLength = reply.uncompressedLength();
    reply.commonTtl = shown;
    reply.addressRun = 0;
    reply.isDescribed = true;
    if (kind === Kind.SUCCESS || kind === Kind.DELEGATION) return this.#store(this.success, query, ttl, now);
    const isKept = this.#store(this.denial, query, ttl, now);
    // With `disable denial`. The answer from before would be given as long as `serve_stale` lasts.
    if (!isKept && kind === Kind.DENIAL && !this.#config.preferPositive) this.success.answers.remove(this.key, now);
    return isKept;
  }

  /** Whether the TTLs are what this cache would make of them, whichever kind of answer it is. */
  #isFinal({ rcode, isDescribed, commonTtl }: Reply): boolean {
    if (!isDescribed) return false;
    const isAnswer = rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN;
    return isAnswer && commonTtl >= this.#lowestTtl && commonTtl <= this.#highestTtl;
  }

  #ttlOf(reply: Reply, kind: Kind): number {
    if (kind === Kind.FAILURE) return this.#config.servfailMs / 1_000;
    const isDenial = kind === Kind.DENIAL || kind === Kind.BARE_DENIAL;
    const { minTtl, maxTtl } = isDenial ? this.denial.config : this.success.config;
    return Math.min(Math.max(smallestTtl(reply, kind), minTtl), maxTtl, LONGEST_TTL);
  }

  #store(store: Store, query: Query, ttl: number, now: number): boolean {
    const { key } = this;
    this.setKey(query);
    if (store.disabled.has(query.name)) return false;
    const { reply } = query;
    const stored = store.answers.store(key, reply, reply.flags & KEPT_FLAGS, ttl, now, this.#graceMs);
    if (stored === Stored.EVICTED) store.evictions.add(1);
    // What was denied before is there now; a denial would be looked at first.
    const denials = this.denial.answers;
    if (store === this.success && denials.find(key)) denials.remove(key, now);
    return stored !== Stored.DROPPED;
  }

  /** Lets an answer without data go when a denial of the same is there: with `prefer_positive` it would be looked at first. */
  dropEmpty(query: Query, now: number): void {
    this.setKey(query);
    if (this.denial.answers.find(this.key)) this.success.answers.remove(this.key, now);
  }
}

function storeOf(type: "success" | "denial", config: CacheConfig, context: ServeContext): Store {
  const labels = { server: context.server, type, zones: zonesLabel(config), view: "" };
  return {
    config: config[type],
    disabled: new ZoneFinder(config[type].disabled),
    hits: context.counter("cache_hits_total", "The count of cache hits.", labels),
    evictions: context.counter("cache_evictions_total", "The count of cache evictions.", labels),
    answers: undefined as never,
    ahead: undefined as never,
  };
}

/** Whole seconds that the answer is still good for; 0 and less when it is over. A query may have come before the answer. */
export function secondsLeft(answers: AnswerCache, now: number): number {
  return answers.ttl - Math.floor(Math.max(now - answers.storedAt, 0) / 1_000);
}
