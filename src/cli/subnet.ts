/** A prefix of addresses as clusters name theirs, `10.96.0.0/12`: its reverse zones, its addresses. */
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { zonesOf } from "../corefile/zones.ts";

export interface Subnet {
  /** Without the final dot, as Corefiles write them. */
  readonly zones: readonly string[];
  /** The one that kubeadm gives to kube-dns; undefined in a prefix of fewer addresses. */
  readonly tenthAddress: string | undefined;
  contains(address: string): boolean;
}

/** A Corefile's line stays one that can be read: more zones are asked for as a shorter prefix. */
const MAX_ZONES = 256;

/** Or what was expected. */
export function parseSubnet(text: string): Subnet | string {
  const [address, length, ...rest] = text.split("/");
  const bits = isIPv4(address!) ? 32 : isIPv6(address!) && !address!.includes("%") ? 128 : 0;
  const zones = rest.length === 0 && /^[0-9]{1,3}$/.test(length ?? "") ? zonesOf(text) : "";
  if (bits === 0 || typeof zones === "string" || zones.length > MAX_ZONES || Number(length) > bits) {
    return "prefixes such as 10.96.0.0/12 or 10.96.0.0/12,fd00:10:96::/112";
  }
  const subnet = new BlockList();
  subnet.addSubnet(address!, Number(length), bits === 32 ? "ipv4" : "ipv6");
  return {
    zones: zones.map((zone) => zone.replace(/\.$/, "")),
    tenthAddress: bits - Number(length) < 4 ? undefined : nthAddress(address!, bits, Number(length), 10n),
    contains: (other) => subnet.check(other, isIPv4(other) ? "ipv4" : "ipv6"),
  };
}

function nthAddress(address: string, bits: number, length: number, index: bigint): string {
  const hostBits = BigInt(bits - length);
  const number = ((toNumber(address, bits) >> hostBits) << hostBits) + index;
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, at) => ((number >> BigInt(112 - 16 * at)) & 0xffffn).toString(16));
  return canonicalIpv6(groups.join(":"));
}

function toNumber(address: string, bits: number): bigint {
  if (bits === 32) return address.split(".").reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
  const [before, after] = canonicalIpv6(address).split("::") as [string, string | undefined];
  const head = before === "" ? [] : before.split(":");
  const tail = after ? after.split(":") : [];
  const groups = [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail];
  return groups.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n);
}

/** RFC 5952, an IPv4 tail in hexadecimal too: what a URL makes of it. */
function canonicalIpv6(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
