/**
 * Bytes that no honest client sends, against the whole server (rows A1, A2, A5 to A8): each gets the reply of behaviour
 * 2.8 or none, and the workers that took them answer the next good query.
 */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { header, opt, question, record } from "../parity/hex.ts";
import { TestServer } from "../support/server.ts";
import { encodeQuestion, fromHex, optWire, type Question } from "../support/wire.ts";

const corefile = "example.org:{PORT} {\n  multisocket 2\n  errors\n  log\n  whoami\n}\n";
/** Long enough for a reply over loopback on a busy machine. */
const REPLY_MS = 2_000;
/** What has not come by then is taken for silence; the count of replies to what follows shows a late one. */
const SILENCE_MS = 20;
/** A datagram that is longer than a slot for receiving is dropped. */
const SLOT_SIZE = 4_096;
const GOOD_ID = 0xfffe;

let state = 0x2545f491;
let server: TestServer;
let client: Socket;
/** Replies by their id. */
const replies = new Map<number, Buffer>();

before(async () => {
  server = await TestServer.start({ corefile });
  client = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
  client.bind(0, "127.0.0.1");
  await once(client, "listening");
  client.on("message", (bytes) => replies.set(bytes.length < 2 ? -1 : bytes.readUInt16BE(), bytes));
});

after(async () => {
  client?.close();
  assert.equal(await server?.stop(), 0);
  assert.deepEqual(
    server.lines.filter((line) => /died|panic|Recovered|TypeError|RangeError/.test(line)),
    [],
  );
});

const good: Question = { ask: "www.example.org. A" };
const www = question("www.example.org. A");
const aRecord = record("www.example.org. 60 IN A 192.0.2.1");

const send = (bytes: Uint8Array) =>
  new Promise<void>((resolve, reject) =>
    client.send(bytes, server.port, "127.0.0.1", (error) => (error ? reject(error) : resolve())),
  );

/** Any worker may take it: packets are spread at random. */
async function answersGoodQuery(): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    replies.delete(GOOD_ID);
    await send(encodeQuestion(good, GOOD_ID));
    await until(() => replies.has(GOOD_ID), REPLY_MS);
    if (replies.has(GOOD_ID)) break;
  }
  assert.equal(replies.get(GOOD_ID)?.readUInt16BE(2), 0x8500, "a good query was not answered");
}

/** The reply to `bytes`; undefined when none comes within the time. Then a good query is answered. */
async function replyTo(bytes: Buffer, timeoutMs = REPLY_MS): Promise<Buffer | undefined> {
  replies.clear();
  await send(bytes);
  await until(() => replies.size > 0, timeoutMs);
  await answersGoodQuery();
  replies.delete(GOOD_ID);
  assert.ok(replies.size <= 1, "more than one reply");
  return [...replies.values()][0];
}

/** Over TCP: the reply, `closed` when the server closed the connection, `silent` when it did neither. */
function replyOverTcp(bytes: Buffer, timeoutMs = REPLY_MS): Promise<Buffer | "closed" | "silent"> {
  return new Promise((resolve) => {
    const socket = connect(server.port, "127.0.0.1");
    const finish = (result: Buffer | "closed" | "silent") => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(finish, timeoutMs, "silent");
    let received = Buffer.alloc(0);
    socket.on("connect", () => socket.write(Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length), bytes])));
    socket.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
      if (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) finish(received.subarray(2));
    });
    socket.on("error", () => finish("closed"));
    socket.on("close", () => finish("closed"));
  });
}

const lengths = [...Array(17).keys(), 17, 31, 64, 100, 255, 256, 400, 511, 512, 513, 514, 600];
const fills = {
  zeros: (length: number) => Buffer.alloc(length),
  ones: (length: number) => Buffer.alloc(length, 0xff),
  random: (length: number) => Buffer.from(Uint8Array.from({ length }, random)),
};

for (const [what, fill] of Object.entries(fills)) {
  test(`A1: ${what} of many lengths over UDP: nothing below 12 bytes, a header-only error or nothing above`, async () => {
    for (const length of [...lengths, 1_472, 9_000, 65_507]) {
      const bytes = fill(length);
      const expected = expectsReply(bytes) && length <= SLOT_SIZE;
      const reply = await replyTo(bytes, expected ? REPLY_MS : SILENCE_MS);
      if (expected) assertRefusal(reply, bytes, `${length} ${what}`);
      else assert.equal(reply, undefined, `a reply to ${length} ${what}`);
    }
  });

  test(`A1: ${what} of many lengths over TCP: nothing below 12 bytes and for replies`, async () => {
    const all = [...lengths, 9_000, 65_535].map(fill);
    const results = await Promise.all(all.map((bytes) => replyOverTcp(bytes)));
    for (const [i, bytes] of all.entries()) {
      const result = results[i]!;
      if (expectsReply(bytes)) assertRefusal(result as Buffer, bytes, `${bytes.length} ${what}`);
      else assert.equal(result, "silent", `${bytes.length} ${what}`);
    }
    await answersGoodQuery();
  });
}

