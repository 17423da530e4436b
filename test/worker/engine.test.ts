/** What an engine makes of the outcomes of queries. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_REPLY_SIZE } from "../../src/dns/reply.ts";
import { Reading } from "../../src/dns/request.ts";
import { ANSWERED, DROPPED, type Outcome } from "../../src/plugin/outcome.ts";
import { Engine, UNCOUNTED } from "../../src/worker/engine.ts";
import { encodeQuestion } from "../support/wire.ts";

for (const { name, outcome } of [
  { name: "dropped", outcome: DROPPED },
  { name: "answered with nothing", outcome: ANSWERED },
] satisfies { name: string; outcome: Outcome }[])
  test(`a query that a plugin has ${name} is counted`, () => {
    const counted: number[] = [];
    const engine = new Engine({ ...UNCOUNTED, droppedByPlugin: { add: (count) => counted.push(count) } });
    const query = engine.acquire();
    query.reply.place(new Uint8Array(MAX_REPLY_SIZE), 0, MAX_REPLY_SIZE);
    const message = encodeQuestion({ ask: "www.example.org. A" });
    assert.equal(query.read(message, 0, message.length), Reading.FINE);
    assert.equal(engine.finish(query, outcome), 0);
    assert.deepEqual(counted, [1]);
  });
