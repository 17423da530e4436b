/** kubernetes: changes, names that are passed on, an API that is away. */
import { endpointSlice, type Manifest, namespace, pod, service } from "../../support/api-objects.ts";
import { clusterObjects } from "../../support/cluster-objects.ts";
import type { ParityServer } from "../case.ts";
import { answers, kubernetes, noName, ZONES } from "../cluster.ts";

export const servers: ParityServer[] = [
  {
    name: "kubernetes, changes",
    corefile: kubernetes(ZONES, "pods verified"),
    objects: clusterObjects,
    cases: [
      ...noName("new.a.svc.cluster.local. A"),
      {
        ask: "new.a.svc.cluster.local. A",
        before: [{ apply: service("new", "a", ["10.1.9.1"]) }],
        withinMs: 3_000,
        reply: { rcode: "NOERROR", answer: ["new.a.svc.cluster.local. 5 IN A 10.1.9.1"] },
      },
      {
        ask: "new.a.svc.cluster.local. A",
        before: [{ delete: service("new", "a", []) }],
        withinMs: 3_000,
        reply: { rcode: "NXDOMAIN" },
      },
      {
        ask: "web.c.svc.cluster.local. A",
        before: [{ apply: namespace("c") }, { apply: service("web", "c", ["10.1.9.2"]) }],
        withinMs: 3_000,
        reply: { rcode: "NOERROR", answer: ["web.c.svc.cluster.local. 5 IN A 10.1.9.2"] },
      },
      {
        ask: "10-4-0-9.a.pod.cluster.local. A",
        before: [{ apply: pod("nine", "a", ["10.4.0.9"]) }],
        withinMs: 3_000,
        reply: { rcode: "NOERROR", answer: ["10-4-0-9.a.pod.cluster.local. 5 IN A 10.4.0.9"] },
      },
      {
        ask: "twins.a.svc.cluster.local. A",
        before: [{ apply: endpointSlice("twins", "a", [{ addresses: ["10.3.1.9"] }]) }],
        withinMs: 3_000,
        reply: { rcode: "NOERROR", answer: ["twins.a.svc.cluster.local. 5 IN A 10.3.1.9"] },
      },
      {
        ask: "9.1.3.10.in-addr.arpa. PTR",
        reply: { answer: ["9.1.3.10.in-addr.arpa. 5 IN PTR 10-3-1-9.twins.a.svc.cluster.local."] },
      },
      { ask: "1.1.3.10.in-addr.arpa. PTR", reply: { rcode: "NXDOMAIN" } },
    ],
  },
  {
    name: "kubernetes, fallthrough",
    corefile: `.:{PORT} {
      errors
      kubernetes cluster.local in-addr.arpa {
        endpoint {API}
        fallthrough in-addr.arpa b.svc.cluster.local
      }
      forward . {UP:u}
    }`,
    objects: clusterObjects,
    upstreams: {
      u: {
        rules: [
          { when: "www.example.org. A", replies: [{ answer: ["www.example.org. 60 IN A 192.0.2.7"] }] },
          { when: "www.example.org. AAAA", replies: [{}] },
          { replies: [{ rcode: "NXDOMAIN" }] },
        ],
      },
    },
    cases: [
      {
        ask: "none.b.svc.cluster.local. A",
        reply: { rcode: "NXDOMAIN", flags: "qr rd ra" },
        asked: ["u udp none.b.svc.cluster.local. A"],
      },
      {
        ask: "none.a.svc.cluster.local. A",
        reply: { rcode: "NXDOMAIN", flags: "qr aa rd", counts: { authority: 1 } },
        asked: [],
      },
      { ask: "web.b.svc.cluster.local. AAAA", reply: { rcode: "NOERROR", flags: "qr aa rd", answer: [] }, asked: [] },
      { ask: "9.9.9.10.in-addr.arpa. PTR", reply: { rcode: "NXDOMAIN" }, asked: ["u udp 9.9.9.10.in-addr.arpa. PTR"] },
      { ask: "other.test. A", reply: { rcode: "NXDOMAIN" }, asked: ["u udp other.test. A"] },
      {
        ask: "ext.a.svc.cluster.local. A",
        reply: {
          rcode: "NOERROR",
          flags: "qr aa rd",
          answer: ["ext.a.svc.cluster.local. 5 IN CNAME www.example.org.", "www.example.org. 60 IN A 192.0.2.7"],
          ordered: true,
        },
        asked: ["u udp www.example.org. A"],
      },
      {
        ask: "ext.a.svc.cluster.local. AAAA",
        reply: { rcode: "NOERROR", answer: ["ext.a.svc.cluster.local. 5 IN CNAME www.example.org."] },
        asked: ["u udp www.example.org. AAAA"],
      },
    ],
  },
  {
    name: "kubernetes, the API is away",
    corefile: `.:{PORT} {
      kubernetes cluster.local in-addr.arpa {
        endpoint http://127.0.0.1:{PORT2}
        startup_timeout 700ms
        fallthrough in-addr.arpa
      }
      whoami
    }`,
    prints: [
      "[INFO] plugin/kubernetes: waiting for Kubernetes API before starting server",
      "[WARNING] plugin/kubernetes: starting server with unsynced Kubernetes API",
    ],
    cases: [
      {
        ask: "web.a.svc.cluster.local. A",
        reply: { rcode: "SERVFAIL", flags: "qr aa rd", answer: [], counts: { authority: 1 } },
      },
      { ask: "svc.cluster.local. A", reply: { rcode: "NOERROR", answer: [], counts: { authority: 1 } } },
      { ask: "dns-version.cluster.local. TXT", reply: { rcode: "NOERROR", counts: { answer: 1 } } },
      { ask: "1.0.1.10.in-addr.arpa. PTR", reply: { rcode: "NOERROR", counts: { answer: 0, additional: 2 } } },
      {
        ask: "x.cluster.local. A",
        reply: { rcode: "SERVFAIL" },
        differs: "kubernetes: names that cannot exist",
        ours: { reply: { rcode: "NXDOMAIN", counts: { authority: 1 } } },
      },
    ],
  },
  {
    name: "kubernetes, the Corefile of a cluster",
    corefile: `.:{PORT} {
      errors
      health 127.0.0.1:{PORT2}
      kubernetes cluster.local in-addr.arpa ip6.arpa {
        endpoint {API}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
      }
      forward . {UP:u} {
        max_concurrent 1000
      }
      cache 30 {
        disable success cluster.local
        disable denial cluster.local
      }
      reload
      loadbalance
    }`,
    objects: clusterObjects,
    upstreams: {
      u: {
        rules: [
          { when: "www.example.org. A", replies: [{ answer: ["www.example.org. 60 IN A 192.0.2.7"] }] },
          { when: "*.in-addr.arpa. PTR", replies: [{ answer: ["9.9.9.10.in-addr.arpa. 60 IN PTR nine.test."] }] },
          { replies: [{ rcode: "NXDOMAIN" }] },
        ],
      },
    },
    cases: [
      ...answers(
        ["web.a.svc.cluster.local. A", ["web.a.svc.cluster.local. 30 IN A 10.1.0.1"]],
        [
          "hl.a.svc.cluster.local. A",
          ["10.3.0.1", "10.3.0.2", "10.3.0.4", "10.3.0.5"].map((ip) => `hl.a.svc.cluster.local. 30 IN A ${ip}`),
        ],
        ["10-4-0-1.a.pod.cluster.local. A", ["10-4-0-1.a.pod.cluster.local. 30 IN A 10.4.0.1"]],
        ["1.0.1.10.in-addr.arpa. PTR", ["1.0.1.10.in-addr.arpa. 30 IN PTR web.a.svc.cluster.local."]],
      ),
      {
        ask: "new.a.svc.cluster.local. A",
        reply: { rcode: "NXDOMAIN", flags: "qr aa rd", answer: [], counts: { authority: 1 } },
      },
      {
        name: "a denial is not kept",
        ask: "new.a.svc.cluster.local. A",
        before: [{ apply: service("new", "a", ["10.1.9.1"]) }],
        withinMs: 3_000,
        reply: { rcode: "NOERROR", answer: ["new.a.svc.cluster.local. 30 IN A 10.1.9.1"] },
      },
      {
        name: "nor is an answer",
        ask: "new.a.svc.cluster.local. A",
        before: [{ apply: service("new", "a", ["10.1.9.2"]) }],
        withinMs: 3_000,
        reply: { rcode: "NOERROR", answer: ["new.a.svc.cluster.local. 30 IN A 10.1.9.2"] },
      },
      {
        ask: "www.example.org. A",
        times: 3,
        reply: { rcode: "NOERROR", flags: "qr rd ra", counts: { answer: 1 } },
        asked: ["u udp www.example.org. A"],
      },
      {
        ask: "9.9.9.10.in-addr.arpa. PTR",
        reply: { rcode: "NOERROR", counts: { answer: 1 } },
        asked: ["u udp 9.9.9.10.in-addr.arpa. PTR"],
      },
      {
        ask: "www.example.org.a.svc.cluster.local. A",
        reply: { rcode: "NXDOMAIN", flags: "qr aa rd", counts: { authority: 1 } },
        asked: [],
      },
    ],
  },
  {
    name: "kubernetes, metrics",
    corefile: `.:{PORT} {
      prometheus 127.0.0.1:{PORT2}
      kubernetes cluster.local {
        endpoint {API}
      }
    }`,
    objects: clusterObjects,
    cases: [
      {
        ask: "web.a.svc.cluster.local. A",
        reply: { rcode: "NOERROR" },
        http: [
          {
            get: "{PORT2}/metrics",
            status: 200,
            body: /^coredns_kubernetes_rest_client_requests_total\{code="200",host="127\.0\.0\.1:\d+",method="GET"\} [1-9]/m,
          },
        ],
      },
      {
        name: "the time from a change to its being in answers",
        ask: "hl.a.svc.cluster.local. A",
        before: [{ apply: changedNow() }],
        withinMs: 3_000,
        reply: {
          rcode: "NOERROR",
          answer: ["10.3.0.1", "10.3.0.5", "10.3.9.9"].map((address) => `hl.a.svc.cluster.local. 5 IN A ${address}`),
        },
        http: [
          {
            get: "{PORT2}/metrics",
            status: 200,
            body: /^coredns_kubernetes_dns_programming_duration_seconds_count\{service_kind="headless_with_selector"\} [1-9]/m,
          },
        ],
      },
    ],
  },
];

/** The endpoints of `hl` are another one, since a moment. */
function changedNow(): Manifest {
  const slice = endpointSlice("hl", "a", [{ addresses: ["10.3.9.9"] }], [{ name: "http", port: 80 }], "one");
  const annotations = { "endpoints.kubernetes.io/last-change-trigger-time": new Date().toISOString() };
  return { ...slice, metadata: { ...slice.metadata, annotations } };
}
