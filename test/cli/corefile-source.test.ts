import assert from "node:assert/strict";
import { test } from "node:test";
import { corefileReader } from "../../src/cli/corefile-source.ts";
import { parseFlags } from "../../src/cli/flags.ts";

for (const [conf, message] of [
  ["/nowhere/Corefile", "loading Caddyfile via flag: open /nowhere/Corefile: no such file or directory"],
  ["/proc", "loading Caddyfile via flag: read /proc: is a directory"],
] as const)
  test(`a Corefile that cannot be read: ${conf}`, () => {
    const line = parseFlags(["-conf", conf]);
    assert.ok(line.action === "run");
    assert.throws(() => corefileReader(line.settings)(), { message });
  });
