/** Objects as the API gives them, and a table with all its sinks. */

import { parseIpv4, parseIpv6 } from "../../../src/dns/address.ts";
import { nameToWire } from "../../../src/dns/name-text.ts";
import type { KubernetesObject } from "../../../src/kubernetes/api/resource.ts";
import { ClusterTable, type TableOptions } from "../../../src/kubernetes/table/cluster-table.ts";
import { ClusterView } from "../../../src/kubernetes/table/cluster-view.ts";
import { importSlicesOf, servicesOf, slicesOf, TableSink } from "../../../src/kubernetes/table/sinks.ts";

let version = 0;

export function object(namespace: string, name: string, fields: object = {}, metadata: object = {}): KubernetesObject {
  version++;
  return {
    metadata: { name, namespace, uid: `u-${namespace}/${name}`, resourceVersion: `${version}`, ...metadata },
    ...fields,
  };
}

export function service(namespace: string, name: string, spec: object = {}, status: object = {}): KubernetesObject {
  return object(namespace, name, { spec, status });
}

/** Endpoints as `addresses` says them: an address, or address=hostname. */
export function slice(
  namespace: string,
  name: string,
  owner: string,
  addresses: readonly string[],
  fields: object = {},
): KubernetesObject {
  const endpoints = addresses.map((text) => {
    const [address, hostname] = text.split("=");
    return { addresses: [address], conditions: { ready: true }, ...(hostname && { hostname }) };
  });
  const addressType = addresses[0]?.includes(":") ? "IPv6" : "IPv4";
  const labels = { "kubernetes.io/service-name": owner };
  return object(
    namespace,
    name,
    { addressType, endpoints, ports: [{ name: "http", port: 80, protocol: "TCP" }], ...fields },
    { labels },
  );
}

export function pod(
  namespace: string,
  name: string,
  ips: readonly string[],
  fields: object = {},
  metadata: object = {},
): KubernetesObject {
  return object(
    namespace,
    name,
    { status: { phase: "Running", podIPs: ips.map((ip) => ({ ip })) }, ...fields },
    metadata,
  );
}

export class Bench {
  readonly absurd: string[] = [];
  readonly table: ClusterTable;
  readonly view: ClusterView;
  readonly services: TableSink;
  readonly slices: TableSink;
  readonly namespaces: TableSink;
  readonly pods: TableSink;
  readonly imports: TableSink;
  readonly importSlices: TableSink;

  constructor(options: TableOptions = {}) {
    this.table = new ClusterTable({
      onAbsurd: (what, reason) => this.absurd.push(`${what}: ${reason}`),
      ...options,
    });
    this.view = new ClusterView(this.table.memory, 0);
    this.services = new TableSink(this.table, servicesOf(this.table.services));
    this.slices = new TableSink(this.table, slicesOf(this.table.services));
    this.namespaces = new TableSink(this.table, this.table.namespaces);
    this.pods = new TableSink(this.table, this.table.pods);
    this.imports = new TableSink(this.table, servicesOf(this.table.imports));
    this.importSlices = new TableSink(this.table, importSlicesOf(this.table.imports));
  }

  /** What `read` finds between `enter` and `leave`. */
  look<T>(read: (view: ClusterView) => T): T {
    this.view.enter();
    const result = read(this.view);
    this.view.leave();
    return result;
  }

  find(key: string): boolean {
    const bytes = labels(key);
    return this.look((view) => view.findService(bytes, 0, bytes.length));
  }

  /** All endpoints of a Service as address/host; undefined when there is no such Service. */
  endpoints(key: string, isImport = false): string[] | undefined {
    const bytes = labels(key);
    return this.look((view) => {
      const found = isImport ? view.findImport(bytes, 0, bytes.length) : view.findService(bytes, 0, bytes.length);
      if (!found) return undefined;
      const list: string[] = [];
      for (let i = 0; i < view.service.sliceCount; i++) {
        view.openSlice(i);
        for (let endpoint = 0; endpoint < view.slice.count; endpoint++) {
          list.push(`${addressAt(view, endpoint)}/${hostAt(view, endpoint)}`);
        }
      }
      return list.sort();
    });
  }

  host(key: string, host: string): string[] {
    const bytes = labels(key);
    const label = labels(host);
    return this.look((view) => {
      if (!view.findService(bytes, 0, bytes.length)) return [];
      const list: string[] = [];
      view.seekHost(label, 0);
      while (view.nextHost()) list.push(addressAt(view, view.endpoint));
      return list.sort();
    });
  }

  /** Services and hosts that have an address. */
  byAddress(address: string): string[] {
    const bytes = addressBytes(address);
    return this.look((view) => {
      const list: string[] = [];
      view.seekEndpoint(bytes, bytes.length);
      while (view.nextEndpoint()) {
        list.push(`${keyText(view.bytes, view.slice.keyAt, view.slice.keyLength)}/${hostAt(view, view.endpoint)}`);
      }
      return list.sort();
    });
  }

  serviceByAddress(address: string, external = false): string {
    const bytes = addressBytes(address);
    return this.look((view) => {
      const found = external
        ? view.findServiceByExternalAddress(bytes, bytes.length)
        : view.findServiceByAddress(bytes, bytes.length);
      return found ? keyText(view.bytes, view.service.keyAt, view.service.keyLength) : "";
    });
  }

  hasNamespace(name: string): boolean {
    const bytes = labels(name);
    return this.look((view) => view.hasNamespace(bytes, 0));
  }

  hasPod(address: string, namespace: string): boolean {
    const bytes = addressBytes(address);
    const label = labels(namespace);
    return this.look((view) => view.hasPod(bytes, bytes.length, label, 0));
  }

  countPods(address: string): number {
    const bytes = addressBytes(address);
    return this.look((view) => view.countPods(bytes, 0, bytes.length));
  }
}

/** Wire labels without an end. */
export function labels(text: string): Uint8Array {
  return (nameToWire(text) as Uint8Array).slice(0, -1);
}

export function addressBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  if (parseIpv4(text, bytes, 0)) return bytes.slice(0, 4);
  parseIpv6(text, bytes, 0);
  return bytes;
}

export function keyText(bytes: Uint8Array, at: number, length: number): string {
  const parts: string[] = [];
  for (let i = at; i < at + length; i += bytes[i]! + 1)
    parts.push(Buffer.from(bytes.slice(i + 1, i + 1 + bytes[i]!)).toString());
  return parts.join(".");
}

export function addressAt({ bytes, slice }: ClusterView, endpoint: number): string {
  const at = slice.addressesAt + endpoint * slice.addressSize;
  const part = [...bytes.slice(at, at + slice.addressSize)];
  return slice.addressSize === 4 ? part.join(".") : Buffer.from(part).toString("hex");
}

export function hostAt({ bytes, slice }: ClusterView, endpoint: number): string {
  const at = slice.hostAt(endpoint);
  return at === 0 ? "" : Buffer.from(bytes.slice(at + 1, at + 1 + bytes[at]!)).toString();
}
