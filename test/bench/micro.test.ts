/** Every piece of `npm run bench:micro` can be measured. What it takes is looked at by people. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import type { Timing } from "../../bench/micro/harness.ts";

const RUN = join(import.meta.dirname, "../../bench/micro/run.ts");

for (const subject of ["parse", "cache", "chain", "encode"]) {
  test(`bench:micro ${subject}`, { timeout: 60_000 }, () => {
    const output = execFileSync(process.execPath, [RUN, "--only", subject, "--rounds", "1"], { encoding: "utf8" });
    const timings = JSON.parse(output) as Timing[];
    assert.ok(timings.length >= 2, "there is something beside the baseline");
    for (const { name, nanoseconds } of timings) assert.ok(nanoseconds.median >= 0 && nanoseconds.median < 1e6, name);
  });
}
