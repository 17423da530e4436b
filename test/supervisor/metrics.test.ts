/** What a scrape is made of: rows that are added up, those of dead workers too, and the text that comes of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CounterRow } from "../../src/memory/counters.ts";
import { Families, type Family } from "../../src/supervisor/metric-families.ts";
import { Metrics } from "../../src/supervisor/metrics.ts";
import {
  parseKilobytes,
  parseLimit,
  parseOctets,
  parseStat,
  processMetrics,
} from "../../src/supervisor/process-metrics.ts";
import type { Sockets } from "../../src/supervisor/sockets.ts";
import type { WorkerPool, WorkerRow } from "../../src/supervisor/worker-pool.ts";
import { PACKET_COUNTERS, PacketCounter } from "../../src/transport/packets.ts";
import { collectGarbage } from "../support/garbage.ts";

interface Member {
  readonly row: CounterRow;
  readonly statistics: Float64Array;
}

const member = (): Member => ({ row: new CounterRow(), statistics: new Float64Array(PACKET_COUNTERS) });

/** As the pool hands it out: with descriptions that came by a message. */
function workerRow({ row, statistics }: Member, index: number): WorkerRow {
  return { index, row, descriptions: row.descriptions, statistics };
}

async function scrape(
  metrics: Metrics,
  members: readonly Member[] = [],
  drops = new Map<string, number>(),
): Promise<string[]> {
  const pool = { rows: () => members.map(workerRow), restarts: new Map([["stall", 2]]) } as unknown as WorkerPool;
  const totalDrops = () => [...drops.values()].reduce((sum, count) => sum + count, 0);
  const { body } = await metrics.expose(pool, { drops: () => drops, totalDrops } as unknown as Sockets);
  const text = body.toString();
  assert.ok(text.endsWith("\n") && !text.includes("\n\n"));
  return text.split("\n");
}

const linesOf = (lines: readonly string[], name: string) =>
  lines.filter((line) => new RegExp(`(^|[ #])${name}`).test(line));

test("metrics: rows add up, by name and labels; labels and lines are sorted", async () => {
  const metrics = new Metrics();
  const members = [member(), member()];
  for (const [index, { row }] of members.entries()) {
    const table = row.table(
      "a_total",
      "About a.",
      { zone: "z", server: 'q"\\s' },
      { type: ["X", "A"], family: ["1", "2"] },
    );
    table.add(0, 1 + index);
    table.add(3, 10);
  }
  members[1]!.row.counter("b_total", "B.").add(0.5);
  members[1]!.row.counter("empty_total", "Without events.", { zone: "z" });
  metrics.counter("b_total", "B.", {}).add(1);
  const lines = await scrape(metrics, members);
  assert.deepEqual(linesOf(lines, "coredns_a_total"), [
    "# HELP coredns_a_total About a.",
    "# TYPE coredns_a_total counter",
    'coredns_a_total{family="1",server="q\\"\\\\s",type="X",zone="z"} 3',
    'coredns_a_total{family="2",server="q\\"\\\\s",type="A",zone="z"} 20',
  ]);
  assert.deepEqual(linesOf(lines, "coredns_b_total").slice(2), ["coredns_b_total 1.5"]);
  assert.deepEqual(linesOf(lines, "coredns_empty_total"), []);
  assert.deepEqual(
    linesOf(lines, "weftdns_worker_restarts_total").at(-1),
    'weftdns_worker_restarts_total{cause="stall"} 2',
  );
});

test("metrics: a histogram is cumulative, and has Go's words for its bounds", async () => {
  const metrics = new Metrics();
  const members = [member(), member()];
  const bounds = [0.00025, 0.5, 16_000];
  for (const { row } of members) {
    const histogram = row.histogram("h", "H.", { zone: "z" }, bounds);
    for (const value of [0.0001, 0.25, 0.25, 20_000]) histogram.observe(value);
  }
  members[0]!.row.histogram("h", "H.", { zone: "silent" }, bounds);
  assert.deepEqual(linesOf(await scrape(metrics, members), "coredns_h(_bucket|_sum|_count)?[{ ]"), [
    "# HELP coredns_h H.",
    "# TYPE coredns_h histogram",
    'coredns_h_bucket{zone="z",le="0.00025"} 2',
    'coredns_h_bucket{zone="z",le="0.5"} 6',
    'coredns_h_bucket{zone="z",le="16000"} 6',
    'coredns_h_bucket{zone="z",le="+Inf"} 8',
    'coredns_h_sum{zone="z"} 40001.0002',
    'coredns_h_count{zone="z"} 8',
  ]);
});

