/**
 * cache: keeps answers for as long as their TTL says, in memory that all workers share.
 *
 * Syntax    cache [TTL] [ZONES...] { OPTION... }, once in a block
 *   TTL      the longest that an answer is kept, in seconds (3600, denials 1800)
 *   ZONES    the names to keep answers for; the server block's when absent
 * Options
 *   success CAPACITY [TTL [MINTTL]]   answers with data: how many (10000), for how long at most and at least (3600, 5)
 *   denial CAPACITY [TTL [MINTTL]]    answers that there is no such name or data, and failures (10000, 1800, 5)
 *   prefetch AMOUNT [DUR [PERCENT%]]  an answer asked for AMOUNT times with no gap of DUR (1m) between is renewed when
 *                                     PERCENT (10) of its time is left; 0: never
 *   serve_stale [DUR [immediate [RTTL [RECHECK]] | verify [TIMEOUT [RTTL [RECHECK]]]]]
 *                                     an answer that is over is given for DUR (1h) more, with RTTL (0s) as its TTL:
 *                                     at once while a new one is fetched (immediate), or when asking for a new one
 *                                     brought nothing (verify) within TIMEOUT (0s: as long as it takes). RECHECK: the
 *                                     time until the next attempt after one that failed (0s, at most 5m)
 *   serve_stale_policy prefer_positive  a stale answer with data is better than a stale one without
 *   servfail DUR                      how long a failure is kept (5s, at most 5m); 0: not at all. One that has no reason, as
 *                                     from hosts without fallthrough, is not kept
 *   disable success|denial [ZONES]    keeps nothing of this kind for the zones
 *   keepttl                           the TTL of kept answers does not go down
 * Metrics   coredns_cache_entries{server, type, zones, view}             answers kept; type is success or denial
 *           coredns_cache_requests_total, _misses_total{server, zones, view}
 *           coredns_cache_hits_total, _evictions_total{server, type, zones, view}
 *           coredns_cache_prefetch_total, _served_stale_total, _drops_total{server, zones, view}
 *           weftdns_cache_joined_total{server, zones, view}   queries that took the answer to another one's question
 *           weftdns_cache_bytes{server, zones, view}          memory of the answers kept
 * Ready     at once
 *
 * One question is asked once, however many clients wait for its answer and whichever worker they came to. When the answer
 * turns out to be none that may be kept, all who waited for it ask for themselves, at once. Answers of plugins
 * that have them in memory (file, hosts, kubernetes) are not kept: the next query is answered from there. A reload that
 * changes nothing in the block leaves its answers; any other begins without. In a container that has a limit of memory, all caches
 * together take at most a third of it, each the same part; for what is more, long answers are the first that find no room, and
 * where that is not enough the log says how many are kept.
 * Example
 *   . {
 *     cache 30 {
 *       success 20000
 *       prefetch 10 1m 20%
 *     }
 *     forward . 192.0.2.1
 *   }
 */
import type { Directive, Option, Stanza } from "../../corefile/directive.ts";
import { parseDuration } from "../../corefile/duration.ts";
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";
import { MAX_TIMER_MS } from "../../plugin/timer.ts";

/** One of the two kinds of answers. */
export interface KindConfig {
  capacity: number;
  maxTtl: number;
  minTtl: number;
  /** Nothing of this kind is kept for names in these zones. */
  disabled: string[];
}

export interface StaleConfig {
  forMs: number;
  verify: boolean;
  timeoutMs: number;
  ttl: number;
  recheckMs: number;
}

export interface CacheConfig {
  readonly zones: readonly string[];
  readonly success: KindConfig;
  readonly denial: KindConfig;
  prefetch: { amount: number; windowMs: number; percent: number };
  /** Undefined: what is over is gone. */
  stale: StaleConfig | undefined;
  preferPositive: boolean;
  servfailMs: number;
  keepTtl: boolean;
}

export const cache = definePlugin<CacheConfig>({
  name: "cache",
  holdsAnswers: true,
  parse,
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});

