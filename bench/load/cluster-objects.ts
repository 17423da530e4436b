/**
 * The generated clusters. Every address is made from a number, 10.x.y.z for number n, so that the load can tell a wrong answer
 * from a right one:
 *
 *   svcN       ClusterIP 10.x.y.z
 *   threeN     headless, endpoints 10.x.y.z, 11.x.y.z, 12.x.y.z
 *   tenN       headless, endpoints 10.x.y.z to 19.x.y.z
 *   changeN    ClusterIP 128.x.y.z, and alteringN, headless with one endpoint: x.y.z is N and how often it was changed
 */
import {
  type Endpoint,
  endpointSlice,
  type Manifest,
  namespace,
  pod,
  service,
} from "../../test/support/api-objects.ts";

export type ClusterSize = {
  /** In namespace bench: ClusterIPs, and headless Services of 3 and of 10 endpoints. */
  services: number;
  threes: number;
  tens: number;
  /** Of this many Services in the namespaces space0, space1, ... */
  spread: { services: number; endpointsEach: number; pods: number; namespaces: number };
  /** In namespace churn, of each of the two kinds that change. */
  changing: number;
};

export const clusterSizes = {
  /** What is asked for by steady loads. */
  asked: {
    services: 10_000,
    threes: 1_000,
    tens: 1_000,
    spread: { services: 0, endpointsEach: 0, pods: 0, namespaces: 0 },
    changing: 0,
  },
  /** 10,000 Services, 100,000 endpoints, 50,000 pods. */
  large: {
    services: 0,
    threes: 0,
    tens: 0,
    spread: { services: 10_000, endpointsEach: 10, pods: 50_000, namespaces: 100 },
    changing: 0,
  },
  /** 1,000 of each kind that changes, beside what stays. */
  changing: {
    services: 10_000,
    threes: 1_000,
    tens: 0,
    spread: { services: 0, endpointsEach: 0, pods: 0, namespaces: 0 },
    changing: 1_000,
  },
} satisfies Record<string, ClusterSize>;

export type ClusterName = keyof typeof clusterSizes;

export const lastServices: Record<ClusterName, string> = {
  asked: "ten999.bench.svc.cluster.local",
  large: "app9999.space99.svc.cluster.local",
  changing: "altering999.churn.svc.cluster.local",
};

/** How often a changing name can change before its address comes again. */
export const generations = 1 << 14;

export function* clusterObjects(size: ClusterSize): Generator<Manifest> {
  yield* ["bench", "churn"].map((name) => namespace(name));
  const ports = [{ name: "http", port: 80 }];
  for (let n = 0; n < size.services; n++) yield service(`svc${n}`, "bench", [address(10, n)], ports);
  for (const { prefix, count, each } of [
    { prefix: "three", count: size.threes, each: 3 },
    { prefix: "ten", count: size.tens, each: 10 },
  ]) {
    for (let n = 0; n < count; n++) {
      const endpoints = Array.from({ length: each }, (_, i) => endpointOf(`${prefix}${n}-${i}`, address(10 + i, n)));
      yield service(`${prefix}${n}`, "bench", ["None"], ports);
      yield endpointSlice(`${prefix}${n}`, "bench", endpoints, ports);
    }
  }
  for (let n = 0; n < size.changing; n++) {
    yield changingService(n, 0);
    yield service(`altering${n}`, "churn", ["None"], ports);
    yield changingSlice(n, 0);
  }
  yield* spreadObjects(size.spread);
}

function* spreadObjects({ services, endpointsEach, pods, namespaces }: ClusterSize["spread"]): Generator<Manifest> {
  const spaceOf = (n: number) => `space${n % namespaces}`;
  for (let n = 0; n < namespaces; n++) yield namespace(spaceOf(n));
  for (let n = 0; n < services; n++) {
    const first = n * endpointsEach;
    const endpoints = Array.from({ length: endpointsEach }, (_, i) =>
      endpointOf(`app${n}-${i}`, address(10, first + i)),
    );
    yield managed(service(`app${n}`, spaceOf(n), [address(128, n)]));
    yield managed(endpointSlice(`app${n}`, spaceOf(n), endpoints));
  }
  for (let n = 0; n < pods; n++) yield managed(pod(`app${n}-${n}`, spaceOf(n), [address(10, n)]));
}

/** Number and generation as they stand in the address, so that an answer tells from which change it is. */
export function changingService(n: number, generation: number): Manifest {
  return service(`change${n}`, "churn", [address(128, n * generations + (generation % generations))]);
}

export function changingSlice(n: number, generation: number): Manifest {
  const own = address(128, n * generations + (generation % generations));
  return endpointSlice(`altering${n}`, "churn", [endpointOf(`altering${n}-0`, own)]);
}

function endpointOf(podName: string, ownAddress: string): Endpoint {
  return { addresses: [ownAddress], pod: podName, nodeName: "node-1", zone: "zone-a" };
}

/** What every real object carries and DNS has no use for: who owns which of its fields. */
function managed(object: Manifest): Manifest {
  const fields = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [`f:${name}`, fields(inner)]));
  };
  const { metadata, apiVersion, kind: _, ...rest } = object;
  const entry = { manager: "kube-controller-manager", operation: "Update", apiVersion, time: "2026-01-01T00:00:00Z" };
  const managedFields = [{ ...entry, fieldsType: "FieldsV1", fieldsV1: fields(rest) }];
  return { ...object, metadata: { ...metadata, managedFields } };
}

function address(first: number, n: number): string {
  return `${first}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
}
