/** Questions and replies as the answer cache sees them, without sockets and plugins. */
import assert from "node:assert/strict";
import { Flag, HEADER_SIZE } from "../../src/dns/header.ts";
import { checkMessage } from "../../src/dns/message.ts";
import { nameToWire } from "../../src/dns/name-text.ts";
import { INDEX_WORDS, Index, MAX_REPLY_SIZE, Reply, type Section } from "../../src/dns/reply.ts";
import { Reading, Request } from "../../src/dns/request.ts";
import { Class, Type } from "../../src/dns/types.ts";
import { uncompressedLength } from "../../src/dns/uncompressed-length.ts";
import type { AnswerCache } from "../../src/memory/answer-cache.ts";
import { AnswerKey } from "../../src/memory/answer-key.ts";
import { KeyedHash } from "../../src/memory/keyed-hash.ts";

export interface TestRecord {
  readonly section: Section;
  readonly type: number;
  readonly ttl: number;
  readonly data: Uint8Array;
}

export function request(name: string, type: number = Type.A): Request {
  const wire = nameToWire(name) as Uint8Array;
  const message = new Uint8Array(HEADER_SIZE + wire.length + 4);
  message.set([0x12, 0x34, Flag.RD >> 8, 0, 0, 1]);
  message.set(wire, HEADER_SIZE);
  message.set([type >> 8, type & 0xff, 0, Class.IN], HEADER_SIZE + wire.length);
  const read = new Request();
  assert.equal(read.read(message, 0, message.length), Reading.FINE);
  return read;
}

const keyed = new KeyedHash(1, 2);

export function keyOf({ name, type, class: klass }: Request, dnssecOk = false, checkingDisabled = false): AnswerKey {
  const key = new AnswerKey(keyed);
  key.set(name, type, klass, dnssecOk, checkingDisabled);
  return key;
}

/** An empty reply, `start` bytes behind the beginning of its buffer. */
export function emptyReply(start = 0): Reply {
  const reply = new Reply();
  reply.place(new Uint8Array(start + MAX_REPLY_SIZE), start, start + MAX_REPLY_SIZE);
  return reply;
}

/** A reply whose records all belong to the name that was asked for. */
export function replyTo(asked: Request, records: readonly TestRecord[], start = 0): Reply {
  const reply = emptyReply(start);
  reply.begin(asked);
  const owner = asked.name.bytes.slice(0, asked.name.length);
  for (const { section, type, ttl, data } of records) {
    assert.ok(reply.add(section, owner, type, Class.IN, ttl, data));
  }
  return reply;
}

/** The message as a client gets it. It must be well-formed. */
export function messageOf(reply: Reply, asked: Request): Buffer {
  const length = reply.finish(asked, MAX_REPLY_SIZE);
  assert.ok(checkMessage(reply.bytes, reply.start, length, asked.questionEnd), "a malformed message");
  return Buffer.from(reply.bytes.slice(reply.start, reply.start + length));
}

/** The same answer to `asked`, which may be written in other letters, with one TTL. */
export function withTtl(stored: Reply, asked: Request, ttl: number): Buffer {
  const copy = emptyReply();
  copy.begin(asked);
  const { bytes, start, questionEnd, end } = stored;
  copy.bytes.set(bytes.subarray(start + questionEnd, end), questionEnd);
  copy.end = end - start;
  for (let section = 0; section < 3; section++) copy.counts[section] = stored.counts[section]!;
  const count = copy.indexRecords();
  for (let i = 0; i < count; i++) copy.setTtlAt(copy.index[i * INDEX_WORDS + Index.TTL]!, ttl);
  return messageOf(copy, asked);
}

/** What the cache says of an answer must be what looking at it says. */
function checkDescription(reply: Reply, ttl: number): void {
  const { bytes, start, end, questionEnd, counts } = reply;
  const records = reply.indexRecords();
  // Not before: it grows with the records.
  const { index } = reply;
  const plainLength = uncompressedLength(bytes, start, end, questionEnd, records);
  assert.equal(reply.isDescribed, plainLength <= 0xffff);
  if (!reply.isDescribed) return;
  assert.equal(reply.commonTtl, ttl);
  assert.equal(reply.plainLength, plainLength);
  const answers = Array.from({ length: counts[0]! }, (_, i) => index.subarray(i * INDEX_WORDS, (i + 1) * INDEX_WORDS));
  const isAddress = (type: number, size: number) =>
    (type === Type.A && size === 4) || (type === Type.AAAA && size === 16);
  const isRun =
    counts[0]! > 1 &&
    counts[1]! < 2 &&
    counts[2]! < 2 &&
    answers.every((words) => isAddress(words[Index.TYPE]!, words[Index.RDATA_LENGTH]!)) &&
    answers.every((words) => words[Index.TYPE] === answers[0]![Index.TYPE]) &&
    answers.every(
      (words) => bytes[start + words[Index.OWNER]!] === 0xc0 && bytes[start + words[Index.OWNER]! + 1] === 12,
    );
  assert.equal(reply.addressRun, isRun ? counts[0] : 0);
}

/** What a client that asks gets; undefined for a miss. Nothing beside the reply's room may change. */
export function lookUp(cache: AnswerCache, asked: Request, key: AnswerKey, ttl: number, start = 0): Buffer | undefined {
  const reply = emptyReply(start);
  reply.bytes.fill(0xa5);
  reply.begin(asked);
  const found = cache.find(key) && cache.copyTo(reply, ttl);
  assert.ok(
    reply.bytes.subarray(0, start).every((byte) => byte === 0xa5),
    "bytes before the reply were written",
  );
  if (!found) return undefined;
  checkDescription(reply, ttl);
  // Whole words are copied, so up to three bytes behind the end may be others.
  assert.ok(
    reply.bytes.subarray(reply.end + 3, reply.end + 40).every((byte) => byte === 0xa5),
    "bytes behind the reply were written",
  );
  return messageOf(reply, asked);
}
