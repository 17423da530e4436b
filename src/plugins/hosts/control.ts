/** The control half of hosts: reads the file before anything is served, and again whenever it has changed. */

import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { retire } from "../../memory/retire.ts";
import type { Control, ControlContext, Gauge } from "../../plugin/context.ts";
import { MAX_TIMER_MS } from "../../plugin/timer.ts";
import { stampOf } from "../../zone/file-stamp.ts";
import type { HostsConfig } from "./index.ts";
import { type LoadedHosts, type LoadRequest, loadText, run } from "./load.ts";
import type { HostsTable } from "./table.ts";

/** What the workers are given; undefined for what is not there. */
export interface Published {
  readonly file: HostsTable | undefined;
  readonly inline: HostsTable | undefined;
}

/** A file up to this size is read in a millisecond or two, less than what starting a thread takes. */
const SMALL_FILE = 64 * 1024;

/** When the file was changed that was read last: a metric without labels, so it is one for all of these plugins. */
let lastLoadedAt = 0;

export async function control(config: HostsConfig, context: ControlContext): Promise<Control> {
  const file = new HostsFile(config, context);
  await file.start();
  return file;
}

class HostsFile implements Control {
  readonly #config: HostsConfig;
  readonly #context: ControlContext;
  readonly #stopping = new AbortController();
  readonly #entries: Gauge;
  #timer: NodeJS.Timeout | undefined;
  #inline: HostsTable | undefined;
  #table: HostsTable | undefined;
  /** The file as it was when it was read last, whether that went well or not. */
  #stamp: string | undefined;
  /** Why it could not be opened; said once. */
  #complaint = "";

  constructor(config: HostsConfig, context: ControlContext) {
    this.#config = config;
    this.#context = context;
    this.#entries = context.gauge("hosts_entries", "The combined number of entries in hosts and Corefile.", {
      hostsfile: config.path,
    });
    const help = "The timestamp of the last reload of hosts file.";
    context.gauge("hosts_reload_timestamp_seconds", help, {}, () => lastLoadedAt);
  }

  async start(): Promise<void> {
    const { path, zones, inline, reverse } = this.#config;
    const { log } = this.#context;
    if (inline !== "") {
      const lines = loadText(inline, zones, reverse);
      this.#inline = lines.table;
      this.#report("Inline hosts entries", lines);
    }
    const stats = await this.#stat();
    if (stats === undefined) log.warning(`File does not exist: ${path}`);
    else if (stats.isDirectory()) log.warning(`Hosts file "${path}" is a directory`);
    const inherited = this.#context.inherited as HostsTable | undefined;
    if (inherited) this.#take(inherited);
    await this.#look(stats);
    this.#publish();
    this.#watch();
  }

  /** A reload of the whole server reads the file again; memory that would hold the same is not filled twice. */
  inherit(): HostsTable | undefined {
    return this.#table;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stopping.abort();
    if (this.#table) retire(this.#table.buffer.byteLength);
  }

  /** One look follows the other, so a file that takes longer to read than its interval is not read twice at a time. */
  #watch(): void {
    const { reloadMs } = this.#config;
    if (reloadMs === 0 || this.#stopping.signal.aborted) return;
    this.#timer = setTimeout(
      async () => {
        if (await this.#look(await this.#stat())) this.#publish();
        this.#watch();
      },
      Math.min(reloadMs, MAX_TIMER_MS),
    ).unref();
  }

  /** Undefined for a file that is not there, or cannot be looked at any more: what was read stays. */
  async #stat(): Promise<Stats | undefined> {
    return stat(this.#config.path).catch(() => undefined);
  }

  /** Reads the file when it has changed. Gives whether there is another table. */
  async #look(stats: Stats | undefined): Promise<boolean> {
    if (stats === undefined || this.#stopping.signal.aborted) return false;
    const stamp = stampOf(stats);
    if (this.#stamp === stamp) return false;
    const loaded = await this.#load(stats);
    if (this.#stopping.signal.aborted || loaded === undefined) return false;
    if ("error" in loaded) {
      this.#complain(loaded.error, stamp);
      return false;
    }
    this.#complaint = "";
    this.#stamp = stamp;
    lastLoadedAt = stats.mtimeMs / 1000;
    this.#report(`Hosts file "${this.#config.path}"`, loaded);
    this.#context.log.debug(`Parsed hosts file into ${loaded.table.entries} entries`);
    const isKnown = this.#table && Buffer.from(this.#table.buffer).equals(Buffer.from(loaded.table.buffer));
    if (isKnown) retire(loaded.table.buffer.byteLength);
    else this.#take(loaded.table);
    return !isKnown;
  }

  /** A thread that could not do its work leaves everything as it is, until the next look. */
  async #load(stats: Stats): Promise<LoadedHosts | undefined> {
    const { path, zones, reverse } = this.#config;
    const request: LoadRequest = { path, zones, reverse };
    if (stats.isDirectory() || (stats.isFile() && stats.size <= SMALL_FILE)) return run(request);
    try {
      return await this.#context.job<LoadedHosts>(loaderModule, request, this.#stopping.signal);
    } catch (error) {
      return { error: `Failed to parse hosts file "${path}": ${error instanceof Error ? error.message : error}` };
    }
  }

  #take(table: HostsTable): void {
    if (this.#table) retire(this.#table.buffer.byteLength);
    this.#table = table;
    this.#entries.set(table.entries + (this.#inline?.entries ?? 0));
  }

  /** The same mistake is said once, and the table stays. */
  #complain(error: string, stamp: string): void {
    // Who may open a file changes without a trace in its stamp, so that is tried again.
    if (!error.startsWith("Failed to open")) this.#stamp = stamp;
    if (error !== this.#complaint) this.#context.log.error(error);
    this.#complaint = error;
  }

  #report(source: string, { problems, moreProblems }: { problems: readonly string[]; moreProblems: number }): void {
    const { log } = this.#context;
    for (const problem of problems) log.error(`${source}, ${problem}`);
    if (moreProblems > 0) log.error(`${source}: ${moreProblems} more words longer than 1024 bytes`);
  }

  #publish(): void {
    this.#context.publish({ file: this.#table, inline: this.#inline } satisfies Published);
  }
}

/** The module beside this one in the tree, as it runs: source or compiled. */
const loaderModule = new URL(`./load.${import.meta.filename.endsWith(".ts") ? "ts" : "js"}`, import.meta.url).href;
