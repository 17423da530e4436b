/** Which addresses a listener on all of them has sockets of its own for. */
import assert from "node:assert/strict";
import type { networkInterfaces } from "node:os";
import { test } from "node:test";
import { type ListenerPlan, socketId } from "../../src/plugin/plan.ts";
import { giveOwnAddresses } from "../../src/supervisor/own-addresses.ts";

const interfaces = {
  lo: [
    { address: "127.0.0.1", family: "IPv4" },
    { address: "::1", family: "IPv6", scopeid: 0 },
  ],
  eth0: [
    { address: "192.0.2.7", family: "IPv4" },
    { address: "2001:db8::7", family: "IPv6", scopeid: 0 },
    { address: "fe80::7", family: "IPv6", scopeid: 2 },
  ],
  gone: undefined,
} as unknown as ReturnType<typeof networkInterfaces>;

function ownAddresses(
  places: readonly (readonly [string, number])[],
  some = interfaces,
  descriptors = 20_000,
): (readonly string[])[] {
  const listeners = places.map(([address, port]) => ({ id: socketId(address, port), address, port }) as ListenerPlan);
  return giveOwnAddresses(listeners, 4, some, descriptors).map((listener) => listener.ownAddresses);
}

const V4 = ["127.0.0.1", "192.0.2.7"];
const V6 = ["::1", "2001:db8::7"];

for (const { name, places, gives } of [
  {
    name: "all addresses but link-local ones",
    places: [["", 53]],
    gives: [["127.0.0.1", "::1", "192.0.2.7", "2001:db8::7"]],
  },
  { name: "none for a listener on one", places: [["127.0.0.1", 53]], gives: [[]] },
  {
    name: "those of one family",
    places: [
      ["0.0.0.0", 53],
      ["::", 54],
    ],
    gives: [V4, V6],
  },
  {
    name: "not those that another listener is on, at the same port",
    places: [
      ["", 53],
      ["127.0.0.1", 53],
      ["::1", 54],
    ],
    gives: [["::1", "192.0.2.7", "2001:db8::7"], [], []],
  },
  {
    name: "each once, the family's listener first",
    places: [
      ["", 53],
      ["0.0.0.0", 53],
    ],
    gives: [V6, V4],
  },
] as { name: string; places: [string, number][]; gives: string[][] }[]) {
  test(name, () => assert.deepEqual(ownAddresses(places), gives));
}

test("eight at most, and none twice", () => {
  const many = Array.from({ length: 300 }, (_, i) => ({ address: `10.0.0.${i % 150}`, family: "IPv4" }));
  const [own] = ownAddresses([["", 53]], { lo: interfaces.lo, ipvs: many } as unknown as typeof interfaces);
  assert.equal(own!.length, 8);
  assert.deepEqual(own!.slice(0, 2), ["127.0.0.1", "::1"]);
  assert.equal(new Set(own).size, 8);
});

test("no more than a quarter of the descriptors are for them: two for each worker", () => {
  const given = ownAddresses(
    [
      ["0.0.0.0", 53],
      ["0.0.0.0", 54],
      ["0.0.0.0", 55],
    ],
    interfaces,
    4 * 4 * 2 * 3,
  );
  assert.deepEqual(given, [V4, V4.slice(0, 1), []]);
});
