import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { diskFiles } from "../../src/corefile/files.ts";
import { MAX_FILE_LENGTH } from "../../src/corefile/lexer.ts";
import { makePipe } from "../support/pipe.ts";

const folder = mkdtempSync(join(tmpdir(), "corefile-"));
after(() => rmSync(folder, { recursive: true }));
for (const name of ["b.conf", "a.conf", ".hidden.conf", "a(1).conf", "sub/c.conf", "sub2/c.conf", "sub2/d.conf"]) {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), `text of ${name}`);
}

for (const { pattern, names } of [
  { pattern: "*.conf", names: [".hidden.conf", "a(1).conf", "a.conf", "b.conf"] },
  { pattern: "?.conf", names: ["a.conf", "b.conf"] },
  { pattern: "a(?).conf", names: ["a(1).conf"] },
  { pattern: "sub*/c.conf", names: ["sub/c.conf", "sub2/c.conf"] },
  { pattern: "sub?/*", names: ["sub2/c.conf", "sub2/d.conf"] },
  { pattern: "*", names: [".hidden.conf", "a(1).conf", "a.conf", "b.conf", "sub", "sub2"] },
  { pattern: "aXconf*", names: [] },
  { pattern: "none/*", names: [] },
  { pattern: "a.conf/*", names: [] },
  { pattern: "nul\0*", names: [] },
]) {
  test(`files: ${pattern}`, () => {
    assert.deepEqual(
      diskFiles.glob(join(folder, pattern)),
      names.map((name) => join(folder, name)),
    );
  });
}

test("files: the text of a file", () => assert.equal(diskFiles.readFile(join(folder, "a.conf")), "text of a.conf"));

test("files: characters across the border of two reads", () => {
  const text = `${"é".repeat(100_000)}\u{1f600}`;
  writeFileSync(join(folder, "long"), `x${text}`);
  assert.equal(diskFiles.readFile(join(folder, "long")), `x${text}`);
});

test("files: a giant file is not read to its end", () => {
  writeFileSync(join(folder, "giant"), Buffer.alloc(MAX_FILE_LENGTH + 1, "a"));
  assert.throws(() => diskFiles.readFile(join(folder, "giant")), { code: "EFBIG" });
  assert.throws(() => diskFiles.readFile("/dev/zero"), { code: "EFBIG" });
});

test("files: what is no file", () => {
  assert.throws(() => diskFiles.readFile(folder), { code: "EISDIR" });
  assert.throws(() => diskFiles.readFile(join(folder, "none")), { code: "ENOENT" });
});

test("files: a pipe is not waited for", (t) => {
  makePipe(t, join(folder, "pipe"), "whoami");
  assert.throws(() => diskFiles.readFile(join(folder, "pipe")), { message: "is a pipe" });
});
