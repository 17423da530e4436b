/**
 * rewrite: changes queries before the plugins behind it see them, and replies before the client does.
 *
 * Rules are tried in written order. One that fits and is not a `continue` rule is the last. FROM and TO of names that are no
 * expressions are completed with a dot, so the prefix `foo` fits the label foo only, and the suffix `.foo` what is below foo.
 *
 *   name        the name that is asked. The client sees its own question; names in the reply become the client's again with
 *               `exact` (unless `answer name` says otherwise) and with `answer auto`. Names that end in the changed one follow.
 *   type class  of the question
 *   ttl rcode   of replies to questions whose name fits NAME
 *   cname       the target of an alias in the answer; what the alias leads to is asked anew. Fits every query.
 *   edns0       options of the query, which gets an OPT record when it has none: for what `forward` sends. Options of
 *               `local` rules come back to clients when the reply has no options of its own.
 *
 * Syntax    rewrite [continue|stop] RULE       the default is stop; RULE may stand in braces
 *             name [MATCH] FROM TO [metadata] [answer auto | [answer] name RE TO | [answer] value RE TO]...
 *             type FROM TO
 *             class FROM TO
 *             ttl [MATCH] NAME SECONDS|MIN-MAX|MIN-|-MAX
 *             rcode [MATCH] NAME FROM TO
 *             cname [MATCH] FROM TO
 *             edns0 local set|append|replace CODE DATA [revert]
 *             edns0 local unset CODE
 *             edns0 nsid set|append|replace [revert]
 *             edns0 nsid unset
 *             edns0 subnet set|append|replace BITS4 BITS6 [revert]
 *             edns0 subnet unset
 *           MATCH    exact, prefix, suffix, substring or regex; default exact
 *           TO       behind an expression {1} is its first group; with `metadata` {group/label} a value of the query
 *           answer   name: owners of records; value: names in SRV, MX, CNAME, NS, DNAME, NAPTR, PTR and SOA records
 *           FROM, TO of rcode are names or numbers up to 23
 *           DATA     0xHEX, text, or one of {qname} {qtype} {client_ip} {client_port} {protocol} {server_ip}
 *                    {server_port} {group/label}
 *           revert   the reply's option becomes again what the client's was
 * Metrics   none
 * Ready     at once
 * Example
 *   .:1053 {
 *     rewrite name suffix .cluster.example. .cluster.local. answer auto
 *     rewrite continue ttl suffix .example.org. 30-300
 *     rewrite name regex ^(.*)\.(eu|us)\.example\.org\.$ {2}-{1}.example.net answer auto
 *     rewrite edns0 subnet set 24 56
 *     forward . 192.0.2.53
 *   }
 */
import { definePlugin, inWorker } from "../../plugin/plugin.ts";
import type { RewriteConfig } from "./config.ts";
import { readRule } from "./parse.ts";

export const rewrite = definePlugin<RewriteConfig>({
  name: "rewrite",
  parse: (directive) => ({ rules: directive.readStanzas(readRule) }),
  serve: inWorker(() => import("./serve.ts")),
});
