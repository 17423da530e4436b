/**
 * Services with their slices; or ServiceImports with theirs, which are a space of their own. A Service's row names the
 * rows of its slices, so every change of a slice makes a new row of both (`layout.ts` says why). Whoever comes first,
 * Service or slice, makes the Service's row.
 */
import type { HashIndex } from "../../memory/hash-index.ts";
import { markOf, type RowDirectory } from "../../memory/row-directory.ts";
import { type KubernetesObject, type ObjectKey, versionHash } from "../api/resource.ts";
import { AddressDiff } from "./address-diff.ts";
import { AddressSet } from "./address-set.ts";
import { textAt } from "./byte-text.ts";
import type { TableCore } from "./core.ts";
import { Held } from "./held.ts";
import { ID_MASK, SALT_BITS, Salt, ServiceField, ServiceFlag, SliceField, SpaceCell, WriterCell } from "./layout.ts";
import type { Namespaces } from "./namespaces.ts";
import { hasRepeats, hasWords, keyAt, sizeAt, sliceLength, slicesAt } from "./row-words.ts";
import { ServiceAddresses } from "./service-addresses.ts";
import { ServiceDraft } from "./service-draft.ts";
import { SliceDraft, type SliceWishes } from "./slice-draft.ts";

export interface SpaceKinds {
  readonly firstCell: number;
  readonly service: number;
  readonly slice: number;
  /** As the API calls them. */
  readonly serviceName: "Service" | "ServiceImport";
}

export class ServiceSpace {
  readonly services: RowDirectory;
  readonly slices: RowDirectory;
  readonly heldServices: Held = new Held();
  readonly heldSlices: Held = new Held();
  endpointCount = 0;

  readonly #core: TableCore;
  readonly #namespaces: Namespaces;
  readonly #kinds: SpaceKinds;
  readonly #names: HashIndex;
  readonly #addresses: ServiceAddresses;
  readonly #endpoints: HashIndex;
  readonly #sliceNames: HashIndex;
  readonly #serviceDraft = new ServiceDraft();
  readonly #sliceDraft: SliceDraft;
  readonly #seen = new AddressSet();
  /** Between the slice that is being changed and what it was. */
  readonly #diff: AddressDiff;

