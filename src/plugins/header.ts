/**
 * header: sets and clears flags in the header of queries and replies.
 *
 * Rules for queries change what the plugins behind this one see and forward; the reply repeats RD as it then stands,
 * except in errors that the server writes where cache is in the block too, or autopath has walked: they repeat the client's RD.
 * Rules for replies change what the client sees, except in errors that the server writes for a plugin that gave up.
 * Where several rules name the same flag the last one counts.
 *
 * Syntax    header {
 *             query|response set|clear FLAG...
 *           }
 *           FLAG   aa (authoritative answer), ra (recursion available) or rd (recursion desired)
 * Metrics   none
 * Ready     at once
 * Example
 *   example.org:1053 {
 *     header {
 *       query clear rd
 *       response set ra
 *       response clear aa
 *     }
 *     whoami
 *   }
 */
import type { Directive, Option } from "../corefile/directive.ts";
import { Flag } from "../dns/header.ts";
import { ANSWERED, after, type Outcome } from "../plugin/outcome.ts";
import { definePlugin } from "../plugin/plugin.ts";
import type { Query } from "../plugin/query.ts";

/** Masks on the header's second word; no flag is in both. */
interface Change {
  set: number;
  clear: number;
}

interface HeaderConfig {
  readonly query: Change;
  readonly response: Change;
}

const FLAGS: ReadonlyMap<string, number> = new Map([
  ["aa", Flag.AA],
  ["ra", Flag.RA],
  ["rd", Flag.RD],
]);

export const header = definePlugin<HeaderConfig>({
  name: "header",
  parse,
  serve: ({ query: onQuery, response: onReply }, { next }) => {
    const changesReply = (onReply.set | onReply.clear) !== 0;
    function finish(outcome: Outcome, query: Query): Outcome {
      const { reply } = query;
      if (outcome === ANSWERED && !reply.empty) reply.flags = (reply.flags | onReply.set) & ~onReply.clear;
      return outcome;
    }
    return (query) => {
      query.flags = (query.flags | onQuery.set) & ~onQuery.clear;
      return changesReply ? after(next(query), query, finish) : next(query);
    };
  },
});

function parse(directive: Directive): HeaderConfig {
  // CoreDNS takes a second stanza and words behind the name, and makes nothing of them.
  const [stanza, second] = directive.stanzas;
  second?.warn("only the first header of a server block counts");
  if (stanza!.left > 0 && stanza!.brace) stanza!.warn("arguments are not looked at", stanza!.token());
  if (stanza!.options.length === 0) stanza!.wrongCount("a rule such as 'response set ra'");
  const config = { query: { set: 0, clear: 0 }, response: { set: 0, clear: 0 } };
  stanza!.readOptions((rule) => readRule(rule, config));
  return config;
}

function readRule(line: Option, config: HeaderConfig): void {
  const fail = (message: string, at = line.head): never =>
    line.fail(`setting up rule: ${message}`, at, { form: "plain" });
  const selector = line.name.toLowerCase();
  const change =
    selector === "query" || selector === "response"
      ? config[selector]
      : fail(`invalid selector=${selector} should be query or response`);
  if (line.left === 0) fail("no flag action provided");
  const action = line.token();
  const sets = action.text.toLowerCase() === "set";
  if (!sets && action.text.toLowerCase() !== "clear")
    fail(`unknown flag action=${action.text}, should be set or clear`, action);
  if (line.left === 0) fail("invalid length for flags, at least one should be provided", action);
  while (line.left > 0) {
    const word = line.token();
    const flag = FLAGS.get(word.text.toLowerCase()) ?? fail(`unknown/unsupported flag=${word.text}`, word);
    change.set = sets ? change.set | flag : change.set & ~flag;
    change.clear = sets ? change.clear & ~flag : change.clear | flag;
  }
}
