/**
 * autopath: walks a client's search list on the server, so that the client has its answer after one question.
 *
 * A pod's resolver tries `www.example.org.default.svc.cluster.local`, then three or more other names, until it comes to
 * `www.example.org`. When a name is below the first of the search list this plugin tries the others at once. The first reply
 * that is not NXDOMAIN is given, behind a CNAME from the name that was asked; when all fail, the reply to that name.
 *
 * The search list of a pod follows from its namespace. For addresses that no pod has, or several (pods that use their node's
 * network), the plugin does nothing.
 *
 * Syntax    autopath [ZONE...] RESOLV_CONF|@PLUGIN, once in a block
 *   ZONE          only names below it; default: the zones of the server block
 *   RESOLV_CONF   a file with a search list, the same for all clients
 *   @PLUGIN       a plugin that knows the clients' lists: kubernetes, which needs `pods verified` for it
 * Metrics   coredns_autopath_success_total{server}    queries that were answered with a name of the search list
 * Ready     at once
 * Example
 *   .:1053 {
 *     autopath @kubernetes
 *     kubernetes cluster.local {
 *       endpoint http://localhost:8080
 *       pods verified
 *     }
 *     forward . 192.0.2.53
 *   }
 */
import type { Directive, Stanza } from "../corefile/directive.ts";
import { readBounded } from "../corefile/files.ts";
import type { Token } from "../corefile/server-block.ts";
import { systemMessage } from "../corefile/system-message.ts";
import { zonesOf } from "../corefile/zones.ts";
import { allocateBytes } from "../dns/bytes.ts";
import { LOWER, MAX_NAME_LENGTH } from "../dns/name.ts";
import { nameToText, zoneToWire } from "../dns/name-text.ts";
import { Section, type SectionRecord } from "../dns/reply.ts";
import { Rcode, Type } from "../dns/types.ts";
import { ZoneFinder } from "../dns/zone-finder.ts";
import type { ServeContext } from "../plugin/context.ts";
import { ANSWERED, type Eventual, type Handler, type Outcome } from "../plugin/outcome.ts";
import { definePlugin } from "../plugin/plugin.ts";
import type { Query } from "../plugin/query.ts";
import { searchList } from "../upstream/search-list.ts";

export interface AutopathConfig {
  readonly zones: readonly string[];
  /** The plugin that knows the lists; empty when `search` is the list. */
  readonly plugin: string;
  /** Zones as text, the last is the root: the name without anything. */
  readonly search: readonly string[];
}

export const autopath = definePlugin<AutopathConfig>({ name: "autopath", parse, serve });

function parse(directive: Directive): AutopathConfig {
  // CoreDNS takes what the last of them says.
  const stanza = directive.stanzas.at(-1)!;
  const source = stanza.args.at(-1);
  if (source === undefined || stanza.brace !== undefined)
    return stanza.fail("no resolv-conf specified", stanza.head, { form: "plain" });
  const words = stanza.args.slice(0, -1);
  const zones = words.length === 0 ? directive.keys.flatMap((key) => key.zones) : readZones(stanza, words);
  if (source.text.startsWith("@")) return { zones, plugin: source.text.slice(1), search: [] };
  try {
    const search = searchList(readBounded(source.text)).map((wire) => nameToText(wire));
    return { zones, plugin: "", search: [...search, "."] };
  } catch (error) {
    const reason = systemMessage(error);
    return stanza.fail(`failed to parse "${source.text}": open ${source.text}: ${reason}`, source, { form: "plain" });
  }
}

/** What is no zone is left out, as CoreDNS does. */
function readZones(stanza: Stanza, words: readonly Token[]): string[] {
  return words.flatMap((word) => {
    const zones = zonesOf(word.text);
    if (typeof zones !== "string") return zones;
    stanza.warn(`'${word.text}' is left out: ${zones}`, word);
    return [];
  });
}

/** Search lists that are kept in wire form, one for each namespace: a kilobyte each. */
const MAX_LISTS = 1_000;

/** A walk along a search list. */
interface Walk {
  readonly query: Query;
  /** The client's: plugins behind may change them for each name (header). */
  readonly flags: number;
  /** Of what was asked before the first of the list, without an end. */
  readonly baseLength: number;
  readonly search: readonly Uint8Array[];
  /** The reply to the name as it was asked: what the client gets when all fail. */
  first: { readonly flags: number; readonly records: readonly SectionRecord[] } | undefined;
  firstOutcome: Outcome;
}

