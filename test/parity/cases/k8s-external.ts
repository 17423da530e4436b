/** k8s_external: the names of what Services have outside of their cluster. */
import { endpointSlice, type Manifest, service } from "../../support/api-objects.ts";
import { clusterObjects } from "../../support/cluster-objects.ts";
import type { ParityServer } from "../case.ts";
import { answers, noData, noName } from "../cluster.ts";

const http = { name: "http", port: 80 };

function balanced(name: string, ingress: readonly object[], address: string, ports = [http], spec = {}): Manifest {
  const one = service(name, "a", [address], ports, { type: "LoadBalancer", ...spec });
  return { ...one, status: { loadBalancer: { ingress } } };
}

const objects: readonly Manifest[] = [
  ...clusterObjects,
  balanced(
    "lb2",
    [{ ip: "198.51.100.20" }, { ip: "2001:db8::20" }],
    "10.1.2.1",
    [http, { name: "dns", port: 53, protocol: "UDP" } as typeof http],
    { externalIPs: ["198.51.100.21"] },
  ),
  balanced("lbhost", [{ hostname: "lb.example.org" }], "10.1.2.2"),
  balanced("lbboth", [{ ip: "198.51.100.22" }, { hostname: "both.example.org" }], "10.1.2.3"),
  balanced("lbtwohost", [{ hostname: "one.example.org" }, { hostname: "two.example.org" }], "10.1.2.4"),
  balanced("lbnone", [], "10.1.2.5"),
  service("extips", "a", ["10.1.3.1"], [http], { externalIPs: ["198.51.100.30", "198.51.100.31"] }),
  service("hlext", "a", ["None"], [http], { externalIPs: ["198.51.100.40"] }),
  endpointSlice("hlext", "a", [{ addresses: ["10.5.0.1"], hostname: "e0" }, { addresses: ["10.5.0.2"] }]),
];

const corefile = (...options: readonly string[]): string => withKubernetes("", ...options);

const withKubernetes = (option: string, ...options: readonly string[]): string => `.:{PORT} {
  k8s_external ext.test in-addr.arpa {
    ${options.join("\n    ")}
  }
  kubernetes cluster.local in-addr.arpa {
    endpoint {API}
    ${option}
  }
  forward . {UP:u}
}`;

const upstreams = {
  u: {
    rules: [
      { when: "lb.example.org. A", replies: [{ answer: ["lb.example.org. 60 IN A 192.0.2.80"] }] },
      { replies: [{ rcode: "NXDOMAIN" }] },
    ],
  },
};

