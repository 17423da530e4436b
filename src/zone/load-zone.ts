/** A zone from a master file to a snapshot: what runs on a thread of its own, since a big zone takes seconds. */
import { nameToText } from "../dns/name-text.ts";
import { Type } from "../dns/types.ts";
import { type FileStamps, stampAt } from "./file-stamp.ts";
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
  /** The zone that is served: one that is the same to the byte is not given twice. */
  readonly known?: ZoneSnapshot;
}

/** `stamps` are of all files that were read, and taken before: a file that changes meanwhile differs from its own. */
export type LoadedZone =
  /** The zone is the one that is known, or its serial is. */
  | { readonly unchanged: true; readonly stamps: FileStamps }
  | { readonly snapshot: ZoneSnapshot; readonly stamps: FileStamps }
  /** `missing`: the file itself could not be opened. */
  | { readonly error: string; readonly missing: boolean; readonly stamps: FileStamps };

/** The job. */
export function run(request: LoadRequest): LoadedZone {
  return load(request, (sink) => readMasterFile(request.path, request.origin, sink));
}

/** The same for a text, one byte per character; `path` is for messages. */
export function loadZoneText(text: string, path: string, origin: Uint8Array): LoadedZone {
  return load({ path, origin }, (sink) => readMasterText(text, path, origin, sink));
}

function load(request: LoadRequest, read: (sink: RecordSink) => MasterFileError | undefined): LoadedZone {
  const { path, origin, known } = request;
  const sink = new ZoneSink(request);
  const error = read(sink);
  const { stamps } = sink;
  const fail = (error: string, missing = false): LoadedZone => ({ error, missing, stamps });
  const origins = `"${path}" for origin ${nameToText(origin)}`;
  if (sink.unchanged) return { unchanged: true, stamps };
  if (error?.missing) return fail(error.message, true);
  if (sink.refusal !== "") return fail(sink.refusal);
  if (error) return fail(`failed to parse file ${origins} with error ${error.message}`);
  if (!sink.hasSoa) return fail(`file "${path}" has no SOA record for origin ${nameToText(origin)}`);
  const snapshot = buildSnapshot(sink.log);
  if (typeof snapshot === "string") return fail(`file ${origins}: ${snapshot}`);
  // Everything else of a snapshot follows from its data.
  const isKnown = known && Buffer.from(known.data).equals(Buffer.from(snapshot.data));
  return isKnown ? { unchanged: true, stamps } : { snapshot, stamps };
}

/** Takes a zone's records and refuses those that no zone may have. */
class ZoneSink implements RecordSink {
  readonly log: RecordLog;
  /** Why the whole zone is refused, in CoreDNS's words. */
  refusal = "";
  hasSoa = false;
  unchanged = false;
  readonly stamps = new Map<string, string>();
  readonly #path: string;
  readonly #knownSerial: number | undefined;

  constructor({ path, origin, knownSerial }: LoadRequest) {
    this.log = new RecordLog(origin);
    this.#path = path;
    this.#knownSerial = knownSerial;
  }

  opening(path: string): void {
    if (!this.stamps.has(path)) this.stamps.set(path, stampAt(path));
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
