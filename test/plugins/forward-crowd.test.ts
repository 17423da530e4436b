import assert from "node:assert/strict";
import { test } from "node:test";
import { nameToWire } from "../../src/dns/name-text.ts";
import { Query } from "../../src/plugin/query.ts";
import { Crowd, MAX_SAME_QUESTIONS } from "../../src/plugins/forward/crowd.ts";
import { ADDRESS_SIZE, writeAddress } from "../../src/transport/packets.ts";

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
    { workers: 1, asked: 16 },
    { workers: 2, asked: 8 },
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
