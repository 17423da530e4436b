/** A socket that gets more than is read from it: what the kernel is told to refuse, and that it is told to stop. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { native } from "../../src/native/index.ts";
import { PACKET_COUNTERS, PacketCounter } from "../../src/transport/packets.ts";
import { boundPort, closeFd, createNativePort, openUdp, socketDrops } from "../../src/transport/udp.ts";
import { LOOK_MS, Overload } from "../../src/worker/overload.ts";
import { Recorder, skipNative } from "../transport/udp-support.ts";

const LOUD = "127.0.0.2";
const QUIET = "127.0.0.3";

/** What the worker of a scene reads in an interval. */
const CAPACITY = 6_400;

/** A worker that reads at most CAPACITY datagrams an interval, and a loud and a quiet client. */
class Scene implements Disposable {
  readonly fd = openUdp({ address: "127.0.0.1", port: 0 });
  readonly statistics = new Float64Array(PACKET_COUNTERS);
  readonly overload = new Overload(this.statistics);
  readonly #clients = new Map<string, { recorder: Recorder; socket: number }>();
  #now = performance.now();

  constructor() {
    this.overload.watch(0, this.fd);
    for (const source of [LOUD, QUIET]) {
      const recorder = new Recorder(createNativePort);
      this.#clients.set(source, {
        recorder,
        socket: recorder.port.connect("127.0.0.1", boundPort(this.fd), { source }),
      });
    }
  }

  #send(source: string, count: number): void {
    const { recorder, socket } = this.#clients.get(source)!;
    for (let sent = 0; sent < count; sent += 50)
      recorder.send(Array.from({ length: 50 }, () => ({ socket, record: -1, text: source })));
  }

  /** Reads what is there, but no more than CAPACITY allows in a tenth of an interval. */
  async #read(counts: Map<string, number>): Promise<void> {
    let room = CAPACITY / 10;
    let ended = false;
    using server = new Recorder(createNativePort, {}, (port, count) => {
      if (ended) return 0;
      for (let slot = 0; slot < count; slot++) {
        if (this.overload.active) this.overload.note(port.sockets[slot]!, port.addresses, slot, 1);
      }
      for (const { text } of server.received.splice(0)) counts.set(text, counts.get(text)! + 1);
      room -= count;
      ended = room <= 0;
      if (ended) port.remove(0);
      return 0;
    });
    server.port.add({ address: "", port: 0, fd: this.fd });
    for (let turn = 0; turn < 30 && !ended; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** One interval: the clients send and the worker reads, by turns; then the overload is looked at. Gives what was read. */
  async interval(loud: number, quiet: number): Promise<{ loud: number; quiet: number }> {
    const counts = new Map([
      [LOUD, 0],
      [QUIET, 0],
    ]);
    for (let part = 0; part < 10; part++) {
      this.#send(LOUD, loud / 10);
      this.#send(QUIET, quiet / 10);
      await this.#read(counts);
    }
    this.#now += LOOK_MS;
    this.overload.look(this.#now, 1);
    return { loud: counts.get(LOUD)!, quiet: counts.get(QUIET)! };
  }

  [Symbol.dispose](): void {
    for (const { recorder } of this.#clients.values()) recorder[Symbol.dispose]();
    closeFd(this.fd);
  }
}

describe("overload", { skip: skipNative }, () => {
  test("the quiet client loses nothing, the loud one gets the rest, and all is undone afterwards", async () => {
    using scene = new Scene();
    await scene.interval(1_000, 1_000);
    assert.equal(scene.overload.active, false);
    for (let i = 0; i < 20; i++) await scene.interval(20_000, 1_000);
    assert.equal(scene.overload.active, true);
    let loud = 0;
    let quiet = 0;
    for (let i = 0; i < 10; i++) {
      const read = await scene.interval(20_000, 1_000);
      loud += read.loud;
      quiet += read.quiet;
    }
    assert.ok(quiet >= 9_500, `${quiet} of the quiet client's 10,000 were read`);
    assert.ok(quiet + loud >= 0.8 * 10 * CAPACITY, `${quiet} and ${loud} were read, of what could be`);
    const limited = scene.statistics[PacketCounter.LIMITED]!;
    assert.ok(limited > 100_000 && limited <= socketDrops(scene.fd), `${limited} were refused`);

    for (let i = 0; i < 60 && scene.overload.active; i++) await scene.interval(500, 500);
    assert.equal(scene.overload.active, false);
    assert.deepEqual(await scene.interval(1_000, 1_000), { loud: 1_000, quiet: 1_000 });
  });

  test("what the kernel drops is seen where its 32 bits begin anew", (t) => {
    let drops = 2 ** 32 - 1;
    t.mock.method(native!, "socketDrops", () => drops);
    using scene = new Scene();
    drops = 3;
    scene.overload.look(performance.now() + LOOK_MS, 1);
    assert.equal(scene.overload.active, true);
  });

  test("who comes after a worker that died under overload finds no limits", async () => {
    using scene = new Scene();
    for (let i = 0; i < 20; i++) await scene.interval(20_000, 1_000);
    new Overload(new Float64Array(PACKET_COUNTERS)).watch(0, scene.fd);
    for (let i = 0; i < 5; i++) await scene.interval(0, 0);
    assert.deepEqual(await scene.interval(1_000, 1_000), { loud: 1_000, quiet: 1_000 });
  });

  test("where the kernel has neither counts nor filters nobody is limited, and nothing fails", async (t) => {
    const ENOPROTOOPT = 92;
    const EPERM = 1;
    t.mock.method(native!, "socketDrops", () => -ENOPROTOOPT);
    t.mock.method(native!, "socketFill", () => -ENOPROTOOPT);
    t.mock.method(native!, "setLimits", () => -EPERM);
    using scene = new Scene();
    for (let i = 0; i < 3; i++) await scene.interval(1_000, 1_000);
    assert.deepEqual(await scene.interval(1_000, 1_000), { loud: 1_000, quiet: 1_000 });
    assert.equal(scene.overload.active, false);
  });
});
