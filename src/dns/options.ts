/** EDNS options in wire form: code, length, data, one behind the other (RFC 6891 section 6.1.2). They are well-formed. */
import { OPT_RECORD_SIZE } from "./header.ts";
import { read16 } from "./rdata-field.ts";
import type { Request } from "./request.ts";

/** Code and length. */
const OPTION_HEADER = 4;

/** The options of a message as it stands. */
export function optionsOf({ hasOpt, optOffset, optionsLength, bytes, start }: Request): Uint8Array {
  if (!hasOpt || optOffset === 0) return NO_OPTIONS;
  const first = start + optOffset + OPT_RECORD_SIZE;
  return bytes.slice(first, first + optionsLength);
}
const NO_OPTIONS = new Uint8Array(0);

/** The codes of RFC 8914 that plugins say. */
export const ExtendedError = { NOT_READY: 14, BLOCKED: 15, FILTERED: 17, NO_REACHABLE_AUTHORITY: 22 } as const;
const EXTENDED_ERROR = 15;

/** RFC 8914 section 2: the options of a reply that has only this one. */
export function extendedError(code: number, text = ""): Uint8Array {
  return appendOption(NO_OPTIONS, EXTENDED_ERROR, Uint8Array.of(code >> 8, code, ...Buffer.from(text, "utf8")));
}

/** Where the first option of `code` stands from `at` on, -1 when there is none. */
export function findOption(options: Uint8Array, code: number, at = 0): number {
  for (; at + OPTION_HEADER <= options.length; at = endOfOption(options, at)) {
    if (read16(options, at) === code) return at;
  }
  return -1;
}

function findLast(options: Uint8Array, code: number): number {
  let last = -1;
  for (let at = findOption(options, code); at >= 0; at = findOption(options, code, endOfOption(options, at))) last = at;
  return last;
}

export function optionData(options: Uint8Array, at: number): Uint8Array {
  return options.slice(at + OPTION_HEADER, endOfOption(options, at));
}

export function appendOption(options: Uint8Array, code: number, data: Uint8Array): Uint8Array {
  return splice(options, options.length, options.length, code, data);
}

/** Gives the option at `at` other data. */
export function replaceOption(options: Uint8Array, at: number, data: Uint8Array): Uint8Array {
  return splice(options, at, endOfOption(options, at), read16(options, at), data);
}

export function removeOptions(options: Uint8Array, code: number): Uint8Array {
  return keepOptions(options, (other) => other !== code);
}

export function removeLast(options: Uint8Array, code: number): Uint8Array {
  const at = findLast(options, code);
  if (at < 0) return options;
  const next = endOfOption(options, at);
  const out = new Uint8Array(options.length - (next - at));
  out.set(options.subarray(0, at));
  out.set(options.subarray(next), at);
  return out;
}

export function keepOptions(options: Uint8Array, keeps: (code: number) => boolean): Uint8Array {
  const out = new Uint8Array(options.length);
  let to = 0;
  for (let at = 0, next = 0; at + OPTION_HEADER <= options.length; at = next) {
    next = endOfOption(options, at);
    if (!keeps(read16(options, at))) continue;
    out.set(options.subarray(at, next), to);
    to += next - at;
  }
  return out.subarray(0, to);
}

function splice(options: Uint8Array, at: number, next: number, code: number, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(options.length - (next - at) + OPTION_HEADER + data.length);
  out.set(options.subarray(0, at));
  out[at] = code >> 8;
  out[at + 1] = code;
  out[at + 2] = data.length >> 8;
  out[at + 3] = data.length;
  out.set(data, at + OPTION_HEADER);
  out.set(options.subarray(next), at + OPTION_HEADER + data.length);
  return out;
}

/** Options from an upstream may be damaged, so this is never beyond their end. */
function endOfOption(options: Uint8Array, at: number): number {
  return Math.min(at + OPTION_HEADER + read16(options, at + 2), options.length);
}
