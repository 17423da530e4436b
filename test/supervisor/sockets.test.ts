/** The supervisor's sockets: what is told of them where the kernel counts in its own way, or not at all. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { native } from "../../src/native/index.ts";
import type { ListenerPlan } from "../../src/plugin/plan.ts";
import { Sockets } from "../../src/supervisor/sockets.ts";
import { skipNative } from "../transport/udp-support.ts";

const ENOPROTOOPT = 92;
const listener = { id: "udp 127.0.0.1 0", address: "127.0.0.1", port: 0 } as ListenerPlan;

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
      const sockets = new Sockets(1);
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
