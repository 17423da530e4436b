/**
 * Which addresses has a host, for whom? The hosts of all entries in one piece of shared memory, filled by the supervisor
 * (`table-builder.ts`) before anyone else sees it, then never changed: after a change there is another table, and the
 * reference to it is swapped whole.
 *
 * In 32-bit words, the first of them unused so that 0 can mean "none":
 *    buckets  a power of two, each the first host of a list
 *    hosts    0  next host in the bucket
 *             1  its first view; 0 for a name that is no host, but has hosts below it
 *             2  kind << 8 | length of the name
 *             3  1 when there are hosts below it
 *             4  the name in wire form, in lower case; of a wildcard the part behind `*`
 *    views    0  next view of the host
 *             1  the namespace that it is for; 0: those that have no view of their own
 *             2  its list
 *    lists    0  count of addresses of 4 bytes     1  of 16     2  of names that have to be asked for
 *             3  the addresses, then the names, each behind a byte with its length
 *
 * Readers check nothing: who publishes the table has sent a message since the last store.
 */
import type { Name } from "../../dns/name.ts";

/** What is sent from thread to thread. */
export interface HostTable {
  readonly buffer: SharedArrayBuffer;
  readonly buckets: number;
  /** The names of namespaces 1, 2 …, which have views of their own. */
  readonly namespaces: readonly string[];
  readonly hosts: number;
}

export const FIRST_BUCKET = 1;
export const Host = { NEXT: 0, VIEW: 1, KEY: 2, IS_ABOVE: 3, NAME: 4 } as const;
export const View = { NEXT: 0, NAMESPACE: 1, LIST: 2, WORDS: 3 } as const;
export const List = { IPV4: 0, IPV6: 1, TARGETS: 2, ADDRESSES: 3 } as const;
/** A wildcard stands under the name behind its `*`. */
export const Kind = { NAME: 0, WILDCARD: 1 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];
/** Changes the hash of a wildcard, so that it is not in the bucket of the name. */
const WILDCARD = 0x2a2a2a2a;

/** Everybody whose namespace has no view of its own. */
export const ANYBODY = 0;

export class MeshHosts {
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #namespaces: ReadonlyMap<string, number>;

  constructor({ buffer, buckets, namespaces }: HostTable) {
    this.bytes = new Uint8Array(buffer);
    this.#words = new Int32Array(buffer);
    this.#mask = buckets - 1;
    this.#namespaces = new Map(namespaces.map((name, i) => [name, i + 1]));
  }

  namespace(name: string): number {
    return this.#namespaces.get(name) ?? ANYBODY;
  }

  /** The list of the host that fits best of those that the namespace sees: the name itself, else the longest wildcard; 0: none. */
  find(name: Name, namespace: number): number {
    const exact = this.#listOf(this.#host(name, 0, Kind.NAME), namespace);
    if (exact !== 0) return exact;
    for (let label = 1; label < name.labelCount; label++) {
      const list = this.#listOf(this.#host(name, label, Kind.WILDCARD), namespace);
      if (list !== 0) return list;
    }
    return 0;
  }

  /** Whether the name exists because hosts stand below it (RFC 8020), whoever sees them. */
  isAbove(name: Name): boolean {
    const host = this.#host(name, 0, Kind.NAME);
    return host !== 0 && this.#words[host + Host.IS_ABOVE] !== 0;
  }

  /** How many addresses of `size` bytes, 4 or 16, the list has. */
  count(list: number, size: number): number {
    return this.#words[list + (size === 4 ? List.IPV4 : List.IPV6)]!;
  }

  /** Where they begin in `bytes`. */
  addressesAt(list: number, size: number): number {
    const first = (list + List.ADDRESSES) * 4;
    return size === 4 ? first : first + this.#words[list + List.IPV4]! * 4;
  }

  hasTargets(list: number): boolean {
    return this.#words[list + List.TARGETS] !== 0;
  }

  /** The names that have to be asked for, in wire form. */
  targets(list: number): Uint8Array[] {
    const all: Uint8Array[] = [];
    let at = this.addressesAt(list, 16) + this.count(list, 16) * 16;
    for (let left = this.#words[list + List.TARGETS]!; left > 0; left--) {
      const end = at + 1 + this.bytes[at]!;
      all.push(this.bytes.slice(at + 1, end));
      at = end;
    }
    return all;
  }

  /** The host that is the end of `name` from label `label` on. */
  #host(name: Name, label: number, kind: Kind): number {
    const words = this.#words;
    const start = name.offsets[label]!;
    const key = (kind << 8) | (name.length - start);
    let host = words[FIRST_BUCKET + (hostHash(name, label, kind) & this.#mask)]!;
    while (host !== 0 && !(words[host + Host.KEY] === key && this.#isEnd(host, name, start)))
      host = words[host + Host.NEXT]!;
    return host;
  }

  #isEnd(host: number, { bytes, length }: Name, start: number): boolean {
    const at = (host + Host.NAME) * 4 - start;
    for (let i = start; i < length; i++) if (this.bytes[at + i] !== bytes[i]) return false;
    return true;
  }

  #listOf(host: number, namespace: number): number {
    if (host === 0) return 0;
    const words = this.#words;
    let list = 0;
    for (let view = words[host + Host.VIEW]!; view !== 0; view = words[view + View.NEXT]!) {
      const viewer = words[view + View.NAMESPACE]!;
      if (viewer === namespace) return words[view + View.LIST]!;
      if (viewer === ANYBODY) list = words[view + View.LIST]!;
    }
    return list;
  }
}

export function hostHash(name: Name, label: number, kind: Kind): number {
  return kind === Kind.WILDCARD ? name.hashes[label]! ^ WILDCARD : name.hashes[label]!;
}
