/** What `npm run bench` says of a call that it cannot follow. It says so at once, before anything is built or started. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const RUN = join(import.meta.dirname, "../../bench/run.ts");

for (const { parameters, says } of [
  { parameters: ["--scenario", "zone-1k,hits"], says: "bench: no scenario is named hits; --list shows them" },
  { parameters: ["--server", "weftdns,core"], says: "bench: no server is named core; --list shows them" },
  { parameters: ["--repeats", "0"], says: "bench: --repeats is 0, expected a number from 1 to 100" },
])
  test(`bench ${parameters.join(" ")}`, { timeout: 20_000 }, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [RUN, ...parameters], { encoding: "utf8" });
    assert.equal(stderr.trim(), says);
    assert.equal(stdout, "");
    assert.equal(status, 1);
  });
