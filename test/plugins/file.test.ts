import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ControlContext } from "../../src/plugin/context.ts";
import { ANSWERED, DROPPED, REFUSED, SERVFAIL } from "../../src/plugin/outcome.ts";
import { definePlugin } from "../../src/plugin/plugin.ts";
import { control } from "../../src/plugins/file/control.ts";
import { type FileConfig, file } from "../../src/plugins/file/index.ts";
import { root } from "../../src/plugins/root.ts";
import type { ZoneSnapshot } from "../../src/zone/snapshot.ts";
import { linkChain, parseBlock } from "../support/chain.ts";

const directory = mkdtempSync(join(tmpdir(), "file-"));
after(() => rmSync(directory, { recursive: true }));

function zoneText(serial: number, records = "a A 192.0.2.1"): string {
  return `@ 60 SOA ns admin ${serial} 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n${records}\n`;
}

function write(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

for (const { block, config, mistake } of [
  {
    block: "file db",
    config: { zones: [{ origin: "example.org.", path: "db", reloadMs: 60_000, byTime: false }], fallthrough: [] },
  },
  {
    block: "file /db example.com 10.0.0.0/24",
    config: {
      zones: [
        { origin: "example.com.", path: "/db", reloadMs: 60_000, byTime: false },
        { origin: "0.0.10.in-addr.arpa.", path: "/db", reloadMs: 60_000, byTime: false },
      ],
      fallthrough: [],
    },
  },
  {
    block:
      "file a {\nreload 30s\nfallthrough a.example.org\n}\nfile b example.com {\nreload_by_mtime\nfallthrough\nupstream 192.0.2.1 x\n}\nfile c example.net",
    config: {
      zones: [
        { origin: "example.org.", path: "a", reloadMs: 30_000, byTime: false },
        { origin: "example.com.", path: "b", reloadMs: 30_000, byTime: true },
        { origin: "example.net.", path: "c", reloadMs: 30_000, byTime: true },
      ],
      fallthrough: ["."],
    },
  },
  {
    block: "file a\nfile b",
    config: { zones: [{ origin: "example.org.", path: "b", reloadMs: 60_000, byTime: false }], fallthrough: [] },
  },
  {
    block: "file a {\nreload 0\n}",
    config: { zones: [{ origin: "example.org.", path: "a", reloadMs: 0, byTime: false }], fallthrough: [] },
  },
  {
    block: "root /x\nfile a",
    config: { zones: [{ origin: "example.org.", path: "/x/a", reloadMs: 60_000, byTime: false }], fallthrough: [] },
  },
  {
    block: "file",
    mistake:
      "Corefile:2:1: plugin/file: Wrong argument count or unexpected line ending after 'file', expected a file name",
  },
  {
    block: "file a {\nreload\n}",
    mistake:
      "Corefile:3:1: plugin/file: Wrong argument count or unexpected line ending after 'reload', expected a duration such as 300ms or 1m30s",
  },
  {
    block: "file a {\nreload 10\n}",
    mistake: "Corefile:3:8: plugin/file: invalid reload '10', expected a duration such as 300ms or 1m30s",
  },
  {
    block: "file a {\nreload -1s\n}",
    mistake: "Corefile:3:8: plugin/file: invalid reload '-1s', expected a duration such as 300ms or 1m30s",
  },
  {
    block: "file a {\nreload_by_mtime x\n}",
    mistake:
      "Corefile:3:17: plugin/file: Wrong argument count or unexpected line ending after 'x', expected no arguments",
  },
  { block: "file a {\nfoo\n}", mistake: "Corefile:3:1: plugin/file: unknown property 'foo'" },
]) {
  test(`file: ${block.replaceAll("\n", "; ")}`, () => {
    const parsed = parseBlock([root, file], `example.org {\n${block}\n}`);
    assert.deepEqual(parsed.mistakes, mistake === undefined ? [] : [mistake]);
    if (config) assert.deepEqual(parsed.elements[0]?.config, config);
  });
}

async function chainOf(block: string, last?: Parameters<typeof linkChain>[0]["last"]) {
  return linkChain({ plugins: [file], corefile: `. {\n${block}\n}`, ...(last && { last }) });
}

test("file: which zone, and what else the chain gets", async () => {
  const path = write(
    "one.db",
    zoneText(1, "a A 192.0.2.1\n*.w TXT w\nb.c TXT c\nout CNAME x.example.net.\nself CNAME self\nsub A 192.0.2.2"),
  );
  const sub = write("sub.db", zoneText(2, "a A 192.0.2.9"));
  const chain = await chainOf(`file ${path} example.org\nfile ${sub} sub.example.org`);
  for (const { ask, rcode, answer, opcode, outcome = ANSWERED } of [
    { ask: "a.example.org. A", rcode: "NOERROR", answer: ["a.example.org. 60 IN A 192.0.2.1"] },
    { ask: "a.sub.example.org. A", rcode: "NOERROR", answer: ["a.sub.example.org. 60 IN A 192.0.2.9"] },
    { ask: "nope.example.org. A", rcode: "NXDOMAIN", answer: [] },
    { ask: "a.example.com. A", rcode: "REFUSED", outcome: REFUSED },
    { ask: "example.org. AXFR", rcode: "REFUSED", outcome: REFUSED },
    { ask: "a.example.org. IXFR", rcode: "REFUSED", outcome: REFUSED },
    { ask: "self.example.org. A", rcode: "SERVFAIL", outcome: SERVFAIL },
    { ask: "example.org. SOA", opcode: 4, outcome: DROPPED },
    { ask: "a.example.org. SOA", opcode: 4, outcome: DROPPED },
    { ask: "out.example.org. A", rcode: "NOERROR", answer: ["out.example.org. 60 IN CNAME x.example.net."] },
  ]) {
    const asked = await chain.ask({ ask, ...(opcode !== undefined && { opcode }) });
    assert.equal(asked.reply?.rcode, rcode, ask);
    assert.equal(asked.outcome, outcome, ask);
    if (answer) assert.deepEqual(asked.reply?.answer, answer, ask);
    const notify = opcode === undefined ? [] : ["Dropping notify from 10.240.0.1 for example.org."];
    assert.deepEqual(
      asked.lines.map(({ text }) => text),
      notify,
      ask,
    );
  }
  await chain.stop();
});

for (const { fallthrough, passed } of [
  { fallthrough: "", passed: [] },
  { fallthrough: "fallthrough", passed: ["nope", "c", "q.b.c"] },
  { fallthrough: "fallthrough c.example.org", passed: ["c", "q.b.c"] },
  { fallthrough: "fallthrough example.com", passed: [] },
  { fallthrough: "fallthrough кластер.example.org", passed: [] },
]) {
  test(`file: ${fallthrough || "no fallthrough"} passes on ${passed.join(" ") || "nothing"}`, async () => {
    const path = write("fall.db", zoneText(1, "a A 192.0.2.1\n*.w TXT w\nb.c TXT c\nd NS ns.d"));
    const seen: string[] = [];
    const chain = await chainOf(`file ${path} example.org {\n${fallthrough}\n}`, (query) => {
      seen.push(
        Buffer.from(query.name.toWire())
          .toString("latin1")
          .replace(/[^a-z]/g, ".")
          .slice(1, -13),
      );
      return REFUSED;
    });
    for (const name of ["nope", "c", "q.b.c", "b.c", "a", "q.w", "q.d"])
      await chain.ask({ ask: `${name}.example.org. A` });
    assert.deepEqual(seen, passed);
    await chain.stop();
  });
}

test("file: zone/wildcard is the wildcard that answered", async () => {
  const path = write("wild.db", zoneText(1, "*.w TXT w\nb.c.w TXT c\n*.sub NS ns\na A 192.0.2.1"));
  const seen: (string | undefined)[] = [];
  const probe = definePlugin({
    name: "probe",
    parse: (directive) => directive.alone(),
    serve: (_config, context) => (query) => {
      const outcome = context.next(query);
      seen.push(context.metadata(query, "zone/wildcard"));
      return outcome;
    },
  });
  const chain = await linkChain({ plugins: [probe, file], corefile: `. {\nprobe\nfile ${path} example.org\n}` });
  for (const name of ["q.w", "q.r.w", "c.w", "x.c.w", "a", "nope", "w", "x.sub"]) {
    await chain.ask({ ask: `${name}.example.org. TXT` });
  }
  const wildcard = "*.w.example.org.";
  assert.deepEqual(seen, [wildcard, wildcard, wildcard, "", "", "", "", "*.sub.example.org."]);
  await chain.stop();
});

test("file: many zones are told apart", async () => {
  const path = write("many.db", zoneText(1));
  const zones = Array.from({ length: 40 }, (_, i) => `z${i}.test`);
  const chain = await chainOf(`file ${path} ${zones.join(" ")} test`);
  for (const zone of zones)
    assert.deepEqual((await chain.ask({ ask: `A.${zone}. A` })).reply?.answer, [`a.${zone}. 60 IN A 192.0.2.1`]);
  assert.equal((await chain.ask({ ask: "a.z99.test. A" })).reply?.rcode, "NXDOMAIN");
  assert.equal((await chain.ask({ ask: "a.example. A" })).reply?.rcode, "REFUSED");
  await chain.stop();
});

interface Watched {
  readonly lines: string[];
  /** Of a config with one zone; `parts` has the places of zones. */
  readonly published: ZoneSnapshot[];
  readonly parts: (number | undefined)[];
  readonly jobs: string[];
  readonly start: (config: FileConfig, inherited?: unknown) => ReturnType<typeof control>;
}

function watched(): Watched {
  const lines: string[] = [];
  const published: ZoneSnapshot[] = [];
  const parts: (number | undefined)[] = [];
  const jobs: string[] = [];
  const say = (level: string) => (text: string) => lines.push(`${level} ${text.replaceAll(`${directory}/`, "")}`);
  const start = (config: FileConfig, inherited?: unknown) =>
    control(config, {
      log: { info: say("INFO"), warning: say("WARNING"), error: say("ERROR") },
      inherited,
      publish: (value: never, part?: number) => {
        published.push(value);
        parts.push(part);
      },
      job: async (module: string, input: unknown) => {
        jobs.push(module);
        return (await import(module)).run(input);
      },
    } as unknown as ControlContext);
  return { lines, published, parts, jobs, start };
}

function configOf(path: string, options: Partial<FileConfig["zones"][number]> = {}): FileConfig {
  return { zones: [{ origin: "example.org.", path, reloadMs: 20, byTime: false, ...options }], fallthrough: [] };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !holds(); i++) await sleep(10);
  assert.ok(holds(), "what was waited for has not come");
}

