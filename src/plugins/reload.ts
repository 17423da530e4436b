/**
 * reload: takes a changed Corefile without a restart.
 *
 * What counts as a change is the words of the Corefile, with all that it imports and the lines they stand in. A file that
 * cannot be taken changes nothing: it is logged, counted, and if the Corefile has a mistake not tried again until it changes
 * once more. When it fails for another reason (a port that somebody else has, a worker that dies), the next look tries again.
 *
 * Syntax    reload [INTERVAL] [JITTER]; one anywhere watches for the whole server, of several the last one counts
 *   INTERVAL  how often the files are looked at (30s), at least 2s
 *   JITTER    the interval is made longer or shorter by up to half of this, at random (15s); 0, or at least 1s, and
 *             never more than half of the interval
 * Metrics   coredns_reload_failed_total                      changes that were not taken
 *           coredns_reload_version_info{hash="sha512",value} 1 for the files as they were seen last, from the first
 *                                                            change on
 * Ready     at once
 * Example
 *   .:1053 {
 *     reload 10s
 *     whoami
 *   }
 */

import { randomInt } from "node:crypto";
import type { Directive, Stanza } from "../corefile/directive.ts";
import { durationProblem, parseDuration } from "../corefile/duration.ts";
import type { Counter } from "../memory/counters.ts";
import type { Control, ControlContext, Gauge, Instance } from "../plugin/context.ts";
import { definePlugin } from "../plugin/plugin.ts";
import { MAX_TIMER_MS } from "../plugin/timer.ts";

interface ReloadConfig {
  readonly intervalMs: number;
  readonly jitterMs: number;
}

const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_JITTER_MS = 15_000;
const MIN_INTERVAL_MS = 2_000;
const MIN_JITTER_MS = 1_000;

export const reload = definePlugin<ReloadConfig>({ name: "reload", parse, control });

function parse(directive: Directive): ReloadConfig {
  let config = { intervalMs: DEFAULT_INTERVAL_MS, jitterMs: DEFAULT_JITTER_MS };
  for (const stanza of directive.stanzas) {
    const intervalMs = stanza.left > 0 ? readDuration(stanza) : DEFAULT_INTERVAL_MS;
    if (intervalMs < MIN_INTERVAL_MS) {
      stanza.fail("interval value must be greater or equal to 2s", stanza.args[0], { form: "plain" });
    }
    const jitterMs = stanza.left > 0 ? readDuration(stanza) : DEFAULT_JITTER_MS;
    if (jitterMs !== 0 && jitterMs < MIN_JITTER_MS) {
      stanza.fail("jitter value must be 0 or greater or equal to 1s", stanza.args[1], { form: "plain" });
    }
    stanza.end();
    if (stanza.options.length > 0) stanza.warn("there are no options, what stands in the braces is left out");
    config = { intervalMs, jitterMs: Math.min(jitterMs, intervalMs / 2) };
  }
  return config;
}

function readDuration(stanza: Stanza): number {
  const token = stanza.token();
  return parseDuration(token.text) ?? stanza.fail(durationProblem(token.text), token, { form: "plain" });
}

/** Who watches for the whole server: the first control half of a configuration. */
const watches = new WeakMap<Instance, Watch>();

async function control(config: ReloadConfig, context: ControlContext): Promise<Control> {
  const watch = watches.get(context.instance) ?? new Watch(context);
  watches.set(context.instance, watch);
  watch.configure(config);
  return { stop: () => watch.stop() };
}

class Watch {
  readonly #context: ControlContext;
  readonly #failed: Counter;
  /** What was seen last, and what was wrong with it when it could not even be read. */
  #hash: string;
  #problem = "";
  /** It could not be taken, and that was not its own fault. */
  #triesAgain = false;
  #shown: Gauge | undefined;
  #intervalMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(context: ControlContext) {
    this.#context = context;
    this.#hash = context.instance.configurationHash;
    this.#failed = context.counter("reload_failed_total", "Counter of the number of failed reload attempts.");
    if (hasChanged) this.#shown = showVersion(context, this.#hash);
    context.log.info(`Running configuration SHA512 = ${this.#hash}`);
  }

  configure({ intervalMs, jitterMs }: ReloadConfig): void {
    const jitter = Math.min(jitterMs, MAX_TIMER_MS);
    const offset = jitter === 0 ? 0 : randomInt(Math.floor(jitter) + 1) - jitter / 2;
    this.#intervalMs = Math.min(intervalMs + offset, MAX_TIMER_MS);
    clearTimeout(this.#timer);
    this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** One look follows the other, so there is never more than one reload on its way. */
  #wait(): void {
    this.#timer = setTimeout(async () => {
      await this.#look();
      if (!this.#stopped) this.#wait();
    }, this.#intervalMs).unref();
  }

  async #look(): Promise<void> {
    const { instance, log } = this.#context;
    let hash: string;
    try {
      hash = await instance.readConfigurationHash();
    } catch (error) {
      if (!this.#stopped) this.#cannotRead((error as Error).message);
      return;
    }
    this.#problem = "";
    if (this.#stopped || (hash === this.#hash && !this.#triesAgain)) return;
    this.#hash = hash;
    hasChanged = true;
    this.#shown?.set(undefined);
    this.#shown = showVersion(this.#context, hash);
    const failure = await instance.reload();
    this.#triesAgain = failure?.isMistake === false;
    if (failure === undefined || this.#stopped) return;
    this.#failed.add(1);
    log.error(`Corefile changed but reload failed: starting with listener file descriptors: ${failure.reason}`);
  }

  /** Said as often as it is seen, and counted once. */
  #cannotRead(problem: string): void {
    this.#context.log.warning(`Corefile parse failed: ${problem}`);
    if (problem !== this.#problem) this.#failed.add(1);
    this.#problem = problem;
  }
}

/** The version is shown from the first change on, whoever saw it. */
let hasChanged = false;

function showVersion({ gauge }: ControlContext, value: string): Gauge {
  const version = gauge(
    "reload_version_info",
    "A metric with a constant '1' value labeled by hash, and value which type of hash generated.",
    { hash: "sha512", value },
  );
  version.set(1);
  return version;
}