/** CoreDNS divides its 10000 among 256 shards. */
const DEFAULT_CAPACITY = 9_984;
/** As many as CoreDNS keeps at least, whatever it is told; and more than a gigabyte of answers is a mistake. */
const MIN_CAPACITY = 1_024;
const MAX_CAPACITY = 4_000_000;
const DEFAULT_MIN_TTL = 5;
const MINUTE_MS = 60_000;
const MAX_RECHECK_MS = 5 * MINUTE_MS;

function parse(directive: Directive): CacheConfig {
  const stanza = directive.once();
  const ttl = readTtl(stanza);
  const config: CacheConfig = {
    zones: stanza.zones(),
    success: { capacity: DEFAULT_CAPACITY, maxTtl: ttl ?? 3_600, minTtl: DEFAULT_MIN_TTL, disabled: [] },
    denial: { capacity: DEFAULT_CAPACITY, maxTtl: ttl ?? 1_800, minTtl: DEFAULT_MIN_TTL, disabled: [] },
    prefetch: { amount: 0, windowMs: MINUTE_MS, percent: 10 },
    stale: undefined,
    preferPositive: false,
    servfailMs: 5_000,
    keepTtl: false,
  };
  const { policy } = readOptions(stanza, config);
  if (policy && !config.stale) stanza.fail("serve_stale_policy requires serve_stale", policy.head, { form: "plain" });
  return config;
}

/** The first argument is the TTL when it is a number. */
function readTtl(stanza: Stanza): number | undefined {
  const text = stanza.peek();
  if (text === undefined || !/^[-+]?[0-9]+$/.test(text) || !Number.isSafeInteger(Number(text))) return undefined;
  return positiveTtl(stanza);
}

function readOptions(stanza: Stanza, config: CacheConfig): { policy: Option | undefined } {
  let policy: Option | undefined;
  stanza.eachOption({
    success: (line) => readKind(line, config.success),
    denial: (line) => readKind(line, config.denial),
    prefetch: (line) => {
      config.prefetch = readPrefetch(line);
    },
    serve_stale: (line) => {
      config.stale = readStale(line);
    },
    serve_stale_policy: (line) => {
      if (policy) line.fail("serve_stale_policy can only be specified once", line.head, { form: "plain" });
      policy = line;
      const token = line.token("prefer_positive");
      if (token.text !== "prefer_positive") {
        line.fail(`invalid serve_stale_policy: ${token.text}, expected prefer_positive`, token, { form: "plain" });
      }
      config.preferPositive = true;
    },
    servfail: (line) => {
      config.servfailMs = readServfail(line);
    },
    disable: (line) => {
      const token = line.token("success or denial");
      if (token.text === "success") config.success.disabled.push(...line.fallthrough());
      else if (token.text === "denial") config.denial.disabled.push(...line.fallthrough());
      else line.fail('cache type for disable must be "success" or "denial"', token, { form: "plain" });
    },
    keepttl: (line) => {
      line.noArguments();
      config.keepTtl = true;
    },
  });
  return { policy };
}

function readKind(line: Option, kind: KindConfig): void {
  const wanted = line.integer({ what: "capacity" });
  kind.capacity = Math.min(Math.max(wanted - (wanted % 256), MIN_CAPACITY), MAX_CAPACITY);
  if (wanted > MAX_CAPACITY) line.warn(`at most ${MAX_CAPACITY} answers are kept`, line.args[0]);
  if (line.left > 0) kind.maxTtl = positiveTtl(line);
  if (line.left > 0) {
    const token = line.args[2]!;
    kind.minTtl = line.integer({ what: "MINTTL" });
    if (kind.minTtl < 0) line.fail(`cache min TTL can not be negative: ${kind.minTtl}`, token, { form: "plain" });
  }
  // CoreDNS does not look at what follows.
  line.rest();
}

