/**
 * A query as it came in: its header, its question and its OPT record, read in place. One object is reused for every
 * query of its kind; nothing is allocated and nothing is thrown, whatever the bytes are. What stands behind the message is
 * left out of `length`, and counts of records that are not there are made good in place.
 *
 * `read` makes the checks that CoreDNS makes before any plugin runs (behaviour 2.8) and says what the server must do:
 *   FINE          go on
 *   IGNORE        no reply: shorter than a header, or itself a reply
 *   HEADER_ONLY   reply with the bare twelve bytes, rcode in `rcode`
 *   NO_QUESTION   reply SERVFAIL: the header says that there is a question, but the message ends with the header
 *   MALFORMED     reply FORMERR, with the question when `questionEnd` says that it could be read
 *   BARE          as HEADER_ONLY, unless somebody answers queries that have options and no question
 */
import { type Bytes, NO_BYTES } from "./bytes.ts";
import { Flag, HEADER_SIZE, MIN_UDP_SIZE, OPCODE_SHIFT, OPT_RECORD_SIZE, QUESTION_FIXED_SIZE } from "./header.ts";
import { checkRecord, skipName } from "./message.ts";
import { BAD_NAME, Name } from "./name.ts";
import { Opcode, Rcode, Type } from "./types.ts";

export const Reading = { FINE: 0, IGNORE: 1, HEADER_ONLY: 2, MALFORMED: 3, NO_QUESTION: 4, BARE: 5 } as const;
export type Reading = (typeof Reading)[keyof typeof Reading];

export class Request {
  /** The message is `bytes[start..start + length)`. Offsets below are counted from `start`. */
  bytes: Bytes = NO_BYTES;
  start = 0;
  length = 0;

  id = 0;
  /** The header's second word. */
  flags = 0;
  /** The question's name in lower case. */
  readonly name = new Name();
  type = 0;
  class = 0;
  /** Offset behind the question; HEADER_SIZE when it could not be read. */
  questionEnd = HEADER_SIZE;

  hasOpt = false;
  /** Where the OPT record starts; 0 when the message has none. */
  optOffset = 0;
  /** The largest UDP message that the client takes, as it said so. */
  udpSize = 0;
  ednsVersion = 0;
  dnssecOk = false;
  /** Bytes of the OPT record's options; they start OPT_RECORD_SIZE behind it. */
  optionsLength = 0;
  /** Its last record is a signature of the message: TSIG (RFC 8945) or SIG(0) (RFC 2931). */
  isSigned = false;

  /** The rcode for HEADER_ONLY. */
  rcode = 0;

  get opcode(): number {
    return (this.flags & Flag.OPCODE) >> OPCODE_SHIFT;
  }

  /** There are records beside the OPT record: an upstream may take such a message for another query, or for none. */
  get hasOtherRecords(): boolean {
    const opt = this.optOffset === 0 ? 0 : OPT_RECORD_SIZE + this.optionsLength;
    return this.length > this.questionEnd + opt;
  }

  /** The question's name with the client's letters: a view into `bytes`. */
  get questionName(): Uint8Array {
    return this.bytes.subarray(this.start + HEADER_SIZE, this.start + this.questionEnd - QUESTION_FIXED_SIZE);
  }

  get checkingDisabled(): boolean {
    return (this.flags & Flag.CD) !== 0;
  }

  /** What the client takes over UDP: RFC 6891 section 6.2.3, never less than 512. */
  get udpLimit(): number {
    return Math.max(this.udpSize, MIN_UDP_SIZE);
  }

  read(bytes: Bytes, start: number, length: number): Reading {
    this.bytes = bytes;
    this.start = start;
    this.length = length;
    this.questionEnd = HEADER_SIZE;
    this.hasOpt = false;
    this.optOffset = 0;
    this.udpSize = 0;
    this.ednsVersion = 0;
    this.dnssecOk = false;
    this.optionsLength = 0;
    this.isSigned = false;
    if (length < HEADER_SIZE) return Reading.IGNORE;
    const flags = (bytes[start + 2]! << 8) | bytes[start + 3]!;
    this.id = (bytes[start]! << 8) | bytes[start + 1]!;
    this.flags = flags;
    if (flags & Flag.QR) return Reading.IGNORE;

    const opcode = (flags & Flag.OPCODE) >> OPCODE_SHIFT;
    if (opcode !== Opcode.QUERY && opcode !== Opcode.NOTIFY) return this.#headerOnly(Rcode.NOTIMP);
    const answers = (bytes[start + 6]! << 8) | bytes[start + 7]!;
    const authorities = (bytes[start + 8]! << 8) | bytes[start + 9]!;
    const additionals = (bytes[start + 10]! << 8) | bytes[start + 11]!;
    if (bytes[start + 4] !== 0 || bytes[start + 5] !== 1 || answers > 1 || authorities > 1 || additionals > 2) {
      return this.#withoutQuestion(opcode, answers + authorities, additionals);
    }

    const end = start + length;
    if (length === HEADER_SIZE) return Reading.NO_QUESTION;
    const at = this.name.read(bytes, start + HEADER_SIZE, end);
    if (at === BAD_NAME) return Reading.MALFORMED;
    if (at + 4 > end) return this.#shortQuestion(at, end);
    this.type = (bytes[at]! << 8) | bytes[at + 1]!;
    this.class = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    this.questionEnd = at + 4 - start;
    const records = answers + authorities + additionals;
    if (records > 0) return this.#readRecords(at + 4, end, answers + authorities, records);
    this.length = this.questionEnd;
    return Reading.FINE;
  }

