/**
 * One endpoint after the other of those that a name chooses from its Service: all, those with a host name, those of a port, of a
 * zone. What the view's cursors `slice` and `endpoint` stand on is the one that was found.
 */
import type { Name } from "../../dns/name.ts";
import { wireLabels } from "../../dns/name-text.ts";
import type { ClusterView, PortList } from "../table/cluster-view.ts";
import { type Cut, Form, isWord } from "./cut.ts";

export class EndpointWalk {
  readonly wildcards: boolean;
  #view!: ClusterView;
  #name!: Name;
  #cut!: Cut;
  /** By host name; else slice by slice. */
  #byHost = false;
  #inZone = false;
  #sliceCount = 0;
  /** How many slices were opened so far, and with which it began. */
  #opened = 0;
  #first = 0;
  #left = 0;
  #portCount = 0;

  constructor(wildcards: boolean) {
    this.wildcards = wildcards;
  }

  /** The endpoints of `view.service`. `first` is the slice to begin with. */
  begin(view: ClusterView, name: Name, cut: Cut, first: number): void {
    this.#view = view;
    this.#name = name;
    this.#cut = cut;
    this.#sliceCount = view.service.sliceCount;
    this.#opened = 0;
    this.#first = first;
    this.#left = 0;
    this.#inZone = cut.form === Form.ZONAL;
    this.#byHost = cut.form === Form.ENDPOINT && !(this.wildcards && isAny(name, 0));
    if (this.#byHost) view.seekHost(name.bytes, name.offsets[0]!);
  }

  /** The same once more, of whatever zone. */
  beginAnyZone(): void {
    this.begin(this.#view, this.#name, this.#cut, this.#first);
    this.#inZone = false;
  }

  next(): boolean {
    const view = this.#view;
    if (this.#byHost) {
      while (view.nextHost()) if (this.#isCluster()) return true;
      return false;
    }
    for (;;) {
      while (this.#left > 0) {
        this.#left--;
        view.endpoint++;
        if (!this.#inZone || this.#isZone()) return true;
      }
      if (!this.#nextSlice()) return false;
    }
  }

  #nextSlice(): boolean {
    const { slice } = this.#view;
    while (this.#opened < this.#sliceCount) {
      this.#view.openSlice((this.#first + this.#opened++) % this.#sliceCount);
      if (!this.#isCluster()) continue;
      this.#portCount = this.#countPorts(slice.ports);
      const isPortless = slice.ports.count === 0 && isAnyPort(this.#name);
      if (this.#cut.form === Form.PORT && !isPortless && this.#portCount === 0) continue;
      this.#left = slice.count;
      this.#view.endpoint = -1;
      return true;
    }
    return false;
  }

  /** How many ports of the slice the name means. */
  get ports(): number {
    return this.#byHost ? this.#view.slice.ports.count : this.#portCount;
  }

  #countPorts(ports: PortList): number {
    if (this.#cut.form !== Form.PORT) return ports.count;
    let count = 0;
    for (let i = 0; i < ports.count; i++) if (this.isPort(ports, i)) count++;
    return count;
  }

  isPort(ports: PortList, i: number): boolean {
    if (this.#cut.form !== Form.PORT) return true;
    return isPort(this.#view.bytes, ports, i, this.#name, this.wildcards);
  }

  /** Slices of other clusters are no matter when the name has no cluster. */
  #isCluster(): boolean {
    if (!this.#cut.hasCluster) return true;
    const { bytes, offsets } = this.#name;
    if (this.wildcards && isAny(this.#name, 1)) return true;
    const own = this.#view.slice.clusterAt;
    if (own === 0) return false;
    const at = offsets[1]!;
    for (let i = 0, size = bytes[at]!; i <= size; i++) if (this.#view.bytes[own + i] !== bytes[at + i]) return false;
    return true;
  }

  /** The zone's name is as many labels as it has dots, and one. */
  #isZone(): boolean {
    const { bytes, offsets } = this.#name;
    const { slice, endpoint } = this.#view;
    const labels = this.#cut.zoneLabels;
    // Without the first length byte: the others stand where the dots are.
    const length = offsets[labels]! - 1;
    if (slice.zoneLength(endpoint) !== length) return false;
    const at = slice.zoneAt(endpoint);
    const zone = this.#view.bytes;
    let dot = bytes[0]! + 1;
    for (let i = 1; i <= length; i++) {
      const byte = i === dot ? DOT : bytes[i]!;
      if (i === dot) dot += bytes[i]! + 1;
      if (zone[at + i - 1] !== byte) return false;
    }
    return true;
  }
}

const DOT = 0x2e;

/**
 * Whether port `i` of a list is one that labels 0 and 1 of `name` say, whose underscores may be missing. A lone underscore is any
 * port, or any protocol.
 */
export function isPort(table: Uint8Array, ports: PortList, i: number, name: Name, wildcards: boolean): boolean {
  if (!(wildcards && isAny(name, 1)) && !isWordOf(name, 1, PROTOCOLS[ports.protocol(i)]!, 0)) return false;
  return (wildcards && isAny(name, 0)) || isWordOf(name, 0, table, ports.nameAt(i));
}

/** Whether labels 0 and 1 are lone underscores: what has no ports fits too. */
export function isAnyPort({ bytes, offsets }: Name): boolean {
  return isWord(bytes, offsets[0]!, UNDERSCORE_ONLY) && isWord(bytes, offsets[1]!, UNDERSCORE_ONLY);
}

/** Whether a label is the one at `at` of `word`, an underscore before it or not. */
function isWordOf({ bytes, offsets }: Name, label: number, word: Uint8Array, at: number): boolean {
  const start = offsets[label]!;
  const skip = bytes[start + 1] === UNDERSCORE && bytes[start]! > 0 ? 1 : 0;
  const size = bytes[start]! - skip;
  if (size === 0) return true;
  if (word[at] !== size) return false;
  for (let k = 1; k <= size; k++) if (bytes[start + skip + k] !== word[at + k]) return false;
  return true;
}

/** Whether a label stands for all: `*` or `any`. */
export function isAny({ bytes, offsets }: Name, label: number): boolean {
  const at = offsets[label]!;
  return isWord(bytes, at, STAR) || isWord(bytes, at, ANY) || isWord(bytes, at, UNDERSCORE_STAR);
}

const UNDERSCORE = 0x5f;
const UNDERSCORE_ONLY = Uint8Array.of(1, UNDERSCORE);
const STAR = Uint8Array.of(1, 0x2a);
const ANY = Uint8Array.of(3, 0x61, 0x6e, 0x79);
const UNDERSCORE_STAR = Uint8Array.of(2, UNDERSCORE, 0x2a);
/** By `Protocol`. */
const PROTOCOLS = ["tcp", "udp", "sctp"].map((text) => wireLabels(text));
