/** What `-version` and `-plugins` print, and the banner of a start. */
import { arch, platform } from "node:os";
import { COREDNS_VERSION, ownVersion } from "../plugin/version.ts";
import { pluginOrder, plugins } from "../plugins/index.ts";

/** Two lines as CoreDNS prints them (behaviour 2.11), ours in the second. Scripts wait for the one that begins with its name. */
export function versionText(): string {
  return `CoreDNS-${COREDNS_VERSION}\n${platformName()}, WeftDNS-${ownVersion()}, node ${process.version}\n`;
}

/** The directives by name, one a line and an empty line behind them, as CoreDNS lists them. */
export function pluginsText(): string {
  const names = pluginOrder.filter((name) => plugins.has(name)).sort();
  return `${names.join("\n")}\n\n`;
}

/** In Go's words: `linux/amd64`. */
function platformName(): string {
  return `${platform()}/${arch() === "x64" ? "amd64" : arch()}`;
}