export const servers: ParityServer[] = [
  {
    name: "k8s_external",
    corefile: corefile(),
    objects,
    upstreams,
    cases: [
      ...answers(
        ["lb2.a.ext.test. A", ["lb2.a.ext.test. 5 IN A 198.51.100.20", "lb2.a.ext.test. 5 IN A 198.51.100.21"]],
        ["LB2.a.Ext.test. A", ["LB2.a.Ext.test. 5 IN A 198.51.100.20", "LB2.a.Ext.test. 5 IN A 198.51.100.21"]],
        ["lb2.a.ext.test. AAAA", ["lb2.a.ext.test. 5 IN AAAA 2001:db8::20"]],
        [
          "lb2.a.ext.test. SRV",
          ["lb2.a.ext.test. 5 IN SRV 0 16 53 lb2.a.ext.test.", "lb2.a.ext.test. 5 IN SRV 0 16 80 lb2.a.ext.test."],
          [
            "lb2.a.ext.test. 5 IN A 198.51.100.20",
            "lb2.a.ext.test. 5 IN A 198.51.100.21",
            "lb2.a.ext.test. 5 IN AAAA 2001:db8::20",
          ],
        ],
        [
          "_http._tcp.lb2.a.ext.test. SRV",
          ["_http._tcp.lb2.a.ext.test. 5 IN SRV 0 33 80 lb2.a.ext.test."],
          [
            "lb2.a.ext.test. 5 IN A 198.51.100.20",
            "lb2.a.ext.test. 5 IN A 198.51.100.21",
            "lb2.a.ext.test. 5 IN AAAA 2001:db8::20",
          ],
        ],
        [
          "_http._tcp.lb2.a.ext.test. A",
          ["_http._tcp.lb2.a.ext.test. 5 IN A 198.51.100.20", "_http._tcp.lb2.a.ext.test. 5 IN A 198.51.100.21"],
        ],
        [
          "http.tcp.lb2.a.ext.test. A",
          ["http.tcp.lb2.a.ext.test. 5 IN A 198.51.100.20", "http.tcp.lb2.a.ext.test. 5 IN A 198.51.100.21"],
        ],
        ["x.lb2.a.ext.test. A", ["x.lb2.a.ext.test. 5 IN A 198.51.100.20", "x.lb2.a.ext.test. 5 IN A 198.51.100.21"]],
        [
          "lbboth.a.ext.test. SRV",
          [
            "lbboth.a.ext.test. 5 IN SRV 0 50 80 both.example.org.",
            "lbboth.a.ext.test. 5 IN SRV 0 50 80 lbboth.a.ext.test.",
          ],
          ["lbboth.a.ext.test. 5 IN A 198.51.100.22"],
        ],
        [
          "extips.a.ext.test. A",
          ["extips.a.ext.test. 5 IN A 198.51.100.30", "extips.a.ext.test. 5 IN A 198.51.100.31"],
        ],
        [
          "extips.a.ext.test. SRV",
          ["extips.a.ext.test. 5 IN SRV 0 50 80 extips.a.ext.test."],
          ["extips.a.ext.test. 5 IN A 198.51.100.30", "extips.a.ext.test. 5 IN A 198.51.100.31"],
        ],
        ["hlext.a.ext.test. A", ["hlext.a.ext.test. 5 IN A 198.51.100.40"]],
        [
          "hlext.a.ext.test. SRV",
          ["hlext.a.ext.test. 5 IN SRV 0 100 80 hlext.a.ext.test."],
          ["hlext.a.ext.test. 5 IN A 198.51.100.40"],
        ],
        ["e0.hlext.a.ext.test. A", ["e0.hlext.a.ext.test. 5 IN A 198.51.100.40"]],
        [
          "e0.hlext.a.ext.test. SRV",
          ["e0.hlext.a.ext.test. 5 IN SRV 0 100 80 hlext.a.ext.test."],
          ["hlext.a.ext.test. 5 IN A 198.51.100.40"],
        ],
        ["10-5-0-2.hlext.a.ext.test. A", ["10-5-0-2.hlext.a.ext.test. 5 IN A 198.51.100.40"]],
        [
          "_http._tcp.hlext.a.ext.test. SRV",
          ["_http._tcp.hlext.a.ext.test. 5 IN SRV 0 100 80 hlext.a.ext.test."],
          ["hlext.a.ext.test. 5 IN A 198.51.100.40"],
        ],
        ["20.100.51.198.in-addr.arpa. PTR", ["20.100.51.198.in-addr.arpa. 5 IN PTR lb2.a.ext.test."]],
        ["21.100.51.198.in-addr.arpa. PTR", ["21.100.51.198.in-addr.arpa. 5 IN PTR lb2.a.ext.test."]],
        ["31.100.51.198.in-addr.arpa. PTR", ["31.100.51.198.in-addr.arpa. 5 IN PTR extips.a.ext.test."]],
        ["40.100.51.198.in-addr.arpa. PTR", ["40.100.51.198.in-addr.arpa. 5 IN PTR hlext.a.ext.test."]],
      ),
      ...noData(
        "ext.test. A",
        "ext.test. TXT",
        "ext.test. AAAA",
        "dns.ext.test. A",
        "dns.ext.test. NS",
        "dns.ext.test. SOA",
        "a.ext.test. A",
        "a.ext.test. SRV",
        "a.ext.test. SOA",
        "lb2.a.ext.test. TXT",
        "lb2.a.ext.test. MX",
        "lb2.a.ext.test. SOA",
        "lb2.a.ext.test. NS",
        "lbhost.a.ext.test. TXT",
        "hlext.a.ext.test. AAAA",
      ),
      ...noName(
        "ns2.dns.ext.test. A",
        "c.ext.test. A",
        "_none._tcp.lb2.a.ext.test. A",
        "_none._tcp.lb2.a.ext.test. SOA",
        "x.y.z.lb2.a.ext.test. A",
        "lbnone.a.ext.test. A",
        "lbnone.a.ext.test. TXT",
        "web.a.ext.test. A",
        "none.a.ext.test. A",
        "none.c.ext.test. A",
        "hl.a.ext.test. A",
        "ext.a.ext.test. A",
        "pet-0.hl.a.ext.test. A",
        "svc.ext.test. A",
        "x.svc.ext.test. A",
        "dns-version.ext.test. TXT",
        "99.100.51.198.in-addr.arpa. PTR",
        "1.0.1.10.in-addr.arpa. PTR",
        "1.0.5.10.in-addr.arpa. PTR",
        "1.0.3.10.in-addr.arpa. PTR",
        "100.51.198.in-addr.arpa. PTR",
        "20.100.51.198.in-addr.arpa. A",
      ),
      {
        ask: "ext.test. AXFR",
        over: "tcp",
        reply: { rcode: "NOERROR", flags: "qr aa rd", answer: [] },
        differs: "k8s_external: zone transfers",
        ours: { reply: { rcode: "REFUSED", answer: [] } },
      },
      {
        ask: "Ext.test. NS",
        reply: { answer: ["ext.test. 5 IN NS ns1.dns.ext.test."] },
        differs: "k8s_external: letters of SOA and NS records",
        ours: { reply: { answer: ["Ext.test. 5 IN NS ns1.dns.Ext.test."] } },
      },
      {
        ask: "ext.test. NS",
        reply: { rcode: "NOERROR", flags: "qr aa rd", answer: ["ext.test. 5 IN NS ns1.dns.ext.test."] },
      },
      {
        ask: "lbhost.a.ext.test. A",
        reply: {
          rcode: "NOERROR",
          flags: "qr aa rd",
          answer: ["lbhost.a.ext.test. 5 IN CNAME lb.example.org.", "lb.example.org. 60 IN A 192.0.2.80"],
          ordered: true,
        },
        asked: ["u udp lb.example.org. A"],
      },
      {
        ask: "lbhost.a.ext.test. AAAA",
        reply: { rcode: "NOERROR", answer: ["lbhost.a.ext.test. 5 IN CNAME lb.example.org."] },
      },
      {
        ask: "lbhost.a.ext.test. SRV",
        reply: {
          answer: ["lbhost.a.ext.test. 5 IN SRV 0 100 80 lb.example.org."],
          additional: ["lb.example.org. 60 IN A 192.0.2.80"],
        },
        differs: "k8s_external: SRV of host names",
        ours: {
          reply: { answer: ["lbhost.a.ext.test. 5 IN SRV 0 100 80 lb.example.org."], additional: [] },
          asked: [],
        },
      },
      {
        ask: "lbhost.a.ext.test. CNAME",
        reply: { rcode: "NOERROR", answer: [] },
        differs: "k8s_external: host names of load balancers",
        ours: { reply: { rcode: "NOERROR", answer: ["lbhost.a.ext.test. 5 IN CNAME lb.example.org."] } },
      },
      {
        ask: "lbboth.a.ext.test. A",
        reply: {
          answer: ["lbboth.a.ext.test. 5 IN A 198.51.100.22", "lbboth.a.ext.test. 5 IN CNAME both.example.org."],
        },
        differs: "k8s_external: host names of load balancers",
        ours: { reply: { answer: ["lbboth.a.ext.test. 5 IN A 198.51.100.22"] } },
      },
      {
        ask: "lbtwohost.a.ext.test. A",
        reply: {
          answer: [
            "lbtwohost.a.ext.test. 5 IN CNAME one.example.org.",
            "lbtwohost.a.ext.test. 5 IN CNAME two.example.org.",
          ],
        },
        differs: "k8s_external: host names of load balancers",
        ours: { reply: { answer: ["lbtwohost.a.ext.test. 5 IN CNAME one.example.org."] } },
      },
    ],
  },
  {
    name: "k8s_external, headless",
    corefile: corefile("headless", "apex ns0"),
    objects,
    upstreams,
    cases: [
      ...answers(
        ["lb2.a.ext.test. A", ["lb2.a.ext.test. 5 IN A 198.51.100.20", "lb2.a.ext.test. 5 IN A 198.51.100.21"]],
        ["LB2.a.Ext.test. A", ["LB2.a.Ext.test. 5 IN A 198.51.100.20", "LB2.a.Ext.test. 5 IN A 198.51.100.21"]],
        ["lb2.a.ext.test. AAAA", ["lb2.a.ext.test. 5 IN AAAA 2001:db8::20"]],
        [
          "lb2.a.ext.test. SRV",
          ["lb2.a.ext.test. 5 IN SRV 0 16 53 lb2.a.ext.test.", "lb2.a.ext.test. 5 IN SRV 0 16 80 lb2.a.ext.test."],
          [
            "lb2.a.ext.test. 5 IN A 198.51.100.20",
            "lb2.a.ext.test. 5 IN A 198.51.100.21",
            "lb2.a.ext.test. 5 IN AAAA 2001:db8::20",
          ],
        ],
        [
          "_http._tcp.lb2.a.ext.test. SRV",
          ["_http._tcp.lb2.a.ext.test. 5 IN SRV 0 33 80 lb2.a.ext.test."],
          [
            "lb2.a.ext.test. 5 IN A 198.51.100.20",
            "lb2.a.ext.test. 5 IN A 198.51.100.21",
            "lb2.a.ext.test. 5 IN AAAA 2001:db8::20",
          ],
        ],
        [
          "_http._tcp.lb2.a.ext.test. A",
          ["_http._tcp.lb2.a.ext.test. 5 IN A 198.51.100.20", "_http._tcp.lb2.a.ext.test. 5 IN A 198.51.100.21"],
        ],
        [
          "http.tcp.lb2.a.ext.test. A",
          ["http.tcp.lb2.a.ext.test. 5 IN A 198.51.100.20", "http.tcp.lb2.a.ext.test. 5 IN A 198.51.100.21"],
        ],
        ["x.lb2.a.ext.test. A", ["x.lb2.a.ext.test. 5 IN A 198.51.100.20", "x.lb2.a.ext.test. 5 IN A 198.51.100.21"]],
        [
          "lbboth.a.ext.test. SRV",
          [
            "lbboth.a.ext.test. 5 IN SRV 0 50 80 both.example.org.",
            "lbboth.a.ext.test. 5 IN SRV 0 50 80 lbboth.a.ext.test.",
          ],
          ["lbboth.a.ext.test. 5 IN A 198.51.100.22"],
        ],
        [
          "extips.a.ext.test. A",
          ["extips.a.ext.test. 5 IN A 198.51.100.30", "extips.a.ext.test. 5 IN A 198.51.100.31"],
        ],
        [
          "extips.a.ext.test. SRV",
          ["extips.a.ext.test. 5 IN SRV 0 50 80 extips.a.ext.test."],
          ["extips.a.ext.test. 5 IN A 198.51.100.30", "extips.a.ext.test. 5 IN A 198.51.100.31"],
        ],
        [
          "hl.a.ext.test. A",
          [
            "hl.a.ext.test. 5 IN A 10.3.0.1",
            "hl.a.ext.test. 5 IN A 10.3.0.2",
            "hl.a.ext.test. 5 IN A 10.3.0.4",
            "hl.a.ext.test. 5 IN A 10.3.0.5",
          ],
        ],
        ["hlext.a.ext.test. A", ["hlext.a.ext.test. 5 IN A 198.51.100.40"]],
        [
          "hlext.a.ext.test. SRV",
          ["hlext.a.ext.test. 5 IN SRV 0 100 80 hlext.a.ext.test."],
          ["hlext.a.ext.test. 5 IN A 198.51.100.40"],
        ],
        ["e0.hlext.a.ext.test. A", ["e0.hlext.a.ext.test. 5 IN A 198.51.100.40"]],
        [
          "e0.hlext.a.ext.test. SRV",
          ["e0.hlext.a.ext.test. 5 IN SRV 0 100 80 hlext.a.ext.test."],
          ["hlext.a.ext.test. 5 IN A 198.51.100.40"],
        ],
        ["10-5-0-2.hlext.a.ext.test. A", ["10-5-0-2.hlext.a.ext.test. 5 IN A 198.51.100.40"]],
        [
          "_http._tcp.hlext.a.ext.test. SRV",
          ["_http._tcp.hlext.a.ext.test. 5 IN SRV 0 100 80 hlext.a.ext.test."],
          ["hlext.a.ext.test. 5 IN A 198.51.100.40"],
        ],
        ["pet-0.hl.a.ext.test. A", ["pet-0.hl.a.ext.test. 5 IN A 10.3.0.1"]],
        ["20.100.51.198.in-addr.arpa. PTR", ["20.100.51.198.in-addr.arpa. 5 IN PTR lb2.a.ext.test."]],
        ["21.100.51.198.in-addr.arpa. PTR", ["21.100.51.198.in-addr.arpa. 5 IN PTR lb2.a.ext.test."]],
        ["31.100.51.198.in-addr.arpa. PTR", ["31.100.51.198.in-addr.arpa. 5 IN PTR extips.a.ext.test."]],
        ["40.100.51.198.in-addr.arpa. PTR", ["40.100.51.198.in-addr.arpa. 5 IN PTR hlext.a.ext.test."]],
      ),
      ...noData(
        "ext.test. A",
        "ext.test. TXT",
        "ext.test. AAAA",
        "a.ext.test. A",
        "a.ext.test. SRV",
        "a.ext.test. SOA",
        "lb2.a.ext.test. TXT",
        "lb2.a.ext.test. MX",
        "lb2.a.ext.test. SOA",
        "lb2.a.ext.test. NS",
        "lbhost.a.ext.test. TXT",
        "hlext.a.ext.test. AAAA",
        "hl.a.ext.test. SOA",
        "pet-0.hl.a.ext.test. SOA",
      ),
      ...noName(
        "none.hl.a.ext.test. A",
        "none.hl.a.ext.test. SOA",
        "dns.ext.test. A",
        "dns.ext.test. NS",
        "dns.ext.test. SOA",
        "ns1.dns.ext.test. A",
        "ns1.dns.ext.test. AAAA",
        "ns1.dns.ext.test. TXT",
        "ns2.dns.ext.test. A",
        "c.ext.test. A",
        "_none._tcp.lb2.a.ext.test. A",
        "_none._tcp.lb2.a.ext.test. SOA",
        "x.y.z.lb2.a.ext.test. A",
        "lbnone.a.ext.test. A",
        "lbnone.a.ext.test. TXT",
        "web.a.ext.test. A",
        "none.a.ext.test. A",
        "none.c.ext.test. A",
        "ext.a.ext.test. A",
        "svc.ext.test. A",
        "x.svc.ext.test. A",
        "dns-version.ext.test. TXT",
        "99.100.51.198.in-addr.arpa. PTR",
        "1.0.1.10.in-addr.arpa. PTR",
        "1.0.5.10.in-addr.arpa. PTR",
        "1.0.3.10.in-addr.arpa. PTR",
        "100.51.198.in-addr.arpa. PTR",
        "20.100.51.198.in-addr.arpa. A",
      ),
    ],
  },
  {
    name: "k8s_external, namespaces with certain labels",
    corefile: withKubernetes("namespace_labels team notin (west)", "headless"),
    objects,
    upstreams,
    cases: [
      ...answers(["30.100.51.198.in-addr.arpa. PTR", ["30.100.51.198.in-addr.arpa. 5 IN PTR extips.a.ext.test."]]),
      ...noData("b.ext.test. A"),
      ...noName(
        "a.ext.test. A",
        "extips.a.ext.test. A",
        "_http._tcp.extips.a.ext.test. SRV",
        "hl.a.ext.test. A",
        "pet-0.hl.a.ext.test. A",
      ),
    ],
  },
  {
    name: "k8s_external, ttl and fallthrough",
    corefile: corefile("ttl 60", "fallthrough"),
    objects,
    upstreams,
    cases: [
      ...answers([
        "extips.a.ext.test. A",
        ["extips.a.ext.test. 60 IN A 198.51.100.30", "extips.a.ext.test. 60 IN A 198.51.100.31"],
      ]),
      {
        ask: "extips.a.ext.test. SRV",
        edns: { size: 4_096 },
        reply: { answer: ["extips.a.ext.test. 5 IN SRV 0 50 80 extips.a.ext.test."] },
        differs: "k8s_external: ttl",
        ours: { reply: { answer: ["extips.a.ext.test. 60 IN SRV 0 50 80 extips.a.ext.test."] } },
      },
      {
        ask: "none.a.ext.test. A",
        reply: { rcode: "NXDOMAIN", flags: "qr rd ra" },
        asked: ["u udp none.a.ext.test. A"],
      },
      { ask: "c.ext.test. A", reply: { rcode: "NXDOMAIN", flags: "qr rd ra" }, asked: ["u udp c.ext.test. A"] },
      {
        ask: "_none._tcp.extips.a.ext.test. SOA",
        reply: { rcode: "NXDOMAIN", flags: "qr rd ra" },
        asked: ["u udp _none._tcp.extips.a.ext.test. SOA"],
      },
      { ask: "extips.a.ext.test. TXT", reply: { rcode: "NOERROR", flags: "qr aa rd" }, asked: [] },
      {
        ask: "ns2.dns.ext.test. A",
        reply: { rcode: "NXDOMAIN", flags: "qr aa rd", counts: { authority: 1 } },
        asked: [],
      },
      {
        ask: "1.0.1.10.in-addr.arpa. PTR",
        reply: { answer: ["1.0.1.10.in-addr.arpa. 5 IN PTR web.a.svc.cluster.local."] },
        asked: [],
      },
    ],
  },
];
