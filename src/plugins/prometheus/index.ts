/**
 * prometheus: counts the block's queries, and serves all metrics of the server over HTTP, on the path /metrics.
 *
 * Names, labels, buckets and help texts are those of CoreDNS. A block without `prometheus` is not counted; what the server
 * refuses before it has found a block is counted under the zone `dropped`. All addresses serve the same metrics, and blocks
 * that name the same one share it. An address that is taken is said in the log, and the server goes on without it.
 *
 * A value with labels is there from its first event on. Sizes are those of messages without compression. The label `zone`
 * is the block's longest zone that the name lies in; `plugin` is the plugin behind `prometheus` in the chain, whoever gave
 * the answer, and empty where the server wrote it; rcodes that have no name have the label `other`. `worker` is a number
 * from 0. There are no go_* metrics: this is no Go program, so `runtime_metrics` is taken and widens nothing.
 *
 * Syntax    prometheus [ADDRESS] {
 *             runtime_metrics    taken, for Corefiles that have it
 *             tls FILE           HTTPS, as FILE says
 *           }
 *   ADDRESS   HOST:PORT or :PORT, default localhost:9153
 *   FILE      a web configuration of the Prometheus exporters. Certificates are read again when their files change.
 *             Users and rate limits are not supported, such a file is refused:
 *               tls_server_config:
 *                 cert_file: server.crt       relative to FILE, like all of them
 *                 key_file: server.key
 *                 client_ca_file: ca.crt
 *                 client_auth_type: NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven or
 *                                   RequireAndVerifyClientCert
 *                 min_version: TLS12          max_version likewise
 * Metrics   coredns_build_info{version,revision,goversion}     1; the release of CoreDNS whose metrics these are
 *           coredns_plugin_enabled{server,zone,view,name}      1 for each element of the block's chain
 *           coredns_panics_total                               faults of plugins that cost a query
 *           coredns_dns_requests_total{server,zone,view,proto,family,type}
 *           coredns_dns_request_duration_seconds{server,zone,view}
 *           coredns_dns_request_size_bytes{server,zone,view,proto}
 *           coredns_dns_response_size_bytes{server,zone,view,proto}
 *           coredns_dns_do_requests_total{server,zone,view}
 *           coredns_dns_responses_total{server,zone,view,rcode,plugin}
 *           process_*                                          the process, all threads together
 *           weftdns_build_info{version,node}                   1, with the versions of this server and of its Node
 *           weftdns_configuration_current                      1; 0 when the Corefile could not be taken since it was changed
 *           weftdns_memory_room                                1; less while the memory of the container is short, and so is the
 *                                                              room for queries that wait and for clients that do not read
 *           weftdns_kernel_drops_total{server}                 datagrams that the kernel dropped
 *           weftdns_datagrams_received_total{worker}           datagrams; divided by batches: how many come at once
 *           weftdns_batches_total{worker}
 *           weftdns_datagrams_sent_total{worker}
 *           weftdns_datagrams_queued_total{worker}             replies that had to wait for room in their socket
 *           weftdns_drops_total{stage,reason}                  queries and replies that were dropped: kernel (full, limited),
 *                                                              receive, tcp, server, plugin, send; http: connections
 *           weftdns_uncounted_series_total                     series that had no room, so that they are not counted
 *           weftdns_worker_loop_lag_seconds{worker}            how late the worker's loop comes to a timer
 *           weftdns_queries_waiting{worker}                    queries that wait for somebody's answer
 *           weftdns_worker_restarts_total{cause}               workers that were replaced: error, memory, stall, or process
 * Ready     at once
 * Example
 *   example.org:1053 {
 *     prometheus localhost:9153
 *     whoami
 *   }
 */
import type { Directive, Stanza } from "../../corefile/directive.ts";
import { hostPortProblem } from "../../corefile/host-port.ts";
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";

export interface PrometheusConfig {
  readonly address: string;
  /** The web configuration file. */
  readonly tls?: string;
}

const DEFAULT_ADDRESS = "localhost:9153";

export const prometheus = definePlugin<PrometheusConfig>({
  name: "prometheus",
  parse,
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});

function parse(directive: Directive): PrometheusConfig {
  const stanza = directive.once();
  const address = stanza.left === 0 ? DEFAULT_ADDRESS : readAddress(stanza);
  if (stanza.left > 0) stanza.wrongCount();
  let tls: string | undefined;
  stanza.readOptions((option) => {
    if (option.name === "runtime_metrics") {
      option.noArguments();
    } else if (option.name === "tls") {
      if (tls !== undefined) option.fail("tls block already specified");
      option.exactly(1);
      tls = option.word();
    } else {
      option.fail(`unknown option: ${option.name}`);
    }
  });
  return tls === undefined ? { address } : { address, tls };
}

function readAddress(stanza: Stanza): string {
  const token = stanza.token();
  const problem = hostPortProblem(token.text);
  if (problem !== "") stanza.fail(problem, token, { form: "plain" });
  return token.text;
}
