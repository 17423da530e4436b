/** The addresses of a network interface, whether it is up or not: with the addon, and as far as Node.js knows them. */
import { existsSync, readdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { type Native, native } from "../native/index.ts";

/** Link-local ones end in `%` and the name. Undefined when there is no such interface. */
export function interfaceAddresses(name: string): string[] | undefined {
  return native ? addressesByAddon(native, name) : addressesByNode(name);
}

/** What fits into `out` is taken at once; else there is a second call with room for all. */
export function addressesByAddon(addon: Native, name: string, out = Buffer.alloc(4_096)): string[] | undefined {
  const length = addon.interfaceAddresses(name, out);
  if (length < 0) return undefined;
  if (length > out.length) return addressesByAddon(addon, name, Buffer.alloc(length));
  return out.toString("latin1", 0, length).split("\n").slice(0, -1);
}

/** Node.js leaves out interfaces that are down, without a carrier or without an address: of those only the names are known. */
export function addressesByNode(name: string): string[] | undefined {
  const entries = networkInterfaces()[name];
  if (entries) return entries.map(({ address, scopeid }) => (scopeid ? `${address}%${name}` : address));
  return existsSync(INTERFACES) && readdirSync(INTERFACES).includes(name) ? [] : undefined;
}

const INTERFACES = "/sys/class/net";
