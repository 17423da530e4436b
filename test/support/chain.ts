/**
 * A plugin, or a few of them, asked in this process: parsed from the text of a Corefile, linked as a worker links them,
 * and run by the engine. No sockets and no threads; what the control halves publish arrives as it would in a worker.
 *
 *     const chain = await linkChain({ plugins: [erratic], corefile: "example.org {\n erratic\n}" });
 *     const { reply } = await chain.ask({ ask: "www.example.org. A" });
 */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { ConfigMistake, type Mistake, placedText } from "../../src/corefile/mistake.ts";
import { parseCorefile } from "../../src/corefile/parser.ts";
import type { ServerBlock } from "../../src/corefile/server-block.ts";
import { parseIpv4, parseIpv6 } from "../../src/dns/address.ts";
import { nameToWire } from "../../src/dns/name-text.ts";
import { MAX_REPLY_SIZE, type Reply } from "../../src/dns/reply.ts";
import { Reading } from "../../src/dns/request.ts";
import { uncompressedLength } from "../../src/dns/uncompressed-length.ts";
import { CounterRow } from "../../src/memory/counters.ts";
import { BlockSettings } from "../../src/plugin/block-settings.ts";
import { type Chain, linkChain as link } from "../../src/plugin/chain.ts";
import type { Instance } from "../../src/plugin/context.ts";
import { Logger, type LogLevel } from "../../src/plugin/logger.ts";
import { ANSWERED, type Handler, type Outcome } from "../../src/plugin/outcome.ts";
import type { ElementPlan, ListenerPlan } from "../../src/plugin/plan.ts";
import { definePlugin, type Plugin } from "../../src/plugin/plugin.ts";
import { Query, Transport } from "../../src/plugin/query.ts";
import type { ControlPlan } from "../../src/supervisor/configuration.ts";
import { Controls } from "../../src/supervisor/controls.ts";
import { ADDRESS_SIZE, writeAddress } from "../../src/transport/packets.ts";
import { Engine, Served, type Target, UNCOUNTED } from "../../src/worker/engine.ts";
import { ZoneRouter } from "../../src/worker/zone-router.ts";
import { type DecodedReply, decodeReply, encodeQuestion, type Question } from "./wire.ts";

export interface ChainOptions {
  readonly plugins: readonly Plugin[];
  /** One server block. Its plugins stand in the chain in the order of `plugins`. */
  readonly corefile: string;
  /** Stands behind the plugins; without it the chain ends after the last of them. */
  readonly last?: Handler;
  /** What control halves see of the server; the rest is a server with nothing in it. */
  readonly instance?: Partial<Instance>;
}

export interface Client {
  /** `10.240.0.1` when absent. */
  readonly address?: string;
  readonly port?: number;
  readonly transport?: Transport;
  /** The listener's address; empty, the wildcard, when absent. */
  readonly listener?: string;
  /** When the query comes, as `performance.now()` says; now when absent. */
  readonly at?: number;
}

export interface Asked {
  /** Undefined when nothing is sent. */
  readonly reply: DecodedReply | undefined;
  readonly outcome: Outcome;
  readonly error: string;
  /** What was logged meanwhile. */
  readonly lines: readonly LogRecord[];
}

