/**
 * FROM and TO of rules without expressions, on names in wire form. In a Corefile they are text, and CoreDNS compares text:
 * the suffix `a.test.` fits `xa.test.` too, `.a.test.` only what is below a.test. So a text is taken as the bytes between its
 * dots: what stands before the first dot of a suffix is the end of a label, the rest are labels.
 */
import { copyRange, sameBytes } from "../../dns/bytes.ts";
import { MAX_NAME_LENGTH, Name } from "../../dns/name.ts";
import { labelCount, utf8NameToWire } from "../../dns/name-text.ts";

const MAX_LABEL_LENGTH = 63;
const DOT = 0x2e;
const BACKSLASH = 0x5c;
const ROOT = new Uint8Array(1);

/** A name in wire form, or `undefined` when the text is none. */
export function wireOf(text: string): Uint8Array | undefined {
  const wire = utf8NameToWire(text);
  return typeof wire === "string" ? undefined : wire;
}

/** A text that begins within a label. */
class Tail {
  /** The bytes before the first dot. */
  readonly part: Uint8Array;
  /** The labels behind it, as the name that they are; undefined when they are none. */
  readonly rest: Uint8Array | undefined;
  readonly restLabels: number;

  constructor(text: string) {
    const bytes = Buffer.from(text);
    const part: number[] = [];
    let at = 0;
    for (; at < bytes.length && bytes[at] !== DOT; at++) {
      if (bytes[at] !== BACKSLASH) {
        part.push(bytes[at]!);
        continue;
      }
      const digits = /^[0-9]{3}/.exec(bytes.toString("latin1", at + 1, at + 4))?.[0];
      part.push(digits === undefined ? (bytes[at + 1] ?? BACKSLASH) : Number(digits));
      at += digits === undefined ? 1 : 3;
    }
    this.part = Uint8Array.from(part);
    const rest = bytes.toString("utf8", at + 1);
    this.rest = rest === "" ? ROOT : wireOf(rest);
    this.restLabels = this.rest === undefined ? 0 : labelCount(this.rest);
  }
}

/** FROM of a rule that looks at the end of names. */
export class SuffixPattern {
  readonly #from: Tail;

  constructor(from: string) {
    this.#from = new Tail(from);
  }

  /** The label that the pattern begins in, or before; -1 when it does not fit. */
  find(name: Name): number {
    const { part, rest, restLabels } = this.#from;
    if (rest === undefined) return -1;
    const { labelCount, offsets, bytes } = name;
    // The text of the root is a dot with nothing before it.
    if (labelCount === 0) return part.length === 0 && restLabels === 0 ? 0 : -1;
    const label = labelCount - restLabels - 1;
    if (label < 0 || !name.suffixEquals(label + 1, rest)) return -1;
    const start = offsets[label + 1]! - part.length;
    if (start <= offsets[label]!) return -1;
    for (let i = 0; i < part.length; i++) if (bytes[start + i] !== part[i]) return -1;
    return label;
  }

  /** How many bytes before the end of that label the pattern begins. */
  get partLength(): number {
    return this.#from.part.length;
  }
}

/** TO of such a rule. */
export class SuffixReplacement {
  readonly #to: Tail;

  constructor(to: string) {
    this.#to = new Tail(to);
  }

  /**
   * `wire` with the end that the pattern has found in `label` (which starts at `offset`) replaced; undefined when that is no
   * name. Letters before it keep their case.
   */
  apply(wire: Uint8Array, offset: number, partLength: number): Uint8Array | undefined {
    const { part, rest } = this.#to;
    if (rest === undefined) return undefined;
    const kept = wire[offset]! === 0 ? 0 : wire[offset]! - partLength;
    const size = kept + part.length;
    if (size === 0) return offset === 0 && rest.length === 1 ? ROOT : undefined;
    const length = offset + 1 + size + rest.length;
    if (size > MAX_LABEL_LENGTH || length > MAX_NAME_LENGTH) return undefined;
    const out = new Uint8Array(length);
    let to = copyRange(wire, 0, offset, out, 0);
    out[to++] = size;
    to = copyRange(wire, offset + 1, offset + 1 + kept, out, to);
    to = copyRange(part, 0, part.length, out, to);
    copyRange(rest, 0, rest.length, out, to);
    return out;
  }
}

