import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIpv4, parseIpv6 } from "../../src/dns/address.ts";
import { hasAddress, packNetworks, parseNetwork } from "../../src/plugin/network-set.ts";

const NETWORKS = [
  "192.0.2.128/25",
  "192.0.2.0/24",
  "192.0.2.7/32",
  "198.51.100.9/31",
  "0.0.0.0/32",
  "255.255.255.255/32",
  "2001:db8:1::/48",
  "2001:db8::/127",
  "::ffff:203.0.113.0/120",
];

function has(networks: readonly string[], text: string): boolean {
  const set = packNetworks(networks.map((network) => parseNetwork(network)!));
  const bytes = new Uint8Array(20);
  const family = parseIpv4(text, bytes, 3) ? 4 : 6;
  if (family === 6) assert.ok(parseIpv6(text, bytes, 3));
  return hasAddress(set, bytes, 3, family);
}

for (const [address, expected] of [
  ["192.0.2.0", true],
  ["192.0.2.255", true],
  ["192.0.1.255", false],
  ["192.0.3.0", false],
  ["198.51.100.8", true],
  ["198.51.100.9", true],
  ["198.51.100.10", false],
  ["0.0.0.0", true],
  ["0.0.0.1", false],
  ["255.255.255.255", true],
  ["255.255.255.254", false],
  ["203.0.113.1", false],
  ["2001:db8::1", true],
  ["2001:db8::2", false],
  ["2001:db8:1:ffff:ffff:ffff:ffff:ffff", true],
  ["2001:db8:2::", false],
  ["::", false],
] as const) {
  test(`address set: ${address} is ${expected ? "in" : "out"}`, () => assert.equal(has(NETWORKS, address), expected));
}

test("address set: everything, nothing, and a record without an address", () => {
  assert.ok(has(["0.0.0.0/0"], "192.0.2.1"));
  assert.ok(!has(["0.0.0.0/0"], "::1"));
  assert.ok(has(["::/0"], "2001:db8::1"));
  assert.ok(!has([], "192.0.2.1"));
  assert.ok(!hasAddress(packNetworks([parseNetwork("::/0")!]), new Uint8Array(16), 0, 0));
});

test("address set: agrees with a look at every network, for random ones", () => {
  const networks = Array.from({ length: 300 }, (_, i) => {
    const bits = (i * 2_654_435_761) >>> 0;
    return `10.0.${bits >>> 24}.${(bits >>> 16) & 255}/${20 + (bits % 13)}`;
  });
  const alone = networks.map((network) => [network]);
  for (let i = 0; i < 400; i++) {
    const address = `10.0.${(i * 37) % 256}.${(i * 101) % 256}`;
    const one = alone.some((single) => has(single, address));
    assert.equal(has(networks, address), one, address);
  }
});

for (const text of [
  "192.0.2.1",
  "192.0.2.0/33",
  "192.0.2/24",
  "192.0.2.0/+8",
  "192.0.2.0/",
  "/8",
  "01.0.0.0/8",
  "::/129",
  "fe80::1%eth0/64",
  "::/-1",
  "",
]) {
  test(`address set: '${text}' is no network`, () => assert.equal(parseNetwork(text), undefined));
}
