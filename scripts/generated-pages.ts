/** All that `npm run docs` writes: path to text. A house test compares it with what stands there. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { plugins } from "../src/plugins/index.ts";
import { cell, type MetricRow, type PluginPage, pageAsMarkdown, readPage, table } from "./plugin-page.ts";

export function generatedPages(root: string): Map<string, string> {
  const sources = readSources(root);
  const helps = helpTexts(sources);
  const meaningOf = (metric: string): string => helps.get(withoutPrefix(metric)) ?? "";
  const pages = readPages(root, sources);
  const files = new Map(pages.map((page) => [`docs/plugins/${page.name}.md`, pageAsMarkdown(page, meaningOf)]));
  files.set("docs/plugins/README.md", index(pages));
  files.set("docs/metrics.md", metricsPage(pages, meaningOf));
  return files;
}

/** The pages of all plugins, by their names. */
export function pluginPages(root: string): ReadonlyMap<string, PluginPage> {
  return new Map(readPages(root, readSources(root)).map((page) => [page.name, page]));
}

function firstSentence(text: string): string {
  return text.replace(/\s+/g, " ").replace(/\. (?=[A-Z]).*$/, ".");
}

/** Every metric once, with the plugin whose page names it. */
export function documentedMetrics(root: string): (MetricRow & { readonly plugin: string })[] {
  return metricsOf([...pluginPages(root).values()]);
}

function readPages(root: string, sources: readonly string[]): PluginPage[] {
  const words = new Set(
    sources.flatMap((text) => [...text.matchAll(/"([a-z]+(?:_[a-z]+)+)"/g)].map((match) => match[1]!)),
  );
  const isKnown = (metric: string) => words.has(metric) || words.has(withoutPrefix(metric));
  return [...plugins.keys()].sort().map((name) => readPage(root, name, isKnown));
}

function readSources(root: string): string[] {
  const paths = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  return paths.filter((path) => path.endsWith(".ts")).map((path) => readFileSync(join(root, "src", path), "utf8"));
}

/** As plugins say it. */
function withoutPrefix(metric: string): string {
  return metric.replace(/^coredns_/, "");
}

const MADE = "<!-- Made by `npm run docs` from the heads of src/plugins. Edit there. -->";

function index(pages: readonly PluginPage[]): string {
  const rows = pages.map(({ name, summary }) => [`[${name}](${name}.md)`, cell(firstSentence(summary))]);
  return `${MADE}

# Plugins

A directive of a Corefile is a plugin. Where it stands in a chain is decided by CoreDNS's order, not by the Corefile. How to
write one of your own: [README](../../README.md#a-plugin-of-your-own).

${table(["Plugin", "What it does"], rows)}
`;
}

function metricsOf(pages: readonly PluginPage[]): (MetricRow & { readonly plugin: string })[] {
  return pages.flatMap(({ name, metrics }) => metrics.map((metric) => ({ ...metric, plugin: name })));
}

function metricsPage(pages: readonly PluginPage[], meaningOf: (metric: string) => string): string {
  const rows = metricsOf(pages)
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

Not CoreDNS's own are \`coredns_proxy_ignored_responses_total\`, which only this server has, and \`coredns_rrl_*\`, from the plugin rrl
that CoreDNS's users build in. \`coredns_local_localhost_requests_total\` is there for CoreDNS's dashboards and always 0, as its plugin
\`local\` is not part of this server.

${table(["Metric", "Labels", "Plugin", "Meaning"], rows)}
`;
}

/** What the sources give as HELP of a metric: `"name", "text"`, or a constant in the text's place, the nearest above. */
function helpTexts(sources: readonly string[]): ReadonlyMap<string, string> {
  const helps = new Map<string, string>();
  for (const text of sources) {
    const uses = text.matchAll(/"([a-z][a-z_]+_[a-z]+)",\s*(?:help:\s*)?(?:"((?:[^"\\]|\\.)*)"|([A-Za-z_]+)\b)/g);
    for (const { 1: name = "", 2: literal, 3: constant, index } of uses) {
      const value = literal ?? constantAbove(text.slice(0, index), constant!) ?? constantAbove(text, constant!);
      if (value !== undefined && /^[A-Z0-9]/.test(value) && !helps.has(name)) helps.set(name, value);
    }
  }
  return helps;
}

function constantAbove(text: string, name: string): string | undefined {
  return [...text.matchAll(new RegExp(`const ${name} =\\s*"((?:[^"\\\\]|\\\\.)*)"`, "g"))].at(-1)?.[1];
}
