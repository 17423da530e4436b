/** Equal questions of one client: few are asked at once, and a loop of forwarders ends by that (row E11). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nameToWire } from "../../src/dns/name-text.ts";
import { Query } from "../../src/plugin/query.ts";
import { Crowd, MAX_SAME_QUESTIONS } from "../../src/plugins/forward/crowd.ts";
import { ADDRESS_SIZE, writeAddress } from "../../src/transport/packets.ts";
import { answerAddress, answerTo, type Script, silent } from "../support/fakeup.ts";
import { type ForwardUnderTest, setUp } from "../upstream/forward-support.ts";

function queryOf(name: string, client: number): Query {
  const query = new Query();
  query.name.set(nameToWire(name) as Uint8Array);
  query.type = 1;
  query.class = 1;
  query.peers = new Uint8Array(ADDRESS_SIZE);
  setClient(query, client);
  return query;
}

function setClient(query: Query, client: number): void {
  writeAddress(query.peers, 0, Uint8Array.of(client >>> 24, client >>> 16, client >>> 8, client), 53);
}

test("a client's queries for one name are counted, others are not", () => {
  const crowd = new Crowd(1);
  const query = queryOf("www.example.org.", 1);
  const places = Array.from({ length: MAX_SAME_QUESTIONS }, () => crowd.enter(query));
  assert.equal(new Set(places).size, 1);
  assert.equal(crowd.enter(query), -1);
  assert.notEqual(crowd.enter(queryOf("www.example.org.", 2)), -1);
  assert.notEqual(crowd.enter(queryOf("other.example.org.", 1)), -1);
  crowd.leave(places[0]!);
  assert.equal(crowd.enter(query), places[0]);
});

test("what shares a client's place in one worker does not in another: nobody can know who does", () => {
  const [first, second] = [new Crowd(1), new Crowd(1)];
  const victim = queryOf("www.example.org.", 1);
  const [inFirst, inSecond] = [first.enter(victim), second.enter(victim)];
  const query = queryOf("attack.example.org.", 2);
  let both = 0;
  let found = 0;
  for (let client = 2; found < 8; client++) {
    setClient(query, client);
    const place = first.enter(query);
    if (place !== inFirst) {
      first.leave(place);
      continue;
    }
    found++;
    if (second.enter(query) === inSecond) both++;
  }
  assert.ok(both <= 1, `${both} of ${found} in both`);
});

test("of equal ones some are asked; the others are held until one is answered, or in vain", () => {
  for (const { workers, asked } of [
    { workers: 1, asked: 12 },
    { workers: 2, asked: 6 },
    { workers: 64, asked: 4 },
  ]) {
    const crowd = new Crowd<string>(workers);
    const query = queryOf("www.example.org.", 1);
    let place = 0;
    for (let i = 0; i < asked; i++) {
      place = crowd.enter(query);
      assert.ok(!crowd.isThick(place));
    }
    for (const name of ["a", "b", "c"]) {
      assert.ok(crowd.isThick(crowd.enter(query)));
      crowd.hold(place, name);
    }
    assert.ok(crowd.drop(place, "b"));
    assert.ok(!crowd.drop(place, "b"));
    assert.deepEqual([...crowd.free(crowd.enter(queryOf("other.example.org.", 1)))], []);
    assert.deepEqual([...crowd.free(place)], ["a", "c"]);
    assert.deepEqual([...crowd.free(place)], []);
  }
});

test("who had no answer in time is held while others of its place are asked, unless one of them was answered", () => {
  const crowd = new Crowd<string>(1);
  const query = queryOf("www.example.org.", 1);
  let place = 0;
  for (let i = 0; i < 2; i++) place = crowd.enter(query);
  assert.ok(!crowd.hasOthersAsked(place), "these are few");
  crowd.enter(query);
  for (const name of ["a", "b"]) {
    assert.ok(crowd.hasOthersAsked(place));
    crowd.hold(place, name);
  }
  assert.ok(!crowd.hasOthersAsked(place), "the last one asks again");
  crowd.enter(query);
  assert.ok(crowd.isThick(place), "who comes later waits too");
  crowd.trust(place);
  assert.ok(!crowd.isThick(place));
  assert.ok(!crowd.hasOthersAsked(place));
  for (let i = 0; i < 4; i++) crowd.leave(place);
  for (let i = 0; i < 13; i++) crowd.enter(query);
  assert.ok(crowd.isThick(place), "all is forgotten with the last one");
});

test("E11: a loop of forwarders is cut: of one client's one question few are asked, and a hundred wait", async (t) => {
  const { forward, ups } = await setUp(t, [silent], ["read_timeout 1500ms", "max_connect_attempts 1"]);
  const ask = (from: string, name: string) => forward.ask({ ask: `${name}.example.org. A`, from });
  const looping = Promise.all(Array.from({ length: 150 }, () => ask("192.0.2.1", "www")));
  const others = Promise.all([ask("192.0.2.2", "www"), ask("192.0.2.1", "mail")]);
  const count = async (pattern: RegExp) => (await looping).filter(({ error }) => pattern.test(error)).length;
  assert.equal(await count(/^more than 100 queries of one client/), 50);
  assert.equal(await count(/and none comes: a loop\?$/), 88);
  assert.equal(await count(/i\/o timeout$/), 12);
  for (const { error } of await others) assert.match(error, /i\/o timeout$/);
  assert.match((await ask("192.0.2.1", "www")).error, /i\/o timeout$/, "there is room again");
  assert.equal(ups[0]!.asked.filter(({ ask: asked }) => asked !== ". NS").length, 15);
});

/** Sixty equal questions of one client. */
const sixty = (forward: ForwardUnderTest) =>
  Promise.all(Array.from({ length: 60 }, () => forward.ask({ ask: "www.example.org. A", from: "192.0.2.1" })));

