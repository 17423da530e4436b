import assert from "node:assert/strict";
import { test } from "node:test";
import { multisocket } from "../../src/plugins/multisocket.ts";
import { parseBlock } from "../support/chain.ts";

for (const { directive, workers, mistakes = [] } of [
  { directive: "multisocket", workers: "cpus" },
  { directive: "multisocket 1", workers: 1 },
  { directive: "multisocket 1024", workers: 1024 },
  {
    directive: "multisocket 0",
    workers: undefined,
    mistakes: ["Corefile:2:13: plugin/multisocket: invalid multisocket '0', expected an integer from 1 to 1024"],
  },
  {
    directive: "multisocket 1025",
    workers: undefined,
    mistakes: ["Corefile:2:13: plugin/multisocket: invalid multisocket '1025', expected an integer from 1 to 1024"],
  },
]) {
  test(`multisocket: ${directive}`, () => {
    const parsed = parseBlock([multisocket], `. {\n${directive}\n}`);
    assert.equal(parsed.settings.workers, workers);
    assert.deepEqual(parsed.mistakes, mistakes);
    assert.deepEqual(parsed.elements, []);
  });
}
