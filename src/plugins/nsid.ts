/**
 * nsid: tells clients that ask for it which server answered (RFC 5001).
 *
 * A query with the NSID option gets it back with DATA in its reply, in place of what an upstream said there. Errors that
 * the server writes for a plugin that gave up do not have it.
 *
 * Syntax    nsid [DATA...]     words are joined by blanks; default: the host's name
 * Metrics   none
 * Ready     at once
 * Example
 *   example.org:1053 {
 *     nsid one of three
 *     whoami
 *   }
 *
 *   dig @127.0.0.1 -p 1053 www.example.org +nsid
 */
import { hostname } from "node:os";
import { OPT_RECORD_SIZE } from "../dns/header.ts";
import { ANSWERED, after, type Outcome } from "../plugin/outcome.ts";
import { definePlugin } from "../plugin/plugin.ts";
import type { Query } from "../plugin/query.ts";

/** RFC 5001 section 2.3. */
const NSID = 3;
/** A reply that is mostly its server's name helps nobody, and the OPT record must fit beside the question. */
const MAX_DATA_LENGTH = 1_024;

export const nsid = definePlugin<string>({
  name: "nsid",
  parse: (directive) => {
    const stanza = directive.once();
    const words = stanza.rest();
    stanza.noOptions();
    const data = words.length === 0 ? hostname() : words.join(" ");
    if (Buffer.byteLength(data) > MAX_DATA_LENGTH) stanza.fail(`more than ${MAX_DATA_LENGTH} bytes of data`);
    return data;
  },
  serve: (data, { next }) => {
    const option = writeOption(data);
    function finish(outcome: Outcome, query: Query): Outcome {
      if (outcome === ANSWERED && !query.reply.empty && asksForNsid(query)) addOption(query, option);
      return outcome;
    }
    return (query) => (query.optionsLength === 0 ? next(query) : after(next(query), query, finish));
  },
});

function writeOption(text: string): Uint8Array {
  const data = Buffer.from(text);
  return Uint8Array.of(0, NSID, data.length >> 8, data.length, ...data);
}

function asksForNsid({ bytes, start, optOffset, optionsLength }: Query): boolean {
  const first = start + optOffset + OPT_RECORD_SIZE;
  return findOption(bytes, first, first + optionsLength) >= 0;
}

function addOption({ reply, udpSize, dnssecOk }: Query, option: Uint8Array): void {
  let others = reply.options;
  for (let at = findOption(others, 0, others.length); at >= 0; at = findOption(others, 0, others.length)) {
    const next = at + 4 + ((others[at + 2]! << 8) | others[at + 3]!);
    others = Buffer.concat([others.subarray(0, at), others.subarray(next)]);
  }
  reply.setOpt(Buffer.concat([others, option]), udpSize, dnssecOk);
}

/** Where the NSID option stands in `bytes[at..end)`, -1 when it does not. */
function findOption(bytes: Uint8Array, at: number, end: number): number {
  while (at + 4 <= end) {
    if (((bytes[at]! << 8) | bytes[at + 1]!) === NSID) return at;
    at += 4 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
  }
  return -1;
}
