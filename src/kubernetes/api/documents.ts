/**
 * JSON documents cut out of a stream of bytes without reading the whole of it: one watch event a line, one object of a list
 * at a time. What is cut out is parsed and forgotten before the next, so that a list of any size costs one object's memory.
 * A stream that does not keep to the form throws `BadStream`, the error of its connection.
 */

/** etcd takes objects of up to 1.5 MiB, configured up to some more; what is longer is no object. */
const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024;
/** What a list says besides its objects: kind, resourceVersion, the token for the next page. */
const MAX_ENVELOPE_BYTES = 256 * 1024;
/** Above this, memory for one large document is given back after it. */
const KEPT_BYTES = 256 * 1024;

export class BadStream extends Error {}

/** Takes the next bytes; documents come out through the receiver given to the constructor. */
export interface Splitter {
  push(chunk: Uint8Array): void;
  /** No more bytes follow. Throws when a document is not whole. */
  end(): void;
}

/** One document a line, as watches send them: JSON has no newline inside of strings, and the API server writes none elsewhere. */
export class LineSplitter implements Splitter {
  readonly #receive: (document: unknown) => void;
  readonly #rest = new Remainder();

  constructor(receive: (document: unknown) => void) {
    this.#receive = receive;
  }

  push(chunk: Uint8Array): void {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const line = this.#rest.complete(chunk, from, end);
      from = end + 1;
      if (!isBlank(line)) this.#receive(parse(line));
    }
    this.#rest.keep(chunk, from, chunk.length, MAX_DOCUMENT_BYTES);
  }

  end(): void {
    if (this.#rest.size > 0) throw new BadStream("the stream ended inside of an event");
  }
}

/**
 * The objects of a list, as soon as each is whole. What stands around them is kept until the end and is then a list without
 * objects, with its `metadata`.
 */
export class ListSplitter implements Splitter {
  readonly #receive: (object: unknown) => void;
  readonly #rest = new Remainder();
  readonly #envelope = new Remainder();
  #depth = 0;
  #inString = false;
  /** The byte before was a backslash that counts. */
  #escaped = false;
  /** Between the brackets of `items`. */
  #inItems = false;

  constructor(receive: (object: unknown) => void) {
    this.#receive = receive;
  }

  push(chunk: Uint8Array): void {
    /** Where what is not yet handed on begins: an object of the list when `#depth` is over 2 inside `items`, else envelope. */
    let from = 0;
    let depth = this.#depth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) {
        inString = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (this.#inItems && depth === ITEM_DEPTH) from = i;
        depth++;
        if (depth === ITEM_DEPTH && byte === OPEN_BRACKET) {
          this.#envelope.keep(chunk, from, i + 1, MAX_ENVELOPE_BYTES);
          from = i + 1;
          this.#inItems = endsWithItems(this.#envelope.bytes());
        }
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth--;
        if (depth < 0) throw new BadStream("more brackets are closed than opened");
        if (!this.#inItems) continue;
        if (depth === ITEM_DEPTH) {
          this.#receive(parse(this.#rest.complete(chunk, from, i + 1)));
          from = i + 1;
        } else if (depth < ITEM_DEPTH) {
          this.#inItems = false;
          // Commas between the objects are left out with them.
          from = i;
        }
      }
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
    if (!this.#inItems) this.#envelope.keep(chunk, from, chunk.length, MAX_ENVELOPE_BYTES);
    else if (depth > ITEM_DEPTH) this.#rest.keep(chunk, from, chunk.length, MAX_DOCUMENT_BYTES);
  }

  end(): void {
    if (this.#depth !== 0 || this.#inString) throw new BadStream("the stream ended inside of a list");
  }

  /** The list without its objects. To be asked for after `end`. */
  envelope(): unknown {
    return parse(this.#envelope.bytes());
  }
}

/** Inside of `{"items":[`. */
const ITEM_DEPTH = 2;
const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Bytes of a document whose end has not come yet. */
class Remainder {
  #buffer = Buffer.alloc(0);
  size = 0;

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.size);
  }

  keep(chunk: Uint8Array, from: number, to: number, most: number): void {
    const size = this.size + to - from;
    if (size > most) throw new BadStream(`a document is longer than ${most} bytes`);
    if (size > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(size, Math.min(most, this.#buffer.length * 2), 1024));
      larger.set(this.bytes());
      this.#buffer = larger;
    }
    this.#buffer.set(chunk.subarray(from, to), this.size);
    this.size = size;
  }

  /** The document that ends at `to`. Its bytes are valid until the next call. */
  complete(chunk: Uint8Array, from: number, to: number): Buffer {
    if (this.size === 0) return Buffer.from(chunk.buffer, chunk.byteOffset + from, to - from);
    this.keep(chunk, from, to, MAX_DOCUMENT_BYTES);
    const whole = this.bytes();
    this.size = 0;
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = Buffer.alloc(0);
    return whole;
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new BadStream(`no JSON: ${JSON.stringify(bytes.subarray(0, 40).toString("latin1"))}`);
  }
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}

/** Whether the array that has just been opened is the value of `items`. */
function endsWithItems(envelope: Buffer): boolean {
  return /"items"\s*:\s*\[$/.test(envelope.subarray(-32).toString("latin1"));
}