  constructor(core: TableCore, namespaces: Namespaces, kinds: SpaceKinds, wishes: SliceWishes) {
    this.#core = core;
    this.#namespaces = namespaces;
    this.#kinds = kinds;
    this.#sliceDraft = new SliceDraft(core.hash, wishes);
    this.#diff = new AddressDiff(core.hash);
    const { firstCell } = kinds;
    this.services = core.directory(kinds.service, firstCell + SpaceCell.SERVICES);
    this.slices = core.directory(kinds.slice, firstCell + SpaceCell.SLICES);
    this.#names = core.index(firstCell + SpaceCell.NAMES, (names) => {
      for (const id of this.services.ids()) names.insert(this.#keyHash(this.services.row(id)), id);
    });
    this.#addresses = new ServiceAddresses(core, this.services, firstCell);
    const all = new AddressDiff(core.hash);
    this.#endpoints = core.index(firstCell + SpaceCell.ENDPOINTS, (endpoints) =>
      this.#enumerateEndpoints(endpoints, all),
    );
    this.#sliceNames = core.index(firstCell + WriterCell.SLICE_NAMES, (names) => {
      for (const id of this.slices.ids()) names.insert(this.#sliceNameHash(id), id);
    });
  }

  get keyCount(): number {
    return this.#names.size + this.#addresses.keyCount + this.#endpoints.size + this.#sliceNames.size;
  }

  upsertService(object: KubernetesObject): void {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const refuse = (reason: string) => this.#core.refuse(this.#kinds.serviceName, namespace, name, reason);
    if (!this.#setKey(namespace, name)) {
      refuse("a name that is no label");
      return;
    }
    const { key } = this.#core;
    const draft = this.#serviceDraft;
    if (this.#kinds.serviceName === "Service") draft.service(key, object, refuse);
    else draft.serviceImport(key, object, refuse);
    const id = this.#writeDraft(this.#findKey());
    if (id === 0) refuse("no memory");
    else this.heldServices.set(id, versionHash(uid, resourceVersion));
  }

  /** 0 when the API has not named it. */
  findService(namespace: string, name: string): number {
    const id = this.#setKey(namespace, name) ? this.#findKey() : 0;
    return this.heldServices.has(id) ? id : 0;
  }

  removeService(id: number): void {
    if (!this.heldServices.has(id)) return;
    const { words } = this.#core.heap;
    const row = this.services.row(id);
    this.#keyOf(row);
    if (words[row + ServiceField.SLICES] === 0) this.#dropService(id);
    else {
      // Its slices may stay for a moment, or another Service of that name come.
      this.#serviceDraft.empty(this.#core.key);
      if (this.#writeDraft(id) === 0) return;
    }
    this.heldServices.remove(id);
    this.#core.touch();
  }

  /**
   * `service` is the name of the Service that it belongs to, in its own namespace; `cluster` where it comes from, if
   * that counts.
   */
  upsertSlice(object: KubernetesObject, service: string, cluster: string): void {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const refuse = (reason: string) => this.#core.refuse("EndpointSlice", namespace, name, reason);
    const owner = this.#namespaces.acquire(namespace);
    let id = owner === 0 ? 0 : this.#findSliceName(owner, name);
    const isSlice = owner !== 0 && this.#sliceDraft.read(object, name, cluster, refuse);
    if (!isSlice || !this.#setKey(namespace, service)) {
      refuse(owner === 0 ? this.#namespaces.refusal : "no endpoints that DNS knows");
      if (id !== 0) this.removeSlice(id);
      if (owner !== 0) this.#namespaces.release(owner);
      return;
    }
    let serviceId = this.#findKey();
    if (serviceId === 0) {
      this.#serviceDraft.empty(this.#core.key);
      serviceId = this.#writeDraft(0);
    }
    if (id !== 0 && this.#serviceOf(id) !== serviceId) {
      this.removeSlice(id);
      id = 0;
    }
    const isNew = id === 0;
    id = serviceId === 0 ? 0 : this.#commitSlice(id, serviceId, owner);
    if (!isNew || id === 0) this.#namespaces.release(owner);
    if (id === 0) {
      refuse("no memory");
      if (serviceId !== 0) this.#dropIfUnused(serviceId);
      return;
    }
    this.heldSlices.set(id, versionHash(uid, resourceVersion));
  }

  findSlice(namespace: string, name: string): number {
    const owner = this.#namespaces.find("", namespace);
    return owner === 0 ? 0 : this.#findSliceName(owner, name);
  }

  removeSlice(id: number): void {
    const { words } = this.#core.heap;
    const serviceId = this.#serviceOf(id);
    const count = this.#countOf(id);
    if (!this.#relink(serviceId, this.slices.row(id), 0, -count)) return;
    this.#diff.compare(words, this.#addressesAt(id), count, words, 0, 0, this.#sizeOf(id), true);
    for (let i = 0; i < this.#diff.removedCount; i++) this.#endpoints.remove(this.#diff.removedHashes[i]!, id);
    this.#sliceNames.remove(this.#sliceNameHash(id), id);
    const owner = words[this.slices.row(id) + SliceField.NAMESPACE]! & ID_MASK;
    this.slices.remove(id);
    this.heldSlices.remove(id);
    this.endpointCount -= count;
    this.#dropIfUnused(serviceId);
    this.#endpoints.trim();
    this.#sliceNames.trim();
    this.#namespaces.release(owner);
    this.#core.touch();
  }

  /** Flags of the Service that a slice belongs to. */
  flagsOfSlice(id: number): number {
    return this.#core.heap.words[this.services.row(this.#serviceOf(id)) + ServiceField.FLAGS]!;
  }

  serviceName(id: number): ObjectKey {
    const { words, bytes } = this.#core.heap;
    const at = keyAt(words, this.services.row(id));
    const size = bytes[at]!;
    return { name: textAt(bytes, at + 1, size), namespace: textAt(bytes, at + 2 + size, bytes[at + 1 + size]!) };
  }

  sliceName(id: number): ObjectKey {
    const { words, bytes } = this.#core.heap;
    const row = this.slices.row(id);
    const length = words[row + SliceField.NAME_LENGTHS]! & 0xff;
    const namespace = this.#namespaces.name(words[row + SliceField.NAMESPACE]! & ID_MASK);
    return { name: textAt(bytes, row * 4 + words[row + SliceField.NAME_AT]!, length), namespace };
  }

  relocateService(id: number): void {
    this.#relink(id, 0, 0, 0);
  }

  relocateSlice(id: number): void {
    const { heap } = this.#core;
    const before = this.slices.row(id);
    const length = sliceLength(heap.words, before);
    const row = heap.allocate(length);
    if (row === 0) return;
    heap.words.copyWithin(row, before, before + length);
    this.#diff.clear();
    if (!this.#relink(this.#serviceOf(id), before, row, 0)) {
      heap.free(row);
      return;
    }
    this.slices.replace(id, row);
  }

  /**
   * Puts the draft in the place of what the API said of Service `id` before; 0: a new one. Gives its id; 0 when there
   * is no memory.
   */
  #writeDraft(id: number): number {
    const draft = this.#serviceDraft;
    const { heap } = this.#core;
    const before = id === 0 ? 0 : this.services.row(id);
    if (id !== 0) {
      draft.words[ServiceField.FLAGS]! |= heap.words[before + ServiceField.FLAGS]! & ServiceFlag.REPEATS;
      draft.words[ServiceField.SLICES] = heap.words[before + ServiceField.SLICES]!;
      draft.words[ServiceField.ENDPOINTS] = heap.words[before + ServiceField.ENDPOINTS]!;
      if (this.#core.isSame(before, draft.words, draft.length)) return id;
    } else {
      draft.words[ServiceField.SLICES] = 0;
      draft.words[ServiceField.ENDPOINTS] = 0;
      if (!this.services.reserve() || !this.#names.reserve(1)) return 0;
    }
    if (!this.#addresses.reserve(draft.words[ServiceField.ADDRESSES]!)) return 0;
    const slices = draft.words[ServiceField.SLICES]!;
    const isRemoval = id !== 0 && (draft.words[ServiceField.FLAGS]! & ServiceFlag.OBJECT) === 0;
    const row = heap.allocate(draft.length + slices, isRemoval);
    if (row === 0) return 0;
    const target = id === 0 ? this.services.nextId() : id;
    const { words } = heap;
    words[row] = markOf(this.#kinds.service, target);
    for (let i = 1; i < draft.length; i++) words[row + i] = draft.words[i]!;
    const from = before + slicesAt(words, before);
    for (let i = 0; i < slices; i++) words[row + draft.length + i] = words[from + i]!;
    this.#addresses.add(target, row, before);
    if (id === 0) {
      this.services.add(row);
      this.#names.insert(this.#keyHash(row), target);
    } else {
      this.services.replace(id, row);
      this.#addresses.remove(id, before, row);
      this.#addresses.trim();
    }
    this.#core.touch();
    return target;
  }

  #dropService(id: number): void {
    const row = this.services.row(id);
    this.#names.remove(this.#keyHash(row), id);
    this.#addresses.remove(id, row, 0);
    this.services.remove(id);
    this.#names.trim();
    this.#addresses.trim();
  }

  #dropIfUnused(id: number): void {
    if (this.heldServices.has(id) || this.#core.heap.words[this.services.row(id) + ServiceField.SLICES] !== 0) return;
    this.#dropService(id);
  }

  /** Puts the slice's draft in the place of slice `id`, or of a new one. Gives its id; 0 when there is no memory. */
  #commitSlice(id: number, serviceId: number, owner: number): number {
    const draft = this.#sliceDraft;
    draft.setOwner(serviceId, owner);
    const { heap } = this.#core;
    const before = id === 0 ? 0 : this.slices.row(id);
    if (before !== 0 && this.#core.isSame(before, draft.words, draft.length)) return id;
    const oldCount = id === 0 ? 0 : this.#countOf(id);
    const oldSize = id === 0 ? draft.size : this.#sizeOf(id);
    // A slice's family never changes in the API; if it does, all of its addresses are others.
    const shared = oldSize === draft.size;
    const diff = this.#diff;
    const at = id === 0 || !shared ? 0 : this.#addressesAt(id);
    const repeats = hasRepeats(draft.words, 0) || (before !== 0 && hasRepeats(heap.words, before));
    const shareable = shared ? oldCount : 0;
    diff.compare(heap.words, at, shareable, draft.words, SliceField.BODY, draft.count, draft.size, repeats);
    if (!this.#endpoints.reserve(diff.addedCount)) return 0;
    if (id === 0 && !(this.slices.reserve() && this.#sliceNames.reserve(1))) return 0;
    const target = id === 0 ? this.slices.nextId() : id;
    const row = this.#core.place(draft.words, draft.length, markOf(this.#kinds.slice, target));
    if (row === 0) return 0;
    if (!this.#relink(serviceId, before, row, draft.count - oldCount)) {
      heap.free(row);
      return 0;
    }
    for (let i = 0; i < diff.addedCount; i++) this.#endpoints.insert(diff.addedHashes[i]!, target);
    if (id === 0) {
      this.slices.add(row);
      this.#sliceNames.insert(this.#sliceNameHash(target), target);
    } else {
      if (!shared) diff.compare(heap.words, this.#addressesAt(id), oldCount, heap.words, 0, 0, oldSize, true);
      this.slices.replace(id, row);
      for (let i = 0; i < diff.removedCount; i++) this.#endpoints.remove(diff.removedHashes[i]!, target);
      this.#endpoints.trim();
    }
    this.endpointCount += draft.count - oldCount;
    this.#core.touch();
    return target;
  }

  /**
   * Gives the Service a row in which slice row `added` stands where `removed` stood (0: nothing). With neither it is
   * moved elsewhere. False when there is no memory: then nothing has changed.
   */
  #relink(id: number, removed: number, added: number, endpoints: number): boolean {
    const { heap } = this.#core;
    const before = this.services.row(id);
    const first = slicesAt(heap.words, before);
    const have = heap.words[before + ServiceField.SLICES]!;
    const count = have + (added !== 0 ? 1 : 0) - (removed !== 0 ? 1 : 0);
    const row = heap.allocate(first + count, added === 0 && removed !== 0);
    if (row === 0) return false;
    const { words } = heap;
    for (let i = 0; i < first; i++) words[row + i] = words[before + i]!;
    let to = row + first;
    for (let i = 0; i < have; i++) {
      const slice = words[before + first + i]!;
      if (slice !== removed) words[to++] = slice;
      else if (added !== 0) words[to++] = added;
    }
    if (removed === 0 && added !== 0) words[to] = added;
    words[row + ServiceField.SLICES] = count;
    words[row + ServiceField.ENDPOINTS] = words[before + ServiceField.ENDPOINTS]! + endpoints;
    if (removed !== 0 || added !== 0) {
      const repeats = this.#repeats(id, row, added);
      const flags = words[row + ServiceField.FLAGS]! & ~ServiceFlag.REPEATS;
      words[row + ServiceField.FLAGS] = flags | (repeats ? ServiceFlag.REPEATS : 0);
    }
    this.services.replace(id, row);
    return true;
  }

  /**
   * Whether an address stands in more than one place of the slices of `row`. Mostly none does, and only the addresses
   * that `added` brings, which `#diff` knows, can change that; once one does, all are compared again with each change.
   */
  #repeats(id: number, row: number, added: number): boolean {
    const { words } = this.#core.heap;
    const count = words[row + ServiceField.SLICES]!;
    const first = row + slicesAt(words, row);
    const did = (words[row + ServiceField.FLAGS]! & ServiceFlag.REPEATS) !== 0;
    if (count > 1 && !did && added !== 0) return hasRepeats(words, added) || this.#isElsewhere(id, added);
    if (count > 1 && !did) return false;
    for (let i = 0; i < count; i++) if (hasRepeats(words, words[first + i]!)) return true;
    return count > 1 && this.#haveCommon(words, first, count);
  }

  #haveCommon(words: Int32Array, first: number, count: number): boolean {
    for (const size of [4, 16]) {
      this.#seen.clear(size);
      for (let i = 0; i < count; i++) {
        const slice = words[first + i]!;
        if (sizeAt(words, slice) !== size) continue;
        const end = slice + SliceField.BODY + (words[slice + SliceField.COUNTS]! & 0xffff) * (size >> 2);
        for (let at = slice + SliceField.BODY; at < end; at += size >> 2) {
          if (this.#seen.add(words, at) !== at) return true;
        }
      }
    }
    return false;
  }

  /** Whether one of the addresses that are new stands in another slice of the Service than `slice`. */
  #isElsewhere(id: number, slice: number): boolean {
    const { words } = this.#core.heap;
    const self = words[slice]! & ID_MASK;
    const size = sizeAt(words, slice) >> 2;
    const diff = this.#diff;
    for (let i = 0; i < diff.addedCount; i++) {
      const at = slice + SliceField.BODY + diff.addedPositions[i]! * size;
      const probe = this.#endpoints.probe(diff.addedHashes[i]!);
      for (let other = probe.next(); other !== 0; other = probe.next()) {
        if (other === self || this.#serviceOf(other) !== id || this.#sizeOf(other) !== size * 4) continue;
        if (hasWords(words, this.#addressesAt(other), this.#countOf(other), words, at, size)) return true;
      }
    }
    return false;
  }

  /** Each address of a slice once. Mostly none is there twice, and this must not take long: it holds the thread. */
  #enumerateEndpoints(endpoints: HashIndex, all: AddressDiff): void {
    const { words, bytes } = this.#core.heap;
    for (const id of this.slices.ids()) {
      const first = this.#addressesAt(id);
      const count = this.#countOf(id);
      const size = this.#sizeOf(id);
      if (hasRepeats(words, this.slices.row(id))) {
        all.compare(words, 0, 0, words, first, count, size, true);
        for (let i = 0; i < all.addedCount; i++) endpoints.insert(all.addedHashes[i]!, id);
        continue;
      }
      for (let i = 0, at = first * 4; i < count; i++, at += size) {
        endpoints.insert(this.#core.hash.bytes(bytes, at, size, Salt.ADDRESS), id);
      }
    }
  }

  /** Makes the core's key of the two labels. */
  #setKey(namespace: string, name: string): boolean {
    const { key } = this.#core;
    key.clear();
    return key.label(name) !== 0 && key.label(namespace) !== 0;
  }

  #keyOf(row: number): void {
    const { key, heap } = this.#core;
    key.clear();
    key.raw(heap.bytes, keyAt(heap.words, row), (heap.words[row + ServiceField.FLAGS]! >> 8) & 0xff);
  }

  #findKey(): number {
    const { key, hash, heap } = this.#core;
    const size = key.length - 1;
    return this.#core.find(this.#names, hash.bytes(key.bytes, 1, size, Salt.SERVICE), (id) => {
      const row = this.services.row(id);
      if (((heap.words[row + ServiceField.FLAGS]! >> 8) & 0xff) !== size) return false;
      const at = keyAt(heap.words, row);
      for (let i = 0; i < size; i++) if (heap.bytes[at + i] !== key.bytes[1 + i]) return false;
      return true;
    });
  }

  #keyHash(row: number): number {
    const { words, bytes } = this.#core.heap;
    const size = (words[row + ServiceField.FLAGS]! >> 8) & 0xff;
    return this.#core.hash.bytes(bytes, keyAt(words, row), size, Salt.SERVICE);
  }

  #findSliceName(owner: number, name: string): number {
    const { key, hash, heap } = this.#core;
    key.clear();
    if (key.objectName(name) === 0) return 0;
    const size = key.length - 1;
    return this.#core.find(
      this.#sliceNames,
      hash.bytes(key.bytes, 1, size, (owner << SALT_BITS) | Salt.SLICE),
      (id) => {
        const row = this.slices.row(id);
        const { words, bytes } = heap;
        if ((words[row + SliceField.NAMESPACE]! & ID_MASK) !== owner) return false;
        if ((words[row + SliceField.NAME_LENGTHS]! & 0xff) !== size) return false;
        const at = row * 4 + words[row + SliceField.NAME_AT]!;
        for (let i = 0; i < size; i++) if (bytes[at + i] !== key.bytes[1 + i]) return false;
        return true;
      },
    );
  }

  #sliceNameHash(id: number): number {
    const { words, bytes } = this.#core.heap;
    const row = this.slices.row(id);
    const owner = words[row + SliceField.NAMESPACE]! & ID_MASK;
    const size = words[row + SliceField.NAME_LENGTHS]! & 0xff;
    return this.#core.hash.bytes(
      bytes,
      row * 4 + words[row + SliceField.NAME_AT]!,
      size,
      (owner << SALT_BITS) | Salt.SLICE,
    );
  }

  #serviceOf(slice: number): number {
    return this.#core.heap.words[this.slices.row(slice) + SliceField.SERVICE]!;
  }

  #addressesAt(slice: number): number {
    return this.slices.row(slice) + SliceField.BODY;
  }

  #countOf(slice: number): number {
    return this.#core.heap.words[this.slices.row(slice) + SliceField.COUNTS]! & 0xffff;
  }

  #sizeOf(slice: number): number {
    return sizeAt(this.#core.heap.words, this.slices.row(slice));
  }
}