function positiveTtl(line: Stanza | Option): number {
  const token = line.args.at(-line.left)!;
  const ttl = line.integer({ what: "TTL" });
  if (ttl <= 0) line.fail(`cache TTL can not be zero or negative: ${token.text}`, token, { form: "plain" });
  return ttl;
}

function readPrefetch(line: Option): CacheConfig["prefetch"] {
  const token = line.token("how many hits make an answer popular");
  const amount = /^[-+]?[0-9]+$/.test(token.text) ? Number(token.text) : Number.NaN;
  if (Number.isNaN(amount)) line.fail(`invalid prefetch '${token.text}', expected an integer`, token);
  if (amount < 0) line.fail(`prefetch amount should be positive: ${amount}`, token, { form: "plain" });
  const windowMs = line.left > 0 ? signedDuration(line, "prefetch") : MINUTE_MS;
  const percent = line.left > 0 ? readPercent(line) : 10;
  return { amount, windowMs, percent };
}

function readPercent(line: Option): number {
  const token = line.token();
  const { text } = token;
  if (!text.endsWith("%")) {
    const last = text.at(-1) ?? "";
    line.fail(`last character of percentage should be \`%\`, but is: '${last}'`, token, { form: "plain" });
  }
  const percent = /^[-+]?[0-9]+%$/.test(text) ? Number(text.slice(0, -1)) : Number.NaN;
  if (!(percent >= 10 && percent <= 90)) {
    line.fail(`percentage should fall in range [10, 90]: ${text.slice(0, -1)}`, token, { form: "plain" });
  }
  return percent;
}

function readStale(line: Option): StaleConfig {
  const stale: StaleConfig = { forMs: 60 * MINUTE_MS, verify: false, timeoutMs: 0, ttl: 0, recheckMs: 0 };
  if (line.left === 0) return stale;
  stale.forMs = staleDuration(line, "invalid negative duration for serve_stale");
  if (line.left === 0) return stale;
  const token = line.token("immediate or verify");
  const mode = token.text.toLowerCase();
  if (mode !== "immediate" && mode !== "verify") {
    const words = `invalid value for serve_stale refresh mode: ${token.text}, expected immediate or verify`;
    line.fail(words, token, { form: "plain" });
  }
  stale.verify = mode === "verify";
  if (stale.verify && line.left > 0) {
    const ms = staleDuration(line, "invalid negative timeout for serve_stale verify");
    stale.timeoutMs = Math.min(ms, MAX_TIMER_MS);
  }
  if (line.left > 0) {
    const at = line.args.at(-line.left)!;
    const ms = staleDuration(line, "invalid negative response TTL for serve_stale");
    if (ms % 1_000 !== 0) {
      line.fail("serve_stale response TTL must be a whole number of seconds", at, { form: "plain" });
    }
    stale.ttl = ms / 1_000;
  }
  if (line.left > 0) {
    const at = line.args.at(-line.left)!;
    stale.recheckMs = staleDuration(line, "invalid negative failure recheck for serve_stale");
    if (stale.recheckMs > MAX_RECHECK_MS) {
      line.fail("serve_stale failure recheck cannot exceed 5 minutes", at, { form: "plain" });
    }
  }
  return stale;
}

function staleDuration(line: Option, negative: string): number {
  const at = line.args.at(-line.left)!;
  const ms = signedDuration(line, "serve_stale");
  if (ms < 0) line.fail(negative, at, { form: "plain" });
  return ms;
}

function readServfail(line: Option): number {
  const token = line.args[0];
  const ms = signedDuration(line, "servfail");
  if (ms < 0) line.fail("invalid negative ttl for servfail", token, { form: "plain" });
  if (ms > 5 * MINUTE_MS) {
    line.fail("caching SERVFAIL responses over 5 minutes is not permitted", token, { form: "plain" });
  }
  return ms;
}

/** Negative ones have mistakes, or meanings, of their own. */
function signedDuration(line: Option, what: string): number {
  const token = line.token("a duration");
  return (
    parseDuration(token.text) ?? line.fail(`invalid ${what} '${token.text}', expected a duration such as 5s`, token)
  );
}
