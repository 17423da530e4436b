import assert from "node:assert/strict";
import { test } from "node:test";
import dnsPacket from "dns-packet";
import fc from "fast-check";
import {
  expandRdata,
  formatRdata,
  parseRdata,
  type RdataToken,
  rdataNames,
  validateRdata,
} from "../../src/dns/rdata.ts";
import { readRecord } from "../../src/dns/record.ts";
import { splitLine } from "../../src/dns/split-line.ts";
import { Class, Type, typeNumber } from "../../src/dns/types.ts";
import { fromHexText, recordToWire, toHexText, wireName } from "../support/dns-text.ts";
import { RDATA_VECTORS } from "../support/dns-vectors.ts";

function words(text: string): RdataToken[] {
  const tokens = splitLine(text);
  assert.ok(Array.isArray(tokens), text);
  return tokens;
}

for (const { type, text, hex, printed = text } of RDATA_VECTORS) {
  const number = typeNumber(type);
  test(`${type} ${text.slice(0, 60)}`, () => {
    const rdata = parseRdata(number, words(text));
    assert.ok(rdata instanceof Uint8Array, JSON.stringify(rdata));
    assert.equal(toHexText(rdata), hex);
    assert.equal(formatRdata(number, rdata), printed);
    assert.ok(validateRdata(number, rdata));
    assert.deepEqual(parseRdata(number, words(printed)), rdata);
    assert.deepEqual(parseRdata(number, words(`\\# ${rdata.length} ${hex}`)), rdata);
    assert.deepEqual(expandRdata(number, rdata, 0, rdata.length), rdata);
  });
}

test("there is a vector for every type that has fields", () => {
  const covered = new Set(RDATA_VECTORS.map(({ type }) => type));
  const withoutText = ["OPT", "NXNAME", "IXFR", "AXFR", "MAILB", "MAILA", "ANY"];
  assert.deepEqual(
    Object.keys(Type).filter((type) => !covered.has(type) && !withoutText.includes(type)),
    [],
  );
});

// Other spellings of the same bytes.
for (const { type, text, same } of [
  { type: "SOA", text: "ns. h. 1 2h 1H30m 2w 1d1s", same: "ns. h. 1 7200 5400 1209600 86401" },
  {
    type: "RRSIG",
    text: "A 5 3 60 1048354263 1045762263 1 . AA==",
    same: "A 5 3 60 20030322173103 20030220173103 1 . AA==",
  },
  { type: "DS", text: "1 RSASHA256 2 AA bb Cc", same: "1 8 2 AABBCC" },
  { type: "DNSKEY", text: "257 3 ed25519 AAEC AwQF", same: "257 3 15 AAECAwQF" },
  { type: "TXT", text: 'bare \\"word\\" \\065', same: '"bare" "\\"word\\"" "A"' },
  { type: "WKS", text: "192.0.2.1 tcp smtp 80 domain", same: "192.0.2.1 6 25 53 80" },
  { type: "LOC", text: "42 N 71 30 W 0", same: "42 0 0.000 N 71 30 0.000 W 0.00m 1m 10000m 10m" },
  { type: "LOC", text: "0 0 0.5 s 0 e -100000m 0.05m", same: "0 0 0.500 S 0 0 0.000 E -100000.00m 0.05m 10000m 10m" },
  { type: "NSAP", text: "0x47.0005.80", same: "0x47000580" },
  { type: "ATMA", text: "39.246f", same: "39246f" },
  { type: "L64", text: "1 2001:0DB8:0000:0001", same: "1 2001:db8:0:1" },
  { type: "AAAA", text: "2001:DB8:0:0:0:0:0.0.0.1", same: "2001:db8::1" },
  { type: "APL", text: "!1:10.0.0.0/8 2:::/0", same: "!1:10.0.0.0/8 2:::/0" },
  { type: "CERT", text: "3 0 RSASHA256 AA==", same: "PGP 0 RSASHA256 AA==" },
  { type: "NSEC", text: "a. type65535 a TYPE1 txt", same: "a. A TXT Reserved" },
  { type: "NSEC3", text: "1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr", same: "1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR" },
  { type: "MX", text: "10 \\097.", same: "10 a." },
  { type: "A", text: "\\# 4 c0 00 0201", same: "192.0.2.1" },
])
  test(`${type} ${text} is ${same}`, () => {
    const rdata = parseRdata(typeNumber(type), words(text));
    assert.ok(rdata instanceof Uint8Array, JSON.stringify(rdata));
    assert.equal(formatRdata(typeNumber(type), rdata), same);
  });

