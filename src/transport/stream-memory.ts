/** What all connections of a worker hold, at whichever listener, and who is closed when that is too much. */
import type { Connection } from "./connection.ts";
import { HeldBytes } from "./held-bytes.ts";
import { kernelBytes } from "./kernel-memory.ts";

/**
 * Bytes of answers that clients of a worker have not taken, and bytes of messages that are not whole or not taken yet, where
 * there is memory for so many (`streamBytesAtMost`). Beyond, the connection with most of them is closed. A hundred of the largest
 * answers, which one client may have under way, are 6 MiB.
 */
export const MAX_HELD = 32 * 1024 * 1024;
/** What is sent on a connection before the kernel is asked again what it holds of it, which takes half a microsecond. */
const LOOK_EVERY = 16 * 1024;

export interface StreamMemoryBounds {
  /** Of answers in this process, and the same of messages. */
  readonly held: number;
  /** In the kernel, for both: up to 4 MiB for a client that does not read. Infinite: nobody counts them. */
  readonly inKernel: number;
}

/** What a client that does not read may have the kernel hold, as a part of what it may hold for all. */
const SHARE_OF_SENDING = 1 / 64;
/** With less a client that reads waits for 40 ms now and then on a loopback interface, whose packets are as large. */
const MIN_SENDING = 64 * 1024;
/** What the kernel holds anyway at most, most often (`net.ipv4.tcp_wmem`). */
const MAX_SENDING = 4 * 1024 * 1024;

export class StreamMemory {
  /** Bytes that the kernel is to hold at most of what one client has not taken; undefined: as many as it likes. */
  readonly sending: number | undefined;
  readonly #untaken: HeldBytes;
  readonly #unfinished: HeldBytes;
  readonly #inKernel: HeldBytes | undefined;

  /** `untaken` and `unfinished` are called for a connection that is closed as all hold too much of answers, or of messages. */
  constructor({ held, inKernel }: StreamMemoryBounds, untaken: () => void, unfinished: () => void) {
    this.#untaken = new HeldBytes(held, (connection) => connection.held, untaken);
    this.#unfinished = new HeldBytes(held, ({ pending, socket }) => pending + socket.readableLength, unfinished);
    const sending = Math.max(MIN_SENDING, Math.floor(inKernel * SHARE_OF_SENDING));
    this.sending = sending < MAX_SENDING ? sending : undefined;
    if (inKernel < Number.POSITIVE_INFINITY) {
      this.#inKernel = new HeldBytes(inKernel, ({ socket }) => kernelBytes(socket), untaken);
    }
  }

  /** To be called when a connection may hold more than before, and when it is closed. */
  count(connection: Connection): void {
    this.#untaken.count(connection);
    this.#unfinished.count(connection);
    if (this.#inKernel === undefined) return;
    if (connection.sent < connection.lookAt && !connection.socket.destroyed) return;
    connection.lookAt = connection.sent + LOOK_EVERY;
    this.#inKernel.count(connection);
  }

  /** To be called now and then for a connection that is not read: more comes meanwhile. */
  look(connection: Connection): void {
    connection.lookAt = 0;
    this.count(connection);
  }
}
