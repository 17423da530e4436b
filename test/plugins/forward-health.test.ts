/** forward: which servers it takes for healthy, and what it does when none is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Rcode } from "../../src/dns/types.ts";
import { answerAddress, silent } from "../support/fakeup.ts";
import { setUp } from "../upstream/forward-support.ts";

test("forward: all down: healthcheck_broken, or SERVFAIL at once with failfast", async (t) => {
  for (const failFast of [false, true]) {
    const options = ["health_check 50ms", "max_fails 1", ...(failFast ? ["failfast_all_unhealthy_upstreams"] : [])];
    const { forward, ups } = await setUp(t, [silent], options);
    await ups[0]!.stop();
    await forward.ask("www.example.org. A");
    await sleep(250);
    const before = forward.count("proxy_conn_cache_misses_total");
    const { outcome, error } = await forward.ask("www.example.org. A");
    assert.equal(outcome, Rcode.SERVFAIL);
    assert.match(error, failFast ? /^no healthy proxies$/ : /connection refused$/);
    assert.equal(forward.count("proxy_conn_cache_misses_total") > before, !failFast);
    assert.ok(forward.count("forward_healthcheck_broken_total") >= 1);
  }
});

test("forward: all down: one attempt a query, at any of them", async (t) => {
  const { forward, ups } = await setUp(t, [silent, silent, silent], ["health_check 50ms", "max_fails 1"]);
  await Promise.all(ups.map((up) => up.stop()));
  await forward.ask("www.example.org. A");
  await sleep(250);
  const attempts = (to?: string) => forward.count("proxy_conn_cache_misses_total", to === undefined ? {} : { to });
  const before = attempts();
  const each = ups.map(({ to }) => attempts(to));
  for (let i = 0; i < 30; i++) assert.equal((await forward.ask("www.example.org. A")).outcome, Rcode.SERVFAIL);
  assert.equal(attempts() - before, 30);
  assert.equal(forward.count("forward_healthcheck_broken_total"), 30);
  for (const [i, { to }] of ups.entries()) assert.ok(attempts(to) > each[i]!, `${to} is never asked`);
});

for (const { fails, asked } of [
  { fails: 2, asked: 0 },
  { fails: 3, asked: 1 },
]) {
  test(`forward: max_fails 2 and ${fails} probes that failed: server ${asked} is asked`, async (t) => {
    const { forward, ups } = await setUp(t, [answerAddress, answerAddress], ["policy sequential", "max_fails 2"]);
    forward.board.setFails(0, fails);
    assert.equal((await forward.ask("www.example.org. A")).upstream, ups[asked]!.to);
  });
}

test("forward: healthy servers are not probed", async (t) => {
  const { forward, ups } = await setUp(t, [answerAddress], ["health_check 50ms"]);
  await forward.ask("www.example.org. A");
  await sleep(200);
  assert.equal(ups[0]!.asks(), 1);
});

for (const { options, ask, flags } of [
  { options: "health_check 50ms", ask: ". NS", flags: 0x0100 },
  { options: "health_check 50ms no_rec", ask: ". NS", flags: 0 },
  { options: "health_check 50ms no_rec domain Health.example.org", ask: "health.example.org. NS", flags: 0 },
]) {
  test(`forward: the probe of '${options}'`, async (t) => {
    const { forward, ups } = await setUp(t, [silent], [options, "read_timeout 20ms", "max_connect_attempts 1"]);
    await forward.ask("www.example.org. A");
    await sleep(50);
    const probe = ups[0]!.asked[1]!;
    assert.equal(probe.ask, ask);
    assert.equal(probe.over, "udp");
    assert.equal(probe.bytes.readUInt16BE(2), flags);
  });
}
