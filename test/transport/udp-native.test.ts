/** What only the addon does: sockets opened for others, steering, replies from the address that was asked, threads that die. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { after, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { PacketCounter } from "../../src/transport/packets.ts";
import { boundPort, closeFd, createNativePort, openUdp, setSteering, socketDrops } from "../../src/transport/udp.ts";
import { countFds, echo, pause, Recorder, skipNative } from "./udp-support.ts";

describe("openUdp", { skip: skipNative }, () => {
  for (const { options, code, message } of [
    {
      options: { address: "192.0.2.1", port: 5353 },
      code: "EADDRNOTAVAIL",
      message: "cannot listen on udp 192.0.2.1:5353: address not available (EADDRNOTAVAIL)",
    },
    {
      options: { address: "2001:db8::1", port: 5353 },
      code: "EADDRNOTAVAIL",
      message: "cannot listen on udp [2001:db8::1]:5353: address not available (EADDRNOTAVAIL)",
    },
    {
      options: { address: "example.org", port: 5353 },
      code: "EINVAL",
      message: "cannot listen on udp example.org:5353: invalid argument (EINVAL)",
    },
    {
      options: { address: "fe80::1%nowhere", port: 5353 },
      code: "ENODEV",
      message: "cannot listen on udp [fe80::1%nowhere]:5353: no such device (ENODEV)",
    },
  ])
    test(`${options.address}: ${code}`, () => {
      assert.throws(() => openUdp(options), { code, message, address: options.address, port: options.port });
    });

  test("an address in use: EADDRINUSE", () => {
    const fd = openUdp({ address: "127.0.0.1", port: 0, reusePort: false });
    const port = boundPort(fd);
    const message = `cannot listen on udp 127.0.0.1:${port}: address already in use (EADDRINUSE)`;
    for (const reusePort of [true, false])
      assert.throws(() => openUdp({ address: "127.0.0.1", port, reusePort }), { code: "EADDRINUSE", message });
    closeFd(fd);
  });

  test("one group has many sockets on one port", () => {
    const first = openUdp({ address: "127.0.0.1", port: 0 });
    const others = [1, 2, 3].map(() => openUdp({ address: "127.0.0.1", port: boundPort(first) }));
    for (const fd of others) assert.equal(boundPort(fd), boundPort(first));
    for (const fd of [first, ...others]) closeFd(fd);
  });

  test("both wildcards stand beside each other when the one of IPv6 leaves IPv4 alone", () => {
    const four = openUdp({ address: "0.0.0.0", port: 0, reusePort: false });
    const port = boundPort(four);
    const six = openUdp({ address: "::", port, reusePort: false });
    assert.throws(() => openUdp({ address: "", port, reusePort: false }), { code: "EADDRINUSE" });
    closeFd(four);
    closeFd(six);
  });

  test("a descriptor that is none is an error, not a crash", () => {
    assert.throws(() => boundPort(1_000_000), { code: "EBADF" });
    assert.throws(() => closeFd(1_000_000), { code: "EBADF" });
    assert.throws(() => socketDrops(1_000_000), { code: "EBADF" });
    assert.throws(() => setSteering(1_000_000, [0]), { code: "EBADF" });
    using recorder = new Recorder(createNativePort);
    assert.equal(recorder.port.add({ address: "127.0.0.1", port: 1, fd: 1_000_000 }), -9);
  });
});

describe("C8: replies leave from the address that was asked", { skip: skipNative }, () => {
  for (const { listen, asked } of [
    { listen: "0.0.0.0", asked: ["127.0.0.1", "127.0.0.2", "127.1.2.3"] },
    { listen: "::", asked: ["::1"] },
    { listen: "", asked: ["127.0.0.1", "127.0.0.2", "127.1.2.3", "::1"] },
  ])
    for (const address of asked)
      test(`listening on ${listen || "everything"}, asked at ${address}`, async () => {
        const fd = openUdp({ address: listen, port: 0 });
        using server = new Recorder(createNativePort, {}, echo);
        server.port.add({ address: listen, port: 0, fd });
        const client = createSocket(address.includes(":") ? "udp6" : "udp4");
        client.send("from where", boundPort(fd), address);
        const [reply, from] = await once(client, "message");
        assert.equal(String(reply), "from where");
        assert.equal(from.address, address);
        assert.equal(server.received[0]?.local, address);
        client.close();
        closeFd(fd);
      });

  test("a listener of one address has no need to know", async () => {
    const fd = openUdp({ address: "127.0.0.3", port: 0 });
    using server = new Recorder(createNativePort, {}, echo);
    server.port.add({ address: "127.0.0.3", port: 0, fd });
    const client = createSocket("udp4");
    client.send("there is one only", boundPort(fd), "127.0.0.3");
    const [, from] = await once(client, "message");
    assert.equal(from.address, "127.0.0.3");
    assert.equal(server.received[0]?.local, "");
    client.close();
    closeFd(fd);
  });
});

describe("batches", { skip: skipNative }, () => {
  test("one batch carries the datagrams of many sockets", async () => {
    using server = new Recorder(createNativePort, {}, echo);
    const fds = Array.from({ length: 10 }, () => openUdp({ address: "127.0.0.1", port: 0 }));
    for (const fd of fds) server.port.add({ address: "127.0.0.1", port: 0, fd });
    using client = new Recorder(createNativePort);
    const sockets = fds.map((fd) => client.port.connect("127.0.0.1", boundPort(fd)));
    client.send([...sockets, ...sockets, ...sockets].map((socket) => ({ socket, record: -1, text: `${socket}` })));
    await client.until(30);
    assert.deepEqual(server.batches, [30]);
    assert.deepEqual(client.batches, [30]);
    for (const { socket, text } of client.received) assert.equal(text, `${socket}`);
    for (const fd of fds) closeFd(fd);
  });

  test("what has come by now is taken before a socket is removed", async () => {
    const fd = openUdp({ address: "127.0.0.1", port: 0 });
    using server = new Recorder(createNativePort, { slotCount: 8 }, echo);
    const socket = server.port.add({ address: "127.0.0.1", port: 0, fd });
    const client = createSocket("udp4").unref();
    client.connect(boundPort(fd), "127.0.0.1");
    await once(client, "connect");
    const answered = new Promise((resolve) => {
      let count = 0;
      client.on("message", () => ++count === 20 && resolve(count));
    });
    for (let i = 0; i < 20; i++) client.send(`${i}`);
    server.port.drain(socket);
    server.port.remove(socket);
    assert.equal(server.received.length, 20);
    assert.equal(await answered, 20);
    client.close();
    closeFd(fd);
  });

  test("a flood on one socket leaves the others their turn, and timers theirs", async () => {
    using server = new Recorder(createNativePort, { slotCount: 8 });
    const fds = [0, 1].map(() => openUdp({ address: "127.0.0.1", port: 0, receiveBuffer: 4 << 20 }));
    for (const fd of fds) server.port.add({ address: "127.0.0.1", port: 0, fd });
    using client = new Recorder(createNativePort);
    const sockets = fds.map((fd) => client.port.connect("127.0.0.1", boundPort(fd)));
    const flood = Array.from({ length: 128 }, () => ({ socket: sockets[0]!, record: -1, text: "flood" }));
    for (let i = 0; i < 8; i++) client.send(flood);
    client.send([{ socket: sockets[1]!, record: -1, text: "mine" }]);
    await server.until(1);
    // One turn: 8 batches of 8 slots, and then the rest of the loop runs.
    assert.ok(server.received.length <= 64, `${server.received.length} datagrams before the first continuation`);
    await server.until(1025);
    assert.ok(server.received.findIndex(({ text }) => text === "mine") < 64);
    for (const fd of fds) closeFd(fd);
  });

  test("what the kernel dropped is told", async () => {
    const fd = openUdp({ address: "127.0.0.1", port: 0, receiveBuffer: 4096 });
    using client = new Recorder(createNativePort);
    const socket = client.port.connect("127.0.0.1", boundPort(fd));
    assert.equal(socketDrops(fd), 0);
    client.send(Array.from({ length: 100 }, () => ({ socket, record: -1, text: "d".repeat(1000) })));
    const drops = socketDrops(fd);
    assert.ok(drops > 80 && drops < 100, `${drops}`);
    closeFd(fd);
  });

  test("a closed group member that its reader still holds goes on, and no other file is read in its place", async () => {
    const fd = openUdp({ address: "127.0.0.1", port: 0 });
    const port = boundPort(fd);
    using server = new Recorder(createNativePort, {}, echo);
    server.port.add({ address: "127.0.0.1", port, fd });
    closeFd(fd);
    using client = new Recorder(createNativePort);
    const socket = client.port.connect("127.0.0.1", port);
    client.send([{ socket, record: -1, text: "still there" }]);
    await client.until(1);
  });
});

describe("steering", { skip: skipNative }, () => {
  const fds: number[] = [openUdp({ address: "127.0.0.1", port: 0, receiveBuffer: 8 << 20 })];
  for (let i = 1; i < 3; i++)
    fds.push(openUdp({ address: "127.0.0.1", port: boundPort(fds[0]!), receiveBuffer: 8 << 20 }));
  after(() => fds.forEach(closeFd));

  for (const { live, shares } of [
    { live: [0, 1, 2], shares: [1 / 3, 1 / 3, 1 / 3] },
    { live: [0, 2], shares: [1 / 2, 0, 1 / 2] },
    { live: [1, 2], shares: [0, 1 / 2, 1 / 2] },
    { live: [1], shares: [0, 1, 0] },
    { live: [2, 1, 0], shares: [1 / 3, 1 / 3, 1 / 3] },
  ])
    test(`10,000 datagrams of one client over the sockets ${live}`, async () => {
      setSteering(fds[0]!, live);
      const counts = [0, 0, 0];
      using server = new Recorder(createNativePort, {}, (port, count) => {
        for (let slot = 0; slot < count; slot++) counts[port.sockets[slot]!]!++;
        return 0;
      });
      for (const fd of fds) server.port.add({ address: "127.0.0.1", port: 0, fd });
      using client = new Recorder(createNativePort);
      const socket = client.port.connect("127.0.0.1", boundPort(fds[0]!));
      const hundred = Array.from({ length: 100 }, () => ({ socket, record: -1, text: "steered" }));
      for (let i = 0; i < 100; i++) {
        client.send(hundred);
        await server.until(100 * (i + 1));
      }
      shares.forEach((share, i) => {
        // Three socket's worth of chance has a deviation of 47 in 3,333; 10 % is seven of them.
        assert.ok(Math.abs(counts[i]! - 10_000 * share) <= 1000 * share, `socket ${i}: ${counts}`);
      });
    });

  test("no program: one client's datagrams all go to one socket", async () => {
    setSteering(fds[0]!, []);
    setSteering(fds[0]!, []);
    using server = new Recorder(createNativePort);
    for (const fd of fds) server.port.add({ address: "127.0.0.1", port: 0, fd });
    using client = new Recorder(createNativePort);
    const socket = client.port.connect("127.0.0.1", boundPort(fds[0]!));
    client.send(Array.from({ length: 100 }, () => ({ socket, record: -1, text: "hashed" })));
    await server.until(100);
    assert.equal(new Set(server.received.map(({ socket }) => socket)).size, 1);
  });

  test("more members than a program holds are refused", () => {
    assert.throws(() => setSteering(fds[0]!, new Array(2000).fill(0)), { code: "E2BIG" });
  });
});

describe("threads", { skip: skipNative }, () => {
  const script = new URL("./udp-worker.ts", import.meta.url);

  test("a throw in onBatch is an uncaught exception of that thread, and the port goes on", async () => {
    const fd = openUdp({ address: "127.0.0.1", port: 0 });
    const worker = new Worker(script, { workerData: { fd, mode: "throw" } });
    await once(worker, "message");
    const client = createSocket("udp4");
    client.connect(boundPort(fd), "127.0.0.1");
    await once(client, "connect");
    client.send("throw");
    const [caught] = await once(worker, "message");
    assert.equal(caught, "caught: thrown on purpose");
    client.send("go on");
    const [reply] = await once(client, "message");
    assert.equal(String(reply), "go on");
    client.close();
    await worker.terminate();
    closeFd(fd);
  });

  test("without a handler it ends the thread, and only the thread", async () => {
    const fd = openUdp({ address: "127.0.0.1", port: 0 });
    const worker = new Worker(script, { workerData: { fd, mode: "echo" } });
    await once(worker, "message");
    const client = createSocket("udp4");
    client.send("throw", boundPort(fd), "127.0.0.1");
    const [error] = await once(worker, "error");
    assert.equal(error.message, "thrown on purpose");
    client.close();
    closeFd(fd);
  });

  test("50 threads ended at any moment under load: no crash, nothing left open, nothing lost to the next", async () => {
    const fd = openUdp({ address: "127.0.0.1", port: 0 });
    const port = boundPort(fd);
    using client = new Recorder(createNativePort);
    const sockets = [0, 1, 2, 3].map(() => client.port.connect("127.0.0.1", port));
    const questions = Array.from({ length: 64 }, (_, i) => ({ socket: sockets[i % 4]!, record: -1, text: "busy" }));
    const load = setInterval(() => client.send(questions), 1);
    load.unref();
    await pause(20);
    const before = countFds();
    for (let i = 0; i < 50; i++) {
      const worker = new Worker(script, { workerData: { fd, mode: i % 5 === 4 ? "stall" : "echo" } });
      await once(worker, "message");
      await pause(i % 7);
      await worker.terminate();
    }
    clearInterval(load);
    assert.equal(countFds(), before);
    const heard = client.received.length;
    assert.ok(heard > 100, `${heard} replies`);
    using heir = new Recorder(createNativePort, {}, echo);
    heir.port.add({ address: "127.0.0.1", port, fd });
    // What waited in the socket while nobody read it comes first; until then the socket may be full.
    await heir.until(1);
    await pause(50);
    client.send([{ socket: sockets[0]!, record: -1, text: "last" }]);
    await client.when(
      () => client.received.at(-1)?.text === "last",
      () => "no reply from the heir",
    );
    assert.equal(heir.port.statistics[PacketCounter.LOST_OTHER], 0);
    closeFd(fd);
  });
});
