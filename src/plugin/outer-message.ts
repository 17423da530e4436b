/** The message that a query had before a plugin replaced it, and the writing of the one that takes its place. */
import { allocateBytes, type Bytes, copyRange, NO_BYTES } from "../dns/bytes.ts";
import { HEADER_SIZE, OPT_RECORD_SIZE } from "../dns/header.ts";
import { LOWER } from "../dns/name.ts";
import type { Request } from "../dns/request.ts";
import { Type } from "../dns/types.ts";

/** What a query knows of its message beside the question, and room for the message that replaces it. */
export class OuterMessage {
  bytes: Bytes = NO_BYTES;
  start = 0;
  length = 0;
  /** The other message; a query has its room for as long as it lives. */
  room: Bytes = NO_BYTES;
  #hasOpt = false;
  #optOffset = 0;
  #udpSize = 0;
  #ednsVersion = 0;
  #dnssecOk = false;
  #optionsLength = 0;

  keep(request: Request): void {
    this.bytes = request.bytes;
    this.start = request.start;
    this.length = request.length;
    this.#hasOpt = request.hasOpt;
    this.#optOffset = request.optOffset;
    this.#udpSize = request.udpSize;
    this.#ednsVersion = request.ednsVersion;
    this.#dnssecOk = request.dnssecOk;
    this.#optionsLength = request.optionsLength;
  }

  giveBack(request: Request): void {
    request.bytes = this.bytes;
    request.start = this.start;
    request.length = this.length;
    request.hasOpt = this.#hasOpt;
    request.optOffset = this.#optOffset;
    request.udpSize = this.#udpSize;
    request.ednsVersion = this.#ednsVersion;
    request.dnssecOk = this.#dnssecOk;
    request.optionsLength = this.#optionsLength;
    request.rereadQuestion();
  }
}

/** What an OPT record says that the client's message lacks, as CoreDNS has it. */
const NEW_UDP_SIZE = 4_096;

/**
 * Writes what `request`, whose message `outer` keeps, now asks into `outer.room`, and makes that its message. Everything
 * behind the question stays as it is, except that the OPT record has `options`, if they are given. Where there was none it
 * becomes the first additional record, so that a signature stays the last (RFC 8945 section 5.1).
 */
export function writeMessage(request: Request, outer: OuterMessage, options: Uint8Array | undefined): void {
  const { name, bytes, start, length, optOffset } = request;
  const longest = length + name.length + OPT_RECORD_SIZE + (options?.length ?? 0);
  if (outer.room.length < longest) outer.room = allocateBytes((longest + 255) & ~255);
  const out = outer.room;
  let to = copyRange(bytes, start, start + HEADER_SIZE, out, 0);
  // The letters of a name that has not changed are the client's.
  to =
    name.mixedCase && asksSameName(request)
      ? copyRange(bytes, start + HEADER_SIZE, start + HEADER_SIZE + name.length, out, to)
      : copyRange(name.bytes, 0, name.length, out, to);
  out[to++] = request.type >> 8;
  out[to++] = request.type;
  out[to++] = request.class >> 8;
  out[to++] = request.class;
  const behindQuestion = start + request.questionEnd;
  request.questionEnd = to;
  if (options === undefined) {
    if (optOffset > 0) request.optOffset = optOffset + to - (behindQuestion - start);
    to = copyRange(bytes, behindQuestion, start + length, out, to);
  } else {
    const hadOpt = optOffset > 0;
    if (!request.hasOpt) request.udpSize = NEW_UDP_SIZE;
    // Answer and authority sections of queries are empty, except in a few that carry a SOA (RFC 1995, RFC 1996).
    const optAt = hadOpt ? start + optOffset : isEmpty(bytes, start) ? behindQuestion : start + length;
    to = copyRange(bytes, behindQuestion, optAt, out, to);
    request.optOffset = to;
    to = writeOpt(request, hadOpt ? bytes[optAt + 7]! & 0x7f : 0, hadOpt ? bytes[optAt + 8]! : 0, options, out, to);
    to = copyRange(bytes, hadOpt ? optAt + OPT_RECORD_SIZE + request.optionsLength : optAt, start + length, out, to);
    request.hasOpt = true;
    request.optionsLength = options.length;
    if (!hadOpt) out[11]!++;
  }
  request.bytes = out;
  request.start = 0;
  request.length = to;
}

function asksSameName({ name, bytes, start, questionEnd }: Request): boolean {
  if (name.length !== questionEnd - HEADER_SIZE - 4) return false;
  const first = start + HEADER_SIZE;
  for (let i = 0; i < name.length; i++) if (LOWER[bytes[first + i]!] !== name.bytes[i]) return false;
  return true;
}

/** No records before the additional section. */
function isEmpty(bytes: Uint8Array, start: number): boolean {
  return (bytes[start + 6]! | bytes[start + 7]! | bytes[start + 8]! | bytes[start + 9]!) === 0;
}

/** RFC 6891 section 6.1.2; `flags` and `moreFlags` are those beside DO. */
function writeOpt(
  request: Request,
  flags: number,
  moreFlags: number,
  options: Uint8Array,
  out: Uint8Array,
  at: number,
): number {
  out[at++] = 0;
  out[at++] = Type.OPT >> 8;
  out[at++] = Type.OPT;
  out[at++] = request.udpSize >> 8;
  out[at++] = request.udpSize;
  out[at++] = 0;
  out[at++] = request.ednsVersion;
  out[at++] = flags | (request.dnssecOk ? 0x80 : 0);
  out[at++] = moreFlags;
  out[at++] = options.length >> 8;
  out[at++] = options.length;
  return copyRange(options, 0, options.length, out, at);
}
