/**
 * What the supervisor makes of a Corefile and sends to every worker: plain data that survives structured cloning.
 * A worker links its chains from it; nothing in it is changed afterwards.
 */
import type { LogFormat } from "./logger.ts";
import type { Transport } from "./query.ts";

export interface Plan {
  /** Counts up with every reload. */
  readonly generation: number;
  readonly logFormat: LogFormat;
  /** Some block has `debug`. */
  readonly debug: boolean;
  readonly listeners: readonly ListenerPlan[];
  readonly blocks: readonly BlockPlan[];
}

export interface ListenerPlan {
  /** Stays the same over reloads while transport, address and port do. */
  readonly id: string;
  readonly transport: Transport;
  /** An IP address, or empty for all of the machine's. */
  readonly address: string;
  /** Of a listener on all addresses: those that have a UDP socket of their own, which none of the other listeners has. */
  readonly ownAddresses: readonly string[];
  readonly port: number;
  /** The `server` label of metrics: `dns://:53`. */
  readonly server: string;
  /** In the order of the Corefile. */
  readonly routes: readonly RoutePlan[];
  /** Queries of classes other than IN may enter (behaviour 2.8, step 4). */
  readonly anyClass: boolean;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** -1: no limit. */
  readonly maxTcpQueries: number;
}

/** The id of a listener, and of a UDP socket: whoever it belongs to, it stays over reloads while address and port do. */
export function socketId(address: string, port: number): string {
  return `udp ${address} ${port}`;
}

/** The addresses that a listener has UDP sockets on, its own first. */
export function socketAddresses({ address, ownAddresses }: ListenerPlan): string[] {
  return [address, ...ownAddresses];
}

export function socketIds(listener: ListenerPlan): string[] {
  return socketAddresses(listener).map((address) => socketId(address, listener.port));
}

export interface RoutePlan {
  /** Lower case, with the final dot. */
  readonly zone: string;
  /** Index into `Plan.blocks`. */
  readonly block: number;
}

export interface BlockPlan {
  readonly zones: readonly string[];
  /** From the outermost to the innermost. */
  readonly elements: readonly ElementPlan[];
  readonly debug: boolean;
  readonly stacktrace: boolean;
}

/** What a control half publishes as one of many parts has a name of its own. */
export function publishedId({ id }: ElementPlan, part: number | undefined): string {
  return part === undefined ? id : `${id}/${part}`;
}

export interface ElementPlan {
  /** Names the element within this plan: its control half publishes under it. */
  readonly id: string;
  /** Its name, in log lines and metrics. */
  readonly plugin: string;
  /** Where a user's own plugin is loaded from: see `own-plugin.ts`. */
  readonly url?: string;
  readonly config: unknown;
}

/** What the plugin is loaded by. */
export function moduleOf({ plugin, url }: ElementPlan): string {
  return url ?? plugin;
}
