/** From another server's answer to our reply: the client's own question, letters and name around the records. */
import { Flag, HEADER_SIZE, OPT_RECORD_SIZE } from "../../dns/header.ts";
import { readRecord } from "../../dns/record.ts";
import type { Section } from "../../dns/reply.ts";
import { Type } from "../../dns/types.ts";
import type { Query } from "../../plugin/query.ts";
import type { Answer } from "../../upstream/exchange.ts";
import { restoreLetters } from "../../upstream/letter-case.ts";
import { asksOriginalName } from "../../upstream/outgoing.ts";

/** Makes `answer` the reply. `sent` is the question with the letters that we chose. False when it has no room. */
export function adoptAnswer(query: Query, answer: Answer, sent: Uint8Array | undefined): boolean {
  if (answer.cut) return adoptCut(query, answer);
  if (!asksOriginalName(query)) return adoptRecords(query, answer);
  const reply = query.reply;
  if (!reply.adopt(query, answer.bytes, answer.start, answer.length, answer.recordsEnd, answer.opt)) return false;
  if (sent !== undefined) {
    const question = query.start + HEADER_SIZE;
    restoreLetters(
      reply.bytes,
      reply.start,
      reply.questionEnd,
      reply.end,
      sent,
      0,
      query.bytes,
      question,
      query.name.length,
    );
  }
  return true;
}

/** Only the header can be trusted: the client is told to ask again over TCP. */
function adoptCut(query: Query, answer: Answer): boolean {
  const { bytes, start } = answer;
  query.reply.begin(query);
  query.reply.flags = (bytes[start + 2]! << 8) | bytes[start + 3]! | Flag.TC;
  return true;
}

/**
 * A plugin before us changed the name, so offsets and pointers of the answer mean nothing behind the client's question:
 * the records are read and written again. The plugin will rename them.
 */
function adoptRecords(query: Query, answer: Answer): boolean {
  const { start, recordsEnd, opt } = answer;
  const message = answer.bytes.subarray(start, start + recordsEnd);
  const reply = query.reply;
  reply.begin(query);
  reply.flags = (message[2]! << 8) | message[3]!;
  let at = HEADER_SIZE + query.name.length + 4;
  for (let section = 0; section < 3; section++) {
    for (let left = (message[6 + 2 * section]! << 8) | message[7 + 2 * section]!; left > 0; left--) {
      const read = readRecord(message, at, recordsEnd);
      // Data that does not have the form of its type: of no use to anybody.
      if (read === undefined) return false;
      const { name, type, class: klass, ttl, data } = read.record;
      if (type !== Type.OPT) reply.add(section as Section, name, type, klass, ttl, data);
      at = read.next;
    }
  }
  if (opt !== 0) {
    const size = (message[opt + 9]! << 8) | message[opt + 10]!;
    reply.hasOpt = true;
    reply.extendedRcode = message[opt + 5]!;
    reply.options = message.slice(opt + OPT_RECORD_SIZE, opt + OPT_RECORD_SIZE + size);
  }
  return true;
}
