/**
 * chaos: says which program this is, who wrote it and on which host it runs, to those who ask in the class CH.
 *
 *   version.bind.  version.server.   TXT   VERSION
 *   authors.bind.                    TXT   one record for each of AUTHORS
 *   hostname.bind.  id.server.       TXT   the host's name
 *
 * All have TTL 0. Other questions pass on. On a listener that has this plugin in any of its server blocks, queries of all
 * classes reach the chains.
 *
 * Syntax    chaos [VERSION] [AUTHORS...]     an empty VERSION turns the plugin off
 * Metrics   none
 * Ready     at once
 * Example
 *   .:1053 {
 *     chaos example-1.0 alice bob
 *     whoami
 *   }
 *
 *   dig @127.0.0.1 -p 1053 version.bind CH TXT
 */
import { hostname } from "node:os";
import type { Directive } from "../corefile/directive.ts";
import type { Name } from "../dns/name.ts";
import { nameToWire } from "../dns/name-text.ts";
import { Section } from "../dns/reply.ts";
import { Class, Type } from "../dns/types.ts";
import { ANSWERED, type Handler } from "../plugin/outcome.ts";
import { definePlugin } from "../plugin/plugin.ts";

interface ChaosConfig {
  readonly version: string;
  readonly authors: readonly string[];
}

/** What clients have always been told: the release whose behaviour this is, as in the banner of a start. */
const VERSION = "CoreDNS-1.15.0";
const AUTHORS: readonly string[] = ["the authors of WeftDNS"];
/** A character-string has at most so many bytes (RFC 1035 section 3.3). */
const MAX_STRING_LENGTH = 255;

export const chaos = definePlugin<ChaosConfig>({
  name: "chaos",
  anyClass: true,
  parse,
  serve: ({ version, authors }, { next }) => {
    if (version === "") return next;
    const host = [text(hostname())];
    const answers: readonly Answer[] = [
      { name: wireName("version.bind."), records: [text(version)] },
      { name: wireName("version.server."), records: [text(version)] },
      { name: wireName("authors.bind."), records: authors.map(text) },
      { name: wireName("hostname.bind."), records: host },
      { name: wireName("id.server."), records: host },
    ];
    const handler: Handler = (query) => {
      if (query.class !== Class.CH || query.type !== Type.TXT) return next(query);
      const answer = find(answers, query.name);
      if (answer === undefined) return next(query);
      const { reply } = query;
      reply.begin(query);
      for (const data of answer.records) reply.add(Section.ANSWER, query.questionName, Type.TXT, Class.CH, 0, data);
      return ANSWERED;
    };
    return handler;
  },
});

interface Answer {
  readonly name: Uint8Array;
  /** RDATA of one TXT record each. */
  readonly records: readonly Uint8Array[];
}

function parse(directive: Directive): ChaosConfig {
  // CoreDNS takes a second line, and makes nothing of it.
  const [stanza, second] = directive.stanzas;
  second?.warn("only the first chaos of a server block counts");
  const version = stanza!.word({ default: VERSION });
  const authors = new Set(stanza!.rest());
  stanza!.eachOption({});
  return { version, authors: authors.size === 0 ? AUTHORS : [...authors] };
}

function find(answers: readonly Answer[], name: Name): Answer | undefined {
  for (const answer of answers) if (name.suffixEquals(0, answer.name)) return answer;
  return undefined;
}

function wireName(name: string): Uint8Array {
  return nameToWire(name) as Uint8Array;
}

/** One character-string; what is longer is cut. */
function text(value: string): Uint8Array {
  const bytes = Buffer.from(value).subarray(0, MAX_STRING_LENGTH);
  return Uint8Array.of(bytes.length, ...bytes);
}