export function serve(config: AutopathConfig, { next, counter, unlimitedMetadata, server }: ServeContext): Handler {
  const zones = new ZoneFinder(config.zones);
  const own = config.search.map(zoneToWire);
  const scratch = allocateBytes(MAX_NAME_LENGTH);
  const lists = new Map<string, readonly Uint8Array[]>();
  const success = counter("autopath_success_total", "Counter of requests that did autopath.", { server });

  /** What a plugin gives under the label `autopath/PLUGIN`: zones with blanks between them. */
  const listOf = (text: string): readonly Uint8Array[] => {
    const known = lists.get(text);
    if (known !== undefined) return known;
    if (lists.size === MAX_LISTS) lists.clear();
    const list = text === "" ? [] : text.split(" ").map(zoneToWire);
    lists.set(text, list);
    return list;
  };

  const attempt = (walk: Walk, i: number): Eventual => {
    const { query, baseLength, search } = walk;
    if (i === search.length) return giveUp(walk);
    if (i > 0) {
      const suffix = search[i]!;
      const length = baseLength + suffix.length;
      if (length > MAX_NAME_LENGTH) return attempt(walk, i + 1);
      scratch.set(query.questionName.subarray(0, baseLength));
      scratch.set(suffix, baseLength);
      query.name.read(scratch, 0, length);
      query.replaceMessage(undefined);
    }
    const outcome = next(query);
    return typeof outcome === "number" ? judge(walk, i, outcome) : outcome.then((later) => judge(walk, i, later));
  };

  const judge = (walk: Walk, i: number, outcome: Outcome): Eventual => {
    const { query } = walk;
    const { reply } = query;
    query.flags = walk.flags;
    const isWritten = outcome === ANSWERED && !reply.empty;
    const isFound = isWritten && reply.rcode !== Rcode.NXDOMAIN;
    // Those of a name of the list that was found, or of the name itself that was not.
    const records = isWritten && i > 0 === isFound ? reply.records() : [];
    if (i > 0) query.restoreMessage();
    // Something went wrong and says so: another name would hide it.
    if (!isWritten && query.error !== "") return outcome;
    if (isFound) {
      success.add(1);
      if (i > 0) answerWith(query, records);
      return ANSWERED;
    }
    if (i === 0) {
      walk.firstOutcome = outcome;
      if (isWritten) walk.first = { flags: reply.flags, records };
    }
    return attempt(walk, i + 1);
  };

  return (query) => {
    const { name } = query;
    // The target of an alias is a whole name: what this server asks itself is no resolver's search.
    if (query.depth > 0 || !zones.has(name)) return next(query);
    const search = config.plugin === "" ? own : listOf(unlimitedMetadata(query, `autopath/${config.plugin}`) ?? "");
    const label = search.length === 0 ? -1 : name.labelOf(search[0]!);
    // The first of the list itself has nothing in front that others could have too.
    if (label <= 0) return next(query);
    const baseLength = name.offsets[label]!;
    return attempt({ query, flags: query.flags, baseLength, search, first: undefined, firstOutcome: ANSWERED }, 0);
  };
}

function giveUp({ query, first, firstOutcome }: Walk): Outcome {
  if (first === undefined) return firstOutcome;
  const { reply } = query;
  reply.begin(query);
  reply.flags = first.flags;
  reply.rewrite(first.records);
  return ANSWERED;
}

/** The reply to another name becomes one to the name that was asked. */
function answerWith(query: Query, records: readonly SectionRecord[]): void {
  const { reply } = query;
  const own = query.questionName.slice();
  reply.setQuestion(query);
  const found = records.find(({ section, name }) => section === Section.ANSWER && !isSameName(name, own));
  if (found === undefined) {
    reply.rewrite(records);
    return;
  }
  // A stub takes the addresses of another name only behind an alias (RFC 1034 section 5.3.3).
  const alias = {
    section: Section.ANSWER,
    name: own,
    type: Type.CNAME,
    class: found.class,
    ttl: found.ttl,
    data: found.name,
  };
  reply.rewrite([alias, ...records]);
}

function isSameName(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => LOWER[byte] === LOWER[other[i]!]);
}
