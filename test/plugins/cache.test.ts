import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
import { Flag } from "../../src/dns/header.ts";
import { nameToWire } from "../../src/dns/name-text.ts";
import { Section } from "../../src/dns/reply.ts";
import { Class, Opcode, Rcode, Type } from "../../src/dns/types.ts";
import { ANSWERED, after, DROPPED, type Handler, type Outcome, SERVFAIL } from "../../src/plugin/outcome.ts";
import { definePlugin } from "../../src/plugin/plugin.ts";
import type { Query } from "../../src/plugin/query.ts";
import { cache } from "../../src/plugins/cache/index.ts";
import { linkChain, parseBlock, type TestChain } from "../support/chain.ts";

/** What the plugin behind the cache does, by the first label of the name. Every answer has another last byte. */
function upstream(): { handler: Handler; asked: string[] } {
  const asked: string[] = [];
  const soa = new Uint8Array([...wire("ns.test."), ...wire("host.test."), ...new Array(20).fill(1)]);
  const answers: Record<string, (query: Query) => Outcome | Promise<Outcome>> = {
    www: (query) => address(query, query.name.toWire(), 300),
    vague: (query) => answers[asked.length === 1 ? "empty" : "gone"]!(query),
    failing: (query) => answers[asked.length === 1 ? "gone" : "notimp"]!(query),
    turning: (query) => answers[asked.length === 1 ? "gone" : "nodata"]!(query),
    leaving: (query) => answers[asked.length === 1 ? "www" : "dangling"]!(query),
    short: (query) => address(query, query.name.toWire(), 1),
    signed: (query) => {
      query.reply.flags |= Flag.AD;
      return address(query, query.name.toWire(), 300);
    },
    alias: (query) => {
      query.reply.add(Section.ANSWER, query.name.toWire(), Type.CNAME, Class.IN, 600, wire("www.test."));
      return address(query, wire("www.test."), 300);
    },
    lost: (query) => address(query, wire("other.test."), 300),
    gone: (query) => {
      query.reply.rcode = Rcode.NXDOMAIN;
      query.reply.add(Section.AUTHORITY, wire("test."), Type.SOA, Class.IN, 120, soa);
      return ANSWERED;
    },
    dangling: (query) => {
      query.reply.rcode = Rcode.NXDOMAIN;
      query.reply.add(Section.ANSWER, query.name.toWire(), Type.CNAME, Class.IN, 300, wire("gone.test."));
      query.reply.add(Section.AUTHORITY, wire("test."), Type.SOA, Class.IN, 300, soa);
      return ANSWERED;
    },
    nosoa: (query) => {
      query.reply.rcode = Rcode.NXDOMAIN;
      query.reply.add(Section.AUTHORITY, wire("test."), Type.NS, Class.IN, 9000, wire("ns.test."));
      return ANSWERED;
    },
    bare: (query) => {
      query.reply.rcode = Rcode.NXDOMAIN;
      return ANSWERED;
    },
    nodata: (query) => {
      query.reply.add(Section.AUTHORITY, wire("test."), Type.SOA, Class.IN, 120, soa);
      return ANSWERED;
    },
    empty: () => ANSWERED,
    // A SOA that says nothing of a denial.
    aside: (query) => {
      query.reply.add(Section.ADDITIONAL, wire("test."), Type.SOA, Class.IN, 120, soa);
      return ANSWERED;
    },
    child: (query) => {
      query.reply.add(Section.AUTHORITY, wire("child.test."), Type.NS, Class.IN, 900, wire("ns.child.test."));
      return ANSWERED;
    },
    expired: (query) => {
      address(query, query.name.toWire(), 300);
      return expired(query);
    },
    failed: (query) => {
      query.reply.rcode = Rcode.SERVFAIL;
      return expired(query);
    },
    secure: (query) => {
      query.reply.add(Section.AUTHORITY, wire("child.test."), Type.NS, Class.IN, 900, wire("ns.child.test."));
      query.reply.add(Section.AUTHORITY, wire("child.test."), Type.DS, Class.IN, 900, new Uint8Array(36));
      return ANSWERED;
    },
    cut: (query) => {
      query.reply.flags |= Flag.TC;
      return ANSWERED;
    },
    refused: (query) => {
      query.reply.rcode = Rcode.REFUSED;
      return ANSWERED;
    },
    badcookie: (query) => {
      query.reply.setOpt(new Uint8Array(0), 1232, false);
      query.reply.rcode = Rcode.BADCOOKIE;
      return ANSWERED;
    },
    notimp: (query) => {
      query.reply.rcode = Rcode.NOTIMP;
      return ANSWERED;
    },
    fails: (query) => query.fail(SERVFAIL, "no upstream"),
    knowsnothing: () => SERVFAIL,
    full: (query) => {
      query.isShed = true;
      return query.fail(SERVFAIL, "no room");
    },
    dropped: () => DROPPED,
    here: (query) => {
      address(query, query.name.toWire(), 300);
      query.reply.uncached = true;
      return ANSWERED;
    },
    large: (query) => {
      for (let i = 0; i < 300; i++) address(query, query.name.toWire(), 300);
      return ANSWERED;
    },
    // Whole for whom it fits.
    wide: (query) => answers[query.sizeLimit > 4_096 ? "large" : "cut"]!(query),
    faltering: (query) => answers[asked.length === 2 ? "fails" : "www"]!(query),
    // An alias, say, that leads back to the question.
    circular: async (query) => {
      await sleep(1);
      const found = await query.lookup(query.name.toWire(), query.type);
      found.release();
      query.reply.begin(query);
      return address(query, query.name.toWire(), 300);
    },
    slow: async (query) => {
      await sleep(50);
      query.reply.begin(query);
      return address(query, query.name.toWire(), 300);
    },
    slowfail: async (query) => {
      await sleep(50);
      return query.fail(SERVFAIL, "no upstream");
    },
    slowthrow: async () => {
      await sleep(50);
      throw new Error("fault");
    },
  };
  const address = (query: Query, owner: Uint8Array, ttl: number): Outcome => {
    query.reply.add(Section.ANSWER, owner, Type.A, Class.IN, ttl, new Uint8Array([192, 0, 2, asked.length]));
    return ANSWERED;
  };
  /** Adds a signature that was good until yesterday. */
  const expired = (query: Query): Outcome => {
    const signature = new Uint8Array([...new Array(18).fill(0), ...wire("test."), 0]);
    const days = Math.floor(Date.now() / 86_400_000) - 1;
    new DataView(signature.buffer).setUint32(8, days * 86_400);
    query.reply.add(Section.AUTHORITY, wire("test."), Type.RRSIG, Class.IN, 300, signature);
    return ANSWERED;
  };
  const handler: Handler = (query) => {
    const label = String.fromCharCode(...query.name.bytes.subarray(1, 1 + query.name.bytes[0]!));
    asked.push(label);
    query.reply.begin(query);
    return answers[label]!(query);
  };
  return { handler, asked };
}

