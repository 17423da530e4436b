/** Two servers on one port, as while one takes the other's place: which of their sockets get what comes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ListenerPlan, socketId } from "../../src/plugin/plan.ts";
import { Parent } from "../../src/supervisor/parent.ts";
import { Sockets } from "../../src/supervisor/sockets.ts";
import { boundPort, closeFd, createNativePort, openUdp } from "../../src/transport/udp.ts";
import { pause, Recorder, skipNative } from "../transport/udp-support.ts";

const CLIENTS = 40;
/** Those who have gone are noticed within a second. */
const NOTICED_MS = 1_500;

describe("a port with two servers", { skip: skipNative }, () => {
  for (const address of ["127.0.0.1", "0.0.0.0", ""])
    for (const workers of [1, 2])
      test(`${address || "all addresses"}, ${workers} sockets each: the first has all, then the second has all`, async () => {
        const listener = listenerOn(address);
        using first = await Server.start(listener, workers);
        first.sockets.steer([0]);
        using second = await Server.start(listener, workers);
        second.sockets.steer(all(workers));
        assert.deepEqual(await ask(listener, first, second), [CLIENTS, 0]);

        await first.sockets.leave();
        // What a worker that comes late would bring about.
        first.sockets.steer([0]);
        assert.deepEqual(await ask(listener, first, second), [0, CLIENTS]);
        assert.deepEqual(second.used(), all(workers));
      });

  test("all addresses: a server that has those only takes over from the sockets on one", async () => {
    const everywhere = { ...listenerOn(""), ownAddresses: ["127.0.0.1"] };
    using first = await Server.start(everywhere, 2);
    first.sockets.steer(all(2));
    using second = await Server.start({ ...everywhere, ownAddresses: [] }, 2);
    second.sockets.steer(all(2));
    assert.deepEqual(await ask(everywhere, first, second), [CLIENTS, 0]);
    await first.sockets.leave();
    assert.deepEqual(await ask(everywhere, first, second), [0, CLIENTS]);
  });

  test("alone on a port there is nobody to leave to", async () => {
    const listener = listenerOn("127.0.0.1");
    using first = await Server.start(listener, 2);
    first.sockets.steer(all(2));
    await first.sockets.leave();
    assert.deepEqual(await ask(listener, first), [CLIENTS]);
  });

  test("the program that one who was killed has left behind is taken off", async () => {
    const listener = listenerOn("127.0.0.1");
    const first = await Server.start(listener, 2);
    using second = await Server.start(listener, 2);
    first.sockets.steer([1]);
    second.sockets.steer(all(2));
    first[Symbol.dispose]();
    await ask(listener, second);
    assert.equal(second.used().length, 1);
    await pause(NOTICED_MS);
    await ask(listener, second);
    assert.deepEqual(second.used(), all(2));
  });

  test("who was second steers a single socket once it is alone, and then a third one waits", async () => {
    const listener = listenerOn("127.0.0.1");
    const first = await Server.start(listener, 2);
    using second = await Server.start(listener, 1);
    await first.sockets.leave();
    first[Symbol.dispose]();
    await pause(NOTICED_MS);
    using third = await Server.start(listener, 2);
    third.sockets.steer(all(2));
    assert.deepEqual(await ask(listener, second, third), [CLIENTS, 0]);
  });

  test("several sockets of who was second are never steered, as their places are not known", async () => {
    const listener = listenerOn("127.0.0.1");
    const first = await Server.start(listener, 2);
    using second = await Server.start(listener, 2);
    await first.sockets.leave();
    first[Symbol.dispose]();
    await pause(NOTICED_MS);
    second.sockets.steer([0]);
    assert.deepEqual(await ask(listener, second), [CLIENTS]);
    assert.deepEqual(second.used(), all(2));
  });

  test("who was second leaves the first one its program, and leaves to a third one", async () => {
    const listener = listenerOn("127.0.0.1");
    using first = await Server.start(listener, 2);
    using second = await Server.start(listener, 2);
    using third = await Server.start(listener, 2);
    for (const { sockets } of [second, third]) sockets.steer(all(2));
    first.sockets.steer([1]);
    await second.sockets.leave();
    assert.deepEqual(await ask(listener, first, second, third), [CLIENTS, 0, 0]);
    assert.deepEqual(first.used(), [1]);
    await first.sockets.leave();
    assert.deepEqual(await ask(listener, first, second, third), [0, 0, CLIENTS]);
  });
});

/** What one process has of a port, and reads. */
class Server {
  readonly sockets: Sockets;
  readonly recorder = new Recorder(createNativePort);
  #seen = 0;

  private constructor(workers: number) {
    this.sockets = new Sockets(workers, new Parent({}));
  }

  static async start(listener: ListenerPlan, workers: number): Promise<Server> {
    const server = new Server(workers);
    await server.sockets.open([listener]);
    for (const worker of all(workers)) {
      for (const fd of server.sockets.of(worker).values()) server.recorder.port.add({ address: "", port: 0, fd });
    }
    return server;
  }

  /** Datagrams that have come since this was asked last. */
  taken(): number {
    const before = this.#seen;
    this.#seen = this.recorder.received.length;
    return this.#seen - before;
  }

  /** The workers whose sockets the last datagrams came by. */
  used(): number[] {
    return [...new Set(this.recorder.received.slice(-CLIENTS).map(({ socket }) => socket))].toSorted();
  }

  [Symbol.dispose](): void {
    this.recorder[Symbol.dispose]();
    this.sockets.keepOnly([]);
  }
}

function listenerOn(address: string): ListenerPlan {
  const fd = openUdp({ address, port: 0 });
  const port = boundPort(fd);
  closeFd(fd);
  return { id: socketId(address, port), address, ownAddresses: [] as readonly string[], port } as ListenerPlan;
}

/** Sends a datagram from each of many clients; gives how many came to each of the servers. */
async function ask({ port }: ListenerPlan, ...servers: readonly Server[]): Promise<number[]> {
  using client = new Recorder(createNativePort);
  for (const server of servers) server.taken();
  const to = all(CLIENTS).map(() => client.port.connect("127.0.0.1", port));
  client.send(to.map((socket) => ({ socket, record: -1, text: "asked" })));
  // Whatever was sent has been queued by now, in one socket or another.
  await pause(100);
  return servers.map((server) => server.taken());
}

function all(workers: number): number[] {
  return Array.from({ length: workers }, (_, index) => index);
}
