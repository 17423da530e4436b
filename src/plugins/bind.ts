/**
 * bind: the addresses that a server block listens on, instead of all.
 *
 * An interface's name stands for all its addresses at the start, whether it is up or not (without the addon: when it is up
 * and has a carrier). Several lines add up; `except` takes addresses, or all addresses of an interface, out of its own line.
 * When nothing is left the block has no listener, which is worth a warning but no mistake: the interface may have no address
 * yet. The port is that of the block's key.
 *
 * Syntax    bind ADDRESS|INTERFACE... {
 *             except ADDRESS|INTERFACE...
 *           }
 * Metrics   none
 * Ready     at once
 * Example
 *   .:1053 {
 *     bind lo {
 *       except ::1
 *     }
 *     whoami
 *   }
 */
import { isIP } from "node:net";
import type { Stanza } from "../corefile/directive.ts";
import type { Line } from "../corefile/line.ts";
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "../dns/address.ts";
import { definePlugin } from "../plugin/plugin.ts";
import { interfaceAddresses } from "../transport/interfaces.ts";

export const bind = definePlugin({
  name: "bind",
  parse: (directive, block) => {
    block.addresses = directive.stanzas.flatMap(readStanza);
    if (block.addresses.length === 0)
      directive.stanzas[0]!.warn("no address is left, so nothing listens for this block");
  },
});

function readStanza(stanza: Stanza): string[] {
  if (stanza.left === 0)
    stanza.fail("at least one address or interface name is expected", stanza.head, { form: "plain" });
  const wanted = readAddresses(stanza);
  const excepted = new Set<string>();
  stanza.eachOption({
    except: (line) => {
      const none = "at least one address or interface must be given to except subdirective";
      if (line.left === 0) line.fail(none, line.head, { form: "plain" });
      for (const address of readAddresses(line)) excepted.add(address);
    },
  });
  return wanted.filter((address) => !excepted.has(address));
}

function readAddresses(line: Line): string[] {
  const addresses: string[] = [];
  while (line.left > 0) {
    const token = line.token();
    const found = addressesOf(token.text);
    if (!found) line.fail(`not a valid IP address or interface name: "${token.text}"`, token, { form: "plain" });
    addresses.push(...found);
  }
  return addresses;
}

/** One address in its one spelling, so that equal ones are equal texts; or those of an interface; undefined for neither. */
function addressesOf(word: string): string[] | undefined {
  if (isIP(word) !== 0 && !word.includes("%")) return [canonical(word)];
  return interfaceAddresses(word);
}

function canonical(address: string): string {
  const bytes = new Uint8Array(16);
  if (parseIpv4(address, bytes, 0)) return formatIpv4(bytes, 0);
  parseIpv6(address, bytes, 0);
  // An IPv4 address in IPv6 clothes is meant as what it holds, as in CoreDNS.
  return formatIpv6(bytes, 0).replace(/^::ffff:(?=\d+\.)/, "");
}
