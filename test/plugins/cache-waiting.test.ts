/** cache: many clients with one question, whose answer is not to be kept, or which is known and over. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { nameToWire } from "../../src/dns/name-text.ts";
import { Section } from "../../src/dns/reply.ts";
import { Class, Rcode, Type } from "../../src/dns/types.ts";
import { AnswerCache, type AnswerMemory } from "../../src/memory/answer-cache.ts";
import { busyMark } from "../../src/memory/busy-mark.ts";
import { turnTime } from "../../src/memory/clock.ts";
import { ANSWERED, type Handler, SERVFAIL } from "../../src/plugin/outcome.ts";
import { cache } from "../../src/plugins/cache/index.ts";
import { linkChain } from "../support/chain.ts";

const SLOW_MS = 60;
const OVER_MS = 2_100;
const ASK = { ask: "www.test. A" };
const OWNER = nameToWire("www.test.") as Uint8Array;
const SOA = new Uint8Array([...(nameToWire("ns.test.") as Uint8Array), 0, ...new Array(20).fill(1)]);

type Answer = "address" | "servfail" | "refused" | "denied" | "gone" | "throws";

/** What the plugin behind says, one answer after the other, the last again and again; all but the first take time. */
async function setUp(t: TestContext, options: string, ...script: readonly Answer[]) {
  const begun: number[] = [];
  const handler: Handler = async (query) => {
    const nth = begun.push(performance.now());
    if (nth > 1 || script.length === 1) await sleep(SLOW_MS);
    const { reply } = query;
    const answer = script[Math.min(nth, script.length) - 1]!;
    if (answer === "throws") throw new Error("fault");
    if (answer === "servfail") return query.fail(SERVFAIL, "no upstream");
    reply.begin(query);
    if (answer === "address") reply.add(Section.ANSWER, OWNER, Type.A, Class.IN, 1, new Uint8Array([192, 0, 2, nth]));
    else reply.rcode = answer === "refused" ? Rcode.REFUSED : Rcode.NXDOMAIN;
    if (answer === "denied") reply.add(Section.AUTHORITY, new Uint8Array(1), Type.SOA, Class.IN, 60, SOA);
    return ANSWERED;
  };
  const chain = await linkChain({ plugins: [cache], corefile: `. {\n${options}\n}`, last: handler });
  t.after(() => chain.stop());
  const said = async () => {
    const { reply } = await chain.ask(ASK);
    return reply!.answer[0]?.replace("www.test. ", "").replace(" IN A 192.0.2.", " from ") ?? reply!.rcode;
  };
  const count = (name: string) => chain.counts(name)[0]!;
  return { begun, said, count, chain };
}

for (const answer of ["refused", "gone", "throws"] as const) {
  test(`cache: a hundred clients wait for an answer that is not to be kept (${answer}): each then asks, all at once`, async (t) => {
    const { begun, said, count } = await setUp(t, "cache", answer);
    const all = await Promise.all(Array.from({ length: 100 }, said));
    assert.deepEqual(new Set(all).size, 1);
    assert.equal(begun.length, 100);
    assert.equal(count("weftdns_cache_joined_total"), 99);
    // One after the other they would take a hundred times as long.
    const spread = begun.at(-1)! - begun[1]!;
    assert.ok(begun[1]! - begun[0]! >= SLOW_MS - 5 && spread < 20 * SLOW_MS, `${begun[1]! - begun[0]!}, ${spread} ms`);
  });
}

test("cache: nobody waits for a query that has other records, as an upstream may take it for none", async (t) => {
  const { begun, said, count, chain } = await setUp(t, "cache", "servfail");
  const record = "0178 00 0001 0001 00000001 0004 c0000201";
  const odd = chain.ask({ ...ASK, raw: `0000 0100 0001 0000 0000 0001 03777777 0474657374 00 0001 0001 ${record}` });
  await said();
  assert.deepEqual([begun.length, count("weftdns_cache_joined_total")], [2, 0]);
  await odd;
});

