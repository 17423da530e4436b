/** Questions over TCP: connections shared, pipelined, kept, closed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Asked, answerAddress, answerTo, framed } from "../support/fakeup.ts";
import { type Result, setUp } from "./forward-support.ts";

const ONE = { ask: "www.example.org. A", over: "tcp" } as const;
const named = (i: number) => ({ ask: `host${i}.example.org. A`, over: "tcp" }) as const;

/** An address that tells which question was answered. */
function numberedAnswer(asked: Asked): Buffer {
  const number = Number(/\d+/.exec(asked.ask)?.[0] ?? 0);
  return answerTo(asked, { answer: [`. 60 IN A 10.0.${number >> 8}.${number & 255}`], pointers: true });
}

const numbered = (asked: Asked, delayMs = 0): void => {
  const message = numberedAnswer(asked);
  setTimeout(() => asked.send(message), delayMs);
};

function checkNumbered(results: readonly Result[]): void {
  results.forEach(({ reply }, i) => {
    assert.deepEqual(reply?.answer, [`host${i}.example.org. 60 IN A 10.0.${i >> 8}.${i & 255}`]);
  });
}

test("streams: many questions at once use few connections, answers come in any order", async (t) => {
  const script = (asked: Asked): void => numbered(asked, (asked.number * 7) % 20);
  const { forward, ups } = await setUp(t, [script]);
  checkNumbered(await Promise.all(Array.from({ length: 200 }, (_, i) => forward.ask(named(i)))));
  assert.ok(ups[0]!.accepted <= 4, `${ups[0]!.accepted} connections`);
  const ids = ups[0]!.asked.map(({ connection, bytes }) => `${connection} ${bytes.readUInt16BE(0)}`);
  assert.equal(new Set(ids).size, 200, "ids differ on each connection");
});

test("streams: a burst of as many questions as may wait, to a server far away", async (t) => {
  const { forward, ups } = await setUp(t, [(asked) => numbered(asked, 200)], ["max_connect_attempts 1"]);
  checkNumbered(await Promise.all(Array.from({ length: 4_096 }, (_, i) => forward.ask(named(i)))));
  assert.ok(ups[0]!.accepted <= 4, `${ups[0]!.accepted} connections`);
});

test("streams: an answer in pieces of one byte", async (t) => {
  // One after another: timers set at once may fire in another order when the machine stalls.
  const script = async (asked: Asked): Promise<void> => {
    for (const byte of framed(answerTo(asked, { answer: [". 60 IN A 10.0.0.0"], pointers: true }))) {
      asked.sendRaw(Buffer.from([byte]));
      await sleep(1);
    }
  };
  const { forward, ups } = await setUp(t, [(asked) => void script(asked)]);
  for (let i = 0; i < 2; i++) checkNumbered([await forward.ask(named(0))]);
  assert.equal(ups[0]!.accepted, 1);
});

test("streams: several answers in one piece", async (t) => {
  const held = new Map<number, Buffer[]>();
  const script = (asked: Asked): void => {
    const ofConnection = held.get(asked.connection) ?? [];
    held.set(asked.connection, ofConnection);
    ofConnection.push(framed(numberedAnswer(asked)));
    if (ofConnection.length === 3) asked.sendRaw(Buffer.concat(ofConnection.splice(0).reverse()));
  };
  const { forward, ups } = await setUp(t, [script]);
  checkNumbered(await Promise.all(Array.from({ length: 12 }, (_, i) => forward.ask(named(i)))));
  assert.equal(ups[0]!.accepted, 4);
});

/** A question with an option of so many bytes. */
const padded = (i: number, size: number) => ({ ...named(i), edns: { options: [`65001 ${"a5".repeat(size)}`] } });

