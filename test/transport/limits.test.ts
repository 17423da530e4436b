/** What the kernel takes of an address's datagrams, in sockets of one family and of both. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, test } from "node:test";
import {
  type AddressLimit,
  boundPort,
  closeFd,
  createNativePort,
  openUdp,
  setLimits,
  setReceiveBuffer,
  socketDrops,
} from "../../src/transport/udp.ts";
import { Recorder, skipNative } from "./udp-support.ts";

const LOUD = 0x7f000002;
const QUIET = 0x7f000003;
const v4 = (high: number, keep: number): AddressLimit => ({ family: 4, high, low: 0, keep });

/** How many of `count` datagrams from each of these addresses are taken by `fd`. */
async function taken(fd: number, to: string, from: readonly string[], count: number): Promise<number[]> {
  using server = new Recorder(createNativePort, { slotCount: 64 });
  const before = socketDrops(fd);
  const socket = server.port.add({ address: "", port: 0, fd });
  const clients = from.map((source) => ({ source, recorder: new Recorder(createNativePort) }));
  for (const { source, recorder } of clients) {
    const number = recorder.port.connect(to, boundPort(fd), { source });
    for (let sent = 0; sent < count; sent += 50) {
      recorder.send(Array.from({ length: 50 }, () => ({ socket: number, record: -1, text: source })));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const all = count * from.length;
  await server.when(
    () => server.received.length + socketDrops(fd) - before >= all,
    () => `${server.received.length} taken, ${socketDrops(fd) - before} dropped`,
  );
  server.port.remove(socket);
  for (const { recorder } of clients) recorder[Symbol.dispose]();
  return from.map((source) => server.received.filter(({ text }) => text === source).length);
}

describe("limits", { skip: skipNative }, () => {
  for (const address of ["127.0.0.1", ""]) {
    test(`a part of what one address sends to "${address}", all of another's`, async () => {
      const fd = openUdp({ address, port: 0, receiveBuffer: 4 << 20 });
      try {
        setLimits(fd, [v4(0x0a000001, 0.5), v4(LOUD, 0.25)]);
        const [loud, quiet] = await taken(fd, "127.0.0.1", ["127.0.0.2", "127.0.0.3"], 2_000);
        // 500 of 2,000 with a deviation of 19.
        assert.ok(loud! > 380 && loud! < 620, `${loud} taken`);
        assert.equal(quiet, 2_000);
        setLimits(fd, [v4(QUIET, 0)]);
        assert.deepEqual(await taken(fd, "127.0.0.1", ["127.0.0.2", "127.0.0.3"], 100), [100, 0]);
        setLimits(fd, []);
        setLimits(fd, []);
        assert.deepEqual(await taken(fd, "127.0.0.1", ["127.0.0.2", "127.0.0.3"], 100), [100, 100]);
      } finally {
        closeFd(fd);
      }
    });
  }

  for (const count of [2, 4, 5, 9, 17, 100, 384]) {
    test(`each of ${count} addresses is found among the others, and nobody else`, async () => {
      const fd = openUdp({ address: "127.0.0.1", port: 0, receiveBuffer: 4 << 20 });
      // Every other address, in an order that looks like none.
      const limited = Array.from({ length: count }, (_, i) => 2 * ((i * 97) % count));
      try {
        const v6: AddressLimit = { family: 6, high: 1, low: 1, keep: 0 };
        setLimits(fd, [...limited.map((i) => v4(0x7f010000 + i, 0)), v6].slice(0, 384));
        const asked = Array.from({ length: 2 * count + 2 }, (_, i) => i).filter(
          (i) => count < 20 || i < 12 || i > 2 * count - 12 || i % 31 === 0,
        );
        const from = asked.map((i) => `127.1.${i >> 8}.${i & 255}`);
        const isLimited = (i: number) => limited.includes(i);
        const expected = asked.map((i) => (isLimited(i) ? 0 : 50));
        assert.deepEqual(await taken(fd, "127.0.0.1", from, 50), expected);
      } finally {
        closeFd(fd);
      }
    });
  }

  test("IPv6 by the first half of the address", async (t) => {
    const probe = createSocket("udp6");
    const bound = await Promise.race([once(probe.bind(0, "::1"), "listening").then(() => true), once(probe, "error")]);
    probe.close();
    if (bound !== true) return t.skip("no IPv6 here");
    const fd = openUdp({ address: "::1", port: 0 });
    try {
      setLimits(fd, [v4(0, 0), { family: 6, high: 0x20010db8, low: 0, keep: 0 }]);
      assert.deepEqual(await taken(fd, "::1", ["::1"], 100), [100]);
      setLimits(fd, [{ family: 6, high: 0, low: 0, keep: 0 }]);
      assert.deepEqual(await taken(fd, "::1", ["::1"], 100), [0]);
      // Many that share the word that the search goes by, beside many that do not.
      const v6 = (high: number, low: number): AddressLimit => ({ family: 6, high, low, keep: 0 });
      const alike = Array.from({ length: 50 }, (_, i) => v6(i + 1, 0));
      const others = Array.from({ length: 50 }, (_, i) => v6(0, i + 1));
      setLimits(fd, [...alike, ...others]);
      assert.deepEqual(await taken(fd, "::1", ["::1"], 100), [100]);
      setLimits(fd, [...alike, v6(0, 0), ...others]);
      assert.deepEqual(await taken(fd, "::1", ["::1"], 100), [0]);
    } finally {
      closeFd(fd);
    }
  });

  test("as many as fit, and no more", () => {
    const fd = openUdp({ address: "127.0.0.1", port: 0 });
    const some = (count: number) => Array.from({ length: count }, (_, i) => ({ ...v4(i, 0.5), family: 6 as const }));
    setLimits(fd, some(384));
    assert.throws(() => setLimits(fd, some(385)), { code: "E2BIG" });
    setReceiveBuffer(fd, 100_000);
    closeFd(fd);
    assert.throws(() => setReceiveBuffer(1_000_000, 100_000), { code: "EBADF" });
  });
});
