/** The address that a reverse name stands for: RFC 1035 section 3.5, RFC 3596 section 2.5. */
import { isMapped } from "./address.ts";
import type { Name } from "./name.ts";
import { zoneToWire } from "./name-text.ts";

const IPV4_LABELS = 4;
const IPV6_LABELS = 32;
const IPV4_APEX = zoneToWire("in-addr.arpa.");
const IPV6_APEX = zoneToWire("ip6.arpa.");

/** Writes it to `out` and gives its size, 4 or 16, where IPv4 in IPv6's form is IPv4; 0 for other names. */
export function reverseAddress(name: Name, out: Uint8Array): number {
  const labels = name.labelCount - 2;
  if (labels === IPV4_LABELS && name.suffixEquals(labels, IPV4_APEX)) return readIpv4(name, out) ? 4 : 0;
  if (labels !== IPV6_LABELS || !name.suffixEquals(labels, IPV6_APEX) || !readIpv6(name, out)) return 0;
  if (!isMapped(out, 0)) return 16;
  for (let i = 0; i < 4; i++) out[i] = out[12 + i]!;
  return 4;
}

function readIpv4({ bytes, offsets }: Name, out: Uint8Array): boolean {
  for (let label = 0; label < IPV4_LABELS; label++) {
    const at = offsets[label]!;
    const size = bytes[at]!;
    let value = 0;
    for (let i = 1; i <= size; i++) {
      const digit = bytes[at + i]! - 0x30;
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
      // A leading zero is no other spelling of the address.
      if (value > 255 || (i > 1 && value < 10)) return false;
    }
    out[IPV4_LABELS - 1 - label] = value;
  }
  return true;
}

function readIpv6({ bytes, offsets }: Name, out: Uint8Array): boolean {
  for (let label = 0; label < IPV6_LABELS; label++) {
    const at = offsets[label]!;
    if (bytes[at] !== 1) return false;
    const byte = bytes[at + 1]!;
    const digit = byte <= 0x39 ? byte - 0x30 : byte - 0x57;
    if (digit < 0 || digit > 15 || (byte > 0x39 && digit < 10)) return false;
    const octet = 15 - (label >> 1);
    out[octet] = label % 2 === 0 ? digit : out[octet]! | (digit << 4);
  }
  return true;
}