test("streams: what a server's connections do not take fails, and says that it was for want of room", async (t) => {
  const { forward } = await setUp(t, [(asked) => numbered(asked)], ["max_connect_attempts 1"]);
  const results = await Promise.all(Array.from({ length: 40 }, (_, i) => forward.ask(padded(i, 60_000))));
  const failed = results.filter(({ reply }) => reply === undefined);
  assert.ok(failed.length >= 10 && failed.length <= 30, `${failed.length} failed`);
  for (const { error, isShed } of failed) {
    assert.match(error, /too many queries are waiting for this server/);
    assert.equal(isShed, true);
  }
  assert.ok(results.every(({ reply, isShed }) => reply === undefined || !isShed));
});

test("streams: questions of all sizes at once, and each arrives whole", async (t) => {
  const { forward, ups } = await setUp(t, [(asked) => numbered(asked)]);
  const sizes = Array.from({ length: 60 }, (_, i) => (i % 7 === 3 ? 1_500 : i % 19 === 5 ? 5_000 : i % 4));
  checkNumbered(await Promise.all(sizes.map((size, i) => forward.ask(padded(i, size)))));
  for (const { ask, bytes } of ups[0]!.asked) {
    const size = sizes[Number(/\d+/.exec(ask)![0])]!;
    assert.equal(bytes.toString("hex").endsWith(`fde9${size.toString(16).padStart(4, "0")}${"a5".repeat(size)}`), true);
  }
});

test("streams: an idle connection is used again until it expires", async (t) => {
  const { forward, ups } = await setUp(t, [answerAddress], ["expire 300ms"]);
  for (let i = 0; i < 3; i++) assert.equal((await forward.ask(ONE)).outcome, 0);
  assert.equal(ups[0]!.accepted, 1);
  for (let i = 0; i < 60 && ups[0]!.connections.length > 0; i++) await sleep(50);
  assert.equal(ups[0]!.connections.length, 0, "closed without a question");
  assert.equal((await forward.ask(ONE)).outcome, 0);
  assert.equal(ups[0]!.accepted, 2);
});

test("streams: max_age ends a connection that is in use", async (t) => {
  const { forward, ups } = await setUp(t, [answerAddress], ["expire 100ms", "max_age 200ms"]);
  const until = performance.now() + 700;
  while (performance.now() < until) {
    assert.equal((await forward.ask(ONE)).outcome, 0);
    await sleep(20);
  }
  assert.ok(ups[0]!.accepted >= 3, `${ups[0]!.accepted} connections`);
});

test("streams: max_idle_conns", async (t) => {
  const { forward, ups } = await setUp(t, [(asked) => numbered(asked, 20)], ["max_idle_conns 1"]);
  checkNumbered(await Promise.all([0, 1, 2, 3].map((i) => forward.ask(named(i)))));
  assert.equal(ups[0]!.accepted, 4);
  await sleep(50);
  assert.equal(ups[0]!.connections.length, 1);
});

test("streams: a server that answers once a connection and closes it loses no question", async (t) => {
  const answered = new Set<number>();
  const script = (asked: Asked): void => {
    if (answered.has(asked.connection)) return;
    answered.add(asked.connection);
    numbered(asked);
    setTimeout(() => asked.close(), 2);
  };
  const { forward } = await setUp(t, [script], ["max_connect_attempts 4"]);
  for (let round = 0; round < 5; round++) checkNumbered(await Promise.all([0, 1, 2].map((i) => forward.ask(named(i)))));
});

/** How many connections a server is asked on that answers `perConnection` questions of each, one after the other. */
async function connectionsOf(t: Parameters<typeof setUp>[0], perConnection: number, delayMs: number): Promise<number> {
  const seen = new Map<number, number>();
  const script = async (asked: Asked): Promise<void> => {
    const count = (seen.get(asked.connection) ?? 0) + 1;
    seen.set(asked.connection, count);
    if (count > perConnection) return;
    await sleep(delayMs * count);
    asked.send(numberedAnswer(asked));
    await sleep(2);
    if (count === perConnection) asked.close();
  };
  const { forward, ups } = await setUp(t, [(asked) => void script(asked)], ["read_timeout 1s"]);
  checkNumbered(await Promise.all(Array.from({ length: 300 }, (_, i) => forward.ask(named(i)))));
  const before = ups[0]!.accepted;
  checkNumbered(await Promise.all(Array.from({ length: 40 }, (_, i) => forward.ask(named(i)))));
  return ups[0]!.accepted - before;
}

