/** What the server gives to a plugin's control and serve halves. */
import type { ServerKey } from "../corefile/server-block.ts";
import type { Counter, CounterTable, Histogram } from "../memory/counters.ts";
import type { ClientReader } from "./client-reader.ts";
import type { Logger } from "./logger.ts";
import type { Handler, Outcome } from "./outcome.ts";
import type { Query } from "./query.ts";

/** Turns the config into the handler that runs for every query. Called once per chain; may load what it needs first. */
export type ServeHalf<Config> = (config: Config, context: ServeContext) => Handler | Promise<Handler>;

export interface ServeContext {
  /** The rest of the chain. At its end a query gets SERVFAIL and `plugin/NAME: no next plugin found`. */
  readonly next: Handler;
  /** The name of the element behind this one, undefined for the last. */
  readonly nextName: string | undefined;
  /** Zones (lower-case wire form) whose answers from `next` are all `uncached`, whatever is asked and whatever comes of it. */
  readonly uncachedZones: readonly Uint8Array[];
  /** Says that all answers of this plugin to names in `zones` are `uncached`, and that it passes none of these names on. */
  neverCached(zones: readonly Uint8Array[]): void;
  /** The listener's name in metrics, as in `dns://:53`. */
  readonly server: string;
  /** The zones of the server block, in lower-case wire form. */
  readonly zones: readonly Uint8Array[];
  /** Which of the workers this is, from 0, and how many there are. */
  readonly worker: number;
  readonly workerCount: number;
  /** Writes `[LEVEL] plugin/NAME: text`. */
  readonly log: Logger;

  /** A number that only grows. `name` lacks the prefix `coredns_`, unless it begins with `weftdns_`; the labels are fixed here. */
  counter(name: string, help: string, labels?: Labels): Counter;
  /** Counters that differ in labels known per query: `table.add(index, 1)`, index counted through `dimensions` (last fastest). */
  counters(name: string, help: string, labels: Labels, dimensions: Dimensions): CounterTable;
  histogram(name: string, help: string, labels: Labels, bounds: readonly number[]): Histogram;

  /**
   * Calls `look` with queries that came together, before the first of them is handled: to read what answering them will
   * need, for no other use than to have it in the processor's cache then. Main memory is slow to answer, and answers many
   * at once as fast as one. So what is read for one query must not wait for what was read for another, and loops should
   * be short: the processor sees some hundred instructions ahead. It changes nothing, and must bear queries that another
   * plugin answers.
   */
  lookAhead(look: LookAhead): void;
  /** Says who answers a query that has options but no question: `ANSWERED`, or it is refused as any without a question. */
  answerBare(answer: (query: Query) => Outcome): void;
  /** Says who reads what stands before the messages that come to this listener. */
  readClients(reader: ClientReader): void;
  /** An index into `query.slots`, this plugin's own: for what it must keep until the reply comes. */
  slot(): number;
  /**
   * Says how a value of `query` under the label `group/name` is computed. It is, when somebody asks for it. A label that ends
   * in `/` stands for all that begin with it; `compute` is given the rest.
   */
  provideMetadata(label: string, compute: (query: Query, rest: string) => string): void;
  /** `metadata` has values for those queries only for which `covers` says so. */
  limitMetadata(covers: (query: Query) => boolean): void;
  /** The value of a label: set during the query, or computed now; undefined when nobody provides it. */
  metadata(query: Query, label: string): string | undefined;
  /** The same without the limit: for what a plugin works with, where nobody has named a label in a Corefile. */
  unlimitedMetadata(query: Query, label: string): string | undefined;
  /** Calls `receive` with what the control half published last (before the first query) and with each later value, of `part`. */
  onPublished(receive: (value: never) => void, part?: number): void;
  /** Sends a value to the control half. Not for every query. */
  tell(value: unknown): void;
  /** Runs when this chain is done with: after a reload, when its last query is answered. */
  onStop(stop: () => void): void;
}

/** The queries are `queries[first..end)`, at most MAX_AHEAD of them. They have been read, but not begun. */
export type LookAhead = (queries: readonly Query[], first: number, end: number) => void;
export const MAX_AHEAD = 16;

export type Labels = Readonly<Record<string, string>>;
export type Dimensions = Readonly<Record<string, readonly string[]>>;

/** Starts what runs beside queries. Nothing is served before its promise settles, which is soon; a rejection stops the start. */
export type ControlHalf<Config> = (config: Config, context: ControlContext) => Promise<Control>;