test("E11: equal questions of one client behind the first ones are asked when one of these is answered", async (t) => {
  for (const delayMs of [50, 1_200]) {
    const script: Script = (asked) => void setTimeout(() => asked.send(answerTo(asked, { rcode: 3 })), delayMs);
    const { forward, ups } = await setUp(t, [script]);
    for (const { reply } of await sixty(forward)) assert.equal(reply?.rcode, "NXDOMAIN");
    assert.equal(ups[0]!.asks(), 60);
  }
});

test("E11: they share an error of these: that may be the end of a loop", async (t) => {
  for (const { rcode, name } of [
    { rcode: 2, name: "SERVFAIL" },
    { rcode: 5, name: "REFUSED" },
  ]) {
    const script: Script = (asked) => void setTimeout(() => asked.send(answerTo(asked, { rcode })), 50);
    const { forward, ups } = await setUp(t, [script]);
    const all = await sixty(forward);
    for (const { reply } of all.slice(0, 12)) assert.equal(reply?.rcode, name);
    for (const { outcome, isShed, awakeMs } of all.slice(12)) {
      assert.deepEqual({ outcome, isShed }, { outcome: rcode, isShed: true });
      assert.ok(awakeMs < 500, `${awakeMs} ms`);
    }
    assert.equal(ups[0]!.asks(), 12);
    const more = { nextName: "forward", next: (query: Query) => query.fail(4, "the next forward") };
    const { forward: passing } = await setUp(t, [script], [`next ${name}`], more);
    for (const { outcome } of await sixty(passing))
      assert.equal(outcome, 4, "what goes on to the next forward does so");
  }
});

test("E11: of equal questions without an answer one asks again for all", async (t) => {
  const { forward, ups } = await setUp(t, [silent, answerAddress], ["policy sequential", "read_timeout 200ms"]);
  for (const { reply } of await sixty(forward)) assert.equal(reply?.answer.length, 1);
  assert.ok(ups[0]!.asks() >= 12);
  const { forward: alone, ups: mute } = await setUp(t, [silent], ["read_timeout 200ms"]);
  for (const { error } of await sixty(alone)) assert.match(error, /i\/o timeout$|and none comes: a loop\?$/);
  assert.equal(mute[0]!.asked.filter(({ ask }) => ask !== ". NS").length, 13);
});
