/**
 * template: answers with records that are made from the query by templates.
 *
 * The stanzas of a block are tried in written order. One is for a query of its class, its type and its zones, that one of
 * its expressions matches and all its conditions hold for. If the name or a condition does not fit, the query fails
 * (SERVFAIL), or goes to the next stanza with `fallthrough`. Queries that no stanza is for go to the next plugin.
 *
 * A template is one of Go's text/template: `{{ .Name }} 60 IN A 10.0.0.{{ .Group.n }}`. It knows
 *
 *   .Name .Zone .Class .Type   the question and the stanza's zone, names in lower case; a number without a name is empty
 *   .Regex .Match .Group       the expression that matched, its groups by number, and by number and name
 *   .Var                       what `var` has computed
 *   .Remote .Question .Message the client's address, the question as it was written, the whole query
 *   .Meta "group/label"        metadata
 *   parseInt TEXT BASE BITS    a number from a text
 *
 * What it gives must be one record in the form of a zone file; its TTL is 3600 when it states none, names are absolute.
 * A record that cannot be made fails the query, and so does an expression without a value: with `debug` the log says why.
 * Aliases in answers to A and AAAA are followed within this server. Replies are authoritative.
 *
 * Expressions after `var` and `expr` are those of expr-lang. Beside its own functions and the variables before them they know
 *
 *   name() type() class()         the question, as text; the name in lower case
 *   client_ip() port()            who asks, as text
 *   server_ip() server_port()     where, as text
 *   proto()                       "udp" or "tcp"
 *   id() opcode() size()          of the query, numbers
 *   bufsize() do()                how long a reply may be, and whether the client wants signatures
 *   metadata("group/label")       a text, empty without a value
 *   incidr(ADDRESS, CIDR)         whether the address is in the network
 *   group(NAME)                   the text of a group of the expression that matched
 *
 * Syntax    template CLASS TYPE [ZONES] {
 *             match REGEX...
 *             var NAME EXPRESSION
 *             expr EXPRESSION
 *             answer|additional|authority RECORD...
 *             rcode CODE
 *             ederror CODE [TEXT]
 *             fallthrough [ZONES]
 *             upstream
 *           }
 *           CLASS, TYPE  in capital letters; ANY for all. A query for ANY fits every type
 *           ZONES        default: the zones of the server block
 *           match        the first that fits counts; default: .*
 *           var          computed in their order, for .Var and the expressions that follow
 *           expr         must be true, all of them
 *           rcode        default: NOERROR; with SERVFAIL no records are made
 *           ederror      the extended error (RFC 8914) that goes with the reply
 *           upstream     has no meaning any more
 * Metrics   coredns_template_matches_total{server,zone,view,class,type}                               queries that a stanza was for
 *           coredns_template_template_failures_total{server,zone,view,class,type,section,template}   templates that failed
 *           coredns_template_rr_failures_total{server,zone,view,class,type,section,template}         texts that are no record
 * Ready     at once
 * Example
 *   example.org:1053 {
 *     template IN A example.org {
 *       match ^ip-(?P<a>[0-9]+)-(?P<b>[0-9]+)[.]
 *       var b "int(group('b'))"
 *       expr b < 256
 *       answer "{{ .Name }} 60 IN A 10.0.{{ .Group.a }}.{{ .Var.b }}"
 *       fallthrough
 *     }
 *     template ANY ANY {
 *       rcode NXDOMAIN
 *       ederror 21 "no such name here"
 *     }
 *   }
 */
import { definePlugin, inWorker } from "../../plugin/plugin.ts";
import { parse, type StanzaConfig } from "./parse.ts";

export const template = definePlugin<readonly StanzaConfig[]>({
  name: "template",
  parse: (directive) => directive.readStanzas(parse),
  serve: inWorker(() => import("./serve.ts")),
});
