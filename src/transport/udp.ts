/**
 * UDP by the addon: sockets opened and steered by the supervisor, read and written in batches by a worker's PacketPort.
 * Where there is no addon `createPacketPort` gives the portable port, and the functions that open sockets throw.
 */
import assert from "node:assert";
import { getSystemErrorMessage, getSystemErrorName } from "node:util";
import { endpointText } from "../corefile/host-port.ts";
import { type Native, native, nativeError, OPEN_ONLY_6, OPEN_REUSE_PORT } from "../native/index.ts";
import {
  allocateBuffers,
  type ConnectOptions,
  type Listener,
  type OnBatch,
  type PacketPort,
  type PortBuffers,
  type PortOptions,
} from "./packets.ts";
import { createPortablePort } from "./udp-portable.ts";

/** The batched port where the addon is there, else node:dgram's. */
export function createPacketPort(options: PortOptions, onBatch: OnBatch): PacketPort {
  return native ? createNativePort(options, onBatch) : createPortablePort(options, onBatch);
}

export function createNativePort(options: PortOptions, onBatch: OnBatch): PacketPort {
  return new NativePort(needNative(), allocateBuffers(options), onBatch);
}

export interface OpenUdpOptions {
  /** An IP address, IPv6 with an optional %zone; "" is every address of both families. */
  readonly address: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
  /** SO_RCVBUF in bytes, beyond rmem_max where the process may; the system's default if absent. */
  readonly receiveBuffer?: number;
  /** Whether others may open the same address: on, for one socket per worker. */
  readonly reusePort?: boolean;
}

/** Opens a listening socket and returns its descriptor; whoever opened it closes it with `closeFd`. */
export function openUdp(options: OpenUdpOptions): number {
  const fd = tryOpen(needNative(), options);
  if (fd >= 0) return fd;
  const { address, port } = options;
  throw systemError(fd, `cannot listen on udp ${endpointText(address, port)}`, address, port);
}

/** The port a socket is bound to, for listeners that asked for port 0. */
export function boundPort(fd: number): number {
  return check(needNative().boundPort(fd), "cannot read the port of a socket");
}

export function closeFd(fd: number): void {
  check(needNative().closeFd(fd), "cannot close a socket");
}

/**
 * Spreads what comes to the SO_REUSEPORT group that `fd` is a member of evenly over the `live` members, given by their
 * order of opening. Closing a member moves the last one to its place, so a group's members are kept until all can go.
 * An empty list takes the program off; the kernel then spreads by a hash of the addresses.
 */
export function setSteering(fd: number, live: readonly number[]): void {
  check(needNative().setSteering(fd, Int32Array.from(live)), "cannot steer a group of sockets");
}

/**
 * What comes from now on goes to others of the group, which must have no program that names this one. What is queued in it
 * can be read and answered.
 */
export function refuseNew(fd: number): void {
  check(needNative().refuseNew(fd), "cannot leave a group of sockets");
}

/**
 * Datagrams that the kernel dropped because this socket's buffer was full, or by its limits. It counts in 32 bits. Before
 * Linux 4.12 and in some sandboxes there is no such count, and it is 0.
 */
export function socketDrops(fd: number): number {
  return check(orNothing(needNative().socketDrops(fd)), "cannot read the drops of a socket");
}

/** From 0, empty, to 1: the part of a socket's receive buffer that is in use. Unknown, as above: 0. */
export function socketFill(fd: number): number {
  return check(orNothing(needNative().socketFill(fd)), "cannot read the buffer of a socket");
}

function orNothing(result: number): number {
  return result === -ENOPROTOOPT ? 0 : result;
}

/**
 * Bytes that the kernel may queue for a listening socket: at 100,000 queries a second of 100 bytes (each costs the kernel
 * some 800 bytes of this) enough for a pause of 50 ms, such as a garbage collection or a busy neighbour.
 */
export const RECEIVE_BUFFER = 4 * 1024 * 1024;

export function setReceiveBuffer(fd: number, bytes: number): void {
  check(needNative().setReceiveBuffer(fd, bytes), "cannot set the buffer of a socket");
}

/** What the kernel takes of an address's datagrams, as an even chance for each of them. */
export interface AddressLimit {
  readonly family: 4 | 6;
  /** The address, or the first half of an IPv6 one, as two big-endian words; the second is 0 for IPv4. */
  readonly high: number;
  readonly low: number;
  /** From 0, none, to 1, all. */
  readonly keep: number;
}

