/** What V8 has compiled for queries stays compiled when it collects garbage while none is under way. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const SOURCE = new URL("../../src/", import.meta.url).href;

/** Many forwarded queries in few words, then a collection that keeps nothing that it need not. */
const PROGRAM = `
  import { Engine, UNCOUNTED } from "${SOURCE}worker/engine.ts";
  import { Later } from "${SOURCE}plugin/later.ts";
  import { warmUp } from "${SOURCE}worker/warm-up.ts";
  warmUp();
  const query = new Engine(UNCOUNTED).acquire();
  const step = (outcome) => outcome;
  function forward() {
    const later = new Later(query);
    if (later.isFor(query)) later.add(step);
    later.settle(0);
  }
  for (let i = 0; i < 1_000_000; i++) forward();
  await 0;
  gc({ type: "major", execution: "sync", flavor: "last-resort" });
`;

test("warm-up: a collection leaves the code of queries compiled", () => {
  const flags = [
    "--no-concurrent-recompilation",
    "--trace-opt",
    "--trace-deopt",
    "--expose-gc",
    "--input-type=module",
    "-e",
    PROGRAM,
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, flags, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const lines = stdout.split("\n");
  const compiled = lines.filter((line) => line.startsWith("[completed compiling"));
  for (const name of ["forward", "read", "finish"]) {
    const isIt = compiled.some((line) => line.includes(`<JSFunction ${name} `));
    assert.ok(isIt, `${name} was not compiled`);
  }
  const thrownAway = lines.filter((line) => line.includes("weak objects cleared"));
  const ofQueries = /<SharedFunctionInfo (forward|Later|isFor|add|settle|#run|read|begin|finish|reset)>/;
  assert.deepEqual(
    thrownAway.filter((line) => ofQueries.test(line)),
    [],
  );
});
