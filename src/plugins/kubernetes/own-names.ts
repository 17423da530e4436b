/**
 * The names of this server itself: what the zone's NS records say, and `ns.dns.ZONE`. Its addresses are those that it listens on;
 * when they are endpoints of Services (kube-dns as a rule), these are the name servers. Asked rarely, so records are made as
 * objects.
 */
import { parseIpv4, parseIpv6 } from "../../dns/address.ts";
import { MAX_NAME_LENGTH } from "../../dns/name.ts";
import { wireLabels } from "../../dns/name-text.ts";
import { Section } from "../../dns/reply.ts";
import { Class, Type } from "../../dns/types.ts";
import { hostOf } from "../../kubernetes/answer/host-label.ts";
import type { ClusterView } from "../../kubernetes/table/cluster-view.ts";
import { ServiceKind } from "../../kubernetes/table/layout.ts";
import type { Query } from "../../plugin/query.ts";

interface NameServer {
  readonly name: Uint8Array;
  readonly address: Uint8Array;
}

export class OwnNames {
  /** What this server can be reached at, without loopback addresses: 4 or 16 bytes each. */
  addresses: readonly Uint8Array[] = [];
  readonly #ttl: number;

  constructor(ttl: number) {
    this.#ttl = ttl;
  }

  /** Adds the NS records of `zone` and their addresses. False when there are none. */
  nameServers(view: ClusterView, query: Query, zone: Uint8Array): boolean {
    const servers = this.#servers(view, zone);
    const { reply } = query;
    const names = new Map(servers.map(({ name }) => [Buffer.from(name).toString("latin1"), name]));
    for (const name of names.values()) reply.add(Section.ANSWER, zone, Type.NS, Class.IN, this.#ttl, name);
    for (const { name, address } of servers) this.#address(query, Section.ADDITIONAL, name, address);
    return names.size > 0;
  }

  /** The addresses of `name`, `ns.dns.ZONE`: those of all name servers. False when they have none of the type. */
  default(view: ClusterView, query: Query, name: Uint8Array): boolean {
    const size = query.type === Type.A ? 4 : query.type === Type.AAAA ? 16 : 0;
    const addresses = this.#servers(view, ROOT).map(({ address }) => address);
    const found = new Map(addresses.map((address) => [address.toString(), address]));
    let count = 0;
    for (const address of found.values()) {
      if (address.length !== size) continue;
      this.#address(query, Section.ANSWER, name, address);
      count++;
    }
    return count > 0;
  }

  #address({ reply }: Query, section: Section, name: Uint8Array, address: Uint8Array): void {
    reply.add(section, name, address.length === 4 ? Type.A : Type.AAAA, Class.IN, this.#ttl, address);
  }

  #servers(view: ClusterView, zone: Uint8Array): readonly NameServer[] {
    const servers = new Map<string, NameServer>();
    const add = (name: Uint8Array, address: Uint8Array): void => {
      if (name.length > MAX_NAME_LENGTH) return;
      servers.set(Buffer.concat([name, address]).toString("latin1"), { name, address });
    };
    for (const address of this.addresses) {
      view.seekEndpoint(address, address.length);
      while (view.nextEndpoint()) {
        const { slice, service, endpoint } = view;
        const key = view.bytes.slice(slice.keyAt, slice.keyAt + slice.keyLength);
        const host = hostOf(view, endpoint);
        if (!view.findService(key, 0, key.length)) continue;
        const name = join([key, SVC, zone]);
        if (service.kind === ServiceKind.HEADLESS) add(join([host, name]), address);
        for (const ip of addressesOf(view)) add(name, ip);
      }
    }
    if (servers.size === 0) for (const address of this.addresses) add(join([DEFAULT, zone]), address);
    return [...servers.values()];
  }
}

function addressesOf({ service, bytes }: ClusterView): readonly Uint8Array[] {
  const { ipv4At, ipv4Count, ipv6At, ipv6Count } = service;
  const list: Uint8Array[] = [];
  for (let i = 0; i < ipv4Count; i++) list.push(bytes.slice(ipv4At + 4 * i, ipv4At + 4 * i + 4));
  for (let i = 0; i < ipv6Count; i++) list.push(bytes.slice(ipv6At + 16 * i, ipv6At + 16 * i + 16));
  return list;
}

/** The bytes of an address as text; undefined for what is none, and for loopback addresses. */
export function ownAddress(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(16);
  if (parseIpv4(text, bytes, 0)) return bytes[0] === 127 ? undefined : bytes.slice(0, 4);
  if (!parseIpv6(text.split("%")[0]!, bytes, 0)) return undefined;
  return bytes.every((byte, i) => byte === (i === 15 ? 1 : 0)) ? undefined : bytes;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

const ROOT = Uint8Array.of(0);
const DEFAULT = wireLabels("ns", "dns");
const SVC = wireLabels("svc");
