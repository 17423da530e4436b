/** The control half of file: reads the zones before anything is served, and looks after their files from then on. */

import { readFileSync, statSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { zoneToWire } from "../../dns/name-text.ts";
import { retire } from "../../memory/retire.ts";
import type { Control, ControlContext } from "../../plugin/context.ts";
import { formatGoDuration } from "../../plugin/go-duration.ts";
import { MAX_TIMER_MS } from "../../plugin/timer.ts";
import { type FileStamps, haveChanged } from "../../zone/file-stamp.ts";
import { type LoadedZone, type LoadRequest, run } from "../../zone/load-zone.ts";
import type { ZoneSnapshot } from "../../zone/snapshot.ts";
import type { FileConfig, ZoneConfig } from "./index.ts";

/** A file up to this size is read in a millisecond or two, less than what starting a thread takes. */
const SMALL_FILE = 32 * 1024;
/** What lets a small file be more than it looks. */
const GROWING = /\$(?:INCLUDE|GENERATE)/i;

export async function control(config: FileConfig, context: ControlContext): Promise<Control> {
  const files = new ZoneFiles(config, context);
  await files.start();
  return files;
}

interface ZoneState {
  /** Its place in the config: its snapshot is published as this part. */
  readonly index: number;
  readonly config: ZoneConfig;
  readonly origin: Uint8Array;
  snapshot: ZoneSnapshot | undefined;
  /** The files as they were when they were read last, whether that went well or not. */
  stamps: FileStamps | undefined;
  /** What was wrong then. */
  error: string;
}

/** What a reload of the whole server finds, by the zones' names. Files are read again; memory that would hold the same is not. */
type Inheritance = ReadonlyMap<string, ZoneSnapshot>;

class ZoneFiles implements Control {
  readonly #context: ControlContext;
  readonly #zones: readonly ZoneState[];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #stopping = new AbortController();
  #turn: Promise<void> = Promise.resolve();

  constructor(config: FileConfig, context: ControlContext) {
    this.#context = context;
    this.#zones = config.zones.map((zone, index) => ({
      index,
      config: zone,
      origin: zoneToWire(zone.origin),
      snapshot: undefined,
      stamps: undefined,
      error: "",
    }));
  }

  /** Rejects when a file is there and no zone, as that stops the server's start. */
  async start(): Promise<void> {
    const inherited = (this.#context.inherited ?? new Map()) as Inheritance;
    await Promise.all(this.#zones.map((zone) => this.#loadFirst(zone, inherited)));
    for (const zone of this.#zones) {
      if (zone.snapshot) this.#context.publish(zone.snapshot, zone.index);
      this.#watch(zone);
    }
  }

  inherit(): Inheritance {
    const known = new Map<string, ZoneSnapshot>();
    for (const { config, snapshot } of this.#zones) if (snapshot) known.set(config.origin, snapshot);
    return known;
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#stopping.abort();
  }

  async #loadFirst(zone: ZoneState, inherited: Inheritance): Promise<void> {
    const { config } = zone;
    const known = inherited.get(config.origin);
    const loaded = await this.#load({ path: config.path, origin: zone.origin, ...(known && { known }) });
    if (!("error" in loaded)) {
      zone.snapshot = "snapshot" in loaded ? loaded.snapshot : known;
      zone.stamps = loaded.stamps;
      return;
    }
    if (!loaded.missing || config.reloadMs === 0) throw new Error(loaded.error);
    const wait = formatGoDuration(config.reloadMs);
    this.#context.log.warning(`Failed to open "${loaded.error}": trying again in ${wait}`);
  }

  /** A reload may find a thousand zones whose files are small: then each is a job too, or `/health` would wait for seconds. */
  #load(request: LoadRequest): LoadedZone | Promise<LoadedZone> {
    if (request.known === undefined && isSmall(request.path)) return run(request);
    return this.#context.job(loaderModule, request, this.#stopping.signal);
  }

  /** One look follows the other, so a file that takes longer to read than its interval is not read twice at a time. */
  #watch(zone: ZoneState): void {
    const { reloadMs } = zone.config;
    if (reloadMs === 0) return;
    const timer = setTimeout(
      async () => {
        this.#timers.splice(this.#timers.indexOf(timer), 1);
        // Thousands of zones may be due at once, and `/health` must not wait for all of them: one in a turn of the loop.
        this.#turn = this.#turn.then(() => nextTurn());
        await this.#turn;
        if (!this.#stopping.signal.aborted) await this.#look(zone);
        if (!this.#stopping.signal.aborted) this.#watch(zone);
      },
      Math.min(reloadMs, MAX_TIMER_MS),
    ).unref();
    this.#timers.push(timer);
  }

  async #look(zone: ZoneState): Promise<void> {
    const { log } = this.#context;
    const { origin, path, byTime } = zone.config;
    if (zone.stamps && !haveChanged(zone.stamps)) {
      // The same mistake is not read again, but it is still worth a line.
      if (zone.error !== "") log.error(zone.error);
      return;
    }
    const serial = byTime ? undefined : zone.snapshot?.serial;
    const request = { path, origin: zone.origin, ...(serial !== undefined && { knownSerial: serial }) };
    const loaded = await this.#attempt(request);
    if (this.#stopping.signal.aborted || loaded === undefined) return;
    zone.error = "";
    if ("error" in loaded) {
      const missing = `Failed to open zone "${origin}" in "${path}": ${loaded.error}`;
      zone.error = loaded.missing ? missing : `Parsing zone "${origin}": ${loaded.error}`;
      zone.stamps = loaded.missing ? undefined : loaded.stamps;
      log.error(zone.error);
      return;
    }
    zone.stamps = loaded.stamps;
    if (!("snapshot" in loaded)) return;
    const before = zone.snapshot;
    zone.snapshot = loaded.snapshot;
    this.#context.publish(zone.snapshot, zone.index);
    if (before) retire(before.data.byteLength + before.slots.byteLength);
    log.info(`Successfully reloaded zone "${origin}" in "${path}" with ${loaded.snapshot.serial} SOA serial`);
  }

  /** A thread that could not do its work leaves everything as it is, until the next look. */
  async #attempt(request: LoadRequest): Promise<LoadedZone | undefined> {
    try {
      return await this.#load(request);
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#context.log.error(`Reading "${request.path}": ${error}`);
      return undefined;
    }
  }
}

/** The module beside this one in the tree, as it runs: source or compiled. */
const loaderModule = new URL(
  `../../zone/load-zone.${import.meta.filename.endsWith(".ts") ? "ts" : "js"}`,
  import.meta.url,
).href;

function isSmall(path: string): boolean {
  try {
    const { size } = statSync(path);
    return size <= SMALL_FILE && (size === 0 || !GROWING.test(readFileSync(path, "latin1")));
  } catch {
    return true;
  }
}