/** Times of change that differ, whatever the file system's clock ticks in. */
let change = 1_000_000;
function rewrite(path: string, text: string): void {
  writeFileSync(path, text);
  utimesSync(path, ++change, change);
}

test("file: a zone is exchanged when its serial differs, and only then", async () => {
  const path = write("reload.db", zoneText(1));
  const { lines, published, start } = watched();
  const running = await start(configOf(path));
  assert.equal(published[0]?.serial, 1);
  rewrite(path, zoneText(1, "b A 192.0.2.2"));
  await sleep(80);
  assert.equal(published.length, 1);
  rewrite(path, zoneText(7, "b A 192.0.2.2"));
  await until(() => published.length === 2);
  assert.equal(published[1]?.serial, 7);
  // Also backwards.
  rewrite(path, zoneText(3));
  await until(() => published.length === 3);
  await running.stop();
  assert.deepEqual(lines, [
    'INFO Successfully reloaded zone "example.org." in "reload.db" with 7 SOA serial',
    'INFO Successfully reloaded zone "example.org." in "reload.db" with 3 SOA serial',
  ]);
});

test("file: reload_by_mtime exchanges a zone whatever its serial", async () => {
  const path = write("mtime.db", zoneText(1));
  const { published, start } = watched();
  const running = await start(configOf(path, { byTime: true }));
  await sleep(60);
  assert.equal(published.length, 1);
  rewrite(path, zoneText(1, "b A 192.0.2.2"));
  await until(() => published.length === 2);
  await running.stop();
});

