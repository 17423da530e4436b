/** Which pods have which addresses: 65 bytes for each, with all indexes. */
import { parseIpv4, parseIpv6 } from "../../dns/address.ts";
import type { HashIndex } from "../../memory/hash-index.ts";
import { markOf, type RowDirectory } from "../../memory/row-directory.ts";
import { type KubernetesObject, type ObjectKey, versionHash } from "../api/resource.ts";
import { fieldsOf, itemsOf, textOf } from "../fields.ts";
import { textAt } from "./byte-text.ts";
import type { TableCore } from "./core.ts";
import { Held } from "./held.ts";
import { Cell, ID_MASK, Kind, PodField, SALT_BITS, Salt, WriterCell } from "./layout.ts";
import type { Namespaces } from "./namespaces.ts";
import { isNewAddress } from "./row-words.ts";

/** Addresses of one family: the API gives one of each. */
const MAX_ADDRESSES = 8;
/** Labels beyond are not kept: the API takes them up to 256 KiB with the annotations. */
const MAX_LABEL_BYTES = 64 * 1024;
const MAX_ROW = PodField.BODY + 5 * MAX_ADDRESSES + 64 + MAX_LABEL_BYTES / 4 + 1;

export class Pods {
  readonly directory: RowDirectory;
  readonly held: Held = new Held();
  readonly #core: TableCore;
  readonly #namespaces: Namespaces;
  readonly #names: HashIndex;
  readonly #addresses: HashIndex;
  readonly #keepLabels: boolean;
  readonly #draft = new Int32Array(MAX_ROW);
  readonly #draftBytes = new Uint8Array(this.#draft.buffer);
  readonly #ipv4 = new Uint8Array(4 * (MAX_ADDRESSES + 1));
  readonly #ipv6 = new Uint8Array(16 * (MAX_ADDRESSES + 1));

