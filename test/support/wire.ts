/**
 * Asking a server over the network, and reading its reply as text.
 *
 * Replies are read twice: by dns-packet, which shares no code with us, and by `src/dns`, which knows every type and the
 * escapes of zone files. The two must agree on header, counts, types and TTLs, else `decodeReply` throws.
 */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import dnsPacket from "dns-packet";
import { nameToText } from "../../src/dns/name-text.ts";
import { formatRdata } from "../../src/dns/rdata.ts";
import { type ResourceRecord, readRecord } from "../../src/dns/record.ts";
import { Class, className, classNumber, rcodeName, Type, typeName, typeNumber } from "../../src/dns/types.ts";
import { formatRecord, parsedRecord, recordToWire, wireName } from "./dns-text.ts";

export interface Question {
  /** Name, type, and class when it is not IN: `www.example.org. A`, `version.bind. TXT CH`, `example.org. TYPE65280`. */
  readonly ask: string;
  /** Set in the header; `rd` when absent. */
  readonly flags?: string;
  /** 0 (QUERY) when absent. */
  readonly opcode?: number;
  /** Adds an OPT record. */
  readonly edns?: Edns;
  /** Over UDP when absent. */
  readonly over?: "udp" | "tcp";
  /** The address to ask, 127.0.0.1 when absent, and the address to ask from. */
  readonly to?: string;
  readonly from?: string;
  /**
   * Sent instead of the message that the fields above describe, in hexadecimal digits; blanks do not matter. The first
   * two bytes are replaced by a fresh id. `ask` then only serves as a name.
   */
  readonly raw?: string;
  /** What a proxy puts before the message, in hexadecimal digits. */
  readonly header?: string;
}

export interface Edns {
  /** 1232 when absent. */
  readonly size?: number;
  readonly do?: boolean;
  readonly version?: number;
  /** Each as `CODE HEX`: `10 0102030405060708`. */
  readonly options?: readonly string[];
}

/** A reply as text. Records look as in a zone file, with single blanks between their fields; OPT is kept apart. */
export interface DecodedReply {
  readonly bytes: Buffer;
  readonly id: number;
  readonly opcode: number;
  readonly rcode: string;
  /** `qr aa tc rd ra z ad cd`, those that are set, in this order. */
  readonly flags: string;
  /** As in `Question.ask`, or `none`. */
  readonly question: string;
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
  readonly opt: DecodedOpt | undefined;
}

export interface DecodedOpt {
  readonly size: number;
  readonly do: boolean;
  readonly version: number;
  readonly options: readonly string[];
}

const HEADER_SIZE = 12;
const FLAGS = { qr: 0x8000, aa: 0x0400, tc: 0x0200, rd: 0x0100, ra: 0x0080, z: 0x0040, ad: 0x0020, cd: 0x0010 };

