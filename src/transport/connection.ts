/** One client of a stream: what has come of its messages, and what goes out. `stream.ts` has the bounds. */
import type { Socket } from "node:net";
import { parseIpv4, parseIpv6 } from "../dns/address.ts";
import { allocateBytes, copyBytes } from "../dns/bytes.ts";
import { Outgoing } from "./outgoing.ts";
import { ADDRESS_SIZE, formatAddress, keepAddress, writeAddress } from "./packets.ts";

/**
 * Answers to messages that came in one piece leave in one piece. They are gathered here while a connection is read, for one
 * connection at a time: `gatherer`, undefined when there are none.
 */
const gathering = allocateBytes(2 ** 16 + 2);
let gathered = 0;
let gatherer: Connection | undefined;

/** A length and the message that it announces. */
const LONGEST = 2 + 2 ** 16 - 1;
const NOTHING: Buffer = Buffer.alloc(0);

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
  /** When so many have been sent, the kernel is asked what it holds of them. */
  lookAt = 0;
  /** Since when the current message is incomplete, 0 when none has begun. */
  messageSince = 0;
  /** Since when bytes wait for the client, 0 when none do. */
  unsentSince = 0;
  lastActive: number;
  ended = false;
  /** Bytes that the kernel held when this connection was to end; 0 before that. */
  left = 0;
  /** It has messages that are taken in a later turn of the loop. */
  waiting = false;
  /** Its messages are being taken: what is sent goes out behind the last of them. */
  reading = false;
  readonly #outgoing: Outgoing;
  /** What has come and is not taken yet: `#pending`, from `#from` to `#to`. */
  #pending: Buffer = NOTHING;
  #from = 0;
  #to = 0;
  /** Bytes that the next step needs: a length, or a length and its message. */
  #wanted = 2;

  /** `onTaken` is called when the client has taken what it did not take at once. */
  constructor(socket: Socket, isLast: boolean, now: number, onTaken: () => void) {
    this.socket = socket;
    this.#outgoing = new Outgoing(socket, () => {
      this.lastActive = performance.now();
      this.unsentSince = this.unsent === 0 ? 0 : this.lastActive;
      onTaken();
    });
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
    this.#outgoing.write(gathering.subarray(0, size));
    if (this.unsentSince === 0 && this.unsent > 0) this.unsentSince = performance.now();
  }

  /** No answers come any more; those that have been sent go out. */
  end(): void {
    if (this.socket.destroyed || this.socket.writableEnded) return;
    this.#outgoing.end();
    if (this.unsentSince === 0) this.unsentSince = performance.now();
  }

  /** Bytes that the client has not taken. */
  get unsent(): number {
    return (gatherer === this ? gathered : 0) + this.#outgoing.unsent;
  }

  /** Bytes of memory that they take. */
  get held(): number {
    return this.#outgoing.held;
  }

  /**
   * Keeps what arrived until a message is whole. It may come a byte at a time, so there is room for as much again as has come,
   * where the message is that long: memory grows with bytes received, never with the length announced.
   */
  push(chunk: Buffer): void {
    const size = this.#to - this.#from + chunk.length;
    if (size === chunk.length) {
      this.#hold(chunk, size);
      return;
    }
    if (this.#to + chunk.length > this.#pending.length) {
      const most = this.#wanted > 2 ? this.#wanted : LONGEST;
      this.#move(Math.max(size, Math.min(2 * size, most)));
    }
    this.#pending.set(chunk, this.#to);
    this.#to += chunk.length;
  }

  /** All that has arrived and is not taken yet. */
  peek(): Buffer {
    return this.#pending.subarray(this.#from, this.#to);
  }

  /** The first `length` bytes of it are done with. */
  skip(length: number): void {
    if (this.#from + length === this.#to) this.#hold(NOTHING, 0);
    else this.#from += length;
  }

  /** The next whole message, undefined when there is none. */
  shift(): Buffer | undefined {
    const size = this.#to - this.#from;
    if (size >= 2) this.#wanted = 2 + ((this.#pending[this.#from]! << 8) | this.#pending[this.#from + 1]!);
    if (size < this.#wanted) {
      // A few bytes would keep the whole of what they came with.
      if (this.#pending.length > 2 * size) this.#move(size);
      return undefined;
    }
    const message = this.#pending.subarray(this.#from + 2, this.#from + this.#wanted);
    this.skip(this.#wanted);
    this.#wanted = 2;
    return message;
  }

  get partial(): boolean {
    return this.#to > this.#from;
  }

  /** Bytes of memory that hold what is not taken yet. */
  get pending(): number {
    return this.#pending.length;
  }

  #move(room: number): void {
    const rest = this.peek();
    // Not from the pool: a slice would keep all of it.
    const buffer = Buffer.allocUnsafeSlow(room);
    buffer.set(rest);
    this.#hold(buffer, rest.length);
  }

  #hold(buffer: Buffer, length: number): void {
    this.#pending = buffer;
    this.#from = 0;
    this.#to = length;
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
