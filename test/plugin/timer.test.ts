/** A timer that is told to wait for too long does not wait at all: no plugin asks for that. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_TIMER_MS } from "../../src/plugin/timer.ts";
import { cache } from "../../src/plugins/cache/index.ts";
import { erratic } from "../../src/plugins/erratic.ts";
import { errors } from "../../src/plugins/errors.ts";
import { forward } from "../../src/plugins/forward/index.ts";
import { health } from "../../src/plugins/health.ts";
import { kubernetes } from "../../src/plugins/kubernetes/index.ts";
import { parseBlock } from "../support/chain.ts";

for (const { plugin, text, ms = MAX_TIMER_MS } of [
  { plugin: cache, text: "cache {\n serve_stale 1h verify 1000h\n}" },
  { plugin: erratic, text: "erratic {\n delay 1 1000h\n}" },
  { plugin: errors, text: "errors {\n consolidate 1000h timeout\n}" },
  { plugin: forward, text: "forward . 127.0.0.1 {\n health_check 1000h\n}" },
  { plugin: health, text: "health {\n lameduck 1000h\n}" },
  // It waits up to a tenth longer.
  { plugin: kubernetes, text: "kubernetes {\n check_interval 1000h\n}", ms: Math.floor(MAX_TIMER_MS / 1.1) },
]) {
  test(`${plugin.name}: ${text.split("\n")[1]!.trim()} is as long as a timer can wait`, () => {
    const { elements, controls, mistakes } = parseBlock([plugin], `. {\n${text}\n}`);
    assert.deepEqual(mistakes, []);
    const { config } = elements[0] ?? controls[0]!.element;
    assert.match(JSON.stringify(config), new RegExp(`Ms":${ms}\\b`));
  });
}
