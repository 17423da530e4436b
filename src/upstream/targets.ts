/**
 * The servers that a configuration names: addresses, resolv.conf files, and host names that are looked up once, when the
 * server starts (behaviour 3.E).
 */

import { Resolver } from "node:dns/promises";
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { endpointText, splitAddress } from "../corefile/host-port.ts";
import { isDomainName } from "../corefile/zones.ts";
import { MAX_UPSTREAMS } from "./exchange.ts";

export interface Target {
  /** An IP address, or a host name that `resolveTargets` replaces by its addresses. */
  readonly host: string;
  readonly port: number;
}

const DNS_PORT = 53;
/** A resolv.conf is a page at most; what is longer is another file. */
const MAX_FILE_SIZE = 64 * 1024;
/** How long a server may take to say where an upstream is, in milliseconds, and how often it is asked. */
const RESOLVE_TIMEOUT_MS = 2_000;
const RESOLVE_TRIES = 2;

/** Schemes of other transports. Those in the first list are CoreDNS's, and not ours yet. */
const LATER_SCHEMES = ["tls", "https", "https3", "quic"];
const NEVER_SCHEMES = ["grpc", "unix"];

/** What one TO argument stands for, or in a text why it stands for nothing. */
export function parseTarget(text: string): readonly Target[] | string {
  const scheme = /^([a-z0-9]+):\/\//.exec(text)?.[1] ?? "dns";
  if (NEVER_SCHEMES.includes(scheme))
    return `'${scheme}' is not supported as a destination protocol in forward: ${text}`;
  if (LATER_SCHEMES.includes(scheme)) {
    return `upstreams over '${scheme}' are not part of WeftDNS yet: ${text}, expected an IP address, dns://, a resolv.conf file or a host name`;
  }
  const rest = text.startsWith("dns://") ? text.slice("dns://".length) : text;
  if (rest === "") return `invalid address: "${text}"`;
  const address = splitAddress(rest, DNS_PORT);
  if (address !== undefined && isIP(address.host) !== 0) {
    return address.port === 0 ? `invalid port in "${text}", expected 1 to 65535` : [address];
  }
  const servers = readServers(rest);
  if (servers !== undefined) return servers;
  if (address === undefined && isIP(rest.slice(0, Math.max(0, rest.lastIndexOf(":")))) !== 0) {
    return `invalid port in "${text}", expected 1 to 65535`;
  }
  if (address === undefined || address.host === "" || address.port === 0 || !isDomainName(address.host)) {
    return `not an IP address, file, or valid domain: "${text}"`;
  }
  if (rest.includes("/")) return `failed to resolve "${rest}": no such file, and no host name`;
  return [address];
}

/** The `nameserver` lines of a file; undefined when there is none that can be read. */
function readServers(path: string): Target[] | undefined {
  const text = readSmallFile(path);
  if (text === undefined) return undefined;
  const servers: Target[] = [];
  for (const line of text.split("\n")) {
    const [word, address = ""] = line.trim().split(/\s+/);
    if (word === "nameserver" && isIP(address) !== 0) servers.push({ host: address, port: DNS_PORT });
  }
  return servers;
}

function readSmallFile(path: string): string | undefined {
  try {
    const status = statSync(path);
    return status.isFile() && status.size <= MAX_FILE_SIZE ? readFileSync(path, "utf8") : undefined;
  } catch {
    // Most often it is no path at all, but a host's name.
    return undefined;
  }
}

/** The list without those that say the same again; the first stays. */
export function withoutDuplicates(targets: readonly Target[]): Target[] {
  const seen = new Map(targets.toReversed().map((target) => [`${target.host} ${target.port}`, target]));
  return targets.filter((target) => seen.get(`${target.host} ${target.port}`) === target);
}

/** Host names become their addresses, IPv4 first. `resolvers` are asked instead of the machine's own when there are any. */
export async function resolveTargets(targets: readonly Target[], resolvers: readonly string[]): Promise<Target[]> {
  const lists = await Promise.all(
    targets.map(async ({ host, port }) => {
      const addresses = isIP(host) === 0 ? await resolveHost(host, resolvers) : [host];
      return addresses.map((address) => ({ host: address, port }));
    }),
  );
  const all = withoutDuplicates(lists.flat());
  if (all.length > MAX_UPSTREAMS) throw new Error(tooManyUpstreams(all.length));
  return all;
}

export function tooManyUpstreams(count: number): string {
  return `more than ${MAX_UPSTREAMS} servers to forward to: ${count}`;
}

async function resolveHost(host: string, resolvers: readonly string[]): Promise<string[]> {
  const resolver = new Resolver({ timeout: RESOLVE_TIMEOUT_MS, tries: RESOLVE_TRIES });
  if (resolvers.length > 0) resolver.setServers(resolvers);
  // With a final dot no search list is tried.
  const absolute = host.endsWith(".") ? host : `${host}.`;
  const results = await Promise.allSettled([resolver.resolve4(absolute), resolver.resolve6(absolute)]);
  const addresses = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  if (addresses.length > 0) return addresses;
  const failed = results.find((result) => result.status === "rejected");
  const code = (failed?.reason as NodeJS.ErrnoException | undefined)?.code ?? "";
  const server = resolver.getServers()[0] ?? "no server";
  const reason = code === "ENOTFOUND" || code === "ENODATA" ? "no such host" : code.toLowerCase();
  throw new Error(`failed to resolve "${host}": lookup ${absolute} on ${withPort(server)}: ${reason}`);
}

function withPort(server: string): string {
  return isIP(server) === 0 ? server : endpointText(server, DNS_PORT);
}
