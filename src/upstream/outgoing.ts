/**
 * The query that goes to another server: the message that the client or a plugin before wrote, with a fresh id, so that
 * options, DO, CD and whatever else it holds pass, and with what plugins changed in its fields (type, class, flags, size, DO).
 *
 * Two things differ from the client's message over UDP. The letters of the name get random case (draft-vixie-dnsext-dns0x20):
 * an answer must repeat them, so a forger has to guess a bit more for every letter. And an answer of more than 1232 bytes
 * is not asked for: it would come in fragments, whose second half anyone can replace (RFC 9715 section 3.1); what is
 * longer is fetched over TCP. Only a server that cannot be asked so is asked for more.
 */
import { type Bytes, CASE_BIT, copyRange, lettersOf, readWord, writeWord } from "../dns/bytes.ts";
import { Flag, HEADER_SIZE, MIN_UDP_SIZE } from "../dns/header.ts";
import type { Request } from "../dns/request.ts";
import { randomWord } from "./random.ts";

/** The largest UDP answer that we ask for (DNS flag day 2020, RFC 9715 appendix A). */
export const SAFE_UDP_SIZE = 1_232;
/** The same where there is no TCP: as much as a socket's buffer holds. */
export const LARGE_UDP_SIZE = 4_096;

/**
 * Writes the query into `out` at `at`. It is as long as the message of `request`, and so is its question. A signed
 * message (anything but an OPT in its additional section) keeps its letters and its OPT, which the signature covers.
 * The size that it tells the server is the client's, at most `largestUdpSize`. Gives the largest UDP answer that the server
 * may send.
 */
export function writeQuery(
  request: Request,
  out: Bytes,
  at: number,
  id: number,
  randomLetters: boolean,
  largestUdpSize: number,
): number {
  const from = request.bytes;
  const start = request.start;
  const flags = request.flags & ~(Flag.QR | Flag.RCODE);
  out[at] = id >> 8;
  out[at + 1] = id;
  out[at + 2] = flags >> 8;
  out[at + 3] = flags;
  for (let i = 4; i < HEADER_SIZE; i++) out[at + i] = from[start + i]!;

  const signed = request.isSigned;
  let to = writeName(request, out, at + HEADER_SIZE, randomLetters && !signed);
  out[to++] = request.type >> 8;
  out[to++] = request.type;
  out[to++] = request.class >> 8;
  out[to++] = request.class;
  copyRange(from, start + request.questionEnd, start + request.length, out, to);

  if (signed) return request.udpLimit;
  const size = request.hasOpt ? Math.min(request.udpSize, largestUdpSize) : MIN_UDP_SIZE;
  if (request.hasOpt) writeOptFields(request, out, at + request.optOffset, size);
  return Math.max(size, MIN_UDP_SIZE);
}

function writeName(request: Request, out: Bytes, at: number, randomLetters: boolean): number {
  const from = request.bytes;
  const first = request.start + HEADER_SIZE;
  const length = request.name.length;
  if (!randomLetters) return copyRange(from, first, first + length, out, at);
  const { view: source } = from;
  const { view: target } = out;
  let bits = 0;
  let askedUpper = 0;
  let sentUpper = 0;
  let last = 0;
  // The last word may reach into type and class, which stand behind the name and are written behind it afterwards.
  for (let i = 0; i < length; i += 4) {
    const word = readWord(from, source, first + i);
    // Four bits for each of eight words.
    bits = (i & 31) === 0 ? randomWord() : (bits >>> 1) | (bits << 31);
    let letters = lettersOf(word);
    if (length - i < 4) letters &= (1 << (8 * (length - i))) - 1;
    const sent = word ^ (letters & bits);
    writeWord(out, target, at + i, sent);
    askedUpper |= letters & ~word;
    sentUpper |= letters & ~sent;
    if (letters !== 0) last = at + i + ((31 - Math.clz32(letters)) >> 3);
  }
  // Small letters alone are how servers write their own names: what they sent could not be told from what we did.
  if (askedUpper !== 0 && sentUpper === 0) out[last] = out[last]! ^ CASE_BIT;
  return at + length;
}

function writeOptFields(request: Request, out: Uint8Array, opt: number, size: number): void {
  out[opt + 3] = size >> 8;
  out[opt + 4] = size;
  out[opt + 6] = request.ednsVersion;
  out[opt + 7] = (out[opt + 7]! & 0x7f) | (request.dnssecOk ? 0x80 : 0);
}
