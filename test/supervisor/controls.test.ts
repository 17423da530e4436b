/** The control halves of a plan, and what they have of the plan before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ControlContext } from "../../src/plugin/context.ts";
import { definePlugin } from "../../src/plugin/plugin.ts";
import type { ControlPlan } from "../../src/supervisor/configuration.ts";
import { type ControlHost, Controls } from "../../src/supervisor/controls.ts";

test("workers are told of what is published when they have been given what was before", async () => {
  let publish: (value: unknown, part?: number) => void = () => {};
  const plugin = definePlugin({
    name: "test",
    parse: () => undefined,
    control: async (_config, context) => {
      publish = context.publish;
      publish("first");
      publish("first part", 1);
      return { stop: () => {} };
    },
  });
  const element = { id: "0/test", plugin: "test", config: undefined };
  const plan: ControlPlan = { element, plugin, keys: [], servers: [], plugins: [], blockHash: "" };
  const told: unknown[] = [];
  const host: Partial<ControlHost> = { publish: (...message) => void told.push(message) };
  const controls = await Controls.start([plan], host as ControlHost);
  publish("second");
  assert.deepEqual(told, []);
  const given = controls.give();
  assert.deepEqual([...given.values()], ["second", "first part"]);
  publish("third");
  assert.deepEqual(told, [["0/test", "third"]]);
  assert.equal(given.get("0/test"), "third");
});

test("what a plan hands over is given to the start of the next one's, and held by nothing", async () => {
  const contexts: ControlContext[] = [];
  const seen: unknown[] = [];
  const plugin = definePlugin({
    name: "test",
    parse: () => undefined,
    control: async (_config, context) => {
      contexts.push(context);
      await undefined;
      seen.push(context.inherited);
      return { inherit: () => `table ${seen.length}`, stop: () => {} };
    },
  });
  const element = { id: "0/test", plugin: "test", config: undefined };
  const plan: ControlPlan = { element, plugin, keys: [], servers: [], plugins: [], blockHash: "" };
  const host = {} as ControlHost;
  const first = await Controls.start([plan], host);
  await Controls.start([plan], host, first);
  assert.deepEqual(seen, [undefined, "table 1"]);
  assert.deepEqual(
    contexts.map(({ inherited }) => inherited),
    [undefined, undefined],
  );
});
