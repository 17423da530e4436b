/** The record that a template's text spells: its first, in the form of a zone file. */
import { parseRecordText, type ResourceRecord } from "../../dns/record.ts";
import { Failure } from "../../template/value.ts";

/**
 * Empty lines and comments before the record, and lines behind it, are left out. Directives are not for templates: a name
 * in a query could be one, and `$INCLUDE` reads files.
 */
export function firstRecord(text: string): ResourceRecord | Failure {
  let start = 0;
  while (start < text.length) {
    const end = endOfEntry(text, start);
    const entry = text.slice(start, end);
    start = end + 1;
    if (/^\s*(;.*)?$/.test(entry)) continue;
    if (DIRECTIVE.test(entry)) return new Failure("dns: directives have no place in a template");
    const record = parseRecordText(escapeLineEnds(entry));
    if ("found" in record)
      return new Failure(`dns: expected ${record.expected}, found ${record.found} at column ${record.column}`);
    return record;
  }
  return new Failure("dns: no record in the template's text");
}

/** Other names may begin with a dollar sign too. */
const DIRECTIVE = /^\$(TTL|ORIGIN|INCLUDE|GENERATE)(?![^\s"();])/i;

/** Where the entry that begins at `start` ends: at a line's end outside of quotes and parentheses (RFC 1035 section 5.1). */
function endOfEntry(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  let comment = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === "\n") {
      comment = false;
      if (depth <= 0 && !quoted) return at;
    } else if (comment) continue;
    else if (character === "\\") at++;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === ";") comment = true;
    else if (character === "(") depth++;
    else if (character === ")") depth--;
  }
  return text.length;
}

/**
 * A line's end within quotes is a byte like others in CoreDNS; the reader of records takes it as \010 only. Quotes that are
 * escaped or in a comment open nothing.
 */
function escapeLineEnds(entry: string): string {
  if (!entry.includes("\n")) return entry;
  return entry.replace(/\\[\s\S]|;.*|"(?:[^"\\]|\\[\s\S])*"/g, (part) =>
    part.startsWith('"') ? part.replaceAll("\n", "\\010") : part,
  );
}
