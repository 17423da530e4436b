/**
 * The serve half of forward. For each query: a list of the servers in the policy's order, attempts one after the other
 * until one has an answer, the deadline has passed or the attempts are used up (behaviour 3.E).
 */
import { endpointText } from "../../corefile/host-port.ts";
import { Flag } from "../../dns/header.ts";
import type { Name } from "../../dns/name.ts";
import { zoneToWire } from "../../dns/name-text.ts";
import { Rcode, rcodeName } from "../../dns/types.ts";
import { ZoneFinder } from "../../dns/zone-finder.ts";
import type { Counter, Histogram } from "../../memory/counters.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { Later } from "../../plugin/later.ts";
import { ANSWERED, type Eventual, type Handler, type Outcome, REFUSED, SERVFAIL } from "../../plugin/outcome.ts";
import { isOverUdp, type Query } from "../../plugin/query.ts";
import { TIME_BOUNDS } from "../../plugin/request-metrics.ts";
import type { Asker } from "../../upstream/asker.ts";
import { Board } from "../../upstream/board.ts";
import type { Answer, Exchange, ExchangeOwner } from "../../upstream/exchange.ts";
import { LARGE_UDP_SIZE, SAFE_UDP_SIZE } from "../../upstream/outgoing.ts";
import { randomBelow } from "../../upstream/random.ts";
import { shareAsker } from "../../upstream/share.ts";
import { ignoredNames, Upstream } from "../../upstream/upstream.ts";
import { adoptAnswer } from "./adopt.ts";
import type { ForwardConfig } from "./config.ts";
import type { Published } from "./control.ts";
import { Crowd, MAX_SAME_QUESTIONS } from "./crowd.ts";

/** No attempt is begun after this time. */
const DEADLINE_MS = 5_000;
/** Attempts for one query, where the configuration sets no limit (reliability, section 1). */
const MAX_ATTEMPTS = 100;
/** Where there is no limit: the wait between two rounds of servers that all fail at once, from the third round on. */
const ROUND_PAUSE_MS = 100;
/** How long a server that gave nothing over TCP is asked for long answers over UDP. */
const WITHOUT_TCP_MS = 60_000;
/** Rcodes that every server gives now and then have their histograms from the start. */
const COMMON_RCODES = [Rcode.NOERROR, Rcode.FORMERR, Rcode.SERVFAIL, Rcode.NXDOMAIN, Rcode.NOTIMP, Rcode.REFUSED];

/** Rcodes above the last that is assigned are counted together: an upstream could send four thousand of them. */
const OTHER_RCODES = Rcode.BADCOOKIE + 1;

export function serve(config: ForwardConfig, context: ServeContext): Handler {
  const forwarder = new Forwarder(config, context, shareAsker(context.workerCount));
  return (query) => forwarder.handle(query);
}

export class Forwarder implements ExchangeOwner {
  readonly #config: ForwardConfig;
  readonly #context: ServeContext;
  readonly #next: Handler;
  readonly #asker: Asker;
  readonly #from: Uint8Array;
  readonly #except: ZoneFinder;
  readonly #nextIsForward: boolean;
  /** Three slots: the number of the server that answered, counted from 1, and whose query that was. */
  readonly #answeredBy: number;
  readonly #answeredAt: number;
  readonly #answeredId: number;
  #upstreams: Upstream[] = [];
  /** By upstream, then rcode. */
  #durations: Histogram[][] = [];
  #maxAttempts = 0;
  #board = new Board(0);
  #load: { waiting: number } = { waiting: 0 };
  readonly #crowd: Crowd<Exchange>;
  readonly #broken: Counter;
  readonly #rejected: Counter;

