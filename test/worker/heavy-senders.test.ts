import assert from "node:assert/strict";
import { test } from "node:test";
import { ADDRESS_SIZE, writeAddress } from "../../src/transport/packets.ts";
import { demandOf, fairLimits } from "../../src/worker/fair-share.ts";
import { HeavySenders, type Sender } from "../../src/worker/heavy-senders.ts";
import { figure } from "../faults/figures.ts";

/** Counters in all. */
const PLACES = 2_048;
/** Most first. */
const byCount = (a: Sender, b: Sender): number => b.count - a.count;
const records = new Uint8Array(ADDRESS_SIZE);

/** Counts a datagram of `number` as an IPv4 address, or as a /64 with it behind 32 bits of `2001:db8::`. */
function note(senders: HeavySenders, number: number, family: 4 | 6): void {
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  const view = new DataView(bytes.buffer);
  if (family === 6) view.setUint32(0, 0x20010db8);
  view.setUint32(family === 4 ? 0 : 4, number);
  // Within a /64 a client may have any address.
  if (family === 6) view.setUint32(12, Math.imul(number, 7));
  writeAddress(records, 0, bytes, 53);
  senders.note(records, 0, 2);
}

for (const family of [4, 6] as const) {
  test(`a million IPv${family} clients: who floods is found, who asks a little is not taken for him`, () => {
    const PROBE = 0x7f000001;
    const FLOOD = 0x7f000002;
    const senders = new HeavySenders();
    let probeLimited = 0;
    let others = 0;
    let fresh = 0x0a000000;
    const intervals = 125;
    for (let interval = 0; interval < intervals; interval++) {
      const received = 10_000;
      for (let i = 0; i < received; i++) {
        if (i % 5 === 0) note(senders, FLOOD, family);
        else note(senders, i % 1_000 === 1 ? PROBE : fresh++, family);
      }
      const list = senders.list().sort(byCount);
      assert.ok(list.length <= PLACES);
      const number = ({ high, low }: { high: number; low: number }) => (family === 4 ? high : low);
      assert.equal(number(list[0]!), FLOOD);
      assert.ok(list[0]!.count >= received / 5 && list[0]!.count <= received / 5 + 100, `${list[0]!.count}`);
      // Twice as much comes as can be answered.
      const demand = demandOf({ received, dropped: received, senders: list, limits: [] });
      const limits = fairLimits(list, demand, received);
      assert.ok(limits.some((limit) => number(limit) === FLOOD));
      probeLimited += limits.filter((limit) => number(limit) === PROBE).length;
      others += limits.length - 1;
      senders.clear();
    }
    assert.ok(fresh - 0x0a000000 > 990_000);
    figure({ row: "I5", what: `IPv${family}: limits for the probe`, value: probeLimited, atMost: 0 });
    figure({ row: "I5", what: `IPv${family}: limits for others than the flood`, value: others / intervals, atMost: 1 });
  });

  test(`IPv${family} addresses that differ in few bits spread over the whole table, whichever bits those are`, () => {
    let fewest = PLACES;
    for (let shift = 0; shift <= 20; shift++) {
      const senders = new HeavySenders();
      for (let i = 0; i < 2 * PLACES; i++) note(senders, ((i << shift) ^ 0x0a000000) >>> 0, family);
      fewest = Math.min(fewest, senders.list().length);
    }
    figure({ row: "I5", what: `IPv${family}: places in use`, value: fewest, atLeast: 1_900 });
  });
}

test("an IPv6 client is its /64, and an IPv4 client in a socket of both families is itself", () => {
  const senders = new HeavySenders();
  const v6 = (...words: number[]) => Uint8Array.from(words.flatMap((word) => [word >> 8, word & 255]));
  for (const last of [1, 2, 3]) {
    writeAddress(records, 0, v6(0x2001, 0xdb8, 0, 1, last, 0, 0, last), 53);
    senders.note(records, 0, 2);
  }
  writeAddress(records, 0, v6(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201), 53);
  senders.note(records, 0, 2);
  assert.deepEqual(senders.list().sort(byCount), [
    { family: 6, high: 0x20010db8, low: 1, count: 3, cost: 6 },
    { family: 4, high: 0xc0000201, low: 0, count: 1, cost: 2 },
  ]);
});
