import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { bind } from "../../src/plugins/bind.ts";
import { parseBlock } from "../support/chain.ts";

/** What the machine says of its loopback interface: `127.0.0.1` and, most often, `::1`. */
const [loopback, entries] = Object.entries(networkInterfaces()).find(([, all]) =>
  all?.some(({ internal }) => internal),
)!;
const loopbackAddresses = entries!.map(({ address }) => address);

for (const { directive, addresses } of [
  { directive: "bind 127.0.0.1", addresses: ["127.0.0.1"] },
  { directive: "bind 127.0.0.1 ::1\nbind 192.0.2.1", addresses: ["127.0.0.1", "::1", "192.0.2.1"] },
  { directive: "bind 0:0:0:0:0:0:0:1 2001:DB8::0001", addresses: ["::1", "2001:db8::1"] },
  { directive: "bind ::ffff:127.0.0.9", addresses: ["127.0.0.9"] },
  { directive: `bind ${loopback}`, addresses: loopbackAddresses },
  {
    directive: `bind ${loopback} {\nexcept 127.0.0.1\n}`,
    addresses: loopbackAddresses.filter((one) => one !== "127.0.0.1"),
  },
  { directive: `bind ${loopback} {\nexcept ${loopback}\n}`, addresses: [] },
  { directive: "bind ::1 192.0.2.1 {\nexcept 0::1\nexcept 192.0.2.2\n}", addresses: ["192.0.2.1"] },
  // An exception holds for its own line only.
  { directive: "bind 127.0.0.1\nbind 127.0.0.2 {\nexcept 127.0.0.1\n}", addresses: ["127.0.0.1", "127.0.0.2"] },
]) {
  test(`bind: ${directive.replaceAll("\n", " ")}`, () => {
    const { settings, elements, warnings, mistakes } = parseBlock([bind], `. {\n${directive}\n}`);
    assert.deepEqual(mistakes, []);
    const none = "Corefile:2:1: plugin/bind: no address is left, so nothing listens for this block";
    assert.deepEqual(warnings, addresses.length === 0 ? [none] : []);
    assert.deepEqual(settings.addresses, addresses);
    assert.deepEqual(elements, []);
  });
}

test("bind: without it the block listens everywhere", () => {
  assert.equal(parseBlock([bind], ". {\n}").settings.addresses, undefined);
});

for (const [directive, mistake] of [
  ["bind", "2:1: plugin/bind: at least one address or interface name is expected"],
  ["bind nope0", '2:6: plugin/bind: not a valid IP address or interface name: "nope0"'],
  ["bind ::1 127.0.0.1:53", '2:10: plugin/bind: not a valid IP address or interface name: "127.0.0.1:53"'],
  ["bind 127.0.0.0/8", '2:6: plugin/bind: not a valid IP address or interface name: "127.0.0.0/8"'],
  ["bind fe80::1%lo", '2:6: plugin/bind: not a valid IP address or interface name: "fe80::1%lo"'],
  ['bind ""', '2:6: plugin/bind: not a valid IP address or interface name: ""'],
  ["bind ..", '2:6: plugin/bind: not a valid IP address or interface name: ".."'],
  ["bind ::1 {\nexcept\n}", "3:1: plugin/bind: at least one address or interface must be given to except subdirective"],
  ["bind ::1 {\nexcept nope0\n}", '3:8: plugin/bind: not a valid IP address or interface name: "nope0"'],
  ["bind ::1 {\nexept ::1\n}", "3:1: plugin/bind: unknown property 'exept'"],
]) {
  test(`bind: ${directive!.replaceAll("\n", " ")} is a mistake`, () => {
    assert.deepEqual(parseBlock([bind], `. {\n${directive}\n}`).mistakes, [`Corefile:${mistake}`]);
  });
}
