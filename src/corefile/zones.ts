/**
 * Zones as Corefiles write them, in server block keys and in arguments: `Example.org`, `tls://example.org:8853`,
 * `10.0.0.0/15`. What comes out is lower case with the final dot.
 */

import { isIPv4, isIPv6 } from "node:net";
import { utf8NameToWire } from "../dns/name-text.ts";
import type { Transport } from "./server-block.ts";

const SCHEMES: readonly (Transport | "unix")[] = ["dns", "tls", "quic", "grpc", "https", "https3", "unix"];

/** A Corefile or a line of one that names more zones, a short prefix repeated for instance, is a mistake. */
export const MAX_ZONES = 200_000;

export interface HostText {
  readonly transport: Transport | "unix";
  readonly host: string;
  /** Undefined when none is written. Not yet checked for its range. */
  readonly port: number | undefined;
}

/** Takes `[scheme://]host[:port]` apart, or gives the message for a text that cannot be. */
export function splitHost(text: string): HostText | string {
  // An unknown scheme, or one in capitals, is part of the name, as in CoreDNS.
  const transport = SCHEMES.find((scheme) => text.startsWith(`${scheme}://`));
  const rest = transport === undefined ? text : text.slice(transport.length + 3);
  const colon = rest.lastIndexOf(":");
  if (rest === "" || colon === rest.length - 1) return `expecting data after last colon: "${rest}"`;
  const digits = rest.slice(colon + 1);
  // Go's Atoi takes a sign, and what exceeds 64 bits is no number to it but a part of the name.
  const isPort = colon >= 0 && /^[-+]?[0-9]+$/.test(digits) && Math.abs(Number(digits)) < 2 ** 63;
  return {
    transport: transport ?? "dns",
    host: isPort ? rest.slice(0, colon) : rest,
    port: isPort ? Number(digits) : undefined,
  };
}

/** The zones that a text stands for, several for a CIDR off the octet's or the nibble's border; or a message. */
export function zonesOf(text: string): readonly string[] | string {
  const split = splitHost(text);
  return typeof split === "string" ? split : zonesOfHost(split.host);
}

/** The same for a host whose scheme and port are taken off. */
export function zonesOfHost(host: string): readonly string[] | string {
  const reverse = reverseZones(host);
  if (reverse === "invalid") return `invalid CIDR ${host}`;
  if (reverse !== undefined) return reverse;
  if (!isDomainName(host)) return `zone is not a valid domain name: ${host}`;
  return [normalizeZone(host)];
}

/** ASCII letters to lower case (RFC 4343), and a final dot if none ends the name. */
export function normalizeZone(name: string): string {
  const lower = name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  return lower === "" || !endsInDot(lower) ? `${lower}.` : lower;
}

/** RFC 1035 section 2.3.4: labels of 1 to 63 bytes, at most 255 with their lengths; `\.` and `\046` are one byte each. */
export function isDomainName(text: string): boolean {
  return typeof utf8NameToWire(text) !== "string";
}

/** Whether a name is one that a host may have (RFC 1035 section 2.3.1); the start warns of others, reverse zones apart. */
export function followsPreferredSyntax(zone: string): boolean {
  if (zone === "." || isReverseZone(zone)) return true;
  return /^([a-z]([-a-z0-9]*[a-z0-9])?\.)+$/i.test(zone);
}

/** Whether the zone is one of the two apexes of reverse names, or below them. */
export function isReverseZone(zone: string): boolean {
  return /(^|\.)(in-addr|ip6)\.arpa\.$/.test(zone);
}

/** Undefined for what is no CIDR, so that it may still be a name; "invalid" for the two forms that CoreDNS refuses. */
function reverseZones(text: string): readonly string[] | "invalid" | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = text.slice(0, slash);
  const length = /^[0-9]{1,6}$/.test(text.slice(slash + 1)) ? Number(text.slice(slash + 1)) : -1;
  if (isIPv4(address) && length >= 0 && length <= 32) {
    return expand(address.split(".").map(Number), 8, length, 10, "in-addr.arpa.");
  }
  if (isIPv6(address) && !address.includes("%") && length >= 0 && length <= 128) {
    if (address.startsWith(":") || address.startsWith("0")) return "invalid";
    return expand(ipv6Nibbles(address), 4, length, 16, "ip6.arpa.");
  }
  return undefined;
}

/** A prefix that ends within a unit (an octet, a nibble) is the list of all values that this unit can have. */
function expand(units: readonly number[], bits: number, length: number, radix: number, apex: string): string[] {
  const whole = Math.floor(length / bits);
  const rest = length % bits;
  const tail = [
    ...units
      .slice(0, whole)
      .map((unit) => unit.toString(radix))
      .reverse(),
    apex,
  ].join(".");
  if (rest === 0) return [tail];
  const size = 1 << (bits - rest);
  const first = units[whole]! & ~(size - 1);
  return Array.from({ length: size }, (_, index) => `${(first + index).toString(radix)}.${tail}`);
}

/** The 32 hexadecimal digits of an address that `isIPv6` has found good. */
function ipv6Nibbles(address: string): number[] {
  const dotted = /^(.*:)([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$/.exec(address);
  const text =
    dotted === null
      ? address
      : `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`;
  const [head, tail] = text.split("::");
  const left = head === "" ? [] : head!.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right]
    .map((group) => group.padStart(4, "0"))
    .join("")
    .split("")
    .map((digit) => Number.parseInt(digit, 16));
}

/** A dot that a backslash makes part of the label ends no name; a backslash before that backslash takes it back. */
function endsInDot(name: string): boolean {
  if (!name.endsWith(".")) return false;
  let slashes = 0;
  for (let at = name.length - 2; at >= 0 && name[at] === "\\"; at--) slashes++;
  return slashes % 2 === 0;
}
