/** A thousand clients have the same question at the same time: row E10 of the catalogue of faults, and E9 for names that are known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Flag } from "../../src/dns/header.ts";
import { figure } from "../faults/figures.ts";
import { askAll, type Fate, type SentQuery } from "../support/crowd.ts";
import { answerAddress, answerTo, Fakeup, type Script } from "../support/fakeup.ts";
import { TestServer } from "../support/server.ts";
import { decodeReply, encodeQuestion } from "../support/wire.ts";

const CLIENTS = 100;
const QUERIES_PER_CLIENT = 10;
/** All queries are there before the answer is. */
const SLOW_MS = 800;
/** Of several workers, each may have begun to ask before it saw that another does. */
const MOST_PACKETS = 3;

const NAME = "www.a-name-with-letters.example.org.";

/** The letters and flags of query `i`. */
const askOf = (i: number): string =>
  `${[...NAME].map((letter, at) => ((i >> (at % 10)) & 1 ? letter.toUpperCase() : letter)).join("")} A`;
const flagsOf = (i: number): string => ["rd", "rd ad", ""][i % 3]!;

function crowd(): SentQuery[] {
  return Array.from({ length: CLIENTS * QUERIES_PER_CLIENT }, (_, i) => ({
    bytes: encodeQuestion({ ask: askOf(i), flags: flagsOf(i) }, (i * 7) & 0xffff),
    from: `127.0.1.${1 + (i % CLIENTS)}`,
  }));
}

async function setUp(t: { after(run: () => unknown): void }, script: Script, workers: number) {
  const up = await Fakeup.start((asked) => void setTimeout(() => script(asked), SLOW_MS), { tcp: false });
  const corefile = `.:{PORT} {\n  multisocket ${workers}\n  cache 30\n  forward . ${up.to} {\n    max_connect_attempts 1\n  }\n}\n`;
  const server = await TestServer.start({ corefile });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    await up.stop();
  });
  return { up, server };
}

/** Each client has its own reply once: its id (by which it was found), its letters, its flags. Gives the slowest and the quickest. */
function check(fates: readonly Fate[], rcode: string, answers: number): [number, number] {
  const times: number[] = [];
  for (const [i, { replies }] of fates.entries()) {
    assert.equal(replies.length, 1, `query ${i} has ${replies.length} replies`);
    const reply = decodeReply(replies[0]!.bytes);
    assert.equal(reply.question, askOf(i));
    assert.equal(reply.rcode, rcode);
    assert.equal(reply.flags.includes("rd"), flagsOf(i).includes("rd"));
    assert.equal(reply.answer.length, answers);
    if (answers > 0) assert.equal(reply.answer[0], `${askOf(i).split(" ")[0]} 30 IN A 192.0.2.1`);
    times.push(replies[0]!.ms);
  }
  return [Math.min(...times), Math.max(...times)];
}

for (const workers of [1, 2]) {
  test(`E10: one question of a thousand clients is asked once, ${workers} workers`, { timeout: 60_000 }, async (t) => {
    const { up, server } = await setUp(t, answerAddress, workers);
    const fates = await askAll(crowd(), { port: server.port, waitMs: 4_000, lingerMs: 100 });
    check(fates, "NOERROR", 1);
    const packets = `packets for ${fates.length} clients, ${workers} workers`;
    figure({ row: "E10", what: packets, value: up.asks(), atMost: workers === 1 ? 1 : MOST_PACKETS });
  });

  test(`E10: its failure is one, and everybody's at once, ${workers} workers`, { timeout: 60_000 }, async (t) => {
    const { up, server } = await setUp(t, (asked) => asked.send(answerTo(asked, { rcode: 2 })), workers);
    const fates = await askAll(crowd(), { port: server.port, waitMs: 4_000, lingerMs: 100 });
    const [, slowest] = check(fates, "SERVFAIL", 0);
    // Whoever asked again for himself would wait twice as long. On a slow machine the last ones find the failure kept.
    assert.ok(slowest < 2 * SLOW_MS, `the slowest took ${slowest} ms`);
    const packets = `packets for a failure, ${workers} workers`;
    figure({ row: "E10", what: packets, value: up.asks(), atMost: workers === 1 ? 1 : MOST_PACKETS });
  });
}