/** Zeros and random bytes ask for no question or too many, or have an opcode that we do not speak. */
function expectsReply(bytes: Buffer): boolean {
  return bytes.length >= 12 && (bytes[2]! & 0x80) === 0;
}

function assertRefusal(reply: Buffer | undefined, bytes: Buffer, what: string): void {
  assert.ok(Buffer.isBuffer(reply), `no reply to ${what}`);
  assert.equal(reply.readUInt16BE(0), bytes.readUInt16BE(0));
  assert.equal(reply.readUInt16BE(2) & 0x8000, 0x8000);
  assert.ok([1, 4].includes(reply[3]! & 15), `rcode ${reply[3]! & 15} for ${what}`);
  assert.equal(reply.length, 12);
}

for (const { what, hex } of [
  { what: "a reply to a query", hex: header("8180", [1, 1, 0, 0]) + www + aRecord },
  { what: "a FORMERR", hex: header("8001", [0, 0, 0, 0]) },
  { what: "a NOTIFY reply", hex: header("a000", [1, 0, 0, 0]) + www },
  { what: "a reply with garbage", hex: `${header("ffff", [9, 9, 9, 9])} ffffffff` },
])
  test(`A2: ${what} is never answered`, async () => {
    const bytes = fromHex(hex);
    assert.equal(await replyTo(bytes, SILENCE_MS), undefined);
    assert.equal(await replyOverTcp(bytes), "silent");
  });

for (const port of [7, 13, 19, 53])
  test(`A2: a reply and broken queries from port ${port} draw no more than one packet each`, async (context) => {
    const socket = createSocket("udp4");
    const bound = await new Promise<boolean>((resolve) =>
      socket.once("error", () => resolve(false)).bind(port, "127.0.0.1", () => resolve(true)),
    );
    if (!bound) {
      socket.close();
      return context.skip(`port ${port} is not ours to bind`);
    }
    const received: Buffer[] = [];
    // An echo service: what it gets, it sends back. Our replies have QR set, so that ends it.
    socket.on("message", (bytes, peer) => {
      received.push(bytes);
      socket.send(bytes, peer.port, peer.address);
    });
    for (const hex of [
      header("8180", [1, 0, 0, 0]) + www,
      header("0100", [1, 0, 0, 0]) + www,
      header("7900", [1, 0, 0, 0]),
    ])
      socket.send(fromHex(hex), server.port, "127.0.0.1");
    await until(() => received.length >= 2, REPLY_MS);
    await pause(100);
    socket.close();
    assert.deepEqual(received.map((bytes) => bytes[3]! & 15).sort(), [0, 4]);
  });

const asked = header("0100", [1, 0, 0, 0]);
const [formErr, servFail, notImp] = [1, 2, 4];
const withOpt = (data: string) => header("0100", [1, 0, 0, 1]) + www + data;
/** An OPT record with these options in hexadecimal digits. */
const options = (hex: string) => `00 0029 04d0 00000000 ${hex16(fromHex(hex).length)} ${hex}`;

