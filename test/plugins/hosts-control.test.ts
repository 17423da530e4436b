/** The control half of hosts: what it says, counts, hands on, and leaves to a thread of its own. */
import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ControlContext } from "../../src/plugin/context.ts";
import { control, type Published } from "../../src/plugins/hosts/control.ts";
import type { HostsConfig } from "../../src/plugins/hosts/index.ts";
import { run } from "../../src/plugins/hosts/load.ts";

const directory = mkdtempSync(join(tmpdir(), "hosts-control-"));
after(() => rmSync(directory, { recursive: true }));

/** Times of change that differ, whatever the file system's clock ticks in. */
let change = 1_000_000;
function write(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  utimesSync(path, ++change, change);
  return path;
}

function configOf(path: string, options: Partial<HostsConfig> = {}): HostsConfig {
  const zones = ["."];
  const rest = { inline: "", ttl: 3600, reverse: true, reloadMs: 20, fallthrough: [], fallthroughUnsupported: false };
  return { path, zones, ...rest, ...options };
}

function watched() {
  const lines: string[] = [];
  const published: Published[] = [];
  const jobs: string[] = [];
  const gauges: Record<string, number | (() => number)> = {};
  const say = (level: string) => (text: string) => lines.push(`${level} ${text.replaceAll(`${directory}/`, "")}`);
  const start = (config: HostsConfig, inherited?: unknown, job = run) =>
    control(config, {
      log: { debug: say("DEBUG"), info: say("INFO"), warning: say("WARNING"), error: say("ERROR") },
      inherited,
      publish: (value: Published) => published.push(value),
      gauge: (name: string, _help: string, _labels: object, read?: () => number) => {
        if (read) gauges[name] = read;
        return { set: (value: number) => (gauges[name] = value) };
      },
      job: async (module: string, input: never) => {
        jobs.push(module);
        return job(input);
      },
    } as unknown as ControlContext);
  const gauge = (name: string) => {
    const value = gauges[name];
    return typeof value === "function" ? value() : value;
  };
  return { lines, published, jobs, gauge, start };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 300 && !holds(); i++) await sleep(10);
  assert.ok(holds(), "what was waited for has not come");
}

test("hosts: entries and the time of the file are counted as CoreDNS counts them", async () => {
  const path = write("count", "10.0.0.1 a.test a.test *.w.test out.other\n::1 b.test\n10.0.0.2\n");
  const inline = "10.0.0.3 c.test d.other";
  for (const { options, entries } of [
    { options: {}, entries: 9 },
    { options: { inline }, entries: 13 },
    { options: { inline, zones: ["test."] }, entries: 9 },
    { options: { inline, reverse: false }, entries: 7 },
  ]) {
    const state = watched();
    const running = await state.start(configOf(path, options));
    assert.equal(state.gauge("hosts_entries"), entries, JSON.stringify(options));
    assert.equal(state.gauge("hosts_reload_timestamp_seconds"), change);
    await running.stop();
  }
});

test("hosts: lines of the log, from the start on", async () => {
  const { lines, published, gauge, start } = watched();
  const path = join(directory, "lines");
  const long = "x".repeat(1_025);
  const running = await start(configOf(path, { inline: `foo\n10.0.0.1 a.test ${long}\n${long}` }));
  assert.equal(gauge("hosts_entries"), undefined);
  write("lines", `10.0.0.1 a.test\n`);
  await until(() => published.length === 2);
  assert.equal(gauge("hosts_entries"), 4);
  rmSync(path);
  mkdirSync(path);
  await until(() => lines.length === 5);
  rmdirSync(path);
  write("lines", `${`10.0.0.1 ${long}\n`.repeat(103)}10.0.0.2 b.test\n`);
  await until(() => published.length === 3);
  await running.stop();
  const name = "name longer than 1024 bytes, dropping the name";
  assert.deepEqual(lines, [
    `ERROR Inline hosts entries, line 2: ${name}`,
    "ERROR Inline hosts entries, line 3: address longer than 1024 bytes, dropping the line",
    "WARNING File does not exist: lines",
    "DEBUG Parsed hosts file into 2 entries",
    'ERROR Failed to parse hosts file "lines": read lines: is a directory',
    ...Array.from({ length: 100 }, (_, i) => `ERROR Hosts file "lines", line ${i + 1}: ${name}`),
    'ERROR Hosts file "lines": 3 more words longer than 1024 bytes',
    "DEBUG Parsed hosts file into 2 entries",
  ]);
});

