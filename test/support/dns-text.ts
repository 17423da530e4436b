/** Short ways for tests to say names, records and messages. */
import assert from "node:assert/strict";
import { nameToText, nameToWire } from "../../src/dns/name-text.ts";
import { formatRdata } from "../../src/dns/rdata.ts";
import { parseRecordText, type RecordTextOptions, type ResourceRecord } from "../../src/dns/record.ts";
import { className, typeName } from "../../src/dns/types.ts";

/** The wire form of a name that is known to be one. */
export function wireName(text: string): Uint8Array {
  const name = nameToWire(text);
  assert.ok(name instanceof Uint8Array, `${text}: ${name}`);
  return name;
}

/** A record that is known to be one, from its line in a zone file. */
export function parsedRecord(line: string, options?: RecordTextOptions): ResourceRecord {
  const record = parseRecordText(line, options);
  assert.ok(!("expected" in record), `${line}: ${JSON.stringify(record)}`);
  return record;
}

export function toHexText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Bytes from hexadecimal digits with spaces anywhere. */
export function fromHexText(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

/** The uncompressed wire form of a whole record. */
export function recordToWire(record: ResourceRecord): Uint8Array {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(record.type, 0);
  fixed.writeUInt16BE(record.class, 2);
  fixed.writeUInt32BE(record.ttl, 4);
  fixed.writeUInt16BE(record.data.length, 8);
  return new Uint8Array(Buffer.concat([record.name, fixed, record.data]));
}

/** The record as dig and CoreDNS print it, its fields separated by tabs. */
export function formatRecord(record: ResourceRecord): string {
  const { name, ttl, type, data } = record;
  return `${nameToText(name)}\t${ttl}\t${className(record.class)}\t${typeName(type)}\t${formatRdata(type, data)}`;
}
