/**
 * The record table of a cluster, written by one thread. `memory` is published to the workers once; a change is seen by the
 * next look-up of each of them.
 */
import type { ClusterMemory, Resource, SyncState } from "./layout.ts";

export interface TableOptions {
  /** Endpoints are named by their pods where they have no hostname. */
  readonly podNames?: boolean;
  /** Zones of endpoints are kept. */
  readonly zones?: boolean;
  /** Labels of pods are kept. */
  readonly podLabels?: boolean;
  /** Unix time in milliseconds. */
  readonly now?: () => number;
  /** An object or a part of it was left out; called once for each object and reason. */
  readonly onAbsurd?: (object: string, reason: string) => void;
  /** A change of endpoints came in, with the time of its trigger as the API says it. */
  readonly onTriggered?: (trigger: string, kind: EndpointsKind) => void;
}

/** As CoreDNS labels `dns_programming_duration_seconds`. */
export type EndpointsKind = "cluster_ip" | "headless_with_selector" | "headless_without_selector";

export declare class ClusterTable {
  constructor(options?: TableOptions);
  readonly memory: ClusterMemory;
  setState(resource: Resource, state: SyncState): void;
  /** The worker of this number is gone: what it was reading is not read any more. */
  forgetReader(worker: number): void;
  /** Frees what no reader can see any more, and moves rows together; call it now and then, it takes no longer than a millisecond. */
  tidy(): void;
  get statistics(): TableStatistics;
}

export interface TableStatistics {
  readonly services: number;
  readonly slices: number;
  readonly endpoints: number;
  readonly namespaces: number;
  readonly pods: number;
  readonly imports: number;
  readonly heapBytes: number;
  readonly usedBytes: number;
  /** Objects, or parts of them, that were left out. */
  readonly absurd: number;
}

// sinks.ts: new ServiceSink(table), EndpointSliceSink(table), NamespaceSink(table), PodSink(table), ServiceImportSink(table),
// ImportSliceSink(table), each a `ResourceSink`.
