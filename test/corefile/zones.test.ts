import assert from "node:assert/strict";
import { test } from "node:test";
import { followsPreferredSyntax, isDomainName, normalizeZone, zonesOf } from "../../src/corefile/zones.ts";

const LABEL = "a".repeat(63);

for (const { text, zones } of [
  { text: "Example.ORG", zones: ["example.org."] },
  { text: "example.org:53", zones: ["example.org."] },
  { text: "tls://example.org", zones: ["example.org."] },
  { text: "https3://.:443", zones: ["."] },
  { text: "unix:///tmp/x", zones: ["/tmp/x."] },
  { text: "10.0.0.0/15", zones: ["0.10.in-addr.arpa.", "1.10.in-addr.arpa."] },
  { text: "10.7.9.0/23", zones: ["8.7.10.in-addr.arpa.", "9.7.10.in-addr.arpa."] },
  { text: "10.0.0.9/32", zones: ["9.0.0.10.in-addr.arpa."] },
  { text: "2001:db8::/31", zones: ["8.b.d.0.1.0.0.2.ip6.arpa.", "9.b.d.0.1.0.0.2.ip6.arpa."] },
  { text: "2001:db8::/64", zones: ["0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."] },
  { text: "10.0.0.0/", zones: ["10.0.0.0/."] },
  { text: "10.0.0.0/8/8", zones: ["10.0.0.0/8/8."] },
  { text: "256.0.0.0/8", zones: ["256.0.0.0/8."] },
  { text: "::1/128", zones: "invalid CIDR ::1/128" },
  { text: "例.Test", zones: ["例.test."] },
  { text: "\\256.test", zones: "zone is not a valid domain name: \\256.test" },
  { text: "a..b", zones: "zone is not a valid domain name: a..b" },
  { text: "", zones: 'expecting data after last colon: ""' },
  { text: "a:", zones: 'expecting data after last colon: "a:"' },
]) {
  test(`zones: '${text}'`, () => assert.deepEqual(zonesOf(text), zones));
}

for (const { text, good } of [
  { text: ".", good: true },
  { text: "a", good: true },
  { text: "a.", good: true },
  { text: "a.b.", good: true },
  { text: "", good: false },
  { text: "..", good: false },
  { text: "a..", good: false },
  { text: ".a", good: false },
  { text: LABEL, good: true },
  { text: `${LABEL}a`, good: false },
  { text: `${LABEL.slice(1)}\\a`, good: true },
  { text: `${LABEL.slice(1)}\\097`, good: true },
  { text: `${LABEL}\\.`, good: false },
  { text: "é".repeat(31), good: true },
  { text: "é".repeat(32), good: false },
  // 3 x 64 + 62 and the root label: 255 bytes, then one more.
  { text: `${LABEL}.${LABEL}.${LABEL}.${"b".repeat(61)}`, good: true },
  { text: `${LABEL}.${LABEL}.${LABEL}.${"b".repeat(62)}`, good: false },
  { text: `${LABEL}.${LABEL}.${LABEL}.${"b".repeat(61)}.`, good: true },
  { text: "a\\", good: false },
  { text: "a\\.", good: true },
  { text: "\\255.a", good: true },
  { text: "\\256.a", good: false },
  { text: "\\1.a", good: false },
  { text: "кластер.local", good: true },
  { text: "a.".repeat(1_000_000), good: false },
]) {
  test(`zones: '${text.slice(0, 80)}' is ${good ? "a" : "no"} domain name`, () =>
    assert.equal(isDomainName(text), good));
}

for (const { name, zone } of [
  { name: "A.Test", zone: "a.test." },
  { name: "a.test.", zone: "a.test." },
  { name: "a.test\\.", zone: "a.test\\.." },
  { name: "a.test\\\\.", zone: "a.test\\\\." },
  { name: ".", zone: "." },
  { name: "BÜCHER.test", zone: "bÜcher.test." },
]) {
  test(`zones: ${name} becomes ${zone}`, () => assert.equal(normalizeZone(name), zone));
}

for (const { zone, follows } of [
  { zone: ".", follows: true },
  { zone: "a-1.test.", follows: true },
  { zone: "0.0.10.in-addr.arpa.", follows: true },
  { zone: "8.b.d.0.1.0.0.2.ip6.arpa.", follows: true },
  { zone: "x_.in-addr.arpa.", follows: true },
  { zone: "1.test.", follows: false },
  { zone: "a.1b.test.", follows: false },
  { zone: "*.a.test.", follows: false },
  { zone: "a_b.test.", follows: false },
  { zone: "-a.test.", follows: false },
  { zone: "a-.test.", follows: false },
  { zone: "}.", follows: false },
  { zone: "bücher.test.", follows: false },
]) {
  test(`zones: ${zone} ${follows ? "is" : "is not"} a name for hosts`, () =>
    assert.equal(followsPreferredSyntax(zone), follows));
}
