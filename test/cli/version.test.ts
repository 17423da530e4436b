/** What `-plugins` lists: a name a line in the order of the alphabet, names only, as CoreDNS's does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pluginsText } from "../../src/cli/version.ts";
import { plugins } from "../../src/plugins/index.ts";

test("-plugins lists the directives that are served, and nothing else", () => {
  const lines = pluginsText().split("\n");
  assert.deepEqual(lines.splice(-2), ["", ""]);
  assert.deepEqual(lines, [...plugins.keys()].sort());
});