test("E10: an upstream that is silent fails all of them together", { timeout: 60_000 }, async (t) => {
  const { up, server } = await setUp(t, () => {}, 2);
  const [quickest, slowest] = check(
    await askAll(crowd(), { port: server.port, waitMs: 6_000, lingerMs: 100 }),
    "SERVFAIL",
    0,
  );
  // The read timeout of 2 s, less what the crowd took to be sent, and one more for workers that asked for themselves.
  assert.ok(quickest > 1_000 && slowest < 4_500, `from ${quickest} to ${slowest} ms`);
  const asked = up.asked.filter(({ ask }) => ask !== ". NS");
  assert.ok(asked.length <= MOST_PACKETS, `${asked.length} packets`);
});

test("E10: what one client is refused for want of room is told to nobody else", { timeout: 60_000 }, async (t) => {
  // An answer that is cut is not kept: all who have waited for it ask for themselves, more than one client may.
  const { server } = await setUp(t, (asked) => asked.send(answerTo(asked, { flags: Flag.TC })), 1);
  const query = (id: number) => ({ bytes: encodeQuestion({ ask: `${NAME} A` }, id) });
  const port = { port: server.port, waitMs: 4_000, lingerMs: 100 };
  const fates = await askAll(
    Array.from({ length: 300 }, (_, i) => query(i)),
    port,
  );
  const rcodes = fates.map(({ replies }) => decodeReply(replies[0]!.bytes).rcode);
  assert.ok(rcodes.includes("SERVFAIL") && rcodes.includes("NOERROR"), `only ${rcodes[0]}`);
  const [next] = await askAll([query(300)], port);
  assert.equal(decodeReply(next!.replies[0]!.bytes).rcode, "NOERROR");
});

test("E9: names that are known are answered while as many wait as may", { timeout: 60_000 }, async (t) => {
  let slow = false;
  const up = await Fakeup.start((asked) => {
    if (slow) setTimeout(() => answerAddress(asked), 4_000);
    else answerAddress(asked);
  });
  const corefile = `.:{PORT} {\n  multisocket 1\n  cache 30\n  forward . ${up.to} {\n    max_concurrent 200\n  }\n}\n`;
  const server = await TestServer.start({ corefile });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    await up.stop();
  });
  const question = (name: string, i: number) => ({ bytes: encodeQuestion({ ask: `${name}${i}.example.org. A` }, i) });
  const known = Array.from({ length: 50 }, (_, i) => question("known", i));
  const answered = async (waitMs: number): Promise<number[]> => {
    const fates = await askAll(known, { port: server.port, waitMs });
    for (const { replies } of fates) assert.equal(replies[0] && decodeReply(replies[0].bytes).rcode, "NOERROR");
    return fates.map(({ replies }) => replies[0]!.ms);
  };
  await answered(2_000);
  slow = true;
  const misses = Array.from({ length: 2_000 }, (_, i) => question("unknown", i));
  const waiting = askAll(misses, { port: server.port, waitMs: 1_500, rate: 2_000 });
  for (let round = 0; round < 5; round++) {
    const slowest = Math.max(...(await answered(1_000)));
    assert.ok(slowest < 500, `a known name took ${slowest} ms`);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  const rcodes = (await waiting).map(({ replies }) => replies[0] && decodeReply(replies[0].bytes).rcode);
  assert.equal(rcodes.filter((rcode) => rcode === "REFUSED").length, 1_800, "those beyond the limit are refused");
  assert.equal(rcodes.filter((rcode) => rcode === undefined).length, 200, "the others wait");
});
