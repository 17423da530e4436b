/** The control halves of one plan: started before anything is served by it, stopped when the workers have left it. */
import type { Counter, Histogram } from "../memory/counters.ts";
import type { Control, ControlContext, Gauge, Instance, Labels } from "../plugin/context.ts";
import { Logger } from "../plugin/logger.ts";
import { moduleOf, publishedId } from "../plugin/plan.ts";
import type { ControlPlan } from "./configuration.ts";
import { Site } from "./http.ts";
import type { Jobs } from "./jobs.ts";

/** What control halves share with the rest of the supervisor. */
export interface ControlHost {
  readonly jobs: Jobs;
  readonly instance: Instance;
  /** To every worker that runs the element. */
  publish(id: string, value: unknown): void;
  counter(name: string, help: string, labels: Labels): Counter;
  histogram(name: string, help: string, labels: Labels, bounds: readonly number[]): Histogram;
  gauge(name: string, help: string, labels: Labels, read?: () => number): Gauge;
}

interface Running {
  readonly plugin: string;
  readonly control: Control;
  /** It has said once that it can answer. */
  wasReady: boolean;
}

export class Controls {
  /** By `publishedId`: what was published last. Workers that start later begin with it. */
  readonly published = new Map<string, unknown>();
  /** By address. */
  readonly sites = new Map<string, Site>();
  /** Workers have it, so they are told of what changes. Thousands of values before that would be sent twice. */
  #isGiven = false;
  /** By identity, the same for whoever shall inherit from it in another plan; equal ones of a plan are numbered. */
  readonly #running = new Map<string, Running>();
  readonly #gauges: Gauge[] = [];
  readonly #told = new Map<string, ((value: unknown, worker: number) => void)[]>();
  readonly #occurrences = new Map<ControlPlan["plugin"], number>();
  /** How many elements of one kind there are so far. */
  readonly #alike = new Map<string, number>();

  /** Starts all of `plans`; when one fails, stops the others and throws its error, which names the plugin. */
  static async start(plans: readonly ControlPlan[], host: ControlHost, before?: Controls): Promise<Controls> {
    const controls = new Controls();
    for (const { plugin } of plans) controls.#occurrences.set(plugin, (controls.#occurrences.get(plugin) ?? 0) + 1);
    const outcomes = await Promise.allSettled(plans.map((plan) => controls.#start(plan, host, before)));
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (!failed) return controls;
    await controls.stop();
    throw failed.reason;
  }

  /** Waits until queries may come. */
  async catchUp(): Promise<void> {
    await Promise.all(this.#all().map(({ control }) => control.catchUp?.()));
  }

  /** What the workers begin with. From now on they hear of each value. */
  give(): ReadonlyMap<string, unknown> {
    this.#isGiven = true;
    return this.published;
  }

  /** A serve half speaks to its control half. */
  tell(id: string, value: unknown, worker: number): void {
    for (const receive of this.#told.get(id) ?? []) receive(value, worker);
  }

  /** The plugins that cannot answer, each once, sorted. Who was ready once is not asked again unless `continuously`. */
  unready(continuously: boolean): string[] {
    const names = new Set<string>();
    for (const running of this.#running.values()) {
      if (running.wasReady && !continuously) continue;
      if (running.control.ready?.() === false) names.add(running.plugin);
      else running.wasReady = true;
    }
    return [...names].sort();
  }

  /** What plugins say about their being ready, behind their names. */
  readyDetails(): string[] {
    return this.#all().flatMap(({ plugin, control }) =>
      (control.readyDetails?.() ?? []).map((line) => `${plugin}: ${line}`),
    );
  }

  /** Lets every plugin say that the server is about to end, and waits as long as they want to. */
  async drain(): Promise<void> {
    await Promise.allSettled(this.#all().map(async ({ control }) => control.drain?.()));
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#all().map(async ({ control }) => control.stop()));
    for (const gauge of this.#gauges) gauge.set(undefined);
  }

  #all(): Running[] {
    return [...this.#running.values()];
  }

  #inheritance(identity: string): unknown {
    return this.#running.get(identity)?.control.inherit?.();
  }

  async #start(
    { element, plugin, keys, servers, plugins, blockHash }: ControlPlan,
    host: ControlHost,
    before?: Controls,
  ): Promise<void> {
    const texts = keys.map(({ token }) => token.text).join(" ");
    const kind = `${texts} ${moduleOf(element)} ${plugin.holdsAnswers ? blockHash : JSON.stringify(element.config)}`;
    const alike = this.#alike.get(kind) ?? 0;
    this.#alike.set(kind, alike + 1);
    const identity = `${alike} ${kind}`;
    const context = {
      log: new Logger(element.plugin),
      keys,
      servers,
      plugins,
      occurrences: this.#occurrences.get(plugin)!,
      instance: host.instance,
      inherited: before === undefined ? undefined : before.#inheritance(identity),
      publish: (value, part) => {
        const id = publishedId(element, part);
        this.published.set(id, value);
        if (this.#isGiven) host.publish(id, value);
      },
      onTold: (receive) => this.#told.set(element.id, [...(this.#told.get(element.id) ?? []), receive]),
      job: (module, input, signal) => host.jobs.run(module, input, signal),
      http: (address, path, handle, options = {}) => {
        const site = this.sites.get(address) ?? new Site(address);
        this.sites.set(address, site);
        return site.add(path, handle, options);
      },
      counter: (name, help, labels = {}) => host.counter(name, help, labels),
      histogram: (name, help, labels, bounds) => host.histogram(name, help, labels, bounds),
      gauge: (name, help, labels = {}, read) => {
        const gauge = host.gauge(name, help, labels, read);
        this.#gauges.push(gauge);
        return gauge;
      },
    } satisfies ControlContext;
    const half = plugin.control!;
    const start = "load" in half ? (await half.load()).control : half;
    try {
      const control = await start(element.config, context);
      this.#running.set(identity, { plugin: element.plugin, control, wasReady: false });
      // A control half may keep its context for as long as it runs, and what it took over is its own to let go of.
      context.inherited = undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(reason.startsWith("plugin/") ? reason : `plugin/${element.plugin}: ${reason}`);
    }
  }
}
