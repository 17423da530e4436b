import { type Bytes, withView } from "../../dns/bytes.ts";

/** The table's heap as a reader sees it: as long as it was when something behind its end was wanted last. */
export class HeapReader {
  words: Int32Array;
  bytes: Bytes;
  readonly #buffer: SharedArrayBuffer;

  constructor(buffer: SharedArrayBuffer) {
    this.#buffer = buffer;
    this.words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
    this.bytes = withView(new Uint8Array(buffer, 0, buffer.byteLength));
  }

  /** Whether the words before `end` can be read. */
  reaches(end: number): boolean {
    if (end <= this.words.length) return true;
    const { byteLength } = this.#buffer;
    this.words = new Int32Array(this.#buffer, 0, byteLength >> 2);
    this.bytes = withView(new Uint8Array(this.#buffer, 0, byteLength));
    return end <= this.words.length;
  }
}