for (const { says, perConnection, delayMs } of [
  { says: "closes after each answer", perConnection: 1, delayMs: 5 },
  { says: "closes after three answers", perConnection: 3, delayMs: 5 },
  { says: "answers in turn", perConnection: 1_000, delayMs: 60 },
])
  test(`streams: of many questions at once to a server that ${says} none is lost, and later ones have connections of their own`, async (t) => {
    const connections = await connectionsOf(t, perConnection, delayMs);
    if (perConnection === 1) assert.equal(connections, 40);
    assert.ok(connections <= 40, `${connections} connections`);
  });

test("streams: a server that closes when it is idle, or is slow for one question, gets no more connections", async (t) => {
  const script = (asked: Asked): void => {
    if (asked.over === "udp" || asked.ask.startsWith("slow")) return;
    if (asked.ask.startsWith("last")) asked.close();
    else numbered(asked, (asked.number * 7) % 20);
  };
  const { forward, ups } = await setUp(t, [script], ["read_timeout 200ms"]);
  const many = () => Promise.all(Array.from({ length: 40 }, (_, i) => forward.ask(named(i))));
  checkNumbered(await many());
  await forward.ask({ ask: "last.example.org. A", over: "tcp" });
  const slow = forward.ask({ ask: "slow.example.org. A", over: "tcp" });
  checkNumbered(await many());
  await slow;
  const before = ups[0]!.accepted;
  checkNumbered(await many());
  assert.ok(ups[0]!.accepted - before <= 4, `${ups[0]!.accepted - before} connections`);
});

test("streams: a server that closes each connection before any answer is asked once an attempt", async (t) => {
  const { forward, ups } = await setUp(t, [(asked) => asked.close()], ["max_connect_attempts 1"]);
  assert.match((await forward.ask(ONE)).error, /EOF$/);
  assert.equal(ups[0]!.accepted, 1);
});

test("streams: a connection on which a question got no answer takes no more", async (t) => {
  const script = (asked: Asked): void => {
    if (asked.connection > 1) answerAddress(asked);
  };
  const { forward, ups } = await setUp(t, [script], ["read_timeout 50ms"]);
  const { outcome, awakeMs } = await forward.ask(ONE);
  assert.equal(outcome, 0);
  assert.ok(awakeMs < 200, `${awakeMs} ms`);
  assert.equal(ups[0]!.accepted, 2);
});

test("streams: a zone transfer's first message is the answer, the rest is nobody's", async (t) => {
  const script = (asked: Asked): void => {
    for (let i = 0; i < 3; i++) numbered(asked);
  };
  const { forward, ups } = await setUp(t, [script]);
  checkNumbered([await forward.ask(named(0)), await forward.ask(named(1))]);
  assert.equal(ups[0]!.accepted, 1);
});

test("streams: 65,535 bytes", async (t) => {
  const answer = Array.from({ length: 250 }, (_, i) => `www.example.org. 60 IN TXT "${`${i} `.padEnd(230, "x")}"`);
  const { forward } = await setUp(t, [(asked) => asked.send(answerTo(asked, { answer }))]);
  const { reply } = await forward.ask(ONE);
  assert.equal(reply?.answer.length, 250);
});

test("streams: a server that sends without end is left", async (t) => {
  const junk = Buffer.concat(Array.from({ length: 100 }, () => framed(Buffer.alloc(60, 0x80))));
  const script = (asked: Asked): void => {
    // Its probe comes over UDP.
    if (asked.connection !== 1) {
      answerAddress(asked);
      return;
    }
    const timer = setInterval(() => asked.sendRaw(junk), 1);
    setTimeout(() => clearInterval(timer), 500);
  };
  const { forward } = await setUp(t, [script]);
  const { outcome, awakeMs } = await forward.ask(ONE);
  assert.equal(outcome, 0);
  assert.ok(awakeMs < 500, `${awakeMs} ms`);
});
