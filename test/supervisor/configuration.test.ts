import assert from "node:assert/strict";
import { test } from "node:test";
import { placedText } from "../../src/corefile/mistake.ts";
import { loadConfiguration } from "../../src/supervisor/configuration.ts";

test("configuration: every mistake of every plugin", async () => {
  const text = `.:53 {
  forward a.test 192.0.2.1 {
    polciy random
    max_fails x
  }
  forward b.test 192.0.2.1 {
    max_fail 3
  }
  cache {
    prefech 1
    servfail x
  }
  hosts {
    ttl x
    reload y
  }
  timeouts {
    read 1ms
    idle x
  }
  header {
    bad set ra
    response sett ra
  }
  prometheus {
    what
    tls
  }
}
`;
  const loaded = await loadConfiguration(
    { file: "Corefile", text, dnsPort: 53, logFormat: "text", environment: {} },
    1,
  );
  assert.ok(Array.isArray(loaded));
  const places = loaded.map((mistake) => placedText(mistake).split(" ", 2).join(" "));
  assert.deepEqual(places, [
    "Corefile:18:10: plugin/timeouts:",
    "Corefile:19:10: plugin/timeouts:",
    "Corefile:26:5: plugin/prometheus:",
    "Corefile:27:5: plugin/prometheus:",
    "Corefile:10:5: plugin/cache:",
    "Corefile:11:14: plugin/cache:",
    "Corefile:22:5: plugin/header:",
    "Corefile:23:14: plugin/header:",
    "Corefile:14:9: plugin/hosts:",
    "Corefile:15:12: plugin/hosts:",
    "Corefile:3:5: plugin/forward:",
    "Corefile:4:15: plugin/forward:",
    "Corefile:7:5: plugin/forward:",
  ]);
});

for (const { text, workers } of [
  { text: ". {\nmultisocket\n}", workers: 6 },
  { text: ". {\nmultisocket 3\n}", workers: 3 },
  { text: ". {\nwhoami\n}", workers: undefined },
]) {
  test(`configuration: workers of ${text.replaceAll("\n", " ")} on six CPUs`, async (t) => {
    const before = process.env.GOMAXPROCS;
    t.after(() => {
      if (before === undefined) delete process.env.GOMAXPROCS;
      else process.env.GOMAXPROCS = before;
    });
    process.env.GOMAXPROCS = "6";
    const loaded = await loadConfiguration(
      { file: "Corefile", text, dnsPort: 53, logFormat: "text", environment: {} },
      1,
    );
    assert.ok("workers" in loaded);
    assert.equal(loaded.workers, workers);
  });
}
