/**
 * The record table of a cluster as a worker reads it. Every look-up stands between `enter` and `leave`, and so does the
 * use of what it found: rows are read in place, and stay as they are until `leave`. Nothing here allocates or waits.
 *
 *   view.enter();
 *   if (view.findService(name.bytes, name.offsets[0], length)) ... view.service.ipv4At ... view.bytes[...]
 *   view.leave();
 *
 * Sections do not nest: leave before anything else is called that may look into the same table, by another view as
 * well, since all views of a worker share its cell. `enter` mends a section that was never left, so an error in between
 * costs nothing.
 *
 * Names are lower-case wire labels, cut from the question where they stand. All positions (`...At`) count bytes in
 * `view.bytes`, which may be another array after each look-up and each `next...` and `openSlice`: load it afterwards.
 */
import { FIRST_ID, Probe } from "../../memory/hash-index.ts";
import { KeyedHash } from "../../memory/keyed-hash.ts";
import { ReadSection } from "../../memory/read-sections.ts";
import { findRow, markOf } from "../../memory/row-directory.ts";
import { HeapReader } from "./heap-reader.ts";
import {
  Cell,
  type ClusterMemory,
  Header,
  ID_MASK,
  Kind,
  NAMESPACE_EXISTS,
  NamespaceField,
  PodField,
  type Resource,
  Salt,
  ServiceFlag,
  SliceField,
  SpaceCell,
  type SyncState,
} from "./layout.ts";
import { PodRow, ServiceRow, SliceRow } from "./rows.ts";
import { MAX_DASHED, writeDashed } from "./write-dashed.ts";

export type { PortList } from "./rows.ts";

/**
 * A look-up that found nothing while the table was changed is made again so many times. Each takes less than a change
 * does.
 */
export const MAX_TRIES = 4;
const MAX_SEEN = 64;

export class ClusterView {
  readonly service: ServiceRow;
  readonly slice: SliceRow;
  readonly pod: PodRow;
  /** Which endpoint of `slice` was found by `nextHost` or `nextEndpoint`. */
  endpoint = -1;

  readonly #header: Int32Array;
  readonly #heap: HeapReader;
  readonly #hash: KeyedHash;
  readonly #section: ReadSection;
  readonly #probe = new Probe();
  /** The address that is looked for, and what walks over the endpoints that have it. */
  readonly #address = new Int32Array(4);
  readonly #addressBytes = new Uint8Array(this.#address.buffer);
  readonly #endpointProbe = new Probe();
  /** The Service of the slice that `nextEndpoint` looks at. */
  readonly #owner: ServiceRow;
  #endpointHash = 0;
  #addressSize = 4;
  /** Counts the changes of answers: as it was at `enter` or `changed`, and for the look-up that is under way. */
  #changes = 0;
  #lookUpChanges = 0;
  #tries = 0;
  #foundEndpoint = false;
  /**
   * Ids that this look-up had. An index leads to a row twice when two of its keys have the same hash but for the lower
   * bits. More than these are not remembered: then a record may come twice, of which the reply keeps one.
   */
  readonly #seen = new Int32Array(MAX_SEEN);
  #seenCount = 0;
  /** The host label that is looked for among the endpoints of a Service. */
  #host: Uint8Array = new Uint8Array(0);
  #hostAt = 0;
  #hostLength = 0;
  #hostHash = 0;
  #hostSlice = 0;
  readonly #dashed = new Uint8Array(MAX_DASHED + 1);
  #nextId = 0;

