/** Fields whose later bytes depend on earlier ones: IPSECKEY, AMTRELAY, HIP. */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "./address.ts";
import { encodeName, nameToText, wireLength } from "./name-text.ts";
import { putBase64, putHex, toHex } from "./rdata-binary.ts";
import { type Field, MALFORMED, parseNumber, type RdataSource, read16 } from "./rdata-field.ts";

/** The kinds of gateway that IPSECKEY (RFC 4025 section 2.3) and AMTRELAY (RFC 8777 section 4.2.3) share. */
const Gateway = { NONE: 0, IPV4: 1, IPV6: 2, NAME: 3 } as const;

function parseGateway(source: RdataSource, kind: number): boolean {
  const text = source.text();
  if (text === undefined) return source.fail("a gateway");
  switch (kind) {
    case Gateway.NONE:
      if (text !== ".") return source.fail('"." for no gateway');
      break;
    case Gateway.IPV4:
      if (!parseIpv4(text, source.bytes, source.offset)) return source.fail("an IPv4 address");
      source.offset += 4;
      break;
    case Gateway.IPV6:
      if (!parseIpv6(text, source.bytes, source.offset)) return source.fail("an IPv6 address");
      source.offset += 16;
      break;
    default: {
      const end = encodeName(text, source.origin, source.bytes, source.offset);
      if (end < 0) return source.fail("a domain name");
      source.offset = end;
    }
  }
  source.index++;
  return true;
}

function measureGateway(kind: number, bytes: Uint8Array, at: number, end: number): number {
  let size = -1;
  if (kind === Gateway.NONE) size = 0;
  else if (kind === Gateway.IPV4) size = 4;
  else if (kind === Gateway.IPV6) size = 16;
  else if (kind === Gateway.NAME) size = wireLength(bytes, at, end);
  return size < 0 || at + size > end ? MALFORMED : at + size;
}

function formatGateway(kind: number, bytes: Uint8Array, at: number): string {
  if (kind === Gateway.NONE) return ".";
  if (kind === Gateway.IPV4) return formatIpv4(bytes, at);
  return kind === Gateway.IPV6 ? formatIpv6(bytes, at) : nameToText(bytes, at);
}

/** Precedence, gateway type, algorithm, gateway, key. Algorithm 0 has no key. */
export const ipsecKey: Field = {
  what: "precedence, gateway type, algorithm, gateway and key",
  parse(source) {
    const precedence = takeNumber(source, 255, "a precedence up to 255");
    const kind = takeNumber(source, Gateway.NAME, "a gateway type from 0 to 3");
    const algorithm = takeNumber(source, 255, "an algorithm up to 255");
    if (precedence < 0 || kind < 0 || algorithm < 0) return false;
    source.put8(precedence);
    source.put8(kind);
    source.put8(algorithm);
    if (!parseGateway(source, kind)) return false;
    if (algorithm === 0) return true;
    const first = source.index;
    let key = "";
    for (; source.index < source.tokens.length; source.index++) key += source.text();
    if (key !== "" && putBase64(source, key)) return true;
    source.index = first;
    return source.fail("a key in base64");
  },
  measure(bytes, at, end) {
    if (at + 3 > end) return MALFORMED;
    const next = measureGateway(bytes[at + 1]!, bytes, at + 3, end);
    if (next === MALFORMED) return MALFORMED;
    // Algorithm 0 says that there is no key, any other that there is one (RFC 4025 section 2.4).
    return (bytes[at + 2] === 0) === (next === end) ? end : MALFORMED;
  },
  format(bytes, at, end, words) {
    const kind = bytes[at + 1]!;
    words.push(String(bytes[at]), String(kind), String(bytes[at + 2]), formatGateway(kind, bytes, at + 3));
    const next = measureGateway(kind, bytes, at + 3, end);
    if (next < end) words.push(Buffer.from(bytes.subarray(next, end)).toString("base64"));
    return end;
  },
};

/** Precedence, discovery bit, relay type, relay. */
export const relay: Field = {
  what: "precedence, discovery bit, relay type and relay",
  parse(source) {
    const precedence = takeNumber(source, 255, "a precedence up to 255");
    const discovery = takeNumber(source, 1, "0 or 1");
    const kind = takeNumber(source, Gateway.NAME, "a relay type from 0 to 3");
    if (precedence < 0 || discovery < 0 || kind < 0) return false;
    source.put8(precedence);
    source.put8((discovery << 7) | kind);
    return parseGateway(source, kind);
  },
  measure: (bytes, at, end) => (at + 2 <= end ? measureGateway(bytes[at + 1]! & 0x7f, bytes, at + 2, end) : MALFORMED),
  format(bytes, at, end, words) {
    const kind = bytes[at + 1]! & 0x7f;
    words.push(String(bytes[at]), String(bytes[at + 1]! >>> 7), String(kind), formatGateway(kind, bytes, at + 2));
    return end;
  },
};

/** HIP (RFC 8005 section 5): lengths of tag and key come first on the wire; tag, key and servers in text. */
export const hostIdentity: Field = {
  what: "algorithm, host identity tag, public key and rendezvous servers",
  parse(source) {
    const start = source.offset;
    const algorithm = takeNumber(source, 255, "an algorithm up to 255");
    if (algorithm < 0) return false;
    source.offset += 4;
    if (!putHex(source, source.text() ?? "")) return source.fail("a tag in hexadecimal digits");
    const tagLength = source.offset - start - 4;
    if (tagLength === 0 || tagLength > 255) return source.fail("a tag of 1 to 255 bytes");
    source.index++;
    if (!putBase64(source, source.text() ?? "")) return source.fail("a key in base64");
    const keyLength = source.offset - start - 4 - tagLength;
    if (keyLength === 0) return source.fail("a key in base64");
    source.index++;
    source.bytes[start] = tagLength;
    source.bytes[start + 1] = algorithm;
    source.bytes[start + 2] = keyLength >>> 8;
    source.bytes[start + 3] = keyLength;
    for (; source.index < source.tokens.length; source.index++) {
      if (!source.room(255)) return false;
      const end = encodeName(source.text()!, source.origin, source.bytes, source.offset);
      if (end < 0) return source.fail("a rendezvous server's domain name");
      source.offset = end;
    }
    return true;
  },
  measure(bytes, at, end) {
    if (at + 4 > end) return MALFORMED;
    const tagLength = bytes[at]!;
    const keyLength = read16(bytes, at + 2);
    let next = at + 4 + tagLength + keyLength;
    if (tagLength === 0 || keyLength === 0 || next > end) return MALFORMED;
    while (next < end) {
      const length = wireLength(bytes, next, end);
      if (length < 0) return MALFORMED;
      next += length;
    }
    return next;
  },
  format(bytes, at, end, words) {
    const key = at + 4 + bytes[at]!;
    let next = key + read16(bytes, at + 2);
    words.push(String(bytes[at + 1]), toHex(bytes, at + 4, key));
    words.push(Buffer.from(bytes.subarray(key, next)).toString("base64"));
    for (; next < end; next += wireLength(bytes, next)) words.push(nameToText(bytes, next));
    return end;
  },
};

/** Takes a number, or sets the reason and gives -1; moves on only when it was one. */
function takeNumber(source: RdataSource, max: number, expected: string): number {
  if (source.expected !== "") return -1;
  const value = parseNumber(source.text(), max);
  if (value < 0) source.fail(expected);
  else source.index++;
  return value;
}
