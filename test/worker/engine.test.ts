/** What an engine tells the queries that it hands out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_REPLY_SIZE } from "../../src/dns/reply.ts";
import { Reading } from "../../src/dns/request.ts";
import { REFUSED } from "../../src/plugin/outcome.ts";
import type { ListenerPlan } from "../../src/plugin/plan.ts";
import { type Query, Transport } from "../../src/plugin/query.ts";
import { ADDRESS_SIZE } from "../../src/transport/packets.ts";
import { Engine, Served, type Target, UNCOUNTED } from "../../src/worker/engine.ts";
import { ZoneRouter } from "../../src/worker/zone-router.ts";
import { encodeQuestion } from "../support/wire.ts";

const MORE_THAN_MAY_WAIT = 10_000;

test("a copy of a query may wait when there is room now, whoever had its memory before", () => {
  const engine = new Engine(UNCOUNTED);
  const may: boolean[] = [];
  const handler = (query: Query) => {
    const copy = query.fork();
    may.push(query.mayWait, copy.mayWait);
    copy.release();
    return REFUSED;
  };
  const zone = new Uint8Array(1);
  const target: Target = { zone, handler, ahead: [], server: "", debug: false, stacktrace: false, dropped: undefined };
  const served = new Served({ anyClass: false } as ListenerPlan, new ZoneRouter([{ zone, target }]));
  const message = encodeQuestion({ ask: "www.example.org. A" });
  const room = new Uint8Array(MAX_REPLY_SIZE);
  for (const waiting of [MORE_THAN_MAY_WAIT, 0]) {
    engine.waiting = waiting;
    // Taken first, given back first: the copy has the memory that the query of the round before had.
    const next = engine.acquire();
    const query = engine.acquire();
    engine.release(next);
    query.reply.place(room, 0, MAX_REPLY_SIZE);
    assert.equal(query.read(message, 0, message.length), Reading.FINE);
    query.transport = Transport.UDP;
    query.peers = new Uint8Array(ADDRESS_SIZE);
    query.peerIndex = 0;
    engine.serve(served, query);
    engine.release(query);
  }
  assert.deepEqual(may, [false, false, true, true]);
});
