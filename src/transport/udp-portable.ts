/**
 * The packet port over node:dgram, for where the addon is missing. It keeps the contract of `packets.ts`, at twice the
 * cost and with these differences, none of which a worker has to know:
 * - Sockets are opened in the worker (`reusePort`), so what waits in them is lost with the worker, and the kernel spreads
 *   by its hash of the addresses. Mistakes in opening arrive later, as a slot with -errno.
 * - node:dgram does not tell the address that was asked: replies from a wildcard socket leave from the address that the
 *   routing table chooses. The machine's own addresses have sockets beside it; others that lead here (127.0.0.5, those that
 *   come later) are named in `bind`, or need the addon.
 * - A full socket's queue is libuv's, oldest first; beyond the same bounds the newest are dropped.
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIP, isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import { parseIpv4, parseIpv6 } from "../dns/address.ts";
import {
  ADDRESS_SIZE,
  addressOffset,
  allocateBuffers,
  type ConnectOptions,
  DESCRIPTOR_WORDS,
  formatAddress,
  type Listener,
  type OnBatch,
  PacketCounter,
  type PacketPort,
  type PortBuffers,
  type PortOptions,
  QUEUE_BYTES,
  QUEUE_DATAGRAMS,
  readFamily,
  readPort,
  writeAddress,
} from "./packets.ts";

export function createPortablePort(options: PortOptions, onBatch: OnBatch): PacketPort {
  return new PortablePort(allocateBuffers(options), onBatch);
}

/**
 * Whether this address can be listened on, before workers try, and with which port when asked for 0. The socket is closed
 * again: an open one would be given its share of the queries.
 */
