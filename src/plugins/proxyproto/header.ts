/**
 * The header of the PROXY protocol, versions 1 (a line of text) and 2 (binary), as
 * https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt describes them in its sections 2.1 and 2.2. Whatever the bytes
 * are, nothing is thrown.
 */
import { parseIpv4, parseIpv6 } from "../../dns/address.ts";
import { Preface } from "../../transport/preface.ts";

const SIGNATURE = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10);
const TEXT_SIGNATURE = Uint8Array.from(Buffer.from("PROXY"));
/** Section 2.1: the longest line, with its end. */
const MAX_LINE = 107;
/** Version 2: signature, version and command, family and transport, length. */
const FIXED_SIZE = 16;
/** Bytes behind those, as CoreDNS bounds them. */
const MAX_REST = 4_096;

export const Transport = { NONE: 0, STREAM: 1, DATAGRAM: 2 } as const;
const Family = { UNSPECIFIED: 0, IPV4: 1, IPV6: 2, UNIX: 3 } as const;
/** Bytes of both ends' addresses, by family. */
const ADDRESSES_SIZE = [0, 12, 36, 216];
const LOCAL = 0x20;
const PROXY = 0x21;
/** A record that only takes room (section 2.2.4): its value says nothing. */
const NOOP = 4;

/** One header. Reused: `read` sets all of it. */
export class ProxyHeader {
  version = 0;
  /** The proxy speaks for itself: whatever else stands in the header means nothing (section 2.2). */
  isLocal = false;
  /** NONE as well for addresses that are none of the network's. */
  transport = 0;
  /** Bytes of each address: 4, 16, or 0 when the header names none, so that the connection's own ends count. */
  size = 0;
  /** In network order, `size` bytes each. */
  readonly source: Uint8Array = new Uint8Array(16);
  readonly destination: Uint8Array = new Uint8Array(16);
  sourcePort = 0;
  destinationPort = 0;
  /** Where the type-length-value records of version 2 begin and end in the bytes that were read. */
  extrasStart = 0;
  extrasEnd = 0;
  /** What was wrong with the last one that was. */
  problem = "";

  /** Reads a header at `bytes[start..end)`. Gives its length, or a word of `Preface`; WRONG: `problem` says how. */
  read(bytes: Uint8Array, start: number, end: number): number {
    this.version = 0;
    this.isLocal = false;
    this.transport = Transport.NONE;
    this.size = 0;
    this.extrasStart = 0;
    this.extrasEnd = 0;
    const first = bytes[start];
    if (first === SIGNATURE[0]) return this.#readBinary(bytes, start, end);
    if (first === TEXT_SIGNATURE[0]) return this.#readText(bytes, start, end);
    return start === end ? Preface.INCOMPLETE : Preface.NONE;
  }

