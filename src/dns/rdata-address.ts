/** Fields of addresses: IPv4, IPv6, A6's half of one, APL's prefixes, NSAP and ATM addresses. */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "./address.ts";
import { encodeName, isDigit, nameToText, wireLength } from "./name-text.ts";
import { putHex, toHex } from "./rdata-binary.ts";
import { type Field, MALFORMED, parseNumber, read16 } from "./rdata-field.ts";

export const ipv4: Field = {
  what: "an IPv4 address",
  parse(source) {
    const text = source.text();
    if (text === undefined || !parseIpv4(text, source.bytes, source.offset)) return false;
    source.offset += 4;
    source.index++;
    return true;
  },
  measure: (_bytes, at, end) => (at + 4 <= end ? at + 4 : MALFORMED),
  format(bytes, at, _end, words) {
    words.push(formatIpv4(bytes, at));
    return at + 4;
  },
};

export const ipv6: Field = {
  what: "an IPv6 address",
  parse(source) {
    const text = source.text();
    if (text === undefined || !parseIpv6(text, source.bytes, source.offset)) return false;
    source.offset += 16;
    source.index++;
    return true;
  },
  measure: (_bytes, at, end) => (at + 16 <= end ? at + 16 : MALFORMED),
  format(bytes, at, _end, words) {
    words.push(formatIpv6(bytes, at));
    return at + 16;
  },
};

/** A6 (RFC 2874, historic): prefix length, the address's bytes behind the prefix, and a name that has the prefix, if any. */
export const a6: Field = {
  what: "a prefix length, an address suffix and the prefix's name",
  parse(source) {
    const prefix = parseNumber(source.text(), 128);
    if (prefix < 0) return false;
    source.put8(prefix);
    source.index++;
    if (prefix < 128) {
      if (!parseIpv6(source.text() ?? "", suffix, 0)) return source.fail(ipv6.what);
      const first = prefix >>> 3;
      suffix[first]! &= 0xff >>> (prefix & 7);
      source.bytes.set(suffix.subarray(first), source.offset);
      source.offset += 16 - first;
      source.index++;
    }
    if (prefix === 0) return true;
    const end = encodeName(source.text() ?? "", source.origin, source.bytes, source.offset);
    if (end < 0) return source.fail("a domain name");
    source.offset = end;
    source.index++;
    return true;
  },
  measure(bytes, at, end) {
    if (at >= end || bytes[at]! > 128) return MALFORMED;
    const next = at + 1 + suffixLength(bytes[at]!);
    if (next > end || bytes[at] === 0) return next === end ? next : MALFORMED;
    // The first byte may belong to the prefix in part; those bits are zero (RFC 2874 section 3.1).
    if (next > at + 1 && bytes[at + 1]! >>> (8 - (bytes[at]! & 7)) !== 0) return MALFORMED;
    const length = wireLength(bytes, next, end);
    return length < 0 ? MALFORMED : next + length;
  },
  format(bytes, at, end, words) {
    const prefix = bytes[at]!;
    const length = suffixLength(prefix);
    words.push(String(prefix));
    if (length > 0) {
      const address = new Uint8Array(16);
      address.set(bytes.subarray(at + 1, at + 1 + length), 16 - length);
      words.push(formatIpv6(address, 0));
    }
    if (prefix > 0) words.push(nameToText(bytes, at + 1 + length));
    return end;
  },
};
const suffix = new Uint8Array(16);

function suffixLength(prefix: number): number {
  return prefix === 128 ? 0 : 16 - (prefix >>> 3);
}

const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;

