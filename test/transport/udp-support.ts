/** What the tests of packet ports share: both implementations, and a port that remembers what came. */
import { readdirSync, readlinkSync } from "node:fs";
import { native, nativeError } from "../../src/native/index.ts";
import {
  DESCRIPTOR_WORDS,
  formatAddress,
  formatLocalAddress,
  type Listener,
  type OnBatch,
  type PacketPort,
  type PortOptions,
  readPort,
} from "../../src/transport/packets.ts";
import { boundPort, closeFd, createNativePort, openUdp } from "../../src/transport/udp.ts";
import { createPortablePort, probeUdp } from "../../src/transport/udp-portable.ts";

export interface Implementation {
  readonly name: string;
  readonly skip: string | false;
  create(options: PortOptions, onBatch: OnBatch): PacketPort;
  /** A free place to listen on, and what gives it back. */
  listener(address: string): Promise<Listener & Disposable>;
}

export const skipNative = native ? false : `no addon: ${nativeError}`;

export const implementations: Implementation[] = [
  {
    name: "native",
    skip: skipNative,
    create: createNativePort,
    async listener(address) {
      const fd = openUdp({ address, port: 0 });
      return { address, port: boundPort(fd), fd, [Symbol.dispose]: () => closeFd(fd) };
    },
  },
  {
    name: "portable",
    skip: false,
    create: createPortablePort,
    async listener(address) {
      return { address, port: await probeUdp({ address, port: 0 }), [Symbol.dispose]() {} };
    },
  },
];

export interface Received {
  readonly socket: number;
  /** Negative: an error. */
  readonly length: number;
  readonly text: string;
  readonly from: string;
  readonly port: number;
  readonly local: string;
}

/** What stands in a slot, as values of its own. */
export function readSlot(port: PacketPort, slot: number): Received {
  const length = port.lengths[slot]!;
  const start = slot * port.stride;
  return {
    socket: port.sockets[slot]!,
    length,
    text: Buffer.from(port.received.subarray(start, start + Math.max(length, 0))).toString("latin1"),
    from: formatAddress(port.addresses, slot),
    port: readPort(port.addresses, slot),
    local: formatLocalAddress(port.addresses, slot),
  };
}

/** Writes datagrams one behind the other and describes them from `first` on; `record` -1 for connected sockets. */
export function compose(
  port: PacketPort,
  datagrams: { socket: number; record: number; text: string }[],
  first = 0,
  start = 0,
): number {
  let at = start;
  datagrams.forEach(({ socket, record, text }, i) => {
    const length =
      port.sending.length - at < text.length ? 0 : Buffer.from(port.sending.buffer).write(text, at, "latin1");
    port.descriptors.set([socket, record, at, length], (first + i) * DESCRIPTOR_WORDS);
    at += length;
  });
  return first + datagrams.length;
}

/** A port that keeps what came, and batch by batch how much. `reply` may answer from inside the batch. */
export class Recorder {
  readonly port: PacketPort;
  readonly received: Received[] = [];
  readonly batches: number[] = [];
  #waiting: (() => void)[] = [];

  constructor(
    create: Implementation["create"],
    options: PortOptions = {},
    reply: (port: PacketPort, count: number) => number = () => 0,
  ) {
    this.port = create(options, (count) => {
      this.batches.push(count);
      for (let slot = 0; slot < count; slot++) this.received.push(readSlot(this.port, slot));
      const sending = reply(this.port, count);
      for (const check of this.#waiting.splice(0)) check();
      return sending;
    });
  }

  /** Resolves when so many datagrams and errors have come altogether; gives up after two seconds. */
  until(count: number): Promise<Received[]> {
    return this.when(
      () => this.received.length >= count,
      () => `${this.received.length} of ${count} datagrams`,
    );
  }

  async when(done: () => boolean, describe: () => string): Promise<Received[]> {
    const deadline = Date.now() + 2000;
    while (!done()) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`waited in vain: ${describe()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 20));
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this.received;
  }

  send(datagrams: { socket: number; record: number; text: string }[]): number {
    return this.port.send(compose(this.port, datagrams));
  }

  [Symbol.dispose](): void {
    this.port.close();
  }
}

/** Answers every datagram with itself. */
export function echo(port: PacketPort, count: number): number {
  const datagrams = [];
  for (let slot = 0; slot < count; slot++) {
    const { socket, text, length } = readSlot(port, slot);
    if (length >= 0) datagrams.push({ socket, record: slot, text });
  }
  return compose(port, datagrams);
}

/** Descriptors of this process that are sockets or epolls. */
export function countFds(): number {
  let count = 0;
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      if (/^(socket|anon_inode:\[eventpoll)/.test(readlinkSync(`/proc/self/fd/${fd}`))) count++;
    } catch {
      // The one of this very listing.
    }
  }
  return count;
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
