/**
 * Which server block answers a name? The one with the longest zone that the name lies in (behaviour 2.7). The suffix
 * hashes that came with reading the name lead there with one probe per label; with the root as the only zone, with none.
 */
import type { Name } from "../dns/name.ts";
import { hashName } from "../dns/name.ts";

interface Entry<Target> {
  zone: Uint8Array;
  hash: number;
  targets: Target[];
  next: Entry<Target> | undefined;
}

export class ZoneRouter<Target> {
  readonly #buckets: (Entry<Target> | undefined)[];
  readonly #mask: number;
  /** The root's targets are tried last, whatever the walk found. */
  readonly root: Target[] = [];
  readonly onlyRoot: boolean;

  /** `zones` are lower-case wire names; a zone that occurs twice has several targets, in that order. */
  constructor(zones: readonly { zone: Uint8Array; target: Target }[]) {
    let size = 4;
    while (size < zones.length * 2) size *= 2;
    this.#mask = size - 1;
    this.#buckets = new Array(size).fill(undefined);
    for (const { zone, target } of zones) {
      if (zone.length === 1) this.root.push(target);
      else this.#insert(zone, target);
    }
    this.onlyRoot = this.root.length === zones.length;
  }

  /** The targets of the zone that is exactly the suffix of `name` from `label` on. */
  at(name: Name, label: number): Target[] | undefined {
    const hash = name.hashes[label]!;
    let entry = this.#buckets[hash & this.#mask];
    while (entry !== undefined) {
      if (entry.hash === hash && name.suffixEquals(label, entry.zone)) return entry.targets;
      entry = entry.next;
    }
    return undefined;
  }

  #insert(zone: Uint8Array, target: Target): void {
    const hash = hashName(zone);
    const index = hash & this.#mask;
    for (let entry = this.#buckets[index]; entry; entry = entry.next) {
      if (entry.hash === hash && Buffer.compare(entry.zone, zone) === 0) {
        entry.targets.push(target);
        return;
      }
    }
    this.#buckets[index] = { zone, hash, targets: [target], next: this.#buckets[index] };
  }
}
