/** Go's fmt for the values of templates: Sprint, Sprintln and Sprintf with all verbs but %p and the binary forms of floats. */
import { formatFloat } from "./go-number.ts";
import { isPrintable, quoteBytes, quoteCharacter } from "./go-quote.ts";
import { fromBytes, isList, isMap, isStruct, toBytes, typeName, type Value } from "./value.ts";

/** Go's own limit for a width, a precision and an argument's number. */
const MAX_WIDTH = 1_000_000;

/** What `%v` makes of the value. */
export function formatValue(value: Value): string {
  if (typeof value === "string") return value;
  return formatWith({ ...NO_DIRECTIVE, verb: "v" }, value);
}

/** Blanks stand between operands when neither is a string. */
export function sprint(values: readonly Value[]): string {
  let text = "";
  values.forEach((value, i) => {
    if (i > 0 && typeof value !== "string" && typeof values[i - 1] !== "string") text += " ";
    text += formatValue(value);
  });
  return text;
}

export function sprintln(values: readonly Value[]): string {
  return `${values.map(formatValue).join(" ")}\n`;
}

interface Directive {
  readonly verb: string;
  readonly plus: boolean;
  readonly minus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  /** -1: none. */
  readonly width: number;
  readonly precision: number;
}

const NO_DIRECTIVE: Directive = {
  verb: "v",
  plus: false,
  minus: false,
  sharp: false,
  space: false,
  zero: false,
  width: -1,
  precision: -1,
};

/** Calls `spend` with the length of each part before it is made, so that the caller can bound the whole. */
export function sprintf(format: string, values: readonly Value[], spend: (size: number) => void): string {
  return new Formatter(format, values, spend).run();
}

class Formatter {
  readonly #format: string;
  readonly #values: readonly Value[];
  readonly #spend: (size: number) => void;
  #at = 0;
  #argument = 0;
  #reordered = false;
  #goodIndex = true;

  constructor(format: string, values: readonly Value[], spend: (size: number) => void) {
    this.#format = format;
    this.#values = values;
    this.#spend = spend;
  }