async function setUp(t: TestContext, options = "cache") {
  const { handler, asked } = upstream();
  const chain = await linkChain({ plugins: [cache], corefile: `. {\n${options}\n}`, last: handler });
  t.after(() => chain.stop());
  return { chain, asked, count: (name: string, type?: string) => countOf(chain, name, type) };
}

function countOf({ row }: TestChain, name: string, type?: string): number {
  const found = row.descriptions.filter((one) => one.name === name && one.labels.type === type);
  return found.reduce((sum, one) => sum + row.read(one)[0]!, 0);
}

/** What the second query of the same name is told, and whether it was kept. Sections as zone-file lines. */
for (const { ask, kept, ttl, rcode = "NOERROR", options } of [
  { ask: "www.test. A", kept: true, ttl: 300 },
  { ask: "short.test. A", kept: true, ttl: 5 },
  { ask: "www.test. A", kept: true, ttl: 30, options: "cache 30" },
  { ask: "www.test. A", kept: true, ttl: 3, options: "cache 3" },
  { ask: "short.test. A", kept: true, ttl: 20, options: "cache {\n success 2000 600 20\n}" },
  { ask: "short.test. A", kept: true, ttl: 1, options: "cache {\n success 2000 600 0\n}" },
  { ask: "alias.test. A", kept: true, ttl: 300 },
  { ask: "lost.test. A", kept: false, ttl: 300 },
  { ask: "lost.test. ANY", kept: false, ttl: 300 },
  { ask: "www.test. ANY", kept: true, ttl: 300 },
  { ask: "alias.test. ANY", kept: true, ttl: 300 },
  { ask: "gone.test. A", kept: true, ttl: 120, rcode: "NXDOMAIN" },
  { ask: "gone.test. A", kept: true, ttl: 60, rcode: "NXDOMAIN", options: "cache {\n denial 2000 60\n}" },
  { ask: "gone.test. A", kept: false, ttl: 120, rcode: "NXDOMAIN", options: "cache {\n disable denial\n}" },
  { ask: "gone.test. A", kept: true, ttl: 120, rcode: "NXDOMAIN", options: "cache {\n disable denial other\n}" },
  { ask: "www.test. A", kept: false, ttl: 300, options: "cache {\n disable success test\n}" },
  { ask: "bare.test. A", kept: false, rcode: "NXDOMAIN" },
  { ask: "dangling.test. A", kept: false, ttl: 5, rcode: "NXDOMAIN" },
  { ask: "dangling.test. A", kept: false, ttl: 20, rcode: "NXDOMAIN", options: "cache {\n success 9 60 20\n}" },
  { ask: "nosoa.test. A", kept: false, ttl: 1_800, rcode: "NXDOMAIN" },
  { ask: "nosoa.test. A", kept: false, ttl: 900, rcode: "NXDOMAIN", options: "cache {\n denial 9 900\n}" },
  { ask: "www.test. AXFR", kept: false, ttl: 5 },
  { ask: "www.test. IXFR", kept: false, ttl: 5 },
  { ask: "nodata.test. A", kept: true, ttl: 120 },
  { ask: "empty.test. A", kept: true },
  { ask: "nodata.test. A", kept: false, ttl: 120, options: "cache {\n disable denial\n}" },
  { ask: "aside.test. A", kept: true, options: "cache {\n disable denial\n}" },
  { ask: "child.test. A", kept: true, ttl: 5 },
  { ask: "secure.test. A", kept: true, ttl: 5 },
  { ask: "cut.test. A", kept: false },
  { ask: "refused.test. A", kept: false, rcode: "REFUSED" },
  { ask: "notimp.test. A", kept: true, rcode: "NOTIMP" },
  { ask: "fails.test. A", kept: true, rcode: "SERVFAIL" },
  { ask: "fails.test. A", kept: false, rcode: "SERVFAIL", options: "cache {\n servfail 0\n}" },
  { ask: "full.test. A", kept: false, rcode: "SERVFAIL" },
  { ask: "knowsnothing.test. A", kept: false, rcode: "SERVFAIL" },
  { ask: "here.test. A", kept: false, ttl: 30, options: "cache 30" },
  { ask: "www.test. A", kept: false, ttl: 300, options: "cache example.org" },
  { ask: "www.test. A", kept: true, ttl: 300, options: "cache test" },
] as { ask: string; kept: boolean; ttl?: number; rcode?: string; options?: string }[]) {
  test(`cache: ${ask} with ${JSON.stringify(options ?? "cache")}: ${kept ? "kept" : "not kept"}`, async (t) => {
    const { chain, asked } = await setUp(t, options);
    for (const again of [false, true]) {
      const { reply } = await chain.ask({ ask });
      assert.equal(reply?.rcode, rcode);
      for (const line of [...reply!.answer, ...reply!.authority]) assert.equal(Number(line.split(" ")[1]), ttl);
      assert.equal(asked.length, again && !kept ? 2 : 1);
    }
  });
}

