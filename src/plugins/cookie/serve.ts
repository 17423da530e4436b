/** The serve half of cookie: judges the client's cookie, hides it from the rest of the chain, and gives one with the reply. */
import { appendOption, findOption, optionData, optionsOf, removeOptions } from "../../dns/options.ts";
import { Rcode } from "../../dns/types.ts";
import type { CounterTable } from "../../memory/counters.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { ANSWERED, after, DROPPED, type Eventual, FORMERR, type Handler, type Outcome } from "../../plugin/outcome.ts";
import type { Query } from "../../plugin/query.ts";
import { addressOffset, addressSize } from "../../transport/packets.ts";
import type { Secrets } from "./control.ts";
import type { CookieConfig } from "./index.ts";
import { Cookie, ServerCookies } from "./server-cookie.ts";

/** RFC 7873 section 4. */
const COOKIE = 10;
/** By `Cookie`. */
const STATUSES = ["malformed", "client", "bad", "good"];

export function serve(_config: CookieConfig, context: ServeContext): Handler {
  const server = new CookieServer(context);
  return (query) => server.handle(query);
}

class CookieServer {
  readonly #next: Handler;
  readonly #counted: CounterTable;
  /** What was found of the query's cookie: a `Cookie`. */
  readonly #found: number;
  #cookies!: ServerCookies;
  readonly #finished = (outcome: Outcome, query: Query): Outcome => this.#finish(outcome, query);

  constructor(context: ServeContext) {
    this.#next = context.next;
    const help = "Queries with a cookie, by what it was worth.";
    this.#counted = context.counters(
      "weftdns_cookie_queries_total",
      help,
      { server: context.server },
      { status: STATUSES },
    );
    this.#found = context.slot();
    context.answerBare((query) => this.#answerBare(query));
    context.onPublished((secrets: Secrets) => {
      this.#cookies = new ServerCookies(secrets);
    });
  }

  handle(query: Query): Eventual {
    if (query.optionsLength === 0) return this.#next(query);
    const options = optionsOf(query);
    const at = findOption(options, COOKIE);
    if (at < 0 || addressSize(query.peers, query.peerIndex) === 0) return this.#next(query);
    const found = this.#judge(query, optionData(options, at));
    if (found === Cookie.MALFORMED) return malformed(query);
    query.clientIsProven = found >= Cookie.GOOD;
    query.slots[this.#found] = found;
    query.replaceMessage(removeOptions(options, COOKIE));
    return after(this.#next(query), query, this.#finished);
  }

  /** Who only wants to know whether his cookie is good asks nothing else (RFC 7873 section 5.4). */
  #answerBare(query: Query): Outcome {
    const options = optionsOf(query);
    const at = findOption(options, COOKIE);
    if (at < 0 || addressSize(query.peers, query.peerIndex) === 0) return FORMERR;
    const found = this.#judge(query, optionData(options, at));
    if (found === Cookie.MALFORMED) return FORMERR;
    query.reply.begin(query);
    this.#give(query, found);
    return ANSWERED;
  }

  #judge(query: Query, cookie: Uint8Array): Cookie {
    const found = this.#cookies.judge(cookie, addressOf(query), wallSeconds());
    this.#counted.add(Math.min(found, Cookie.GOOD), 1);
    return found;
  }

  #finish(outcome: Outcome, query: Query): Outcome {
    query.restoreMessage();
    if (outcome === DROPPED) return outcome;
    const { reply } = query;
    if (outcome !== ANSWERED) {
      reply.begin(query);
      reply.rcode = outcome;
    } else if (reply.empty) return outcome;
    this.#give(query, query.slots[this.#found] as Cookie);
    return ANSWERED;
  }

  /** Adds a cookie to the reply, in the place of an upstream's. */
  #give(query: Query, found: Cookie): void {
    const { reply, udpSize, dnssecOk } = query;
    const options = optionsOf(query);
    const cookie = optionData(options, findOption(options, COOKIE));
    const given = found === Cookie.GOOD ? cookie : this.#cookies.make(cookie, addressOf(query), wallSeconds());
    reply.setOpt(appendOption(removeOptions(reply.options, COOKIE), COOKIE, given), udpSize, dnssecOk);
  }
}

function malformed(query: Query): Outcome {
  const { reply } = query;
  query.block?.dropped?.(query, Rcode.FORMERR);
  reply.begin(query);
  reply.rcode = Rcode.FORMERR;
  return ANSWERED;
}

function addressOf({ peers, peerIndex }: Query): Uint8Array {
  const at = addressOffset(peers, peerIndex);
  return peers.subarray(at, at + addressSize(peers, peerIndex));
}

/** Servers that share a secret need not have started together. */
function wallSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}
