/**
 * Is this address in one of these networks? Asked for every query, so the networks are sorted ranges in packed bytes: no
 * objects, no text, some twenty comparisons for a list of a million.
 *
 * A set is plain data, built where a Corefile is parsed and sent to the workers. Per family it holds ranges that do not
 * overlap, in ascending order, each as its first and its last address in network order.
 */
import { parseIpv4, parseIpv6 } from "../dns/address.ts";

export interface NetworkSet {
  /** Ranges of IPv4 addresses, 8 bytes each. */
  readonly ipv4: Uint8Array;
  /** Ranges of IPv6 addresses, 32 bytes each. */
  readonly ipv6: Uint8Array;
}

/** The first and the last address of a network, 4 or 16 bytes each. */
export interface Network {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

/** `192.0.2.0/24` or `2001:db8::/32`, as Go reads them: bits behind the prefix are ignored. Undefined for other texts. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const digits = text.slice(slash + 1);
  if (slash < 0 || !/^[0-9]{1,6}$/.test(digits)) return undefined;
  const address = new Uint8Array(16);
  const host = text.slice(0, slash);
  const isIPv4 = parseIpv4(host, address, 0);
  if (!isIPv4 && !parseIpv6(host, address, 0)) return undefined;
  const size = isIPv4 ? 4 : 16;
  const prefix = Number(digits);
  if (prefix > size * 8) return undefined;
  const first = address.slice(0, size);
  const last = address.slice(0, size);
  for (let i = 0; i < size; i++) {
    const fixedBits = Math.min(Math.max(prefix - i * 8, 0), 8);
    const free = 0xff >> fixedBits;
    first[i]! &= ~free;
    last[i]! |= free;
  }
  return { first, last };
}

export function packNetworks(networks: readonly Network[]): NetworkSet {
  return { ipv4: pack(networks, 4), ipv6: pack(networks, 16) };
}

/** Whether the set has the address of `family` (4 or 6) at `bytes[offset]`. An IPv4 address mapped into IPv6 counts as 4. */
export function hasAddress(set: NetworkSet, bytes: Uint8Array, offset: number, family: 0 | 4 | 6): boolean {
  if (family === 0) return false;
  const ranges = family === 4 ? set.ipv4 : set.ipv6;
  const size = family === 4 ? 4 : 16;
  let low = 0;
  let high = ranges.length / (2 * size);
  // Behind the last range that begins at the address or before it.
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(ranges, middle * 2 * size, bytes, offset, size) <= 0) low = middle + 1;
    else high = middle;
  }
  return low > 0 && compare(ranges, (low - 1) * 2 * size + size, bytes, offset, size) >= 0;
}

/** Networks lie within each other or apart, so one that begins before its forerunner's end is part of it. */
function pack(networks: readonly Network[], size: number): Uint8Array {
  const sorted = networks
    .filter(({ first }) => first.length === size)
    .sort((a, b) => compare(a.first, 0, b.first, 0, size) || compare(b.last, 0, a.last, 0, size));
  const kept: Network[] = [];
  for (const network of sorted) {
    const before = kept.at(-1);
    if (before === undefined || compare(network.first, 0, before.last, 0, size) > 0) kept.push(network);
  }
  const packed = new Uint8Array(kept.length * 2 * size);
  kept.forEach(({ first, last }, i) => {
    packed.set(first, i * 2 * size);
    packed.set(last, i * 2 * size + size);
  });
  return packed;
}

function compare(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, size: number): number {
  for (let i = 0; i < size; i++) {
    const difference = a[aAt + i]! - b[bAt + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
