/** The supervisor's sockets: what is told of them where the kernel counts in its own way, or not at all. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { native } from "../../src/native/index.ts";
import type { ListenerPlan } from "../../src/plugin/plan.ts";
import { Parent } from "../../src/supervisor/parent.ts";
import { Sockets } from "../../src/supervisor/sockets.ts";
import { skipNative } from "../transport/udp-support.ts";

const ENOPROTOOPT = 92;
const ownAddresses: readonly string[] = [];
const listener = { id: "udp 127.0.0.1 0", address: "127.0.0.1", ownAddresses, port: 0 } as ListenerPlan;
const everywhere = { ...listener, id: "udp  0", address: "", ownAddresses: ["127.0.0.1", "192.0.2.99"] };

describe("drops", { skip: skipNative }, () => {
  for (const { name, read, total } of [
    {
      name: "go on where the kernel's 32 bits begin anew",
      read: [5, 2 ** 32 - 1, 3],
      total: [5, 2 ** 32 - 1, 2 ** 32 + 3],
    },
    { name: "are none where the kernel does not count", read: [-ENOPROTOOPT, -ENOPROTOOPT], total: [0, 0] },
  ]) {
    test(name, async (t) => {
      let next = 0;
      t.mock.method(native!, "socketDrops", () => next);
      const sockets = new Sockets(1, new Parent({}));
      await sockets.open([listener]);
      for (const [i, count] of read.entries()) {
        next = count;
        assert.equal(sockets.totalDrops(), total[i]);
        assert.deepEqual([...sockets.drops()], [[listener.id, total[i]]]);
      }
      sockets.keepOnly([]);
      assert.equal(sockets.totalDrops(), total.at(-1));
    });
  }
});

test("drops of a closed socket are not another's, though that has its descriptor", { skip: skipNative }, async (t) => {
  let drops = 5;
  t.mock.method(native!, "socketDrops", () => drops);
  const sockets = new Sockets(1, new Parent({}));
  for (const total of [5, 7]) {
    await sockets.open([listener]);
    assert.equal(sockets.totalDrops(), total);
    sockets.keepOnly([]);
    drops = 2;
  }
});

test("an address that cannot be used is left to the socket on all addresses", { skip: skipNative }, async () => {
  const sockets = new Sockets(2, new Parent({}));
  assert.deepEqual(await sockets.open([everywhere]), ["udp  0", "udp 127.0.0.1 0"]);
  assert.deepEqual([...sockets.of(1).keys()], ["udp  0", "udp 127.0.0.1 0"]);
  // It is another listener's now: nothing is opened, and the other ones go.
  assert.deepEqual(await sockets.open([listener]), []);
  sockets.keepOnly([listener]);
  assert.deepEqual([...sockets.of(0).keys()], ["udp 127.0.0.1 0"]);
  assert.deepEqual([...sockets.drops().keys()], [listener.id]);
  sockets.keepOnly([]);
  assert.equal(sockets.of(0).size, 0);
});
