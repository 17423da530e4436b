/** kubernetes: what options make of names. */
import { clusterObjects } from "../../support/cluster-objects.ts";
import type { ParityServer } from "../case.ts";
import { answers, kubernetes, noData, noName, ZONES } from "../cluster.ts";

export const servers: ParityServer[] = [
  {
    name: "kubernetes, pods insecure",
    corefile: kubernetes(ZONES, "pods insecure", "ttl 600", "endpoint_pod_names"),
    objects: clusterObjects,
    cases: [
      ...answers(
        ["10-4-0-1.a.pod.cluster.local. A", ["10-4-0-1.a.pod.cluster.local. 600 IN A 10.4.0.1"]],
        [
          "10-4-0-1.a.pod.cluster.local. SRV",
          ["10-4-0-1.a.pod.cluster.local. 600 IN SRV 0 100 0 10-4-0-1.a.pod.cluster.local."],
          ["10-4-0-1.a.pod.cluster.local. 600 IN A 10.4.0.1"],
        ],
        ["10-4-0-1.A.pod.cluster.local. A", ["10-4-0-1.A.pod.cluster.local. 600 IN A 10.4.0.1"]],
        ["10-4-0-9.a.pod.cluster.local. A", ["10-4-0-9.a.pod.cluster.local. 600 IN A 10.4.0.9"]],
        ["10-4-0-3.a.pod.cluster.local. A", ["10-4-0-3.a.pod.cluster.local. 600 IN A 10.4.0.3"]],
        ["10-4-0-2.b.pod.cluster.local. A", ["10-4-0-2.b.pod.cluster.local. 600 IN A 10.4.0.2"]],
        ["fd00-5--2.b.pod.cluster.local. AAAA", ["fd00-5--2.b.pod.cluster.local. 600 IN AAAA fd00:5::2"]],
        ["10-4-0-1.b.pod.cluster.local. A", ["10-4-0-1.b.pod.cluster.local. 600 IN A 10.4.0.1"]],
        ["x.10-4-0-1.a.pod.cluster.local. A", ["x.10-4-0-1.a.pod.cluster.local. 600 IN A 10.4.0.1"]],
        ["x.y.10-4-0-1.a.pod.cluster.local. A", ["x.y.10-4-0-1.a.pod.cluster.local. 600 IN A 10.4.0.1"]],
        ["--1.a.pod.cluster.local. AAAA", ["--1.a.pod.cluster.local. 600 IN AAAA ::1"]],
        ["pod-2.hl.a.svc.cluster.local. A", ["pod-2.hl.a.svc.cluster.local. 600 IN A 10.3.0.2"]],
        ["web-abc.web.a.svc.cluster.local. A", ["web-abc.web.a.svc.cluster.local. 600 IN A 10.2.0.1"]],
        [
          "hl.a.svc.cluster.local. SRV",
          [
            "hl.a.svc.cluster.local. 600 IN SRV 0 10 53 10-3-0-4.hl.a.svc.cluster.local.",
            "hl.a.svc.cluster.local. 600 IN SRV 0 10 53 pet-0.hl.a.svc.cluster.local.",
            "hl.a.svc.cluster.local. 600 IN SRV 0 10 53 pod-2.hl.a.svc.cluster.local.",
            "hl.a.svc.cluster.local. 600 IN SRV 0 10 80 10-3-0-4.hl.a.svc.cluster.local.",
            "hl.a.svc.cluster.local. 600 IN SRV 0 10 80 fd00-3--0.hl.a.svc.cluster.local.",
            "hl.a.svc.cluster.local. 600 IN SRV 0 10 80 fd00-3--5.hl.a.svc.cluster.local.",
            "hl.a.svc.cluster.local. 600 IN SRV 0 10 80 pet-0.hl.a.svc.cluster.local.",
            "hl.a.svc.cluster.local. 600 IN SRV 0 10 80 pod-2.hl.a.svc.cluster.local.",
            "hl.a.svc.cluster.local. 600 IN SRV 0 10 8080 10-3-0-5.hl.a.svc.cluster.local.",
            "hl.a.svc.cluster.local. 600 IN SRV 0 10 8080 pet-0.hl.a.svc.cluster.local.",
          ],
          [
            "10-3-0-4.hl.a.svc.cluster.local. 600 IN A 10.3.0.4",
            "10-3-0-5.hl.a.svc.cluster.local. 600 IN A 10.3.0.5",
            "fd00-3--0.hl.a.svc.cluster.local. 600 IN AAAA fd00:3::",
            "fd00-3--5.hl.a.svc.cluster.local. 600 IN AAAA fd00:3::5",
            "pet-0.hl.a.svc.cluster.local. 600 IN A 10.3.0.1",
            "pod-2.hl.a.svc.cluster.local. 600 IN A 10.3.0.2",
          ],
        ],
        ["2.0.3.10.in-addr.arpa. PTR", ["2.0.3.10.in-addr.arpa. 600 IN PTR pod-2.hl.a.svc.cluster.local."]],
      ),
      ...noData(
        "10-4-0-1.a.pod.cluster.local. AAAA",
        "10-4-0-1.a.pod.cluster.local. TXT",
        "fd00-5--2.b.pod.cluster.local. A",
        "a.pod.cluster.local. A",
        "a.svc.cluster.local. A",
      ),
      ...noName(
        "10-4-0-1.c.pod.cluster.local. A",
        "10-4-0.a.pod.cluster.local. A",
        "x.a.pod.cluster.local. A",
        "c.pod.cluster.local. A",
        "x.y.z.10-4-0-1.a.pod.cluster.local. A",
        "010-4-0-1.a.pod.cluster.local. A",
        "10-3-0-2.hl.a.svc.cluster.local. A",
        "none.a.svc.cluster.local. A",
      ),
    ],
  },
  {
    name: "kubernetes, pods verified",
    corefile: kubernetes(ZONES, "pods verified", "ttl 0"),
    objects: clusterObjects,
    cases: [
      ...answers(
        ["10-4-0-1.a.pod.cluster.local. A", ["10-4-0-1.a.pod.cluster.local. 0 IN A 10.4.0.1"]],
        [
          "10-4-0-1.a.pod.cluster.local. SRV",
          ["10-4-0-1.a.pod.cluster.local. 0 IN SRV 0 100 0 10-4-0-1.a.pod.cluster.local."],
          ["10-4-0-1.a.pod.cluster.local. 0 IN A 10.4.0.1"],
        ],
        ["10-4-0-1.A.pod.cluster.local. A", ["10-4-0-1.A.pod.cluster.local. 0 IN A 10.4.0.1"]],
        ["10-4-0-2.b.pod.cluster.local. A", ["10-4-0-2.b.pod.cluster.local. 0 IN A 10.4.0.2"]],
        ["fd00-5--2.b.pod.cluster.local. AAAA", ["fd00-5--2.b.pod.cluster.local. 0 IN AAAA fd00:5::2"]],
        ["x.10-4-0-1.a.pod.cluster.local. A", ["x.10-4-0-1.a.pod.cluster.local. 0 IN A 10.4.0.1"]],
        ["x.y.10-4-0-1.a.pod.cluster.local. A", ["x.y.10-4-0-1.a.pod.cluster.local. 0 IN A 10.4.0.1"]],
        ["web.a.svc.cluster.local. A", ["web.a.svc.cluster.local. 0 IN A 10.1.0.1"]],
      ),
      ...noData(
        "10-4-0-1.a.pod.cluster.local. AAAA",
        "10-4-0-1.a.pod.cluster.local. TXT",
        "fd00-5--2.b.pod.cluster.local. A",
        "a.pod.cluster.local. A",
      ),
      ...noName(
        "10-4-0-9.a.pod.cluster.local. A",
        "10-4-0-3.a.pod.cluster.local. A",
        "10-4-0-1.b.pod.cluster.local. A",
        "10-4-0-1.c.pod.cluster.local. A",
        "10-4-0.a.pod.cluster.local. A",
        "x.a.pod.cluster.local. A",
        "c.pod.cluster.local. A",
        "x.y.z.10-4-0-1.a.pod.cluster.local. A",
        "--1.a.pod.cluster.local. AAAA",
        "010-4-0-1.a.pod.cluster.local. A",
        "none.a.svc.cluster.local. A",
      ),
    ],
  },
  {
    name: "kubernetes, noendpoints",
    corefile: kubernetes(ZONES, "noendpoints"),
    objects: clusterObjects,
    cases: [
      ...answers(
        ["web.a.svc.cluster.local. A", ["web.a.svc.cluster.local. 5 IN A 10.1.0.1"]],
        ["empty.a.svc.cluster.local. A", ["empty.a.svc.cluster.local. 5 IN A 10.1.0.4"]],
      ),
      ...noName("hl.a.svc.cluster.local. A", "h2.web.a.svc.cluster.local. A", "2.0.3.10.in-addr.arpa. PTR"),
    ],
  },
  {
    name: "kubernetes, ignore empty_service",
    corefile: kubernetes(ZONES, "ignore empty_service"),
    objects: clusterObjects,
    cases: [
      ...answers(
        ["web.a.svc.cluster.local. A", ["web.a.svc.cluster.local. 5 IN A 10.1.0.1"]],
        [
          "hl.a.svc.cluster.local. A",
          [
            "hl.a.svc.cluster.local. 5 IN A 10.3.0.1",
            "hl.a.svc.cluster.local. 5 IN A 10.3.0.2",
            "hl.a.svc.cluster.local. 5 IN A 10.3.0.4",
            "hl.a.svc.cluster.local. 5 IN A 10.3.0.5",
          ],
        ],
        [
          "ext-in.a.svc.cluster.local. A",
          [
            "ext-in.a.svc.cluster.local. 5 IN CNAME web.a.svc.cluster.local.",
            "web.a.svc.cluster.local. 5 IN A 10.1.0.1",
          ],
        ],
        ["ext.a.svc.cluster.local. CNAME", ["ext.a.svc.cluster.local. 5 IN CNAME www.example.org."]],
      ),
      ...noName("empty.a.svc.cluster.local. A", "lb.a.svc.cluster.local. SRV"),
    ],
  },
  {
    name: "kubernetes, namespaces",
    corefile: kubernetes(ZONES, "namespaces a default", "pods insecure"),
    objects: clusterObjects,
    cases: [
      ...answers(
        ["web.a.svc.cluster.local. A", ["web.a.svc.cluster.local. 5 IN A 10.1.0.1"]],
        ["10-4-0-1.a.pod.cluster.local. A", ["10-4-0-1.a.pod.cluster.local. 5 IN A 10.4.0.1"]],
        ["1.0.1.10.in-addr.arpa. PTR", ["1.0.1.10.in-addr.arpa. 5 IN PTR web.a.svc.cluster.local."]],
        ["1.0.3.10.in-addr.arpa. PTR", ["1.0.3.10.in-addr.arpa. 5 IN PTR pet-0.hl.a.svc.cluster.local."]],
      ),
      ...noData("a.svc.cluster.local. A"),
      ...noName(
        "web.b.svc.cluster.local. A",
        "b.svc.cluster.local. A",
        "10-4-0-1.b.pod.cluster.local. A",
        "b.pod.cluster.local. A",
        "1.1.1.10.in-addr.arpa. PTR",
      ),
    ],
  },
  {
    name: "kubernetes, namespace_labels",
    corefile: kubernetes(ZONES, "namespace_labels team in (west, east)", "pods verified"),
    objects: clusterObjects,
    cases: [
      ...answers(
        ["web.a.svc.cluster.local. A", ["web.a.svc.cluster.local. 5 IN A 10.1.0.1"]],
        ["10-4-0-1.a.pod.cluster.local. A", ["10-4-0-1.a.pod.cluster.local. 5 IN A 10.4.0.1"]],
        ["1.1.1.10.in-addr.arpa. PTR", ["1.1.1.10.in-addr.arpa. 5 IN PTR web.b.svc.cluster.local."]],
      ),
      ...noData("a.svc.cluster.local. A"),
      ...noName("web.b.svc.cluster.local. A", "b.svc.cluster.local. A", "10-4-0-2.b.pod.cluster.local. A"),
    ],
  },
  {
    name: "kubernetes, labels",
    corefile: kubernetes(ZONES, "labels app=web"),
    objects: clusterObjects,
    cases: [
      ...answers(
        ["web.a.svc.cluster.local. A", ["web.a.svc.cluster.local. 5 IN A 10.1.0.1"]],
        ["web.b.svc.cluster.local. A", ["web.b.svc.cluster.local. 5 IN A 10.1.1.1"]],
      ),
      ...noName("lb.a.svc.cluster.local. A", "h2.web.a.svc.cluster.local. A"),
    ],
  },
  {
    name: "kubernetes, zonal",
    corefile: kubernetes(ZONES, "zonal"),
    objects: clusterObjects,
    cases: [
      ...answers(
        ["z1.pin._zone.hl.a.svc.cluster.local. A", ["z1.pin._zone.hl.a.svc.cluster.local. 5 IN A 10.3.0.1"]],
        ["z1.PIN._zone.hl.a.svc.cluster.local. A", ["z1.PIN._zone.hl.a.svc.cluster.local. 5 IN A 10.3.0.1"]],
        ["Z1.pin._ZONE.hl.a.svc.cluster.local. A", ["Z1.pin._ZONE.hl.a.svc.cluster.local. 5 IN A 10.3.0.1"]],
        ["z2.west.pin._zone.hl.a.svc.cluster.local. A", ["z2.west.pin._zone.hl.a.svc.cluster.local. 5 IN A 10.3.0.2"]],
        [
          "z9.prefer._zone.hl.a.svc.cluster.local. A",
          [
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN A 10.3.0.1",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN A 10.3.0.2",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN A 10.3.0.4",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN A 10.3.0.5",
          ],
        ],
        ["z1.prefer._zone.hl.a.svc.cluster.local. A", ["z1.prefer._zone.hl.a.svc.cluster.local. 5 IN A 10.3.0.1"]],
        [
          "z9.prefer._zone.hl.a.svc.cluster.local. AAAA",
          [
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN AAAA fd00:3::",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN AAAA fd00:3::5",
          ],
        ],
        [
          "z1.pin._zone.hl.a.svc.cluster.local. SRV",
          [
            "z1.pin._zone.hl.a.svc.cluster.local. 5 IN SRV 0 50 53 pet-0.hl.a.svc.cluster.local.",
            "z1.pin._zone.hl.a.svc.cluster.local. 5 IN SRV 0 50 80 pet-0.hl.a.svc.cluster.local.",
          ],
          ["pet-0.hl.a.svc.cluster.local. 5 IN A 10.3.0.1"],
        ],
        [
          "z9.prefer._zone.hl.a.svc.cluster.local. SRV",
          [
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN SRV 0 10 53 10-3-0-2.hl.a.svc.cluster.local.",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN SRV 0 10 53 10-3-0-4.hl.a.svc.cluster.local.",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN SRV 0 10 53 pet-0.hl.a.svc.cluster.local.",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN SRV 0 10 80 10-3-0-2.hl.a.svc.cluster.local.",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN SRV 0 10 80 10-3-0-4.hl.a.svc.cluster.local.",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN SRV 0 10 80 fd00-3--0.hl.a.svc.cluster.local.",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN SRV 0 10 80 fd00-3--5.hl.a.svc.cluster.local.",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN SRV 0 10 80 pet-0.hl.a.svc.cluster.local.",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN SRV 0 10 8080 10-3-0-5.hl.a.svc.cluster.local.",
            "z9.prefer._zone.hl.a.svc.cluster.local. 5 IN SRV 0 10 8080 pet-0.hl.a.svc.cluster.local.",
          ],
          [
            "10-3-0-2.hl.a.svc.cluster.local. 5 IN A 10.3.0.2",
            "10-3-0-4.hl.a.svc.cluster.local. 5 IN A 10.3.0.4",
            "10-3-0-5.hl.a.svc.cluster.local. 5 IN A 10.3.0.5",
            "fd00-3--0.hl.a.svc.cluster.local. 5 IN AAAA fd00:3::",
            "fd00-3--5.hl.a.svc.cluster.local. 5 IN AAAA fd00:3::5",
            "pet-0.hl.a.svc.cluster.local. 5 IN A 10.3.0.1",
          ],
        ],
      ),
      ...noData(
        "west.pin._zone.hl.a.svc.cluster.local. A",
        "z9.pin._zone.hl.a.svc.cluster.local. A",
        "z1.prefer._zone.hl.a.svc.cluster.local. AAAA",
        "z1.pin._zone.hl.a.svc.cluster.local. TXT",
        "z9.pin._zone.hl.a.svc.cluster.local. SRV",
        "z1.pin._zone.unready.a.svc.cluster.local. A",
        "_http._tcp.z1.pin._zone.hl.a.svc.cluster.local. SRV",
      ),
      ...noName(
        "z1.pin._zone.web.a.svc.cluster.local. A",
        "z1.pin._zone.none.a.svc.cluster.local. A",
        "z1.keep._zone.hl.a.svc.cluster.local. A",
        "pin._zone.hl.a.svc.cluster.local. A",
        "_zone.hl.a.svc.cluster.local. A",
        "z1.pin._zone.ext.a.svc.cluster.local. A",
      ),
    ],
  },
  {
    name: "kubernetes, multicluster",
    corefile: kubernetes("cluster.local clusterset.local in-addr.arpa", "multicluster clusterset.local"),
    objects: clusterObjects,
    cases: [
      ...answers(
        ["imp.a.svc.clusterset.local. A", ["imp.a.svc.clusterset.local. 5 IN A 10.7.0.1"]],
        [
          "imp.a.svc.clusterset.local. SRV",
          ["imp.a.svc.clusterset.local. 5 IN SRV 0 100 80 imp.a.svc.clusterset.local."],
          ["imp.a.svc.clusterset.local. 5 IN A 10.7.0.1"],
        ],
        [
          "_http._tcp.imp.a.svc.clusterset.local. SRV",
          ["_http._tcp.imp.a.svc.clusterset.local. 5 IN SRV 0 100 80 imp.a.svc.clusterset.local."],
          ["imp.a.svc.clusterset.local. 5 IN A 10.7.0.1"],
        ],
        [
          "imp-hl.a.svc.clusterset.local. A",
          [
            "imp-hl.a.svc.clusterset.local. 5 IN A 10.8.0.1",
            "imp-hl.a.svc.clusterset.local. 5 IN A 10.8.0.2",
            "imp-hl.a.svc.clusterset.local. 5 IN A 10.8.1.1",
          ],
        ],
        [
          "imp-hl.a.svc.clusterset.local. SRV",
          [
            "imp-hl.a.svc.clusterset.local. 5 IN SRV 0 33 80 10-8-0-2.c1.imp-hl.a.svc.clusterset.local.",
            "imp-hl.a.svc.clusterset.local. 5 IN SRV 0 33 80 m0.c1.imp-hl.a.svc.clusterset.local.",
            "imp-hl.a.svc.clusterset.local. 5 IN SRV 0 33 80 m0.c2.imp-hl.a.svc.clusterset.local.",
          ],
          [
            "10-8-0-2.c1.imp-hl.a.svc.clusterset.local. 5 IN A 10.8.0.2",
            "m0.c1.imp-hl.a.svc.clusterset.local. 5 IN A 10.8.0.1",
            "m0.c2.imp-hl.a.svc.clusterset.local. 5 IN A 10.8.1.1",
          ],
        ],
        [
          "_http._tcp.imp-hl.a.svc.clusterset.local. SRV",
          [
            "_http._tcp.imp-hl.a.svc.clusterset.local. 5 IN SRV 0 33 80 10-8-0-2.c1.imp-hl.a.svc.clusterset.local.",
            "_http._tcp.imp-hl.a.svc.clusterset.local. 5 IN SRV 0 33 80 m0.c1.imp-hl.a.svc.clusterset.local.",
            "_http._tcp.imp-hl.a.svc.clusterset.local. 5 IN SRV 0 33 80 m0.c2.imp-hl.a.svc.clusterset.local.",
          ],
          [
            "10-8-0-2.c1.imp-hl.a.svc.clusterset.local. 5 IN A 10.8.0.2",
            "m0.c1.imp-hl.a.svc.clusterset.local. 5 IN A 10.8.0.1",
            "m0.c2.imp-hl.a.svc.clusterset.local. 5 IN A 10.8.1.1",
          ],
        ],
        ["m0.c1.imp-hl.a.svc.clusterset.local. A", ["m0.c1.imp-hl.a.svc.clusterset.local. 5 IN A 10.8.0.1"]],
        [
          "m0.c1.imp-hl.a.svc.clusterset.local. SRV",
          ["m0.c1.imp-hl.a.svc.clusterset.local. 5 IN SRV 0 100 80 m0.c1.imp-hl.a.svc.clusterset.local."],
          ["m0.c1.imp-hl.a.svc.clusterset.local. 5 IN A 10.8.0.1"],
        ],
        ["m0.c2.imp-hl.a.svc.clusterset.local. A", ["m0.c2.imp-hl.a.svc.clusterset.local. 5 IN A 10.8.1.1"]],
        ["M0.C1.imp-hl.a.svc.clusterset.local. A", ["M0.C1.imp-hl.a.svc.clusterset.local. 5 IN A 10.8.0.1"]],
        [
          "10-8-0-2.c1.imp-hl.a.svc.clusterset.local. A",
          ["10-8-0-2.c1.imp-hl.a.svc.clusterset.local. 5 IN A 10.8.0.2"],
        ],
        ["web.a.svc.cluster.local. A", ["web.a.svc.cluster.local. 5 IN A 10.1.0.1"]],
      ),
      ...noData("imp.a.svc.clusterset.local. AAAA", "a.svc.clusterset.local. A", "clusterset.local. A"),
      ...noName(
        "http.tcp.imp.a.svc.clusterset.local. SRV",
        "m0.c3.imp-hl.a.svc.clusterset.local. A",
        "m0.imp-hl.a.svc.clusterset.local. A",
        "c1.imp-hl.a.svc.clusterset.local. A",
        "web.a.svc.clusterset.local. A",
        "c.svc.clusterset.local. A",
        "10-4-0-1.a.pod.clusterset.local. A",
        "x.y.z.imp-hl.a.svc.clusterset.local. A",
        "imp.c.svc.clusterset.local. A",
        "imp.a.svc.cluster.local. A",
        "imp-hl.a.svc.cluster.local. A",
        "1.0.7.10.in-addr.arpa. PTR",
      ),
    ],
  },
];
