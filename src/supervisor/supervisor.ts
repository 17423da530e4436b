/**
 * The main thread: owns what lasts (configuration, sockets, workers, control halves, HTTP) and leads the server through
 * start, reload and stop. Queries never come here.
 */

import type { Mistake } from "../corefile/mistake.ts";
import { startText } from "../corefile/mistake.ts";
import { CounterRow } from "../memory/counters.ts";
import { configureLogging, Logger } from "../plugin/logger.ts";
import type { Plan } from "../plugin/plan.ts";
import { type Configuration, type ConfigurationSource, loadConfiguration } from "./configuration.ts";
import { type ControlHost, Controls } from "./controls.ts";
import { HttpSites } from "./http.ts";
import { Jobs } from "./jobs.ts";
import { Sockets } from "./sockets.ts";
import { workerCount } from "./worker-count.ts";
import { WorkerPool } from "./worker-pool.ts";

/** How long what is under way may take when the server ends (behaviour 8: graceful stop). */
const GRACE_MS = 5_000;

/** The configuration has mistakes; nothing was changed. */
export class BadConfiguration extends Error {
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    super(startText(mistakes[0]!));
    this.name = "BadConfiguration";
    this.mistakes = mistakes;
  }

  /** One line per mistake, the first as CoreDNS words it. */
  lines(): string[] {
    return this.mistakes.map(startText);
  }
}

export class Supervisor {
  readonly #readSource: () => ConfigurationSource;
  readonly #log = new Logger();
  readonly #jobs = new Jobs();
  readonly #sites = new HttpSites();
  readonly #row = new CounterRow();
  readonly #gauges = new Map<string, number>();
  #generation = 0;
  #configuration!: Configuration;
  #controls!: Controls;
  #sockets!: Sockets;
  #pool!: WorkerPool;
  #reloading: Promise<void> | undefined;
  #stopping = false;

  constructor(readSource: () => ConfigurationSource) {
    this.#readSource = readSource;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  get workerCount(): number {
    return this.#pool.size;
  }

  /** Starts everything. Throws when it cannot: BadConfiguration, or an error that says what failed. */
  async start(): Promise<void> {
    const next = await this.#load();
    const { plan } = next;
    configureLogging({ format: plan.logFormat, debug: plan.debug });
    this.#warn(next);
    const count = next.workers ?? workerCount();
    this.#sockets = new Sockets(count);
    await this.#sockets.open(plan.listeners);
    // Threads start while control halves load.
    this.#pool = new WorkerPool(count, {
      steer: (live) => this.#sockets.steer(live),
      died: (index, reason) => this.#log.error(`worker ${index} died and is replaced: ${reason}`),
      told: (id, value, worker) => this.#tell(id, value, worker),
      sockets: (index) => this.#sockets.of(index),
      published: () => this.#controls.published,
    });
    try {
      this.#controls = await Controls.start(next.controls, this.#host(plan));
      await this.#sites.replace(this.#controls.sites);
      await this.#pool.deploy(plan, (index) => this.#sockets.of(index), this.#controls.published);
    } catch (error) {
      await this.stop(0);
      throw error;
    }
    this.#configuration = next;
  }

  /** Takes the configuration as it is now, beside the one in use. On a mistake nothing changes, and the log says so. */
  reload(): Promise<void> {
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  async stop(graceMs: number = GRACE_MS): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await this.#reloading;
    await this.#pool?.stop(graceMs);
    await this.#controls?.stop();
    await this.#sites.stop();
    await this.#jobs.stop();
    this.#sockets?.keepOnly([]);
  }

  async #reload(): Promise<void> {
    if (this.#stopping || !this.#configuration) return;
    this.#log.info("Reloading");
    let controls: Controls | undefined;
    let opened: string[] = [];
    try {
      const next = await this.#load();
      const { plan } = next;
      this.#warn(next);
      opened = await this.#sockets.open(plan.listeners);
      controls = await Controls.start(next.controls, this.#host(plan), this.#controls);
      this.#nextControls = controls;
      await this.#sites.replace(controls.sites);
      await this.#pool.deploy(plan, (index) => this.#sockets.of(index), controls.published);
      const before = this.#controls;
      this.#controls = controls;
      this.#configuration = next;
      this.#pool.steerAgain();
      configureLogging({ format: plan.logFormat, debug: plan.debug });
      this.#sockets.keepOnly(plan.listeners);
      await before.stop();
      this.#log.info("Reloading complete");
    } catch (error) {
      this.#sockets.close(opened);
      await controls?.stop();
      await this.#sites.replace(this.#controls.sites).catch(() => {});
      this.#log.error(`Restart failed: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      this.#nextControls = undefined;
    }
  }
  #nextControls: Controls | undefined;

  async #load(): Promise<Configuration> {
    const loaded = await loadConfiguration(this.#readSource(), ++this.#generation);
    if (Array.isArray(loaded)) throw new BadConfiguration(loaded);
    return loaded;
  }

  #warn({ warnings }: Configuration): void {
    for (const { file, line, directive, message } of warnings) {
      const log = new Logger(directive ?? "");
      log.warning(`${file}:${line} - ${message}`);
    }
  }

  #tell(id: string, value: unknown, worker: number): void {
    this.#controls?.tell(id, value, worker);
    this.#nextControls?.tell(id, value, worker);
  }

  #host(plan: Plan): ControlHost {
    return {
      jobs: this.#jobs,
      debug: plan.debug,
      publish: (id, value) => this.#pool.publish(id, value),
      counter: (name, help, labels) => this.#row.counter(name, help, labels),
      gauge: (name, _help, labels) => ({
        set: (value) => void this.#gauges.set(`${name} ${JSON.stringify(labels)}`, value),
      }),
    };
  }
}
