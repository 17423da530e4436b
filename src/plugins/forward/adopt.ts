/** From another server's answer to our reply: the client's own question, letters and name around the records. */
import { Flag, HEADER_SIZE } from "../../dns/header.ts";
import type { Query } from "../../plugin/query.ts";
import type { Answer } from "../../upstream/exchange.ts";
import { restoreLetters } from "../../upstream/letter-case.ts";

/** Makes `answer` the reply. `hasOurLetters`: those of the question were chosen by us. False when it has no room. */
export function adoptAnswer(query: Query, answer: Answer, hasOurLetters: boolean): boolean {
  if (answer.bare) return adoptError(query, answer);
  if (answer.cut) return adoptCut(query, answer);
  const reply = query.reply;
  if (!reply.adopt(query, answer.bytes, answer.start, answer.recordsEnd, answer.opt)) return false;
  if (hasOurLetters) {
    const question = query.start + HEADER_SIZE;
    restoreLetters(
      reply.bytes,
      reply.start,
      reply.questionEnd,
      reply.end,
      answer.asked,
      answer.askedAt,
      query.bytes,
      question,
      query.name.length,
    );
  }
  return true;
}

/** The server has understood nothing of what it was asked. */
function adoptError(query: Query, answer: Answer): boolean {
  query.reply.begin(query);
  query.reply.rcode = answer.bytes[answer.start + 3]! & Flag.RCODE;
  return true;
}

/** Only the header can be trusted: the client is told to ask again over TCP. */
function adoptCut(query: Query, answer: Answer): boolean {
  const { bytes, start } = answer;
  query.reply.begin(query);
  query.reply.flags = (bytes[start + 2]! << 8) | bytes[start + 3]! | Flag.TC;
  return true;
}
