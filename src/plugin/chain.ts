/** From a block's plan to one handler: the plugins' serve halves, linked from the last to the first. */
import type { Counter, CounterTable, Histogram } from "../memory/counters.ts";
import type { ClientReader } from "./client-reader.ts";
import type { Dimensions, Labels, LookAhead, ServeContext } from "./context.ts";
import { Logger } from "./logger.ts";
import type { Handler, Outcome } from "./outcome.ts";
import { REFUSED, SERVFAIL } from "./outcome.ts";
import { type BlockPlan, moduleOf, publishedId } from "./plan.ts";
import type { Plugin } from "./plugin.ts";
import type { Query } from "./query.ts";

/** What a chain needs from the thread it is linked in. */
export interface ChainHost {
  readonly server: string;
  readonly worker: number;
  readonly workerCount: number;
  counter(name: string, help: string, labels: Labels): Counter;
  counters(name: string, help: string, labels: Labels, dimensions: Dimensions): CounterTable;
  histogram(name: string, help: string, labels: Labels, bounds: readonly number[]): Histogram;
  /** Calls `receive` with what was published as `id`, now and later. */
  subscribe(id: string, receive: (value: never) => void): void;
  tell(id: string, value: unknown): void;
}

export interface Chain {
  readonly handler: Handler;
  readonly ahead: readonly LookAhead[];
  readonly answerBare: ((query: Query) => Outcome) | undefined;
  readonly clientReader: ClientReader | undefined;
  /** No plugin sees a query. */
  readonly isEmpty: boolean;
  /** Ends what the serve halves began. */
  stop(): void;
}

export async function linkChain(
  block: BlockPlan,
  plugins: ReadonlyMap<string, Plugin>,
  zones: readonly Uint8Array[],
  host: ChainHost,
): Promise<Chain> {
  const metadata = new Metadata();
  const ahead: LookAhead[] = [];
  const stops: (() => void)[] = [];
  let answerBare: Chain["answerBare"];
  let clientReader: Chain["clientReader"];
  let slots = 0;
  // A block without plugins refuses (behaviour 2.7); the end of a chain is an error that names the last plugin.
  let handler: Handler = () => REFUSED;
  let nextName: string | undefined;
  let uncachedZones: readonly Uint8Array[] = [];
  const stop = (): void => {
    for (const end of stops) end();
  };
  for (const element of block.elements.toReversed()) {
    const plugin = plugins.get(moduleOf(element));
    if (!plugin?.serve) throw new Error(`plugin ${element.plugin} has no place in a chain`);
    let own: readonly Uint8Array[] = [];
    const context: ServeContext = {
      uncachedZones,
      neverCached: (some) => {
        own = some;
      },
      next: nextName === undefined ? endOfChain(element.plugin) : handler,
      nextName,
      server: host.server,
      zones,
      worker: host.worker,
      workerCount: host.workerCount,
      log: new Logger(element.plugin),
      counter: (name, help, labels = {}) => host.counter(name, help, labels),
      counters: (name, help, labels, dimensions) => host.counters(name, help, labels, dimensions),
      histogram: (name, help, labels, bounds) => host.histogram(name, help, labels, bounds),
      lookAhead: (look) => void ahead.push(look),
      answerBare: (answer) => {
        answerBare = answer;
      },
      readClients: (reader) => {
        clientReader = reader;
      },
      slot: () => slots++,
      provideMetadata: (label, compute) => metadata.provide(label, compute),
      limitMetadata: (covers) => {
        metadata.covers = covers;
      },
      metadata: (query, label) => (metadata.covers(query) ? metadata.value(query, label) : undefined),
      unlimitedMetadata: (query, label) => metadata.value(query, label),
      onPublished: (receive, part) => host.subscribe(publishedId(element, part), receive),
      tell: (value) => host.tell(element.id, value),
      onStop: (stop) => void stops.push(stop),
    };
    let made: Handler;
    try {
      const half = "load" in plugin.serve ? (await plugin.serve.load()).serve : plugin.serve;
      made = await half(element.config, context);
    } catch (error) {
      stop();
      throw error;
    }
    if (plugin.isSetupOnly) continue;
    handler = made;
    nextName = element.plugin;
    uncachedZones = own;
  }
  return {
    handler,
    ahead,
    answerBare,
    clientReader,
    isEmpty: nextName === undefined,
    stop,
  };
}

function endOfChain(plugin: string): Handler {
  const reason = `plugin/${plugin}: no next plugin found`;
  return (query): Outcome => query.fail(SERVFAIL, reason);
}

/** The labels of one chain: providers are asked when somebody wants a value, and at most once per query. */
class Metadata {
  readonly #providers = new Map<string, Provider>();
  covers: (query: Query) => boolean = () => true;

  /** Elements are linked from the last to the first. Of those that provide one label the first that has a value counts. */
  provide(label: string, compute: Provider): void {
    const later = this.#providers.get(label);
    const both: Provider = (query, rest) => compute(query, rest) || later!(query, rest);
    this.#providers.set(label, later === undefined ? compute : both);
  }

  value(query: Query, label: string): string | undefined {
    const known = query.metadataValues?.get(label);
    if (known !== undefined) return known;
    const value = this.#providers.get(label)?.(query, "") ?? this.#valueOfGroup(query, label);
    if (value !== undefined) query.setMetadata(label, value);
    return value;
  }

  /** The longest `group/` that is provided and that the label begins with. */
  #valueOfGroup(query: Query, label: string): string | undefined {
    for (let slash = label.lastIndexOf("/"); slash > 0; slash = label.lastIndexOf("/", slash - 1)) {
      const provider = this.#providers.get(label.slice(0, slash + 1));
      if (provider) return provider(query, label.slice(slash + 1));
    }
    return undefined;
  }
}

type Provider = (query: Query, rest: string) => string;
