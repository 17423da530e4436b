/**
 * Datagrams in and out, a batch at a time: the one interface between the kernel's UDP and a worker.
 *
 * A PacketPort is a set of UDP sockets, one port per worker and role (client side, upstream side). It fills fixed slots
 * and calls `onBatch` once for all of them; what is to be sent is written into `sending`, described in `descriptors`, and
 * leaves when `onBatch` returns the number of descriptors, or by `send`. Two implementations keep this contract:
 * `udp.ts` (the addon: recvmmsg and sendmmsg) and `udp-portable.ts` (node:dgram).
 *
 * Everything here is owned by the port and reused: slots and descriptors are valid inside `onBatch` only. A query that
 * waits copies its bytes, and its address record by `keepAddress`.
 *
 * The life of descriptors. `onBatch` returns n: descriptors 0 to n-1 are sent before any promise continuation or
 * nextTick callback runs, so those find the arena free again and send by themselves with `send`.
 *
 * One address record, ADDRESS_SIZE bytes, a cache line; little-endian, as all our platforms are, unless said otherwise:
 *    0  peer        sockaddr_in or sockaddr_in6 as the kernel has it: family (2), port (2, network order), then
 *                   IPv4 address at 4, or flow (4) and IPv6 address at 8 and scope (4) at 24
 *   28  peerLength  bytes of the above: 16, 28, or 0 in a connected socket's slot
 *   32  local       the address that was asked, 16 bytes, IPv4 in the first 4; filled for wildcard listeners, where a
 *                   reply must leave from the address that was asked
 *   48  interface   number of the interface that a link-local reply must leave by, else 0
 *   52  localLength 4, 16, or 0 where the socket's own address is the only one
 *   56  unused
 * Written by the receiving side, read by the sending side and by the functions below; src/native/packets.h has the same
 * layout.
 */
import assert from "node:assert";
import { formatIpv4, formatIpv6, isMapped } from "../dns/address.ts";
import { allocateBytes, copyBytes } from "../dns/bytes.ts";

export const ADDRESS_SIZE = 64;
const PEER_LENGTH = 28;
const LOCAL = 32;
const LOCAL_LENGTH = 52;

/** Where a listener is. With `fd` it was opened by `openUdp` in the supervisor, who keeps it; without, the port opens one. */
export interface Listener {
  /** An IP address; "" is the wildcard of both families. */
  readonly address: string;
  readonly port: number;
  readonly fd?: number;
}

export interface ConnectOptions {
  /** The local address to ask from. */
  readonly source?: string;
  /** SO_RCVBUF in bytes. */
  readonly receiveBuffer?: number;
}

export interface PortOptions {
  /** Datagrams taken in one batch: 64 unless said otherwise. */
  readonly slotCount?: number;
  /** The largest datagram taken, 4096 unless said otherwise; longer ones are dropped and counted. */
  readonly slotSize?: number;
  /** Bytes of `sending`: 256 KiB unless said otherwise. */
  readonly sendingSize?: number;
  /** Where to count, PACKET_COUNTERS words, zeroed by the caller; may be shared memory that the supervisor reads. */
  readonly statistics?: Float64Array;
}

/** Called with the number of filled slots; returns how many descriptors to send. */
export type OnBatch = (count: number) => number;

export interface PacketPort {
  readonly slotCount: number;
  readonly slotSize: number;
  /** Slot i starts at i * stride in `received`. */
  readonly stride: number;
  readonly received: Uint8Array;
  /**
   * Per slot: the datagram's bytes, or -errno when its socket reported an error (connected sockets: -ECONNREFUSED). On a
   * connected socket more than `slotSize` when the datagram was longer: then the slot holds its beginning.
   */
  readonly lengths: Int32Array;
  /** Per slot: the number of the socket it came on. */
  readonly sockets: Int32Array;
  /** Address records: slotCount of the received slots, then as many for datagrams sent later. */
  readonly addresses: Uint8Array;
  /** What is to be sent, written densely from 0. */
  readonly sending: Uint8Array;
  /** Of DESCRIPTOR_WORDS words: socket, address record or -1 (a connected socket), offset in `sending`, length. */
  readonly descriptors: Int32Array;
  /** How many descriptors there are; whoever has more to say sends in between. */
  readonly descriptorCount: number;
  /** Counts by PacketCounter. */
  readonly statistics: Float64Array;
  /**
   * Takes a listener and returns its socket number, or -errno. A mistake found later (node:dgram binds asynchronously)
   * arrives as a slot with -errno.
   */
  add(listener: Listener): number;
  /** What a listening socket is read from, valid until `remove`; undefined where the port does not know. */
  descriptorOf(socket: number): number | undefined;
  /** Opens a socket that is connected to this server, from a port the kernel draws. Its number, or -errno. */
  connect(address: string, port: number, options?: ConnectOptions): number;
  /** Takes what has come to a listening socket by now, in batches of its own; not to be called within one. */
  drain(socket: number): void;
  /** Stops a socket and closes it unless it came as `fd`. Its number may be given again once the running batch is over. */
  remove(socket: number): void;
  /** Sends descriptors 0 to count-1; returns how many the kernel took or the queue keeps. One bad entry costs no other. */
  send(count: number): number;
  /** Stops everything. Nothing is called back afterwards. Descriptors returned by a running `onBatch` are not sent. */
  close(): void;
}

