/** autopath: search lists walked on the server. */
import { pod } from "../../support/api-objects.ts";
import { clusterObjects } from "../../support/cluster-objects.ts";
import type { ParityServer, Upstream } from "../case.ts";

const upstream: Upstream = {
  rules: [
    { when: "www.two.test. A", replies: [{ answer: ["www.two.test. 60 IN A 192.0.2.2"] }] },
    { when: "www.two.test. AAAA", replies: [{}] },
    {
      when: "alias.three.test. A",
      replies: [{ answer: ["alias.three.test. 50 IN CNAME x.test.", "x.test. 40 IN A 192.0.2.3"] }],
    },
    { when: "www.example.org. A", replies: [{ answer: ["www.example.org. 30 IN A 192.0.2.4"] }] },
    { when: "first.one.test. A", replies: [{ answer: ["first.one.test. 20 IN A 192.0.2.5"] }] },
    { when: "refused.one.test. A", replies: [{ rcode: "REFUSED" }] },
    {
      replies: [{ rcode: "NXDOMAIN", authority: ["test. 300 IN SOA ns.test. hostmaster.test. 1 7200 1800 86400 300"] }],
    },
  ],
};

export const servers: ParityServer[] = [
  {
    name: "autopath, a file",
    corefile: `.:{PORT} {
      errors
      autopath {DIR}/resolv.conf
      forward . {UP:u}
    }`,
    files: { "resolv.conf": "nameserver 192.0.2.1\nsearch old.test\nsearch one.test Two.test three.test\n" },
    upstreams: { u: upstream },
    cases: [
      {
        ask: "www.one.test. A",
        reply: {
          rcode: "NOERROR",
          flags: "qr rd ra",
          answer: ["www.one.test. 60 IN CNAME www.two.test.", "www.two.test. 60 IN A 192.0.2.2"],
          ordered: true,
        },
        asked: ["u udp www.one.test. A", "u udp www.two.test. A"],
      },
      {
        ask: "alias.one.test. A",
        reply: {
          answer: [
            "alias.one.test. 50 IN CNAME alias.three.test.",
            "alias.three.test. 50 IN CNAME x.test.",
            "x.test. 40 IN A 192.0.2.3",
          ],
          ordered: true,
        },
      },
      {
        ask: "www.example.org.one.test. A",
        reply: {
          answer: ["www.example.org.one.test. 30 IN CNAME www.example.org.", "www.example.org. 30 IN A 192.0.2.4"],
          ordered: true,
        },
      },
      { ask: "WWW.one.test. AAAA", reply: { rcode: "NOERROR", answer: [] } },
      {
        ask: "none.one.test. A",
        reply: {
          rcode: "NXDOMAIN",
          answer: [],
          authority: ["test. 300 IN SOA ns.test. hostmaster.test. 1 7200 1800 86400 300"],
        },
        asked: ["u udp none.one.test. A", "u udp none.two.test. A", "u udp none.three.test. A", "u udp none. A"],
      },
      {
        ask: "first.one.test. A",
        reply: { answer: ["first.one.test. 20 IN A 192.0.2.5"] },
        asked: ["u udp first.one.test. A"],
      },
      { ask: "refused.one.test. A", reply: { rcode: "REFUSED" }, asked: ["u udp refused.one.test. A"] },
      {
        ask: "www.two.test. A",
        reply: { answer: ["www.two.test. 60 IN A 192.0.2.2"] },
        asked: ["u udp www.two.test. A"],
      },
      { ask: "none.two.test. A", reply: { rcode: "NXDOMAIN" }, asked: ["u udp none.two.test. A"] },
      {
        ask: "one.test. A",
        reply: { rcode: "SERVFAIL" },
        differs: "autopath: the search domain itself",
        ours: { reply: { rcode: "NXDOMAIN" } },
      },
    ],
  },
  {
    name: "autopath, zones",
    corefile: `.:{PORT} {
      autopath two.test {DIR}/resolv.conf
      forward . {UP:u}
    }`,
    files: { "resolv.conf": "search one.test two.test\n" },
    upstreams: { u: upstream },
    cases: [{ ask: "www.one.test. A", reply: { rcode: "NXDOMAIN" }, asked: ["u udp www.one.test. A"] }],
  },
  {
    name: "autopath, pods and the zone .",
    corefile: `.:{PORT} {
      autopath @kubernetes
      kubernetes . {
        endpoint {API}
        pods verified
      }
    }`,
    objects: [...clusterObjects, pod("asker", "a", ["127.0.0.1"])],
    cases: [
      { ask: "web.a.svc. A", reply: { answer: ["web.a.svc. 5 IN A 10.1.0.1"] } },
      {
        ask: "web.b.a.svc. A",
        reply: { answer: ["web.b.a.svc. 5 IN CNAME web.b.svc.", "web.b.svc. 5 IN A 10.1.1.1"], ordered: true },
      },
      { ask: "www.example.org. A", reply: { rcode: "NXDOMAIN" } },
    ],
  },
  {
    name: "autopath, pods",
    corefile: `.:{PORT} {
      metadata example.org
      autopath @kubernetes
      kubernetes cluster.local {
        endpoint {API}
        pods verified
      }
      forward . {UP:u}
    }`,
    objects: [...clusterObjects, pod("asker", "a", ["127.0.0.1"])],
    upstreams: { u: upstream },
    cases: [
      { ask: "web.a.svc.cluster.local. A", reply: { answer: ["web.a.svc.cluster.local. 5 IN A 10.1.0.1"] } },
      {
        ask: "web.b.a.svc.cluster.local. A",
        reply: {
          flags: "qr aa rd",
          answer: [
            "web.b.a.svc.cluster.local. 5 IN CNAME web.b.svc.cluster.local.",
            "web.b.svc.cluster.local. 5 IN A 10.1.1.1",
          ],
          ordered: true,
        },
      },
      {
        ask: "web.b.svc.a.svc.cluster.local. A",
        reply: {
          answer: [
            "web.b.svc.a.svc.cluster.local. 5 IN CNAME web.b.svc.cluster.local.",
            "web.b.svc.cluster.local. 5 IN A 10.1.1.1",
          ],
        },
      },
      {
        ask: "www.example.org.a.svc.cluster.local. A",
        reply: {
          answer: [
            "www.example.org.a.svc.cluster.local. 30 IN CNAME www.example.org.",
            "www.example.org. 30 IN A 192.0.2.4",
          ],
        },
      },
      {
        ask: "none.test.a.svc.cluster.local. A",
        reply: { rcode: "NXDOMAIN", flags: "qr aa rd", answer: [], counts: { authority: 1 } },
      },
      // The target of an ExternalName is a whole name, and no search list is for it.
      { ask: "ext-lost.a.svc.cluster.local. A", reply: { answer: [], counts: { authority: 1 } }, asked: [] },
      // The search list of another namespace is not the client's.
      { ask: "www.example.org.b.svc.cluster.local. A", reply: { rcode: "NXDOMAIN", answer: [] }, asked: [] },
    ],
  },
];