test("hosts: a directory at the start", async () => {
  const { lines, published, start } = watched();
  const path = join(directory, "directory");
  mkdirSync(path);
  const running = await start(configOf(path, { inline: "10.0.0.1 a.test" }));
  await sleep(80);
  await running.stop();
  assert.deepEqual(lines, [
    'WARNING Hosts file "directory" is a directory',
    'ERROR Failed to parse hosts file "directory": read directory: is a directory',
  ]);
  assert.equal(published.length, 1);
  assert.equal(published[0]?.inline?.entries, 2);
});

test("hosts: what cannot be opened is said once, and tried again", async () => {
  const { lines, published, start } = watched();
  const path = join(directory, "socket");
  const server = createServer().listen(path);
  await new Promise((resolve) => server.once("listening", resolve));
  const running = await start(configOf(path));
  await sleep(100);
  await new Promise((resolve) => server.close(resolve));
  write("socket", "10.0.0.1 a.test\n");
  await until(() => published.length === 2);
  await running.stop();
  assert.deepEqual(lines, [
    'ERROR Failed to open hosts file "socket": open socket: no such device or address',
    "DEBUG Parsed hosts file into 2 entries",
  ]);
});

test("hosts: a new plan reads the file again, and keeps the memory of what is the same", async () => {
  const path = write("inherit", "10.0.0.1 a.test\n");
  const { published, gauge, start } = watched();
  const before = await start(configOf(path));
  const same = await start(configOf(path), before.inherit?.());
  assert.equal(published[1]?.file, published[0]?.file);
  assert.equal(gauge("hosts_entries"), 2);
  await before.stop();
  write("inherit", "10.0.0.1 a.test b.test\n");
  await until(() => published.length === 3);
  write("inherit", "10.0.0.1 a.test b.test c.test\n");
  const other = await start(configOf(path, { reloadMs: 0 }), same.inherit?.());
  assert.equal(published.at(-1)?.file?.entries, 6);
  await same.stop();
  rmSync(path);
  const last = await start(configOf(path, { reloadMs: 0 }), other.inherit?.());
  assert.equal(published.at(-1)?.file?.entries, 6);
  for (const running of [other, last]) await running.stop();
});

test("hosts: a file in the place of another, of the same size and time, is another one", async () => {
  for (const [name, address] of [
    ["a", "10.0.0.1"],
    ["b", "10.0.0.2"],
  ] as const) {
    utimesSync(write(name, `${address} a.test\n`), 1, 1);
  }
  const path = join(directory, "link");
  symlinkSync("a", path);
  const { published, start } = watched();
  const running = await start(configOf(path));
  const next = await start(configOf(path, { reloadMs: 0 }), running.inherit?.());
  symlinkSync("b", `${path}.new`);
  renameSync(`${path}.new`, path);
  await until(() => published.length === 3);
  const last = await start(configOf(path, { reloadMs: 0 }), next.inherit?.());
  for (const one of [running, next, last]) await one.stop();
  const [first, same, looked, reloaded] = published.map(({ file }) => file);
  assert.equal(same, first);
  assert.notDeepEqual(looked, first);
  assert.deepEqual(reloaded, looked);
});

test("hosts: reload 0 never looks again", async () => {
  const path = write("never", "10.0.0.1 a.test\n");
  const { published, start } = watched();
  const running = await start(configOf(path, { reloadMs: 0 }));
  write("never", "10.0.0.2 b.test\n");
  await sleep(80);
  await running.stop();
  assert.equal(published.length, 1);
});

test("hosts: large files, and what is no file, are read on a thread of their own; one that fails leaves all as it is", async () => {
  const small = write("small", "10.0.0.1 a.test\n");
  const large = write("large", `${"10.0.0.1 a.test\n".repeat(10_000)}`);
  for (const [path, jobs] of [
    [small, 0],
    [large, 1],
    ["/dev/null", 1],
  ] as const) {
    const state = watched();
    const running = await state.start(configOf(path));
    await running.stop();
    assert.equal(state.jobs.length, jobs, path);
  }
  const { lines, published, start } = watched();
  let broken = false;
  const running = await start(configOf(large), undefined, (request) => {
    if (broken) throw new Error("the thread has died");
    return run(request);
  });
  broken = true;
  truncateSync(large, 100_000);
  await until(() => lines.length === 2);
  await sleep(60);
  await running.stop();
  assert.equal(published.length, 1);
  assert.deepEqual(lines.slice(1), ['ERROR Failed to parse hosts file "large": the thread has died']);
});
