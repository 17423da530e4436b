/** Keeps what is needed of every ServiceEntry of the cluster, as the API's lists and watches bring it. */
import {
  type KubernetesObject,
  type ObjectKey,
  type ResourceSink,
  versionHash,
} from "../../kubernetes/api/resource.ts";
import { type Entry, type EntryOptions, readEntry } from "./entry.ts";

/** As many complaints are kept, so that none is made twice; what goes beyond is counted only. */
const MAX_TOLD = 1_000;

export interface EntriesOptions extends EntryOptions {
  /** Something is other than before. */
  readonly onChange: () => void;
  /** Told once for each. */
  readonly onRefused: (text: string) => void;
}

export class Entries implements ResourceSink {
  /** Entries, or parts of them, that were left out. */
  refused = 0;
  readonly #options: EntriesOptions;
  readonly #entries = new Map<string, { readonly entry: Entry; readonly list: number }>();
  readonly #told = new Set<number>();
  /** Which list has begun last. */
  #list = 0;

  constructor(options: EntriesOptions) {
    this.#options = options;
  }

  *all(): Generator<Entry> {
    for (const { entry } of this.#entries.values()) yield entry;
  }

  get size(): number {
    return this.#entries.size;
  }

  beginList(): void {
    this.#list++;
  }

  endList(): void {
    for (const [key, { list }] of this.#entries) if (list !== this.#list) this.#entries.delete(key);
    this.#options.onChange();
  }

  /** What has nothing to answer is held too: it is known. */
  upsert(object: KubernetesObject): void {
    const { namespace, name } = object.metadata;
    const entry = readEntry(object, this.#options, (reason) => this.#refuse(namespace, name, reason));
    this.#entries.set(keyOf(namespace, name), { entry, list: this.#list });
    this.#options.onChange();
  }

  remove({ metadata }: KubernetesObject): void {
    if (this.#entries.delete(keyOf(metadata.namespace, metadata.name))) this.#options.onChange();
  }

  versionOf(namespace: string, name: string): number | undefined {
    return this.#entries.get(keyOf(namespace, name))?.entry.version;
  }

  *keys(): Generator<ObjectKey> {
    yield* this.all();
  }

  #refuse(namespace: string, name: string, reason: string): void {
    this.refused++;
    const text = `ServiceEntry ${namespace.slice(0, 64)}/${name.slice(0, 64)}: ${reason}`;
    const hash = versionHash(text, "");
    if (this.#told.size >= MAX_TOLD || this.#told.has(hash)) return;
    this.#told.add(hash);
    this.#options.onRefused(text);
  }
}

/** Names of objects have no slash. */
function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}
