import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

/** Says how many milliseconds went by on both clocks. */
const CHILD = `
  import { awakeNow } from "${import.meta.dirname}/awake.ts";
  const since = performance.now();
  const awakeSince = awakeNow();
  console.log("ready");
  if (process.argv[1] === "compute") while (process.threadCpuUsage().user < 300_000);
  process.stdin.once("data", () => {
    console.log(JSON.stringify([performance.now() - since, awakeNow() - awakeSince]));
    process.exit();
  });
`;

for (const { name, argument, pauseMs } of [
  { name: "a pause is not counted", argument: "wait", pauseMs: 500 },
  { name: "a computation is", argument: "compute", pauseMs: 0 },
]) {
  test(`awake: ${name}`, { timeout: 20_000 }, async () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", CHILD, argument], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const [ready] = await once(child.stdout, "data");
    assert.equal(`${ready}`, "ready\n");
    await sleep(300);
    child.kill("SIGSTOP");
    await sleep(pauseMs);
    child.kill("SIGCONT");
    child.stdin.write("\n");
    const [text] = await once(child.stdout, "data");
    const [ms, awakeMs] = JSON.parse(`${text}`) as [number, number];
    const passed = ms - awakeMs;
    assert.ok(passed >= pauseMs - 30, `${passed} of ${ms} ms are not counted`);
    // This machine may pause besides.
    assert.ok(awakeMs >= 150, `only ${awakeMs} of ${ms} ms are counted`);
  });
}
