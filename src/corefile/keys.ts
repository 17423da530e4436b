/** The keys of server blocks: which zones a block serves, over which transport, on which port; and which keys clash. */

import { type Mistake, tokenMistake } from "./mistake.ts";
import type { ServerKey, Token, Transport } from "./server-block.ts";
import { splitHost, zonesOfHost } from "./zones.ts";

/** What `-dns.port` is when nobody says otherwise. */
export const DEFAULT_DNS_PORT = 53;

const DEFAULT_PORTS: Readonly<Record<Exclude<Transport, "dns">, number>> = {
  tls: 853,
  quic: 853,
  grpc: 443,
  https: 443,
  https3: 443,
};

/** Reads one key, `[scheme://]zone[:port]`, or says why it is none. */
export function readKey(token: Token, text: string, dnsPort: number): ServerKey | Mistake {
  const split = splitHost(text);
  if (typeof split === "string") return tokenMistake(token, "keys", split);
  const { transport, host } = split;
  // CoreDNS starts with such a key, listens nowhere and exits with 0; nobody can want that.
  if (transport === "unix")
    return tokenMistake(token, "keys", `a server block cannot listen on a unix socket: ${text}`);
  const zones = zonesOfHost(host);
  if (typeof zones === "string") return tokenMistake(token, "keys", zones);
  const port = split.port ?? (transport === "dns" ? dnsPort : DEFAULT_PORTS[transport]);
  if (port < 0 || port > 65535) return tokenMistake(token, "plain", `address ${port}: invalid port`);
  return { token, transport, zones, port };
}

/** `dns://example.org.:53`: how messages and metrics name a zone that is served. */
export function keyIdentity(transport: Transport, zone: string, port: number): string {
  return `${transport}://${zone}:${port}`;
}

/** The line that the start prints for a zone: `example.org.:53`, `tls://.:853 on 127.0.0.1`. */
export function zoneLine(transport: Transport, zone: string, port: number, address = ""): string {
  const scheme = transport === "dns" ? "" : `${transport}://`;
  return `${scheme}${zone}:${port}${onAddress(address)}`;
}

/** What decides whether two server blocks clash, beside their keys. */
export interface Binding {
  readonly keys: readonly ServerKey[];
  /** What `bind` came to; a block without `bind` has undefined, one whose `bind` excludes everything an empty list. */
  readonly addresses: readonly string[] | undefined;
  /** Blocks with a `view` may share zone and listener. */
  readonly hasView: boolean;
}

/**
 * Finds the keys that cannot be served beside those before them: the same zone on the same listener, or the same zone
 * and port once bound to an address and once unbound. As in CoreDNS the first exempts blocks with a view, the second
 * only when they come first.
 */
export function findClashes(blocks: readonly Binding[]): Mistake[] {
  const clashes: Mistake[] = [];
  /** For each zone with its port and transport: the addresses that serve it, the empty string for all. */
  const served = new Map<string, Set<string>>();
  for (const { keys, addresses, hasView } of blocks) {
    for (const key of keys) {
      for (const zone of key.zones) {
        const identity = keyIdentity(key.transport, zone, key.port);
        const others = served.get(identity) ?? new Set();
        served.set(identity, others);
        for (const address of addresses ?? [""]) {
          const what = `cannot serve ${identity}${onAddress(address)} - `;
          const overlap = address === "" ? [...others].find((other) => other !== "") : others.has("") ? "" : undefined;
          if (!hasView && others.has(address)) {
            clashes.push(tokenMistake(key.token, "plain", `${what}it is already defined`));
          } else if (overlap !== undefined && !others.has(address)) {
            const other = `${identity}${onAddress(overlap)}`;
            clashes.push(tokenMistake(key.token, "plain", `${what}zone overlap listener capacity with ${other}`));
          }
          if (!hasView) others.add(address);
        }
      }
    }
  }
  return clashes;
}

function onAddress(address: string): string {
  return address === "" ? "" : ` on ${address}`;
}
