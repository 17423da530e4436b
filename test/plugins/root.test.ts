import assert from "node:assert/strict";
import { test } from "node:test";
import { root } from "../../src/plugins/root.ts";
import { parseBlock } from "../support/chain.ts";

const long = "a".repeat(300);

for (const { directive, path, warnings = [], mistakes = [] } of [
  { directive: "root /", path: "/" },
  { directive: "root /tmp\nroot /", path: "/" },
  {
    directive: "root /nonexistent",
    path: "/nonexistent",
    warnings: ["Corefile:2:6: plugin/root: Root path does not exist: /nonexistent"],
  },
  {
    directive: "root /dev/null/x",
    path: "/dev/null/x",
    mistakes: [
      "Corefile:2:6: plugin/root: unable to access root path '/dev/null/x': stat /dev/null/x: not a directory",
    ],
  },
  {
    directive: `root ${long}`,
    path: long,
    mistakes: [`Corefile:2:6: plugin/root: unable to access root path '${long}': stat ${long}: file name too long`],
  },
  {
    directive: "root",
    path: "",
    mistakes: [
      "Corefile:2:1: plugin/root: Wrong argument count or unexpected line ending after 'root', expected a directory",
    ],
  },
  {
    directive: "root / /tmp",
    path: "/",
    mistakes: [
      "Corefile:2:8: plugin/root: Wrong argument count or unexpected line ending after '/tmp', expected no more than 1 argument",
    ],
  },
]) {
  test(`root: ${directive.slice(0, 40).replace("\n", ", ")}`, () => {
    const parsed = parseBlock([root], `. {\n${directive}\n}`);
    assert.equal(parsed.block.root, path);
    assert.deepEqual(parsed.warnings, warnings);
    assert.deepEqual(parsed.mistakes, mistakes);
    assert.deepEqual(parsed.elements, []);
  });
}
