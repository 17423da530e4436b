/**
 * A plugin's manual page, as it stands at the head of its source file, in its parts, and the same as Markdown.
 *
 * A page is text: the plugin's name and what it does, paragraphs, and sections that begin at the margin with one of the words
 * below. A section goes on in what is indented under it. Tables and examples stand as they are written.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const SECTIONS = ["Syntax", "Options", "Metrics", "Metadata", "Ready", "Examples", "Example"] as const;
type Section = (typeof SECTIONS)[number];

export interface PluginPage {
  readonly name: string;
  /** Where it stands, from the project's root. */
  readonly source: string;
  /** What stands at the margin and in no section: what the plugin is for, then the rest. */
  readonly summary: string;
  readonly description: readonly string[];
  /** The text of each section, without the word it begins with and without common indentation. */
  readonly sections: ReadonlyMap<Section, string>;
  readonly metrics: readonly MetricRow[];
  readonly examples: readonly Example[];
}

export interface MetricRow {
  readonly name: string;
  readonly labels: readonly string[];
  /** Empty where the page leaves it to the name. */
  readonly meaning: string;
}

interface Example {
  readonly kind: "corefile" | "sh";
  readonly text: string;
}

/** Reads the page of a plugin. Throws when it has none. `isKnown`: whether the sources have a metric of this name. */
export function readPage(root: string, name: string, isKnown: (metric: string) => boolean): PluginPage {
  const source = [`src/plugins/${name}.ts`, `src/plugins/${name}/index.ts`].find((path) =>
    existsSync(join(root, path)),
  );
  if (source === undefined) throw new Error(`src/plugins has neither a file nor a folder for ${name}`);
  const comment = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(readFileSync(join(root, source), "utf8"));
  if (!comment) throw new Error(`${source} does not begin with a comment`);
  const lines = comment[1]!.split("\n").map((line) => line.replace(/^ \* ?/, "").trimEnd());
  return parsePage(name, source, lines, isKnown);
}

function parsePage(
  name: string,
  source: string,
  lines: readonly string[],
  isKnown: (name: string) => boolean,
): PluginPage {
  const start = `${name}: `;
  if (!lines[0]?.startsWith(start)) throw new Error(`${source}: the page does not begin with "${start}"`);
  const prose: string[] = [lines[0].slice(start.length)];
  const sections = new Map<Section, string[]>();
  let section: string[] | undefined;
  for (const line of lines.slice(1)) {
    const [, word] = /^([A-Z][a-z]+)(?:\s|$)/.exec(line) ?? [];
    const begun = SECTIONS.find((known) => known === word);
    const previous = section?.at(-1);
    if (begun !== undefined && sections.has(begun)) throw new Error(`${source}: the page has ${begun} twice`);
    if (begun !== undefined) {
      // Blanks instead of the word: what stands below it in columns stays below.
      section = [" ".repeat(begun.length) + line.slice(begun.length)];
      sections.set(begun, section);
    } else if (section && (line === "" || line.startsWith(" "))) section.push(line);
    else if (section && previous !== undefined && previous !== "") {
      throw new Error(`${source}: a line at the margin within a section: ${line}`);
    } else {
      if (section) prose.push("");
      section = undefined;
      prose.push(line);
    }
  }
  const texts = new Map([...sections].map(([word, own]) => [word, dedent(own)] as const));
  const [summary = "", ...description] = paragraphs(prose);
  return {
    name,
    source,
    summary,
    description,
    sections: texts,
    metrics: parseMetrics(source, texts.get("Metrics") ?? "", isKnown),
    examples: parseExamples(texts.get("Example") ?? texts.get("Examples") ?? ""),
  };
}

/** What empty lines separate; those between two indented paragraphs belong to one text. */
function paragraphs(lines: readonly string[]): string[] {
  const found: string[] = [];
  for (const text of lines.join("\n").split(/\n{2,}/)) {
    if (text.trim() === "") continue;
    // A table may follow its sentence without an empty line between.
    for (const part of text.split(/\n(?=\S)(?<=^ .*\n)|\n(?= )(?<=^\S.*\n)/m)) found.push(part.replace(/^\n|\n$/g, ""));
  }
  return found;
}

/**
 * Without the indentation that all lines share. What stands beside the section's word may be indented more than the lines
 * below it: then those are of a second order.
 */
function dedent(lines: readonly string[]): string {
  const [first = "", ...rest] = lines;
  const depth = Math.min(...rest.filter((line) => line.trim() !== "").map(depthOf));
  if (first.trim() === "")
    return rest
      .map((line) => line.slice(depth))
      .join("\n")
      .trimEnd();
  const head = depthOf(first);
  if (depth >= head)
    return lines
      .map((line) => line.slice(head))
      .join("\n")
      .trimEnd();
  const end = rest.findIndex((line) => line.trim() !== "" && depthOf(line) < head);
  const below = rest.slice(end).map((line) => (line === "" ? "" : `  ${line.slice(depth)}`));
  return [first, ...rest.slice(0, end)]
    .map((line) => line.slice(head))
    .concat(below)
    .join("\n")
    .trimEnd();
}

function depthOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** A name, whole or without its beginning, with labels, and whether another one follows. */
const METRIC = /^((?:coredns|weftdns|process)?_[a-z_]*\*?)(?:\{([^}]*)\})?(,?)(?=\s|$)\s*/;

