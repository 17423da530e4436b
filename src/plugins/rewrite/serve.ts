/**
 * The serve half of rewrite. Rules change a query's name, type, class and options; the message with these replaces the
 * client's for the rest of the chain (`Query.replaceMessage`). When the reply comes, the steps that the rules have left are
 * taken from the last to the first, and records go behind the client's question again.
 *
 * A query that no rule fits passes without a copy; names are compared as bytes, and become text for expressions only.
 */

import { keepOptions, optionsOf } from "../../dns/options.ts";
import type { SectionRecord } from "../../dns/reply.ts";
import { Rcode } from "../../dns/types.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { ANSWERED, after, type Eventual, type Handler, type Outcome, SERVFAIL } from "../../plugin/outcome.ts";
import type { Query } from "../../plugin/query.ts";
import { Asked, Result, type Undo } from "./asked.ts";
import type { RewriteConfig } from "./config.ts";
import { compileRule } from "./rules.ts";
import { applyInPlace, applyToRecords, changesRecords } from "./steps.ts";

const NO_OPTIONS = new Uint8Array(0);

export function serve(config: RewriteConfig, context: ServeContext): Handler {
  const { next } = context;
  const rules = config.rules.map((rule) => compileRule(rule, context));
  const localCodes = new Set(config.rules.flatMap((rule) => (rule.field === "edns0" && rule.local ? [rule.code] : [])));
  const echoes = localCodes.size > 0;
  const asked = new Asked();

  /** The query's own options come back if `edns0 local` rules name them, and the reply has no OPT record of its own. */
  function echoOptions(query: Query): void {
    const { reply } = query;
    if (reply.hasOpt || !query.hasOpt) return;
    reply.options = echoes ? keepOptions(optionsOf(query), (code) => localCodes.has(code)) : NO_OPTIONS;
  }

  function finishUntouched(outcome: Outcome, query: Query): Outcome {
    if (outcome === ANSWERED && !query.reply.empty) echoOptions(query);
    return outcome;
  }

  function finish(outcome: Outcome, query: Query): Eventual {
    const undo = asked.undoOf(query);
    const { reply } = query;
    if (outcome > ANSWERED && undo.answersErrors) {
      answerError(query, outcome);
      outcome = ANSWERED;
    }
    if (outcome !== ANSWERED || reply.empty) {
      if (undo.replaced) query.restoreMessage();
      return outcome;
    }
    if (undo.hasOptions || echoes) echoOptions(query);
    const byRecord = undo.renamed || undo.steps.some((step) => changesRecords(step, reply));
    if (!byRecord) {
      for (let i = undo.steps.length - 1; i >= 0; i--) applyInPlace(undo.steps[i]!, reply);
      return putBack(query, undo, undefined);
    }
    const records = applyToRecords(undo.steps, undo.steps.length, query, reply.records());
    return "then" in records ? records.then((later) => putBack(query, undo, later)) : putBack(query, undo, records);
  }

  return (query) => {
    asked.begin(query);
    let stopped = false;
    for (let i = 0; i < rules.length && !stopped; i++) {
      const rule = rules[i]!;
      const result = rule.apply(asked);
      if (result === Result.MISSED) continue;
      if (result === Result.INVALID) {
        query.rereadQuestion();
        return query.fail(SERVFAIL, `invalid name after rewrite: ${asked.invalidName}`);
      }
      stopped = !rule.continues;
    }
    const { options } = asked;
    if (!asked.touched && !asked.questionChanged) {
      return echoes && query.optionsLength > 0 ? after(next(query), query, finishUntouched) : next(query);
    }
    const { undo } = asked;
    undo.replaced = asked.questionChanged || options !== undefined;
    undo.answersErrors = stopped || undo.steps.length > 0;
    if (undo.replaced) query.replaceMessage(options);
    return after(next(query), query, finish);
  };
}

/** A plugin gave up without a reply, which rules for replies are to see. */
function answerError(query: Query, rcode: Outcome): void {
  const { reply, hasOpt, udpSize, dnssecOk } = query;
  reply.begin(query);
  reply.rcode = rcode;
  if (hasOpt) reply.setOpt(NO_OPTIONS, udpSize, dnssecOk);
}

/** The client's message is the query's again, and its question that of the reply. */
function putBack(query: Query, undo: Undo, records: readonly SectionRecord[] | undefined): Outcome {
  const { reply } = query;
  if (undo.replaced) {
    const { udpSize } = query;
    query.restoreMessage();
    // A client without OPT gets one, as from CoreDNS; its size is what the rest of the chain was told.
    if (undo.hasOptions && !query.hasOpt) reply.setOpt(reply.options, udpSize, false);
    reply.setQuestion(query);
  }
  if (records !== undefined) {
    const { overflow } = reply;
    reply.rewrite(records);
    if (overflow) reply.overflow = true;
  }
  // An rcode of more than four bits needs an OPT record (RFC 6891 section 6.1.3), which not every client has asked for.
  if (reply.rcode > 0xf && !query.hasOpt && !reply.hasOpt) reply.rcode = Rcode.SERVFAIL;
  return ANSWERED;
}