export interface LogRecord {
  readonly level: LogLevel;
  readonly text: string;
  /** What a JSON line has beside the text. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What a directive's text means to a plugin: the settings of its block, its config, warnings, or its mistakes. */
export interface ParsedBlock {
  readonly block: ServerBlock;
  readonly settings: BlockSettings;
  readonly elements: readonly ElementPlan[];
  readonly controls: readonly ControlPlan[];
  readonly warnings: readonly string[];
  readonly mistakes: readonly string[];
}

export function parseBlock(plugins: readonly Plugin[], corefile: string): ParsedBlock {
  const names = plugins.map(({ name }) => name);
  const parsed = parseCorefile(corefile, { file: "Corefile", directives: names });
  const mistakes: Mistake[] = [...parsed.mistakes];
  const block = parsed.blocks[0];
  const settings = new BlockSettings();
  const elements: ElementPlan[] = [];
  const controls: ControlPlan[] = [];
  if (!block) throw new Error(`no server block: ${mistakes.map(placedText).join()}`);
  for (const plugin of plugins) {
    const directive = block.directives.find(({ name }) => name === plugin.name);
    if (!directive) continue;
    for (const part of plugin.repeatable ? directive.perStanza() : [directive]) {
      try {
        const config = structuredClone(plugin.parse(part, settings));
        const element = { id: `${elements.length}/${plugin.name}`, plugin: plugin.name, config };
        if (plugin.serve) elements.push(element);
        const place = { keys: block.keys, servers: [SERVER], plugins: names, blockHash: "" };
        if (plugin.control) controls.push({ element, plugin, ...place });
      } catch (error) {
        if (!(error instanceof ConfigMistake)) throw error;
        mistakes.push(error.mistake, ...error.others);
      }
    }
  }
  const warnings = block.directives.flatMap((directive) => directive.warnings);
  return {
    block,
    settings,
    elements,
    controls,
    warnings: warnings.map(placedText),
    mistakes: mistakes.map(placedText),
  };
}

const SERVER = "dns://:53";

export async function linkChain({ plugins, corefile, last, instance }: ChainOptions): Promise<TestChain> {
  const { block, settings, elements, controls, mistakes } = parseBlock(plugins, corefile);
  if (mistakes.length > 0) throw new Error(mistakes.join("\n"));
  const ending = definePlugin({ name: "test", parse: () => undefined, serve: () => last! });
  const all = last ? [...plugins, ending] : plugins;
  const plan = last ? [...elements, { id: "test", plugin: "test", config: undefined }] : elements;
  const zones = block.keys.flatMap((key) => key.zones);
  const zonesInWire = zones.map((zone) => nameToWire(zone) as Uint8Array);

  const row = new CounterRow();
  const gauges = new Map<string, number>();
  const receivers = new Map<string, ((value: never) => void)[]>();
  const running: Controls = await Controls.start(controls, {
    jobs: { run: async (module: string, input: unknown) => (await import(module)).run(input) } as never,
    publish: (id, value) => {
      for (const receive of receivers.get(id) ?? []) receive(value as never);
    },
    counter: (name, help, labels) => row.counter(name, help, labels),
    histogram: (name, help, labels, bounds) => row.histogram(name, help, labels, bounds),
    gauge: (name, _help, labels) => {
      const key = [name, ...Object.values(labels)].join(" ");
      return { set: (value) => void (value === undefined ? gauges.delete(key) : gauges.set(key, value)) };
    },
    instance: {
      unready: (continuously) => running.unready(continuously),
      readyDetails: () => running.readyDetails(),
      metrics: async () => ({ contentType: "text/plain", body: Buffer.alloc(0) }),
      configurationHash: "",
      readConfigurationHash: async () => "",
      reload: async () => undefined,
      workers: () => [],
      isAnswering: () => true,
      ...instance,
    },
  });
  await running.catchUp();
  const published = running.give();
  const chain = await link(
    { zones, elements: plan, debug: settings.debug, stacktrace: settings.stacktrace },
    new Map(all.map((plugin) => [plugin.name, plugin])),
    zonesInWire,
    {
      server: SERVER,
      worker: 0,
      workerCount: 1,
      counter: (name, help, labels) => row.counter(name, help, labels),
      counters: (name, help, labels, dimensions) => row.table(name, help, labels, dimensions),
      histogram: (name, help, labels, bounds) => row.histogram(name, help, labels, bounds),
      subscribe: (id, receive) => {
        receivers.set(id, [...(receivers.get(id) ?? []), receive]);
        if (published.has(id)) receive(published.get(id) as never);
      },
      tell: (id, value) => running.tell(id, value, 0),
    },
  );
  return new TestChain(chain, running, zonesInWire, settings, row, gauges);
}

export class TestChain {
  /** The counters of this chain, as a worker would have them. */
  readonly row: CounterRow;
  /** By name and values of labels. */
  readonly gauges: ReadonlyMap<string, number>;
  readonly lines: LogRecord[] = [];
  readonly #chain: Chain;
  readonly #controls: Controls;
  readonly #router: ZoneRouter<Target>;
  readonly #engine = new Engine(UNCOUNTED);
  readonly #logging: { readonly mock: { restore(): void } };

