/** Every plugin has a manual page at the head of its file, a test, and examples that start. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { plugins } from "../../src/plugins/index.ts";
import { loadConfiguration } from "../../src/supervisor/configuration.ts";
import { filesBelow, projectRoot } from "./sources.ts";

const SECTIONS = ["Syntax", "Metrics", "Ready", "Example"];

/** The text of the comment that the plugin's file begins with, without its stars. */
function pageOf(name: string): string {
  const candidates = [`src/plugins/${name}.ts`, `src/plugins/${name}/index.ts`].map((path) => join(projectRoot, path));
  const file = candidates.find((path) => existsSync(path));
  assert.ok(file, `src/plugins has a file or a folder for ${name}`);
  const comment = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(readFileSync(file, "utf8"));
  assert.ok(comment, `${name} begins with its page`);
  return comment[1]!
    .split("\n")
    .map((line) => line.replace(/^ \* ?/, ""))
    .join("\n");
}

/** The Corefiles under Example: indented blocks that begin with a key and an opening brace. */
function examplesOf(page: string): string[] {
  const [, text = ""] = /^Examples?\n([\s\S]*)$/m.exec(page) ?? [];
  return [...text.matchAll(/^ {2}\S.*\{\n(?: {3,}.*\n)* {2}\}/gm)].map((match) => match[0]);
}

describe("plugins", () => {
  for (const name of plugins.keys()) {
    test(`${name} has a page`, () => {
      const page = pageOf(name);
      assert.ok(page.startsWith(`${name}: `), "the page begins with the plugin's name");
      const missing = SECTIONS.filter((section) => !new RegExp(`^${section}`, "m").test(page));
      assert.deepEqual(missing, [], "sections of the page");
    });

    test(`${name} has an example that starts`, async () => {
      const examples = examplesOf(pageOf(name));
      assert.ok(examples.length > 0, "there is an example");
      for (const text of examples) {
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
