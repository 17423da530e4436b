/** Which of several zones is a name in? Asked for every query, and for every name of a hosts file. */
import { Name } from "./name.ts";
import { zoneToWire } from "./name-text.ts";

/** Up to this many are tried one after the other; more, as large CIDRs make, stand in a table. */
const FEW_ZONES = 4;

interface Zone {
  readonly wire: Uint8Array;
  readonly index: number;
}

export class ZoneFinder {
  /** The longest first. */
  readonly #few: readonly Zone[];
  readonly #many = new Map<number, Zone[]>();

  /** Zones in lower case: as the Corefile's readers give them, with the final dot, or in wire form. */
  constructor(zones: readonly (string | Uint8Array)[]) {
    const all: Zone[] = zones.map((zone, index) => ({
      wire: typeof zone === "string" ? zoneToWire(zone) : zone,
      index,
    }));
    const isFew = all.length <= FEW_ZONES;
    this.#few = isFew ? all.sort((a, b) => b.wire.length - a.wire.length) : [];
    if (isFew) return;
    const name = new Name();
    for (const zone of all) {
      name.set(zone.wire);
      const sameHash = this.#many.get(name.hashes[0]!);
      if (sameHash === undefined) this.#many.set(name.hashes[0]!, [zone]);
      else sameHash.push(zone);
    }
  }

  /** The index of the longest zone that has the name; of equal ones the first. -1: none has it. */
  find(name: Name): number {
    const few = this.#few;
    for (let i = 0; i < few.length; i++) if (name.labelOf(few[i]!.wire) >= 0) return few[i]!.index;
    if (this.#many.size === 0) return -1;
    // The last one is the root.
    for (let label = 0; label <= name.labelCount; label++) {
      const sameHash = this.#many.get(name.hashes[label]!);
      if (sameHash === undefined) continue;
      for (let i = 0; i < sameHash.length; i++) {
        if (name.suffixEquals(label, sameHash[i]!.wire)) return sameHash[i]!.index;
      }
    }
    return -1;
  }

  has(name: Name): boolean {
    return this.find(name) >= 0;
  }
}