/** Replaces the limits of a socket; at most 384. */
export function setLimits(fd: number, limits: readonly AddressLimit[]): void {
  const words = limits.flatMap(({ family, high, low, keep }) => [
    family,
    high,
    low,
    Math.min(keep * 2 ** 32, 2 ** 32 - 1),
  ]);
  check(needNative().setLimits(fd, Uint32Array.from(words)), "cannot limit what a socket takes");
}

const ENOPROTOOPT = 92;
const EAFNOSUPPORT = 97;

function tryOpen(addon: Native, options: OpenUdpOptions): number {
  const { address, port, receiveBuffer = 0, reusePort = true } = options;
  assert(Number.isInteger(port) && port >= 0 && port <= 65535, "a port is 0 to 65535");
  assert(Number.isInteger(receiveBuffer) && receiveBuffer >= 0 && receiveBuffer < 2 ** 30, "a buffer is below 1 GiB");
  const flags = reusePort ? OPEN_REUSE_PORT : 0;
  if (address !== "") return addon.openUdp(address, port, receiveBuffer, flags | OPEN_ONLY_6);
  const fd = addon.openUdp("::", port, receiveBuffer, flags);
  // A kernel without IPv6 has IPv4's wildcard only.
  return fd === -EAFNOSUPPORT ? addon.openUdp("0.0.0.0", port, receiveBuffer, flags) : fd;
}

function needNative(): Native {
  if (!native) throw new Error(`the native addon is missing: ${nativeError}`);
  return native;
}

function check(result: number, failure: string): number {
  if (result < 0) throw systemError(result, failure);
  return result;
}

function systemError(errno: number, failure: string, address?: string, port?: number): Error {
  const code = getSystemErrorName(errno);
  const error = new Error(`${failure}: ${systemErrorText(errno)}`);
  return Object.assign(error, { code, errno }, address === undefined ? {} : { address, port });
}

/** Of a number below 0, as native calls give them: `too many open files (EMFILE)`. */
export function systemErrorText(errno: number): string {
  return `${getSystemErrorMessage(errno)} (${getSystemErrorName(errno)})`;
}

class NativePort implements PacketPort {
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
  #native: Native;
  /** The addon's number for this port, or -1 when closed: the number may then be another port's. */
  #id: number;

  constructor(addon: Native, buffers: PortBuffers, onBatch: OnBatch) {
    this.#native = addon;
    this.slotCount = buffers.slotCount;
    this.slotSize = buffers.slotSize;
    this.stride = buffers.stride;
    this.received = buffers.received;
    this.lengths = buffers.lengths;
    this.sockets = buffers.sockets;
    this.addresses = buffers.addresses;
    this.sending = buffers.sending;
    this.descriptors = buffers.descriptors;
    this.descriptorCount = buffers.descriptorCount;
    this.statistics = buffers.statistics;
    this.#id = check(
      addon.portOpen(
        buffers.received,
        buffers.lengths,
        buffers.sockets,
        buffers.addresses,
        buffers.sending,
        buffers.descriptors,
        buffers.statistics,
        buffers.slotSize,
        buffers.stride,
        onBatch,
        buffers,
      ),
      "cannot open a packet port",
    );
  }

  add(listener: Listener): number {
    if (this.#id < 0) return -EBADF;
    if (listener.fd !== undefined) return this.#native.portAdd(this.#id, listener.fd);
    const fd = tryOpen(this.#native, listener);
    if (fd < 0) return fd;
    const socket = this.#native.portAdd(this.#id, fd);
    this.#native.closeFd(fd);
    return socket;
  }

  descriptorOf(socket: number): number | undefined {
    const fd = this.#id < 0 ? -EBADF : this.#native.portDescriptor(this.#id, socket);
    return fd < 0 ? undefined : fd;
  }

  connect(address: string, port: number, options?: ConnectOptions): number {
    if (this.#id < 0) return -EBADF;
    return this.#native.portConnect(this.#id, address, port, options?.source ?? "", options?.receiveBuffer ?? 0);
  }

  drain(socket: number): void {
    if (this.#id >= 0) this.#native.portDrain(this.#id, socket);
  }

  remove(socket: number): void {
    if (this.#id >= 0) this.#native.portRemove(this.#id, socket);
  }

  send(count: number): number {
    return this.#id < 0 ? 0 : this.#native.portSend(this.#id, count);
  }

  close(): void {
    if (this.#id >= 0) this.#native.portClose(this.#id);
    this.#id = -1;
  }
}

const EBADF = 9;
