/** A prefix of addresses as clusters name theirs, `10.96.0.0/12`: its reverse zones, its addresses. */
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { zonesOf } from "../corefile/zones.ts";
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "../dns/address.ts";

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
    tenthAddress: bits - Number(length) < 4 ? undefined : tenthOf(address!, Number(length)),
    contains: (other) => subnet.check(other, isIPv4(other) ? "ipv4" : "ipv6"),
  };
}

/** Of a prefix with four host bits or more. */
function tenthOf(address: string, length: number): string {
  const isV4 = isIPv4(address);
  const bytes = new Uint8Array(isV4 ? 4 : 16);
  (isV4 ? parseIpv4 : parseIpv6)(address, bytes, 0);
  for (let bit = length; bit < 8 * bytes.length; bit++) bytes[bit >> 3]! &= ~(0x80 >> (bit & 7));
  bytes[bytes.length - 1]! |= 10;
  return (isV4 ? formatIpv4 : formatIpv6)(bytes, 0);
}
