/**
 * The ServiceEntries as the supervisor follows them, and the table that is made of them. It outlives reloads that do not change
 * the plugin's options: each control half that leans on it has a function in `#readers`.
 */
import { accessOf } from "../../kubernetes/access-options.ts";
import type { Access } from "../../kubernetes/api/access.ts";
import { ApiClient } from "../../kubernetes/api/client.ts";
import { Reflector } from "../../kubernetes/api/reflector.ts";
import type { Counter } from "../../memory/counters.ts";
import { retire } from "../../memory/retire.ts";
import type { ControlContext } from "../../plugin/context.ts";
import type { IstioConfig } from "./config.ts";
import { Entries } from "./entries.ts";
import type { HostTable } from "./table.ts";
import { buildTable } from "./table-builder.ts";

const SERVICE_ENTRIES = {
  group: "networking.istio.io",
  version: ["v1", "v1beta1", "v1alpha3"],
  plural: "serviceentries",
  optional: true,
} as const;

/** What the workers are given: the table, which is large, only when there is another. */
export const Part = { TABLE: 0, STANDING: 1 } as const;

export interface Standing {
  /** The table has all that there is, as far as anybody knows. */
  readonly isSure: boolean;
  readonly serial: number;
}

/** Undefined as long as no list has been complete. */
type Reader = (table: HostTable | undefined, standing: Standing) => void;

/** Changes come in crowds: so long the first one waits for others. */
const DEBOUNCE_MS = 20;
/** Making a table is followed by so many times its duration without: the thread has other things to do. */
const REST = 3;
/** How often numbers that others count are taken over. */
const COUNT_MS = 1_000;

export class Mesh {
  readonly reflector: Reflector;
  readonly access: Access;
  readonly #client: ApiClient;
  readonly #config: IstioConfig;
  readonly #log: ControlContext["log"];
  readonly #entries: Entries;
  readonly #readers = new Set<Reader>();
  readonly #repairs: Counter;
  readonly #refused: Counter;
  readonly #counting: NodeJS.Timeout;
  #counted = { repairs: 0, refused: 0 };
  #table: HostTable | undefined;
  #serial = 0;
  /** Changes are not in the table yet. */
  #isStale = false;
  /** What a list has brought that ended doubt is in the table. */
  #hasCaughtUp = false;
  #isBuilding = false;
  #timer: NodeJS.Timeout | undefined;
  /** From `performance.now()`. */
  #restUntil = 0;

  /** The one before a reload, unless a kubeconfig names another server, proxy or context now. */
  static async open(config: IstioConfig, context: ControlContext): Promise<Mesh> {
    const access = await accessOf(config);
    const before = context.inherited as Mesh | undefined;
    const keyOf = ({ server, proxy, context }: Access) => JSON.stringify([server, proxy, context]);
    if (before !== undefined && keyOf(before.access) === keyOf(access)) return before;
    const mesh = new Mesh(config, context, access);
    mesh.reflector.start();
    return mesh;
  }

  private constructor(config: IstioConfig, { log, counter }: ControlContext, access: Access) {
    this.#config = config;
    this.#log = log;
    this.access = access;
    this.#client = new ApiClient(access);
    this.#entries = new Entries({
      endpoints: config.endpoints,
      defaultAddresses: config.defaultAddresses,
      onChange: () => this.#changed(),
      onRefused: (text) => log.warning(text),
    });
    this.reflector = new Reflector(this.#client, SERVICE_ENTRIES, this.#entries, {
      log,
      onChange: () => this.#toldState(),
    });
    const repairs = "Entries that the comparison with a fresh list has found wrong, and put right.";
    this.#repairs = counter("weftdns_istio_repairs_total", repairs);
    const refused = "Entries, or parts of them, that were left out because no answer can be made of them.";
    this.#refused = counter("weftdns_istio_refused_objects_total", refused);
    this.#counting = setInterval(() => this.#count(), COUNT_MS).unref();
  }

  /** All entries have been read, or the cluster has no such resource. */
  get isSynced(): boolean {
    return this.#table !== undefined;
  }

  get hosts(): number {
    return this.#table?.hosts ?? 0;
  }

  get tableBytes(): number {
    return this.#table?.buffer.byteLength ?? 0;
  }

  /** `reader` is told what there is now, and of each change until `leave`. */
  join(reader: Reader): void {
    this.#readers.add(reader);
    reader(this.#table, this.#standing);
  }

  async leave(reader: Reader): Promise<void> {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    clearTimeout(this.#timer);
    clearInterval(this.#counting);
    this.#count();
    await this.reflector.stop();
    this.#client.close();
    retire(this.tableBytes);
  }

  get #standing(): Standing {
    return { isSure: this.#isSure && this.#hasCaughtUp, serial: this.#serial };
  }

  /** All that there is has been read at some time. */
  get #isListed(): boolean {
    return this.reflector.synced || this.reflector.absent;
  }

  get #isSure(): boolean {
    const { state, absent } = this.reflector;
    return absent || state === "synced";
  }

  /** The first table is made when the first list is complete. */
  #toldState(): void {
    this.#hasCaughtUp = this.#isSure && (this.#hasCaughtUp || !(this.#isStale || this.#isBuilding));
    this.#publish();
    if (this.#table === undefined && this.#isListed && !this.#isBuilding) void this.#build();
  }

  #changed(): void {
    this.#isStale = true;
    if (this.#table !== undefined || this.#isListed) this.#buildSoon();
  }

  #buildSoon(): void {
    if (this.#isBuilding || this.#timer !== undefined || this.#readers.size === 0) return;
    const delayMs = Math.max(DEBOUNCE_MS, this.#restUntil - performance.now());
    this.#timer = setTimeout(() => void this.#build(), delayMs);
  }

  async #build(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isBuilding = true;
    this.#isStale = false;
    const wasSure = this.#isSure;
    const began = performance.now();
    try {
      const table = await buildTable(this.#entries.all(), this.#config.namespace);
      retire(this.tableBytes);
      this.#table = table;
      this.#serial = Math.floor(Date.now() / 1_000);
    } catch (error) {
      // No memory: what is known stays, until the next change.
      this.#log.error(`cannot make a table of the hosts: ${error instanceof Error ? error.message : error}`);
    }
    this.#isBuilding = false;
    const now = performance.now();
    this.#restUntil = now + (now - began) * REST;
    if (this.#isSure && (wasSure || !this.#isStale)) this.#hasCaughtUp = true;
    this.#publish();
    if (this.#isStale) this.#buildSoon();
  }

  #publish(): void {
    const standing = this.#standing;
    for (const reader of this.#readers) reader(this.#table, standing);
  }

  #count(): void {
    const { repairs } = this.reflector;
    const { refused } = this.#entries;
    if (repairs > this.#counted.repairs) this.#repairs.add(repairs - this.#counted.repairs);
    if (refused > this.#counted.refused) this.#refused.add(refused - this.#counted.refused);
    this.#counted = { repairs, refused };
  }
}