  run(): string {
    const format = this.#format;
    let text = "";
    while (this.#at < format.length) {
      const percent = format.indexOf("%", this.#at);
      if (percent < 0) {
        text += format.slice(this.#at);
        break;
      }
      text += format.slice(this.#at, percent);
      this.#at = percent + 1;
      text += this.#directive();
    }
    if (!this.#reordered && this.#argument < this.#values.length) {
      const extra = this.#values.slice(this.#argument);
      text += `%!(EXTRA ${extra.map((value) => (value === undefined ? "<nil>" : `${typeName(value)}=${formatValue(value)}`)).join(", ")})`;
    }
    return text;
  }

  #directive(): string {
    const format = this.#format;
    const flags = { plus: false, minus: false, sharp: false, space: false, zero: false };
    this.#goodIndex = true;
    this.#reordered = false;
    let problems = "";
    for (; ; this.#at++) {
      const flag = FLAGS[format[this.#at] ?? ""];
      if (flag === undefined) break;
      // Zeros pad on the left only; newer Go lets them stand with a minus for others to see.
      flags[flag] = true;
    }
    let afterIndex = this.#index();
    let width = -1;
    if (format[this.#at] === "*") {
      this.#at++;
      width = this.#star();
      if (width === BAD) problems += "%!(BADWIDTH)";
      else if (width < 0) {
        flags.minus = true;
        width = -width;
      }
      if (width === BAD) width = -1;
      afterIndex = false;
    } else {
      width = this.#number();
      if (afterIndex && width >= 0) this.#goodIndex = false;
    }
    let precision = -1;
    if (format[this.#at] === ".") {
      this.#at++;
      if (afterIndex) this.#goodIndex = false;
      afterIndex = this.#index();
      if (format[this.#at] === "*") {
        this.#at++;
        precision = this.#star();
        if (precision === BAD) problems += "%!(BADPREC)";
        if (precision < 0) precision = -1;
        afterIndex = false;
      } else {
        precision = Math.max(this.#number(), 0);
      }
    }
    if (!afterIndex) this.#index();
    if (this.#at >= format.length) return `${problems}%!(NOVERB)`;
    const verb = String.fromCodePoint(format.codePointAt(this.#at)!);
    this.#at += verb.length;
    if (verb === "%") return `${problems}%`;
    if (!this.#goodIndex) return `${problems}%!${verb}(BADINDEX)`;
    if (this.#argument >= this.#values.length) return `${problems}%!${verb}(MISSING)`;
    this.#spend(Math.max(width, 0) + Math.max(precision, 0));
    const text = formatWith({ verb, ...flags, width, precision }, this.#values[this.#argument++]);
    this.#spend(text.length);
    return problems + text;
  }

  /** An explicit argument index, `[2]`. */
  #index(): boolean {
    if (this.#format[this.#at] !== "[") return false;
    this.#reordered = true;
    const close = this.#format.indexOf("]", this.#at);
    if (close < 0) {
      this.#goodIndex = false;
      this.#at++;
      return false;
    }
    const digits = this.#format.slice(this.#at + 1, close);
    this.#at = close + 1;
    const number = /^[0-9]{1,7}$/.test(digits) ? Number(digits) : 0;
    if (number < 1 || number > this.#values.length) {
      this.#goodIndex = false;
      return true;
    }
    this.#argument = number - 1;
    return true;
  }

  #number(): number {
    const [digits] = /^[0-9]*/.exec(this.#format.slice(this.#at, this.#at + 8))!;
    if (digits === "") return -1;
    this.#at += digits.length;
    const number = Number(digits);
    return number > MAX_WIDTH ? -1 : number;
  }

  /** The argument that `*` takes: an integer. */
  #star(): number {
    const value = this.#values[this.#argument++];
    if (typeof value !== "bigint") return BAD;
    const number = Number(value);
    return Math.abs(number) > MAX_WIDTH ? BAD : number;
  }
}

const BAD = Number.NEGATIVE_INFINITY;
const FLAGS: Readonly<Record<string, "plus" | "minus" | "sharp" | "space" | "zero">> = {
  "+": "plus",
  "-": "minus",
  "#": "sharp",
  " ": "space",
  "0": "zero",
};

/** How deep lists within lists are shown: deeper ones only come from those who try. */
const MAX_DEPTH = 50;

function formatWith(directive: Directive, value: Value, depth = 0): string {
  const { verb } = directive;
  if (verb === "T") return formatText({ ...directive, verb: "s" }, typeName(value));
  if (depth > MAX_DEPTH) return "...";
  if (value === undefined) return verb === "v" || depth > 0 ? padCharacters(directive, "<nil>") : `%!${verb}(<nil>)`;
  if (typeof value === "boolean") {
    return verb === "v" || verb === "t" ? padCharacters(directive, String(value)) : badVerb(directive, value);
  }
  if (typeof value === "bigint") return formatInteger(directive, value);
  if (typeof value === "number") return formatFloatWith(directive, value);
  if (typeof value === "string") return formatText(directive, value);
  const nested = (one: Value) => formatWith(directive, one, depth + 1);
  if (isList(value)) {
    if (directive.sharp && verb === "v") return `${typeName(value)}{${value.map(nested).join(", ")}}`;
    return `[${value.map(nested).join(" ")}]`;
  }
  if (isMap(value)) {
    const pairs = [...value].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => `${nested(key)}:${nested(one)}`);
    return directive.sharp && verb === "v" ? `${typeName(value)}{${pairs.join(", ")}}` : `map[${pairs.join(" ")}]`;
  }
  return isStruct(value) ? formatText(directive, value.toText()) : "";
}

/** Flags and width hold for the value that is shown instead. */
function badVerb(directive: Directive, value: Value): string {
  return `%!${directive.verb}(${typeName(value)}=${formatWith({ ...directive, verb: "v" }, value)})`;
}

function formatInteger(directive: Directive, value: bigint): string {
  const { verb, sharp, plus } = directive;
  switch (verb) {
    case "v":
    case "d":
      return integerText(directive, value, 10, "");
    case "b":
      return integerText(directive, value, 2, sharp ? "0b" : "");
    case "o":
      return integerText(directive, value, 8, sharp ? "0" : "");
    case "O":
      return integerText(directive, value, 8, "0o");
    case "x":
      return integerText(directive, value, 16, sharp ? "0x" : "");
    case "X":
      return integerText(directive, value, 16, sharp ? "0X" : "").toUpperCase();
    case "c":
      return padCharacters(directive, toBytes(String.fromCodePoint(codePoint(value))));
    case "q":
      return padCharacters(directive, quoteCharacter(codePoint(value), plus));
    case "U":
      return padCharacters({ ...directive, zero: false }, unicodeText(directive, value));
    default:
      return badVerb(directive, value);
  }
}

/** What is no code point becomes the replacement character. */
function codePoint(value: bigint): number {
  return value < 0n || value > 0x10ffffn || (value >= 0xd800n && value < 0xe000n) ? 0xfffd : Number(value);
}

function unicodeText({ sharp, precision }: Directive, value: bigint): string {
  const digits = BigInt.asUintN(64, value).toString(16).toUpperCase().padStart(Math.max(precision, 4), "0");
  const shown = String.fromCodePoint(codePoint(value));
  return sharp && value >= 0n && value <= 0x10ffffn && isPrintable(shown)
    ? `U+${digits} '${toBytes(shown)}'`
    : `U+${digits}`;
}

function integerText(directive: Directive, value: bigint, base: number, prefix: string): string {
  const { precision, width, zero, minus, plus, space } = directive;
  const sign = value < 0n ? "-" : plus ? "+" : space ? " " : "";
  if (precision === 0 && value === 0n) return " ".repeat(Math.max(width, 0));
  let digits = (value < 0n ? -value : value).toString(base);
  if (precision > 0) digits = digits.padStart(precision, "0");
  else if (precision < 0 && zero && !minus) digits = digits.padStart(width - sign.length, "0");
  // An octal that begins with a zero shows what it is.
  const shown = prefix === "0" && digits.startsWith("0") ? "" : prefix;
  return padCharacters({ ...directive, zero: false }, sign + shown + digits);
}

function formatFloatWith(directive: Directive, value: number): string {
  const { verb, precision, plus, space, sharp } = directive;
  const form = FLOAT_VERBS[verb];
  if (form === undefined) return badVerb(directive, value);
  const implied = form === "g" ? -1 : 6;
  let text = formatFloat(value, form, precision < 0 ? implied : precision);
  if (verb === "v" && sharp) text = formatFloat(value, "g", -1);
  else if (sharp && Number.isFinite(value)) text = withPoint(text, form, precision);
  if (verb === "E" || verb === "G") text = text.replace("e", "E");
  const finite = Number.isFinite(value);
  let sign = text.startsWith("-") ? "-" : "+";
  const digits = text.replace(/^[+-]/, "");
  if (sign === "+" && !plus) sign = space ? " " : text === "+Inf" ? "+" : "";
  if (Number.isNaN(value) && !plus && !space) sign = "";
  if (directive.zero && !directive.minus && finite) {
    return sign + digits.padStart(directive.width - sign.length, "0");
  }
  return padCharacters({ ...directive, zero: false }, sign + digits);
}

const FLOAT_VERBS: Readonly<Record<string, "e" | "f" | "g">> = {
  v: "g",
  e: "e",
  E: "e",
  f: "f",
  F: "f",
  g: "g",
  G: "g",
};

/** The flag # keeps the point, and for %g the zeros behind it. */
function withPoint(text: string, form: "e" | "f" | "g", precision: number): string {
  const [mantissa, exponent] = text.split("e") as [string, string | undefined];
  let whole = mantissa.includes(".") ? mantissa : `${mantissa}.`;
  if (form === "g") {
    const wanted = precision < 0 ? 6 : Math.max(precision, 1);
    const digits = whole.replace(/^-?0*\.?0*/, "").replace(/\D/g, "").length || 1;
    whole += "0".repeat(Math.max(wanted - digits, 0));
  }
  return exponent === undefined ? whole : `${whole}e${exponent}`;
}

function formatText(directive: Directive, text: string): string {
  const { verb, precision, plus, sharp } = directive;
  const cut = precision < 0 ? text : cutCharacters(text, precision);
  switch (verb) {
    case "v":
      return padCharacters(directive, sharp ? quoteBytes(cut) : cut);
    case "s":
      return padCharacters(directive, cut);
    case "q":
      return padCharacters(directive, sharp && canBackquote(cut) ? `\`${cut}\`` : quoteBytes(cut, plus));
    case "x":
      return padCharacters(directive, hexText(directive, precision < 0 ? text : text.slice(0, precision)));
    case "X":
      return padCharacters(
        directive,
        hexText(directive, precision < 0 ? text : text.slice(0, precision)).toUpperCase(),
      );
    default:
      return badVerb(directive, text);
  }
}

/** Go's raw strings hold neither backquotes nor control characters but the tab. */
function canBackquote(bytes: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return !/[\x00-\x08\x0a-\x1f\x60\x7f]|\xef\xbb\xbf/.test(bytes) && !fromBytes(bytes).includes("\ufffd");
}

function hexText({ sharp, space }: Directive, bytes: string): string {
  const digits = Array.from(bytes, (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0"));
  if (digits.length === 0) return "";
  if (space) return digits.map((pair) => (sharp ? `0x${pair}` : pair)).join(" ");
  return (sharp ? "0x" : "") + digits.join("");
}

function cutCharacters(bytes: string, count: number): string {
  const text = fromBytes(bytes);
  if (text === bytes) return bytes.slice(0, count);
  return toBytes(Array.from(text).slice(0, count).join(""));
}

/** To the width, which counts characters. */
function padCharacters({ width, minus, zero }: Directive, bytes: string): string {
  if (width <= 0) return bytes;
  const missing = width - Array.from(fromBytes(bytes)).length;
  if (missing <= 0) return bytes;
  if (minus) return bytes + " ".repeat(missing);
  return (zero ? "0" : " ").repeat(missing) + bytes;
}
