import assert from "node:assert/strict";
import { test } from "node:test";
import { Section } from "../../src/dns/reply.ts";
import { ANSWERED } from "../../src/plugin/outcome.ts";
import { definePlugin, type Plugin } from "../../src/plugin/plugin.ts";
import { cache } from "../../src/plugins/cache/index.ts";
import { log } from "../../src/plugins/log/index.ts";
import { metadata } from "../../src/plugins/metadata.ts";
import { rewrite } from "../../src/plugins/rewrite/index.ts";
import { linkChain, parseBlock } from "../support/chain.ts";

for (const { block, zones, mistake } of [
  { block: "metadata", zones: ["example.org."] },
  { block: "metadata {\n}", zones: ["example.org."] },
  { block: "metadata a.test B.test", zones: ["a.test.", "b.test."] },
  { block: "metadata 10.0.0.0/23", zones: ["0.0.10.in-addr.arpa.", "1.0.10.in-addr.arpa."] },
  {
    block: "metadata\nmetadata a.test",
    mistake:
      "3:1: plugin/metadata: Wrong argument count or unexpected line ending after 'metadata', expected no second metadata",
  },
  {
    block: "metadata {\nx\n}",
    mistake: "3:1: plugin/metadata: Wrong argument count or unexpected line ending after 'x', expected no options",
  },
]) {
  test(`metadata: ${block.replaceAll("\n", "; ")}`, () => {
    const parsed = parseBlock([metadata], `example.org {\n${block}\n}`);
    assert.deepEqual(parsed.mistakes, mistake === undefined ? [] : [`Corefile:${mistake}`]);
    if (zones) assert.deepEqual(parsed.elements[0]?.config, { zones });
  });
}

/** Says what the query's type is called, and whatever stands behind `group/of/`. */
const provider = definePlugin({
  name: "provider",
  parse: () => undefined,
  serve: (_config, { provideMetadata, next }) => {
    provideMetadata("group/type", ({ type }) => `type${type}`);
    provideMetadata("group/of/", (_query, rest) => rest.toUpperCase());
    return next;
  },
});

/** Checks that a server of this Corefile logs `line`, and nothing else, for the question. */
async function logs(plugins: readonly Plugin[], ask: string, line: string, corefile: string): Promise<void> {
  const chain = await linkChain({
    plugins,
    corefile,
    last: (query) => {
      query.reply.begin(query);
      return ANSWERED;
    },
  });
  const { lines } = await chain.ask({ ask });
  assert.deepEqual(
    lines.map(({ text }) => text),
    [line],
  );
  await chain.stop();
}

for (const { directive, ask, line } of [
  { directive: "", ask: "www.example.org. A", line: "type1 X/Y -" },
  { directive: "metadata", ask: "www.example.org. A", line: "type1 X/Y -" },
  { directive: "metadata example.org", ask: "WWW.example.org. MX", line: "type15 X/Y -" },
  { directive: "metadata example.org", ask: "www.example.com. A", line: "- - -" },
  // What rewrite makes of a name does not matter.
  { directive: "metadata example.org", ask: "old.example.org. A", line: "type1 X/Y -" },
  { directive: "metadata new.test", ask: "old.example.org. A", line: "- - -" },
]) {
  test(`metadata: '${directive}' for ${ask}`, async () => {
    await logs(
      [metadata, log, rewrite, provider],
      ask,
      line,
      `. {
        ${directive}
        log . "{/group/type} {/group/of/x/y} {/group/none}"
        rewrite name old.example.org x.new.test
        provider
      }`,
    );
  });
}

/** Provides a label for the type that it is given, as several stanzas of forward do for what each has answered. */
const sometimes = definePlugin({
  name: "sometimes",
  repeatable: true,
  parse: (directive) => Number(directive.once().args[0]!.text),
  serve: (config, { provideMetadata, next }) => {
    provideMetadata("some/name", ({ type }) => (type === config || type === 28 ? `of ${config}` : ""));
    return next;
  },
});

for (const { ask, line } of [
  { ask: "www.example.org. A", line: "of 1" },
  { ask: "www.example.org. MX", line: "of 15" },
  { ask: "www.example.org. AAAA", line: "of 1" },
  { ask: "www.example.org. NS", line: "-" },
]) {
  test(`metadata: of several that provide a label the first with a value counts: ${ask}`, async () => {
    await logs([log, sometimes], ask, line, `. {\n log . "{/some/name}"\n sometimes 1\n sometimes 15\n}`);
  });
}

test("metadata: what the cache asks beside a client's query has the client's values", async () => {
  const seen: (string | undefined)[] = [];
  const reader = definePlugin({
    name: "reader",
    parse: () => undefined,
    serve: (_config, context) => (query) => {
      seen.push(context.metadata(query, "group/type"));
      query.reply.begin(query);
      query.reply.add(Section.ANSWER, query.name.toWire(), 1, 1, 60, Uint8Array.of(192, 0, 2, 1));
      return ANSWERED;
    },
  });
  const chain = await linkChain({
    plugins: [metadata, cache, provider, reader],
    corefile: ". {\nmetadata example.org\ncache {\nsuccess 2000 2 1\nprefetch 1 1m 90%\n}\nprovider\nreader\n}",
  });
  for (let i = 0; i < 2; i++) await chain.ask({ ask: "www.example.org. A" });
  assert.deepEqual(seen, ["type1", "type1"]);
  await chain.stop();
});
