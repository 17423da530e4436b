import assert from "node:assert/strict";
import { test } from "node:test";
import { formatRdata, validateRdata } from "../../src/dns/rdata.ts";
import { parseRecordText } from "../../src/dns/record.ts";
import { Type } from "../../src/dns/types.ts";
import { fromHexText, parsedRecord, toHexText } from "../support/dns-text.ts";

const FOO_COM = "03666f6f 076578616d706c65 03636f6d 00";
const FOO_ORG = "03666f6f 076578616d706c65 036f7267 00";

// RFC 9460 appendix D.1 and D.2, and values that it does not show.
for (const { text, hex, printed = text } of [
  { text: "0 foo.example.com.", hex: `0000 ${FOO_COM}` },
  { text: "1 .", hex: "0001 00" },
  { text: "16 foo.example.com. port=53", hex: `0010 ${FOO_COM} 0003 0002 0035` },
  {
    text: "1 foo.example.com. key667=hello",
    hex: `0001 ${FOO_COM} 029b 0005 68656c6c6f`,
    printed: '1 foo.example.com. key667="hello"',
  },
  { text: '1 foo.example.com. key667="hello\\210qoo"', hex: `0001 ${FOO_COM} 029b 0009 68656c6c6fd2716f6f` },
  {
    text: '1 foo.example.com. ipv6hint="2001:db8::1,2001:db8::53:1"',
    hex: `0001 ${FOO_COM} 0006 0020 20010db8000000000000000000000001 20010db8000000000000000000530001`,
    printed: "1 foo.example.com. ipv6hint=2001:db8::1,2001:db8::53:1",
  },
  {
    text: '1 example.com. ipv6hint="2001:db8:122:344::192.0.2.33"',
    hex: "0001 076578616d706c6503636f6d00 0006 0010 20010db8012203440000 0000c0000221",
    printed: "1 example.com. ipv6hint=2001:db8:122:344::c000:221",
  },
  {
    text: "16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1",
    hex: `0010 ${FOO_ORG} 0000 0004 0001 0004 0001 0009 02 6832 05 68332d3139 0004 0004 c0000201`,
    printed: '16 foo.example.org. mandatory=alpn,ipv4hint alpn="h2,h3-19" ipv4hint=192.0.2.1',
  },
  {
    text: '16 foo.example.org. alpn="f\\\\\\\\oo\\\\,bar,h2"',
    hex: `0010 ${FOO_ORG} 0001 000c 08 665c6f6f2c626172 02 6832`,
  },
  {
    text: "16 foo.example.org. alpn=f\\\\\\092oo\\092,bar,h2",
    hex: `0010 ${FOO_ORG} 0001 000c 08 665c6f6f2c626172 02 6832`,
    printed: '16 foo.example.org. alpn="f\\\\\\\\oo\\\\,bar,h2"',
  },
  {
    text: "1 . alpn=h2 no-default-alpn",
    hex: "0001 00 0001 0003 026832 0002 0000",
    printed: '1 . alpn="h2" no-default-alpn',
  },
  { text: "1 . ohttp", hex: "0001 00 0008 0000" },
  { text: "1 . ech=AEj+DQBE", hex: "0001 00 0005 0006 0048fe0d0044" },
  { text: "1 . tls-supported-groups=29,23", hex: "0001 00 0009 0004 001d 0017" },
  { text: '1 . dohpath="/dns-query{?dns}"', hex: "0001 00 0007 0010 2f646e732d71756572797b3f646e737d" },
  { text: "1 . key65534", hex: "0001 00 fffe 0000" },
  { text: "1 . key3=80", hex: "0001 00 0003 0002 0050", printed: "1 . port=80" },
  { text: '1 . key99="a b"', hex: "0001 00 0063 0003 612062" },
])
  test(`SVCB ${text}`, () => {
    const { data } = parsedRecord(`_8443._foo.example.com. 7200 IN SVCB ${text}`);
    assert.equal(toHexText(data), hex.replaceAll(" ", ""));
    assert.equal(formatRdata(Type.SVCB, data), printed);
    assert.deepEqual(parsedRecord(`_8443._foo.example.com. 7200 IN HTTPS ${printed}`).data, data);
  });