  constructor(config: ForwardConfig, context: ServeContext, shared: { asker: Asker; release(): void }) {
    this.#config = config;
    this.#context = context;
    this.#next = context.next;
    this.#asker = shared.asker;
    this.#from = zoneToWire(config.from);
    this.#except = new ZoneFinder(config.except);
    this.#nextIsForward = context.nextName === "forward" || context.nextName === "proxy";
    this.#crowd = new Crowd(context.workerCount);
    this.#answeredBy = context.slot();
    this.#answeredAt = context.slot();
    this.#answeredId = context.slot();
    this.#broken = context.counter(
      "forward_healthcheck_broken_total",
      "Counter of the number of complete failures of the healthchecks.",
    );
    this.#rejected = context.counter(
      "forward_max_concurrent_rejects_total",
      "Counter of the number of queries rejected because the concurrent queries were at maximum.",
    );
    context.onPublished((published: Published) => this.#receive(published));
    context.provideMetadata("forward/upstream", (query) => this.#upstreamOf(query));
    context.onStop(() => {
      for (const upstream of this.#upstreams) this.#asker.forget(upstream);
      shared.release();
    });
  }

  handle(query: Query): Eventual {
    if (!this.#takes(query.name)) return this.#next(query);
    query.slots[this.#answeredBy] = 0;
    if (!this.#enter()) {
      this.#rejected.add(1);
      return query.fail(REFUSED, `concurrent queries exceeded maximum ${this.#config.maxConcurrent}`);
    }
    const asker = this.#asker;
    // A look-up of our own may come long after the batch that it belongs to.
    if (query.depth > 0) asker.tell();
    else if (query.receivedAt > asker.now) asker.now = query.receivedAt;
    const place = this.#crowd.enter(query);
    if (place < 0) return this.#giveUp(query, TOO_MANY_ALIKE);
    const exchange = asker.acquire(this, query);
    if (exchange === undefined) {
      this.#crowd.leave(place);
      return this.#giveUp(query, `more than ${asker.waiting.places} queries wait for upstreams`);
    }
    exchange.place = place;
    exchange.giveUpAt = asker.now + DEADLINE_MS;
    query.error = NO_UPSTREAM;
    this.#setOrder(exchange);
    exchange.starting = true;
    if (this.#crowd.isThick(place)) this.#hold(exchange);
    else this.#advance(exchange);
    if (!exchange.starting) {
      const outcome = exchange.outcome;
      asker.release(exchange);
      return outcome;
    }
    exchange.starting = false;
    const later = new Later(query);
    exchange.later = later;
    return later;
  }

  answered(exchange: Exchange, answer: Answer): void {
    const query = exchange.request as Query;
    const upstream = exchange.upstream!;
    const rcode = rcodeOf(answer);
    this.#durationOf(upstream.index, rcode).observe((this.#asker.now - exchange.startedAt) / 1_000);
    if (this.#mustAskForMore(exchange, query, answer)) {
      if (exchange.wantsMore && this.#asker.now < upstream.withoutTcpUntil) this.#askForMoreOverUdp(exchange);
      else this.#repeat(exchange, true);
      return;
    }
    const config = this.#config;
    const mayFailOver = exchange.failovers < this.#upstreams.length - 1 && !exchange.lastResort;
    if (mayFailOver && config.failoverRcodes.includes(rcode)) {
      exchange.failovers++;
      // What `max_connect_attempts` counts are those without an answer.
      exchange.attempts--;
      query.error = `upstream ${upstream.text} answered ${rcodeName(rcode)}`;
      this.#advance(exchange);
      return;
    }
    if (this.#nextIsForward && this.#wantsNext(rcode, answer)) {
      query.error = "";
      this.#settleAnswered(exchange, this.#next(query), rcode);
      return;
    }
    if (!adoptAnswer(query, answer, exchange.randomLetters)) {
      this.failed(exchange, `the answer of ${upstream.text} has no room`);
      return;
    }
    query.error = "";
    query.slots[this.#answeredBy] = upstream.index + 1;
    query.slots[this.#answeredAt] = query.receivedAt;
    query.slots[this.#answeredId] = query.id;
    this.#settleAnswered(exchange, ANSWERED, rcode);
  }

  /** What was held behind it is asked now. But a failure may be the end of a loop: then it is that of all. */
  #settleAnswered(exchange: Exchange, outcome: Eventual, rcode: number): void {
    const { place } = exchange;
    this.#settle(exchange, outcome);
    if (rcode === SERVFAIL || rcode === REFUSED) {
      const handsOver = this.#nextIsForward && this.#config.nextRcodes.includes(rcode);
      for (const held of this.#crowd.free(place)) this.#shed(held, handsOver ? this.#next : () => rcode);
      return;
    }
    this.#crowd.trust(place);
    for (const held of this.#crowd.free(place)) {
      this.#advance(held);
    }
  }

  failed(exchange: Exchange, reason: string): void {
    const upstream = exchange.upstream!;
    if (exchange.wantsMore) {
      upstream.withoutTcpUntil = this.#asker.now + WITHOUT_TCP_MS;
      this.#askForMoreOverUdp(exchange);
      return;
    }
    if (exchange.largestUdpSize > SAFE_UDP_SIZE) upstream.withoutTcpUntil = 0;
    (exchange.request as Query).error = reason;
    this.#wantProbe(upstream.index);
    if (this.#mayAttempt(exchange) && this.#crowd.hasOthersAsked(exchange.place)) this.#hold(exchange);
    else this.#advance(exchange);
  }

  resumed(exchange: Exchange): void {
    if (this.#crowd.drop(exchange.place, exchange)) this.#shed(exchange, failHeld);
    else this.#advance(exchange);
  }

  /** Until others in its place are answered, or fail; as long as it may be asked at all. */
  #hold(exchange: Exchange): void {
    this.#crowd.hold(exchange.place, exchange);
    this.#asker.pause(exchange, exchange.giveUpAt - this.#asker.now);
  }

  /** Ends a query that was not asked itself, so a failure of it is not to be kept. */
  #shed(exchange: Exchange, end: Handler): void {
    const query = exchange.request as Query;
    query.isShed = true;
    query.error = "";
    this.#settle(exchange, end(query));
  }

  #mayAttempt({ giveUpAt, attempts, lastResort }: Exchange): boolean {
    return this.#asker.now < giveUpAt && attempts < this.#maxAttempts && !lastResort;
  }

  /** Begins the next attempt, or ends the query. */
  #advance(exchange: Exchange): void {
    const config = this.#config;
    const upstreams = this.#upstreams;
    const query = exchange.request as Query;
    const overTcp = config.forceTcp || (!config.preferUdp && !isOverUdp(query.transport));
    while (this.#mayAttempt(exchange)) {
      const index = this.#pick(exchange);
      if (index < 0) break;
      if (this.#needsPause(exchange)) {
        this.#asker.pause(exchange, ROUND_PAUSE_MS);
        return;
      }
      exchange.attempts++;
      exchange.largestUdpSize = SAFE_UDP_SIZE;
      const problem = this.#asker.ask(exchange, upstreams[index]!, overTcp, config.readTimeoutMs);
      if (problem === "") return;
      query.error = problem;
      this.#wantProbe(index);
    }
    if (exchange.foundNoRoom) query.isShed = true;
    const { place } = exchange;
    this.#settle(exchange, SERVFAIL);
    for (const held of this.#crowd.free(place)) this.#shed(held, failHeld);
  }

  /** The next server to be asked: the next in the list that is not down; when all are down, one of them; -1 to give up. */
  #pick(exchange: Exchange): number {
    const count = this.#upstreams.length;
    const { order } = exchange;
    const { maxFails } = this.#config;
    for (let looked = 0; looked < count; looked++) {
      const index = order[exchange.position++ % count]!;
      if (maxFails === 0 || this.#board.fails(index) <= maxFails) return index;
    }
    if (count === 0) return -1;
    this.#broken.add(1);
    if (this.#config.failFast) return -1;
    // Probes may be wrong. But one is enough: queries must not become a storm on servers that are in trouble.
    exchange.lastResort = true;
    return randomBelow(count);
  }

  /** Servers that refuse at once would be asked thousands of times until the deadline. */
  #needsPause(exchange: Exchange): boolean {
    if (this.#config.maxAttempts !== 0) return false;
    const { attempts } = exchange;
    const count = this.#upstreams.length;
    if (attempts < 2 * count || attempts % count !== 0 || exchange.pausedAt === attempts) return false;
    exchange.pausedAt = attempts;
    return true;
  }

  #settle(exchange: Exchange, outcome: Eventual): void {
    this.#leave();
    this.#crowd.leave(exchange.place);
    if (exchange.starting) {
      // Only numbers come here: what gives a promise has waited before.
      exchange.starting = false;
      exchange.outcome = outcome as Outcome;
      return;
    }
    const later = exchange.later!;
    this.#asker.release(exchange);
    later.settle(outcome);
  }

  #takes(name: Name): boolean {
    const label = name.labelOf(this.#from);
    return label === 0 || (label > 0 && !this.#except.has(name));
  }

  #setOrder(exchange: Exchange): void {
    const count = this.#upstreams.length;
    if (exchange.order.length < count) exchange.order = new Uint8Array(count);
    const { order } = exchange;
    for (let i = 0; i < count; i++) order[i] = i;
    if (count < 2) return;
    const { policy } = this.#config;
    if (policy === "random") {
      for (let i = count - 1; i > 0; i--) {
        const other = randomBelow(i + 1);
        const index = order[other]!;
        order[other] = order[i]!;
        order[i] = index;
      }
    } else if (policy === "round_robin") {
      // Only the head rotates; the others follow as they are listed.
      const head = this.#board.nextTurn() % count;
      for (let i = head; i > 0; i--) order[i] = i - 1;
      order[0] = head;
    }
  }

  /**
   * A cut answer is for the client to fetch again, as in CoreDNS, but where we are told to do it (`prefer_udp`), and
   * where the client would have taken a longer datagram than we dare to ask for.
   */
  #mustAskForMore(exchange: Exchange, query: Query, answer: Answer): boolean {
    exchange.wantsMore = false;
    if (answer.overStream) return false;
    if (!answer.cut && (answer.bytes[answer.start + 2]! & (Flag.TC >> 8)) === 0) return false;
    exchange.wantsMore = query.hasOpt && query.udpLimit > exchange.udpSize && exchange.largestUdpSize === SAFE_UDP_SIZE;
    return exchange.wantsMore || this.#config.preferUdp;
  }

  /** The server cannot be asked over TCP. An answer that comes in fragments is better than none. */
  #askForMoreOverUdp(exchange: Exchange): void {
    exchange.wantsMore = false;
    exchange.largestUdpSize = LARGE_UDP_SIZE;
    this.#repeat(exchange, false);
  }

  /** Asks the same server once more, in the same attempt. */
  #repeat(exchange: Exchange, overTcp: boolean): void {
    const problem = this.#asker.ask(exchange, exchange.upstream!, overTcp, this.#config.readTimeoutMs);
    if (problem !== "") this.failed(exchange, problem);
  }

  #wantsNext(rcode: number, answer: Answer): boolean {
    const config = this.#config;
    if (config.nextRcodes.includes(rcode)) return true;
    if (!config.nextOnNodata || rcode !== Rcode.NOERROR) return false;
    return answer.bytes[answer.start + 6] === 0 && answer.bytes[answer.start + 7] === 0;
  }

  #wantProbe(index: number): void {
    if (this.#config.maxFails > 0 && this.#board.wantProbe(index)) this.#context.tell(index);
  }

  /**
   * Counts one query more, and looks at what all workers have counted then: so two of them cannot both take the last place.
   * False when there was none.
   */
  #enter(): boolean {
    const waiting = ++this.#load.waiting;
    const { maxConcurrent } = this.#config;
    if (maxConcurrent === 0) return true;
    const { worker, workerCount } = this.#context;
    this.#board.setWaiting(worker, waiting);
    if (this.#board.waiting(workerCount) <= maxConcurrent) return true;
    this.#leave();
    return false;
  }

  #leave(): void {
    const waiting = --this.#load.waiting;
    if (this.#config.maxConcurrent > 0) this.#board.lowerWaiting(this.#context.worker, waiting);
  }

  #giveUp(query: Query, reason: string): Outcome {
    this.#leave();
    query.isShed = true;
    return query.fail(SERVFAIL, reason);
  }

  #receive({ upstreams, board }: Published): void {
    const config = this.#config;
    const context = this.#context;
    this.#board = new Board(upstreams.length, board);
    this.#load = loadOf(board);
    this.#board.setWaiting(context.worker, this.#load.waiting);
    for (const upstream of this.#upstreams) this.#asker.forget(upstream);
    this.#upstreams = upstreams.map(({ host, port }, index) => {
      const maxIdle = config.maxIdle === 0 ? 0 : Math.max(1, Math.floor(config.maxIdle / context.workerCount));
      const options = { index, address: host, port, expireMs: config.expireMs, maxAgeMs: config.maxAgeMs, maxIdle };
      const source = config.source === undefined ? {} : { source: config.source };
      return new Upstream({ ...options, ...source }, this.#board, countersOf(context, endpointText(host, port)));
    });
    this.#durations = this.#upstreams.map(() => []);
    for (const upstream of this.#upstreams) for (const rcode of COMMON_RCODES) this.#durationOf(upstream.index, rcode);
    this.#maxAttempts = config.maxAttempts === 0 ? MAX_ATTEMPTS : (config.maxAttempts ?? 2 * upstreams.length);
  }

  #durationOf(upstream: number, anyRcode: number): Histogram {
    const histograms = this.#durations[upstream]!;
    const rcode = Math.min(anyRcode, OTHER_RCODES);
    histograms[rcode] ??= this.#context.histogram(
      "proxy_request_duration_seconds",
      "Histogram of the time each request took.",
      {
        proxy_name: "forward",
        to: this.#upstreams[upstream]!.text,
        rcode: rcode === OTHER_RCODES ? "other" : rcodeName(rcode),
      },
      TIME_BOUNDS,
    );
    return histograms[rcode];
  }

  #upstreamOf(query: Query): string {
    const { slots } = query;
    const answeredBy = slots[this.#answeredBy] ?? 0;
    // Slots outlive a query: one that did not come here must not show the server of the one before.
    const isHis = slots[this.#answeredAt] === query.receivedAt && slots[this.#answeredId] === query.id;
    return answeredBy > 0 && isHis ? this.#upstreams[answeredBy - 1]!.text : "";
  }
}

/** Said when no server was asked at all. */
const NO_UPSTREAM = "no healthy proxies";

const HELD_IN_VAIN = "queries of one client wait for the answer to one question, and none comes: a loop?";
const failHeld: Handler = (query) => query.fail(SERVFAIL, HELD_IN_VAIN);
const TOO_MANY_ALIKE = `more than ${MAX_SAME_QUESTIONS} queries of one client wait for the answer to one question`;

/** Queries in flight of one stanza in this worker, counted together for all its listeners. */
const loads = new WeakMap<SharedArrayBuffer, { waiting: number }>();
function loadOf(board: SharedArrayBuffer): { waiting: number } {
  const load = loads.get(board) ?? { waiting: 0 };
  loads.set(board, load);
  return load;
}

function countersOf(context: ServeContext, to: string) {
  const of = (name: string, help: string, proto: string) =>
    context.counter(name, help, { proxy_name: "forward", to, proto });
  const hits = ["udp", "tcp"].map((proto) =>
    of("proxy_conn_cache_hits_total", "Counter of connection cache hits per upstream and protocol.", proto),
  );
  const misses = ["udp", "tcp"].map((proto) =>
    of("proxy_conn_cache_misses_total", "Counter of connection cache misses per upstream and protocol.", proto),
  );
  const ignored = context.counters(
    "proxy_ignored_responses_total",
    "Counter of messages from an upstream's address that answered no question.",
    { proxy_name: "forward", to },
    { reason: ignoredNames },
  );
  return {
    reused: (overTcp: boolean) => hits[overTcp ? 1 : 0]!.add(1),
    opened: (overTcp: boolean) => misses[overTcp ? 1 : 0]!.add(1),
    ignored: (kind: number) => ignored.add(kind, 1),
  };
}

function rcodeOf(answer: Answer): number {
  const { bytes, start, opt } = answer;
  const low = bytes[start + 3]! & Flag.RCODE;
  return opt === 0 ? low : low | (bytes[start + opt + 5]! << 4);
}
