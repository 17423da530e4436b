/**
 * kubernetes: answers for the Services, endpoints and pods of a Kubernetes cluster, as its DNS specification says (1.1.0).
 *
 * What the cluster's API says is kept in a table that all workers read, so a change is in the answer to the next query. The
 * `cache` plugin keeps none of these answers. As long as a kind of object has not been read completely, names that it could
 * have get SERVFAIL instead of NXDOMAIN; when the API is gone, what was known last goes on being answered. It is asked by the
 * proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name in the environment, and where no authority is named for its certificate
 * those of the machine count, from SSL_CERT_FILE if that is set.
 *
 * Syntax    kubernetes [ZONE...] { OPTION... }, once in a block
 *   ZONE    where the cluster's names are, and the reverse zones to answer in; default: the zones of the server block.
 *           The first that is no reverse zone is where PTR records lead to.
 * Options
 *   endpoint URL                      the API server; without this and kubeconfig: that of the cluster that the pod runs in
 *   tls CERT KEY CA                   files of the client certificate for endpoint, whose URL must begin with https:// then
 *   kubeconfig FILE [CONTEXT]         how to reach the API server, from a file; counts before endpoint. The context, or the
 *                                     current one of the start, is kept until a reload; what it says is read again
 *   apiserver_qps NUMBER              most requests a second
 *   apiserver_burst N                 and so many at once
 *   apiserver_max_inflight N          most requests that wait for their answer
 *   namespaces NAME...                only these namespaces
 *   namespace_labels SELECTOR         only namespaces with these labels; not together with namespaces
 *   labels SELECTOR                   only Services, EndpointSlices and Pods with these labels
 *   pods disabled|insecure|verified   names such as 10-0-0-1.default.pod.ZONE: none (the default), for any address, or for
 *                                     addresses of pods of that namespace
 *   endpoint_pod_names                endpoints without hostname are called as their pod, not as their address
 *   ttl SECONDS                       of the answers, from 0 to 3600 (5)
 *   noendpoints                       endpoints are not watched: no headless Services, no names of endpoints
 *   fallthrough [ZONE...]             names that do not exist go to the next plugin; without ZONE all such names
 *   ignore empty_service              a Service without ready endpoints does not exist
 *   multicluster ZONE...              zones, also named as ZONE, for the ServiceImports of a cluster set
 *   zonal                             names that choose endpoints by their zone: ZONE[.ZONE...].pin|prefer._zone.SERVICE...
 *   startup_timeout DUR               how long the start waits for the API (5s); health, ready and metrics answer meanwhile
 *   wildcard_queries                  `*` and `any` in names stand for every namespace, Service, endpoint, port or protocol
 *   doubt servfail|nxdomain           what names get that were not there when the API was heard of last (servfail)
 *   check_interval DUR                how often what is known is compared with a fresh list (5m); 0: never
 *   upstream, cidrs, resyncperiod, transfer, federation
 *                                     words of the first years; cidrs adds reverse zones, the others do nothing
 * Metrics
 *   coredns_kubernetes_dns_programming_duration_seconds{service_kind}   from the change of a pod to its being in answers
 *   coredns_kubernetes_rest_client_request_duration_seconds{verb,host}, _requests_total{code,method,host},
 *   _rate_limiter_duration_seconds{verb,host}                           what the API server was asked
 *   weftdns_kubernetes_synced{resource}                                 1 when all of it is known in all clusters, 0 in doubt
 *   weftdns_kubernetes_watch_age_seconds{resource}                      since the API was heard of last, where longest ago
 *   weftdns_kubernetes_objects{resource}, _repairs_total{resource}
 *   weftdns_kubernetes_refused_objects_total, _table_bytes
 * Ready     when every resource has been read completely
 * Example
 *   cluster.local:1053 {
 *     kubernetes cluster.local in-addr.arpa ip6.arpa {
 *       endpoint http://localhost:8080
 *       pods insecure
 *       fallthrough in-addr.arpa ip6.arpa
 *       ttl 30
 *     }
 *   }
 */
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";
import { type KubernetesConfig, parse } from "./config.ts";

export const kubernetes = definePlugin<KubernetesConfig>({
  name: "kubernetes",
  parse,
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});
