import assert from "node:assert/strict";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { nameToWire } from "../../src/dns/name-text.ts";
import { Type } from "../../src/dns/types.ts";
import { askOnce, questionMessage } from "../../src/upstream/ask-once.ts";
import { encodeQuestion } from "../support/wire.ts";

const question = () => questionMessage(nameToWire("www.example.org.") as Uint8Array, Type.HINFO, true);

async function listen(t: TestContext): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  t.after(() => socket.close());
  return socket;
}

test("ask once: a question in wire form", () => {
  const message = question();
  const id = message.readUInt16BE(0);
  assert.deepEqual(message, encodeQuestion({ ask: "www.example.org. HINFO", flags: "rd" }, id));
});

type Answer = (query: Buffer, client: RemoteInfo, server: Socket, stranger: Socket) => void;

const reply = (query: Buffer, id = query.readUInt16BE(0)): Buffer => {
  const bytes = Buffer.from(query);
  bytes.writeUInt16BE(id, 0);
  bytes[2]! |= 0x80;
  return bytes;
};

for (const { name, answer, isAnswered } of [
  { name: "a reply", answer: (query, client, server) => server.send(reply(query), client.port), isAnswered: true },
  { name: "the query itself", answer: (query, client, server) => server.send(query, client.port), isAnswered: false },
  {
    name: "another id",
    answer: (query, client, server) => server.send(reply(query, query.readUInt16BE(0) ^ 1), client.port),
    isAnswered: false,
  },
  {
    name: "not even a header",
    answer: (query, client, server) => server.send(reply(query).subarray(0, 11), client.port),
    isAnswered: false,
  },
  {
    name: "from a stranger",
    answer: (query, client, _, stranger) => stranger.send(reply(query), client.port),
    isAnswered: false,
  },
  { name: "nothing", answer: () => {}, isAnswered: false },
] as { name: string; answer: Answer; isAnswered: boolean }[])
  test(`ask once: ${name} is ${isAnswered ? "an" : "no"} answer`, async (t) => {
    const server = await listen(t);
    const stranger = await listen(t);
    server.on("message", (query, client) => answer(query, client, server, stranger));
    // One that is an answer may take its time on a busy machine.
    const timeoutMs = isAnswered ? 8_000 : 100;
    assert.equal(await askOnce(question(), "127.0.0.1", server.address().port, { timeoutMs }), isAnswered);
  });

test("ask once: from the address that it is given", async (t) => {
  const server = await listen(t);
  let from = "";
  server.on("message", (query, client) => {
    from = client.address;
    server.send(reply(query), client.port, client.address);
  });
  const options = { timeoutMs: 8_000, source: "127.0.0.2" };
  assert.equal(await askOnce(question(), "127.0.0.1", server.address().port, options), true);
  assert.equal(from, "127.0.0.2");
});

test("ask once: where nobody listens, and when the wait is ended, it does not take its time", async (t) => {
  const server = await listen(t);
  const gone = createSocket("udp4").bind(0, "127.0.0.1");
  await once(gone, "listening");
  const { port } = gone.address();
  gone.close();
  await once(gone, "close");
  const options = { timeoutMs: 600_000 };
  assert.equal(await askOnce(question(), "127.0.0.1", port, options), false);
  const end = new AbortController();
  server.on("message", () => end.abort());
  const ended = askOnce(question(), "127.0.0.1", server.address().port, { ...options, signal: end.signal });
  assert.equal(await ended, false);
});
