/**
 * The main thread: owns what lasts (configuration, sockets, workers, control halves, HTTP) and leads the server through
 * start, reload and stop. Queries never come here.
 */

import type { Mistake } from "../corefile/mistake.ts";
import { startText } from "../corefile/mistake.ts";
import { roomLeft } from "../memory/pressure.ts";
import { collectSoon, collectWhenGrown } from "../memory/retire.ts";
import { native } from "../native/index.ts";
import type { Instance, ReloadFailure } from "../plugin/context.ts";
import { configureLogging, Logger } from "../plugin/logger.ts";
import { DROPS } from "../plugin/request-metrics.ts";
import { scarcityText } from "../transport/descriptors.ts";
import { type Configuration, type ConfigurationSource, hashOfSource, loadConfiguration } from "./configuration.ts";
import { type ControlHost, Controls } from "./controls.ts";
import { fewerText, workerCount } from "./granted-cpus.ts";
import { HttpSites } from "./http.ts";
import { Jobs } from "./jobs.ts";
import { Metrics } from "./metrics.ts";
import { Parent } from "./parent.ts";
import { Sockets } from "./sockets.ts";
import { WorkerPool } from "./worker-pool.ts";

/** How long what is under way may take when the server ends (behaviour 8: graceful stop). */
const GRACE_MS = 5_000;
/** Clients are taken to have gone elsewhere when nothing has come for so long; waiting for it takes GRACE_MS at most. */
const QUIET_MS = 100;

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

/**
 * How often memory that was freed is given back. V8 compiles what queries need within the first seconds, and the
 * allocator keeps what that took: some 20 MiB. Looking takes a third of a millisecond of the main thread.
 */
const TRIM_MS = 2_000;

export class Supervisor {
  readonly #readSource: () => ConfigurationSource;
  readonly #log = new Logger();
  readonly #jobs = new Jobs();
  readonly #parent = new Parent();
  readonly #metrics = new Metrics(this.#parent.restarts);
  readonly #sites = new HttpSites(this.#metrics.counter(...DROPS, { stage: "http", reason: "too_many_connections" }));
  #generation = 0;
  #configuration!: Configuration;
  #controls!: Controls;
  #sockets!: Sockets;
  #pool!: WorkerPool;
  #reloading: Promise<ReloadFailure | undefined> | undefined;
  #nextReload: Promise<ReloadFailure | undefined> | undefined;
  #stopping = false;
  /** What is in use is what the files say, as far as they were looked at. */
  #isCurrent = true;

