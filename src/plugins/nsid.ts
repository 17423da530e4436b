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
import { appendOption, findOption, optionsOf, removeOptions } from "../dns/options.ts";
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
    const bytes = Buffer.from(data);
    function finish(outcome: Outcome, query: Query): Outcome {
      if (outcome !== ANSWERED || query.reply.empty) return outcome;
      if (findOption(optionsOf(query), NSID) >= 0) addOption(query, bytes);
      return outcome;
    }
    return (query) => (query.optionsLength === 0 ? next(query) : after(next(query), query, finish));
  },
});

function addOption({ reply, udpSize, dnssecOk }: Query, data: Uint8Array): void {
  reply.setOpt(appendOption(removeOptions(reply.options, NSID), NSID, data), udpSize, dnssecOk);
}
