/** Every plugin has a manual page at the head of its file, examples that load, a test; the pages in docs are made from it. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { documentedMetrics, generatedPages, pluginPages } from "../../scripts/generated-pages.ts";
import { plugins } from "../../src/plugins/index.ts";
import { loadConfiguration } from "../../src/supervisor/configuration.ts";
import { filesBelow, projectRoot } from "./sources.ts";

const pages = pluginPages(projectRoot);

describe("plugins", () => {
  for (const name of plugins.keys()) {
    test(`${name} has a page`, () => {
      const { sections } = pages.get(name)!;
      const missing = (["Syntax", "Metrics", "Ready"] as const).filter((section) => !sections.has(section));
      assert.deepEqual(missing, [], "sections of the page");
    });

    test(`${name} has an example that loads`, async () => {
      const examples = pages.get(name)!.examples.filter(({ kind }) => kind === "corefile");
      assert.ok(examples.length > 0, "there is an example");
      for (const { text } of examples) {
        assert.ok(new RegExp(`^ +${name}\\b`, "m").test(text), `the example uses ${name}:\n${text}`);
        const source = { file: "Corefile", text, dnsPort: 1053, logFormat: "text" as const, environment: {} };
        const configuration = await loadConfiguration(source, 1);
        const mistakes = Array.isArray(configuration) ? configuration.map(({ message }) => message) : [];
        assert.deepEqual(mistakes, [], text);
      }
    });

    test(`${name} has a test`, () => {
      const imported = new RegExp(`/src/plugins/${name}(/[\\w-]+)?\\.ts"`);
      const tests = filesBelow("test/plugins", ".test.ts").filter(({ text }) => imported.test(text));
      assert.notEqual(tests.length, 0, `a test in test/plugins imports ${name}`);
    });
  }
});

test("no metric stands in two pages", () => {
  const names = documentedMetrics(projectRoot).map(({ name }) => name);
  assert.ok(names.length > 40, "metrics are found in the pages");
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});

test("every metric has a meaning: in its page, or as its HELP text", () => {
  const rows = generatedPages(projectRoot).get("docs/metrics.md")!.split("\n");
  assert.deepEqual(
    rows.filter((row) => /^\| `.*\| {2}\|$/.test(row)),
    [],
  );
});

test("what npm run docs makes is what stands in docs", () => {
  const made = generatedPages(projectRoot);
  const read = (path: string) =>
    existsSync(join(projectRoot, path)) ? readFileSync(join(projectRoot, path), "utf8") : "";
  const stale = [...made].filter(([path, text]) => read(path) !== text).map(([path]) => path);
  const orphans = filesBelow("docs/plugins").filter(({ path }) => !made.has(path));
  assert.deepEqual([...stale, ...orphans.map(({ path }) => path)], [], "run npm run docs and commit what it writes");
});
