/**
 * From a Corefile's text to a plan: parse it, let every plugin read its directives, work out who listens where. Plugins
 * read in their order, each in all blocks, as CoreDNS does it, so the first mistake is the one that CoreDNS would name.
 */

import { createHash } from "node:crypto";
import { serialize } from "node:v8";
import type { Directive } from "../corefile/directive.ts";
import { endpointText } from "../corefile/host-port.ts";
import { findClashes, zoneLine } from "../corefile/keys.ts";
import { ConfigMistake, type Mistake, startText, tokenMistake } from "../corefile/mistake.ts";
import { DEFAULT_COREFILE, isPluginPath, type Parsed, parseCorefile } from "../corefile/parser.ts";
import type { ServerBlock, ServerKey, Token } from "../corefile/server-block.ts";
import { followsPreferredSyntax } from "../corefile/zones.ts";
import { BlockSettings } from "../plugin/block-settings.ts";
import type { LogFormat } from "../plugin/logger.ts";
import { ownPluginUrl } from "../plugin/own-plugin.ts";
import {
  type BlockPlan,
  type ElementPlan,
  type ListenerPlan,
  moduleOf,
  type Plan,
  type RoutePlan,
  socketId,
} from "../plugin/plan.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { Transport } from "../plugin/query.ts";
import { loadDirectives, orderOf, pluginOrder } from "../plugins/index.ts";
import { readGrant, workerCount } from "./granted-cpus.ts";
import { giveOwnAddresses } from "./own-addresses.ts";

