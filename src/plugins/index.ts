/**
 * The plugins of this server. A new one is a file or folder beside this one, and a line in the list. Where a plugin
 * stands in a chain is decided by its place in CoreDNS's order, neither by this list nor by the Corefile.
 */
import { pathToFileURL } from "node:url";
import { isPluginPath } from "../corefile/parser.ts";
import { PLUGIN_ORDER } from "../corefile/plugin-order.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { acl } from "./acl.ts";
import { any } from "./any.ts";
import { bind } from "./bind.ts";
import { bufsize } from "./bufsize.ts";
import { cache } from "./cache/index.ts";
import { chaos } from "./chaos.ts";
import { debug } from "./debug.ts";
import { erratic } from "./erratic.ts";
import { errors } from "./errors.ts";
import { file } from "./file/index.ts";
import { forward } from "./forward/index.ts";
import { header } from "./header.ts";
import { health } from "./health.ts";
import { hosts } from "./hosts/index.ts";
import { loadbalance } from "./loadbalance/index.ts";
import { log } from "./log/index.ts";
import { loop } from "./loop/index.ts";
import { minimal } from "./minimal.ts";
import { multisocket } from "./multisocket.ts";
import { nsid } from "./nsid.ts";
import { pprof } from "./pprof/index.ts";
import { prometheus } from "./prometheus/index.ts";
import { proxy } from "./proxy.ts";
import { ready } from "./ready.ts";
import { reload } from "./reload.ts";
import { rewrite } from "./rewrite/index.ts";
import { root } from "./root.ts";
import { template } from "./template/index.ts";
import { timeouts } from "./timeouts.ts";
import { whoami } from "./whoami.ts";

const list: readonly Plugin[] = [
  root,
  timeouts,
  multisocket,
  reload,
  nsid,
  bufsize,
  bind,
  debug,
  ready,
  health,
  prometheus,
  pprof,
  errors,
  log,
  any,
  chaos,
  loadbalance,
  rewrite,
  template,
  acl,
  cache,
  header,
  minimal,
  hosts,
  file,
  loop,
  forward,
  proxy,
  erratic,
  whoami,
];

export const plugins: ReadonlyMap<string, Plugin> = new Map(list.map((plugin) => [plugin.name, plugin]));

/** All words that may stand in a Corefile, the first outermost; those that are no key of `plugins` are refused by name. */
export const pluginOrder: readonly string[] = PLUGIN_ORDER.flatMap((name) =>
  name === "forward" ? [name, "proxy"] : [name],
);

/** Where users' own plugins stand when they do not say: behind the cache, before everything that has data. */
const DEFAULT_PLACE = "hosts";

/** Our plugins and, under their paths, those that `names` adds. Relative paths start from the working directory. */
export async function withUserPlugins(names: Iterable<string>): Promise<ReadonlyMap<string, Plugin>> {
  const all = new Map(plugins);
  for (const name of names) {
    if (!isPluginPath(name) || all.has(name)) continue;
    const module = (await import(pathToFileURL(name).href)) as { default?: Plugin };
    if (typeof module.default?.parse !== "function") throw new Error(`${name} has no plugin as its default export`);
    all.set(name, module.default);
  }
  return all;
}

/** The order of `all` in a chain. A user's plugin stands before the one that it names in `before`. */
export function orderOf(all: ReadonlyMap<string, Plugin>): readonly string[] {
  const order = [...pluginOrder];
  for (const [name, plugin] of all) {
    if (!isPluginPath(name)) continue;
    const place = order.indexOf(plugin.before ?? DEFAULT_PLACE);
    if (place < 0) throw new Error(`${name} wants to stand before ${plugin.before}, which is no plugin`);
    order.splice(place, 0, name);
  }
  return order;
}
