/** Rules that hold for every file, whatever it is about. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { filesBelow, trackedFiles } from "./sources.ts";

/** One subject a file; longer ones have two. */
const MAX_LINES = 500;

test(`no source file is longer than ${MAX_LINES} lines`, () => {
  const sources = [...filesBelow("src"), ...filesBelow("bin")];
  const long = sources.filter(({ text }) => text.split("\n").length > MAX_LINES + 1);
  assert.deepEqual(
    long.map(({ path, text }) => `${path}: ${text.split("\n").length - 1}`),
    [],
  );
});

/** The formatter wraps code, and leaves comments as they are. */
const MAX_COMMENT_COLUMNS = 132;

test(`no comment of the sources is wider than ${MAX_COMMENT_COLUMNS} columns`, () => {
  const wide = filesBelow("src", ".ts").flatMap(({ path, text }) =>
    text
      .split("\n")
      .flatMap((line, index) =>
        /^\s*(\/?\*|\/\/)/.test(line) && line.length > MAX_COMMENT_COLUMNS
          ? [`${path}:${index + 1}: ${line.length}`]
          : [],
      ),
  );
  assert.deepEqual(wide, []);
});

/** What would say on which machine a line was written. This file is not looked at: it has them all. */
const BANNED: readonly (readonly [string, RegExp])[] = [
  ["a path of somebody's machine", /(?<![\w.-])\/(work|root|home\/\w+|Users\/\w+)\//],
  [
    "a package registry other than npm's",
    /https?:\/\/(?!registry\.npmjs\.org\b)[^\s"'`]*(registry|artifactory|nexus|verdaccio)/i,
  ],
  ["a to-do", /\b(TODO|FIXME|XXX)\b/],
];

for (const [what, pattern] of BANNED) {
  test(`no file has ${what}`, () => {
    const found = trackedFiles()
      .filter(({ path }) => !path.startsWith("test/house/"))
      .flatMap(({ path, text }) =>
        text.split("\n").flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
      );
    assert.deepEqual(found, []);
  });
}

/** Addresses of packages: whoever installs from the lock file would have to reach them. See .npmrc. */
test("the lock file names no registry", () => {
  const lock = trackedFiles().find(({ path }) => path === "package-lock.json");
  assert.ok(lock, "there is a lock file");
  assert.deepEqual(lock.text.match(/"resolved": "[^"]+"/g) ?? [], []);
});