  constructor(
    chain: Chain,
    controls: Controls,
    zones: readonly Uint8Array[],
    settings: BlockSettings,
    row: CounterRow,
    gauges: ReadonlyMap<string, number>,
  ) {
    this.#chain = chain;
    this.#controls = controls;
    this.row = row;
    this.gauges = gauges;
    const block = { server: "dns://:53", debug: settings.debug, stacktrace: settings.stacktrace };
    const { handler, ahead } = chain;
    this.#router = new ZoneRouter(zones.map((zone) => ({ zone, target: { ...block, zone, handler, ahead } })));
    const lines = this.lines;
    this.#logging = mock.method(
      Logger.prototype,
      "write",
      (level: LogLevel, text: string, fields?: Readonly<Record<string, unknown>>) => {
        if (level !== "DEBUG" || settings.debug) lines.push({ level, text, fields: { ...fields } });
      },
    );
  }

  /** What is counted under this name, without its prefix `coredns_`; of a table all cells. */
  counts(name: string): number[] {
    return [...this.row.read(this.row.descriptions.find((one) => one.name === name)!)];
  }

  /** The plugins that say that they are not ready. */
  unready(): string[] {
    return this.#controls.unready(true);
  }

  /** What they say about it. */
  readyDetails(): string[] {
    return this.#controls.readyDetails();
  }

  async ask(question: Question, client: Client = {}): Promise<Asked> {
    const listener = listenerPlan(client.listener ?? "");
    const query = readQuery(question, client);
    const firstLine = this.lines.length;
    let outcome: Outcome;
    for (const look of this.#chain.ahead) look([query], 0, 1);
    try {
      const running = this.#engine.serve(new Served(listener, this.#router), query);
      if (typeof running !== "number") query.own();
      outcome = await running;
    } catch (error) {
      outcome = this.#engine.panic(query, error);
    }
    if (outcome === ANSWERED) checkDescription(query.reply);
    const length = this.#engine.finish(query, outcome);
    const { bytes, start } = query.reply;
    return {
      reply: length > 0 ? decodeReply(Buffer.from(bytes.slice(start, start + length))) : undefined,
      outcome,
      error: query.error,
      lines: this.lines.slice(firstLine),
    };
  }

  /** What control halves do before the end of the server. */
  drain(): Promise<void> {
    return this.#controls.drain();
  }

  async stop(): Promise<void> {
    this.#chain.stop();
    await this.#controls.stop();
    this.#logging.mock.restore();
  }
}

/** What a reply says about its records must be so (`Reply.isDescribed`). */
function checkDescription(reply: Reply): void {
  if (!reply.isDescribed) return;
  const { commonTtl, addressRun, bytes, start, end, questionEnd, counts } = reply;
  const records = reply.records();
  const plain = uncompressedLength(bytes, start, end, questionEnd, counts[0]! + counts[1]! + counts[2]!);
  assert.equal(reply.plainLength, plain, "plainLength");
  for (const { ttl } of records) assert.equal(ttl, commonTtl, "commonTtl");
  if (addressRun === 0) return;
  assert.equal(addressRun, records.length, "addressRun");
  assert.equal(new Set(records.map(({ name, type, data }) => `${name} ${type} ${data.length}`)).size, 1, "addressRun");
}

function readQuery(question: Question, client: Client): Query {
  const query = new Query();
  const message = encodeQuestion(question);
  if (query.read(message, 0, message.length) !== Reading.FINE) throw new Error(`not a query: ${question.ask}`);
  query.reply.place(new Uint8Array(MAX_REPLY_SIZE), 0, MAX_REPLY_SIZE);
  query.peers = new Uint8Array(ADDRESS_SIZE);
  writeAddress(query.peers, 0, addressBytes(client.address ?? "10.240.0.1"), client.port ?? 40_212);
  query.transport = client.transport ?? (question.over === "tcp" ? Transport.TCP : Transport.UDP);
  query.localAddress = client.listener ?? "";
  query.socketAddress = query.localAddress;
  query.localPort = 53;
  query.receivedAt = client.at ?? performance.now();
  return query;
}

function listenerPlan(address: string): ListenerPlan {
  return {
    id: "test",
    transport: Transport.UDP,
    address,
    ownAddresses: [],
    port: 53,
    server: "dns://:53",
    routes: [],
    anyClass: false,
    readTimeoutMs: 3_000,
    writeTimeoutMs: 5_000,
    idleTimeoutMs: 10_000,
    maxTcpQueries: -1,
  };
}

function addressBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  if (parseIpv4(text, bytes, 0)) return bytes.subarray(0, 4);
  if (!parseIpv6(text, bytes, 0)) throw new Error(`not an address: ${text}`);
  return bytes;
}
