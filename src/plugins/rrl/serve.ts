/** The serve half of rrl: says what kind of reply it is, whose account pays, and what becomes of one that cannot be paid. */
import { authorityHas, authorityRecord } from "../../dns/authority.ts";
import { Flag } from "../../dns/header.ts";
import { MAX_NAME_LENGTH } from "../../dns/name.ts";
import { Index, type Reply, Section } from "../../dns/reply.ts";
import { Rcode, Type } from "../../dns/types.ts";
import { ZoneFinder } from "../../dns/zone-finder.ts";
import { clockOffset } from "../../memory/clock.ts";
import type { Counter } from "../../memory/counters.ts";
import { KeyedHash } from "../../memory/keyed-hash.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { ANSWERED, after, DROPPED, type Eventual, type Handler, type Outcome } from "../../plugin/outcome.ts";
import { type Query, Transport } from "../../plugin/query.ts";
import { addressOffset, addressSize, formatAddress } from "../../transport/packets.ts";
import { Accounts } from "./accounts.ts";
import type { Published } from "./control.ts";
import { Kind, type RrlConfig } from "./index.ts";

/** A network in debt is named in the log, but an attack has many. */
const LOG_EVERY_MS = 1_000;
const KIND_NAMES = [
  "answers",
  "replies without data",
  "replies that a name is not there",
  "referrals",
  "errors",
  "queries",
];

export function serve(config: RrlConfig, context: ServeContext): Handler {
  const limiter = new Limiter(config, context);
  return (query) => limiter.handle(query);
}

class Limiter {
  readonly #config: RrlConfig;
  readonly #context: ServeContext;
  readonly #next: Handler;
  readonly #zones: ZoneFinder;
  readonly #responses: Counter;
  readonly #requests: Counter;
  readonly #slipped: Counter;
  #accounts!: Accounts;
  #hash!: KeyedHash;
  #loggedAt = Number.NEGATIVE_INFINITY;
  readonly #finished = (outcome: Outcome, query: Query): Outcome => this.#finish(outcome, query);

  constructor(config: RrlConfig, context: ServeContext) {
    this.#config = config;
    this.#context = context;
    this.#next = context.next;
    this.#zones = new ZoneFinder(config.zones);
    const { server } = context;
    const exceeded = (what: string) =>
      context.counter(`rrl_${what}_exceeded_total`, `Counter of ${what} exceeding QPS limit.`, { server });
    this.#responses = exceeded("responses");
    this.#requests = exceeded("requests");
    this.#slipped = context.counter("weftdns_rrl_slipped_total", "Truncated replies in place of limited ones.", {
      server,
    });
    context.onPublished(({ accounts, hashKey }: Published) => {
      this.#accounts = new Accounts(accounts);
      this.#hash = new KeyedHash(...hashKey);
    });
  }

  handle(query: Query): Eventual {
    if (query.transport !== Transport.UDP || query.clientIsProven || query.depth > 0) return this.#next(query);
    if (this.#zones.find(query.name) < 0) return this.#next(query);
    if (this.#charge(query, Kind.REQUEST) > 0) {
      this.#requests.add(1);
      if (!this.#config.reportOnly) return DROPPED;
    }
    return after(this.#next(query), query, this.#finished);
  }

  #finish(outcome: Outcome, query: Query): Outcome {
    const { reply } = query;
    if (outcome === DROPPED || (outcome === ANSWERED && reply.empty)) return outcome;
    const kind = outcome === ANSWERED ? kindOf(reply) : Kind.ERROR;
    const over = this.#charge(query, kind);
    if (over === 0) return outcome;
    this.#responses.add(1);
    const { reportOnly, slipRatio } = this.#config;
    if (reportOnly) return outcome;
    if (slipRatio === 0 || over % slipRatio !== 0) return DROPPED;
    this.#slipped.add(1);
    if (outcome !== ANSWERED) {
      reply.begin(query);
      reply.rcode = outcome;
    }
    reply.cut(0);
    // An upstream may have sent options at length.
    reply.dropOpt(query);
    reply.flags |= Flag.TC;
    return ANSWERED;
  }

  /** 0: it could pay. */
  #charge(query: Query, kind: Kind): number {
    const { allowances, windowMs } = this.#config;
    const perSecond = allowances[kind]!;
    if (perSecond === 0) return 0;
    const now = query.receivedAt + clockOffset;
    const over = this.#accounts.charge(this.#hashOf(query, kind), now, perSecond, windowMs);
    if (over === 1 && now - this.#loggedAt >= LOG_EVERY_MS) {
      this.#loggedAt = now;
      const client = formatAddress(query.peers, query.peerIndex);
      this.#context.log.info(
        `too many ${KIND_NAMES[kind]} for the network of ${client}: more than ${perSecond} a second`,
      );
    }
    return over;
  }

  #hashOf(query: Query, kind: Kind): number {
    const { name, type, peers, peerIndex } = query;
    const size = addressSize(peers, peerIndex);
    const bits = size === 4 ? this.#config.ipv4Bits : this.#config.ipv6Bits;
    keepNetwork(peers, addressOffset(peers, peerIndex), size, bits);
    let named = 0;
    if (kind === Kind.RESPONSE || kind === Kind.NODATA) named = this.#hash.bytes(name.bytes, 0, name.length, 0);
    else if (kind === Kind.NXDOMAIN || kind === Kind.REFERRAL) {
      const length = readAuthority(query.reply);
      named = this.#hash.bytes(authority, 0, length, 0);
    }
    return this.#hash.bytes(network, 0, size, named ^ (kind << 24) ^ (kind === Kind.RESPONSE ? type : 0));
  }
}

function kindOf(reply: Reply): Kind {
  const { rcode, counts } = reply;
  if (rcode === Rcode.NXDOMAIN) return Kind.NXDOMAIN;
  if (rcode !== Rcode.NOERROR) return Kind.ERROR;
  if (counts[Section.ANSWER]! > 0) return Kind.RESPONSE;
  const isReferral = (reply.flags & Flag.AA) === 0 && authorityHas(reply, Type.NS) && !authorityHas(reply, Type.SOA);
  return isReferral ? Kind.REFERRAL : Kind.NODATA;
}

const network = new Uint8Array(16);

/** The address at `at` without the bits behind the first `bits`. */
function keepNetwork(addresses: Uint8Array, at: number, size: number, bits: number): void {
  for (let i = 0; i < size; i++) {
    const left = bits - 8 * i;
    const mask = left >= 8 ? 0xff : left <= 0 ? 0 : (0xff00 >> left) & 0xff;
    network[i] = addresses[at + i]! & mask;
  }
}

const authority = new Uint8Array(MAX_NAME_LENGTH + 1);

/** Reads the name that the SOA or NS record in the authority section belongs to, in lower case. 0 when there is none. */
function readAuthority(reply: Reply): number {
  const soa = authorityRecord(reply, Type.SOA);
  const at = soa >= 0 ? soa : authorityRecord(reply, Type.NS);
  return at < 0 ? 0 : Math.max(0, reply.readName(reply.index[at + Index.OWNER]!, authority));
}
