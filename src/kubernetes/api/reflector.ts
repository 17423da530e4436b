/**
 * Keeps a sink equal to what the API has of one resource: a complete list, then a watch from its version on, for ever.
 *
 * Nothing is taken away from the sink before a list has been completed, so what was known goes on being known through
 * outages, and through lists that follow lost history (410). What might be wrong meanwhile is said by `state`. Three things
 * are noticed though no error tells of them: a half-open connection (silence), an API that was set back to an older state
 * (its version is asked for after each broken watch), and lost events (`self-check.ts`).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Fields, fieldsOf } from "../fields.ts";
import { Backoff } from "./backoff.ts";
import { type ApiClient, collectionPath, type Parameters } from "./client.ts";
import { BadStream, LineSplitter, ListSplitter } from "./documents.ts";
import { isApi, type ListRequest, pageList, refusesStreaming, type StreamRequest, streamList } from "./list.ts";
import { asObject, isOlder, resourceVersionOf } from "./objects.ts";
import type { KubernetesObject, Log, ReflectorState, ResourceQuery, ResourceSink } from "./resource.ts";
import { METADATA_ONLY, Refused, type SelfCheckTarget, selfCheck } from "./self-check.ts";
import { Standing } from "./standing.ts";
import { ApiError, errorOfEvent } from "./status.ts";
import { TIMING, type Timing } from "./timing.ts";

export interface ReflectorOptions {
  readonly log: Log;
  readonly timing?: Partial<Timing>;
  /** Called whenever `state` or `absent` has changed. */
  readonly onChange?: (state: ReflectorState) => void;
  /** Called for each change that a watch has brought, when the sink has it. */
  readonly onEvent?: (object: KubernetesObject) => void;
}

/** A gauge can show it, and whoever compares sees that it is long. */
export const NEVER_SECONDS = 1e9;

export class Reflector {
  /** Complete lists since the start. */
  lists = 0;
  /** Objects that the self-check has found missing, old or too many, and put right. */
  repairs = 0;
  /** The API does not know this resource, an optional one, under any of its versions. */
  absent = false;
  /** What went wrong last; undefined while all is well. */
  lastError: string | undefined;
  /** Up to where the sink has followed; empty before the first list and after lost history. */
  resourceVersion = "";

  readonly #client: ApiClient;
  readonly #query: ResourceQuery;
  readonly #sink: ResourceSink;
  readonly #options: ReflectorOptions;
  readonly #timing: Timing;
  readonly #backoff: Backoff;
  readonly #standing: Standing;
  readonly #stop = new AbortController();
  readonly #refused = new Refused();
  readonly #versions: readonly string[];
  #version = 0;
  /** Objects without name or version, which are nothing to a sink, have been told of. */
  #toldOfMalformed = false;
  #running: Promise<void> | undefined;
  #checking: Promise<number> | undefined;
  /** Whether to ask for streamed lists; and not to the next time, since one did not come to its end. */
  #streams = true;
  #pagesOnce = false;
  /** The last watch broke: the API may have been set back since. */
  #broke = false;
  /** ERROR events, one directly after the other. */
  #errorEvents = 0;
  #lastExpiry = Number.NEGATIVE_INFINITY;
  #lastDisorder = Number.NEGATIVE_INFINITY;
  #watch: AbortController | undefined;
  #checkTimer: NodeJS.Timeout | undefined;
  /** When it ends, from `performance.now()`. */
  #checkDue = Number.POSITIVE_INFINITY;

