/**
 * The record table of a cluster, written by one thread. `memory` is published to the workers once; a change is seen by
 * the next look-up of each of them. What the table is and how it is shared: `layout.ts`.
 */
import { idOfMark, kindOfMark, type RowDirectory } from "../../memory/row-directory.ts";
import { TableCore } from "./core.ts";
import { Cell, type ClusterMemory, Header, Kind, type Resource, type SyncState } from "./layout.ts";
import { Namespaces } from "./namespaces.ts";
import { Pods } from "./pods.ts";
import { ServiceSpace } from "./service-space.ts";

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
  /** Objects beyond are left out (1 GiB). */
  readonly maxBytes?: number;
}

export interface TableStatistics {
  readonly services: number;
  readonly slices: number;
  readonly endpoints: number;
  readonly namespaces: number;
  readonly pods: number;
  readonly imports: number;
  /** In all indexes. */
  readonly keys: number;
  /** What the rows and indexes take, and the blocks of memory that they are in. */
  readonly usedBytes: number;
  readonly heapBytes: number;
  /** Rows that wait until no reader sees them. */
  readonly retired: number;
  /** Objects, or parts of them, that were left out. */
  readonly absurd: number;
}

/** Address space; memory is taken as rows come. */
const MAX_BYTES = 1024 * 1024 * 1024;
/** Rows that one `tidy` moves: some hundred microseconds. */
const MOVES = 256;

export class ClusterTable {
  readonly memory: ClusterMemory;
  /** What the sinks write into. */
  readonly services: ServiceSpace;
  readonly imports: ServiceSpace;
  readonly namespaces: Namespaces;
  readonly pods: Pods;
  readonly #core: TableCore;
  /** The block that is being emptied; -1: none. */
  #emptying = -1;
  #lastMoved = 0;

  constructor(options: TableOptions = {}) {
    const core = new TableCore(options.now ?? Date.now, options.onAbsurd ?? (() => {}), options.maxBytes ?? MAX_BYTES);
    const wishes = { podNames: options.podNames ?? false, zones: options.zones ?? false };
    this.#core = core;
    this.namespaces = new Namespaces(core);
    const services = {
      firstCell: Cell.SERVICES,
      service: Kind.SERVICE,
      slice: Kind.SLICE,
      serviceName: "Service",
    } as const;
    const imports = {
      firstCell: Cell.IMPORTS,
      service: Kind.IMPORT,
      slice: Kind.IMPORT_SLICE,
      serviceName: "ServiceImport",
    } as const;
    this.services = new ServiceSpace(core, this.namespaces, services, wishes);
    this.imports = new ServiceSpace(core, this.namespaces, imports, wishes);
    this.pods = new Pods(core, this.namespaces, options.podLabels ?? false);
    this.memory = { header: core.header.buffer as SharedArrayBuffer, heap: core.heap.buffer };
    core.touch();
  }

  setState(resource: Resource, state: SyncState): void {
    Atomics.store(this.#core.header, Header.STATES + resource, state);
  }

  /** Frees what no reader sees any more. The sinks do so after each object. */
  reclaim(): void {
    this.#core.retired.reclaim();
  }

  /**
   * Moves some rows together where much was removed, so that whole blocks get free. To be called now and then, while
   * little else is to be done. `release` is offered memory that is free, and may give it back to the system.
   */
  tidy(release?: (bytes: Uint8Array) => void): void {
    const { heap, retired } = this.#core;
    retired.reclaim();
    if (this.#emptying < 0) this.#emptying = heap.sparseBlock();
    for (let left = MOVES; this.#emptying >= 0 && left > 0; left--) {
      this.#lastMoved = heap.nextRow(this.#emptying, this.#lastMoved);
      if (this.#lastMoved === 0) this.#emptying = heap.sparseBlock();
      else this.#move(this.#lastMoved);
    }
    retired.reclaim();
    if (release) heap.releaseFree(release);
  }

  get statistics(): TableStatistics {
    const { heap, retired, absurd } = this.#core;
    return {
      services: this.services.heldServices.count,
      slices: this.services.heldSlices.count + this.imports.heldSlices.count,
      endpoints: this.services.endpointCount + this.imports.endpointCount,
      namespaces: this.namespaces.held.count,
      pods: this.pods.held.count,
      imports: this.imports.heldServices.count,
      keys: this.services.keyCount + this.imports.keyCount + this.namespaces.keyCount + this.pods.keyCount,
      usedBytes: heap.used * Int32Array.BYTES_PER_ELEMENT,
      heapBytes: heap.blockBytes,
      retired: retired.length,
      absurd,
    };
  }

  /** A row that is no object's any more waits to be freed, and stays; indexes and directories stay as well. */
  #move(row: number): void {
    const mark = this.#core.heap.words[row]!;
    const id = idOfMark(mark);
    const isCurrent = (directory: RowDirectory) => id <= directory.highest && directory.row(id) === row;
    switch (kindOfMark(mark)) {
      case Kind.SERVICE:
        if (isCurrent(this.services.services)) this.services.relocateService(id);
        break;
      case Kind.SLICE:
        if (isCurrent(this.services.slices)) this.services.relocateSlice(id);
        break;
      case Kind.IMPORT:
        if (isCurrent(this.imports.services)) this.imports.relocateService(id);
        break;
      case Kind.IMPORT_SLICE:
        if (isCurrent(this.imports.slices)) this.imports.relocateSlice(id);
        break;
      case Kind.NAMESPACE:
        if (isCurrent(this.namespaces.directory)) this.namespaces.relocate(id);
        break;
      case Kind.POD:
        if (isCurrent(this.pods.directory)) this.pods.relocate(id);
        break;
    }
  }
}
