/**
 * Queries that come together are looked for together. Each must have the answer that it would have alone: when answers and
 * denials stand side by side, when they are over, and when one has taken the other's place.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { askAll } from "../support/crowd.ts";
import { answerTo, Fakeup } from "../support/fakeup.ts";
import { TestServer } from "../support/server.ts";
import { encodeQuestion } from "../support/wire.ts";

/** Of a denial longer than 192 bytes: names as long are kept in larger slots, which are looked for otherwise. */
const LONG = `${"x".repeat(60)}.${"y".repeat(60)}.${"z".repeat(60)}.longer`;

test("cache: queries of one batch, answers that become denials and back", { timeout: 60_000 }, async (t) => {
  /** Names that do not exist at the moment. */
  let isDenied = (name: string): boolean => /^(no|x)/i.test(name);
  let ttl = 1;
  const up = await Fakeup.start(
    (asked) => {
      const soa = `example.org. ${ttl} IN SOA ns. host. 1 60 60 60 60`;
      if (isDenied(asked.ask)) asked.send(answerTo(asked, { rcode: 3, authority: [soa] }));
      else asked.send(answerTo(asked, { answer: [`${asked.ask.split(" ")[0]} ${ttl} IN A 192.0.2.1`] }));
    },
    { tcp: false },
  );
  const server = await TestServer.start({
    corefile: `.:{PORT} {\n  multisocket 1\n  cache {\n    success 9984 3600 0\n    denial 9984 3600 0\n  }\n  forward . ${up.to}\n}\n`,
  });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    await up.stop();
  });
  const names = Array.from({ length: 20 }, (_, i) => [`yes${i}.example.org.`, `no${i}.example.org.`]).flat();
  names.push(`${LONG}.example.org.`);
  /** Each name twice, all at once. Gives how many questions went upstream. */
  async function ask(what: string): Promise<number> {
    const before = up.asks();
    const asked = names.flatMap((name) => [name, name]);
    const queries = asked.map((name, i) => ({ bytes: encodeQuestion({ ask: `${name} A` }, i) }));
    const fates = await askAll(queries, { port: server.port, waitMs: 3_000 });
    for (const [i, { replies }] of fates.entries()) {
      const place = `${what}: ${asked[i]}`;
      assert.equal(replies.length, 1, place);
      const { bytes } = replies[0]!;
      const denied = isDenied(asked[i]!);
      assert.deepEqual([bytes[3]! & 15, bytes[7]], denied ? [3, 0] : [0, 1], place);
    }
    return up.asks() - before;
  }

  // Two questions may share a mark; then one of them is asked by both who want it.
  const isOnceEach = (asked: number) => asked >= names.length && asked <= names.length + 4;
  assert.ok(isOnceEach(await ask("new")));
  assert.equal(await ask("kept"), 0);
  isDenied = (name) => /^yes/i.test(name);
  await sleep(1_100);
  ttl = 60;
  assert.ok(isOnceEach(await ask("over")));
  assert.equal(await ask("the other way round"), 0);
  assert.equal(await ask("still"), 0);
});
