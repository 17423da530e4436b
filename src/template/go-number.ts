/** Numbers as Go writes them: strconv's FormatFloat, and the digits of integers. */
import { quoteBytes } from "./go-quote.ts";
import { Failure } from "./value.ts";

/** Go's FormatFloat for 64 bits; precision -1 is the shortest that reads back as the same number. */
export function formatFloat(value: number, verb: "e" | "f" | "g", precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  if (verb === "f") return sign + (precision < 0 ? plain(size) : fixed(size, precision));
  if (verb === "e") return sign + scientific(size, precision);
  const shortest = precision < 0;
  const wanted = shortest ? -1 : Math.max(precision, 1) - 1;
  const text = scientific(size, wanted);
  const [mantissa, exponentText] = text.split("e") as [string, string];
  const exponent = Number(exponentText);
  const digits = mantissa.replace(".", "").replace(/0+$/, "") || "0";
  // Go compares with the digits that there are, where these are fewer than asked for and no zeros are missing.
  let limit = shortest ? SHORTEST_LIMIT : wanted + 1;
  if (!shortest && limit > digits.length && digits.length >= exponent + 1) limit = digits.length;
  if (exponent < -4 || exponent >= limit) {
    return `${sign}${digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits}e${exponentText}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, "0");
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** From this exponent on the shortest form has one. */
const SHORTEST_LIMIT = 6;

/** With an exponent of at least two digits. */
function scientific(size: number, precision: number): string {
  const text = precision < 0 ? size.toExponential() : exponential(size, precision);
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

function exponential(size: number, precision: number): string {
  if (precision <= MAX_NATIVE_DIGITS) return size.toExponential(precision);
  const [mantissa, exponent] = size.toExponential(MAX_NATIVE_DIGITS).split("e") as [string, string];
  return `${mantissa.padEnd(precision + 2, "0")}e${exponent}`;
}

/** Here JavaScript's own forms end. A double may have 767 digits that are not zero, and Go gives all; we write zeros. */
const MAX_NATIVE_DIGITS = 100;

function fixed(size: number, precision: number): string {
  if (size < 1e21) {
    return precision <= MAX_NATIVE_DIGITS
      ? size.toFixed(precision)
      : size.toFixed(MAX_NATIVE_DIGITS).padEnd(size.toFixed(0).length + 1 + precision, "0");
  }
  return BigInt(size).toString() + (precision > 0 ? `.${"0".repeat(precision)}` : "");
}

function plain(size: number): string {
  if (size >= 1e21) return BigInt(size).toString();
  const text = String(size);
  const [mantissa, exponent] = text.split("e-") as [string, string | undefined];
  if (exponent === undefined) return text;
  return `0.${"0".repeat(Number(exponent) - 1)}${mantissa.replace(".", "")}`;
}

/** strconv's ParseUint, which takes no sign. Throws a Failure. */
export function parseUnsigned(text: string, base: bigint, bits: bigint): bigint {
  const wrong = (why: string) => new Failure(`strconv.ParseUint: parsing ${quoteBytes(text)}: ${why}`);
  if (text === "") throw wrong("invalid syntax");
  if (base !== 0n && (base < 2n || base > 36n)) throw wrong(`invalid base ${base}`);
  if (bits < 0n || bits > 64n) throw wrong(`invalid bit size ${bits}`);
  const limit = 1n << (bits || 64n);
  const digits = text.toLowerCase();
  const prefix = base === 0n ? (/^0(?:[xbo](?=.))?/.exec(digits)?.[0] ?? "") : "";
  const radix = base || RADIX_OF_PREFIX[prefix]!;
  let value = 0n;
  for (const digit of digits.slice(prefix.length)) {
    if (digit === "_" && base === 0n) continue;
    const worth = BigInt(DIGITS.indexOf(digit));
    if (worth < 0n || worth >= radix) throw wrong("invalid syntax");
    value = value * radix + worth;
    if (value >= limit) throw wrong("value out of range");
  }
  if (base === 0n && digits.includes("_") && !GROUPED_DIGITS.test(digits)) throw wrong("invalid syntax");
  return value;
}

const RADIX_OF_PREFIX: Readonly<Record<string, bigint>> = { "": 10n, "0": 8n, "0b": 2n, "0o": 8n, "0x": 16n };
const GROUPED_DIGITS = /^(0[xbo]_?)?[0-9a-f]+(_[0-9a-f]+)*$/;
const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";
