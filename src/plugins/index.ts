/**
 * The plugins of this server. A new one is a file or folder beside this one, and a line in the list. Where a plugin
 * stands in a chain is decided by its place in CoreDNS's order, neither by this list nor by the Corefile.
 */
import { PLUGIN_ORDER } from "../corefile/plugin-order.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { multisocket } from "./multisocket.ts";

const list: readonly Plugin[] = [multisocket];

export const plugins: ReadonlyMap<string, Plugin> = new Map(list.map((plugin) => [plugin.name, plugin]));

/** All words that may stand in a Corefile, the first outermost; those that are no key of `plugins` are refused by name. */
export const pluginOrder: readonly string[] = PLUGIN_ORDER;
