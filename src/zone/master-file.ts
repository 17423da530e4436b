/**
 * Reads a master file (RFC 1035 section 5) and gives its records to a sink, one after the other.
 *
 * Entries are `[owner] [ttl] [class] type rdata`, TTL and class in either order, and the directives $ORIGIN, $TTL (RFC 2308
 * section 4), $INCLUDE and BIND's $GENERATE. What is left out is taken from before: the owner from the last record, the TTL
 * from $TTL, else from the last record that had one; with neither, CoreDNS takes 0 for a record that states its class, and
 * finds fault with one that does not. Types that make up big zones are
 * read straight from the bytes, all others by `parseRdata`, which also knows RFC 3597's generic form.
 *
 * Whatever the file holds, the work is bounded: the named limits here and in `entry-reader.ts`, and the sink's own.
 */
import { dirname, isAbsolute, join } from "node:path";
import { systemMessage } from "../corefile/system-message.ts";
import { MAX_NAME_LENGTH } from "../dns/name.ts";
import { isDigit } from "../dns/name-text.ts";
import { parseRdata, type RdataToken } from "../dns/rdata.ts";
import { parseTtl } from "../dns/rdata-field.ts";
import { Class, classNumber, Type, typeName, typeNumber } from "../dns/types.ts";
import { BROKEN, END, EntryReader } from "./entry-reader.ts";
import { generateLines } from "./generate.ts";
import { AS_WRITTEN, BAD_NAME_BYTES, encodeNameBytes, escapedByteAt, lowerName } from "./name-bytes.ts";

/** How deep $INCLUDE may nest, as in CoreDNS: so that a loop ends. */
const MAX_INCLUDE_DEPTH = 7;
/** How many files may be included in all, so that a few files that include each other many times end too. */
const MAX_INCLUDES = 4_096;

const MAX_RDATA_LENGTH = 0xffff;
const MAX_STRING_LENGTH = 255;
const DOLLAR = 0x24;
/** RFC 2308 gives no default for $GENERATE without $TTL; CoreDNS takes an hour. */
const GENERATE_TTL_SECONDS = 3_600;

export interface RecordSink {
  /** The file at `path`, the first or an included one, is about to be opened. */
  opening?(path: string): void;
  /**
   * Takes the record whose owner is `owner[0..ownerLength)` in lower case and whose rdata is `rdata[0..length)`, both to be
   * copied. A text means that the whole file is refused, and why.
   */
  add(
    owner: Uint8Array,
    ownerLength: number,
    type: number,
    klass: number,
    ttl: number,
    rdata: Uint8Array,
    length: number,
  ): string | undefined;
}

/** A file that cannot be opened is not wrong, it is missing: the caller may try again later. */
export interface MasterFileError {
  readonly message: string;
  readonly missing: boolean;
}

/** Reads the file at `path`, whose names are relative to `origin`, into `sink`. Undefined when all went well. */
export function readMasterFile(path: string, origin: Uint8Array, sink: RecordSink): MasterFileError | undefined {
  let reader: EntryReader;
  sink.opening?.(path);
  try {
    reader = EntryReader.ofFile(path);
  } catch (error) {
    return { message: `open ${path}: ${systemMessage(error)}`, missing: true };
  }
  return runParser(reader, path, origin, sink);
}

/** The same for a text that holds one byte per character. */
export function readMasterText(
  text: string,
  path: string,
  origin: Uint8Array,
  sink: RecordSink,
): MasterFileError | undefined {
  return runParser(EntryReader.ofText(text), path, origin, sink);
}

function runParser(
  reader: EntryReader,
  path: string,
  origin: Uint8Array,
  sink: RecordSink,
): MasterFileError | undefined {
  try {
    const parser = new Parser(reader, path, origin, sink, { left: MAX_INCLUDES }, 0);
    const message = parser.run();
    return message === undefined ? undefined : { message, missing: false };
  } catch (error) {
    // Reading failed half way: a directory, a disk's error.
    return { message: `read ${path}: ${systemMessage(error)}`, missing: false };
  } finally {
    reader.close();
  }
}

/** Words of up to four letters and digits, packed into a number: mnemonics of types, and of classes from here on. */
const CLASS_BIT = 0x10000;
const SHORT_MNEMONICS = new Map<number, number>();
for (const [name, type] of Object.entries(Type)) if (name.length <= 4) SHORT_MNEMONICS.set(packText(name), type);
for (const [name, klass] of [
  ["IN", Class.IN],
  ["CS", Class.CS],
  ["CH", Class.CH],
  ["HS", Class.HS],
] as const) {
  SHORT_MNEMONICS.set(packText(name), CLASS_BIT | klass);
}

