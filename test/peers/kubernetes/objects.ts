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

export const serviceAccount = (name: string, space: string): KubeObject => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name, namespace: space },
});

/** A Secret that tokens can be bound to: they end with it. */
export const secret = (name: string, space: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: space },
});

/** What a ClusterRole lets its account do. */
export const clusterRole = (name: string, rules: readonly unknown[]): KubeObject => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name },
  rules,
});

export const clusterRoleBinding = (role: string, account: string, space: string): KubeObject => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: role },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
  subjects: [{ kind: "ServiceAccount", name: account, namespace: space }],
});

/** The part of Istio's definition that DNS needs: all versions that are served, with any fields. */
export const serviceEntryDefinition: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "serviceentries.networking.istio.io" },
  spec: {
    group: "networking.istio.io",
    names: { kind: "ServiceEntry", listKind: "ServiceEntryList", plural: "serviceentries", singular: "serviceentry" },
    scope: "Namespaced",
    versions: ["v1", "v1beta1", "v1alpha3"].map((name) => ({
      name,
      served: true,
      storage: name === "v1",
      schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
    })),
  },
};

export const serviceEntry = (name: string, hosts: readonly string[], addresses: readonly string[]): KubeObject => ({
  apiVersion: "networking.istio.io/v1",
  kind: "ServiceEntry",
  metadata: { name, namespace: "shop" },
  spec: { hosts, addresses, ports: [{ number: 443, name: "https", protocol: "HTTPS" }], resolution: "STATIC" },
});