  constructor(memory: ClusterMemory, worker: number) {
    this.#header = new Int32Array(memory.header);
    this.#heap = new HeapReader(memory.heap);
    this.#hash = new KeyedHash(this.#header[Header.KEYS]!, this.#header[Header.KEYS + 1]!);
    this.#section = new ReadSection(this.#header, Header.SECTIONS, worker);
    this.service = new ServiceRow(this.#heap);
    this.#owner = new ServiceRow(this.#heap);
    this.slice = new SliceRow(this.#heap);
    this.pod = new PodRow(this.#heap);
  }

  get bytes(): Uint8Array {
    return this.#heap.bytes;
  }

  enter(): void {
    this.#section.enter();
    // Everything that is read in the section is read behind this (`read-sections.ts`).
    this.#changes = Atomics.load(this.#header, Header.CHANGES);
  }

  leave(): void {
    this.#section.leave();
  }

  /** Unix time of the last change, in seconds. No section needed, nor for `state`. */
  get serial(): number {
    return Atomics.load(this.#header, Header.SERIAL) >>> 0;
  }

  /**
   * Whether answers have changed since `enter`, or since this was asked last: then what was not found may have come, or have
   * gone from one place to another, meanwhile.
   */
  changed(): boolean {
    const before = this.#changes;
    this.#changes = this.#loadChanges();
    return this.#changes !== before;
  }

  state(resource: Resource): SyncState {
    return Atomics.load(this.#header, Header.STATES + resource) as SyncState;
  }

  /**
   * `source[offset..offset+length)` is two labels, service and namespace. Then `service` is it. `hint` is where
   * `ServicesAhead` has seen it, or anything else.
   */
  findService(source: Uint8Array, offset: number, length: number, hint = 0): boolean {
    if (hint !== 0 && this.#isAt(hint, source, offset, length)) return (this.service.flags & ServiceFlag.OBJECT) !== 0;
    return this.#findByKey(Cell.SERVICES, Kind.SERVICE, source, offset, length);
  }

  /** The same among ServiceImports. */
  findImport(source: Uint8Array, offset: number, length: number): boolean {
    return this.#findByKey(Cell.IMPORTS, Kind.IMPORT, source, offset, length);
  }

  /**
   * Begins a walk over all Services, in no order. What changes during a walk of more than one section may be met or
   * not.
   */
  seekServices(): void {
    this.#nextId = FIRST_ID;
  }

  /** `service` is the next one then. */
  nextService(): boolean {
    const directory = this.#load(Cell.SERVICES + SpaceCell.SERVICES);
    while (this.#nextId <= this.#heap.words[directory]!) {
      const id = this.#nextId++;
      const row = this.#row(directory, Kind.SERVICE, id);
      if (row !== 0 && this.service.open(row) && (this.service.flags & ServiceFlag.OBJECT) !== 0) return true;
    }
    return false;
  }

  /** Whether there is the namespace of the label at `offset`. */
  hasNamespace(source: Uint8Array, offset: number): boolean {
    const id = this.#findNamespace(source, offset);
    if (id === 0) return false;
    const row = this.#row(this.#load(Cell.NAMESPACES), Kind.NAMESPACE, id);
    return row !== 0 && (this.#heap.words[row + NamespaceField.FLAGS]! & NAMESPACE_EXISTS) !== 0;
  }

  /** The Service whose ClusterIP it is. `size` is 4 or 16; `hint` as above. */
  findServiceByAddress(address: Uint8Array, size: number, hint = 0): boolean {
    return this.#findByAddress(address, size, SpaceCell.ADDRESSES, hint);
  }

  /** A Service that has it among its externalIPs or load balancer addresses. */
  findServiceByExternalAddress(address: Uint8Array, size: number): boolean {
    return this.#findByAddress(address, size, SpaceCell.EXTERNALS, 0);
  }

  /** Sets `slice` to the one of `service` with this number. */
  openSlice(number: number): void {
    this.#openSliceRow(this.service.sliceRow(number));
  }

  /** Looks for the endpoints of `service` whose host label is the one at `offset`. */
  seekHost(source: Uint8Array, offset: number): void {
    this.#host = source;
    this.#hostAt = offset;
    this.#hostLength = source[offset]! + 1;
    this.#hostHash = this.#hash.bytes(source, offset, this.#hostLength, Salt.HOST);
    this.#hostSlice = 0;
    this.slice.count = 0;
    this.endpoint = -1;
  }

  /** `slice` and `endpoint` are the next one then. */
  nextHost(): boolean {
    for (;;) {
      const { words } = this.#heap;
      const { hashesAt, count } = this.slice;
      for (let i = this.endpoint + 1; i < count; i++) {
        if (words[hashesAt + i] === this.#hostHash && this.#isHost(i)) {
          this.endpoint = i;
          return true;
        }
      }
      if (this.#hostSlice >= this.service.sliceCount) {
        this.endpoint = count;
        return false;
      }
      this.openSlice(this.#hostSlice++);
      this.endpoint = -1;
    }
  }

  /** Looks for all endpoints of all Services that have the address. `size` is 4 or 16. */
  seekEndpoint(address: Uint8Array, size: number): void {
    this.#setAddress(address, 0, size);
    this.#endpointHash = this.#hashAddress();
    this.#beginTries();
    this.#foundEndpoint = false;
    this.#startEndpoints();
  }

  /** `slice` and `endpoint` are the next one then. */
  nextEndpoint(): boolean {
    for (;;) {
      if (this.#nextInSlice()) {
        this.#foundEndpoint = true;
        return true;
      }
      const id = this.#endpointProbe.next();
      if (id !== 0) {
        if (this.#isFirst(id)) this.#openEndpoints(id);
      } else if (this.#foundEndpoint || !this.#haveChanged()) return false;
      else this.#startEndpoints();
    }
  }

  /** Whether a pod of the namespace whose label is at `offset` has the address. */
  hasPod(address: Uint8Array, size: number, source: Uint8Array, offset: number): boolean {
    this.#beginTries();
    do {
      const namespace = this.#findNamespace(source, offset);
      if (namespace !== 0 && this.#countPods(address, 0, size, namespace) > 0) return true;
    } while (this.#haveChanged());
    return false;
  }

  /** The number of pods that have the address; `pod` is one of them. More than one: they use their node's address. */
  countPods(address: Uint8Array, at: number, size: number): number {
    this.#beginTries();
    for (;;) {
      const count = this.#countPods(address, at, size, 0);
      if (count > 0 || !this.#haveChanged()) return count;
    }
  }

  #findByKey(cell: number, kind: number, source: Uint8Array, offset: number, length: number): boolean {
    const { service } = this;
    this.#start(
      this.#probe,
      this.#load(cell + SpaceCell.NAMES),
      this.#hash.bytes(source, offset, length, Salt.SERVICE),
    );
    const directory = this.#load(cell + SpaceCell.SERVICES);
    for (let id = this.#probe.next(); id !== 0; id = this.#probe.next()) {
      const row = this.#row(directory, kind, id);
      if (row !== 0 && service.open(row) && this.#isKey(source, offset, length))
        return (service.flags & ServiceFlag.OBJECT) !== 0;
    }
    return false;
  }

  /** Whether `service` has the key. */
  #isKey(source: Uint8Array, offset: number, length: number): boolean {
    const { keyAt, keyLength } = this.service;
    const { bytes } = this.#heap;
    if (keyLength !== length) return false;
    for (let i = 0; i < length; i++) if (bytes[keyAt + i] !== source[offset + i]) return false;
    return true;
  }

  /** Whether the Service with this id, if there is one, has the key. */
  #isAt(id: number, source: Uint8Array, offset: number, length: number): boolean {
    return this.#openService(id) && this.#isKey(source, offset, length);
  }

  /** Whether there is a Service with this id; then `service` is it. */
  #openService(id: number): boolean {
    const row = this.#row(this.#load(Cell.SERVICES + SpaceCell.SERVICES), Kind.SERVICE, id);
    return row !== 0 && this.service.open(row);
  }

  #findByAddress(address: Uint8Array, size: number, which: number, hint: number): boolean {
    this.#setAddress(address, 0, size);
    if (hint !== 0 && this.#openService(hint) && this.#hasAddress(which)) return true;
    const hash = this.#hashAddress();
    this.#beginTries();
    do {
      this.#start(this.#probe, this.#load(Cell.SERVICES + which), hash);
      const directory = this.#load(Cell.SERVICES + SpaceCell.SERVICES);
      for (let id = this.#probe.next(); id !== 0; id = this.#probe.next()) {
        const row = this.#row(directory, Kind.SERVICE, id);
        if (row !== 0 && this.service.open(row) && this.#hasAddress(which)) return true;
      }
    } while (this.#haveChanged());
    return false;
  }

  /** Whether `service` has the address that is looked for, among its ClusterIPs or the external ones. */
  #hasAddress(which: number): boolean {
    const { service } = this;
    const isCluster = which === SpaceCell.ADDRESSES;
    if (this.#addressSize === 4) {
      return isCluster
        ? this.#isAmong(service.ipv4At, service.ipv4Count)
        : this.#isAmong(service.externalIpv4At, service.externalIpv4Count);
    }
    return isCluster
      ? this.#isAmong(service.ipv6At, service.ipv6Count)
      : this.#isAmong(service.externalIpv6At, service.externalIpv6Count);
  }

  #isAmong(at: number, count: number): boolean {
    return this.#indexOfAddress(at >> 2, 0, count) >= 0;
  }

  /** The first of the addresses from number `from` on that is the one looked for; -1 when none is. */
  #indexOfAddress(firstWord: number, from: number, count: number): number {
    const { words } = this.#heap;
    const address = this.#address;
    const size = this.#addressSize >> 2;
    for (let i = from, at = firstWord + from * size; i < count; i++, at += size) {
      if (words[at] !== address[0]) continue;
      if (size === 1) return i;
      if (words[at + 1] === address[1] && words[at + 2] === address[2] && words[at + 3] === address[3]) return i;
    }
    return -1;
  }

  #setAddress(source: Uint8Array, offset: number, size: number): void {
    for (let i = 0; i < size; i++) this.#addressBytes[i] = source[offset + i]!;
    this.#addressSize = size;
  }

  #hashAddress(): number {
    return this.#hash.bytes(this.#addressBytes, 0, this.#addressSize, Salt.ADDRESS);
  }

  #startEndpoints(): void {
    this.#start(this.#endpointProbe, this.#load(Cell.SERVICES + SpaceCell.ENDPOINTS), this.#endpointHash);
    this.#seenCount = 0;
    this.slice.count = 0;
    this.endpoint = -1;
  }

  #isFirst(id: number): boolean {
    for (let i = 0; i < this.#seenCount; i++) if (this.#seen[i] === id) return false;
    if (this.#seenCount < MAX_SEEN) this.#seen[this.#seenCount++] = id;
    return true;
  }

  #openEndpoints(id: number): void {
    const { slice } = this;
    slice.count = 0;
    this.endpoint = -1;
    const row = this.#row(this.#load(Cell.SERVICES + SpaceCell.SLICES), Kind.SLICE, id);
    if (row === 0 || !slice.open(row)) return;
    const directory = this.#load(Cell.SERVICES + SpaceCell.SERVICES);
    const service = this.#row(directory, Kind.SERVICE, this.#heap.words[row + SliceField.SERVICE]!);
    // Its Service has gone with it, a moment ago.
    if (slice.addressSize !== this.#addressSize || service === 0 || !this.#owner.open(service)) slice.count = 0;
    slice.keyAt = this.#owner.keyAt;
    slice.keyLength = this.#owner.keyLength;
  }

  #nextInSlice(): boolean {
    const { slice } = this;
    if (slice.count === 0) return false;
    const found = this.#indexOfAddress(slice.addressesAt >> 2, this.endpoint + 1, slice.count);
    this.endpoint = found < 0 ? slice.count : found;
    return found >= 0;
  }

  #isHost(endpoint: number): boolean {
    const { slice } = this;
    const hostAt = slice.hostAt(endpoint);
    let label = this.#heap.bytes;
    let at = hostAt;
    if (hostAt === 0) {
      const { addressSize } = slice;
      writeDashed(label, slice.addressesAt + endpoint * addressSize, addressSize, this.#dashed, 0);
      label = this.#dashed;
      at = 0;
    }
    if (label[at]! + 1 !== this.#hostLength) return false;
    for (let i = 0; i < this.#hostLength; i++) if (label[at + i] !== this.#host[this.#hostAt + i]) return false;
    return true;
  }

  #openSliceRow(row: number): void {
    const { slice, service } = this;
    if (row === 0 || !slice.open(row)) slice.count = 0;
    slice.keyAt = service.keyAt;
    slice.keyLength = service.keyLength;
  }

  /** `namespace` 0: any. */
  #countPods(source: Uint8Array, at: number, size: number, namespace: number): number {
    this.#setAddress(source, at, size);
    this.#start(this.#probe, this.#load(Cell.POD_ADDRESSES), this.#hashAddress());
    const directory = this.#load(Cell.PODS);
    let count = 0;
    this.#seenCount = 0;
    for (let id = this.#probe.next(); id !== 0; id = this.#probe.next()) {
      const row = this.#isFirst(id) ? this.#row(directory, Kind.POD, id) : 0;
      if (row === 0 || !this.#heap.reaches(row + PodField.BODY)) continue;
      const word = this.#heap.words[row + PodField.NAMESPACE]!;
      const owner = word & ID_MASK;
      if (namespace !== 0 && owner !== namespace) continue;
      const ipv4 = (word >>> 24) & 15;
      const ipv6 = word >>> 28;
      if (!this.#heap.reaches(row + PodField.BODY + ipv4 + 4 * ipv6)) continue;
      const first = row + PodField.BODY + (size === 4 ? 0 : ipv4);
      if (this.#indexOfAddress(first, 0, size === 4 ? ipv4 : ipv6) < 0) continue;
      const label = this.#row(this.#load(Cell.NAMESPACES), Kind.NAMESPACE, owner);
      if (label !== 0 && this.pod.open(row, (label + NamespaceField.LABEL) * 4)) count++;
    }
    return count;
  }

  /** The id of the namespace, which may be one of which only others speak; 0 when there is none. */
  #findNamespace(source: Uint8Array, offset: number): number {
    const length = source[offset]! + 1;
    const hash = this.#hash.bytes(source, offset, length, Salt.NAMESPACE);
    this.#start(this.#probe, this.#load(Cell.NAMESPACE_NAMES), hash);
    const directory = this.#load(Cell.NAMESPACES);
    for (let id = this.#probe.next(); id !== 0; id = this.#probe.next()) {
      const row = this.#row(directory, Kind.NAMESPACE, id);
      if (row === 0 || !this.#heap.reaches(row + NamespaceField.LABEL + ((length + 3) >> 2))) continue;
      const { bytes } = this.#heap;
      const at = (row + NamespaceField.LABEL) * 4;
      let i = 0;
      while (i < length && bytes[at + i] === source[offset + i]) i++;
      if (i === length) return id;
    }
    return 0;
  }

  #load(cell: number): number {
    return this.#header[cell]!;
  }

  #start(probe: Probe, base: number, hash: number): void {
    const heap = this.#heap;
    if (heap.reaches(base + 1)) heap.reaches(base + 2 + heap.words[base]!);
    probe.start(heap.words, base, hash);
  }

  /** The row of this kind with this id; 0 when there is none. */
  #row(directory: number, kind: number, id: number): number {
    const heap = this.#heap;
    if (!heap.reaches(directory + id + 1)) return 0;
    const row = findRow(heap.words, directory, id);
    return row !== 0 && heap.reaches(row + 1) && heap.words[row] === markOf(kind, id) ? row : 0;
  }

  #beginTries(): void {
    this.#tries = 0;
    this.#lookUpChanges = this.#changes;
  }

  /** Whether the table has changed since the look-up began that has found nothing, so that it is to be made again. */
  #haveChanged(): boolean {
    if (++this.#tries >= MAX_TRIES) return false;
    const before = this.#lookUpChanges;
    this.#lookUpChanges = this.#loadChanges();
    return this.#lookUpChanges !== before;
  }

  /** As they are behind all that was read so far. */
  #loadChanges(): number {
    this.#section.fence();
    return Atomics.load(this.#header, Header.CHANGES);
  }
}
