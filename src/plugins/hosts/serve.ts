/** The serve half of hosts: whose addresses, whose name, and what an answer that is not there means for the chain. */
import { Flag, HEADER_SIZE, RECORD_FIXED_SIZE } from "../../dns/header.ts";
import type { Name } from "../../dns/name.ts";
import { type Reply, Section } from "../../dns/reply.ts";
import { reverseAddress } from "../../dns/reverse-name.ts";
import { Class, Type } from "../../dns/types.ts";
import { ZoneFinder } from "../../dns/zone-finder.ts";
import { retire } from "../../memory/retire.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { ANSWERED, type Handler, SERVFAIL } from "../../plugin/outcome.ts";
import type { Query } from "../../plugin/query.ts";
import type { Published } from "./control.ts";
import type { HostsConfig } from "./index.ts";
import { ADDRESS_NEXT, Hosts, NAME_NEXT, ROW_WORDS } from "./table.ts";

export function serve(config: HostsConfig, { next, onPublished, onStop }: ServeContext): Handler {
  const { ttl, reverse, fallthroughUnsupported } = config;
  const zones = new ZoneFinder(config.zones);
  const fallthrough = new ZoneFinder(config.fallthrough);
  // What the file says comes first, then the lines of the Corefile.
  let file: Hosts | undefined;
  let inline: Hosts | undefined;
  onPublished((published: Published) => {
    if (file) retire(file.bytes.length);
    file = published.file && new Hosts(published.file);
    inline = published.inline && new Hosts(published.inline);
  });
  onStop(() => {
    if (file) retire(file.bytes.length);
  });
  const address = new Uint8Array(16);

  const answerReverse: Handler = (query) => {
    if (!reverse) return next(query);
    const size = reverseAddress(query.name, address);
    if (size === 0) return next(query);
    const inFile = file === undefined ? 0 : file.findAddress(address, size);
    const inLines = inline === undefined ? 0 : inline.findAddress(address, size);
    if (inFile === 0 && inLines === 0) return next(query);
    begin(query);
    if (inFile !== 0) addNames(file!, inFile, query, ttl);
    if (inLines !== 0) addNames(inline!, inLines, query, ttl);
    // Wildcards have addresses, but are nobody's name.
    return query.reply.counts[Section.ANSWER]! > 0 || query.reply.overflow ? ANSWERED : next(query);
  };

  return (query) => {
    const { name, type } = query;
    if (type === Type.PTR) return answerReverse(query);
    if (!zones.has(name)) return next(query);
    const isAddress = type === Type.A || type === Type.AAAA;
    if (fallthroughUnsupported && !isAddress && fallthrough.has(name)) return next(query);

    const exact = file === undefined ? 0 : file.find(name);
    const wildcard = file === undefined ? 0 : file.findWildcard(name);
    const exactLine = inline === undefined ? 0 : inline.find(name);
    const wildcardLine = inline === undefined ? 0 : inline.findWildcard(name);
    if ((exact | wildcard | exactLine | wildcardLine) === 0) return fallthrough.has(name) ? next(query) : SERVFAIL;
    begin(query);
    if (isAddress) {
      if (!addAddresses(file, exact, query, ttl)) addAddresses(file, wildcard, query, ttl);
      if (!addAddresses(inline, exactLine, query, ttl)) addAddresses(inline, wildcardLine, query, ttl);
    }
    return ANSWERED;
  };
}

function begin(query: Query): void {
  const { reply } = query;
  reply.begin(query);
  reply.flags |= Flag.AA;
  reply.uncached = true;
}

/** Adds the addresses of the asked type that the rows from `first` on have. Gives whether there is one. */
function addAddresses(hosts: Hosts | undefined, first: number, query: Query, ttl: number): boolean {
  if (hosts === undefined) return false;
  const { reply, type } = query;
  const wantsIpv6 = type === Type.AAAA;
  const size = wantsIpv6 ? 16 : 4;
  let found = false;
  for (let row = first; row !== 0; row = hosts.following(first, row, NAME_NEXT)) {
    const addressRow = hosts.addressRow(row);
    if (hosts.isIpv6(addressRow) !== wantsIpv6) continue;
    found = true;
    if (reply.overflow || !reply.reserve(query.name.length + RECORD_FIXED_SIZE + size)) {
      reply.overflow = true;
      break;
    }
    const { bytes } = reply;
    let at = writeOwner(reply, query.name);
    bytes[at++] = 0;
    bytes[at++] = type;
    bytes[at++] = 0;
    bytes[at++] = Class.IN;
    bytes[at++] = 0;
    bytes[at++] = 0;
    bytes[at++] = ttl >> 8;
    bytes[at++] = ttl;
    bytes[at++] = 0;
    bytes[at++] = size;
    const from = (addressRow + ROW_WORDS) * 4;
    for (let i = 0; i < size; i++) bytes[at++] = hosts.bytes[from + i]!;
    reply.end = at;
    reply.counts[Section.ANSWER]!++;
  }
  return found;
}

/**
 * Owners are in lower case, as CoreDNS writes them: a pointer to the question where that is so too; else the first record
 * has the name in full, and others point there. The root is shorter than a pointer.
 */
function writeOwner(reply: Reply, name: Name): number {
  const { bytes } = reply;
  let at = reply.end;
  const isFirst = reply.counts[Section.ANSWER] === 0;
  if (name.length === 1 || (name.mixedCase && isFirst)) {
    for (let i = 0; i < name.length; i++) bytes[at++] = name.bytes[i]!;
    return at;
  }
  const target = name.mixedCase ? reply.questionEnd : HEADER_SIZE;
  bytes[at++] = 0xc0 | (target >> 8);
  bytes[at++] = target;
  return at;
}

/** Adds the names that the rows from `first` on have, as far as the client can be sent them: an address may have a million. */
function addNames(hosts: Hosts, first: number, query: Query, ttl: number): void {
  const { reply, name, sizeLimit } = query;
  const { bytes } = hosts;
  for (let row = first; row !== 0; row = hosts.following(first, row, ADDRESS_NEXT)) {
    const at = hosts.nameOffset(row);
    if (bytes[at] === 1 && bytes[at + 1] === ASTERISK) continue;
    const target = bytes.subarray(at, at + bytes[at - 1]!);
    if (!reply.add(Section.ANSWER, name.bytes, Type.PTR, Class.IN, ttl, target) || reply.length > sizeLimit) break;
  }
}
const ASTERISK = 0x2a;