  /** Name, type and class are again what the message says, after a plugin has changed them. */
  rereadQuestion(): void {
    const { bytes, start } = this;
    const at = this.name.read(bytes, start + HEADER_SIZE, start + this.length);
    this.type = (bytes[at]! << 8) | bytes[at + 1]!;
    this.class = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    this.questionEnd = at + 4 - start;
  }

  /** CoreDNS tolerates a message that ends before the question's type, or before its class: they count as 0. */
  #shortQuestion(at: number, end: number): Reading {
    if (at !== end && at + 2 !== end) return Reading.MALFORMED;
    const whole = new Uint8Array(at + 4 - this.start);
    whole.set(this.bytes.subarray(this.start, end));
    this.type = at === end ? 0 : (this.bytes[at]! << 8) | this.bytes[at + 1]!;
    this.class = 0;
    this.bytes = whole;
    this.start = 0;
    this.length = whole.length;
    this.questionEnd = whole.length;
    this.#announce(0);
    return Reading.FINE;
  }

  /** What follows the question: most often one OPT record, rarely others, which must at least be well-formed. */
  #readRecords(at: number, end: number, beforeAdditional: number, records: number): Reading {
    const bytes = this.bytes;
    for (let i = 0; i < records; i++) {
      // Records that are announced but missing at the end are tolerated, as CoreDNS does.
      if (at === end) {
        this.#announce(i);
        break;
      }
      const isOpt = bytes[at] === 0 && at + OPT_RECORD_SIZE <= end && bytes[at + 1] === 0 && bytes[at + 2] === Type.OPT;
      const next = isOpt ? this.#skipOpt(at, end) : checkRecord(bytes, this.start, at, end);
      if (next < 0) return Reading.MALFORMED;
      this.isSigned = !isOpt && i >= beforeAdditional && isSignature(bytes, at, end, this.start);
      if (isOpt && i >= beforeAdditional) {
        this.hasOpt = true;
        this.optOffset = at - this.start;
        this.udpSize = (bytes[at + 3]! << 8) | bytes[at + 4]!;
        this.ednsVersion = bytes[at + 6]!;
        this.dnssecOk = (bytes[at + 7]! & 0x80) !== 0;
        this.optionsLength = next - at - OPT_RECORD_SIZE;
      }
      at = next;
    }
    this.length = at - this.start;
    return Reading.FINE;
  }

  /** Of the records that the header announces only the first `count` are there, and it says so from now on. */
  #announce(count: number): void {
    const { bytes, start } = this;
    let left = count;
    for (let at = start + 7; at < start + HEADER_SIZE; at += 2) {
      bytes[at] = Math.min(bytes[at]!, left);
      left -= bytes[at]!;
    }
  }

  /** Checks that the options fill their record exactly (RFC 6891 section 6.1.2). Gives the offset behind it or -1. */
  #skipOpt(at: number, end: number): number {
    const bytes = this.bytes;
    const stop = at + OPT_RECORD_SIZE + ((bytes[at + 9]! << 8) | bytes[at + 10]!);
    if (stop > end) return -1;
    let option = at + OPT_RECORD_SIZE;
    while (option < stop) {
      if (option + 4 > stop) return -1;
      const size = (bytes[option + 2]! << 8) | bytes[option + 3]!;
      const code = (bytes[option]! << 8) | bytes[option + 1]!;
      if (code === CLIENT_SUBNET && !isSubnet(bytes, option + 4, size)) return -1;
      option += 4 + size;
    }
    return option === stop ? stop : -1;
  }

  /** One OPT record with options and nothing else makes sense too (RFC 7873 section 5.4). */
  #withoutQuestion(opcode: number, others: number, additionals: number): Reading {
    const { bytes, start, length } = this;
    this.#headerOnly(Rcode.FORMERR);
    if (bytes[start + 4] !== 0 || bytes[start + 5] !== 0 || opcode !== Opcode.QUERY) return Reading.HEADER_ONLY;
    if (others !== 0 || additionals !== 1) return Reading.HEADER_ONLY;
    const reading = this.#readRecords(start + HEADER_SIZE, start + length, 0, 1);
    if (reading === Reading.FINE && this.optionsLength > 0 && this.ednsVersion === 0) return Reading.BARE;
    this.hasOpt = false;
    return Reading.HEADER_ONLY;
  }

  #headerOnly(rcode: number): Reading {
    this.rcode = rcode;
    return Reading.HEADER_ONLY;
  }
}

function isSignature(bytes: Uint8Array, at: number, end: number, start: number): boolean {
  const fixed = skipName(bytes, at, end, start);
  const type = (bytes[fixed]! << 8) | bytes[fixed + 1]!;
  return type === Type.TSIG || type === Type.SIG;
}

/** RFC 7871 section 6. CoreDNS refuses a message whose option is malformed, though nobody may ever read it. */
const CLIENT_SUBNET = 8;

function isSubnet(bytes: Uint8Array, at: number, size: number): boolean {
  if (size < 4) return false;
  const family = (bytes[at]! << 8) | bytes[at + 1]!;
  const source = bytes[at + 2]!;
  const scope = bytes[at + 3]!;
  if (family === 0) return source === 0;
  const most = family === 1 ? 32 : 128;
  return (family === 1 || family === 2) && source <= most && scope <= most;
}
