/**
 * All metrics of the server in one place: the rows of counters that workers write, the row of the supervisor's own
 * plugins, gauges, and what the supervisor itself knows of its workers, sockets and process. Nothing is asked of a worker
 * for a scrape: its memory is read. prom-client's registry, loaded with the first scrape, turns the sums into text.
 */
import type { Registry } from "prom-client";
import { endpointText } from "../corefile/host-port.ts";
import {
  type CellDescription,
  type Counter,
  CounterRow,
  type Histogram,
  UNCOUNTED_SERIES,
} from "../memory/counters.ts";
import { Pace } from "../memory/pace.ts";
import type { Gauge, Labels } from "../plugin/context.ts";
import { Logger } from "../plugin/logger.ts";
import { DROPS } from "../plugin/request-metrics.ts";
import { PacketCounter } from "../transport/packets.ts";
import { Families, type Part } from "./metric-families.ts";
import { processMetrics } from "./process-metrics.ts";
import type { Sockets } from "./sockets.ts";
import type { WorkerPool, WorkerRow } from "./worker-pool.ts";

export interface Exposition {
  readonly contentType: string;
  /** One for all who get it: whoever does not read his answer takes no memory of his own. */
  readonly body: Buffer;
}

/** Go's words. The names of all our metrics and labels are such that nothing had to be escaped. */
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/** With what prom-client's own methods call, which its types leave out. */
interface Writer extends Registry {
  getMetricsAsString(part: Part): Promise<string>;
}

interface GaugeState {
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
  value: number | undefined;
  readonly read: (() => number) | undefined;
}

export class Metrics {
  readonly #row = new CounterRow();
  /** During a reload two plans have the same gauges: the last one counts, until it is gone. */
  readonly #gauges = new Map<string, GaugeState[]>();
  readonly #families = new Families();
  /** By worker: what its predecessors' transports counted. */
  readonly #retiredStatistics: (Float64Array | undefined)[] = [];
  /** Datagrams that found a socket's buffer full. */
  #full = 0;
  #registry: Writer | undefined;
  #scrape: Promise<Exposition> | undefined;
  /** Series that a scrape had no room for. */
  #uncounted = 0;
  #warned = false;
  readonly #processRestarts: number;

  /** `processRestarts`: how often the process before this one died and was replaced by the next. */
  constructor(processRestarts = 0) {
    this.#processRestarts = processRestarts;
  }

  counter(name: string, help: string, labels: Labels): Counter {
    return this.#row.counter(name, help, labels);
  }

  histogram(name: string, help: string, labels: Labels, bounds: readonly number[]): Histogram {
    return this.#row.histogram(name, help, labels, bounds);
  }

