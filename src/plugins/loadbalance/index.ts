/**
 * loadbalance: changes the order of addresses, so that clients that take the first one spread over all.
 *
 * round_robin shuffles A and AAAA records of the same name in all sections; weighted puts one address first, chosen at
 * random by weight, for questions of the types A, AAAA and SRV. In both cases CNAMEs come first in a section, then other
 * types, addresses, and MX records, which round_robin shuffles too. Only replies with NOERROR are changed, transfers never.
 * Addresses of different names or families keep their places towards each other.
 *
 * Syntax    loadbalance [round_robin | weighted FILE] {
 *             prefer CIDR...    round_robin: addresses in these nets come first, in the order of the nets
 *             reload DUR        weighted: how often the file is looked at (30s); 0: never
 *           }
 *   FILE      relative to `root`. A line with a name begins its list, lines `ADDRESS WEIGHT` are the list (1 to 255);
 *             others weigh 1. Lines that begin with # are comments.
 *   A second `loadbalance` in a block is not read, as in CoreDNS.
 * Metrics   none
 * Ready     at once; without the file all addresses weigh the same
 * Example
 *   .:1053 {
 *     loadbalance round_robin {
 *       prefer 10.0.0.0/8
 *     }
 *     forward . 192.0.2.53
 *   }
 */
import type { Directive, Stanza } from "../../corefile/directive.ts";
import { parseDuration } from "../../corefile/duration.ts";
import { type NetworkSet, packNetworks, parseNetwork } from "../../plugin/network-set.ts";
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";

export type LoadBalanceConfig =
  | { readonly policy: "round_robin"; readonly prefer: readonly NetworkSet[] }
  /** `reloadMs` 0: never. */
  | { readonly policy: "weighted"; readonly path: string; readonly reloadMs: number };

const DEFAULT_RELOAD_MS = 30_000;

export const loadbalance = definePlugin<LoadBalanceConfig>({
  name: "loadbalance",
  parse,
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});

function parse(directive: Directive): LoadBalanceConfig {
  const [stanza, second] = directive.stanzas;
  if (second) second.warn("only the first loadbalance of a server block is read");
  const policy = stanza!.left === 0 ? "round_robin" : stanza!.token();
  const word = typeof policy === "string" ? policy : policy.text;
  if (word === "round_robin") return parseRoundRobin(stanza!);
  if (word === "weighted") return parseWeighted(stanza!);
  return stanza!.fail(`unknown policy: ${word}`, stanza!.args[0], { form: "plain" });
}

function parseRoundRobin(stanza: Stanza): LoadBalanceConfig {
  if (stanza.left > 0) stanza.fail("unknown property for round_robin", stanza.token());
  const prefer: NetworkSet[] = [];
  stanza.eachOption({
    prefer: (line) => {
      while (line.left > 0) {
        const token = line.token();
        const network = parseNetwork(token.text);
        if (!network) return line.fail(`invalid CIDR "${token.text}": invalid CIDR address: ${token.text}`, token);
        prefer.push(packNetworks([network]));
      }
    },
  });
  return { policy: "round_robin", prefer };
}

function parseWeighted(stanza: Stanza): LoadBalanceConfig {
  if (stanza.left === 0) stanza.fail("missing weight file argument");
  const path = stanza.path();
  if (stanza.left > 0) stanza.fail("unexpected argument(s)", stanza.token());
  let reloadMs = DEFAULT_RELOAD_MS;
  stanza.eachOption({
    reload: (line) => {
      if (line.left === 0) line.fail("reload duration value is missing");
      const token = line.token();
      if (line.left > 0) line.fail("unexpected argument", line.token());
      const ms = parseDuration(token.text);
      if (ms === undefined || ms < 0) return line.fail(`invalid reload duration '${token.text}'`, token);
      reloadMs = ms;
    },
  });
  return { policy: "weighted", path, reloadMs };
}