for (const { type, text, token, expected } of [
  { type: "A", text: "", token: 0, expected: "an IPv4 address" },
  { type: "A", text: "192.0.2", token: 0, expected: "an IPv4 address" },
  { type: "A", text: "192.0.2.256", token: 0, expected: "an IPv4 address" },
  { type: "A", text: "192.0.2.01", token: 0, expected: "an IPv4 address" },
  { type: "A", text: "192.0.2.1 192.0.2.2", token: 1, expected: "the end of the record" },
  { type: "AAAA", text: "2001:db8::1::2", token: 0, expected: "an IPv6 address" },
  { type: "MX", text: "mail.", token: 0, expected: "a number up to 65535" },
  { type: "MX", text: "65536 mail.", token: 0, expected: "a number up to 65535" },
  { type: "MX", text: "10", token: 1, expected: "a domain name" },
  { type: "MX", text: "10 a..b.", token: 1, expected: "a domain name, not an empty label" },
  { type: "SOA", text: "ns. h. 1 2 3 4", token: 6, expected: "a number of seconds, or an interval such as 1h30m" },
  { type: "SOA", text: "ns. h. 1 2 3x 4 5", token: 4, expected: "a number of seconds, or an interval such as 1h30m" },
  { type: "TXT", text: "", token: 0, expected: "a text" },
  { type: "HINFO", text: `ok ${"x".repeat(256)}`, token: 1, expected: "at most 255 bytes of text" },
  {
    type: "TXT",
    text: '"\\300"',
    token: 0,
    expected: "an escape to be \\DDD, up to 255, or a backslash and a character",
  },
  { type: "CAA", text: '0 is_sue "x"', token: 1, expected: "a property tag of letters and digits" },
  { type: "DS", text: "1 8 2 ABC", token: 3, expected: "pairs of hexadecimal digits" },
  { type: "DS", text: "1 8 2", token: 3, expected: "pairs of hexadecimal digits" },
  { type: "DS", text: "1 NOSUCH 2 AA", token: 1, expected: "a DNSSEC algorithm" },
  { type: "DNSKEY", text: "257 3 8 AAA", token: 3, expected: "base64" },
  { type: "DNSKEY", text: "257 3 8 AAB=", token: 3, expected: "base64" },
  { type: "RRSIG", text: "A 5 3 60 20031322173103 1 1 . AA==", token: 4, expected: "a time as YYYYMMDDHHmmSS" },
  { type: "RRSIG", text: "NOTYPE 5 3 60 1 1 1 . AA==", token: 0, expected: "a record type" },
  { type: "NSEC", text: "a. A NOTYPE", token: 2, expected: "record types" },
  { type: "NXT", text: "a. A TYPE128", token: 2, expected: "record types below 128" },
  { type: "NSEC3", text: "1 0 0 - 2T7B4W", token: 4, expected: "a hash in base32hex" },
  { type: "NSEC3", text: "1 0 0 - 01", token: 4, expected: "a hash in base32hex" },
  { type: "LOC", text: "91 N 0 E 0", token: 2, expected: "a smaller angle" },
  { type: "LOC", text: "1 60 N 0 E 0", token: 1, expected: "degrees, minutes, seconds and N or S" },
  { type: "LOC", text: "1 N 1 E high", token: 4, expected: "an altitude in metres" },
  { type: "IPSECKEY", text: "10 4 2 . AA==", token: 1, expected: "a gateway type from 0 to 3" },
  { type: "IPSECKEY", text: "10 1 2 a. AA==", token: 3, expected: "an IPv4 address" },
  { type: "HIP", text: "2 ABCD", token: 2, expected: "a key in base64" },
  { type: "EUI48", text: "0-0-5e-0-53-2a", token: 0, expected: "six pairs of hexadecimal digits joined by dashes" },
  { type: "TSIG", text: "a. 1 300 4 AQI= 1 0 0", token: 4, expected: "4 bytes in base64" },
  {
    type: "APL",
    text: "1:10.0.0.0/8 3:10/8",
    token: 1,
    expected: "prefixes such as 1:192.0.2.0/24 or !2:2001:db8::/32",
  },
  { type: "TYPE65399", text: "abcd", token: 0, expected: "\\#, since TYPE65399 has no other form" },
  { type: "TYPE65399", text: "\\#", token: 1, expected: "a length up to 65535" },
  { type: "TYPE65399", text: "\\# 3 abcd", token: 2, expected: "3 bytes in hexadecimal digits" },
  { type: "A", text: "\\# 3 abcdef", token: 2, expected: "the bytes of a A record" },
])
  test(`${type} ${text.slice(0, 40)}: expected ${expected}`, () =>
    assert.deepEqual(parseRdata(typeNumber(type), words(text)), { token, expected }));