export function encodeQuestion(question: Question, id = randomId()): Buffer {
  if (question.raw !== undefined) {
    const message = fromHex(question.raw);
    if (message.length >= 2) message.writeUInt16BE(id);
    return message;
  }
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(((question.opcode ?? 0) << 11) | flagBits(question.flags ?? "rd"), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(question.edns ? 1 : 0, 10);
  return Buffer.concat([header, questionWire(question.ask), question.edns ? optWire(question.edns) : Buffer.alloc(0)]);
}

/** The bytes of `www.example.org. A` in a message. */
export function questionWire(ask: string): Buffer {
  const [name = "", type = "", klass = "IN"] = ask.split(" ");
  const numbers = Buffer.alloc(4);
  numbers.writeUInt16BE(known(typeNumber(type), ask), 0);
  numbers.writeUInt16BE(known(classNumber(klass), ask), 2);
  return Buffer.concat([wireName(name), numbers]);
}

/** A question in the form that replies are printed in. */
export function canonicalQuestion(ask: string): string {
  const wire = questionWire(ask);
  return questionText(wire, 0, wire.length - 4);
}

export function optWire(edns: Edns, extendedRcode = 0): Buffer {
  const options = (edns.options ?? []).map((option) => {
    const [code, hex = ""] = option.split(" ");
    const data = fromHex(hex);
    const head = Buffer.alloc(4);
    head.writeUInt16BE(Number(code), 0);
    head.writeUInt16BE(data.length, 2);
    return Buffer.concat([head, data]);
  });
  const data = Buffer.concat(options);
  const fixed = Buffer.alloc(11);
  fixed.writeUInt16BE(Type.OPT, 1);
  fixed.writeUInt16BE(edns.size ?? 1232, 3);
  fixed[5] = extendedRcode;
  fixed[6] = edns.version ?? 0;
  fixed[7] = edns.do ? 0x80 : 0;
  fixed.writeUInt16BE(data.length, 9);
  return Buffer.concat([fixed, data]);
}

/** The bytes of a record in a message, nothing compressed. */
export function recordWire(line: string): Buffer {
  return Buffer.from(recordToWire(parsedRecord(line)));
}

/** A line in the form that replies are printed in; a TTL `*` stays. */
export function canonicalLine(line: string): string {
  const anyTtl = /^(\S+\s+)\*(\s)/.exec(line);
  const record = parsedRecord(anyTtl ? line.replace(anyTtl[0], `${anyTtl[1]}0${anyTtl[2]}`) : line);
  const text = lineOf(record);
  return anyTtl ? withAnyTtl(text) : text;
}

/** The line with `*` for its TTL. */
export function withAnyTtl(line: string): string {
  return line.replace(/^(\S+) \d+ /, "$1 * ");
}

export function decodeReply(bytes: Buffer): DecodedReply {
  assert.ok(bytes.length >= HEADER_SIZE, `a reply of ${bytes.length} bytes`);
  const word = bytes.readUInt16BE(2);
  const counts = [6, 8, 10].map((at) => bytes.readUInt16BE(at));
  const questions = bytes.readUInt16BE(4);
  assert.ok(questions <= 1, `${questions} questions in a reply`);
  let at = HEADER_SIZE;
  let question = "none";
  if (questions === 1) {
    const end = plainNameEnd(bytes, at);
    question = questionText(bytes, at, end);
    at = end + 4;
  }
  const sections = counts.map((count) =>
    Array.from({ length: count }, () => {
      const read = readRecord(bytes, at, bytes.length);
      assert.ok(read, `a malformed record at byte ${at}`);
      at = read.next;
      return read.record;
    }),
  );
  assert.equal(at, bytes.length, "bytes behind the last record");
  const opts = sections.flat().filter((record) => record.type === Type.OPT);
  assert.ok(opts.length <= 1, "more than one OPT record");
  compareWithOracle(bytes, sections);
  const [answer, authority, additional] = sections.map((records) =>
    records.filter((record) => record.type !== Type.OPT).map(lineOf),
  );
  return {
    bytes,
    id: bytes.readUInt16BE(0),
    opcode: (word >> 11) & 15,
    rcode: rcodeText((word & 15) | (opts[0] ? (opts[0].ttl >>> 24) << 4 : 0)),
    flags: Object.entries(FLAGS)
      .filter(([, bit]) => word & bit)
      .map(([name]) => name)
      .join(" "),
    question,
    answer: answer!,
    authority: authority!,
    additional: additional!,
    opt: opts[0] && decodeOpt(opts[0]),
  };
}

/** Asks once, and gives the reply's bytes; undefined when none has come in time or the connection was closed. */
export async function exchange(
  message: Buffer,
  port: number,
  question: Pick<Question, "over" | "to" | "from" | "header">,
  timeoutMs: number,
): Promise<Buffer | undefined> {
  const exchangeOver = question.over === "tcp" ? exchangeTcp : exchangeUdp;
  return exchangeOver(message, port, question, timeoutMs);
}

type Way = Pick<Question, "to" | "from" | "header">;

function exchangeUdp(message: Buffer, port: number, { to = "127.0.0.1", from, header = "" }: Way, timeoutMs: number) {
  return new Promise<Buffer | undefined>((resolve, reject) => {
    const socket = createSocket(isIPv6(to) ? "udp6" : "udp4");
    const finish = (reply?: Buffer) => {
      clearTimeout(timer);
      socket.close();
      resolve(reply);
    };
    const timer = setTimeout(finish, timeoutMs);
    socket.on("error", reject);
    socket.on("message", (reply, peer) => {
      // A reply from another address or port than the one asked would reach no client.
      if (
        peer.port === port &&
        peer.address === to &&
        reply.length >= 2 &&
        reply.readUInt16BE() === message.readUInt16BE()
      )
        finish(reply);
    });
    socket.bind(0, from, () => socket.send(Buffer.concat([fromHex(header), message]), port, to));
  });
}

function exchangeTcp(message: Buffer, port: number, { to = "127.0.0.1", from, header = "" }: Way, timeoutMs: number) {
  return new Promise<Buffer | undefined>((resolve) => {
    const socket = connect({ port, host: to, ...(from === undefined ? {} : { localAddress: from }) });
    const finish = (reply?: Buffer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reply);
    };
    const timer = setTimeout(finish, timeoutMs);
    let received = Buffer.alloc(0);
    socket.on("connect", () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      socket.write(Buffer.concat([fromHex(header), length, message]));
    });
    socket.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
      const length = received.length < 2 ? Number.POSITIVE_INFINITY : received.readUInt16BE();
      if (received.length >= 2 + length) finish(Buffer.from(received.subarray(2, 2 + length)));
    });
    socket.on("error", () => finish());
    socket.on("close", () => finish());
  });
}

