/**
 * All metrics of the server in one place: the rows of counters that workers write, the row of the supervisor's own
 * plugins, and gauges. prom-client is loaded with the first scrape and turns them into text.
 */
import { type Counter, CounterRow, type Histogram } from "../memory/counters.ts";
import type { Gauge, Labels } from "../plugin/context.ts";
import type { Sockets } from "./sockets.ts";
import type { WorkerPool } from "./worker-pool.ts";

interface GaugeState {
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
  value: number | undefined;
  readonly read: (() => number) | undefined;
}

export class Metrics {
  readonly #row = new CounterRow();
  readonly #gauges = new Map<string, GaugeState>();

  counter(name: string, help: string, labels: Labels): Counter {
    return this.#row.counter(name, help, labels);
  }

  histogram(name: string, help: string, labels: Labels, bounds: readonly number[]): Histogram {
    return this.#row.histogram(name, help, labels, bounds);
  }

  gauge(name: string, help: string, labels: Labels, read?: () => number): Gauge {
    const key = `${name} ${JSON.stringify(labels)}`;
    const gauge: GaugeState = { name, help, labels, value: undefined, read };
    this.#gauges.set(key, gauge);
    return {
      set: (value) => {
        gauge.value = value;
        if (value === undefined && this.#gauges.get(key) === gauge) this.#gauges.delete(key);
      },
    };
  }

  /** The text that a scrape gets. */
  async expose(pool: WorkerPool, _sockets: Sockets): Promise<{ contentType: string; text: string }> {
    const { contentType } = (await import("prom-client")).register;
    const text = pool.rows().map(({ row, descriptions }) => descriptions.map((one) => row.read(one).join()));
    return { contentType, text: text.join("\n") };
  }
}
