/**
 * Rows A3, A7, A9, A12: real messages to begin with, and all that one goes through in this process, whether a client or an
 * upstream has sent it.
 */
import assert from "node:assert/strict";
import { checkMessage } from "../../src/dns/message.ts";
import { nameToText } from "../../src/dns/name-text.ts";
import { readRecord } from "../../src/dns/record.ts";
import { Reply } from "../../src/dns/reply.ts";
import { Reading, Request } from "../../src/dns/request.ts";
import { expandName } from "../../src/dns/wire-name.ts";
import { AnswerKey } from "../../src/memory/answer-key.ts";
import { KeyedHash } from "../../src/memory/keyed-hash.ts";
import { servers } from "../parity/cases/entry.ts";
import { header, opt, question, record } from "../parity/hex.ts";
import { formatRecord } from "../support/dns-text.ts";
import { RDATA_VECTORS } from "../support/dns-vectors.ts";
import { encodeQuestion, fromHex, type Question } from "../support/wire.ts";

export const good: Question = { ask: "www.example.org. A" };
const www = question("www.example.org. A");
const soa = "example.org. 60 IN SOA ns.example.org. host.example.org. 1 2 3 4 5";
const answerOf = (...records: string[]) =>
  fromHex(header("8180", [1, records.length, 0, 1]) + www + records.map((line) => record(line)).join("") + opt());

export const seeds: readonly Buffer[] = [
  encodeQuestion(good, 1),
  encodeQuestion({ ask: `${"a.".repeat(120)}example.org. TXT` }, 2),
  encodeQuestion({ ...good, edns: { do: true, options: ["10 0102030405060708", "8 00011800c00002", "12 0000"] } }, 3),
  fromHex(header("0100", [1, 1, 1, 2]) + www + record("www.example.org. 1 IN A 192.0.2.1") + record(soa) + opt()),
  answerOf("www.example.org. 60 IN A 192.0.2.1", "www.example.org. 60 IN AAAA 2001:db8::1"),
  answerOf("www.example.org. 60 IN CNAME a.example.net.", "a.example.net. 60 IN MX 10 mail.example.org."),
  answerOf(soa, "example.org. 60 IN TXT one two", "example.org. 60 IN SRV 1 2 53 ns.example.org."),
  answerOf('example.org. 60 IN NAPTR 1 2 "s" "x" "" .', "example.org. 60 IN SVCB 1 . alpn=h2 port=443"),
  answerOf("example.org. 60 IN NSEC a.example.org. A NS", "example.org. 60 IN DS 1 8 2 00112233"),
  answerOf("example.org. 60 IN LOC 1 N 2 E 3m", "example.org. 60 IN TYPE65280 \\# 3 010203"),
];

/**
 * What the test suite has beside them: queries of the parity cases, and a record of every type, as an answer and without
 * a question, where `execute` prints it.
 */
export const suiteSeeds: readonly Buffer[] = [
  ...servers.flatMap(({ cases }) => cases.map((one) => encodeQuestion(one, 0))),
  answerOf(...Array.from({ length: 40 }, (_, i) => `www.example.org. 60 IN A 192.0.2.${i}`)),
  ...RDATA_VECTORS.map(({ type, text }) => answerOf(`www.example.org. 60 IN ${type} ${text}`)),
  ...RDATA_VECTORS.map(({ type, text }) => fromHex(header("8180", [0, 1, 0, 0]) + record(`. 60 IN ${type} ${text}`))),
];

export const request: Request = new Request();
/** The query that answers are for. */
export const asked: Request = new Request();
asked.read(seeds[0]!, 0, seeds[0]!.length);
export const reply: Reply = new Reply();
export const room: Uint8Array = new Uint8Array(70_000);
const key = new AnswerKey(new KeyedHash(1, 2));

/** All that a message from a client, and one from an upstream, goes through. Gives how many steps took it. */
export function execute(bytes: Buffer): number {
  let taken = 0;
  const reading = request.read(bytes, 0, bytes.length);
  if (reading === Reading.FINE) {
    taken++;
    key.set(request.name, request.type, request.class, request.dnssecOk, request.checkingDisabled);
    reply.place(room, 0, room.length);
    reply.begin(request);
    reply.finish(request, request.udpLimit);
  }
  const shape = answersAsked(bytes) ? checkMessage(bytes, 0, bytes.length, asked.questionEnd) : undefined;
  if (shape !== undefined) {
    taken++;
    reply.place(room, 0, room.length);
    assert.ok(reply.adopt(asked, bytes, 0, shape.end, shape.opt));
    reply.rewrite(reply.records());
    const length = reply.finish(asked, 512);
    assert.ok(length >= 12 && length <= 512, `a reply of ${length} bytes`);
    assert.ok(checkMessage(room, 0, length, asked.questionEnd), "what we make of it is malformed");
  }
  for (let at = shape === undefined ? request.questionEnd : asked.questionEnd, i = 0; i < 8; i++) {
    const read = readRecord(bytes, at, bytes.length);
    if (read === undefined) break;
    formatRecord(read.record);
    at = read.next;
  }
  const name = expandName(bytes, 12, bytes.length);
  if (name) nameToText(name);
  return taken;
}

/** What is looked at before a message is taken for an answer. */
function answersAsked(bytes: Buffer): boolean {
  const { questionEnd } = asked;
  if (bytes.length < questionEnd || (bytes[2]! & 0x80) === 0 || bytes.readUInt16BE(4) !== 1) return false;
  return bytes.subarray(12, questionEnd).equals(seeds[0]!.subarray(12, questionEnd));
}

/** A figure of time is the best of some, since others use the CPU as well. */
const REPEATS = 20;

export function bestMs(run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < REPEATS; i++) {
    const from = performance.now();
    run();
    best = Math.min(best, performance.now() - from);
  }
  return best;
}

/** Executes messages, and keeps how long the slowest took. */
export class Trial {
  taken = 0;
  slowestMs = 0;

  /** An error names the message, and `what` it is. */
  run(bytes: Buffer, what: string): void {
    const from = performance.now();
    try {
      this.taken += execute(bytes);
    } catch (error) {
      throw new Error(`${what}: ${bytes.toString("hex")}`, { cause: error });
    }
    const ms = performance.now() - from;
    if (ms <= this.slowestMs) return;
    const best = bestMs(() => execute(bytes));
    this.slowestMs = Math.max(this.slowestMs, best);
  }
}
