/**
 * Who asks from which port of a proxy: a table of one size, shared by all workers, since the kernel gives each datagram to
 * another one. The hash of the proxy's address and port chooses a set of up to eight sessions, where the one that ends first
 * makes room. One session, in bytes:
 *    0  EXPIRES  when it ends, in milliseconds on the server's clock, a 64-bit float; 0: free
 *    8  VERSION  odd while it is written
 *   12  SIZES    of the proxy's address (1 byte), of the client's (1), of the extras (2)
 *   16  PROXY    its port (2) and address (16)
 *   34  CLIENT   the same
 *   52  EXTRAS   what else the proxy said, where that is kept
 * Nobody waits: a reader that finds the version odd or changed has found nothing, and a writer that finds another one there
 * leaves it to him, unless that one has died.
 */
import { type HashKey, KeyedHash } from "../../memory/keyed-hash.ts";
import type { ProxiedClient } from "../../plugin/client-reader.ts";
import { addressOffset, addressSize, readPort, writeAddress } from "../../transport/packets.ts";

const MAX_WAYS = 8;
/** What one datagram can bring along behind a header; a multiple of eight. */
const EXTRAS_ROOM = 464;

const VERSION = 8;
const SIZES = 12;
const PROXY = 16;
const CLIENT = 34;
const EXTRAS = 52;
const SIZE = 56;
const END_SIZE = 18;

/** What the workers share. */
export interface SharedSessions {
  readonly buffer: SharedArrayBuffer;
  readonly hashKey: HashKey;
  readonly ways: number;
  readonly size: number;
}

/** One end, a port and an address, as a session has it. */
class End {
  readonly bytes: Uint8Array = new Uint8Array(END_SIZE);
  /** Of the address. */
  size = 0;

  set(records: Uint8Array, index: number): void {
    const port = readPort(records, index);
    this.bytes[0] = port >> 8;
    this.bytes[1] = port;
    this.size = addressSize(records, index);
    copy(records, addressOffset(records, index), this.bytes, 2, this.size);
  }
}

export class Sessions {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #hash: KeyedHash;
  readonly #ways: number;
  readonly #size: number;
  readonly #sets: number;
  readonly #proxy = new End();
  readonly #client = new End();

  constructor({ buffer, hashKey, ways, size }: SharedSessions) {
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Int32Array(buffer);
    this.#floats = new Float64Array(buffer);
    this.#hash = new KeyedHash(...hashKey);
    this.#ways = ways;
    this.#size = size;
    this.#sets = buffer.byteLength / (size * ways);
  }

  /** Room for `count` sessions, or a few more. */
  static allocate(count: number, keepsExtras: boolean, hashKey: HashKey): SharedSessions {
    const ways = Math.min(count, MAX_WAYS);
    const size = SIZE + (keepsExtras ? EXTRAS_ROOM : 0);
    return { buffer: new SharedArrayBuffer(Math.ceil(count / ways) * ways * size), hashKey, ways, size };
  }

  /** From `now` until `expires` the peer in record `index` of `peers` stands for `client`. */
  keep(peers: Uint8Array, index: number, client: ProxiedClient, now: number, expires: number): void {
    const at = this.#find(peers, index, now);
    const isDead = this.#floats[at >> 3]! <= now;
    const version = this.#version(at);
    if ((version & 1) === 1 && !isDead) return;
    const writing = (version | 1) + (version & 1) * 2;
    if (Atomics.compareExchange(this.#words, (at + VERSION) >> 2, version, writing) !== version) return;
    const bytes = this.#bytes;
    const proxy = this.#proxy;
    const end = this.#client;
    end.set(client.record, 0);
    const extras = client.extras;
    const kept = extras !== undefined && extras.length <= this.#size - EXTRAS ? extras.length : 0;
    bytes[at + SIZES] = proxy.size;
    bytes[at + SIZES + 1] = end.size;
    bytes[at + SIZES + 2] = kept >> 8;
    bytes[at + SIZES + 3] = kept;
    copy(proxy.bytes, 0, bytes, at + PROXY, END_SIZE);
    copy(end.bytes, 0, bytes, at + CLIENT, END_SIZE);
    if (extras !== undefined) copy(extras, 0, bytes, at + EXTRAS, kept);
    this.#floats[at >> 3] = expires;
    Atomics.store(this.#words, (at + VERSION) >> 2, (writing + 1) | 0);
  }

  /** Says in `client` who the peer in record `index` of `peers` stands for, if anybody; that holds until `expires` then. */
  recall(peers: Uint8Array, index: number, client: ProxiedClient, now: number, expires: number): void {
    const at = this.#find(peers, index, now);
    const version = this.#version(at);
    if (version & 1 || !(this.#floats[at >> 3]! > now) || !this.#isProxy(at)) return;
    const bytes = this.#bytes;
    const end = at + CLIENT;
    const port = (bytes[end]! << 8) | bytes[end + 1]!;
    const extras = (bytes[at + SIZES + 2]! << 8) | bytes[at + SIZES + 3]!;
    const copied = extras === 0 ? undefined : bytes.slice(at + EXTRAS, at + EXTRAS + extras);
    writeAddress(client.record, 0, bytes, port, 0, bytes[at + SIZES + 1]!, end + 2);
    // Whatever a writer has put there meanwhile is in the record, which says nothing until `isKnown`.
    if (this.#version(at) !== version) return;
    client.extras = copied;
    client.isKnown = true;
    this.#floats[at >> 3] = expires;
  }

  /** The session of this peer, or else the one that is to make room for it. */
  #find(peers: Uint8Array, index: number, now: number): number {
    const proxy = this.#proxy;
    proxy.set(peers, index);
    const hash = this.#hash.bytes(proxy.bytes, 0, 2 + proxy.size, 0);
    const set = Math.floor(((hash >>> 0) / 2 ** 32) * this.#sets) * this.#ways;
    let first = set * this.#size;
    for (let way = 0; way < this.#ways; way++) {
      const at = (set + way) * this.#size;
      const expires = this.#floats[at >> 3]!;
      if (expires > now && this.#isProxy(at)) return at;
      if (expires < this.#floats[first >> 3]!) first = at;
    }
    return first;
  }

  #version(at: number): number {
    return Atomics.load(this.#words, (at + VERSION) >> 2);
  }

  #isProxy(at: number): boolean {
    const { bytes, size } = this.#proxy;
    if (this.#bytes[at + SIZES] !== size) return false;
    for (let i = 0; i < 2 + size; i++) if (this.#bytes[at + PROXY + i] !== bytes[i]) return false;
    return true;
  }
}

function copy(from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void {
  for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
}
