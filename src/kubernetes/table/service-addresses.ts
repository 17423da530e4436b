/** By which addresses Services are found: their ClusterIPs, and those that the world outside knows. */
import type { HashIndex } from "../../memory/hash-index.ts";
import type { RowDirectory } from "../../memory/row-directory.ts";
import type { TableCore } from "./core.ts";
import { Salt, ServiceField, SpaceCell } from "./layout.ts";
import { addressesAt, CLUSTER_ADDRESSES, EXTERNAL_ADDRESSES } from "./row-words.ts";

const BOTH = [CLUSTER_ADDRESSES, EXTERNAL_ADDRESSES] as const;

export class ServiceAddresses {
  readonly #core: TableCore;
  readonly #indexes: readonly [HashIndex, HashIndex];

  constructor(core: TableCore, services: RowDirectory, firstCell: number) {
    this.#core = core;
    const index = (which: number, field: number) =>
      core.index(firstCell + field, (target) => {
        for (const id of services.ids()) this.#each(services.row(id), which, (hash) => target.insert(hash, id));
      });
    this.#indexes = [index(CLUSTER_ADDRESSES, SpaceCell.ADDRESSES), index(EXTERNAL_ADDRESSES, SpaceCell.EXTERNALS)];
  }

  get keyCount(): number {
    return this.#indexes[0].size + this.#indexes[1].size;
  }

  /** Makes sure that as many addresses as this word of a row says find room. */
  reserve(counts: number): boolean {
    const cluster = (counts & 0xff) + ((counts >> 8) & 0xff);
    const external = ((counts >> 16) & 0xff) + (counts >>> 24);
    return this.#indexes[CLUSTER_ADDRESSES].reserve(cluster) && this.#indexes[EXTERNAL_ADDRESSES].reserve(external);
  }

  /** The Service gets the addresses of `row`, of which it has those of `before` (0: none) already. */
  add(id: number, row: number, before: number): void {
    this.#eachNew(row, before, (which, hash) => this.#indexes[which].insert(hash, id));
  }

  /** The Service loses the addresses of `row`, except those of `after` (0: none). */
  remove(id: number, row: number, after: number): void {
    this.#eachNew(row, after, (which, hash) => this.#indexes[which].remove(hash, id));
  }

  trim(): void {
    for (const index of this.#indexes) index.trim();
  }

  #eachNew(row: number, other: number, visit: (which: 0 | 1, hash: number) => void): void {
    for (const which of BOTH) {
      this.#each(row, which, (hash, at, size) => {
        if (other === 0 || !this.#has(other, which, at, size)) visit(which, hash);
      });
    }
  }

  #each(row: number, which: number, visit: (hash: number, at: number, size: number) => void): void {
    const { words, bytes } = this.#core.heap;
    let at = addressesAt(words, row, which);
    const counts = words[row + ServiceField.ADDRESSES]! >>> (16 * which);
    for (let i = 0, ipv4 = counts & 0xff, all = ipv4 + ((counts >> 8) & 0xff); i < all; i++) {
      const size = i < ipv4 ? 4 : 16;
      visit(this.#core.hash.bytes(bytes, at, size, Salt.ADDRESS), at, size);
      at += size;
    }
  }

  #has(row: number, which: number, wantedAt: number, wantedSize: number): boolean {
    const { bytes } = this.#core.heap;
    let found = false;
    this.#each(row, which, (_, at, size) => {
      if (size !== wantedSize) return;
      let i = 0;
      while (i < size && bytes[at + i] === bytes[wantedAt + i]) i++;
      if (i === size) found = true;
    });
    return found;
  }
}
