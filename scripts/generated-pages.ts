/** All that `npm run docs` writes: path to text. A house test compares it with what stands there. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { plugins } from "../src/plugins/index.ts";
import { cell, type MetricRow, type PluginPage, pageAsMarkdown, readPage, table } from "./plugin-page.ts";

export function generatedPages(root: string): Map<string, string> {
  const helps = helpTexts(root);
  const meaningOf = (metric: string): string => helps.get(metric.replace(/^coredns_/, "")) ?? "";
  const pages = [...plugins.keys()].sort().map((name) => readPage(root, name));
  const files = new Map(pages.map((page) => [`docs/plugins/${page.name}.md`, pageAsMarkdown(page, meaningOf)]));
  files.set("docs/plugins/README.md", index(pages));
  files.set("docs/metrics.md", metricsPage(pages, meaningOf));
  return files;
}

const MADE = "<!-- Made by `npm run docs` from the heads of src/plugins. Edit there. -->";

function index(pages: readonly PluginPage[]): string {
  const rows = pages.map(({ name, summary }) => [`[${name}](${name}.md)`, cell(summary)]);
  return `${MADE}

# Plugins

A directive of a Corefile is a plugin. Where it stands in a chain is decided by CoreDNS's order, not by the Corefile. How to
write one of your own: [README](../../README.md#a-plugin-of-your-own).

${table(["Plugin", "What it does"], rows)}
`;
}

/** Every metric once, with the plugin whose page names it. */
export function documentedMetrics(root: string): (MetricRow & { readonly plugin: string })[] {
  return [...plugins.keys()]
    .sort()
    .map((name) => readPage(root, name))
    .flatMap(({ name, metrics }) => metrics.map((metric) => ({ ...metric, plugin: name })));
}

function metricsPage(pages: readonly PluginPage[], meaningOf: (metric: string) => string): string {
  const rows = pages
    .flatMap(({ name: plugin, metrics }) => metrics.map((metric) => ({ ...metric, plugin })))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ name, labels, meaning, plugin }) => [
      `\`${name}\``,
      labels.map((label) => `\`${label}\``).join(" "),
      `[${plugin}](plugins/${plugin}.md)`,
      cell(meaning === "" ? meaningOf(name) : meaning),
    ]);
  return `${MADE}

# Metrics

All that \`prometheus\` exports. \`coredns_*\` are CoreDNS's, with its names, labels and buckets, so its dashboards and alerts go on;
\`weftdns_*\` is what only this server knows. A value with labels is there from its first event on.

${table(["Metric", "Labels", "Plugin", "Meaning"], rows)}
`;
}

/** What the sources give as HELP of a metric: \`"name", "text"\`, or a constant of the same file in the text's place. */
function helpTexts(root: string): ReadonlyMap<string, string> {
  const helps = new Map<string, string>();
  for (const path of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".ts")) continue;
    const text = readFileSync(join(root, "src", path), "utf8");
    const uses = text.matchAll(/"([a-z][a-z_]+_[a-z]+)",\s*(?:help:\s*)?(?:"((?:[^"\\]|\\.)*)"|([A-Z][A-Z_]+)\b)/g);
    for (const [, name = "", literal, constant] of uses) {
      const value = literal ?? new RegExp(`const ${constant} =\\s*"((?:[^"\\\\]|\\\\.)*)"`).exec(text)?.[1];
      if (value !== undefined && /^[A-Z0-9]/.test(value) && !helps.has(name)) helps.set(name, value);
    }
  }
  return helps;
}