test("cache: a hundred clients wait for a long answer: each has it, and not all in one turn", async (t) => {
  const handler: Handler = async (query) => {
    await sleep(SLOW_MS);
    query.reply.begin(query);
    query.reply.add(Section.ANSWER, OWNER, Type.NULL, Class.IN, 60, new Uint8Array(2_000));
    return ANSWERED;
  };
  const chain = await linkChain({ plugins: [cache], corefile: ". {\ncache\n}", last: handler });
  t.after(() => chain.stop());
  let turn = 0;
  const turns: number[] = [];
  const count = (): void => {
    turn++;
    if (turns.length < 100) setImmediate(count);
  };
  count();
  const long = { ask: "www.test. NULL", over: "tcp" } as const;
  const all = Array.from({ length: 100 }, async () => {
    const { reply } = await chain.ask(long);
    turns.push(turn);
    return reply!.answer.length;
  });
  assert.deepEqual(new Set(await Promise.all(all)), new Set([1]));
  const perTurn = turns.map((one) => turns.filter((other) => other === one).length);
  assert.ok(Math.max(...perTurn) <= 17, `${perTurn}`);
});

test("cache: who comes when an answer was not kept asks at once, until one is", async (t) => {
  const { begun, said, count } = await setUp(t, "cache {\n success 2000 1 1\n}", "refused", "refused", "address");
  await Promise.all(Array.from({ length: 2 }, said));
  const late = Array.from({ length: 10 }, said);
  assert.equal(begun.length, 12);
  await Promise.all(late);
  assert.equal(count("weftdns_cache_joined_total"), 1);
  await sleep(OVER_MS);
  const later = Array.from({ length: 10 }, said);
  assert.equal(begun.length, 13);
  await Promise.all(later);
  assert.equal(count("weftdns_cache_joined_total"), 10);
});

test("cache: a miss does not wait for what was begun ahead", async (t) => {
  const slow = Promise.withResolvers<void>();
  let asked = 0;
  const chain = await linkChain({
    plugins: [cache],
    corefile: ". {\ncache {\nsuccess 2000 3600 1\nprefetch 1 1m 90%\n}\n}",
    last: async (query) => {
      if (++asked === 2) await slow.promise;
      query.reply.begin(query);
      query.reply.add(Section.ANSWER, OWNER, Type.A, Class.IN, 1, new Uint8Array([192, 0, 2, asked]));
      return ANSWERED;
    },
  });
  t.after(() => chain.stop());
  await chain.ask(ASK);
  await chain.ask(ASK);
  assert.equal(asked, 2);
  await sleep(OVER_MS);
  assert.deepEqual((await chain.ask(ASK)).reply!.answer, ["www.test. 1 IN A 192.0.2.3"]);
  slow.resolve();
});

for (const { name, busyMs, asked } of [
  { name: "they look again", busyMs: 10, asked: 1 },
  { name: "they look no longer than some, and ask", busyMs: 500, asked: 100 },
]) {
  test(`cache: another worker writes the answer once more while those who waited look for it: ${name}`, async (t) => {
    const memories: AnswerMemory[] = [];
    const allocate = AnswerCache.allocate.bind(AnswerCache);
    t.mock.method(AnswerCache, "allocate", (answers: number) => {
      memories.push(allocate(answers));
      return memories.at(-1)!;
    });
    const { begun, said } = await setUp(t, "cache", "denied");
    const all = Array.from({ length: 100 }, said);
    await all[0];
    const words = new Int32Array(memories[1]![0]!);
    const [sets, slotWords] = words as unknown as [number, number];
    const slots = Array.from({ length: sets * 16 }, (_, i) => 16 + sets * 48 + i * slotWords);
    const written = slots.filter((at) => words[at] !== 0);
    assert.equal(written.length, 1);
    const version = words[written[0]!]!;
    words[written[0]!] = busyMark(1, turnTime());
    await sleep(busyMs);
    words[written[0]!] = version;
    assert.deepEqual(new Set(await Promise.all(all)), new Set(["NXDOMAIN"]));
    assert.equal(begun.length, asked);
  });
}