test("metrics: counters never go back when a worker dies, gauges end with it", async () => {
  const metrics = new Metrics();
  const fill = ({ row, statistics }: Member, amount: number) => {
    row.counter("c_total", "C.", { x: "1" }).add(amount);
    row.histogram("h", "H.", {}, [1]).observe(amount);
    row.gauge("weftdns_g", "G.", { worker: "0" }).set(amount);
    statistics[PacketCounter.RECEIVED]! += amount;
  };
  const wanted = [
    "coredns_c_total{",
    "coredns_h_count",
    "coredns_h_sum",
    "weftdns_g{",
    "weftdns_datagrams_received_total{",
  ];
  const values = async (members: readonly Member[]) => {
    const lines = await scrape(metrics, members);
    return wanted.map((name) =>
      lines
        .find((line) => line.startsWith(name))
        ?.split(" ")
        .at(-1),
    );
  };
  const first = member();
  fill(first, 3);
  assert.deepEqual(await values([first]), ["3", "1", "3", "3", "3"]);
  fill(first, 2);
  metrics.retire(workerRow(first, 0));
  // Nobody there yet: rows are gone, sums are not.
  assert.deepEqual(await values([]), ["5", "2", "5", undefined, "5"]);
  const second = member();
  assert.deepEqual(await values([second]), ["5", "2", "5", undefined, "5"]);
  fill(second, 1);
  assert.deepEqual(await values([second]), ["6", "3", "6", "1", "6"]);
  metrics.retire(workerRow(second, 0));
  const third = member();
  fill(third, 10);
  assert.deepEqual(await values([third]), ["16", "4", "16", "10", "16"]);
});

test("metrics: what is left by its owners stays counted, also when a scrape is under way", async () => {
  const metrics = new Metrics();
  const owner = {};
  const one = member();
  one.row.counter("c_total", "C.", { zone: "z" }, owner).add(5);
  one.row.counter("d_total", "D.").add(1);
  let members = [workerRow(one, 0)];
  const pool = { rows: () => members, restarts: new Map() } as unknown as WorkerPool;
  const sockets = { drops: () => new Map(), totalDrops: () => 0 } as unknown as Sockets;
  const scraped = async () =>
    linesOf((await metrics.expose(pool, sockets)).body.toString().split("\n"), "coredns_c_total{").at(-1);
  const wanted = 'coredns_c_total{zone="z"} 5';
  assert.equal(await scraped(), wanted);
  const underWay = scraped();
  const left = one.row.leave([owner]);
  members = [workerRow(one, 0)];
  let isRead = false;
  const settled = metrics.leave(members[0]!, left).then(() => {
    isRead = true;
    one.row.reuse(left);
  });
  await null;
  assert.equal(isRead, false, "cells that are being read are kept");
  assert.equal(await underWay, wanted);
  await settled;
  assert.equal(await scraped(), wanted);
  one.row.counter("c_total", "C.", { zone: "z" }, owner).add(1);
  members = [workerRow(one, 0)];
  assert.equal(await scraped(), 'coredns_c_total{zone="z"} 6');
});

test("metrics: of two gauges alike the later counts until it is gone", async () => {
  const metrics = new Metrics();
  const value = async () => linesOf(await scrape(metrics), "coredns_g").at(-1);
  const old = metrics.gauge("g", "G.", { a: "1" });
  assert.equal(await value(), undefined);
  old.set(0);
  assert.equal(await value(), 'coredns_g{a="1"} 0');
  const read = metrics.gauge("g", "G.", { a: "1" }, () => 7);
  assert.equal(await value(), 'coredns_g{a="1"} 7');
  read.set(undefined);
  assert.equal(await value(), 'coredns_g{a="1"} 0');
  old.set(undefined);
  assert.equal(await value(), undefined);
});

test("metrics: cells are left by their owners though the scrape that reads them fails", async () => {
  const metrics = new Metrics();
  metrics.gauge("g", "G.", {}, () => {
    throw new Error("read in vain");
  });
  const scraped = scrape(metrics, [member()]);
  const left = metrics.leave(workerRow(member(), 0), []);
  await assert.rejects(scraped, { message: "read in vain" });
  await left;
});