  gauge(name: string, help: string, labels: Labels, read?: () => number): Gauge {
    const key = `${name} ${JSON.stringify(labels)}`;
    const gauge: GaugeState = { name, help, labels, value: undefined, read };
    const show = (): void => {
      const states = this.#gauges.get(key) ?? [];
      if (!states.includes(gauge)) this.#gauges.set(key, [...states, gauge]);
    };
    const hide = (): void => {
      const others = (this.#gauges.get(key) ?? []).filter((state) => state !== gauge);
      // Labels may never be the same again: a key without a gauge would stay for ever.
      if (others.length > 0) this.#gauges.set(key, others);
      else this.#gauges.delete(key);
    };
    if (read) show();
    return {
      set: (value) => {
        gauge.value = value;
        if (value === undefined) hide();
        else show();
      },
    };
  }

  /** A worker is gone. What it counted stays, so that no counter ever goes back. */
  retire({ index, row, descriptions, statistics }: WorkerRow): void {
    for (const description of descriptions) this.#families.addCells(row, description, true);
    this.#retiredStatistics[index] ??= new Float64Array(statistics.length);
    const sums = this.#retiredStatistics[index];
    for (let i = 0; i < sums.length; i++) sums[i]! += statistics[i]!;
  }

  /** Nobody counts in these cells any more; what was counted stays. Settles when the cells are read no more. */
  async leave({ row }: WorkerRow, descriptions: readonly CellDescription[]): Promise<void> {
    for (const description of descriptions) this.#families.addCells(row, description, true);
    // Whether it comes to its end or fails.
    await this.#scrape?.catch(() => {});
  }

  /** The text that a scrape gets. Those that come while one is being made get the same. */
  expose(pool: WorkerPool, sockets: Sockets): Promise<Exposition> {
    this.#scrape ??= this.#expose(pool, sockets).finally(() => {
      this.#scrape = undefined;
    });
    return this.#scrape;
  }

  async #expose(pool: WorkerPool, sockets: Sockets): Promise<Exposition> {
    this.#registry ??= await newRegistry();
    const registry = this.#registry;
    // Health probes and workers that die are waiting too.
    const pace = new Pace();
    const families = this.#families;
    // The lists as they are now: what is left by its owners from here on is read once more all the same.
    const rows = pool.rows().map(({ ...row }) => row);
    families.restart();
    for (const { type, name, help } of IDLE) families.add(type, name, help, {}, 0);
    families.declareHistogram(IDLE_HISTOGRAM.name, IDLE_HISTOGRAM.help, IDLE_HISTOGRAM.bounds);
    // Before anything is awaited: a worker that ends meanwhile must not be counted as retired as well.
    this.#addPackets(rows, sockets);
    for (const { row, descriptions } of [{ row: this.#row, descriptions: this.#row.descriptions }, ...rows]) {
      for (const description of descriptions) {
        families.addCells(row, description);
        const wait = pace.turn();
        if (wait) await wait;
      }
    }
    for (const states of this.#gauges.values()) {
      const gauge = states.at(-1);
      const value = gauge?.read ? gauge.read() : gauge?.value;
      if (gauge && value !== undefined) families.add("gauge", gauge.name, gauge.help, gauge.labels, value);
    }
    for (const [id, dropped] of sockets.drops())
      families.add("counter", ...KERNEL_DROPS, { server: serverOf(id) }, dropped);
    for (const [cause, count] of pool.restarts) families.add("counter", ...RESTARTS, { cause }, count);
    families.add("counter", ...RESTARTS, { cause: "process" }, this.#processRestarts);
    for (const { type, name, help, value } of processMetrics()) families.add(type, name, help, {}, value);
    this.#uncounted = Math.max(this.#uncounted, families.leftOut);
    families.add("counter", ...UNCOUNTED_SERIES, {}, this.#uncounted);
    this.#warnOnce();

    const parts: string[] = [];
    for (const family of families.shown()) {
      let head = 0;
      for (const part of family.parts()) {
        const text = await registry.getMetricsAsString(part);
        parts.push(text.slice(head), "\n");
        // Two lines about the family: once is enough.
        head = text.indexOf("\n", text.indexOf("\n") + 1) + 1;
        await pace.turn();
      }
    }
    return { contentType: CONTENT_TYPE, body: Buffer.from(parts.join("")) };
  }

  #addPackets(rows: readonly WorkerRow[], sockets: Sockets): void {
    const sums = this.#retiredStatistics.map((retired) => retired?.slice());
    for (const { index, statistics } of rows) {
      const sum = sums[index] ?? new Float64Array(statistics.length);
      for (let i = 0; i < sum.length; i++) sum[i]! += statistics[i]!;
      sums[index] = sum;
    }
    // One that is being replaced has no row, but it is still there.
    for (const [index, sum] of sums.entries()) {
      if (sum === undefined) continue;
      const worker = String(index);
      for (const { name, help, counter } of PACKET_METRICS) {
        this.#families.add("counter", name, help, { worker }, sum[counter]!);
      }
    }
    const total = (counter: number) => sums.reduce((all, sum) => all + (sum?.[counter] ?? 0), 0);
    for (const { stage, reason, counter } of TRANSPORT_DROPS) {
      this.#families.add("counter", ...DROPS, { stage, reason }, total(counter));
    }
    // The kernel has one number for both, and workers say a moment later which part of it was refused.
    this.#full = Math.max(this.#full, sockets.totalDrops() - total(PacketCounter.LIMITED));
    this.#families.add("counter", ...DROPS, { stage: "kernel", reason: "full" }, this.#full);
  }

  #warnOnce(): void {
    if (this.#warned || this.#uncounted === 0) return;
    this.#warned = true;
    new Logger().warning("There are more series of metrics than can be told apart, some are left out");
  }
}

/**
 * Only this module of prom-client: with all of it the process grows by 19 MiB, with this one by 4. It has no types of its
 * own.
 */
async function newRegistry(): Promise<Writer> {
  const path: string = "prom-client/lib/registry.js";
  const { default: Constructor } = (await import(path)) as { default: new () => Writer };
  return new Constructor();
}

/** `udp 127.0.0.1 53`, a listener's id, as its `server` label. */
function serverOf(id: string): string {
  const [, address = "", port = ""] = id.split(" ");
  return `dns://${endpointText(address, port)}`;
}

const KERNEL_DROPS = [
  "weftdns_kernel_drops_total",
  "Datagrams that the kernel dropped: the listener's buffers were full, or its limits refused them.",
] as const;
const RESTARTS = ["weftdns_worker_restarts_total", "Workers that ended unasked and were replaced, by cause."] as const;

const PACKET_METRICS = [
  { name: "weftdns_datagrams_received_total", help: "Datagrams received.", counter: PacketCounter.RECEIVED },
  { name: "weftdns_batches_total", help: "Batches that datagrams were received in.", counter: PacketCounter.BATCHES },
  { name: "weftdns_datagrams_sent_total", help: "Datagrams sent.", counter: PacketCounter.SENT },
  {
    name: "weftdns_datagrams_queued_total",
    help: "Datagrams that had to wait until their socket had room.",
    counter: PacketCounter.QUEUED,
  },
] as const;

/** Those that the transport counts. Workers add what the server and plugins drop. */
const TRANSPORT_DROPS: readonly { stage: string; reason: string; counter: number }[] = [
  { stage: "kernel", reason: "limited", counter: PacketCounter.LIMITED },
  { stage: "receive", reason: "too_long", counter: PacketCounter.TRUNCATED },
  { stage: "receive", reason: "from_port_0", counter: PacketCounter.UNANSWERABLE },
  { stage: "receive", reason: "stale", counter: PacketCounter.STALE },
  { stage: "send", reason: "queue_full", counter: PacketCounter.LOST_QUEUE_FULL },
  { stage: "send", reason: "too_large", counter: PacketCounter.LOST_TOO_LARGE },
  { stage: "send", reason: "forbidden", counter: PacketCounter.LOST_FORBIDDEN },
  { stage: "send", reason: "refused", counter: PacketCounter.LOST_REFUSED },
  { stage: "send", reason: "unreachable", counter: PacketCounter.LOST_UNREACHABLE },
  { stage: "send", reason: "other", counter: PacketCounter.LOST_OTHER },
];

/** What CoreDNS shows of plugins that no block names, and that dashboards and alerts may ask for. */
const IDLE = [
  {
    type: "counter",
    name: "forward_healthcheck_broken_total",
    help: "Counter of the number of complete failures of the healthchecks.",
  },
  {
    type: "counter",
    name: "forward_max_concurrent_rejects_total",
    help: "Counter of the number of queries rejected because the concurrent queries were at maximum.",
  },
  {
    type: "counter",
    name: "health_request_failures_total",
    help: "The number of times the health check failed.",
  },
  {
    type: "gauge",
    name: "hosts_reload_timestamp_seconds",
    help: "The timestamp of the last reload of hosts file.",
  },
  {
    type: "counter",
    name: "local_localhost_requests_total",
    help: "Counter of special localhost subdomain requests.",
  },
  { type: "counter", name: "reload_failed_total", help: "Counter of the number of failed reload attempts." },
] as const;
const IDLE_HISTOGRAM = {
  name: "health_request_duration_seconds",
  help: "Histogram of the time (in seconds) each request took.",
  bounds: [0.00025, 0.0025, 0.025, 0.25, 2.5],
};
