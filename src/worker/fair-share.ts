/**
 * What may each client send when all of them together send more than can be answered? By max-min fairness: nobody is cut
 * who asks for less than an equal share; what those leave over is shared by the others. On a server with room to spare
 * nobody is cut, however much he sends. Shares are of work, not of datagrams: who asks for what is dear gets less of it.
 *
 * Numbers are of one interval. The kernel says how many it dropped, not whether the buffer was full or the
 * filter refused them; that is told apart by what the filter must have refused, going by what it let pass.
 */
import type { AddressLimit } from "../transport/udp.ts";
import type { Sender } from "./heavy-senders.ts";

export interface Interval {
  /** Datagrams that were read. */
  readonly received: number;
  /** Datagrams that the kernel dropped, for whatever reason. */
  readonly dropped: number;
  /** Those who sent what was read: the counts of all of them make `received`. */
  readonly senders: readonly Sender[];
  /** The limits that held. */
  readonly limits: readonly AddressLimit[];
}

export interface Demand {
  /** Of `dropped`: datagrams that a limit refused. The others found the buffer full. */
  readonly refused: number;
  /** Units of work that would have come without limits. */
  readonly total: number;
  /** By `senders`: the work that each of them sent, as far as one can tell. */
  readonly sent: readonly number[];
}

/** As many as one filter takes (MAX_LIMITED in src/native/limits.c). */
const MOST_LIMITS = 384;
/** A limit that takes nearly everything is not worth a comparison for every datagram. */
const HIGHEST_KEEP = 0.98;
/** The same where so many send so much that limits for the loudest do not help enough: then only for those far above. */
const HIGHEST_KEEP_AMONG_MANY = 0.25;
/** A client is never shut out: some of its queries show when it has become quieter. */
const LOWEST_KEEP = 0.001;

/** What was sent, by what was read and dropped. */
export function demandOf({ received, dropped, senders, limits }: Interval): Demand {
  const kept = new Map(limits.map((limit) => [addressOf(limit), limit.keep]));
  const keeps = senders.map((sender) => kept.get(addressOf(sender)) ?? 1);
  // Who has passed the filter but found no room was read in the same proportion whoever sent it.
  const refusedPerRead = senders.reduce((sum, { count }, i) => sum + count / keeps[i]! - count, 0);
  const share = received + refusedPerRead;
  const passed = share > 0 ? Math.max((received + dropped) / share, 1) : 1;
  const refused = Math.min(refusedPerRead * passed, dropped);
  // What was read may have passed the limits before these, and then says too much.
  const certain = refusedPerRead > 0 ? refused / (refusedPerRead * passed) : 1;
  const sent = senders.map(({ cost }, i) => passed * (cost + (cost / keeps[i]! - cost) * certain));
  return { refused, total: sent.reduce((sum, one) => sum + one, 0), sent };
}

/** The limits that bring `demand` down to `capacity`; none when it is not above. */
export function fairLimits(senders: readonly Sender[], demand: Demand, capacity: number): AddressLimit[] {
  if (demand.total <= capacity) return [];
  const order = senders.map((sender, i) => ({ sender, sent: demand.sent[i]! })).sort((a, b) => b.sent - a.sent);
  const most = Math.min(order.length, MOST_LIMITS);
  let others = demand.total;
  let share = 0;
  let highestKeep = HIGHEST_KEEP_AMONG_MANY;
  for (let limited = 1; limited <= most; limited++) {
    others -= order[limited - 1]!.sent;
    const next = order[limited]?.sent ?? 0;
    share = Math.max((capacity - others) / limited, next);
    // With one client more their share would be smaller than what that one asks for.
    if (share <= next) continue;
    highestKeep = HIGHEST_KEEP;
    break;
  }
  return order
    .slice(0, most)
    .map(({ sender: { family, high, low }, sent }) => ({
      family,
      high,
      low,
      keep: Math.max(share / sent, LOWEST_KEEP),
    }))
    .filter(({ keep }) => keep < highestKeep);
}

function addressOf({ family, high, low }: Pick<Sender, "family" | "high" | "low">): number | string {
  return family === 4 ? high : `${high}:${low}`;
}