  constructor(readSource: () => ConfigurationSource) {
    this.#readSource = readSource;
    const help = "Whether the configuration in use is that of the files, as far as they were looked at.";
    this.#metrics.gauge("weftdns_configuration_current", help, {}, () => Number(this.#isCurrent));
    const roomHelp = "The part of their bounds that queries which wait and clients that do not read may fill.";
    this.#metrics.gauge("weftdns_memory_room", roomHelp, {}, roomLeft);
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  /**
   * Starts everything. Throws when it cannot: BadConfiguration, or an error that says what failed. False when the server was
   * told to end meanwhile: whatever failed then, nobody waits for it any more.
   */
  async start(): Promise<boolean> {
    const next = await this.#load();
    const { plan } = next;
    configureLogging({ format: plan.logFormat, debug: plan.debug });
    this.#warn(next);
    const { diedOf } = this.#parent;
    if (diedOf !== undefined) this.#log.error(`the server died of ${diedOf} and is started again`);
    const count = next.workers ?? workerCount();
    const fewer = next.workers === undefined ? fewerText() : undefined;
    if (fewer !== undefined) this.#log.info(fewer);
    const scarcity = scarcityText(count);
    if (scarcity !== undefined) this.#log.warning(scarcity);
    this.#sockets = new Sockets(count, this.#parent);
    // Threads start while control halves load.
    this.#pool = new WorkerPool(count, {
      steer: (live) => this.#sockets.steer(live),
      died: (index, reason, stack) => {
        this.#log.error(`worker ${index} died and is replaced: ${reason}`);
        for (const line of stack.split("\n").slice(1)) this.#log.error(line);
      },
      left: () => this.#closeLeft(),
      retired: (row) => this.#metrics.retire(row),
      cellsLeft: (row, descriptions) => this.#metrics.leave(row, descriptions),
      told: (id, value, worker) => this.#tell(id, value, worker),
      sockets: (index) => this.#sockets.of(index),
      published: () => this.#controls.published,
    });
    try {
      this.#controls = await Controls.start(next.controls, this.#host(next));
      // Whoever probes or scrapes is answered, though others are still waited for.
      await this.#sites.replace(this.#controls.sites);
      await this.#controls.catchUp();
      await this.#pool.started();
      // Not before: where another server is on the same port, its queries would come here and wait.
      await this.#sockets.open(plan.listeners);
      await this.#pool.deploy(plan, this.#controls.give());
    } catch (error) {
      if (this.#stopping) return false;
      await this.stop(0);
      throw error;
    }
    if (this.#stopping) return false;
    this.#configuration = next;
    this.#parent.ready();
    setInterval(() => native?.trimMemory(), TRIM_MS).unref();
    collectWhenGrown(count);
    collectSoon();
    return true;
  }

  /**
   * Takes the configuration as it is now, beside the one in use. On a mistake nothing changes, and the log says so; the
   * failure is what the promise gives. Reloads follow one another: whoever asks while one is under way gets the next one,
   * as the files may have changed since.
   */
  reload(): Promise<ReloadFailure | undefined> {
    if (this.#reloading === undefined) {
      this.#reloading = this.#reload().finally(() => {
        this.#reloading = undefined;
        this.#closeLeft();
      });
      return this.#reloading;
    }
    this.#nextReload ??= this.#reloading.then(() => {
      this.#nextReload = undefined;
      return this.reload();
    });
    return this.#nextReload;
  }

  /** Ends the server. What is asked meanwhile is answered until plugins let it end and the traffic has stopped. */
  async stop(graceMs: number = GRACE_MS): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#parent.stopping();
    const inUse = this.#controls;
    // One that still starts has no clients who would have to go elsewhere.
    const drained = this.#configuration ? inUse.drain() : undefined;
    // A reload that is about to switch does so; every other gives up by itself.
    await this.#switching?.catch(() => {});
    await drained;
    if (this.#controls !== inUse) await this.#controls.drain();
    if (graceMs > 0) {
      await this.#sockets?.leave();
      await this.#pool?.quiet(QUIET_MS, graceMs);
    }
    await this.#pool?.stop(graceMs);
    await this.#controls?.stop();
    await this.#sites.stop();
    await this.#jobs.stop();
    this.#sockets?.keepOnly([]);
  }

  async #reload(): Promise<ReloadFailure | undefined> {
    if (this.#stopping) return undefined;
    if (!this.#configuration) return { reason: "the server is starting", isMistake: false };
    this.#log.info("Reloading");
    let controls: Controls | undefined;
    let opened: string[] = [];
    try {
      const next = await this.#load();
      const { plan } = next;
      this.#warn(next);
      controls = await Controls.start(next.controls, this.#host(next), this.#controls);
      await controls.catchUp();
      // Not before: queries would come to the new ones, which workers read only with the plan, and wait.
      opened = await this.#sockets.open(plan.listeners);
      this.#nextControls = controls;
      if (this.#stopping) throw new Error("the server is ending");
      this.#switching = this.#switchTo(next, controls);
      await this.#switching;
      this.#isCurrent = true;
      this.#log.info("Reloading complete");
      return undefined;
    } catch (error) {
      this.#sockets.close(opened);
      await controls?.stop();
      // Nobody waits for what would not be served any more.
      if (this.#stopping) return undefined;
      const reason = error instanceof Error ? error.message : String(error);
      this.#isCurrent = false;
      this.#log.error(`Restart failed: ${reason}`);
      return { reason, isMistake: error instanceof BadConfiguration };
    } finally {
      this.#nextControls = undefined;
      this.#switching = undefined;
    }
  }
  #nextControls: Controls | undefined;
  #switching: Promise<void> | undefined;

  /** From the plan in use to one whose control halves and sockets are there; all or nothing. */
  async #switchTo(next: Configuration, controls: Controls): Promise<void> {
    const { plan } = next;
    const before = this.#controls;
    try {
      await this.#sites.open(controls.sites);
      await this.#pool.deploy(plan, controls.give());
    } catch (error) {
      await this.#sites.replace(before.sites).catch(() => {});
      throw error;
    }
    this.#controls = controls;
    // What workers tell from here on is for them alone, and not for them twice.
    this.#nextControls = undefined;
    this.#configuration = next;
    configureLogging({ format: plan.logFormat, debug: plan.debug });
    await this.#sites.keepOnly(controls.sites);
    await before.stop();
    collectSoon();
  }

  /** Sockets that the plan has left are closed when no worker answers there any more. A reload may want them again. */
  #closeLeft(): void {
    if (this.#reloading || !this.#configuration || !this.#pool.hasLeft) return;
    this.#pool.release();
    this.#sockets.keepOnly(this.#configuration.plan.listeners);
  }

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

  #readHash(): string {
    try {
      const hash = hashOfSource(this.#readSource());
      // Files may be looked at before the start has come to its end.
      if (hash === this.#configuration?.hash) this.#isCurrent = true;
      return hash;
    } catch (error) {
      this.#isCurrent = false;
      throw error;
    }
  }

  #instance(hash: string): Instance {
    return {
      unready: (continuously) => this.#controls?.unready(continuously) ?? [],
      readyDetails: () => this.#controls?.readyDetails() ?? [],
      metrics: () => this.#metrics.expose(this.#pool, this.#sockets),
      configurationHash: hash,
      readConfigurationHash: async () => this.#readHash(),
      reload: () => this.reload(),
      workers: () => this.#pool.threads,
      isAnswering: () => this.#pool.isAnswering,
    };
  }

  #host({ hash }: Configuration): ControlHost {
    return {
      jobs: this.#jobs,
      instance: this.#instance(hash),
      publish: (id, value) => this.#pool.publish(id, value),
      counter: (name, help, labels) => this.#metrics.counter(name, help, labels),
      histogram: (name, help, labels, bounds) => this.#metrics.histogram(name, help, labels, bounds),
      gauge: (name, help, labels, read) => this.#metrics.gauge(name, help, labels, read),
    };
  }
}
