/**
 * minimal: sends positive answers without what was not asked for.
 *
 * A reply with NOERROR and at least one record in its answer section loses its authority and additional sections; an OPT
 * record that came with it from elsewhere is replaced by a bare one. So does an empty one whose authority section has neither
 * SOA nor NS. Negative answers, referrals, zone transfers and errors stay whole, since what stands beside the answer is their
 * meaning.
 *
 * Syntax    minimal
 * Metrics   none
 * Ready     at once
 * Example
 *   .:1053 {
 *     minimal
 *     forward . 192.0.2.53
 *   }
 */
import { authorityHas } from "../dns/authority.ts";
import { Opcode, Rcode, Type } from "../dns/types.ts";
import { ANSWERED, after, type Outcome } from "../plugin/outcome.ts";
import { definePlugin } from "../plugin/plugin.ts";
import type { Query } from "../plugin/query.ts";

export const minimal = definePlugin({
  name: "minimal",
  parse: (directive) => directive.alone(),
  serve:
    (_config, { next }) =>
    (query) =>
      after(next(query), query, finish),
});

function finish(outcome: Outcome, query: Query): Outcome {
  const { reply, type } = query;
  if (outcome !== ANSWERED || reply.empty || reply.rcode !== Rcode.NOERROR) return outcome;
  if (query.opcode !== Opcode.QUERY || type === Type.AXFR || type === Type.IXFR) return outcome;
  const [answers, authorities, additionals] = reply.counts;
  // Without SOA or NS it is neither a denial nor a referral, and other records go, as in CoreDNS.
  if (answers === 0 && (authorityHas(reply, Type.SOA) || authorityHas(reply, Type.NS))) return outcome;
  if (authorities! + additionals! > 0) reply.cut(answers!);
  reply.dropOpt(query);
  return outcome;
}