test("file: a bad file leaves the last good zone, and says so at each look", async () => {
  const path = write("bad.db", zoneText(1));
  const { lines, published, start } = watched();
  const running = await start(configOf(path));
  rewrite(path, zoneText(2, "a A nonsense"));
  await until(() => lines.length >= 2);
  assert.equal(published.length, 1);
  rewrite(path, zoneText(3));
  await until(() => published.length === 2);
  const known = lines.length;
  await running.stop();
  const bad = `ERROR Parsing zone "example.org.": failed to parse file "bad.db" for origin example.org. with error bad.db: dns: bad A record, expected an IPv4 address: "nonsense" at line: 4:5`;
  assert.deepEqual(lines.slice(0, known - 1), Array(known - 1).fill(bad));
  assert.match(lines[known - 1]!, /^INFO Successfully reloaded .* with 3 SOA serial$/);
});

test("file: one that is missing is looked for, one that goes away keeps its zone", async () => {
  const path = join(directory, "late.db");
  const { lines, published, start } = watched();
  const running = await start(configOf(path));
  assert.equal(published.length, 0);
  assert.deepEqual(lines, ['WARNING Failed to open "open late.db: no such file or directory": trying again in 20ms']);
  await until(() => lines.length > 1);
  assert.equal(
    lines[1],
    'ERROR Failed to open zone "example.org." in "late.db": open late.db: no such file or directory',
  );
  rewrite(path, zoneText(4));
  await until(() => published.length === 1);
  assert.equal(published[0]?.serial, 4);
  const seen = lines.length;
  rmSync(path);
  await until(() => lines.length > seen);
  assert.match(lines.at(-1)!, /^ERROR Failed to open zone/);
  assert.equal(published.length, 1);
  rewrite(path, zoneText(4));
  await sleep(80);
  assert.equal(published.length, 1);
  await running.stop();
});

