/** Row L8: 100,000 endpoints stream in, and the thread that reads them is there for others meanwhile. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { ApiClient } from "../../../src/kubernetes/api/client.ts";
import { fromEndpoint } from "../../../src/kubernetes/api/credentials.ts";
import { Reflector } from "../../../src/kubernetes/api/reflector.ts";
import type { ApiServerOptions } from "../../support/api-server.ts";
import { until } from "./setup.ts";

const SLICES = 10_000;
const ENDPOINTS = 10;
/** Of processor time at a stretch; what other programs take of the processors does not count. */
const MOST_MS = 50;

for (const { name, options } of [
  { name: "streamed", options: {} },
  { name: "in pages", options: { streaming: false } },
  { name: "in compressed pages", options: { streaming: false, gzip: true } },
] satisfies { name: string; options: ApiServerOptions }[]) {
  test(`L8: ${SLICES * ENDPOINTS} endpoints, ${name}`, async (t) => {
    const worker = new Worker(new URL("./big-api.ts", import.meta.url), {
      workerData: { slices: SLICES, endpoints: ENDPOINTS, options },
    });
    const [url] = (await once(worker, "message")) as [string];
    const client = new ApiClient(fromEndpoint(url));
    let [objects, endpoints, longestMs, turns] = [0, 0, 0, 0];
    const log = { info: () => {}, warning: () => {} };
    const sink = {
      size: 0,
      ...{ beginList: () => {}, endList: () => {}, remove: () => {}, keys: () => [], versionOf: () => 0 },
      upsert: (object: { readonly [field: string]: unknown }) => {
        objects++;
        endpoints += (object.endpoints as unknown[]).length;
      },
    };
    const query = { group: "discovery.k8s.io", version: "v1", plural: "endpointslices" };
    const reflector = new Reflector(client, query, sink, { log });
    t.after(async () => {
      await reflector.stop();
      client.close();
      await worker.terminate();
    });
    let before = process.threadCpuUsage();
    const turn = () => {
      const { user, system } = process.threadCpuUsage(before);
      before = process.threadCpuUsage();
      longestMs = Math.max(longestMs, (user + system) / 1_000);
      turns++;
      if (!reflector.synced) setImmediate(turn);
    };
    reflector.start();
    setImmediate(turn);
    await until(() => reflector.synced, "synced", 60_000);
    assert.deepEqual([objects, endpoints], [SLICES, SLICES * ENDPOINTS]);
    assert.ok(longestMs <= MOST_MS, `${longestMs.toFixed(1)} ms at a stretch`);
    assert.ok(turns > 20, `${turns} turns`);
  });
}
