/**
 * What goes out on one stream. The kernel takes most of it at once. What it does not take waits in a few buffers, however small
 * the answers are: Node.js keeps some 450 bytes for each write that waits.
 */
import type { Socket } from "node:net";
import { giveBack, LARGEST, takeBuffer } from "./spare-buffers.ts";

/** What Node.js keeps of a write that waits, beside its bytes. Measured: 420 to 480. */
const BYTES_OF_WRITE = 512;

export class Outgoing {
  readonly #socket: Socket;
  readonly #onTaken: () => void;
  /** Has been written to the socket, and the kernel has not taken all of it. */
  readonly #underWay: Buffer[] = [];
  /** Is behind that. All are full but the last one, which has `#filled` bytes. */
  readonly #waiting: Buffer[] = [];
  #filled = 0;
  #waitingBytes = 0;
  /** Of memory, for both. */
  #held = 0;

  /** `onTaken` is called when the kernel has taken what it did not take at once. */
  constructor(socket: Socket, onTaken: () => void) {
    this.#socket = socket;
    this.#onTaken = onTaken;
  }

  /** Bytes that the client has not taken. */
  get unsent(): number {
    return this.#socket.writableLength + this.#waitingBytes;
  }

  /** Bytes of memory that they take. */
  get held(): number {
    return this.#held;
  }

  /** Copies `bytes`, `LARGEST` at most. */
  write(bytes: Uint8Array): void {
    if (this.#underWay.length > 0) {
      this.#keep(bytes);
      return;
    }
    const buffer = takeBuffer(bytes.length);
    buffer.set(bytes);
    this.#socket.write(buffer.subarray(0, bytes.length), this.#written);
    if (this.#socket.writableLength === 0) giveBack(buffer);
    else {
      this.#held = buffer.length + BYTES_OF_WRITE;
      this.#underWay.push(buffer);
    }
  }

  /** Nothing is written any more; what was is sent. */
  end(): void {
    this.#handOver();
    this.#socket.end(() => this.#socket.destroy());
  }

  /** Fills the last buffer, and takes one for the rest that has room for as much as waits already. */
  #keep(bytes: Uint8Array): void {
    const { length } = bytes;
    const last = this.#waiting.at(-1);
    const fits = last === undefined ? 0 : Math.min(last.length - this.#filled, length);
    if (fits > 0) last!.set(bytes.subarray(0, fits), this.#filled);
    this.#filled += fits;
    if (fits < length) {
      const buffer = takeBuffer(Math.max(length - fits, Math.min(this.#waitingBytes, LARGEST)));
      buffer.set(bytes.subarray(fits));
      this.#waiting.push(buffer);
      this.#filled = length - fits;
      this.#held += buffer.length + BYTES_OF_WRITE;
    }
    this.#waitingBytes += length;
  }

  /** Writes what waits to the socket, in one call of the system. */
  #handOver(): void {
    const { length } = this.#waiting;
    if (length === 0) return;
    this.#socket.cork();
    for (const [i, buffer] of this.#waiting.entries()) {
      this.#socket.write(i < length - 1 ? buffer : buffer.subarray(0, this.#filled), this.#written);
    }
    this.#underWay.push(...this.#waiting);
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#socket.uncork();
  }

  /** Also called for what is not sent any more, since the connection was closed. */
  readonly #written = (): void => {
    if (this.#underWay.length === 0 || this.#socket.writableLength > 0) return;
    this.#release(this.#underWay);
    if (this.#socket.destroyed) {
      this.#release(this.#waiting);
      return;
    }
    this.#handOver();
    this.#onTaken();
  };

  #release(buffers: Buffer[]): void {
    for (const buffer of buffers) {
      this.#held -= buffer.length + BYTES_OF_WRITE;
      giveBack(buffer);
    }
    buffers.length = 0;
  }
}