test("cache: what is dropped is not kept", async (t) => {
  const { chain, asked } = await setUp(t);
  for (let i = 0; i < 2; i++) assert.equal((await chain.ask({ ask: "dropped.test. A" })).reply, undefined);
  assert.equal(asked.length, 2);
});

test("cache: a hit repeats the client's id, letters, RD and CD, and has the answer's AA", async (t) => {
  const { chain, asked } = await setUp(t);
  await chain.ask({ ask: "www.test. A" });
  const { reply } = await chain.ask({ ask: "WwW.teST. A" });
  assert.equal(reply?.question, "WwW.teST. A");
  assert.deepEqual(reply?.answer, ["WwW.teST. 300 IN A 192.0.2.1"]);
  assert.equal(asked.length, 1);
});

test("cache: type, DO and CD lead to answers of their own", async (t) => {
  const { chain, asked } = await setUp(t);
  const questions = [
    { ask: "www.test. A" },
    { ask: "www.test. A", edns: { do: true } },
    { ask: "www.test. A", flags: "rd cd" },
    { ask: "nodata.test. A" },
    { ask: "nodata.test. AAAA" },
  ];
  for (let i = 0; i < 2; i++) for (const question of questions) await chain.ask(question as never);
  assert.equal(asked.length, questions.length);
});