export const DESCRIPTOR_WORDS = 4;

/** Indices into `statistics`. Every datagram to be sent that does not reach its peer is in exactly one of LOST_*. */
export const PacketCounter = {
  RECEIVED: 0,
  BATCHES: 1,
  /** Longer than a slot, and dropped. */
  TRUNCATED: 2,
  /** From port 0, to which nothing can be answered. */
  UNANSWERABLE: 3,
  SENT: 4,
  /** Kept for later since the socket was full; counted again as SENT or lost when its time has come. */
  QUEUED: 5,
  /** Pushed out of a full queue, or still in it when its socket was removed. */
  LOST_QUEUE_FULL: 6,
  LOST_TOO_LARGE: 7,
  /** EPERM, EACCES: a packet filter, or a broadcast address. */
  LOST_FORBIDDEN: 8,
  LOST_REFUSED: 9,
  LOST_UNREACHABLE: 10,
  LOST_OTHER: 11,
  /** Counted by whoever uses the port: refused in the kernel by limits, and read too late to be worth an answer. */
  LIMITED: 12,
  STALE: 13,
} as const;
export const PACKET_COUNTERS = 14;

/**
 * Bounds of what waits for a full socket, by datagrams and bytes a socket. In the addon (src/native/queue.c) clients take
 * turns, the newest of each first, and the oldest of whoever has most makes room. While something waits, all that is new
 * waits with it.
 */
export const QUEUE_DATAGRAMS = 1024;
export const QUEUE_BYTES = 1024 * 1024;

/** The part of a port that is memory, the same for both implementations. */
export interface PortBuffers {
  readonly slotCount: number;
  readonly slotSize: number;
  readonly stride: number;
  readonly received: Uint8Array;
  readonly lengths: Int32Array;
  readonly sockets: Int32Array;
  readonly addresses: Uint8Array;
  readonly sending: Uint8Array;
  readonly descriptors: Int32Array;
  readonly descriptorCount: number;
  readonly statistics: Float64Array;
}

export function allocateBuffers(options: PortOptions): PortBuffers {
  const { slotCount = 64, slotSize = 4096, sendingSize = 256 * 1024 } = options;
  const statistics = options.statistics ?? new Float64Array(PACKET_COUNTERS);
  assert(slotCount >= 1 && slotCount <= 1024, "a batch has 1 to 1024 slots");
  assert(slotSize >= 512 && slotSize <= 65535, "a slot has 512 to 65535 bytes");
  assert(sendingSize >= 65535, "any datagram fits into the arena");
  assert(statistics.length >= PACKET_COUNTERS, "statistics have PACKET_COUNTERS words");
  const stride = strideOf(slotSize);
  // As many late answers as answers in the batch, before one has to send in between.
  const descriptorCount = 2 * slotCount;
  return {
    slotCount,
    slotSize,
    stride,
    received: allocateBytes(slotCount * stride),
    lengths: new Int32Array(slotCount),
    sockets: new Int32Array(slotCount),
    addresses: allocateBytes(2 * slotCount * ADDRESS_SIZE),
    sending: allocateBytes(sendingSize),
    descriptors: new Int32Array(descriptorCount * DESCRIPTOR_WORDS),
    descriptorCount,
    statistics,
  };
}

/** One cache line past the size: slots a power of two apart would all share the same few sets of the first-level cache. */
function strideOf(slotSize: number): number {
  return ((slotSize + 63) & ~63) + 64;
}

// Families as Linux numbers them; node:dgram's records are written with the same numbers.
const AF_INET = 2;
const AF_INET6 = 10;

