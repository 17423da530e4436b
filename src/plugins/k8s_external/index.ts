/**
 * k8s_external: names for the addresses that Services have outside of their cluster: SERVICE.NAMESPACE.ZONE stands for
 * spec.externalIPs and for what a load balancer has assigned. Needs kubernetes in the same server block, whose `namespaces`,
 * `namespace_labels` and `doubt` hold here too.
 *
 * Syntax    k8s_external [ZONE...] { OPTION... }, once in a block
 *   ZONE    where the names are, and the reverse zones to answer in; default: the zones of the server block
 * Options
 *   apex NAME               label below the zone for its name server, as in ns1.NAME.ZONE (dns)
 *   ttl SECONDS             of the answers, from 0 to 3600 (5)
 *   headless                headless Services without such addresses too, with their endpoints as ENDPOINT.SERVICE.NAMESPACE.ZONE
 *   fallthrough [ZONE...]   names that do not exist go to the next plugin; without ZONE all such names
 * Metrics   none
 * Ready     at once; kubernetes says when its table is complete
 * Example
 *   .:1053 {
 *     k8s_external example.org {
 *       apex dns
 *     }
 *     kubernetes cluster.local {
 *       endpoint http://localhost:8080
 *     }
 *   }
 */
import type { Directive } from "../../corefile/directive.ts";
import { isDomainName, normalizeZone } from "../../corefile/zones.ts";
import { readTtl } from "../../kubernetes/ttl-option.ts";
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";

export interface ExternalConfig {
  readonly zones: readonly string[];
  apex: string;
  ttl: number;
  headless: boolean;
  fallthrough: readonly string[];
}

export const k8sExternal = definePlugin<ExternalConfig>({
  name: "k8s_external",
  parse,
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});

function parse(directive: Directive): ExternalConfig {
  // CoreDNS takes several, of which the last counts.
  const stanza = directive.stanzas.at(-1)!;
  const config: ExternalConfig = { zones: stanza.zones(), apex: "dns.", ttl: 5, headless: false, fallthrough: [] };
  stanza.eachOption({
    apex: (line) => {
      const token = line.token("a name");
      // CoreDNS takes any words behind it.
      line.rest();
      // With the root every name of the zone would be below its name server's.
      if (!isDomainName(token.text) || token.text === ".")
        line.fail(`invalid apex '${token.text}', expected a name`, token);
      config.apex = normalizeZone(token.text);
    },
    ttl: (line) => {
      config.ttl = readTtl(line);
    },
    headless: (line) => {
      line.noArguments();
      config.headless = true;
    },
    fallthrough: (line) => {
      config.fallthrough = line.fallthrough();
    },
  });
  return config;
}
