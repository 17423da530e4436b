/** A zone from the text of a master file, asked in this process without plugin or server. */
import assert from "node:assert/strict";
import { nameToText, nameToWire } from "../../src/dns/name-text.ts";
import { MAX_REPLY_SIZE, Reply } from "../../src/dns/reply.ts";
import { Reading, Request } from "../../src/dns/request.ts";
import { type LoadedZone, loadZoneText } from "../../src/zone/load-zone.ts";
import { Result, ZoneLookup } from "../../src/zone/lookup.ts";
import { readMasterText } from "../../src/zone/master-file.ts";
import { Zone } from "../../src/zone/snapshot.ts";
import { formatRecord } from "../support/dns-text.ts";
import { type DecodedReply, decodeReply, encodeQuestion, type Question } from "../support/wire.ts";

export const ORIGIN = "example.org.";

export function wire(name: string): Uint8Array {
  const bytes = nameToWire(name);
  if (typeof bytes === "string") throw new Error(`${name}: ${bytes}`);
  return bytes;
}

export function load(text: string, origin = ORIGIN): LoadedZone {
  return loadZoneText(text, "db.example", wire(origin));
}

export function zoneOf(text: string, origin = ORIGIN): Zone {
  const loaded = load(text, origin);
  assert.ok("snapshot" in loaded, "error" in loaded ? loaded.error : "unchanged");
  return new Zone(loaded.snapshot);
}

/** The records that a master file holds as lines, or what is wrong with it. */
export function recordsOf(text: string, path = "db.example"): string[] | string {
  const lines: string[] = [];
  const error = readMasterText(text, path, wire(ORIGIN), {
    add(owner, ownerLength, type, klass, ttl, rdata, length) {
      const record = { name: owner.slice(0, ownerLength), type, class: klass, ttl, data: rdata.slice(0, length) };
      lines.push(formatRecord(record).replaceAll("\t", " "));
      return undefined;
    },
  });
  return error?.message ?? lines;
}

export interface Answered {
  readonly result: string;
  /** Where an alias leads out. */
  readonly alias: string;
  readonly reply: DecodedReply | undefined;
}

export interface AskOptions {
  readonly passOn?: boolean;
  /** The most bytes of the reply. */
  readonly limit?: number;
  /** The bytes that it can be written to. */
  readonly room?: number;
}

const lookup = new ZoneLookup();
/** A place inside a larger buffer, so that offsets that forget the start are found. */
const START = 37;

export function ask(zone: Zone, question: Question | string, options: AskOptions = {}): Answered {
  const message = encodeQuestion(typeof question === "string" ? { ask: question } : question);
  const request = new Request();
  const padded = Buffer.concat([Buffer.alloc(START), message]);
  assert.equal(request.read(padded, START, message.length), Reading.FINE);
  const reply = new Reply();
  reply.place(new Uint8Array(START + MAX_REPLY_SIZE).fill(0xee), START, START + (options.room ?? MAX_REPLY_SIZE));
  const result = lookup.answer(zone, request, reply, options.passOn ?? false);
  const name = Object.keys(Result).find((key) => Result[key as keyof typeof Result] === result)!;
  if (result !== Result.WRITTEN)
    return { result: name, alias: result === Result.ALIAS ? nameToText(lookup.alias.bytes) : "", reply: undefined };
  const length = reply.finish(request, options.limit ?? 65_535);
  return { result: name, alias: "", reply: decodeReply(Buffer.from(reply.bytes.slice(START, START + length))) };
}