for (const { edns, rcode } of [
  { edns: {}, rcode: "BADCOOKIE" },
  { edns: undefined, rcode: "SERVFAIL" },
]) {
  test(`cache: an rcode of more than four bits is passed on as ${rcode}, and not kept`, async (t) => {
    const { chain, asked } = await setUp(t);
    for (let i = 0; i < 2; i++) {
      const { reply } = await chain.ask({ ask: "badcookie.test. A", ...(edns && { edns }) });
      assert.equal(reply?.rcode, rcode);
    }
    assert.equal(asked.length, 2);
  });
}

for (const ask of ["expired.test. A", "failed.test. A"]) {
  test(`cache: ${ask} has a signature that is over, and is not kept for who looks at it`, async (t) => {
    const { chain, asked } = await setUp(t);
    for (const [edns, count] of [
      [{ do: true }, 1],
      [{ do: true }, 2],
      [{}, 3],
      [{}, 3],
    ] as const) {
      const { reply } = await chain.ask({ ask, edns });
      const ttl = "do" in edns || ask.startsWith("failed") ? 5 : 300;
      for (const line of [...reply!.answer, ...reply!.authority]) assert.equal(Number(line.split(" ")[1]), ttl);
      assert.equal(asked.length, count);
    }
  });
}

test("cache: AD is for those who ask for it", async (t) => {
  const { chain } = await setUp(t);
  const flagsOf = async (flags: string) => (await chain.ask({ ask: "signed.test. A", flags } as never)).reply?.flags;
  assert.equal(await flagsOf("rd"), "qr rd");
  assert.equal(await flagsOf("rd"), "qr rd");
  assert.equal(await flagsOf("rd ad"), "qr rd ad");
});

test("cache: counts requests, hits and misses by kind", async (t) => {
  const { chain, count } = await setUp(t);
  for (const ask of ["www.test. A", "www.test. A", "gone.test. A", "gone.test. A", "gone.test. A"])
    await chain.ask({ ask });
  assert.equal(count("cache_requests_total"), 5);
  assert.equal(count("cache_misses_total"), 2);
  assert.equal(count("cache_hits_total", "success"), 1);
  assert.equal(count("cache_hits_total", "denial"), 2);
});

test("cache: an answer of five kilobytes is kept whole", async (t) => {
  const { chain, asked } = await setUp(t);
  const question = { ask: "large.test. A", over: "tcp" } as const;
  const first = await chain.ask(question);
  const second = await chain.ask(question);
  assert.equal(asked.length, 1);
  assert.equal(second.reply?.answer.length, 300);
  assert.deepEqual(second.reply?.answer, first.reply?.answer);
});

for (const { ask, rcode, asks } of [
  { ask: "slow.test. A", rcode: "NOERROR", asks: 1 },
  { ask: "slowfail.test. A", rcode: "SERVFAIL", asks: 1 },
]) {
  test(`cache: a hundred queries for ${ask} at once are one`, async (t) => {
    const { chain, asked, count } = await setUp(t);
    const all = await Promise.all(Array.from({ length: 100 }, () => chain.ask({ ask })));
    for (const { reply } of all) assert.equal(reply?.rcode, rcode);
    assert.equal(new Set(all.map(({ reply }) => reply?.id)).size > 90, true);
    assert.equal(asked.length, asks);
    assert.equal(count("weftdns_cache_joined_total"), 99);
  });
}

test("cache: as many may wait at once as ever, however many have waited before", { timeout: 60_000 }, async (t) => {
  const { chain, count } = await setUp(t);
  for (let wave = 0; wave < 11; wave++) {
    const all = Array.from({ length: 2_000 }, () => chain.ask({ ask: `slow.wave${wave}.test. A` }));
    for (const { reply } of await Promise.all(all)) assert.equal(reply?.rcode, "NOERROR");
  }
  assert.equal(count("weftdns_cache_joined_total"), 11 * 1_999);
});

test("cache: a question that leads back to itself does not wait for itself", { timeout: 8_000 }, async (t) => {
  const { chain, asked } = await setUp(t);
  assert.equal((await chain.ask({ ask: "circular.test. A" })).reply?.rcode, "NOERROR");
  assert.ok(asked.length > 1);
});