function packText(text: string): number {
  const bytes = Buffer.from(text, "latin1");
  return pack(bytes, 0, bytes.length);
}

/** Letters in upper case; digits and hyphens stay what they are, since no mnemonic tells them from their upper case. */
function pack(bytes: Uint8Array, from: number, to: number): number {
  let packed = 0;
  for (let i = from; i < to; i++) packed = (packed << 8) | (bytes[i]! > 0x60 ? bytes[i]! & 0xdf : bytes[i]!);
  return packed;
}

const NO_TTL = -1;
/** The record that is being read: of one parser at a time, since a record has no file inside. */
const RDATA = new Uint8Array(MAX_RDATA_LENGTH + MAX_NAME_LENGTH + 1);

class Parser {
  readonly #reader: EntryReader;
  readonly #path: string;
  readonly #sink: RecordSink;
  readonly #includes: { left: number };
  readonly #depth: number;
  #origin: Uint8Array;
  readonly #owner = new Uint8Array(MAX_NAME_LENGTH + 1);
  #ownerLength = 0;
  #ttl = NO_TTL;
  #ttlByDirective = false;

  constructor(
    reader: EntryReader,
    path: string,
    origin: Uint8Array,
    sink: RecordSink,
    includes: { left: number },
    depth: number,
  ) {
    this.#reader = reader;
    this.#path = path;
    this.#origin = origin;
    this.#sink = sink;
    this.#includes = includes;
    this.#depth = depth;
  }

  run(): string | undefined {
    const reader = this.#reader;
    for (;;) {
      const count = reader.next();
      if (count === END) return undefined;
      if (count === BROKEN) return this.#at(reader.problem, reader.problemAt, "");
      const isDirective = !reader.blankStart && reader.bytes[reader.starts[0]!] === DOLLAR && reader.quoted[0] === 0;
      const error = isDirective ? this.#directive(count) : this.#record(count);
      if (error !== undefined) return error;
    }
  }