  constructor(core: TableCore, namespaces: Namespaces, keepLabels: boolean) {
    this.#core = core;
    this.#namespaces = namespaces;
    this.#keepLabels = keepLabels;
    this.directory = core.directory(Kind.POD, Cell.PODS);
    this.#names = core.index(WriterCell.POD_NAMES, (index) => {
      for (const id of this.directory.ids()) index.insert(this.#nameHashOf(id), id);
    });
    this.#addresses = core.index(Cell.POD_ADDRESSES, (index) => {
      for (const id of this.directory.ids())
        this.#eachAddress(this.directory.row(id), (hash) => index.insert(hash, id));
    });
  }

  get keyCount(): number {
    return this.#names.size + this.#addresses.size;
  }

  upsert(object: KubernetesObject): void {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const status = fieldsOf(object.status);
    const owner = this.#namespaces.acquire(namespace);
    let id = owner === 0 ? 0 : this.#find(owner, name);
    const phase = status.phase;
    // Its addresses belong to others by now, or nobody knows (as CoreDNS sees it).
    if (phase === "Succeeded" || phase === "Failed" || phase === "Unknown") {
      if (owner !== 0) this.#namespaces.release(owner);
      if (id !== 0) this.remove(id);
      return;
    }
    const length = owner === 0 ? 0 : this.#read(object, owner, name);
    if (length === 0) {
      if (owner !== 0) this.#namespaces.release(owner);
      this.#core.refuse("Pod", namespace, name, owner === 0 ? this.#namespaces.refusal : "a name that is none");
      return;
    }
    const before = id === 0 ? 0 : this.directory.row(id);
    if (before === 0 || !this.#core.isSame(before, this.#draft, length)) id = this.#commit(id, length);
    // A row that was there speaks of its namespace already.
    if (before !== 0 || id === 0) this.#namespaces.release(owner);
    if (id !== 0) this.held.set(id, versionHash(uid, resourceVersion));
    else this.#core.refuse("Pod", namespace, name, "no memory");
  }

  find(namespace: string, name: string): number {
    const owner = this.#namespaces.find("", namespace);
    return owner === 0 ? 0 : this.#find(owner, name);
  }

  remove(id: number): void {
    const row = this.directory.row(id);
    this.#eachAddress(row, (hash) => this.#addresses.remove(hash, id));
    this.#names.remove(this.#nameHashOf(id), id);
    this.directory.remove(id);
    this.held.remove(id);
    this.#namespaces.release(this.#core.heap.words[row + PodField.NAMESPACE]! & ID_MASK);
    this.#names.trim();
    this.#addresses.trim();
    this.#core.touch();
  }

  relocate(id: number): void {
    const { heap } = this.#core;
    const before = this.directory.row(id);
    const length = rowLength(heap.words, before);
    const row = heap.allocate(length);
    if (row === 0) return;
    heap.words.copyWithin(row, before, before + length);
    this.directory.replace(id, row);
  }

  key(id: number): ObjectKey {
    const { words, bytes } = this.#core.heap;
    const row = this.directory.row(id);
    const name = textAt(bytes, nameAt(words, row), words[row + PodField.LENGTHS]! & 0xff);
    return { namespace: this.#namespaces.name(words[row + PodField.NAMESPACE]! & ID_MASK), name };
  }

  /** Makes the row; gives its length in words, 0 when it cannot be. */
  #read(object: KubernetesObject, owner: number, name: string): number {
    const { key } = this.#core;
    key.clear();
    if (key.objectName(name) === 0) return 0;
    let ipv4 = 0;
    let ipv6 = 0;
    for (const item of itemsOf(fieldsOf(object.status).podIPs)) {
      const text = textOf(fieldsOf(item).ip);
      if (parseIpv4(text, this.#ipv4, 4 * ipv4)) {
        if (ipv4 < MAX_ADDRESSES && isNewAddress(this.#ipv4, ipv4, 4)) ipv4++;
      } else if (parseIpv6(text, this.#ipv6, 16 * ipv6)) {
        if (ipv6 < MAX_ADDRESSES && isNewAddress(this.#ipv6, ipv6, 16)) ipv6++;
      } else if (text !== "") this.#core.refuse("Pod", object.metadata.namespace, name, "an address that is none");
    }
    const bytes = this.#draftBytes;
    let at = PodField.BODY * 4;
    for (let i = 0; i < 4 * ipv4; i++) bytes[at++] = this.#ipv4[i]!;
    for (let i = 0; i < 16 * ipv6; i++) bytes[at++] = this.#ipv6[i]!;
    for (let i = 1; i < key.length; i++) bytes[at++] = key.bytes[i]!;
    const labels = this.#keepLabels ? writeLabels(fieldsOf(object.metadata.labels), bytes, at) : 0;
    const end = at + labels;
    for (let i = end; (i & 3) !== 0; i++) bytes[i] = 0;
    this.#draft[PodField.NAMESPACE] = owner | (ipv4 << 24) | (ipv6 << 28);
    this.#draft[PodField.LENGTHS] = (key.length - 1) | (labels << 8);
    return (end + 3) >> 2;
  }

  /** Gives the id; 0 when there is no memory. */
  #commit(id: number, length: number): number {
    const { heap } = this.#core;
    const isNewPod = id === 0;
    if (isNewPod && !(this.directory.reserve() && this.#names.reserve(1))) return 0;
    if (!this.#addresses.reserve(2 * MAX_ADDRESSES)) return 0;
    const target = isNewPod ? this.directory.nextId() : id;
    const row = this.#core.place(this.#draft, length, markOf(Kind.POD, target));
    if (row === 0) return 0;
    const before = isNewPod ? 0 : this.directory.row(id);
    this.#eachAddress(row, (hash, at, size) => {
      if (before === 0 || !this.#hasAddress(before, heap.bytes, at, size)) this.#addresses.insert(hash, target);
    });
    if (isNewPod) {
      this.directory.add(row);
      this.#names.insert(this.#nameHashOf(target), target);
    } else {
      this.directory.replace(id, row);
      this.#eachAddress(before, (hash, at, size) => {
        if (!this.#hasAddress(row, heap.bytes, at, size)) this.#addresses.remove(hash, target);
      });
      this.#addresses.trim();
    }
    this.#core.touch();
    return target;
  }

  #find(owner: number, name: string): number {
    const { key, hash, heap } = this.#core;
    key.clear();
    if (key.objectName(name) === 0) return 0;
    const size = key.length - 1;
    return this.#core.find(this.#names, hash.bytes(key.bytes, 1, size, (owner << SALT_BITS) | Salt.POD), (id) => {
      const row = this.directory.row(id);
      const { words, bytes } = heap;
      if ((words[row + PodField.NAMESPACE]! & ID_MASK) !== owner || (words[row + PodField.LENGTHS]! & 0xff) !== size) {
        return false;
      }
      const at = nameAt(words, row);
      for (let i = 0; i < size; i++) if (bytes[at + i] !== key.bytes[1 + i]) return false;
      return true;
    });
  }

  #nameHashOf(id: number): number {
    const { words, bytes } = this.#core.heap;
    const row = this.directory.row(id);
    const owner = words[row + PodField.NAMESPACE]! & ID_MASK;
    const size = words[row + PodField.LENGTHS]! & 0xff;
    return this.#core.hash.bytes(bytes, nameAt(words, row), size, (owner << SALT_BITS) | Salt.POD);
  }

  #eachAddress(row: number, visit: (hash: number, at: number, size: number) => void): void {
    const { words, bytes } = this.#core.heap;
    const [ipv4, ipv6] = addressCounts(words, row);
    let at = (row + PodField.BODY) * 4;
    for (let i = 0; i < ipv4 + ipv6; i++) {
      const size = i < ipv4 ? 4 : 16;
      visit(this.#core.hash.bytes(bytes, at, size, Salt.ADDRESS), at, size);
      at += size;
    }
  }

  #hasAddress(row: number, source: Uint8Array, sourceAt: number, size: number): boolean {
    const { words, bytes } = this.#core.heap;
    const [ipv4, ipv6] = addressCounts(words, row);
    let at = (row + PodField.BODY) * 4 + (size === 4 ? 0 : 4 * ipv4);
    for (let left = size === 4 ? ipv4 : ipv6; left > 0; left--, at += size) {
      let i = 0;
      while (i < size && bytes[at + i] === source[sourceAt + i]) i++;
      if (i === size) return true;
    }
    return false;
  }
}

function addressCounts(words: Int32Array, row: number): [number, number] {
  const word = words[row + PodField.NAMESPACE]!;
  return [(word >>> 24) & 15, word >>> 28];
}

/** In bytes. */
function nameAt(words: Int32Array, row: number): number {
  const [ipv4, ipv6] = addressCounts(words, row);
  return (row + PodField.BODY + ipv4 + 4 * ipv6) * 4;
}

function rowLength(words: Int32Array, row: number): number {
  const lengths = words[row + PodField.LENGTHS]!;
  return (nameAt(words, row) + (lengths & 0xff) + (lengths >>> 8) + 3 - row * 4) >> 2;
}

/** Gives the bytes that were written. */
function writeLabels(labels: Record<string, unknown>, out: Uint8Array, to: number): number {
  let at = to;
  for (const [key, value] of Object.entries(labels)) {
    const text = textOf(value);
    if (at - to + key.length + text.length + 4 > MAX_LABEL_BYTES) break;
    for (const part of [key, text]) {
      out[at++] = part.length >> 8;
      out[at++] = part.length;
      for (let i = 0; i < part.length; i++) out[at++] = part.charCodeAt(i);
    }
  }
  return at - to;
}
