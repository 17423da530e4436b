/** The handler: finds the stanza that a query is for, and writes the reply that its templates make. */
import { Flag } from "../../dns/header.ts";
import { nameToText } from "../../dns/name-text.ts";
import type { ResourceRecord } from "../../dns/record.ts";
import { Section } from "../../dns/reply.ts";
import { Rcode, Type } from "../../dns/types.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { ANSWERED, type Eventual, type Handler, type Outcome, SERVFAIL } from "../../plugin/outcome.ts";
import type { Lookup, Query } from "../../plugin/query.ts";
import { Failure, fromBytes } from "../../template/value.ts";
import type { StanzaConfig } from "./parse.ts";
import { CompiledStanza, type Records } from "./stanza.ts";

/** How many aliases of one answer are followed: those of a client's query, and of a look-up that led here. */
const MAX_ALIASES = 8;
const MAX_NESTED_ALIASES = 1;
/** What CoreDNS says to clients that did not send an OPT record, and get one nevertheless. */
const OPT_SIZE = 4_096;
/** RFC 6891 section 6.1.3: larger rcodes need an OPT record. */
const MAX_PLAIN_RCODE = 15;

export function serve(config: readonly StanzaConfig[], context: ServeContext): Handler {
  const stanzas = config.map((one) => new CompiledStanza(one, context));
  const { next, log } = context;

  return (query) => {
    for (let i = 0; i < stanzas.length; i++) {
      const stanza = stanzas[i]!;
      const zone = stanza.zoneOf(query);
      if (zone === undefined) continue;
      const fit = stanza.fit(query);
      if (fit instanceof Failure) {
        // Without a reason in the reply, as in CoreDNS: with one `cache` would keep what may be so for this client only.
        log.debug(`${nameToText(query.name.bytes)}: ${fit.message}`);
        return SERVFAIL;
      }
      if (fit === undefined) {
        if (stanza.fallsThrough(query)) continue;
        return SERVFAIL;
      }
      stanza.countMatch(query, zone);
      if (stanza.rcode === Rcode.SERVFAIL) return SERVFAIL;
      const records = stanza.render(query, zone, fit);
      if (records instanceof Failure) return query.fail(SERVFAIL, fromBytes(records.message));
      return followAliases(query, stanza, records);
    }
    return next(query);
  };
}

/** What an alias's target has to say is put behind the alias. */
function followAliases(query: Query, stanza: CompiledStanza, records: Records): Eventual {
  const wantsAddress = query.type === Type.A || query.type === Type.AAAA;
  const aliases = wantsAddress ? records.answer.filter(({ type }) => type === Type.CNAME) : [];
  const most = query.depth === 0 ? MAX_ALIASES : MAX_NESTED_ALIASES;
  if (aliases.length === 0) return write(query, stanza, records);
  const asked = aliases.slice(0, most).map(({ data }) => query.lookup(data, query.type));
  const finish = (found: readonly Lookup[]): Outcome => {
    const behind = new Map(found.map((lookup, i) => [aliases[i]!, answersOf(lookup)]));
    const answer = records.answer.flatMap((record) => [record, ...(behind.get(record) ?? [])]);
    return write(query, stanza, { ...records, answer: withoutRepeats(answer) });
  };
  return asked.some(isPromise) ? Promise.all(asked).then(finish) : finish(asked as Lookup[]);
}

function isPromise(found: Lookup | Promise<Lookup>): boolean {
  return "then" in found;
}

/** Whatever its rcode; a look-up without a reply has none. */
function answersOf(lookup: Lookup): ResourceRecord[] {
  const written = lookup.outcome === ANSWERED && !lookup.reply.empty;
  const records = written ? lookup.reply.records().filter(({ section }) => section === Section.ANSWER) : [];
  lookup.release();
  return records;
}

/** RFC 2181 section 5: a record is there once. Aliases that lead back would repeat themselves up to the depth limit. */
function withoutRepeats(records: readonly ResourceRecord[]): ResourceRecord[] {
  const seen = new Map<string, ResourceRecord>();
  for (const record of records) {
    const key = `${record.type} ${record.class} ${nameToText(record.name)} ${Buffer.from(record.data).toString("latin1")}`;
    if (!seen.has(key)) seen.set(key, record);
  }
  return [...seen.values()];
}

function write(query: Query, { rcode, extendedError }: CompiledStanza, records: Records): Outcome {
  if (rcode > MAX_PLAIN_RCODE && !query.hasOpt && extendedError === undefined)
    return query.fail(SERVFAIL, "a reply without OPT record cannot say this rcode");
  const { reply } = query;
  reply.begin(query);
  reply.flags |= Flag.AA;
  if (extendedError !== undefined) reply.setOpt(extendedError, OPT_SIZE, true);
  reply.rcode = rcode;
  for (const record of records.answer) add(query, Section.ANSWER, record);
  for (const record of records.authority) add(query, Section.AUTHORITY, record);
  for (const record of records.additional) add(query, Section.ADDITIONAL, record);
  return ANSWERED;
}

function add({ reply }: Query, section: Section, { name, type, class: klass, ttl, data }: ResourceRecord): void {
  reply.add(section, name, type, klass, ttl, data);
}