test("names are relative to the origin, wherever they stand", () => {
  const origin = wireName("example.org.");
  for (const { type, text, printed } of [
    { type: "SOA", text: "ns hostmaster 1 2 3 4 5", printed: "ns.example.org. hostmaster.example.org. 1 2 3 4 5" },
    { type: "SRV", text: "0 0 53 @", printed: "0 0 53 example.org." },
    { type: "IPSECKEY", text: "1 3 1 gw AA==", printed: "1 3 1 gw.example.org. AA==" },
    { type: "HIP", text: "2 AA AA== rvs", printed: "2 AA AA== rvs.example.org." },
    { type: "HTTPS", text: "1 svc.", printed: "1 svc." },
  ]) {
    const rdata = parseRdata(typeNumber(type), words(text), origin);
    assert.equal(rdata instanceof Uint8Array && formatRdata(typeNumber(type), rdata), printed);
  }
});

for (const { size, hex } of [
  { size: 0, hex: "00" },
  { size: 255, hex: `ff${"78".repeat(255)}` },
  { size: 256, hex: `ff${"78".repeat(255)}0178` },
  { size: 510, hex: `ff${"78".repeat(255)}`.repeat(2) },
  { size: 511, hex: `${`ff${"78".repeat(255)}`.repeat(2)}0178` },
])
  test(`a TXT word of ${size} bytes takes as many strings as it needs`, () => {
    const rdata = parseRdata(Type.TXT, words(`"${"\\120".repeat(size)}" y`));
    assert.ok(rdata instanceof Uint8Array);
    assert.equal(toHexText(rdata), `${hex}0179`);
    assert.ok(validateRdata(Type.TXT, rdata));
  });

test("rdata has at most 65535 bytes", () => {
  const string = `"${"x".repeat(255)}" `;
  assert.equal((parseRdata(Type.TXT, words(`${string.repeat(255)}"${"x".repeat(54)}"`)) as Uint8Array).length, 65335);
  const tooLong = parseRdata(Type.TXT, words(string.repeat(256)));
  assert.ok("expected" in tooLong);
  assert.deepEqual(tooLong, { token: 255, expected: "at most 65535 bytes of data" });
  assert.equal((parseRdata(Type.TXT, words(`"${"x".repeat(65_279)}"`)) as Uint8Array).length, 65_535);
  assert.ok("expected" in parseRdata(Type.TXT, words(`"${"x".repeat(65_280)}"`)));
  assert.ok("expected" in parseRdata(Type.TXT, words(`"${"x".repeat(70_000)}"`)));
  const key = Buffer.alloc(65_535).toString("base64");
  assert.ok("expected" in parseRdata(Type.DNSKEY, words(`1 3 8 ${key}`)));
  assert.ok("expected" in parseRdata(Type.URI, words(`1 1 "${"x".repeat(70_000)}"`)));
  assert.ok("expected" in parseRdata(Type.HIP, words(`1 AA AA== ${`${"a.".repeat(127)} `.repeat(300)}`)));
  assert.ok("expected" in parseRdata(Type.NULL, words(`\\# 65536 ${"00".repeat(65_536)}`)));
});

