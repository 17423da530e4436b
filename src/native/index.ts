/**
 * Loads the addon, in each thread that wants it. Without it (no compiler at install, another platform, a sandbox that does
 * not let it work) `native` is undefined and `nativeError` says why in one line; the portable ways then serve.
 */
import { createRequire } from "node:module";
import { getSystemErrorName } from "node:util";

/**
 * What the addon exports. Numbers below 0 are -errno. Nothing here checks its arguments beyond what memory safety needs:
 * `src/transport/udp.ts` is the way to call it.
 */
export interface Native {
  readonly interfaceVersion: number;
  /** Whether the system lets this process receive and send in batches: 0, else -errno. */
  canBatch(): number;
  /** `flags`: OPEN_REUSE_PORT, OPEN_ONLY_6. The address is numeric. */
  openUdp(address: string, port: number, receiveBuffer: number, flags: number): number;
  boundPort(fd: number): number;
  closeFd(fd: number): number;
  /** Spreads a SO_REUSEPORT group's datagrams evenly over these members, by order of opening; none: the kernel's hash. */
  setSteering(fd: number, live: Int32Array): number;
  /** From now on nothing comes to the socket any more. What it has queued can be read, and replies sent. For good. */
  refuseNew(fd: number): number;
  /** Datagrams that the kernel dropped: the socket's buffer was full, or its filter did not take them. */
  socketDrops(fd: number): number;
  /** From 0, empty, to 1: the part of its receive buffer that is in use. */
  socketFill(fd: number): number;
  /** Bytes of the kernel's memory for what has not been read from a socket, and what its peer has not taken. */
  socketMemory(fd: number): number;
  /** What a stream's peer has not taken is forgotten when it is closed. */
  resetOnClose(fd: number): number;
  setReceiveBuffer(fd: number, bytes: number): number;
  /** Of a listening socket: also of connections that it accepts from now on. */
  setSendBuffer(fd: number, bytes: number): number;
  /** Four words an entry: 4 or 6, the address (4 bytes in the first word; /64 in both), what to take of 2^32. */
  setLimits(fd: number, entries: Uint32Array): number;
  /**
   * Writes what the pipe, file, socket or terminal takes now, never blocks and leaves O_NONBLOCK alone. Returns the bytes
   * written, or -errno (-EAGAIN) when there were none.
   */
  writeNow(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  /** Says `text` to the NOTIFY_SOCKET at `address`, with a copy of descriptor `fd` unless that is -1. May wait for a second. */
  sendNotice(address: string, text: string, fd: number): number;
  /**
   * Writes the addresses of an interface, in whatever state it is, each as a line. Returns their length in bytes: when that is
   * more than `out` has, some are missing. -ENODEV: there is no such interface.
   */
  interfaceAddresses(name: string, out: Uint8Array): number;
  /** Asks for huge pages behind memory that is looked into at random: fewer misses of the page table's cache. */
  useHugePages(bytes: Uint8Array): number;
  /** Gives the pages behind these bytes back to the system: they read as zeros until somebody writes to them again. */
  releasePages(bytes: Uint8Array): number;
  /** Gives memory that was freed, in all threads, back to the system. Takes about a millisecond. */
  trimMemory(): number;
  /** From now on the calling thread takes it; what has come before is delivered at once. */
  unblockSignal(number: number): number;
  portOpen(
    received: Uint8Array,
    lengths: Int32Array,
    sockets: Int32Array,
    addresses: Uint8Array,
    sending: Uint8Array,
    descriptors: Int32Array,
    statistics: Float64Array,
    slotSize: number,
    stride: number,
    onBatch: (count: number) => number,
    keep: object,
  ): number;
  portAdd(port: number, fd: number): number;
  /** The port's own duplicate of what was added. */
  portDescriptor(port: number, socket: number): number;
  /** `source` "" lets the kernel choose; `receiveBuffer` 0 keeps the system's. */
  portConnect(port: number, address: string, portNumber: number, source: string, receiveBuffer: number): number;
  portRemove(port: number, socket: number): void;
  /** Calls `onBatch` for what has come to a socket by now. Not to be called within a batch. */
  portDrain(port: number, socket: number): void;
  portSend(port: number, count: number): number;
  portClose(port: number): void;
}

export const OPEN_REUSE_PORT = 1;
export const OPEN_ONLY_6 = 2;

/** INTERFACE_VERSION in addon.c. */
const NATIVE_VERSION = 11;

/** The addon, also where a part of it is of no use. */
let addon: Native | undefined;

function load(): Native | string {
  if (process.env.WEFTDNS_NATIVE === "off") return "switched off by WEFTDNS_NATIVE=off";
  try {
    const found: Native = createRequire(import.meta.url)("../../dist/native/addon.node");
    if (found.interfaceVersion !== NATIVE_VERSION) return "the addon was built for another version, run: npm run build";
    addon = found;
    const refused = addon.canBatch();
    return refused === 0 ? addon : `the system refuses recvmmsg or sendmmsg (${getSystemErrorName(refused)})`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND")
      return "the addon is not built, run: npm run build";
    return (error as Error).message.split("\n", 1)[0]!;
  }
}

const loaded = load();
export const native: Native | undefined = typeof loaded === "string" ? undefined : loaded;
export const nativeError: string | undefined = typeof loaded === "string" ? loaded : undefined;

/** See `Native.unblockSignal`. Without the addon nothing blocks it (bin/weftdns). */
export function unblockSignal(number: number): void {
  addon?.unblockSignal(number);
}
