/** The file of weights: names, and behind each the addresses that weigh more than one. */
import { parseIpv4, parseIpv6 } from "../../dns/address.ts";
import { lowerCaseWire, nameToWire } from "../../dns/name-text.ts";

export interface WeightedName {
  /** In lower-case wire form. */
  readonly name: Uint8Array;
  readonly addresses: readonly WeightedAddress[];
}

export interface WeightedAddress {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly weight: number;
}

/** Or what is wrong, in CoreDNS's words. */
export function parseWeights(text: string): WeightedName[] | string {
  const names = new Map<string, { name: Uint8Array; addresses: WeightedAddress[] }>();
  let current: { name: Uint8Array; addresses: WeightedAddress[] } | undefined;
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const [first, second, ...more] = trimmed.split(/[ \t\r\v\f]+/);
    if (more.length > 0) return `could not parse weight line:"${trimmed}"`;
    if (second === undefined) {
      const wire = nameToWire(first!);
      // What is no name is never asked for.
      const name = typeof wire === "string" ? new Uint8Array(0) : lowerCaseWire(wire);
      const key = Buffer.from(name).toString("latin1");
      current = names.get(key) ?? { name, addresses: [] };
      names.set(key, current);
      continue;
    }
    const address = parseAddress(first!);
    if (!address) return `wrong IP address:"${first}"`;
    const weight = /^\+?[0-9]{1,9}$/.test(second) ? Number(second) : 0;
    if (weight < 1 || weight > 255) return `wrong weight value:"${second}"`;
    if (!current) return "missing domain name";
    current.addresses.push({ address, weight });
  }
  return [...names.values()];
}

function parseAddress(text: string): Uint8Array | undefined {
  const four = new Uint8Array(4);
  if (parseIpv4(text, four, 0)) return four;
  const sixteen = new Uint8Array(16);
  return parseIpv6(text, sixteen, 0) ? sixteen : undefined;
}