// Rdata of a message is read with the names at offset 12 ("example.org.") and 20 ("org.") to point to.
const MESSAGE_START = `${"00".repeat(12)}076578616d706c65036f726700`;
for (const { type, hex, text } of [
  { type: "NS", hex: "036e7331c00c", text: "ns1.example.org." },
  {
    type: "SOA",
    hex: "c00c 0161c014 00000001 00000002 00000003 00000004 00000005",
    text: "example.org. a.org. 1 2 3 4 5",
  },
  { type: "MX", hex: "000a c014", text: "10 org." },
  { type: "MINFO", hex: "c00cc014", text: "example.org. org." },
  { type: "SRV", hex: "0001 0002 0035 c00c", text: "1 2 53 example.org." },
  { type: "NAPTR", hex: "0001 0002 0153 00 00 c00c", text: '1 2 "S" "" "" example.org.' },
  {
    type: "RRSIG",
    hex: "0001 0502 0000003c 00000000 00000000 0001 c00c 00",
    text: "A 5 2 60 19700101000000 19700101000000 1 example.org. AA==",
  },
  { type: "DNAME", hex: "c014", text: "org." },
  { type: "NSEC", hex: "c014 000140", text: "org. A" },
  { type: "NS", hex: "c01a", text: undefined },
  { type: "NS", hex: "c000", text: undefined },
  { type: "NS", hex: "c0", text: undefined },
  { type: "NS", hex: "", text: undefined },
  { type: "NS", hex: "c00c00", text: undefined },
  { type: "NS", hex: "026e73", text: undefined },
  { type: "MX", hex: "00", text: undefined },
  { type: "MX", hex: "000a", text: undefined },
  { type: "SOA", hex: "c00cc00c 00000001 00000002 00000003 00000004 000000", text: undefined },
  { type: "A", hex: "c00002", text: undefined },
  { type: "A", hex: "c000020100", text: undefined },
  { type: "AAAA", hex: "20010db8", text: undefined },
  { type: "TXT", hex: "", text: undefined },
  { type: "TXT", hex: "0361", text: undefined },
  { type: "HIP", hex: "01 02 0001 aa bb c00c", text: undefined },
  { type: "IPSECKEY", hex: "01 03 01 c00c aa", text: undefined },
  { type: "AMTRELAY", hex: "01 03 c00c", text: undefined },
  { type: "NSEC", hex: "00 0000", text: undefined },
  { type: "NSEC", hex: "00 000140 000140", text: undefined },
  { type: "NSEC", hex: "00 010140 000140", text: undefined },
  { type: "NSEC", hex: "00 00024000", text: undefined },
  { type: "NSEC", hex: "00 0021 ".concat("01".repeat(33)), text: undefined },
  { type: "LOC", hex: "00121613 80000000 80000000 00989680", text: "0 0 0.000 N 0 0 0.000 E 0.00m 1m 10000m 10m" },
  { type: "LOC", hex: "01121613 80000000 80000000 00989680", text: undefined },
  { type: "LOC", hex: "001a1613 80000000 80000000 00989680", text: undefined },
  { type: "LOC", hex: "00a11613 80000000 80000000 00989680", text: undefined },
  { type: "LOC", hex: "00121613 9350ad01 80000000 00989680", text: undefined },
  { type: "LOC", hex: "00121613 80000000 00000000 00989680", text: undefined },
  { type: "IPSECKEY", hex: "0a 01 00 c0000201", text: "10 1 0 192.0.2.1" },
  { type: "IPSECKEY", hex: "0a 01 00 c0000201 aa", text: undefined },
  { type: "IPSECKEY", hex: "0a 01 02 c0000201", text: undefined },
  { type: "IPSECKEY", hex: "0a 04 02 c0000201 aa", text: undefined },
  { type: "APL", hex: "0001 20 04 c0000201", text: "1:192.0.2.1/32" },
  { type: "APL", hex: "0001 20 05 c000020101", text: undefined },
  { type: "APL", hex: "0001 21 04 c0000201", text: undefined },
  { type: "APL", hex: "0003 08 01 0a", text: undefined },
  { type: "CAA", hex: "00 00 61", text: undefined },
  { type: "TYPE65399", hex: "c00c c0ff 40", text: "\\# 5 C00CC0FF40" },
  { type: "OPT", hex: "c00c", text: "\\# 2 C00C" },
  { type: "TYPE65399", hex: "", text: "\\# 0" },
])
  test(`${type} in a message: ${hex}`, () => {
    const message = fromHexText(MESSAGE_START + hex);
    const rdata = expandRdata(typeNumber(type), message, 25, message.length - 25);
    assert.equal(rdata && formatRdata(typeNumber(type), rdata), text);
    if (rdata) assert.ok(validateRdata(typeNumber(type), rdata));
  });