test("file: until its file is there a zone gets SERVFAIL", async () => {
  const chain = await chainOf(`file ${join(directory, "never.db")} example.org`);
  assert.equal((await chain.ask({ ask: "a.example.org. A" })).outcome, SERVFAIL);
  await chain.stop();
});

for (const { name, text, reloadMs, error } of [
  {
    name: "no zone",
    text: "a 1 A 192.0.2.1\n",
    reloadMs: 60_000,
    error: 'file "start.db" has no SOA record for origin example.org.',
  },
  {
    name: "a mistake",
    text: `${zoneText(1)}x FOO\n`,
    reloadMs: 60_000,
    error:
      'failed to parse file "start.db" for origin example.org. with error start.db: dns: unknown type, expected TTL, class or type: "FOO" at line: 5:3',
  },
  { name: "missing without reload", text: undefined, reloadMs: 0, error: "open start.db: no such file or directory" },
]) {
  test(`file: ${name} stops the start`, async () => {
    const path = join(directory, "start.db");
    rmSync(path, { force: true });
    if (text !== undefined) writeFileSync(path, text);
    await assert.rejects(watched().start(configOf(path, { reloadMs })), (thrown: Error) => {
      assert.equal(thrown.message.replaceAll(`${directory}/`, ""), error);
      return true;
    });
  });
}

for (const { reloadMs, wait } of [
  { reloadMs: 60_000, wait: "1m0s" },
  { reloadMs: 1_500, wait: "1.5s" },
  { reloadMs: 5_400_000, wait: "1h30m0s" },
]) {
  test(`file: the next look is in ${wait}`, async () => {
    const { lines, start } = watched();
    await (await start(configOf(join(directory, "none.db"), { reloadMs }))).stop();
    assert.match(lines[0]!, new RegExp(`trying again in ${wait}$`));
  });
}

test("file: with reload 0 nothing is looked at again", async () => {
  const path = write("never-again.db", zoneText(1));
  const { published, start } = watched();
  const running = await start(configOf(path, { reloadMs: 0 }));
  rewrite(path, zoneText(2));
  await sleep(60);
  await running.stop();
  assert.equal(published.length, 1);
});

test("file: a new plan reads the files again, and keeps the memory of what is the same", async () => {
  const path = write("inherit.db", zoneText(1));
  const { lines, published, jobs, start } = watched();
  const before = await start(configOf(path));
  rewrite(path, zoneText(1));
  const same = await start(configOf(path, { reloadMs: 60_000 }), before.inherit?.());
  assert.equal(published[1], published[0]);
  assert.equal(jobs.length, 1, "off the main thread");
  // A look that has found the old serial must not stand for what is in the file.
  writeFileSync(path, zoneText(1, "a A 192.0.2.1\nb A 192.0.2.2"));
  await sleep(80);
  assert.equal(published.length, 2);
  const other = await start(configOf(path, { reloadMs: 60_000 }), before.inherit?.());
  assert.equal(published[2]?.nodeCount, published[0]!.nodeCount + 1);
  writeFileSync(path, zoneText(2, "a A nonsense"));
  await until(() => lines.length > 0);
  await assert.rejects(start(configOf(path), before.inherit?.()), /bad A record/);
  for (const running of [before, same, other]) await running.stop();
});

