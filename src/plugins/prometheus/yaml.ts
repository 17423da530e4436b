/**
 * The part of YAML that configuration files of a few lines are written in: mappings by indentation, texts plain or in
 * quotes, lists of texts, literal blocks, comments. Everything else is refused with its line, never guessed.
 */
export type YamlValue = string | readonly string[] | YamlMap;
export interface YamlMap {
  readonly [key: string]: YamlValue;
}

interface Line {
  readonly number: number;
  readonly indent: number;
  readonly text: string;
}

/** Files are short, and recursion follows their indentation. */
const MAX_DEPTH = 16;

/** Throws an error that names the line. */
export function parseYaml(text: string): YamlMap {
  const all = text.split(/\r?\n/);
  const lines: Line[] = [];
  for (const [index, raw] of all.entries()) {
    const indent = raw.length - raw.trimStart().length;
    if (raw.slice(0, indent).includes("\t")) throw mistake(index + 1, "found character that cannot start any token");
    lines.push({ number: index + 1, indent, text: raw.trim() });
  }
  const reader = new Reader(lines, all);
  const map = reader.map(0, 0);
  reader.end();
  return map;
}

class Reader {
  readonly #lines: readonly Line[];
  readonly #raw: readonly string[];
  #at = 0;

  constructor(lines: readonly Line[], raw: readonly string[]) {
    this.#lines = lines;
    this.#raw = raw;
  }

  /** All entries that are indented by exactly `indent`. */
  map(indent: number, depth: number): YamlMap {
    const map: Record<string, YamlValue> = Object.create(null);
    for (let line = this.#next(); line && line.indent >= indent; line = this.#next()) {
      const entry = /^("[^"]*"|'[^']*'|[^\s"'#:[\]{},&*!|>%@`-][^:#]*?)\s*:(?:\s+(.*))?$/.exec(line.text);
      if (line.indent > indent || !entry || depth > MAX_DEPTH) throw mistake(line.number, "did not find expected key");
      const key = entry[1]!.replace(/^(["'])(.*)\1$/, "$2");
      if (Object.hasOwn(map, key)) throw mistake(line.number, `mapping key ${JSON.stringify(key)} already defined`);
      this.#at++;
      map[key] = this.#value(withoutComment(entry[2] ?? ""), line, depth);
    }
    return map;
  }

  end(): void {
    const line = this.#next();
    if (line) throw mistake(line.number, "did not find expected key");
  }

  #value(text: string, line: Line, depth: number): YamlValue {
    if (/^\|-?$/.test(text)) return this.#literal(line.indent);
    if (text !== "") return text.startsWith("[") ? flowList(text, line) : scalar(text, line);
    const next = this.#next();
    if (!next || next.indent < line.indent) return "";
    if (next.text.startsWith("- ")) return this.#list(next.indent);
    return next.indent > line.indent ? this.map(next.indent, depth + 1) : "";
  }

  #list(indent: number): string[] {
    const items: string[] = [];
    for (let line = this.#next(); line?.indent === indent && line.text.startsWith("- "); line = this.#next()) {
      items.push(scalar(withoutComment(line.text.slice(2).trim()), line));
      this.#at++;
    }
    return items;
  }

  /** The lines that are indented further, as they are. */
  #literal(indent: number): string {
    const first = this.#lines[this.#at];
    const lines: string[] = [];
    for (let line = first; line && (line.indent > indent || line.text === ""); line = this.#lines[++this.#at]) {
      lines.push(this.#raw[line.number - 1]!.slice(first!.indent));
    }
    return `${lines.join("\n").trimEnd()}\n`;
  }

  #next(): Line | undefined {
    while (this.#at < this.#lines.length && /^(#.*|---)?$/.test(this.#lines[this.#at]!.text)) this.#at++;
    return this.#lines[this.#at];
  }
}

function flowList(text: string, line: Line): string[] {
  if (!text.endsWith("]")) throw mistake(line.number, "did not find expected node content");
  const inner = text.slice(1, -1).trim();
  return inner === "" ? [] : inner.split(",").map((item) => scalar(item.trim(), line));
}

function scalar(text: string, line: Line): string {
  const quoted = /^"([^"\\]*)"$/.exec(text)?.[1] ?? /^'((?:[^']|'')*)'$/.exec(text)?.[1]?.replaceAll("''", "'");
  if (quoted !== undefined) return quoted;
  if (/^["'[\]{}&*!|>%@`]/.test(text) || /: |:$/.test(text))
    throw mistake(line.number, "did not find expected node content");
  return text;
}

/** A comment starts at the value's beginning or behind a blank; not within quotes. */
function withoutComment(text: string): string {
  const quoted = /^("[^"]*"|'(?:[^']|'')*')\s+#/.exec(text);
  if (quoted) return quoted[1]!;
  return /^["']/.test(text) ? text.trim() : text.replace(/(^|\s)#.*$/, "").trim();
}

function mistake(number: number, message: string): Error {
  return new Error(`yaml: line ${number}: ${message}`);
}
