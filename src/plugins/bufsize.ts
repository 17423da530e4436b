/**
 * bufsize: bounds the UDP messages of clients that announce a larger size, so that no answer is sent in fragments.
 *
 * The size in the query's OPT record is lowered, never raised: for what `forward` asks upstreams as for what the client
 * gets. Queries without OPT stay as they are. The default is the size that DNS flag day 2020 recommends.
 *
 * Syntax    bufsize [SIZE]     from 512 to 4096, default 1232
 * Metrics   none
 * Ready     at once
 * Example
 *   .:1053 {
 *     bufsize 1100
 *     forward . 192.0.2.53
 *   }
 */
import { definePlugin } from "../plugin/plugin.ts";

const DEFAULT_SIZE = 1_232;
const MIN_SIZE = 512;
const MAX_SIZE = 4_096;

export const bufsize = definePlugin<number>({
  name: "bufsize",
  parse: (directive) => {
    // CoreDNS takes braces and a second line, and makes nothing of them.
    const [stanza, second] = directive.stanzas;
    if (stanza!.brace) stanza!.warn("options are not looked at", stanza!.brace);
    second?.warn("only the first bufsize of a server block counts");
    const size = stanza!.integer({ what: "size", default: DEFAULT_SIZE, min: MIN_SIZE, max: MAX_SIZE });
    stanza!.end();
    return size;
  },
  serve:
    (size, { next }) =>
    (query) => {
      if (query.udpSize > size) query.udpSize = size;
      return next(query);
    },
});
