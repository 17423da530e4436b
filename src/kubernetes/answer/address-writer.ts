/** A and AAAA records of endpoints: those of a Service, or those that a name chooses among them. */
import { POINTED_RECORD_SIZE } from "../../dns/header.ts";
import type { Name } from "../../dns/name.ts";
import type { ClusterView } from "../table/cluster-view.ts";
import type { AnswerWriter } from "./answer-writer.ts";
import { type Cut, Form } from "./cut.ts";
import { Duplicates } from "./duplicates.ts";
import type { EndpointWalk } from "./endpoint-walk.ts";

export class AddressWriter {
  /** Endpoints that the name has, of either family, and records written. */
  seen = 0;
  written = 0;
  readonly #writer: AnswerWriter;
  readonly #walk: EndpointWalk;
  readonly #duplicates = new Duplicates();
  #bytes!: Uint8Array;
  #size = 0;

  constructor(writer: AnswerWriter, walk: EndpointWalk) {
    this.#writer = writer;
    this.#walk = walk;
  }

  /** Every endpoint of `view.service`, none of which is there twice. */
  all(view: ClusterView, size: number): void {
    const { service, slice } = view;
    const writer = this.#writer;
    const slices = service.sliceCount;
    this.seen = service.endpointCount;
    this.written = 0;
    // Of more endpoints than the client can be told, each slice has its turn.
    const isTooMuch = slices > 1 && writer.worth(this.seen, POINTED_RECORD_SIZE + size) < this.seen;
    const first = isTooMuch ? writer.turn(slices) : 0;
    for (let i = 0; i < slices && !writer.full; i++) {
      view.openSlice((first + i) % slices);
      if (slice.addressSize !== size || slice.count === 0) continue;
      writer.addresses(view.bytes, slice.addressesAt, slice.count, size);
      this.written += slice.count;
    }
  }

  /** Those that the name chooses, each address once. */
  some(view: ClusterView, name: Name, cut: Cut, size: number): void {
    this.seen = 0;
    this.#walk.begin(view, name, cut, 0);
    this.#write(view, size);
    if (this.seen > 0 || cut.form !== Form.ZONAL || !cut.isPreference) return;
    this.#walk.beginAnyZone();
    this.#write(view, size);
  }

  #write(view: ClusterView, size: number): void {
    const { slice } = view;
    this.begin();
    while (!this.#writer.full && this.#walk.next()) {
      this.seen++;
      if (slice.addressSize === size) this.add(view.bytes, slice.addressesAt + view.endpoint * size, size);
    }
  }

  /** Addresses of one family follow by `add`, all from the same table. */
  begin(): void {
    this.written = 0;
    this.#duplicates.clear();
  }

  /** One address, unless it is there already. */
  add(bytes: Uint8Array, at: number, size: number): void {
    this.#bytes = bytes;
    this.#size = size;
    if (this.#duplicates.has(hashOf(bytes, at, size), at, this.#isSame)) return;
    this.#writer.addresses(bytes, at, 1, size);
    this.written++;
  }

  readonly #isSame = (one: number, other: number): boolean => {
    const bytes = this.#bytes;
    for (let i = 0; i < this.#size; i++) if (bytes[one + i] !== bytes[other + i]) return false;
    return true;
  };
}

export function hashOf(bytes: Uint8Array, at: number, size: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < size; i++) hash = Math.imul(hash ^ bytes[at + i]!, 0x01000193);
  return hash;
}
