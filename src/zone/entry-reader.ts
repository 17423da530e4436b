/**
 * A master file cut into entries (RFC 1035 section 5.1): a line, or several that parentheses join, as a list of words.
 *
 * Words are not taken out of the buffer: `starts`, `ends` and `quoted` say where they stand in `bytes`, so that a file of a
 * million lines costs no object per word. They hold until the next call of `next`. The file is read in chunks, an entry that
 * a chunk cuts is read again from its beginning when the next chunk is there; so an entry must fit into the buffer.
 */
import { closeSync, readSync } from "node:fs";
import { openFile } from "../corefile/files.ts";

/** What most files need at most: making room for more takes longer than reading a small zone. */
const FIRST_SIZE = 1 << 14;
/** The longest entry, and what is read at once of larger files: four times the largest record, 64 KiB in \DDD escapes. */
const BUFFER_SIZE = 1 << 20;
/** Words in an entry. A record of 64 KiB of text in strings of three bytes has 21,845. */
const MAX_WORDS = 1 << 15;

const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;

/** What a byte does between words and at the end of one. */
const PLAIN = 0;
const BLANK = 1;
const BREAK = 2;
const SPECIAL = 3;
const KIND = new Uint8Array(256);
for (const blank of [" ", "\t", "\r"]) KIND[blank.charCodeAt(0)] = BLANK;
for (const special of ['"', "(", ")", ";"]) KIND[special.charCodeAt(0)] = SPECIAL;
KIND[NEWLINE] = BREAK;

/** What `next` gives besides a count of words. */
export const END = -1;
export const BROKEN = -2;
/** The entry goes on behind what has been read. */
const MORE = -3;

export class EntryReader {
  /** Where the words are. Other arrays may be in the place of these four after each `next`. */
  bytes: Buffer;
  starts!: Int32Array;
  ends!: Int32Array;
  quoted!: Uint8Array;
  /** The entry's first line has no owner: it begins with a blank. */
  blankStart = false;
  /** Why the result was BROKEN, and where. */
  problem = "";
  problemAt = 0;

  /** Where the entry starts, and the number of its first line, from 1. */
  #entry = 0;
  #entryLine = 1;
  #nextLine = 1;
  #at = 0;
  #end: number;
  #file: number;

  private constructor(bytes: Buffer, end: number, file: number) {
    this.bytes = bytes;
    this.#makeRoomForWords();
    this.#end = end;
    this.#file = file;
  }

  /** Throws the system's error when the file cannot be opened. */
  static ofFile(path: string): EntryReader {
    return new EntryReader(Buffer.allocUnsafe(FIRST_SIZE), 0, openFile(path));
  }

  static ofText(text: string): EntryReader {
    const bytes = Buffer.from(text, "latin1");
    return new EntryReader(bytes, bytes.length, -1);
  }

  close(): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
  }

  /** The word as text, one byte per character, escapes as they stand. */
  text(word: number): string {
    return this.bytes.toString("latin1", this.starts[word], this.ends[word]);
  }

  /** The line of the file in which byte `at` of the entry stands, from 1. */
  lineOf(at: number): number {
    let line = this.#entryLine;
    for (let i = this.#entry; i < at; i++) if (this.bytes[i] === NEWLINE) line++;
    return line;
  }

  /** Its column there, from 1. */
  columnOf(at: number): number {
    let start = at;
    while (start > this.#entry && this.bytes[start - 1] !== NEWLINE) start--;
    return at - start + 1;
  }

  /** Reads the next entry that has words. Gives their number, END or BROKEN. */
  next(): number {
    this.#entry = this.#at;
    this.#entryLine = this.#nextLine;
    for (;;) {
      const count = this.#scan();
      if (count !== MORE) return count;
      if (!this.#refill()) return this.#break(`an entry longer than ${BUFFER_SIZE} bytes`, this.#entry);
    }
  }

  #scan(): number {
    const { bytes, starts, ends, quoted } = this;
    const end = this.#end;
    const last = this.#file < 0;
    let at = this.#entry;
    let line = this.#entryLine;
    let count = 0;
    let depth = 0;
    let open = 0;
    let blankStart = false;
    for (;;) {
      if (at >= end) {
        if (!last) return MORE;
        if (depth > 0) return this.#break("unbalanced brace", open);
        this.#at = at;
        this.#nextLine = line;
        this.blankStart = blankStart;
        return count > 0 ? count : END;
      }
      const byte = bytes[at]!;
      const kind = KIND[byte]!;
      if (kind === BLANK) {
        if (at === this.#entry) blankStart = true;
        at++;
        continue;
      }
      if (kind === BREAK) {
        at++;
        line++;
        if (depth > 0) continue;
        if (count > 0) {
          this.#at = at;
          this.#nextLine = line;
          this.blankStart = blankStart;
          return count;
        }
        this.#entry = at;
        this.#entryLine = line;
        blankStart = false;
        continue;
      }
      if (byte === SEMICOLON) {
        const newline = bytes.indexOf(NEWLINE, at);
        // Behind `end` lie bytes of an earlier chunk.
        at = newline < 0 || newline >= end ? end : newline;
        continue;
      }
      if (byte === OPEN) {
        if (depth++ === 0) open = at;
        at++;
        continue;
      }
      if (byte === CLOSE) {
        if (--depth < 0) return this.#break("extra closing brace", at);
        at++;
        continue;
      }
      if (count === MAX_WORDS) return this.#break(`more than ${MAX_WORDS} words in an entry`, at);
      if (byte === QUOTE) {
        const first = ++at;
        while (at < end && bytes[at] !== QUOTE) {
          if (bytes[at] === NEWLINE) line++;
          at += bytes[at] === BACKSLASH && bytes[at + 1] !== NEWLINE ? 2 : 1;
        }
        if (at >= end) {
          if (!last) return MORE;
          return this.#break("unbalanced quote", first - 1);
        }
        starts[count] = first;
        ends[count] = at++;
        quoted[count++] = 1;
        continue;
      }
      starts[count] = at;
      do at += bytes[at] === BACKSLASH && bytes[at + 1] !== NEWLINE ? 2 : 1;
      while (at < end && KIND[bytes[at]!] === PLAIN);
      if (at > end) at = end;
      ends[count] = at;
      quoted[count++] = 0;
    }
  }

  /** A word takes a byte at least. */
  #makeRoomForWords(): void {
    const words = Math.min(this.bytes.length, MAX_WORDS);
    this.starts = new Int32Array(words);
    this.ends = new Int32Array(words);
    this.quoted = new Uint8Array(words);
  }

  /** Moves the cut entry to the front and reads on behind it. False when there is no room left for that. */
  #refill(): boolean {
    const kept = this.#end - this.#entry;
    if (kept >= BUFFER_SIZE) return false;
    const before = this.bytes;
    // What has filled once is part of a larger file.
    if (this.#end === before.length && before.length < BUFFER_SIZE) {
      this.bytes = Buffer.allocUnsafe(BUFFER_SIZE);
      this.#makeRoomForWords();
    }
    before.copy(this.bytes, 0, this.#entry, this.#end);
    this.#entry = 0;
    const read = readSync(this.#file, this.bytes, kept, this.bytes.length - kept, null);
    this.#end = kept + read;
    if (read === 0) this.close();
    return true;
  }

  #break(problem: string, at: number): number {
    this.problem = problem;
    this.problemAt = at;
    return BROKEN;
  }
}