/** APL (RFC 3123): any number of [!]family:address/prefix. Zero bytes at an address's end are left out. */
export const addressPrefixes: Field = {
  what: "prefixes such as 1:192.0.2.0/24 or !2:2001:db8::/32",
  parse(source) {
    for (; source.index < source.tokens.length; source.index++) {
      const text = source.text()!;
      const negated = text.startsWith("!");
      const colon = text.indexOf(":");
      const slash = text.indexOf("/");
      const family = parseNumber(text.slice(negated ? 1 : 0, Math.max(colon, 0)), FAMILY_IPV6);
      if (family < FAMILY_IPV4 || slash < colon) return false;
      const size = family === FAMILY_IPV4 ? 4 : 16;
      const prefix = parseNumber(text.slice(slash + 1), size * 8);
      const parse = family === FAMILY_IPV4 ? parseIpv4 : parseIpv6;
      if (prefix < 0 || !source.room(4 + size)) return false;
      if (!parse(text.slice(colon + 1, slash), source.bytes, source.offset + 4)) return false;
      source.put16(family);
      source.put8(prefix);
      const length = source.offset++;
      let used = size;
      while (used > 0 && source.bytes[source.offset + used - 1] === 0) used--;
      source.bytes[length] = (negated ? 0x80 : 0) | used;
      source.offset += used;
    }
    return true;
  },
  measure(bytes, at, end) {
    let next = at;
    while (next < end) {
      if (next + 4 > end) return MALFORMED;
      const family = read16(bytes, next);
      const prefix = bytes[next + 2]!;
      const used = bytes[next + 3]! & 0x7f;
      // A family that has no text form is left to the generic one (RFC 3597).
      if (family !== FAMILY_IPV4 && family !== FAMILY_IPV6) return MALFORMED;
      const size = family === FAMILY_IPV4 ? 4 : 16;
      next += 4 + used;
      if (next > end || used > size || prefix > size * 8 || (used > 0 && bytes[next - 1] === 0)) return MALFORMED;
    }
    return next;
  },
  format(bytes, at, end, words) {
    let next = at;
    while (next < end) {
      const family = read16(bytes, next);
      const used = bytes[next + 3]! & 0x7f;
      const address = new Uint8Array(16);
      address.set(bytes.subarray(next + 4, next + 4 + used));
      const text = family === FAMILY_IPV4 ? formatIpv4(address, 0) : formatIpv6(address, 0);
      words.push(`${bytes[next + 3]! & 0x80 ? "!" : ""}${family}:${text}/${bytes[next + 2]}`);
      next += 4 + used;
    }
    return next;
  },
};

/** NSAP (RFC 1706): 0x and hexadecimal digits, with dots anywhere for the eye. */
export const nsap: Field = {
  what: "0x and pairs of hexadecimal digits",
  parse(source) {
    const text = source.text();
    if (text === undefined || !/^0x/i.test(text)) return false;
    const digits = text.slice(2).replaceAll(".", "");
    if (digits.length === 0 || !putHex(source, digits)) return false;
    source.index++;
    return true;
  },
  measure: (_bytes, at, end) => (end > at ? end : MALFORMED),
  format(bytes, at, end, words) {
    words.push(`0x${toHex(bytes, at, end).toLowerCase()}`);
    return end;
  },
};

const ATM_END_SYSTEM = 0;
const ATM_E164 = 1;
/** The format byte and 20 bytes of address, or at most 15 digits. */
const MAX_ATM_LENGTH = 21;

/** ATMA (ATM Forum AF-DANS-0152): hexadecimal digits with dots for the eye, or + and a telephone number. */
export const atmAddress: Field = {
  what: "an ATM address: hexadecimal digits, or + and decimal digits",
  parse(source) {
    const text = source.text();
    if (text === undefined || text.length < 2 || text.length > 64) return false;
    const digits = text.replaceAll(".", "");
    if (digits.startsWith("+")) {
      if (!/^\+\d{1,15}$/.test(digits)) return false;
      source.put8(ATM_E164);
      for (let i = 1; i < digits.length; i++) source.put8(digits.charCodeAt(i));
    } else {
      source.put8(ATM_END_SYSTEM);
      if (digits.length > 40 || !putHex(source, digits)) return false;
    }
    source.index++;
    return true;
  },
  measure(bytes, at, end) {
    if (end - at < 2 || end - at > MAX_ATM_LENGTH || bytes[at]! > ATM_E164) return MALFORMED;
    if (bytes[at] === ATM_E164) for (let i = at + 1; i < end; i++) if (!isDigit(bytes[i]!)) return MALFORMED;
    return end;
  },
  format(bytes, at, end, words) {
    if (bytes[at] === ATM_E164) words.push(`+${String.fromCharCode(...bytes.subarray(at + 1, end))}`);
    else words.push(toHex(bytes, at + 1, end).toLowerCase());
    return end;
  },
};
