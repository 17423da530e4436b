/**
 * metadata: says for which names plugins may know more about a query than its bytes: the values that `{/group/label}` stands for
 * in a log format, `metadata(...)` in an expression, and rules of rewrite.
 *
 * A value is computed when a plugin asks for it, so nothing has to be turned on: without this plugin values are there for all
 * names. With it they are there for names below ZONE. What autopath and istio find out about a client does not depend on it.
 *
 * Syntax    metadata [ZONE...], once in a block; default: the zones of the server block
 * Metrics   none
 * Ready     at once
 * Example
 *   example.org:1053 {
 *     metadata
 *     log . "{remote} {name} {/forward/upstream}"
 *     forward . 192.0.2.53
 *   }
 */
import { ZoneFinder } from "../dns/zone-finder.ts";
import { definePlugin } from "../plugin/plugin.ts";

interface MetadataConfig {
  readonly zones: readonly string[];
}

export const metadata = definePlugin<MetadataConfig>({
  name: "metadata",
  parse: (directive) => {
    const [stanza, second] = directive.stanzas;
    // CoreDNS's words, and its taste: an empty pair of braces is fine.
    second?.wrongCount("no second metadata", second.head);
    const zones = stanza!.zones();
    for (const option of stanza!.options) option.wrongCount("no options", option.head);
    return { zones };
  },
  serve: ({ zones }, { limitMetadata, slot, next }) => {
    const finder = new ZoneFinder(zones);
    // Decided by the name that came in: rewrite may make another one of it.
    const isCovered = slot();
    limitMetadata(({ slots }) => slots[isCovered] === 1);
    return (query) => {
      query.slots[isCovered] = finder.has(query.name) ? 1 : 0;
      return next(query);
    };
  },
});
