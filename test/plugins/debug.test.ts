import assert from "node:assert/strict";
import { test } from "node:test";
import { debug } from "../../src/plugins/debug.ts";
import { parseBlock } from "../support/chain.ts";

test("debug: is a setting of its block", () => {
  const { settings, elements } = parseBlock([debug], ". {\n debug\n debug\n}");
  assert.equal(settings.debug, true);
  assert.deepEqual(elements, []);
  assert.equal(parseBlock([debug], ". {\n}").settings.debug, false);
});

test("debug: takes no arguments", () => {
  assert.deepEqual(parseBlock([debug], ". {\n debug all\n}").mistakes, [
    "Corefile:2:8: plugin/debug: Wrong argument count or unexpected line ending after 'all', expected no arguments",
  ]);
});
