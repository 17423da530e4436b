/** What `-version` and `-plugins` print, and the banner of a start. */
import { readFileSync } from "node:fs";
import { arch, platform } from "node:os";
import { pluginOrder, plugins } from "../plugins/index.ts";

/** The release of CoreDNS whose behaviour this is: scripts wait for the line that begins with its name. */
const COREDNS_VERSION = "1.15.0";

/** Two lines as CoreDNS prints them (behaviour 2.11), ours in the second. */
export function versionText(): string {
  return `CoreDNS-${COREDNS_VERSION}\n${platformName()}, WeftDNS-${ownVersion()}, node ${process.version}\n`;
}

/** The directives by name, as CoreDNS lists them. */
export function pluginsText(): string {
  const names = pluginOrder.filter((name) => plugins.has(name)).sort();
  return `Server types:\n  dns\n\nOther plugins:\n${names.map((name) => `  dns.${name}\n`).join("")}`;
}

function ownVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** In Go's words: `linux/amd64`. */
function platformName(): string {
  return `${platform()}/${arch() === "x64" ? "amd64" : arch()}`;
}