for (const { name, options, script, first, second } of [
  {
    name: "verify: both wait for the new answer",
    options: "serve_stale 1h verify",
    script: ["address", "address"],
    first: "1 from 2",
    second: "1 from 2",
  },
  {
    name: "verify: it fails, and both have the old one",
    options: "serve_stale 1h verify",
    script: ["address", "servfail"],
    first: "0 from 1",
    second: "0 from 1",
  },
  {
    name: "verify, the plugin behind throws",
    options: "serve_stale 1h verify",
    script: ["address", "throws"],
    first: "0 from 1",
    second: "0 from 1",
  },
  {
    name: "verify in time: the second client does not wait",
    options: "serve_stale 1h verify 5s 7s",
    script: ["address", "address"],
    first: "1 from 2",
    second: "7 from 1",
  },
  {
    name: "verify, too late: both have the old one",
    options: "serve_stale 1h verify 5ms 7s",
    script: ["address", "address"],
    first: "7 from 1",
    second: "7 from 1",
  },
  {
    name: "verify, a denial",
    options: "serve_stale 1h verify",
    script: ["address", "denied"],
    first: "NXDOMAIN",
    second: "NXDOMAIN",
  },
  {
    name: "verify, a denial, prefer_positive",
    options: "serve_stale 1h verify\n serve_stale_policy prefer_positive",
    script: ["address", "denied"],
    first: "0 from 1",
    second: "0 from 1",
  },
  {
    name: "immediate: nobody waits",
    options: "serve_stale 1h immediate 9s",
    script: ["address", "address"],
    first: "9 from 1",
    second: "9 from 1",
  },
] as const) {
  test(`cache: two clients, an answer that is over; ${name}`, async (t) => {
    const { begun, said, count } = await setUp(t, `cache {\n success 1024 1 1\n ${options}\n}`, ...script);
    assert.equal(await said(), "1 from 1");
    await sleep(OVER_MS);
    const [one, two] = await Promise.all([said(), said()]);
    assert.deepEqual({ one, two }, { one: first, two: second });
    assert.equal(begun.length, 2, "the plugin behind is asked once");
    const stale = [first, second].filter((text) => text.endsWith("from 1")).length;
    assert.equal(count("cache_served_stale_total"), stale);
  });
}

for (const { recheck, asked } of [
  { recheck: "0s", asked: 4 },
  { recheck: "1m", asked: 2 },
]) {
  for (const mode of ["immediate 0s", "verify 0s 0s"]) {
    test(`cache: after a renewal that failed the next attempt comes after RECHECK: ${mode} ${recheck}`, async (t) => {
      const options = `cache {\n success 1024 1 1\n serve_stale 1h ${mode} ${recheck}\n}`;
      const { begun, said } = await setUp(t, options, "address", "servfail");
      await said();
      await sleep(OVER_MS);
      for (let i = 0; i < 3; i++) {
        assert.equal(await said(), "0 from 1");
        await sleep(2 * SLOW_MS);
      }
      assert.equal(begun.length, asked);
    });
  }
}

for (const mode of ["immediate 0s 1s", "verify 100ms 0s 1s"]) {
  test(`cache: RECHECK begins when a renewal has failed, however long that took: ${mode}`, async (t) => {
    const failed = Promise.withResolvers<void>();
    let asked = 0;
    const chain = await linkChain({
      plugins: [cache],
      corefile: `. {\ncache {\nsuccess 1024 1 1\nserve_stale 1h ${mode}\n}\n}`,
      last: async (query) => {
        if (++asked > 1) {
          await failed.promise;
          return query.fail(SERVFAIL, "no upstream");
        }
        query.reply.begin(query);
        query.reply.add(Section.ANSWER, OWNER, Type.A, Class.IN, 1, new Uint8Array(4));
        return ANSWERED;
      },
    });
    t.after(() => chain.stop());
    await chain.ask(ASK);
    await sleep(OVER_MS);
    await chain.ask(ASK);
    await sleep(1_200);
    failed.resolve();
    await sleep(SLOW_MS);
    await chain.ask(ASK);
    assert.equal(asked, 2);
  });
}

for (const { options, isOver } of [
  { options: "cache", isOver: false },
  { options: "cache {\n success 1024 1 1\n serve_stale 1h\n}", isOver: true },
]) {
  test(`cache: an answer that is written anew while it is copied is a miss, not a hit: ${isOver ? "stale" : "alive"}`, async (t) => {
    const { said, count } = await setUp(t, options, "address");
    const hits = () => count("cache_hits_total");
    await said();
    if (isOver) await sleep(OVER_MS);
    const { mock } = t.mock.method(AnswerCache.prototype, "copyTo", () => false, { times: 1 });
    await said();
    assert.equal(mock.callCount(), 1);
    assert.deepEqual([count("cache_misses_total"), hits()], [2, 0]);
    await said();
    assert.deepEqual([count("cache_requests_total"), count("cache_misses_total"), hits()], [3, 2, 1]);
  });
}

test("cache: serve_stale: a denial that is not kept ends the answer from before", async (t) => {
  const options = "success 2000 1 1\n disable denial\n serve_stale 1h";
  const { said } = await setUp(t, `cache {\n ${options}\n}`, "address", "denied");
  await said();
  await sleep(OVER_MS);
  const first = await said();
  await sleep(2 * SLOW_MS);
  assert.deepEqual([first, await said(), await said()], ["0 from 1", "NXDOMAIN", "NXDOMAIN"]);
});