/** 4 or 6, or 0 in an empty record. IPv4 mapped into IPv6 (a dual-stack listener) counts as 4. */
export function readFamily(records: Uint8Array, index: number): 0 | 4 | 6 {
  const at = index * ADDRESS_SIZE;
  if (records[at + PEER_LENGTH] === 0) return 0;
  if (records[at] === AF_INET) return 4;
  return isMapped(records, at + 8) ? 4 : 6;
}

export function readPort(records: Uint8Array, index: number): number {
  const at = index * ADDRESS_SIZE;
  return (records[at + 2]! << 8) | records[at + 3]!;
}

/** Bytes of the peer's address: 4, 16, or 0 in an empty record. */
export function addressSize(records: Uint8Array, index: number): 0 | 4 | 16 {
  const family = readFamily(records, index);
  return family === 6 ? 16 : family;
}

/** Offset in `records` of the peer's address, of `addressSize` bytes. */
export function addressOffset(records: Uint8Array, index: number): number {
  const at = index * ADDRESS_SIZE;
  if (records[at] === AF_INET) return at + 4;
  return isMapped(records, at + 8) ? at + 20 : at + 8;
}

/** As readFamily, of the address that was asked; 0 where the listener's own address is the only one. */
function readLocalFamily(records: Uint8Array, index: number): 0 | 4 | 6 {
  const at = index * ADDRESS_SIZE;
  const length = records[at + LOCAL_LENGTH]!;
  if (length === 0) return 0;
  return length === 4 || isMapped(records, at + LOCAL) ? 4 : 6;
}

/** As addressOffset, of the address that was asked. */
function localAddressOffset(records: Uint8Array, index: number): number {
  const at = index * ADDRESS_SIZE + LOCAL;
  return records[at - LOCAL + LOCAL_LENGTH] === 16 && isMapped(records, at) ? at + 12 : at;
}

/** The peer's address as text, without its port: "192.0.2.1", "2001:db8::1", "fe80::1%2", or "" in an empty record. */
export function formatAddress(records: Uint8Array, index: number): string {
  const family = readFamily(records, index);
  if (family === 0) return "";
  const text = formatIp(records, addressOffset(records, index), family);
  if (family === 4) return text;
  const scope = index * ADDRESS_SIZE + 24;
  const zone = new DataView(records.buffer, records.byteOffset + scope, 4).getUint32(0, true);
  return zone === 0 ? text : `${text}%${zone}`;
}

/** The address that was asked as text, or "" where the listener's own is the only one. */
export function formatLocalAddress(records: Uint8Array, index: number): string {
  const family = readLocalFamily(records, index);
  return family === 0 ? "" : formatIp(records, localAddressOffset(records, index), family);
}

/** Copies a record for a datagram that is answered later. */
export function keepAddress(from: Uint8Array, fromIndex: number, to: Uint8Array, toIndex: number): void {
  copyBytes(from, fromIndex * ADDRESS_SIZE, ADDRESS_SIZE, to, toIndex * ADDRESS_SIZE);
}

/** The address that was asked, also in the other record. */
export function keepLocalAddress(from: Uint8Array, fromIndex: number, to: Uint8Array, toIndex: number): void {
  const source = fromIndex * ADDRESS_SIZE;
  const target = toIndex * ADDRESS_SIZE;
  for (let i = LOCAL; i < ADDRESS_SIZE; i++) to[target + i] = from[source + i]!;
}

/** Writes a record from 4 or 16 bytes at `offset` of `bytes`: for node:dgram, for who stands behind a proxy, and for tests. */
export function writeAddress(
  records: Uint8Array,
  index: number,
  bytes: Uint8Array,
  port: number,
  scope = 0,
  size: number = bytes.length,
  offset = 0,
): void {
  const at = index * ADDRESS_SIZE;
  records.fill(0, at, at + ADDRESS_SIZE);
  const isIPv4 = size === 4;
  records[at] = isIPv4 ? AF_INET : AF_INET6;
  records[at + 2] = port >> 8;
  records[at + 3] = port;
  const address = at + (isIPv4 ? 4 : 8);
  for (let i = 0; i < size; i++) records[address + i] = bytes[offset + i]!;
  if (!isIPv4) for (let i = 0; i < 4; i++) records[at + 24 + i] = scope >>> (8 * i);
  records[at + PEER_LENGTH] = isIPv4 ? 16 : 28;
}

function formatIp(bytes: Uint8Array, at: number, family: 4 | 6): string {
  return family === 4 ? formatIpv4(bytes, at) : formatIpv6(bytes, at);
}