/** dns-packet must see the same counts, and records of the same types, TTLs and addresses. */
function compareWithOracle(bytes: Buffer, sections: readonly (readonly ResourceRecord[])[]): void {
  const oracle = dnsPacket.decode(bytes);
  const theirs = [oracle.answers, oracle.authorities, oracle.additionals].map((records) =>
    (records ?? []).map(essence),
  );
  assert.deepEqual(
    sections.map((records) => records.map(({ type, ttl, data }) => essenceOf(type, ttl, formatRdata(type, data)))),
    theirs,
    "dns-packet reads another message",
  );
}

function essence(record: dnsPacket.Answer): string {
  if (record.type === "OPT") return "OPT";
  const type = String(record.type).replace(/^UNKNOWN_/, "TYPE");
  return essenceOf(typeNumber(type), record.ttl ?? -1, String(record.data));
}

function essenceOf(type: number, ttl: number, data: string): string {
  if (type === Type.OPT) return "OPT";
  return `${ttl} ${typeName(type)}${type === Type.A ? ` ${data}` : ""}`;
}

function questionText(bytes: Buffer, at: number, nameEnd: number): string {
  const [type, klass] = [bytes.readUInt16BE(nameEnd), bytes.readUInt16BE(nameEnd + 2)];
  return `${nameToText(bytes, at)} ${typeName(type)}${klass === Class.IN ? "" : ` ${className(klass)}`}`;
}

function decodeOpt(record: ResourceRecord): DecodedOpt {
  const data = Buffer.from(record.data);
  const options: string[] = [];
  for (let at = 0; at < data.length; ) {
    const end = at + 4 + data.readUInt16BE(at + 2);
    options.push(`${data.readUInt16BE(at)} ${data.toString("hex", at + 4, end)}`.trim());
    at = end;
  }
  return { size: record.class, do: (record.ttl & 0x8000) !== 0, version: (record.ttl >>> 16) & 0xff, options };
}

function lineOf(record: ResourceRecord): string {
  return formatRecord(record).replaceAll("\t", " ");
}

/** BADVERS and BADSIG are one number; in the rcode of a message it is the former. */
function rcodeText(rcode: number): string {
  const name = rcodeName(rcode);
  return name === "BADSIG" ? "BADVERS" : name;
}

export function flagBits(flags: string): number {
  const words = flags.split(" ").filter((word) => word !== "");
  return words.reduce((bits, word) => bits | known(FLAGS[word as keyof typeof FLAGS] ?? -1, flags), 0);
}

export function fromHex(digits: string): Buffer {
  const packed = digits.replaceAll(/\s/g, "");
  assert.match(packed, /^([0-9a-f]{2})*$/i, "hexadecimal digits, two a byte");
  return Buffer.from(packed, "hex");
}

function plainNameEnd(bytes: Buffer, start: number): number {
  let at = start;
  while (bytes[at] !== 0) {
    assert.ok(at < bytes.length && bytes[at]! < 64, "a question's name is not compressed");
    at += bytes[at]! + 1;
  }
  return at + 1;
}

function known(number: number, text: string): number {
  if (number < 0) throw new Error(`unknown word in '${text}'`);
  return number;
}

export function randomId(): number {
  return Math.floor(Math.random() * 0x10000);
}
