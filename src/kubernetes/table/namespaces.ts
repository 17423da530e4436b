/** The namespaces, also those that only pods and slices speak of: their rows name theirs by an id. */
import type { HashIndex } from "../../memory/hash-index.ts";
import { markOf, type RowDirectory } from "../../memory/row-directory.ts";
import { type KubernetesObject, type ObjectKey, versionHash } from "../api/resource.ts";
import { textAt } from "./byte-text.ts";
import type { TableCore } from "./core.ts";
import { Held } from "./held.ts";
import { Cell, Kind, NAMESPACE_EXISTS, NamespaceField, Salt } from "./layout.ts";

/** Words of a row with the longest label. */
const MAX_ROW = NamespaceField.LABEL + 16;

export class Namespaces {
  readonly directory: RowDirectory;
  readonly held: Held = new Held();
  readonly #core: TableCore;
  readonly #names: HashIndex;
  /** Rows of others that speak of it. */
  #references = new Int32Array(64);
  readonly #draft = new Int32Array(MAX_ROW);
  readonly #draftBytes = new Uint8Array(this.#draft.buffer);

  constructor(core: TableCore) {
    this.#core = core;
    this.directory = core.directory(Kind.NAMESPACE, Cell.NAMESPACES);
    this.#names = core.index(Cell.NAMESPACE_NAMES, (names) => {
      for (const id of this.directory.ids()) names.insert(this.#hashOf(id), id);
    });
  }

  get keyCount(): number {
    return this.#names.size;
  }

  /** The id of a namespace, which stays until `release`; 0 when that is no name, or there is no memory. */
  acquire(name: string): number {
    const id = this.#find(name) || this.#write(0, 0);
    if (id !== 0) this.#references[id]!++;
    return id;
  }

  /** Why `acquire` has just given 0. */
  get refusal(): string {
    return this.#core.key.length > 1 ? "no memory" : "a name that is no label";
  }

  release(id: number): void {
    this.#references[id]!--;
    this.#drop(id);
  }

  /** 0 when nobody ever spoke of it. */
  find(_: string, name: string): number {
    return this.#find(name);
  }

  key(id: number): ObjectKey {
    return { namespace: "", name: this.name(id) };
  }

  name(id: number): string {
    const row = this.directory.row(id);
    const at = (row + NamespaceField.LABEL) * 4;
    return textAt(this.#core.heap.bytes, at + 1, this.#core.heap.bytes[at]!);
  }

  upsert(object: KubernetesObject): void {
    const { name, uid, resourceVersion } = object.metadata;
    let id = this.#find(name);
    if (id === 0 || !this.#exists(id)) {
      id = this.#write(id, NAMESPACE_EXISTS);
      if (id === 0) {
        this.#core.refuse("Namespace", "", name, this.refusal);
        return;
      }
      this.#core.touch();
    }
    this.held.set(id, versionHash(uid, resourceVersion));
  }

  remove(id: number): void {
    if (!this.held.has(id)) return;
    this.held.remove(id);
    // The name stays as long as others speak of it.
    if (this.#references[id] !== 0) {
      this.#find(this.name(id));
      this.#write(id, 0);
    } else this.#drop(id);
    this.#core.touch();
  }

  /** Moves the row elsewhere. */
  relocate(id: number): void {
    const exists = this.#exists(id);
    this.#find(this.name(id));
    this.#write(id, exists ? NAMESPACE_EXISTS : 0);
  }

  /** Leaves the label as the core's key. */
  #find(name: string): number {
    const { key, hash, heap } = this.#core;
    key.clear();
    if (key.label(name) === 0) return 0;
    return this.#core.find(this.#names, hash.bytes(key.bytes, 1, key.length - 1, Salt.NAMESPACE), (id) => {
      const at = (this.directory.row(id) + NamespaceField.LABEL) * 4;
      for (let i = 1; i < key.length; i++) if (heap.bytes[at + i - 1] !== key.bytes[i]) return false;
      return true;
    });
  }

  /** The row of `id`, or of a new id, for the label that is the core's key. */
  #write(id: number, flags: number): number {
    const { key, hash } = this.#core;
    const size = key.length - 1;
    if (size === 0) return 0;
    this.#draft[NamespaceField.LABEL + (size >> 2)] = 0;
    this.#draft[NamespaceField.FLAGS] = flags | (size << 8);
    for (let i = 0; i < size; i++) this.#draftBytes[NamespaceField.LABEL * 4 + i] = key.bytes[1 + i]!;
    if (id === 0 && !(this.directory.reserve() && this.#names.reserve(1))) return 0;
    const newId = id === 0 ? this.directory.nextId() : id;
    const length = NamespaceField.LABEL + ((size + 3) >> 2);
    const row = this.#core.place(this.#draft, length, markOf(Kind.NAMESPACE, newId), id !== 0);
    if (row === 0) return 0;
    if (id !== 0) this.directory.replace(id, row);
    else {
      this.directory.add(row);
      this.#names.insert(hash.bytes(key.bytes, 1, size, Salt.NAMESPACE), newId);
      this.#makeRoom(newId);
      this.#references[newId] = 0;
    }
    return newId;
  }

  #drop(id: number): void {
    if (this.#references[id] !== 0 || this.held.has(id)) return;
    this.#names.remove(this.#hashOf(id), id);
    this.directory.remove(id);
    this.#names.trim();
  }

  #exists(id: number): boolean {
    return (this.#core.heap.words[this.directory.row(id) + NamespaceField.FLAGS]! & NAMESPACE_EXISTS) !== 0;
  }

  #hashOf(id: number): number {
    const { heap, hash } = this.#core;
    const at = (this.directory.row(id) + NamespaceField.LABEL) * 4;
    return hash.bytes(heap.bytes, at, heap.bytes[at]! + 1, Salt.NAMESPACE);
  }

  #makeRoom(id: number): void {
    if (id < this.#references.length) return;
    const more = new Int32Array(Math.max(id + 1, 2 * this.#references.length));
    more.set(this.#references);
    this.#references = more;
  }
}
