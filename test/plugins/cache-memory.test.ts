/** cache: the memory of all caches together, in a container that has some. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { native } from "../../src/native/index.ts";
import { Logger } from "../../src/plugin/logger.ts";
import type { Published } from "../../src/plugins/cache/control.ts";
import { type Configuration, loadConfiguration } from "../../src/supervisor/configuration.ts";
import { type ControlHost, Controls } from "../../src/supervisor/controls.ts";

const MIB = 1024 * 1024;
const HOST = { gauge: () => ({ set: () => {} }) } as unknown as ControlHost;

/** So many blocks with a `cache`, in place of those of `before`. */
async function start(caches: number, before?: Controls): Promise<Controls> {
  const text = Array.from({ length: caches }, (_, i) => `zone${i}.test {\ncache\n}`).join("\n");
  const source = { file: "Corefile", text, dnsPort: 53, logFormat: "text", environment: {} } as const;
  const { controls } = (await loadConfiguration(source, 1)) as Configuration;
  return Controls.start(controls, HOST, before);
}

const memoriesOf = (controls: Controls) => [...controls.published.values()] as Published[];
const sizeOf = ({ success, denial }: Published) =>
  [...success, ...denial].reduce((sum, { byteLength }) => sum + byteLength, 0) / MIB;

for (const { limitMib, caches, mostMib, smallMib } of [
  { limitMib: 0, caches: 3, mostMib: 165, smallMib: 4 },
  { limitMib: 170, caches: 1, mostMib: 55, smallMib: 4 },
  { limitMib: 170, caches: 3, mostMib: 170 / 3, smallMib: 4 },
  { limitMib: 170, caches: 10, mostMib: 170 / 3, smallMib: 1.4 },
  { limitMib: 170, caches: 60, mostMib: 100, smallMib: 0.4 },
])
  test(`cache: ${caches} of them in ${limitMib} MiB`, async (t) => {
    t.mock.method(process, "constrainedMemory", () => limitMib * MIB);
    const memories = memoriesOf(await start(caches));
    assert.equal(memories.length, caches);
    assert.equal(new Set(memories.map(({ inFlight }) => inFlight)).size, 1);
    assert.equal(new Set(memories.map(({ hashKey }) => String(hashKey))).size, caches);
    const all = memories.reduce((sum, memory) => sum + sizeOf(memory), 0);
    assert.ok(all <= mostMib, `${all} MiB`);
    for (const { success, denial } of memories) {
      // Less would come from the allocator's heap, full of zeros.
      for (const { byteLength } of [...success, ...denial]) assert.ok(byteLength >= 128 * 1024, `${byteLength}`);
      for (const { byteLength } of [success[0]!, denial[0]!]) assert.ok(byteLength >= smallMib * MIB, `${byteLength}`);
    }
  });

test("cache: a reload that makes more caches begins with less memory for each, and one that does not keeps it", async (t) => {
  t.mock.method(process, "constrainedMemory", () => 170 * MIB);
  const one = await start(1);
  const same = await start(1, one);
  assert.equal(memoriesOf(same)[0], memoriesOf(one)[0]);
  const three = await start(3, same);
  assert.notEqual(memoriesOf(three)[0], memoriesOf(one)[0]);
  const all = memoriesOf(three).reduce((sum, memory) => sum + sizeOf(memory), 0);
  assert.ok(all <= 170 / 3, `${all} MiB`);
});

test("cache: memory goes back to the system when nobody has inherited it, and not before", {
  skip: native === undefined && "no addon",
}, async () => {
  const one = await start(1);
  const table = new Uint8Array(memoriesOf(one)[0]!.success[0]!);
  table.fill(7);
  const middle = () => table[table.length >> 1];
  const dropped = await start(1, one);
  await dropped.stop();
  assert.equal(middle(), 7, "a reload that failed");
  const same = await start(1, one);
  await one.stop();
  assert.equal(middle(), 7, "a reload that changed nothing");
  await same.stop();
  assert.equal(middle(), 0, "a reload that changed it");
});

test("cache: a log says once that there is less room than the Corefile wants", async (t) => {
  t.mock.method(process, "constrainedMemory", () => 171 * MIB);
  const lines: string[] = [];
  t.mock.method(Logger.prototype, "warning", (line: string) => void lines.push(line));
  await start(1);
  assert.deepEqual(lines, []);
  await start(20);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^Room for \d{4} answers instead of 9984, as the 20 caches may have a third of the memory$/);
});
