/** A zone from a master file to a snapshot: what runs on a thread of its own, since a big zone takes seconds. */
import { statSync } from "node:fs";
import { nameToText } from "../dns/name-text.ts";
import { Type } from "../dns/types.ts";
import { type MasterFileError, type RecordSink, readMasterFile, readMasterText } from "./master-file.ts";
import { FULL, OUTSIDE, RecordLog } from "./record-log.ts";
import type { ZoneSnapshot } from "./snapshot.ts";
import { buildSnapshot, serialOf } from "./snapshot-builder.ts";

export interface LoadRequest {
  readonly path: string;
  /** The zone's name in lower-case wire form. */
  readonly origin: Uint8Array;
  /** The serial of the zone that is served: a file that still has it is not read to its end. */
  readonly knownSerial?: number;
}

export interface FileStamp {
  readonly modifiedMs: number;
  readonly size: number;
}

export type LoadedZone =
  /** The file has the serial that is known. */
  | { readonly unchanged: true; readonly stamp: FileStamp }
  | { readonly snapshot: ZoneSnapshot; readonly stamp: FileStamp }
  /** `missing`: the file itself could not be opened. */
  | { readonly error: string; readonly missing: boolean };

/** The job. The stamp is taken before the file is read, so that a file which changes meanwhile differs from it. */
export function run({ path, origin, knownSerial }: LoadRequest): LoadedZone {
  const stamp = stampOf(path);
  return finish(path, origin, stamp, knownSerial, (sink) => readMasterFile(path, origin, sink));
}

/** The same for a text, one byte per character; `path` is for messages. */
export function loadZoneText(text: string, path: string, origin: Uint8Array): LoadedZone {
  return finish(path, origin, NO_STAMP, undefined, (sink) => readMasterText(text, path, origin, sink));
}

export function stampOf(path: string): FileStamp {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats ? { modifiedMs: stats.mtimeMs, size: stats.size } : NO_STAMP;
  } catch {
    // A circle of links, a directory without rights: reading the file says so, with words.
    return NO_STAMP;
  }
}

const NO_STAMP: FileStamp = { modifiedMs: 0, size: -1 };

function finish(
  path: string,
  origin: Uint8Array,
  stamp: FileStamp,
  knownSerial: number | undefined,
  read: (sink: RecordSink) => MasterFileError | undefined,
): LoadedZone {
  const sink = new ZoneSink(origin, path, knownSerial);
  const error = read(sink);
  const origins = `"${path}" for origin ${nameToText(origin)}`;
  if (sink.unchanged) return { unchanged: true, stamp };
  if (error?.missing) return { error: error.message, missing: true };
  if (sink.refusal !== "") return { error: sink.refusal, missing: false };
  if (error) return { error: `failed to parse file ${origins} with error ${error.message}`, missing: false };
  if (!sink.hasSoa)
    return { error: `file "${path}" has no SOA record for origin ${nameToText(origin)}`, missing: false };
  const snapshot = buildSnapshot(sink.log);
  if (typeof snapshot === "string") return { error: `file ${origins}: ${snapshot}`, missing: false };
  return { snapshot, stamp };
}

/** Takes a zone's records and refuses those that no zone may have. */
class ZoneSink implements RecordSink {
  readonly log: RecordLog;
  /** Why the whole zone is refused, in CoreDNS's words. */
  refusal = "";
  hasSoa = false;
  unchanged = false;
  readonly #path: string;
  readonly #knownSerial: number | undefined;

  constructor(origin: Uint8Array, path: string, knownSerial: number | undefined) {
    this.log = new RecordLog(origin);
    this.#path = path;
    this.#knownSerial = knownSerial;
  }

  add(
    owner: Uint8Array,
    _ownerLength: number,
    type: number,
    klass: number,
    ttl: number,
    rdata: Uint8Array,
    length: number,
  ): string | undefined {
    const log = this.log;
    if (type === Type.SOA && !this.#isApex(owner)) {
      return this.#refuse(
        `file "${this.#path}" has SOA owner ${nameToText(owner)} that does not match origin ${this.#zone}`,
      );
    }
    if (type === Type.NSEC3 || type === Type.NSEC3PARAM) {
      return this.#refuse(`NSEC3 zone is not supported, dropping RR: ${nameToText(owner)} for zone: ${this.#zone}`);
    }
    const number = log.nameNumber(owner);
    // CoreDNS keeps what lies outside the zone without ever finding it.
    if (number === OUTSIDE) return undefined;
    if (number === FULL || !log.append(number, type, klass, ttl, rdata, length)) {
      return this.#refuse(`file "${this.#path}" is too large: more than 2 GiB of records`);
    }
    if (type !== Type.SOA) return undefined;
    this.hasSoa = true;
    this.unchanged = serialOf(rdata) === this.#knownSerial;
    return this.unchanged ? "the serial is known" : undefined;
  }

  get #zone(): string {
    return nameToText(this.log.apex);
  }

  #isApex(owner: Uint8Array): boolean {
    const { apex } = this.log;
    for (let i = 0; i < apex.length; i++) if (owner[i] !== apex[i]) return false;
    return true;
  }

  #refuse(reason: string): string {
    this.refusal = reason;
    return reason;
  }
}