export interface ControlContext {
  readonly log: Logger;
  /** The server block's keys. */
  readonly keys: readonly ServerKey[];
  /** The `server` labels of the listeners that lead to the block. */
  readonly servers: readonly string[];
  /** The elements of the block's chain, the outermost first. */
  readonly plugins: readonly string[];
  /** How many elements of the same plugin there are in the whole configuration, this one among them. */
  readonly occurrences: number;
  readonly instance: Instance;
  /**
   * What the control half of the same plugin, with an equal config in a block of the same keys (`Plugin.holdsAnswers`: in an
   * equal block), hands over by `inherit` when a reload ends it. It is there until the start's promise has settled.
   */
  readonly inherited: unknown;
  /**
   * Gives `value` to the serve half in every worker, and to those that start later. It is cloned, SharedArrayBuffers are shared.
   * What is published as one `part` stands beside the others: of many values, only the one that has changed is sent.
   */
  publish(value: unknown, part?: number): void;
  /** Receives what serve halves send by `tell`. */
  onTold(receive: (value: unknown, worker: number) => void): void;
  /** Runs `run(input)`, an export of `module` (give `import.meta.resolve(...)`), on a thread of its own, and gives its result. */
  job<Result>(module: string, input: unknown, signal?: AbortSignal): Promise<Result>;
  /** Serves HTTP on `address` (`host:port`) beside the DNS; shared by all that name the same address and path. */
  http(address: string, path: string, handle: HttpHandler, options?: HttpOptions): HttpSite;
  counter(name: string, help: string, labels?: Labels): Counter;
  histogram(name: string, help: string, labels: Labels, bounds: readonly number[]): Histogram;
  /**
   * A number that goes up and down: set it, or give `read`, which is called for each scrape. Absent until set, again when
   * set to undefined, and when the control half has stopped.
   */
  gauge(name: string, help: string, labels?: Labels, read?: () => number): Gauge;
}

export interface Gauge {
  set(value: number | undefined): void;
}

/** Why the server goes on with what it had. */
export interface ReloadFailure {
  readonly reason: string;
  /** The configuration says something wrong; else the same one may be taken another time. */
  readonly isMistake: boolean;
}

/** The server as a whole, for plugins that show it or lead it (prometheus, ready, reload). */
export interface Instance {
  /**
   * The plugins of the configuration in use that cannot answer, each once, sorted. Who was ready once is not asked again
   * unless `continuously`.
   */
  unready(continuously: boolean): string[];
  /** What the plugins of the configuration in use say about it, one line each: `kubernetes: services: ...`. */
  readyDetails(): string[];
  /** All metrics as they are now, in the text format of Prometheus. */
  metrics(): Promise<{ contentType: string; body: Buffer }>;
  /** Tells the Corefile in use, with all that it imports, from others. */
  readonly configurationHash: string;
  /** The same for the files as they are now. Rejects with what is wrong when they cannot be parsed. */
  readConfigurationHash(): Promise<string>;
  /** Takes the configuration as it is now. Gives why it could not, undefined when all went well or the server ends. */
  reload(): Promise<ReloadFailure | undefined>;
  /** Whether queries are answered: false when all workers have hung or been away for a second. */
  isAnswering(): boolean;
  /** The threads that serve, for those who look into them. */
  workers(): readonly import("node:worker_threads").Worker[];
}

export type HttpHandler = (
  request: import("node:http").IncomingMessage,
  response: import("node:http").ServerResponse,
) => void;

export interface HttpOptions {
  /** Called with the reason when `address` cannot be listened on; the server goes on without. Absent: it does not start. */
  readonly failed?: (reason: string) => void;
  /** Makes it HTTPS. Asked before each handshake: gives the same object while nothing has changed. */
  readonly tls?: () => import("node:tls").TlsOptions;
}

export interface HttpSite {
  /** No more requests for this path. The listener closes with its last path, at once for new connections. */
  close(): Promise<void>;
}

export interface Control {
  /** Waits for others, if queries have to. Called when all halves have started; HTTP is served meanwhile when the server starts. */
  catchUp?(): Promise<void>;
  /** Whether the plugin can answer; asked by `ready`. Absent: always. */
  ready?(): boolean;
  /** What an operator may want to know about that, a line each: `GET /ready?detail` shows it. */
  readyDetails?(): readonly string[];
  /** What the next control half of an equal config should find in `inherited`. */
  inherit?(): unknown;
  /** The server has been told to end: queries are answered until the promise of every plugin has settled. */
  drain?(): void | Promise<void>;
  /** Ends everything it began. Called after the workers have left the old plan. */
  stop(): void | Promise<void>;
}
