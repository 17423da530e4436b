/**
 * Undoing random letter case. Our question went out with letters of our own choice; the client must see its own. The
 * question itself is replaced, and with it every name that points into it. What is left are names that a server wrote in
 * full with our letters: owners, and names in the data of old types.
 */
import { copyBytes, NO_BYTES, sameBytes } from "../dns/bytes.ts";
import { RECORD_FIXED_SIZE } from "../dns/header.ts";
import { offsetOfName } from "../dns/rdata.ts";
import { Type } from "../dns/types.ts";
import { endOfName } from "../dns/wire-name.ts";

/** The name of the question as it was sent and as the client wrote it, both of `length` bytes. One object for all answers. */
const question = { sent: NO_BYTES, sentStart: 0, client: NO_BYTES, clientStart: 0, length: 0 };

/**
 * Gives all names of the message `bytes[start..end)` that end in the question as we `sent` it (`sent[sentStart..]`, a name
 * of `length` bytes) the letters of `client[clientStart..]`. Names with other letters are the server's own and stay.
 */
export function restoreLetters(
  bytes: Uint8Array,
  start: number,
  questionEnd: number,
  end: number,
  sent: Uint8Array,
  sentStart: number,
  client: Uint8Array,
  clientStart: number,
  length: number,
): void {
  if (sameBytes(sent, sentStart, client, clientStart, length)) return;
  question.sent = sent;
  question.sentStart = sentStart;
  question.client = client;
  question.clientStart = clientStart;
  question.length = length;
  let at = start + questionEnd;
  while (at < end) {
    const fixed = endOfName(bytes, at, end);
    if (fixed < 0 || fixed + RECORD_FIXED_SIZE > end) return;
    restoreName(bytes, at, end, false);
    const type = (bytes[fixed]! << 8) | bytes[fixed + 1]!;
    const data = fixed + RECORD_FIXED_SIZE;
    const stop = data + ((bytes[fixed + 8]! << 8) | bytes[fixed + 9]!);
    if (stop > end) return;
    const name = nameInData(type, bytes, data, stop);
    if (name >= 0 && data + name < stop) {
      const isSigned = type === Type.SVCB || type === Type.HTTPS;
      restoreName(bytes, data + name, stop, isSigned);
      // SOA has a second name behind the first.
      const second = type === Type.SOA ? endOfName(bytes, data, stop) : -1;
      if (second > 0) restoreName(bytes, second, stop, false);
    }
    at = stop;
  }
}

/**
 * Where the data has a name whose case means nothing: RFC 4034 section 6.2 lower-cases these before it signs, so changing
 * their letters breaks no signature. Those of SVCB and HTTPS are signed as they are: only a name with the whole question in
 * our letters is the server's copy of it, whose signature is lost already. Others (NSEC) stay as they are.
 */
function nameInData(type: number, bytes: Uint8Array, data: number, stop: number): number {
  return type === Type.SVCB || type === Type.HTTPS ? 2 : offsetOfName(type, bytes, data, stop);
}

/**
 * Looks at each suffix of a name that is written in full, or with `whole` at those that have the whole question; one that
 * ends in a pointer has its letters from there.
 */
function restoreName(bytes: Uint8Array, at: number, end: number, whole: boolean): void {
  if (bytes[at]! >= 0xc0) return;
  let stop = at;
  while (stop < end && bytes[stop] !== 0) {
    if (bytes[stop]! >= 0x40) return;
    stop += bytes[stop]! + 1;
  }
  if (stop >= end) return;
  const { sent, sentStart, client, clientStart, length } = question;
  for (let label = at; label < stop; label += bytes[label]! + 1) {
    const skip = length - (stop + 1 - label);
    if (skip < 0 || (whole && skip > 0) || !isLabelStart(sent, sentStart, skip)) continue;
    if (!sameBytes(bytes, label, sent, sentStart + skip, length - skip)) continue;
    copyBytes(client, clientStart + skip, length - skip, bytes, label);
    return;
  }
}

function isLabelStart(name: Uint8Array, start: number, offset: number): boolean {
  let at = 0;
  while (at < offset) at += name[start + at]! + 1;
  return at === offset;
}
