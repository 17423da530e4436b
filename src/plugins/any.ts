/**
 * any: answers questions for ANY with next to nothing (RFC 8482 section 4.2), so that nobody can use them to amplify.
 *
 * The answer is one record, `HINFO "ANY obsoleted" "See RFC 8482"` under the name that was asked, with TTL 8482. Questions
 * for other types pass on.
 *
 * Syntax    any
 * Metrics   none
 * Ready     at once
 * Example
 *   example.org:1053 {
 *     any
 *     whoami
 *   }
 *
 *   dig @127.0.0.1 -p 1053 www.example.org ANY +notcp
 */
import { Section } from "../dns/reply.ts";
import { Class, Type } from "../dns/types.ts";
import { ANSWERED } from "../plugin/outcome.ts";
import { definePlugin } from "../plugin/plugin.ts";

export const any = definePlugin({
  name: "any",
  parse: (directive) => directive.alone(),
  serve:
    (_config, { next }) =>
    (query) => {
      if (query.type !== Type.ANY) return next(query);
      const { reply } = query;
      reply.begin(query);
      // A record has the class of its question; no record has the class ANY (RFC 1035 section 3.2.5).
      const klass = query.class === Class.ANY ? Class.IN : query.class;
      reply.add(Section.ANSWER, query.questionName, Type.HINFO, klass, TTL, HINFO);
      return ANSWERED;
    },
});

const TTL = 8_482;
const HINFO = Buffer.from("\x0dANY obsoleted\x0cSee RFC 8482", "latin1");
