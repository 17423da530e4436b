/** A small cluster with one object of every kind that DNS tells apart. */
import { endpointSlice, type Manifest, namespace, pod, service, serviceImport } from "./api-objects.ts";

const http = { name: "http", port: 80 };
const dns = { name: "dns", port: 53, protocol: "UDP" };

/** A slice of the endpoints of a ServiceImport, as it comes from another cluster. */
function importedSlice(
  name: string,
  space: string,
  cluster: string,
  endpoints: Parameters<typeof endpointSlice>[2],
): Manifest {
  const slice = endpointSlice(name, space, endpoints, [http], cluster);
  const labels = {
    "multicluster.kubernetes.io/service-name": name,
    "multicluster.kubernetes.io/source-cluster": cluster,
  };
  return { ...slice, metadata: { ...slice.metadata, labels } };
}

export const clusterObjects: readonly Manifest[] = [
  namespace("default"),
  namespace("a", { team: "west" }),
  namespace("b"),
  service(
    "web",
    "a",
    ["10.1.0.1", "fd00:1::1"],
    [http, { name: "metrics", port: 9090 }, { port: 53, protocol: "UDP" }],
  ),
  endpointSlice("web", "a", [
    { addresses: ["10.2.0.1"], pod: "web-abc" },
    { addresses: ["10.2.0.2"], hostname: "h2", zone: "z1" },
  ]),
  service("six", "a", ["fd00:1::2"]),
  service("noports", "a", ["10.1.0.2"], []),
  service(
    "same-port",
    "a",
    ["10.1.0.3"],
    [
      { name: "dns", port: 53, protocol: "UDP" },
      { name: "dns-tcp", port: 53 },
    ],
  ),
  service("empty", "a", ["10.1.0.4"]),
  service("pending", "a", []),
  service("web", "b", ["10.1.1.1"]),
  service("hl", "a", ["None"], [http, dns]),
  endpointSlice(
    "hl",
    "a",
    [
      { addresses: ["10.3.0.1"], hostname: "pet-0", zone: "z1" },
      { addresses: ["10.3.0.2"], pod: "pod-2", zone: "z2.west" },
      { addresses: ["10.3.0.3"], ready: false },
      { addresses: ["10.3.0.4"] },
    ],
    [http, dns],
    "one",
  ),
  endpointSlice(
    "hl",
    "a",
    [{ addresses: ["10.3.0.1"], hostname: "pet-0" }, { addresses: ["10.3.0.5"] }],
    [{ name: "http", port: 8080 }],
    "two",
  ),
  endpointSlice("hl", "a", [{ addresses: ["fd00:3::"] }, { addresses: ["fd00:3::5"] }], [http], "six"),
  service("twins", "a", ["None"]),
  endpointSlice("twins", "a", [
    { addresses: ["10.3.1.1"], hostname: "twin" },
    { addresses: ["10.3.1.2"], hostname: "twin" },
  ]),
  service("portless", "a", ["None"], []),
  endpointSlice("portless", "a", [{ addresses: ["10.3.2.1"] }], []),
  service("unready", "a", ["None"]),
  endpointSlice("unready", "a", [{ addresses: ["10.3.3.1"], ready: false }]),
  service("only-six", "a", ["None"]),
  endpointSlice("only-six", "a", [{ addresses: ["fd00:4::1"] }]),
  service("ext", "a", [], [http], { type: "ExternalName", externalName: "www.example.org" }),
  service("ext-in", "a", [], [http], { type: "ExternalName", externalName: "web.a.svc.cluster.local" }),
  service("ext-lost", "a", [], [http], { type: "ExternalName", externalName: "none.a.svc.cluster.local" }),
  service("ext-ip", "a", [], [http], { type: "ExternalName", externalName: "10.9.9.9" }),
  service("lb", "a", ["10.1.0.5"], [http], { type: "LoadBalancer", externalIPs: ["198.51.100.3"] }),
  pod("one", "a", ["10.4.0.1"]),
  pod("two", "b", ["10.4.0.2", "fd00:5::2"]),
  pod("done", "a", ["10.4.0.3"], "Succeeded"),
  serviceImport("imp", "a", "ClusterSetIP", ["10.7.0.1"]),
  serviceImport("imp-hl", "a", "Headless", []),
  importedSlice("imp-hl", "a", "c1", [{ addresses: ["10.8.0.1"], hostname: "m0" }, { addresses: ["10.8.0.2"] }]),
  importedSlice("imp-hl", "a", "c2", [{ addresses: ["10.8.1.1"], hostname: "m0" }]),
];
