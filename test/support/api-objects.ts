/** Kubernetes objects for tests, as short as they can be said. */

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly uid?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export function namespace(name: string, labels: Record<string, string> = {}): Manifest {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: { "kubernetes.io/metadata.name": name, ...labels } },
    spec: { finalizers: ["kubernetes"] },
    status: { phase: "Active" },
  };
}

export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
}

/** `spec` is added to what `clusterIPs` and `ports` say. `None` makes it headless. */
export function service(
  name: string,
  namespaceName: string,
  clusterIPs: readonly string[],
  ports: readonly ServicePort[] = [{ name: "http", port: 80 }],
  spec: Record<string, unknown> = {},
): Manifest {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: namespaceName, labels: { app: name } },
    spec: {
      type: "ClusterIP",
      ...(clusterIPs.length > 0 && { clusterIP: clusterIPs[0], clusterIPs }),
      ports: ports.map((port) => ({ protocol: "TCP", targetPort: port.port, ...port })),
      selector: { app: name },
      sessionAffinity: "None",
      internalTrafficPolicy: "Cluster",
      ...spec,
    },
    status: { loadBalancer: {} },
  };
}

export interface Endpoint {
  readonly addresses: readonly string[];
  readonly hostname?: string;
  readonly ready?: boolean;
  readonly zone?: string;
  readonly nodeName?: string;
  /** The name of the pod. */
  readonly pod?: string;
}

/** A slice of the endpoints of `serviceName`, named `serviceName-suffix`. */
export function endpointSlice(
  serviceName: string,
  namespaceName: string,
  endpoints: readonly Endpoint[],
  ports: readonly ServicePort[] = [{ name: "http", port: 80 }],
  suffix = "abcde",
): Manifest {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${serviceName}-${suffix}`,
      namespace: namespaceName,
      labels: { "kubernetes.io/service-name": serviceName },
    },
    addressType: endpoints[0]?.addresses[0]?.includes(":") ? "IPv6" : "IPv4",
    endpoints: endpoints.map(({ addresses, ready = true, pod, ...rest }) => ({
      addresses,
      conditions: { ready, serving: ready, terminating: false },
      ...rest,
      ...(pod && { targetRef: { kind: "Pod", name: pod, namespace: namespaceName } }),
    })),
    ports: ports.map((port) => ({ protocol: "TCP", name: "", ...port })),
  };
}

export function pod(
  name: string,
  namespaceName: string,
  addresses: readonly string[],
  phase = "Running",
  labels: Record<string, string> = {},
): Manifest {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: namespaceName, labels },
    spec: { containers: [{ name: "main", image: "registry.example.org/main" }], nodeName: "node-1" },
    status: { phase, podIP: addresses[0], podIPs: addresses.map((ip) => ({ ip })), hostIP: "192.0.2.1" },
  };
}

export function serviceImport(
  name: string,
  namespaceName: string,
  type: "ClusterSetIP" | "Headless",
  ips: readonly string[],
  ports: readonly ServicePort[] = [{ name: "http", port: 80 }],
): Manifest {
  return {
    apiVersion: "multicluster.x-k8s.io/v1alpha1",
    kind: "ServiceImport",
    metadata: { name, namespace: namespaceName },
    spec: { type, ips, ports: ports.map((port) => ({ protocol: "TCP", ...port })) },
  };
}

export function serviceEntry(name: string, namespaceName: string, spec: Record<string, unknown>): Manifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: namespaceName },
    spec,
  };
}
