/**
 * Run in the network of a container, for five seconds: floods that each fill a bound of their own, all at once. Queries for names
 * that are answered late, others with 60 KB in them, others for one answer of 60 KB, clients that do not read theirs, and clients
 * that do not end what they ask.
 */
import { createSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { framed } from "../support/fakeup.ts";
import { encodeQuestion, recordWire } from "../support/wire.ts";

const FOR_MS = 5_000;
const LATE_MS = 300;
const UPSTREAM = 5_300;
const LARGE = 60_000;

const TC = 0x02;
const QR = 0x80;
const strings = `"${"x".repeat(255)}" `.repeat(Math.floor(LARGE / 256));
const record = recordWire(`. 3600 IN TXT ${strings}`);

/** One record for what was asked, or over UDP that it is too long. */
function answerTo(query: Buffer, isOverTcp: boolean): Buffer {
  const question = query.subarray(0, query.indexOf(0, 12) + 5);
  const reply = Buffer.concat([question, ...(isOverTcp ? [Buffer.from([0xc0, 12]), record.subarray(1)] : [])]);
  reply[2] = QR | (isOverTcp ? 0 : TC);
  reply.fill(0, 6, 12);
  reply[7] = isOverTcp ? 1 : 0;
  return reply;
}

const udp = createSocket("udp4").bind(UPSTREAM, "127.0.0.1");
udp.on("message", (query, { port, address }) => {
  setTimeout(() => udp.send(answerTo(query, false), port, address), LATE_MS);
});

const tcp = createServer((socket) => {
  let held: Buffer = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("data", (bytes: Buffer) => {
    held = Buffer.concat([held, bytes]);
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const query = held.subarray(2, 2 + held.readUInt16BE(0));
      held = held.subarray(2 + query.length);
      setTimeout(() => socket.write(framed(answerTo(query, true))), LATE_MS);
    }
  });
}).listen(UPSTREAM, "127.0.0.1");

/** Many addresses: of one a server takes no more than a part of its connections. */
function open(count: number, begin: (socket: Socket) => void): void {
  for (let i = 0; i < count; i++) {
    const socket = connect({ port: 53, host: "127.0.0.1", localAddress: `127.0.1.${1 + (i % 200)}` });
    socket.on("error", () => {});
    socket.on("connect", () => begin(socket));
  }
}

function question(name: string, padding = 0): Buffer {
  const edns = padding > 0 ? { edns: { options: [`65001 ${"00".repeat(padding)}`] } } : {};
  return framed(encodeQuestion({ ask: `${name}.silent.example.org. TXT`, ...edns }));
}

const until = performance.now() + FOR_MS;
const isOver = (): boolean => performance.now() >= until;

async function askForNew(): Promise<void> {
  const sockets = Array.from({ length: 20 }, (_, i) => createSocket("udp4").bind(0, `127.0.2.${1 + i}`));
  for (let sent = 0; !isOver(); await sleep(5)) {
    for (const end = sent + 60; sent < end; sent++) {
      const message = encodeQuestion({ ask: `n${sent}.silent.example.org. A` });
      sockets[sent % sockets.length]!.send(message, 53, "127.0.0.1");
    }
  }
  for (const socket of sockets) socket.close();
}

let asked = 0;
open(60, async (socket) => {
  socket.resume();
  while (!isOver() && !socket.destroyed) {
    if (!socket.write(question(`long${asked++}`, LARGE)))
      await new Promise((done) => socket.once("drain", done).once("close", done));
  }
});
open(60, async (socket) => {
  socket.resume();
  for (let round = 0; !isOver() && !socket.destroyed; round++, await sleep(800)) {
    socket.write(Buffer.concat(Array.from({ length: 60 }, () => question(`same${round}`))));
  }
});
open(300, (socket) => {
  socket.pause();
  socket.write(Buffer.concat(Array.from({ length: 100 }, () => question("unread"))));
});
open(400, (socket) => {
  socket.write(Buffer.concat([Buffer.from([0xff, 0xff]), Buffer.alloc(LARGE)]));
});
await askForNew();
udp.close();
tcp.close();
process.exit(0);
