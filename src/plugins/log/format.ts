/** FORMAT of a `log` line, compiled once into the steps that write a line. */
import { bracketed } from "../../corefile/host-port.ts";
import { Flag } from "../../dns/header.ts";
import { className, rcodeName, typeName } from "../../dns/types.ts";
import { protocolOf, type Query, serverAddressOf } from "../../plugin/query.ts";
import { addressOffset, formatAddress, readFamily, readPort } from "../../transport/packets.ts";
import type { LogLine } from "./line.ts";
import type { Seen } from "./seen.ts";

/** Writes one part of a line. */
export type Step = (line: LogLine, query: Query, seen: Seen) => void;

export interface Format {
  readonly steps: readonly Step[];
  /** The longest line that they can write. */
  readonly maxLength: number;
}

/** Gives the value of a metadata label. */
export type Metadata = (query: Query, label: string) => string | undefined;

const COMMON =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';
const COMBINED = `${COMMON} "{>opcode}"`;
const WORD = /\{[^{}\s]+\}/g;

/** A name's 255 bytes, each as `\DDD`. */
const MAX_NAME_TEXT = 4 * 255;
/** Of metadata this much is printed: it may come from a client. */
const MAX_METADATA = 1_024;
/** No other value is longer: an IPv6 address with the name of an interface, all flags. */
const MAX_VALUE = 80;

export function compileFormat(text: string, metadata: Metadata): Format {
  const format = text.replaceAll("{common}", COMMON).replaceAll("{combined}", COMBINED);
  const steps: Step[] = [];
  let maxLength = 0;
  let literal = "";
  const endLiteral = () => {
    if (literal === "") return;
    const bytes = Buffer.from(literal);
    steps.push((line) => line.raw(bytes));
    maxLength += bytes.length;
    literal = "";
  };
  let from = 0;
  for (const { 0: word, index } of format.matchAll(WORD)) {
    literal += format.slice(from, index);
    from = index + word.length;
    const step = STEPS.get(word) ?? (word.startsWith("{/") ? metadataStep(word.slice(2, -1), metadata) : undefined);
    if (!step) {
      literal += word;
      continue;
    }
    endLiteral();
    steps.push(step);
    maxLength += word === "{name}" ? MAX_NAME_TEXT : word.startsWith("{/") ? MAX_METADATA : MAX_VALUE;
  }
  literal += format.slice(from);
  endLiteral();
  return { steps, maxLength };
}

/** What stands for a value that there is none of. */
const NONE = Buffer.from("-");

const STEPS: ReadonlyMap<string, Step> = new Map<string, Step>([
  ["{type}", (line, query) => line.ascii(typeName(query.type))],
  ["{class}", (line, query) => line.ascii(className(query.class))],
  ["{name}", (line, query) => line.name(query.name.bytes)],
  ["{proto}", (line, query) => line.ascii(protocolOf(query))],
  ["{size}", (line, _query, seen) => line.integer(seen.requestSize)],
  ["{remote}", writeRemote],
  ["{port}", (line, query) => line.integer(readPort(query.peers, query.peerIndex))],
  ["{local}", (line, query) => line.ascii(bracketed(serverAddressOf(query)))],
  ["{>id}", (line, query) => line.integer(query.id)],
  ["{>opcode}", (line, query) => line.integer(query.opcode)],
  ["{>do}", (line, query) => line.ascii(query.dnssecOk ? "true" : "false")],
  ["{>bufsize}", (line, query) => line.integer(query.bufsize)],
  ["{rcode}", (line, _query, seen) => (seen.answered ? line.ascii(rcodeName(seen.rcode)) : line.raw(NONE))],
  ["{>rflags}", (line, _query, seen) => line.raw(seen.answered ? flagText(seen.flags) : NONE)],
  ["{rsize}", (line, _query, seen) => line.integer(seen.size)],
  [
    "{duration}",
    (line, _query, seen) => {
      line.seconds(seen.nanoseconds);
      line.ascii("s");
    },
  ],
  ["{/log/type}", (line, _query, seen) => line.ascii(seen.type)],
  ["{/log/class}", (line, _query, seen) => line.ascii(seen.class)],
]);

function metadataStep(label: string, metadata: Metadata): Step {
  return (line, query) => {
    const value = metadata(query, label) ?? "";
    if (value === "") line.raw(NONE);
    else line.text(value, MAX_METADATA);
  };
}

function writeRemote(line: LogLine, query: Query): void {
  const { peers, peerIndex } = query;
  if (readFamily(peers, peerIndex) !== 4) {
    line.ascii(bracketed(formatAddress(peers, peerIndex)));
    return;
  }
  const offset = addressOffset(peers, peerIndex);
  for (let i = 0; i < 4; i++) {
    line.integer(peers[offset + i]!);
    if (i < 3) line.ascii(".");
  }
}

const FLAGS: readonly (readonly [string, number])[] = [
  ["qr", Flag.QR],
  ["aa", Flag.AA],
  ["tc", Flag.TC],
  ["rd", Flag.RD],
  ["ra", Flag.RA],
  ["z", Flag.Z],
  ["ad", Flag.AD],
  ["cd", Flag.CD],
];

/** `qr,aa,rd`: one text for each of the 128 sets of flags that a reply may have beside QR. */
function flagText(flags: number): Uint8Array {
  return FLAG_TEXTS[(flags >> 4) & 0x7f]!;
}
const FLAG_TEXTS = Array.from({ length: 128 }, (_, bits) => {
  const flags = Flag.QR | (bits << 4);
  const names = FLAGS.filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name);
  return Buffer.from(names.join(","));
});
