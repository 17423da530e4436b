/**
 * Has the probe come back? The supervisor sends it, any worker may see it, so what they know of it is in shared memory:
 *
 *     0  looping      1 while there is a loop: queries that come back are to be ended
 *     4  seen         how often the current probe has come in
 *     8  nameLength   of the current probe's name, 0 when there is none
 *    12  sources      how many addresses below are in use; more may have been counted than there is room for
 *    16  name         in lower-case wire form, 256 bytes
 *   272  addresses    16 bytes each, IPv4 as ::ffff:a.b.c.d: where probes came back from
 *
 * The supervisor writes the name while no probe is on its way, and clears the addresses when the loop is gone; workers
 * count and add addresses. Words are read and counted with Atomics, bytes plainly: a name or an address that is read
 * while it is written fits nothing, which costs one sighting.
 */

import type { Query } from "../../plugin/query.ts";
import { addressOffset, readFamily } from "../../transport/packets.ts";

const LOOPING = 0;
const SEEN = 1;
const NAME_LENGTH = 2;
const SOURCES = 3;
const NAME = 16;
const ADDRESSES = NAME + 256;
const ADDRESS_SIZE = 16;
/** A loop leads back from the few addresses of one neighbour. */
const MAX_SOURCES = 8;
const SIZE = ADDRESSES + MAX_SOURCES * ADDRESS_SIZE;

export class Sightings {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(SIZE)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, NAME / Int32Array.BYTES_PER_ELEMENT);
    this.#bytes = new Uint8Array(buffer);
  }

  /** Read for every query, hence plainly: a worker sees the change with its next batch or so. */
  get looping(): boolean {
    return this.#words[LOOPING] !== 0;
  }

  set looping(value: boolean) {
    Atomics.store(this.#words, LOOPING, value ? 1 : 0);
    if (!value) Atomics.store(this.#words, SOURCES, 0);
  }

  get seen(): number {
    return Atomics.load(this.#words, SEEN);
  }

  /** From now on `name` is the probe. */
  expect(name: Uint8Array): void {
    Atomics.store(this.#words, NAME_LENGTH, 0);
    this.#bytes.set(name, NAME);
    Atomics.store(this.#words, SEEN, 0);
    Atomics.store(this.#words, NAME_LENGTH, name.length);
  }

  expectNone(): void {
    Atomics.store(this.#words, NAME_LENGTH, 0);
  }

  isProbe(query: Query): boolean {
    const { bytes, length } = query.name;
    if (length === 0 || length !== Atomics.load(this.#words, NAME_LENGTH)) return false;
    for (let i = 0; i < length; i++) if (bytes[i] !== this.#bytes[NAME + i]) return false;
    return true;
  }

  /** Counts the probe that `query` is. Gives how often it has been seen with this time. */
  count(query: Query): number {
    const times = Atomics.add(this.#words, SEEN, 1) + 1;
    // The first time it comes from the supervisor.
    if (times > 1 && !this.hasSource(query)) {
      const index = Atomics.add(this.#words, SOURCES, 1);
      if (index < MAX_SOURCES) writePeer(query, this.#bytes, ADDRESSES + index * ADDRESS_SIZE);
    }
    return times;
  }

  /** Whether probes have come back from the address that `query` comes from. */
  hasSource(query: Query): boolean {
    const sources = Math.min(Atomics.load(this.#words, SOURCES), MAX_SOURCES);
    if (sources === 0) return false;
    writePeer(query, peer, 0);
    for (let source = 0; source < sources; source++) {
      const at = ADDRESSES + source * ADDRESS_SIZE;
      let same = 0;
      while (same < ADDRESS_SIZE && this.#bytes[at + same] === peer[same]) same++;
      if (same === ADDRESS_SIZE) return true;
    }
    return false;
  }
}

const peer = new Uint8Array(ADDRESS_SIZE);

function writePeer({ peers, peerIndex }: Query, to: Uint8Array, at: number): void {
  const from = addressOffset(peers, peerIndex);
  if (readFamily(peers, peerIndex) === 6) {
    for (let i = 0; i < ADDRESS_SIZE; i++) to[at + i] = peers[from + i]!;
    return;
  }
  to.fill(0, at, at + 10);
  to.fill(0xff, at + 10, at + 12);
  for (let i = 0; i < 4; i++) to[at + 12 + i] = peers[from + i]!;
}
