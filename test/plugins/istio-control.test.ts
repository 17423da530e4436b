/** The control half of istio: what it counts and shows, hands on, and ends. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ControlContext } from "../../src/plugin/context.ts";
import type { IstioConfig } from "../../src/plugins/istio/config.ts";
import { control } from "../../src/plugins/istio/control.ts";
import { Part, type Standing } from "../../src/plugins/istio/mesh.ts";
import type { HostTable } from "../../src/plugins/istio/table.ts";
import { serviceEntry } from "../support/api-objects.ts";
import { ApiServer } from "../support/api-server.ts";

const api = await ApiServer.start();
after(() => api.close());

const CONFIG: IstioConfig = {
  ...{ zones: ["global."], endpoint: api.url, tls: undefined, kubeconfig: undefined, namespace: "", endpoints: false },
  ...{ defaultAddresses: [], ttl: 30, fallthrough: [], startupTimeoutMs: 5_000 },
};

function watched(inherited?: unknown, config = CONFIG) {
  const tables: HostTable[] = [];
  let standing: Standing | undefined;
  const gauges: Record<string, () => number> = {};
  const counters: Record<string, number> = {};
  const start = async () => {
    const running = await control(config, {
      log: { debug: () => {}, info: () => {}, warning: () => {}, error: () => {} },
      inherited,
      publish: (value: never, part: number) => {
        if (part === Part.TABLE) tables.push(value);
        else standing = value;
      },
      counter: (name: string) => ({ add: (count: number) => (counters[name] = (counters[name] ?? 0) + count) }),
      gauge: (name: string, _help: string, _labels: object, read: () => number) => {
        gauges[name] = read;
      },
    } as unknown as ControlContext);
    await running.catchUp?.();
    return running;
  };
  return { start, tables, isSure: () => standing!.isSure, gauges, counters };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await sleep(10);
  assert.ok(holds(), "what was waited for has not come");
}

test("istio: what is known is shown and counted", async () => {
  api.apply(
    serviceEntry("one", "mesh", { hosts: ["a.global", "*.a.global"], addresses: ["240.0.0.1"] }),
    serviceEntry("two", "mesh", { hosts: ["a..b"], addresses: ["240.0.0.2"] }),
  );
  const { start, gauges, counters, tables } = watched();
  const running = await start();
  assert.equal(running.ready?.(), true);
  assert.equal(gauges.weftdns_istio_synced?.(), 1);
  assert.equal(gauges.weftdns_istio_objects?.(), 2);
  assert.equal(gauges.weftdns_istio_hosts?.(), 2);
  assert.equal(gauges.weftdns_istio_table_bytes?.(), tables.at(-1)?.buffer.byteLength);
  assert.ok((gauges.weftdns_istio_watch_age_seconds?.() ?? 1e9) < 60);
  assert.match(running.readyDetails?.()[0] ?? "", /^serviceentries: synced, 2 objects, heard of \d+\.\d s ago$/);
  await running.stop();
  assert.equal(counters.weftdns_istio_refused_objects_total, 1);
});

test("istio: a crowd of changes makes few tables, and the last one has them all", async () => {
  const { start, tables } = watched();
  const running = await start();
  const before = tables.length;
  for (let i = 0; i < 200; i++)
    api.apply(serviceEntry(`crowd-${i}`, "mesh", { hosts: [`h${i}.global`], addresses: ["240.0.0.3"] }));
  await until(() => tables.at(-1)?.hosts === 202);
  assert.ok(tables.length - before < 50, `${tables.length - before} tables`);
  await running.stop();
});

test("istio: a reload keeps what is known and the watch, which end with the last that leans on them", async () => {
  const first = watched();
  const old = await first.start();
  await until(() => api.watches === 1);
  const requests = api.requests.length;
  const second = watched(old.inherit?.());
  const reloaded = await second.start();
  await old.stop();
  assert.equal(second.tables.at(-1), first.tables.at(-1));
  const heard = first.tables.length;
  api.apply(serviceEntry("late", "mesh", { hosts: ["late.global"], addresses: ["240.0.0.4"] }));
  await until(() => second.tables.at(-1)?.hosts === 203);
  assert.equal(first.tables.length, heard);
  assert.equal(api.requests.length, requests);
  await reloaded.stop();
  await until(() => api.watches === 0);
});

test("istio: a reload that finds another server in the kubeconfig follows that one", async (t) => {
  const entry = serviceEntry("one", "mesh", { hosts: ["other.global"], addresses: ["240.0.0.5"] });
  const other = await ApiServer.start({ objects: [entry] });
  t.after(() => other.close());
  const old = await watched().start();
  await until(() => api.watches === 1);
  const second = watched(old.inherit?.(), { ...CONFIG, endpoint: other.url });
  const reloaded = await second.start();
  await old.stop();
  await until(() => api.watches === 0 && other.watches === 1);
  assert.equal(second.tables.at(-1)?.hosts, 1);
  await reloaded.stop();
});

test("istio: a table is given once, however the state of the API changes", async (t) => {
  const { start, tables, isSure } = watched();
  const running = await start();
  t.after(() => running.stop());
  await until(isSure);
  api.fault({ on: "list", delayMs: 300, times: 2 }, { on: "stream", delayMs: 300 });
  api.expire();
  await until(() => !isSure());
  await until(isSure);
  assert.equal(new Set(tables).size, tables.length);
});

test("istio: hosts go with a definition that is deleted while the API is away", async (t) => {
  const { start, gauges, tables, isSure } = watched();
  const running = await start();
  t.after(() => running.stop());
  assert.ok(tables.at(-1)!.hosts > 0);
  api.fault({ status: 503, times: 10_000 });
  api.endWatches();
  for (const version of ["v1", "v1beta1", "v1alpha3"]) api.absent.add(`networking.istio.io/${version}`);
  t.after(() => api.absent.clear());
  await until(() => /503/.test(running.readyDetails?.()[0] ?? ""));
  api.healFaults();
  await until(() => isSure() && tables.at(-1)!.hosts === 0);
  assert.equal(gauges.weftdns_istio_objects?.(), 0);
});
