/** One client of a stream: what has come of its messages, and what goes out. `stream.ts` has the bounds. */
import type { Socket } from "node:net";
import { parseIpv4, parseIpv6 } from "../dns/address.ts";
import { allocateBytes, copyBytes } from "../dns/bytes.ts";
import { ADDRESS_SIZE, formatAddress, keepAddress, writeAddress } from "./packets.ts";
import { giveBack, LARGE, takeBuffer } from "./spare-buffers.ts";

/**
 * Answers to messages that came in one piece leave in one piece. They are gathered here while a connection is read, for one
 * connection at a time: `gatherer`, undefined when there are none.
 */
const gathering = allocateBytes(2 ** 16 + 2);
let gathered = 0;
let gatherer: Connection | undefined;

export class Connection {
  readonly socket: Socket;
  /** When it came there were hardly any descriptors left. */
  readonly isLast: boolean;
  /** Whose connection it is: the other end's, or that of the client that a proxy there stands for. */
  address: string;
  /** The client as an address record (packets.ts). */
  readonly peer: Uint8Array = allocateBytes(ADDRESS_SIZE);
  localAddress: string;
  localPort: number;
  /** What stands before the first message has been read. */
  begun = false;
  inFlight = 0;
  queries = 0;
  /** Bytes of answers, ever. */
  sent = 0;
  /** Since when the current message is incomplete, 0 when none has begun. */
  messageSince = 0;
  /** Since when bytes wait for the client, 0 when none do. */
  unsentSince = 0;
  lastActive: number;
  ended = false;
  /** It has messages that are taken in a later turn of the loop. */
  waiting = false;
  /** Its messages are being taken: what is sent goes out behind the last of them. */
  reading = false;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Bytes that the next step needs: a length, or a length and its message. */
  #wanted = 2;

  constructor(socket: Socket, isLast: boolean, now: number) {
    this.socket = socket;
    this.isLast = isLast;
    this.address = socket.remoteAddress ?? "";
    writeAddress(this.peer, 0, addressBytes(this.address), socket.remotePort ?? 0);
    this.localAddress = unmapped(socket.localAddress ?? "");
    this.localPort = socket.localPort ?? 0;
    this.lastActive = now;
  }

  /** The other end is a proxy: who asks is in `record`, and has asked `localAddress`. */
  standFor(record: Uint8Array, localAddress: string, localPort: number): void {
    keepAddress(record, 0, this.peer, 0);
    this.address = formatAddress(record, 0);
    this.localAddress = localAddress;
    this.localPort = localPort;
  }

  /** Sends `length` bytes of `bytes` as one message. They are copied. */
  send(bytes: Uint8Array, start: number, length: number): void {
    if (this.socket.destroyed) return;
    if (gatherer !== this || gathered + length + 2 > gathering.length) gatherer?.flush();
    gatherer = this;
    const at = gathered;
    gathering[at] = length >> 8;
    gathering[at + 1] = length;
    copyBytes(bytes, start, length, gathering, at + 2);
    gathered = at + length + 2;
    this.sent += length;
    if (!this.reading) this.flush();
  }

  /** Hands what was gathered to the socket, in one piece. */
  flush(): void {
    if (gatherer !== this) return;
    gatherer = undefined;
    const size = gathered;
    gathered = 0;
    const { socket } = this;
    if (socket.destroyed || socket.writableEnded) return;
    const isLarge = size >= LARGE;
    const ready = isLarge ? takeBuffer(size) : Buffer.allocUnsafe(size);
    ready.set(gathering.subarray(0, size));
    const hasRoom = isLarge ? socket.write(ready.subarray(0, size), () => giveBack(ready)) : socket.write(ready);
    if (!hasRoom && this.unsentSince === 0) this.unsentSince = performance.now();
  }

  /** Bytes that the client has not taken. */
  get unsent(): number {
    return (gatherer === this ? gathered : 0) + this.socket.writableLength;
  }

  /** Keeps what arrived until a message is whole. */
  push(chunk: Buffer): void {
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
  }

  /** All that has arrived and is not taken yet. */
  peek(): Buffer {
    if (this.#pending.length !== 1) this.#pending = [Buffer.concat(this.#pending)];
    return this.#pending[0]!;
  }

  /** The first `length` bytes of it are done with. */
  skip(length: number): void {
    const rest = this.peek().subarray(length);
    this.#pending = rest.length === 0 ? [] : [rest];
    this.#pendingBytes = rest.length;
  }

  /** The next whole message, undefined when there is none. Memory grows with bytes received, never with the length announced. */
  shift(): Buffer | undefined {
    // Pieces are put together when they suffice, not one by one: a message may come a byte at a time.
    if (this.#pendingBytes < this.#wanted) return undefined;
    const all = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
    const whole = 2 + ((all[0]! << 8) | all[1]!);
    if (all.length < whole) {
      this.#pending = [all];
      this.#wanted = whole;
      return undefined;
    }
    this.#pending = all.length === whole ? [] : [all.subarray(whole)];
    this.#pendingBytes = all.length - whole;
    this.#wanted = 2;
    return all.subarray(2, whole);
  }

  get partial(): boolean {
    return this.#pendingBytes > 0;
  }
}

function addressBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const [address] = unmapped(text).split("%");
  if (parseIpv4(address!, bytes, 0)) return bytes.subarray(0, 4);
  parseIpv6(address!, bytes, 0);
  return bytes;
}

/** A dual-stack listener shows IPv4 clients' addresses as mapped ones (RFC 4291 section 2.5.5.2). */
function unmapped(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}
