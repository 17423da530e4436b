/**
 * acl: decides by the client's address and the type of the question who gets an answer.
 *
 * A stanza is a rule for its ZONES. Its policies are tried in written order, and the first that fits both type and client
 * decides. Where none fits the next rule is tried, and behind the last one the query passes on.
 *
 *   allow    the query passes on, later rules are not tried
 *   block    REFUSED, with the extended error 15 (Blocked)
 *   filter   NOERROR without records, with the extended error 17 (Filtered)
 *   drop     no reply
 *
 * The client is who sent the packet, behind a load balancer its address: see `proxyproto`. IPv4 clients of an IPv6 socket
 * have their IPv4 address; a network under ::ffff:0:0/96 fits nobody.
 *
 * Syntax    acl [ZONES] {
 *             ACTION [type QTYPE...] [net SOURCE...]
 *           }
 *           ZONES   default: the zones of the server block
 *           ACTION  allow, block, filter or drop
 *           QTYPE   a type in capital letters, or * for all, which is the default
 *           SOURCE  an address, a CIDR, or * for all, which is the default
 * Metrics   coredns_acl_blocked_requests_total{server,zone,view}    queries refused; the zone is the rule's
 *           coredns_acl_filtered_requests_total{server,zone,view}   queries answered without records
 *           coredns_acl_dropped_requests_total{server,zone,view}    queries without a reply
 *           coredns_acl_allowed_requests_total{server,view}         queries passed on
 * Ready     at once
 * Example
 *   example.org:1053 {
 *     acl {
 *       allow net 127.0.0.0/8 ::1
 *       filter type AAAA net 192.0.2.0/24
 *       drop type ANY AXFR
 *       block
 *     }
 *     whoami
 *   }
 */
import type { Option, Stanza } from "../corefile/directive.ts";
import { isMapped } from "../dns/address.ts";
import { ExtendedError, extendedError } from "../dns/options.ts";
import { Rcode, typeNumber } from "../dns/types.ts";
import { ZoneFinder } from "../dns/zone-finder.ts";
import type { Counter } from "../memory/counters.ts";
import type { ServeContext } from "../plugin/context.ts";
import { hasAddress, type Network, type NetworkSet, packNetworks, parseNetwork } from "../plugin/network-set.ts";
import { ANSWERED, DROPPED, type Handler, type Outcome } from "../plugin/outcome.ts";
import { definePlugin } from "../plugin/plugin.ts";
import type { Query } from "../plugin/query.ts";
import { addressOffset, readFamily } from "../transport/packets.ts";

const Action = { ALLOW: 0, BLOCK: 1, FILTER: 2, DROP: 3 } as const;
type Action = (typeof Action)[keyof typeof Action];

interface RuleConfig {
  readonly zones: readonly string[];
  readonly policies: readonly PolicyConfig[];
}

interface PolicyConfig {
  readonly action: Action;
  /** Undefined: all. */
  readonly types: ReadonlySet<number> | undefined;
  readonly sources: NetworkSet | undefined;
}

/** A line as it is written, or several of the same action and types that follow each other. */
interface Policy extends Omit<PolicyConfig, "sources"> {
  readonly sources: Network[] | undefined;
}

/** A rule as a worker runs it. */
interface Rule {
  readonly zones: ZoneFinder;
  readonly policies: readonly PolicyConfig[];
  /** Per zone of the rule, per action; actions that the rule does not have are not counted. */
  readonly counters: readonly (Counter | undefined)[][];
}

const ACTIONS: ReadonlyMap<string, Action> = new Map([
  ["allow", Action.ALLOW],
  ["block", Action.BLOCK],
  ["filter", Action.FILTER],
  ["drop", Action.DROP],
]);

export const acl = definePlugin<readonly RuleConfig[]>({
  name: "acl",
  parse: (directive) => directive.readStanzas(readRule),
  serve,
});

function readRule(stanza: Stanza): RuleConfig {
  const zones = stanza.zones();
  const policies: Policy[] = [];
  for (const policy of stanza.readOptions(readPolicy)) {
    const before = policies.at(-1);
    if (before?.sources && policy.sources && decidesAlike(before, policy)) {
      for (const network of policy.sources) before.sources.push(network);
    } else policies.push(policy);
  }
  return {
    zones,
    policies: policies.map(({ sources, ...rest }) => ({ ...rest, sources: sources && packNetworks(sources) })),
  };
}

/** A list of thousands of lines, each with a network, is one policy: one search for a query, and no objects for each line. */
function decidesAlike(one: Policy, other: Policy): boolean {
  if (one.action !== other.action || one.types?.size !== other.types?.size) return false;
  return one.types === undefined || [...one.types].every((type) => other.types!.has(type));
}

function readPolicy(line: Option): Policy {
  const action = ACTIONS.get(line.name.toLowerCase());
  if (action === undefined)
    return line.fail(`unexpected token "${line.name}"; expect 'allow', 'block', 'filter' or 'drop'`);
  const types = new Set<number>();
  const networks: Network[] = [];
  // A `*` holds for the whole line, whatever is named besides.
  let allTypes = false;
  let allSources = false;
  while (line.left > 0) {
    const section = line.token();
    switch (section.text.toLowerCase()) {
      case "type":
        allTypes = readTypes(line, types) || allTypes;
        break;
      case "net":
        allSources = readSources(line, networks) || allSources;
        break;
      default:
        line.fail(`unexpected token "${section.text}"; expect 'type | net'`, section);
    }
  }
  return {
    action,
    types: allTypes || types.size === 0 ? undefined : types,
    sources: allSources || networks.length === 0 ? undefined : networks,
  };
}

