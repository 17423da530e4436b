/** LOC (RFC 1876): where something stands, how big it is, how exactly that is known. */
import { type Field, MALFORMED, type RdataSource, read32 } from "./rdata-field.ts";

/** Angles count thousandths of an arc second from here: the equator, the prime meridian. */
const ZERO_ANGLE = 2 ** 31;
const DEGREE = 3_600_000;
const MINUTE = 60_000;
const MAX_LATITUDE = 90 * DEGREE;
const MAX_LONGITUDE = 180 * DEGREE;
/** Altitudes count centimetres from 100 km below the WGS 84 spheroid. */
const ZERO_ALTITUDE = 10_000_000;
/** RFC 1876 section 3: what size and the two precisions are when they are left out, in centimetres. */
const DEFAULT_SIZES = [100, 1_000_000, 1_000];

/** "42 21 54.5 N 71 06 18 W -24m 30m 10m 10m"; minutes, seconds, and what follows the altitude may be missing. */
export const location: Field = {
  what: "a location such as 42 21 54 N 71 06 18 W -24m 30m",
  parse(source) {
    const latitude = takeAngle(source, "N", "S", MAX_LATITUDE);
    if (latitude < 0) return false;
    const longitude = takeAngle(source, "E", "W", MAX_LONGITUDE);
    if (longitude < 0) return false;
    const altitude = parseMetres(source.text());
    if (altitude === undefined || altitude + ZERO_ALTITUDE < 0 || altitude + ZERO_ALTITUDE > 0xffffffff) {
      return source.fail("an altitude in metres");
    }
    source.index++;
    source.put8(0);
    for (const standard of DEFAULT_SIZES) {
      const text = source.text();
      const size = text === undefined ? standard : parseMetres(text);
      if (size === undefined || size < 0 || size > 9e9) return source.fail("a size in metres, up to 90000000");
      source.put8(encodeSize(size));
      if (text !== undefined) source.index++;
    }
    source.put32(latitude);
    source.put32(longitude);
    source.put32(altitude + ZERO_ALTITUDE);
    return true;
  },
  measure(bytes, at, end) {
    if (at + 16 !== end || bytes[at] !== 0) return MALFORMED;
    for (let i = 1; i <= 3; i++) if (bytes[at + i]! >>> 4 > 9 || (bytes[at + i]! & 15) > 9) return MALFORMED;
    if (Math.abs(read32(bytes, at + 4) - ZERO_ANGLE) > MAX_LATITUDE) return MALFORMED;
    return Math.abs(read32(bytes, at + 8) - ZERO_ANGLE) > MAX_LONGITUDE ? MALFORMED : end;
  },
  format(bytes, at, end, words) {
    formatAngle(read32(bytes, at + 4), "N", "S", words);
    formatAngle(read32(bytes, at + 8), "E", "W", words);
    words.push(`${formatMetres(read32(bytes, at + 12) - ZERO_ALTITUDE)}m`);
    for (let i = 1; i <= 3; i++) words.push(formatSize(bytes[at + i]!));
    return end;
  },
};

/** Degrees, then perhaps minutes, then perhaps seconds, then the hemisphere. -1, with the reason set, for anything else. */
function takeAngle(source: RdataSource, positive: string, negative: string, max: number): number {
  const units = [DEGREE, MINUTE, 1000];
  let angle = 0;
  for (let i = 0; ; i++) {
    const text = source.text();
    const hemisphere = text?.toUpperCase();
    if (i > 0 && (hemisphere === positive || hemisphere === negative)) {
      source.index++;
      return angle <= max ? ZERO_ANGLE + (hemisphere === positive ? angle : -angle) : failed(source, "a smaller angle");
    }
    const pattern = i === 2 ? /^\d{1,2}(\.\d{1,3})?$/ : /^\d{1,3}$/;
    if (i > 2 || text === undefined || !pattern.test(text) || (i > 0 && Number(text) >= 60)) {
      return failed(source, `degrees, minutes, seconds and ${positive} or ${negative}`);
    }
    angle += Math.round(Number(text) * units[i]!);
    source.index++;
  }
}

function failed(source: RdataSource, expected: string): -1 {
  source.fail(expected);
  return -1;
}

/** Centimetres of "-24.05m"; the unit may be missing. */
function parseMetres(text: string | undefined): number | undefined {
  if (text === undefined || !/^-?\d{1,8}(\.\d{1,2})?m?$/i.test(text)) return undefined;
  return Math.round(Number.parseFloat(text) * 100);
}

/** A decimal digit in each half: the first times ten to the power of the second, in centimetres. Rounds down. */
function encodeSize(centimetres: number): number {
  let exponent = 0;
  let mantissa = centimetres;
  for (; mantissa > 9; exponent++) mantissa = Math.floor(mantissa / 10);
  return (mantissa << 4) | exponent;
}

function formatAngle(value: number, positive: string, negative: string, words: string[]): void {
  const angle = Math.abs(value - ZERO_ANGLE);
  words.push(
    String(Math.floor(angle / DEGREE)),
    String(Math.floor(angle / MINUTE) % 60),
    ((angle % MINUTE) / 1000).toFixed(3),
    value >= ZERO_ANGLE ? positive : negative,
  );
}

function formatMetres(centimetres: number): string {
  return (centimetres / 100).toFixed(2);
}

/** Whole metres are printed without a point, as dig does. */
function formatSize(byte: number): string {
  const centimetres = (byte >>> 4) * 10 ** (byte & 15);
  return `${centimetres % 100 === 0 ? centimetres / 100 : formatMetres(centimetres)}m`;
}