test("names that grow past 65535 bytes are malformed", () => {
  // One pointer of 2 bytes becomes a name of 255.
  const long = `${`3f${"61".repeat(63)}`.repeat(3)}3d${"61".repeat(61)}00`;
  const start = Buffer.from("00".repeat(12) + long, "hex");
  const message = new Uint8Array(Buffer.concat([start, Buffer.from("c00c", "hex"), Buffer.alloc(65_400)]));
  assert.equal(expandRdata(Type.NSEC, message, start.length, 2)?.length, 255);
  const key = new Uint8Array(
    Buffer.concat([start, Buffer.alloc(18), Buffer.from("c00c", "hex"), Buffer.alloc(65_300)]),
  );
  // Of the length alone: a failing comparison of 65,000 elements would take all memory for its difference.
  assert.equal(expandRdata(Type.RRSIG, key, start.length, 65_320)?.length, undefined);
  assert.equal(expandRdata(Type.RRSIG, key, start.length, 65_000)?.length, 65_253);
});

test("offsets outside the message are malformed", () => {
  const message = fromHexText(`${MESSAGE_START}c0000201`);
  assert.equal(expandRdata(Type.A, message, 26, 4), undefined);
  assert.equal(expandRdata(Type.A, message, -1, 4), undefined);
  assert.equal(expandRdata(Type.A, message, 25, -4), undefined);
  assert.equal(expandRdata(Type.NULL, message, 25, 5), undefined);
});

for (const { type, text, offsets } of [
  { type: "NS", text: "ns.", offsets: [0] },
  { type: "MX", text: "10 mail.", offsets: [2] },
  { type: "SOA", text: "ns. h. 1 2 3 4 5", offsets: [0, 4] },
  { type: "MINFO", text: "a.b. c.", offsets: [0, 5] },
  { type: "PTR", text: "host.", offsets: [0] },
  { type: "SRV", text: "0 0 53 host.", offsets: [] },
  { type: "DNAME", text: "host.", offsets: [] },
  { type: "RP", text: "a. b.", offsets: [] },
  { type: "A", text: "192.0.2.1", offsets: [] },
  { type: "TYPE65399", text: "\\# 0", offsets: [] },
])
  test(`names of ${type} that may be compressed: [${offsets}]`, () => {
    const rdata = parseRdata(typeNumber(type), words(text)) as Uint8Array;
    assert.deepEqual([...rdataNames(typeNumber(type), rdata)], offsets);
  });

