/** Objects of a small shop, as a cluster's users write them. */
import type { KubeObject } from "./cluster.ts";

export const namespace = (name: string, labels: Readonly<Record<string, string>> = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels },
});

export const service = (name: string, spec: Readonly<Record<string, unknown>>, space = "shop"): KubeObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: space },
  spec: { ports: [{ name: "http", port: 80, protocol: "TCP" }], ...spec },
});

/** A slice of a Service; each endpoint is an address, or an address and the pod's host name. */
export const endpointSlice = (
  owner: string,
  endpoints: readonly (readonly [address: string, hostname?: string])[],
  part = "1",
  space = "shop",
): KubeObject => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: `${owner}-${part}`, namespace: space, labels: { "kubernetes.io/service-name": owner } },
  addressType: endpoints.some(([address]) => address.includes(":")) ? "IPv6" : "IPv4",
  endpoints: endpoints.map(([address, hostname]) => ({
    addresses: [address],
    conditions: { ready: true },
    ...(hostname !== undefined && { hostname }),
  })),
  ports: [{ name: "http", port: 8080, protocol: "TCP" }],
});

export const pod = (name: string, space = "shop"): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: space },
  spec: { containers: [{ name: "main", image: "registry.example/pause" }] },
});

/** A Secret that tokens can be bound to: they end with it. */
export const secret = (name: string, space: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: space },
});

/** A definition of objects with any fields, as far as others need it to be there. */
function anyObject(group: string, kind: string, versions: readonly string[]): KubeObject {
  const singular = kind.toLowerCase();
  const plural = singular.endsWith("y") ? `${singular.slice(0, -1)}ies` : `${singular}s`;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular },
      scope: "Namespaced",
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      })),
    },
  };
}

/** Istio's, in all versions that are served. */
export const serviceEntryDefinition: KubeObject = anyObject("networking.istio.io", "ServiceEntry", [
  "v1",
  "v1beta1",
  "v1alpha3",
]);

/** Those of the Prometheus operator that deploy/ has objects of. */
export const monitorDefinitions: readonly KubeObject[] = ["ServiceMonitor", "PrometheusRule"].map((kind) =>
  anyObject("monitoring.coreos.com", kind, ["v1"]),
);

export const serviceEntry = (name: string, hosts: readonly string[], addresses: readonly string[]): KubeObject => ({
  apiVersion: "networking.istio.io/v1",
  kind: "ServiceEntry",
  metadata: { name, namespace: "shop" },
  spec: { hosts, addresses, ports: [{ number: 443, name: "https", protocol: "HTTPS" }], resolution: "STATIC" },
});
