/** A reload and what `cache` keeps: a block that is as it was goes on with it, one that says something else begins without. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { TestServer } from "../support/server.ts";

/** Two blocks with one key, told apart by their listeners. */
const block = (address: string, answer: string, more = "") => `.:{PORT} {
  bind ${address}
  multisocket 2
  cache
  ${more}
  template IN A {
    answer "{{ .Name }} 3600 IN A ${answer}"
  }
}
`;
const inside = block("127.0.0.1", "192.0.2.1");
const outside = block("127.0.0.2", "192.0.2.2");

let server: TestServer;
before(async () => {
  server = await TestServer.start({ corefile: inside + outside });
});
after(() => server.stop());

async function reload(corefile: string): Promise<void> {
  const from = server.lines.length;
  server.write("Corefile", corefile);
  server.signal("SIGUSR1");
  assert.ok(await server.line(/^\[INFO\] Reloading complete$/, from, 10_000), server.lines.slice(from).join("\n"));
}

async function ask(host: string): Promise<{ address: string; ttl: number }> {
  const reply = await server.ask({ ask: "www.test. A", to: host });
  const [, ttl, , , address] = reply!.answer[0]!.split(" ");
  return { address: address!, ttl: Number(ttl) };
}

test("reload: an answer stays in the cache of a block in which nothing has changed", async () => {
  await ask("127.0.0.1");
  let { ttl } = await ask("127.0.0.1");
  while (ttl === 3_600) {
    await sleep(100);
    ({ ttl } = await ask("127.0.0.1"));
  }
  await reload(`# a line more\n\n${inside}${outside}example.org:{PORT} {\n  bind 127.0.0.1\n  whoami\n}\n`);
  const kept = await ask("127.0.0.1");
  assert.ok(kept.ttl < 3_600, `${kept.ttl}`);
});

for (const { name, corefile, host, address } of [
  {
    name: "another answer",
    corefile: block("127.0.0.1", "192.0.2.7") + outside,
    host: "127.0.0.1",
    address: "192.0.2.7",
  },
  {
    name: "a stanza more",
    corefile:
      block("127.0.0.1", "192.0.2.1", 'template IN A www.test {\n answer "{{ .Name }} 60 IN A 192.0.2.8"\n}') + outside,
    host: "127.0.0.1",
    address: "192.0.2.8",
  },
  { name: "the blocks have changed places", corefile: outside + inside, host: "127.0.0.2", address: "192.0.2.2" },
  { name: "the other block has gone", corefile: outside, host: "127.0.0.2", address: "192.0.2.2" },
]) {
  test(`reload: no answer of before where it would be another one: ${name}`, async () => {
    await reload(inside + outside);
    assert.equal((await ask("127.0.0.1")).address, "192.0.2.1");
    await reload(corefile);
    assert.equal((await ask(host)).address, address);
  });
}