/** Types whose text cannot tell some bytes apart: zeros behind WKS's last port, LOC's 0 times ten to the n. */
const LOSSY: ReadonlySet<string> = new Set(["WKS", "LOC"]);
/** Vectors with a few bytes changed, cut or added: close enough to right to get far into the parsers. */
const mutated = fc
  .record({
    vector: fc.constantFrom(...RDATA_VECTORS),
    changes: fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
    cut: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 8 }) }),
    tail: fc.oneof(
      { weight: 3, arbitrary: fc.constant(new Uint8Array()) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }) },
    ),
  })
  .map(({ vector, changes, cut, tail }) => {
    const bytes = fromHexText(vector.hex);
    for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
    return {
      type: vector.type,
      rdata: new Uint8Array([...bytes.subarray(0, Math.max(0, bytes.length - cut)), ...tail]),
    };
  });

test("text and bytes of all types say the same, and random bytes never throw", () => {
  fc.assert(
    fc.property(mutated, ({ type, rdata }) => {
      const number = typeNumber(type);
      const text = formatRdata(number, rdata);
      if (!validateRdata(number, rdata)) {
        assert.match(text, /^\\# /);
        return;
      }
      const again = parseRdata(number, words(text));
      if (!(again instanceof Uint8Array)) {
        // On the wire a client judges what a zone file may not say (RFC 9460 section 8).
        assert.match(`${type} ${again.expected}`, /^(SVCB|HTTPS) (every mandatory parameter|alpn beside)/, text);
      } else if (LOSSY.has(type)) assert.equal(formatRdata(number, again), text);
      else assert.equal(toHexText(again), toHexText(rdata), text);
    }),
    { numRuns: 20_000 },
  );
});

test("any words are rdata or a mistake at one of them", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "\\#",
      "@",
      ".",
      "-",
      "0",
      "1",
      "192.0.2.1",
      "::1",
      "a.b.",
      "AA==",
      "AAFF",
      "A",
      "NS",
      "\\",
      "m",
      "!1:",
    ),
    fc.string({ maxLength: 20 }),
  );
  const tokens = fc.array(fc.record({ text: word, quoted: fc.boolean() }), { maxLength: 12 });
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(Type), 65_399), tokens, (type, list) => {
      const rdata = parseRdata(type, list);
      if (rdata instanceof Uint8Array) assert.ok(validateRdata(type, rdata), formatRdata(type, rdata));
      else assert.ok(rdata.token <= Math.max(list.length, 2) && rdata.expected !== "");
    }),
    { numRuns: 20_000 },
  );
});

test("random messages never throw and never give bytes of another type", () => {
  const message = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(Type)),
      message,
      fc.nat(300),
      fc.nat(300),
      (type, bytes, offset, length) => {
        const rdata = expandRdata(type, bytes, offset, length);
        if (rdata) assert.ok(validateRdata(type, rdata));
        formatRdata(type, bytes);
      },
    ),
    { numRuns: 10_000 },
  );
});

/** The types that dns-packet reads; it has no escapes in names, so rows with such names stay out. */
const ORACLE_TYPES: ReadonlySet<string> = new Set([
  ..."A PTR CNAME DNAME TXT NULL AAAA SRV HINFO CAA NS SOA MX DNSKEY RRSIG RP NSEC NSEC3 SSHFP DS NAPTR TLSA".split(
    " ",
  ),
]);
/** A response's header with ANCOUNT 1. */
const ONE_ANSWER = Buffer.from("000084000000000100000000", "hex");

for (const { type, text, hex } of RDATA_VECTORS.filter(({ type }) => ORACLE_TYPES.has(type)))
  if (!text.includes("\\."))
    test(`dns-packet reads our ${type} ${text.slice(0, 40)} and we read its`, () => {
      const record = {
        name: wireName("example.org."),
        type: typeNumber(type),
        class: Class.IN,
        ttl: 60,
        data: fromHexText(hex),
      };
      const theirs = dnsPacket.decode(Buffer.concat([ONE_ANSWER, recordToWire(record)]));
      assert.equal(theirs.answers?.[0]?.type, type);
      const back = new Uint8Array(dnsPacket.encode(theirs));
      assert.deepEqual(readRecord(back, 12, back.length)?.record, record);
    });