test("metrics: of gauges that are gone nothing stays", () => {
  const metrics = new Metrics();
  collectGarbage();
  const { heapUsed } = process.memoryUsage();
  for (let i = 0; i < 20_000; i++) {
    const gauge = metrics.gauge("g", "G.", { hash: `${i}`.repeat(100) });
    gauge.set(1);
    gauge.set(undefined);
  }
  collectGarbage();
  const grown = process.memoryUsage().heapUsed - heapUsed;
  assert.ok(grown < 1 << 20, `${grown} bytes`);
  // All of it could still be there.
  metrics.gauge("g", "G.", {});
});

test("metrics: what the kernel dropped, by listener", async () => {
  const lines = await scrape(
    new Metrics(),
    [],
    new Map([
      ["udp  53", 0],
      ["udp 127.0.0.1 53", 4],
      ["udp ::1 5353", 5],
    ]),
  );
  assert.deepEqual(linesOf(lines, "weftdns_kernel_drops_total").slice(2), [
    'weftdns_kernel_drops_total{server="dns://127.0.0.1:53"} 4',
    'weftdns_kernel_drops_total{server="dns://:53"} 0',
    'weftdns_kernel_drops_total{server="dns://[::1]:5353"} 5',
  ]);
  const full = linesOf(lines, "weftdns_drops_total").filter((line) => line.includes('reason="full"'));
  assert.deepEqual(full, ['weftdns_drops_total{reason="full",stage="kernel"} 9']);
});

test("metrics: a full buffer never drops less than before, though refusals are told apart a moment later", async () => {
  const metrics = new Metrics();
  const worker = member();
  const full = async (dropped: number, limited: number) => {
    worker.statistics[PacketCounter.LIMITED] = limited;
    const lines = await scrape(metrics, [worker], new Map([["udp 127.0.0.1 53", dropped]]));
    const line = lines.find((one) => one.startsWith("weftdns_drops_total") && one.includes('reason="full"'));
    return Number(line?.split(" ").at(-1));
  };
  assert.equal(await full(100, 0), 100);
  // Refused, but the worker has not looked yet; then it has.
  assert.equal(await full(1_100, 0), 1_100);
  assert.equal(await full(1_100, 1_000), 1_100);
  assert.equal(await full(2_300, 1_100), 1_200);
});

test("metrics: those who come during a scrape get the same text", async () => {
  const metrics = new Metrics();
  const pool = { rows: () => [], restarts: new Map() } as unknown as WorkerPool;
  const sockets = { drops: () => new Map(), totalDrops: () => 0 } as unknown as Sockets;
  const [one, two] = await Promise.all([metrics.expose(pool, sockets), metrics.expose(pool, sockets)]);
  assert.equal(one, two);
  assert.notEqual(await metrics.expose(pool, sockets), one);
});

test("metrics: without any plugin that counts there is what CoreDNS shows nevertheless", async () => {
  const lines = await scrape(new Metrics());
  for (const line of [
    "coredns_forward_healthcheck_broken_total 0",
    "coredns_health_request_duration_seconds_count 0",
    'coredns_health_request_duration_seconds_bucket{le="0.00025"} 0',
    "coredns_hosts_reload_timestamp_seconds 0",
    "coredns_reload_failed_total 0",
  ])
    assert.ok(lines.includes(line), line);
});

async function valuesOf(family: Family): Promise<number> {
  let count = 0;
  for (const part of family.parts()) count += (await part.get()).values.length;
  return count;
}

test("metrics: a large family is written in parts, and described once", async () => {
  const zones = Array.from({ length: 1_500 }, (_, i) => `z${10_000 + i}`);
  const families = new Families();
  const one = member();
  for (const zone of zones) one.row.histogram("h", "H.", { zone }, [1, 2]).observe(1);
  for (const description of one.row.descriptions) families.addCells(one.row, description);
  const lengths: number[] = [];
  for (const part of families.shown()[0]!.parts()) lengths.push((await part.get()).values.length);
  assert.deepEqual(lengths, [2_000, 2_000, 2_000, 1_500]);
  const buckets = (zone: string) => ["1", "2", "+Inf"].map((le) => `coredns_h_bucket{zone="${zone}",le="${le}"} 1`);
  assert.deepEqual(linesOf(await scrape(new Metrics(), [one]), "coredns_h(_bucket|_sum|_count)?[{ ]"), [
    "# HELP coredns_h H.",
    "# TYPE coredns_h histogram",
    ...zones.flatMap((zone) => [
      ...buckets(zone),
      `coredns_h_sum{zone="${zone}"} 1`,
      `coredns_h_count{zone="${zone}"} 1`,
    ]),
  ]);
});

