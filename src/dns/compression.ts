/**
 * Name compression in a message that is being written (RFC 1035 section 4.1.4): which names stand where, so that the end
 * of a further one can be a pointer.
 */
import { HEADER_SIZE, MAX_POINTER } from "./header.ts";
import { suffixHash, suffixHashes, suffixOffsets } from "./suffixes.ts";

/** At most this many names may be pointed to; more are written in full (row A12: bounded). */
const MAX_TARGETS = 120;

/** The message: `bytes` from `start` on, written up to `end`. */
interface Message {
  readonly bytes: Uint8Array;
  readonly start: number;
  end: number;
  readonly questionEnd: number;
}

const NO_OFFSETS = new Uint16Array(0);
const NO_HASHES = new Int32Array(0);

export class Compression {
  /** In the order of their offsets, which are counted from the message's start. Made with the first name that is written. */
  #offsets = NO_OFFSETS;
  #hashes = NO_HASHES;
  #count = 0;
  #knowsQuestion = false;

  forget(): void {
    this.#count = 0;
    this.#knowsQuestion = false;
  }

  /** The message now ends at offset `length`. */
  cut(length: number): void {
    while (this.#count > 0 && this.#offsets[this.#count - 1]! >= length) this.#count--;
  }

  /** Writes the name at `wire[offset]`, its end as a pointer where it stands already. Gives its uncompressed length. */
  writeName(message: Message, wire: Uint8Array, offset: number): number {
    if (!this.#knowsQuestion) this.#learnQuestion(message);
    const labels = suffixHashes(wire, offset);
    const { bytes } = message;
    // The suffixes of this very name are no targets yet: what follows them is still what the buffer held before.
    const known = this.#count;
    for (let label = 0; label < labels; label++) {
      const from = suffixOffsets[label]!;
      const target = this.#find(message, wire, from, suffixHash[label]!, known);
      if (target >= 0) {
        bytes[message.end++] = 0xc0 | (target >> 8);
        bytes[message.end++] = target;
        return suffixOffsets[labels]! + 1 - offset;
      }
      this.#add(message.end - message.start, suffixHash[label]!);
      for (let at = from, stop = from + wire[from]!; at <= stop; at++) bytes[message.end++] = wire[at]!;
    }
    bytes[message.end++] = 0;
    return suffixOffsets[labels]! + 1 - offset;
  }

  #learnQuestion(message: Message): void {
    this.#knowsQuestion = true;
    if (this.#offsets === NO_OFFSETS) {
      this.#offsets = new Uint16Array(MAX_TARGETS);
      this.#hashes = new Int32Array(MAX_TARGETS);
    }
    if (message.questionEnd <= HEADER_SIZE + 5) return;
    this.learnName(message, message.bytes, message.start + HEADER_SIZE, HEADER_SIZE);
  }

  /** The name at `wire[offset]` stands in full at `at`, counted from the message's start, or will: others may point to it. */
  learnName(message: Message, wire: Uint8Array, offset: number, at: number): void {
    const labels = suffixHashes(wire, offset);
    const known = this.#count;
    for (let label = 0; label < labels; label++) {
      const from = suffixOffsets[label]!;
      if (this.#find(message, wire, from, suffixHash[label]!, known) >= 0) return;
      this.#add(at + from - offset, suffixHash[label]!);
    }
  }

  #add(offset: number, hash: number): void {
    if (this.#count === MAX_TARGETS || offset > MAX_POINTER) return;
    this.#offsets[this.#count] = offset;
    this.#hashes[this.#count++] = hash;
  }

  #find(message: Message, wire: Uint8Array, from: number, hash: number, known: number): number {
    for (let i = 0; i < known; i++) {
      if (this.#hashes[i] === hash && isSame(message, wire, from, this.#offsets[i]!)) {
        return this.#offsets[i]!;
      }
    }
    return -1;
  }
}

/** Compares with letter case, since a pointer gives the reader the other's letters. */
function isSame({ bytes, start }: Message, wire: Uint8Array, from: number, target: number): boolean {
  let at = start + target;
  for (;;) {
    let size = bytes[at]!;
    // Names written here point strictly backward, so this ends.
    while (size >= 0xc0) {
      at = start + (((size & 0x3f) << 8) | bytes[at + 1]!);
      size = bytes[at]!;
    }
    for (let i = 0; i <= size; i++) if (bytes[at + i] !== wire[from + i]) return false;
    if (size === 0) return true;
    at += size + 1;
    from += size + 1;
  }
}
