/**
 * istio: answers for the hosts of Istio's ServiceEntry objects, with their addresses.
 *
 * It does in this process what the Istio DNS plugin did in a second container, which was asked by `proxy global
 * 127.0.0.1:8053 { protocol grpc insecure }`, later by `grpc global 127.0.0.1:8053`. Entries are watched instead of listed every
 * five seconds, AAAA is answered too, and a type that a host does not have is an empty answer instead of NXDOMAIN.
 *
 * The host that fits best answers: the name itself, else the longest wildcard. `*.test.global` stands for all names below
 * `test.global`, however deep, but not for `test.global` itself. A host in several entries has the addresses of all, those of
 * the oldest entry first. Addresses of an entry are, whichever there is first: `addresses` without networks such as
 * 192.0.2.0/24; those that Istio has assigned to it (`status.addresses`, since Istio 1.23); with the option `endpoints` those of
 * its endpoints; `default_address`. The last two are not used for the resolution NONE, and an entry that has none of all these
 * is as if it were not there. What cannot be a host or an address is left out, counted and logged once.
 *
 * The `cache` plugin keeps none of these answers, so a change shows in the next one. Until the first list is complete, and when
 * entries may have been missed, names that are not known get SERVFAIL instead of NXDOMAIN; when the API is gone, what was
 * known last goes on being answered. A cluster without this resource has no entries.
 *
 * Syntax    istio [ZONE...] { OPTION... }, once in a block
 *   ZONE    where hosts are looked for; default: the zones of the server block
 * Options
 *   endpoint URL                      the API server; without this and kubeconfig: that of the cluster that the pod runs in
 *   tls CERT KEY CA                   files of the client certificate for endpoint, whose URL must begin with https:// then
 *   kubeconfig FILE [CONTEXT]         how to reach the API server, from a file; counts before endpoint. The context, or the
 *                                     current one of the start, is kept until a reload; what it says is read again
 *   namespace NAMESPACE|@client       only entries whose `exportTo` lets this namespace see them: the same one for all clients, or
 *                                     that of the pod that asks, which `kubernetes` with `pods verified` in the same block
 *                                     knows; other clients see what is exported to all. Default: every entry is seen
 *   endpoints                         entries without address have those of their endpoints; endpoints that are names (resolution
 *                                     DNS) are asked of this server itself, at most 8 of them
 *   default_address ADDRESS...        for entries without any
 *   ttl SECONDS                       of the answers, from 0 to 3600 (30, as in the DNS proxy of Istio's agents)
 *   fallthrough [ZONE...]             names that are not known go to the next plugin; without ZONE all such names
 *   startup_timeout DUR               how long the start waits for the API (5s)
 * Metrics
 *   weftdns_istio_synced                  1 when all entries are known, 0 as long as some may be missing
 *   weftdns_istio_watch_age_seconds       since the API was heard of last
 *   weftdns_istio_objects                 entries known
 *   weftdns_istio_hosts                   hosts that are answered
 *   weftdns_istio_table_bytes             memory that the hosts take
 *   weftdns_istio_repairs_total           entries that the comparison with a fresh list has found wrong, and put right
 *   weftdns_istio_refused_objects_total   entries, or parts of them, that were left out because no answer can be made of them
 * Ready     when all entries have been read
 * Example
 *   global:1053 {
 *     istio svc.global test.global {
 *       endpoint http://localhost:8080
 *       default_address 240.0.0.1
 *     }
 *   }
 */
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";
import { type IstioConfig, parse } from "./config.ts";

export const istio = definePlugin<IstioConfig>({
  name: "istio",
  parse,
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});