test("metrics: the number of series has an end", async () => {
  const families = new Families();
  for (let i = 0; i < 50_100; i++) families.add("counter", "many_total", "Many.", { i: String(i) }, 1);
  assert.equal(families.leftOut, 100);
  const [family] = families.shown();
  assert.equal(await valuesOf(family!), 50_000);
});

test("metrics: series that nobody counts for any more make room for others", async () => {
  const families = new Families();
  const row = new CounterRow();
  const series = (from: number) => {
    for (let i = from; i < from + 30_000; i++) families.add("counter", "many_total", "Many.", { i: String(i) }, 1);
  };
  row.counter("gone_total", "Gone.", { zone: "a" }).add(1);
  families.addCells(row, row.descriptions[0]!, true);
  series(0);
  families.restart();
  series(30_000);
  assert.equal(families.leftOut, 10_001);
  families.restart();
  series(30_000);
  assert.equal(families.leftOut, 0);
  const [many, ...others] = families.shown();
  assert.deepEqual(others, []);
  assert.equal(await valuesOf(many!), 30_000);
});

test("metrics: a name that means two things means the first", () => {
  const families = new Families();
  families.add("counter", "x_total", "X.", {}, 1);
  families.add("gauge", "x_total", "X.", {}, 5);
  assert.deepEqual(
    families.shown().map(({ name, type }) => [name, type]),
    [["coredns_x_total", "counter"]],
  );
});

test("process metrics: a command's name may be anything", () => {
  const fields = Array.from({ length: 50 }, (_, i) => String(i + 3));
  assert.deepEqual(parseStat(`4711 (a ) b (c) ${fields.join(" ")}`), {
    cpuSeconds: (14 + 15) / 100,
    startSeconds: 0.22,
    virtualBytes: 23,
  });
  assert.equal(parseStat(""), undefined);
});

test("process metrics: lines of /proc", () => {
  assert.equal(parseKilobytes("VmPeak:\t  10 kB\nVmRSS:\t   123 kB\n", "VmRSS"), 125_952);
  assert.equal(parseKilobytes("", "VmRSS"), undefined);
  const limits =
    "Max open files            1024                 524288               files\nMax address space  unlimited  unlimited  bytes\n";
  assert.equal(parseLimit(limits, "Max open files"), 1_024);
  assert.equal(parseLimit(limits, "Max address space"), 2 ** 64);
  assert.equal(parseLimit("", "Max open files"), undefined);
  assert.deepEqual(parseOctets("IpExt: InNoRoutes InOctets OutOctets\nIpExt: 1 20 30\nMPTcpExt: A\nMPTcpExt: 1\n"), {
    received: 20,
    sent: 30,
  });
  assert.equal(parseOctets("TcpExt: A\nTcpExt: 1\n"), undefined);
});

test("process metrics: of this process", { skip: process.platform !== "linux" && "no /proc" }, () => {
  const values = new Map(processMetrics().map(({ name, value }) => [name, value]));
  const ratio = values.get("process_resident_memory_bytes")! / process.memoryUsage.rss();
  assert.ok(ratio > 0.8 && ratio < 1.25, `resident memory ${ratio}`);
  const started = Date.now() / 1_000 - process.uptime();
  assert.ok(Math.abs(values.get("process_start_time_seconds")! - started) < 2, "start time");
  const { user, system } = process.cpuUsage();
  assert.ok(Math.abs(values.get("process_cpu_seconds_total")! - (user + system) / 1e6) < 0.2, "processor time");
  assert.ok(values.get("process_open_fds")! >= 3);
  assert.ok(values.get("process_max_fds")! >= values.get("process_open_fds")!);
  assert.ok(values.get("process_virtual_memory_bytes")! > values.get("process_resident_memory_bytes")!);
});
