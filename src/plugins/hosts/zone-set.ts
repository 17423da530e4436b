/** Is a name in one of several zones? Asked for every query and for every name of a file. */
import { Name } from "../../dns/name.ts";
import { nameToWire } from "../../dns/name-text.ts";

/** Up to this many are tried one after the other; more, as large CIDRs make, stand in a table. */
const FEW_ZONES = 4;

export class ZoneSet {
  readonly #few: readonly Uint8Array[];
  readonly #many = new Map<number, Uint8Array[]>();
  readonly #hasRoot: boolean;

  /** Zones as the Corefile's readers give them, in lower case with the final dot. */
  constructor(zones: readonly string[]) {
    const wires = zones.map((zone) => nameToWire(zone)).filter((wire) => typeof wire !== "string");
    this.#hasRoot = wires.some((wire) => wire.length === 1);
    this.#few = wires.length <= FEW_ZONES ? wires : [];
    if (wires.length <= FEW_ZONES) return;
    const name = new Name();
    for (const wire of wires) {
      name.set(wire);
      const sameHash = this.#many.get(name.hashes[0]!);
      if (sameHash === undefined) this.#many.set(name.hashes[0]!, [wire]);
      else sameHash.push(wire);
    }
  }

  has(name: Name): boolean {
    if (this.#hasRoot) return true;
    const few = this.#few;
    for (let i = 0; i < few.length; i++) if (name.labelOf(few[i]!) >= 0) return true;
    if (this.#many.size === 0) return false;
    for (let label = 0; label < name.labelCount; label++) {
      const sameHash = this.#many.get(name.hashes[label]!);
      if (sameHash === undefined) continue;
      for (let i = 0; i < sameHash.length; i++) if (name.suffixEquals(label, sameHash[i]!)) return true;
    }
    return false;
  }
}
