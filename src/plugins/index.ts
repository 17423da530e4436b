/**
 * The plugins of this server. A new one is a file or folder beside this one, and a line in the list. Where a plugin
 * stands in a chain is decided by its place in CoreDNS's order, neither by this list nor by the Corefile.
 *
 * A thread loads the plugins that its Corefile names, and no others: each would cost memory in every worker.
 */
import { isPluginPath } from "../corefile/parser.ts";
import { PLUGIN_ORDER } from "../corefile/plugin-order.ts";
import { importOwnPlugin, isOwnPluginUrl, loadOwnPlugin } from "../plugin/own-plugin.ts";
import type { Plugin } from "../plugin/plugin.ts";

const list: Readonly<Record<string, () => Promise<Plugin>>> = {
  acl: async () => (await import("./acl.ts")).acl,
  any: async () => (await import("./any.ts")).any,
  autopath: async () => (await import("./autopath.ts")).autopath,
  bind: async () => (await import("./bind.ts")).bind,
  bufsize: async () => (await import("./bufsize.ts")).bufsize,
  cache: async () => (await import("./cache/index.ts")).cache,
  chaos: async () => (await import("./chaos.ts")).chaos,
  cookie: async () => (await import("./cookie/index.ts")).cookie,
  debug: async () => (await import("./debug.ts")).debug,
  erratic: async () => (await import("./erratic.ts")).erratic,
  errors: async () => (await import("./errors.ts")).errors,
  file: async () => (await import("./file/index.ts")).file,
  forward: async () => (await import("./forward/index.ts")).forward,
  header: async () => (await import("./header.ts")).header,
  health: async () => (await import("./health.ts")).health,
  hosts: async () => (await import("./hosts/index.ts")).hosts,
  istio: async () => (await import("./istio/index.ts")).istio,
  k8s_external: async () => (await import("./k8s_external/index.ts")).k8sExternal,
  kubernetes: async () => (await import("./kubernetes/index.ts")).kubernetes,
  loadbalance: async () => (await import("./loadbalance/index.ts")).loadbalance,
  log: async () => (await import("./log/index.ts")).log,
  loop: async () => (await import("./loop/index.ts")).loop,
  metadata: async () => (await import("./metadata.ts")).metadata,
  minimal: async () => (await import("./minimal.ts")).minimal,
  multisocket: async () => (await import("./multisocket.ts")).multisocket,
  nsid: async () => (await import("./nsid.ts")).nsid,
  pprof: async () => (await import("./pprof/index.ts")).pprof,
  prometheus: async () => (await import("./prometheus/index.ts")).prometheus,
  proxy: async () => (await import("./proxy.ts")).proxy,
  proxyproto: async () => (await import("./proxyproto/index.ts")).proxyproto,
  ready: async () => (await import("./ready.ts")).ready,
  reload: async () => (await import("./reload.ts")).reload,
  rewrite: async () => (await import("./rewrite/index.ts")).rewrite,
  root: async () => (await import("./root.ts")).root,
  rrl: async () => (await import("./rrl/index.ts")).rrl,
  template: async () => (await import("./template/index.ts")).template,
  timeouts: async () => (await import("./timeouts.ts")).timeouts,
  whoami: async () => (await import("./whoami.ts")).whoami,
};

export const plugins: ReadonlyMap<string, () => Promise<Plugin>> = new Map(Object.entries(list));

/** Our own ones, and those that CoreDNS can only be built with, by the one that they stand before. */
const OTHERS: Readonly<Record<string, string>> = {
  bufsize: "cookie",
  local: "rrl",
  kubernetes: "istio",
  grpc: "proxy",
};

/** All words that may stand in a Corefile, the first outermost; those that are no key of `plugins` are refused by name. */
export const pluginOrder: readonly string[] = PLUGIN_ORDER.flatMap((name) => {
  const other = OTHERS[name];
  return other === undefined ? [name] : [other, name];
});

/** Where users' own plugins stand when they do not say: behind the cache, before everything that has data. */
const DEFAULT_PLACE = "hosts";

/** Loads the plugins of these names, users' own from their URLs. Names of no plugin are left out. */
export async function loadPlugins(names: Iterable<string>): Promise<Map<string, Plugin>> {
  const all = new Map<string, Plugin>();
  for (const name of new Set(names)) {
    const plugin = await (isOwnPluginUrl(name) ? importOwnPlugin(name) : plugins.get(name)?.());
    if (plugin) all.set(name, plugin);
  }
  return all;
}

/** The same by the names in a Corefile, users' own by their paths. */
export async function loadDirectives(names: readonly string[]): Promise<Map<string, Plugin>> {
  const all = await loadPlugins(names);
  for (const name of names) if (isPluginPath(name)) all.set(name, await loadOwnPlugin(name, pluginOrder));
  return all;
}

/** The order of `all` in a chain. A user's plugin stands before the one that it names in `before`. */
export function orderOf(all: ReadonlyMap<string, Plugin>): readonly string[] {
  const order = [...pluginOrder];
  for (const [name, plugin] of all) {
    if (!isPluginPath(name)) continue;
    order.splice(order.indexOf(plugin.before ?? DEFAULT_PLACE), 0, name);
  }
  return order;
}
