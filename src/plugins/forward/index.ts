/**
 * forward: asks other servers for what it is given, over UDP and TCP.
 *
 * Syntax    forward FROM TO... { OPTION... }, any number in a block; the first whose FROM fits is asked
 *   FROM      the names to forward; `.` for all
 *   TO        up to 15 of IP[:PORT], dns://IP[:PORT], a resolv.conf file, a host name (looked up once, at the start);
 *             a file or name may stand for several servers, all together for 255 at most
 * Options
 *   except NAME...                    names below FROM that are passed on to the next plugin
 *   force_tcp                         ask over TCP whatever the client used
 *   prefer_udp                        ask over UDP first, over TCP when the answer is truncated
 *   policy random|round_robin|sequential   which server is asked first (random)
 *   read_timeout DUR                  how long one server may take (2s)
 *   max_fails N                       failed probes until a server counts as down (2); 0: never
 *   max_connect_attempts N            attempts for one query (twice the number of servers); 0: until the deadline of 5s
 *   health_check DUR [no_rec] [domain NAME]   how often a server that failed is probed (0.5s), with what
 *   expire DUR                        idle TCP connections are closed (10s)
 *   max_age DUR                       TCP connections are closed at this age (0: never)
 *   max_idle_conns N                  idle TCP connections kept for each server (0: as many as there are)
 *   max_concurrent N                  queries in flight; beyond that REFUSED (0: no limit but our own)
 *   failover RCODE...                 with these rcodes another of the servers is asked
 *   next RCODE...                     with these rcodes the next forward of the block is asked
 *   next_on_nodata                    and also with NOERROR without answers
 *   failfast_all_unhealthy_upstreams  SERVFAIL at once when all servers are down
 *   source_address IP                 the local address to ask from
 *   resolver IP[:PORT]...             who is asked for host names in TO, instead of the machine's resolvers
 *   tls, tls_servername, doh_method   read, without effect: upstreams over TLS, HTTPS and QUIC are not there yet
 * Metrics   coredns_proxy_request_duration_seconds{proxy_name="forward", to, rcode}
 *           coredns_proxy_conn_cache_hits_total, _misses_total{proxy_name, to, proto}
 *           coredns_proxy_healthcheck_failures_total{proxy_name, to}
 *           coredns_proxy_ignored_responses_total{proxy_name, to, reason}   what came back and was no answer
 *           coredns_forward_healthcheck_broken_total, coredns_forward_max_concurrent_rejects_total
 * Metadata  forward/upstream   the server that answered, IP:PORT
 * Ready     at once
 * Example
 *   . {
 *     forward . 192.0.2.1 192.0.2.2 {
 *       max_concurrent 1000
 *     }
 *   }
 */
import type { Directive } from "../../corefile/directive.ts";
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";
import { checkTogether, type ForwardConfig, optionReaders, readServers } from "./config.ts";

export const forward = definePlugin<ForwardConfig>({
  name: "forward",
  repeatable: true,
  anyClass: true,
  parse,
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});

function parse(directive: Directive): ForwardConfig {
  const stanza = directive.once();
  const config = readServers(stanza);
  stanza.eachOption(optionReaders(config));
  checkTogether(stanza, config);
  return config;
}