// RFC 9460 appendix D.3, and its kin.
for (const { text, expected } of [
  { text: "1 foo.example.com. key123=abc key123=def", expected: "each service parameter once" },
  { text: "1 foo.example.com. mandatory", expected: "mandatory with names of keys, sorted or not, each once" },
  { text: "1 foo.example.com. alpn", expected: "alpn with protocol names separated by commas" },
  { text: "1 foo.example.com. port", expected: "port with a port" },
  { text: "1 foo.example.com. ipv4hint", expected: "ipv4hint with IPv4 addresses separated by commas" },
  { text: "1 foo.example.com. ipv6hint", expected: "ipv6hint with IPv6 addresses separated by commas" },
  { text: "1 foo.example.com. alpn=h2 no-default-alpn=abc", expected: "no-default-alpn with no value" },
  { text: "1 foo.example.com. mandatory=key123", expected: "every mandatory parameter to be there" },
  {
    text: "1 foo.example.com. mandatory=mandatory",
    expected: "mandatory with names of keys, sorted or not, each once",
  },
  {
    text: "1 foo.example.com. mandatory=key123,key123 key123=abc",
    expected: "mandatory with names of keys, sorted or not, each once",
  },
  { text: "1 foo.example.com. no-default-alpn", expected: "alpn beside no-default-alpn" },
  { text: "1 . alpn=h2,,h3", expected: "alpn with protocol names separated by commas" },
  { text: `1 . alpn=${"x".repeat(256)}`, expected: "alpn with protocol names separated by commas" },
  { text: "1 . alpn=h2\\", expected: "alpn with protocol names separated by commas" },
  { text: "1 . port=65536", expected: "port with a port" },
  { text: "1 . ech=AAA", expected: "ech with base64" },
  { text: "1 . key65535=x", expected: "the name of a service parameter, or key and its number" },
  { text: "1 . key01=x", expected: "the name of a service parameter, or key and its number" },
  { text: "1 . nosuchkey=x", expected: "the name of a service parameter, or key and its number" },
  { text: "1 . constructor=x", expected: "the name of a service parameter, or key and its number" },
])
  test(`no SVCB: ${text.slice(0, 70)}`, () => {
    const result = parseRecordText(`a. SVCB ${text}`);
    assert.equal("expected" in result && result.expected, expected);
  });

for (const { what, hex } of [
  { what: "keys out of order", hex: "0001 00 0003 0002 0035 0001 0003 026832" },
  { what: "a key twice", hex: "0001 00 0003 0002 0035 0003 0002 0035" },
  { what: "the invalid key", hex: "0001 00 ffff 0000" },
  { what: "a length past the end", hex: "0001 00 0003 0003 0035" },
  { what: "half a parameter", hex: "0001 00 0003 00" },
  { what: "a port of one byte", hex: "0001 00 0003 0001 35" },
  { what: "an empty alpn", hex: "0001 00 0001 0000" },
  { what: "an empty protocol in alpn", hex: "0001 00 0001 0001 00" },
  { what: "a protocol past its list", hex: "0001 00 0001 0003 036832 6161" },
  { what: "no-default-alpn with a value", hex: "0001 00 0002 0001 61" },
  { what: "five bytes of IPv4 hints", hex: "0001 00 0004 0005 c000020101" },
  { what: "an empty ech", hex: "0001 00 0005 0000" },
  { what: "mandatory naming itself", hex: "0001 00 0000 0002 0000" },
  { what: "mandatory out of order", hex: "0001 00 0000 0004 0004 0001" },
  { what: "an odd mandatory", hex: "0001 00 0000 0003 000100" },
])
  test(`malformed SVCB: ${what}`, () => assert.equal(validateRdata(Type.SVCB, fromHexText(hex)), false));
