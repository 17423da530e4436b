/**
 * The form of a hosts file (hosts(5)): lines of an address and its names, `#` before a comment. It is read in pieces, as
 * they come, so that neither a long file nor a line of a gigabyte needs memory of its own.
 *
 * Lines whose first word is no address, and words that are no names, are left out without a word, as CoreDNS does it.
 */
import { isMapped, parseIpv4, parseIpv6 } from "../../dns/address.ts";
import { MAX_NAME_LENGTH, Name } from "../../dns/name.ts";
import { ROOT } from "../../dns/name-text.ts";
import type { ZoneFinder } from "../../dns/zone-finder.ts";
import { BAD_NAME_BYTES, encodeNameBytes } from "../../zone/name-bytes.ts";
import type { TableBuilder } from "./table-builder.ts";

/** Longer words are dropped with a line in the log. */
const MAX_WORD = 1_024;
/** As many of them are reported; a damaged file may have millions. */
const MAX_PROBLEMS = 100;

const AT = 0x40;
const PERCENT = 0x25;
const NEWLINE = 0x0a;
const HASH = 0x23;

/** What a byte does to a word: belongs to it, or ends it. */
const PLAIN = 0;
const BLANK = 1;
const BREAK = 2;
const COMMENT = 3;
const KIND = new Uint8Array(256);
for (const blank of " \t\r\v\f") KIND[blank.charCodeAt(0)] = BLANK;
KIND[NEWLINE] = BREAK;
KIND[HASH] = COMMENT;

export class HostsText {
  /** `line 7: name longer than 1024 bytes, dropping the name`. */
  readonly problems: string[] = [];
  /** Those that are not in `problems`. */
  moreProblems = 0;

  readonly #table: TableBuilder;
  readonly #zones: ZoneFinder;
  readonly #name = new Name();
  readonly #wire = new Uint8Array(MAX_NAME_LENGTH);
  readonly #address = new Uint8Array(16);
  /** Bytes of the line's address: 4 or 16, 0 when it is none or has not been read. */
  #addressSize = 0;
  /** The next word is a name. */
  #hasAddress = false;
  #line = 1;
  #isComment = false;
  /** A word is being skipped that was too long already in an earlier piece. */
  #isLong = false;
  /** The table took no more. */
  #isFull = false;

  /** Names outside of `zones` are left out. */
  constructor(table: TableBuilder, zones: ZoneFinder) {
    this.#table = table;
    this.#zones = zones;
  }

  /** False when the table is full. */
  get fits(): boolean {
    return !this.#isFull;
  }

  /**
   * Reads a piece, the first `length` bytes. A word that touches its end may go on in the next one: unless this is the last
   * piece the word must stand at the beginning of the next one again. Gives how many bytes are done with; those that are
   * left are never more than MAX_WORD.
   */
  read(bytes: Buffer, length: number, isLast: boolean): number {
    let at = 0;
    while (at < length) {
      if (this.#isComment) {
        const newline = bytes.indexOf(NEWLINE, at);
        // Behind `length` lie bytes of an earlier piece.
        if (newline < 0 || newline >= length) return length;
        at = newline;
        this.#isComment = false;
      }
      switch (KIND[bytes[at]!]) {
        case BLANK:
          at++;
          this.#isLong = false;
          continue;
        case BREAK:
          at++;
          this.#line++;
          this.#isLong = false;
          this.#hasAddress = false;
          this.#addressSize = 0;
          continue;
        case COMMENT:
          this.#isLong = false;
          this.#isComment = true;
          continue;
      }
      const start = at;
      while (at < length && KIND[bytes[at]!] === PLAIN) at++;
      if (this.#isLong) continue;
      if (at - start > MAX_WORD) {
        this.#isLong = at === length;
        this.#reportLong();
      } else if (at === length && !isLast) {
        return start;
      } else {
        this.#take(bytes, start, at);
      }
    }
    return length;
  }

  #reportLong(): void {
    const isAddress = !this.#hasAddress;
    this.#hasAddress = true;
    // The names of a line without address are nobody's.
    if (!isAddress && this.#addressSize === 0) return;
    const what = isAddress ? "address" : "name";
    const dropped = isAddress ? "line" : "name";
    if (this.problems.length === MAX_PROBLEMS) this.moreProblems++;
    else this.problems.push(`line ${this.#line}: ${what} longer than ${MAX_WORD} bytes, dropping the ${dropped}`);
  }

  #take(bytes: Buffer, from: number, to: number): void {
    if (!this.#hasAddress) {
      this.#hasAddress = true;
      this.#addressSize = this.#readAddress(bytes, from, to);
      return;
    }
    if (this.#addressSize === 0 || !this.#readName(bytes, from, to)) return;
    if (!this.#zones.has(this.#name)) return;
    if (!this.#table.add(this.#address, this.#addressSize, this.#name)) this.#isFull = true;
  }

  /** Into `#address`; gives its size, 0 for what is no address. */
  #readAddress(bytes: Buffer, from: number, to: number): number {
    const address = this.#address;
    let end = from;
    // What follows names an interface.
    while (end < to && bytes[end] !== PERCENT) end++;
    const text = bytes.toString("latin1", from, end);
    if (parseIpv4(text, address, 0)) return 4;
    if (!parseIpv6(text, address, 0)) return 0;
    if (!isMapped(address, 0)) return 16;
    address.copyWithin(0, 12);
    return 4;
  }

  #readName(bytes: Buffer, from: number, to: number): boolean {
    const wire = this.#wire;
    let length: number;
    if (to === from + 1 && bytes[from] === AT) {
      // In a zone file it would be the origin.
      wire[0] = 1;
      wire[1] = AT;
      wire[2] = 0;
      length = 3;
    } else {
      length = encodeNameBytes(bytes, from, to, ROOT, wire);
      if (length === BAD_NAME_BYTES) return false;
    }
    this.#name.read(wire, 0, length);
    return true;
  }
}