  #directive(count: number): string | undefined {
    switch (this.#reader.text(0).toUpperCase()) {
      case "$ORIGIN":
        return this.#setOrigin(count);
      case "$TTL":
        return this.#setTtl(count);
      case "$INCLUDE":
        return this.#include(count);
      case "$GENERATE":
        return this.#generate(count);
      default:
        return this.#bad("unknown directive, expected $ORIGIN, $TTL, $INCLUDE or $GENERATE", 0, count);
    }
  }

  #setOrigin(count: number): string | undefined {
    if (count !== 2) return this.#bad("bad $ORIGIN, expected one domain name", Math.min(count, 2), count);
    const origin = this.#name(1);
    if (origin === undefined) return this.#bad("bad origin name", 1, count);
    this.#origin = origin;
    return undefined;
  }

  #setTtl(count: number): string | undefined {
    const ttl = count === 2 ? this.#readTtl(1) : NO_TTL;
    if (ttl === NO_TTL) return this.#bad("expecting $TTL value, not this...", count > 2 ? 2 : 1, count);
    this.#ttl = ttl;
    this.#ttlByDirective = true;
    return undefined;
  }

  /** RFC 1035 section 5.1: neither the origin nor anything else that the file sets reaches back into this one. */
  #include(count: number): string | undefined {
    if (count < 2 || count > 3) return this.#bad("bad $INCLUDE, expected a file name and perhaps an origin", 1, count);
    const name = this.#reader.text(1);
    const origin = count === 3 ? this.#name(2) : this.#origin;
    if (origin === undefined) return this.#bad("bad origin name", 2, count);
    if (this.#depth === MAX_INCLUDE_DEPTH) return this.#bad("too deeply nested $INCLUDE", 1, count);
    if (this.#includes.left-- === 0) return this.#bad(`more than ${MAX_INCLUDES} files included`, 1, count);
    const path = isAbsolute(name) ? name : join(dirname(this.#path), name);
    let reader: EntryReader;
    this.#sink.opening?.(path);
    try {
      reader = EntryReader.ofFile(path);
    } catch (error) {
      return this.#bad(`failed to open \`${name}': open ${path}: ${systemMessage(error)}`, 1, count);
    }
    try {
      const parser = new Parser(reader, path, origin, this.#sink, this.#includes, this.#depth + 1);
      parser.#ttl = this.#ttl;
      parser.#ttlByDirective = this.#ttlByDirective;
      return parser.run();
    } catch (error) {
      return this.#bad(`failed to read \`${name}': read ${path}: ${systemMessage(error)}`, 1, count);
    } finally {
      reader.close();
    }
  }

  #generate(count: number): string | undefined {
    const reader = this.#reader;
    if (count < 4) return this.#bad("bad $GENERATE, expected range, owner, type and data", count, count);
    const words: RdataToken[] = [];
    for (let word = 2; word < count; word++) words.push({ text: reader.text(word), quoted: reader.quoted[word] === 1 });
    for (const { text, problem } of generateLines(reader.text(1), words)) {
      if (problem !== undefined) return this.#bad(problem, 1, count);
      const lines = EntryReader.ofText(text);
      const parser = new Parser(lines, "", this.#origin, this.#sink, this.#includes, this.#depth);
      parser.#ttl = this.#ttlByDirective ? this.#ttl : GENERATE_TTL_SECONDS;
      parser.#ttlByDirective = true;
      for (let words = lines.next(); words !== END; words = lines.next()) {
        const error = words === BROKEN ? lines.problem : parser.#record(words);
        if (error !== undefined) return this.#bad(`bad $GENERATE line, ${error}`, 1, count);
      }
    }
    return undefined;
  }

  #record(count: number): string | undefined {
    const reader = this.#reader;
    const { bytes, starts, ends } = reader;
    let word = 0;
    if (!reader.blankStart) {
      const length = encodeNameBytes(bytes, starts[0]!, ends[0]!, this.#origin, this.#owner);
      if (length === BAD_NAME_BYTES) return this.#bad("bad owner name", 0, count);
      this.#ownerLength = length;
      word = 1;
    }
    let ttl = NO_TTL;
    let klass = 0;
    let type = -1;
    for (; word < count; word++) {
      const first = bytes[starts[word]!]!;
      if (ttl === NO_TTL && isDigit(first)) {
        ttl = this.#readTtl(word);
        if (ttl === NO_TTL) return this.#bad("not a TTL", word, count);
        continue;
      }
      const code = this.#mnemonic(word);
      if (code < 0) return this.#bad("unknown type, expected TTL, class or type", word, count);
      if (code < CLASS_BIT) {
        type = code;
        break;
      }
      if (klass !== 0) return this.#bad("a second class", word, count);
      klass = code & 0xffff;
    }
    if (type < 0) return this.#bad("expecting RR type or class, not this...", count, count);
    if (this.#ownerLength === 0) return this.#bad("no owner name before this record", 0, count);
    if (ttl === NO_TTL) {
      ttl = this.#ttl;
      if (ttl === NO_TTL) {
        // CoreDNS misses the TTL only where the class is left out as well.
        if (klass === 0) return this.#bad("missing TTL with no previous value", word, count);
        ttl = 0;
      }
    } else if (!this.#ttlByDirective) {
      this.#ttl = ttl;
    }
    const length = this.#readRdata(type, word + 1, count);
    if (typeof length === "string") return length;
    return this.#sink.add(this.#owner, this.#ownerLength, type, klass || Class.IN, ttl, RDATA, length);
  }

  /** A type, or a class with CLASS_BIT; -1 for neither. */
  #mnemonic(word: number): number {
    const { bytes, starts, ends } = this.#reader;
    const from = starts[word]!;
    const to = ends[word]!;
    if (to - from <= 4) {
      const code = SHORT_MNEMONICS.get(pack(bytes, from, to));
      if (code !== undefined) return code;
    }
    const text = this.#reader.text(word);
    const type = typeNumber(text);
    if (type >= 0) return type;
    const klass = classNumber(text);
    return klass > 0 ? CLASS_BIT | klass : -1;
  }

  #readTtl(word: number): number {
    const { bytes, starts, ends } = this.#reader;
    const to = ends[word]!;
    let value = 0;
    for (let i = starts[word]!; i < to; i++) {
      const digit = bytes[i]! - 0x30;
      if (digit < 0 || digit > 9 || value > 0xffffffff) return parseTtl(this.#reader.text(word));
      value = value * 10 + digit;
    }
    return value <= 0xffffffff && to > starts[word]! ? value : NO_TTL;
  }

  #name(word: number): Uint8Array | undefined {
    const { bytes, starts, ends } = this.#reader;
    const name = new Uint8Array(MAX_NAME_LENGTH + 1);
    const length = encodeNameBytes(bytes, starts[word]!, ends[word]!, this.#origin, name, AS_WRITTEN);
    return length === BAD_NAME_BYTES ? undefined : name.subarray(0, length);
  }

  /** Puts the rdata into `RDATA` and gives its length, or a text that says what is wrong with it. */
  #readRdata(type: number, word: number, count: number): number | string {
    const reader = this.#reader;
    const { bytes, starts, ends } = reader;
    const single = word + 1 === count && reader.quoted[word] === 0;
    switch (type) {
      case Type.A:
        if (single && readIpv4(bytes, starts[word]!, ends[word]!, RDATA)) return 4;
        break;
      case Type.NS:
      case Type.CNAME:
        if (single) {
          const length = encodeNameBytes(bytes, starts[word]!, ends[word]!, this.#origin, RDATA);
          if (length !== BAD_NAME_BYTES) return length;
        }
        break;
      case Type.TXT:
      case Type.SPF:
      case Type.AVC:
      case Type.NINFO: {
        const length = word < count ? this.#readStrings(word, count) : -1;
        if (length >= 0) return length;
        break;
      }
    }
    // All other types, the generic form of these, and the words for what is wrong.
    const tokens: RdataToken[] = [];
    for (let i = word; i < count; i++) tokens.push({ text: reader.text(i), quoted: reader.quoted[i] === 1 });
    const data = parseRdata(type, tokens, this.#origin);
    if (!(data instanceof Uint8Array)) {
      return this.#bad(`bad ${typeName(type)} record, expected ${data.expected}`, word + data.token, count);
    }
    RDATA.set(data);
    lowerTargets(type, RDATA);
    return data.length;
  }

  /**
   * Character strings (RFC 1035 section 3.3.14). One that is longer than 255 bytes, as DKIM's keys are, is cut into several,
   * as CoreDNS does. Gives their length together, or -1.
   */
  #readStrings(word: number, count: number): number {
    const { bytes, starts, ends, quoted } = this.#reader;
    const out = RDATA;
    // `\#` starts the generic form (RFC 3597 section 5).
    if (quoted[word] === 0 && bytes[starts[word]!] === 0x5c && bytes[starts[word]! + 1] === 0x23) return -1;
    let at = 0;
    for (; word < count; word++) {
      let lengthAt = at++;
      const to = ends[word]!;
      for (let i = starts[word]!; i < to; i++) {
        let byte = bytes[i]!;
        if (byte === 0x5c) {
          byte = escapedByteAt(bytes, i + 1, to);
          if (byte < 0) return -1;
          i += isDigit(bytes[i + 1]!) ? 3 : 1;
        }
        if (at - lengthAt > MAX_STRING_LENGTH) {
          out[lengthAt] = MAX_STRING_LENGTH;
          lengthAt = at++;
        }
        if (at >= MAX_RDATA_LENGTH) return -1;
        out[at++] = byte;
      }
      out[lengthAt] = at - lengthAt - 1;
    }
    return at <= MAX_RDATA_LENGTH ? at : -1;
  }

  /** The message about word number `word`, or about the end of the entry when it has no such word. */
  #bad(problem: string, word: number, count: number): string {
    const reader = this.#reader;
    if (word >= count) return this.#at(problem, reader.ends[count - 1]!, "");
    return this.#at(problem, reader.starts[word]!, reader.text(word));
  }

  #at(problem: string, at: number, found: string): string {
    const shown = JSON.stringify(found.length > MAX_SHOWN ? `${found.slice(0, MAX_SHOWN)}...` : found);
    // A place in a generated line would mean nothing to the reader of the file: that line has no path.
    if (this.#path === "") return `${problem}: ${shown}`;
    return `${this.#path}: dns: ${problem}: ${shown} at line: ${this.#reader.lineOf(at)}:${this.#reader.columnOf(at)}`;
  }
}

/** How much of a wrong word an error repeats. */
const MAX_SHOWN = 300;

/** Names that CoreDNS lower-cases in rdata, so that an alias or a glue address is found whatever the file's letters. */
function lowerTargets(type: number, rdata: Uint8Array): void {
  switch (type) {
    case Type.NS:
    case Type.CNAME:
      lowerName(rdata, 0);
      break;
    case Type.MX:
    case Type.SVCB:
    case Type.HTTPS:
      lowerName(rdata, 2);
      break;
    case Type.SOA:
      lowerName(rdata, lowerName(rdata, 0));
      break;
  }
}

/** Four decimal numbers without leading zeros. */
function readIpv4(bytes: Uint8Array, from: number, to: number, out: Uint8Array): boolean {
  let at = from;
  for (let part = 0; part < 4; part++) {
    const start = at;
    let value = 0;
    for (; at < to && isDigit(bytes[at]!); at++) {
      if (at - start === 3) return false;
      value = value * 10 + bytes[at]! - 0x30;
    }
    if (at === start || value > 255 || (at - start > 1 && bytes[start] === 0x30)) return false;
    if (part < 3 && (at >= to || bytes[at++] !== 0x2e)) return false;
    out[part] = value;
  }
  return at === to;
}