test("file: of many zones those that change are published, one in a turn of the loop", {
  timeout: 20_000,
}, async () => {
  const count = 200;
  const path = write("many-changed.db", zoneText(1));
  const other = write("one-changed.db", zoneText(1));
  const origins = Array.from({ length: count }, (_, i) => `z${i}.test.`);
  const zones = origins.map((origin, i) => ({ origin, path: i === 7 ? other : path, reloadMs: 20, byTime: false }));
  const { parts, start } = watched();
  const running = await start({ zones, fallthrough: [] });
  const all = [...zones.keys()];
  assert.deepEqual(parts.splice(0), all);
  rewrite(other, zoneText(2));
  await until(() => parts.length > 0);
  await sleep(60);
  assert.deepEqual(parts.splice(0), [7]);
  rewrite(path, zoneText(2));
  let most = 0;
  for (let known = 0; known < count - 1; known = parts.length) {
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, parts.length - known);
  }
  await running.stop();
  assert.deepEqual(
    parts.toSorted((a, b) => a! - b!),
    all.filter((i) => i !== 7),
  );
  assert.ok(most <= 2, `${most} zones in a turn`);
});

test("file: included files are looked at too", async () => {
  const soa = write("soa.inc", zoneText(1));
  const hosts = write("hosts.inc", "b 60 A 192.0.2.2\n");
  const path = write("include.db", "$INCLUDE soa.inc\n$INCLUDE hosts.inc\n");
  const { lines, published, start } = watched();
  const running = await start(configOf(path));
  rewrite(hosts, "b 60 A 192.0.2.2\nc 60 A 192.0.2.3\n");
  await sleep(80);
  assert.equal(published.length, 1, "the serial is the same");
  rewrite(soa, zoneText(2));
  await until(() => published.length === 2);
  rmSync(hosts);
  rewrite(soa, zoneText(3));
  await until(() => lines.length === 2);
  assert.match(lines[1]!, /failed to open `hosts.inc'/);
  writeFileSync(hosts, "b 60 A 192.0.2.2\n");
  await until(() => published.length === 3);
  await running.stop();
  assert.deepEqual(
    published.map(({ serial, nodeCount }) => [serial, nodeCount]),
    [
      [1, 4],
      [2, 5],
      [3, 4],
    ],
  );
});

test("file: a file in the place of another, of the same size and time, is another one", async () => {
  for (const [name, serial] of [
    ["a.db", 1],
    ["b.db", 2],
  ] as const)
    utimesSync(write(name, zoneText(serial)), 1, 1);
  const path = join(directory, "link.db");
  symlinkSync("a.db", path);
  const { published, start } = watched();
  const running = await start(configOf(path));
  symlinkSync("b.db", `${path}.new`);
  renameSync(`${path}.new`, path);
  await until(() => published.length === 2);
  await running.stop();
  assert.equal(published[1]?.serial, 2);
});

test("file: large files, and small ones that may grow, are read as a job", async () => {
  const large = write("large.db", zoneText(1, Array.from({ length: 3_000 }, (_, i) => `h${i} A 192.0.2.1`).join("\n")));
  const growing = write("growing.db", zoneText(1, "$GENERATE 1-9 g$ A 192.0.2.$"));
  const small = write("small.db", zoneText(1));
  assert.ok(statSync(large).size > 32 * 1024);
  for (const [path, jobs] of [
    [large, 1],
    [growing, 1],
    [small, 0],
  ] as const) {
    const state = watched();
    await (await state.start(configOf(path))).stop();
    assert.equal(state.jobs.length, jobs, path);
    assert.equal(state.published[0]?.serial, 1);
  }
});

test("file: nothing is published or printed any more behind a stop", async () => {
  const path = write("stopped.db", zoneText(1));
  const { lines, published, start } = watched();
  const running = await start(configOf(path));
  await running.stop();
  rewrite(path, zoneText(2));
  await sleep(60);
  assert.deepEqual([lines, published.length], [[], 1]);
});