export interface ConfigurationSource {
  /** The name that messages use. */
  readonly file: string;
  readonly text: string;
  readonly dnsPort: number;
  readonly logFormat: LogFormat;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** An element with a control half, and the block it stands in. */
export interface ControlPlan {
  readonly element: ElementPlan;
  readonly plugin: Plugin;
  readonly keys: readonly ServerKey[];
  /** The `server` labels of the block's listeners. */
  readonly servers: readonly string[];
  /** The elements of the block's chain. */
  readonly plugins: readonly string[];
  /**
   * Differs when anything does that the block's answers depend on: its words, and what they stand for (`resolv.conf`). Empty for
   * a plugin that holds no answers.
   */
  readonly blockHash: string;
}

type BlockControl = Omit<ControlPlan, "servers" | "plugins" | "blockHash"> & { readonly block: number };

export interface ZoneLine {
  readonly text: string;
  /** What stands on a line above it; undefined: nothing. */
  readonly warning: string | undefined;
}

export interface Configuration {
  readonly plan: Plan;
  readonly controls: readonly ControlPlan[];
  readonly warnings: readonly Mistake[];
  /** Keys of which a start only says `Warning: Domain ... does not follow RFC1035 preferred syntax`. */
  readonly unusualZones: readonly Mistake[];
  /** What the start prints: for each listener, a line for each of its zones. */
  readonly zoneLines: readonly (readonly ZoneLine[])[];
  /** `multisocket`: how many workers were asked for. */
  readonly workers: number | undefined;
  /** Differs when any word of the Corefile, or the line that it stands in, does. */
  readonly hash: string;
}

export async function loadConfiguration(
  source: ConfigurationSource,
  generation: number,
): Promise<Configuration | Mistake[]> {
  const parsed = parseSource(source, pluginOrder);
  const mistakes = [...parsed.mistakes];
  const { blocks } = parsed;
  const settings = blocks.map(() => new BlockSettings());
  const elements = blocks.map((): ElementPlan[] => []);
  const controls: BlockControl[] = [];
  const warnings = [...parsed.warnings];
  const names = new Set(blocks.flatMap((block) => block.directives.map((directive) => directive.name)));
  const plugins = await loadDirectives([...names]);
  for (const name of orderOf(plugins)) {
    for (const [index, block] of blocks.entries()) {
      const plugin = plugins.get(name);
      for (const part of partsOf(name, plugin, block)) {
        try {
          const id = `${generation}/${index}/${elements[index]!.length}/${name}`;
          const element = readDirective(part, plugin, settings[index]!, id);
          if (plugin?.serve) elements[index]!.push(element);
          if (plugin?.control) controls.push({ element, plugin, keys: block.keys, block: index });
        } catch (error) {
          if (!(error instanceof ConfigMistake)) throw error;
          mistakes.push(error.mistake, ...error.others);
        }
      }
    }
  }
  for (const block of blocks) for (const directive of block.directives) warnings.push(...directive.warnings);
  for (const block of blocks) mistakes.push(...unservedKeys(block));
  const bindings = blocks.map((block, index) => ({
    keys: block.keys,
    addresses: settings[index]!.addresses,
    hasView: block.directives.some((directive) => directive.name === "view"),
  }));
  if (mistakes.length === 0) mistakes.push(...findClashes(bindings));
  if (mistakes.length > 0) return mistakes;

  const wanted = settings.find((one) => one.workers !== undefined)?.workers;
  const workers = wanted === "cpus" ? readGrant().cpus : wanted;
  const modules = new Map([...plugins.values()].map((plugin) => [plugin.url ?? plugin.name, plugin]));
  const { listeners, zoneLines } = layOut(blocks, settings, elements, modules);
  const plan: Plan = {
    generation,
    logFormat: source.logFormat,
    debug: settings.some(({ debug }) => debug),
    listeners: giveOwnAddresses(listeners, workers ?? workerCount()),
    blocks: blocks.map((block, index) => planBlock(block, settings[index]!, elements[index]!)),
  };
  const servers = serversOf(blocks.length, listeners);
  return {
    plan,
    controls: controls.map(({ block, ...rest }) => ({
      ...rest,
      servers: servers[block]!,
      blockHash: rest.plugin.holdsAnswers ? blockHashOf(blocks[block]!, elements[block]!) : "",
      plugins: elements[block]!.filter((one) => !modules.get(moduleOf(one))?.isSetupOnly).map(({ plugin }) => plugin),
    })),
    warnings,
    unusualZones: blocks.flatMap(unusualZones),
    zoneLines,
    workers,
    hash: hashOf(blocks),
  };
}

/**
 * What `Configuration.hash` would be for the files as they are now. Only the grammar is read, so that it can be asked
 * often: whether the words mean anything shows when they are loaded. Throws the first mistake.
 */
export function hashOfSource(source: ConfigurationSource): string {
  const { blocks, mistakes } = parseSource(source);
  const mistake = mistakes.find(({ form }) => form !== "keys");
  if (mistake !== undefined) throw new Error(startText(mistake));
  return hashOf(blocks);
}

function parseSource({ text, file, environment, dnsPort }: ConfigurationSource, directives?: Iterable<string>): Parsed {
  const options = { file, environment, dnsPort, ...(directives && { directives }) };
  const parsed = parseCorefile(text, options);
  const isEmpty = parsed.mistakes.length === 0 && parsed.blocks.length === 0;
  return isEmpty ? parseCorefile(DEFAULT_COREFILE, options) : parsed;
}

/** By block. */
function serversOf(blocks: number, listeners: readonly ListenerPlan[]): string[][] {
  const found = Array.from({ length: blocks }, () => new Set<string>());
  for (const { server, routes } of listeners) for (const { block } of routes) found[block]!.add(server);
  return found.map((servers) => [...servers]);
}

/**
 * SHA-512 of all words with their lines, as CoreDNS's reload compares them, behind imports and variables; of own plugins the
 * code too.
 */
function hashOf(blocks: readonly ServerBlock[]): string {
  const seen = blocks.map((block) => [
    ...wordsOf(block, ({ text, file, line }) => [text, file, line]),
    block.directives
      .map(({ name }) => name)
      .filter(isPluginPath)
      .map(codeOf),
  ]);
  return createHash("sha512").update(JSON.stringify(seen)).digest("hex");
}

function blockHashOf(block: ServerBlock, elements: readonly ElementPlan[]): string {
  const words = wordsOf(block, ({ text }) => text);
  const configs = elements.map((element) => [moduleOf(element), element.config]);
  return createHash("sha256")
    .update(serialize([words, configs]))
    .digest("hex");
}

function wordsOf({ keys, directives }: ServerBlock, wordOf: (token: Token) => unknown): unknown[] {
  const lineOf = ({ head, args }: { head: Token; args: readonly Token[] }) => [head, ...args].map(wordOf);
  return [
    keys.map(({ token }) => wordOf(token)),
    directives.map(({ stanzas }) => stanzas.map((stanza) => [lineOf(stanza), stanza.options.map(lineOf)])),
  ];
}

function codeOf(path: string): string {
  try {
    return ownPluginUrl(path);
  } catch (error) {
    // Loading it says so, at its word.
    return (error as Error).message;
  }
}

/** What a block says to a plugin, at once or one by one. */
function partsOf(name: string, plugin: Plugin | undefined, block: ServerBlock): Directive[] {
  const directive = block.directives.find((candidate) => candidate.name === name);
  if (!directive) return [];
  return plugin?.repeatable ? directive.perStanza() : [directive];
}

function readDirective(
  directive: Directive,
  plugin: Plugin | undefined,
  settings: BlockSettings,
  id: string,
): ElementPlan {
  if (!plugin) return directive.fail("this plugin of CoreDNS is not part of WeftDNS yet");
  const config = plugin.parse(directive, settings);
  return { id, plugin: plugin.name, ...(plugin.url && { url: plugin.url }), config };
}

/** Keys whose transport we do not speak. */
function unservedKeys(block: ServerBlock): Mistake[] {
  return block.keys
    .filter(({ transport }) => transport !== "dns")
    .map(({ token, transport }) =>
      tokenMistake(token, "parsing", `${transport}:// is not served by WeftDNS yet, expected a key for plain DNS`),
    );
}

/** Of those with a brace the parser has warned. */
function unusualZones({ keys }: ServerBlock): Mistake[] {
  return keys.flatMap(({ token, zones }) =>
    zones
      .filter((zone) => !followsPreferredSyntax(zone) && !/[{}]/.test(zone))
      .map((zone) => tokenMistake(token, "parsing", unusual(zone))),
  );
}

function unusual(zone: string): string {
  // In quotes as Go writes them.
  return `Domain ${JSON.stringify(zone)} does not follow RFC1035 preferred syntax`;
}

function planBlock(block: ServerBlock, settings: BlockSettings, elements: readonly ElementPlan[]): BlockPlan {
  return {
    zones: block.keys.flatMap((key) => key.zones),
    elements,
    debug: settings.debug,
    stacktrace: settings.stacktrace,
  };
}

/** The listeners with their routes. Blocks that name the same address and port share one. */
function layOut(
  blocks: readonly ServerBlock[],
  settings: readonly BlockSettings[],
  elements: readonly (readonly ElementPlan[])[],
  modules: ReadonlyMap<string, Plugin>,
): { listeners: ListenerPlan[]; zoneLines: ZoneLine[][] } {
  const listeners = new Map<string, ListenerPlan & { routes: RoutePlan[]; anyClass: boolean }>();
  /** By listener: each line with its zone. */
  const lines = new Map<string, Map<string, string>>();
  for (const [index, block] of blocks.entries()) {
    const set = settings[index]!;
    for (const key of block.keys) {
      for (const address of set.addresses ?? [""]) {
        const id = socketId(address, key.port);
        const server = `dns://${endpointText(address, key.port)}`;
        const { readTimeoutMs, writeTimeoutMs, idleTimeoutMs, maxTcpQueries } = set;
        const times = { readTimeoutMs, writeTimeoutMs, idleTimeoutMs, maxTcpQueries };
        const place = { address, ownAddresses: [], port: key.port };
        const fresh = { id, transport: Transport.UDP, ...place, server, ...times };
        const listener = listeners.get(id) ?? { ...fresh, routes: [], anyClass: false };
        listeners.set(id, listener);
        listener.anyClass ||= elements[index]!.some((element) => modules.get(moduleOf(element))?.anyClass);
        for (const zone of key.zones) {
          listener.routes.push({ zone, block: index });
          const own = lines.get(id) ?? new Map<string, string>();
          lines.set(id, own.set(zoneLine(key.transport, zone, key.port, address), zone));
        }
      }
    }
  }
  const zoneLines = [...lines.values()].map((own) =>
    [...own.keys()].sort().map((text) => {
      const zone = own.get(text)!;
      return { text, warning: followsPreferredSyntax(zone) ? undefined : `Warning: ${unusual(zone)}` };
    }),
  );
  return { listeners: [...listeners.values()], zoneLines };
}
