import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "../../src/dns/address.ts";
import { toHexText } from "../support/dns-text.ts";

for (const { text, hex, printed = text } of [
  { text: "::", hex: "00000000000000000000000000000000" },
  { text: "::1", hex: "00000000000000000000000000000001" },
  { text: "1::", hex: "00010000000000000000000000000000" },
  { text: "2001:db8::8:800:200c:417a", hex: "20010db80000000000080800200c417a" },
  { text: "2001:0DB8:0:0:0:0:2:1", hex: "20010db8000000000000000000020001", printed: "2001:db8::2:1" },
  { text: "2001:db8:0:1:1:1:1:1", hex: "20010db8000000010001000100010001" },
  { text: "2001:db8::1:1:1:1:1", hex: "20010db8000000010001000100010001", printed: "2001:db8:0:1:1:1:1:1" },
  { text: "2001:0:0:1:0:0:0:1", hex: "20010000000000010000000000000001", printed: "2001:0:0:1::1" },
  { text: "2001:db8:0:0:1:0:0:1", hex: "20010db8000000000001000000000001", printed: "2001:db8::1:0:0:1" },
  { text: "::ffff:192.0.2.1", hex: "00000000000000000000ffffc0000201" },
  { text: "::ffff:c000:201", hex: "00000000000000000000ffffc0000201", printed: "::ffff:192.0.2.1" },
  { text: "::192.0.2.1", hex: "000000000000000000000000c0000201", printed: "::c000:201" },
  { text: "1:2:3:4:5:6:192.0.2.1", hex: "000100020003000400050006c0000201", printed: "1:2:3:4:5:6:c000:201" },
  { text: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", hex: "ffffffffffffffffffffffffffffffff" },
])
  test(`IPv6 ${text}`, () => {
    const bytes = new Uint8Array(20).fill(0xee);
    assert.ok(parseIpv6(text, bytes, 2));
    assert.equal(toHexText(bytes), `eeee${hex}eeee`);
    assert.equal(formatIpv6(bytes, 2), printed);
  });

for (const text of [
  ..."|:|:::|1|1:|:1|1:2:3:4:5:6:7|1:2:3:4:5:6:7:8:9|1:2:3:4:5:6:7:8::|::1:2:3:4:5:6:7:8|1::2::3|12345::|g::|1:::2".split(
    "|",
  ),
  ..."::192.0.2|::192.0.2.1.1|::192.0.2.256|1:2:3:4:5:6:7:192.0.2.1|::192.0.2.1:1|::1%eth0| ::1|::1 |1.2.3.4".split(
    "|",
  ),
])
  test(`no IPv6: ${JSON.stringify(text)}`, () => {
    assert.equal(parseIpv6(text, new Uint8Array(16), 0), false);
    assert.equal(isIPv6(text.split("%")[0]!), text.includes("%"));
  });

for (const text of "|1|1.2.3|1.2.3.4.5|1.2.3.|.1.2.3|1..2.3|256.0.0.1|01.2.3.4|1.2.3.00|1.2.3.4a| 1.2.3.4|1.2.3.-4|1e1.2.3.4".split(
  "|",
))
  test(`no IPv4: ${JSON.stringify(text)}`, () => {
    assert.equal(parseIpv4(text, new Uint8Array(4), 0), false);
    assert.equal(isIPv4(text), false);
  });

test("we read the addresses that Node reads, and print what we read", () => {
  const part = fc.constantFrom("0", "1", "ffff", ":", "::", ".", "192.0.2.1", "00", "255", "256");
  const text = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.array(part, { maxLength: 16 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (address) => {
      const bytes = new Uint8Array(16);
      assert.equal(parseIpv4(address, bytes, 0), isIPv4(address));
      if (isIPv4(address)) assert.equal(formatIpv4(bytes, 0), address);
      assert.equal(parseIpv6(address, bytes, 0), isIPv6(address));
      const again = new Uint8Array(16);
      if (isIPv6(address)) assert.ok(parseIpv6(formatIpv6(bytes, 0), again, 0));
      if (isIPv6(address)) assert.deepEqual(again, bytes);
    }),
    { numRuns: 10_000 },
  );
});