export function probeUdp(listener: Listener): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = openListener(listener);
    socket.once("error", (error) => {
      socket.close();
      if (hasNoIPv6(error, listener)) probeUdp({ ...listener, address: "0.0.0.0" }).then(resolve, reject);
      else reject(error);
    });
    socket.once("listening", () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

function openListener({ address, port }: Listener): Socket {
  const isV4 = isIPv4(address);
  const socket = createSocket({
    type: isV4 ? "udp4" : "udp6",
    reusePort: true,
    ...(isV4 ? {} : { ipv6Only: address !== "" }),
  });
  socket.bind({ port, address: address === "" ? "::" : address, exclusive: true });
  return socket;
}

/** A kernel without IPv6 has IPv4's wildcard only. */
function hasNoIPv6(error: Error, listener: Listener): boolean {
  return listener.address === "" && (error as NodeJS.ErrnoException).code === "EAFNOSUPPORT";
}

interface Early {
  send(): void;
  done(error: Error): void;
}

/** A socket by its number. `early` is what was sent before node had bound or connected it. */
interface Entry {
  readonly number: number;
  readonly connected: boolean;
  socket: Socket;
  early: Early[] | undefined;
  /** Given to node:dgram and not yet called back. */
  sendingCount: number;
  sendingBytes: number;
}

class PortablePort implements PacketPort {
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
  #onBatch: OnBatch;
  #entries: (Entry | undefined)[] = [];
  #free: number[] = [];
  #retired: number[] = [];
  #filled = 0;
  #inBatch = false;
  #flush: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(buffers: PortBuffers, onBatch: OnBatch) {
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
    this.#onBatch = onBatch;
  }

  add(listener: Listener): number {
    if (this.#closed) return -EBADF;
    if (listener.address !== "" && isIP(listener.address) === 0) return -EINVAL;
    const entry = this.#enter(openListener(listener), false);
    const begin = (socket: Socket) => {
      entry.socket = socket;
      this.#watch(entry, "listening");
      socket.on("error", (error) => {
        if (!hasNoIPv6(error, listener) || !this.#isOpen(entry)) return this.#fail(entry, error);
        socket.close();
        begin(openListener({ ...listener, address: "0.0.0.0" }));
      });
    };
    begin(entry.socket);
    return entry.number;
  }

  connect(address: string, port: number, options?: ConnectOptions): number {
    if (this.#closed) return -EBADF;
    if (isIP(address) === 0 || port < 1 || port > 65535) return -EINVAL;
    const recvBufferSize = options?.receiveBuffer;
    const type = isIPv4(address) ? "udp4" : "udp6";
    const socket = createSocket({ type, ...(recvBufferSize ? { recvBufferSize } : {}) });
    if (options?.source) socket.bind({ port: 0, address: options.source, exclusive: true });
    socket.connect(port, address);
    const entry = this.#enter(socket, true);
    this.#watch(entry, "connect");
    socket.on("error", (error) => this.#fail(entry, error));
    return entry.number;
  }

  /** node:dgram cannot be made to read: what waits in the socket is lost with it. */
  drain(): void {}

  descriptorOf(): undefined {}

  remove(number: number): void {
    const entry = this.#entries[number];
    if (!entry) return;
    this.#entries[number] = undefined;
    this.#closeWhenSent(entry);
    if (this.#inBatch) {
      this.#retired.push(number);
    } else {
      this.#dropSlotsOf(number);
      this.#free.push(number);
    }
  }

  send(count: number): number {
    let accepted = 0;
    for (let i = 0; i < Math.min(count, this.descriptorCount); i++) {
      const at = i * DESCRIPTOR_WORDS;
      const entry = this.#entries[this.descriptors[at]!];
      const record = this.descriptors[at + 1]!;
      const offset = this.descriptors[at + 2]!;
      const length = this.descriptors[at + 3]!;
      const fits = offset >= 0 && length >= 0 && offset + length <= this.sending.length;
      const known = entry?.connected ? record === -1 : this.#hasAddress(record);
      if (!entry || !fits || !known) this.statistics[PacketCounter.LOST_OTHER]!++;
      else if (this.#sendOne(entry, record, offset, length)) accepted++;
    }
    return accepted;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearImmediate(this.#flush);
    for (let number = 0; number < this.#entries.length; number++) this.remove(number);
  }

  #enter(socket: Socket, connected: boolean): Entry {
    const number = this.#free.pop() ?? this.#entries.length;
    const entry: Entry = { number, connected, socket, early: [], sendingCount: 0, sendingBytes: 0 };
    this.#entries[number] = entry;
    return entry;
  }

  #watch(entry: Entry, ready: "listening" | "connect"): void {
    entry.socket.on(ready, () => {
      const early = entry.early ?? [];
      entry.early = undefined;
      for (const { send } of early) send();
    });
    entry.socket.on("message", (bytes, from) => this.#receive(entry, bytes, from));
  }

  /** Closing takes a while in node, and what comes meanwhile is nobody's. */
  #isOpen(entry: Entry): boolean {
    return this.#entries[entry.number] === entry;
  }

  #receive(entry: Entry, bytes: Uint8Array, from: RemoteInfo): void {
    if (!this.#isOpen(entry)) return;
    this.statistics[PacketCounter.RECEIVED]!++;
    if (bytes.length > this.slotSize && !entry.connected) {
      this.statistics[PacketCounter.TRUNCATED]!++;
      return;
    }
    if (from.port === 0) {
      this.statistics[PacketCounter.UNANSWERABLE]!++;
      return;
    }
    const slot = this.#filled;
    this.received.set(bytes.subarray(0, this.slotSize), slot * this.stride);
    if (entry.connected) this.addresses.fill(0, slot * ADDRESS_SIZE, (slot + 1) * ADDRESS_SIZE);
    else writePeer(this.addresses, slot, from);
    this.#fill(entry.number, bytes.length);
  }

  /** What was sent before a socket was removed has left, as far as anybody can tell who used the addon. */
  #closeWhenSent(entry: Entry): void {
    if (entry.sendingCount === 0 && !this.#isOpen(entry)) close(entry.socket);
  }

  #fail(entry: Entry, error: Error): void {
    const early = entry.early ?? [];
    entry.early = early.length > 0 ? [] : entry.early;
    for (const { done } of early) done(error);
    if (!this.#isOpen(entry)) return;
    const slot = this.#filled;
    this.addresses.fill(0, slot * ADDRESS_SIZE, (slot + 1) * ADDRESS_SIZE);
    this.#fill(entry.number, errnoOf(error));
  }

  /** A slot is full; the batch is what one turn of the event loop brings. */
  #fill(number: number, length: number): void {
    this.lengths[this.#filled] = length;
    this.sockets[this.#filled] = number;
    this.#filled++;
    if (this.#filled === this.slotCount) this.#dispatch();
    else this.#flush ??= setImmediate(() => this.#dispatch());
  }

  #dispatch(): void {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    const count = this.#filled;
    if (count === 0) return;
    this.#inBatch = true;
    this.statistics[PacketCounter.BATCHES]!++;
    try {
      const sending = this.#onBatch(count);
      if (!this.#closed) this.send(sending);
    } finally {
      this.#filled = 0;
      this.#inBatch = false;
      while (this.#retired.length > 0) this.#free.push(this.#retired.pop()!);
    }
  }

  #hasAddress(record: number): boolean {
    return record >= 0 && record < 2 * this.slotCount && readFamily(this.addresses, record) !== 0;
  }

  #dropSlotsOf(number: number): void {
    const count = this.#filled;
    this.#filled = 0;
    for (let slot = 0; slot < count; slot++) {
      if (this.sockets[slot] === number) continue;
      const to = this.#filled++;
      if (to === slot) continue;
      this.received.copyWithin(to * this.stride, slot * this.stride, slot * this.stride + this.slotSize);
      this.addresses.copyWithin(to * ADDRESS_SIZE, slot * ADDRESS_SIZE, (slot + 1) * ADDRESS_SIZE);
      this.lengths[to] = this.lengths[slot]!;
      this.sockets[to] = this.sockets[slot]!;
    }
  }

  #sendOne(entry: Entry, record: number, offset: number, length: number): boolean {
    if (entry.sendingCount >= QUEUE_DATAGRAMS || entry.sendingBytes + length > QUEUE_BYTES) {
      this.statistics[PacketCounter.LOST_QUEUE_FULL]!++;
      return false;
    }
    // node may send later, when the arena holds other replies.
    const bytes = this.sending.slice(offset, offset + length);
    entry.sendingCount++;
    entry.sendingBytes += length;
    const done = (error: Error | null) => {
      entry.sendingCount--;
      entry.sendingBytes -= length;
      this.#countSent(entry, error);
      this.#closeWhenSent(entry);
    };
    const send = entry.connected
      ? () => entry.socket.send(bytes, done)
      : sendTo(entry, bytes, readPort(this.addresses, record), readPeer(this.addresses, record), done);
    if (entry.early) entry.early.push({ send, done });
    else send();
    return true;
  }

  #countSent(entry: Entry, error: Error | null): void {
    if (!error) {
      this.statistics[PacketCounter.SENT]!++;
      return;
    }
    this.statistics[lossOf((error as NodeJS.ErrnoException).code)]!++;
    // Whoever asked waits for an answer, and is told that there will be none.
    if (entry.connected) this.#fail(entry, error);
  }
}

const EBADF = 9;
const EINVAL = 22;

function close(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // Closed already, by an error while binding.
  }
}

function sendTo(
  entry: Entry,
  bytes: Uint8Array,
  port: number,
  address: string,
  done: (error: Error | null) => void,
): () => void {
  return () => entry.socket.send(bytes, port, address, done);
}

function errnoOf(error: Error): number {
  const { errno } = error as NodeJS.ErrnoException;
  return errno !== undefined && errno < 0 ? errno : -EINVAL;
}

function lossOf(code: string | undefined): number {
  switch (code) {
    case "EMSGSIZE":
      return PacketCounter.LOST_TOO_LARGE;
    case "EPERM":
    case "EACCES":
      return PacketCounter.LOST_FORBIDDEN;
    case "ECONNREFUSED":
      return PacketCounter.LOST_REFUSED;
    case "ENETUNREACH":
    case "EHOSTUNREACH":
    case "ENETDOWN":
    case "EHOSTDOWN":
    case "EADDRNOTAVAIL":
      return PacketCounter.LOST_UNREACHABLE;
    default:
      return PacketCounter.LOST_OTHER;
  }
}

const scratch = new Uint8Array(16);

function writePeer(records: Uint8Array, index: number, from: RemoteInfo): void {
  const [address = "", zone] = from.address.split("%");
  if (from.family === "IPv4") {
    parseIpv4(address, scratch, 0);
    writeAddress(records, index, scratch.subarray(0, 4), from.port);
    return;
  }
  parseIpv6(address, scratch, 0);
  writeAddress(records, index, scratch, from.port, zone === undefined ? 0 : scopeOf(zone));
}

/** Whom to send to, in the form that the socket's family takes. */
function readPeer(records: Uint8Array, index: number): string {
  const at = index * ADDRESS_SIZE;
  const text = formatAddress(records, index);
  if (addressOffset(records, index) === at + 20) return `::ffff:${text}`;
  const [address = "", scope] = text.split("%");
  return scope === undefined ? text : `${address}%${zoneOf(Number(scope))}`;
}

/** Link-local peers: a record has the interface's number, node's addresses its name. */
function scopeOf(zone: string): number {
  for (const address of networkInterfaces()[zone] ?? []) if (address.scopeid) return address.scopeid;
  return 0;
}

function zoneOf(scope: number): string {
  for (const [zone, addresses] of Object.entries(networkInterfaces()))
    if (addresses?.some((address) => address.scopeid === scope)) return zone;
  return String(scope);
}