/**
 * A line of Metrics: names, labels in braces, then what they mean, which may go on in lines that are indented further.
 * Several names share a meaning, and the labels that stand behind the last of them. A name that begins with `_` goes on from the
 * beginning of the first one: from where, `isKnown` decides.
 */
function parseMetrics(source: string, text: string, isKnown: (name: string) => boolean): MetricRow[] {
  const rows: MetricRow[][] = [];
  let group: { name: string; labels: string[] | undefined }[] = [];
  for (const line of text.split("\n")) {
    let rest = line.trim();
    let goesOn = group.length > 0;
    for (let match = METRIC.exec(rest); match && (goesOn || !match[1]!.startsWith("_")); match = METRIC.exec(rest)) {
      const [whole, written = "", labels, comma] = match;
      const name = written.startsWith("_") ? wholeName(source, group[0]!.name, written, isKnown) : written;
      group.push({ name, labels: labels === undefined ? undefined : labelNames(labels) });
      rest = rest.slice(whole.length);
      goesOn = comma === ",";
      if (!goesOn) break;
    }
    if (goesOn) continue;
    if (group.length > 0) rows.push(sharingLabels(group).map((metric) => ({ ...metric, meaning: rest })));
    else rows.push((rows.pop() ?? []).map((row) => ({ ...row, meaning: `${row.meaning} ${rest}`.trim() })));
    group = [];
  }
  return rows.flat();
}

function wholeName(source: string, first: string, written: string, isKnown: (name: string) => boolean): string {
  const words = first.split("_");
  for (let count = words.length - 1; count > 0; count--) {
    const name = words.slice(0, count).join("_") + written;
    if (isKnown(name)) return name;
  }
  throw new Error(`${source}: no metric ends in ${written} and begins as ${first}`);
}

function sharingLabels(group: readonly { name: string; labels: string[] | undefined }[]): Omit<MetricRow, "meaning">[] {
  const last = group.at(-1)?.labels ?? [];
  return group.map(({ name, labels }) => ({ name, labels: labels ?? last }));
}

function labelNames(text: string): string[] {
  const names = text.split(",").map((label) => label.replace(/=.*/, "").trim());
  return names.filter((name) => name !== "");
}

/** Indented Corefiles, and commands that ask them. */
function parseExamples(text: string): Example[] {
  const found: Example[] = [];
  for (const part of text.split(/\n{2,}/)) {
    if (part.trim() === "") continue;
    const kind = /^(dig|curl|kdig|kubectl|weftdns|openssl)\b/.test(part) ? "sh" : "corefile";
    const previous = found.at(-1);
    if (kind === "corefile" && previous?.kind === kind)
      found.splice(-1, 1, { kind, text: `${previous.text}\n\n${part}` });
    else found.push({ kind, text: part });
  }
  return found;
}

/** The page as Markdown. `meaningOf` helps out where a page leaves a metric's meaning to its name. */
export function pageAsMarkdown(page: PluginPage, meaningOf: (metric: string) => string): string {
  const { name, source, summary, description, sections, metrics, examples } = page;
  const parts = [
    `<!-- Made by \`npm run docs\` from ${source}. Edit there. -->`,
    `# ${name}`,
    escapeMarkdown(sentence(summary)),
    ...description.map((text) =>
      /^ /.test(text) ? fence("text", dedent(["", ...text.split("\n")])) : escapeMarkdown(text),
    ),
    "## Syntax",
    fence("text", sections.get("Syntax") ?? name),
  ];
  const options = sections.get("Options");
  if (options !== undefined) parts.push("## Options", fence("text", options));
  parts.push(
    "## Metrics",
    metrics.length > 0 ? metricTable(metrics, meaningOf) : escapeMarkdown(plain(sections.get("Metrics"))),
  );
  const metadata = sections.get("Metadata");
  if (metadata !== undefined) parts.push("## Metadata", fence("text", metadata));
  parts.push("## Ready", escapeMarkdown(plain(sections.get("Ready"))));
  parts.push(
    examples.length > 1 ? "## Examples" : "## Example",
    ...examples.map(({ kind, text }) => fence(kind, text)),
  );
  return `${parts.join("\n\n")}\n`;
}

function metricTable(metrics: readonly MetricRow[], meaningOf: (metric: string) => string): string {
  const rows = metrics.map(({ name, labels, meaning }) => [
    `\`${name}\``,
    labels.map((label) => `\`${label}\``).join(" "),
    cell(meaning === "" ? meaningOf(name) : meaning),
  ]);
  return table(["Metric", "Labels", "Meaning"], rows);
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** Text in a cell of a table. */
export function cell(text: string): string {
  return escapeMarkdown(sentence(text).replace(/\.$/, "")).replaceAll("|", "\\|");
}

/** Begins with a capital letter, unless its first word is one that is written so. */
function sentence(text: string): string {
  return /^[a-z]+\b(?![_/.])/.test(text) ? text[0]!.toUpperCase() + text.slice(1) : text;
}

function plain(text: string | undefined): string {
  return `${sentence((text ?? "none").replace(/\s+/g, " "))}.`.replace(/\.\.$/, ".");
}

/** Stars, brackets and underscores mean themselves, except in code. */
function escapeMarkdown(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? part : part.replace(/[*<[\]]|(?<!\w)_|_(?!\w)/g, "\\$&")))
    .join("");
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
