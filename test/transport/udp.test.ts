/** The contract of packet ports, kept by both implementations. What only the addon can is in udp-native.test.ts. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { constants } from "node:os";
import { describe, test } from "node:test";
import { PacketCounter } from "../../src/transport/packets.ts";
import { compose, countFds, echo, implementations, pause, Recorder, readSlot } from "./udp-support.ts";

const { EADDRINUSE, ECONNREFUSED, EINVAL, EBADF } = constants.errno;

for (const { name, skip, create, listener } of implementations) {
  describe(`packet port, ${name}`, { skip }, () => {
    for (const { listen, ask, from } of [
      { listen: "127.0.0.1", ask: "127.0.0.1", from: "127.0.0.1" },
      { listen: "0.0.0.0", ask: "127.0.0.1", from: "127.0.0.1" },
      { listen: "::1", ask: "::1", from: "::1" },
      { listen: "::", ask: "::1", from: "::1" },
      { listen: "", ask: "::1", from: "::1" },
      { listen: "", ask: "127.0.0.1", from: "127.0.0.1" },
    ])
      test(`echo: listening on ${listen || "everything"}, asked at ${ask}`, async () => {
        using place = await listener(listen);
        using server = new Recorder(create, {}, echo);
        assert.equal(server.port.add(place), 0);
        using client = new Recorder(create);
        const socket = client.port.connect(ask, place.port);
        assert.equal(client.send([{ socket, record: -1, text: "who is there" }]), 1);
        const [reply] = await client.until(1);
        assert.equal(reply?.text, "who is there");
        assert.equal(reply?.from, "");
        assert.equal(server.received[0]?.from, from);
        assert.ok((server.received[0]?.port ?? 0) > 0);
      });

    test("a port opens listeners of its own", async () => {
      using place = await listener("127.0.0.1");
      using server = new Recorder(create, {}, echo);
      assert.equal(server.port.add({ address: place.address, port: place.port }), 0);
      server.port.remove(0);
    });

    test("many datagrams come in few batches, each whole and in order", async () => {
      using place = await listener("127.0.0.1");
      using server = new Recorder(create);
      server.port.add(place);
      await using client = createSocket("udp4");
      const texts = Array.from({ length: 200 }, (_, i) => `datagram ${i} ${"x".repeat(i)}`);
      for (const text of texts) client.send(text, place.port, "127.0.0.1");
      await server.until(texts.length);
      assert.deepEqual(
        server.received.map(({ text }) => text),
        texts,
      );
      assert.ok(server.batches.length < texts.length / 4, `${server.batches.length} batches`);
      assert.ok(Math.max(...server.batches) <= server.port.slotCount);
      assert.equal(server.port.statistics[PacketCounter.RECEIVED], texts.length);
      assert.equal(server.port.statistics[PacketCounter.BATCHES], server.batches.length);
    });

    test("an empty datagram is a datagram", async () => {
      using place = await listener("127.0.0.1");
      using server = new Recorder(create);
      server.port.add(place);
      await using client = createSocket("udp4");
      client.send("", place.port, "127.0.0.1");
      assert.equal((await server.until(1))[0]?.length, 0);
    });

    test("each of three sockets answers for itself", async () => {
      using first = await listener("127.0.0.1");
      using second = await listener("127.0.0.1");
      using third = await listener("::1");
      using server = new Recorder(create, {}, echo);
      assert.deepEqual(
        [first, second, third].map((place) => server.port.add(place)),
        [0, 1, 2],
      );
      using client = new Recorder(create);
      const sockets = [
        client.port.connect("127.0.0.1", first.port),
        client.port.connect("127.0.0.1", second.port),
        client.port.connect("::1", third.port),
      ];
      const questions = Array.from({ length: 60 }, (_, i) => ({
        socket: sockets[i % 3]!,
        record: -1,
        text: `to ${i % 3}`,
      }));
      assert.equal(client.send(questions), 60);
      for (const { socket, text } of await client.until(60)) assert.equal(text, `to ${socket}`);
      for (const { socket, text } of server.received) assert.equal(text, `to ${socket}`);
    });

    test("a connected socket hears of refusal, and works again when somebody listens", async () => {
      using client = new Recorder(create);
      const free = await freePort();
      const socket = client.port.connect("127.0.0.1", free);
      client.send([{ socket, record: -1, text: "nobody there" }]);
      const [error] = await client.until(1);
      assert.equal(error?.length, -ECONNREFUSED);
      assert.equal(error?.socket, socket);
      await using server = createSocket("udp4");
      server.bind(free, "127.0.0.1");
      await once(server, "listening");
      client.send([{ socket, record: -1, text: "again" }]);
      const [message] = await once(server, "message");
      assert.equal(String(message), "again");
    });

    test("a connected socket takes datagrams from its peer only", async () => {
      await using peer = createSocket("udp4");
      await using stranger = createSocket("udp4");
      peer.bind(0, "127.0.0.1");
      await once(peer, "listening");
      using client = new Recorder(create);
      const socket = client.port.connect("127.0.0.1", peer.address().port);
      client.send([{ socket, record: -1, text: "question" }]);
      const [, from] = await once(peer, "message");
      await new Promise((resolve) => stranger.send("forged", from.port, from.address, resolve));
      peer.send("true", from.port, from.address);
      await client.until(1);
      await pause(20);
      assert.deepEqual(
        client.received.map(({ text }) => text),
        ["true"],
      );
    });

    test("connect from an address of one's choice", async () => {
      using place = await listener("127.0.0.1");
      using server = new Recorder(create);
      server.port.add(place);
      using client = new Recorder(create);
      const socket = client.port.connect("127.0.0.1", place.port, { source: "127.0.0.9" });
      client.send([{ socket, record: -1, text: "from 9" }]);
      assert.equal((await server.until(1))[0]?.from, "127.0.0.9");
    });

    for (const { address, port, why } of [
      { address: "localhost", port: 53, why: "a name" },
      { address: "", port: 53, why: "nothing" },
      { address: "127.0.0.1.", port: 53, why: "a dot too many" },
      { address: "1".repeat(500), port: 53, why: "far too long" },
    ])
      test(`connect refuses ${why}`, () => {
        using client = new Recorder(create);
        assert.equal(client.port.connect(address, port), -EINVAL);
      });

    test("an address in use is reported", async () => {
      await using holder = createSocket("udp4");
      holder.bind(0, "127.0.0.1");
      await once(holder, "listening");
      using server = new Recorder(create);
      const result = server.port.add({ address: "127.0.0.1", port: holder.address().port });
      const error = result < 0 ? result : (await server.until(1))[0]?.length;
      assert.equal(error, -EADDRINUSE);
    });

    test("C9: a datagram longer than a slot is dropped and counted, its neighbours are whole", async () => {
      using place = await listener("127.0.0.1");
      using server = new Recorder(create, { slotSize: 512 });
      server.port.add(place);
      await using client = createSocket("udp4");
      const sizes = [10, 513, 512, 4000, 65507, 11, 1, 600];
      for (const size of sizes) client.send("y".repeat(size), place.port, "127.0.0.1");
      client.send("end", place.port, "127.0.0.1");
      await server.when(
        () => server.received.at(-1)?.text === "end",
        () => "no end",
      );
      assert.deepEqual(
        server.received.map(({ length }) => length),
        [10, 512, 11, 1, 3],
      );
      for (const { text, from } of server.received) {
        assert.match(text, /^(y+|end)$/);
        assert.equal(from, "127.0.0.1");
      }
      assert.equal(server.port.statistics[PacketCounter.TRUNCATED], 4);
      assert.equal(server.port.statistics[PacketCounter.RECEIVED], sizes.length + 1);
    });

    test("C7: entries that cannot be sent cost no other", async () => {
      using place = await listener("127.0.0.1");
      const huge = "z".repeat(65535);
      using server = new Recorder(create, { sendingSize: 1 << 20 }, (port, count) => {
        const datagrams = [];
        for (let slot = 0; slot < count; slot++) {
          const { socket, text } = readSlot(port, slot);
          datagrams.push({ socket, record: slot, text: text === "huge" ? huge : text });
        }
        return compose(port, datagrams);
      });
      server.port.add(place);
      using client = new Recorder(create);
      const socket = client.port.connect("127.0.0.1", place.port);
      const texts = ["huge", "a", "huge", "huge", "b", "c", "huge"];
      client.send(texts.map((text) => ({ socket, record: -1, text })));
      await client.until(3);
      await pause(20);
      assert.deepEqual(client.received.map(({ text }) => text).sort(), ["a", "b", "c"]);
      assert.equal(server.port.statistics[PacketCounter.LOST_TOO_LARGE], 4);
      assert.equal(server.port.statistics[PacketCounter.SENT], 3);
    });

    test("descriptors that point nowhere are counted and skipped", async () => {
      using place = await listener("127.0.0.1");
      using server = new Recorder(create, {}, (port, count) => {
        echo(port, count);
        const [socket, record, offset, length] = port.descriptors;
        port.descriptors.set([
          ...[-1, 0, 0, 4],
          ...[7, 0, 0, 4],
          ...[1 << 30, 0, 0, 4],
          ...[0, -1, 0, 4],
          ...[0, 2 * port.slotCount, 0, 4],
          ...[0, port.slotCount, 0, 4],
          ...[0, 0, -1, 4],
          ...[0, 0, 0, -1],
          ...[0, 0, port.sending.length - 3, 4],
          ...[0, 0, 2 ** 31 - 1, 2 ** 31 - 1],
          ...[socket!, record!, offset!, length!],
        ]);
        return 11;
      });
      server.port.add(place);
      using client = new Recorder(create);
      client.send([{ socket: client.port.connect("127.0.0.1", place.port), record: -1, text: "good" }]);
      assert.equal((await client.until(1))[0]?.text, "good");
      assert.equal(server.port.statistics[PacketCounter.LOST_OTHER], 10);
      assert.equal(server.port.send(1 << 30) <= server.port.descriptorCount, true);
    });

    test("what onBatch returns is sent before a promise's continuation writes into the arena", async () => {
      using place = await listener("127.0.0.1");
      using server = new Recorder(create, {}, (port, count) => {
        Promise.resolve().then(() => port.send(compose(port, [{ socket: 0, record: 0, text: "second" }])));
        return echo(port, count);
      });
      server.port.add(place);
      using client = new Recorder(create);
      const socket = client.port.connect("127.0.0.1", place.port);
      client.send([{ socket, record: -1, text: "first" }]);
      await client.until(2);
      assert.deepEqual(
        client.received.map(({ text }) => text),
        ["first", "second"],
      );
    });

    test("a socket removed while its datagrams are in the batch keeps its number until the batch is over", async () => {
      using first = await listener("127.0.0.1");
      using second = await listener("127.0.0.1");
      const numbers: number[] = [];
      using server = new Recorder(create, {}, (port, count) => {
        for (let slot = 0; slot < count; slot++) {
          if (readSlot(port, slot).text !== "go") continue;
          port.remove(0);
          port.remove(1);
          numbers.push(port.connect("127.0.0.1", 9));
        }
        // To sockets that are gone: counted, nothing else.
        return echo(port, count);
      });
      server.port.add(first);
      server.port.add(second);
      await using client = createSocket("udp4");
      for (let i = 0; i < 10; i++) for (const place of [first, second]) client.send("go", place.port, "127.0.0.1");
      await server.until(1);
      await pause(30);
      assert.ok(server.received.length <= 20);
      assert.equal(numbers[0], 2);
      const reused = server.port.connect("127.0.0.1", 9);
      assert.ok(reused === 0 || reused === 1, `${reused}`);
      assert.equal(server.port.statistics[PacketCounter.SENT], 0);
    });

    test("a port closed inside its batch is silent from then on", async () => {
      using place = await listener("127.0.0.1");
      using server = new Recorder(create, { slotCount: 4 }, (port, count) => {
        port.close();
        return echo(port, count);
      });
      server.port.add(place);
      await using client = createSocket("udp4");
      for (let i = 0; i < 50; i++) client.send("stop", place.port, "127.0.0.1");
      await server.until(1);
      await pause(30);
      assert.equal(server.batches.length, 1);
      assert.equal(server.port.statistics[PacketCounter.SENT], 0);
      assert.equal(server.port.add(place), -EBADF);
      assert.equal(server.port.connect("127.0.0.1", 9), -EBADF);
      assert.equal(server.port.send(1), 0);
      server.port.remove(0);
      server.port.close();
    });

    test("nothing is left open by 40 ports that came and went", async () => {
      await pause(20);
      const before = countFds();
      for (let i = 0; i < 40; i++) {
        using place = await listener("127.0.0.1");
        const server = new Recorder(create, {}, echo);
        server.port.add(place);
        const client = new Recorder(create);
        for (let n = 0; n < 1 + (i % 4); n++) client.port.connect("127.0.0.1", place.port);
        client.send([{ socket: 0, record: -1, text: "hello" }]);
        if (i % 2) await client.until(1);
        server.port.close();
        client.port.close();
      }
      await pause(50);
      assert.equal(countFds(), before);
    });

    test("sockets come and go by the thousand", async () => {
      await pause(20);
      const before = countFds();
      const place = await listener("127.0.0.1");
      using server = new Recorder(create, {}, echo);
      server.port.add(place);
      using client = new Recorder(create);
      for (let round = 0; round < 20; round++) {
        const sockets = Array.from({ length: 50 }, () => client.port.connect("127.0.0.1", place.port));
        assert.equal(new Set(sockets).size, 50);
        assert.ok(Math.max(...sockets) < 50, "numbers are reused");
        assert.equal(client.send(sockets.map((socket) => ({ socket, record: -1, text: `${round}/${socket}` }))), 50);
        await client.until((round + 1) * 50);
        for (const { socket, text } of client.received.slice(-50)) assert.equal(text, `${round}/${socket}`);
        for (const socket of sockets) client.port.remove(socket);
      }
      server.port.close();
      client.port.close();
      place[Symbol.dispose]();
      await pause(50);
      assert.equal(countFds(), before);
    });

    test("a socket's next peer inherits nothing from the one before", async () => {
      await using opened = new AsyncDisposableStack();
      const peers = [opened.use(createSocket("udp4")), opened.use(createSocket("udp4"))];
      for (const peer of peers) {
        peer.bind(0, "127.0.0.1");
        await once(peer, "listening");
      }
      using client = new Recorder(create);
      client.port.connect("127.0.0.1", 9);
      client.port.connect("127.0.0.1", 9);
      const first = client.port.connect("127.0.0.1", peers[0]!.address().port);
      client.send([{ socket: first, record: -1, text: "to the first" }]);
      const [, from] = await once(peers[0]!, "message");
      // Comes while nobody reads, and a refusal behind it.
      for (let i = 0; i < 5; i++) peers[0]!.send("late", from.port, from.address);
      client.send([{ socket: first, record: -1, text: "unheard" }]);
      const until = Date.now() + 20;
      while (Date.now() < until);
      client.port.remove(first);
      const second = client.port.connect("127.0.0.1", peers[1]!.address().port);
      client.send([{ socket: second, record: -1, text: "to the second" }]);
      const [, other] = await once(peers[1]!, "message");
      assert.notEqual(other.port, from.port);
      peers[0]!.send("later", from.port, from.address);
      peers[0]!.send("forged", other.port, other.address);
      peers[1]!.send("right", other.port, other.address);
      await client.when(
        () => client.received.some(({ text }) => text === "right"),
        () => "no reply",
      );
      await pause(20);
      assert.deepEqual(
        client.received.filter(({ socket }) => socket === second).map(({ text }) => text),
        ["right"],
      );
    });

    test("every connection has a port of its own, drawn anew", async () => {
      await using peer = createSocket("udp4");
      const ports: number[] = [];
      peer.on("message", (_, from) => ports.push(from.port));
      peer.bind(0, "127.0.0.1");
      await once(peer, "listening");
      using client = new Recorder(create);
      for (let i = 0; i < 200; i++) {
        const socket = client.port.connect("127.0.0.1", peer.address().port);
        client.send([{ socket, record: -1, text: "from where" }]);
        if (i >= 2) client.port.remove(socket);
        if (i % 10 === 0) await pause(1);
      }
      await client.when(
        () => ports.length >= 150,
        () => `${ports.length} ports`,
      );
      const different = new Set(ports).size;
      assert.ok(different > 0.95 * ports.length, `${different} of ${ports.length}`);
      const sorted = [...ports].sort((a, b) => a - b);
      assert.ok(sorted.at(-1)! - sorted[0]! > 10_000, "ports from the whole range");
    });

    test("numbers of counters come from outside, shared memory included", async () => {
      using place = await listener("127.0.0.1");
      const statistics = new Float64Array(new SharedArrayBuffer(8 * 20), 8, 16);
      using server = new Recorder(create, { statistics }, echo);
      server.port.add(place);
      using client = new Recorder(create);
      client.send([{ socket: client.port.connect("127.0.0.1", place.port), record: -1, text: "count me" }]);
      await client.until(1);
      await pause(10);
      assert.equal(statistics[PacketCounter.RECEIVED], 1);
      assert.equal(statistics[PacketCounter.SENT], 1);
    });
  });
}

async function freePort(): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}
