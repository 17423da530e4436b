/**
 * TO behind an expression: `{1}` stands for what its first group has matched, `{0}` for all that it has matched, and with
 * `metadata` also `{group/label}` for a value of the query. Braces around anything else are letters like others.
 */
import type { Regex } from "../../plugin/regex.ts";

/** Text, the number of a group, or a label of metadata. */
type Part = string | number | { readonly label: string };

export interface Template {
  readonly parts: readonly Part[];
}

export function compileTemplate(to: string, groups: number): Template {
  const parts: Part[] = [];
  let from = 0;
  for (const { 0: word, index } of to.matchAll(/\{[0-9]+\}/g)) {
    const group = word.slice(1, -1);
    // As in CoreDNS `{01}` is no group, and neither is one that the expression does not have.
    if (String(Number(group)) !== group || Number(group) > groups) continue;
    parts.push(to.slice(from, index).toLowerCase(), Number(group));
    from = index + word.length;
  }
  parts.push(to.slice(from).toLowerCase());
  return { parts };
}

/** How many groups TO names. CoreDNS does not look whether they are those that there are. */
export function countGroups(to: string): number {
  return new Set(to.match(/\{[0-9]+\}/g)).size;
}

/** The template of a TO with metadata, or what is wrong with it. */
export function compileMetadataTemplate(to: string, groups: number): Template | string {
  const parts: Part[] = [];
  let at = 0;
  while (at < to.length) {
    const open = indexOf(to, "{", at);
    const text = to.slice(at, open);
    if (text.includes("}")) return "unmatched closing brace in metadata name replacement";
    parts.push(text.toLowerCase());
    if (open === to.length) break;
    const close = indexOf(to, "}", open);
    if (close === to.length) return "unclosed placeholder in metadata name replacement";
    const word = to.slice(open + 1, close);
    const isGroup = /^[0-9]+$/.test(word);
    if (isGroup && Number(word) > groups) return `capture group ${word} does not exist in name matching pattern`;
    if (!isGroup && (!isLabel(word) || word.includes("{")))
      return `invalid metadata label "${word}" in name replacement`;
    parts.push(isGroup ? Number(word) : { label: word });
    at = close + 1;
  }
  return { parts };
}

/** Whether a text has the form of a label of metadata: `group/name`. */
export function isLabel(text: string): boolean {
  return text.indexOf("/") > 0 && !text.endsWith("/");
}

/** What `text` becomes; undefined when `regex` does not fit, or metadata is missing. */
export function substitute(
  regex: Regex,
  { parts }: Template,
  text: string,
  metadata: (label: string) => string | undefined = none,
): string | undefined {
  const matcher = regex.matcher(text);
  if (!matcher.find()) return undefined;
  let result = "";
  for (const part of parts) {
    if (typeof part === "string") result += part;
    else if (typeof part === "number") result += matcher.group(part) ?? "";
    else {
      const value = metadata(part.label) ?? "";
      if (value === "") return undefined;
      result += value.toLowerCase();
    }
  }
  return result;
}

const none = (): undefined => undefined;

function indexOf(text: string, character: string, from: number): number {
  const index = text.indexOf(character, from);
  return index < 0 ? text.length : index;
}
