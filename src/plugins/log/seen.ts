/** What a `log` line says of a query's end: one object per chain, filled for each query. */
import { authorityHas } from "../../dns/authority.ts";
import { Flag } from "../../dns/header.ts";
import { Section } from "../../dns/reply.ts";
import { Opcode, Rcode, Type } from "../../dns/types.ts";
import { requestLength } from "../../dns/uncompressed-length.ts";
import { ANSWERED, DROPPED, type Outcome } from "../../plugin/outcome.ts";
import type { Query } from "../../plugin/query.ts";
import type { Class } from "./index.ts";

const NANOSECONDS_PER_MS = 1e6;

export class Seen {
  /** Something was sent to the client. */
  answered = false;
  flags = 0;
  rcode = 0;
  /** Milliseconds on the monotonic clock. */
  endedAt = 0;
  #query: Query | undefined;
  #outcome: Outcome = DROPPED;

  fill(query: Query, outcome: Outcome): void {
    const { reply } = query;
    this.#query = query;
    this.#outcome = outcome;
    this.endedAt = performance.now();
    const written = outcome === ANSWERED && !reply.empty;
    this.answered = written || (outcome !== ANSWERED && outcome !== DROPPED);
    this.flags = written ? sentFlags(query) : ownFlags(query);
    this.rcode = written ? reply.rcode : Math.max(outcome, 0);
  }

  /** The reply's length without compression and without the OPT record that the server adds. */
  get size(): number {
    if (!this.answered) return 0;
    if (this.#outcome !== ANSWERED) return this.#query!.questionEnd;
    return this.#query!.reply.uncompressedLength();
  }

  /**
   * The query's length, without its options where the reply has no OPT record from elsewhere: CoreDNS makes the reply's of the
   * query's then, and counts afterwards.
   */
  get requestSize(): number {
    const query = this.#query!;
    const hasOptions = this.#outcome !== ANSWERED || query.reply.empty || query.reply.hasOpt;
    return requestLength(query) - (hasOptions ? 0 : query.optionsLength);
  }

  get nanoseconds(): number {
    return Math.max(Math.round((this.endedAt - this.#query!.receivedAt) * NANOSECONDS_PER_MS), 0);
  }

  /** What kind of reply this one is, in CoreDNS's words. */
  get type(): ReplyType {
    if (!this.answered) return "OTHERERROR";
    const query = this.#query!;
    if (query.opcode === Opcode.NOTIFY || query.type === Type.AXFR || query.type === Type.IXFR) return "META";
    const { rcode } = this;
    if (rcode === Rcode.SERVFAIL || rcode === Rcode.NOTIMP) return "SERVERERROR";
    if (this.#outcome !== ANSWERED) return "OTHERERROR";
    const { reply } = query;
    const hasAnswer = reply.counts[Section.ANSWER]! > 0;
    // A name that an alias leads to, and that does not exist, counts as an error.
    if (rcode === Rcode.NXDOMAIN) return hasAnswer ? "OTHERERROR" : "NXDOMAIN";
    if (rcode !== Rcode.NOERROR) return "OTHERERROR";
    if (hasAnswer) return "NOERROR";
    if (authorityHas(reply, Type.SOA)) return "NODATA";
    return authorityHas(reply, Type.NS) ? "DELEGATION" : "NOERROR";
  }

  /** Which class of replies that kind is in. */
  get class(): Class {
    return CLASS_OF[this.type];
  }
}

const CLASS_OF = {
  NOERROR: "success",
  DELEGATION: "success",
  NODATA: "denial",
  NXDOMAIN: "denial",
  META: "error",
  OTHERERROR: "error",
  SERVERERROR: "error",
} as const satisfies Record<string, Class>;
type ReplyType = keyof typeof CLASS_OF;

/** The flags of a plugin's reply as it leaves. */
function sentFlags(query: Query): number {
  const { reply } = query;
  return reply.willBeCut(query, query.sizeLimit) ? reply.flags | Flag.TC : reply.flags;
}

/** The flags of a reply that the server writes itself, as `Reply.begin` sets them. */
function ownFlags(query: Query): number {
  return query.opcode === Opcode.QUERY ? Flag.QR | (query.flags & (Flag.RD | Flag.CD)) : Flag.QR;
}