test("cache: whoever waits for a query that fails by a fault asks itself", async (t) => {
  const { chain, asked } = await setUp(t);
  const all = await Promise.all(Array.from({ length: 3 }, () => chain.ask({ ask: "slowthrow.test. A" })));
  for (const { reply } of all) assert.equal(reply?.rcode, "SERVFAIL");
  assert.equal(asked.length, 3);
});

test("cache: prefetch renews what is asked for often, once", async (t) => {
  const { chain, asked, count } = await setUp(t, "cache {\n success 2000 2 1\n prefetch 2 1m 90%\n}");
  for (let i = 0; i < 2; i++) await chain.ask({ ask: "www.test. A" });
  assert.equal(asked.length, 1);
  await chain.ask({ ask: "www.test. A" });
  await sleep(20);
  assert.equal(asked.length, 2);
  assert.equal(count("cache_prefetch_total"), 1);
  const { reply } = await chain.ask({ ask: "www.test. A" });
  assert.deepEqual(reply?.answer, ["www.test. 2 IN A 192.0.2.2"]);
});

test("cache: prefetch renews the whole answer, also for a client that can take a part of it", async (t) => {
  const { chain, asked } = await setUp(t, "cache {\n prefetch 1 1m 90%\n success 2000 2 1\n}");
  await chain.ask({ ask: "wide.test. A", over: "tcp" });
  assert.equal((await chain.ask({ ask: "wide.test. A" })).reply?.flags, "qr tc rd");
  await immediate();
  assert.equal(asked.length, 2);
  const { reply } = await chain.ask({ ask: "wide.test. A", over: "tcp" });
  assert.equal(reply?.answer.length, 300);
  assert.ok(reply.answer[0]?.endsWith("192.0.2.2"), "the answer that was renewed");
});

test("cache: serve_stale: a failure before the last answer does not put off asking again", async (t) => {
  const options = "success 2000 2 1\n prefetch 1 1m 90%\n serve_stale 1h immediate 0s 1m";
  const { chain, asked } = await setUp(t, `cache {\n ${options}\n}`);
  for (let asks = 1; asks <= 3; asks++) {
    await chain.ask({ ask: "faltering.test. A" });
    await immediate();
    assert.equal(asked.length, asks);
  }
  const { reply } = await chain.ask({ ask: "faltering.test. A" }, { at: performance.now() + 10_000 });
  assert.deepEqual(reply?.answer, ["faltering.test. 0 IN A 192.0.2.3"]);
  assert.equal(asked.length, 4);
});

for (const mode of ["immediate", "verify"] as const) {
  test(`cache: serve_stale ${mode}`, async (t) => {
    const { chain, asked, count } = await setUp(t, `cache {\n success 2000 1 1\n serve_stale 1h ${mode}\n}`);
    await chain.ask({ ask: "www.test. A" });
    await sleep(2_100);
    const { reply } = await chain.ask({ ask: "www.test. A" });
    const wanted = mode === "immediate" ? "www.test. 0 IN A 192.0.2.1" : "www.test. 1 IN A 192.0.2.2";
    assert.deepEqual(reply?.answer, [wanted]);
    assert.equal(asked.length, 2);
    assert.equal(count("cache_served_stale_total"), mode === "immediate" ? 1 : 0);
  });
}

test("cache: serve_stale counts whole seconds, as in CoreDNS", async (t) => {
  const { chain, count } = await setUp(t, "cache {\n success 2000 1 1\n serve_stale 1500ms immediate\n}");
  await chain.ask({ ask: "www.test. A" });
  await sleep(2_100);
  await chain.ask({ ask: "www.test. A" });
  assert.equal(count("cache_served_stale_total"), 0);
});

for (const { mode, asks } of [
  { mode: "verify", asks: 3 },
  { mode: "immediate 0s 1m", asks: 2 },
]) {
  test(`cache: serve_stale ${mode}: NXDOMAIN with an answer counts as a failure`, async (t) => {
    const { chain, asked } = await setUp(t, `cache {\n success 2000 1 1\n serve_stale 1h ${mode}\n}`);
    await chain.ask({ ask: "leaving.test. A" });
    await sleep(1_100);
    for (let i = 0; i < 2; i++) {
      const { reply } = await chain.ask({ ask: "leaving.test. A" });
      assert.deepEqual(reply?.answer, ["leaving.test. 0 IN A 192.0.2.1"]);
      await sleep(20);
    }
    assert.equal(asked.length, asks);
  });
}