/** Reads up to the next section into `types`. True when a `*` says that there is no choice. */
function readTypes(line: Option, types: Set<number>): boolean {
  return readSection(line, "type", (text, at) => {
    const number = text === "Reserved" ? RESERVED : isMnemonic(text) ? typeNumber(text) : -1;
    if (number < 0) line.fail(`unexpected token "${text}"; expect legal QTYPE`, at);
    types.add(number);
  });
}

function readSources(line: Option, networks: Network[]): boolean {
  return readSection(line, "net", (text, at) => {
    const cidr = text.includes("/") ? text : text + (text.includes(":") ? "/128" : "/32");
    const network = parseNetwork(cidr) ?? line.fail(`illegal CIDR notation "${cidr}"`, at);
    if (isMapped(network.first, 0)) line.warn(`'${text}' fits no client: write it as an IPv4 network`, at);
    networks.push(network);
  });
}

/** What stands behind a `*` is not looked at, as in CoreDNS. */
function readSection(line: Option, name: string, take: (text: string, at: Option["head"]) => void): boolean {
  let count = 0;
  let all = false;
  for (; line.left > 0 && !SECTIONS.has(line.peek()!.toLowerCase()); count++) {
    const token = line.token();
    all ||= token.text === "*" || (name === "type" && token.text === ALL_TYPES);
    if (!all) take(token.text, token);
  }
  if (count === 0) line.fail(`no token specified in "${name}" section`);
  return all;
}
const SECTIONS: ReadonlySet<string> = new Set(["type", "net"]);
/** What CoreDNS calls the type 0, and takes for all. */
const ALL_TYPES = "None";

/** CoreDNS takes capital letters only, and no TYPE123. ALL, another word for ANY, it does not know. */
function isMnemonic(text: string): boolean {
  return text === text.toUpperCase() && !/^TYPE[0-9]/.test(text) && text !== "ALL";
}
/** CoreDNS takes the name of a number that is no type. */
const RESERVED = 65_535;

function serve(config: readonly RuleConfig[], context: ServeContext): Handler {
  const { next, counter, server } = context;
  const rules: Rule[] = config.map(({ zones, policies }) => ({
    zones: new ZoneFinder(zones),
    policies,
    counters: zones.map((zone) => countersOf(zone, policies, context)),
  }));
  const allowed = counter("acl_allowed_requests_total", "Counter of DNS requests being allowed.", { server, view: "" });

  return (query) => {
    for (let i = 0; i < rules.length; i++) {
      const { zones, policies, counters } = rules[i]!;
      const zone = zones.find(query.name);
      if (zone < 0) continue;
      const policy = firstFitting(policies, query);
      if (policy === undefined) continue;
      if (policy.action === Action.ALLOW) break;
      counters[zone]![policy.action]?.add(1);
      return refuse(query, policy.action);
    }
    allowed.add(1);
    return next(query);
  };
}

function countersOf(
  zone: string,
  policies: readonly PolicyConfig[],
  { counter, server }: ServeContext,
): (Counter | undefined)[] {
  const counters: (Counter | undefined)[] = [undefined, undefined, undefined, undefined];
  for (const { action } of policies) {
    const word = PARTICIPLES[action];
    if (word === undefined) continue;
    const help = `Counter of DNS requests being ${word}.`;
    counters[action] ??= counter(`acl_${word}_requests_total`, help, { server, zone, view: "" });
  }
  return counters;
}
const PARTICIPLES = [undefined, "blocked", "filtered", "dropped"] as const;

function firstFitting(policies: readonly PolicyConfig[], query: Query): PolicyConfig | undefined {
  const { peers, peerIndex, type } = query;
  for (let i = 0; i < policies.length; i++) {
    const policy = policies[i]!;
    const { types, sources } = policy;
    if (types !== undefined && !types.has(type)) continue;
    const fits =
      sources === undefined ||
      hasAddress(sources, peers, addressOffset(peers, peerIndex), readFamily(peers, peerIndex));
    if (fits) return policy;
  }
  return undefined;
}

function refuse(query: Query, action: Action): Outcome {
  if (action === Action.DROP) return DROPPED;
  const { reply } = query;
  reply.begin(query);
  reply.setOpt(action === Action.BLOCK ? BLOCKED : FILTERED, OPT_SIZE, true);
  if (action === Action.BLOCK) reply.rcode = Rcode.REFUSED;
  // Written, so that the server does not replace it by a REFUSED of its own, without the reason.
  return ANSWERED;
}

const BLOCKED = extendedError(ExtendedError.BLOCKED);
const FILTERED = extendedError(ExtendedError.FILTERED);
/** What CoreDNS says to clients that did not send an OPT record, and get one nevertheless. */
const OPT_SIZE = 4_096;