// `size` is the reply's length where it matters: 12 for a bare header, 33 for one with the question.
for (const { what, hex, rcode, size } of [
  { what: "A5: 65535 of everything in 12 bytes", hex: "0000 0100 ffff ffff ffff ffff", rcode: formErr, size: 12 },
  { what: "A5: 65535 questions", hex: `0000 0100 ffff 0000 0000 0000 ${www}`, rcode: formErr, size: 12 },
  { what: "A5: two answers announced", hex: header("0100", [1, 2, 0, 0]) + www, rcode: formErr, size: 12 },
  { what: "A5: three additional records", hex: header("0100", [1, 0, 0, 3]) + www, rcode: formErr, size: 12 },
  { what: "A5: records announced that are missing", hex: header("0100", [1, 1, 1, 2]) + www, rcode: 0 },
  { what: "A5: a header and no question", hex: asked, rcode: servFail, size: 12 },
  { what: "A5: half a name", hex: `${asked} 03777777`, rcode: formErr, size: 12 },
  { what: "A5: half a question", hex: `${asked} 0377777700 00`, rcode: formErr, size: 12 },
  { what: "A5: a question that points to itself", hex: `${asked} c00c 0001 0001`, rcode: formErr, size: 12 },
  { what: "A5: a name of 256 bytes", hex: `${asked} ${`3f${"61".repeat(63)}`.repeat(4)} 00 0001 0001`, rcode: formErr },
  { what: "A5: half an answer", hex: `${header("0100", [1, 1, 0, 0]) + www} c00c 0001 00`, rcode: formErr, size: 33 },
  {
    what: "A5: RDLENGTH past the end",
    hex: `${header("0100", [1, 1, 0, 0]) + www} c00c 0001 0001 0000003c ffff 01020304`,
    rcode: formErr,
    size: 33,
  },
  {
    what: "A5: RDLENGTH too short for the type",
    hex: `${header("0100", [1, 0, 1, 0]) + www} c00c 0006 0001 0000003c 0003 000000`,
    rcode: formErr,
    size: 33,
  },
  {
    what: "A5: RDLENGTH too long for the type",
    hex: `${header("0100", [1, 0, 1, 0]) + www} c00c 0001 0001 0000003c 0005 0102030405`,
    rcode: formErr,
    size: 33,
  },
  {
    what: "A5: data that points to itself",
    hex: `${header("0100", [1, 1, 0, 0]) + www} c00c 0002 0001 0000003c 0002 c02d`,
    rcode: formErr,
    size: 33,
  },
  {
    what: "A5: an owner that points forward",
    hex: `${header("0100", [1, 1, 0, 0]) + www} c0ff 0001 0001 0000003c 0004 01020304`,
    rcode: formErr,
    size: 33,
  },
  { what: "A5: bytes behind the message", hex: `${asked + www} ${"ff".repeat(200)}`, rcode: 0 },
  { what: "A5: TSIG before another record", hex: header("0100", [1, 0, 0, 2]) + www + tsig() + aRecord, rcode: 0 },
  { what: "A6: no question", hex: header("0100", [0, 0, 0, 0]), rcode: formErr, size: 12 },
  {
    what: "A6: no question, OPT with a cookie",
    hex: `${header("0100", [0, 0, 0, 1])} ${options("000a0008 0102030405060708")}`,
    rcode: formErr,
    size: 12,
  },
  { what: "A6: two questions", hex: header("0100", [2, 0, 0, 0]) + www + www, rcode: formErr, size: 12 },
  ...["CH", "HS", "ANY", "NONE"].map((name) => ({
    what: `A6: class ${name}`,
    hex: asked + question(`www.example.org. A ${name}`),
    rcode: 5,
    size: 33,
  })),
  { what: "A7: two OPT records", hex: header("0100", [1, 0, 0, 2]) + www + opt() + opt(), rcode: 0 },
  { what: "A7: OPT with an owner", hex: withOpt(`0161${opt()}`), rcode: 0 },
  { what: "A7: OPT among the answers", hex: header("0100", [1, 1, 0, 0]) + www + opt(), rcode: 0 },
  { what: "A7: an option past its record", hex: withOpt(options("000a 0010 00")), rcode: formErr, size: 33 },
  { what: "A7: OPT past the end", hex: withOpt("00 0029 04d0 00000000 0100 00"), rcode: formErr, size: 33 },
  { what: "A7: 100 options", hex: withOpt(options("fde9 0000".repeat(100))), rcode: 0 },
  {
    what: "A7: NSID, cookie and padding again and again",
    hex: withOpt(options("0003 0000 000a 0008 0102030405060708 000c 0004 00000000".repeat(15))),
    rcode: 0,
  },
  {
    what: "A7: a client subnet of 33 bits",
    hex: withOpt(options("0008 0009 0001 21 00 c000020100")),
    rcode: formErr,
    size: 33,
  },
  // The lower bits of BADVERS.
  { what: "A7: version 1", hex: withOpt("00 0029 04d0 00010000 0000"), rcode: 0, size: 44 },
  ...Array.from({ length: 16 }, (_, opcode) => ({
    what: `A8: opcode ${opcode}`,
    hex: `0000 ${hex16(opcode << 11)} 0001 0000 0000 0000 ${www}`,
    rcode: opcode === 0 || opcode === 4 ? 0 : notImp,
    size: opcode === 0 || opcode === 4 ? undefined : 12,
  })),
  ...[0, 41, 249, 250, 251, 252, 253, 254, 255].map((type) => ({
    what: `A8: type ${type}`,
    hex: asked + question(`www.example.org. TYPE${type}`),
    rcode: 0,
    size: undefined,
  })),
])
  test(what, async () => {
    const bytes = fromHex(hex);
    bytes.writeUInt16BE(0x1234);
    for (const reply of [await replyTo(bytes), await replyOverTcp(bytes)]) {
      assert.ok(Buffer.isBuffer(reply), `no reply, but ${reply}`);
      assert.equal(reply.readUInt16BE(0), 0x1234);
      assert.equal(reply[2]! & 0x80, 0x80);
      assert.equal(reply[3]! & 15, rcode);
      if (size !== undefined) assert.equal(reply.length, size);
      // A FORMERR takes the opcode for QUERY.
      if (rcode !== formErr) assert.equal(reply[2]! & 0x78, bytes[2]! & 0x78);
    }
  });

