import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import type { Query } from "../../src/plugin/query.ts";
import { chaos } from "../../src/plugins/chaos.ts";
import { whoami } from "../../src/plugins/whoami.ts";
import { linkChain, parseBlock } from "../support/chain.ts";

const host = `"${hostname()}"`;
const long = "v".repeat(300);

/** `ask` of the test's chain goes through a listener that takes the class IN only, so the class is changed behind it. */
async function ask(directive: string, name: string, type = "TXT", klass = 3): Promise<readonly string[]> {
  const first = { name: "classes", parse: () => undefined, serve: () => undefined as never };
  first.serve = ((_config: unknown, { next }: { next: (query: Query) => unknown }) =>
    (query: Query) => {
      query.class = klass;
      return next(query);
    }) as never;
  const chain = await linkChain({
    plugins: [first as never, chaos, whoami],
    corefile: `. {\n classes\n ${directive}\n whoami\n}`,
  });
  const { reply } = await chain.ask({ ask: `${name} ${type}` });
  await chain.stop();
  return reply!.answer;
}

for (const { directive = "chaos V alice bob alice", name, data } of [
  { name: "Version.Bind.", data: ['"V"'] },
  { name: "version.server.", data: ['"V"'] },
  { name: "authors.bind.", data: ['"alice"', '"bob"'] },
  { name: "hostname.bind.", data: [host] },
  { name: "id.server.", data: [host] },
  { directive: "chaos", name: "version.bind.", data: ['"CoreDNS-1.15.0"'] },
  { directive: "chaos", name: "authors.bind.", data: ['"the authors of WeftDNS"'] },
  { directive: "chaos V\n chaos W", name: "version.bind.", data: ['"V"'] },
  { directive: `chaos ${long}`, name: "version.bind.", data: [`"${long.slice(0, 255)}"`] },
  { directive: 'chaos ""', name: "version.bind.", data: [] },
  { name: "x.version.bind.", data: [] },
  { name: "bind.", data: [] },
]) {
  test(`chaos: '${directive.slice(0, 30).replace("\n", "")}', ${name}`, async () => {
    assert.deepEqual(
      await ask(directive, name),
      data.map((text) => `${name} 0 CH TXT ${text}`),
    );
  });
}

test("chaos: other classes and types pass on", async () => {
  assert.deepEqual(await ask("chaos", "version.bind.", "TXT", 1), []);
  assert.deepEqual(await ask("chaos", "version.bind.", "ANY"), []);
});

test("chaos: opens its listener for other classes, and has no options", () => {
  assert.equal(chaos.anyClass, true);
  assert.equal(parseBlock([chaos], ". {\n chaos {\n  x\n }\n}").mistakes.length, 1);
});