for (const mode of ["immediate", "verify"]) {
  for (const { ask, was, is } of [
    { ask: "vague.test. A", was: "NOERROR", is: "NXDOMAIN" },
    { ask: "failing.test. A", was: "NXDOMAIN", is: "NOTIMP" },
    { ask: "turning.test. A", was: "NXDOMAIN", is: "NOERROR" },
  ]) {
    test(`cache: prefer_positive, ${mode}: ${ask} has no data to keep, and is renewed`, async (t) => {
      const options = `success 2000 1 1\n denial 2000 1 1\n serve_stale 1h ${mode}`;
      const { chain, asked, count } = await setUp(t, `cache {\n ${options}\n serve_stale_policy prefer_positive\n}`);
      await chain.ask({ ask });
      await sleep(1_100);
      for (const rcode of [was, is]) {
        assert.equal((await chain.ask({ ask })).reply?.rcode, rcode);
        await sleep(20);
      }
      assert.equal(asked.length, 2);
      assert.equal(count("cache_served_stale_total"), 1);
    });
  }
}

test("cache: only queries are looked for", async (t) => {
  const { chain, asked } = await setUp(t);
  for (let i = 0; i < 2; i++) await chain.ask({ ask: "www.test. A", opcode: Opcode.NOTIFY } as never);
  assert.equal(asked.length, 2);
});

for (const [stanza, message] of [
  ["cache 0", "cache TTL can not be zero or negative: 0"],
  ["cache {\n success 10 60 -1\n}", "cache min TTL can not be negative: -1"],
  ["cache {\n prefetch -1\n}", "prefetch amount should be positive: -1"],
  ["cache {\n prefetch 10 1m 9%\n}", "percentage should fall in range [10, 90]: 9"],
  ["cache {\n prefetch 10 1m 10\n}", "last character of percentage should be `%`, but is: '0'"],
  ["cache {\n serve_stale -1s\n}", "invalid negative duration for serve_stale"],
  [
    "cache {\n serve_stale 1h soon\n}",
    "invalid value for serve_stale refresh mode: soon, expected immediate or verify",
  ],
  ["cache {\n serve_stale 1h immediate 1500ms\n}", "serve_stale response TTL must be a whole number of seconds"],
  ["cache {\n serve_stale 1h immediate 5s 6m\n}", "serve_stale failure recheck cannot exceed 5 minutes"],
  ["cache {\n serve_stale_policy prefer_positive\n}", "serve_stale_policy requires serve_stale"],
  ["cache {\n servfail 6m\n}", "caching SERVFAIL responses over 5 minutes is not permitted"],
  ["cache {\n disable x\n}", 'cache type for disable must be "success" or "denial"'],
  ["cache 30\ncache 40", "this plugin can only be used once per Server Block"],
] as const) {
  test(`cache: ${JSON.stringify(stanza)} is a mistake`, () => {
    const { mistakes } = parseBlock([cache], `. {\n${stanza}\n}`);
    assert.equal(mistakes.length, 1);
    assert.ok(mistakes[0]!.endsWith(`plugin/cache: ${message}`), mistakes[0]);
  });
}

function wire(name: string): Uint8Array {
  return nameToWire(name) as Uint8Array;
}

test("cache: what is kept is measured for those in front too", async (t) => {
  const seen: boolean[] = [];
  const note = (outcome: Outcome, { reply }: Query): Outcome => {
    seen.push(reply.isDescribed);
    return outcome;
  };
  const serve =
    ({ next }: { next: Handler }) =>
    (query: Query) =>
      after(next(query), query, note);
  const front = definePlugin({ name: "front", parse: () => undefined, serve: (_, context) => serve(context) });
  const corefile = ". {\nfront\ncache\n}";
  const chain = await linkChain({ plugins: [front, cache], corefile, last: upstream().handler });
  t.after(() => chain.stop());
  // That it is true is looked at with every answer of a test chain.
  for (const ask of ["alias.test. A", "gone.test. A", "slow.test. A", "large.test. A"]) await chain.ask({ ask });
  assert.deepEqual(seen, [true, true, true, true]);
});