/** FROM of a rule that looks at the first labels of a name: it ends with a dot, so these are whole. */
export class PrefixPattern {
  readonly #from: Uint8Array | undefined;

  constructor(from: string) {
    this.#from = wireOf(from);
  }

  /** Where the labels behind the pattern start, -1 when it does not fit. */
  find({ bytes, length }: Name): number {
    const from = this.#from;
    if (from === undefined) return -1;
    const size = from.length - 1;
    // The text of the root is a dot, and no other begins with one.
    if (size === 0) return length === 1 ? 0 : -1;
    if (length <= size) return -1;
    for (let i = 0; i < size; i++) if (bytes[i] !== from[i]) return -1;
    return size;
  }
}

/** TO of such a rule, in front of the labels that start at `offset` of `wire`; undefined when that is no name. */
export function prepend(to: Uint8Array | undefined, wire: Uint8Array, offset: number): Uint8Array | undefined {
  if (to === undefined) return undefined;
  const rest = wire.length - offset;
  if (to.length === 1) return rest === 1 ? ROOT : undefined;
  const length = to.length - 1 + rest;
  if (length > MAX_NAME_LENGTH) return undefined;
  const out = new Uint8Array(length);
  copyRange(wire, offset, wire.length, out, copyRange(to, 0, to.length - 1, out, 0));
  return out;
}

/** FROM of a rule that looks anywhere: the end of a label, whole labels behind it, and the dot that ends them. */
export class SubstringPattern {
  readonly #part: Uint8Array;
  /** The whole labels, undefined when the text cannot be in any name. */
  readonly #labels: Uint8Array | undefined;
  readonly #labelCount: number;

  constructor(from: string) {
    const { part, rest, restLabels } = new Tail(from);
    this.#part = part;
    this.#labels = rest?.subarray(0, -1);
    this.#labelCount = restLabels;
  }

  fits({ bytes, offsets, labelCount }: Name): boolean {
    const labels = this.#labels;
    const part = this.#part;
    if (labels === undefined) return false;
    if (labelCount === 0) return part.length === 0 && labels.length === 0;
    for (let label = 0; label + this.#labelCount < labelCount; label++) {
      const next = offsets[label + 1]!;
      const start = next - part.length;
      if (start <= offsets[label]! || !sameBytes(bytes, start, part, 0, part.length)) continue;
      if (sameBytes(bytes, next, labels, 0, labels.length)) return true;
    }
    return false;
  }
}

/** Maps a name, and all names below it, to another one: what undoes a rule that has changed a whole name. */
export class SubtreeMap {
  readonly #from: Uint8Array;
  readonly #to: Uint8Array;

  /** Both in lower case. */
  constructor(from: Uint8Array, to: Uint8Array) {
    this.#from = from;
    this.#to = to;
  }

  apply(wire: Uint8Array): Uint8Array | undefined {
    scratch.set(wire);
    const label = this.#from.length === 1 ? (wire.length === 1 ? 0 : -1) : scratch.labelOf(this.#from);
    if (label < 0) return undefined;
    const kept = scratch.offsets[label]!;
    if (kept + this.#to.length > MAX_NAME_LENGTH) return undefined;
    const out = new Uint8Array(kept + this.#to.length);
    copyRange(this.#to, 0, this.#to.length, out, copyRange(wire, 0, kept, out, 0));
    return out;
  }
}

/** Replaces the ends of names in replies. */
export class SuffixMap {
  readonly #from: SuffixPattern;
  readonly #to: SuffixReplacement;

  constructor(from: string, to: string) {
    this.#from = new SuffixPattern(from);
    this.#to = new SuffixReplacement(to);
  }

  apply(wire: Uint8Array): Uint8Array | undefined {
    scratch.set(wire);
    const label = this.#from.find(scratch);
    return label < 0 ? undefined : this.#to.apply(wire, scratch.offsets[label]!, this.#from.partLength);
  }
}

/** Nothing in here waits. */
const scratch = new Name();
