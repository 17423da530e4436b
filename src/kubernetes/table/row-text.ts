/**
 * The bytes at the end of a row that is being made: labels and names, checked and in lower case. The first byte is a
 * label without letters.
 */
import { LOWER } from "../../dns/name.ts";

const MAX_LABEL = 63;
/** Longest name of an object in the API. */
const MAX_OBJECT_NAME = 253;
const DOT = 0x2e;

export class RowText {
  readonly bytes: Uint8Array;
  length = 1;

  constructor(room: number) {
    this.bytes = new Uint8Array(room);
  }

  clear(): void {
    this.length = 1;
  }

  /** Whether so many bytes more fit. */
  has(room: number): boolean {
    return this.length + room <= this.bytes.length;
  }

  /** Appends a label with its length byte. Gives its offset, or 0 when the text is no label, or there is no room. */
  label(text: string): number {
    const at = this.length;
    if (text.length === 0 || text.length > MAX_LABEL || !this.has(1 + text.length)) return 0;
    if (!this.#copy(text, at + 1, false)) return 0;
    this.bytes[at] = text.length;
    this.length = at + 1 + text.length;
    return at;
  }

  /** Appends an object's name, without a length. */
  objectName(text: string): number {
    const at = this.length;
    if (text.length === 0 || text.length > MAX_OBJECT_NAME || !this.has(text.length)) return 0;
    if (!this.#copy(text, at, true)) return 0;
    this.length = at + text.length;
    return at;
  }

  /** Appends a text of at most 255 bytes, with a byte for its length. */
  short(text: string): number {
    const at = this.length;
    if (text.length === 0 || text.length > 255 || !this.has(1 + text.length)) return 0;
    if (!this.#copy(text, at + 1, true)) return 0;
    this.bytes[at] = text.length;
    this.length = at + 1 + text.length;
    return at;
  }

  /** Appends bytes as they are. */
  raw(source: Uint8Array, offset: number, length: number): number {
    const at = this.length;
    for (let i = 0; i < length; i++) this.bytes[at + i] = source[offset + i]!;
    this.length = at + length;
    return at;
  }

  /** Printable ASCII only, which is more than the API lets pass. */
  #copy(text: string, at: number, dots: boolean): boolean {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code <= 0x20 || code >= 0x7f || (code === DOT && !dots)) return false;
      this.bytes[at + i] = LOWER[code]!;
    }
    return true;
  }
}