  constructor(client: ApiClient, query: ResourceQuery, sink: ResourceSink, options: ReflectorOptions) {
    this.#client = client;
    this.#query = query;
    this.#sink = sink;
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#backoff = new Backoff(this.#timing.backoffFirstMs, this.#timing.backoffMostMs);
    this.#standing = new Standing(
      this.#timing.idleMs,
      (state) => options.onChange?.(state),
      () => this.#forgetError(),
    );
    this.#versions = typeof query.version === "string" ? [query.version] : query.version;
  }

  /** Objects that the sink holds. */
  get objects(): number {
    return this.#sink.size;
  }

  get state(): ReflectorState {
    return this.#standing.state;
  }

  /** Since the API was heard of last about this resource; `NEVER_SECONDS` before the first time. */
  get silentSeconds(): number {
    return Math.min((performance.now() - this.#standing.lastContact) / 1_000, NEVER_SECONDS);
  }

  /** Whether a list has been completed: what is in the sink was true at some time. */
  get synced(): boolean {
    return this.lists > 0;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#watch?.abort();
    clearTimeout(this.#checkTimer);
    this.#standing.stop();
    await Promise.allSettled([this.#running, this.#checking]);
  }

  /** Compares the sink with a fresh list and repairs it; gives how many objects were wrong. One at a time. */
  check(): Promise<number> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (this.resourceVersion === "") await this.#list();
        if (this.#broke) await this.#checkServerVersion();
        if (!signal.aborted) await this.#follow(new AbortController());
      } catch (error) {
        if (!signal.aborted) await this.#recover(error);
      }
    }
  }

  async #list(): Promise<void> {
    const paged = !this.#streams || this.#pagesOnce;
    const begin = () => {
      this.#refused.clear();
      this.#sink.beginList();
    };
    const request: StreamRequest = {
      client: this.#client,
      path: this.#path,
      selectors: this.#selectors,
      receive: (value) => {
        const object = this.#taken(value);
        if (object !== undefined) this.#upsert(object);
      },
      retract: (value) => {
        const object = this.#taken(value);
        if (object !== undefined) this.#sink.remove(object);
      },
      signal: this.#stop.signal,
      beginMs: this.#timing.listMs,
      idleMs: this.#timing.listMs,
    };
    let version: string;
    try {
      version = paged ? await this.#pages(request, begin) : await this.#stream(request, begin);
    } catch (error) {
      // A server that does not know of streamed lists may also send an ordinary watch, which has no end.
      this.#pagesOnce = !paged && !(error instanceof ApiError);
      if (paged || !refusesStreaming(error)) throw error;
      this.#streams = false;
      version = await this.#pages(request, begin);
    }
    await this.#sink.endList();
    this.#pagesOnce = false;
    this.#setAbsent(false);
    this.#broke = false;
    this.lists++;
    this.resourceVersion = version;
    this.#standing.well();
    this.#checkLater(this.#timing.checkMs);
  }

  #stream(request: StreamRequest, begin: () => void): Promise<string> {
    begin();
    return streamList(request);
  }

  #pages(request: ListRequest, begin: () => void): Promise<string> {
    let attempts = 0;
    return pageList({
      ...request,
      begin,
      retry: async (error) => {
        const passes = !(error instanceof ApiError) || error.code === 429 || error.code >= 500;
        if (this.#stop.signal.aborted || !passes || ++attempts > PAGE_ATTEMPTS) throw error;
        await this.#pause(waitFor(error, this.#backoff));
      },
    });
  }

  /** One watch, to its end. That the connection of a good one is cut is such an end: it is no failed attempt. */
  async #follow(watch: AbortController): Promise<void> {
    this.#watch = watch;
    const seconds = Math.max(1, Math.round(this.#timing.watchSeconds * (0.8 + Math.random() / 5)));
    /** Until there is an answer, the watch has lasted less than no time. */
    let answeredAt = Number.POSITIVE_INFINITY;
    let events = 0;
    const lines = new LineSplitter((event) => {
      events++;
      this.#event(fieldsOf(event));
      this.#standing.well();
    });
    const parameters = {
      ...this.#selectors,
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: this.resourceVersion,
      timeoutSeconds: seconds,
    };
    const { signal } = watch;
    const options = {
      signal,
      beginMs: this.#timing.idleMs,
      idleMs: this.#timing.idleMs,
      received: () => {
        answeredAt = Math.min(answeredAt, performance.now());
        this.#standing.contact();
      },
    };
    let failure: unknown;
    try {
      await this.#client.read(this.#path, parameters, lines, options);
    } catch (error) {
      failure = error;
    }
    this.#standing.unwatched();
    // Ended by ourselves: to begin anew, or for ever.
    if (signal.aborted) return;
    const lasted = performance.now() - answeredAt;
    if (lasted > WELL_AFTER_MS) this.#backoff.reset();
    if (failure instanceof ApiError || failure instanceof LostHistory) throw failure;
    if (lasted < SHORT_MS) throw failure ?? new BadStream("the watch ended at once");
    this.#backoff.reset();
    if (failure !== undefined) this.#standing.lostContact();
    // Even a quiet watch has a bookmark, unless it begins in the future of an API that has been set back.
    if (failure !== undefined || events === 0 || lasted < (seconds - 1) * 1_000) this.#broke = true;
  }

  #event({ type, object: value }: Fields): void {
    if (type === "ERROR") throw this.#errorEvent(value);
    if (type === "BOOKMARK") {
      const version = resourceVersionOf(value);
      if (isOlder(version, this.resourceVersion))
        throw new LostHistory("the API has been set back to an older version");
      if (version !== "") this.resourceVersion = version;
      this.#errorEvents = 0;
      return;
    }
    const object = this.#taken(value);
    if (object === undefined) return;
    const version = object.metadata.resourceVersion;
    if (isOlder(version, this.resourceVersion)) this.#disorder();
    else this.resourceVersion = version;
    this.#errorEvents = 0;
    if (type === "DELETED") this.#sink.remove(object);
    else this.#upsert(object);
    this.#options.onEvent?.(object);
  }

  /**
   * An event from before the one that we had last. No real API does this, and what it says may have been overtaken: a list tells.
   * One that does it all the time is believed in between.
   */
  #disorder(): void {
    const now = performance.now();
    if (now - this.#lastDisorder < DISORDER_MS) return;
    this.#lastDisorder = now;
    throw new LostHistory("events came out of order");
  }

  #errorEvent(value: unknown): ApiError | LostHistory {
    const error = errorOfEvent(value);
    if (error.isExpired || ++this.#errorEvents < MAX_ERROR_EVENTS) return error;
    this.#errorEvents = 0;
    return new LostHistory(error.message);
  }

  #upsert(object: KubernetesObject): void {
    this.#sink.upsert(object);
    if (!this.#isHeld(object)) this.#refused.note(object);
  }

  #isHeld({ metadata }: KubernetesObject): boolean {
    return this.#sink.versionOf(metadata.namespace, metadata.name) !== undefined;
  }

  #taken(value: unknown): KubernetesObject | undefined {
    const object = asObject(value);
    if (object === undefined && !this.#toldOfMalformed) {
      this.#toldOfMalformed = true;
      this.#options.log.warning(`${this.#query.plural}: objects without name or version are ignored`);
    }
    return object;
  }

  /** After a broken watch: an API that was restored from a copy has an older version, and would be silent about all until ours. */
  async #checkServerVersion(): Promise<void> {
    const list = new ListSplitter(() => {});
    await this.#client.read(this.#path, { ...this.#selectors, limit: 1 }, list, {
      accept: METADATA_ONLY,
      signal: this.#stop.signal,
      beginMs: this.#timing.listMs,
      idleMs: this.#timing.listMs,
    });
    const version = resourceVersionOf(list.envelope());
    if (isOlder(version, this.resourceVersion)) throw new LostHistory("the API has been set back to an older version");
    // It may have been set back and have gone on since, which only a comparison tells.
    if (1_000 * this.silentSeconds > this.#timing.idleMs) this.#checkLater(this.#timing.graceMs);
    this.#broke = false;
  }

  /** Something went wrong: decides what to do next, and waits before it. */
  async #recover(error: unknown): Promise<void> {
    const now = performance.now();
    this.#broke = true;
    if (error instanceof LostHistory || (error instanceof ApiError && error.isExpired)) {
      const again = now - this.#lastExpiry < WELL_AFTER_MS;
      this.#lastExpiry = now;
      this.resourceVersion = "";
      this.#standing.doubt();
      this.#options.log.info(`${this.#query.plural}: ${error.message}: all are listed again`);
      if (again) await this.#pause(this.#backoff.next());
      return;
    }
    if (this.#query.optional && error instanceof ApiError && error.code === 404) {
      // A watch that is not found needs a list, which then tries all versions.
      this.resourceVersion = "";
      this.#version = (this.#version + 1) % this.#versions.length;
      if (this.#version !== 0) return;
      if (await isApi(this.#client, this.#stop.signal, this.#timing.listMs)) {
        this.#standing.heard();
        // Its objects have gone with it: an empty list.
        this.#sink.beginList();
        await this.#sink.endList();
        this.#setAbsent(true);
      }
    }
    this.#standing.lostContact();
    const delay = waitFor(error, this.#backoff);
    this.#report(error, delay);
    await this.#pause(delay);
  }

  /** The same trouble is told once. */
  #report(error: unknown, delay: number): void {
    const text = messageOf(error);
    if (text === this.lastError) return;
    this.lastError = text;
    const action = this.resourceVersion === "" ? "list" : "watch";
    const after = delay < 1_000 ? `${Math.round(delay)}ms` : `${(delay / 1_000).toFixed(1)}s`;
    this.#options.log.warning(`${this.#query.plural}: cannot ${action}: ${text}; next attempt after ${after}`);
  }

  #forgetError(): void {
    if (this.lastError === undefined) return;
    this.lastError = undefined;
    this.#options.log.info(`${this.#query.plural}: the API answers again`);
  }

  #setAbsent(absent: boolean): void {
    if (this.absent === absent) return;
    this.absent = absent;
    this.#options.onChange?.(this.state);
  }

  async #check(): Promise<number> {
    if (this.state !== "synced") return 0;
    const repaired = await selfCheck(this.#target());
    this.repairs += repaired;
    return repaired;
  }

  #target(): SelfCheckTarget {
    return {
      client: this.#client,
      path: this.#path,
      selectors: this.#selectors,
      sink: this.#sink,
      refused: this.#refused,
      log: this.#options.log,
      plural: this.#query.plural,
      signal: this.#stop.signal,
      listMs: this.#timing.listMs,
      graceMs: this.#timing.graceMs,
      version: () => this.resourceVersion,
      upsert: (object) => this.#upsert(object),
      remove: (object) => this.#sink.remove(object),
      relist: (why) => {
        this.resourceVersion = "";
        this.#standing.doubt();
        this.#options.log.warning(`${this.#query.plural}: ${why}: all are listed again`);
        this.#watch?.abort();
      },
      renewWatch: () => this.#watch?.abort(),
    };
  }

  /** Unless it is due before. A tenth more or less, so that the resources are not compared all at once. */
  #checkLater(delayMs: number): void {
    const due = performance.now() + delayMs * (0.9 + Math.random() / 5);
    if (due >= this.#checkDue || this.#timing.checkMs === 0 || this.#stop.signal.aborted) return;
    clearTimeout(this.#checkTimer);
    this.#checkDue = due;
    this.#checkTimer = setTimeout(async () => {
      this.#checkDue = Number.POSITIVE_INFINITY;
      // One that is being made may have begun before there was a reason for this one.
      await this.#checking?.catch(() => 0);
      // What keeps the comparison from being made keeps the watch from running too, and is reported there.
      await this.check().catch(() => 0);
      this.#checkLater(this.#timing.checkMs);
    }, due - performance.now());
    this.#checkTimer.unref();
  }

  #pause(delayMs: number): Promise<void> {
    return sleep(delayMs, undefined, { signal: this.#stop.signal }).catch(() => {});
  }

  get #path(): string {
    const { group, plural, namespace } = this.#query;
    return collectionPath(group, this.#versions[this.#version]!, plural, namespace);
  }

  get #selectors(): Parameters {
    return { labelSelector: this.#query.labelSelector, fieldSelector: this.#query.fieldSelector };
  }
}

/** What came until now cannot be continued: all must be listed again. */
class LostHistory extends Error {}

/** After a watch of this length the API counts as well, whatever it says then: the next failure is a first one. */
const WELL_AFTER_MS = 10_000;
/** A watch that ends before is a failed attempt: without a pause it would be a loop. */
const SHORT_MS = 900;
/** So often the API may answer a watch with the same kind of error before a list is tried. */
const MAX_ERROR_EVENTS = 3;
/** How often disorder may cause a list. */
const DISORDER_MS = 60_000;
/** Attempts for one list, in which no page is read twice for nothing. */
const PAGE_ATTEMPTS = 5;

/** As long as the server wishes, and no two clients equally long. */
function waitFor(error: unknown, backoff: Backoff): number {
  const wished = error instanceof ApiError ? error.retryAfterMs * (1 + Math.random() / 5) : 0;
  return Math.max(wished, backoff.next());
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ApiError) return `${error.code}: ${error.message}`;
  // Node's advice is for those who start it themselves.
  return (
    error.message.replace(/; if the root CA is installed .*/, "") ||
    String((error as NodeJS.ErrnoException).code ?? error.name)
  );
}
