import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { corefileReader } from "../../src/cli/corefile-source.ts";
import { parseFlags } from "../../src/cli/flags.ts";
import { makePipe } from "../support/pipe.ts";

for (const [conf, message] of [
  ["/nowhere/Corefile", "loading Caddyfile via flag: open /nowhere/Corefile: no such file or directory"],
  ["/proc", "loading Caddyfile via flag: read /proc: is a directory"],
] as const)
  test(`a Corefile that cannot be read: ${conf}`, () => {
    const line = parseFlags(["-conf", conf]);
    assert.ok(line.action === "run");
    assert.throws(() => corefileReader(line.settings)(), { message });
  });

test("a Corefile from a pipe is read once, and one that takes a file's place is not waited for", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "corefile-source-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const conf = join(directory, "Corefile");
  const line = parseFlags(["-conf", conf]);
  assert.ok(line.action === "run");
  makePipe(t, conf, "whoami");
  const readPipe = corefileReader(line.settings);
  rmSync(conf);
  assert.equal(readPipe().text, "whoami");
  writeFileSync(conf, "erratic");
  const readFile = corefileReader(line.settings);
  assert.equal(readFile().text, "erratic");
  rmSync(conf);
  makePipe(t, conf, "whoami");
  assert.throws(readFile, { message: `loading Caddyfile via flag: open ${conf}: is a pipe` });
});