for (const { what, hex } of [
  { what: "1,000 options", hex: options("fde9 0000".repeat(1_000)) },
  { what: "10,000 options", hex: options("fde9 0000".repeat(10_000)) },
  { what: "60 kB of padding", hex: options(`000c ${hex16(60_000)} ${"00".repeat(60_000)}`) },
])
  test(`A7: ${what} over TCP`, async () => {
    const reply = await replyOverTcp(fromHex(withOpt(hex)));
    assert.ok(Buffer.isBuffer(reply));
    assert.equal(reply[3]! & 15, 0);
    assert.ok(reply.length < 200, "the options came back");
  });

test("20,000 changed packets: the same workers live, hold no more memory, and answer", async () => {
  const seeds = [
    encodeQuestion(good),
    encodeQuestion({ ...good, edns: { do: true, options: ["10 0102030405060708", "8 00011800c00002"] } }),
    fromHex(header("0100", [1, 1, 1, 2]) + www + aRecord + record("example.org. 60 IN SOA a. b. 1 2 3 4 5") + opt()),
    fromHex(header("2400", [1, 1, 0, 0]) + www + record("example.org. 60 IN MX 10 mail.example.org.")),
    Buffer.concat([fromHex(withOpt("")), optWire({ options: ["15 0000"] })]),
  ];
  const burst = async (count: number) => {
    for (let i = 0; i < count; i++) {
      void send(changed(seeds[i % seeds.length]!));
      // Batches that fit the server's socket buffer; what it drops tests nothing.
      if (i % 100 === 99) await answersGoodQuery();
    }
  };
  // The first ones make the code warm and the heap as large as it gets.
  await burst(10_000);
  const before = residentMiB();
  await burst(10_000);
  assert.ok(residentMiB() - before < 8, `from ${before} to ${residentMiB()} MiB`);
  // New clients, so that both workers are asked.
  for (let i = 0; i < 8; i++) assert.equal((await server.ask(good))?.rcode, "NOERROR");
  assert.equal((await server.ask({ ...good, over: "tcp" }))?.rcode, "NOERROR");
});

/** Some bytes changed, sometimes cut off or grown. Bit 7 of byte 2 (QR) stays, since replies end in the first check. */
function changed(seed: Buffer): Buffer {
  const grown =
    random() < 32 ? Buffer.concat([seed, Buffer.from(Uint8Array.from({ length: random() }, random))]) : seed;
  const bytes = Buffer.from(grown.subarray(0, random() < 32 ? 12 + (random() % seed.length) : grown.length));
  for (let left = random() % 6; left > 0; left--) {
    // Most changes behind the header: one in the counts is refused at once.
    const at = random() < 64 ? random() % 12 : 12 + (((random() << 8) | random()) % Math.max(bytes.length - 12, 1));
    if (at < bytes.length && at !== 2) bytes[at] = random() < 64 ? [0, 0xc0, 0x3f, 0xff][random() & 3]! : random();
  }
  // The id of the good query that follows is not theirs.
  bytes[0] = 0;
  return bytes;
}

function residentMiB(): number {
  const pages = Number(readFileSync(`/proc/${server.pid}/statm`, "utf8").split(" ")[1]);
  return (pages * 4_096) / 2 ** 20;
}

function tsig(): string {
  return "00 00fa 00ff 00000000 0011 00 000000000000 0000 0000 0000 0000 0000";
}

function hex16(number: number): string {
  return number.toString(16).padStart(4, "0");
}

async function until(reached: () => boolean, timeoutMs: number): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!reached() && performance.now() < end) await pause(1);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A random byte, the same ones in each run (xorshift). */
function random(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 8) & 255;
}