  #readBinary(bytes: Uint8Array, start: number, end: number): number {
    const same = commonLength(bytes, start, end, SIGNATURE);
    if (same < SIGNATURE.length) return start + same === end ? Preface.INCOMPLETE : Preface.NONE;
    this.version = 2;
    if (end - start < FIXED_SIZE) return Preface.INCOMPLETE;
    const command = bytes[start + 12]!;
    if (command !== LOCAL && command !== PROXY) return this.#wrong("unsupported proxy protocol version and command");
    this.isLocal = command === LOCAL;
    const family = bytes[start + 13]! >> 4;
    const transport = bytes[start + 13]! & 15;
    const isUnspecified = family === Family.UNSPECIFIED && transport === Transport.NONE;
    const isSpecified =
      family > Family.UNSPECIFIED && family <= Family.UNIX && transport > 0 && transport <= Transport.DATAGRAM;
    if (!isSpecified && (command === PROXY || !isUnspecified)) {
      return this.#wrong("unsupported address family and protocol");
    }
    const rest = (bytes[start + 14]! << 8) | bytes[start + 15]!;
    const at = start + FIXED_SIZE;
    const size = ADDRESSES_SIZE[family]!;
    if (rest > MAX_REST || (command === PROXY && rest < size)) return this.#wrong("invalid length");
    if (end - at < rest) return Preface.INCOMPLETE;
    if (family !== Family.UNIX) this.transport = transport;
    if (command === PROXY && family !== Family.UNIX) this.#takeAddresses(bytes, at, family === Family.IPV4 ? 4 : 16);
    if (command === PROXY) {
      this.extrasStart = at + size;
      this.extrasEnd = at + rest;
    }
    return FIXED_SIZE + rest;
  }

  #takeAddresses(bytes: Uint8Array, at: number, size: number): void {
    this.size = size;
    for (let i = 0; i < size; i++) {
      this.source[i] = bytes[at + i]!;
      this.destination[i] = bytes[at + size + i]!;
    }
    const ports = at + 2 * size;
    this.sourcePort = (bytes[ports]! << 8) | bytes[ports + 1]!;
    this.destinationPort = (bytes[ports + 2]! << 8) | bytes[ports + 3]!;
  }

  #readText(bytes: Uint8Array, start: number, end: number): number {
    const same = commonLength(bytes, start, end, TEXT_SIGNATURE);
    if (same < TEXT_SIGNATURE.length) return start + same === end ? Preface.INCOMPLETE : Preface.NONE;
    this.version = 1;
    const feed = bytes.subarray(start, Math.min(end, start + MAX_LINE)).indexOf(10);
    if (feed < 0)
      return end - start < MAX_LINE ? Preface.INCOMPLETE : this.#wrong("version 1 header must be 107 bytes or less");
    if (bytes[start + feed - 1] !== 13) return this.#wrong("version 1 header is invalid, must end with \\r\\n");
    const line = Buffer.from(bytes.buffer, bytes.byteOffset + start, feed - 1).toString("latin1");
    const words = line.split(" ");
    if (words[0] !== "PROXY" || words.length < 2) return this.#wrong("can't read address family or protocol");
    if (words[1] === "UNKNOWN") return feed + 1;
    if (words[1] !== "TCP4" && words[1] !== "TCP6") return this.#wrong("unsupported address family and protocol");
    const size = words[1] === "TCP4" ? 4 : 16;
    const parse = size === 4 ? parseIpv4 : parseIpv6;
    const [, , source = "", destination = "", sourcePort = "", destinationPort = ""] = words;
    if (words.length !== 6 || !parse(source, this.source, 0) || !parse(destination, this.destination, 0)) {
      return this.#wrong("invalid address");
    }
    if (!isPort(sourcePort) || !isPort(destinationPort)) return this.#wrong("invalid port number");
    this.transport = Transport.STREAM;
    this.size = size;
    this.sourcePort = Number(sourcePort);
    this.destinationPort = Number(destinationPort);
    return feed + 1;
  }

  #wrong(problem: string): number {
    this.problem = problem;
    return Preface.WRONG;
  }
}

/**
 * The records at `bytes[start..end)`, in a copy, those that only take room without their values; undefined when there are
 * none, or when they do not fill their place.
 */
export function copyExtras(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const kept = new Uint8Array(end - start);
  let length = 0;
  let at = start;
  while (at < end) {
    const size = at + 3 <= end ? (bytes[at + 1]! << 8) | bytes[at + 2]! : end;
    if (at + 3 + size > end) return undefined;
    const shown = bytes[at] === NOOP ? 0 : size;
    kept[length] = bytes[at]!;
    kept[length + 1] = shown >> 8;
    kept[length + 2] = shown;
    kept.set(bytes.subarray(at + 3, at + 3 + shown), length + 3);
    length += 3 + shown;
    at += 3 + size;
  }
  return length === 0 ? undefined : kept.subarray(0, length);
}

function commonLength(bytes: Uint8Array, start: number, end: number, expected: Uint8Array): number {
  let length = 0;
  while (length < expected.length && start + length < end && bytes[start + length] === expected[length]) length++;
  return length;
}

function isPort(text: string): boolean {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535;
}
